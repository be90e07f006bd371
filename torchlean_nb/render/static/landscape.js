// LandscapeExplorer: a plane through the loss of a network, the path of its training, and how much of it the plane holds.

const LAND_VIEWS = [
  ["map", "map"],
  ["surface", "surface"],
  ["off", "off the plane"],
];
const LAND_SIDES = [
  ["path", "path"],
  ["rescale", "rescaling"],
  ["lines", "lines"],
];
const LAND_START = [-32, 34];

/** How much of the path the plane holds: always there, whatever else is hidden. */
function landMeter(data) {
  const fill = h("i"),
    gauge = h(
      "span",
      {
        class: "ls-gauge",
        role: "meter",
        "aria-label": "share of the path that this plane explains",
        "aria-valuemin": "0",
        "aria-valuemax": "100",
      },
      fill,
    ),
    says = h("b"),
    top = Math.max(0.001, ...data.spectrum.map((c) => c.share)),
    bars = data.spectrum.map((c, i) =>
      h("i", { title: `component ${i + 1}: ${c.text}`, style: { height: `${Math.max(4, (100 * c.share) / top)}%` } }),
    );
  const spectrum =
    bars.length > 0 &&
    h(
      "span",
      { class: "ls-spectrum" },
      h(
        "span",
        {
          class: "ls-bars",
          role: "img",
          "aria-label": `principal components of the path: ${data.spectrum.map((c) => c.text).join(", ")}`,
        },
        bars,
      ),
      h(
        "span",
        { class: "tl-meta", title: "what the plane of the two largest components of the path explains" },
        `the best plane: ${data.best}`,
      ),
    );
  const el = h("div", { class: "ls-meter" }, gauge, h("span", { class: "ls-says" }, says), spectrum);
  function draw(land) {
    el.dataset.level = land.level;
    gauge.hidden = land.explained === null;
    const share = Math.max(0, Math.min(1, land.explained || 0));
    fill.style.width = `${(100 * share).toFixed(2)}%`;
    gauge.setAttribute("aria-valuenow", (100 * share).toFixed(2));
    gauge.setAttribute("aria-valuetext", land.says);
    says.textContent = (land.level === "low" ? "\u26a0 " : "") + land.says;
    bars.forEach((bar, i) => bar.classList.toggle("ls-in", land.kind === "pca" && i < 2));
  }
  return { el, draw };
}

