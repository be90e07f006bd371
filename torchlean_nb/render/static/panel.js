// The panel of the stepper: what happens now, formula, numbers, maps, and where it came from.

const PLUS_LIMIT = 8;

/** Path of a gradient as text: the middle folded, the output left out where there is more to say. */
export function pathText(labels, limit = 3) {
  const list = labels.length > 2 ? labels.slice(1) : labels;
  return list.length > limit ? [list[0], "\u22ef", ...list.slice(-2)] : list;
}

/** Attributes of an op in a few words. */
export function attrsText(attrs) {
  const word = (v) =>
    v === null
      ? "none"
      : Array.isArray(v)
        ? `(${v.slice(0, 6).map(word).join(", ")}${v.length > 6 ? ", \u2026" : ""})`
        : typeof v === "number"
          ? short(v)
          : typeof v === "object"
            ? "\u2026"
            : String(v);
  return Object.entries(attrs || {})
    .map(([k, v]) => `${k}=${word(v)}`)
    .join(", ");
}

/** Rows of a ledger that are shown: all, or the first ones with what the hidden ones add together. */
export function capped(rows, step, limit = PLUS_LIMIT) {
  if (rows.length <= limit) return { rows, rest: null };
  const current = rows.findIndex((r) => r.step === step),
    first = Math.max(0, Math.min(rows.length - limit, current - limit + 2));
  const seen = rows.slice(first, first + limit),
    hidden = rows.filter((r) => !seen.includes(r));
  return {
    rows: seen,
    rest: { count: hidden.length, adds: hidden.filter((r) => r.step <= step).reduce((a, r) => a + r.adds, 0) },
  };
}

const sumLine = (parts) =>
  parts.flatMap(([a, b], i) => [i ? " + " : "", h("span", null, `${factor(a)}\u00b7${factor(b)}`)]);

