// UpdateAnatomy: the table of the terms, built once for the chosen columns and then only filled.

const BLOCKS = [
  ["1 \u00b7 How large, how steady", "in units of the gradient; each column on its own scale"],
  ["2 \u00b7 A direction", "no unit; column edge = "],
  ["3 \u00b7 The step", "in units of the parameter; column edge = "],
];
const DASHES = ["4 2", "1.5 1.5", "6 2 1.5 2", "9 3", "2 4", "1 3"];
export const dashOf = (i) => DASHES[i % DASHES.length];

const bar = (cls) => h("i", { class: `ua-bar ${cls}` });
function place(el, from, to, scale) {
  const { left, width, past, end } = span(from, to, scale);
  el.style.setProperty("left", `${left}%`);
  el.style.setProperty("width", `max(1px, ${width}%)`);
  el.classList.toggle("ua-neg", to < from);
  el.classList.toggle("ua-past", past);
  return end;
}

/** One cell: a number above a bar, or above the two bars it is made of. */
function cell(row, ghosts) {
  const parts = row.parts.map((_, i) => bar(`ua-part ${i ? "ua-new" : "ua-old"}`)),
    whole = parts.length ? null : bar(`ua-${row.hue}`),
    said = h("span", { class: "ua-v" }),
    up = h("i", { class: "ua-join ua-up", hidden: true }),
    down = h("i", { class: "ua-join ua-down-line", hidden: true });
  const shadows = ghosts.map((g) => {
    const el = h("i", { class: "ua-bar ua-shadow" }),
      n = h("span", { class: "ua-gn" });
    el.style.setProperty("--dash", g.i);
    return { el, n, line: h("span", { class: `ua-gl ua-dash${g.i % 3}` }, el, n) };
  });
  const el = h("div", { class: "ua-cell", role: "cell" }, said, up, whole, parts, down, shadows.map((g) => g.line));
  return { el, said, whole, parts, up, down, shadows };
}

function curveOf(points, t) {
  const w = 150,
    top = Math.max(...points.map((p) => Math.abs(p[1]))) || 1,
    end = points.at(-1)[0] || 1;
  const xy = ([k, v]) => [(k / end) * w, 18 - (v / top) * 15];
  const near = points.reduce((a, p) => (Math.abs(p[0] - (t - 1)) < Math.abs(a[0] - (t - 1)) ? p : a));
  return s(
    "svg",
    { class: "ua-curve", viewBox: `-3 0 ${w + 6} 21`, "aria-hidden": "true" },
    s("path", { d: `M${points.map((p) => xy(p).join(" ")).join("L")}` }),
    s("circle", { cx: xy(near)[0], cy: xy(near)[1], r: 3 }),
  );
}

function histogramOf(whole) {
  const top = Math.max(1, ...whole.counts),
    n = whole.counts.length;
  return s(
    "svg",
    { class: "ua-hist", viewBox: `0 0 ${n * 4} 14`, "aria-hidden": "true" },
    whole.counts.map((c, i) => s("rect", { x: i * 4, y: 14 - (c / top) * 13, width: 3, height: (c / top) * 13 })),
  );
}

/** Name of a parameter and which entry, apart: of a narrow column the entry is what must stay. */
const nameAndIndex = (name) => name.split(/(?=\[[\d, ]*\]$)/).map((part) => h("span", null, part));

