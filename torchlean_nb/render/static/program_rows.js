// The lines of a program: what they compute, their statement, their lanes and what they cost; composites fold.

/** Groups that are folded at first: long parts of long programs. */
export function foldedAtFirst(payload) {
  if (payload.lines.length <= 30) return [];
  const count = payload.groups.map(() => 0);
  payload.lines.forEach((line) => count[line.group]++);
  return count.map((n, g) => (n > 8 ? g : -1)).filter((g) => g >= 0);
}

/** Steps of every group, from 1. */
export function stepsOf(payload) {
  const out = payload.groups.map(() => []);
  payload.lines.forEach((line, i) => out[line.group].push(i + 1));
  return out;
}

/** The last step of the group after (`by` 1) or before (-1) the one that step k is in. */
export function overGroup(steps, k, by) {
  const ends = steps.map((list) => list.at(-1));
  return by > 0 ? (ends.find((e) => e > k) ?? k) : (ends.findLast((e) => e < k) ?? 0);
}

/** What is known of a part: its node, and the formula. */
export const partAbout = ({ about, formula: says }) => [about, says].filter(Boolean).join(": ");

/** What a line costs: bytes it moves, or microseconds. */
const costOf = (line, by) => (by === "time" ? line.seconds || 0 : line.moved);
const costText = (v, by) => (v === 0 ? "0" : by === "time" ? secondsText(v) : v < 1e4 ? `${v} B` : byteText(v));

