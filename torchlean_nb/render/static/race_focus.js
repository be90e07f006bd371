// RaceArena: the anatomy of one step on the map: gradient, momentum and step as arrows, their lengths in a box.

const RACE_ARROWS = [
  ["tl-ra-g", 1],
  ["tl-ra-m", 0.82],
  ["tl-ra-s", 0.6],
];
// What rows call the running mean of gradients, in a reader's words.
const RACE_MOMENTS = { buf: "momentum", momentum_buffer: "momentum", m: "first moment", exp_avg: "first moment" };
const RACE_BOX = { row: 15, top: 20, foot: 8 };

/** What one record says: the three arrows with their names, and on a quadratic the place along the axes of its bowl. */
export function raceStep(race, track, at, last) {
  const next = at < last,
    by = next ? race.steps[at + 1] - race.steps[at] : 1,
    moved = track.mx && Number.isFinite(track.mx[at]);
  const arrows = [
    { name: track.noisy && next ? "\u2212noisy gradient" : "\u2212gradient", x: -track.gx[at], y: -track.gy[at] },
    moved
      ? {
          name: `\u2212${raceShort(RACE_MOMENTS[track.moment] || track.moment || "momentum", 14)}`,
          x: -track.mx[at],
          y: -track.my[at],
        }
      : null,
    next
      ? {
          name: by > 1 ? `next ${by} steps` : "next step",
          x: track.x[at + 1] - track.x[at],
          y: track.y[at + 1] - track.y[at],
        }
      : null,
  ];
  const { eigen } = race.surface,
    off = eigen && [track.x[at] - eigen.centre[0], track.y[at] - eigen.centre[1]];
  const along = eigen
    ? eigen.values.map((value, i) => ({
        value,
        by: off[0] * eigen.vectors[i][0] + off[1] * eigen.vectors[i][1],
        vector: eigen.vectors[i],
      }))
    : [];
  return { arrows, along, loss: track.loss[at] };
}

