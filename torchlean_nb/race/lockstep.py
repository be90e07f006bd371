"""Contenders in step with each other: the surface is asked once for all of them, and every array is made once.

For rules that treat each coordinate alone. The numbers are those that each path would have by itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.errors import CapabilityError
from torchlean_nb.race.contenders import Contender
from torchlean_nb.race.engine import Paths, limit_of, rooms
from torchlean_nb.race.programs import numbers_of, passes, program_of, rates, table
from torchlean_nb.race.straight import Look, slopes
from torchlean_nb.surfaces import Surface

Move = Callable[[], None]
DOT = 8192  # numbers whose product with themselves is taken by one thread


def lockstep(
    crew: Sequence[Contender], surface: Surface, points: np.ndarray, when: Sequence[int],
    noise: Callable[[tuple[int, ...]], np.ndarray] | None = None, tell: Callable[[int], Any] | None = None,
) -> list[Paths]:  # fmt: skip
    """Paths of contenders from the same points, each recorded before the steps in `when`, whose last ends the race.

    Parameters
    ----------
    crew : sequence of Contender
        None of them `alone`.
    surface : Surface
    points : ndarray, shape (2, n)
    when : sequence of int
    noise : callable, optional
        ``noise(shape)`` is added to the gradients of every contender in each step.
    tell : callable, optional
        Is told of the updates made.
    """
    count, n, steps, due = len(crew), points.shape[1], when[-1], set(when)
    both, g = np.empty((2, count, 2, n), points.dtype), np.empty((count, 2, n), points.dtype)
    both[0] = points
    looks, values = _looks(surface, both, g)
    places, losses = rooms(count, len(when), n, points.dtype)
    found = [Paths(points, len(when), limit_of(surface), room) for room in zip(places, losses, strict=True)]
    places, losses = places.swapaxes(0, 1), losses.swapaxes(0, 1)
    lanes = [lane(c, points.dtype, steps)(*both[:, i], g[i]) for i, c in enumerate(crew)]
    flat = both.reshape(2, -1)
    blocks = [[a[i : i + DOT] for i in range(0, a.size, DOT)] for a in flat[::-1]]
    stages = [*zip(both, both[::-1], looks, zip(*lanes, strict=True), blocks, strict=True)]
    square, hurt, k, row = limit_of(surface) ** 2, False, 0, 0
    with np.errstate(all="ignore"):
        for k in range(steps):
            here, there, (only, whole), moves, parts = stages[k & 1]
            if k in due:
                whole()
                places[row], losses[row] = here, values
                row += 1
            else:
                only()
            if hurt and all(paths.over for paths in found):
                break
            if noise is not None:
                g += noise(points.shape)
            for move in moves:
                move()
            if hurt:
                for paths, old, new in zip(found, here, there, strict=True):
                    paths.hold(old, new)
            total = 0.0
            for part in parts:
                total += part.dot(part)
            if not total < square:  # NaN is not smaller either
                hurt = True
                for paths, old, new in zip(found, here, there, strict=True):
                    paths.kept(k, old, new)
            if tell is not None:
                tell(n * count)
        else:
            k = steps
        looks[k & 1][1]()
    places[row:], losses[row:] = both[k & 1], values
    return found


def _looks(surface: Surface, both: np.ndarray, g: np.ndarray) -> tuple[list[tuple[Look, Look]], np.ndarray]:
    """Functions that fill in gradients, or both, from the first and the second set of positions; and the values."""
    _, count, _, n = both.shape
    values = np.empty((count, n), both.dtype)
    if count == 1:
        return [slopes(surface, p[0], g[0], values[0]) for p in both], values
    # Coordinates of all contenders side by side are one long array; those of one contender are another.
    points, found = (np.empty((2, count, n), both.dtype) for _ in range(2))
    runs = slopes(surface, points.reshape(2, -1), found.reshape(2, -1), values.reshape(-1))
    back = found.transpose(1, 0, 2)

    def look(source: np.ndarray, run: Look) -> None:
        points[:] = source
        run()
        g[:] = back

    return [tuple(partial(look, p.transpose(1, 0, 2), run) for run in runs) for p in both], values


def lane(contender: Contender, dtype: Any, steps: int) -> Callable[..., tuple[Move, Move]]:
    """``bind(a, b, g)`` gives two functions to call in turn: a step from `a` to `b`, and one back."""
    if contender.paths == 1:
        try:
            return _fused(contender, np.dtype(dtype), steps)
        except CapabilityError:  # which some rules cannot be
            pass
    return partial(_by_the_rule, contender)


def _fused(contender: Contender, dtype: np.dtype[Any], steps: int) -> Any:
    rule, h = contender.rule, SimpleNamespace(**contender.hypers)
    program = program_of(rule, tuple(contender.hypers.items()), dtype.char)
    numbers, still = table(contender, steps, dtype.char)
    run, now = passes(program)
    if steps:
        now[:] = numbers[0]

    def bind(a: np.ndarray, b: np.ndarray, g: np.ndarray) -> tuple[Move, Move]:
        first, second = ([np.empty(a.size, dtype) for _ in program.slots] for _ in range(2))
        scratch = [np.empty(a.size, t) for t in program.temporaries.values()]
        slots = rule.start(a.ravel(), h)
        for name, slot in zip(program.slots, first, strict=True):
            slot[:] = slots[name] / program.factors[name]
        p, q, g = a.reshape(-1), b.reshape(-1), g.reshape(-1)
        go = partial(run, g, p, *first, *second, q, *scratch), partial(run, g, q, *second, *first, p, *scratch)
        if still:
            return go
        rest = iter(numbers)

        def move(run: Move) -> None:
            now[:] = next(rest)
            run()

        return partial(move, go[0]), partial(move, go[1])

    return bind


def _by_the_rule(contender: Contender, a: np.ndarray, b: np.ndarray, g: np.ndarray) -> tuple[Move, Move]:
    """Steps by the rule itself, hyperparameters broadcast over the paths."""
    rule, rate, xp, slots = contender.rule, rates(contender), numpy_namespace(), {}
    hypers, count = numbers_of(contender, a.dtype), itertools.count()

    def move(old: np.ndarray, new: np.ndarray) -> None:
        k = next(count)
        h = SimpleNamespace(**(hypers if contender.schedule is None else {**hypers, "lr": rate(k)}))
        # A rule may keep what it was given, and these arrays are written again.
        p, slope = old.copy(), g.copy()
        if k == 0:
            slots.update(rule.start(p, h, xp))
        terms = rule.terms(slope, p, slots, h, k + 1, xp)
        slots.update({name: terms[name] for name in slots})
        new[:] = p + terms["delta"]

    return partial(move, a, b), partial(move, b, a)
