"""Traces made by hand, so that renderers are tested without the engine.

`Hand` records a forward pass with NumPy and sweeps it backward with the rules below. Only
what the drawings need is here.
"""

from __future__ import annotations

import numpy as np

from torchlean_nb.trace import Edge, GraphTrace, TraceNode


def _softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _onehot(z, labels):
    return np.eye(z.shape[-1])[np.asarray(labels)]


def _ce(z, labels):
    return -np.mean(np.sum(_onehot(z, labels) * np.log(_softmax(z)), axis=-1))


# op: (forward, rules of the contributions, template of the value, templates of the contributions)
OPS = {
    "add": (lambda a, b: a + b, (lambda g, y, a, b: g, lambda g, y, a, b: g), "#1 + #2", ("#g", "#g")),
    "mul": (
        lambda a, b: a * b, (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
        r"#1 \cdot #2", (r"#g \odot #2", r"#g \odot #1"),
    ),
    "neg": (lambda a: -a, (lambda g, y, a: -g,), "-#1", ("-#g",)),
    "tanh": (np.tanh, (lambda g, y, a: g * (1 - y * y),), r"\tanh #1", (r"#g \odot \left(1 - #y^{2}\right)",)),
    "sum": (np.sum, (lambda g, y, a: g * np.ones_like(a),), r"\sum #1", ("#g",)),
    "linear": (
        lambda x, w, b: x @ w + b,
        (lambda g, y, x, w, b: g @ w.T, lambda g, y, x, w, b: x.T @ g, lambda g, y, x, w, b: g),
        r"#1\,#2 + #3", (r"#g\,#2^{\top}", r"#1^{\top}\,#g", r"\sum_{n} #g"),
    ),
    "matmul": (
        lambda a, b: a @ b, (lambda g, y, a, b: g @ b.T, lambda g, y, a, b: a.T @ g),
        r"#1\,#2", (r"#g\,#2^{\top}", r"#1^{\top}\,#g"),
    ),
    "cross_entropy": (
        _ce, (lambda g, y, z, labels: g * (_softmax(z) - _onehot(z, labels)) / len(z),),
        r"\mathrm{cross\_entropy}(#1)", (r"\frac{#g}{N}\left(\mathrm{softmax}(#1) - y\right)",),
    ),
    "l2": (
        lambda w, lam: lam * np.sum(w * w), (lambda g, y, w, lam: g * 2 * lam * w,),
        r"\lambda \sum #1^{2}", (r"2 \lambda\,#g\,#1",),
    ),
}
TERMS = {("matmul", 0): ("ik,jk->ij", "g", "#2"), ("matmul", 1): ("ki,kj->ij", "#1", "g")}
LOCAL = {"tanh": lambda y, a: 1 - y * y, "neg": lambda y, a: -np.ones_like(y)}


def frozen(a):
    """Read-only float64 copy."""
    a = np.array(a, dtype=np.float64)
    a.setflags(write=False)
    return a


class Hand:
    """A tape written by hand: `leaf` and `op` return node ids, `trace` sweeps."""

    def __init__(self, title="by hand"):
        self.nodes, self.title = [], title

    def leaf(self, value, name=None, role="param", scope=""):
        self.nodes.append(dict(op=role, role=role, parents=(), attrs={}, name=name, scope=scope, value=frozen(value),
                               requires_grad=role == "param", latex=""))
        return len(self.nodes) - 1

    def op(self, op, *parents, name=None, scope="", **attrs):
        forward, _, latex, _ = OPS[op]
        value = forward(*(self.nodes[p]["value"] for p in parents), **attrs)
        self.nodes.append(dict(op=op, role="op", parents=parents, attrs=attrs, name=name, scope=scope, latex=latex,
                               value=frozen(value), requires_grad=any(self.nodes[p]["requires_grad"] for p in parents)))
        return len(self.nodes) - 1

    def trace(self, output=None, **meta):
        output = len(self.nodes) - 1 if output is None else output
        seed = frozen(np.ones_like(self.nodes[output]["value"]))
        grads, edges = {output: seed}, []
        for child in range(output, -1, -1):
            node = self.nodes[child]
            if child not in grads or not node["parents"]:
                continue
            args = [self.nodes[p]["value"] for p in node["parents"]]
            for i, p in enumerate(node["parents"]):
                if not self.nodes[p]["requires_grad"]:
                    continue
                full = OPS[node["op"]][1][i](grads[child], node["value"], *args, **node["attrs"])
                part, summed = _unbroadcast(full, args[i].shape)
                grads[p] = frozen(part if p not in grads else grads[p] + part)
                local = LOCAL.get(node["op"])
                local = None if local is None else frozen(local(node["value"], *args))
                latex, terms = OPS[node["op"]][3][i], TERMS.get((node["op"], i))
                edges.append(Edge(child, p, i, frozen(part), local, summed, latex, terms))
        made = tuple(TraceNode(id=k, grad=grads.get(k), **n) for k, n in enumerate(self.nodes))
        meta = {"title": self.title, "backend": "eager", "dtype": "float64", "device": "cpu", "hidden": 0} | meta
        return GraphTrace(made, tuple(edges), output, seed, meta)


def _unbroadcast(full, shape):
    full = np.asarray(full)
    axes = tuple(range(full.ndim - len(shape)))
    axes += tuple(i + len(axes) for i, n in enumerate(shape) if n == 1 and full.shape[i + len(axes)] != 1)
    return full.sum(axis=axes).reshape(shape) if axes else full, axes


def two_layers():
    """x, W1, b1 -> linear -> tanh -> matmul W2 -> cross entropy, plus an l2 penalty of W2."""
    h = Hand("Two layers, one step")
    x = h.leaf([[1.0, 0.2], [0.3, -1.1], [-0.8, 0.7], [-0.4, -0.6]], "x", "input")
    w1 = h.leaf([[0.0, 0.24, -0.22], [-0.71, -0.36, -0.79]], "W1")
    b1 = h.leaf([0.1, -0.2, 0.0], "b1")
    a = h.op("linear", x, w1, b1, name="a")
    t = h.op("tanh", a, name="h")
    w2 = h.leaf([[0.05, 1.21], [-0.44, -0.56], [0.44, 0.32]], "W2")
    z = h.op("matmul", t, w2, name="z")
    ce = h.op("cross_entropy", z, name="ce", labels=(0, 1, 1, 0))
    r = h.op("l2", w2, name="r", lam=0.05)
    h.op("add", ce, r, name="L")
    return h.trace()


def scalar(x=3.0):
    """x * x + x: three paths to one number."""
    h = Hand("x * x + x")
    x = h.leaf(x, "x")
    y = h.op("mul", x, x, name="y")
    h.op("add", y, x, name="L")
    return h.trace()


def fan_out(n=5):
    """One parameter used `n` times."""
    h = Hand("fan out")
    w = h.leaf([0.5, -1.0, 0.25], "w")
    parts = [h.op("tanh" if i % 2 else "neg", w, name=f"u{i}") for i in range(n)]
    total = parts[0]
    for p in parts[1:]:
        total = h.op("add", total, p)
    h.op("sum", total, name="L")
    return h.trace()


def chain(n=8, scope=None):
    """A line of n tanh; `scope` may give each a scope by its number."""
    h = Hand("chain")
    at = h.leaf(0.8, "x")
    for i in range(n):
        at = h.op("tanh", at, scope=scope(i) if scope else "")
    return h.trace()


def deep(n):
    """n layers ``tanh(h * w_i + h)``: skip connections, constants, thousands of nodes when asked."""
    h = Hand("deep")
    at = h.leaf([0.3, -0.2], "x", "input")
    for i in range(n):
        w = h.leaf([0.5, 0.4], f"w{i}", scope=f"block{i}")
        m = h.op("mul", at, w, scope=f"block{i}")
        at = h.op("tanh", h.op("add", m, at, scope=f"block{i}"), scope=f"block{i}")
    h.op("sum", at, name="L")
    return h.trace()


def named(label):
    """Every kind of node under one hostile name."""
    h = Hand(label)
    x = h.leaf([[1.0, -2.0]], label, "input", scope=label)
    w = h.leaf([[0.5], [0.25]], label, scope=label)
    c = h.leaf(2.0, label, "const", scope=label)
    z = h.op("matmul", x, w, name=label, scope=label)
    y = h.op("mul", z, c, name=label, scope=label)
    h.op("sum", h.op("add", y, y, name=label), name=label)
    return h.trace()


def empty():
    """A trace of nothing."""
    return GraphTrace((), (), 0, frozen(1.0), {"title": "empty"})
