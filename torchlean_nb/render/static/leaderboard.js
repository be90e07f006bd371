// Leaderboard: places on every problem, loss against learning rate, what was equal and what was not.

/** What is shown, out of a state that may come from anywhere. */
export function boardState(payload, options, state) {
  const whole = (v, n, otherwise) => (Number.isInteger(v) && v >= 0 && v < n ? v : otherwise),
    keys = payload.metrics.map(([key]) => key),
    metric = [state.metric, options.metric, keys[0]].find((key) => keys.includes(key)),
    by = whole(state.by, payload.problems.length, 0);
  return {
    metric,
    by,
    off: Array.isArray(state.off) ? payload.names.filter((n) => state.off.includes(n)) : [],
    chosen: whole(state.chosen, payload.names.length, boardOrder(payload, metric, by)[0]),
    prints: state.prints === true,
  };
}

/** Contenders in the order of their places on one problem, who did not take part last. */
export function boardOrder(payload, metric, by) {
  const at = (i) => (payload.cells[metric][i][by] || [payload.names.length])[0];
  return payload.names.map((_, i) => i).sort((a, b) => at(a) - at(b) || a - b);
}

const boardDrawing = (inside, [w, t], label) => {
  const svg = safeMarkup(`<svg class="tl-scene tl-lb-panel" viewBox="0 0 ${w} ${t}" role="img">${inside}</svg>`);
  svg.setAttribute("aria-label", label);
  return svg;
};
const boardMark = (markup) => safeMarkup(`<svg class="tl-scene tl-lb-mark" viewBox="-8 -8 16 16" aria-hidden="true">${markup}</svg>`);
const boardSign = (d) => s("svg", { class: "tl-lb-sign", viewBox: "0 0 14 14", "aria-hidden": "true" }, s("path", { d }));
const BOARD_LOCK = "M3.5 6.5V4.3a3.5 3.5 0 0 1 7 0v2.2M2 6.5h10v6.5H2z",
  BOARD_WARN = "M7 1.5L13 12.5H1zM7 5.5v3.4M7 10.2v1.2";

