"""W9: the Hessian of a network of 20 parameters, float64, and a Hessian-vector product on W2, float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import networks
from benchmarks.turns import Steps, of

SIZES = ("W9a", "W9b")
TITLES = {
    "W9a": "Hessian by 20 parameters of MLP 3-4-1, tanh, batch 8, mean squared error",
    "W9b": "Hessian-vector product by all parameters of W2",
}
REFERENCE = "by hand"
SLOW: tuple[str, ...] = ()
QUICK = ("by hand", "ours, compiled", "torch")


def rates(workload: str) -> tuple[float, float]:
    """Nothing is learned here."""
    return 0.0, 0.0


def small() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parameters, batch with a column of ones, and targets."""
    rng = np.random.default_rng(0)
    return rng.standard_normal(20), np.c_[rng.standard_normal((8, 3)), np.ones(8)], rng.standard_normal(8)


def large() -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray, np.ndarray]:
    """Parameters of W2, a vector for each, batch and labels."""
    params, batches = networks.data("W2")
    rng = np.random.default_rng(1)
    return params, [rng.standard_normal(p.shape, np.float32) for p in params], *batches[0]


def _flat(parts: Any) -> np.ndarray:
    return np.concatenate([np.asarray(p).ravel() for p in parts])


def _mse(xp: Any) -> Callable[..., Any]:
    """The loss of the small network over a namespace, by one vector."""

    def loss(v: Any, x: Any, y: Any) -> Any:
        h = xp.tanh(xp.matmul(x, xp.transpose(xp.reshape(v[:16], (4, 4)), (1, 0))))
        d = xp.matmul(h, v[16:]) - y
        return xp.sum(d * d) / 8.0

    return loss


# -- contenders on the Hessian --------------------------------------------------------------------------


def hessian_by_hand(workload: str, _: float) -> Steps:
    """Gauss-Newton part and the curvature of the output, block by block."""
    v, x, y = small()
    jac, z, t, s, c = np.empty((8, 20)), *(np.empty((8, 4)) for _ in range(4))
    h, blocks, weight = np.empty((20, 20)), np.empty((4, 4, 4)), np.empty((4, 4, 8))
    on = np.einsum("jajb->jab", h[:16, :16].reshape(4, 4, 4, 4))
    right = np.lib.stride_tricks.as_strided(h[:, 16:], (4, 4), (4 * h.strides[0] + h.strides[1], h.strides[0]))
    below = np.lib.stride_tricks.as_strided(h[16:], (4, 4), (h.strides[0] + 4 * h.strides[1], h.strides[1]))
    first, xt, one, two, n = jac[:, :16].reshape(8, 4, 4), x.T.copy(), np.array(1.0), np.array(-2.0), np.array(0.25)
    columns, mixed, last = x[:, None], np.empty((4, 4)), jac[:, 16:]

    def make() -> np.ndarray:
        w = v[16:]
        x.dot(v[:16].reshape(4, 4).T, z)
        np.tanh(z, t)
        np.multiply(t, t, s)
        np.subtract(one, s, s)
        r = t.dot(w)
        np.subtract(r, y, r)
        np.multiply(r, n, r)
        np.multiply(s, w, z)
        np.multiply(z[:, :, None], columns, first)
        last[...] = t
        jac.T.dot(jac, h)
        np.multiply(h, n, h)
        np.multiply(s, r[:, None], s)
        s.T.dot(x, mixed)
        np.multiply(s, t, c)
        np.multiply(c, w, c)
        np.multiply(c, two, c)
        np.multiply(xt, c.T[:, None], weight)
        np.matmul(weight, x, blocks)
        np.add(on, blocks, on)
        np.add(right, mixed, right)
        np.add(below, mixed, below)
        return h

    return of(make)


def hessian_ours(workload: str, _: float) -> Steps:
    """All unit vectors at once through a compiled gradient."""
    import torchlean_nb as tl  # noqa: PLC0415 - each process loads its own contender

    given = small()
    p = tl.compile(_mse(tl), *given).hessian
    return of(lambda: p(*given))


