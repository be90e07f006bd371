// Traces and what can be asked of them. Nothing here touches the page, so node can test it.

/** Op of a box that stands for several nodes; no op of a session has a name with a space. */
export const FOLDED = "folded nodes";

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

  node(id) {
    return this.byId.get(id);
  }

  array(owner, field) {
    const key = owner + "." + field;
    if (!this.cache.has(key)) {
      const raw =
        owner === "seed"
          ? this.raw.seed
          : owner[0] === "e"
            ? this.edges[+owner.slice(1)][field]
            : this.byId.get(+owner.slice(1))[field];
      this.cache.set(key, decode(raw));
    }
    return this.cache.get(key);
  }

  value(id) {
    return this.array("n" + id, "value");
  }
  grad(id) {
    return this.array("n" + id, "grad");
  }
  contribution(i) {
    return this.array("e" + i, "contribution");
  }

  /** What happens at a step: nothing yet, a value, the seed, or one contribution. */
  event(k) {
    if (k <= 0 || !this.steps) return { kind: "start", id: null };
    if (k <= this.forward) return { kind: "forward", id: this.nodes[k - 1].id };
    if (k === this.forward + 1) return { kind: "seed", id: this.output };
    const i = k - this.forward - 2,
      e = this.edges[i];
    return { kind: "backward", id: e.parent, from: e.child, i, edge: e };
  }

  stepOf(i) {
    return i + this.forward + 2;
  }

  /** Contributions to a node that have arrived at step k, the seed counted apart. */
  arrived(id, k) {
    return this.into.get(id).filter((i) => this.stepOf(i) <= k);
  }

  /** Gradient as far as the sweep has come, null before anything arrived. */
  gradAt(id, k) {
    if (k <= this.forward) return null;
    const list = this.arrived(id, k),
      key = `t${id}.${list.length}`;
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
      for (const c of todo)
        for (const p of out.get(c) || [])
          if (!this.back.has(p)) {
            this.back.set(p, c);
            todo.push(p);
          }
    }
    const path = [];
    for (let at = this.back.has(id) ? id : null; at !== null; at = this.back.get(at)) path.unshift(at);
    return path;
  }

  /** Rows of the ledger of one entry, in the order of the sweep, with the running total. */
  ledger(id, index) {
    const rows = [],
      r = rounder(this.value(id).dtype);
    let total = null;
    const add = (row, v) => {
      total = total === null ? v : r(total + v);
      rows.push({ ...row, adds: v, total });
    };
    if (id === this.output) add({ i: -1, step: this.forward + 1, path: [id] }, at(this.array("seed", "seed"), index));
    for (const i of this.into.get(id))
      add({ i, step: this.stepOf(i), path: [...this.path(this.edges[i].child), id] }, at(this.contribution(i), index));
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
  const [spec, l, r] = edge.terms,
    [ins, out] = spec.split("->"),
    [sl, sr] = ins.split(",");
  const L = operand(trace, edge, l),
    R = operand(trace, edge, r);
  if (!L || !R || L.shape.length !== sl.length || R.shape.length !== sr.length || index.length !== out.length)
    return null;
  const sizes = {},
    bind = {};
  [
    [sl, L],
    [sr, R],
  ].forEach(([s, a]) =>
    [...s].forEach((c, i) => {
      sizes[c] = Math.max(sizes[c] || 1, a.shape[i]);
    }),
  );
  [...out].forEach((c, i) => {
    bind[c] = index[i];
  });
  const free = Object.keys(sizes).filter((c) => !(c in bind));
  const pick = (a, s) =>
    at(
      a,
      [...s].map((c, i) => Math.min(bind[c], a.shape[i] - 1)),
    );
  return {
    count: size(free.map((c) => sizes[c])),
    *terms() {
      for (const f of indices(free.map((c) => sizes[c]))) {
        free.forEach((c, i) => {
          bind[c] = f[i];
        });
        yield [pick(L, sl), pick(R, sr)];
      }
    },
  };
}

function localFactors(trace, edge, i, index) {
  const local = trace.array("e" + i, "local"),
    g = operand(trace, edge, "g");
  if (!local || !g || local.shape.length !== g.shape.length) return null;
  const lead = g.shape.length - index.length,
    summed = edge.summed || [];
  if (lead < 0) return null;
  const base = g.shape.map((n, a) => (a < lead || summed.includes(a) ? 0 : Math.min(index[a - lead], n - 1)));
  const axes = g.shape.map((n, a) => a).filter((a) => a < lead || summed.includes(a));
  return {
    count: size(axes.map((a) => g.shape[a])),
    *terms() {
      for (const f of indices(axes.map((a) => g.shape[a]))) {
        axes.forEach((a, q) => {
          base[a] = f[q];
        });
        yield [at(g, base), at(local, base)];
      }
    },
  };
}

/**
 * The products that add up to one entry of a contribution: `{terms, count, total}`, or null when the
 * edge does not say how, or when what it says does not add up to the entry.
 */
export function products(trace, i, index, limit = 4) {
  const edge = trace.edges[i],
    found = edge.terms ? einsumFactors(trace, edge, index) : localFactors(trace, edge, i, index);
  if (!found) return null;
  const total = at(trace.contribution(i), index),
    terms = [];
  let sum = 0,
    weight = 0,
    n = 0;
  for (const [a, b] of found.terms()) {
    if (n++ < limit) terms.push([a, b]);
    else if (found.count > 20000) break;
    sum += a * b;
    weight += Math.abs(a * b);
  }
  const eps = ROUND[trace.contribution(i).dtype] ? 1e-2 : 1e-6;
  if (found.count <= 20000 && Number.isFinite(sum) && Math.abs(sum - total) > eps * Math.max(weight, Math.abs(total)))
    return null;
  return { terms, count: found.count, total };
}

/** Judgement of a guess to one per cent: right or not, and what a wrong one looks like. */
export function judge(guess, truth, others = {}) {
  const near = (v) => Math.abs(guess - v) <= 0.01 * Math.abs(v) + 1e-12;
  if (near(truth)) return { right: true, hint: "" };
  if (truth !== 0 && near(-truth)) return { right: false, hint: "The size is right, the sign is the other way round." };
  if (others.total !== undefined && near(others.total))
    return { right: false, hint: "That is the total so far, not what arrives." };
  if (others.upstream !== undefined && near(others.upstream))
    return { right: false, hint: "That is the gradient of the sender; the local factor is missing." };
  return { right: false, hint: "" };
}

/** A number as people type it: decimal comma, true minus and spaces allowed; NaN when it is none. */
export function parseGuess(text) {
  const s = String(text)
    .trim()
    .replace(/\u2212/g, "-")
    .replace(/\s/g, "")
    .replace(",", ".");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(s) ? Number(s) : NaN;
}
