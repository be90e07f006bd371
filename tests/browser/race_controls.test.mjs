// The pure half of the arena's controls, run by `node --test` on the files that are shipped.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../torchlean_nb/render/static/", import.meta.url);
const parts = JSON.parse(readFileSync(new URL("parts.json", folder), "utf8")).RaceArena;
const text = parts.map((name) => readFileSync(new URL(`${name}.js`, folder), "utf8")).join("\n");
const w = await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);

const near = (a, b, by = 1e-12) => assert.ok(Math.abs(a - b) <= by * Math.max(1, Math.abs(b)), `${a} is not ${b}`);
const DESCENT = { nesterov: false },
  NESTEROV = { nesterov: true };

/** Largest eigenvalue of one step by what it does: the growth of a long run from a general state. */
function grown(kind, value, lr, beta) {
  let [x, v, size] = [1, 0.37, 0];
  const count = 40000;
  for (let k = 0; k < count; k++) {
    const g = value * x + (kind.decay || 0) * x,
      next = beta * v + (kind.damp ?? 1) * g;
    x -= lr * (kind.nesterov ? g + beta * next : next);
    v = next;
    const s = Math.hypot(x, v);
    size += Math.log(s);
    x /= s;
    v /= s;
  }
  return Math.exp(size / count);
}

test("numbers are read with a true minus, and nothing else is a number", () => {
  assert.equal(w.raceNumber(" \u22121.5 "), -1.5);
  assert.equal(w.raceNumber("1e\u22123"), 1e-3);
  for (const t of ["", " ", "x", "1,5", "1 2"]) assert.ok(Number.isNaN(w.raceNumber(t)), t);
  assert.deepEqual(w.racePoint("\u22121.5, 2"), [-1.5, 2]);
  assert.deepEqual(w.racePoint("(3; 4)"), [3, 4]);
  assert.deepEqual(w.racePoint("1 2"), [1, 2]);
  for (const t of ["1", "1, x", "1, 2, 3", ", 2", "1, Infinity"]) assert.equal(w.racePoint(t), null, t);
});

test("the stops of a log slider are round, ascending, and end where the range ends", () => {
  const stops = w.raceStops({ kind: "float", low: 1e-5, high: 1, log: true });
  assert.equal(stops[0], 1e-5);
  assert.equal(stops.at(-1), 1);
  for (const v of [1e-4, 2e-4, 5e-4, 0.001, 0.0016, 0.1]) assert.ok(stops.includes(v), v);
  stops.forEach((v, i) => assert.ok(i === 0 || v > stops[i - 1]));
  assert.equal(stops.length, 101);
});

test("every slider reaches both ends, whole numbers stay whole, and what has no range has no stops", () => {
  for (const knob of [
    { kind: "float", low: 0, high: 0.999, log: false },
    { kind: "float", low: -180, high: 180, log: false },
    { kind: "float", low: 0, high: 0.1, log: true },
    { kind: "int", low: 1, high: 20, log: false },
    { kind: "int", low: 1, high: 5000, log: true },
  ]) {
    const stops = w.raceStops(knob);
    assert.deepEqual([stops[0], stops.at(-1)], [knob.low, knob.high]);
    assert.equal(new Set(stops).size, stops.length);
    if (knob.kind === "int") assert.ok(stops.every(Number.isInteger));
    stops.forEach((v, i) => assert.equal(w.raceNearest(stops, v, knob.log), i));
  }
  for (const knob of [
    { kind: "bool", low: 0, high: 1 },
    { kind: "float", low: 0, high: null },
    { kind: "float", low: 1, high: 1 },
    { kind: "float", low: 0, high: Infinity },
  ])
    assert.deepEqual(w.raceStops(knob), []);
  assert.equal(w.raceStops({ kind: "float", low: 0, high: 0.999, log: false })[90], 0.9);
});

test("a value between two stops goes to the nearer one, by ratio on a log scale", () => {
  assert.equal(w.raceNearest([1, 10, 100], 31, true), 1);
  assert.equal(w.raceNearest([1, 10, 100], 33, true), 2);
  assert.equal(w.raceNearest([1, 10, 100], 54, false), 1);
  assert.equal(w.raceNearest([0, 1e-6, 1], 0, true), 0);
});

