"""Which rows run which pieces of rule code: found by running the laws under a profiler."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any

import numpy as np

import torchlean_nb as tl
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.laws import KINKS, LAWS
from torchlean_nb.laws.point import Point
from torchlean_nb.rows import Op


@contextmanager
def watch(seen: set[CodeType], folder: str) -> Iterator[None]:
    """Collect the code of every function of a folder that is called."""
    def note(frame: Any, event: str, arg: Any) -> None:
        if event == "call" and folder in frame.f_code.co_filename:
            seen.add(frame.f_code)

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


def complaint(op: Op) -> str | None:
    """First law that a row breaks on some sample, None when it keeps all."""
    for sample in op.samples:
        for law in LAWS.values():
            if law.applies(op, sample):
                try:
                    with np.errstate(all="ignore"):
                        law(op, sample)
                except Exception as e:
                    return f"{law.name}: {type(e).__name__}: {e}"
    return None


def kink() -> str | None:
    """First point of the table of kinks that gives another number."""
    for k in KINKS:
        try:
            with np.errstate(all="ignore"):
                ways = [k.measured()]
                if k.order == 1 and np.isfinite(k.slope).all() and k.name != "0 * sqrt at 0":
                    ways.append(k.pushed())
                if not all(np.array_equal(w, k.slope, equal_nan=True) for w in ways):
                    return f"kink: {k.name}"
        except Exception as e:
            return f"kink: {k.name}: {type(e).__name__}: {e}"
    return None


# Slopes to 17 digits, from arithmetic with 50: tests/oracle/test_tails.py has the other thousands.
SLOPES = (
    ("erf", 20.3, 1.2135062342325594e-179), ("erf", 0.7, 0.6912748604105386), ("gelu", -8.7, -1.255603622325922e-16),
    ("sigmoid", -300.5, 3.1225412772322846e-131), ("sigmoid", 40.25, 3.3086216207858244e-18),
    ("tanh", 15.1, 3.064549480118867e-13), ("expm1", -30.5, 5.675685232632723e-14),
    ("silu", -50.3, -7.044245440408223e-21), ("softplus", -60.2, 7.169224651077955e-27),
)


def digits() -> str | None:
    """First slope far out that has lost its digits."""
    for name, x, right in SLOPES:
        with np.errstate(all="ignore"):
            got = float(tl.grad(tl.ops[name])(x))
        if not abs(got - right) <= 4 * np.spacing(abs(right)):
            return f"digits: {name}'({x}) = {got}"
    return None


def _guards(op: Op) -> None:
    """What runs before any value: checks and shape rules."""
    for sample in op.samples:
        p = Point(op, sample)
        if op.shape is not None:
            op.shape(*[a.shape for a in p.arrays], **p.attrs)
        if op.check is not None:
            op.check(*p.arrays, **p.attrs)
        op.bind(p.arrays, dict(sample.attrs))


def _value(op: Op) -> None:
    for sample in op.samples:
        p = Point(op, sample)
        op.run(numpy_namespace(), *p.arrays, **p.attrs)


def collect(run: Callable[[Op], Any], op: Op) -> set[CodeType]:
    """Code in ``ops`` that is called while `run` is busy with one row."""
    seen: set[CodeType] = set()
    with watch(seen, "torchlean_nb/ops"):
        run(op)
    return seen


def rules(names: Iterable[str] = ()) -> dict[CodeType, list[Op]]:
    """Every piece of derivative code of some rows (of all unless named), and the rows whose laws run it.

    Checks and shape rules are left out, and of each row what its own value is made of: a value that is wrong in
    the same way everywhere is another function, not a wrong derivative. NumPy and PyTorch find that.
    """
    every = [op for op in tl.ops.values() if op.builtin]
    rows = [tl.ops[n] for n in names] or every
    others = {op.forward.__code__ for op in every}.union(*(collect(_guards, op) for op in every))
    table: dict[CodeType, list[Op]] = {}
    for op in rows:
        for code in collect(complaint, op) - collect(_value, op) - others:
            table.setdefault(code, []).append(op)
    return table
