// Numbers, arrays and traces. Nothing here touches the page, so node can test it.

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
  const a = Math.abs(v), sign = v < 0 ? MINUS : "";
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
  const whole = values.every((v) => Number.isInteger(v)), lead = top ? Math.floor(Math.log10(top)) + 1 : 1;
  const d = whole ? 0 : Math.max(0, digits - lead);
  return (v, plus = false) => fixed(v, d, plus);
}

/** How a map prints its numbers: a power of ten in common, then fixed decimals. */
export function scale(top, whole = false, digits = 3) {
  if (whole && top < 1e4) return { by: 1, d: 0, note: "" };
  if (!(top > 0) || !Number.isFinite(top)) return { by: 1, d: digits - 1, note: "" };
  const e = Math.floor(Math.log10(top));
  if (e >= -2 && e <= 3) return { by: 1, d: Math.max(0, digits - 1 - Math.max(0, e)), note: "" };
  const sup = [...String(e)].map((c) => (c === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[c])).join("");
  return { by: 10 ** -e, d: digits - 1, note: `\u00d710${sup}` };
}

export const shapeText = (shape) => (shape.length ? shape.join("\u00d7") : "scalar");

// -- arrays ---------------------------------------------------------------------------------

const VIEWS = {
  float64: Float64Array, float32: Float32Array, int32: Int32Array, uint32: Uint32Array, int16: Int16Array,
  uint16: Uint16Array, int8: Int8Array, uint8: Uint8Array, bool: Uint8Array, int64: BigInt64Array, uint64: BigUint64Array,
};

function half(h) {
  const s = h & 0x8000 ? -1 : 1, e = (h >> 10) & 31, f = h & 1023;
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
  a.data.forEach((v, i) => { if (Math.abs(v) > Math.abs(a.data[best])) best = i; });
  return unravel(best, a.sent);
}

export const fits = (index, shape) =>
  Array.isArray(index) && index.length === shape.length && index.every((v, i) => Number.isInteger(v) && v >= 0 && v < shape[i]);

/** Name with an index: `W2[0, 1]`; a scalar keeps its name. */
export const entryText = (name, index) => (index.length ? `${name}[${index.join(", ")}]` : name);

const ROUND = { float32: Math.fround, float16: Math.f16round };
const rounder = (dtype) => ROUND[dtype] || ((v) => v);

/** Sum of two arrays of one shape in the arithmetic of their dtype. */
export function plus(a, b) {
  const r = rounder(a.dtype);
  return { ...a, data: a.data.map((v, i) => r(v + b.data[i])), top: undefined };
}

// -- traces ---------------------------------------------------------------------------------

/** A GraphTrace with the questions the widgets ask of it; arrays are decoded on first use. */
export class Trace {
  constructor(raw) {
    this.raw = raw;
    this.meta = raw.meta || {};
    this.nodes = raw.nodes;
    this.edges = raw.edges;
    this.output = raw.output;
    this.byId = new Map(this.nodes.map((n, i) => [n.id, { ...n, t: i + 1, label: n.name || `${n.op}_${n.id}` }]));
    this.into = new Map(this.nodes.map((n) => [n.id, []]));
    this.edges.forEach((e, i) => this.into.get(e.parent).push(i));
    this.forward = this.nodes.length;
    this.steps = this.forward ? this.forward + 1 + this.edges.length : 0;
    this.cache = new Map();
  }

  node(id) { return this.byId.get(id); }

  array(owner, field) {
    const key = owner + "." + field;
    if (!this.cache.has(key)) {
      const raw = owner === "seed" ? this.raw.seed : owner[0] === "e" ? this.edges[+owner.slice(1)][field] : this.byId.get(+owner.slice(1))[field];
      this.cache.set(key, decode(raw));
    }
    return this.cache.get(key);
  }

  value(id) { return this.array("n" + id, "value"); }
  grad(id) { return this.array("n" + id, "grad"); }
  contribution(i) { return this.array("e" + i, "contribution"); }

  /** What happens at a step: nothing yet, a value, the seed, or one contribution. */
  event(k) {
    if (k <= 0 || !this.steps) return { kind: "start", id: null };
    if (k <= this.forward) return { kind: "forward", id: this.nodes[k - 1].id };
    if (k === this.forward + 1) return { kind: "seed", id: this.output };
    const i = k - this.forward - 2, e = this.edges[i];
    return { kind: "backward", id: e.parent, from: e.child, i, edge: e };
  }

  stepOf(i) { return i + this.forward + 2; }

  /** Contributions to a node that have arrived at step k, the seed counted apart. */
  arrived(id, k) { return this.into.get(id).filter((i) => this.stepOf(i) <= k); }

  /** Gradient as far as the sweep has come, null before anything arrived. */
  gradAt(id, k) {
    if (k <= this.forward) return null;
    const list = this.arrived(id, k), key = `t${id}.${list.length}`;
    if (!this.cache.has(key)) {
      let total = id === this.output ? this.array("seed", "seed") : null;
      for (const i of list) total = total ? plus(total, this.contribution(i)) : this.contribution(i);
      this.cache.set(key, total);
    }
    return this.cache.get(key);
  }

