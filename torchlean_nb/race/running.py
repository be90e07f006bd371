"""The race itself: contenders from the same starts, over the same surface, recorded."""

from __future__ import annotations

import math
from contextlib import nullcontext
from importlib import import_module
from typing import Any

import numpy as np
from tqdm import tqdm

from torchlean_nb.backend.devices import device as place_of
from torchlean_nb.backend.devices import host
from torchlean_nb.dtypes import number_type
from torchlean_nb.errors import HyperparameterError, ShapeError, quote
from torchlean_nb.race.contenders import Contender, contenders
from torchlean_nb.race.engine import facade
from torchlean_nb.race.field import field
from torchlean_nb.race.heats import CHUNK, FEW, Heat
from torchlean_nb.race.rates import note, tuned
from torchlean_nb.surfaces import Surface, surface_of
from torchlean_nb.trace.race import RaceTrace, Track

RECORDS = 200_000  # points of a track unless told
LONG = 1e8  # updates of large arrays, about a second of them, from which on progress is shown
SLOW, SLOWER = 100, 1000  # how many of those one costs on Python floats, and in an optimizer of its own
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
    lr: str | None = "auto",
    device: str | None = None,
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
        Python floats are quickest for a few paths, arrays for many: "auto" decides by the number of paths alone, so
        that the same race has the same bits. numba compiles each pair of rule and surface once, in a second or two,
        is quickest from then on, and equal up to rounding; what it made is kept for the next process, in the folder
        that ``TORCHLEAN_NB_CACHE`` names or the user's own.
    progress : bool, optional
        Show it; by default in long races.
    lr : {"auto", None}
        Learning rates that nobody set: the best of one grid, the same for every contender, tried over the whole race
        from the first start (`torchlean_nb.race.rates`), or the rows' own defaults.
    device : {"cpu", "cuda", ...}, optional
        Where the paths are computed: by default on the CPU, whatever the default device is, since a few paths wait
        for each step. A GPU is for many thousand.

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
    (['sgd', 'adam lr=0.1'], [True, True])
    >>> r["sgd"].hypers["lr"], r.meta["rates"]
    (0.3, 'rates chosen by the same grid of 8, some set by hand')
    """
    surface = surface_of(on)
    everyone = isinstance(what, str) and what == "all"
    entries = contenders(import_module("torchlean_nb.race.applicable").applicable(surface) if everyone else what)
    steps, seed, dtype = _count("steps", steps), _count("seed", seed), _dtype(dtype)
    if engine not in ENGINES:
        raise HyperparameterError(f"race: engine={quote(engine)}", f"one of {', '.join(ENGINES)}")
    where = None if device in (None, "cpu") else place_of(device)
    if where is not None and engine != "auto":
        raise HyperparameterError(f"race: engine={quote(engine)} on {where.name}", "engines are ways to use the CPU")
    if lr not in (None, "auto"):
        raise HyperparameterError(f"race: lr={quote(lr)}", "None or 'auto'", 'tl.race([("sgd", {"lr": 0.1})])')
    points = _starts(surface, start, entries, dtype)
    n = points.shape[1]
    every = max(1, math.ceil(steps * n / RECORDS)) if every is None else _count("every", every)
    when = [*range(0, steps, every), steps]
    if surface.gradient is None:  # what cannot run says so before anything does
        field(surface, min(n, CHUNK), dtype.name)
    for c in entries:
        if c.alone:
            facade(c, 0, points[:, 0])
    cost = sum(SLOWER if c.alone else SLOW if n <= FEW else 1 for c in entries)
    shown = steps * n * cost > LONG if progress is None else progress
    done: dict[int, Track] = {}
    status, compiling, chosen = "finished", 0.0, note(entries, entries)
    try:
        if lr == "auto":
            grid = {"start": points[:, 0], "steps": steps, "every": every, "dtype": dtype, "seed": seed}
            found = tuned(entries, lambda one: run(one, surface, **grid, progress=False, device=device))
            chosen, entries = note(entries, found), found
        total = steps * n * len(entries)
        with tqdm(total=total, unit="update", unit_scale=True) if shown else nullcontext() as bar:
            heat = Heat(surface, points, when, every, seed, engine, bar.update if shown else None, where)
            for i, track, seconds in heat.tracks(entries):
                done[i] = track
                compiling += seconds
    except KeyboardInterrupt:
        status = "interrupted"
    tracks = [done[i] for i in sorted(done)]
    meta = {
        "steps": steps,
        "every": every,
        "seed": seed,
        "dtype": dtype.name,
        "engine": engine if where is None else where.name,
        "status": status,
        "rates": chosen,
    }
    meta |= {"compile_seconds": compiling} if compiling else {}
    return RaceTrace(surface.about(), when, tracks, meta, (surface, tuple(entries[i] for i in sorted(done))))


def _starts(surface: Surface, start: Any, entries: list[Contender], dtype: Any) -> np.ndarray:
    try:
        points = np.array(surface.start if start is None else host(start), dtype)
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
    found = number_type(dtype)
    if found not in (np.float64, np.float32):
        raise HyperparameterError(f"race: dtype={quote(dtype)}", "'float64' or 'float32'")
    return found