test("the learning rate and the next number that slides stand in the row, the rest below", () => {
  const k = (name, kind = "float", high = 1) => ({ name, kind, low: 0, high, log: false });
  const { first, second, rest } = w.raceTelltale([
    k("nesterov", "bool"),
    k("alpha"),
    k("lr"),
    k("eps"),
    k("etas", "choice"),
  ]);
  assert.deepEqual([first.name, second.name, rest.map((r) => r.name)], ["lr", "alpha", ["nesterov", "eps", "etas"]]);
  const none = w.raceTelltale([k("memory", "int", 20)]);
  assert.deepEqual([none.first, none.second.name, none.rest], [undefined, "memory", []]);
});

test("a search finds by all its words, beginnings first", () => {
  const rules = [
    { name: "nadam", label: "NAdam", group: "adaptive" },
    { name: "sgd", label: "SGD", group: "descent" },
    { name: "adamw", label: "AdamW", group: "adaptive" },
  ];
  assert.deepEqual(
    w.raceSearch(rules, "adam").map((r) => r.name),
    ["adamw", "nadam"],
  );
  assert.deepEqual(
    w.raceSearch(rules, "adaptive n").map((r) => r.name),
    ["nadam"],
  );
  assert.deepEqual(
    w.raceSearch(rules, "descent sgd").map((r) => r.name),
    ["sgd"],
  );
  assert.deepEqual(w.raceSearch(rules, "zz"), []);
  assert.equal(w.raceSearch(rules, " ").length, 3);
});

test("a target is reached at the first record at or below it, and not after a path has ended", () => {
  const steps = [0, 5, 10, 15],
    track = { loss: [4, 2, 1, 0.5], ended: -1 };
  assert.deepEqual(
    [5, 4, 2, 1.5, 0.5, 0.4].map((t) => w.raceReach(steps, track, t)),
    [0, 0, 5, 10, 15, -1],
  );
  assert.equal(w.raceReach(steps, { loss: [4, NaN, 1, 1], ended: 5 }, 1), -1);
  assert.equal(w.raceReach(steps, track, null), -1);
});

test("the optimum of a bowl of condition 100 is that of the books", () => {
  const best = w.raceOptimum(DESCENT, [1, 100]);
  near(best.lr, 4 / 121);
  near(best.lr, 0.0330579, 1e-6);
  near(best.beta, 0.669421, 1e-6);
  near(best.factor, 9 / 11, 1e-7);
  const plain = w.raceOptimum(DESCENT, [100, 1], true);
  near(plain.lr, 2 / 101);
  near(plain.factor, 99 / 101);
  assert.equal(plain.factor.toFixed(6), "0.980198");
  near(w.raceDigit(99 / 101), Math.LN10 / Math.log(101 / 99));
});

test("no rate and momentum on a fine grid leave less than the optimum", () => {
  for (const kind of [DESCENT, NESTEROV, { nesterov: false, damp: 0.5 }, { nesterov: false, decay: 2 }])
    for (const eigen of [
      [1, 100],
      [0.04, 1],
      [3, 3],
      [2, 18],
    ]) {
      const best = w.raceOptimum(kind, eigen);
      for (let i = 0; i <= 150; i++)
        for (let j = 0; j <= 99; j++) {
          const found = w.raceFactor(kind, eigen, best.lr * 10 ** ((i - 75) / 60), j / 100);
          assert.ok(found >= best.factor - 1e-7, `${JSON.stringify(kind)} ${eigen}: ${found} < ${best.factor}`);
        }
    }
});

test("the factor is what a long run of the rule grows by", () => {
  for (const kind of [DESCENT, NESTEROV, { nesterov: false, damp: 0.4 }, { nesterov: false, decay: 0.5 }])
    for (const [lr, beta] of [
      [0.012, 0],
      [0.03, 0.5],
      [0.005, 0.95],
      [0.045, 0.9],
    ])
      for (const value of [1, 20, 100]) near(w.raceFactor(kind, [value], lr, beta), grown(kind, value, lr, beta), 2e-3);
});

