"""The way between two solutions, and what multiplying one layer and dividing the next does to a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from torchlean_nb.errors import CapabilityError, UnknownNameError, did_you_mean, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.landscape.directions import filter_normalised, gaussian
from torchlean_nb.landscape.objective import ROWS, SEED, Objective
from torchlean_nb.trace.landscape import Line, Rescaling
from torchlean_nb.train.probes import probe

_POINTS = Hyper(low=2, high=2000, kind="int")
_SPAN = Hyper(low=0.0, open_low=True)
_FACTOR = Hyper(low=0.0, open_low=True)
SAME = {"float64": 1e-9, "float32": 1e-3}  # how far rescaling may move a loss by rounding, as a part of it


def line(
    a: Any, b: Any, data: Any = None, *, loss: Any = None, points: int = 31, beyond: float = 0.25, name: str = "",
    batch: int = ROWS,
) -> Line:  # fmt: skip
    """Loss and accuracy on the straight line from one solution to another.

    Running statistics move along the line too, so both ends are the models as they are. Stopped by KeyboardInterrupt:
    NaN for the rest.

    Parameters
    ----------
    a, b : model
        See `landscape`; `b` may be a mapping of arrays by path.
    points : int
    beyond : float
        How far the line goes on at both ends.

    Raises
    ------
    HandleTypeError, ShapeError, CapabilityError, HyperparameterError

    References
    ----------
    Goodfellow, Vinyals, Saxe, "Qualitatively characterizing neural network optimization problems", 2015.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> net = tl.nn.Linear(1, 1, bias=False).bind(tl.Session())
    >>> net.load_state_dict({"weight": [[0.0]]})
    >>> found = line(net, {"weight": [[2.0]]}, ([[1.0]], [1.0]), loss="mse", points=3, beyond=0.0)
    >>> found.at.tolist(), found.losses.tolist()
    ([0.0, 0.5, 1.0], [1.0, 0.0, 1.0])
    """
    at = a if isinstance(a, Objective) else Objective(a, data, loss=loss, batch=batch)
    n, beyond = _POINTS.check("line", "points", points), Hyper(low=0.0).check("line", "beyond", beyond)
    if isinstance(b, Mapping):
        end, rest = at.join(b), {path: np.asarray(b.get(path, v), v.dtype) for path, v in at.rest.items()}
    else:
        other = b if isinstance(b, Objective) else Objective(b, data, loss=loss or at.loss, batch=batch)
        end, rest = at.join(dict(zip(other.shapes, other.split(other.centre), strict=True))), other.rest
    ts, begin = np.linspace(-beyond, 1 + beyond, n), at.rest
    found = np.full((n, 2), np.nan)
    try:
        for i, t in enumerate(ts):
            at.rest = {k: _between(v, rest[k], t) for k, v in begin.items()}
            found[i] = at.both((1 - t) * at.centre + t * end)
    except KeyboardInterrupt:
        if not i:
            raise
    finally:
        at.rest = begin
    losses, accuracy = found.T
    return Line(name or "between two solutions", ts, losses, accuracy if np.isfinite(accuracy[0]) else ())


def several(what: Any) -> list[Any]:
    """What a user gave as one or as several, as a list."""
    return [*what] if isinstance(what, Iterable) and not isinstance(what, str) else [what]


def _between(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    """Numbers on the way; of a count, and of what cannot be less than zero, the nearer end."""
    return a if a.dtype.kind != "f" else ((1 - t) * a + t * b if 0 <= t <= 1 else a if t < 0 else b).astype(a.dtype)


def rescalings(
    model: Any, data: Any = None, factors: Iterable[float] = (1.0, 2.0, 5.0, 10.0), *, loss: Any = None,
    layer: str | None = None, points: int = 31, span: float = 1.0, seed: int = 0, batch: int = ROWS,
) -> tuple[Rescaling, ...]:  # fmt: skip
    """Loss along one random direction, for the same function written with other weights.

    A layer before a ReLU is multiplied by `c`, the next layer's weights are divided by `c`: no output changes. The
    raw direction stays as it is and is now short or long for these weights; normalised filter by filter, the line is
    the same for every `c`.

    Parameters
    ----------
    model, data, loss, batch
        See `landscape`; an `Objective` is taken as it is.
    factors : float or iterable of float
    layer : str, optional
        Path of the layer to multiply; the first that has a ReLU between it and another.
    points : int
    span : float
        The line goes from minus to plus so many directions, each as long as the parameters.
    seed : int

    Raises
    ------
    CapabilityError
        Where no two layers can be rescaled without changing what the model computes.
    UnknownNameError, HyperparameterError

    References
    ----------
    Dinh, Pascanu, Bengio, Bengio, "Sharp minima can generalize for deep nets", 2017; Li et al. 2018, section 3.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> net = tl.nn.Sequential(tl.nn.Linear(2, 8), tl.nn.ReLU(), tl.nn.Linear(8, 2)).bind(tl.Session(), seed=0)
    >>> one, ten = rescalings(net, tl.data.moons(50), (1, 10), loss="cross_entropy", points=5)
    >>> bool(abs(one.normalised - ten.normalised).max() < 1e-9), bool(abs(one.raw - ten.raw).max() > 0.1)
    (True, True)
    """
    at = model if isinstance(model, Objective) else Objective(model, data, loss=loss, batch=batch)
    factors = [_FACTOR.check("rescalings", "factor", c) for c in several(factors)]
    seed, half = SEED.check("rescalings", "seed", seed), _SPAN.check("rescalings", "span", span)
    n = _POINTS.check("rescalings", "points", points)
    first, second = _pair(at, layer)
    d, ts = gaussian(np.random.default_rng(seed), at.centre), np.linspace(-half, half, n)
    before, found = at(at.centre), []
    for c in factors:
        theta = rescaled(at, first, second, c)
        value = at(theta)
        if not abs(value - before) <= SAME.get(at.dtype, 1e-3) * abs(before):
            raise CapabilityError(
                f"rescalings: multiplying {quote(first)} by {c:g} and dividing {quote(second)} changes the loss",
                f"from {before:.6g} to {value:.6g}: what is between them is no ReLU",
            )
        even = filter_normalised(d, theta, at.shapes)
        raw, normalised = (at.many(theta + ts[:, None] * direction) for direction in (d, even))
        found.append(Rescaling(c, ts, raw, normalised, value))
    return tuple(found)


def rescaled(at: Objective, first: str, second: str, factor: float) -> np.ndarray:
    """Parameters with weights and biases of one layer multiplied, and the weights of another divided."""
    scale = {f"{first}.weight": factor, f"{first}.bias": factor, f"{second}.weight": 1 / factor}
    parts = zip(at.shapes, at.split(at.centre), strict=True)
    return np.concatenate([np.ravel(a * scale.get(path, 1.0)) for path, a in parts]).astype(np.float64)


def _pair(at: Objective, layer: str | None) -> tuple[str, str]:
    """Two layers with weights and nothing but layers without between them, of which one is a ReLU."""
    x = at.example
    ran = [(path, out.layer) for path, out in probe(at.net, x).items()]
    pairs: list[tuple[str, str]] = []
    last, relu = None, False
    for path, what in ran:
        if what.slots():
            if last and relu and f"{path}.weight" in at.shapes:
                pairs.append((last, path))
            last, relu = (path if len(at.shapes.get(f"{path}.weight", ())) > 1 else None), False
        relu = relu or type(what).__name__ in ("ReLU", "LeakyReLU")
    if layer is not None and layer not in dict(pairs):
        raise UnknownNameError(f"rescalings: {quote(layer)} cannot be multiplied",
                               did_you_mean(str(layer), [p for p, _ in pairs]))  # fmt: skip
    if not pairs:
        raise CapabilityError("rescalings: this model has no two layers with a ReLU between them", None,
                              "Sequential(Linear(...), ReLU(), Linear(...))")  # fmt: skip
    return (layer, dict(pairs)[layer]) if layer else pairs[0]
