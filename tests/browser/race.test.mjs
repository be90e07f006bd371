// The pure half of the race arena, run by `node --test` on the files that are shipped.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../torchlean_nb/render/static/", import.meta.url);
const parts = JSON.parse(readFileSync(new URL("parts.json", folder), "utf8")).RaceArena;
const text = parts.map((name) => readFileSync(new URL(`${name}.js`, folder), "utf8")).join("\n");
const w = await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);

const track = (name, x, loss, more = {}) => ({ name, label: name, x, y: x.map(() => 0), loss, gx: x, gy: x.map(() => 0), mx: null, my: null, ended: -1, converged: -1, toTarget: -1, ...more });
const race = (tracks, more = {}) => ({ steps: [0, 1, 2, 3], target: 0.5, tracks, surface: { goals: [[0, 0]], lowest: 0, eigen: null }, ...more });
const all = () => true;

test("a step between two records is that of the one before", () => {
  assert.deepEqual([0, 4, 5, 7, 99].map((k) => w.raceRecord([0, 5, 10], k)), [0, 0, 1, 1, 2]);
});

test("a track stands where it ended, also between two records", () => {
  const r = { steps: [0, 5, 10, 15] };
  assert.equal(w.raceHead(r, { ended: -1 }, 3), 3);
  assert.equal(w.raceHead(r, { ended: 10 }, 3), 2);
  assert.equal(w.raceHead(r, { ended: 7 }, 3), 2);
  assert.equal(w.raceHead(r, { ended: 7 }, 1), 1);
  assert.equal(w.raceHead(r, { ended: 99 }, 3), 3);
});

test("one edit is under way, and of a drag only the latest waits", () => {
  const sent = [];
  const mail = w.courier((m) => sent.push(m), () => {});
  for (const at of [1, 2, 3]) mail.ask({ do: "start", at, tag: "start" });
  mail.ask({ do: "remove", index: 0 });
  assert.deepEqual(sent.map((m) => m.at), [1]);
  assert.deepEqual(mail.waiting().map((e) => e.do), ["start", "start", "remove"]);
  mail.answered(-1);
  assert.equal(sent.length, 1);
  mail.answered(sent[0].serial);
  assert.deepEqual([sent[1].at, sent[1].serial], [3, sent[0].serial + 1]);
  mail.answered(sent[1].serial);
  mail.answered(sent[2].serial);
  assert.deepEqual([sent.length, mail.waiting()], [3, []]);
  mail.answered(sent[2].serial);
  mail.stop();
});

test("the sentence names the leader, who is at the target, and the last step of the chosen one", () => {
  const r = race([track("a", [4, 3, 2, 1], [16, 9, 4, 1]), track("b", [4, 1, 0.5, 0.25], [16, 1, 0.25, 0.06], { toTarget: 2 })]);
  assert.deepEqual(w.raceSays(r, all, 0, 2), ["At step 2 ", "b", " leads with loss 0.25 (target reached by b at 2). a\u2019s last step was 1 long."]);
  assert.match(w.raceSays(r, all, 0, 1).join(""), /b leads with loss 1; nobody is at the target yet/);
  assert.equal(w.raceSays(r, all, 0, 0).join(""), "At step 0 all stand at loss 16; nobody is at the target yet.");
  assert.match(w.raceSays(r, (i) => i === 0, 1, 3).join(""), /^At step 3 a leads with loss 1; nobody is at the target yet\.$/);
  assert.equal(w.raceSays(r, () => false, 0, 3).join(""), "At step 3 no contender is switched on.");
});

test("who has diverged does not lead", () => {
  const gone = track("gone", [4, 9, 9, 9], [-5, -1e9, NaN, NaN], { ended: 1 });
  const r = race([gone, track("b", [4, 3, 2, 1], [16, 9, 4, 1])], { target: null });
  assert.equal(w.raceSays(r, all, 0, 2).join(""), "At step 2 b leads with loss 4. gone diverged at step 2.");
  assert.match(w.raceSays(race([gone], { target: null }), all, 0, 3).join(""), /every contender has diverged/);
});