test("the line of factor 1 is where the books put it, and a region ends on its level", () => {
  const factor = (lr, beta) => w.raceFactor(DESCENT, [1, 100], lr, beta);
  for (const beta of [0, 0.5, 0.9]) {
    const [, high] = w.raceBetween((lr) => factor(lr, beta), 1e-4, 1, 1);
    near(high, (2 * (1 + beta)) / 100, 1e-6);
  }
  const nesterov = w.raceBetween((lr) => w.raceFactor(NESTEROV, [1, 100], lr, 0.8), 1e-4, 1, 1);
  near(nesterov[1], (2 * 1.8) / (100 * 2.6), 1e-6);
  const betas = Array.from({ length: 40 }, (_, i) => i / 40),
    level = 0.9,
    region = w.raceRegion(factor, 1e-4, 1, betas, level);
  assert.ok(region.length > 10);
  for (const [lr, beta] of region) near(factor(lr, beta), level, 1e-4);
  const [low, top] = [Math.min, Math.max].map((f) => f(...region.map(([, b]) => b)));
  near(top, level ** 2, 1e-3);
  assert.ok(low > 0.2 && factor(0.02, low - 0.02) > level);
  assert.deepEqual(w.raceRegion(factor, 1e-4, 1, betas, 0.5), []);
});

test("a saddle has no optimum, and the axis of rates has the best one and the contenders in it", () => {
  assert.equal(w.raceOptimum(DESCENT, [-1, 2]), null);
  assert.equal(w.raceOptimum(DESCENT, [0, 2]), null);
  const [low, high] = w.raceRateAxis(DESCENT, [1, 100], [1e-4, 0.2, 1e9]);
  assert.ok(low < 1e-4 && high > 0.2 && high < 10);
  for (const v of w.raceRateTicks(low, high)) assert.ok(v >= low && v <= high);
  assert.deepEqual(w.raceRateTicks(0.009, 0.06), [0.01, 0.02, 0.05]);
  assert.deepEqual([w.raceNext(0.01, 1), w.raceNext(0.01, -1), w.raceNext(0.013, 20)], [0.011, 0.0089, 0.13]);
});

test("who steps by one linear map is known by its rule and numbers", () => {
  const track = (rule, values) => ({ rule, knobs: Object.entries(values).map(([name, value]) => ({ name, value })) });
  const sgd = w.raceDescent(
    track("sgd", { lr: 0.1, momentum: 0.9, dampening: 0.5, weight_decay: 0.01, nesterov: false }),
  );
  assert.deepEqual(sgd, { kind: { nesterov: false, damp: 0.5, decay: 0.01 }, lr: 0.1, beta: 0.9, both: true });
  assert.equal(w.raceDescent(track("sgd", { lr: 0.1, momentum: 0, dampening: 0.5 })).kind.damp, 1);
  assert.equal(w.raceDescent(track("nesterov_agd", { lr: 0.1, momentum: 0.5 })).kind.nesterov, true);
  assert.equal(w.raceDescent(track("nesterov_agd", { lr: 0.1, momentum: null })), null);
  assert.equal(w.raceDescent(track("adam", { lr: 0.1, beta1: 0.9 })), null);
});

test("the telling steps are few, in order, and have the ends and what happened", () => {
  const steps = Array.from({ length: 201 }, (_, i) => i),
    tracks = [
      { ended: 7, converged: -1, toTarget: 3 },
      { ended: -1, converged: 51, toTarget: 37 },
    ];
  const picks = w.raceTelling(steps, tracks);
  for (const k of [0, 3, 7, 37, 51, 200]) assert.ok(picks.includes(k), String(k));
  assert.ok(picks.length >= 12 && picks.length <= 15);
  assert.deepEqual([...picks].sort((a, b) => a - b), picks);
  assert.deepEqual(w.raceTelling([0], []), [0]);
  assert.deepEqual(w.raceTelling([0, 1], []), [0, 1]);
  assert.equal(w.raceFar([[0, 0], [3, 4]], 3, 3), 1); // prettier-ignore
  assert.ok(Number.isNaN(w.raceFar([], 1, 1)));
});

test("of many contenders the chosen one and the lowest are told, in their order", () => {
  const all = [5, NaN, 1, 3, 2].map((best, i) => [{ best }, i]);
  const told = (chosen, most) => w.raceTold(all, chosen, most).map(([, i]) => i);
  assert.deepEqual(told(0, 3), [0, 2, 4]);
  assert.deepEqual(told(1, 3), [1, 2, 4]);
  assert.deepEqual(told(0, 9), [0, 1, 2, 3, 4]);
});

test("a pasted state keeps what is known of it, and anything else is refused in words", () => {
  assert.deepEqual(w.raceStateOf('{"step": 3, "view": "rates", "evil": 1}'), { step: 3, view: "rates" });
  for (const t of ["{", "[1]", "null", "3", '{"evil": 1}', ""]) assert.equal(typeof w.raceStateOf(t), "string", t);
});
