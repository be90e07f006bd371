// RaceArena: marks, lines and labels of the contenders, for every picture and table of the race.

const RACE_HUES = ["var(--text)", "#E69F00", "#56B4E9", "#CC79A7", "#0072B2", "#009E73"];
// Each within a circle of radius 5.4 around 0.
const RACE_MARKS = [
  "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
  "M-3.6-3.6h7.2v7.2h-7.2z",
  "M0-5l4.7 8.2h-9.4z",
  "M0-5.2L5.2 0 0 5.2-5.2 0z",
  "M0 5l4.7-8.2h-9.4z",
  "M-1.7-5h3.4v3.3H5v3.4H1.7V5h-3.4V1.7H-5v-3.4h3.3z",
  "M-4.7-2.3l2.4-2.4L0-2.3l2.3-2.4 2.4 2.4L2.3 0l2.4 2.3-2.4 2.4L0 2.3l-2.3 2.4-2.4-2.4L-2.3 0z",
  "M0-5.4l1.5 3.5 3.8.3-2.9 2.4.9 3.7L0 2.4l-3.3 2.1.9-3.7-2.9-2.4 3.8-.3z",
];
const RACE_FAR = 2e4;

/** Colour of a track `{colour, marker}`. */
export const raceHue = (track) => RACE_HUES[track.colour % RACE_HUES.length];

/** Outline of its mark. */
export const raceShape = (track) => RACE_MARKS[track.marker % RACE_MARKS.length];

/** Its mark as a path of an SVG, around 0. */
export const raceMark = (track) =>
  s("path", { class: "tl-ra-mark", d: raceShape(track), style: { fill: raceHue(track) } });

/** The same as a small picture of its own, for tables. */
export const raceChip = (track) =>
  s(
    "svg",
    { class: "tl-ra-chip", viewBox: "-7 -6 14 12", width: 14, height: 12, "aria-hidden": "true" },
    raceMark(track),
  );

/** A name as a label can carry it. */
export const raceShort = (name, most = 22) => (name.length > most ? `${name.slice(0, most - 1)}\u2026` : name);

/** Length of an arrow on the screen: logarithmic, so that lengths of every size are seen. */
export const raceArrow = (length) => (length > 0 ? Math.max(16, Math.min(64, 30 + 12 * Math.log10(length))) : 0);

/** Pixels of a path that may run away, and the length of it up to each point. */
export function raceWay(xs, ys, end, px, py) {
  const x = new Float64Array(end + 1),
    y = new Float64Array(end + 1),
    long = new Float64Array(end + 1);
  let n = 0;
  for (; n <= end; n++) {
    let u = px(xs[n]),
      v = py(ys[n]);
    if (Number.isNaN(u) || Number.isNaN(v)) break;
    const far = Math.max(Math.abs(u), Math.abs(v));
    if (far > RACE_FAR) {
      // Cut where it leaves a large box, so that what is seen of it keeps its direction.
      const by = Number.isFinite(far) ? RACE_FAR / far : 0;
      u = Number.isFinite(u) ? u * by : Math.sign(u) * RACE_FAR;
      v = Number.isFinite(v) ? v * by : Math.sign(v) * RACE_FAR;
    }
    x[n] = u;
    y[n] = v;
    long[n] = n ? long[n - 1] + Math.hypot(u - x[n - 1], v - y[n - 1]) : 0;
  }
  return { x, y, long, last: n - 1 };
}

/** An SVG path through points, to a tenth of a pixel. */
export function raceLine(x, y, count) {
  let d = "";
  for (let i = 0; i < count; i++) d += `${i ? "L" : "M"}${x[i].toFixed(1)} ${y[i].toFixed(1)}`;
  return d;
}

/** A path without moves that no line follows, which are no path. */
export const raceTidy = (d) => d.replace(/M[^Ml]*l?(?=M|$)/g, "");

/** Corners of a path of moves and relative lines, one list `[x, y, x, y, ...]` for each move. */
export function raceCorners(d) {
  return d
    .split("M")
    .filter(Boolean)
    .map((part) => {
      const out = (part.match(/-?[\d.]+/g) || []).map(Number);
      for (let i = 2; i < out.length; i++) out[i] += out[i - 2];
      return out;
    });
}

const SPOTS = [
  [12, -12],
  [12, 4],
  [12, 18],
  [-12, -12],
  [-12, 4],
  [-12, 18],
  [26, -20],
  [-26, -20],
  [26, 30],
  [-26, 30],
  [40, -36],
  [-40, -36],
  [40, 46],
  [-40, 46],
  [60, 4],
  [-60, 4],
  [30, -56],
  [-30, -56],
  [30, 66],
  [-30, 66],
];

/**
 * Places of labels beside heads `[{x, y, wide, was}]`, most important first: `{x, y, end, spot}` each, `end` for text
 * that ends there; none over another, over a head, over `blocks` [x, y, wide, tall] or outside, where that can be.
 */
export function racePlaced(heads, blocks, wide, tall) {
  const taken = [...blocks, ...heads.map((p) => [p.x - 6, p.y - 6, 12, 12])];
  const over = (a, b) =>
    Math.max(0, Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0])) *
    Math.max(0, Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1]));
  return heads.map((p) => {
    let best = null;
    SPOTS.forEach(([dx, dy], spot) => {
      const left = dx > 0 ? p.x + dx : p.x + dx - p.wide,
        box = [left - 2, p.y + dy - 11, p.wide + 4, 14];
      const out = Math.max(0, -box[0], box[0] + box[2] - wide) * 14 + Math.max(0, -box[1], box[1] + 14 - tall) * p.wide;
      // A label that may stay where it was does not jump.
      let cost = Math.hypot(dx, dy) + 8 * out + (p.was === spot ? -25 : 0);
      for (const t of taken) cost += 3 * over(box, t);
      if (!best || cost < best.cost) best = { cost, box, x: p.x + dx, y: p.y + dy, end: dx < 0, spot };
    });
    taken.push(best.box);
    return best;
  });
}

/** Where contours carry their numbers: level parts of lines in the picture, far from each other. */
export function raceSpots(lines, place, wide, tall, avoid) {
  const out = [],
    far = [...avoid];
  lines.forEach((d, level) => {
    let best = null;
    for (const c of raceCorners(d))
      for (let i = 2; i < c.length - 1; i += 2) {
        const [x, y] = place(c[i], c[i + 1]),
          [u, v] = place(c[i - 2], c[i - 1]),
          mx = (x + u) / 2,
          my = (y + v) / 2;
        if (mx < 24 || mx > wide - 24 || my < 14 || my > tall - 12) continue;
        const near = far.reduce((m, p) => Math.min(m, Math.hypot(mx - p[0], my - p[1])), 120);
        const score = near - 30 * (Math.abs(y - v) / (Math.hypot(x - u, y - v) || 1));
        if (near > 34 && (!best || score > best.score)) best = { score, level, x: mx, y: my };
      }
    if (best && out.length < 6) {
      out.push(best);
      far.push([best.x, best.y]);
    }
  });
  return out;
}

let raceRuler = null;
/** Width of a label in pixels. */
export function raceWide(text, bold = false) {
  raceRuler = raceRuler || document.createElement("canvas").getContext("2d");
  raceRuler.font = `${bold ? 700 : 400} 10.5px "Segoe UI","Helvetica Neue",Helvetica,Arial,sans-serif`;
  return raceRuler.measureText(text).width;
}