test("who no longer moves has converged, or moves less than the digits tell", () => {
  const still = (more) => race([track("a", [4, 0, 0, 0], [16, 0, 0, 0], more)], { target: null });
  assert.match(w.raceSays(still({ converged: 1 }), all, 0, 3).join(""), /a has converged\.$/);
  assert.match(w.raceSays(still(), all, 0, 3).join(""), /a hardly moves\.$/);
});

test("several steps between two records are called so", () => {
  const r = race([track("a", [4, 3, 2, 1], [16, 9, 4, 1])], { steps: [0, 5, 10, 15] });
  assert.match(w.raceSays(r, all, 0, 1).join(""), /a\u2019s last 5 steps together were 1 long/);
});

test("the anatomy of a record: against the gradient, against the momentum, and the step to the next", () => {
  const t = track("a", [4, 1], [16, 1], { gx: [8, 2], gy: [0, 0], mx: [2, 3], my: [1, 1], moment: "momentum" });
  const { arrows, along } = w.raceStep(race([t], { steps: [0, 1], surface: { goals: [], eigen: { values: [1, 10], vectors: [[1, 0], [0, 1]], centre: [1, -2] } } }), t, 0, 1);
  assert.deepEqual(arrows.map((a) => [a.name, a.x, a.y]), [["\u2212gradient", -8, -0], ["\u2212momentum", -2, -1], ["next step", -3, 0]]);
  assert.deepEqual(along.map((a) => a.by), [3, 2]);
  assert.equal(w.raceStep(race([t], { steps: [0, 1] }), t, 1, 1).arrows[2], null);
});

test("arrows grow with the logarithm, and stay between two ends", () => {
  assert.equal(w.raceArrow(0), 0);
  assert.equal(w.raceArrow(1e-9), 16);
  assert.equal(w.raceArrow(1), 30);
  assert.equal(w.raceArrow(1e9), 64);
  assert.equal(w.raceArrow(NaN), 0);
});

test("a path that runs away keeps its direction and ends where numbers end", () => {
  const way = w.raceWay([0, 3, 3e9, NaN, 1], [0, 4, 4e9, 0, 1], 4, (x) => x, (y) => y);
  assert.equal(way.last, 2);
  assert.deepEqual([...way.long.slice(0, 2)], [0, 5]);
  assert.ok(Math.abs(way.x[2] / way.y[2] - 0.75) < 1e-12 && Math.hypot(way.x[2], way.y[2]) < 3e4);
  assert.equal(w.raceLine(way.x, way.y, 2), "M0.0 0.0L3.0 4.0");
  const odd = w.raceWay([0, Infinity], [0, -Infinity], 1, (x) => x, (y) => y);
  assert.ok(Number.isFinite(odd.long[1]));
});

test("contour paths are read back as corners", () => {
  assert.deepEqual(w.raceCorners("M10 20l5-5-3 4M0 0l1 1"), [[10, 20, 15, 15, 12, 19], [0, 0, 1, 1]]);
});

test("a move that goes nowhere is no path", () => {
  assert.equal(w.raceTidy("M1 2lM3 4l1 1M5 6l"), "M3 4l1 1");
  assert.equal(w.raceTidy("M3 4l1 1M5 6l-1-1"), "M3 4l1 1M5 6l-1-1");
  assert.equal(w.raceTidy(""), "");
});

test("labels stay in the picture and off each other, for every crowd", () => {
  let seed = 1;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  let collisions = 0;
  for (let round = 0; round < 50; round++) {
    const heads = Array.from({ length: 8 }, () => ({ x: 20 + 360 * random(), y: 20 + 260 * random(), wide: 30 + 40 * random() }));
    const boxes = w.racePlaced(heads, [], 404, 303).map((p, i) => [p.end ? p.x - heads[i].wide : p.x, p.y - 10, heads[i].wide, 12]);
    boxes.forEach((a, i) => {
      assert.ok(a[0] >= -4 && a[0] + a[2] <= 408 && a[1] >= -4 && a[1] + a[3] <= 307, JSON.stringify(a));
      boxes.slice(i + 1).forEach((b) => (collisions += a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3]));
    });
  }
  assert.equal(collisions, 0);
});