/** Elements that show the step of a contender; the map says where things are. */
export function raceFocus() {
  const arrow = ([cls]) => {
    const under = s("path", { class: "tl-ra-under" }),
      line = s("path", { class: `tl-ra-arrow ${cls}` }),
      tip = s("path", { class: `tl-ra-tip ${cls}`, d: "M-2-4L6 0-2 4z" });
    return { el: s("g", null, under, line, tip), under, line, tip };
  };
  const shafts = RACE_ARROWS.map(arrow),
    halo = s("circle", { class: "tl-ra-ring", r: 8.5 }),
    arrows = s(
      "g",
      { class: "tl-ra-arrows" },
      shafts.map((a) => a.el),
      halo,
    );
  const cross = s("path", { class: "tl-ra-cross" }),
    feet = s("path", { class: "tl-ra-feet" }),
    axes = s("g", null, cross, feet);
  const back = s("rect", { class: "tl-ra-back", rx: 4 }),
    title = s("text", { class: "tl-ra-title", x: 10, y: 16 }),
    line = (key) => {
      const name = s("text", { x: key ? 34 : 10 }),
        value = s("text", { "text-anchor": "end" });
      return { el: s("g", null, key, name, value), name, value };
    };
  const key = ([cls]) =>
    s(
      "g",
      { transform: "translate(10 -3.5)" },
      s("path", { class: `tl-ra-arrow ${cls}`, d: "M0 0H12" }),
      s("path", { class: `tl-ra-tip ${cls}`, d: "M-2-4L6 0-2 4z", transform: "translate(12 0)" }),
    );
  const rows = [line(null), ...RACE_ARROWS.map((a) => line(key(a))), line(null), line(null)],
    box = s(
      "g",
      { class: "tl-ra-box" },
      back,
      title,
      rows.map((r) => r.el),
    );
  let corner = [8, 8],
    height = 0,
    width = 158,
    last = -1,
    ground = null;

  /** How many lines the box has: of the chosen contender, whatever the step. */
  const count = (view) => 2 + (view.race.tracks.some((t) => t.mx) ? 2 : 1) + (view.race.surface.eigen ? 2 : 0);

  return {
    axes,
    arrows,
    box,
    block: () => (box.style.display === "none" ? [] : [[...corner, width, height]]),
    right: () => corner[0] > 8,
    /** The corner in which the box hides least. */
    renew(view, drawn, wide, tall) {
      width = wide < 400 ? 134 : 158;
      back.setAttribute("width", width);
      rows.forEach((r) => r.value.setAttribute("x", width - 10));
      height = RACE_BOX.top + RACE_BOX.row * count(view) + RACE_BOX.foot;
      const corners = [
        [8, tall - height - 8],
        [wide - width - 8, tall - height - 8],
        [8, 8],
      ];
      const hidden = ([x, y]) => {
        let n = 0;
        drawn.forEach((w, i) => {
          if (view.on(i))
            for (let j = 0; j <= w.last; j++)
              if (w.x[j] > x - 6 && w.x[j] < x + width + 6 && w.y[j] > y - 6 && w.y[j] < y + height + 6)
                n += j === 0 || j === w.last ? 8 : i === view.chosen() ? 3 : 1;
        });
        return n;
      };
      const cost = corners.map(hidden),
        best = cost.indexOf(Math.min(...cost));
      const place = JSON.stringify([view.f.state.camera, wide]);
      // It does not jump for little while the ground stays.
      if (place !== ground || cost[last] > 2 * cost[best] + 15) last = best;
      ground = place;
      corner = corners[last];
      box.setAttribute("transform", `translate(${corner[0]} ${corner[1]})`);
      const { eigen } = view.race.surface;
      axes.style.display = eigen ? "" : "none";
    },
    /** Shows a record of a track, `{i, at, on}`. */
    draw(view, what, drawn, px, py, hovered) {
      const { race } = view,
        way = drawn[what.i],
        at = way ? Math.min(what.at, way.last) : -1,
        shown = what.on && at >= 0;
      box.style.display = arrows.style.display = shown ? "" : "none";
      feet.style.display = shown ? "" : "none";
      if (!shown) return;
      const { arrows: lengths, along, loss } = raceStep(race, way.track, at, way.last),
        x = way.x[at],
        y = way.y[at];
      halo.style.display = hovered ? "" : "none";
      if (hovered) halo.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      title.textContent = `${raceShort(way.track.label, width > 140 ? 15 : 11)} at ${race.steps[at]}`;
      let place = RACE_BOX.top - 5;
      const say = (row, name, value) => {
        row.el.style.display = "";
        row.el.setAttribute("transform", `translate(0 ${(place += RACE_BOX.row)})`);
        row.name.textContent = name;
        row.value.textContent = value;
      };
      say(rows[0], "loss", short(loss, 3));
      lengths.forEach((a, i) => {
        const long = a ? Math.hypot(a.x, a.y) : 0,
          size = raceArrow(long) * RACE_ARROWS[i][1],
          { el, under, line: shaft, tip } = shafts[i];
        rows[i + 1].el.style.display = "none";
        if (a) say(rows[i + 1], a.name, i === 2 && !long ? "\u2248 0" : short(long, 3));
        el.style.display = size ? "" : "none";
        if (!size) return;
        // One scale for both axes: on the screen the direction is the true one.
        const u = a.x / long,
          v = -a.y / long,
          end = `${(x + size * u).toFixed(1)} ${(y + size * v).toFixed(1)}`,
          d = `M${x.toFixed(1)} ${y.toFixed(1)}L${end}`;
        under.setAttribute("d", d);
        shaft.setAttribute("d", d);
        tip.setAttribute("transform", `translate(${end}) rotate(${((Math.atan2(v, u) * 180) / Math.PI).toFixed(1)})`);
      });
      rows.slice(4).forEach((row) => (row.el.style.display = "none"));
      along.forEach((a, i) => say(rows[4 + i], `along \u03bb = ${short(a.value, 3)}`, short(a.by, 3)));
      back.setAttribute("height", place + RACE_BOX.foot);
      if (!along.length) return;
      const [cx, cy] = race.surface.eigen.centre,
        span = 4000 / Math.abs(px(1) - px(0)),
        to = (k, i) => `${px(cx + k * along[i].vector[0]).toFixed(1)} ${py(cy + k * along[i].vector[1]).toFixed(1)}`;
      cross.setAttribute("d", `M${to(-span, 0)}L${to(span, 0)}M${to(-span, 1)}L${to(span, 1)}`);
      feet.setAttribute(
        "d",
        `M${to(0, 0)}L${to(along[0].by, 0)}L${x.toFixed(1)} ${y.toFixed(1)}L${to(along[1].by, 1)}Z`,
      );
    },
  };
}
