// TrainingDashboard: what a step is like, in one sentence. Says the same as `render.dashboard_words`.

const FAR = 4;
const known = (v) => v !== undefined;
const share = (v) => `${short(100 * v, 3)}\u00a0%`;

/** Number of the epoch that step k belongs to, counted from 1; null when nobody said. The series has the ends. */
export function epochAt(run, k) {
  const own = run.series.epoch;
  if (!own || !own.k.length) return null;
  const i = before(own.k, k - 1);
  return (i < 0 ? 0 : Math.floor(own.v[i])) + 1;
}

/** A series with its held-out twin: `loss 0.5, held out 0.6`. */
function pair(run, name, k) {
  const own = valueAt(run.series[name], k),
    held = valueAt(run.series[`val_${name}`], k);
  if (known(own)) return `${name} ${short(own, FAR)}${known(held) ? ` (held out ${short(held, FAR)})` : ""}`;
  return known(held) ? `held-out ${name} ${short(held, FAR)}` : null;
}

/** Rows with a value at k, from the largest to the smallest. */
export function ranked(rows, what, k) {
  return rows
    .map((r) => [r.name, valueAt(r[what], k)])
    .filter(([, v]) => known(v) && !Number.isNaN(v))
    .sort((a, b) => (a[1] === b[1] ? 0 : b[1] - a[1]));
}

/** Layers without a name of their own are called by their number. */
const layerName = (name) => (/^\d+$/.test(name) ? `layer ${name}` : name);

/** The sentence of step k of a run; `metric` is the series that the second chart shows, `end` its last step. */
export function sentence(run, k, metric, several, end = k) {
  if (k > end) return `Step ${k}: run ${run.name} ended at step ${end}${run.status === "finished" ? "" : ` (${run.status})`}, with ${pair(run, "loss", end) || "no loss recorded"}.`;
  const epoch = epochAt(run, k),
    said = [pair(run, "loss", k), metric && pair(run, metric, k)].filter(Boolean),
    rate = valueAt(run.series.lr, k);
  if (known(rate)) said.push(`learning rate ${short(rate, FAR)}`);
  const parts = [said.join(", ") || "nothing was recorded"],
    grads = ranked(run.params, "grad_norm", k),
    moves = ranked(run.params, "update_ratio", k),
    dead = ranked(run.units, "dead", k).filter(([, v]) => v > 0);
  if (grads.length > 1)
    parts.push(`the gradient is largest in ${grads[0][0]} (${short(grads[0][1], 3)}) and smallest in ${grads.at(-1)[0]} (${short(grads.at(-1)[1], 3)})`);
  if (moves.length) {
    const [[name, top]] = moves,
      how = top > 1e-2 ? ", much for one step" : top < 1e-4 ? ", little for one step" : "";
    parts.push(`${name} moves most, by ${short(top, 2)} of its size${how}`);
  }
  if (dead.length) parts.push(`${share(dead[0][1])} of the units of ${layerName(dead[0][0])} are dead`);
  const events = run.events.filter((e) => e.k === k).map((e) => e.text || e.kind);
  return `Step ${k}${epoch === null ? "" : `, epoch ${epoch}`}${several ? `, run ${run.name}` : ""}: ${[...parts, ...events].join("; ")}.`;
}

/** Steps worth a row of the table: the ends, the events, the cursor, an even part of the rest. */
export function telling(stops, events, k, count = 20) {
  if (!stops.length) return [];
  const picks = new Set(Array.from({ length: count + 1 }, (_, i) => stops[Math.round((i * (stops.length - 1)) / count)]));
  for (const e of events.slice(0, count)) picks.add(e.k);
  if (k !== null) picks.add(k);
  return [...picks].sort((a, b) => a - b);
}
