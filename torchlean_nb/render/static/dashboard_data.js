// TrainingDashboard: the runs as they travelled. Nothing here touches the page, so node can test it.

const MOST_POINTS = 2000;
const word = (v) => (typeof v === "string" ? WORDS[v] : v);

/** Steps from their first and the differences; one difference stands for all. */
export function stepsOf(coded, n) {
  if (!n) return [];
  const out = [coded[0]];
  for (let i = 1; i < n; i++) out.push(out[i - 1] + (coded.length === 2 ? coded[1] : coded[i]));
  return out;
}

export const curveOf = (c) =>
  c && { k: stepsOf(c.k, c.v.length), v: c.v.map(word), mean: c.m ? { k: stepsOf(c.m.k, c.m.v.length), v: c.m.v.map(word) } : null };

const KEPT = new Set(["path", "name"]);
const rowOf = (r) => Object.fromEntries(Object.entries(r).map(([key, c]) => [key, KEPT.has(key) ? c : curveOf(c)]));
/** A table by names that somebody chose: one called `constructor` must not find what every object has. */
const tableOf = (entries) => entries.reduce((o, [name, v]) => ((o[name] = v), o), Object.create(null));
const curvesOf = (o) => tableOf(Object.entries(o || {}).map(([name, c]) => [name, curveOf(c)]));
const histOf = (list) => list.map((h) => ({ ...h, at: h.at.map(([k, edges, counts]) => ({ k, edges, counts })) }));
const histsOf = (o) => tableOf(Object.entries(o || {}).map(([what, list]) => [what, histOf(list)]));

/** Runs of a payload with their numbers unpacked. */
export const runsOf = (payload) =>
  (payload.runs || []).map((r) => ({
    ...r,
    series: curvesOf(r.series),
    params: r.params.map(rowOf),
    units: r.units.map(rowOf),
    hist: histsOf(r.hist),
    events: r.events.map(([k, kind, text]) => ({ k, kind, text })),
  }));

/** Index of the last of the increasing `ks` that is not behind `k`; -1 when all are. */
export function before(ks, k) {
  let a = -1,
    b = ks.length;
  while (b - a > 1) {
    const m = (a + b) >> 1;
    if (ks[m] <= k) a = m;
    else b = m;
  }
  return a;
}

/** Index of the nearest of the increasing `ks`. */
export function closest(ks, k) {
  const i = before(ks, k);
  return i < 0 ? 0 : i + 1 < ks.length && ks[i + 1] - k < k - ks[i] ? i + 1 : i;
}

/** Latest value at step k; undefined before the first. */
export const valueAt = (c, k) => (c ? c.v[before(c.k, k)] : undefined);

/**
 * Averages with weights that fall off over the steps, `amount` per two-hundredth of the axis: one window for all
 * curves, however often they were recorded. The start is corrected; what is not finite leaves a gap.
 */
export function smooth(ks, vs, amount, span) {
  if (!(amount > 0)) return vs;
  const unit = Math.max(1, span) / 200;
  let sum = 0,
    weight = 0,
    last = null;
  return vs.map((v, i) => {
    if (!Number.isFinite(v)) return NaN;
    const keep = last === null ? 0 : amount ** ((ks[i] - last) / unit);
    last = ks[i];
    sum = keep * sum + (1 - amount) * v;
    weight = keep * weight + (1 - amount);
    return sum / weight;
  });
}

/** At most n points of a curve: the ends, and of equal stretches the smallest, the largest and what is not finite. */
export function thin(ks, vs, n) {
  if (vs.length <= n) return { k: ks, v: vs };
  const keep = new Set([0, vs.length - 1]),
    bins = Math.max(1, Math.floor((n - 2) / 3));
  for (let b = 0; b < bins; b++) {
    const from = Math.floor((b * vs.length) / bins),
      to = Math.floor(((b + 1) * vs.length) / bins);
    let low = -1,
      high = -1,
      odd = -1;
    for (let i = from; i < to; i++) {
      if (!Number.isFinite(vs[i])) odd = i;
      else {
        if (low < 0 || vs[i] < vs[low]) low = i;
        if (high < 0 || vs[i] > vs[high]) high = i;
      }
    }
    for (const i of [low, high, odd]) if (i >= 0) keep.add(i);
  }
  const at = [...keep].sort((a, b) => a - b);
  return { k: at.map((i) => ks[i]), v: at.map((i) => vs[i]) };
}

/** Appends points that come after what is there; a curve that grows too long is thinned to half. */
export function extend(old, more) {
  if (!old || !old.k.length) return more;
  const from = before(more.k, old.k.at(-1)) + 1,
    k = old.k.concat(more.k.slice(from)),
    v = old.v.concat(more.v.slice(from)),
    mean = old.mean && { k: old.mean.k.concat(more.k.slice(from)), v: old.mean.v.concat(more.v.slice(from)) };
  return { ...(k.length > MOST_POINTS ? thin(k, v, MOST_POINTS / 2) : { k, v }), mean };
}

