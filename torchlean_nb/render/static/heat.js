// Heat maps: hue = role, strength = |v|, hatch and printed minus = negative.
// The chosen entry decides which slice and which 8 by 8 window is seen, so there is no other state.

export const WINDOW = 8;

/** Rows and columns of the window around an entry: `{rows, cols, r0, c0, index(i, j)}`. */
export function windowOf(shape, entry, limit = WINDOW) {
  const rank = shape.length,
    row = rank > 1 ? entry[rank - 2] : 0,
    col = rank ? entry[rank - 1] : 0;
  const R = rank > 1 ? shape[rank - 2] : 1,
    C = rank ? shape[rank - 1] : 1;
  const r0 = Math.floor(row / limit) * limit,
    c0 = Math.floor(col / limit) * limit;
  return {
    r0,
    c0,
    row,
    col,
    R,
    C,
    rows: Math.min(limit, R - r0),
    cols: Math.min(limit, C - c0),
    index: (i, j) => (rank > 1 ? [...entry.slice(0, rank - 2), r0 + i, c0 + j] : rank ? [c0 + j] : []),
  };
}

/** Entry moved along an axis, kept inside. */
export function moved(entry, axis, by, shape) {
  const out = [...entry];
  out[axis] = Math.max(0, Math.min(shape[axis] - 1, out[axis] + by));
  return out;
}

