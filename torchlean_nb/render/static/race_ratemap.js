// RaceArena: the picture of the rate map.

const RACE_MOST = 0.99;
const RACE_DIGIT_STEPS = [1, 2, 3, 5, ...[1, 2, 3, 4, 5].flatMap((e) => [1, 2, 5].map((m) => m * 10 ** e))];
const RACE_LEVELS = 8;
const RACE_BETAS = Array.from({ length: 56 }, (_, i) => (RACE_MOST * i) / 55);

/** A place and a factor in words. */
export const raceOf = (lr, beta) => `\u03b1 = ${short(lr, 3)}, \u03b2 = ${short(beta, 3)}`;
export function raceReads(factor) {
  if (factor < 1e-12) return "one step arrives";
  if (factor < 1)
    return `a step leaves ${short(factor, 3)} of the distance, ${short(raceDigit(factor), 3)} steps gain a digit`;
  return factor > 1 ? `diverges, a step makes the distance ${short(factor, 3)} times as large` : "gains nothing";
}

/** Outlines of where so many steps gain a digit, from all that shrinks to the fastest. */
export function raceBands(kind, eigen, axis) {
  const factor = (lr, beta) => raceFactor(kind, eigen, lr, beta),
    level = (n) => 10 ** (-1 / n),
    { factor: best } = raceOptimum(kind, eigen),
    steps = RACE_DIGIT_STEPS.filter((n) => level(n) > best).slice(0, RACE_LEVELS),
    lowest = new Map();
  return [Infinity, ...steps.reverse()]
    .map((n) => ({ n, points: raceRegion(factor, ...axis, RACE_BETAS, n === Infinity ? 1 : level(n), lowest) }))
    .filter((band) => band.points.length);
}

/** Scales of the map: where a rate and a momentum stand, and what stands under the pointer. */
function raceRateScales(axis, wide) {
  const tall = Math.round(Math.min(340, Math.max(240, wide * 0.68))),
    box = { left: 38, top: 26, wide: wide - 50, tall: tall - 62 },
    [low, high] = axis.map(Math.log10),
    share = (v) => Math.max(0, Math.min(1, v)),
    X = (lr) => box.left + box.wide * share((Math.log10(lr) - low) / (high - low)),
    Y = (beta) => box.top + box.tall * (1 - share(beta / RACE_MOST));
  const place = (svg, e) => {
    const b = svg.getBoundingClientRect(),
      u = (((e.clientX - b.left) * wide) / b.width - box.left) / box.wide,
      v = 1 - (((e.clientY - b.top) * tall) / b.height - box.top) / box.tall;
    if (u < 0 || u > 1 || v < 0 || v > 1) return null;
    const lr = 10 ** (low + u * (high - low));
    return { lr: Number(lr.toPrecision(3)), beta: Number((v * RACE_MOST).toFixed(3)) };
  };
  return { tall, box, X, Y, place };
}

/** Axes with their numbers and names. */
function raceRateAxes(axis, { box, tall, X, Y }) {
  const low = box.top + box.tall;
  return [
    s("rect", { class: "tl-rc-frame", x: box.left, y: box.top, width: box.wide, height: box.tall }),
    raceRateTicks(...axis).map((v) => [
      s("path", { class: "tl-rc-tick", d: `M${X(v).toFixed(1)} ${low}v4` }),
      s("text", { x: X(v), y: low + 15, "text-anchor": "middle" }, short(v, 1)),
    ]),
    [0, 0.2, 0.4, 0.6, 0.8, RACE_MOST].map((v) => [
      s("path", { class: "tl-rc-tick", d: `M${box.left} ${Y(v).toFixed(1)}h-4` }),
      s("text", { x: box.left - 7, y: Y(v) + 3.5, "text-anchor": "end" }, String(v)),
    ]),
    s("text", { x: box.left + box.wide / 2, y: tall - 6, "text-anchor": "middle" }, "learning rate \u03b1"),
    s("text", { x: 2, y: 15 }, "\u03b2"),
  ];
}

