// UpdateAnatomy, the part that node can test: numbers of a step, and where bars begin and end.

const PRIVATE = 0xe000;

/** Numbers of one step for one coordinate: `at(k, place)`, `place` being the place in what was sent. */
export function reader(step) {
  const word = (v) => (typeof v === "string" ? WORDS[v] : v);
  return (k, place) => {
    const v = step.values[k];
    if (v === null || v === undefined) return NaN;
    return word(Array.isArray(v) ? v[place] : v);
  };
}

/** Whether a quantity is one number for the whole parameter, or nothing that fits it. */
export const single = (step, k) => !Array.isArray(step.values[k]);

/** What a row draws: the number, or its root. */
export const drawn = (row, v) => (row.root ? Math.sqrt(v) : v);

/**
 * Bars `[{from, to}]` of every row for every place, and the scale of each. Rows that add up to the step float:
 * each begins where the one before ends.
 */
export function waterfallOf(payload, step, places) {
  const at = reader(step),
    rows = payload.rows,
    bars = rows.map((row) =>
      single(step, row.v) && places.length && payload.shape.length ? null : places.map((p) => ({ from: 0, to: drawn(row, at(row.v, p)) })),
    );
  let before = null;
  for (const i of payload.sums) {
    bars[i].forEach((b, j) => {
      if (before) {
        b.from = before[j].to;
        b.to += b.from;
      }
    });
    before = bars[i];
  }
  const top = (list) => Math.max(0, ...list.map(Math.abs).filter(Number.isFinite)) || 1;
  const ends = (i, j) => [bars[i][j].from, bars[i][j].to, ...rows[i].parts.map(([, k]) => at(k, places[j]))];
  const inBlock = (b) => rows.map((_, i) => i).filter((i) => bars[i] && rows[i].block === b && !rows[i].own);
  const columns = places.map((_, j) => top(inBlock(0).flatMap((i) => ends(i, j))));
  const shared = [1, 2].map((b) => top(inBlock(b).flatMap((i) => places.flatMap((_, j) => ends(i, j)))));
  const scale = (i, j) => {
    if (rows[i].own) return top(places.flatMap((_, q) => ends(i, q)));
    return rows[i].block ? shared[rows[i].block - 1] : columns[j];
  };
  return { bars, scale, shared };
}

/** Left edge and width of a bar in per cent of its column, and whether it runs past the column's edge. */
export function span(from, to, scale, room = 46) {
  const far = (v) => (Number.isNaN(v) ? 0 : (v / scale) * room),
    past = Math.abs(far(to)) > 48,
    edge = past ? 49 : 48;
  const cut = (v) => Math.max(-edge, Math.min(edge, far(v)));
  const a = cut(from),
    b = cut(to);
  return { left: 50 + Math.min(a, b), width: Math.abs(b - a), end: 50 + b, past };
}

/** Puts numbers in the place of the private characters of a formula. */
export function fillIn(math, number) {
  const walk = (node) => {
    for (const child of node.children) walk(child);
    const code = node.children.length ? 0 : node.textContent.codePointAt(0);
    if (code >= PRIVATE && code < PRIVATE + 6400) node.textContent = number(code - PRIVATE);
  };
  walk(math);
  const long = math.textContent.length;
  math.classList.toggle("tl-long", long > 16 && long <= 22);
  math.classList.toggle("tl-longer", long > 22);
  return math;
}

/** Flat place of a typed index, `"3"` or `"1, 2"`; -1 when it is none. */
export function typedIndex(text, shape) {
  const parts = text.replace(/[[\]()]/g, "").trim().split(/[\s,]+/);
  const ints = parts.map(Number);
  if (!parts[0] || ints.some((v) => !Number.isInteger(v) || v < 0)) return -1;
  if (ints.length === 1 && ints[0] < size(shape)) return ints[0];
  if (ints.length !== shape.length || ints.some((v, i) => v >= shape[i])) return -1;
  return ints.reduce((at, v, i) => at * shape[i] + v, 0);
}
