// The pure half of the front end, run by `node --test` on the very files that are shipped.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../torchlean_nb/render/static/", import.meta.url);
const parts = JSON.parse(readFileSync(new URL("parts.json", folder), "utf8"));
const load = (kind) => {
  const text = parts[kind].map((name) => readFileSync(new URL(`${name}.js`, folder), "utf8")).join("\n");
  return import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
};
const w = await load("GraphStepper");
const ledger = await load("GradientLedger");
const tensor = await load("TensorView");

const array = (data, shape, dtype = "float64") => ({ dtype, shape, data });
const node = (id, op, parents, value, grad, role = "op") => ({
  id,
  op,
  role,
  parents,
  attrs: {},
  name: op.length === 1 ? op : null,
  scope: "",
  requires_grad: role !== "input",
  latex: "",
  value,
  grad,
});
/** x * x + x at 3: the gradient 7 arrives as 1, 3 and 3. */
const square = () =>
  new w.Trace({
    meta: {},
    output: 2,
    seed: array([1], []),
    nodes: [
      node(0, "x", [], array([3], []), array([7], []), "param"),
      node(1, "y", [0, 0], array([9], []), array([1], [])),
      node(2, "L", [1, 0], array([12], []), array([1], [])),
    ],
    edges: [
      [2, 1, 0, 1],
      [2, 0, 1, 1],
      [1, 0, 0, 3],
      [1, 0, 1, 3],
    ].map(([child, parent, arg, v]) => ({
      child,
      parent,
      arg,
      summed: [],
      latex: "",
      terms: null,
      contribution: array([v], []),
      local: array([child === 1 ? 3 : 1], []),
    })),
  });
/** One matmul: a (2,3) times b (3,2), with a chosen gradient above. */
const product = () =>
  new w.Trace({
    meta: {},
    output: 2,
    seed: array([1, 2, 3, 4], [2, 2]),
    nodes: [
      node(0, "a", [], array([1, 2, 3, 4, 5, 6], [2, 3]), null, "input"),
      node(1, "b", [], array([1, 0, 0, 1, 1, 1], [3, 2]), array([13, 18, 17, 24, 21, 30], [3, 2]), "param"),
      node(2, "z", [0, 1], array([4, 5, 10, 11], [2, 2]), array([1, 2, 3, 4], [2, 2])),
    ],
    edges: [
      {
        child: 2,
        parent: 1,
        arg: 1,
        summed: [],
        latex: "",
        terms: ["ki,kj->ij", "#1", "g"],
        local: null,
        contribution: array([13, 18, 17, 24, 21, 30], [3, 2]),
      },
    ],
  });

test("every widget is one module with a render function", async () => {
  for (const kind of Object.keys(parts)) assert.equal(typeof (await load(kind)).default.render, "function", kind);
});