export function programTable(payload, { go, toggle, measured }) {
  const steps = stepsOf(payload),
    { lines, lanes } = payload,
    spans = {},
    rows = [],
    parts = [];
  const cell = (cls, ...inside) => h("div", { class: cls, role: "gridcell" }, inside),
    bar = () => cell("pv-cost", h("i"), h("span")),
    memory = (first, last) => cell("pv-mem", laneCell(lanes, first, last, spans));
  const headed = (cls, ...inside) => h("div", { class: cls, role: "columnheader" }, inside);
  const costHead = h("button", { type: "button", class: "tl-link", onclick: () => measured && measured() }, "bytes");
  const names = laneHead(lanes);
  const head = h(
    "div",
    { class: "pv-row pv-head", role: "row" },
    headed("pv-expr", "line"),
    headed("pv-shape", "shape"),
    headed("pv-src", "source"),
    headed("pv-mem", h("span", { class: "tl-sr" }, "arrays"), names),
    headed("pv-cost", measured ? costHead : h("span", { title: "bytes that a line reads and writes" }, "bytes")),
  );
  const body = h("div", { role: "rowgroup" });
  steps.forEach((list, g) => {
    const { name, formula: says } = payload.groups[g],
      about = partAbout(payload.groups[g]),
      many = list.length > 1;
    if (many) {
      const word = h("span", { class: "tl-meta" }),
        sign = h("i", { class: "pv-fold", "aria-hidden": "true" }),
        cost = bar(),
        row = h("div", { class: `pv-row pv-group pv-${lines[list[0] - 1].way}`, role: "row", "aria-level": "1", tabindex: "-1", "data-group": String(g), title: about ? `${name}, ${about}` : name }, cell("pv-part", sign, h("b", null, name), " ", word), memory(list[0], list.at(-1)), cost);
      parts[g] = { row, word, sign, list, name, about, formula: says, cost };
      body.append(row);
    }
    for (const k of list) {
      const line = lines[k - 1],
        cost = bar();
      const row = h(
        "div",
        { class: `pv-row pv-line pv-${line.way}${many ? " pv-in" : ""}`, role: "row", "aria-level": many ? "2" : "1", tabindex: "-1", "data-step": String(k), title: `${line.name} = ${line.expr}, a part of ${name}${about ? `, ${about}` : ""}` },
        cell("pv-expr", h("b", null, line.name), ` = ${line.expr}`),
        cell("pv-shape", shapeText(line.shape)),
        cell("pv-src", h("code", null, line.code)),
        memory(k, k),
        cost,
      );
      rows.push({ row, k, line, cost });
      body.append(row);
    }
  });
  const el = h("div", { class: "pv", role: "treegrid", "aria-label": "Lines of the program", style: { "--lanes": `${laneWidth(lanes.length) * lanes.length + 12}px` } }, h("div", { class: "pv-top", role: "rowgroup" }, head), body);
  const pressed = (e) => {
    const tr = e.target.closest(".pv-row");
    if (!tr) return;
    if (tr.dataset.group !== undefined) toggle(+tr.dataset.group);
    else if (tr.dataset.step) go(+tr.dataset.step);
  };
  body.addEventListener("click", pressed);
  body.addEventListener("keydown", (e) => {
    if ((e.key !== "Enter" && e.key !== " ") || e.shiftKey) return;
    e.preventDefault();
    e.stopPropagation();
    pressed(e);
  });

  function costs(by) {
    const of = (list) => list.reduce((sum, k) => sum + costOf(lines[k - 1], by), 0),
      top = Math.max(1e-12, ...lines.map((line) => costOf(line, by)));
    const show = (td, v) => {
      td.firstChild.style.width = `${Math.min(100, (100 * v) / top)}%`;
      td.lastChild.textContent = costText(v, by);
    };
    rows.forEach(({ cost, line }) => show(cost, costOf(line, by)));
    parts.forEach((p) => p && show(p.cost, of(p.list)));
    costHead.textContent = by === "time" ? "time" : "bytes";
  }

  // A step touches only what it changes: hundreds of rows and lanes stay as they are.
  let priced = "",
    shown = null,
    home = null;
  const mark = (row, on) => {
    row.classList.toggle("pv-now", on);
    row.tabIndex = on ? 0 : -1;
    if (on) row.setAttribute("aria-current", "step");
    else row.removeAttribute("aria-current");
  };
  const state = (part, row, hidden, todo) => {
    if (part.hidden !== hidden) row.hidden = part.hidden = hidden;
    if (part.todo !== todo) row.classList.toggle("pv-todo", (part.todo = todo));
  };
  function fold(p, shut) {
    p.shut = shut;
    p.row.classList.toggle("pv-shut", shut);
    p.row.setAttribute("aria-expanded", String(!shut));
    p.sign.textContent = shut ? "\u25b8" : "\u25be";
  }
  function light(lane, n, now, step) {
    const { is, at } = laneState(lane, step, now),
      key = `${is}.${at}`,
      named = laneWidth(lanes.length) >= 9;
    if (lane.was === key) return;
    lane.spans.forEach((_, i) => {
      const on = i === at ? (is === "written" ? "pv-write" : "pv-on") : "";
      if (lane.lit !== i && i !== at) return;
      for (const rect of spans[`${n}.${i}`] || []) rect.setAttribute("class", `${lane.fresh ? "pv-fresh " : ""}${on}`);
    });
    lane.lit = at;
    lane.was = key;
    names.children[n].className = `pv-${is}`;
    if (!named) names.children[n].textContent = is === "written" ? lane.name : "";
  }
  function update({ step, folded, cost }) {
    if (cost !== priced) costs((priced = cost));
    const now = lines[step - 1];
    let focus = null;
    for (const r of rows) {
      const hidden = !!parts[r.line.group] && folded.includes(r.line.group);
      state(r, r.row, hidden, r.k > step);
      if (r.k === step && !hidden) focus = r.row;
    }
    parts.forEach((p, g) => {
      const shut = folded.includes(g),
        inside = shut && !!now && now.group === g,
        word = inside ? `${now.name} = ${now.expr}` : `${p.list.length} lines \u00b7 ${p.formula || p.about}`;
      if (p.shut !== shut) fold(p, shut);
      state(p, p.row, false, p.list[0] > step);
      if (p.said !== word) p.word.textContent = p.said = word;
      if (inside) focus = p.row;
    });
    lanes.forEach((lane, n) => light(lane, n, now, step));
    if (shown && shown !== focus) mark(shown, false);
    if (focus && shown !== focus) mark(focus, true);
    shown = focus;
    if (home) home.tabIndex = -1;
    home = focus ? null : body.firstElementChild;
    if (home) home.tabIndex = 0;
    return focus;
  }
  return { el, update, steps };
}

/** The whole source with line numbers; the current one is marked. */
export function sourceView(payload, go) {
  const at = new Map();
  payload.lines.forEach((line, i) => line.src !== null && !at.has(line.src) && at.set(line.src, i + 1));
  const rows = payload.source.map((text, i) => h("li", { class: /^\s*#/.test(text) ? "pv-remark" : "" }, h("code", null, text || " "), at.has(i) && h("span", { class: "pv-step" }, payload.lines[at.get(i) - 1].name)));
  const el = h("ol", { class: "pv-text", "aria-label": "Source" }, rows);
  el.addEventListener("click", (e) => {
    const i = rows.indexOf(e.target.closest("li"));
    if (at.has(i)) go(at.get(i));
  });
  return {
    el,
    update(step) {
      const src = step ? payload.lines[step - 1].src : -1;
      rows.forEach((row, i) => {
        row.classList.toggle("pv-now", i === src);
        if (i === src) row.setAttribute("aria-current", "step");
        else row.removeAttribute("aria-current");
      });
      return rows[src] || null;
    },
  };
}
