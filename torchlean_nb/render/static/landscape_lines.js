// LandscapeExplorer: plots beside the plane. The loss along the path and under it, rescaled layers, and straight lines.

const LAND_BOX = { wide: 252, left: 44, right: 8, top: 22, foot: 20, gap: 30 };

/** A plot of several curves over one axis, with a cursor. `curves`: `{ys, cls}`; `on(i)` scrubs to a sample. */
function landPlot(title, xs, curves, { tall = 120, top = LAND_BOX.top, feet = true, share = false, ends = null } = {}) {
  const found =
      ends ||
      landEnds(
        curves.map((c) => c.ys),
        share,
      ),
    box = { left: LAND_BOX.left, top, wide: LAND_BOX.wide - LAND_BOX.left - LAND_BOX.right, tall },
    span = xs.length > 1 ? [xs[0], xs.at(-1)] : [xs[0] - 1, xs[0] + 1],
    ax = new Axes(box, span, found.ends, found.log),
    cursor = s("path", { class: "ls-at" }),
    dots = curves.map((c) => s("circle", { class: `ls-dot ${c.cls}`, r: 3.5, style: { display: "none" } }));
  const el = s(
    "g",
    null,
    landGrid(ax, title, feet),
    curves.map((c) => s("path", { class: `ls-curve ${c.cls}`, d: ax.path(xs, c.ys) || null })),
    cursor,
    dots,
  );
  function at(i) {
    const x = ax.x(xs[i]).toFixed(1);
    cursor.setAttribute("d", `M${x} ${ax.top}v${ax.tall}`);
    dots.forEach((dot, n) => {
      const v = curves[n].ys[i];
      dot.style.display = Number.isFinite(v) && !(ax.log && v <= 0) ? "" : "none";
      if (dot.style.display) return;
      dot.setAttribute("cx", x);
      dot.setAttribute("cy", ax.y(v).toFixed(1));
    });
  }
  return { el, at, ax };
}

/** Rules and numbers of small axes: few, and none on another. */
function landGrid(ax, title, feet) {
  const low = ax.top + ax.tall,
    tens = ax.log ? decades(...ax.ys) : [],
    ups = tens.length > 1 ? tens : ticks(...ax.ys, 3).filter((v) => !ax.log || v > 0),
    text = (x, y, said, anchor, cls) => s("text", { x, y, "text-anchor": anchor, class: cls }, said);
  return [
    text(0, ax.top - 9, title, "start", "tl-xp-title"),
    ups.map((v) => [
      s("path", { class: "tl-xp-rule", d: `M${ax.left} ${ax.y(v).toFixed(1)}h${ax.wide}` }),
      text(ax.left - 5, ax.y(v) + 3.5, short(v, 2), "end"),
    ]),
    feet && ticks(...ax.xs, 4).map((v) => text(ax.x(v), low + 13, short(v, 3), "middle")),
    s("path", { class: "tl-xp-zero", d: `M${ax.left} ${low}h${ax.wide}` }),
  ];
}

/** Area between two curves, where both are numbers. */
function landGap(ax, xs, above, below) {
  const good = xs
    .map((_, i) => i)
    .filter((i) => [above[i], below[i]].every((v) => Number.isFinite(v) && !(ax.log && v <= 0)));
  const way = (list, ys) => list.map((i) => `${ax.x(xs[i]).toFixed(1)} ${ax.y(ys[i]).toFixed(1)}`).join("L");
  return good.length > 1 ? `M${way(good, above)}L${way([...good].reverse(), below)}z` : "M0 0";
}

/** Press and drag over a drawing, as the sample nearest to the pointer. */
function landScrub(svg, guard, ax, xs, go) {
  const move = (e) => {
    if (e.type === "pointermove" && !(e.buttons & 1)) return;
    const r = svg.getBoundingClientRect(),
      px = ((e.clientX - r.left) * LAND_BOX.wide) / r.width,
      v = ax.xs[0] + ((px - ax.left) / ax.wide) * (ax.xs[1] - ax.xs[0]);
    go(landNearest(xs, v));
  };
  svg.addEventListener("pointerdown", guard(move));
  svg.addEventListener("pointermove", guard(move));
}

const landKey = (cls, said) =>
  h(
    "span",
    { class: "ls-key" },
    s("svg", { viewBox: "0 0 20 8", "aria-hidden": "true" }, s("path", { class: `ls-curve ${cls}`, d: "M0 4H20" })),
    said,
  );
const landSvg = (tall, ...parts) =>
  s("svg", { class: "tl-xp-plot ls-side", viewBox: `0 0 ${LAND_BOX.wide} ${tall}`, role: "img" }, parts);
const landRow = (word) => {
  const value = h("td", { class: "tl-n" });
  return { el: h("tr", null, h("td", null, word), value), value };
};

