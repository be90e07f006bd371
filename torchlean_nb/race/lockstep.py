"""Contenders in step with each other: the surface is asked once for all of them, and every array is made once.

For rules that treat each coordinate alone. The numbers are those that each path would have by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.errors import CapabilityError
from torchlean_nb.race.contenders import Contender
from torchlean_nb.race.engine import Paths, limit_of, rooms
from torchlean_nb.race.programs import passes, program_of, rates, table
from torchlean_nb.race.straight import slopes
from torchlean_nb.surfaces import Surface

Move = Callable[[int], None]
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
    moves = [lane(c, points.dtype, steps)(*both[:, i], g[i]) for i, c in enumerate(crew)]
    blocks = [[flat[a : a + DOT] for a in range(0, flat.size, DOT)] for flat in both.reshape(2, -1)]
    square, hurt, k, row = limit_of(surface) ** 2, False, 0, 0
    with np.errstate(all="ignore"):
        for k in range(steps):
            here, there, whole = both[k & 1], both[~k & 1], k in due
            looks[k & 1](whole)
            if whole:
                places[:, row], losses[:, row] = here, values
                row += 1
            if hurt and all(paths.over for paths in found):
                break
            if noise is not None:
                g += noise(points.shape)
            for move in moves:
                move(k)
            if hurt:
                for paths, old, new in zip(found, here, there, strict=True):
                    paths.hold(old, new)
            total = 0.0
            for block in blocks[~k & 1]:
                total += block.dot(block)
            if not total < square:  # NaN is not smaller either
                hurt = True
                for paths, old, new in zip(found, here, there, strict=True):
                    paths.kept(k, old, new)
            if tell is not None:
                tell(n * count)
        else:
            k = steps
        looks[k & 1](True)
    places[:, row:], losses[:, row:] = both[k & 1][:, None], values[:, None]
    return found


def _looks(surface: Surface, both: np.ndarray, g: np.ndarray) -> tuple[list[Callable[[bool], None]], np.ndarray]:
    """Functions that fill gradients and values, from the first or the second set of positions; and the values."""
    _, count, _, n = both.shape
    values = np.empty((count, n), both.dtype)
    if count == 1:
        return [slopes(surface, p[0], g[0], values[0]) for p in both], values
    # Coordinates of all contenders side by side are one long array; those of one contender are another.
    points, found = (np.empty((2, count, n), both.dtype) for _ in range(2))
    run = slopes(surface, points.reshape(2, -1), found.reshape(2, -1), values.reshape(-1))
    back, turned = found.transpose(1, 0, 2), [p.transpose(1, 0, 2) for p in both]

    def look(source: np.ndarray, whole: bool) -> None:
        points[:] = source
        run(whole)
        g[:] = back

    return [partial(look, p) for p in turned], values


def lane(contender: Contender, dtype: Any, steps: int) -> Callable[[np.ndarray, np.ndarray, np.ndarray], Move]:
    """``bind(a, b, g)`` gives ``move(k)``, which steps from `a` to `b` in even steps and back in odd ones."""
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

    def bind(a: np.ndarray, b: np.ndarray, g: np.ndarray) -> Move:
        first, second = ([np.empty(a.size, dtype) for _ in program.slots] for _ in range(2))
        scratch = [np.empty(a.size, t) for t in program.temporaries.values()]
        slots = rule.start(a.ravel(), h)
        for name, slot in zip(program.slots, first, strict=True):
            slot[:] = slots[name] / program.factors[name]
        p, q, g = a.reshape(-1), b.reshape(-1), g.reshape(-1)
        go = (partial(run, g, p, *first, *second, q, *scratch), partial(run, g, q, *second, *first, p, *scratch))

        def move(k: int) -> None:
            now[:] = numbers[k]
            go[k & 1]()

        return (lambda k: go[k & 1]()) if still else move

    return bind


def _by_the_rule(contender: Contender, a: np.ndarray, b: np.ndarray, g: np.ndarray) -> Move:
    """Steps by the rule itself, hyperparameters broadcast over the paths."""
    rule, rate, xp, slots = contender.rule, rates(contender), numpy_namespace(), {}
    hypers = {k: v.astype(a.dtype) if isinstance(v, np.ndarray) else v for k, v in contender.hypers.items()}

    def move(k: int) -> None:
        h = SimpleNamespace(**(hypers if contender.schedule is None else {**hypers, "lr": rate(k)}))
        old, new = (b, a) if k & 1 else (a, b)
        # A rule may keep what it was given, and these arrays are written again.
        p, slope = old.copy(), g.copy()
        if k == 0:
            slots.update(rule.start(p, h, xp))
        terms = rule.terms(slope, p, slots, h, k + 1, xp)
        slots.update({name: terms[name] for name in slots})
        new[:] = p + terms["delta"]

    return move
