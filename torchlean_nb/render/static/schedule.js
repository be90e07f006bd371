// ScheduleDesigner: Python computes every value; here they are drawn, and what the hand wants is asked for.

function render({ model, el }) {
  const options = model.get("options") || {},
    live = !!model.send && !!(options.rows || []).length;
  let payload = model.get("payload"),
    hover = null,
    wide = 0,
    tall = 0,
    refusal = "";

  const mail = courier(
    (m) => model.send(m),
    () => {
      f.narr.textContent = "Python has not answered yet: the kernel is busy, or it is gone. Knobs and fields need it.";
    },
  );
  const name = () => entry().name;
  const entry = () => payload.entries[index()];
  const index = () =>
    Math.max(
      0,
      payload.entries.findIndex((e) => e.name === f.state.chosen),
    );
  const ask = (edit) => {
    refusal = "";
    side.refuse("");
    mail.ask({ name: name(), ...edit });
  };

  const f = frame(
    { model, el },
    {
      title: options.title,
      meta: "",
      steps: 0,
      table: true,
      start: { chosen: null, path: [], off: [], at: null, log: false, tab: "python" },
      about: live
        ? "Drag a knob, move it with the arrow keys, or type numbers. Python computes every point."
        : "Knobs and fields need Python: open this in a notebook with a kernel to change the schedule.",
      help: [
        ["\u2190 \u2192", "one step back, one step on; with Shift ten"],
        ["Home End", "first and last step"],
        ["arrows on a knob", "move it; with Shift ten times as far"],
        ["Enter on a knob", "type its number"],
        ["L", "log or linear axis"],
      ],
      keys: {
        ArrowLeft: (e) => scrub(shift(e.shiftKey ? -10 : -1)),
        ArrowRight: (e) => scrub(shift(e.shiftKey ? 10 : 1)),
        Home: () => scrub(0),
        End: () => scrub(payload.steps),
        l: () => f.set({ log: !f.state.log }),
      },
      exports: fileExports(() => f, model, "schedule", () => view.el),
      draw: () => paint(),
    },
  );
  f.root.classList.add("tl-sd", "tl-flow");
  const at = (i) => (payload.k ? payload.k[i] : i);
  /** Step of the cursor, null where there is none; a state from elsewhere may say anything. */
  const rest = () => (Number.isInteger(f.state.at) ? Math.max(0, Math.min(payload.steps, f.state.at)) : null);
  const cursor = () => (hover === null ? rest() : Math.min(hover, payload.steps));
  const shift = (d) => {
    const count = payload.k ? payload.k.length - 1 : payload.steps;
    return at(Math.max(0, Math.min(count, nearest(payload.k, rest() || 0) + d)));
  };
  const scrub = (k) => f.set({ at: k });
  const shown = () => payload.entries.map((_, i) => i).filter((i) => !off().includes(payload.entries[i].name));
  const off = () => (Array.isArray(f.state.off) ? f.state.off : []);
  const says = (i) => {
    const parts = shown().map((j) => {
      const { name: n, values } = payload.entries[j];
      return `${n} ${values[i] === null || values[i] === undefined ? "has no value" : short(values[i], 5)}`;
    });
    return `Step ${at(i)}: ${parts.join(", ") || "nothing is shown"}.`;
  };

  // -- above the chart -----------------------------------------------------------------------
  const chips = h("div", { class: "tl-sd-chips", role: "group", "aria-label": "Curves" });
  const more = h(
    "select",
    {
      "aria-label": "Add a curve",
      title: "Add a curve",
      onchange: () => {
        ask(more.value === "=" ? { do: "copy" } : { do: "add", row: more.value });
        more.value = "";
      },
    },
    h("option", { value: "" }, "+ Add"),
    h("option", { value: "=" }, "a copy of this one"),
    (options.rows || []).map((r) => h("option", { value: r.row, title: r.summary }, r.name)),
  );
  const steps = h("input", { type: "text", class: "tl-sd-steps", disabled: !live, onchange: () => ask({ do: "steps", text: steps.value }) });
  const log = h("input", { type: "checkbox", onchange: () => f.set({ log: log.checked }) });
  const undo = h("button", { type: "button", onclick: () => ask({ do: "undo" }) }, "Undo");
  const bar = h(
    "div",
    { class: "tl-sd-bar" },
    chips,
    live && more,
    h("div", { class: "tl-sd-axis" }, h("label", null, "steps", steps), h("label", null, log, "log"), live && undo),
  );
  f.body.before(bar);

  /** Chip of a curve: on and off, its line, name and value at the cursor. */
  function chip(i) {
    const e = payload.entries[i];
    const line = s("path", { d: "M1 5H25", style: { stroke: HUES[i % HUES.length], "stroke-dasharray": DASHES[i % DASHES.length] || "none" } });
    const toggle = h("input", { type: "checkbox", "aria-label": `Show ${e.name}`, onchange: () => f.set({ off: toggle.checked ? off().filter((n) => n !== e.name) : [...off(), e.name] }) });
    const value = h("b");
    const pick = h(
      "button",
      { type: "button", title: `Design ${e.name}`, onclick: () => f.set({ chosen: e.name, path: [], off: off().filter((n) => n !== e.name) }) },
      s("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, line),
      h("span", null, e.name),
      value,
    );
    const gone =
      live &&
      payload.entries.length > 1 &&
      h("button", { type: "button", class: "tl-i tl-sd-x", "aria-label": `Remove ${e.name}`, title: `Remove ${e.name}`, onclick: () => ask({ do: "remove", name: e.name }) }, "\u00d7");
    return { el: h("span", { class: "tl-sd-chip" }, toggle, pick, gone), toggle, pick, value };
  }
  let chipKey = "",
    made = [];

  // -- chart, panel, code --------------------------------------------------------------------
  const holder = h("div", { class: "tl-sd-holder" }),
    grid = h("div", { class: "tl-wide tl-sd-table", hidden: true });
  f.stage.append(holder, grid);
  const view = scheduleChart(holder, {
    scrub: f.guard(scrub),
    hover: f.guard((k) => {
      hover = k;
      view.drawCursor(cursor());
      readout();
    }),
    move: f.guard((p, k, y, tag) => ask({ do: "move", path: p.path, knob: p.name, k, y, tag })),
    drop: f.guard(() => paint()),
    field: f.guard((p) => {
      f.set({ path: p.path });
      side.focus(p.hypers[0]);
    }),
  });
  const side = scheduleEditor(f.panel, { rows: options.rows || [], live, ask: f.guard(ask), set: (patch) => f.set(patch) });
  const code = codeBox(f.below, (patch) => f.set(patch));

  /** Values at the cursor: in the chips and, at rest, as the sentence. */
  function readout() {
    const k = cursor(),
      i = k === null ? null : nearest(payload.k, k);
    made.forEach((c, j) => {
      const v = i === null ? undefined : payload.entries[j].values[i];
      c.value.textContent = v === undefined ? "" : v === null ? "none" : short(v, 4);
    });
    const lost = shown().map((j) => payload.entries[j].lost && `${payload.entries[j].name}: ${payload.entries[j].lost}`);
    const said = refusal || (i === null ? "Move over the chart, or use the arrow keys, to read the values." : says(i));
    f.narr.textContent = [said, ...lost.filter(Boolean), payload.note].filter(Boolean).join(" ");
  }

  /** The curves as a table: the ends, the knobs, the cursor, and an even part of the rest. */
  function drawTable() {
    const list = shown().map((i) => payload.entries[i]),
      count = payload.k ? payload.k.length - 1 : payload.steps,
      picks = new Set(Array.from({ length: 21 }, (_, i) => Math.round((i * count) / 20)));
    for (const p of entry().knobs) for (const d of [-1, 0]) if (p.k + d >= 0) picks.add(nearest(payload.k, p.k + d));
    const here = nearest(payload.k, rest() || 0);
    picks.add(here);
    const row = (i) =>
      h("tr", { class: i === here && rest() !== null ? "tl-now" : "" }, h("td", { class: "tl-n" }, at(i)), list.map((e) => h("td", { class: "tl-n" }, e.values[i] === null ? "none" : short(e.values[i], 6))));
    const head = h("tr", null, h("th", { class: "tl-n" }, "step"), list.map((e) => h("th", { class: "tl-n" }, e.name)));
    grid.replaceChildren(h("table", null, h("thead", null, head), h("tbody", null, [...picks].filter((i) => i <= count).sort((a, b) => a - b).map(row))));
  }

  function paint() {
    const state = f.state,
      chosen = index(),
      names = payload.entries.map((e) => e.name),
      key = JSON.stringify(names);
    if (key !== chipKey) {
      made = names.map((_, i) => chip(i));
      chips.replaceChildren(...made.map((c) => c.el));
      chipKey = key;
    }
    made.forEach((c, i) => {
      c.toggle.checked = !off().includes(names[i]);
      c.pick.setAttribute("aria-pressed", String(i === chosen));
    });
    more.hidden = names.length >= HUES.length;
    if (document.activeElement !== steps) steps.value = payload.steps;
    log.checked = !!state.log;
    undo.disabled = !payload.undo;
    holder.hidden = !!state.table;
    grid.hidden = !state.table;
    if (state.table) drawTable();
    side.draw(entry(), state.path);
    code(entry(), state.tab);
    const now = shown();
    view.el.dataset.at = rest() === null ? "" : rest();
    // The chart grows with what stands beside it, and stays so: a picture that jumps cannot be compared.
    const beside = f.panel.parentElement.offsetTop === f.stage.offsetTop ? f.panel.offsetHeight - 2 : 0;
    tall = beside > 0 ? Math.max(tall, Math.min(beside, 420), 300) : 240;
    if (wide && !state.table)
      view.draw(
        { entries: payload.entries, shown: now, chosen, knobs: now.includes(chosen) ? entry().knobs.filter(ofPart) : [], ks: payload.k, at, last: payload.steps, log: !!state.log, live, cursor: cursor(), says },
        wide,
        tall,
      );
    readout();
  }

  /** Of a schedule of parts, the knobs of the part that is looked at, and the boundaries. */
  const ofPart = (p) => p.y === null || side.path().every((k, i) => p.path[i] === k);

  const again = f.guard(() => {
    payload = model.get("payload");
    mail.answered(payload.serial);
    f.draw();
  });
  const heard = f.guard((m) => {
    if (m.kind !== "say") return;
    refusal = m.text;
    side.refuse(m.text);
    readout();
  });
  model.on("change:payload", again);
  model.on("msg:custom", heard);
  const sized = new ResizeObserver(
    f.guard(() => {
      const w = Math.floor(holder.clientWidth);
      if (!w || w === wide) return;
      wide = w;
      f.draw();
    }),
  );
  sized.observe(f.stage);
  wide = Math.floor(holder.clientWidth) || 0;
  f.draw();
  return () => {
    model.off("change:payload", again);
    model.off("msg:custom", heard);
    sized.disconnect();
    mail.stop();
    f.destroy();
  };
}

const widget = { render };
export default widget;