function render({ model, el }) {
  const p = model.get("payload"),
    options = model.get("options") || {},
    now = () => boardState(p, options, f.state),
    scene = (metric) => (metric === "median" ? "best" : metric);

  const flip = (i) => {
    const off = now().off,
      name = p.names[i];
    f.set({ off: off.includes(name) ? off.filter((n) => n !== name) : [...off, name] });
  };
  const choose = (by) => () => {
    const { metric, by: problem, chosen } = now(),
      order = boardOrder(p, metric, problem);
    f.set({ chosen: order[Math.max(0, Math.min(order.length - 1, order.indexOf(chosen) + by))] });
  };
  const turn = (by) => () => f.set({ by: Math.max(0, Math.min(p.problems.length - 1, now().by + by)) });
  const next = () => f.set({ metric: p.metrics[(p.metrics.findIndex(([key]) => key === now().metric) + 1) % p.metrics.length][0] });

  const f = frame(
    { model, el },
    {
      title: options.title,
      meta: `${p.names.length} contender${p.names.length === 1 ? "" : "s"}, ${p.problems.length === 1 ? p.headings[0] : `${p.problems.length} problems`}`,
      steps: 0,
      table: true,
      start: { metric: null, off: [], chosen: null, by: 0, prints: false },
      about:
        "Every line is a contender over its learning rates: the median of the seeds, and a band from the least to the most. A ring is a best rate on the edge of its grid, a cross a rate at which it diverged. Who shares a place was not ahead with every seed.",
      help: [
        ["\u2191 \u2193", "choose a contender"],
        ["X", "hide or show it"],
        ["M", "next measure"],
        ["\u2190 \u2192", "sort by another problem"],
        ["T", "all numbers as a table"],
      ],
      keys: { ArrowUp: choose(-1), ArrowDown: choose(1), ArrowLeft: turn(-1), ArrowRight: turn(1), x: () => flip(now().chosen), m: next },
      exports: fileExports(() => f, model, "fair"),
      draw: () => paint(now()),
    },
  );
  f.root.classList.add("tl-flow", "tl-xp", "tl-lb");
  f.body.classList.add("tl-low");
  f.panel.parentElement && f.panel.parentElement.remove();

  // -- what is looked at -----------------------------------------------------------------------------
  const measure = choices("measure", p.metrics, (metric) => f.set({ metric }));
  f.body.before(h("div", { class: "tl-xp-bar" }, measure.el));

  // -- padlock -----------------------------------------------------------------------------------------
  const chips = p.equal.map(([text, title]) => h("li", { class: "tl-lb-chip", title }, text)),
    more = h("button", { type: "button", class: "tl-link", "aria-expanded": "false", onclick: f.guard(() => f.set({ prints: !now().prints })) }, "fingerprints"),
    badge = h("p", { class: "tl-lb-badge", hidden: !p.unfair.length }, boardSign(BOARD_WARN), h("span", null, `not fair: ${p.unfair.join("; ")}`)),
    heads = ["problem", "seed", "first parameters", "order of the data"],
    prints = h(
      "div",
      { class: "tl-lb-prints", tabindex: "0", role: "region", "aria-label": "Fingerprints" },
      h("table", null, h("thead", null, h("tr", null, heads.map((t) => h("th", { scope: "col" }, t)))), h("tbody", null, p.prints.map((row) => h("tr", null, row.map((t) => h("td", null, t)))))),
    ),
    lock = h("div", { class: "tl-lb-lock", role: "group", "aria-label": "What was equal" }, boardSign(BOARD_LOCK), h("span", { class: "tl-meta" }, "equal"), h("ul", null, chips), more, badge);

  // -- the board -----------------------------------------------------------------------------------------
  const columns = p.problems.map((name, k) => h("button", { type: "button", class: "tl-link", title: `${p.headings[k]}. Sort by it.`, onclick: f.guard(() => f.set({ by: k })) }, name)),
    ranks = p.problems.map((_, k) => h("th", { scope: "col" }, columns[k])),
    rows = p.names.map((name, i) => {
      const box = h("input", { type: "checkbox", "aria-label": `Show ${name}`, onchange: f.guard(() => flip(i)) }),
        cells = p.problems.map((problem) => h("td", { "data-of": problem }));
      const pick = h("button", { type: "button", class: "tl-lb-name", onclick: f.guard(() => f.set({ chosen: i })) }, boardMark(p.marks[i]), h("span", null, name));
      return { el: h("tr", { onmouseenter: () => light(i), onmouseleave: () => light(-1) }, h("td", { class: "tl-lb-on" }, box), h("td", null, pick), cells), box, pick, cells };
    }),
    body = h("tbody"),
    board = h("div", { class: "tl-lb-board" }, h("table", null, h("thead", null, h("tr", null, h("th"), h("th", { scope: "col" }, "contender"), ranks)), body)),
    notes = h("ul", { class: "tl-lb-notes", "aria-label": "Remarks of the referee" }, p.notes.map((text) => h("li", null, boardSign(BOARD_WARN), h("span", null, text)))),
    panels = h("div", { class: "tl-lb-panels" }),
    twin = h("div", { class: "tl-grid tl-lb-twin", tabindex: "0", role: "region", "aria-label": "All numbers" });
  f.stage.append(panels, twin);
  f.below.append(lock, prints, board, notes);

  const groups = (i) => panels.querySelectorAll(`[data-c="${i}"]`);
  let over = -1; // the row under the mouse
  function light(i) {
    const { chosen, off } = now(),
      alone = i >= 0 && !off.includes(p.names[i]); // who is hidden cannot stand out
    over = i;
    p.names.forEach((name, k) => groups(k).forEach((g) => g.classList.toggle("tl-lb-dim", alone && k !== i)));
    if (!off.includes(p.names[chosen])) groups(chosen).forEach((g) => g.classList.add("tl-lb-chosen"));
  }

  let drawn = null;
  function paint({ metric, off, chosen, by, prints: open }) {
    measure.update(metric);
    if (drawn !== metric) {
      const pictures = p.panels[scene(metric)].map((svg, k) => boardDrawing(svg, p.size, `${p.problems[k]}, against the learning rate`));
      if (p.slopes[metric]) pictures.push(boardDrawing(p.slopes[metric][0], [p.size[0], p.slopes[metric][1]], "Places from problem to problem"));
      panels.replaceChildren(...pictures);
      drawn = metric;
    }
    const order = boardOrder(p, metric, by);
    columns.forEach((b, k) => b.setAttribute("aria-pressed", String(k === by)));
    ranks.forEach((th, k) => th.setAttribute("aria-sort", k === by ? "ascending" : "none"));
    rows.forEach(({ el: tr, box, pick, cells }, i) => {
      const shown = !off.includes(p.names[i]);
      box.checked = shown;
      pick.setAttribute("aria-pressed", String(i === chosen));
      tr.classList.toggle("tl-sel", i === chosen);
      tr.classList.toggle("tl-lb-off", !shown);
      groups(i).forEach((g) => {
        g.classList.toggle("tl-lb-hidden", !shown);
        g.classList.toggle("tl-lb-chosen", i === chosen);
      });
      cells.forEach((td, k) => {
        const cell = p.cells[metric][i][k];
        td.replaceChildren(...(cell ? [h("span", { class: "tl-lb-place" }, cell[1]), h("span", { class: "tl-lb-value" }, cell[2]), h("span", { class: "tl-lb-small" }, cell[3])] : ["did not run"]));
      });
    });
    if (order.some((i, k) => body.rows[k] !== rows[i].el)) {
      const held = document.activeElement;
      body.replaceChildren(...order.map((i) => rows[i].el));
      if (held && body.contains(held)) held.focus({ preventScroll: true });
    }
    light(over);
    panels.hidden = !!f.state.table;
    twin.hidden = !f.state.table;
    if (f.state.table) {
      const line = (row) => h("tr", null, row.map((v, c) => h("td", { class: c > 1 ? "tl-n" : "" }, c === 1 ? p.names[v] : v)));
      const head = h("tr", null, p.head.map((t, c) => h("th", { scope: "col", class: c > 1 ? "tl-n" : "" }, t)));
      twin.replaceChildren(h("table", null, h("thead", null, head), h("tbody", null, p.twin[scene(metric)].filter((row) => !off.includes(p.names[row[1]])).map(line))));
    }
    prints.hidden = !open;
    more.setAttribute("aria-expanded", String(open));
    const said = p.names.length ? p.says[metric][chosen][by] : "There are no contenders.";
    f.narr.textContent = [said, p.moves[metric]].filter(Boolean).join(" ");
  }
  f.draw();
  return f.destroy;
}

const widget = { render };
export default widget;
