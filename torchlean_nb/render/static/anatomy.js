// UpdateAnatomy: from the gradient to the step, term by term, for one parameter and one or several updates.

function mount({ model, el }) {
  const options = model.get("options") || {};
  let payload = model.get("payload"),
    table = null,
    asked = null;
  const map = plane(),
    about = h("div", { class: "ua-about" }),
    other = h("select", { "aria-label": "Second coordinate of the plane", onchange: () => f.set({ other: +other.value }) }),
    typed = h("input", { type: "text", "aria-label": "Index of a coordinate", placeholder: payload.shape.length > 1 ? "i, j" : "i" }),
    toggles = h("div", { class: "ua-what", role: "group", "aria-label": "What if" });

  const placeOf = (flat) => payload.sent.indexOf(flat);
  const fits = (list) => Array.isArray(list) && list.length && list.every((i) => placeOf(i) >= 0);
  /** What the state means for this parameter: it may have been pasted from another one. */
  function read(state) {
    const columns = fits(state.columns) ? state.columns.slice(0, 8) : payload.columns;
    const at = columns.includes(state.at) ? state.at : columns[0],
      rest = columns.filter((i) => i !== at);
    const on = Array.isArray(state.ghosts) ? state.ghosts : payload.on;
    return {
      step: payload.steps[Math.min(state.step, payload.steps.length - 1)],
      columns,
      at,
      other: rest.includes(state.other) ? state.other : rest[0],
      rest,
      on,
      term: Number.isInteger(state.term) && payload.rows[state.term] ? state.term : null,
    };
  }
  const word = (v) => (typeof v === "string" ? WORDS[v] : v);
  const ghostsOf = (now) =>
    payload.ghosts
      .map((label, i) => ({ label, i, dash: dashOf(i), deltas: now.step.ghosts[i] && [].concat(now.step.ghosts[i]).map(word) }))
      .filter((g) => now.on.includes(g.label));

  function mountTable() {
    table = termTable(payload, { pick: f.guard((at) => f.set({ at })), choose: f.guard((term) => f.state.term !== term && f.set({ term })) });
    f.stage.replaceChildren(table.el);
    toggles.replaceChildren(
      h("span", { class: "tl-meta" }, "What if"),
      ...payload.ghosts.map((label, i) =>
        h("label", null, h("input", { type: "checkbox", onchange: f.guard((e) => flip(label, e.target.checked)) }), h("i", { class: `ua-shadow ua-dash${i % 3}` }), label),
      ),
      h("span", { class: "tl-sp" }),
      h("form", { onsubmit: f.guard(show) }, h("label", null, "show ", payload.name, "[", typed, "]")),
    );
    toggles.lastChild.hidden = !payload.shape.length;
  }
  const flip = (label, on) => {
    const left = read(f.state).on.filter((l) => l !== label);
    f.set({ ghosts: on ? [...left, label] : left });
  };

  function show(e) {
    e.preventDefault();
    const flat = typedIndex(typed.value, payload.shape);
    if (flat < 0) f.narr.textContent = `There is no entry ${payload.name}[${typed.value}]; the shape is ${shapeText(payload.shape)}.`;
    else if (placeOf(flat) >= 0) add(flat);
    else if (model.send) {
      asked = flat;
      model.send({ kind: "coordinate", index: flat });
    } else f.narr.textContent = `${payload.name}[${typed.value}] did not travel with this page; the notebook can show it.`;
  }
  function add(flat) {
    const { columns } = read(f.state);
    typed.value = "";
    f.set({ at: flat, columns: columns.includes(flat) ? columns : [...columns.slice(0, 7), flat] });
  }

  function draw(state) {
    if (!table) return;
    const now = read(state),
      ghosts = ghostsOf(now),
      value = reader(now.step);
    table.update({ ...now, ghosts });
    [...toggles.querySelectorAll("input[type=checkbox]")].forEach((box, i) => {
      box.checked = now.on.includes(payload.ghosts[i]);
      box.disabled = !now.step.ghosts[i];
    });
    const i = now.term === null ? payload.rows.length - 1 : now.term,
      row = payload.rows[i],
      a = placeOf(now.at),
      v = value(row.v, a);
    about.replaceChildren(
      h("div", { class: "tl-h2" }, row.title, " ", h("span", { class: "tl-meta" }, row.key)),
      h("p", null, row.say),
      row.f ? h("div", { class: "ua-f" }, formula(row.f)) : "",
      hasNumbers(row, now.step, i)
        ? h("div", { class: "ua-f" }, h("span", { class: "tl-meta" }, `${payload.names[a]}: `), filled(row, value, a), h("b", null, ` = ${short(v, 5)}`))
        : h("div", { class: "ua-f" }, h("span", { class: "tl-meta" }, `${payload.names[a]}: `), h("b", null, short(v, 5))),
    );
    drawPlane(now, row, value, ghosts);
    const exact = now.step.exact ? "bit for bit" : `${payload.name} + step is not the new ${payload.name}`;
    f.narr.replaceChildren(now.step.says, " ", h("span", { class: now.step.exact ? "tl-ok" : "tl-bad" }, now.step.exact ? "\u2713 " : "\u2717 "), h("span", { class: "tl-meta" }, exact));
    const count = f.root.querySelector(".tl-count");
    if (count) count.replaceChildren("t = ", h("b", null, String(now.step.t)), ` of ${payload.steps.at(-1).t}`);
  }

  function drawPlane(now, row, value, ghosts) {
    map.el.parentElement.hidden = now.other === undefined;
    if (now.other === undefined) return;
    const pair = [now.at, now.other].map(placeOf),
      two = (k) => pair.map((p) => value(k, p)),
      delta = payload.rows.at(-1).v,
      here = two(payload.before);
    const path = payload.steps.slice(0, Math.max(0, f.state.step)).map((st) => {
      const past = reader(st);
      return pair.map((p, q) => past(payload.before, p) - here[q]);
    });
    const shows = row.block < 2 && !row.root && row.hue !== "grad" && !single(now.step, row.v);
    map.update({
      names: pair.map((p) => payload.names[p]),
      step: two(delta),
      grad: two(payload.rows[0].v),
      term: shows ? two(row.v) : null,
      trail: path,
      ghosts: ghosts.filter((g) => g.deltas).map((g) => ({ label: g.label, dash: g.dash, step: pair.map((p) => g.deltas[p]) })),
    });
    const choices = now.rest.map((i) => [String(i), payload.names[placeOf(i)]]);
    if (JSON.stringify(choices) !== other.dataset.of) {
      other.dataset.of = JSON.stringify(choices);
      other.replaceChildren(...choices.map(([v, text]) => h("option", { value: v }, text)));
    }
    other.value = String(now.other);
  }

  const move = (by) => () => {
    const now = read(f.state).term,
      n = payload.rows.length,
      term = now === null ? (by > 0 ? 0 : n - 1) : Math.max(0, Math.min(n - 1, now + by));
    f.set({ term });
    const line = table.lineOf(term);
    if (line) line.focus();
  };
  const turn = (by) => () => {
    const { columns, at } = read(f.state);
    f.set({ at: columns[(columns.indexOf(at) + by + columns.length) % columns.length] });
  };
  const n = payload.steps.length;
  const f = frame(
    { model, el },
    {
      title: options.title,
      meta: `${payload.rule} \u00b7 ${payload.dtype} \u00b7 ${payload.shape.length ? shapeText(payload.shape) : "one number"} \u00b7 ${payload.hypers}`,
      steps: n - 1,
      phases: [{ name: "update", count: n - 1, hue: "upd" }],
      start: { term: null, at: null, other: null, columns: null, ghosts: null },
      draw,
      help: [
        ["\u2191 \u2193", "term before, next term"],
        ["[ ]", "coordinate before, next coordinate"],
        ["C", "type the index of a coordinate"],
        ["Escape", "the whole step again"],
      ],
      about: "Rows stand in the order of the rule. Every bar begins at the line in the middle; hatched is negative; dashed is a step that was not taken.",
      exports: fileExports(() => f, model, "anatomy"),
      escape: () => f.set({ term: null }),
      keys: { ArrowUp: move(-1), ArrowDown: move(1), "[": turn(-1), "]": turn(1), c: () => typed.focus() },
    },
  );
  f.root.classList.add("tl-anatomy");
  f.stage.classList.add("tl-wide");
  f.panel.append(h("div", { class: "ua-side" }, h("div", { class: "ua-left-side" }, about, toggles), h("div", { class: "ua-map" }, map.el, h("label", { class: "tl-meta" }, "up: ", other))));
  const heard = f.guard((m) => {
    if (m.kind === "say") f.narr.textContent = m.text;
  });
  const renewed = f.guard(() => {
    payload = model.get("payload");
    mountTable();
    f.draw();
    if (asked !== null && placeOf(asked) >= 0) add(asked);
    asked = null;
  });
  model.on("msg:custom", heard);
  model.on("change:payload", renewed);
  mountTable();
  f.draw();
  return () => {
    model.off("msg:custom", heard);
    model.off("change:payload", renewed);
    f.destroy();
  };
}

const widget = { render: mount };
export default widget;
