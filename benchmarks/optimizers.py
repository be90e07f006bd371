"""W6: one Adam step on 50 tensors of 100 numbers, on one of a million, and on 100 of 10,000; float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.turns import Steps

SIZES = {"W6a": (50, 100), "W6b": (1, 1_000_000), "W6c": (100, 10_000)}
TITLES = {name: f"Adam on {count:,} x {size:,} numbers" for name, (count, size) in SIZES.items()}
LR = 1e-6  # tiny, so that all contenders stay on the same numbers however many steps they make

REFERENCE = "torch"
SLOW: tuple[str, ...] = ()
QUICK = ("ours, fused, NumPy", "ours, fused, numba", "torch", "torch, fused")


def rates(workload: str) -> tuple[float, float]:
    """The same rate while numbers are compared and while steps are timed."""
    return LR, LR


def arrays(workload: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Parameters and gradients."""
    count, size = SIZES[workload]
    rng = np.random.default_rng(0)
    draw = rng.standard_normal((2, count, size), dtype=np.float32)
    return list(draw[0]), list(draw[1])


def _flat(values: Any) -> np.ndarray:
    return np.concatenate([np.asarray(v).ravel() for v in values])


def _ours(workload: str, **options: Any) -> Steps:
    import torchlean_nb as tl  # noqa: PLC0415 - each process loads its own contender

    params, grads = arrays(workload)
    opt = tl.optim.Adam({f"p{i}": p for i, p in enumerate(params)}, lr=LR, **options)
    if not options:
        return Steps(lambda: opt.step(grads), lambda: _flat(opt.params.values()))
    for view, g in zip(opt.grads.values(), grads, strict=True):
        view[...] = g
    return Steps(opt.step, lambda: _flat(opt.params.values()))


def _by_hand(workload: str) -> Steps:
    params, grads = arrays(workload)
    p, g = _flat(params), _flat(grads)
    m, v, x = np.zeros_like(p), np.zeros_like(p), np.empty_like(p)
    b1, b2, count = np.array(0.9, p.dtype), np.array(0.999, p.dtype), 0
    width = 1 << 16
    blocks = [tuple(a[i : i + width] for a in (p, g, m, v)) for i in range(0, p.size, width)]
    blocks = [(*block, x[: block[0].size]) for block in blocks]

    def step() -> None:
        nonlocal count
        count += 1
        k = (0.001 / (1 - 0.999**count)) ** 0.5
        eps = np.array(1e-8 / k, p.dtype)
        rate = np.array(-LR * 0.1 / (1 - 0.9**count) / k, p.dtype)
        for p_, g_, m_, v_, x_ in blocks:
            np.multiply(m_, b1, m_)
            np.add(m_, g_, m_)
            np.multiply(g_, g_, x_)
            np.multiply(v_, b2, v_)
            np.add(v_, x_, v_)
            np.sqrt(v_, x_)
            np.add(x_, eps, x_)
            np.divide(m_, x_, x_)
            np.multiply(x_, rate, x_)
            np.add(p_, x_, p_)

    return Steps(step, lambda: p)


def _torch(workload: str, **options: Any) -> Steps:
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
    params, grads = arrays(workload)
    cells = [torch.nn.Parameter(torch.tensor(p)) for p in params]
    for cell, g in zip(cells, grads, strict=True):
        cell.grad = torch.tensor(g)
    return Steps(torch.optim.Adam(cells, lr=LR, **options).step, lambda: _flat(c.detach().numpy() for c in cells))


def _optax(workload: str) -> Steps:
    import jax  # noqa: PLC0415
    import optax  # noqa: PLC0415

    params, grads = arrays(workload)
    tx = optax.adam(LR)
    g = [jax.numpy.asarray(x) for x in grads]
    state = [[jax.numpy.asarray(x) for x in params]]
    state.append(tx.init(state[0]))

    @jax.jit
    def update(p: Any, s: Any) -> Any:
        d, s = tx.update(g, s, p)
        return optax.apply_updates(p, d), s

    def step() -> None:
        state[:] = jax.block_until_ready(update(*state))

    return Steps(step, lambda: _flat(state[0]))


def contenders(workload: str) -> dict[str, Callable[[str, float], Steps]]:
    """All of them, for every size."""
    return CONTENDERS


CONTENDERS: dict[str, Callable[[str, float], Steps]] = {
    "by hand, in place": lambda w, lr: _by_hand(w),
    "ours": lambda w, lr: _ours(w),
    "ours, fused, NumPy": lambda w, lr: _ours(w, fused="numpy"),
    "ours, fused, numba": lambda w, lr: _ours(w, fused="numba"),
    "ours, fused, numba, in place": lambda w, lr: _ours(w, fused="numba", nonfinite="ieee"),
    "torch": lambda w, lr: _torch(w),
    "torch, foreach": lambda w, lr: _torch(w, foreach=True),
    "torch, fused": lambda w, lr: _torch(w, fused=True),
    "optax, jit": lambda w, lr: _optax(w),
}
