"""What runs cannot see: state that only scales, single steps at a threshold, sizes of state, names, refusals."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

import torchlean_nb as tl
from tests.mutation.papers import ema
from tests.mutation.replay import close, paths, steps
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.optim import projections, transforms, wrapping
from torchlean_nb.optim.compose import chain
from torchlean_nb.updates import RULES, UpdateRule

Terms = dict[str, Callable[..., Any]]


def rows(x):
    return x.mean(axis=-1, keepdims=True)


def columns(x):
    return x.mean(axis=-2, keepdims=True)


def _correction(h, t):
    return np.sqrt(1 - h.beta2**t) / (1 - h.beta1**t)


# Slots and terms after a step, from the slots `b` before it, and the other terms `a`: where a factor on them would
# cancel, or only their sign counts.
AFTER: dict[str, tuple[dict[str, Any], Terms]] = {
    "signum": ({}, {"m": lambda b, a, g, p, h, t: ema(b["m"], g, h.beta)}),
    "tiger": ({}, {"m": lambda b, a, g, p, h, t: ema(b["m"], g, h.beta)}),
    "ano": ({}, {"m": lambda b, a, g, p, h, t: ema(b["m"], g, h.beta1)}),
    "grams": ({}, {"m_hat": lambda b, a, g, p, h, t: ema(b["m"], g, h.beta1) / (1 - h.beta1**t)}),
    "rmsprop": ({"centered": True}, {"mean": lambda b, a, g, p, h, t: ema(b["mean"], g, h.alpha)}),
    "adasmooth": ({}, {"s": lambda b, a, g, p, h, t: b["s"] + p - b["prev"]}),
    "cocob": ({"lr": 0.3, "weight_decay": 0.1}, {
        "C": lambda b, a, g, p, h, t: b["C"] - 0.3 * (g + 0.1 * p), "G": lambda b, a, g, p, h, t: b["G"] + abs(a["c"]),
    }),
    "prodigy": ({"d0": 0.1}, {"s": lambda b, a, g, p, h, t:
                              np.sqrt(h.beta2) * b["s"] + b["d"] / 0.1 * b["d"] * _correction(h, t) * g}),
    "dadapt_adamw": ({"d0": 0.1}, {"s": lambda b, a, g, p, h, t:
                                   ema(b["s"], h.lr * b["d"] * _correction(h, t) * g, np.sqrt(h.beta2))}),
    "swats": ({"eps": 3.0}, {"rate": lambda b, a, g, p, h, t: np.maximum(a["rate"], 0)}),
    "soap": ({"frequency": 2}, {
        "L": lambda b, a, g, p, h, t: ema(b["L"], g @ g.T, h.beta2) if g.ndim == 2 else b["L"],
        "R": lambda b, a, g, p, h, t: ema(b["R"], g.T @ g, h.beta2) if g.ndim == 2 else b["R"],
        "u": lambda b, a, g, p, h, t: a["u"] if t > 1 else np.zeros_like(g),
    }),
    "came": ({"eps1": 0.1, "eps2": 0.2}, {
        "R": lambda b, a, g, p, h, t: ema(b["R"], rows(g * g + 0.1), h.beta2) if g.ndim > 1 else b["R"],
        "C": lambda b, a, g, p, h, t: ema(b["C"], columns(g * g + 0.1), h.beta2) if g.ndim > 1 else b["C"],
        "S": lambda b, a, g, p, h, t: ema(b["S"], rows((a["u"] - a["m"]) ** 2 + 0.2), h.beta3) if p.ndim > 1
        else b["S"],
    }),
}  # fmt: skip
# Steps at a threshold, or where a quotient has to be defined: rule, hyperparameters, step, p, g, slots, delta.
E, C = 2.0**-26, 0.07071066  # C is a little less than 0.1 / sqrt(2)
S, ONE = (1 - C * C) ** 0.5, np.arange(8).reshape(2, 1, 2, 2) == 0
ONES, SWITCHED = np.ones(1), {"lr": 0.1, "eps": 3.0, "betas": (0.5, 0.5)}
SINGLE: tuple[tuple[Any, ...], ...] = (
    ("laprop", {"eps": 0.0}, 1, [1.0], [0.0], {}, [0.0]), ("grokfast_adamw", {"eps": 0.0}, 1, [1.0], [0.0], {}, [0.0]),
    ("sm3", {"eps": 0.0}, 1, [1.0, 2.0], [0.0, 0.0], {}, [0.0, 0.0]),
    ("prodigy", {}, 1, [1.0], [0.0], {}, [0.0]), ("dadapt_adamw", {}, 1, [1.0], [0.0], {}, [0.0]),
    ("exponentiated_gradient", {"lr": 1e3}, 1, [0.0, 1.0, 3.0], [0.0, 2.0, 2.0], {}, [0.0, 0.0, 0.0]),
    ("exponentiated_gradient", {"lr": 1e3}, 1, [0.0, -1.0, 3.0], [5.0, -2.0, 2.0], {}, [0.0, 0.0, 0.0]),
    ("schedule_free_sgd", {"lr": 0.0}, 1, [1.0], [1.0], {}, [0.0]),
    ("polyak_sgd", {}, 1, [1.0], [E], {}, [0.0]), ("polyak_sgd", {}, 1, [1.0], [1.001 * E], {}, [-1.001 * E]),
    ("polyak_sgd", {}, 1, [1.0], [0.999 * E], {}, [0.0]), ("polyak_sgd", {"lr": 9.0}, 1, [0.0], [0.5], {}, [-3.0]),
    ("polyak_sgd", {"f_min": 2.5}, 1, [0.0], [0.5], {}, [2.0]),
    ("momo", {}, 1, [0.0], [E], {}, [0.0]), ("momo", {}, 1, [0.0], [1.001 * E], {}, [-1.001 * E]),
    ("momo", {}, 1, [0.0], [0.999 * E], {}, [0.0]), ("momo", {}, 1, [0.0], [0.0], {}, [0.0]),
    ("zero_nans", {"lr": 0.5}, 1, [0.0, 3.0], [np.nan, 1.0], {}, [0.0, -0.5]),
    ("zero_nans", {"lr": 0.5}, 1, [3.0, 0.0], [np.nan, np.inf], {}, [0.0, -np.inf]),
    ("zero_nans", {"lr": 0.5}, 1, [3.0, 0.0], [0.0, 2.0], {}, [0.0, -1.0]),
    ("agc", {"lr": 1.0}, 1, [0.0], [2e-7], {}, [-2e-8]), ("agc", {"lr": 1.0}, 1, [0.0], [4e-7], {}, [-4e-8]),
    ("agc", {"lr": 1.0}, 1, [0.0], [1e-6], {}, [-1e-7]),
    ("coordinate_descent", {"lr": 0.5, "pick": "cyclic"}, 5, [0.0, 0.0, 0.0], [2.0, 4.0, 6.0], {}, [0.0, -2.0, 0.0]),
    ("sgdp", {"lr": 1.0, "weight_decay": 0.5}, 1, [[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [C, S]], {},
     [[0.0, 0.0], [-0.05 - C * (1 - (1 + 1e-8) ** -2), -S]]),
    ("shampoo", {"lr": 1.0, "eps": 0.5}, 1, 1.0, 3.0, {}, -3 / 9.5**0.5),
    ("yogi", {"v0": 1.0, "lr": 1.0, "eps": 0.0, "betas": (0.0, 0.5)}, 1, [0.0], [1.0], {}, [-(0.5**0.5)]),
    ("clip_block_rms", {"lr": 1.0}, 1, 1.0, 2.0, {}, -0.5),
    ("centralize", {"lr": 1.0}, 1, [[1.0]], [[3.0]], {}, [[0.0]]),
    ("agc", {"lr": 1.0}, 1, [[1.0] * 4], [[4.0, 0.0, 0.0, 0.0]], {}, [[-2e-4, 0.0, 0.0, 0.0]]),
    ("agc", {"lr": 1.0}, 1, np.ones((2, 1, 2, 2)), 3 * ONE, {}, -2e-4 * ONE),
    ("shampoo", {"eps": 1e-30}, 1, np.zeros((3, 3)), np.outer([1.0, 2.0, 3.0], [1.0, 1.0, 2.0]), {},
     {"delta": lambda d: np.isfinite(d).all()}),
    # A fit below 0, no slope, a step uphill, and a fit a little further away than allowed.
    ("swats", SWITCHED | {"betas": (0.0, 0.5)}, 2, [0.0], [1.0], {"v": ONES, "mean": -0.065}, {"rate": 0.0}),
    ("swats", SWITCHED, 2, [0.0], [0.0], {"m": ONES, "v": ONES, "mean": 1.8e-4}, {"rate": 0.0}),
    ("swats", SWITCHED, 2, [0.0], [-0.1], {"m": ONES, "v": ONES, "mean": 0.35}, {"rate": lambda r: r > 0.1}),
    ("swats", {"lr": 0.1, "eps": 0.0, "betas": (0.0, 0.5)}, 2, [0.0], [1.0],
     {"v": ONES, "mean": 0.05 * 0.75**0.5 + 1.5000007e-8}, {"rate": 0.0}),
    ("adam", {"lr": 0.5}, 1, [1.0], [2.0], {}, [-0.5 / (1 + 1e-8 / 2)]),
)  # fmt: skip
SUBJECTS: dict[str, UpdateRule] = {
    "zero_nans": chain("zero_nans", "sgd"), "clip_block_rms": chain(transforms.clip_block_rms(0.5), "sgd"),
    "centralize": chain("centralize", "sgd"), "agc": chain(transforms.agc(1e-4, 1e-3), "sgd"),
}  # fmt: skip


def after(name: str, rule: UpdateRule) -> str | None:
    """First slot or term that is not what its own line says."""
    given, terms = AFTER.get(name, ({}, {}))
    h = SimpleNamespace(**rule.resolve(given))
    for path in paths(rule, "random"):
        p = path.start
        for t, (a, g) in enumerate(zip(steps(rule, given, path), path.gradients, strict=True), 1):
            for k, f in terms.items():
                if not close(a[k], f(a["before"], a, g, p, h, t), 1e-11):
                    return f"step {t}: {k}"
            p = a["p"]
    return None


def single(name: str, rule: UpdateRule) -> str | None:
    """First step at a threshold that goes elsewhere."""
    for who, given, t, p, g, slots, delta in SINGLE:
        if who == name.split(" ")[0] and (who in RULES) == (name in RULES):
            row = SUBJECTS.get(who, rule)
            h = SimpleNamespace(**row.resolve(given), value=1.5)
            p, g = np.array(p), np.array(g)
            with np.errstate(all="ignore"):
                got = row.terms(g, p, row.start(p, h) | {k: np.asarray(v) for k, v in slots.items()}, h, t)
            wrong = [k for k, v in (delta if isinstance(delta, dict) else {"delta": delta}).items()
                     if not (v(got[k]) if callable(v) else close(got[k], v, 1e-12))]  # fmt: skip
            if wrong or not all(np.isfinite(got[k]).all() for k in row.active(h)):
                return f"single step {p} {g}: {got['delta']} {wrong}"
    return None


# Numbers of state for shapes (4, 3) and (5,): what is said to take little memory takes little.
SIZES = {
    "sm3": ({}, 12 + 4 + 3, 5 + 5), "adafactor": ({}, 4 + 3, 5), "came": ({}, 12 + 2 * (4 + 3), 5 + 5),
    "shampoo": ({}, 16 + 9, 25), "soap": ({}, 2 * 12 + 2 * (16 + 9), 2 * 5), "novograd": ({}, 12 + 1, 5 + 1),
    "galore": ({"rank": 2}, 3 * 2 + 2 * 4 * 2, 2 * 5), "galore_sgd": ({"rank": 2}, 3 * 2, 0),
}  # fmt: skip
STARTS = {"mechanic": {"s": 0.25}, "yogi": {"v": 0.25, "m": 0.25}, "cocob": {"L": 0.25}, "prodigy": {"d": 0.25}}
GIVEN = {"mechanic": "s_init", "yogi": "v0", "cocob": "eps", "prodigy": "d0"}


def state(name: str, rule: UpdateRule) -> str | None:
    """Number of elements in the slots of a matrix and of a vector, and what some start with."""
    if name in SIZES:
        given, *right = SIZES[name]
        h = SimpleNamespace(**rule.resolve(given))
        got = [sum(np.size(s) for s in rule.start(np.ones(shape), h).values()) for shape in ((4, 3), (5,))]
        if got != right:
            return f"state of {got}"
    for k, v in STARTS.get(name, {}).items():
        h = SimpleNamespace(**rule.resolve({GIVEN[name]: 0.25}))
        if not (rule.start(np.ones(5), h)[k] == v).all():
            return f"{k} starts elsewhere"
    return None


MADE = (
    chain("clip_norm", "adam", "decay_weights", "clip_norm"), chain("clip_norm", "sgd"),
    wrapping.sam(wrapping.lookahead("sgd")), wrapping.mechanic("adamw"),
)  # fmt: skip
MASKED = [wrapping.masked("sgd", where=w) for w in (np.ones(7), [True, False, True], [True, False])]


def _names() -> str | None:
    """Terms of what is made of pieces, by name."""
    made = MADE[3]
    h = SimpleNamespace(**made.resolve({}))
    if not {"decay", "mechanic.decay"} <= set(made.terms(np.ones(2), np.ones(2), made.start(np.ones(2), h), h, 1)):
        return "mechanic(adamw)"
    made = MADE[0]
    h = SimpleNamespace(**made.resolve({}))
    got = set(made.terms(np.ones(2), np.ones(2), made.start(np.ones(2), h), h, 1))
    right = {
        "clip_norm.norm", "clip_norm.g", "g", "m", "v", "m_hat", "v_hat", "step", "adam.delta", "decay_weights.g",
        "clip_norm_2.norm", "clip_norm_2.g", "delta",
    }  # fmt: skip
    if got != right:
        return f"chain: {got ^ right}"
    made = MADE[1]
    h = SimpleNamespace(**made.resolve({}))
    if (got := set(made.terms(np.ones(2), np.ones(2), {}, h, 1))) != {"clip_norm.norm", "clip_norm.g", "g", "delta"}:
        return f"chain: {got}"
    made = MADE[2]
    h = SimpleNamespace(**made.resolve({}))
    got = set(made.terms(np.ones(2), np.ones(2), made.start(np.ones(2), h), h, 1))
    right = {"g", "sgd.delta", "back", "slow", "lookahead(sgd).delta", "climb", "cache", "delta"}
    return None if got == right else f"wrapped: {got ^ right}"


REFUSED: tuple[tuple[type[Exception], Callable[[], Any]], ...] = (
    (HyperparameterError, lambda: tl.optim.SGD({"w": np.ones(2)}, nesterov=True)),
    (HyperparameterError, lambda: tl.optim.SGD({"w": np.ones(2)}, nesterov=True, momentum=0.9, dampening=0.1)),
    (ShapeError, lambda: tl.optim.Shampoo({"w": np.ones((2, 2, 2))}).step({"w": np.ones((2, 2, 2))})),
    (ShapeError, lambda: tl.optim.SM3({"w": np.ones((1,) * 5)}).step({"w": np.ones((1,) * 5)})),
    (ShapeError, lambda: tl.optim.Muon({"w": np.ones(2)}).step({"w": np.ones(2)})),
    (ShapeError, lambda: _step(MASKED[0])),
    (ShapeError, lambda: _step(MASKED[1])),
)


def _step(rule: UpdateRule) -> Any:
    h = SimpleNamespace(**rule.resolve({}))
    return rule.terms(np.ones(2), np.ones(2), rule.start(np.ones(2), h), h, 1)


def refusals() -> str | None:
    """First of the above that is accepted, and what only looks like them."""
    for i, (error, make) in enumerate(REFUSED):
        try:
            make()
        except error:
            continue
        return f"refused {i}"
    tl.optim.SGD({"w": np.ones(2)}, nesterov=True, momentum=0.9)
    moved = _step(MASKED[2])["delta"]
    return _names() if (moved < 0).tolist() == [True, False] else "a mask that is a list"


# -- projections: nearest points, by other means ------------------------------------------------------------
def _level(x, total):
    """Level at which what stands out of it adds up to `total`: found by halving."""
    low, high = x.min() - total, x.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(x - middle, 0).sum() > total else (low, middle)
    return np.maximum(x - low, 0)


def _ball(x, r):
    return x if abs(x).sum() <= r else np.sign(x) * _level(abs(x), r)


N = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])
NEAREST = (
    ("non_negative", (), lambda x: np.where(x > 0, x, 0)), ("box", (-0.3, 0.7), lambda x: np.clip(x, -0.3, 0.7)),
    ("simplex", (), lambda x: _level(x, 1.0)), ("simplex", (2.5,), lambda x: _level(x, 2.5)),
    ("l1_sphere", (), lambda x: np.sign(x) * _level(abs(x), 1.0)),
    ("l1_sphere", (3.0,), lambda x: np.sign(x) * _level(abs(x), 3.0)), ("l1_ball", (), lambda x: _ball(x, 1.0)),
    ("l1_ball", (3.0,), lambda x: _ball(x, 3.0)), ("l2_sphere", (), lambda x: x / np.linalg.norm(x)),
    ("l2_sphere", (0.5,), lambda x: 0.5 * x / np.linalg.norm(x)),
    ("l2_ball", (), lambda x: x / max(1.0, np.linalg.norm(x))),
    ("l2_ball", (2.0,), lambda x: x / max(1.0, np.linalg.norm(x) / 2)),
    ("linf_ball", (), lambda x: np.clip(x, -1, 1)), ("linf_ball", (0.2,), lambda x: np.clip(x, -0.2, 0.2)),
    ("hyperplane", (N, 1.5), lambda x: x - ((N * x).sum() - 1.5) * N / np.linalg.norm(N) ** 2),
    ("halfspace", (N, 1.5), lambda x: x - max((N * x).sum() - 1.5, 0) * N / np.linalg.norm(N) ** 2),
)  # fmt: skip
CORNERS = (
    ("soft_threshold", (0.4,), lambda x: np.sign(x) * np.maximum(abs(x) - 0.4, 0)),
    ("block_threshold", (0.05,), lambda x: x * max(0.0, 1 - 0.05 / np.linalg.norm(x))),
    ("block_threshold", (0.4,), lambda x: x * max(0.0, 1 - 0.4 / np.linalg.norm(x)) if x.any() else x),
    ("simplex_corner", (2.0,), lambda x: 2.0 * (np.arange(6).reshape(2, 3) == x.argmin())),
    ("simplex_corner", (), lambda x: 1.0 * (np.arange(6).reshape(2, 3) == x.argmin())),
    ("l1_corner", (2.0,), lambda x: -2.0 * np.sign(x) * (np.arange(6).reshape(2, 3) == abs(x).argmax())),
    ("l1_corner", (), lambda x: -1.0 * np.sign(x) * (np.arange(6).reshape(2, 3) == abs(x).argmax())),
)


def nearest() -> str | None:
    """First projection, proximal step or corner that is another point."""
    xp = numpy_namespace()
    for i, size in enumerate((0.1, 1.0, 10.0)):
        x = size * np.random.default_rng(i).normal(size=(2, 3))
        for prefix, table in (("project_", NEAREST), ("", CORNERS)):
            for name, numbers, right in table:
                project = getattr(projections, prefix + name)
                plain = [n for n in numbers if isinstance(n, float)]
                if plain == [*numbers] and project(xp, x.astype(np.float32), *numbers).dtype != np.float32:
                    return f"{name} in float32"
                got = project(xp, x, *numbers)
                if not close(got, right(x), 1e-12):
                    return f"{name} {numbers} of size {size}"
    if projections.block_threshold(xp, np.zeros((2, 3)), 0.4).any():
        return "block_threshold of 0"
    if projections.simplex_corner(xp, np.array([1.0, 0.0, -1.0])).tolist() != [0.0, 0.0, 1.0]:
        return "simplex_corner beside 0"
    corner = projections.l1_corner(xp, np.array([1.0, -3.0]))
    return None if not np.signbit(corner).any() else "l1_corner has a negative 0"