function render({ model, el }) {
  const data = landData(model.get("payload")),
    options = model.get("options") || {},
    path = data.steps.length > 0,
    last = Math.max(0, data.steps.length - 1),
    whole = (v, count, other) => (Number.isInteger(v) && v >= 0 && v < count ? v : other);
  const views = LAND_VIEWS.filter(([key]) => path || key !== "off"),
    sides = LAND_SIDES.filter(
      ([key]) => ({ path: path && data.planes.length, rescale: data.rescalings.length, lines: data.lines.length })[key],
    );
  const planes =
      data.planes.length > 1 &&
      choices(
        "plane",
        data.planes.map((p, i) => [i, p.label]),
        (plane) => f.set({ plane }),
      ),
    view = data.planes.length > 0 && choices("view", views, (v) => f.set({ view: v })),
    side = sides.length > 1 && choices("show", sides, (v) => f.set({ side: v })),
    meter = data.planes.length > 0 && landMeter(data),
    room = h("div", { class: "ls-room", tabindex: "0", role: "group" }),
    ring = h("span", { class: "ls-ringed" }),
    probe = h("span", { class: "ls-probe" }),
    note = h("p", { class: "tl-foot", hidden: true });
  let seen = {},
    stage = null,
    panel = null,
    hover = null;

  function read(state) {
    const key = (list, v) => (list.some(([k]) => k === v) ? v : (list[0] || [])[0]),
      pair = (v) => Array.isArray(v) && v.length === 2 && v.every(Number.isFinite),
      line = whole(state.line, data.lines.length, 0);
    return {
      k: Math.min(state.step, last),
      plane: whole(state.plane, data.planes.length, 0),
      view: key(views, state.view),
      side: key(sides, state.side),
      cursor: pair(state.cursor) ? state.cursor : null,
      turn: pair(state.turn) ? [state.turn[0], Math.max(8, Math.min(80, state.turn[1]))] : LAND_START,
      factor: state.factor,
      line,
      at: data.lines.length ? whole(state.at, data.lines[line].at.length, 0) : 0,
    };
  }

  // -- the plane ---------------------------------------------------------------------------------
  function legend(land, flat) {
    const mark = (shape, said) =>
      h("span", { class: "ls-key" }, s("svg", { viewBox: "-7 -7 14 14", "aria-hidden": "true" }, shape), said);
    const marks = path
      ? [
          mark(s("circle", { class: "ls-start", r: 4.5 }), "start"),
          mark(s("path", { class: "ls-end", d: "M-5 0h10m-5 -5v10" }), "end"),
          flat
            ? mark(s("circle", { class: "ls-ring", r: 5 }), ring)
            : mark(s("path", { class: "ls-drop", d: "M0 -6V6" }), ring),
        ]
      : [mark(s("path", { class: "ls-end", d: "M-5 0h10m-5 -5v10" }), "the network")];
    const [m, n] = land.points,
      few = land.a.length < n || land.b.length < m;
    const said = [
      land.stretch === 1 ? "" : `The second direction is drawn ${short(land.stretch, 3)} times as long.`,
      land.lost
        ? `${land.lost} of ${m * n} points of the grid have no number: ${flat ? "hatched" : "left open or hatched"}.`
        : "",
      few ? `The cursor reads ${land.a.length} by ${land.b.length} of the ${n} by ${m} points.` : "",
      data.note,
    ];
    note.textContent = said.filter(Boolean).join(" ");
    note.hidden = !note.textContent;
    return h("div", { class: "ls-legend" }, marks, probe);
  }
  function ringSays(now, land) {
    if (!path) return "";
    const off = short(land.off[now.k], 3),
      away = +off ? `${off} away from the plane` : "in the plane",
      whole_ = land.stretch === 1 ? "to scale" : "on the scale of the first direction",
      scaled = `, ${stage.scaled ? whole_ : "not to scale"}`;
    if (now.view === "map" && stage.outside(now.k)) return `outside of the map, ${away}`;
    if (now.view !== "surface") return away + scaled;
    const gap = data.losses[now.k] - land.under[now.k];
    const said = Number.isFinite(gap)
      ? `${short(Math.abs(gap), 3)} ${gap < 0 ? "below" : "above"} the plane\u2019s loss`
      : "the plane has no loss here";
    return `${said}, ${away}`;
  }
  function build(now, land) {
    stage = now.view === "map" ? landMap(data, land) : landSpace(data, land, now.view);
    if (stage.turn) stage.turn(now.turn);
    room.replaceChildren(stage.svg);
    room.classList.toggle("ls-turns", now.view !== "map");
    room.setAttribute(
      "aria-label",
      now.view === "map" ? "Map: arrows move the cursor" : "Plane in space: arrows turn it",
    );
    f.stage.replaceChildren(room, legend(land, now.view === "map"), note);
  }
  function sayProbe(land, cursor) {
    probe.textContent = cursor && seen.view === "map" ? `${landProbe(land, ...cursor)}, between the points` : "";
  }

  // -- what is beside it -------------------------------------------------------------------------
  const PANELS = {
    path: (land) => landPathPanel(data, land, f.guard, (i) => f.go(i)),
    rescale: () => landScalePanel(data, f.guard, (factor) => f.set({ factor })),
    lines: () =>
      landLinePanel(data, f.guard, { choose: (line) => f.set({ line, at: 0 }), scrub: (at) => f.set({ at }) }),
  };

  function draw(state) {
    const now = read(state),
      land = data.planes[now.plane],
      fresh = now.plane !== seen.plane,
      moved = fresh || now.view !== seen.view,
      turned = String(now.turn) !== String(seen.turn);
    if (land) {
      if (moved) build(now, land);
      else if (turned && stage.turn) stage.turn(now.turn);
      stage.draw(now.k, now.cursor);
      if (fresh) meter.draw(land);
    }
    if (now.side && (now.side !== seen.side || (fresh && now.side === "path"))) {
      panel = PANELS[now.side](land);
      f.panel.replaceChildren(side ? side.el : "", panel.el);
    }
    const factor = now.side === "rescale" ? whole(now.factor, data.rescalings.length, panel.one) : 0;
    if (now.side === "path") panel.at(now.k);
    else if (now.side === "rescale") panel.at(factor);
    else if (now.side === "lines") panel.at(now.line, now.at);
    if (planes) planes.update(now.plane);
    if (view) view.update(now.view);
    if (side) side.update(now.side);
    tables(state, now, land);
    say(now, land, { fresh, factor });
    seen = { ...now, table: state.table, factor };
    if (land) {
      ring.textContent = ringSays(now, land);
      sayProbe(land, hover || now.cursor);
      stage.svg.setAttribute(
        "aria-label",
        `${land.label} plane, ${now.view}. ${land.says} ${landSays(data, land, now.k)}`,
      );
    }
  }
  function tables(state, now, land) {
    if (Boolean(state.table) === Boolean(seen.table) && (!state.table || now.plane === seen.plane)) return;
    f.below.replaceChildren(...(state.table ? landTables(data, land).flat() : []));
  }
  /** One sentence about what has just changed. */
  function say(now, land, { fresh, factor }) {
    let said = land ? landSays(data, land, now.k) : "";
    if (fresh && land) said = `${land.about} ${said}`;
    else if (now.side === "rescale" && (factor !== seen.factor || now.side !== seen.side)) said = panel.says(factor);
    else if (now.side === "lines" && (now.at !== seen.at || now.line !== seen.line || now.side !== seen.side))
      said = panel.says(now.line, now.at);
    else if (land && String(now.cursor) !== String(seen.cursor) && now.cursor)
      said = `At the cursor, between the points of the grid: ${landProbe(land, ...now.cursor)}.`;
    if (!said && panel && panel.says) said = now.side === "lines" ? panel.says(now.line, now.at) : panel.says(factor);
    f.narr.textContent = said;
    if (!path) return;
    const count = f.root.querySelector(".tl-count"),
      slider = f.root.querySelector(".tl-scrub input");
    if (count) count.replaceChildren("update ", h("b", null, String(data.steps[now.k])), ` of ${data.steps[last]}`);
    if (slider)
      slider.setAttribute("aria-valuetext", `after ${data.steps[now.k]} updates, loss ${short(data.losses[now.k], 4)}`);
  }

  // -- hands -------------------------------------------------------------------------------------
  const cycle = (list, key, value) => f.set({ [key]: list[(list.indexOf(value) + 1) % list.length] });
  const pull = (dx, dy) => {
    const [az, el_] = read(f.state).turn;
    f.set({
      turn: [
        +(((((az + dx + 540) % 360) + 360) % 360) - 180).toFixed(1),
        +Math.max(8, Math.min(80, el_ + dy)).toFixed(1),
      ],
    });
  };
  function arrows(e) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key];
    if (!step || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    e.stopPropagation();
    const now = read(f.state),
      land = data.planes[now.plane];
    if (now.view !== "map") return pull(10 * step[0], 10 * step[1]);
    const hop = (axis, v, by) => Math.max(axis[0], Math.min(axis.at(-1), v + (by * (axis.at(-1) - axis[0])) / 40)),
      [a, b] = now.cursor || [land.a, land.b].map((axis) => Math.max(axis[0], Math.min(axis.at(-1), 0)));
    f.set({ cursor: [hop(land.a, a, step[0]), hop(land.b, b, step[1])].map((v) => +v.toPrecision(6)) });
  }
  const pointer = (e) => {
    const now = read(f.state);
    if (!stage) return;
    if (now.view !== "map") {
      if (e.type === "pointerdown") room.setPointerCapture(e.pointerId);
      else if (e.type === "pointermove" && e.buttons & 1) pull(e.movementX * 0.5, e.movementY * 0.4);
      return;
    }
    hover = e.type === "pointerleave" ? null : stage.pick(e);
    if (e.type === "pointerdown" && hover && !e.button) f.set({ cursor: hover.map((v) => +v.toPrecision(6)) });
    else sayProbe(data.planes[now.plane], hover || now.cursor);
  };

  const factorBy = (by) => () => {
    if (!data.rescalings.length) return;
    const i =
      seen.side === "rescale"
        ? seen.factor + by
        : landNearest(
            data.rescalings.map((r) => Math.log(r.factor)),
            0,
          );
    f.set({ side: "rescale", factor: Math.max(0, Math.min(data.rescalings.length - 1, i)) });
  };
  const f = frame(
    { model, el },
    {
      title: options.title,
      meta: data.meta,
      steps: last,
      phases: [{ name: "path of the training", count: last, hue: "value" }],
      start: {
        plane: 0,
        view: "map",
        side: (sides[0] || [])[0],
        cursor: null,
        turn: LAND_START,
        factor: null,
        line: 0,
        at: 0,
        speed: 4,
      },
      draw,
      table: true,
      keys: {
        p: () => data.planes.length && f.set({ plane: (read(f.state).plane + 1) % data.planes.length }),
        v: () =>
          view &&
          cycle(
            views.map(([k]) => k),
            "view",
            read(f.state).view,
          ),
        b: () =>
          side &&
          cycle(
            sides.map(([k]) => k),
            "side",
            read(f.state).side,
          ),
        "[": factorBy(-1),
        "]": factorBy(1),
      },
      escape: () => f.state.cursor && f.set({ cursor: null }),
      help: [
        ["P", "another plane"],
        ["V", "map, surface, off the plane"],
        ["B", "what is beside it"],
        ["[ ]", "rescale the layers"],
        ["T", "tables"],
        ["\u2190 \u2191 \u2192 \u2193", "on the picture: move the cursor, turn the plane"],
        ["Esc", "no cursor"],
      ],
      about:
        "A plane is two directions out of many. The meter says how much of the training it holds; rings, drop-lines and the gap between the two losses are what it leaves out.",
      exports: fileExports(
        () => f,
        model,
        "landscape",
        () => f.root.querySelector(".ls-plot, .ls-side"),
      ),
    },
  );
  f.root.classList.add("tl-flow", "tl-xp", "ls");
  f.body.classList.add("tl-low");
  if (planes || view) f.body.before(h("div", { class: "tl-xp-bar" }, planes && planes.el, view && view.el));
  if (meter) f.body.before(meter.el);
  if (!meter) {
    f.stage.hidden = true;
    f.root.classList.add("ls-alone");
  }
  room.addEventListener("keydown", f.guard(arrows));
  for (const kind of ["pointermove", "pointerdown", "pointerleave"]) room.addEventListener(kind, f.guard(pointer));
  f.draw();
  return f.destroy;
}

const widget = { render };
export default widget;
