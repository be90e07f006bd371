// TapeTable: the nodes as a sortable, filterable table; a row opens its details.

function render({ model, el }) {
  const payload = model.get("payload"),
    options = model.get("options") || {},
    trace = new Trace(payload.trace),
    m = trace.meta;
  let table = null,
    side = null;
  const f = frame(
    { model, el },
    {
      title: options.title || "Tape",
      meta: `${trace.nodes.length} nodes \u00b7 ${[m.backend, m.dtype].filter(Boolean).join(" \u00b7 ")}`,
      steps: 0,
      foot: payload.note,
      start: { pin: null },
      help: [
        ["/", "filter"],
        ["\u2191 \u2193", "next row"],
        ["Enter", "details of a row"],
        ["click a heading", "sort"],
      ],
      about: "One line per node, in the order in which the tape recorded them.",
      exports: fileExports(() => f, model, "tape"),
      keys: { "/": () => table.input.focus() },
      draw: (state) => {
        if (!table) return;
        table.update(trace.steps, state.pin);
        side.update({ ...state, step: trace.steps, pin: state.pin === null ? trace.output : state.pin }, false);
        const n = trace.node(state.pin);
        f.narr.textContent = n
          ? `${n.label} is node ${n.id}: ${n.op}${n.parents.length ? ` of ${n.parents.map((p) => trace.node(p).label).join(", ")}` : ""}.`
          : "Choose a row to see its value, its gradient and where they came from.";
      },
    },
  );
  const pin = f.guard((id) => f.set({ pin: id }));
  table = nodeTable(trace, { pick: pin });
  side = panel(f.panel, trace, payload, {
    choose: f.guard((entry) => f.set({ entry })),
    pin,
    pins: false,
    lightPath: () => {},
    guess: () => {},
  });
  f.stage.classList.add("tl-wide");
  f.stage.append(table.el);
  f.draw();
  return f.destroy;
}

const widget = { render };
export default widget;
