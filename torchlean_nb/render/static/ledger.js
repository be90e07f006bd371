// GradientLedger: one gradient taken apart, row by row, and what it would be without a row.

const WATERFALL = 132;

/** Running totals over the rows that are in and ticked: `{bars, sum, limit}` for one entry. */
export function waterfall(rows, on, grad) {
  let sum = null,
    limit = Math.abs(grad) || 0;
  const bars = rows.map((r, i) => {
    const from = sum === null ? 0 : sum;
    if (on[i]) sum = sum === null ? r.adds : sum + r.adds;
    const to = sum === null ? 0 : sum;
    limit = Math.max(limit, Math.abs(to), Math.abs(r.adds) || 0);
    return { from, to, on: on[i], first: i === 0 };
  });
  return { bars, sum: sum === null ? 0 : sum, limit: limit || 1 };
}

/** What the ledger says of one entry in a sentence or two. */
export function says(name, entry, rows, arrived, on, sum, grad) {
  const n = rows.length,
    where = entryText(name, entry),
    say = column([...rows.map((r) => r.adds), grad]);
  if (!n) return `No gradient reaches ${name}.`;
  if (!arrived) return `The sweep has not reached ${name} yet: its gradient is still zero.`;
  if (arrived < n) return `${arrived} of ${n} contributions have reached ${name}; the total so far is ${say(sum)}.`;
  const off = on.filter((v) => !v).length;
  if (off) {
    const flip = sum && Math.sign(sum) !== Math.sign(grad) ? ": even the sign is wrong" : "";
    return `Without the unticked ${off === 1 ? "row" : `${off} rows`} the total is ${say(sum)} instead of ${say(grad)}${flip}.`;
  }
  if (n === 1) return `${name} is reached once, so that one contribution is its gradient.`;
  const big = rows.reduce((a, r) => (Math.abs(r.adds) > Math.abs(a.adds) ? r : a)),
    against = rows.filter((r) => r.adds * big.adds < 0);
  const via = (r) => (r.via === "seed" ? "the seed" : `the path through ${r.via}`);
  return (
    `${name} is reached ${n === 2 ? "twice" : `${n} times`}, so its gradient is the sum of ${n} contributions. ` +
    `At ${where} ${via(big)} weighs most (${say(big.adds, true)})` +
    (against.length
      ? ` and ${against.length === 1 ? via(against[0]) + " pulls" : `${against.length} others pull`} against it`
      : "") +
    "; dropping one of them is the usual bug."
  );
}

function miniGraph(mini, node) {
  const path = (points) =>
    points.slice(1).reduce((d, [x, y], i) => {
      const [px, py] = points[i],
        m = (px + x) / 2;
      return `${d}C${m} ${py} ${m} ${y} ${x} ${y}`;
    }, `M${points[0][0]} ${points[0][1]}`);
  const links = mini.links.map((l) => {
    const own = l.arg >= 0,
      line = s("path", { d: path(l.points), class: own ? "tl-own" : "tl-link-line" }),
      last = l.points.at(-1),
      before = l.points.at(-2);
    const x = before[0] * 0.66 + last[0] * 0.34,
      y = before[1] * 0.8 + last[1] * 0.2;
    const label = own
      ? s("text", { x, y: y + (before[1] > last[1] + 6 ? 15 : -7), class: "tl-gi tl-edge-n", "text-anchor": "middle" })
      : null;
    const head = own ? s("path", { class: "tl-head-g", d: `M${last[0]} ${last[1]}l9 -4.5v9z` }) : null;
    return { ...l, line, label, head };
  });
  const boxes = mini.boxes.map((b) =>
    s(
      "g",
      { class: `tl-mini tl-role-${b.role}` },
      b.id === node
        ? s("rect", { x: b.x - 4, y: b.y - 4, width: b.w + 8, height: b.h + 8, rx: 21, class: "tl-ring" })
        : null,
      s("rect", { x: b.x, y: b.y, width: b.w, height: b.h, rx: b.id === node ? 17 : 4, class: "tl-boxed" }),
      s("text", { x: b.x + b.w / 2, y: b.y + 15.5, "text-anchor": "middle", class: "tl-b" }, b.label),
      s("text", { x: b.x + b.w / 2, y: b.y + 28, "text-anchor": "middle", class: "tl-s" }, b.sub),
    ),
  );
  const svg = s(
    "svg",
    {
      class: "tl-mini-graph",
      viewBox: `0 0 ${mini.width} ${mini.height}`,
      width: mini.width,
      role: "img",
      "aria-label": "Paths of the gradient",
    },
    links.map((l) => l.line),
    links.map((l) => l.head),
    boxes,
    links.map((l) => l.label),
  );
  /** Numbers, widths and dashes of the contributions: `find(link)` gives `{adds, known, on}`. */
  const update = (find, say) =>
    links
      .filter((l) => l.arg >= 0)
      .forEach((l) => {
        const r = find(l);
        l.label.textContent = !r || !r.known ? "?" : say(r.adds, true);
        l.line.setAttribute(
          "stroke-width",
          r && r.known
            ? Math.max(1.2, Math.min(6, 1.2 + 1.6 * (Math.log10(Math.abs(r.adds) + 1e-4) + 3))).toFixed(2)
            : "1.2",
        );
        [l.line, l.label, l.head].forEach((el) => el.classList.toggle("tl-off", !r || !r.on || !r.known));
      });
  const light = (child, arg) =>
    links.forEach((l) =>
      l.line.classList.toggle("tl-dimmed", child !== null && !(l.child === child && l.arg === arg) && l.arg >= 0),
    );
  return { svg, update, light };
}