/** One map; `update` changes cells in place. `pick(index)` is called when a cell is chosen. */
export function heatMap({ hue, pick, heads = false, label = "", limit = WINDOW }) {
  const table = h("table", { class: "tl-heat", role: "grid", tabindex: "0", style: { "--hue": `var(--${hue})` } });
  const word = h("span"),
    note = h("span"),
    origin = h("div"),
    caption = h("div", { class: "tl-lab" }, h("div", { class: "tl-cap" }, word, note), origin);
  const lone = h("b", { class: `tl-big tl-${hue[0]}i`, hidden: true });
  const el = h("div", { class: "tl-map" }, caption, table, lone);
  let cells = [],
    shownAs = "",
    array = null,
    view = null,
    chosen = null;

  table.addEventListener("click", (e) => {
    const td = e.target.closest("td");
    if (td) pick(view.index(+td.dataset.i, +td.dataset.j));
  });
  table.addEventListener("keydown", (e) => {
    const rank = array.shape.length,
      r = rank - 2,
      c = rank - 1;
    const step = {
      ArrowLeft: [c, -1],
      ArrowRight: [c, 1],
      ArrowUp: [r, -1],
      ArrowDown: [r, 1],
      PageUp: [r, -limit],
      PageDown: [r, limit],
    }[e.key];
    if (!step || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    e.stopPropagation();
    if (step[0] >= 0) pick(moved(chosen, step[0], step[1], array.shape));
  });

  function rebuild() {
    const line = (i) =>
      h(
        "tr",
        { role: "row" },
        heads && h("th", { scope: "row" }),
        Array.from({ length: view.cols }, (_, j) =>
          h("td", { role: "gridcell", "data-i": String(i), "data-j": String(j) }),
        ),
      );
    const top =
      heads &&
      h(
        "tr",
        null,
        h("th"),
        Array.from({ length: view.cols }, () => h("th", { scope: "col" })),
      );
    table.replaceChildren(...[top, ...Array.from({ length: view.rows }, (_, i) => line(i))].filter(Boolean));
    table.classList.toggle("tl-eight", view.cols > 6);
    cells = [...table.querySelectorAll("td")];
  }

  /** Shows an array; `name` and the source `from` stand above it, and never beside their map. */
  function update(next, { entry, top = absmax(next), name = label, from = "", digits = 3, ink = "" }) {
    array = next;
    chosen = entry;
    view = windowOf(next.shape, entry, limit);
    const as = `${view.rows}.${view.cols}`,
      look = scale(top, /int|bool/.test(next.dtype), digits);
    table.hidden = !next.shape.length;
    lone.hidden = !table.hidden;
    el.classList.toggle("tl-lone", !lone.hidden);
    if (lone.hidden && as !== shownAs) rebuild();
    if (lone.hidden) shownAs = as;
    if (word.textContent !== name) word.textContent = name;
    if (origin.textContent !== from) origin.textContent = from;
    caption.title = from ? `${name}, ${from}` : name;
    caption.className = `tl-lab ${ink}`;
    caption.hidden = !name && !look.note;
    note.textContent = look.note ? ` ${look.note}` : "";
    if (!lone.hidden) {
      lone.textContent = short(next.data[0], 5);
      note.textContent = "";
      return el;
    }
    table.setAttribute("aria-label", `${name || "gradient"} ${look.note}`.trim());
    let q = 0;
    for (let i = 0; i < view.rows; i++) {
      for (let j = 0; j < view.cols; j++, q++) {
        const td = cells[q],
          v = at(next, view.index(i, j)),
          here = view.r0 + i === view.row && view.c0 + j === view.col;
        const text = Number.isNaN(v) && offset(next, view.index(i, j)) < 0 ? "\u2026" : fixed(v * look.by, look.d);
        if (td.firstChild === null || td.firstChild.data !== text) td.textContent = text;
        const mix = `${Math.round(8 + 52 * Math.min(1, Math.abs(v) / (top || 1) || 0))}%`;
        if (td.mix !== mix) {
          td.style.setProperty("--p", mix);
          td.mix = mix;
        }
        if (td.classList.contains("tl-neg") !== v < 0) td.classList.toggle("tl-neg", v < 0);
        if ((td.getAttribute("aria-selected") === "true") !== here) td.setAttribute("aria-selected", String(here));
      }
    }
    if (heads) {
      const many = next.shape.length > 1;
      table.querySelectorAll("th[scope=row]").forEach((th, i) => {
        th.textContent = many ? view.r0 + i : "";
      });
      table.querySelectorAll("th[scope=col]").forEach((th, j) => {
        th.textContent = many && view.cols < 5 ? `[:, ${view.c0 + j}]` : view.c0 + j;
      });
    }
    return el;
  }
  return { el, update };
}

/** Controls that move the entry where a map shows only part of an array; empty when it shows all. */
export function axes(pick, limit = WINDOW) {
  const el = h("div", { class: "tl-axes" });
  let array = null,
    entry = null,
    built = "",
    refresh = [];
  const move = (axis, by) => pick(moved(entry, axis, by, array.shape));

  function slider(a) {
    const input = h("input", {
      type: "range",
      min: "0",
      max: String(array.shape[a] - 1),
      "aria-label": `Slice along axis ${a}`,
      oninput: () => move(a, +input.value - entry[a]),
    });
    const text = h("span");
    refresh.push(() => {
      input.value = entry[a];
      text.textContent = `${entry[a]} of 0\u2013${array.shape[a] - 1}`;
    });
    return h("label", { class: "tl-axis" }, `axis ${a}`, input, text);
  }

  function pages(axis, word, first, count) {
    const n = array.shape[axis],
      text = h("span");
    const back = h(
      "button",
      { type: "button", "aria-label": `Earlier ${word}`, onclick: () => move(axis, -limit) },
      "\u2039",
    );
    const on = h(
      "button",
      { type: "button", "aria-label": `Later ${word}`, onclick: () => move(axis, limit) },
      "\u203a",
    );
    refresh.push((v) => {
      text.textContent = `${word} ${v[first]}\u2013${v[first] + v[count] - 1} of ${n}`;
      back.disabled = v[first] === 0;
      on.disabled = v[first] + v[count] >= n;
    });
    return h("span", { class: "tl-axis" }, text, back, on);
  }

  function rebuild() {
    const rank = array.shape.length,
      parts = [];
    refresh = [];
    for (let a = 0; a < rank - 2; a++) parts.push(slider(a));
    if (rank > 1 && array.shape[rank - 2] > limit) parts.push(pages(rank - 2, "rows", "r0", "rows"));
    if (rank && array.shape[rank - 1] > limit) parts.push(pages(rank - 1, "columns", "c0", "cols"));
    if (size(array.sent) < size(array.shape)) {
      parts.push(
        h("span", { class: "tl-axis" }, `the first ${shapeText(array.sent)} of ${shapeText(array.shape)} travelled`),
      );
    }
    el.replaceChildren(...parts);
  }

  return {
    el,
    update(next, at) {
      const key = `${next.shape}|${next.sent}`;
      array = next;
      entry = at;
      if (key !== built) rebuild();
      built = key;
      const view = windowOf(array.shape, entry, limit);
      refresh.forEach((f) => f(view));
      return el;
    },
  };
}