  /** Nodes from the output to `id` along which a gradient came first. */
  path(id) {
    if (!this.back) {
      this.back = new Map([[this.output, null]]);
      const out = new Map();
      this.edges.forEach((e) => (out.get(e.child) || out.set(e.child, []).get(e.child)).push(e.parent));
      const todo = [this.output];
      for (const c of todo) for (const p of out.get(c) || []) if (!this.back.has(p)) { this.back.set(p, c); todo.push(p); }
    }
    const path = [];
    for (let at = this.back.has(id) ? id : null; at !== null; at = this.back.get(at)) path.unshift(at);
    return path;
  }

  /** Rows of the ledger of one entry, in the order of the sweep, with the running total. */
  ledger(id, index) {
    const rows = [], r = rounder(this.value(id).dtype);
    let total = null;
    const add = (row, v) => { total = total === null ? v : r(total + v); rows.push({ ...row, adds: v, total }); };
    if (id === this.output) add({ i: -1, step: this.forward + 1, path: [id] }, at(this.array("seed", "seed"), index));
    for (const i of this.into.get(id)) add({ i, step: this.stepOf(i), path: [...this.path(this.edges[i].child), id] }, at(this.contribution(i), index));
    return rows;
  }
}

// -- the numbers behind one entry -------------------------------------------------------------

function operand(trace, edge, name) {
  if (name === "g") return trace.grad(edge.child) || (edge.child === trace.output ? trace.array("seed", "seed") : null);
  if (name === "y") return trace.value(edge.child);
  const parent = trace.node(edge.child).parents[+name.slice(1) - 1];
  return parent === undefined ? null : trace.value(parent);
}

function* indices(sizes) {
  for (let p = 0, n = size(sizes); p < n; p++) yield unravel(p, sizes);
}

function einsumFactors(trace, edge, index) {
  const [spec, l, r] = edge.terms, [ins, out] = spec.split("->"), [sl, sr] = ins.split(",");
  const L = operand(trace, edge, l), R = operand(trace, edge, r);
  if (!L || !R || L.shape.length !== sl.length || R.shape.length !== sr.length || index.length !== out.length) return null;
  const sizes = {}, bind = {};
  [[sl, L], [sr, R]].forEach(([s, a]) => [...s].forEach((c, i) => { sizes[c] = Math.max(sizes[c] || 1, a.shape[i]); }));
  [...out].forEach((c, i) => { bind[c] = index[i]; });
  const free = Object.keys(sizes).filter((c) => !(c in bind));
  const pick = (a, s) => at(a, [...s].map((c, i) => Math.min(bind[c], a.shape[i] - 1)));
  return { count: size(free.map((c) => sizes[c])), *terms() {
    for (const f of indices(free.map((c) => sizes[c]))) { free.forEach((c, i) => { bind[c] = f[i]; }); yield [pick(L, sl), pick(R, sr)]; }
  } };
}

function localFactors(trace, edge, i, index) {
  const local = trace.array("e" + i, "local"), g = operand(trace, edge, "g");
  if (!local || !g || local.shape.length !== g.shape.length) return null;
  const lead = g.shape.length - index.length, summed = edge.summed || [];
  if (lead < 0) return null;
  const base = g.shape.map((n, a) => (a < lead || summed.includes(a) ? 0 : Math.min(index[a - lead], n - 1)));
  const axes = g.shape.map((n, a) => a).filter((a) => a < lead || summed.includes(a));
  return { count: size(axes.map((a) => g.shape[a])), *terms() {
    for (const f of indices(axes.map((a) => g.shape[a]))) { axes.forEach((a, q) => { base[a] = f[q]; }); yield [at(g, base), at(local, base)]; }
  } };
}

/**
 * The products that add up to one entry of a contribution: `{terms, count, total}`, or null when the
 * edge does not say how, or when what it says does not add up to the entry.
 */
export function products(trace, i, index, limit = 4) {
  const edge = trace.edges[i], found = edge.terms ? einsumFactors(trace, edge, index) : localFactors(trace, edge, i, index);
  if (!found) return null;
  const total = at(trace.contribution(i), index), terms = [];
  let sum = 0, weight = 0, n = 0;
  for (const [a, b] of found.terms()) {
    if (n++ < limit) terms.push([a, b]);
    else if (found.count > 20000) break;
    sum += a * b;
    weight += Math.abs(a * b);
  }
  const eps = ROUND[trace.contribution(i).dtype] ? 1e-2 : 1e-6;
  if (found.count <= 20000 && Number.isFinite(sum) && Math.abs(sum - total) > eps * Math.max(weight, Math.abs(total))) return null;
  return { terms, count: found.count, total };
}

/** Judgement of a guess to one per cent: right or not, and what a wrong one looks like. */
export function judge(guess, truth, others = {}) {
  const near = (v) => Math.abs(guess - v) <= 0.01 * Math.abs(v) + 1e-12;
  if (near(truth)) return { right: true, hint: "" };
  if (truth !== 0 && near(-truth)) return { right: false, hint: "The size is right, the sign is the other way round." };
  if (others.total !== undefined && near(others.total)) return { right: false, hint: "That is the total so far, not what arrives." };
  if (others.upstream !== undefined && near(others.upstream)) return { right: false, hint: "That is the gradient of the sender; the local factor is missing." };
  return { right: false, hint: "" };
}

/** A number as people type it: decimal comma, true minus and spaces allowed; NaN when it is none. */
export function parseGuess(text) {
  const s = String(text).trim().replace(/\u2212/g, "-").replace(/\s/g, "").replace(",", ".");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(s) ? Number(s) : NaN;
}
