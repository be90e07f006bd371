"""Who runs how: few paths in Python floats, many as arrays in step with each other, some rules one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import Device
from torchlean_nb.errors import CapabilityError
from torchlean_nb.minimizers.table import Method
from torchlean_nb.race.aboard import aboard
from torchlean_nb.race.contenders import Contender
from torchlean_nb.race.engine import Paths, each_alone, limit_of, march
from torchlean_nb.race.field import field
from torchlean_nb.race.lockstep import lockstep
from torchlean_nb.race.loops import lone
from torchlean_nb.race.native import compiled, starts
from torchlean_nb.race.programs import rows, table
from torchlean_nb.surfaces import Surface
from torchlean_nb.trace.race import Track

FEW = 4  # paths that are quicker one by one in Python floats
CHUNK = 16384  # paths, of one contender or several, whose arrays stay in the cache together
BRIEF = 2e7  # updates so soon done that nobody wants to keep half of them


@dataclass(frozen=True)
class Heat:
    """What is the same for all contenders of a race.

    Parameters
    ----------
    surface : Surface
    points : ndarray, shape (2, n)
        Where the paths begin.
    when : list of int
        Steps before which is recorded; the last ends the race.
    every : int
    seed : int
        Of the noise.
    engine : str
    tell : callable, optional
        Is told of updates made.
    device : Device, optional
        Where all paths go together, whatever their number.
    """

    surface: Surface
    points: np.ndarray
    when: list[int]
    every: int
    seed: int
    engine: str
    tell: Callable[[int], Any] | None = None
    device: Device | None = None

    def tracks(self, entries: Sequence[Contender]) -> Iterator[tuple[int, Track, float]]:
        """Number of a contender, its track, and the seconds numba took to compile it, as they finish."""
        crowd = []
        for i, c in enumerate(entries):
            self._check(c)
            if self.device is not None:
                crowd.append(i)
            elif c.alone:
                yield i, self.track(c, self.one_by_one(c)), 0.0
            elif (paths := self.by_loop(c)) is not None:
                yield i, self.track(c, paths), paths.compiling
            else:
                crowd.append(i)
        n, steps = self.points.shape[1], self.when[-1]
        size = max(1, CHUNK // n) if n * steps * len(crowd) < BRIEF else 1
        for a in range(0, len(crowd), size):
            crew = crowd[a : a + size]
            for i, paths in zip(crew, self.in_step([entries[i] for i in crew]), strict=True):
                yield i, self.track(entries[i], paths), 0.0

    def _check(self, c: Contender) -> None:
        if self.engine in ("python", "numba") and not self._plain(c, self.engine == "numba"):
            wide = "float64 and " if self.engine == "python" else ""
            raise CapabilityError(
                f"race: {c.name} cannot run with engine={self.engine!r}",
                f"that takes one set of numbers, coordinates alone, {wide}no noise",
                "engine='auto'",
            )

    def _plain(self, c: Contender, native: bool) -> bool:
        wide = native or self.points.dtype == np.float64
        return c.paths == 1 and not c.alone and not self.surface.noise and wide

    def _paths(self) -> Paths:
        return Paths(self.points, len(self.when), limit_of(self.surface))

    def track(self, c: Contender, paths: Paths) -> Track:
        """The frozen record of paths that are through."""
        if not isinstance(c.rule, Method):  # one gradient a step, the last one that led nowhere among them
            paths.evaluations[:] = np.where(paths.ended < 0, self.when[-1], paths.ended + 1)
        paths.close()
        hypers = {k: tuple(v.tolist()) if isinstance(v, np.ndarray) else _said(v) for k, v in c.hypers.items()}
        hypers |= {"lr": _said(c.schedule)} if c.schedule else {}
        return Track(c.name, c.rule.name, paths.positions, paths.losses, paths.ended, hypers, paths.evaluations)

    def _noise(self) -> Callable[[tuple[int, ...]], np.ndarray] | None:
        rng, deviation, kind = np.random.default_rng(self.seed), self.surface.noise, self.points.dtype
        return (lambda shape: deviation * rng.standard_normal(shape, kind)) if deviation else None

    def one_by_one(self, c: Contender) -> Paths:
        """Each path with an optimizer of its own."""
        n, kind, paths = self.points.shape[1], self.points.dtype.name, self._paths()
        step = each_alone(c, field(self.surface, 1, kind), self.surface, self.points, paths.evaluations)
        with np.errstate(all="ignore"):
            for _ in march(step, field(self.surface, n, kind), self.points, paths, self.when, self._noise()):
                if self.tell is not None:
                    self.tell(n)
        return paths

    def in_step(self, crew: Sequence[Contender]) -> list[Paths]:
        """Contenders in step with each other, so many paths at once as stay in the cache."""
        n, all_ = self.points.shape[1], (self.surface, self.points, self.when, self._noise(), self.tell)
        if self.device is not None:
            return aboard(self.device, crew, *all_)
        if n <= CHUNK or self.surface.noise:
            return lockstep(crew, *all_)
        found, width = [self._paths() for _ in crew], math.ceil(n / math.ceil(n / CHUNK))
        for a in range(0, n, width):
            cut = slice(a, min(a + width, n))
            points = np.ascontiguousarray(self.points[:, cut])
            parts = lockstep([_cut(c, cut) for c in crew], self.surface, points, self.when, None, self.tell)
            for paths, part in zip(found, parts, strict=True):
                paths.put(cut, part)
        return found

    def by_loop(self, c: Contender) -> Paths | None:
        """All paths by a loop over single ones; None where that cannot be, or arrays are quicker."""
        n, steps = self.points.shape[1], self.when[-1]
        if not (steps and self._plain(c, True)):
            return None
        native = self.engine == "numba"  # only then: else the bits would hang on what was compiled before
        few = self._plain(c, False) and (self.engine == "python" or (self.engine == "auto" and n <= FEW))
        if not native and not few:
            return None
        paths = self._paths()
        try:
            with np.errstate(all="ignore"):
                (self._native if native else self._floats)(c, paths)
        except CapabilityError:
            if self.engine in ("python", "numba"):
                raise
            return None
        except (ArithmeticError, ValueError):  # where Python has no number, arrays have inf and nan
            return None
        if self.tell is not None:
            self.tell(n * steps)
        return paths

    def _native(self, c: Contender, paths: Paths) -> None:
        kind = self.points.dtype.char
        numbers, _ = table(c, self.when[-1], "d")
        loop, paths.compiling = compiled(c, self.surface, kind)
        limit, begin = self.points.dtype.type(paths.limit), starts(c, self.surface, kind)
        numbers = numbers.astype(kind, copy=False)
        loop(self.points, numbers, self.every, limit, begin, paths.positions, paths.losses, paths.ended)

    def _floats(self, c: Contender, paths: Paths) -> None:
        loop, numbers = lone(c, self.surface), rows(c, self.when[-1])
        for i, (x, y) in enumerate(self.points.T.tolist()):
            xs, ys, values, paths.ended[i] = loop(x, y, numbers, self.every, paths.limit)
            parts = (paths.positions[:, 0, i], paths.positions[:, 1, i], paths.losses[:, i])
            for a, found in zip(parts, (xs, ys, values), strict=True):
                a[: len(found)] = found
                a[len(found) :] = found[-1]


def _cut(c: Contender, cut: slice) -> Contender:
    if c.paths == 1:
        return c
    return replace(c, hypers={k: v[cut] if isinstance(v, np.ndarray) else v for k, v in c.hypers.items()})


def _said(v: Any) -> Any:
    return v if isinstance(v, int | float | str | bool | tuple | None) else getattr(v, "__name__", None) or repr(v)
