// Numbers and arrays. Nothing here touches the page, so node can test it.

const MINUS = "\u2212";
const WORDS = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };

/** Fixed decimals with a true minus; `plus` prints the sign of positive numbers too. */
export function fixed(v, d = 3, plus = false) {
  if (!Number.isFinite(v)) return Number.isNaN(v) ? "NaN" : (v < 0 ? MINUS : plus ? "+" : "") + "\u221e";
  const s = Math.abs(v).toFixed(d);
  return (v < 0 && +s ? MINUS : plus ? "+" : "") + s;
}

/** At most `n` significant digits, powers of ten when the number is very small or large. */
export function short(v, n = 4) {
  if (!Number.isFinite(v) || v === 0) return fixed(v, 0);
  const a = Math.abs(v),
    sign = v < 0 ? MINUS : "";
  if (a >= 1e-4 && a < 1e6) return sign + String(+a.toPrecision(n));
  const [m, e] = a.toExponential(n - 1).split("e");
  return `${sign}${+m}e${e.replace("+", "").replace("-", MINUS)}`;
}

/** A factor of a product: negative numbers in parentheses. */
export const factor = (v, n = 3) => (v < 0 ? `(${short(v, n)})` : short(v, n));

/** How a column prints its numbers: fixed decimals, or powers of ten when they are very small or large. */
export function column(values, digits = 4) {
  const top = Math.max(0, ...values.filter(Number.isFinite).map(Math.abs));
  if (top && (top < 1e-5 || top >= 1e7)) return (v, plus = false) => (plus && v > 0 ? "+" : "") + short(v, digits);
  const whole = values.every((v) => Number.isInteger(v)),
    lead = top ? Math.floor(Math.log10(top)) + 1 : 1;
  const d = whole ? 0 : Math.max(0, digits - lead);
  return (v, plus = false) => fixed(v, d, plus);
}

/** How a map prints its numbers: a power of ten in common, then fixed decimals. */
export function scale(top, whole = false, digits = 3) {
  if (whole && top < 1e4) return { by: 1, d: 0, note: "" };
  if (!(top > 0) || !Number.isFinite(top)) return { by: 1, d: digits - 1, note: "" };
  const e = Math.floor(Math.log10(top));
  if (e >= -2 && e <= 3) return { by: 1, d: Math.max(0, digits - 1 - Math.max(0, e)), note: "" };
  const sup = [...String(e)]
    .map((c) => (c === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[c]))
    .join("");
  return { by: 10 ** -e, d: digits - 1, note: `\u00d710${sup}` };
}

export const shapeText = (shape) => (shape.length ? shape.join("\u00d7") : "scalar");

// -- arrays ---------------------------------------------------------------------------------

const VIEWS = {
  float64: Float64Array,
  float32: Float32Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
};

function half(h) {
  const s = h & 0x8000 ? -1 : 1,
    e = (h >> 10) & 31,
    f = h & 1023;
  return e === 31 ? (f ? NaN : s * Infinity) : e ? s * 2 ** (e - 15) * (1 + f / 1024) : s * 2 ** -24 * f;
}

/** Array of a trace: `shape` is the true one, `sent` the corner of it that travelled. */
export function decode(a) {
  if (!a) return null;
  let data;
  if (a.base64 !== undefined) {
    const bytes = Uint8Array.from(atob(a.base64), (c) => c.charCodeAt(0));
    if (a.dtype === "float16") data = Array.from(new Uint16Array(bytes.buffer), half);
    else data = Array.from(new VIEWS[a.dtype](bytes.buffer), Number);
  } else data = a.data.map((v) => (typeof v === "string" ? WORDS[v] : +v));
  return { shape: a.shape, sent: a.sent || a.shape, dtype: a.dtype, data, top: a.top };
}

export const size = (shape) => shape.reduce((p, n) => p * n, 1);

/** Offset of an index, -1 when it lies outside of what was sent. */
export function offset(a, index) {
  let at = 0;
  for (let i = 0; i < a.sent.length; i++) {
    if (index[i] >= a.sent[i]) return -1;
    at = at * a.sent[i] + index[i];
  }
  return at;
}

export function at(a, index) {
  const o = offset(a, index);
  return o < 0 ? NaN : a.data[o];
}

/** Index of a row-major position. */
export function unravel(position, shape) {
  const out = new Array(shape.length);
  for (let i = shape.length - 1; i >= 0; i--) {
    out[i] = position % shape[i];
    position = Math.floor(position / shape[i]);
  }
  return out;
}

/** Largest finite magnitude; of the whole array where a summary travelled with it. */
export function absmax(a) {
  if (a.top === undefined) {
    let m = 0;
    for (const v of a.data) if (Math.abs(v) > m && Number.isFinite(v)) m = Math.abs(v);
    a.top = m;
  }
  return a.top;
}

/** Entry of largest magnitude: what a panel speaks of until another one is chosen. */
export function loudest(a) {
  let best = 0;
  a.data.forEach((v, i) => {
    if (Math.abs(v) > Math.abs(a.data[best])) best = i;
  });
  return unravel(best, a.sent);
}

export const fits = (index, shape) =>
  Array.isArray(index) &&
  index.length === shape.length &&
  index.every((v, i) => Number.isInteger(v) && v >= 0 && v < shape[i]);

/** Name with an index: `W2[0, 1]`; a scalar keeps its name. */
export const entryText = (name, index) => (index.length ? `${name}[${index.join(", ")}]` : name);

const ROUND = { float32: Math.fround, float16: Math.f16round };
const rounder = (dtype) => ROUND[dtype] || ((v) => v);

/** Sum of two arrays of one shape in the arithmetic of their dtype. */
export function plus(a, b) {
  const r = rounder(a.dtype);
  return { ...a, data: a.data.map((v, i) => r(v + b.data[i])), top: undefined };
}