def hessian_eager(workload: str, _: float) -> Steps:
    """On tapes."""
    import torchlean_nb as tl  # noqa: PLC0415

    v, x, y = small()
    f, second = _mse(tl), tl.hessian(lambda v: f(v, x, y))
    return of(lambda: second(v))


def hessian_torch(workload: str, _: float) -> Steps:
    """By torch.func, forward over reverse."""
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
    v, x, y = map(torch.tensor, small())
    second = torch.func.hessian(_mse(torch_like(torch)))
    return of(lambda: second(v, x, y), lambda h: h.numpy().ravel())


def torch_like(torch: Any) -> Any:
    """Names as NumPy has them."""
    from types import SimpleNamespace  # noqa: PLC0415

    return SimpleNamespace(tanh=torch.tanh, matmul=torch.matmul, reshape=torch.reshape, transpose=torch.permute,
                           sum=torch.sum)  # fmt: skip


def hessian_jax(workload: str, _: float) -> Steps:
    """Compiled, forward over reverse."""
    import jax  # noqa: PLC0415

    jax.config.update("jax_enable_x64", True)
    given = [jax.numpy.asarray(a) for a in small()]
    second = jax.jit(jax.hessian(_mse(jax.numpy)))
    return of(lambda: jax.block_until_ready(second(*given)))


def hessian_hips(workload: str, _: float) -> Steps:
    """A backward sweep for each row."""
    from autograd import hessian  # noqa: PLC0415
    from autograd import numpy as anp  # noqa: PLC0415

    given, second = small(), hessian(_mse(anp))
    return of(lambda: second(*given))


# -- contenders on the product --------------------------------------------------------------------------


