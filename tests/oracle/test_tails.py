"""Derivatives far out, near zero and below the normal numbers, against 50-digit arithmetic.

Errors are in ulp, units of the last place of the right answer. `LIMITS` is what was measured, rounded
up: a smaller number is progress, a larger one a regression. Where ``exp(-abs(x))`` has itself fallen below
the normal numbers, rows made of it have no digits left to be judged by; there the absolute error stays
below the smallest normal number.
"""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.engine.transforms import Run
from torchlean_nb.rows import lookup

mp = mpmath.mp.clone()
mp.dps = 50
ONE = mp.mpf(1)


def sigmoid(x):
    return ONE / (1 + mp.exp(-x))


def bell(x):
    e = mp.exp(-abs(x))
    return e / (1 + e) ** 2


def gelu_tanh_terms(x):
    u = 2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)
    slope = 2 * mp.sqrt(2 / mp.pi) * (1 + 3 * mp.mpf("0.044715") * x**2)
    return sigmoid(u), x * bell(u) * slope


# Right derivative, or its terms: where two of them cancel, the error is measured in ulp of the larger one.
SLOPES = {
    "sigmoid": bell, "tanh": lambda x: 4 * bell(2 * x), "softplus": sigmoid, "exp": mp.exp, "expm1": mp.exp,
    "log": lambda x: 1 / x, "log1p": lambda x: 1 / (1 + x), "sqrt": lambda x: 1 / (2 * mp.sqrt(x)),
    "inv": lambda x: -1 / x**2, "erf": lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x), "square": lambda x: 2 * x,
    "sin": mp.cos, "cos": lambda x: -mp.sin(x),
    "tan": lambda x: 1 / mp.cos(x) ** 2, "arctan": lambda x: 1 / (1 + x * x), "sinh": mp.cosh, "cosh": mp.sinh,
    "elu": lambda x: ONE if x > 0 else mp.exp(x),
    "safe_log": lambda x: sigmoid(x) / (mp.log1p(mp.exp(-abs(x))) + max(x, 0) + mp.mpf(1e-6)),
    "silu": lambda x: (sigmoid(x), x * bell(x)), "gelu": lambda x: (mp.ncdf(x), x * mp.npdf(x)),
    "gelu_tanh": gelu_tanh_terms,
}
ATTRS = {"gelu_tanh": ("gelu", {"approximate": "tanh"})}
RANGES = {
    "log": (0, None), "sqrt": (0, None), "log1p": (-1, None), "sin": (-100, 100), "cos": (-100, 100),
    "tan": (-100, 100),
}
# Largest error in ulp: float64, float32. Above 4 is only the tanh form of gelu, whose cubic is rounded before exp
# magnifies it: at -14, where the slope is 1e-92.
LIMITS = {
    "sigmoid": (3, 4), "tanh": (4, 3), "softplus": (2, 3), "exp": (1, 2), "expm1": (1, 2),
    "log": (1, 1), "log1p": (2, 2), "sqrt": (2, 2), "inv": (2, 2), "square": (0, 0), "sin": (1, 2),
    "cos": (1, 1), "tan": (2, 2), "arctan": (2, 2), "sinh": (1, 2), "cosh": (1, 2), "elu": (1, 2),
    "safe_log": (4, 4), "silu": (4, 4), "erf": (2, 3), "gelu": (3, 4), "gelu_tanh": (300, 100),
}


def points(name, dtype):
    """Numbers of all sizes: zeros, subnormals, the middle, tails; random and round ones."""
    info, rng = np.finfo(dtype), np.random.default_rng(11)
    far = float(np.log(info.max)) * 1.1
    positive = np.concatenate([
        [0.0, info.smallest_subnormal, info.tiny / 4, info.tiny, 0.25, 0.5, 1.0, 2.0, np.log(2), np.pi],
        np.geomspace(info.tiny, 1, 60), np.geomspace(info.smallest_subnormal * 2, info.tiny, 10),
        rng.uniform(0, 1, 90), rng.uniform(0, 10, 120), rng.uniform(0, far, 120), np.linspace(0, far, 40),
    ])
    x = np.unique(np.concatenate([positive, -positive]).astype(dtype))
    low, high = RANGES.get(name, (None, None))
    x = x[x != 0] if name == "inv" else x
    return x[(x > (-np.inf if low is None else low)) & (x < (np.inf if high is None else high))]