/** Loss along the path, what the plane says under it, and how far away it is. */
export function landPathPanel(data, land, guard, go) {
  const k = data.steps.length,
    upper = landPlot(
      "loss",
      data.steps,
      [
        { ys: data.losses, cls: "ls-true" },
        { ys: land.under, cls: "ls-under" },
      ],
      { feet: false },
    ),
    top = LAND_BOX.top + 120 + LAND_BOX.gap,
    lower = landPlot("distance from the plane", data.steps, [{ ys: land.off, cls: "ls-off" }], {
      tall: 62,
      top,
      ends: { ends: [0, land.far * 1.1 || 1], log: false },
    });
  const gap = s("path", { class: "ls-gap", d: landGap(upper.ax, data.steps, data.losses, land.under) }),
    svg = landSvg(top + 62 + LAND_BOX.foot, gap, upper.el, lower.el),
    rows = ["loss of the network", "the plane says", "distance from the plane", "place in the plane"].map(landRow);
  landScrub(svg, guard, upper.ax, data.steps, go);
  const el = h(
    "div",
    { class: "ls-flow" },
    h("p", { class: "ls-keys" }, landKey("ls-true", "the network"), landKey("ls-under", "the plane under it")),
    svg,
    h(
      "table",
      null,
      h(
        "tbody",
        null,
        rows.map((r) => r.el),
      ),
    ),
  );
  function at(i) {
    upper.at(i);
    lower.at(i);
    [
      short(data.losses[i], 5),
      Number.isFinite(land.under[i]) ? short(land.under[i], 5) : "no number",
      short(land.off[i], 3),
      `${short(land.ca[i], 3)}, ${short(land.cb[i], 3)}`,
    ].forEach((said, n) => {
      rows[n].value.textContent = said;
    });
    svg.setAttribute(
      "aria-label",
      `Loss along the path and in the plane under it, ${k} points; at this one ${short(data.losses[i], 4)} and ${short(land.under[i], 4)}`,
    );
  }
  return { el, at };
}

/** One random line, raw and filter-normalised, after the layers were rescaled: a slider over the factors. */
export function landScalePanel(data, guard, set) {
  const all = data.rescalings,
    one = all.reduce(
      (best, r, i) => (Math.abs(Math.log(r.factor)) < Math.abs(Math.log(all[best].factor)) ? i : best),
      0,
    );
  const kinds = [
      ["raw", "raw", "ls-raw"],
      ["normalised", "filter-normalised", "ls-norm"],
    ],
    plots = h("div", { class: "ls-holds" }),
    rows = ["loss at the centre", "rise at the ends, raw", "rise at the ends, normalised"].map(landRow),
    factor = h("b"),
    range = h("input", {
      type: "range",
      min: "0",
      max: String(all.length - 1),
      "aria-label": "factor of the rescaling",
      oninput: guard(() => set(+range.value)),
    });
  // One scale for all factors: that is what is compared.
  const ends = landEnds(all.flatMap((r) => [r.raw, r.normalised, [r.loss]]));
  const el = h(
    "div",
    { class: "ls-flow" },
    h("p", { class: "tl-lab" }, "one layer times c, the next divided by c: the same function"),
    h("div", { class: "tl-xp-choice" }, h("span", { class: "tl-meta" }, "c ="), factor, range),
    h(
      "p",
      { class: "ls-keys" },
      kinds.map(([, word, cls]) => landKey(cls, word)),
    ),
    plots,
    h(
      "table",
      null,
      h(
        "tbody",
        null,
        rows.map((r) => r.el),
      ),
    ),
  );
  /** What is said of a factor, in one sentence. */
  const says = (i) => {
    const r = all[i];
    return `With c = ${short(r.factor, 3)} the loss at the centre is ${short(r.loss, 5)}; at the ends it has risen by ${short(landRise(r.raw, r.loss), 4)} along the raw line and by ${short(landRise(r.normalised, r.loss), 4)} along the filter-normalised one.`;
  };
  function at(i) {
    const r = all[i];
    range.value = String(i);
    range.setAttribute("aria-valuetext", `c = ${short(r.factor, 3)}`);
    factor.textContent = short(r.factor, 3);
    const plot = landPlot(
      "loss along one random line",
      r.at,
      kinds.map(([key, , cls]) => ({ ys: r[key], cls })),
      { tall: 168, ends },
    );
    const was = kinds.map(([key, , cls]) =>
      s("path", { class: `ls-curve ls-was ${cls}`, d: plot.ax.path(all[one].at, all[one][key]) || null }),
    );
    const centre = s("circle", {
      class: "ls-centre",
      cx: plot.ax.x(0).toFixed(1),
      cy: plot.ax.y(r.loss).toFixed(1),
      r: 4,
    });
    plot.el.prepend(...(i === one ? [] : was));
    const svg = landSvg(LAND_BOX.top + 168 + LAND_BOX.foot, plot.el, centre);
    svg.setAttribute("aria-label", says(i));
    plots.replaceChildren(svg);
    [short(r.loss, 6), short(landRise(r.raw, r.loss), 4), short(landRise(r.normalised, r.loss), 4)].forEach(
      (said, n) => {
        rows[n].value.textContent = said;
      },
    );
  }
  return { el, at, one, says };
}

