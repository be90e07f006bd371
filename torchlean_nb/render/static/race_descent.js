// RaceArena: gradient descent on a quadratic. With a constant rate and momentum a rule is one linear map per direction,
// and the larger eigenvalue of it is what every step leaves of the distance. Nothing here touches the page.

const RACE_DESCENTS = new Set(["sgd", "heavy_ball", "momentum", "nesterov", "nesterov_agd", "table_momentum"]);

/** Larger magnitude of the roots of z^2 - trace z + det. */
export function raceRadius(trace, det) {
  const d = trace * trace - 4 * det;
  return d < 0 ? Math.sqrt(det) : (Math.abs(trace) + Math.sqrt(d)) / 2;
}

/** What one step leaves of the distance at worst. `kind`: nesterov, damp (share of the gradient that enters), decay. */
export function raceFactor(kind, eigen, lr, beta) {
  let worst = 0;
  for (const value of eigen) {
    const a = lr * (kind.damp ?? 1) * (value + (kind.decay || 0));
    const r = kind.nesterov ? raceRadius((1 + beta) * (1 - a), beta * (1 - a)) : raceRadius(1 + beta - a, beta);
    if (!(r <= worst)) worst = r;
  }
  return worst;
}

/** Rate and momentum that leave least; `plain` without momentum. Null where a direction does not go up. */
export function raceOptimum(kind, eigen, plain = false) {
  const [l, L] = [Math.min(...eigen), Math.max(...eigen)].map((v) => v + (kind.decay || 0)),
    damp = kind.damp ?? 1;
  if (!(l > 0) || !(damp > 0)) return null;
  let lr = 2 / (l + L),
    beta = 0;
  if (!plain && kind.nesterov) {
    // Lessard, Recht and Packard 2016, table 1.
    const root = Math.sqrt((3 * L) / l + 1);
    [lr, beta] = [4 / (3 * L + l), (root - 2) / (root + 2)];
  } else if (!plain) {
    const [a, b] = [Math.sqrt(l), Math.sqrt(L)];
    [lr, beta] = [4 / (a + b) ** 2, ((b - a) / (b + a)) ** 2];
  }
  lr /= damp;
  const factor = raceFactor(kind, eigen, lr, beta);
  // On a round bowl one step arrives, but for the rounding.
  return { lr, beta, factor: factor < 1e-12 ? 0 : factor };
}

/** Steps that divide the distance by ten; infinite where it does not shrink. */
export const raceDigit = (factor) => (factor < 1 ? Math.LN10 / -Math.log(factor) : Infinity);

/** How a track steps where that is one linear map, else null: kind, rate, momentum, whether `both` can be set. */
export function raceDescent(track) {
  if (!RACE_DESCENTS.has(track.rule)) return null;
  const of = (name) => (track.knobs.find((k) => k.name === name) || {}).value,
    beta = of("momentum"),
    nesterov = track.rule.startsWith("nesterov") || !!of("nesterov");
  if (typeof of("lr") !== "number" || beta === null) return null;
  // The first buffer of an undamped start does not change the rate; without momentum there is no buffer to damp.
  const damp = beta || track.rule === "table_momentum" ? 1 - (of("dampening") || 0) : 1;
  return {
    kind: { nesterov, damp, decay: of("weight_decay") || 0 },
    lr: of("lr"),
    beta: beta || 0,
    both: beta !== undefined,
  };
}

/** Logarithm of the rate, between two, that leaves least for one momentum: a factor falls and then rises. */
export function raceLowest(factor, low, high) {
  let [a, b] = [Math.log(low), Math.log(high)];
  for (let i = 0; i < 32; i++) {
    const [p, q] = [a + (b - a) / 3, b - (b - a) / 3];
    if (factor(Math.exp(p)) <= factor(Math.exp(q))) b = q;
    else a = p;
  }
  return (a + b) / 2;
}

/** Rates between which a factor is at most `level`, around that of `best`; null where it is nowhere. */
export function raceBetween(factor, low, high, level, best = raceLowest(factor, low, high)) {
  const at = (u) => factor(Math.exp(u));
  if (!(at(best) <= level)) return null;
  const edge = (outside) => {
    if (at(outside) <= level) return Math.exp(outside);
    let [inside, out] = [best, outside];
    for (let i = 0; i < 24; i++) {
      const mid = (inside + out) / 2;
      if (at(mid) <= level) inside = mid;
      else out = mid;
    }
    return Math.exp(inside);
  };
  return [edge(Math.log(low)), edge(Math.log(high))];
}

/** Outline of where a factor is at most `level`, as points (rate, momentum), rows of momentum from low to high. */
export function raceRegion(factor, low, high, betas, level, lowest = new Map()) {
  const row = (beta) => {
    const of = (lr) => factor(lr, beta);
    if (!lowest.has(beta)) lowest.set(beta, raceLowest(of, low, high));
    return raceBetween(of, low, high, level, lowest.get(beta));
  };
  const rows = betas.map((beta) => [beta, row(beta)]),
    inside = rows.map(([, r]) => r !== null),
    first = inside.indexOf(true),
    last = inside.lastIndexOf(true);
  if (first < 0) return [];
  /** The row at which the region ends, between one inside and one outside. */
  const end = (at, outside) => {
    let [a, b] = [betas[at], betas[outside]];
    for (let i = 0; i < 12; i++) {
      const mid = (a + b) / 2;
      if (row(mid)) a = mid;
      else b = mid;
    }
    return [a, row(a)];
  };
  const used = rows.slice(first, last + 1).filter(([, r]) => r);
  if (first > 0) used.unshift(end(first, first - 1));
  if (last < betas.length - 1) used.push(end(last, last + 1));
  return [...used.map(([beta, r]) => [r[0], beta]), ...used.reverse().map(([beta, r]) => [r[1], beta])];
}

/** Ends of the axis of rates: around the best one and the end of what is stable, and the contenders near by. */
export function raceRateAxis(kind, eigen, rates) {
  const best = raceOptimum(kind, eigen).lr,
    steep = Math.max(...eigen) * (kind.damp ?? 1),
    near = rates.filter((v) => v > best / 3e3 && v < 300 * best);
  return [Math.min(best / 30, ...near.map((v) => v / 1.5)), Math.max(6 / steep, ...near.map((v) => v * 1.5))];
}

/** The rate `d` twentieths of a decade on, with two digits. */
export const raceNext = (lr, d) =>
  Number((10 ** ((Math.round(RACE_PER_DECADE * Math.log10(lr)) + d) / RACE_PER_DECADE)).toPrecision(2));

/** 1, 2 and 5 times powers of ten between two ends; only the powers when those are many. */
export function raceRateTicks(low, high) {
  const out = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
    for (const m of high / low > 200 ? [1] : [1, 2, 5]) out.push(Number(`${m}e${e}`));
  return out.filter((v) => v >= low && v <= high);
}
