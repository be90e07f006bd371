"""The race itself: contenders from the same starts, over the same surface, recorded."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from tqdm import tqdm

from torchlean_nb.errors import CapabilityError, HyperparameterError, ShapeError, quote
from torchlean_nb.minimizers.table import Method
from torchlean_nb.race.contenders import Contender, contenders
from torchlean_nb.race.engine import Paths, by_the_rule, each_alone, facade, limit_of, march, together
from torchlean_nb.race.field import field
from torchlean_nb.race.loops import compiled, is_compiled, lone, rows
from torchlean_nb.race.rates import note, tuned
from torchlean_nb.surfaces import Surface, surface_of
from torchlean_nb.trace.race import RaceTrace, Track

FEW = 4  # paths that are quicker one by one in Python floats
CHUNK = 4096  # paths whose arrays stay in the cache together
RECORDS = 200_000  # points of a track unless told
LONG = 2e6  # updates from which on progress is shown
ENGINES = ("auto", "python", "numpy", "numba")


def run(
    what: Any,
    on: Any = "rosenbrock",
    start: Any = None,
    steps: int = 200,
    *,
    every: int | None = None,
    dtype: Any = "float64",
    seed: int = 0,
    engine: str = "auto",
    progress: bool | None = None,
    lr: str | None = None,
) -> RaceTrace:
    """Race optimizers over a surface.

    Parameters
    ----------
    what : sequence or mapping
        Contenders: names, rows, or ``(name, {hyperparameter: value})``; ``{label: ...}`` names them. A value may be
        an array with one entry for each path, and ``lr`` a function of the step. ``"all"`` are all that can.
    on : str, Surface, mapping or callable
        A name of `torchlean_nb.surfaces`, a formula such as ``"x**2 + 3*y**2"``, a surface, or ``f(x, y)`` that works
        element by element.
    start : array_like, shape (2,) or (n, 2), optional
        Where paths begin; the surface's own start unless told.
    steps : int
    every : int, optional
        Steps between records; by default so that a track has at most 200,000 points.
    dtype : {"float64", "float32"}
    seed : int
        Of the noise of a noisy surface: the same for every contender.
    engine : {"auto", "python", "numpy", "numba"}
        Python floats are quickest for a few paths, arrays for many. numba compiles each pair of rule and surface once,
        in a second or two, is quickest from then on, and equal up to rounding.
    progress : bool, optional
        Show it; by default in long races.
    lr : {None, "auto"}
        What learning rates are that nobody set: the rows' own, or the best of one grid, the same for every contender,
        tried over the whole race (`torchlean_nb.race.rates`).

    Returns
    -------
    RaceTrace
        Stopped by KeyboardInterrupt: of the contenders that had finished, ``status`` "interrupted".

    Raises
    ------
    HyperparameterError, UnknownNameError, ShapeError, CapabilityError

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> r = tl.race(["sgd", ("adam", {"lr": 0.1})], on="sphere", start=(1.0, -1.0), steps=50)
    >>> [*r], [float(t.best[0]) < 1e-3 for t in r.tracks]
    (['sgd', 'adam lr=0.1'], [False, True])
    """
    surface = surface_of(on)
    everyone = isinstance(what, str) and what == "all"
    entries = contenders(import_module("torchlean_nb.race.applicable").applicable(surface) if everyone else what)
    steps, dtype = _count("steps", steps), _dtype(dtype)
    if engine not in ENGINES:
        raise HyperparameterError(f"race: engine={quote(engine)}", f"one of {', '.join(ENGINES)}")
    if lr not in (None, "auto"):
        raise HyperparameterError(f"race: lr={quote(lr)}", "None or 'auto'", 'tl.race([("sgd", {"lr": 0.1})])')
    if lr == "auto":
        grid = {"start": start, "steps": steps, "every": every, "dtype": dtype, "seed": seed, "progress": False}
        found = tuned(entries, lambda one: run(one, surface, **grid))
        chosen, entries = note(entries, found), found
    else:
        chosen = note(entries, entries)
    points = _starts(surface, start, entries, dtype)
    n = points.shape[1]
    every = max(1, math.ceil(steps * n / RECORDS)) if every is None else _count("every", every)
    when = [*range(0, steps, every), steps]
    for c in entries:  # what cannot run says so before anything does
        field(surface, 1 if c.alone else min(n, CHUNK), dtype.name)
        if c.alone:
            facade(c, 0, points[:, 0])
    shown = steps * n * len(entries) > LONG if progress is None else progress
    tracks, status, compiling = [], "finished", 0.0
    try:
        with tqdm(total=steps * n * len(entries), disable=not shown, unit="update", unit_scale=True) as bar:
            for c in entries:
                track, seconds = _track(c, surface, points, when, every, seed, engine, bar.update)
                tracks.append(track)
                compiling += seconds
    except KeyboardInterrupt:
        status = "interrupted"
    meta = {"steps": steps, "every": every, "seed": seed, "dtype": dtype.name, "engine": engine, "status": status,
            "rates": chosen}
    meta |= {"compile_seconds": compiling} if compiling else {}
    return RaceTrace(surface.about(), when, tracks, meta, (surface, tuple(entries)))


def _track(
    c: Contender, surface: Surface, points: np.ndarray, when: list[int], every: int, seed: int, engine: str,
    tell: Callable[[int], Any],
) -> tuple[Track, float]:  # fmt: skip
    """The track of one contender, and the seconds numba took to compile it."""
    paths = Paths(points, len(when), limit_of(surface))
    steps, n = when[-1], points.shape[1]
    plain = c.paths == 1 and not c.alone and not surface.noise and points.dtype == np.float64
    if not plain and engine in ("python", "numba"):
        raise CapabilityError(
            f"race: {c.name} cannot run with engine={engine!r}",
            "that takes one set of numbers, coordinates alone, float64 and no noise",
            "engine='auto'",
        )
    quick = plain and steps > 0 and _by_loop(c, surface, points, paths, steps, every, engine)
    if quick:
        tell(steps * n)
    else:
        width = n if surface.noise or c.alone else CHUNK
        if n <= width:
            _by_arrays(c, surface, points, paths, when, seed, tell)
        for a in range(0, n if n > width else 0, width):
            cut = slice(a, min(a + width, n))
            part = Paths(points[:, cut], len(when), paths.limit)
            _by_arrays(_cut(c, cut), surface, points[:, cut], part, when, seed, tell)
            paths.put(cut, part)
    if not isinstance(c.rule, Method):  # one gradient a step, the last one that led nowhere among them
        paths.evaluations[:] = np.where(paths.ended < 0, steps, paths.ended + 1)
    paths.close()
    hypers = {k: tuple(v.tolist()) if isinstance(v, np.ndarray) else _plain(v) for k, v in c.hypers.items()}
    hypers |= {"lr": _plain(c.schedule)} if c.schedule else {}
    track = Track(c.name, c.rule.name, paths.positions, paths.losses, paths.ended, hypers, paths.evaluations)
    return track, paths.compiling


def _by_loop(
    c: Contender, surface: Surface, points: np.ndarray, paths: Paths, steps: int, every: int, engine: str
) -> bool:
    """Whether a loop over single paths did it."""
    native = engine == "numba" or (engine == "auto" and bool(find_spec("numba")) and is_compiled(c, surface))
    if not native and not (engine == "python" or (engine == "auto" and points.shape[1] <= FEW)):
        return False
    try:
        table = rows(c, steps)
        if native:
            fresh = not is_compiled(c, surface)
            loop, took = compiled(c, surface)
            paths.compiling = took if fresh else 0.0
            table = np.array(table).reshape(steps, -1)
            loop(points, table, every, paths.limit, paths.positions, paths.losses, paths.ended)
            return True
        loop = lone(c, surface)
        for i in range(points.shape[1]):
            x, y = points[:, i].tolist()
            xs, ys, values, paths.ended[i] = loop(x, y, table, every, paths.limit)
            parts = (paths.positions[:, 0, i], paths.positions[:, 1, i], paths.losses[:, i])
            for a, found in zip(parts, (xs, ys, values), strict=True):
                a[: len(found)] = found
                a[len(found) :] = found[-1]
    except CapabilityError:
        if engine in ("python", "numba"):
            raise
        return False
    except (ArithmeticError, ValueError):  # where Python has no number, arrays have inf and nan
        paths.ended[:] = -1
        return False
    return True


def _by_arrays(
    c: Contender, surface: Surface, points: np.ndarray, paths: Paths, when: list[int], seed: int,
    tell: Callable[[int], Any],
) -> None:  # fmt: skip
    n = points.shape[1]
    at, rng = field(surface, n, points.dtype.name), np.random.default_rng(seed)
    noise = (lambda shape: surface.noise * rng.standard_normal(shape, points.dtype)) if surface.noise else None
    if c.alone:
        step = each_alone(c, field(surface, 1, points.dtype.name), surface, points, paths.evaluations)
    else:
        step = together(c, points.shape, points.dtype)
    with np.errstate(all="ignore"):
        try:
            for _ in march(step, at, points, paths, when, noise):
                tell(n)
        except CapabilityError:
            if c.alone:
                raise
            again = Paths(points, len(when), paths.limit)
            rng = np.random.default_rng(seed)
            for _ in march(by_the_rule(c, points.shape, points.dtype), at, points, again, when, noise):
                pass
            paths.put(slice(None), again)


def _cut(c: Contender, cut: slice) -> Contender:
    if c.paths == 1:
        return c
    own = {k: v[cut] if isinstance(v, np.ndarray) else v for k, v in c.hypers.items()}
    return Contender(c.name, c.rule, own, c.schedule)


def _starts(surface: Surface, start: Any, entries: list[Contender], dtype: Any) -> np.ndarray:
    try:
        points = np.array(surface.start if start is None else start, dtype)
    except (TypeError, ValueError):
        points = np.zeros(0)
    points = points.reshape(1, 2) if points.shape == (2,) else points
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not np.isfinite(points).all():
        raise ShapeError(f"race: start={quote(start, 60)}", "finite numbers of shape (2,) or (n, 2)", "(-1.5, 2.0)")
    counts = {len(points), *(c.paths for c in entries)} - {1}
    if len(counts) > 1:
        raise ShapeError(f"race: {' and '.join(map(str, sorted(counts)))} paths", "starts and arrays of one length")
    return np.ascontiguousarray(np.broadcast_to(points, (max(counts, default=1), 2)).T)


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < (name == "every"):
        raise HyperparameterError(f"race: {name}={quote(value)}", f"an int >= {int(name == 'every')}")
    return int(value)


def _dtype(dtype: Any) -> np.dtype[Any]:
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found not in (np.float64, np.float32):
        raise HyperparameterError(f"race: dtype={quote(dtype)}", "'float64' or 'float32'")
    return found


def _plain(v: Any) -> Any:
    return v if isinstance(v, int | float | str | bool | tuple | None) else getattr(v, "__name__", None) or repr(v)