test("no module imports, and none can end the script element it is written into", () => {
  for (const name of new Set(Object.values(parts).flat())) {
    const text = readFileSync(new URL(`${name}.js`, folder), "utf8");
    assert.doesNotMatch(text, /^\s*import\s|import\(|<\/script|https?:\/\/(?!www\.w3\.org)/m, name);
  }
});

test("numbers carry a true minus, and a plus only when asked", () => {
  assert.equal(w.fixed(-0.5, 2), "\u22120.50");
  assert.equal(w.fixed(0.5, 2, true), "+0.50");
  assert.equal(w.fixed(-0.001, 2), "0.00");
  assert.equal(w.short(-1234567), "\u22121.235e6");
  assert.equal(w.short(1e-9), "1e\u22129");
  assert.equal(w.factor(-2), "(\u22122)");
  assert.equal(w.fixed(NaN), "NaN");
  assert.equal(w.fixed(-Infinity), "\u2212\u221e");
});

test("a column of very small numbers is not a column of zeros", () => {
  assert.equal(w.column([1e-9, 2e-9])(1e-9), "1e\u22129");
  assert.equal(w.column([0.125, 3.5])(0.125), "0.125");
  assert.equal(w.column([3, 7])(7, true), "+7");
  assert.deepEqual(w.scale(3e-7), { by: 1e7, d: 2, note: "\u00d710\u207b\u2077" });
});

test("arrays decode from numbers, words and base64", () => {
  assert.deepEqual(w.decode(array([1, "NaN", "-Infinity"], [3])).data, [1, NaN, -Infinity]);
  const base64 = Buffer.from(new Float32Array([0.5, -2]).buffer).toString("base64");
  assert.deepEqual(w.decode({ dtype: "float32", shape: [2], base64 }).data, [0.5, -2]);
  const halves = Buffer.from(new Uint16Array([0x3c00, 0xc000, 0x7c00]).buffer).toString("base64");
  assert.deepEqual(w.decode({ dtype: "float16", shape: [3], base64: halves }).data, [1, -2, Infinity]);
  const big = Buffer.from(new BigInt64Array([3n, -4n]).buffer).toString("base64");
  assert.deepEqual(w.decode({ dtype: "int64", shape: [2], base64: big }).data, [3, -4]);
});

test("an index outside of the corner that travelled has no value", () => {
  const a = { ...w.decode(array([1, 2, 3, 4], [2, 2])), shape: [5, 5], sent: [2, 2] };
  assert.equal(w.at(a, [1, 1]), 4);
  assert.equal(w.offset(a, [2, 0]), -1);
  assert.deepEqual(w.unravel(7, [2, 3, 2]), [1, 0, 1]);
});

test("steps are values, then the seed, then contributions", () => {
  const t = square();
  assert.equal(t.steps, 8);
  assert.deepEqual(
    [0, 1, 4, 5].map((k) => t.event(k).kind),
    ["start", "forward", "seed", "backward"],
  );
  assert.equal(t.event(8).id, 0);
  assert.equal(w.clampStep(99, 8), 8);
  assert.equal(w.clampStep("x", 8), 0);
  assert.deepEqual(w.passed([{ count: 3 }, { count: 5 }], 4), [100, 20]);
});

test("the gradient grows with the sweep", () => {
  const t = square();
  assert.deepEqual(
    [3, 4, 5, 6, 7, 8].map((k) => t.gradAt(0, k)?.data[0] ?? null),
    [null, null, null, 1, 4, 7],
  );
  assert.deepEqual(t.gradAt(2, 4).data, [1]);
  assert.deepEqual(t.path(0), [2, 0]);
});

test("the ledger keeps the running total in tape order", () => {
  assert.deepEqual(
    square()
      .ledger(0, [])
      .map((r) => [r.adds, r.total, r.step]),
    [
      [1, 1, 6],
      [3, 4, 7],
      [3, 7, 8],
    ],
  );
});

test("sums are rounded as the dtype rounds", () => {
  const f = (v) => w.decode(array([v], [], "float32"));
  assert.equal(
    w.plus(f(Math.fround(0.1)), f(Math.fround(0.2))).data[0],
    Math.fround(Math.fround(0.1) + Math.fround(0.2)),
  );
});

test("an entry of a matrix product is spelled out as its products", () => {
  const p = w.products(product(), 0, [1, 0]);
  assert.deepEqual(p, {
    terms: [
      [2, 1],
      [5, 3],
    ],
    count: 2,
    total: 17,
  });
});

test("an elementwise contribution is gradient times local derivative", () => {
  assert.deepEqual(w.products(square(), 2, []).terms, [[1, 3]]);
});

test("products that do not add up to the entry are not shown", () => {
  const t = product();
  t.edges[0].contribution.data[2] = 99;
  assert.equal(w.products(t, 0, [1, 0]), null);
});

test("copies made by broadcasting are added up", () => {
  const t = new w.Trace({
    meta: {},
    output: 1,
    seed: array([1, 2, 3, 4], [2, 2]),
    nodes: [
      node(0, "b", [], array([0, 0], [2]), array([4, 6], [2]), "param"),
      node(1, "z", [0], array([0, 0, 0, 0], [2, 2]), array([1, 2, 3, 4], [2, 2])),
    ],
    edges: [
      {
        child: 1,
        parent: 0,
        arg: 0,
        summed: [0],
        latex: "",
        terms: null,
        local: array([1, 1, 1, 1], [2, 2]),
        contribution: array([4, 6], [2]),
      },
    ],
  });
  assert.deepEqual(w.products(t, 0, [1]).terms, [
    [2, 1],
    [4, 1],
  ]);
});

test("a guess is right to one per cent, and a wrong one is named", () => {
  assert.equal(w.judge(6.05, 6).right, true);
  assert.equal(w.judge(6.07, 6).right, false);
  assert.match(w.judge(-6, 6).hint, /sign/);
  assert.match(w.judge(7, 6, { total: 7 }).hint, /total/);
  assert.match(w.judge(2, 6, { upstream: 2 }).hint, /local factor/);
  assert.equal(w.judge(0, 0).right, true);
});

test("numbers are read as people type them", () => {
  assert.equal(w.parseGuess(" \u22121,5 "), -1.5);
  assert.equal(w.parseGuess(".5e-3"), 0.0005);
  for (const bad of ["", "six", "1.2.3", "0x10", "1e", "Infinity"]) assert.ok(Number.isNaN(w.parseGuess(bad)), bad);
});

test("a prediction is open until something was said", () => {
  const t = square(),
    on = { predict: true };
  assert.equal(w.isOpen(t, on, { step: 6 }), true);
  assert.equal(w.isOpen(t, on, { step: 6, answers: { 6: { ok: false } } }), false);
  assert.equal(w.isOpen(t, on, { step: 4 }), false);
  assert.equal(w.isOpen(t, {}, { step: 6 }), false);
  assert.deepEqual(w.score({ 6: { ok: true }, 7: { ok: false } }), { right: 1, made: 2 });
});

test("the window follows the entry", () => {
  const v = w.windowOf([3, 20, 14], [1, 17, 9]);
  assert.deepEqual([v.r0, v.c0, v.rows, v.cols], [16, 8, 4, 6]);
  assert.deepEqual(v.index(0, 0), [1, 16, 8]);
  assert.deepEqual(w.moved([1, 17, 9], 1, 8, [3, 20, 14]), [1, 19, 9]);
});

test("nodes are found by name and op, and sorted by magnitude", () => {
  const t = square();
  assert.deepEqual(
    w.matches(t, "Y").map((n) => n.id),
    [1],
  );
  assert.deepEqual(
    w.arrange(t, { sort: "value", down: true }, 8).map((n) => n.id),
    [2, 1, 0],
  );
  assert.deepEqual(
    w.arrange(t, { filter: "param" }, 8).map((n) => n.id),
    [0],
  );
  assert.equal(w.cellText("gradient", t.node(0), t, 5), "not yet");
});

test("an elementwise op is said with the numbers of one entry", () => {
  const t = new w.Trace({
    meta: {},
    output: 2,
    seed: array([1, 1, 1, 1], [2, 2]),
    edges: [],
    nodes: [
      node(0, "z", [], array([1, -2, 3, 4], [2, 2]), null),
      node(1, "b", [], array([0.5, -0.25], [2]), null),
      node(2, "y", [0, 1], array([0.5, 0.5, 1.5, -1], [2, 2]), null),
    ],
  });
  assert.equal(w.entryNumbers(t, t.node(2), "#1\u00b7#{2}", [0, 1]), "(\u22122)\u00b7(\u22120.25)");
  assert.equal(w.entryNumbers(t, t.node(2), "#1 + #2", [1, 0]), "3 + 0.5");
  const part = { ...array([1], [2, 2]), sent: [1, 1] };
  t.byId.get(0).value = part;
  t.cache.clear();
  assert.equal(w.entryNumbers(t, t.node(2), "#1", [0, 1]), null, "what did not travel is not made up");
});

test("what has no inside is not opened, and without a kernel it says so", () => {
  const box = { op: "folded nodes", role: "op", label: "block" },
    op = { op: "softmax", role: "op", label: "p" },
    leaf = { op: "param", role: "param", label: "w" };
  assert.equal(w.closed(box, {}, true), "");
  assert.match(w.closed(box, {}, false), /block needs a running kernel/);
  assert.equal(w.closed(op, {}, true), null);
  assert.equal(w.closed(op, { opens: true }, true), "");
  assert.equal(w.closed(leaf, { opens: true }, true), null);
});

test("long paths and long ledgers are folded, and say so", () => {
  assert.deepEqual(w.pathText(["L", "a", "b", "c", "x"]), ["a", "\u22ef", "c", "x"]);
  const rows = Array.from({ length: 20 }, (_, i) => ({ step: i, adds: 1 })),
    { rows: seen, rest } = w.capped(rows, 10);
  assert.equal(seen.length, 8);
  assert.ok(seen.some((r) => r.step === 10));
  assert.deepEqual(rest, { count: 12, adds: rows.filter((r) => !seen.includes(r) && r.step <= 10).length });
});

test("an unticked row leaves the total", () => {
  const rows = square().ledger(0, []);
  assert.equal(ledger.waterfall(rows, [true, true, true], 7).sum, 7);
  assert.equal(ledger.waterfall(rows, [true, false, true], 7).sum, 4);
  const named = rows.map((r) => ({ ...r, via: "y" }));
  assert.match(ledger.says("x", [], named, 3, [true, false, true], 4, 7), /instead of 7/);
  assert.match(ledger.says("x", [], named, 3, [true, true, true], 7, 7), /3 times/);
  assert.match(ledger.says("x", [], named, 1, [true, true, true], 1, 7), /so far is 1/);
});

test("bars of a histogram share one scale", () => {
  const b = tensor.bars({ counts: [1, 4, 0], edges: [0, 1, 2, 3] }, 30, 8);
  assert.deepEqual(
    b.map((r) => r.h),
    [2, 8, 0],
  );
});
