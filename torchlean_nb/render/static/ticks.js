// Round numbers for an axis. Nothing here touches the page, so node can test it.

/** Round numbers between two ends; powers of ten on a log axis. */
export function roundTicks(low, high, log, count = 4) {
  if (log) {
    const a = Math.ceil(Math.log10(low) - 1e-9),
      b = Math.floor(Math.log10(high) + 1e-9),
      every = Math.max(1, Math.ceil((b - a + 1) / (count + 1)));
    if (b > a) return Array.from({ length: Math.floor((b - a) / every) + 1 }, (_, i) => Number(`1e${a + i * every}`));
    return [1, 2, 5].flatMap((m) => [a - 1, a, b + 1].map((e) => Number(`${m}e${e}`))).filter((v, i, all) => v >= low && v <= high && all.indexOf(v) === i).sort((p, q) => p - q);
  }
  const raw = (high - low) / count;
  if (!(raw > 0) || !Number.isFinite(raw)) return [low];
  const unit = 10 ** Math.floor(Math.log10(raw)),
    size = unit * [1, 2, 2.5, 5, 10].find((m) => m * unit >= raw * 0.999),
    from = Math.ceil(low / size - 1e-9);
  return Array.from({ length: Math.floor(high / size + 1e-9) - from + 1 }, (_, i) => Number(((from + i) * size).toPrecision(10)));
}
