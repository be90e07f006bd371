// UpdateAnatomy: two coordinates as a plane, with the gradient's direction, the step, and the steps not taken.

const PLANE = { width: 196, height: 168, x: 98, y: 80, reach: 64 };

function arrow(x, y, cls, label, dash) {
  const long = Math.hypot(x, y);
  if (!(long > 0.5)) return null;
  const ux = x / long,
    uy = y / long,
    { x: cx, y: cy } = PLANE;
  const ex = cx + x,
    ey = cy - y;
  return s(
    "g",
    { class: `ua-arrow ${cls}` },
    s("title", null, label),
    s("path", { d: `M${cx} ${cy}L${ex - ux * 5} ${ey + uy * 5}`, "stroke-dasharray": dash || null }),
    s("path", { class: "ua-tip", d: `M${ex} ${ey}l${-ux * 8 + uy * 3.5} ${uy * 8 + ux * 3.5}l${-uy * 7} ${-ux * 7}z` }),
  );
}

/** The plane; `update(now)` with `{names, step, grad, term, ghosts, trail}`, numbers of the two coordinates each. */
export function plane() {
  const drawing = s("svg", { class: "ua-plane", viewBox: `0 0 ${PLANE.width} ${PLANE.height}`, role: "img" });
  const update = (now) => {
    const { x, y, reach } = PLANE,
      top = Math.max(Math.abs(now.step[0]), Math.abs(now.step[1])) || 1;
    // Steps share one scale; what runs past the edge keeps its direction.
    const inside = ([a, b]) => {
      const big = Math.max(Math.abs(a), Math.abs(b)) / top,
        cut = big > 1.15 ? 1.15 / big : 1;
      return { x: ((a * cut) / top) * reach, y: ((b * cut) / top) * reach, past: cut < 1 };
    };
    const towards = ([a, b]) => {
      const long = Math.max(Math.abs(a), Math.abs(b)) || 1;
      return [(a / long) * reach * 0.8, (b / long) * reach * 0.8];
    };
    const down = towards(now.grad.map((v) => -v)),
      own = inside(now.step),
      where = `${now.names[0]} and ${now.names[1]}`;
    const dots = now.trail.map(([a, b]) => [x + (a / top) * reach, y - (b / top) * reach]);
    const inBox = ([a, b]) => a > 4 && a < PLANE.width - 4 && b > 4 && b < 156;
    drawing.setAttribute(
      "aria-label",
      `In the plane of ${where} the step is ${short(now.step[0], 3)} and ${short(now.step[1], 3)}`,
    );
    drawing.replaceChildren(
      s("path", { class: "ua-axes", d: `M12 ${y}H${PLANE.width - 12}M${x} 6V154` }),
      s("text", { x: PLANE.width - 2, y: y - 4, "text-anchor": "end" }, now.names[0]),
      s("text", { x: x + 4, y: 12 }, now.names[1]),
      ...dots.filter(inBox).map(([a, b]) => s("circle", { cx: a, cy: b, r: 2, class: "ua-trail" })),
      ...now.ghosts.map((g) => {
        const to = inside(g.step);
        return arrow(to.x, to.y, "ua-ghost", `${g.label}${to.past ? ", runs past the edge" : ""}`, g.dash);
      }).filter(Boolean),
      ...[
        arrow(down[0], down[1], "ua-down", "against the gradient, direction only"),
        now.term && arrow(...towards(now.term.map((v) => -v)), "ua-term", "against the chosen term, direction only"),
        arrow(own.x, own.y, "ua-own", "the step"),
      ].filter(Boolean),
      s("circle", { cx: x, cy: y, r: 3, class: "ua-here" }),
      s("text", { x: 4, y: 165, class: "ua-gi" }, "\u2212gradient"),
      ...(now.term ? [s("text", { x: 66, y: 165, class: "ua-vi" }, "\u2212term")] : []),
      s("text", { x: PLANE.width - 2, y: 165, "text-anchor": "end", class: "ua-ui" }, `step, edge ${short(top, 2)}`),
    );
  };
  return { el: drawing, update };
}
