"""What kills a mutant of a schedule: its textbook formula in 60 digits, recorded, and the examples of its docstring."""

from __future__ import annotations

import doctest
import io
import json
import math
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path as File
from typing import Any

from torchlean_nb import schedules
from torchlean_nb.errors import HyperparameterError
from torchlean_nb.schedules import SCHEDULES, Row, Schedule, constant, linear, sgdr

VALUES = File(__file__).parent / "values.json"
EPS = 2.0**-52


@cache
def recorded() -> dict[str, list[tuple[Schedule, dict[int, float]]]]:
    """Schedules by row, with values by step."""
    out: dict[str, list[tuple[Schedule, dict[int, float]]]] = {}
    for r in json.loads(VALUES.read_text(encoding="utf-8")):
        right = {int(k): float.fromhex(v) for k, v in r["values"].items()}
        out.setdefault(r["row"], []).append((SCHEDULES[r["row"]](**r["sample"]), right))
    return out


def halving(k: int) -> float:
    return 0.5**k


def wobble(k: int) -> float:
    return 1 + 0.25 * (k % 3)


@cache
def of_parts() -> dict[str, list[tuple[Schedule, Callable[[int], float]]]]:
    """Rows made of schedules or of functions, and what they come to."""
    a, b = constant(0.25), linear(1.0, total=8)
    falling, half = (lambda k: max(8 - k, 0) / 8), (lambda k: math.cos(math.pi * k / 16) ** 2)
    by_cycle, by_step = (schedules.cyclic(1.0, 3.0, up=2, scale=halving, scale_by=by) for by in ("cycle", "iterations"))
    return {
        "cyclic": [
            (by_cycle, lambda k: 1 + 2 * (1 - abs(k % 4 - 2) / 2) * 0.5 ** (k // 4 + 1)),
            (by_step, lambda k: 1 + 2 * (1 - abs(k % 4 - 2) / 2) * 0.5**k),
        ],
        "warmup_cosine_decay": [
            (schedules.warmup_cosine_decay(1.0, peak=0.0, warmup=2, total=6), lambda k: max(1 - k / 2, 0)),
            (schedules.warmup_cosine_decay(0.0, peak=1.0, warmup=0, total=8), half),
        ],
        # No warmup, no phase before the top, nothing to anneal.
        "warmup_linear": [(schedules.warmup_linear(1.0, 0, 8), falling)],
        "warmup_polynomial": [(schedules.warmup_polynomial(1.0, 0, 8, end=0.0), falling)],
        "warmup_waves": [(schedules.warmup_waves(1.0, 0, 8), half)],
        "warmup_waves_min": [(schedules.warmup_waves_min(1.0, 0, 8, minimum=0.5), lambda k: 0.5 + half(k) / 2)],
        "warmup_cosine": [(schedules.warmup_cosine(1.0, 0, 8), half)],
        "warmup_exponential_decay": [(schedules.warmup_exponential_decay(0.0, 1.0, 0, 1, 0.5), halving)],
        "linear_warmup": [(schedules.linear_warmup(0.25, 0), lambda k: 0.25)],
        "one_cycle": [(schedules.one_cycle(1.0, 8, pct=0.0), lambda k: (1 - k / 8) + k / 8 / 1e4)],
        "swa": [(schedules.swa(1.0, target=0.5, total=0, way=w), lambda k: 0.5) for w in ("cos", "linear")],
        "natural_exp": [
            (schedules.natural_exp(0.5, 0.3, total=3, staircase=True), lambda k: 0.5 / math.exp(0.3) ** (k // 3))
        ],
        "inverse_time": [
            (schedules.inverse_time(0.5, 0.3, total=3, staircase=True), lambda k: 0.5 / (1 + 0.3 * (k // 3)))
        ],
        "polynomial": [(schedules.polynomial(0.5, end=0.25, total=9, power=0.0), lambda k: 0.5)],
        "one_cycle_lr": [
            (schedules.one_cycle_lr(1.0, 10, pct=0.1, way="linear"), lambda k: (1 - k / 9) + k / 9 / 250_000)
        ],
        "warmup_waves_start": [
            (
                schedules.warmup_waves_start(1.0, 1, 9, minimum=0.5, start=0.25),
                lambda k: 0.75 + math.cos(math.pi * k / 8) / 4 if k else 0.25,
            ),
        ],
        "join": [
            (
                schedules.join([a, b, a, b], [1, 4, 6]),
                lambda k: (0.25, *map(falling, (0, 1, 2)), 0.25, 0.25, 1.0, 0.875)[k],
            ),
            (schedules.join([b, a, b], [3, 5]), lambda k: falling(k) if k < 3 else 0.25 if k < 5 else falling(k - 5)),
        ],
        "scale": [(schedules.scale(b, 4), lambda k: 4 * falling(k))],
        "add": [(schedules.add(a, b), lambda k: 0.25 + falling(k)), (schedules.add(b, a), lambda k: 0.25 + falling(k))],
        "custom": [(schedules.custom(halving), halving)],
        "lambda": [(schedules.lambda_(0.5, halving), lambda k: 0.5 ** (k + 1))],
        "multiplicative": [
            (schedules.multiplicative(0.5, wobble), lambda k: 0.5 * math.prod(map(wobble, range(1, k + 1))))
        ],
    }


def examples(row: Row) -> str | None:
    """First example of the docstring that gives something else."""
    names = vars(schedules) | {"sgdr": sgdr, row.f.__name__: row}
    test = doctest.DocTestParser().get_doctest(row.f.__doc__ or "", dict(names), row.name, None, None)
    said = io.StringIO()
    failed = doctest.DocTestRunner(verbose=False).run(test, out=said.write).failed
    return f"{row.name}: an example of its docstring" if failed else None


def differing(row: Row) -> Iterator[str]:
    """Values further than a few roundings from the formula."""
    for s, right in recorded().get(row.name, ()):
        for k, v in right.items():
            got = row.f(k, **s.hypers)
            small = abs(v) < 2.0**-1022 and abs(got) < 2.0**-1022
            if not (small or abs(got - v) <= 5 * EPS * abs(v)):
                yield f"{s!r} at {k}: {got!r}, not {v!r}"
    for s, f in of_parts().get(row.name, ()):
        for k in range(8):
            if abs(row.f(k, **s.hypers) - f(k)) > 5 * EPS * f(k):
                yield f"{s!r} at {k}"


# At the ends of what is allowed: made without a complaint, or refused.
ALLOWED: tuple[Callable[[], Any], ...] = (
    lambda: schedules.cyclic(1.0, 1.0),
    lambda: schedules.cyclic_momentum(low=0.9, high=0.9),
    lambda: schedules.one_cycle_lr(1.0, 10, pct=0.5, three_phase=True),
    lambda: schedules.one_cycle_lr(1.0, 10, pct=0.9),
    lambda: schedules.trapezoid(1.0, total=5, warmup=2, decay=3),
    lambda: schedules.chebyshev(1.0, 1.0, 8, "fractal"),
    lambda: schedules.chebyshev(1.0, 2.0, 6),
    lambda: schedules.chebyshev(1.0, 2.0, 1, "fractal"),
    lambda: schedules.warmup_cosine_floor(0.1, 0.1, 5, 10),
    lambda: schedules.warmup_linear(0.1, warmup=9, total=10),
    lambda: schedules.multistep(1.0, (1,)),
)
REFUSED: tuple[Callable[[], Any], ...] = (
    lambda: schedules.cyclic(2.0, 1.0),
    lambda: schedules.cyclic_momentum(low=0.9, high=0.8),
    lambda: schedules.cyclic(1.0, 2.0, scale=3),
    lambda: schedules.one_cycle_lr(1.0, 10, pct=0.5000001, three_phase=True),
    lambda: schedules.trapezoid(1.0, total=5, warmup=3, decay=3),
    lambda: schedules.chebyshev(0.0, 1.0, 8),
    lambda: schedules.chebyshev(2.0, 1.0, 8),
    lambda: schedules.chebyshev(1.0, 2.0, 6, "fractal"),
    lambda: schedules.warmup_cosine_floor(0.1, 0.2, 5, 10),
    lambda: schedules.warmup_linear(0.1, warmup=10, total=10),
    lambda: schedules.warmup_cosine_floor(0.1, warmup=10, total=10),
    lambda: schedules.warmup_polynomial(0.1, 5, 10, end=0.1),
    lambda: schedules.lr_finder(0.0, 1.0, 5),
    lambda: schedules.lr_finder(1.0, 1.0, 5),
    lambda: schedules.linear_onecycle(10, 1.0, pct=0.0),
    lambda: schedules.linear_onecycle(10, 1.0, pct=0.9),
    lambda: schedules.linear_onecycle(10, 1.0, pct_final=1.0),
    lambda: schedules.cosine_onecycle(10, 1.0, pct=1.0),
    lambda: schedules.multistep(1.0, []),
    lambda: schedules.multistep(1.0, 5),
    lambda: schedules.multistep(1.0, [2, 2]),
    lambda: schedules.multistep(1.0, [0]),
    lambda: schedules.multistep(1.0, [5, 2]),
    lambda: schedules.custom(3),
    lambda: schedules.lambda_(1.0, 3),
    lambda: schedules.multiplicative(1.0, 3),
    lambda: schedules.multistep(1.0, ()),
    lambda: schedules.join([constant(1.0)], [5]),
    lambda: schedules.join([abs, abs], [5]),
    lambda: schedules.join([], [5]),
    lambda: schedules.join({constant(1.0): 1, constant(2.0): 2}, [5]),
    lambda: schedules.scale(abs, 2.0),
    lambda: schedules.join((constant(1.0), abs), [5]),
    lambda: schedules.add(constant(1.0), abs),
    lambda: schedules.add(abs, constant(1.0)),
    lambda: schedules.piecewise_constant(1.0, [2, 3], [0.5]),
    lambda: schedules.piecewise_constant(1.0, [2], [-0.5]),
    lambda: schedules.piecewise_constant(1.0, [2, 3], {1.0, 2.0}),
    lambda: schedules.piecewise_constant(1.0, [2, 2], [1.0, 2.0]),
)


def borders() -> str | None:
    """First of the above that goes the other way."""
    for i, make in enumerate(ALLOWED):
        try:
            make()
        except HyperparameterError as e:
            return f"allowed {i}: {e}"
    for i, make in enumerate(REFUSED):
        try:
            made = make()
        except HyperparameterError:
            continue
        return f"refused {i}: {made!r}"
    return None


def complaint(row: Row) -> str | None:
    """First thing that is wrong with a schedule, None when nothing is."""
    try:
        return next(differing(row), None) or examples(row) or borders()
    except Exception as e:
        return f"{row.name}: {type(e).__name__}: {e}"


def rows() -> dict[str, Row]:
    """All rows of the table that are ours."""
    return {n: r for n, r in SCHEDULES.items() if r.builtin}


def prepare() -> Any:
    """Read what is recorded before anything is mutated."""
    return recorded(), of_parts()