const extendRows = (rows, news) => {
  for (const n of news || []) {
    const row = rows.find((r) => r.path === n.path);
    if (!row) rows.push(rowOf(n));
    else for (const [key, c] of Object.entries(n)) if (!KEPT.has(key)) row[key] = extend(row[key], curveOf(c));
  }
};

/** Adds what is new of a run to it. */
export function grow(run, news) {
  for (const [name, c] of Object.entries(news.series || {})) run.series[name] = extend(run.series[name], curveOf(c));
  extendRows(run.params, news.params);
  extendRows(run.units, news.units);
  for (const [what, list] of Object.entries(histsOf(news.hist))) {
    run.hist[what] = run.hist[what] || [];
    for (const h of list) {
      const old = run.hist[what].find((o) => o.path === h.path);
      if (old) old.at.push(...h.at);
      else run.hist[what].push(h);
    }
  }
  for (const [k, kind, text] of news.events || []) run.events.push({ k, kind, text });
  for (const key of ["steps", "planned", "status"]) if (key in news) run[key] = news[key];
}

const OWN = new Set(["loss", "val_loss", "lr", "epoch"]),
  LAST = new Set(["epoch_loss", "grad_norm"]);
/** What the second chart can show: series of any run besides loss and learning rate, training and held out as one. */
export function metricsOf(runs) {
  const names = new Set(runs.flatMap((r) => Object.keys(r.series)).filter((n) => !OWN.has(n)).map((n) => n.replace(/^val_/, "")));
  return [...names].sort((a, b) => LAST.has(a) - LAST.has(b));
}

/** Steps where the scrubber of a run rests: those of its longest series. */
export function stopsOf(run) {
  const all = [...Object.values(run.series), ...run.params.flatMap((r) => [r.grad_norm, r.update_ratio])].filter((c) => c && c.k.length);
  return all.reduce((a, c) => (c.k.length > a.length ? c.k : a), []);
}

/** Last step that any of the runs will have; of one that runs and has not said, a round number further on. */
export const horizonOf = (runs) => Math.max(0, ...runs.map((r) => Math.max(r.steps, r.planned || (r.status === "running" ? roundUp(r.steps) : 0)) - 1));

/** The next of 10, 20, 50, 100, 200 ... that leaves some room. */
export function roundUp(n) {
  const unit = 10 ** Math.max(1, Math.floor(Math.log10(Math.max(1, n)))),
    m = [1, 2, 3, 5, 10, 20].find((f) => f * unit >= n * 1.05);
  return m * unit;
}

/** Whether two paths name one layer: `0.weight` and `0`. */
export const related = (a, b) => a === b || a.startsWith(`${b}.`) || b.startsWith(`${a}.`);

/** Ends that hold all but a few thousandths of what several histograms count, each with the same weight. */
function middle(list) {
  const low = Math.min(...list.map((h) => h.edges[0])),
    high = Math.max(...list.map((h) => h.edges.at(-1))),
    bins = new Float64Array(400),
    unit = (high - low) / bins.length || 1;
  for (const h of list) {
    const e = edgesOf(h),
      all = h.counts.reduce((a, c) => a + c, 0) || 1;
    h.counts.forEach((c, i) => {
      const from = Math.floor((e[i] - low) / unit),
        to = Math.max(from, Math.min(bins.length - 1, Math.ceil((e[i + 1] - low) / unit) - 1));
      for (let j = from; j <= to; j++) bins[j] += c / all / (to - from + 1) / list.length;
    });
  }
  let a = 0,
    b = bins.length - 1;
  for (let sum = bins[a]; sum < 0.002 && a < b; sum += bins[++a]);
  for (let sum = bins[b]; sum < 0.002 && b > a; sum += bins[--b]);
  return [low + a * unit, low + (b + 1) * unit];
}

/** Histogram of a layer or one of its parameters at step k, the first one, and the ends between which they are drawn. */
export function histogramAt(run, what, path, k) {
  const list = run.hist[what] || [],
    own = list.find((h) => h.path === path) || list.find((h) => related(h.path, path)) || null;
  if (!own) return null;
  const i = before(own.at.map((h) => h.k), k);
  if (i < 0) return { own, now: null };
  if (!own.ends || own.counted !== own.at.length) Object.assign(own, { ends: middle(own.at), counted: own.at.length });
  const now = own.at[i],
    [from, to] = middle([now]),
    // One scale for all steps, unless on it nothing of this one would be seen.
    alone = to - from < (own.ends[1] - own.ends[0]) / 6,
    [low, high] = alone ? [from, to] : own.ends;
  return { own, now, first: i > 0 && !alone ? own.at[0] : null, low, high, alone };
}

/** All edges of a histogram, of which equal ones travelled as their ends. */
export function edgesOf({ edges, counts }) {
  if (edges.length === counts.length + 1 && counts.length > 1) return edges;
  return Array.from({ length: counts.length + 1 }, (_, i) => edges[0] + ((edges.at(-1) - edges[0]) * i) / counts.length);
}
