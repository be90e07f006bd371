// RaceArena: the map. Contours stand still; of the paths only dashes, marks and labels move with the step.

const RACE_LABELS = 12;

/** Contours and paths; the start can be dragged where Python is there to race again. */
export function raceMap(view) {
  const layer = (name) => s("g", { class: `tl-ra-${name}` }),
    ground = raceGround(),
    plane = new RacePlane(404, 303),
    ways = layer("ways"),
    marks = layer("marks"),
    names = layer("names"),
    focus = raceFocus(),
    ring = s("circle", { r: 6, class: "tl-ra-start" }),
    begin = s("text", { class: "tl-ra-halo" }, "start"),
    start = s("g", { class: "tl-ra-begin" }, ring, begin),
    foot = s("text", { class: "tl-ra-halo tl-ra-foot" });
  // To a screen reader the start alone: the sentence and the tables say the rest.
  const below = s("g", { "aria-hidden": "true" }, ground.el, ways, focus.axes, focus.arrows),
    above = s("g", { "aria-hidden": "true" }, focus.box, marks, names, foot),
    svg = s("svg", { role: "group", class: "tl-ra-svg" }, below, start, above);
  const knob = (text, label, act) =>
    h(
      "button",
      { type: "button", class: "tl-i", "aria-label": label, title: label, onclick: () => view.f.guard(act)() },
      text,
    );
  const el = h(
    "div",
    { class: "tl-ra-map" },
    svg,
    h(
      "div",
      { class: "tl-ra-zoom", role: "group", "aria-label": "Map" },
      knob("+", "Nearer (+)", () => zoom(1.5)),
      knob("\u2212", "Farther (\u2212)", () => zoom(1 / 1.5)),
      knob("fit", "Fit to the paths (F)", () => fit()),
      knob("all", "Whole map (0)", () => whole()),
    ),
  );
  let held = null,
    hover = null,
    drawn = [],
    blocks = [],
    pointed = "",
    rim = false;

  // -- the plane on the screen ---------------------------------------------------------------
  const px = (x) => plane.px(x),
    py = (y) => plane.py(y);
  /** Middle and width of what is seen, as the state keeps it: null for the whole. */
  const kept = () => {
    const c = view.f.state.camera,
      good = Array.isArray(c) && c.length === 3 && c.every(Number.isFinite) && c[2] > 0;
    plane.domain = view.race.surface.domain;
    plane.camera = good ? { x: c[0], y: c[1], by: plane.wide / c[2] } : null;
  };
  const pointer = (e) => {
    const box = svg.getBoundingClientRect();
    return [((e.clientX - box.left) * plane.wide) / box.width, ((e.clientY - box.top) * plane.tall) / box.height];
  };
  const look = (next) => {
    ground.forget();
    view.f.set({ camera: next && [next.x, next.y, plane.wide / next.by] });
  };
  const whole = () => look(null),
    zoom = (factor, u, v) => look(plane.nearer(factor, u, v));
  /** The paths that are on, as far as they have not run away. */
  const fit = () => {
    const points = view.race.tracks.flatMap((t, i) => (view.on(i) ? Array.from(t.x, (x, j) => [x, t.y[j]]) : []));
    look(plane.around([view.race.start, ...points]));
  };

  // -- what stands still ----------------------------------------------------------------------
  function paths() {
    const { race } = view,
      front = view.chosen();
    drawn = race.tracks.map((t, i) => {
      const way = raceWay(t.x, t.y, raceHead(race, t, t.x.length - 1), px, py),
        d = raceLine(way.x, way.y, way.last + 1),
        hue = raceHue(t),
        path = (cls) => s("path", { class: cls, d, style: { stroke: hue } });
      way.all = path("tl-ra-all");
      way.halo = path("tl-ra-halo-line");
      way.line = path("tl-ra-line");
      way.el = s("g", { class: i === front ? "tl-ra-front" : "" }, way.all, way.halo, way.line);
      way.mark = raceMark(t);
      way.leader = s("path", { class: "tl-ra-leader" });
      way.word = s("text", { class: "tl-ra-halo", "font-weight": i === front ? 700 : 400 });
      way.name = s("g", null, way.leader, way.word);
      way.said = null;
      way.track = t;
      return way;
    });
    const shown = drawn
      .filter((_, i) => view.on(i) && i !== front)
      .concat(view.on(front) && drawn[front] ? drawn[front] : []);
    ways.replaceChildren(...shown.map((w) => w.el));
    marks.replaceChildren(...shown.map((w) => w.mark));
    names.replaceChildren(...shown.map((w) => w.name));
  }

  function renew() {
    kept();
    const { wide, tall } = plane,
      { start, surface } = view.race;
    svg.setAttribute("viewBox", `0 0 ${wide} ${tall}`);
    svg.setAttribute(
      "aria-label",
      `Map of ${surface.label}: ${view.race.tracks.length} paths; the sentence below and the table say what it shows`,
    );
    paths();
    const busy = [start, ...surface.goals].map(([x, y]) => [px(x), py(y)]);
    if (surface.goals.length) busy.push([busy[1][0] + 36, busy[1][1] + 12]);
    for (const w of drawn) for (let i = 0; i <= w.last; i += 8) busy.push([w.x[i], w.y[i]]);
    ground.draw(plane, surface, busy.slice(0, 300));
    focus.renew(view, drawn, wide, tall);
    // Beside the box of the step, which stands in a corner.
    rim = focus.right();
    foot.setAttribute("x", rim ? 8 : wide - 8);
    foot.setAttribute("y", tall - 8);
    foot.setAttribute("text-anchor", rim ? "start" : "end");
    place();
    wait();
  }
  function place() {
    const [x, y] = held || view.race.start;
    start.setAttribute("transform", `translate(${px(x).toFixed(1)} ${py(y).toFixed(1)})`);
    // Left of it, where the paths seldom go; above it at the rim.
    const [u, v] = px(x) > 50 ? [-34, 4] : [-4, py(y) > 26 ? -10 : 19];
    begin.setAttribute("x", u);
    begin.setAttribute("y", v);
    blocks = [
      ...focus.block(),
      ...ground.boxes(),
      [px(x) - 8, py(y) - 8, 16, 16],
      [px(x) + u - 2, py(y) + v - 11, 28, 14],
      [plane.wide - 104, 0, 104, 30],
    ];
    ring.setAttribute("aria-valuenow", x);
    ring.setAttribute("aria-valuetext", `x ${short(x)}, y ${short(y)}`);
  }

  // -- what moves with the step -----------------------------------------------------------------
  function draw() {
    const { race } = view,
      { wide, tall } = plane,
      at = view.at(),
      front = view.chosen(),
      heads = [];
    let lost = 0;
    if (!drawn.length) return;
    drawn.forEach((w, i) => {
      if (!view.on(i)) return;
      const j = Math.min(raceHead(race, w.track, at), w.last);
      if (j < 0) return;
      const dash = `${w.long[j].toFixed(1)} ${(w.long[w.last] + 9).toFixed(0)}`,
        x = Math.max(8, Math.min(wide - 8, w.x[j])),
        y = Math.max(8, Math.min(tall - 8, w.y[j])),
        out = Math.abs(x - w.x[j]) > 8 || Math.abs(y - w.y[j]) > 8;
      w.halo.style.strokeDasharray = dash;
      w.line.style.strokeDasharray = dash;
      w.mark.setAttribute(
        "transform",
        `translate(${x.toFixed(1)} ${y.toFixed(1)})${i === front ? " scale(1.25)" : ""}`,
      );
      if (out) lost++;
      const over = raceOut(w.track, race.steps[at]),
        said = raceShort(w.track.label) + (over ? " (diverged)" : out ? " (outside)" : "");
      if (said !== w.said) {
        w.said = said;
        w.word.textContent = said;
        w.wide = raceWide(said, i === front);
      }
      heads.push({ w, x, y, wide: w.wide, was: w.spot, rank: i === front ? -Infinity : w.track.loss[j] });
    });
    heads.sort((a, b) => (a.rank === b.rank ? 0 : a.rank < b.rank || Number.isNaN(b.rank) ? -1 : 1));
    const named = heads.slice(0, RACE_LABELS),
      unnamed = heads.length - named.length,
      note = [lost && `${lost} outside the picture, F fits`, unnamed && `${unnamed} without a label`]
        .filter(Boolean)
        .join("; ");
    foot.textContent = pointed || note;
    const places = racePlaced(
      named,
      note ? [...blocks, [rim ? 0 : wide - raceWide(note) - 16, tall - 22, raceWide(note) + 16, 22]] : blocks,
      wide,
      tall,
    );
    named.forEach(({ w, x, y }, i) => {
      const p = places[i];
      w.spot = p.spot;
      w.name.style.display = "";
      w.word.setAttribute("x", p.x.toFixed(1));
      w.word.setAttribute("y", p.y.toFixed(1));
      w.word.setAttribute("text-anchor", p.end ? "end" : "start");
      w.leader.setAttribute(
        "d",
        `M${x.toFixed(1)} ${y.toFixed(1)}L${(p.x + (p.end ? 2 : -2)).toFixed(1)} ${(p.y - 3.5).toFixed(1)}`,
      );
    });
    for (const { w } of heads.slice(RACE_LABELS)) w.name.style.display = "none";
    focus.draw(
      view,
      hover || { i: front, at: raceHead(race, race.tracks[front], at), on: view.on(front) },
      drawn,
      px,
      py,
      !!hover,
    );
  }

  // -- hands -----------------------------------------------------------------------------------
  const neat = (v) => +v.toPrecision(Math.max(2, Math.ceil(Math.log10(Math.abs(v) * plane.seen.by + 1)) + 1));
  function begins(at) {
    if (view.live) held = at.map(neat);
    view.ask({ do: "start", at: held, tag: "start" });
    place();
  }
  /** Point of a path near the pointer. */
  function nearest(u, v) {
    let best = null,
      most = 8;
    drawn.forEach((w, i) => {
      if (view.on(i))
        for (let j = 0; j <= w.last; j++) {
          const d = Math.hypot(w.x[j] - u, w.y[j] - v) - (i === view.chosen() ? 2 : 0);
          if (d < most) [best, most] = [{ i, at: j, on: true }, d];
        }
    });
    return best;
  }
  let hand = null;
  const down = (e) => {
    if (e.button) return;
    const [u, v] = pointer(e);
    hand = { u, v, camera: plane.seen, start: view.live && e.target === ring, moved: false };
    svg.setPointerCapture(e.pointerId);
  };
  const move = (e) => {
    const [u, v] = pointer(e);
    if (!hand) {
      hover = nearest(u, v);
      const [x, y] = plane.back(u, v);
      pointed = `x ${short(x, 3)}, y ${short(y, 3)}`;
      return draw();
    }
    hand.moved = hand.moved || Math.hypot(u - hand.u, v - hand.v) > 4;
    if (!hand.moved) return undefined;
    hover = null;
    if (hand.start) return begins(plane.back(u, v));
    const { x, y, by } = hand.camera;
    return look({ x: x - (u - hand.u) / by, y: y + (v - hand.v) / by, by });
  };
  const up = (e) => {
    const was = hand;
    hand = null;
    if (!was || was.moved) return;
    const [u, v] = pointer(e),
      near = drawn.findIndex((w, i) => view.on(i) && w.mark === e.target);
    if (near >= 0) view.choose(near);
    else if (!was.start) begins(plane.back(u, v));
  };
  const leave = () => {
    hover = null;
    pointed = "";
    draw();
  };
  const wheel = (e) => {
    // Without the focus the page scrolls on.
    if (!view.f.root.matches(":focus-within")) return;
    e.preventDefault();
    zoom(Math.exp(-e.deltaY / 400), ...pointer(e));
  };
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const key = (e) => {
    const by = ARROWS[e.key];
    if (!by) return;
    e.preventDefault();
    e.stopPropagation();
    const [x, y] = held || view.race.start,
      d = (e.shiftKey ? 40 : 4) / plane.seen.by;
    begins([x + by[0] * d, y + by[1] * d]);
  };
  for (const [name, fn] of Object.entries({
    pointerdown: down,
    pointermove: move,
    pointerup: up,
    pointerleave: leave,
    pointercancel: () => (hand = null),
    wheel,
  }))
    svg.addEventListener(name, (e) => view.f.guard(fn)(e), name === "wheel" ? { passive: false } : {});
  if (view.live) {
    for (const [k, v] of Object.entries({
      tabindex: 0,
      role: "slider",
      "aria-label": "Start point: arrow keys move it",
    }))
      ring.setAttribute(k, v);
    ring.addEventListener("keydown", (e) => view.f.guard(key)(e));
  }

  const wait = () => {
    drawn.forEach((w, i) => w.el.classList.toggle("tl-ra-old", view.stale(i)));
  };
  return {
    el,
    svg,
    draw,
    renew,
    wait,
    fit,
    zoom,
    whole,
    take() {
      if (!hand && !view.waits("start")) held = null;
      ground.take(view.race.surface);
    },
    fits() {
      const w = Math.round(svg.parentElement.clientWidth);
      if (!w || w === plane.wide) return false;
      Object.assign(plane, { wide: w, tall: Math.round(w * view.race.surface.aspect) });
      ground.forget();
      return true;
    },
  };
}
