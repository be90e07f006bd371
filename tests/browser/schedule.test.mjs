// The pure half of the schedule designer, run by `node --test` on the files that are shipped.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../torchlean_nb/render/static/", import.meta.url);
const parts = JSON.parse(readFileSync(new URL("parts.json", folder), "utf8")).ScheduleDesigner;
const text = parts.map((name) => readFileSync(new URL(`${name}.js`, folder), "utf8")).join("\n");
const w = await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);

test("ticks are round and inside", () => {
  assert.deepEqual(w.roundTicks(0, 0.1, false, 5), [0, 0.02, 0.04, 0.06, 0.08, 0.1]);
  assert.deepEqual(w.roundTicks(1e-5, 0.1, true, 5), [1e-5, 1e-4, 1e-3, 0.01, 0.1]);
  assert.equal(w.roundTicks(1e-12, 1, true).length <= 8, true);
  assert.deepEqual(w.roundTicks(0.03, 0.08, true), [0.05]);
});

test("the axis of rates begins at 0, that of momentum does not", () => {
  assert.deepEqual(w.span([], false), [0, 1]);
  assert.equal(w.span([[0.1, 0.2]], false)[0], 0);
  assert.equal(w.span([[0.85, 0.95]], false, false)[0] > 0.8, true);
  const [low, high] = w.span([[0, 1e-9, null, 1]], true);
  assert.equal(low > 1e-7 && high > 1, true);
});

test("labels are pushed apart and stay inside", () => {
  const out = w.apart([[95, 0], [95, 1], [10, 2]], 13, 0, 100);
  assert.deepEqual(out.map(([, i]) => i), [2, 0, 1]);
  assert.equal(out[2][0] <= 100 && out[2][0] - out[1][0] >= 13, true);
});

test("a value is no finer than the pixels", () => {
  assert.equal(w.snapped(0.0712345, 0, 0.108, 240, false), 0.0712);
  assert.equal(w.snapped(-1e-9, 0, 0.1, 240, false), 0);
  assert.equal(w.snapped(0.001234, 1e-5, 1, 240, true), 0.0012);
});

test("the nearest sampled step is found", () => {
  assert.equal(w.nearest(null, 7.4), 7);
  assert.deepEqual([0, 4, 6, 99, 500].map((k) => w.nearest([0, 5, 10, 100], k)), [0, 1, 1, 3, 3]);
});

test("sliders give back what they show, 0 and whole numbers too", () => {
  const rate = { low: 1e-6, high: 10, log: true, zero: true, whole: false };
  for (const v of [0, 1e-5, 0.001, 0.1, 10]) assert.equal(w.fromSlider(rate, w.toSlider(rate, v)), v);
  const count = { low: 0, high: 400, log: false, zero: false, whole: true };
  for (const v of [0, 20, 200, 400]) assert.equal(w.fromSlider(count, w.toSlider(count, v)), v);
});

test("one edit is under way, and of a drag only the latest waits", () => {
  const sent = [];
  const mail = w.courier((m) => sent.push(m), () => {});
  mail.ask({ do: "move", k: 1, tag: "a" });
  mail.ask({ do: "move", k: 2, tag: "a" });
  mail.ask({ do: "move", k: 3, tag: "a" });
  mail.ask({ do: "undo" });
  assert.deepEqual(sent.map((m) => m.k), [1]);
  mail.answered(-1);
  assert.equal(sent.length, 1);
  mail.answered(sent[0].serial);
  assert.equal(sent[1].k, 3);
  mail.answered(sent[1].serial);
  assert.equal(sent[2].do, "undo");
  mail.answered(sent[2].serial);
  mail.ask({ do: "steps" });
  assert.equal(sent.length, 4);
  mail.stop();
});
