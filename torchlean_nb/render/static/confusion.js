// ConfusionView: counts or shares by true and predicted class, scores, and the samples behind a cell.

const CONFUSION_BY = [
  ["none", "Counts"],
  ["row", "% of true"],
  ["column", "% of predicted"],
];
const CONFUSION_NUMBERED = 20;

/** Share of a cell: of its row, of its column, or the count itself. */
export function confusionValue(payload, by, i, j) {
  const v = payload.counts[i][j],
    whole = by === "row" ? payload.rowTotals[i] : by === "column" ? payload.columnTotals[j] : 1;
  return by === "none" ? v : whole ? v / whole : 0;
}

/** Count, or per cent: whole ones, and one decimal below 10. */
export function confusionText(v, by) {
  if (by === "none") return String(v);
  return v === 0 ? "0" : v >= 0.0995 ? (100 * v).toFixed(0) : (100 * v).toFixed(1);
}

/** The cell as a sentence. */
export function confusionSentence(payload, i, j) {
  const n = payload.counts[i][j],
    [a, b] = [i, j].map((c) => (/^\d+$/.test(payload.labels[c]) ? `class ${payload.labels[c]}` : payload.labels[c])),
    of = payload.rowTotals[i],
    share = (part, whole) => (whole ? ` (${confusionText(part / whole, "row")} %)` : ""),
    was = n === 1 ? "was" : "were",
    many = of === 1 ? "sample" : "samples";
  const taken = `Of ${of} ${many} of ${a}, ${n}${share(n, of)} ${was} `;
  return i === j
    ? `${taken}recognised. Of ${payload.columnTotals[i]} taken for ${a}, ${n}${share(n, payload.columnTotals[i])} are ${a}.`
    : `${taken}taken for ${b}. The other way round it is ${payload.counts[j][i]} of ${payload.rowTotals[j]}.`;
}

