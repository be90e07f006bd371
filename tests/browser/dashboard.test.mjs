// The pure half of the training dashboard, run by `node --test` on the files that are shipped.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../torchlean_nb/render/static/", import.meta.url);
const parts = JSON.parse(readFileSync(new URL("parts.json", folder), "utf8")).TrainingDashboard;
const text = parts.map((name) => readFileSync(new URL(`${name}.js`, folder), "utf8")).join("\n");
const w = await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
const close = (a, b, eps = 1e-12) => assert.ok(Math.abs(a - b) <= eps, `${a} is not ${b}`);

test("steps travel as differences, and one difference stands for all", () => {
  assert.deepEqual(w.stepsOf([3, 2], 4), [3, 5, 7, 9]);
  assert.deepEqual(w.stepsOf([3, 1, 5], 3), [3, 4, 9]);
  assert.deepEqual(w.stepsOf([7], 1), [7]);
  assert.deepEqual(w.stepsOf([], 0), []);
  assert.deepEqual(w.curveOf({ k: [0, 1], v: [1, "NaN", "-Infinity"] }), { k: [0, 1, 2], v: [1, NaN, -Infinity], mean: null });
});

test("the value at a step is the latest one, and none before the first", () => {
  const c = { k: [2, 5, 9], v: [1, 2, 3] };
  assert.deepEqual([0, 2, 4, 5, 8, 9, 99].map((k) => w.valueAt(c, k)), [undefined, 1, 1, 2, 2, 3, 3]);
  assert.deepEqual([0, 3, 4, 7, 8, 99].map((k) => w.closest(c.k, k)), [0, 0, 1, 1, 2, 2]);
});

test("smoothing of a constant is the constant, from its first point on", () => {
  const ks = [0, 1, 5, 30];
  for (const v of w.smooth(ks, [2, 2, 2, 2], 0.9, 100)) close(v, 2);
});

test("smoothing does not depend on how often a curve was recorded", () => {
  const dense = Array.from({ length: 1001 }, (_, k) => k),
    sparse = dense.filter((k) => k % 10 === 0),
    f = (k) => (k < 500 ? 1 : 0);
  const a = w.smooth(dense, dense.map(f), 0.9, 1000),
    b = w.smooth(sparse, sparse.map(f), 0.9, 1000);
  for (const k of [600, 800, 1000]) close(a[k], b[k / 10], 0.08);
});

test("smoothing leaves a gap where a number is not finite, and goes on behind it", () => {
  const out = w.smooth([0, 1, 2, 3], [1, NaN, Infinity, 3], 0.5, 200);
  assert.deepEqual(out.map(Number.isFinite), [true, false, false, true]);
  assert.ok(out[3] > 1 && out[3] < 3);
  assert.deepEqual(w.smooth([0, 1], [1, NaN], 0, 10), [1, NaN]);
});

test("thinning keeps the ends, the extremes, what is not finite, and the order", () => {
  const n = 5000,
    ks = Array.from({ length: n }, (_, k) => 3 * k),
    vs = ks.map((_, i) => Math.sin(i / 50));
  vs[1234] = 99;
  vs[2345] = -99;
  vs[3456] = NaN;
  const { k, v } = w.thin(ks, vs, 300);
  assert.ok(v.length <= 300 && v.length > 150);
  assert.deepEqual([k[0], k.at(-1)], [0, 3 * (n - 1)]);
  assert.ok(v.includes(99) && v.includes(-99) && v.some(Number.isNaN));
  assert.ok(k.every((x, i) => !i || x > k[i - 1]));
  assert.deepEqual(w.thin([1, 2], [3, 4], 10), { k: [1, 2], v: [3, 4] });
});

test("a curve grows by what is new, once, and stays bounded", () => {
  let c = w.extend(null, { k: [0, 1], v: [5, 4], mean: null });
  c = w.extend(c, { k: [1, 2], v: [9, 3], mean: null });
  assert.deepEqual([c.k, c.v], [[0, 1, 2], [5, 4, 3]]);
  for (let at = 3; at < 20000; at += 500) c = w.extend(c, { k: Array.from({ length: 500 }, (_, i) => at + i), v: Array(500).fill(1), mean: null });
  assert.ok(c.k.length <= 2000 && c.k.at(-1) >= 19999 && c.v.length === c.k.length);
});

test("a run takes in news of all its parts", () => {
  const [run] = w.runsOf({ runs: [{ name: "a", status: "running", steps: 1, planned: null, meta: "", series: { loss: { k: [0], v: [2] } }, params: [], units: [], hist: {}, events: [] }] });
  const hist = { path: "w", name: "w", at: [[1, [0, 1], [3, 4]]] };
  w.grow(run, { status: "finished", steps: 2, series: { loss: { k: [1], v: [1] }, lr: { k: [1], v: [0.1] } }, params: [{ path: "w", name: "w", grad_norm: { k: [1], v: [7] } }], hist: { weight: [hist] }, events: [[1, "stopped", "why"]] });
  w.grow(run, { params: [{ path: "w", name: "w", grad_norm: { k: [2], v: [8] } }], hist: { weight: [{ ...hist, at: [[2, [0, 1], [5, 6]]] }] } });
  assert.deepEqual(run.series.loss.v, [2, 1]);
  assert.deepEqual(run.params[0].grad_norm.v, [7, 8]);
  assert.deepEqual(run.hist.weight[0].at.map((h) => h.k), [1, 2]);
  assert.deepEqual([run.status, run.steps, run.events.length], ["finished", 2, 1]);
});

