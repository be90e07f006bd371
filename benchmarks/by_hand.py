"""W1 to W5 written by hand: straight lines of NumPy into arrays made once. A reference, not a limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import add, copyto, divide, exp, maximum, multiply, subtract, tanh
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.networks import WORKLOADS, data
from benchmarks.turns import Turns

F = np.float32
BLOCK = 1 << 16


def floor(workload: str, lr: float) -> Turns:
    """The contender."""
    params, batches = data(workload)
    flat = np.concatenate([p.ravel() for p in params])
    ends = np.cumsum([0, *(p.size for p in params)])
    grad = np.zeros_like(flat)
    p, g = (
        [whole[a:b].reshape(v.shape) for a, b, v in zip(ends, ends[1:], params, strict=False)]
        for whole in (flat, grad)
    )
    sweep = {"W4": cnn, "W5": block}.get(workload, perceptron)(workload, p, g)
    w = WORKLOADS[workload]
    update = momentum(flat, grad, lr) if w.optimizer == "sgd" else adam(flat, grad, lr, **w.options)

    def step(x: np.ndarray, y: np.ndarray) -> Any:
        loss = sweep(x, y)
        update()
        return loss

    return Turns(step, batches)


# -- updates ------------------------------------------------------------------------------------------


def momentum(p: np.ndarray, g: np.ndarray, lr: float) -> Callable[[], None]:
    """SGD with momentum 0.9."""
    v, x, mu, rate = np.zeros_like(p), np.empty_like(p), np.array(0.9, F), np.array(-lr, F)

    def update() -> None:
        multiply(v, mu, v)
        add(v, g, v)
        multiply(v, rate, x)
        add(p, x, p)

    return update


def adam(p: np.ndarray, g: np.ndarray, lr: float, weight_decay: float = 0.0) -> Callable[[], None]:
    """Adam with rescaled moments; with a weight decay AdamW."""
    m, v, b1, b2, count = np.zeros_like(p), np.zeros_like(p), np.array(0.9, F), np.array(0.999, F), 0
    x, keep = np.empty(min(p.size, BLOCK), F), np.array(1 - lr * weight_decay, F)
    blocks = [tuple(a[i : i + BLOCK] for a in (p, g, m, v)) for i in range(0, p.size, BLOCK)]
    blocks = [(*b, x[: b[0].size]) for b in blocks]

    def update() -> None:
        nonlocal count
        count += 1
        k = (0.001 / (1 - 0.999**count)) ** 0.5
        eps, rate = np.array(1e-8 / k, F), np.array(-lr * 0.1 / (1 - 0.9**count) / k, F)
        for p_, g_, m_, v_, x_ in blocks:
            multiply(m_, b1, m_)
            add(m_, g_, m_)
            multiply(g_, g_, x_)
            multiply(v_, b2, v_)
            add(v_, x_, v_)
            np.sqrt(v_, x_)
            add(x_, eps, x_)
            divide(m_, x_, x_)
            multiply(x_, rate, x_)
            if weight_decay:
                multiply(p_, keep, p_)
            add(p_, x_, p_)

    return update


# -- losses -------------------------------------------------------------------------------------------


def cross_entropy(z: np.ndarray, d: np.ndarray) -> Callable[[np.ndarray], Any]:
    """Loss of the logits in z; their gradient into d."""
    n, c = z.shape
    at, top, total, rows = np.arange(n), np.empty((n, 1), F), np.empty((n, 1), F), np.array(1 / n, F)
    flat, start, ones = d.reshape(-1), np.arange(n) * c, np.ones((c, 1), F)

    def loss(y: np.ndarray) -> Any:
        maximum.reduce(z, 1, None, top, True)
        subtract(z, top, z)
        mine = z[at, y]
        exp(z, d)
        d.dot(ones, total)
        divide(d, total, d)
        value = (np.log(total).sum() - mine.sum()) / n
        flat[start + y] -= 1
        multiply(d, rows, d)
        return value

    return loss


def perceptron(workload: str, p: list[np.ndarray], g: list[np.ndarray]) -> Callable[..., Any]:
    """Three layers: loss and gradients."""
    n = WORKLOADS[workload].x[0]
    w1, b1, w2, b2, w3, b3 = p
    gw1, gb1, gw2, gb2, gw3, gb3 = g
    w1t, w2t, w3t = w1.T, w2.T, w3.T
    h1, h2, z = (np.empty((n, b.size), F) for b in (b1, b2, b3))
    d1, d2, d3 = map(np.empty_like, (h1, h2, z))
    k1, k2 = (np.empty(h.shape, bool) for h in (h1, h2))
    d1t, d2t, d3t, ones, one = d1.T, d2.T, d3.T, np.ones(n, F), np.array(1, F)
    entropy, smooth, scale = cross_entropy(z, d3), workload == "W1", np.array(2 / n, F)
    flat, size = d3.reshape(-1), np.array(n, F)

    def sweep(x: np.ndarray, y: np.ndarray) -> Any:
        x.dot(w1t, h1)
        add(h1, b1, h1)
        tanh(h1, h1) if smooth else maximum(h1, 0, out=h1)
        h1.dot(w2t, h2)
        add(h2, b2, h2)
        tanh(h2, h2) if smooth else maximum(h2, 0, out=h2)
        h2.dot(w3t, z)
        add(z, b3, z)
        if smooth:
            subtract(z, y, d3)
            loss = flat.dot(flat) / size
            multiply(d3, scale, d3)
        else:
            loss = entropy(y)
        d3t.dot(h2, gw3)
        ones.dot(d3, gb3)
        d3.dot(w3, d2)
        back(h2, d2, k2)
        d2t.dot(h1, gw2)
        ones.dot(d2, gb2)
        d2.dot(w2, d1)
        back(h1, d1, k1)
        d1t.dot(x, gw1)
        ones.dot(d1, gb1)
        return loss

    def through_tanh(h: np.ndarray, d: np.ndarray, _: np.ndarray) -> None:
        multiply(h, h, h)
        subtract(one, h, h)
        multiply(d, h, d)

    def through_relu(h: np.ndarray, d: np.ndarray, k: np.ndarray) -> None:
        np.greater(h, 0, k)
        multiply(d, k, d)

    back = through_tanh if smooth else through_relu
    return sweep


def cnn(workload: str, p: list[np.ndarray], g: list[np.ndarray]) -> Callable[..., Any]:
    """Channels last, windows copied into matrices, pooling before relu."""
    n = WORKLOADS[workload].x[0]
    k1, b1, k2, b2, w, b = p
    gk1, gb1, gk2, gb2, gw, gb = g
    x1, x2 = np.zeros((n, 30, 30), F), np.zeros((n, 16, 16, 8), F)
    inside1, inside2 = x1[:, 1:-1, 1:-1], x2[:, 1:-1, 1:-1]
    c1, c2 = np.empty((n * 784, 9), F), np.empty((n * 196, 72), F)
    win1 = sliding_window_view(x1, (3, 3), (1, 2))
    win2 = sliding_window_view(x2, (3, 3), (1, 2)).transpose(0, 1, 2, 4, 5, 3)
    as1, as2 = c1.reshape(win1.shape), c2.reshape(win2.shape)
    m1, m2 = np.empty((9, 8), F), np.empty((72, 16), F)
    in1, in2 = k1.transpose(2, 3, 1, 0), k2.transpose(2, 3, 1, 0)
    as_m1, as_m2 = m1.reshape(in1.shape), m2.reshape(in2.shape)
    gm1, gm2 = np.empty_like(m1), np.empty_like(m2)
    as_gm1, as_gm2 = gm1.reshape(in1.shape).transpose(3, 2, 0, 1), gm2.reshape(in2.shape).transpose(3, 2, 0, 1)
    y1, y2 = np.empty((n * 784, 8), F), np.empty((n * 196, 16), F)
    d1, d2 = np.empty_like(y1), np.empty_like(y2)
    p1, p2 = np.empty((n, 14, 14, 8), F), np.empty((n, 7, 7, 16), F)
    e1, e2 = np.empty_like(p1), np.empty_like(p2)
    t1, t2, hit1, hit2 = np.empty_like(p1), np.empty_like(p2), np.empty(p1.shape, bool), np.empty(p2.shape, bool)
    f, df, z, d = np.empty((n, 784), F), np.empty((n, 784), F), np.empty((n, 10), F), np.empty((n, 10), F)
    as_f, as_df = f.reshape(n, 16, 7, 7), df.reshape(n, 16, 7, 7).transpose(0, 2, 3, 1)
    places = [(slice(None), slice(i, None, 2), slice(j, None, 2)) for i in (0, 1) for j in (0, 1)]
    q1, q2 = ([y.reshape(shape)[s] for s in places] for y, shape in ((y1, (n, 28, 28, 8)), (y2, (n, 14, 14, 16))))
    r1, r2 = ([y.reshape(shape)[s] for s in places] for y, shape in ((d1, (n, 28, 28, 8)), (d2, (n, 14, 14, 16))))
    dx, one, back = np.zeros((n, 16, 16, 8), F), np.empty((n * 196, 8), F), []
    for i in range(3):
        for j in range(3):
            back.append((m2[24 * i + 8 * j : 24 * i + 8 * j + 8].T, dx[:, i : i + 14, j : j + 14]))
    as_one, inside_dx = one.reshape(n, 14, 14, 8), dx[:, 1:-1, 1:-1]
    ones1, ones2, ones, wt, dt = np.ones(n * 784, F), np.ones(n * 196, F), np.ones(n, F), w.T, d.T
    entropy = cross_entropy(z, d)

    def pool(q: list[np.ndarray], out: np.ndarray, other: np.ndarray) -> None:
        maximum(q[0], q[1], out=out)
        maximum(q[2], q[3], out=other)
        maximum(out, other, out=out)

    def unpool(q: list[np.ndarray], top: np.ndarray, e: np.ndarray, hit: np.ndarray, r: list[np.ndarray]) -> None:
        for look, write in zip(q, r, strict=True):
            np.equal(look, top, hit)
            multiply(e, hit, write)

    def sweep(x: np.ndarray, y: np.ndarray) -> Any:
        copyto(inside1, x[:, 0])
        copyto(as1, win1)
        copyto(as_m1, in1)
        c1.dot(m1, y1)
        add(y1, b1, y1)
        pool(q1, p1, t1)
        maximum(p1, 0, out=inside2)
        copyto(as2, win2)
        copyto(as_m2, in2)
        c2.dot(m2, y2)
        add(y2, b2, y2)
        pool(q2, p2, t2)
        maximum(p2.transpose(0, 3, 1, 2), 0, out=as_f)
        f.dot(wt, z)
        add(z, b, z)
        loss = entropy(y)
        dt.dot(f, gw)
        ones.dot(d, gb)
        d.dot(w, df)
        np.greater(p2, 0, hit2)
        multiply(as_df, hit2, e2)
        unpool(q2, p2, e2, hit2, r2)
        c2.T.dot(d2, gm2)
        copyto(gk2, as_gm2)
        ones2.dot(d2, gb2)
        dx.fill(0)
        for kernel, place in back:
            d2.dot(kernel, one)
            add(place, as_one, place)
        np.greater(p1, 0, hit1)
        multiply(inside_dx, hit1, e1)
        unpool(q1, p1, e1, hit1, r1)
        c1.T.dot(d1, gm1)
        copyto(gk1, as_gm1)
        ones1.dot(d1, gb1)
        return loss

    return sweep


def norm(x: np.ndarray, g: np.ndarray, c: np.ndarray, gg: np.ndarray, gc: np.ndarray) -> tuple[Any, Any, Any]:
    """Layer norm of the rows in x, forward and backward, and what it writes into."""
    rows, d = x.shape
    hat, out, mean, inv = np.empty_like(x), np.empty_like(x), np.empty((rows, 1), F), np.empty((rows, 1), F)
    share, tiny, t, ones = np.full((d, 1), 1 / d, F), np.array(1e-5, F), np.empty_like(x), np.ones(rows, F)

    def forward() -> None:
        x.dot(share, mean)
        subtract(x, mean, hat)
        multiply(hat, hat, out)
        out.dot(share, inv)
        add(inv, tiny, inv)
        np.sqrt(inv, inv)
        divide(1, inv, inv)
        multiply(hat, inv, hat)
        multiply(hat, g, out)
        add(out, c, out)

    def backward(dy: np.ndarray) -> np.ndarray:
        ones.dot(dy, gc)
        multiply(dy, hat, t)
        ones.dot(t, gg)
        multiply(dy, g, dy)
        multiply(dy, hat, t)
        t.dot(share, mean)
        multiply(hat, mean, t)
        dy.dot(share, mean)
        subtract(dy, t, dy)
        subtract(dy, mean, dy)
        multiply(dy, inv, dy)
        return dy

    return forward, backward, out


def block(workload: str, p: list[np.ndarray], g: list[np.ndarray]) -> Callable[..., Any]:
    """Norms before attention and network."""
    n, t, width = WORKLOADS[workload].x
    g1, c1, wi, bi, wo, bo, g2, c2, w1, b1, w2, b2 = p
    gg1, gc1, gwi, gbi, gwo, gbo, gg2, gc2, gw1, gb1, gw2, gb2 = g
    rows, heads = n * t, (n, t, 3, 4, 16)
    x0, x1, o, back = (np.empty((rows, width), F) for _ in range(4))
    f1, r1, a = norm(x0, g1, c1, gg1, gc1)
    f2, r2, m = norm(x1, g2, c2, gg2, gc2)
    qkv, dqkv = np.empty((rows, 192), F), np.empty((rows, 192), F)
    q, k, v = qkv.reshape(heads).transpose(2, 0, 3, 1, 4)
    dq, dk, dv = dqkv.reshape(heads).transpose(2, 0, 3, 1, 4)
    s, ds, top = np.empty((n, 4, t, t), F), np.empty((n, 4, t, t), F), np.empty((n, 4, t, 1), F)
    kt, vt, st, dst, root, ones = (*(z.swapaxes(2, 3) for z in (k, v, s, ds)), np.array(0.25, F), np.ones(rows, F))
    seen, dseen = np.empty((rows, width), F), np.empty((rows, width), F)
    by_head, dby_head = (z.reshape(n, t, 4, 16).transpose(0, 2, 1, 3) for z in (seen, dseen))
    u, e, h, du = (np.empty((rows, 256), F) for _ in range(4))
    c, cube, half, one = (np.array(z, F) for z in (2 * (2 / np.pi) ** 0.5, 0.044715, 3 * 0.044715, 1))
    wit, wot, w1t, w2t, scale = wi.T, wo.T, w1.T, w2.T, np.array(2 / x0.size, F)

    def sweep(x: np.ndarray, y: np.ndarray) -> Any:
        copyto(x0, x.reshape(rows, width))
        f1()
        a.dot(wit, qkv)
        add(qkv, bi, qkv)
        np.matmul(q, kt, s)
        multiply(s, root, s)
        maximum.reduce(s, 3, None, top, True)
        subtract(s, top, s)
        exp(s, s)
        add.reduce(s, 3, None, top, True)
        divide(s, top, s)
        np.matmul(s, v, by_head)
        seen.dot(wot, x1)
        add(x1, bo, x1)
        add(x1, x0, x1)
        f2()
        m.dot(w1t, u)
        add(u, b1, u)
        multiply(u, u, e)  # gelu: u times the logistic function of c (u + 0.044715 u^3)
        multiply(e, half, du)
        add(du, one, du)
        multiply(e, cube, e)
        add(e, one, e)
        multiply(e, u, e)
        multiply(e, c, e)
        np.negative(e, e)
        exp(e, e)
        add(e, one, e)
        divide(one, e, e)
        multiply(u, e, h)
        h.dot(w2t, o)
        add(o, b2, o)
        add(o, x1, o)
        subtract(o, y.reshape(rows, width), o)
        loss = o.reshape(-1).dot(o.reshape(-1)) / o.size
        multiply(o, scale, o)
        o.T.dot(h, gw2)
        ones.dot(o, gb2)
        multiply(du, c, du)  # slope: e + h (1 - e) c (1 + 3 * 0.044715 u^2)
        multiply(du, h, du)
        subtract(one, e, h)
        multiply(du, h, du)
        add(du, e, du)
        o.dot(w2, h)
        multiply(du, h, du)
        du.T.dot(m, gw1)
        ones.dot(du, gb1)
        du.dot(w1, back)
        add(o, r2(back), o)
        o.T.dot(seen, gwo)
        ones.dot(o, gbo)
        o.dot(wo, dseen)
        np.matmul(st, dby_head, dv)
        np.matmul(dby_head, vt, ds)
        multiply(ds, s, ds)
        add.reduce(ds, 3, None, top, True)
        multiply(s, top, s)
        subtract(ds, s, ds)
        multiply(ds, root, ds)
        np.matmul(ds, k, dq)
        np.matmul(dst, q, dk)
        dqkv.T.dot(a, gwi)
        ones.dot(dqkv, gbi)
        dqkv.dot(wi, back)
        r1(back)
        return loss

    return sweep
