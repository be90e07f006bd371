// ShapePuzzle: which product of X, W and G is the gradient, and what is one entry of it?

/** An array with two axes, turned over or not. */
export function turned(a, over) {
  if (!over) return a;
  const [rows, cols] = a.shape,
    data = Array.from({ length: rows * cols }, (_, q) => a.data[(q % rows) * cols + Math.floor(q / rows)]);
  return { ...a, shape: [cols, rows], sent: [cols, rows], data };
}

/** What one entry of a product is made of: `[{k, a, b, adds, total}]`. */
export function addends(a, b, [i, j]) {
  let total = 0;
  return Array.from({ length: a.shape[1] }, (_, k) => {
    const x = at(a, [i, k]),
      y = at(b, [k, j]);
    total += x * y;
    return { k, a: x, b: y, adds: x * y, total };
  });
}

/** Product of two arrays; null when the inner numbers differ. */
export function product(a, b) {
  if (a.shape[1] !== b.shape[0]) return null;
  const shape = [a.shape[0], b.shape[1]],
    data = Array.from({ length: shape[0] * shape[1] }, (_, q) => {
      const sum = addends(a, b, [Math.floor(q / shape[1]), q % shape[1]]);
      return sum.length ? sum.at(-1).total : 0;
    });
  return { dtype: "float64", shape, sent: shape, data };
}

/** How a guess fares: `inner`, `outer`, `numbers` or `right`. */
export function verdict(guess, goal) {
  if (!guess) return "inner";
  if (guess.shape.join() !== goal.shape.join()) return "outer";
  const top = absmax(goal) || 1;
  return guess.data.every((v, i) => Math.abs(v - goal.data[i]) <= 1e-9 * top) ? "right" : "numbers";
}

const GOALS = { dW: "W", dX: "X" };
const AXES = { X: ["sample", "input"], W: ["input", "output"], G: ["sample", "output"] };