test("ticks are round and inside, on both kinds of axis", () => {
  assert.deepEqual(w.roundTicks(0, 1, false), [0, 0.25, 0.5, 0.75, 1]);
  assert.deepEqual(w.roundTicks(1e-3, 10, true), [1e-3, 0.01, 0.1, 1, 10]);
  assert.ok(w.roundTicks(1.5, 4, true).length >= 1);
  for (const [a, b] of [[1e-300, 1e300], [-3, 7e9], [2, 2]]) assert.ok(w.roundTicks(a, b, a > 0 && a !== b).length <= 9);
});

test("an axis does not follow a run that runs away", () => {
  const [low, high] = w.spanOf([[1, 0.5, 0.1], [2, 1e10, 1e300, Infinity]], true);
  assert.ok(low < 0.1 && low > 0.01 && high > 2 && high < 100);
  assert.deepEqual(w.spanOf([[]], false), [0, 1]);
  assert.deepEqual(w.spanOf([[0.1, 0.97]], false), [0, 1]);
  const [a, b] = w.spanOf([[5, 5]], false);
  assert.ok(a < 5 && b > 5);
});

test("log where numbers are above 0 and span a power of ten; shares never", () => {
  assert.equal(w.wantsLog([[1, 0.01]]), true);
  assert.equal(w.wantsLog([[1, 0]]), false);
  assert.equal(w.wantsLog([[1, 0.5, NaN]]), false);
  assert.equal(w.isShare("accuracy", [[0.05, 0.99]]), true);
  assert.equal(w.isShare("val_loss", [[0.05, 0.99]]), false);
});

test("panels fill their rows", () => {
  assert.deepEqual(w.rowsOf(["loss", "metric", "flow", "ratio"], ["lr", "units", "hist"]).map((r) => r.length), [2, 2, 3]);
  assert.deepEqual(w.rowsOf(["loss"], ["lr"]), [["loss", "lr"]]);
  assert.deepEqual(w.rowsOf(["loss", "flow", "ratio"], ["lr", "units", "hist"]), [["loss", "flow"], ["ratio", "lr"], ["units", "hist"]]);
  assert.deepEqual(w.rowsOf([], []), []);
});

test("labels are pushed apart and stay inside", () => {
  const out = w.spread([[95, "a"], [95, "b"], [10, "c"]], 11, 0, 100);
  assert.deepEqual(out.map(([, n]) => n), ["c", "a", "b"]);
  assert.ok(out[2][0] <= 100 && out[2][0] - out[1][0] >= 11);
});

test("paths have gaps for what cannot be drawn, and a dot for a point alone", () => {
  const id = (v) => v;
  assert.equal(w.pathOf([0, 1, 2, 3], [1, NaN, 2, 3], id, id, false), "M0.0 1.0h0M2.0 2.0L3.0 3.0");
  assert.equal(w.pathOf([0, 1], [1, -1], id, id, true), "M0.0 1.0h0");
  assert.equal(w.pathOf([0, 1, 2, 3], [1, 50, 60, 2], id, id, false, 10), "M0.0 1.0L1.0 50.0M3.0 2.0h0");
  assert.deepEqual(w.lostAt([0, 1, 2, 3], [NaN, Infinity, 1, NaN]), [0, 3]);
});

test("the dot of the cursor sits on the line, and at the end of it behind the end", () => {
  const id = (v) => v,
    c = { k: [0, 10, 20], v: [1, 3, NaN] };
  assert.deepEqual(w.spotOn(c, 5, id, id, false), [5, 2]);
  assert.deepEqual(w.spotOn(c, 15, id, id, false), [10, 3]);
  assert.equal(w.spotOn(c, 20, id, id, false), null);
  assert.equal(w.spotOn({ k: [5], v: [1] }, 4, id, id, false), null);
  assert.deepEqual(w.spotOn({ k: [5], v: [1] }, 9, id, id, false), [5, 1]);
});

test("histograms of all steps share one scale, unless one would vanish on it", () => {
  const at = (k, low, high) => ({ k, edges: [low, high], counts: Array(10).fill(5) });
  const run = { hist: { weight: [{ path: "0.weight", name: "0.weight", at: [at(0, -1, 1), at(10, -2, 2)] }] } };
  const now = w.histogramAt(run, "weight", "0.weight", 12);
  assert.equal(now.now.k, 10);
  assert.equal(now.first.k, 0);
  assert.ok(now.low < -1.9 && now.high > 1.9);
  assert.equal(w.histogramAt(run, "weight", "0", 3).now.k, 0);
  assert.equal(w.histogramAt(run, "gradient", "0", 3), null);
  run.hist.weight[0].at.push(at(20, -1e-6, 1e-6));
  assert.ok(w.histogramAt(run, "weight", "0", 20).high < 1e-4);
});

test("the axis of a running training has room, of a finished one none", () => {
  assert.deepEqual([1, 10, 99, 190, 2000].map(w.roundUp), [10, 20, 200, 200, 3000]);
  assert.equal(w.horizonOf([{ steps: 5, planned: null, status: "finished" }]), 4);
  assert.equal(w.horizonOf([{ steps: 5, planned: 600, status: "running" }]), 599);
  assert.equal(w.horizonOf([]), 0);
});

test("steps are short on the axis", () => {
  assert.deepEqual([0, 999, 20000, 1.5e6, 2e9].map(w.stepText), ["0", "999", "20k", "1.5M", "2G"]);
});