/** An elementwise op at one entry: its formula with the numbers put in, null where they did not all travel. */
export function entryNumbers(trace, node, template, index) {
  const args = node.parents.map((p) => {
    const a = trace.value(p),
      lead = index.length - a.shape.length;
    return at(
      a,
      a.shape.map((n, i) => (n === 1 ? 0 : index[i + lead])),
    );
  });
  if (args.some(Number.isNaN)) return null;
  return template.replace(/#\{?(\d+)\}?/g, (_, i) => factor(args[i - 1], 4));
}

export function panel(host, trace, payload, { choose, pin, lightPath, guess, pins = true }) {
  const part = (cls, tag = "div") => host.appendChild(h(tag, { class: cls, hidden: true }));
  const head = part("tl-head"),
    form = part("tl-f"),
    withNumbers = part("tl-f tl-small"),
    entryLine = part("tl-num", "p"),
    ask = part("tl-ask");
  const maps = part("tl-maps"),
    control = axes(choose),
    book = part("tl-book"),
    links = part("tl-num", "p");
  const value = heatMap({ hue: "value", pick: choose, label: "value" });
  const [there, arrives, total] = ["there", "arrives", "so far"].map((label) =>
    heatMap({ hue: "grad", pick: choose, label }),
  );
  const signs = [h("span", { class: "tl-op" }, "+"), h("span", { class: "tl-op" }, "=")];
  maps.append(there.el, signs[0], arrives.el, signs[1], total.el, value.el);
  host.insertBefore(control.el, book);
  const predictor = prediction(ask, guess);
  const show = (el, on) => {
    if (el.hidden === on) el.hidden = !on;
    return on;
  };
  const put = (el, ...children) => {
    el.replaceChildren(...children.flat(3).filter((c) => c || c === 0));
    show(el, el.childNodes.length > 0);
  };
  let lastHead = "";

  function heading(node, meta, pinned) {
    const key = [node.id, meta, pinned].join("|");
    if (key === lastHead) return;
    lastHead = key;
    put(
      head,
      h("div", { class: "tl-h2", title: node.label }, node.label),
      h("span", { class: "tl-meta", title: meta }, meta),
      h("span", { class: "tl-sp" }),
      pinned && pins
        ? h("button", { type: "button", class: "tl-link", "aria-label": "Unpin", onclick: () => pin(null) }, "unpin")
        : null,
      h("span", { class: "tl-tag" }, `${node.role} \u00b7 ${shapeText(trace.value(node.id).shape)}`),
    );
  }

  function products_(i, index, open) {
    const found = open ? null : products(trace, i, index),
      edge = trace.edges[i];
    if (!found) {
      put(entryLine, !open && edge.summed.length ? `${addedUp(i)}.` : null);
      return;
    }
    const where = index.length ? `[${index.join(", ")}]: ` : "";
    put(
      entryLine,
      where,
      sumLine(found.terms),
      found.count > found.terms.length ? ` + \u22ef (${found.count} products)` : "",
      " = ",
      h("b", { class: "tl-gi" }, short(found.total)),
      edge.summed.length ? h("span", null, `; ${addedUp(i)}`) : "",
    );
  }

  function addedUp(i) {
    const { summed, child } = trace.edges[i],
      { shape } = trace.value(child),
      n = size(summed.map((a) => shape[a]));
    const word = shape.length === 2 && summed.length === 1 ? (summed[0] === 0 ? "rows" : "columns") : "copies";
    return `${n} ${word} added up`;
  }

  function ledger(node, index, k, now, open) {
    const all = trace.ledger(node.id, index);
    if (!all.length || k <= trace.forward || !node.requires_grad) {
      show(book, false);
      return;
    }
    const last = open ? k - 1 : k,
      inSoFar = all.filter((r) => r.step <= last),
      { rows, rest } = capped(all, last);
    const say = column(
        inSoFar.flatMap((r) => [r.adds, r.total]),
        3,
      ),
      full = inSoFar.length === all.length;
    const line = (r) => {
      const labels = r.i < 0 ? ["seed"] : pathText(r.path.map((id) => trace.node(id).label)),
        known = r.step <= last;
      const row = (cls, ...cells) =>
        h(
          "tr",
          {
            class: `${cls}${r.i === now ? " tl-now" : known ? "" : " tl-dim"}`,
            onpointerenter: () => lightPath(r.path),
            onpointerleave: () => lightPath(null),
          },
          cells,
        );
      const path = row(
        "tl-way",
        h(
          "td",
          { title: r.path.map((id) => trace.node(id).label).join(" \u2192 ") },
          labels.flatMap((t, q) => [q ? h("span", { class: "tl-ar" }, " \u2192 ") : "", clip(t, 12)]),
        ),
        h("td", { class: "tl-n tl-gi" }, known ? h(r.i === now ? "b" : "span", null, say(r.adds, true)) : "?"),
        h("td", { class: "tl-n" }, known ? say(r.total) : ""),
      );
      if (r.i < 0) return path;
      const what = h("div", null, formula(payload.formulas.edges[r.i].r));
      return [path, row("tl-factor", h("td", { colspan: "3" }, what))];
    };
    const sum = inSoFar.length ? inSoFar[inSoFar.length - 1].total : 0,
      grad = trace.grad(node.id);
    const tick = full && (at(grad, index) === sum || (Number.isNaN(sum) && Number.isNaN(at(grad, index))));
    put(
      book,
      h("p", { class: "tl-lab" }, `Ledger of ${entryText(node.label, index)}`),
      h(
        "table",
        { "aria-label": `Ledger of ${entryText(node.label, index)}` },
        h(
          "thead",
          null,
          h(
            "tr",
            null,
            h("th", { scope: "col" }, "path, and what it brings"),
            ["adds", "total"].map((t) => h("th", { scope: "col", class: "tl-n" }, t)),
          ),
        ),
        h(
          "tbody",
          null,
          rows.map(line),
          rest &&
            h(
              "tr",
              { class: "tl-dim" },
              h("td", null, `${rest.count} more paths`),
              h("td", { class: "tl-n" }, say(rest.adds, true)),
              h("td"),
            ),
          h(
            "tr",
            null,
            h(
              "td",
              null,
              h("b", null, full ? "= gradient" : "so far"),
              tick ? h("span", { class: "tl-ok" }, " \u2713 ") : " ",
              h("span", { class: "tl-meta" }, `${inSoFar.length} of ${all.length} in`),
            ),
            h("td"),
            h("td", { class: "tl-n tl-gi" }, h("b", null, say(sum))),
          ),
        ),
      ),
    );
  }

  function neighbours(node) {
    const link = (id) =>
      h("button", { type: "button", class: "tl-link", onclick: () => pin(id) }, clip(trace.node(id).label, 16));
    const list = (ids) =>
      ids
        .slice(0, 6)
        .flatMap((id, q) => [q ? ", " : "", link(id)])
        .concat(ids.length > 6 ? [` and ${ids.length - 6} more`] : []);
    const uses = trace.nodes.filter((n) => n.parents.includes(node.id)).map((n) => n.id);
    put(
      links,
      node.parents.length ? ["from ", list([...new Set(node.parents)])] : null,
      node.parents.length && uses.length ? "; " : null,
      uses.length ? [node.parents.length ? "used by " : "used by ", list(uses)] : null,
    );
  }

  function nodeView(node, index, k, pinned) {
    heading(
      node,
      node.op === FOLDED
        ? `${node.attrs.nodes} nodes in one box`
        : [node.op === node.role ? "" : node.op, attrsText(node.attrs)].filter(Boolean).join(" \u00b7 "),
      pinned,
    );
    const there = node.t <= k,
      f = payload.formulas.nodes[node.id] || {},
      seed = !pinned && trace.event(k).kind === "seed";
    put(form, seed ? formula(payload.formulas.seed, true) : node.parents.length ? formula(f.f, true) : null);
    put(withNumbers, there && !seed && node.parents.length ? formula(f.n, true) : null);
    const numbers = there && !seed && f.e ? entryNumbers(trace, node, f.e, index) : null;
    if (numbers === null) put(entryLine, there ? null : "Not computed yet.");
    else {
      const result = h("b", { class: "tl-vi" }, short(at(trace.value(node.id), index)));
      put(entryLine, `[${index.join(", ")}]: ${numbers} = `, result);
    }
    const g = k > trace.forward ? trace.gradAt(node.id, k) : null;
    drawMaps(node, index, [g], there);
    ledger(node, index, k, -2, false);
    if (!node.requires_grad && k > trace.forward) put(entryLine, "No gradient is asked for here.");
    neighbours(node);
  }

  /** Gradient maps: one alone, or there + arrives = so far on one scale. */
  function drawMaps(node, index, grads, withValue, names = [["gradient"]]) {
    const three = grads.length === 3,
      top = Math.max(0, ...grads.filter(Boolean).map(absmax)),
      cols = node.shapeCols;
    const digits = three ? 3 : cols > 5 ? 3 : 4;
    [there, arrives, total].forEach((m, q) => {
      const a = three ? grads[q] : q === 1 ? grads[0] : null;
      show(m.el, !!a);
      const [name, from] = names[three ? q : 0];
      if (a)
        m.update(a, {
          entry: index,
          top: three ? top : absmax(a),
          name,
          from,
          digits,
          ink: three && q === 1 ? "tl-gi" : "",
        });
    });
    signs.forEach((s) => show(s, three));
    maps.classList.toggle("tl-three", three);
    show(maps, withValue || grads.some(Boolean));
    show(value.el, withValue);
    if (withValue) value.update(trace.value(node.id), { entry: index, digits: cols > 5 ? 3 : 4 });
    control.update(trace.value(node.id), index);
  }

  function edgeView(event, index, k, open) {
    const node = trace.node(event.id),
      from = trace.node(event.from),
      f = payload.formulas.edges[event.i];
    const before = trace.gradAt(node.id, k - 1),
      rows = trace.arrived(node.id, k);
    heading(node, `receives from ${from.label}`, false);
    put(form, open ? null : formula(f.f, true));
    put(withNumbers, open ? null : formula(f.n, true));
    products_(event.i, index, open);
    const first = rows.length > 1 ? trace.node(trace.edges[rows[0]].child).label : "",
      earlier = rows.length > 2 ? "" : node.id === trace.output ? "the seed" : `from ${first}`;
    if (open) drawMaps(node, index, [before], true, [["there"]]);
    else if (before)
      drawMaps(node, index, [before, trace.contribution(event.i), trace.gradAt(node.id, k)], false, [
        ["there", earlier],
        ["arrives", `from ${from.label}`],
        ["so far"],
      ]);
    else drawMaps(node, index, [trace.contribution(event.i)], true);
    ledger(node, index, k, event.i, open);
    put(links, null);
  }

  /** Draws the panel; `open` says that a prediction for this step is still to be made. */
  function update(state, open) {
    const k = state.step,
      event = trace.event(k),
      id = state.pin !== null && trace.node(state.pin) ? state.pin : event.id;
    if (id === null) {
      lastHead = "";
      [form, withNumbers, ask, maps, book, links].forEach((el) => show(el, false));
      control.el.replaceChildren();
      put(head, h("div", { class: "tl-h2" }, "Nothing has run yet"));
      put(
        entryLine,
        "Step on: the values appear in the order in which the tape recorded them, then the gradients in the order of the sweep.",
      );
      return;
    }
    const node = trace.node(id),
      array = (event.kind === "backward" && id === event.id && trace.gradAt(id, k)) || trace.value(id);
    const index = fits(state.entry, array.shape) ? state.entry : loudest(array);
    node.shapeCols = array.shape.length ? array.shape[array.shape.length - 1] : 1;
    const pinned = state.pin !== null && state.pin === id;
    if (event.kind === "backward" && !pinned) edgeView(event, index, k, open);
    else nodeView(node, index, open ? k - 1 : k, pinned);
    predictor.update(trace, payload, event, index, state, open && !pinned);
  }
  return { update, focus: () => predictor.focus() };
}

const clip = (text, n) => (text.length > n ? `${text.slice(0, n - 1)}\u2026` : text);