function render({ model, el }) {
  const payload = model.get("payload"),
    options = model.get("options") || {};
  const arrays = Object.fromEntries(Object.entries(payload.arrays).map(([k, a]) => [k, decode(a)]));
  const goals = { dW: decode(payload.dW), dX: decode(payload.dX) };
  const hueOf = { X: "inp", W: "par", G: "grad" };
  const map = (name, hue) => heatMap({ hue, heads: true, label: name, pick: (e) => pickFrom(name, e) });
  const given = ["X", "W", "G"].map((name) => [name, map(name, hueOf[name])]);
  const sides = { left: map("left", "value"), right: map("right", "value") },
    result = map("product", "grad");
  const sum = h("div", { class: "tl-xp-sum" }),
    book = h("table", { class: "tl-xp-book" }),
    head = h("p", { class: "tl-lab", "aria-live": "polite" }),
    nudge = h("p", { class: "tl-num" });

  const goal = choices("looking for", [["dW", "dL/dW"], ["dX", "dL/dX"]], (goal) => f.set({ goal, entry: [0, 0] }));
  const factors = ["X", "W", "G"].map((n) => [n, n]);
  const pickers = ["left", "right"].map((side) => [
    side,
    choices(`${side} factor`, factors, (name) => f.set({ [side]: name, entry: [0, 0] })),
    h("button", { type: "button", "aria-label": `Transpose the ${side} factor`, onclick: () => f.set({ [`${side}T`]: !read(f.state)[`${side}T`], entry: [0, 0] }) }, "transpose"),
  ]);

  function read(state) {
    const now = { goal: state.goal in GOALS ? state.goal : "dW" };
    for (const side of ["left", "right"]) {
      now[side] = state[side] in arrays ? state[side] : payload.start[side];
      now[`${side}T`] = Boolean(state[`${side}T`]);
    }
    now.a = turned(arrays[now.left], now.leftT);
    now.b = turned(arrays[now.right], now.rightT);
    now.guess = product(now.a, now.b);
    now.entry = now.guess && fits(state.entry, now.guess.shape) ? state.entry : [0, 0];
    now.verdict = verdict(now.guess, goals[now.goal]);
    return now;
  }
  const nameOf = (now, side) => now[side] + (now[`${side}T`] ? "\u1d40" : "");
  const pickFrom = (name, e) => {
    const now = read(f.state);
    if (name === "product") f.set({ entry: e });
    else if (name === "left") f.set({ entry: [e[0], now.entry[1]] });
    else if (name === "right") f.set({ entry: [now.entry[0], e[1]] });
  };

  function mark(heat, test) {
    heat.el.querySelectorAll("td").forEach((td) => td.classList.toggle("tl-xp-used", test(+td.dataset.i, +td.dataset.j)));
  }

  /** What the ledger's rows run over: samples, inputs or outputs, where both factors agree. */
  function over(now) {
    const a = AXES[now.left][now.leftT ? 0 : 1],
      b = AXES[now.right][now.rightT ? 1 : 0];
    return a === b ? a : "k";
  }

  function draw(state) {
    const now = read(state),
      target = goals[now.goal],
      own = GOALS[now.goal],
      names = [nameOf(now, "left"), nameOf(now, "right")],
      is = `${names[0]} ${names[1]}`;
    goal.update(now.goal);
    pickers.forEach(([side, row, turn]) => {
      row.update(now[side]);
      turn.setAttribute("aria-pressed", String(now[`${side}T`]));
    });
    const [i, j] = now.entry,
      ok = now.guess !== null;
    for (const side of ["left", "right"]) sides[side].el.querySelector("table").style.setProperty("--hue", `var(--${hueOf[now[side]]})`);
    sides.left.update(now.a, { entry: [ok ? i : 0, 0], name: `${names[0]}  ${shapeText(now.a.shape)}` });
    sides.right.update(now.b, { entry: [0, ok ? j : 0], name: `${names[1]}  ${shapeText(now.b.shape)}` });
    sum.replaceChildren(sides.left.el, h("span", { class: "tl-xp-op" }, "\u00b7"), sides.right.el, h("span", { class: "tl-xp-op" }, "="));
    mark(sides.left, (r) => ok && r === i);
    mark(sides.right, (_, c) => ok && c === j);
    if (ok) {
      result.update(now.guess, { entry: now.entry, name: `${is}  ${shapeText(now.guess.shape)}` });
      sum.append(result.el);
    } else sum.append(h("b", null, "nothing"));
    const says = {
      inner: `The inner numbers differ: ${now.a.shape[1]} against ${now.b.shape[0]}. There is no such product.`,
      outer: ok && `There is such a product, but it is ${shapeText(now.guess.shape)}, and ${own} is ${shapeText(target.shape)}.`,
      numbers: `The shape is that of ${own}. The numbers are not those of the gradient: nudge one entry of ${own} and compare.`,
      right: `This is it: d${own} = ${is}, entry by entry.`,
    }[now.verdict];
    const more = ok && now.a.shape[1] > 1 ? ` Each entry is a sum over ${now.a.shape[1]} ${over(now)}s.` : "";
    f.narr.replaceChildren(h("b", { class: now.verdict === "right" ? "tl-ok" : "" }, says), over(now) === "k" ? "" : more);
    head.textContent = ok ? `entry [${i}, ${j}] of ${is}: row ${i} of ${names[0]}, column ${j} of ${names[1]}` : "no product, no entries";
    const rows = ok ? addends(now.a, now.b, now.entry) : [],
      say = column(rows.flatMap((r) => [r.a, r.b, r.adds, r.total]));
    book.replaceChildren(
      h("thead", null, h("tr", null, [over(now), "left", "right", "adds", "total"].map((t, q) => h("th", { class: q ? "tl-n" : "" }, t)))),
      h("tbody", null, rows.map((r) => h("tr", null, h("td", null, String(r.k)), [r.a, r.b].map((v) => h("td", { class: "tl-n" }, say(v))), h("td", { class: "tl-n tl-gi" }, say(r.adds, true)), h("td", { class: "tl-n" }, say(r.total))))),
    );
    book.hidden = !rows.length;
    nudge.hidden = now.verdict !== "numbers" && now.verdict !== "right";
    if (nudge.hidden) return;
    const wanted = at(target, now.entry),
      same = Math.abs(wanted - at(now.guess, now.entry)) <= 1e-9 * (absmax(target) || 1);
    nudge.replaceChildren(
      `nudging ${own}[${i}, ${j}] says `,
      h("b", null, short(wanted, 5)),
      h("span", { class: same ? "tl-ok" : "tl-bad" }, same ? " \u2713 the same" : " \u2717 not the same"),
    );
  }

  const move = (axis, by) => () => {
    const now = read(f.state);
    if (now.guess) f.set({ entry: moved(now.entry, axis, by, now.guess.shape) });
  };
  const f = frame(
    { model, el },
    {
      title: options.title,
      meta: `X ${shapeText(arrays.X.shape)} \u00b7 W ${shapeText(arrays.W.shape)} \u00b7 G ${shapeText(arrays.G.shape)}`,
      steps: 0,
      start: { goal: "dW", left: payload.start.left, leftT: false, right: payload.start.right, rightT: false, entry: [0, 0] },
      draw,
      keys: { ArrowLeft: move(1, -1), ArrowRight: move(1, 1), ArrowUp: move(0, -1), ArrowDown: move(0, 1) },
      help: [["\u2190 \u2191 \u2192 \u2193", "another entry of the product"], ["Tab", "to the factors"]],
      about: "Y = X W, and G is the gradient that arrives at Y. Choose two factors until their product is the gradient you look for.",
      exports: fileExports(() => f, model, "puzzle"),
    },
  );
  f.root.classList.add("tl-flow", "tl-xp");
  f.body.classList.add("tl-low");
  f.stage.classList.add("tl-pad");
  given.forEach(([name, heat]) => heat.update(arrays[name], { entry: [0, 0], name: `${name}  ${shapeText(arrays[name].shape)}` }));
  f.body.before(h("div", { class: "tl-xp-bar" }, goal.el, pickers.map(([, row, turn]) => h("span", { class: "tl-xp-choice" }, row.el, turn))));
  f.stage.append(h("div", { class: "tl-xp-given" }, given.map(([, heat]) => heat.el)), sum);
  f.panel.append(head, book, nudge);
  f.draw();
  return f.destroy;
}

const widget = { render };
export default widget;