/** The cross at the best place with its numbers, and the steps of the bands, all clear of one another. */
function raceRateWords(best, bands, all, wide, { box, X, Y }) {
  const [bx, by] = [X(best.lr), Y(best.beta)],
    side = bx < wide * 0.55 ? 1 : -1,
    taken = all.map(({ d }) => [X(d.lr), Y(d.beta)]),
    free = (x, y, reach) => taken.every(([u, v]) => Math.abs(u - x) > reach || Math.abs(v - y) > 18),
    low = box.top + box.tall,
    shift = [-22, 20, -50, 48, -78, 76].filter((d) => by + d > box.top + 12 && by + d < low - 22),
    said = by + (shift.find((d) => free(bx + 66 * side, by + d, 74)) ?? shift[0]),
    anchor = { x: bx + 9 * side, "text-anchor": side > 0 ? "start" : "end" },
    words = best.factor ? `best: ${short(best.factor, 3)} a step` : "best: one step";
  for (const k of [0, 1, 2, 3, 4]) for (const y of [said, said + 13]) taken.push([bx + 30 * k * side, y]);
  // On the slow side of a band, about a third of the way up.
  const labels = bands.slice(1).map(({ n, points }) => {
    const [lr, beta] = points[Math.floor(points.length / 6)],
      [x, y] = [X(lr), Y(beta)];
    if (x < box.left + 14 || !free(x, y, 20)) return null;
    taken.push([x, y]);
    return s("text", { class: "tl-xp-halo", x, y: y + 3.5, "text-anchor": "middle" }, String(n));
  });
  const cross = s(
    "g",
    { class: "tl-rc-best" },
    s("path", { d: `M${bx - 6} ${by}h12M${bx} ${by - 6}v12` }),
    s("text", { class: "tl-xp-halo tl-xp-said", ...anchor, y: said }, raceOf(best.lr, best.beta)),
    s("text", { class: "tl-xp-halo", ...anchor, y: said + 13 }, words),
  );
  return [labels, cross];
}

/** The drawing; `all` are the contenders `{t, i, d}` with a place in it, `chosen` is one of their numbers. */
export function raceRateMap({ kind, eigen, best, title, label }, { bands, axis, all, chosen, wide }) {
  const scales = raceRateScales(axis, wide),
    { box, tall, X, Y } = scales,
    cross = s("path", { class: "tl-rc-cross" });
  const band = ({ n, points }, i) =>
    s("path", {
      class: n === Infinity ? "tl-rc-shrinks tl-rc-one" : "tl-rc-shrinks",
      style: { "--p": `${Math.round(8 + (50 * (i + 1)) / bands.length)}%` },
      d: `M${points.map(([lr, beta]) => `${X(lr).toFixed(1)} ${Y(beta).toFixed(1)}`).join("L")}Z`,
    });
  const place = ({ t, i, d }) => {
    const [x, y] = [X(d.lr).toFixed(1), Y(d.beta).toFixed(1)],
      said = `${t.name}, ${raceOf(d.lr, d.beta)}: ${raceReads(raceFactor(d.kind, eigen, d.lr, d.beta))}`;
    const transform = `translate(${x} ${y}) scale(${i === chosen ? 1.35 : 1})`;
    return s("g", { transform }, s("title", null, said), raceMark(t));
  };
  const out = { class: "tl-rc-out", x: box.left + box.wide - 6, y: box.top + box.tall - 8, "text-anchor": "end" };
  const svg = s(
    "svg",
    {
      class: "tl-xp-plot tl-rc-ratemap",
      viewBox: `0 0 ${wide} ${tall}`,
      tabindex: "0",
      role: "application",
      "aria-roledescription": "rate map",
      "aria-label": label,
    },
    s("text", { class: "tl-xp-title", x: box.left, y: 15 }, `${title}: steps to gain a digit`),
    s("rect", { class: "tl-rc-grows", x: box.left, y: box.top, width: box.wide, height: box.tall }),
    bands.map(band),
    s("text", out, "diverges"),
    raceRateAxes(axis, scales),
    cross,
    raceRateWords(best, bands, all, wide, scales),
    all.map(place),
  );
  /** Shows a cursor `{lr, beta}`, or none. */
  const point = (at) =>
    cross.setAttribute("d", at ? `M${X(at.lr)} ${box.top}v${box.tall}M${box.left} ${Y(at.beta)}h${box.wide}` : "");
  return { svg, point, place: (e) => scales.place(svg, e) };
}