function render({ model, el }) {
  const payload = model.get("payload"),
    options = model.get("options") || {},
    k = payload.labels.length,
    large = k > CONFUSION_NUMBERED,
    shelf = sampleShelf(payload.samples);
  const read = (state) => ({
    by: CONFUSION_BY.some(([name]) => name === state.by) ? state.by : options.by,
    cell: fits(state.cell, [k, k]) ? state.cell : payload.start,
  });
  const move = (di, dj) => () => {
    const [i, j] = read(f.state).cell;
    f.set({ cell: [Math.max(0, Math.min(k - 1, i + di)), Math.max(0, Math.min(k - 1, j + dj))] });
  };
  const turn = () => {
    const at = CONFUSION_BY.findIndex(([name]) => name === read(f.state).by);
    f.set({ by: CONFUSION_BY[(at + 1) % 3][0] });
  };

  const f = frame(
    { model, el },
    {
      title: options.title,
      meta: payload.headline,
      steps: 0,
      start: { cell: null, by: null },
      about: "Rows are true classes, columns predicted ones. Green with a bold number is right, orange is wrong; each of the two has its own scale.",
      help: [
        ["\u2190 \u2191 \u2192 \u2193", "choose a cell"],
        ["N", "counts, per cent of true, per cent of predicted"],
      ],
      keys: { ArrowLeft: move(0, -1), ArrowRight: move(0, 1), ArrowUp: move(-1, 0), ArrowDown: move(1, 0), n: turn },
      exports: fileExports(() => f, model, "confusion"),
      draw: (state) => paint(read(state)),
    },
  );
  f.root.classList.add("tl-cf", "tl-flow");
  f.body.classList.add("tl-low");

  // -- the matrix --------------------------------------------------------------------------------
  const buttons = CONFUSION_BY.map(([name, word]) => h("button", { type: "button", onclick: f.guard(() => f.set({ by: name })) }, word));
  const cell = (i, j) =>
    h("td", { role: "gridcell", "data-i": String(i), "data-j": String(j), class: i === j ? "cf-right" : "cf-wrong", title: confusionSentence(payload, i, j) });
  const tall = k > 5 && payload.labels.some((name) => name.length > 4);
  const grid = h(
    "table",
    { class: `cf-grid${large ? " cf-large" : ""}${tall ? " cf-tall" : ""}`, role: "grid", tabindex: "0", "aria-label": "Confusion matrix, rows true, columns predicted" },
    h("thead", null, h("tr", null, h("th", { class: "cf-corner" }, "true \\ predicted"), payload.labels.map((name) => h("th", { scope: "col", title: name }, h("span", null, name))))),
    h("tbody", null, payload.labels.map((name, i) => h("tr", { role: "row" }, h("th", { scope: "row", title: name }, h("span", null, name)), payload.labels.map((_, j) => cell(i, j))))),
  );
  const cells = [...grid.querySelectorAll("td")];
  grid.addEventListener(
    "click",
    f.guard((e) => {
      const td = e.target.closest("td");
      if (td) f.set({ cell: [+td.dataset.i, +td.dataset.j] });
    }),
  );
  f.stage.classList.add("tl-pad");
  f.stage.append(h("div", { class: "cf-by", role: "group", "aria-label": "What the cells show" }, buttons), h("div", { class: "cf-scroll" }, grid), payload.note && h("p", { class: "tl-num" }, payload.note));
  if (k > 12) f.stage.classList.add("tl-wide", "cf-wide");
  if (k > 12) f.panel.setAttribute("tabindex", "0");

  // -- the scores ----------------------------------------------------------------------------------
  const heads = ["class", "support", "precision", "recall", "F1"];
  const line = (row, i) => h("tr", null, h("td", { class: "cf-name", title: payload.labels[i] }, payload.labels[i]), row.map((v, c) => h("td", { class: "tl-n" }, c ? fixed(v, 3) : v)));
  const body = h("tbody", null, payload.scores.map(line));
  f.panel.append(h("table", { class: "cf-scores" }, h("thead", null, h("tr", null, heads.map((t, c) => h("th", { scope: "col", class: c ? "tl-n" : "" }, t)))), body));

  function paint({ by, cell: [i, j] }) {
    buttons.forEach((b, q) => b.setAttribute("aria-pressed", String(CONFUSION_BY[q][0] === by)));
    const values = cells.map((td) => confusionValue(payload, by, +td.dataset.i, +td.dataset.j)),
      top = { true: 0, false: 0 };
    cells.forEach((td, q) => {
      const right = td.classList.contains("cf-right");
      top[right] = Math.max(top[right], values[q]);
    });
    cells.forEach((td, q) => {
      const v = values[q],
        most = top[td.classList.contains("cf-right")],
        here = +td.dataset.i === i && +td.dataset.j === j;
      td.textContent = large ? "" : v ? confusionText(v, by) : "\u00b7";
      td.classList.toggle("cf-none", !v);
      td.style.setProperty("--p", `${v ? Math.round(8 + 52 * (v / most)) : 0}%`);
      td.setAttribute("aria-selected", String(here));
      if (large) td.setAttribute("aria-label", `${payload.labels[td.dataset.i]} taken for ${payload.labels[td.dataset.j]}: ${confusionText(v, by)}`);
    });
    [...body.rows].forEach((row, q) => row.classList.toggle("tl-sel", q === i || q === j));
    if (!k) {
      f.narr.textContent = "There are no classes.";
      return;
    }
    f.narr.textContent = confusionSentence(payload, i, j);
    const found = shelf(i, j, payload.counts[i][j]).filter(Boolean);
    f.below.replaceChildren(...(found.length ? [h("p", { class: "tl-lab" }, i === j ? `${payload.labels[i]}, recognised` : `${payload.labels[i]} taken for ${payload.labels[j]}`), ...found] : []));
  }
  f.draw();
  return f.destroy;
}

const widget = { render };
export default widget;
