// The pure halves of the explorers, run by `node --test` on the files that are shipped.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../torchlean_nb/render/static/", import.meta.url);
const parts = JSON.parse(readFileSync(new URL("parts.json", folder), "utf8"));
const load = async (kind) => {
  const text = parts[kind].map((name) => readFileSync(new URL(`${name}.js`, folder), "utf8")).join("\n");
  return import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
};
const [puzzle, losses, cloud] = await Promise.all(["ShapePuzzle", "LossExplorer", "GradientCloud"].map(load));
const matrix = (rows) => ({ dtype: "float64", shape: [rows.length, rows[0].length], sent: [rows.length, rows[0].length], data: rows.flat() });
const close = (a, b) => assert.equal(Math.abs(a - b) < 1e-9, true, `${a} and ${b}`);

test("a matrix turned over twice is itself", () => {
  const a = matrix([[1, 2, 3], [4, 5, 6]]);
  assert.deepEqual(puzzle.turned(a, true).data, [1, 4, 2, 5, 3, 6]);
  assert.deepEqual(puzzle.turned(puzzle.turned(a, true), true).data, a.data);
});

test("a product has the sums of its addends, and none where the inner numbers differ", () => {
  const a = matrix([[1, 2], [3, 4]]),
    b = matrix([[5, 6], [7, 8]]);
  assert.deepEqual(puzzle.product(a, b).data, [19, 22, 43, 50]);
  assert.equal(puzzle.addends(a, b, [1, 0]).at(-1).total, 43);
  assert.equal(puzzle.product(a, matrix([[1, 2, 3]])), null);
});

test("the verdict tells apart no product, a wrong shape, wrong numbers and the gradient", () => {
  const goal = matrix([[1, 2], [3, 4]]);
  assert.equal(puzzle.verdict(null, goal), "inner");
  assert.equal(puzzle.verdict(matrix([[1, 2]]), goal), "outer");
  assert.equal(puzzle.verdict(matrix([[1, 2], [3, 5]]), goal), "numbers");
  assert.equal(puzzle.verdict(matrix([[1, 2], [3, 4 + 1e-12]]), goal), "right");
});

test("axes leave room, and on a log axis gaps where there is nothing to show", () => {
  const [low, high] = losses.ends([[0, 10]], false);
  assert.equal(low < 0 && high > 10, true);
  assert.deepEqual(losses.ends([[null, NaN]], true), [0.1, 1]);
  const ax = new losses.Axes({ left: 0, top: 0, wide: 100, tall: 100 }, [0, 10], [1, 100], true);
  close(ax.y(10), 50);
  assert.equal(ax.path([0, 5, 10], [10, 0, 10]), "M0.0 50.0M100.0 50.0");
  assert.deepEqual(losses.ticks(-10, 10, 5), [-10, -5, 0, 5, 10]);
});

test("by norm nothing turns, by value known gradients turn by known angles", () => {
  close(cloud.angle([3, 4], cloud.clipped([3, 4], "norm", 1)), 0);
  assert.equal(cloud.angle([3, 4], cloud.clipped([3, 4], "value", 1)).toFixed(3), "8.130");
  assert.equal(cloud.angle([10, 0.1], cloud.clipped([10, 0.1], "value", 1)).toFixed(2), "5.14");
  assert.deepEqual(cloud.clipped([0.3, -0.2], "value", 1), [0.3, -0.2]);
});

test("the account counts what was cut", () => {
  const sums = cloud.account([[3, 4], [0.1, 0]], [0, 0], "norm", 1);
  assert.equal(sums.cut, 1);
  close(sums.rms, Math.sqrt((1 + 0.01) / 2));
  close(cloud.spread([[3, 4]], [0, 0]), 5);
});
