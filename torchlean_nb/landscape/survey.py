"""Planes through the loss of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tqdm import tqdm

from torchlean_nb.errors import (
    CapabilityError,
    HandleTypeError,
    HyperparameterError,
    NonFiniteError,
    ShapeError,
    did_you_mean,
    quote,
)  # fmt: skip
from torchlean_nb.hypers import Hyper
from torchlean_nb.landscape.directions import components, filter_normalised, gaussian, orthogonal, projected
from torchlean_nb.landscape.lanczos import eigenvalues
from torchlean_nb.landscape.lines import rescalings, several
from torchlean_nb.landscape.objective import HUGE, ROWS, SEED, Objective
from torchlean_nb.landscape.trajectory import Trajectory
from torchlean_nb.trace.landscape import KINDS, LandscapeTrace, Path, Plane
from torchlean_nb.train.progress import someone_looks

_POINTS = Hyper(low=2, high=501, kind="int")
ROOM = 0.2  # what is shown around a path, as a part of its size


@dataclass
class _Work:
    """What is computed so far; whoever stops it keeps that."""

    at: Objective
    points: np.ndarray
    steps: np.ndarray
    losses: np.ndarray
    spectrum: np.ndarray = field(default_factory=lambda: np.zeros(0))
    grids: list[tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)
    status: str = "finished"


def survey(
    model: Any, data: Any = None, plane: str | Sequence[str] | None = None, *, trajectory: Any = None, loss: Any = None,
    points: int = 31, span: Any = None, rescale: Iterable[float] = (), lines: Iterable[Any] = (), seed: int = 0,
    batch: int = ROWS, name: str = "landscape", progress: bool | None = None,
) -> LandscapeTrace:  # fmt: skip
    """Loss of a model in planes through its parameters; ``tl.landscape(...)`` is this function.

    The model, its buffers, its optimizer and its random stream are only read.

    Parameters
    ----------
    model : Trainer, TrainResult, Runner or Module
        Its parameters now are where a plane has its origin.
    data : Dataset, (X, y) or list of samples, optional
        Every loss is that of all of it, in eval mode; what a Trainer was trained on when left out.
    plane : {"pca", "random", "filter-normalised", "hessian"} or several of them
        Two directions: where a path moved most; at random, each as long as the parameters; the same ones, each filter
        as long as that of the weights; eigenvectors of the two largest eigenvalues. By default "pca" and "random"
        with a path, else "filter-normalised".
    trajectory : Trajectory or array, shape (k, parameters), optional
        The path; kept by ``fit(..., callbacks=tl.landscape.Trajectory())``.
    loss : str, op, callable or Task, optional
        Needed for a Module.
    points : int
        Along each side.
    span : float or (left, right, bottom, top), optional
        In directions; by default what shows the whole path, or from -1 to 1.
    rescale : float or iterable of float
        A factor for `rescalings`, or several.
    lines : Line or iterable of Line
        What else the explorer shall show.
    seed : int
        Of random directions.
    batch : int
        Rows that go through the model together.
    progress : bool, optional
        Show a bar; by default where someone looks, after the first second.

    Returns
    -------
    LandscapeTrace
        Stopped by KeyboardInterrupt: what was computed, NaN for the rest, ``status`` "interrupted".

    Raises
    ------
    HandleTypeError, CapabilityError, DataError, ShapeError, NonFiniteError, HyperparameterError

    References
    ----------
    Li, Xu, Taylor, Studer, Goldstein, "Visualizing the loss landscape of neural nets", 2018.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> path = tl.landscape.Trajectory()
    >>> trainer = tl.Trainer(tl.nn.Linear(2, 2), task="classification", optimizer="adam", schedule=0.1)
    >>> result = trainer.fit(tl.data.moons(60), steps=30, callbacks=path, progress=False)
    >>> seen = tl.landscape(trainer, trajectory=path, points=9)
    >>> [*seen], seen["pca"].explained > 0.9 > seen["random"].explained
    (['pca', 'random'], True)
    """
    at = model if isinstance(model, Objective) else Objective(model, data, loss=loss, batch=batch)
    if at.size < 2:
        raise CapabilityError("landscape: one parameter makes no plane", None, "tl.landscape.line(a, b, data)")
    steps, path = _path(at, trajectory)
    kinds, n = _kinds(plane, len(path) > 0), _POINTS.check("landscape", "points", points)
    half, lines = _span(span), several(lines)
    seed, factors = SEED.check("landscape", "seed", seed), several(rescale)
    LandscapeTrace(name, lines=lines)  # what it would refuse at the end is refused before anything is computed
    work = _Work(at, path, steps, np.full(len(path), np.nan))
    shown = someone_looks() if progress is None else bool(progress)
    tables: tuple[Any, ...] = ()
    try:
        tables = rescalings(at, factors=factors, seed=seed) if factors else ()
        with tqdm(total=len(path) + len(kinds) * n * n, disable=not shown, unit="point",
                  delay=1.0 if progress is None else 0.0) as bar:  # fmt: skip
            _compute(work, kinds, n, half, seed, bar.update)
    except KeyboardInterrupt:
        work.status = "interrupted"
    meta = {"parameters": at.size, "samples": at.rows, "loss": at.loss.name, "seed": seed, "status": work.status}
    return LandscapeTrace(
        name, [_plane(work, *grid) for grid in work.grids], Path(steps, work.losses) if len(path) else None,
        tables, lines, work.spectrum, meta,
    )  # fmt: skip


def _compute(
    work: _Work, kinds: list[str], n: int, half: Any, seed: int, tell: Callable[[int], Any]
) -> None:
    at = work.at
    for k in range(0, len(work.points), at.lanes):
        some = work.points[k : k + at.lanes]
        work.losses[k : k + len(some)] = at.many(some)
        tell(len(some))
    for kind in kinds:
        directions = _directions(work, kind, seed)
        left, right, bottom, top = _bounds(work, directions, kind, half)
        a, b, losses = np.linspace(left, right, n), np.linspace(bottom, top, n), np.full((n, n), np.nan)
        work.grids.append((kind, directions, a, b, losses))
        places = np.stack([np.tile(a, n), np.repeat(b, n)], axis=1)
        for k in range(0, n * n, at.lanes):
            some = places[k : k + at.lanes]
            losses.flat[k : k + len(some)] = at.many(at.centre + some @ directions)
            tell(len(some))


def _directions(work: _Work, kind: str, seed: int) -> np.ndarray:
    at, rng = work.at, np.random.default_rng(seed)
    if kind == "pca":
        rows, work.spectrum = components(work.points, at.centre)
        return orthogonal(rng, rows)
    if kind == "hessian":
        found = eigenvalues(at, k=2, seed=seed)
        if found.status == "interrupted":
            raise KeyboardInterrupt
        return orthogonal(rng, found.vectors[0])
    drawn = [gaussian(rng, at.centre) for _ in range(2)]
    return np.stack([filter_normalised(d, at.centre, at.shapes) for d in drawn] if kind != "random" else drawn)


def _bounds(work: _Work, directions: np.ndarray, kind: str, half: Any) -> tuple[float, ...]:
    if half is not None:
        return half
    if kind != "pca":
        return -1.0, 1.0, -1.0, 1.0
    positions = projected(work.points - work.at.centre, directions)[0]
    low, high = np.minimum(positions.min(axis=0), 0), np.maximum(positions.max(axis=0), 0)
    room = ROOM * np.maximum(high - low, (high - low).max() / 4)
    (left, bottom), (right, top) = low - room, high + room
    return float(left), float(right), float(bottom), float(top)


def _plane(work: _Work, kind: str, directions: np.ndarray, a: np.ndarray, b: np.ndarray, losses: np.ndarray) -> Plane:
    lengths = np.linalg.norm(directions, axis=1)
    if not len(work.points):
        return Plane(kind, a, b, losses, lengths=lengths)
    return Plane(kind, a, b, losses, *projected(work.points - work.at.centre, directions), lengths)


# -- what a user says ----------------------------------------------------------------------


def _path(at: Objective, trajectory: Any) -> tuple[np.ndarray, np.ndarray]:
    """Steps and points of a path."""
    if trajectory is None:
        return np.zeros(0, np.int64), np.zeros((0, at.size))
    if isinstance(trajectory, Trajectory):
        if not len(trajectory):
            raise CapabilityError("landscape: the trajectory is empty", None, "fit(..., callbacks=trajectory)")
        if trajectory.shapes != at.shapes:
            raise ShapeError("landscape: the trajectory is that of another model")
        return trajectory.steps, _usable(trajectory.values.astype(np.float64, copy=False))
    try:
        points = np.asarray(trajectory, np.float64)
    except (TypeError, ValueError) as e:
        raise HandleTypeError(f"landscape: trajectory={quote(trajectory, 60)}", "it is no path",
                              f"a Trajectory(), or an array of shape (points, {at.size})") from e  # fmt: skip
    if points.ndim != 2 or points.shape[1] != at.size or not len(points):
        raise ShapeError(f"landscape: a trajectory of shape {points.shape}", f"expected (points, {at.size})")
    return np.arange(len(points)), _usable(points)


def _usable(points: np.ndarray) -> np.ndarray:
    bad = ~(abs(points) < HUGE).all(axis=1)
    if bad.any():
        raise NonFiniteError(f"landscape: the trajectory has no usable numbers at point {bad.argmax()}",
                             "a training that diverged has no place on a map", "the points before it")  # fmt: skip
    return points


def _kinds(plane: Any, path: bool) -> list[str]:
    if plane is None:
        return ["pca", "random"] if path else ["filter-normalised"]
    kinds = several(plane)
    for kind in kinds:
        if kind not in KINDS:
            raise HyperparameterError(f"landscape: plane={quote(kind)}", f"one of {', '.join(KINDS)}",
                                      did_you_mean(str(kind), KINDS))  # fmt: skip
    if len(set(kinds)) != len(kinds) or not kinds:
        raise HyperparameterError(f"landscape: plane={quote(kinds)}", "each kind once")
    if "pca" in kinds and not path:
        raise CapabilityError('landscape: plane="pca" wants the path of a training', None,
                              "trajectory=, kept by fit(..., callbacks=tl.landscape.Trajectory())")  # fmt: skip
    return kinds


def _span(span: Any) -> tuple[float, ...] | None:
    if span is None:
        return None
    half = np.atleast_1d(np.asarray(span, dtype=object)).tolist()
    try:
        ends = tuple(map(float, half if len(half) == 4 else (-half[0], half[0]) * 2 if len(half) == 1 else ()))
    except (TypeError, ValueError):
        ends = ()
    if len(ends) != 4 or not np.isfinite(ends).all() or ends[0] >= ends[1] or ends[2] >= ends[3]:
        raise HyperparameterError(f"landscape: span={quote(span)}", "a positive number, or (left, right, bottom, top)")
    return ends