/** The table. `pick(flat)`, `choose(row)` are called with what was chosen. */
export function termTable(payload, { pick, choose }) {
  const el = h("div", { class: "ua", role: "table", "aria-label": `Terms of ${payload.rule} for ${payload.name}` });
  const many = payload.steps[0].whole.length > 0,
    placeOf = (flat) => payload.sent.indexOf(flat);
  let built = "",
    heads = [],
    lines = [],
    edges = [],
    last = null;

  function build(columns, ghosts) {
    el.style.setProperty("--n", columns.length + (many ? 1 : 0));
    el.classList.toggle("ua-many", columns.length > 5);
    heads = columns.map((flat) => {
      const small = h("span", { class: "tl-meta" });
      const button = h("button", { type: "button", onclick: () => pick(flat) }, h("span", { class: "ua-of" }, nameAndIndex(payload.names[placeOf(flat)])), small);
      return { flat, small, button, el: h("div", { role: "columnheader" }, button) };
    });
    last = h("div", { role: "columnheader", class: "ua-fo" });
    const head = h(
      "div",
      { class: "ua-row ua-head", role: "row" },
      h("div", { role: "columnheader", class: "ua-term" }, "term, in order"),
      heads.map((c) => c.el),
      many && h("div", { role: "columnheader", class: "ua-all" }, `all ${size(payload.shape).toLocaleString("en")}`),
      last,
    );
    edges = [null, null, null];
    let block = -1;
    const children = [head];
    lines = payload.rows.map((row, i) => {
      const shown = row.key === "delta" ? ghosts : [];
      if (row.block !== block) {
        block = row.block;
        edges[block] = h("span");
        const [name, unit] = BLOCKS[block];
        children.push(
          h("div", { class: "ua-blk", role: "row" }, h("b", { role: "cell" }, name), h("span", { role: "cell" }, unit, edges[block])),
        );
      }
      const legend = row.parts.map(([text], q) => h("span", null, h("i", { class: `ua-key ${q ? "ua-new" : "ua-old"}` }), formula(text)));
      const keys = shown.map((g) => h("small", { class: "ua-gk" }, h("i", { class: `ua-shadow ua-dash${g.i % 3}` }), h("span", null, g.label)));
      const cells = columns.map(() => cell(row, shown)),
        one = h("div", { class: "ua-one", role: "cell", hidden: true }),
        all = many ? h("div", { class: "ua-all", role: "cell" }) : null,
        number = h("b"),
        text = h("span", { class: "ua-math" }),
        versus = shown.map(() => h("div", { class: "ua-vs" }));
      const line = h(
        "div",
        { class: `ua-row${row.key === "delta" ? " ua-fin" : ""}`, role: "row", tabindex: "-1", onclick: () => choose(i), onfocus: () => choose(i) },
        h("div", { class: "ua-term", role: "rowheader" }, h("span", null, row.root ? `\u221a ${row.title}` : row.title), h("small", null, legend.length ? legend : row.line), keys),
        one,
        cells.map((c) => c.el),
        all,
        h("div", { class: "ua-fo", role: "cell" }, text, number, versus),
      );
      children.push(line);
      return { row, line, cells, one, all, number, text, versus };
    });
    el.replaceChildren(...children);
  }

  /** Shows a step: `now` is `{step, columns, at, term, ghosts}`. */
  function update(now) {
    const key = JSON.stringify([now.columns, now.ghosts.map((g) => g.label), payload.sent.length]);
    if (key !== built) build(now.columns, now.ghosts);
    built = key;
    const { step } = now,
      value = reader(step),
      places = now.columns.map(placeOf),
      chosen = placeOf(now.at),
      fall = waterfallOf(payload, step, places);
    heads.forEach((c, j) => {
      c.small.textContent = short(value(payload.before, places[j]), 3);
      c.button.setAttribute("aria-label", `${payload.names[places[j]]}, ${c.small.textContent}`);
      c.button.setAttribute("aria-pressed", String(c.flat === now.at));
    });
    last.textContent = `for ${payload.names[chosen]}, with the numbers`;
    [1, 2].forEach((b) => {
      if (edges[b]) edges[b].textContent = `${short(fall.shared[b - 1], 3)}${b === 2 && now.ghosts.length ? ", \u25b8 runs past it" : ""}`;
    });
    lines.forEach((l, i) => fill(l, i, { now, step, value, places, chosen, fall }));
  }

  function fill(l, i, { now, step, value, places, chosen, fall }) {
    const { row } = l,
      bars = fall.bars[i],
      v = drawn(row, value(row.v, chosen)),
      sums = payload.sums,
      steps = payload.rows.length - 1;
    l.line.classList.toggle("ua-now", now.term === i);
    l.line.tabIndex = now.term === i || (now.term === null && i === 0) ? 0 : -1;
    l.one.hidden = bars !== null;
    if (!bars) {
      const points = row.key === "schedule" && payload.curve;
      l.one.replaceChildren(Number.isNaN(v) ? "not of the parameter's shape" : short(v, 5), points ? curveOf(points, step.t) : "");
    }
    const say = !row.own && row.block ? column([fall.shared[row.block - 1]], 3) : (x) => short(x, 3);
    l.cells.forEach((c, j) => {
      c.el.hidden = bars === null;
      if (!bars) return;
      const { from, to } = bars[j],
        scale = fall.scale(i, j);
      c.el.classList.toggle("ua-col", now.columns[j] === now.at);
      c.said.textContent = say(to - from);
      if (c.whole) place(c.whole, from, to, scale);
      row.parts.forEach(([, k], q) => {
        const first = value(row.parts[0][1], places[j]);
        place(c.parts[q], q ? first : 0, q ? to : value(k, places[j]), scale);
      });
      const at = sums.indexOf(i),
        joins = sums.length && (at >= 0 || i === steps);
      c.down.hidden = !joins || i === steps;
      c.up.hidden = !joins || at === 0;
      const end = (x) => `${span(0, x, scale).end}%`;
      if (!c.down.hidden) c.down.style.setProperty("left", end(to));
      if (!c.up.hidden) c.up.style.setProperty("left", end(i === steps ? to : from));
      c.shadows.forEach((g, q) => {
        const delta = now.ghosts[q].deltas ? now.ghosts[q].deltas[places[j]] : NaN;
        place(g.el, 0, Number.isNaN(delta) ? 0 : delta, scale);
        g.n.textContent = Number.isNaN(delta) ? "" : say(delta);
        g.line.classList.toggle("ua-left", delta < 0);
      });
    });
    if (l.all) {
      const whole = step.whole[i];
      l.all.replaceChildren(...(whole ? [histogramOf(whole), h("span", null, `\u2016\u00b7\u2016 ${short(whole.norm, 3)}`)] : []));
    }
    l.versus.forEach((line, q) => {
      const other = now.ghosts[q].deltas ? now.ghosts[q].deltas[chosen] : NaN;
      line.replaceChildren(...(Number.isNaN(other) ? [] : [h("span", null, `${short(other / v, 2)} \u00d7 the step`), h("span", null, say(other))]));
    });
    const said = row.key === "delta" ? [short(value(payload.before, chosen), 6), " \u2192 ", short(value(payload.before, chosen) + v, 6)] : hasNumbers(row, step, i) ? [rooted(row, filled(row, value, chosen))] : [];
    l.text.replaceChildren(...said);
    l.number.textContent = Number.isNaN(v) && single(step, row.v) ? "" : say(v);
  }

  /** Element of a row, for the focus. */
  const lineOf = (i) => (lines[i] ? lines[i].line : null);
  return { el, update, lineOf };
}

/** Whether a row's formula gives its term at this step, so that numbers may stand in it. */
export const hasNumbers = (row, step, i) => !!row.n && !step.without.includes(i);

/** The formula of what is drawn, where that is the root of the term. */
function rooted(row, math) {
  if (!row.root) return math;
  const root = document.createElementNS(math.namespaceURI, "msqrt");
  root.append(...math.childNodes);
  math.append(root);
  return math;
}

/** A row's formula with the numbers of one coordinate. */
export const filled = (row, value, place) => fillIn(formula(row.n), (k) => factor(value(k, place), 3));
