// TrainingDashboard: the same numbers as tables, for readers of text and of screens.

const cell = (v) => (v === undefined ? "" : short(v, 5));
const headOf = (names) => h("thead", null, h("tr", null, names.map((n, i) => h("th", { scope: "col", class: i ? "tl-n" : "" }, n))));

/** Columns of the first table: `[head, curve]`. */
export function columnsOf({ runs, shown, metric }) {
  const several = runs.length > 1;
  return shown.flatMap((i) =>
    ["loss", "val_loss", metric, metric && `val_${metric}`, "lr"].filter((n) => n && runs[i].series[n]).map((n) => [several ? `${runs[i].name} ${n}` : n, runs[i].series[n]]),
  );
}

/** Series at some steps, layers at the cursor, and the events. */
export function runTables({ runs, shown, run, k, metric, stops, layer }) {
  const columns = columnsOf({ runs, shown, metric }),
    steps = telling(stops, run.events, k),
    line = (at) => h("tr", { class: at === k ? "tl-now" : "", "aria-current": at === k ? "step" : null }, h("td", null, at), columns.map(([, c]) => h("td", { class: "tl-n" }, cell(valueAt(c, at)))));
  const out = [h("table", { "aria-label": "Series at some steps" }, headOf(["step", ...columns.map(([n]) => n)]), h("tbody", null, steps.map(line)))];
  const rows = (list, whats, title) => {
    const used = whats.filter(([key]) => list.some((r) => r[key]));
    if (!used.length) return;
    const body = list.map((r) => h("tr", { class: r.path === layer ? "tl-sel" : "" }, h("td", null, r.name), used.map(([key]) => h("td", { class: "tl-n" }, cell(valueAt(r[key], k))))));
    out.push(h("table", { "aria-label": title }, headOf([title, ...used.map(([, n]) => n)]), h("tbody", null, body)));
  };
  const of = runs.length > 1 ? ` of ${run.name}` : "";
  rows(run.params, [["grad_norm", "gradient"], ["update_ratio", "update \u00f7 weight"], ["weight_norm", "weight norm"]], `layer${of} at step ${k}`);
  rows(run.units, [["activation_mean", "mean"], ["activation_std", "std"], ["dead", "dead"]], `activations${of} at step ${k}`);
  const { events } = run;
  if (events.length) out.push(h("table", { "aria-label": "Events" }, headOf(["step", "event"]), h("tbody", null, events.map((e) => h("tr", null, h("td", null, e.k), h("td", null, e.text || e.kind))))));
  return out;
}
