// GraphStepper: the graph, its sweep, and the panel that explains each step.

const HELP = [
  ["G", "gradients on and off"],
  ["T", "table"],
  ["F", "whole drawing or natural size"],
  ["/", "search"],
  ["\u2191 \u2193 Enter", "with the focus on a node or a map: move, pin"],
  ["Shift Enter", "with the focus on a box, or a double click: show what is inside"],
  ["Backspace", "close what was opened last"],
  ["Esc", "close, unpin"],
];

/** What a search finds: nodes whose name, op or scope contains the word. */
export function matches(trace, word) {
  const w = word.trim().toLowerCase();
  return w ? [...trace.byId.values()].filter((n) => `${n.label} ${n.op} ${n.scope}`.toLowerCase().includes(w)) : [];
}

function search(f, trace, view) {
  const box = h("div", { class: "tl-pop", role: "search", hidden: true }),
    list = h("div", { class: "tl-menu" });
  const leave = () => {
    box.hidden = true;
    view.mark(null);
    f.root.focus();
  };
  const take = (id) => {
    leave();
    f.set({ pin: id });
    view.reveal(id);
  };
  const look = () => {
    const found = matches(trace, input.value);
    view.mark(found.length ? new Set(found.map((n) => n.id)) : null);
    list.replaceChildren(
      ...found
        .slice(0, 8)
        .map((n) => h("button", { type: "button", onclick: f.guard(() => take(n.id)) }, `${n.label}  ${n.op}`)),
      h("span", { class: "tl-meta", role: "status" }, input.value ? `${found.length} found` : ""),
    );
  };
  const input = h("input", {
    type: "search",
    "aria-label": "Search nodes",
    placeholder: "name or op",
    oninput: f.guard(look),
    onkeydown: f.guard((e) => {
      if (e.key === "Escape") leave();
      else if (e.key === "Enter") {
        const [first] = matches(trace, input.value);
        if (first) take(first.id);
      } else return;
      e.preventDefault();
      e.stopPropagation();
    }),
  });
  box.append(input, list);
  f.body.append(box);
  return () => {
    f.close();
    box.hidden = false;
    box.style.top = "6px";
    input.value = "";
    look();
    input.focus();
  };
}

/** Why a node cannot be opened from here; nothing when it can, null when it has no inside to speak of. */
export function closed(node, options, kernel) {
  const folded = node.op === FOLDED;
  if (!folded && !(options.opens && node.role === "op")) return null;
  return kernel ? "" : `Opening ${node.label} needs a running kernel: run the cell in a notebook.`;
}

/** Mounts the stepper, and mounts it anew when Python has opened something. */
function render({ model, el }) {
  let leave = mount({ model, el });
  const again = () => {
    const inside = el.contains(document.activeElement);
    leave();
    leave = mount({ model, el });
    if (inside) el.querySelector(".tl").focus({ preventScroll: true });
  };
  model.on("change:payload", again);
  return () => {
    model.off("change:payload", again);
    leave();
  };
}

function mount({ model, el }) {
  const payload = model.get("payload"),
    options = model.get("options") || {},
    trace = new Trace(payload.trace),
    m = trace.meta;
  let view = null,
    side = null,
    twin = null,
    gradients = true,
    revealed = "",
    open = false,
    openSearch = null;

  const say = (event, k) =>
    open
      ? `What arrives at ${trace.node(event.id).label} from ${trace.node(event.from).label}? Say it before it is shown.`
      : payload.narration[k] || "";

  const draw = (state, frame) => {
    if (!view) return;
    const k = state.step;
    const event = trace.event(k);
    open = isOpen(trace, options, state);
    if (open && frame.playing()) frame.pause();
    view.step(k, open);
    if (frame.panel.isConnected || !frame.root.isConnected) side.update(state, open);
    if (frame.narr.textContent !== say(event, k)) frame.narr.textContent = say(event, k);
    if (!!state.table !== (twin !== null && !twin.el.hidden)) showTable(!!state.table, frame);
    if (state.table) twin.update(open ? k - 1 : k, state.pin, event.id);
    const id = state.pin !== null ? state.pin : event.id;
    const from = state.pin === null && event.kind === "backward" ? event.from : null;
    const what = `${id}.${from}.${!!state.table}`;
    if (id === null || what === revealed) return;
    revealed = what;
    requestAnimationFrame(() => (state.table ? twin.reveal(id) : view.reveal(id, from)));
  };

  function showTable(on, frame) {
    if (on && !twin) {
      twin = nodeTable(trace, {
        pick: (id) => frame.set({ pin: id }),
        columns: ["id", "name", "op", "parents", "shape", "value", "gradient"],
        search: false,
      });
      frame.stage.append(twin.el);
    }
    if (twin) twin.el.hidden = !on;
    view.svg.style.display = on ? "none" : "";
    signs.hidden = on;
  }

  const svg = () => view.svg,
    signs = legend(trace);
  const f = frame(
    { model, el },
    {
      title: options.title || m.title || "Graph",
      meta: [m.backend, m.dtype, m.device].filter(Boolean).join(" \u00b7 "),
      steps: trace.steps,
      table: true,
      phases: [
        { name: "forward", count: trace.forward, hue: "value" },
        { name: "backward", count: trace.steps - trace.forward, hue: "grad" },
      ],
      draw,
      help: HELP,
      foot: payload.note,
      about:
        "Each step shows one value, then one gradient on its way back. Blue is value, orange is gradient, hatched is negative.",
      exports: fileExports(() => f, model, "graph", svg),
      mayLeave: () => {
        if (open) side.focus();
        return !open;
      },
      typed: () => {
        if (open) side.focus();
        return open;
      },
      escape: () => f.set({ pin: null }),
      keys: {
        g: () => {
          gradients = !gradients;
          view.svg.classList.toggle("no-grad", !gradients);
        },
        f: () => view.fit(),
        "/": () => openSearch(),
        ...(payload.inside && model.send && { Backspace: () => closeBox() }),
      },
    },
  );
  f.root.classList.add("tl-stepper");
  const pinned = (id) => f.set({ pin: id === f.state.pin ? null : id });
  const closeBox = f.guard(() => model.send({ kind: "close" }));
  if (payload.inside && model.send) {
    const title = `Close ${payload.inside} (Backspace)`;
    f.root.querySelector(".tl-bar .tl-meta").after(h("button", { type: "button", class: "tl-shut", title, onclick: closeBox }, `Close ${payload.inside}`));
  }
  const openBox = f.guard((id) => {
    const why = closed(trace.node(id), options, !!model.send);
    if (why === null) return false;
    f.narr.textContent = why || `Opening ${trace.node(id).label} \u2026`;
    if (!why) model.send({ kind: "open", node: id });
    return true;
  });
  const heard = f.guard((m) => {
    if (m.kind === "say") f.narr.textContent = m.text;
  });
  model.on("msg:custom", heard);
  view = stage(f.stage, trace, payload.scene, { pick: f.guard(pinned), open: openBox });
  if (trace.nodes.length) f.stage.append(signs);
  side = panel(f.panel, trace, payload, {
    choose: f.guard((entry) => f.set({ entry })),
    pin: f.guard((id) => f.set({ pin: id })),
    lightPath: (path) => view.light(path ? path[path.length - 1] : null, path),
    guess: f.guard((step, answer) => f.set({ answers: { ...f.state.answers, [step]: answer } })),
  });
  openSearch = search(f, trace, view);
  f.draw();
  return () => {
    model.off("msg:custom", heard);
    f.destroy();
  };
}

const widget = { render };
export default widget;
