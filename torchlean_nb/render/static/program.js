// ProgramView: a compiled program, its lines beside its source, its arrays over time, and the passes that made it.

const PROGRAM_VIEWS = [
  ["lines", "Lines"],
  ["source", "Source"],
  ["passes", "Passes"],
];
const PROGRAM_PHASES = { forward: "value", backward: "grad", update: "upd" };

/** Runs of steps that go the same way, for the scrubber. */
export function programPhases(lines) {
  const out = [];
  for (const { way } of lines) {
    if (out.length && out.at(-1).name === way) out.at(-1).count++;
    else out.push({ name: way, count: 1, hue: PROGRAM_PHASES[way] });
  }
  return out;
}

function render({ model, el }) {
  const payload = model.get("payload"),
    options = model.get("options") || {},
    n = payload.lines.length,
    views = PROGRAM_VIEWS.filter(([name]) => name !== "passes" || payload.passes.length);
  payload.lanes.forEach((lane, id) => {
    lane.id = id;
  });
  const timed = payload.lines.some((line) => line.seconds !== null),
    known = (list) => Array.isArray(list) && list.every(Number.isInteger);
  /** What a state means for this program: it may have been pasted from another one. */
  const read = (state) => ({
    step: state.step,
    view: views.some(([name]) => name === state.view) ? state.view : "lines",
    folded: known(state.folded) ? state.folded : foldedAtFirst(payload),
    page: Number.isInteger(state.page) && payload.passes[state.page] ? state.page : 0,
    cost: timed && state.cost === "time" ? "time" : "bytes",
    entry: state.entry,
  });
  let table = null,
    seen = "";
  const toggle = (g) => {
    const { folded } = read(f.state);
    f.set({ folded: folded.includes(g) ? folded.filter((x) => x !== g) : [...folded, g] });
  };
  const all = () => {
    const long = table.steps.map((list, g) => (list.length > 1 ? g : -1)).filter((g) => g >= 0);
    f.set({ folded: read(f.state).folded.length < long.length ? long : [] });
  };
  const turn = (by) => {
    const page = read(f.state).page + by;
    if (payload.passes.length) f.set({ view: "passes", page: Math.max(0, Math.min(payload.passes.length - 1, page)) });
  };
  const next = () => {
    const at = views.findIndex(([name]) => name === read(f.state).view);
    f.set({ view: views[(at + 1) % views.length][0] });
  };
  const over = (by) => () => f.go(overGroup(table.steps, f.state.step, by));

  const f = frame(
    { model, el },
    {
      title: options.title || payload.title,
      meta: ["compiled", payload.dtype, `${n} ${n === 1 ? "line" : "lines"}`].filter(Boolean).join(" \u00b7 "),
      steps: n,
      phases: programPhases(payload.lines),
      start: { view: null, folded: null, page: 0, cost: "bytes" },
      foot: payload.note,
      about: "One line is one call of NumPy. Time runs down. A bar in a lane is a value that is still needed; the array it lies in is used again for others.",
      help: [
        ["\u2191 \u2193", "a whole op back, a whole op on"],
        ["F", "fold, unfold everything"],
        ["Enter", "with the focus on a line: go there; on an op: fold it"],
        ["V", "lines, source, passes"],
        ["[ ]", "pass before, next pass"],
      ],
      exports: fileExports(() => f, model, "program"),
      keys: { ArrowUp: over(-1), ArrowDown: over(1), f: all, v: next, "[": () => turn(-1), "]": () => turn(1) },
      draw: (state) => table && paint(read(state)),
    },
  );
  f.root.classList.add("tl-pv", "tl-flow");
  f.stage.classList.add("tl-wide");
  const go = f.guard((k) => f.go(k));
  table = programTable(payload, { go, toggle: f.guard(toggle), measured: timed && f.guard(() => f.set({ cost: read(f.state).cost === "time" ? "bytes" : "time" })) });
  const text = sourceView(payload, go),
    passes = passesView(payload.passes, f.guard(turn)),
    side = programSide(payload, f.guard((entry) => f.set({ entry })));
  const tabs = views.map(([name, word]) => h("button", { type: "button", onclick: f.guard(() => f.set({ view: name })) }, word)),
    fold = h("button", { type: "button", onclick: f.guard(all) }, "Fold all"),
    show = { lines: table.el, source: text.el, passes: passes.el };
  f.body.before(h("div", { class: "pv-bar" }, h("div", { class: "tl-btns", role: "group", "aria-label": "What is shown" }, tabs), h("span", { class: "tl-sp" }), fold));
  f.stage.append(...Object.values(show));
  f.panel.append(side.el);
  const aside = f.panel.parentElement;

  function paint(now) {
    views.forEach(([name], i) => tabs[i].setAttribute("aria-pressed", String(name === now.view)));
    for (const [name, part] of Object.entries(show)) part.hidden = name !== now.view;
    fold.hidden = now.view !== "lines" || table.steps.every((list) => list.length < 2);
    fold.textContent = now.folded.length ? "Unfold all" : "Fold all";
    if (aside) aside.hidden = now.view === "passes";
    const row = table.update(now),
      here = now.view === "source" ? text.update(now.step) : row;
    side.update(now.step, now.entry);
    passes.update(now.page);
    const says = now.view === "passes" ? passes.says(now.page) : payload.narration[now.step] || "";
    if (f.narr.textContent !== says) f.narr.textContent = says;
    const what = now.view === "passes" ? `passes.${now.page}` : `${now.step}.${now.view}.${now.folded}`;
    if (what === seen) return;
    seen = what;
    requestAnimationFrame(() => (now.view === "passes" ? (f.stage.scrollTop = 0) : reveal(here, now.step)));
  }

  /** Scrolls the stage, and nothing else. */
  function reveal(row, step) {
    if (!row) {
      if (!step) f.stage.scrollTop = 0;
      return;
    }
    const view = f.stage.getBoundingClientRect(),
      r = row.getBoundingClientRect();
    f.stage.scrollTop += Math.min(0, r.top - view.top - 64) + Math.max(0, r.bottom - view.bottom + 44);
  }
  f.draw();
  return f.destroy;
}

const widget = { render };
export default widget;
