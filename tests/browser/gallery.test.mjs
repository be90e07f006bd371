// The pure half of the Gallery, run by `node --test` on the files that are shipped.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../torchlean_nb/render/static/", import.meta.url);
const parts = JSON.parse(readFileSync(new URL("parts.json", folder), "utf8")).Gallery;
const text = parts.map((name) => readFileSync(new URL(`${name}.js`, folder), "utf8")).join("\n");
const w = await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);

const knobs = [
  { values: ["a", "b", "c"], start: 2 },
  { values: ["off", "on"], start: 0 },
];

test("places are taken from the state", () => {
  assert.deepEqual(w.places(knobs, [0, 1]), [0, 1]);
});

test("what does not fit is where its knob begins", () => {
  for (const pick of [null, undefined, "01", {}, [1], [1, 1, 1]]) assert.deepEqual(w.places(knobs, pick), [2, 0]);
  assert.deepEqual(w.places(knobs, [3, 1]), [2, 1]);
  assert.deepEqual(w.places(knobs, [-1, 0.5]), [2, 0]);
  assert.deepEqual(w.places(knobs, ["1", true]), [2, 0]);
});