test("a label that may stay where it was does not jump", () => {
  const [first] = w.racePlaced([{ x: 200, y: 150, wide: 40 }], [], 404, 303);
  const [other] = w.racePlaced([{ x: 200, y: 150, wide: 40, was: 2 }], [], 404, 303);
  assert.notEqual(first.spot, 2);
  assert.equal(other.spot, 2);
});

test("contour numbers keep apart from each other and from what must be seen", () => {
  const line = (y) => `M0 ${y}l100 0 100 0 100 0 100 0`;
  const out = w.raceSpots([line(50), line(55), line(200)], (x, y) => [x, y], 400, 300, [[50, 50]]);
  assert.deepEqual(out.map((p) => p.level), [0, 1, 2]);
  for (const a of out) for (const b of out) assert.ok(a === b || Math.hypot(a.x - b.x, a.y - b.y) > 34);
  assert.ok(out.every((p) => Math.hypot(p.x - 50, p.y - 50) > 34));
});

test("axes: decades where all is above 0, and who runs away does not stretch them", () => {
  assert.deepEqual(w.raceSpan([[9, 0.5, 0]]), { log: true, low: 0.1, high: 10 });
  assert.equal(w.raceSpan([[1, 1e-30]]).low, 1e-8);
  assert.equal(w.raceSpan([[2, 1e40], [2, 1]]).high, 10);
  const below = w.raceSpan([[2, -3]]);
  assert.ok(!below.log && below.low < -3 && below.high > 2);
  assert.deepEqual(w.raceSpan([[NaN]]), { log: true, low: 0.1, high: 1 });
});

test("plots: loss above the lowest, distance to the nearest minimum, the gradient where there is none", () => {
  const t = track("a", [4, 3], [3, 2]);
  const two = w.racePanels(race([t], { surface: { goals: [[0, 0], [5, 0]], lowest: -1 }, target: 0 }));
  assert.deepEqual([...two[0].curves[0]], [4, 3]);
  assert.equal(two[0].target, 1);
  assert.deepEqual(two[1].curves[0], [1, 2]);
  const none = w.racePanels(race([t], { surface: { goals: [], lowest: null } }));
  assert.equal(none[1].title, "length of the gradient");
  assert.deepEqual([...none[1].curves[0]], [4, 3]);
});

test("in space: near is below far, high is above low, and a wall hides what is behind it", () => {
  const see = w.raceCamera(0, 0.6);
  assert.ok(see.screen(0.5, 0, 0)[1] > see.screen(0.5, 1, 0)[1]);
  assert.ok(see.screen(0.5, 0.5, 1)[1] < see.screen(0.5, 0.5, 0)[1]);
  assert.ok(see.depth(0.5, 0) > see.depth(0.5, 1));
  const n = 11,
    wall = Float64Array.from({ length: n * n }, (_, k) => (Math.floor(k / n) === 5 ? 1 : 0));
  const low = w.raceCamera(0, 0.2);
  assert.equal(w.raceHidden({ n, h: wall }, low, 0.5, 0.6), true);
  assert.equal(w.raceHidden({ n, h: wall }, low, 0.5, 0.4), false);
  assert.equal(w.raceHidden({ n, h: wall }, w.raceCamera(Math.PI, 0.2), 0.5, 0.4), true);
  assert.equal(w.raceHeight({ n, h: wall }, 0.5, 0.45), 0.5);
});

test("two contenders of the first 24 never share colour and mark", () => {
  const looks = Array.from({ length: 24 }, (_, i) => `${w.raceHue({ colour: i })} ${w.raceShape({ marker: i })}`);
  assert.equal(new Set(looks).size, 24);
});