function render({ model, el }) {
  const payload = model.get("payload"),
    options = model.get("options") || {},
    trace = new Trace(payload.trace),
    m = trace.meta;
  const node = trace.node(payload.node),
    array = trace.grad(node.id) || trace.value(node.id);
  const map = heatMap({ hue: "grad", heads: true, pick: (e) => choose(e) }),
    control = axes((e) => choose(e));
  const graph = miniGraph(payload.mini, payload.node),
    name = node.label;
  const hatchId = `tl-hx-${Math.random().toString(36).slice(2)}`;
  let lines = [],
    total = null;

  function buildRows(rows) {
    lines = rows.map((r, i) => {
      const box = h("input", {
        type: "checkbox",
        checked: true,
        "aria-label": `Count contribution ${i + 1}, ${r.i < 0 ? "of the seed" : `through ${r.via}`}`,
        onchange: f.guard(() => toggle(i)),
      });
      const shown = payload.paths[i].map((id) => (id === null ? null : trace.node(id)));
      const chips =
        r.i < 0
          ? [h("span", { class: "tl-chip" }, "seed")]
          : shown.flatMap((n, q) => [
              q ? h("span", { class: "tl-ar" }, "\u2192") : null,
              n
                ? h("span", { class: `tl-chip tl-role-${n.role}`, title: n.label }, n.label)
                : h("span", { class: "tl-ar" }, "\u22ef"),
            ]);
      const adds = h("b"),
        running = h("td", { class: "tl-n" }),
        numbers = h("span", { class: "tl-ex" });
      const bar = s("rect", { y: 9, height: 10, rx: 1, class: "tl-fall" }),
        hatch = s("rect", { y: 9, height: 10, class: "tl-hatch", fill: `url(#${hatchId})` }),
        rise = s("path", { class: "tl-join" }),
        on = s("path", { class: "tl-join" }),
        zero = s("path", { class: "tl-zero" });
      const row = h(
        "tr",
        {
          onpointerenter: () => r.i >= 0 && graph.light(trace.edges[r.i].child, trace.edges[r.i].arg),
          onpointerleave: () => graph.light(null),
        },
        h("td", null, box),
        h("td", { class: "tl-path" }, chips),
        h("td", { class: "tl-wide-only" }, r.i < 0 ? "1" : formula(payload.formulas.edges[r.i].r), " ", numbers),
        h("td", { class: "tl-n tl-gi" }, adds),
        h(
          "td",
          { class: "tl-wf" },
          s("svg", { width: WATERFALL, height: 28, "aria-hidden": "true" }, zero, rise, bar, hatch, on),
        ),
        running,
      );
      return { row, box, adds, running, numbers, bar, hatch, rise, on, zero };
    });
    const bar = s("rect", { y: 8, height: 12, rx: 1, class: "tl-fall" }),
      hatch = s("rect", { y: 8, height: 12, fill: `url(#${hatchId})` }),
      mark = s("path", { class: "tl-mark" }),
      zero = s("path", { class: "tl-zero" }),
      on = s("path", { class: "tl-join" });
    const word = h("b"),
      verdict = h("td", { class: "tl-wide-only" }),
      sum = h("b", { class: "tl-gi" }),
      of = h("span", { class: "tl-meta" }),
      tick = h("span", { class: "tl-ok tl-narrow-only" });
    total = { bar, hatch, mark, zero, on, word, verdict, sum, of, tick };
    const head = h(
      "tr",
      null,
      h("th", null, h("span", { class: "tl-sr" }, "use")),
      h("th", { scope: "col" }, `path of the gradient, from ${trace.node(trace.output).label}`),
      h("th", { scope: "col", class: "tl-wide-only" }, "local factor \u00b7 what arrives"),
      h("th", { scope: "col", class: "tl-n" }, "adds"),
      h("th", { scope: "col", class: "tl-wf" }, "running total"),
      h("th"),
    );
    const foot = h(
      "tr",
      { class: "tl-total" },
      h("td"),
      h("td", null, word, " ", of, tick),
      verdict,
      h("td"),
      h(
        "td",
        { class: "tl-wf" },
        s("svg", { width: WATERFALL, height: 28, "aria-hidden": "true" }, zero, on, bar, hatch, mark),
      ),
      h("td", { class: "tl-n" }, sum),
    );
    f.below.replaceChildren(
      hatching(hatchId),
      h(
        "table",
        {
          class: `tl-ledger${rows.length > 5 ? " tl-dense" : ""}`,
          "aria-label": `Contributions to the gradient of ${name}`,
        },
        h("thead", null, head),
        h(
          "tbody",
          null,
          lines.map((l) => l.row),
          foot,
        ),
      ),
    );
  }

  const toggle = (i) => {
    const off = new Set(f.state.off || []);
    if (off.has(i)) off.delete(i);
    else off.add(i);
    f.set({ off: [...off].sort((a, b) => a - b) });
  };

  function draw(state) {
    if (!total && !lines.length) return;
    const k = state.step,
      entry = fits(state.entry, array.shape) ? state.entry : loudest(array),
      off = new Set(state.off || []);
    const rows = withVia(trace.ledger(node.id, entry)),
      known = rows.map((r) => r.step <= k),
      on = rows.map((r, i) => known[i] && !off.has(i));
    const grad = array === trace.grad(node.id) ? at(array, entry) : 0,
      fall = waterfall(rows, on, grad),
      say = column([...rows.map((r) => r.adds), grad]),
      arrived = known.filter(Boolean).length;
    const x0 = WATERFALL / 2,
      unit = (WATERFALL / 2 - 4) / fall.limit,
      X = (v) => x0 + v * unit;
    const span = (el, a, b) => {
      el.setAttribute("x", Math.min(a, b));
      el.setAttribute("width", Math.max(1, Math.abs(b - a)));
    };
    map.update(array, { entry, digits: 4 });
    control.update(array, entry);
    graph.update((l) => {
      const i = rows.findIndex((r) => r.i >= 0 && trace.edges[r.i].child === l.child && trace.edges[r.i].arg === l.arg);
      return i < 0 ? null : { adds: rows[i].adds, known: known[i], on: on[i] };
    }, say);
    rows.forEach((r, i) => {
      const l = lines[i],
        b = fall.bars[i],
        x1 = X(b.from),
        x2 = X(b.to);
      l.box.checked = !off.has(i);
      l.row.className = on[i] ? "" : "tl-out";
      l.adds.textContent = known[i] ? say(r.adds, true) : "?";
      l.running.textContent = known[i] ? say(b.to) : "";
      l.zero.setAttribute("d", `M${x0} -8V36`);
      l.rise.setAttribute("d", i ? `M${x1} -8V14` : "");
      l.on.setAttribute("d", `M${on[i] ? x2 : x1} ${on[i] || !i ? 14 : 0}V36`);
      l.bar.style.display = on[i] ? "" : "none";
      l.hatch.style.display = on[i] && r.adds < 0 ? "" : "none";
      [l.bar, l.hatch].forEach((el) => span(el, x1, x2));
      const p = r.i < 0 ? null : products(trace, r.i, entry, 1);
      l.numbers.textContent =
        p && p.terms.length && p.terms[0].every((v) => !Number.isNaN(v))
          ? `${factor(p.terms[0][0])}\u00b7${factor(p.terms[0][1])}${p.count > 1 ? " + \u22ef" : ""}`
          : "";
    });
    const sum = rows.length && trace.value(node.id).dtype === "float32" ? Math.fround(fall.sum) : fall.sum,
      full = arrived === rows.length,
      all = full && on.every(Boolean);
    const exact =
      all && rows.length > 0 && (rows.at(-1).total === grad || (Number.isNaN(grad) && Number.isNaN(rows.at(-1).total)));
    const value = all ? (rows.length ? rows.at(-1).total : 0) : sum,
      xs = X(value);
    total.word.textContent = all ? "= gradient" : full ? "without the unticked" : "so far";
    total.of.textContent = `of ${entryText(name, entry)} `;
    total.tick.textContent = exact ? "\u2713" : "";
    const text = exact
      ? ["tl-ok", "\u2713 equal to the last bit"]
      : all
        ? ["tl-bad", `${short(value - grad, 2)} off`]
        : full
          ? ["tl-bad", `${say(value - grad, true)} off`]
          : ["tl-meta", `${arrived} of ${rows.length} contributions in`];
    total.verdict.replaceChildren(
      h("span", { class: text[0] }, text[1]),
      full && !all ? h("span", { class: "tl-meta" }, ` gradient ${say(grad)}`) : "",
    );
    total.sum.textContent = say(value);
    span(total.bar, x0, xs);
    span(total.hatch, x0, xs);
    total.hatch.style.display = value < 0 ? "" : "none";
    total.zero.setAttribute("d", `M${x0} -8V28`);
    total.on.setAttribute("d", `M${xs} -8V14`);
    total.mark.setAttribute("d", full && !all ? `M${X(grad)} 3V25` : "");
    f.narr.textContent = says(name, entry, rows, arrived, on, value, grad);
  }

  const withVia = (rows) =>
    rows.map((r) => ({ ...r, via: r.i < 0 ? "seed" : trace.node(trace.edges[r.i].child).label }));
  const svg = () => graph.svg;
  const f = frame(
    { model, el },
    {
      title: options.title || `Ledger of ${name}`,
      meta: [m.title, m.backend, m.dtype].filter(Boolean).join(" \u00b7 "),
      steps: trace.steps,
      start: { entry: null, off: [] },
      phases: [
        { name: "forward", count: trace.forward, hue: "value" },
        { name: "backward", count: trace.steps - trace.forward, hue: "grad" },
      ],
      draw,
      foot: payload.note,
      exports: fileExports(() => f, model, "ledger", svg),
      help: [
        ["click a cell", "take that entry apart"],
        ["untick a row", "the total without it"],
      ],
      about: "One row per contribution, in the order of the sweep; the last row is the gradient.",
    },
  );
  const choose = f.guard((entry) => f.set({ entry }));
  f.body.classList.add("tl-low");
  f.root.classList.add("tl-flow", "tl-mid");
  f.stage.append(graph.svg);
  f.panel.append(
    h(
      "div",
      { class: "tl-head" },
      h("div", { class: "tl-h2" }, `\u2202${trace.node(trace.output).label}/\u2202${name}`),
      h("span", { class: "tl-meta" }, array.shape.length ? "choose an entry" : ""),
      h("span", { class: "tl-sp" }),
      h("span", { class: "tl-tag" }, shapeText(array.shape)),
    ),
    map.el,
    control.el,
  );
  buildRows(withVia(trace.ledger(node.id, loudest(array))));
  f.draw();
  return f.destroy;
}

const hatching = (id) =>
  s(
    "svg",
    { width: 0, height: 0, style: { position: "absolute" }, "aria-hidden": "true" },
    s(
      "defs",
      null,
      s(
        "pattern",
        { id, width: 2.6, height: 2.6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
        s("path", { d: "M0 0V3", class: "tl-hx" }),
      ),
    ),
  );

const widget = { render };
export default widget;
