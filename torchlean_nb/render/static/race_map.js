// RaceArena: the map. Contours stand still; of the paths only dashes, marks and labels move with the step.

const RACE_LABELS = 12;

/** Whether two surfaces look the same on the map. */
const raceSame = (a, b) => a === b || (!!a && String(a.domain) === String(b.domain) && String(a.contours.lines) === String(b.contours.lines));

/** Contours and paths; the start can be dragged where Python is there to race again. */
export function raceMap(view) {
  const layer = (name, attrs) => s("g", { class: `tl-ra-${name}`, ...attrs });
  const fills = layer("fills"),
    lines = layer("lines"),
    tags = layer("tags"),
    goals = layer("goals"),
    ways = layer("ways"),
    marks = layer("marks"),
    names = layer("names"),
    focus = raceFocus(),
    ring = s("circle", { r: 6, class: "tl-ra-start" }),
    begin = s("text", { class: "tl-ra-halo" }, "start"),
    start = s("g", { class: "tl-ra-begin" }, ring, begin),
    foot = s("text", { class: "tl-ra-halo tl-ra-foot" });
  // To a screen reader the start alone: the sentence and the tables say the rest.
  const below = s("g", { "aria-hidden": "true" }, fills, lines, tags, goals, ways, focus.axes, focus.arrows),
    above = s("g", { "aria-hidden": "true" }, marks, names, focus.box, foot),
    svg = s("svg", { role: "group", class: "tl-ra-svg" }, below, start, above);
  const knob = (text, label, act) => h("button", { type: "button", class: "tl-i", "aria-label": label, title: label, onclick: () => view.f.guard(act)() }, text);
  const el = h(
    "div",
    { class: "tl-ra-map" },
    svg,
    h("div", { class: "tl-ra-zoom", role: "group", "aria-label": "Map" }, knob("+", "Nearer (+)", () => zoom(1.5)), knob("\u2212", "Farther (\u2212)", () => zoom(1 / 1.5)), knob("fit", "Fit to the paths (F)", () => fit()), knob("all", "Whole map (0)", () => whole())),
  );
  let wide = 404,
    tall = 303,
    camera = null,
    held = null,
    hover = null,
    drawn = [],
    spots = null,
    blocks = [],
    minima = [],
    pointed = "",
    rim = false;

  // -- the plane on the screen ---------------------------------------------------------------
  const home = () => {
    const [left, right, bottom, top] = view.race.surface.domain;
    return { x: (left + right) / 2, y: (bottom + top) / 2, by: Math.min(wide / (right - left), tall / (top - bottom)) };
  };
  /** Middle and width of what is seen, as the state keeps it: null for the whole. */
  const kept = () => {
    const c = view.f.state.camera;
    camera = Array.isArray(c) && c.length === 3 && c.every(Number.isFinite) && c[2] > 0 ? { x: c[0], y: c[1], by: wide / c[2] } : null;
  };
  const seen = () => camera || home();
  const px = (x) => wide / 2 + (x - seen().x) * seen().by,
    py = (y) => tall / 2 - (y - seen().y) * seen().by;
  const back = (u, v) => [seen().x + (u - wide / 2) / seen().by, seen().y - (v - tall / 2) / seen().by];
  const pointer = (e) => {
    const box = svg.getBoundingClientRect();
    return [((e.clientX - box.left) * wide) / box.width, ((e.clientY - box.top) * tall) / box.height];
  };
  const look = (next) => {
    spots = null;
    view.f.set({ camera: next && [next.x, next.y, wide / next.by] });
  };
  const whole = () => look(null);
  function zoom(factor, u = wide / 2, v = tall / 2) {
    const [x, y] = back(u, v),
      by = Math.max(home().by / 50, Math.min(home().by * 1e6, seen().by * factor));
    look({ x: x - (u - wide / 2) / by, y: y + (v - tall / 2) / by, by });
  }
  /** The paths that are on, as far as they have not run away. */
  function fit() {
    const { race } = view,
      [left, right, bottom, top] = race.surface.domain,
      far = (x, y) => !(Math.abs(x - (left + right) / 2) < 5 * (right - left) && Math.abs(y - (bottom + top) / 2) < 5 * (top - bottom)),
      box = [Infinity, -Infinity, Infinity, -Infinity],
      take = (x, y) => {
        if (!far(x, y)) [box[0], box[1], box[2], box[3]] = [Math.min(box[0], x), Math.max(box[1], x), Math.min(box[2], y), Math.max(box[3], y)];
      };
    take(...race.start);
    race.tracks.forEach((t, i) => {
      if (view.on(i)) for (let j = 0; j < t.x.length; j++) take(t.x[j], t.y[j]);
    });
    if (!(box[1] >= box[0])) return whole();
    const by = Math.min((wide - 60) / (box[1] - box[0] || 1e-9), (tall - 50) / (box[3] - box[2] || 1e-9), home().by * 1e6);
    return look({ x: (box[0] + box[1]) / 2, y: (box[2] + box[3]) / 2, by });
  }

  // -- what stands still ----------------------------------------------------------------------
  function ground() {
    const { surface } = view.race,
      [left, right, , top] = surface.domain,
      by = ((right - left) * seen().by) / 1000,
      move = `translate(${px(left)} ${py(top)}) scale(${by})`,
      { contours } = surface,
      last = Math.max(1, contours.fills.length);
    if (!raceSame(fills.of, surface)) {
      fills.replaceChildren(...contours.fills.map((d, i) => s("path", { d, "fill-opacity": (0.3 * i) / last })));
      lines.replaceChildren(...contours.lines.map((d) => s("path", { d })), s("path", { class: "tl-ra-edge", d: `M0 0H1000V${1000 * surface.aspect}H0Z` }));
    }
    fills.of = surface;
    fills.setAttribute("transform", move);
    lines.setAttribute("transform", move);
    lines.lastChild.style.visibility = camera ? "" : "hidden";
    if (!spots) {
      const { start } = view.race;
      const busy = [start, ...surface.goals].map(([x, y]) => [px(x), py(y)]);
      for (const w of drawn) for (let i = 0; i <= w.last; i += 8) busy.push([w.x[i], w.y[i]]);
      spots = raceSpots(contours.lines, (x, y) => [px(left) + x * by, py(top) + y * by], wide, tall, busy.slice(0, 300));
    }
    tags.replaceChildren(...spots.map((p) => s("text", { class: "tl-ra-halo", x: p.x.toFixed(1), y: (p.y + 3.5).toFixed(1), "text-anchor": "middle" }, contours.labels[p.level])));
    const inside = surface.goals.map(([x, y]) => [px(x), py(y)]).filter(([u, v]) => u > 0 && u < wide && v > 0 && v < tall);
    const cross = ([u, v]) => s("path", { class: "tl-ra-goal", d: "M-5 0h10M0-5v10", transform: `translate(${u.toFixed(1)} ${v.toFixed(1)})` });
    goals.replaceChildren(...inside.map(cross));
    minima = inside.map(([u, v]) => [u - 5, v - 5, 10, 10]);
    if (!inside.length) return;
    const [u, v] = inside[0],
      word = inside.length > 1 ? "minima" : "minimum",
      x = u < wide - 60 ? u + 8 : u - 8 - raceWide(word),
      y = v > tall - 22 ? v - 8 : v + 16;
    goals.append(s("text", { class: "tl-ra-halo", x: x.toFixed(1), y: y.toFixed(1) }, word));
    minima.push([x, y - 10, raceWide(word), 13]);
  }

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
    const shown = drawn.filter((_, i) => view.on(i) && i !== front).concat(view.on(front) && drawn[front] ? drawn[front] : []);
    ways.replaceChildren(...shown.map((w) => w.el));
    marks.replaceChildren(...shown.map((w) => w.mark));
    names.replaceChildren(...shown.map((w) => w.name));
  }

  function renew() {
    kept();
    svg.setAttribute("viewBox", `0 0 ${wide} ${tall}`);
    svg.setAttribute("aria-label", `Map of ${view.race.surface.label}: paths of ${view.race.tracks.length} contenders; what they show is said below and in the table`);
    paths();
    ground();
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
    const numbers = spots.map((p) => [p.x - 12, p.y - 7, 24, 13]);
    blocks = [...focus.block(), ...minima, ...numbers, [px(x) - 8, py(y) - 8, 16, 16], [px(x) + u - 2, py(y) + v - 11, 28, 14], [wide - 104, 0, 104, 30]];
    ring.setAttribute("aria-valuenow", x);
    ring.setAttribute("aria-valuetext", `x ${short(x)}, y ${short(y)}`);
  }

  // -- what moves with the step -----------------------------------------------------------------
  function draw() {
    const { race } = view,
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
      w.mark.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})${i === front ? " scale(1.25)" : ""}`);
      if (out) lost++;
      const over = w.track.ended >= 0 && w.track.ended <= race.steps[at],
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
      note = [lost && `${lost} outside the picture, F fits`, unnamed && `${unnamed} without a label`].filter(Boolean).join("; ");
    foot.textContent = pointed || note;
    const places = racePlaced(named, note ? [...blocks, [rim ? 0 : wide - raceWide(note) - 16, tall - 22, raceWide(note) + 16, 22]] : blocks, wide, tall);
    named.forEach(({ w, x, y }, i) => {
      const p = places[i];
      w.spot = p.spot;
      w.name.style.display = "";
      w.word.setAttribute("x", p.x.toFixed(1));
      w.word.setAttribute("y", p.y.toFixed(1));
      w.word.setAttribute("text-anchor", p.end ? "end" : "start");
      w.leader.setAttribute("d", `M${x.toFixed(1)} ${y.toFixed(1)}L${(p.x + (p.end ? 2 : -2)).toFixed(1)} ${(p.y - 3.5).toFixed(1)}`);
    });
    for (const { w } of heads.slice(RACE_LABELS)) w.name.style.display = "none";
    focus.draw(view, hover || { i: front, at: raceHead(race, race.tracks[front], at), on: view.on(front) }, drawn, px, py, !!hover);
  }

  // -- hands -----------------------------------------------------------------------------------
  const neat = (v) => +v.toPrecision(Math.max(2, Math.ceil(Math.log10(Math.abs(v) * seen().by + 1)) + 1));
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
    hand = { u, v, camera: seen(), start: view.live && e.target === ring, moved: false };
    svg.setPointerCapture(e.pointerId);
  };
  const move = (e) => {
    const [u, v] = pointer(e);
    if (!hand) {
      hover = nearest(u, v);
      const [x, y] = back(u, v);
      pointed = `x ${short(x, 3)}, y ${short(y, 3)}`;
      return draw();
    }
    hand.moved = hand.moved || Math.hypot(u - hand.u, v - hand.v) > 4;
    if (!hand.moved) return undefined;
    hover = null;
    if (hand.start) return begins(back(u, v));
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
    else if (!was.start) begins(back(u, v));
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
      d = (e.shiftKey ? 40 : 4) / seen().by;
    begins([x + by[0] * d, y + by[1] * d]);
  };
  for (const [name, fn] of Object.entries({ pointerdown: down, pointermove: move, pointerup: up, pointerleave: leave, wheel })) svg.addEventListener(name, (e) => view.f.guard(fn)(e), name === "wheel" ? { passive: false } : {});
  if (view.live) {
    for (const [k, v] of Object.entries({ tabindex: 0, role: "slider", "aria-label": "Start point: arrow keys move it" })) ring.setAttribute(k, v);
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
      // Another race on the same ground leaves its numbers where they are.
      if (!raceSame(fills.of, view.race.surface)) spots = null;
    },
    fits() {
      const w = Math.round(svg.parentElement.clientWidth);
      if (!w || w === wide) return false;
      wide = w;
      tall = Math.round(w * view.race.surface.aspect);
      spots = null;
      return true;
    },
  };
}
