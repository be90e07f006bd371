// RaceArena: what Python sent, as the arrays that the parts draw. render/race_code.py writes the numbers.

const RACE_LETTERS = new Map([..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].map((c, i) => [c, i]));
const RACE_ODD = { "!": NaN, "^": Infinity, _: -Infinity };

/** Numbers of a code, null of none. */
export function raceNumbers(code) {
  if (!code) return null;
  const { q, r, o, s } = code,
    out = [];
  let whole = 0,
    by = 0,
    value = 0,
    unit = 1;
  for (const c of s) {
    if (c in RACE_ODD) {
      out.push(RACE_ODD[c]);
      continue;
    }
    const bits = RACE_LETTERS.get(c);
    value += (bits & 31) * unit;
    unit *= 32;
    if (bits > 31) continue;
    by += value % 2 ? -(value + 1) / 2 : value / 2;
    whole += by;
    out.push(o + q * (r ? Math.sinh(whole * r) : whole));
    value = 0;
    unit = 1;
  }
  return Float64Array.from(out);
}

/** One contender. */
export function raceTrack(t) {
  const arrays = Object.fromEntries(["x", "y", "loss", "gx", "gy", "mx", "my"].map((k) => [k, raceNumbers(t[k])]));
  return { ...t, ...arrays, best: t.best === null ? NaN : t.best };
}

/** The surface. */
export function raceSurface(surface) {
  return { ...surface, grid: { n: surface.grid.n, h: raceNumbers(surface.grid.h) } };
}

/** The whole race. */
export function raceData(payload) {
  return {
    ...payload,
    steps: Int32Array.from(raceNumbers(payload.steps)),
    surface: raceSurface(payload.surface),
    tracks: payload.tracks.map(raceTrack),
  };
}

/** The race with what an answer of the kernel changes. */
export function raceChanged(race, answer) {
  const now = answer.payload ? raceData(answer.payload) : { ...race, tracks: [...race.tracks] };
  for (const [i, t] of answer.tracks || []) now.tracks[i] = raceTrack(t);
  if (answer.surface) now.surface = raceSurface(answer.surface);
  for (const key of ["equal", "unequal"]) if (answer[key]) now[key] = answer[key];
  now.serial = answer.serial;
  return now;
}
