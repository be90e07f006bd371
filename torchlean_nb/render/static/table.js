// The tape as a table: the text twin of the graph, and a widget of its own.

const COLUMNS = [
  { key: "id", head: "#", num: true, of: (n) => n.id },
  { key: "name", head: "name", of: (n) => n.name || "" },
  { key: "op", head: "op", of: (n) => n.op },
  { key: "parents", head: "from", of: (n, trace) => n.parents.map((p) => trace.node(p).label).join(", ") },
  { key: "grad?", head: "\u2207?", tip: "requires a gradient", of: (n) => (n.requires_grad ? "yes" : "no") },
  { key: "shape", head: "shape", of: (n, trace) => shapeText(trace.value(n.id).shape) },
  { key: "value", head: "value", num: true, ink: "tl-vi" },
  { key: "gradient", head: "gradient", num: true, ink: "tl-gi" },
];

/** A number, or the largest magnitude of an array. */
export function summary(a) {
  if (!a) return "";
  if (!a.data.length) return "empty";
  if (size(a.shape) === 1) return short(a.data[0]);
  return `max|\u00b7| ${short(absmax(a), 3)}`;
}

/** What the cell of a column says of a node at step k. */
export function cellText(column, node, trace, k) {
  if (column === "value") return node.t <= k ? summary(trace.value(node.id)) : "";
  if (column === "gradient") {
    if (k <= trace.forward) return "";
    return node.requires_grad || node.id === trace.output ? summary(trace.gradAt(node.id, k)) || "not yet" : "none";
  }
  return String(COLUMNS.find((c) => c.key === column).of(node, trace));
}

const magnitude = (a) => (a ? absmax(a) : -1);

/** Nodes that match the filter, in the chosen order. */
export function arrange(trace, { sort = "id", down = false, filter = "" }, k) {
  const word = filter.trim().toLowerCase();
  const list = [...trace.byId.values()].filter(
    (n) =>
      !word ||
      [String(n.id), n.label, n.op, n.scope, n.role, shapeText(trace.value(n.id).shape)].some((t) =>
        String(t).toLowerCase().includes(word),
      ),
  );
  const key =
    {
      id: (n) => n.id,
      value: (n) => magnitude(trace.value(n.id)),
      gradient: (n) => magnitude(trace.gradAt(n.id, k)),
      shape: (n) => size(trace.value(n.id).shape),
    }[sort] || ((n) => cellText(sort, n, trace, k).toLowerCase());
  return list
    .map((n) => [key(n), n])
    .sort(([a, m], [b, n]) => (a < b ? -1 : a > b ? 1 : m.id - n.id) * (down ? -1 : 1))
    .map(([, n]) => n);
}

/** Table of the nodes; `pick(id)` is called for the row that is clicked or entered, `now` is that of the current step. */
export function nodeTable(trace, { pick, columns = COLUMNS.map((c) => c.key), search = true }) {
  const cols = COLUMNS.filter((c) => columns.includes(c.key)),
    view = { sort: "id", down: false, filter: "" };
  let step = trace.steps,
    selected = null;
  const sortBy = (key) => () => {
    view.down = view.sort === key && !view.down;
    view.sort = key;
    order();
  };
  const heads = cols.map((c) =>
    h(
      "th",
      { scope: "col", class: c.num ? "tl-n" : "", title: c.tip || null },
      h("button", { type: "button", onclick: sortBy(c.key) }, c.head),
    ),
  );
  const rows = new Map(
    [...trace.byId.values()].map((n) => {
      const cells = cols.map((c) => h("td", { class: `${c.num ? "tl-n " : ""}${c.ink || ""}` }));
      const row = h("tr", { tabindex: "-1", "data-row": String(n.id), onclick: () => pick(n.id) }, cells);
      return [n.id, { row, cells, n }];
    }),
  );
  const body = h("tbody"),
    count = h("span", { class: "tl-meta", role: "status" });
  const input = h("input", {
    type: "search",
    placeholder: "filter",
    "aria-label": "Filter nodes",
    oninput: () => {
      view.filter = input.value;
      order();
    },
  });
  const el = h(
    "div",
    null,
    search && h("div", { class: "tl-bar" }, input, count),
    h("table", { class: "tl-grid", "aria-label": "Nodes of the tape" }, h("thead", null, h("tr", null, heads)), body),
  );

  function order() {
    const list = arrange(trace, view, step);
    body.replaceChildren(...list.map((n) => rows.get(n.id).row));
    count.textContent = `${list.length} of ${trace.nodes.length} nodes`;
    heads.forEach((th, i) => {
      const on = cols[i].key === view.sort;
      th.setAttribute("aria-sort", on ? (view.down ? "descending" : "ascending") : "none");
      th.firstChild.textContent = cols[i].head + (on ? (view.down ? " \u2193" : " \u2191") : "");
    });
    roving();
  }

  function roving() {
    const list = [...body.children],
      now = list.find((r) => +r.dataset.row === selected) || list[0];
    list.forEach((r) => {
      r.tabIndex = r === now ? 0 : -1;
    });
  }

  body.addEventListener("keydown", (e) => {
    const row = e.target.closest("tr"),
      to = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[e.key];
    if (e.key === "Enter" || e.key === " ") pick(+row.dataset.row);
    else if (to && row[to]) row[to].focus();
    else if (!to) return;
    e.preventDefault();
    e.stopPropagation();
  });

  function update(k, chosen, now = null) {
    step = k;
    selected = chosen;
    for (const { row, cells, n } of rows.values()) {
      cells.forEach((td, i) => {
        const text = cellText(cols[i].key, n, trace, k);
        if (td.textContent !== text) td.textContent = text;
      });
      row.className = n.id === chosen ? "tl-sel" : n.id === now ? "tl-now" : n.t > k ? "tl-dim" : "";
      if (n.id === now) row.setAttribute("aria-current", "step");
      else row.removeAttribute("aria-current");
      row.setAttribute("aria-selected", String(n.id === chosen));
    }
    roving();
  }

  /** Scrolls the stage so that a row is seen below the sticky head. */
  function reveal(id) {
    const r = rows.get(id).row.getBoundingClientRect(),
      view = el.parentElement.getBoundingClientRect();
    el.parentElement.scrollTop += Math.min(0, r.top - view.top - 28) + Math.max(0, r.bottom - view.bottom);
  }

  order();
  return { el, update, reveal, input };
}