/** Loss and accuracy on the straight line between two solutions. */
export function landLinePanel(data, guard, { choose, scrub }) {
  const select =
    data.lines.length > 1 &&
    h(
      "select",
      { "aria-label": "line", onchange: guard(() => choose(+select.value)) },
      data.lines.map((l, i) => h("option", { value: String(i) }, l.name)),
    );
  const range = h("input", {
      type: "range",
      min: "0",
      "aria-label": "place on the line",
      oninput: guard(() => scrub(+range.value)),
    }),
    plots = h("div", { class: "ls-holds" }),
    body = h("tbody"),
    el = h(
      "div",
      { class: "ls-flow" },
      h("p", { class: "tl-lab" }, select || data.lines[0].name),
      h("div", { class: "tl-xp-choice" }, h("span", { class: "tl-meta" }, "at"), range),
      plots,
      h("table", null, body),
    );
  let shown = -1,
    parts = [],
    rows = [];
  function build(i) {
    const line = data.lines[i],
      hits = line.accuracy.length > 0,
      upper = landPlot("loss", line.at, [{ ys: line.losses, cls: "ls-true" }], { tall: hits ? 110 : 170, feet: !hits }),
      top = LAND_BOX.top + 110 + LAND_BOX.gap;
    parts = [
      upper,
      ...(hits
        ? [landPlot("accuracy", line.at, [{ ys: line.accuracy, cls: "ls-hits" }], { tall: 80, top, share: true })]
        : []),
    ];
    const svg = landSvg(
      hits ? top + 80 + LAND_BOX.foot : LAND_BOX.top + 170 + LAND_BOX.foot,
      parts.map((p) => p.el),
    );
    landScrub(svg, guard, upper.ax, line.at, scrub);
    svg.setAttribute(
      "aria-label",
      `Loss${hits ? " and accuracy" : ""} on the line ${line.name}, ${line.at.length} points`,
    );
    plots.replaceChildren(svg);
    rows = ["place: 0 is the first, 1 the second", "loss", ...(hits ? ["accuracy"] : [])].map(landRow);
    body.replaceChildren(...rows.map((r) => r.el));
    range.max = String(line.at.length - 1);
    if (select) select.value = String(i);
    shown = i;
  }
  const says = (i, p) => {
    const line = data.lines[i],
      hits = line.accuracy.length ? `, the accuracy ${short(line.accuracy[p], 3)}` : "";
    return `${line.name}: at ${short(line.at[p], 3)} the loss is ${short(line.losses[p], 4)}${hits}.`;
  };
  function at(i, p) {
    if (i !== shown) build(i);
    const line = data.lines[i];
    parts.forEach((part) => part.at(p));
    range.value = String(p);
    range.setAttribute("aria-valuetext", short(line.at[p], 3));
    [
      short(line.at[p], 4),
      short(line.losses[p], 5),
      ...(line.accuracy.length ? [short(line.accuracy[p], 4)] : []),
    ].forEach((said, n) => {
      rows[n].value.textContent = said;
    });
  }
  return { el, at, says };
}

/** Everything as tables: planes, the path in this one, rescaled layers, lines. */
export function landTables(data, land) {
  const table = (title, head, rows) => {
    const cls = head.map((_, i) => (rows.every((r) => /^$|^[\u2212\d\u221e]|^no /.test(r[i])) ? "tl-n" : null));
    const line = (tag, cells) => h("tr", null, ...cells.map((v, i) => h(tag, { class: cls[i] }, v)));
    const body = rows.map((r) => line("td", r));
    const whole = h("table", { class: "tl-grid ls-table" }, h("thead", null, line("th", head)), h("tbody", null, body));
    return rows.length && [h("p", { class: "tl-lab" }, title), whole];
  };
  const number = (v, n = 5) => (Number.isFinite(v) ? short(v, n) : "no number");
  return [
    table(
      "planes",
      ["plane", "grid", "what it explains", "farthest point"],
      data.planes.map((p) => [
        p.label,
        `${p.points[1]} by ${p.points[0]}`,
        p.says,
        p.off.length ? short(p.far, 4) : "no path",
      ]),
    ),
    land &&
      table(
        `the path in the ${land.label} plane`,
        ["update", "loss", "the plane says", "distance", "place"],
        data.steps.map((k, i) => [
          String(k),
          number(data.losses[i]),
          number(land.under[i]),
          short(land.off[i], 3),
          `${short(land.ca[i], 3)}, ${short(land.cb[i], 3)}`,
        ]),
      ),
    table(
      "principal components of the path",
      ["component", "share"],
      data.spectrum.map((c, i) => [String(i + 1), c.text]),
    ),
    table(
      "rescaled layers",
      ["c", "loss at the centre", "rise along raw", "rise along filter-normalised"],
      data.rescalings.map((r) => [
        short(r.factor, 3),
        short(r.loss, 6),
        number(landRise(r.raw, r.loss), 4),
        number(landRise(r.normalised, r.loss), 4),
      ]),
    ),
    data.lines.flatMap(
      (l) =>
        table(
          `line ${l.name}`,
          ["at", "loss", "accuracy"],
          l.at.map((v, i) => [short(v, 4), number(l.losses[i]), l.accuracy.length ? number(l.accuracy[i], 4) : ""]),
        ) || [],
    ),
  ].filter(Boolean);
}
