"""W7: optimizers racing over Rosenbrock's valley from many points, places and losses recorded; float32.

A step of the measurement is a whole race. One path is in float64, as Python's numbers are. Rates are small,
so that paths do not part where the last bit differs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.turns import Steps, of

F = np.float32
RATES = {"momentum": 1e-4, "adam": 1e-2, "rmsprop": 1e-3}
TWELVE = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamax", "nadam", "radam",
          "amsgrad", "adamw")  # fmt: skip
RACES = {
    "W7a": ("momentum", 1, 500),
    "W7b": ("momentum", 1_000, 200), "W7c": ("adam", 1_000, 200), "W7d": ("rmsprop", 1_000, 200),
    "W7e": ("twelve", 1_000, 200),
    "W7f": ("momentum", 10_000, 500), "W7g": ("adam", 10_000, 500), "W7h": ("rmsprop", 10_000, 500),
}  # fmt: skip
SIZES = tuple(RACES)
TITLES = {k: f"Race: {'twelve optimizers' if r == 'twelve' else r}, {n:,} x {steps} steps"
          + ", recorded every 25" * (n == 10_000) for k, (r, n, steps) in RACES.items()}  # fmt: skip
REFERENCE = "by hand"
REFERENCES = {"W7e": "ours"}
SLOW: tuple[str, ...] = ()
QUICK = ("by hand", "ours", "torch, vectorised")


def rates(workload: str) -> tuple[float, float]:
    """The same while numbers are compared and while races are timed."""
    return 0.0, 0.0


def start(workload: str) -> np.ndarray:
    """Where the paths begin, shape (2, n)."""
    n = RACES[workload][1]
    return np.random.default_rng(0).uniform([[-1.5], [-0.5]], [[1.5], [2.0]], (2, n)).astype(F if n > 1 else float)


def every(workload: str) -> int:
    """Steps between records: as many as `torchlean_nb.race` takes of itself for so many paths."""
    return 25 if RACES[workload][1] == 10_000 else 1


def _ends(race: Any) -> np.ndarray:
    """Where the paths end, one after the other, and their last losses."""
    places, losses = race
    return np.concatenate([np.asarray(places)[-1].T.ravel(), np.asarray(losses)[-1].ravel()])


# -- by hand --------------------------------------------------------------------------------------------


def by_floats(workload: str, _: float) -> Steps:
    """Python floats: one path is too short for arrays."""
    rate, steps = RATES["momentum"], RACES[workload][2]
    begin = start(workload)[:, 0].tolist()

    def make() -> Any:
        (x, y), u, v, places, losses = begin, 0.0, 0.0, [], []
        for _ in range(steps):
            places.append((x, y))
            r, q = y - x * x, 1.0 - x
            losses.append(q * q + 100.0 * r * r)
            d = 200.0 * r
            u = 0.9 * u - 2.0 * (q + d * x)
            v = 0.9 * v + d
            x -= rate * u
            y -= rate * v
        r, q = y - x * x, 1.0 - x
        places.append((x, y))
        losses.append(q * q + 100.0 * r * r)
        return np.array(places).reshape(-1, 2, 1), np.array(losses).reshape(-1, 1)

    return of(make, _ends)


def by_hand(workload: str, _: float) -> Steps:
    """Arrays of shape (2, n), in place, in blocks that stay in the cache."""
    (rule, n, steps), gap, begin, width = RACES[workload], every(workload), start(workload), 4096

    def make() -> Any:
        places, losses = np.empty((steps // gap + 1, 2, n), F), np.empty((steps // gap + 1, n), F)
        for a in range(0, n, width):
            b = slice(a, a + width)
            _race(rule, steps, gap, begin[:, b], places[:, :, b], losses[:, b])
        return places, losses

    return of(make, _ends)


def _race(rule: str, steps: int, gap: int, begin: np.ndarray, places: np.ndarray, losses: np.ndarray) -> None:
    p, g, h, m, v = begin.copy(), *(np.empty(begin.shape, F) for _ in range(2)), *np.zeros((2, *begin.shape), F)
    (x, y), (gx, gy), (r, q) = p, g, h
    one, minus, hundred, many = (np.array(c, F) for c in (1, -2, 100, 200))
    b1, b2, b3 = (np.array(c, F) for c in (0.9, 0.999, 0.99))
    rate = RATES[rule]
    slow, eps = np.array(-rate, F), np.array(1e-7, F)
    fast = np.array(-10 * rate, F)  # moments of RMSprop are kept a hundredfold
    for k in range(steps + 1):
        np.multiply(x, x, r)
        np.subtract(y, r, r)
        np.subtract(one, x, q)
        np.multiply(r, many, gy)
        np.multiply(gy, x, gx)
        np.add(gx, q, gx)
        np.multiply(gx, minus, gx)
        if not k % gap:
            places[k // gap] = p
            np.multiply(r, r, r)
            np.multiply(r, hundred, r)
            np.multiply(q, q, q)
            np.add(r, q, losses[k // gap])
        if rule == "momentum":
            np.multiply(m, b1, m)
            np.add(m, g, m)
            np.multiply(m, slow, h)
        elif rule == "rmsprop":
            np.multiply(g, g, h)
            np.multiply(v, b3, v)
            np.add(v, h, v)
            np.sqrt(v, h)
            np.add(h, eps, h)
            np.divide(g, h, h)
            np.multiply(h, fast, h)
        else:
            c = (0.001 / (1 - 0.999 ** (k + 1))) ** 0.5
            np.multiply(m, b1, m)
            np.add(m, g, m)
            np.multiply(g, g, h)
            np.multiply(v, b2, v)
            np.add(v, h, v)
            np.sqrt(v, h)
            np.add(h, np.array(1e-8 / c, F), h)
            np.divide(m, h, h)
            np.multiply(h, np.array(-rate * 0.1 / (1 - 0.9 ** (k + 1)) / c, F), h)
        np.add(p, h, p)


# -- peers ----------------------------------------------------------------------------------------------


def _valley(x: Any, y: Any) -> Any:
    return (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2


def _torch_optimizers(torch: Any, rule: str) -> list[Callable[[Any], Any]]:
    o = torch.optim
    if rule == "momentum":
        return [lambda p: o.SGD(p, lr=RATES[rule], momentum=0.9)]
    if rule in RATES:
        return [lambda p: {"adam": o.Adam, "rmsprop": o.RMSprop}[rule](p, lr=RATES[rule])]
    return [
        lambda p: o.SGD(p, lr=1e-4), lambda p: o.SGD(p, lr=1e-4, momentum=0.9),
        lambda p: o.SGD(p, lr=1e-4, momentum=0.9, nesterov=True), lambda p: o.Adagrad(p, lr=1e-2),
        lambda p: o.RMSprop(p, lr=1e-3), lambda p: o.Adadelta(p, lr=1e-2), lambda p: o.Adam(p, lr=1e-2),
        lambda p: o.Adamax(p, lr=1e-2), lambda p: o.NAdam(p, lr=1e-2), lambda p: o.RAdam(p, lr=1e-5),
        lambda p: o.Adam(p, lr=1e-2, amsgrad=True), lambda p: o.AdamW(p, lr=1e-2),
    ]  # fmt: skip


def torch(workload: str, _: float, one: bool = False) -> Steps:
    """Autograd and an optimizer over all paths in one parameter, or over the first path only."""
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
    (rule, n, steps), gap = RACES[workload], every(workload)
    begin = torch.tensor(start(workload)[:, :1] if one else start(workload))

    def race(optimizer: Callable[[Any], Any]) -> Any:
        p = torch.nn.Parameter(begin.clone())
        opt, places = optimizer([p]), begin.new_empty((steps // gap + 1, *p.shape))
        losses = places[:, 0].clone()
        for k in range(steps + 1):
            opt.zero_grad()
            loss = _valley(p[0], p[1])
            if k % gap == 0:
                places[k // gap], losses[k // gap] = p.detach(), loss.detach()
            if k < steps:
                loss.sum().backward()
                opt.step()
        return places, losses

    optimizers = _torch_optimizers(torch, rule)
    return of(lambda: [race(o) for o in optimizers], _all_ends, scale=n if one else 1)


def _all_ends(races: Any) -> np.ndarray:
    return np.concatenate([_ends(r) for r in races])


def jax(workload: str, _: float) -> Steps:
    """One compiled scan of optax's steps over all paths; these rules treat every number alone."""
    import jax  # noqa: PLC0415
    import optax  # noqa: PLC0415

    (rule, _, steps), gap = RACES[workload], every(workload)
    kinds = {"momentum": lambda lr: optax.sgd(lr, 0.9), "adam": optax.adam,
             "rmsprop": lambda lr: optax.rmsprop(lr, decay=0.99, eps=1e-8, eps_in_sqrt=False)}  # fmt: skip
    tx, begin = kinds[rule](RATES[rule]), jax.numpy.asarray(start(workload))
    slope = jax.grad(lambda p: _valley(p[0], p[1]).sum())

    def step(_: Any, carried: Any) -> Any:
        p, s = carried
        d, s = tx.update(slope(p), s, p)
        return p + d, s

    def stage(carried: Any, _: Any) -> Any:
        p = carried[0]
        after = jax.lax.fori_loop(0, gap, step, carried) if gap > 1 else step(0, carried)
        return after, (p, _valley(p[0], p[1]))

    @jax.jit
    def made(p: Any) -> Any:
        (p, _), (places, losses) = jax.lax.scan(stage, (p, tx.init(p)), None, steps // gap)
        return jax.numpy.concatenate([places, p[None]]), jax.numpy.concatenate([losses, _valley(p[0], p[1])[None]])

    return of(lambda: jax.block_until_ready(made(begin)), _ends)


# -- ours -----------------------------------------------------------------------------------------------


def _ours(rule: str) -> list[Any]:
    plain = {
        "sgd": ("sgd", {"lr": 1e-4}), "momentum": ("sgd", {"lr": 1e-4, "momentum": 0.9}),
        "nesterov": ("sgd", {"lr": 1e-4, "momentum": 0.9, "nesterov": True}), "adagrad": ("adagrad", {"lr": 1e-2}),
        "rmsprop": ("rmsprop", {"lr": 1e-3}), "adadelta": ("adadelta", {"lr": 1e-2}),
        "amsgrad": ("adam", {"lr": 1e-2, "amsgrad": True}), "radam": ("radam", {"lr": 1e-5}),
    }  # fmt: skip
    return [plain.get(name, (name, {"lr": 1e-2})) for name in (TWELVE if rule == "twelve" else (rule,))]


def ours(workload: str, _: float, engine: str = "numpy") -> Steps:
    """`torchlean_nb.race`."""
    import torchlean_nb as tl  # noqa: PLC0415 - each process loads its own contender

    rule, n, steps = RACES[workload]
    what, begin = _ours(rule), start(workload).T
    options = {"dtype": "float32" if n > 1 else "float64", "engine": engine, "progress": False}
    return of(
        lambda: tl.race(what, on="rosenbrock", start=begin, steps=steps, every=every(workload), **options).tracks,
        lambda tracks: _all_ends([(t.positions, t.losses) for t in tracks]),
    )


def contenders(workload: str) -> dict[str, Callable[[str, float], Steps]]:
    """Who takes part in a workload."""
    rule, n, _ = RACES[workload]
    found: dict[str, Callable[[str, float], Steps]] = {}
    if rule != "twelve":
        found["by hand"] = by_floats if n == 1 else by_hand
    found["ours"] = lambda w, lr: ours(w, lr, "python" if n == 1 else "numpy")
    found["ours, numba"] = lambda w, lr: ours(w, lr, "numba")
    if n > 1:
        found["torch, vectorised"] = torch
    if rule != "twelve":
        found["torch" if n == 1 else f"torch, a loop (1 of {n:,} run)"] = lambda w, lr: torch(w, lr, one=True)
        found["jax, scan"] = jax
    return found