def measured(name, x):
    """Slope by the engine."""
    row, attrs = ATTRS.get(name, (name, {}))
    run = Run(lambda t: lookup(row)(t, **attrs), [x], [0])
    got = run.pull(np.ones(x.shape, x.dtype))[0]
    assert got.dtype == x.dtype
    return got


def errors(got, terms, dtype):
    """Error of each number in ulp of the right one; 0 where both overflow."""
    info, out = np.finfo(dtype), []
    for g, ts in zip(got, terms, strict=True):
        ts = ts if isinstance(ts, tuple) else (ts,)
        right, size = sum(ts), max(abs(t) for t in ts)
        if abs(right) > mp.mpf(float(info.max)):
            out.append(0.0 if np.isinf(g) else np.inf)
            continue
        last = mp.ldexp(1, int(mp.floor(mp.log(size, 2))) - info.nmant) if size else 0
        ulp = max(mp.mpf(float(info.smallest_subnormal)), last)
        out.append(float(abs(mp.mpf(float(g)) - right) / ulp) if np.isfinite(g) else np.inf)
    return np.array(out)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SLOPES)
def test_slopes_are_accurate_everywhere(name, dtype):
    x = points(name, dtype)
    right = [SLOPES[name](mp.mpf(float(v))) for v in x]
    got = measured(name, x)
    off = errors(got, right, dtype)
    limit = LIMITS[name][dtype == "float32"]
    tiny = np.finfo(dtype).tiny
    if name in ("silu", "safe_log", "sigmoid", "tanh"):
        lost = np.exp(-np.abs(x).astype(np.longdouble)) < tiny
        totals = [float(sum(r) if isinstance(r, tuple) else r) for r in right]
        assert np.abs(got - np.array(totals))[lost & (x < 0)].max() <= tiny
        off[lost] = 0
    worst = int(np.argmax(off))
    assert len(x) > 300
    assert off[worst] <= limit, f"{name}'({x[worst]!r}) is off by {off[worst]:.1f} ulp"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_gradient_of_cross_entropy_keeps_its_digits(classes, dtype):
    rng = np.random.default_rng(12)
    x, labels = rng.uniform(-50, 50, (300, classes)).astype(dtype), rng.integers(0, classes, 300)
    got = tl.grad(lambda z: tl.cross_entropy(z, labels, reduction="sum"))(x)
    assert got.dtype == x.dtype
    right = []
    for row, label in zip(x, labels, strict=True):
        e = [mp.exp(mp.mpf(float(v))) for v in row]
        others = sum(v for j, v in enumerate(e) if j != label)
        right += [(v if j != label else -others) / sum(e) for j, v in enumerate(e)]
    assert errors(got.ravel(), right, dtype).max() <= 4


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_the_gradient_of_bce_with_logits_keeps_its_digits(target, dtype):
    x = points("sigmoid", dtype)
    x = x[np.abs(x) < -np.log(np.finfo(dtype).tiny)]
    goal = np.full_like(x, target)
    got = tl.grad(lambda z: tl.bce_with_logits(z, goal, reduction="sum"))(x)
    right = [sigmoid(mp.mpf(float(v))) if not target else -sigmoid(-mp.mpf(float(v))) for v in x]
    assert errors(got, right, dtype).max() <= 4


VALUES = {
    "sigmoid": (sigmoid, 4, 4), "softplus": (lambda x: mp.log1p(mp.exp(-abs(x))) + max(x, 0), 2, 2),
    "silu": (lambda x: x * sigmoid(x), 4, 4), "gelu": (lambda x: x * mp.ncdf(x), 630, 130),
    "erfc": (mp.erfc, 2, 1), "tanh": (mp.tanh, 2, 2), "log1p": (mp.log1p, 1, 2), "expm1": (mp.expm1, 1, 3),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", VALUES)
def test_values_are_accurate_everywhere(name, dtype):
    f, *limits = VALUES[name]
    x = points(name, dtype)
    x = x[np.abs(x) < -np.log(np.finfo(dtype).tiny)]
    with np.errstate(over="ignore", under="ignore"):
        got = np.asarray(lookup(name)(x))
    off = errors(got, [f(mp.mpf(float(v))) for v in x], dtype)
    worst = int(np.argmax(off))
    assert off[worst] <= limits[dtype == "float32"], f"{name}({x[worst]!r}) is off by {off[worst]:.1f} ulp"
