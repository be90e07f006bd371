"""What the steps of one path were made of: gradient, momentum and step at every record.

A trace keeps where a path was. Gradients follow from the surface, and from those the slots of the rule, so arrows and
numbers can be drawn without having been recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb import optim
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.errors import TorchLeanError
from torchlean_nb.minimizers.table import Method
from torchlean_nb.race.contenders import Contender
from torchlean_nb.race.engine import Paths, curvature, each_alone, limit_of, march
from torchlean_nb.race.field import field
from torchlean_nb.race.lockstep import lockstep
from torchlean_nb.race.programs import rates
from torchlean_nb.surfaces import Surface, surface_of
from torchlean_nb.trace.race import Track
from torchlean_nb.updates import UpdateRule

DECAY = r"\lambda"  # what rows call the pull of weight decay
UNLIKE = [[3, 1], [1, 2], [4, 1], [1, 3], [2, 1], [1, 1]]  # other gradients before the same last one
TINY = 1e-5  # what still counts as beginning at zero


@dataclass(frozen=True, eq=False)
class Eigen:
    """Axes of a quadratic surface.

    Parameters
    ----------
    values : ndarray, shape (2,)
        Curvatures, the smaller first.
    vectors : ndarray, shape (2, 2)
        Row i is the unit vector of value i.
    centre : ndarray, shape (2,)
        Where the gradient is zero.
    """

    values: np.ndarray
    vectors: np.ndarray
    centre: np.ndarray

    def parts(self, v: np.ndarray) -> np.ndarray:
        """Components along the axes of vectors in the last axis."""
        return np.asarray(v) @ self.vectors.T


def eigen(on: Any) -> Eigen | None:
    """Axes of a surface whose Hessian is the same everywhere; None for others, or where it is singular.

    Examples
    --------
    >>> found = eigen("booth")
    >>> found.values.tolist(), found.centre.tolist()
    ([2.0, 18.0], [1.0, 3.0])
    >>> eigen("rosenbrock") is None
    True
    """
    surface = surface_of(on)
    left, right, bottom, top = surface.domain
    x, y = np.array([0.5, 0.1, 0.83, 0.27, 0.95]), np.array([0.5, 0.74, 0.91, 0.13, 0.36])
    points = np.stack([left + x * (right - left), bottom + y * (top - bottom)], axis=1)
    with np.errstate(all="ignore"):
        bent = np.array([curvature(surface, p) for p in points])
        slopes = field(surface, len(points), "float64")(np.ascontiguousarray(points.T))[1]
    h = bent[0]
    if not np.isfinite(bent).all() or not np.allclose(bent, h, rtol=1e-9, atol=1e-9 * np.abs(h).max()):
        return None
    values, columns = np.linalg.eigh(h)
    if np.abs(values).min() <= 1e-12 * np.abs(values).max():
        return None
    vectors = columns.T * np.where(columns.sum(axis=0) < 0, -1.0, 1.0)[:, None]
    return Eigen(values, vectors, points[0] - np.linalg.solve(h, slopes[:, 0]))


@dataclass(frozen=True, eq=False)
class Replay:
    """One path taken apart, an entry for each record.

    Parameters
    ----------
    gradient : ndarray, shape (k, 2)
        What the contender was told there, noise included.
    moment : ndarray, shape (k, 2), or None
        The first moment or velocity with that gradient in it, pointing uphill as the gradient does; None where the
        rule has none, or cannot be run again: it is not in the table, or its schedule is not known any more.
    name : str
        Slot of the rule it stands in; empty without one.
    step : ndarray, shape (k, 2)
        The update made from there; from the last record that of a rule which would go on, else zero.
    """

    gradient: np.ndarray
    moment: np.ndarray | None
    name: str
    step: np.ndarray


def replay(
    on: Any, track: Track, steps: Any, path: int = 0, *, seed: int = 0, contender: Contender | None = None
) -> Replay:
    """Gradient, first moment and step at every record of one path.

    Parameters
    ----------
    on : str, mapping, Surface or callable
        What the race was on.
    track : Track
    steps : array_like of int, shape (k,)
        Steps of the records.
    path : int
    seed : int
        Of the race, where the surface is noisy.
    contender : Contender, optional
        Who raced, where the plain hyperparameters of the track do not say it: a schedule, a rule of one's own.

    Returns
    -------
    Replay

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> r = tl.race([("sgd", {"lr": 0.1, "momentum": 0.9})], on="sphere", start=(1.0, 0.0), steps=2)
    >>> found = replay("sphere", r.tracks[0], r.steps)
    >>> found.name, found.gradient[:, 0].round(6).tolist(), found.moment[:, 0].round(6).tolist()
    ('buf', [2.0, 1.6, 0.92], [2.0, 3.4, 3.98])
    """
    surface, steps = surface_of(on), np.asarray(steps)
    places, who = track.positions[:, :, path], contender or read(track)
    who = None if who is None else Contender(who.name, who.rule, who.hypers_of(path), who.schedule)
    noise = _noise(surface, track, int(steps[-1]) if len(steps) else 0, seed)[..., path]
    ended = int(track.ended[path])
    with np.errstate(all="ignore"):
        # Between records the path is run again, and believed when it comes by all of them.
        whole = places if len(steps) == int(steps[-1]) + 1 else _again(who, surface, places[0], int(steps[-1]), noise)
        sure = whole is not None and np.array_equal(whole[steps], places)
        every = whole if sure else places
        g = np.ascontiguousarray(field(surface, len(every), every.dtype.name)(np.ascontiguousarray(every.T))[1].T)
        if sure and len(noise):
            g[:-1] += noise
        moves = np.zeros_like(every)
        moves[:-1] = np.diff(every, axis=0)
        name, moments = "", None
        if sure and who is not None and not isinstance(who.rule, Method):
            name, moments, moves[-1] = _moments(who, surface, every, g, ended)
    keep = steps if sure else slice(None)
    if not sure:
        moves[:] = np.nan
    return Replay(g[keep], None if moments is None else moments[keep], name, moves[keep])


def read(track: Track) -> Contender | None:
    """The contender of a track from its plain data; None where that does not say everything."""
    try:
        rule = optim.row(track.rule)
        kinds = {k: h.kind for k, h in rule.hypers.items()}
        given = {k: _number(v, kinds.get(k)) for k, v in track.hypers.items()}
        if any(kinds.get(k) == "any" and isinstance(v, str) for k, v in given.items()):
            return None
        firsts = {k: v[0] if isinstance(v, np.ndarray) else v for k, v in given.items()}
        return Contender(track.name, rule, {**rule.resolve(firsts), **{k: v for k, v in given.items()
                                                                      if isinstance(v, np.ndarray)}})  # fmt: skip
    except TorchLeanError:
        return None


def _number(v: Any, kind: str | None) -> Any:
    return np.array(v, float) if isinstance(v, tuple) and kind in ("float", "int") else v


def _noise(surface: Surface, track: Track, steps: int, seed: int) -> np.ndarray:
    """What was added to the gradients of all paths, shape (steps, 2, n); of no steps without noise."""
    shape, rng = (2, len(track)), np.random.default_rng(seed)
    kind = track.positions.dtype
    draws = [surface.noise * rng.standard_normal(shape, kind) for _ in range(steps if surface.noise else 0)]
    return np.array(draws, kind).reshape(-1, *shape)


def _again(who: Contender | None, surface: Surface, start: np.ndarray, steps: int, noise: np.ndarray) -> Any:
    """All positions of one path, shape (steps + 1, 2); None where nobody knows how it goes."""
    if who is None:
        return None
    begin, when, draw = start.reshape(2, 1).copy(), range(steps + 1), iter(noise[..., None])
    shake = (lambda _: next(draw)) if len(noise) else None
    if not who.alone:
        return lockstep([who], surface, begin, when, shake)[0].positions[..., 0]
    at, paths = field(surface, 1, begin.dtype.name), Paths(begin, steps + 1, limit_of(surface))
    for _ in march(each_alone(who, at, surface, begin, paths.evaluations), at, begin, paths, when, shake):
        pass
    return paths.positions[..., 0]


def _moments(who: Contender, surface: Surface, places: np.ndarray, g: np.ndarray, ended: int) -> Any:
    """Name of the slot, its value with the gradient of each place, and the step that would come next."""
    rule, hypers, rate, xp = who.rule, dict(who.hypers), rates(who), numpy_namespace()
    found = moment_of(rule, tuple(hypers.items()))
    out = np.zeros_like(places)
    values = field(surface, len(places), places.dtype.name)(np.ascontiguousarray(places.T))[0].tolist()
    slots: dict[str, Any] = {}
    delta: Any = np.zeros(2)
    for k, (p, slope) in enumerate(zip(places, g, strict=True)):
        if 0 <= ended < k:
            out[k:] = out[k - 1]
            return *_named(found, out), 0.0
        h = SimpleNamespace(**hypers)
        if who.schedule is not None:
            h.lr = rate(k)
        if "value" in rule.needs:
            h.value = values[k]
        if "curvature" in rule.needs:
            h.curvature = np.diag(curvature(surface, p)).copy()
        if k == 0:
            slots = rule.start(p, h, xp)
        terms = rule.terms(slope, p, slots, h, k + 1, xp)
        slots, delta = {name: terms[name] for name in slots}, terms["delta"]
        if found is not None:
            out[k] = found[1] * slots[found[0]]
    return *_named(found, out), delta if ended < 0 else 0.0


def _named(found: tuple[str, float] | None, out: np.ndarray) -> tuple[str, np.ndarray | None]:
    return ("", None) if found is None else (found[0], out)


@lru_cache(maxsize=256)
def moment_of(rule: UpdateRule, hypers: tuple[tuple[str, Any], ...]) -> tuple[str, float] | None:
    """Slot that is a first moment or velocity, and the sign that turns it uphill; None when there is none.

    Such a slot begins at zero, turns round with the gradients, and remembers more than the last of them. What the row
    marks as momentum comes first.

    Examples
    --------
    >>> [moment_of(optim.row(n), tuple(optim.row(n).resolve({}).items())) for n in ("adam", "adagrad", "sgd")]
    [('m', 1.0), None, None]
    """
    fixed = {k: 0.0 if k in rule.hypers and rule.hypers[k].symbol.startswith(DECAY) else v for k, v in hypers}
    h = SimpleNamespace(**fixed, value=1.0, curvature=np.ones(2))
    seen = np.array([[0.3, -0.2], [0.5, -0.4], [0.2, -0.3], [0.4, -0.1], [0.6, -0.2], [0.5, -0.3]])
    try:
        with np.errstate(all="ignore"):
            up, down, other = (_slots_after(rule, h, a) for a in (seen, -seen, seen * UNLIKE))
            first = rule.start(np.array([0.7, -0.4]), h)
    except (TorchLeanError, ArithmeticError, ValueError, TypeError, AttributeError, np.linalg.LinAlgError):
        return None
    for k in sorted(up, key=lambda k: rule.slots[k].when != "momentum"):
        a, b, c = (np.asarray(x[k], float) for x in (up, down, other))
        odd = a.shape == (2,) and (abs(first[k]) < TINY).all() and a.any() and np.allclose(a, -b, rtol=1e-4, atol=0)
        if odd and not np.allclose(a, c, rtol=1e-3, atol=0):
            return k, float(np.sign(a @ seen[-1]))
    return None


def _slots_after(rule: UpdateRule, h: Any, gradients: np.ndarray) -> dict[str, Any]:
    """Slots after some gradients at a parameter that is held where it is."""
    p, xp = np.array([0.7, -0.4]), numpy_namespace()
    slots = rule.start(p, h, xp)
    for k, g in enumerate(gradients):
        terms = rule.terms(g, p, slots, h, k + 1, xp)
        slots = {name: terms[name] for name in slots}
    return slots
