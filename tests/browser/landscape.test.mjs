// The pure half of the landscape explorer, run by `node --test` on the files that are shipped.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../torchlean_nb/render/static/", import.meta.url);
const parts = JSON.parse(readFileSync(new URL("parts.json", folder), "utf8"));
const text = parts.LandscapeExplorer.map((name) => readFileSync(new URL(`${name}.js`, folder), "utf8")).join("\n");
const land = await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
const close = (a, b, by = 1e-9) => assert.equal(Math.abs(a - b) < by, true, `${a} and ${b}`);
const plane = (f, more = {}) => {
  const a = [-1, -0.5, 0, 0.5, 1],
    b = [0, 1, 2];
  return { a, b, z: b.flatMap((v) => a.map((u) => f(u, v))), tall: 800, low: 1, high: 100, log: true, unit: 100, far: 1, off: [], ...more };
};

test("a bilinear loss is had back everywhere, and nothing outside", () => {
  const f = (a, b) => 3 + 2 * a - b + 0.5 * a * b,
    p = plane(f);
  for (const [a, b] of [[-1, 0], [1, 2], [0.3, 1.7], [-0.77, 0.01], [0, 1]]) close(land.landValue(p, a, b), f(a, b));
  for (const [a, b] of [[-1.01, 0], [0, 2.01], [NaN, 0]]) assert.equal(Number.isNaN(land.landValue(p, a, b)), true);
});

test("a cell with a corner that is no number says nothing", () => {
  const p = plane((a, b) => (a === 0 && b === 1 ? Infinity : 1));
  assert.equal(Number.isNaN(land.landValue(p, 0.2, 0.8)), true);
  assert.equal(land.landValue(p, 0.7, 0.8), 1);
});

test("places in the box and coordinates are each other's inverse", () => {
  const p = plane(() => 1);
  assert.deepEqual(land.landSpot(p, -1, 0), [0, 800]);
  assert.deepEqual(land.landSpot(p, 1, 2), [1000, 0]);
  const [a, b] = land.landAt(p, ...land.landSpot(p, 0.37, 1.2));
  close(a, 0.37);
  close(b, 1.2);
});

test("heights are even on the scale of the contours", () => {
  const p = plane(() => 1);
  close(land.landHeight(p, 10), 0.5);
  close(land.landHeight(p, 1e-9), 0);
  assert.equal(land.landHeight(p, 1e9), 1.12);
  close(land.landHeight({ ...p, log: false, low: 0, high: 4 }, 1), 0.25);
  assert.equal(Number.isNaN(land.landHeight(p, Infinity)), true);
});

test("rings are to scale unless the largest would leave the map", () => {
  assert.deepEqual(land.landReach(plane(() => 1, { far: 6 })), { fits: true, by: 100 });
  const out = land.landReach(plane(() => 1, { far: 20 }));
  assert.equal(out.fits, false);
  assert.equal(out.by * 20 < 700, true);
});

test("turning keeps lengths: the ground seen through its matrix is the ground seen point by point", () => {
  for (const [az, el] of [[0, 30], [-35, 34], [130, 60], [-170, 10]]) {
    const t = land.landTurn(az, el),
      [a, b, c, d] = t.ground;
    for (const [x, y] of [[0.5, 0.2], [-0.3, 0.4]]) {
      const [u, v] = t.put(x, y, 0);
      close(u, a * x + c * -y);
      close(v, b * x + d * -y);
    }
    const up = t.put(0.1, 0.2, 0.5)[1] - t.put(0.1, 0.2, 0)[1];
    close(up, -0.5 * Math.cos((el * Math.PI) / 180));
  }
});

test("the surface is drawn from the back to the front, without its holes", () => {
  const p = plane((a, b) => (a === 1 && b === 2 ? NaN : 1 + a * a));
  for (const az of [-35, 60, 140, -120]) {
    const t = land.landTurn(az, 34),
      quads = land.landMesh(p, t.put, t.back, 0.5);
    assert.equal(quads.length, 7);
    assert.equal(quads.every(([, shade]) => shade >= 0 && shade <= 15), true);
    // On flat ground the lower on the screen, the nearer: of two neighbours the nearer comes later.
    const put = (...p) => t.put(...p).map((v) => v * 300),
      flat = land.landMesh(plane(() => 1), put, t.back, 0.5).map(([d]) => d.match(/-?[\d.]+ -?[\d.]+/g));
    const low = (corners) => corners.reduce((sum, c) => sum + +c.split(" ")[1], 0);
    let pairs = 0;
    flat.forEach((p, i) =>
      flat.slice(i + 1).forEach((q) => {
        if (p.filter((c) => q.includes(c)).length !== 2) return;
        pairs++;
        assert.equal(low(q) > low(p), true, `${az}: ${p} before ${q}`);
      }),
    );
    assert.equal(pairs, 10);
  }
});

test("a path up to a point is the beginning of the whole path", () => {
  const way = land.landWay([0, 1, NaN, 3], [0, 1, 2, 3]);
  assert.equal(way.whole, "M0.0 0.0L1.0 1.0M3.0 3.0");
  assert.equal(way.upTo(0), "M0.0 0.0");
  assert.equal(way.upTo(2), "M0.0 0.0L1.0 1.0");
  assert.equal(way.upTo(3), way.whole);
  assert.equal(land.landWay([], []).whole, "M0 0");
});

test("axes are logarithmic where losses are of many sizes, and shares go from 0 to 1", () => {
  assert.equal(land.landEnds([[1, 100]]).log, true);
  assert.equal(land.landEnds([[1, 10]]).log, false);
  assert.equal(land.landEnds([[0, 100]]).log, false);
  assert.deepEqual(land.landEnds([[0.2, 0.9]], true), { ends: [0, 1], log: false });
  assert.deepEqual(land.landEnds([[NaN]]), { ends: [0, 1], log: false });
});

test("a mesh has its ends and no more cells than asked for", () => {
  assert.deepEqual(land.landPick(5), [0, 1, 2, 3, 4]);
  const some = land.landPick(101, 30);
  assert.equal(some.length, 31);
  assert.deepEqual([some[0], some.at(-1)], [0, 100]);
  assert.deepEqual(land.landPick(1), [0]);
  assert.deepEqual(land.landPick(0), []);
});

test("what is said of a point has its numbers", () => {
  const p = plane(() => 1, { label: "PCA", off: [0.5, 0, NaN], under: [2, 1, NaN] }),
    data = { steps: [0, 1, 20], losses: [3, 1, Infinity] };
  assert.equal(land.landSays(data, p, 0), "Before the first update the loss is 3; the plane says 2 there, and the path is 0.5 away from it.");
  assert.equal(land.landSays(data, p, 1), "After 1 update the loss is 1; the plane says 1 there, and the path is in it.");
  assert.match(land.landSays(data, p, 2), /After 20 updates the loss is \u221e; the plane has no number there, and the path has left all numbers/);
  assert.equal(land.landSays({ steps: [] }, p, 0), "The PCA plane: the loss is from 1 to 1.");
  assert.equal(land.landProbe(p, 0.25, 1), "loss 1 at (0.25, 1)");
  assert.equal(land.landProbe(p, 9, 1), "no number at (9, 1)");
});