def hvp_by_hand(workload: str, _: float) -> Steps:
    """Pearlmutter's R operator, written out."""
    (w1, b1, w2, b2, w3, b3), (v1, c1, v2, c2, v3, c3), x, y = large()
    n, at = np.float32(1 / len(x)), np.arange(len(x))
    ones = np.ones(len(x), np.float32)

    def layer(a: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
        z = a.dot(w.T)
        z += b
        return z

    def make() -> list[np.ndarray]:
        h1, r1 = layer(x, w1, b1), layer(x, v1, c1)
        on1 = h1 > 0
        h1 *= on1
        r1 *= on1
        h2, r2 = layer(h1, w2, b2), layer(h1, v2, c2)
        r2 += r1.dot(w2.T)
        on2 = h2 > 0
        h2 *= on2
        r2 *= on2
        p, r3 = layer(h2, w3, b3), layer(h2, v3, c3)
        r3 += r2.dot(w3.T)
        p -= p.max(1, keepdims=True)
        np.exp(p, p)
        p /= p.sum(1, keepdims=True)
        r3 -= np.einsum("ij,ij->i", p, r3)[:, None]
        r3 *= p
        r3 *= n
        p[at, y] -= 1
        p *= n
        d2, e2 = p.dot(w3), r3.dot(w3)
        e2 += p.dot(v3)
        d2 *= on2
        e2 *= on2
        e1 = e2.dot(w2)
        e1 += d2.dot(v2)
        e1 *= on1
        g2, g3 = e2.T.dot(h1), r3.T.dot(h2)
        g2 += d2.T.dot(r1)
        g3 += p.T.dot(r2)
        return [e1.T.dot(x), ones.dot(e1), g2, ones.dot(e2), g3, ones.dot(r3)]

    return of(make, _flat)


def hvp_ours(workload: str, _: float) -> Steps:
    """A tangent through a compiled gradient."""
    import torchlean_nb as tl  # noqa: PLC0415

    params, vectors, x, y = large()
    p = tl.compile(networks.formula("W2"), x, y, *params, argnums=tuple(range(2, 8))).hvp
    at, along = (x, y, *params), tuple(vectors)
    return of(lambda: p(at, along), _flat)


def hvp_eager(workload: str, _: float) -> Steps:
    """On a tape."""
    import torchlean_nb as tl  # noqa: PLC0415

    params, vectors, x, y = large()
    f = networks.formula("W2")
    return of(lambda: tl.hvp(lambda *p: f(x, y, *p), tuple(params), tuple(vectors)), _flat)


def hvp_torch(workload: str, _: float) -> Steps:
    """Forward over reverse by torch.func."""
    import torch  # noqa: PLC0415
    import torch.nn.functional as f  # noqa: PLC0415

    torch.set_num_threads(1)
    params, vectors, x, y = large()
    p, v = (tuple(map(torch.tensor, a)) for a in (params, vectors))
    x, y = torch.tensor(x), torch.tensor(y)

    def loss(w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
        return f.cross_entropy(f.linear(f.linear(f.linear(x, w1, b1).relu(), w2, b2).relu(), w3, b3), y)

    slope = torch.func.grad(loss, argnums=tuple(range(6)))
    return of(lambda: torch.func.jvp(slope, p, v)[1], lambda r: _flat([t.numpy() for t in r]))


def hvp_torch_twice(workload: str, _: float) -> Steps:
    """Backward twice, as torch's own page on products says."""
    import torch  # noqa: PLC0415
    import torch.nn.functional as f  # noqa: PLC0415

    torch.set_num_threads(1)
    params, vectors, x, y = large()
    p, v = [torch.tensor(a, requires_grad=True) for a in params], [torch.tensor(a) for a in vectors]
    x, y = torch.tensor(x), torch.tensor(y)

    def make() -> Any:
        w1, b1, w2, b2, w3, b3 = p
        loss = f.cross_entropy(f.linear(f.linear(f.linear(x, w1, b1).relu(), w2, b2).relu(), w3, b3), y)
        slopes = torch.autograd.grad(loss, p, create_graph=True)
        return torch.autograd.grad(slopes, p, v)

    return of(make, lambda r: _flat([t.numpy() for t in r]))


def _entropy(xp: Any, log_sum_exp: Any) -> Callable[..., Any]:
    def loss(p: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = p
        h = xp.maximum(xp.dot(x, w1.T) + b1, 0)
        z = xp.dot(xp.maximum(xp.dot(h, w2.T) + b2, 0), w3.T) + b3
        return xp.mean(log_sum_exp(z) - z[np.arange(len(y)), y])

    return loss


def hvp_jax(workload: str, _: float) -> Steps:
    """Compiled, forward over reverse."""
    import jax  # noqa: PLC0415

    params, vectors, x, y = large()
    loss = _entropy(jax.numpy, lambda z: jax.nn.logsumexp(z, 1))
    made = jax.jit(lambda p, v, x, y: jax.jvp(lambda p: jax.grad(loss)(p, x, y), (p,), (v,))[1])
    given = [[jax.numpy.asarray(a) for a in b] for b in (params, vectors)]
    return of(lambda: jax.block_until_ready(made(*given, x, y)), _flat)


def hvp_hips(workload: str, _: float) -> Steps:
    """Backward over backward."""
    from autograd import make_hvp  # noqa: PLC0415
    from autograd import numpy as anp  # noqa: PLC0415
    from autograd.scipy.special import logsumexp  # noqa: PLC0415

    params, vectors, x, y = large()
    made = make_hvp(_entropy(anp, lambda z: logsumexp(z, 1)))
    return of(lambda: made(params, x, y)[0](vectors), _flat)


CONTENDERS: dict[str, dict[str, Callable[[str, float], Steps]]] = {
    "W9a": {
        "by hand": hessian_by_hand, "ours, compiled": hessian_ours, "ours, eager": hessian_eager,
        "torch": hessian_torch, "jax, jit": hessian_jax, "HIPS autograd": hessian_hips,
    },
    "W9b": {
        "by hand": hvp_by_hand, "ours, compiled": hvp_ours, "ours, eager": hvp_eager, "torch": hvp_torch,
        "torch, backward twice": hvp_torch_twice, "jax, jit": hvp_jax, "HIPS autograd": hvp_hips,
    },
}  # fmt: skip


def contenders(workload: str) -> dict[str, Callable[[str, float], Steps]]:
    """Who takes part in a workload."""
    return CONTENDERS[workload]
