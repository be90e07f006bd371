// The pure half of the Leaderboard, run by `node --test` on the files that are shipped.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../torchlean_nb/render/static/", import.meta.url);
const parts = JSON.parse(readFileSync(new URL("parts.json", folder), "utf8")).Leaderboard;
const text = parts.map((name) => readFileSync(new URL(`${name}.js`, folder), "utf8")).join("\n");
const w = await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);

const payload = {
  names: ["a", "b", "c"],
  problems: ["p", "q"],
  metrics: [["best", "best"], ["area", "area"]],
  cells: { best: [[[1], [0]], [[0], [1]], [[2], null]], area: [[[0], [0]], [[1], [1]], [[2], null]] },
};

test("contenders stand in the order of their places, who did not take part last", () => {
  assert.deepEqual(w.boardOrder(payload, "best", 0), [1, 0, 2]);
  assert.deepEqual(w.boardOrder(payload, "best", 1), [0, 1, 2]);
});

test("the leader is chosen unless the state chooses", () => {
  assert.equal(w.boardState(payload, {}, {}).chosen, 1);
  assert.equal(w.boardState(payload, {}, { by: 1 }).chosen, 0);
  assert.equal(w.boardState(payload, {}, { chosen: 2 }).chosen, 2);
});

test("what does not fit in a state is left out", () => {
  for (const state of [{ metric: "x", by: 7, chosen: -1, off: "a", prints: 1 }, { by: 0.5, chosen: "2", off: null }]) {
    assert.deepEqual(w.boardState(payload, { metric: "area" }, state), { metric: "area", by: 0, off: [], chosen: 0, prints: false });
  }
  assert.deepEqual(w.boardState(payload, {}, { off: ["c", "stranger"] }).off, ["c"]);
});
