// The pure half of ProgramView, run by `node --test` on the files that are shipped.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../torchlean_nb/render/static/", import.meta.url);
const parts = JSON.parse(readFileSync(new URL("parts.json", folder), "utf8")).ProgramView;
const text = parts.map((name) => readFileSync(new URL(`${name}.js`, folder), "utf8")).join("\n");
const w = await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
const lane = { id: 2, spans: [[1, 3], [3, 5], [8, 10]] };
const reads = (...ids) => ({ reads: ids });

test("a lane is written, held, read, read for the last time, and free", () => {
  assert.deepEqual(w.laneState(lane, 1, reads()), { is: "written", at: 0 });
  assert.deepEqual(w.laneState(lane, 2, reads()), { is: "held", at: 0 });
  assert.deepEqual(w.laneState(lane, 2, reads(2)), { is: "read", at: 0 });
  assert.deepEqual(w.laneState(lane, 3, reads(2)), { is: "written", at: 1 }, "written over what is read for the last time");
  assert.deepEqual(w.laneState(lane, 5, reads(2)), { is: "last", at: 1 });
  assert.deepEqual(w.laneState(lane, 6, reads()), { is: "free", at: -1 });
  assert.deepEqual(w.laneState(lane, 0, undefined), { is: "free", at: -1 });
});

test("a span fills its rows from the middle of one to the middle of another", () => {
  assert.deepEqual(w.reach([2, 4], 2, 2), [0.5, 1]);
  assert.deepEqual(w.reach([2, 4], 3, 3), [0, 1]);
  assert.deepEqual(w.reach([2, 4], 4, 4), [0, 0.5]);
  assert.equal(w.reach([2, 4], 5, 5), null);
  assert.equal(w.reach([2, 4], 1, 1), null);
  assert.deepEqual(w.reach([2, 2], 2, 2), [0.35, 0.65], "what nobody reads is seen, too");
});

test("in a folded row it fills its share", () => {
  assert.deepEqual(w.reach([1, 9], 1, 4), [0.125, 1]);
  assert.deepEqual(w.reach([2, 3], 1, 4), [0.375, 0.625]);
});

test("going over an op ends at the last line of the one before or behind", () => {
  const steps = [[1], [2, 3, 4], [5, 6]];
  assert.deepEqual([0, 1, 2, 4, 5, 6].map((k) => w.overGroup(steps, k, 1)), [1, 4, 4, 6, 6, 6]);
  assert.deepEqual([0, 1, 2, 4, 5, 6].map((k) => w.overGroup(steps, k, -1)), [0, 0, 1, 1, 4, 4]);
});

test("long ops of long programs begin folded", () => {
  const payload = (n) => ({ groups: [{}, {}], lines: Array.from({ length: n }, (_, i) => ({ group: i < 20 ? 0 : 1 })) });
  assert.deepEqual(w.foldedAtFirst(payload(25)), []);
  assert.deepEqual(w.foldedAtFirst(payload(31)), [0, 1]);
  assert.deepEqual(w.stepsOf({ groups: [{}, {}], lines: [{ group: 0 }, { group: 1 }, { group: 1 }] }), [[1], [2, 3]]);
});

test("phases are runs of lines that go the same way", () => {
  const lines = ["forward", "forward", "backward", "update"].map((way) => ({ way }));
  assert.deepEqual(w.programPhases(lines).map((p) => [p.name, p.count, p.hue]), [["forward", 2, "value"], ["backward", 1, "grad"], ["update", 1, "upd"]]);
  assert.deepEqual(w.programPhases([]), []);
});

test("lanes share the room there is, and numbers have units", () => {
  assert.deepEqual([1, 14, 20, 48].map(w.laneWidth), [12, 12, 8, 5]);
  assert.deepEqual([1, 9999, 12345, 2.5e6].map(w.byteText), ["1 byte", "9999 bytes", "12.3 kB", "2.5 MB"]);
  assert.deepEqual([4.2e-6, 1.5e-3].map(w.secondsText), ["4.2 \u00b5s", "1.5 ms"]);
});
