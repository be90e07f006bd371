"""W8: a graph of 1,000 lone numbers, and a chain of 10,000: the loss and its slopes by 30 leaves; float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.turns import Steps, of

SIZES = ("W8a", "W8b", "W8c")
TITLES = {
    "W8a": "1,000 scalar nodes, forward and backward",
    "W8b": "10,000 scalar nodes one after the other, forward and backward",
    "W8c": "Building a program of the 1,000 nodes and of their slopes",
}
REFERENCE = "ours, eager"
SLOW = ("jax, jit", "HIPS autograd")
QUICK = ("by hand", "ours, eager", "ours, compiled", "micrograd")


LONG = 5_000  # neurons of two nodes in the chain


def rates(workload: str) -> tuple[float, float]:
    """Nothing is learned here."""
    return 0.0, 0.0


def numbers() -> tuple[list[float], list[float], list[tuple[int, int, int, int]]]:
    """Ten inputs, twenty weights, and which of them each neuron takes."""
    rng = np.random.default_rng(15)  # of a graph in which some units are dead and most are not
    pick = rng.integers(0, [10, 20, 10, 20], (245, 4))
    w = rng.uniform(0.3, 1, 20) * np.repeat([-1, 1], [3, 17])
    return rng.uniform(0.2, 1, 10).tolist(), w.tolist(), [tuple(p) for p in pick.tolist()]


def graph(relu: Callable[[Any], Any], x: list[Any], w: list[Any]) -> Any:
    """245 neurons, each over two of the ten before it, and a sum of ten squares: 1,000 nodes, 78 deep."""
    h = list(x)
    for a, k, b, j in numbers()[2]:
        h.append(relu(h[-10 + a] * w[k] + h[-10 + b] * w[j]))
    loss = h[-1] * h[-1]
    for v in h[-10:-1]:
        loss = loss + v * v
    return loss * w[0]


def chain(relu: Callable[[Any], Any], x: list[Any], w: list[Any]) -> Any:
    """One neuron after the other."""
    h = x[0]
    for k in range(LONG):
        h = h * w[k % 20] + x[k % 10]
    return h


def _which(workload: str) -> Callable[..., Any]:
    return chain if workload == "W8b" else graph


def eager(workload: str, _: float) -> Steps:
    """On a tape."""
    import torchlean_nb as tl  # noqa: PLC0415 - each process loads its own contender

    x, w, _ = numbers()
    s, run = tl.Session(), _which(workload)
    cells = [s.param(v) for v in (*x, *w)]

    def make() -> Any:
        s.reset_tape()
        loss = run(tl.relu, cells[:10], cells[10:])
        return loss.value, s.backward(loss)

    return of(make, lambda r: np.array([r[0], *(r[1][c] for c in cells)]))


def _function(workload: str) -> tuple[Any, Any, tuple[int, ...]]:
    import torchlean_nb as tl  # noqa: PLC0415

    x, w, _ = numbers()

    def loss(*v: Any) -> Any:
        return _which(workload)(tl.relu, v[:10], v[10:])

    return loss, [np.array(v) for v in (*x, *w)], tuple(range(30))


def compiled(workload: str, _: float) -> Steps:
    """By a program."""
    import torchlean_nb as tl  # noqa: PLC0415

    f, leaves, own = _function(workload)
    p = tl.compile(f, *leaves, argnums=own).value_and_grad
    return of(lambda: p(*leaves), lambda r: np.array([r[0], *r[1]]))


def building(workload: str, _: float) -> Steps:
    """Making that program, run once."""
    import torchlean_nb as tl  # noqa: PLC0415

    f, leaves, own = _function(workload)
    return of(lambda: tl.compile(f, *leaves, argnums=own).value_and_grad(*leaves), lambda r: np.array([r[0], *r[1]]))


def by_hand(workload: str, _: float) -> Steps:
    """Floats, a list of partial derivatives on the way, and one loop backwards."""
    x, w, neurons = numbers()

    def net() -> list[float]:
        h, slopes = list(x), []
        for a, k, b, j in neurons:
            n = len(h) - 10
            z = h[n + a] * w[k] + h[n + b] * w[j]
            slopes.append(z > 0)
            h.append(z if z > 0 else 0.0)
        total = sum(v * v for v in h[-10:])
        g, gw = [0.0] * len(h), [0.0] * 20
        g[-10:] = [2 * v * w[0] for v in h[-10:]]
        gw[0] = total
        for n in range(244, -1, -1):
            if slopes[n]:
                (a, k, b, j), d = neurons[n], g[n + 10]
                g[n + a] += d * w[k]
                gw[k] += d * h[n + a]
                g[n + b] += d * w[j]
                gw[j] += d * h[n + b]
        return [total * w[0], *g[:10], *gw]

    def line() -> list[float]:
        h = [x[0]]
        for k in range(LONG):
            h.append(h[-1] * w[k % 20] + x[k % 10])
        g, gx, gw = 1.0, [0.0] * 10, [0.0] * 20
        for k in range(LONG - 1, -1, -1):
            gx[k % 10] += g
            gw[k % 20] += g * h[k]
            g *= w[k % 20]
        gx[0] += g
        return [h[-1], *gx, *gw]

    return of(line if workload == "W8b" else net, np.array)


def torch(workload: str, _: float) -> Steps:
    """Tensors of one number each."""
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
    x, w, _ = numbers()
    cells = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (*x, *w)]

    def make() -> Any:
        loss = _which(workload)(torch.relu, cells[:10], cells[10:])
        return [loss.detach(), *torch.autograd.grad(loss, cells, allow_unused=True)]

    return of(make, lambda r: np.array([0.0 if v is None else float(v) for v in r]))


def micrograd(workload: str, _: float) -> Steps:
    """The engine for which one number is a node, as here."""
    from micrograd.engine import Value  # noqa: PLC0415

    x, w, _ = numbers()
    cells = [Value(v) for v in (*x, *w)]

    def make() -> Any:
        for c in cells:
            c.grad = 0.0
        loss = _which(workload)(Value.relu, cells[:10], cells[10:])
        loss.backward()
        return [loss.data, *(c.grad for c in cells)]

    return of(make, np.array)


def hips(workload: str, _: float) -> Steps:
    """HIPS autograd, by one array of all leaves."""
    from autograd import numpy as anp  # noqa: PLC0415
    from autograd import value_and_grad  # noqa: PLC0415

    x, w, _ = numbers()

    def loss(v: Any) -> Any:
        leaves = [v[i] for i in range(30)]
        return _which(workload)(lambda z: anp.maximum(z, 0.0), leaves[:10], leaves[10:])

    both, at = value_and_grad(loss), np.array([*x, *w])
    return of(lambda: both(at), lambda r: np.array([r[0], *r[1]]))


def jax(workload: str, _: float) -> Steps:
    """One compiled function."""
    import jax  # noqa: PLC0415

    jax.config.update("jax_enable_x64", True)
    x, w, _ = numbers()
    leaves = [*x, *w]

    def loss(v: Any) -> Any:
        return _which(workload)(lambda z: jax.numpy.maximum(z, 0.0), v[:10], v[10:])

    both = jax.jit(jax.value_and_grad(loss))
    return of(lambda: jax.block_until_ready(both(leaves)), lambda r: np.array([r[0], *r[1]]))


def contenders(workload: str) -> dict[str, Callable[[str, float], Steps]]:
    """Who takes part in a workload."""
    if workload == "W8c":
        return {"ours, eager": eager, "ours, building": building}
    found = {"by hand": by_hand, "ours, eager": eager, "ours, compiled": compiled, "torch": torch}
    found |= {"micrograd": micrograd, "HIPS autograd": hips}
    return found | ({"jax, jit": jax} if workload == "W8a" else {})
