// TrainingDashboard: axes. Nothing here touches the page, so node can test it.

const DECADES = 8;

/** Smallest and largest finite number of several lists; on a log axis only what is above 0. */
export function extent(lists, log) {
  let low = Infinity,
    high = -Infinity;
  for (const vs of lists)
    for (const v of vs)
      if (Number.isFinite(v) && (v > 0 || !log)) {
        if (v < low) low = v;
        if (v > high) high = v;
      }
  return low <= high ? [low, high] : null;
}

/** Ends of an axis of curves that may run away: far above where they began the plot ends, and they leave it. */
export function spanOf(lists, log) {
  const all = extent(lists, log);
  if (!all) return log ? [0.1, 1] : [0, 1];
  let [low, high] = all;
  const starts = lists.map((vs) => vs.find((v) => Number.isFinite(v) && (v > 0 || !log))).filter((v) => v !== undefined),
    start = Math.max(...starts.map(Math.abs));
  if (start > 0 && high > 1e4 * start) high = 20 * start;
  if (start > 0 && !log && low < -1e4 * start) low = -20 * start;
  if (log) {
    low = Math.max(low, high / 10 ** DECADES);
    const room = Math.max(1.1, (high / low) ** 0.05);
    return [low / room, high * room];
  }
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  // Zero stays a floor, and one a ceiling, where the numbers respect them.
  return [low >= 0 && low < 0.4 * high ? 0 : low - room, high <= 1 && high > 0.9 && low >= 0 ? 1 : high + room];
}

/** Whether a log axis serves these numbers: all above 0, and over more than one power of ten. */
export function wantsLog(lists) {
  const all = extent(lists, false);
  return !!all && all[0] > 0 && all[1] / all[0] > 10;
}

/** Shares between 0 and 1, accuracy and its like, stay on a linear axis. */
export const isShare = (name, lists) => {
  const all = extent(lists, false);
  return !/loss|err|norm/i.test(name) && !!all && all[0] >= 0 && all[1] <= 1;
};

/** Whole powers of ten around positive numbers, at most so many of them below the largest. */
export function decades(lists, low0, high0, most = DECADES) {
  const all = extent(lists, true);
  let [low, high] = all || [low0, high0];
  low = Math.min(low, low0 || low);
  high = Math.max(high, high0 || high);
  if (high === low) high = low * 10;
  const top = Math.ceil(Math.log10(high) - 1e-9);
  return [10 ** Math.max(Math.floor(Math.log10(low) + 1e-9), top - most), 10 ** top];
}

/** Labels pushed apart, in order, inside the plot where there is room: `[[y, what]]`. */
export function spread(ends, gap, top, bottom) {
  const out = [...ends].sort((a, b) => a[0] - b[0]).map(([y, i]) => [Math.max(y, top), i]);
  for (let j = 1; j < out.length; j++) out[j][0] = Math.max(out[j][0], out[j - 1][0] + gap);
  for (let j = out.length - 1; j >= 0; j--) out[j][0] = Math.min(out[j][0], j === out.length - 1 ? bottom : out[j + 1][0] - gap);
  return out;
}

/** Place of a number between two ends, 0 to 1 inside. */
export const placed = (v, low, high, log) => (log ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low));

/** Panels in rows: large ones in pairs, the small ones side by side below; none stands beside a gap. */
export function rowsOf(large, small) {
  const pairs = [...large],
    rest = [...small];
  if (pairs.length % 2 && rest.length) pairs.push(rest.shift());
  const rows = [];
  while (pairs.length) rows.push(pairs.splice(0, 2));
  return rest.length ? [...rows, rest] : rows;
}
