"""Lone numbers: on a tape of float64, nodes that are one number are Python floats until somebody looks.

An addition of floats takes a tenth of the time of one by NumPy. What IEEE 754 defines to the last bit is computed by
Python, functions of a library by NumPy, so the bits are the same. Whatever is out of the ordinary, such as a number
that is not finite, is left to the general path.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable, Iterator
from functools import cache
from types import MethodType
from typing import Any

import numpy as np

from torchlean_nb.engine.calls import code_of, forks
from torchlean_nb.engine.param import Param
from torchlean_nb.engine.tensor import Ref, Tensor
from torchlean_nb.rows import OPS, Op

ROWS = ("add", "sub", "mul", "neg", "relu", "square", "tanh", "sin", "cos")  # no options, and nothing to warn of
kept = list.__getitem__
_DOUBLE = np.dtype(float)


@cache
def rows() -> dict[Op, Callable[..., Tensor | None]]:
    """The rows, and how each is recorded with floats: ``record(tape, args)``."""
    own = numbers.__dict__
    return {
        op: _record(op, own[op.name] if op.primitive else MethodType(op.forward, numbers)) for op in map(OPS.get, ROWS)
    }


class Arrays(list):
    """Values or records of a tape that may become `Values` and `Records`."""

    __slots__ = ()


class Values(Arrays):
    """Values of a tape, in which a float becomes an array when somebody looks at it."""

    __slots__ = ()

    def __getitem__(self, i: Any) -> Any:
        v = kept(self, i)
        if v.__class__ is float:
            v = _array(v)
            list.__setitem__(self, i, v)
        elif i.__class__ is slice:
            return [self[k] for k in range(*i.indices(len(self)))]
        return v

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))


class Records(Arrays):
    """Records of a tape; that of a float is ``(name, *parents)``, which the collector of cycles need not follow."""

    __slots__ = ()

    def __getitem__(self, i: Any) -> Any:
        r = kept(self, i)
        return [*map(_whole, r)] if i.__class__ is slice else _whole(r)

    def __iter__(self) -> Iterator[Any]:
        return map(_whole, list.__iter__(self))


def _whole(record: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(record) == 4:
        return record
    op = OPS[record[0]]
    return op, record[1:], op.attrs, None


def shape_of(values: Any, i: int) -> tuple[tuple[int, ...], Any]:
    """Shape and type of a value, which stays what it is."""
    v = kept(values, i) if values.__class__ is Values else values[i]
    return ((), _DOUBLE) if v.__class__ is float else (v.shape, v.dtype)


class Numbers:
    """Namespace under which rules compute with Python floats."""

    def __getattr__(self, name: str) -> Any:
        if name not in OPS:
            raise AttributeError(name)
        run = self.__dict__[name] = MethodType(OPS[name].forward, self)
        return run


def _of_numpy(f: Callable[..., Any]) -> Callable[..., float]:
    return lambda x: float(f(x))  # a third of the time of .item()


numbers = Numbers()
numbers.__dict__ |= {
    "add": float.__add__, "sub": float.__sub__, "mul": float.__mul__, "neg": float.__neg__, "abs": abs,
    "maximum": lambda a, b: a if a > b else float(b) if a < b else np.maximum(a, b).item(),  # which zero, it knows
    "greater": lambda a, b: a > b,
    **{name: _of_numpy(getattr(np, name)) for name in ("tanh", "exp", "sin", "cos")},
}  # fmt: skip


def _array(v: float) -> np.ndarray:
    a = np.array(v)
    a.setflags(False)
    return a


def _number(v: Any) -> float | None:
    """A value as a float; None where it is not one finite float64."""
    if v.__class__ is np.ndarray and v.dtype is _DOUBLE and not v.ndim:
        x = v.item()
        return x if x - x == 0 else None
    return None


RECORD = """
def record(tape, args):
    values, records = tape.values, tape.records
    mark = i = len(records)
    if len(values) != mark or tape.watchful or tape.owner != get_ident() or tape.forks != forks[0]:
        return None
    {unpacked} = args
    try:
        {operands}
        y = {formula}
        if y - y != 0:
            return tape.rollback(mark)
        if values.__class__ is Arrays:
            records.__class__, values.__class__ = Records, Values
        values.append(y)
        needs = tape.needs
        needs.append(({need}) and tape.grads_on)
        if tape.scope:
            tape.scopes[i] = tape.scope
        records.append((name, {parents}))
        handle = new(Tensor)
        handle.tape, handle.id = tape, i
        return handle
    except ArithmeticError:
        return tape.rollback(mark)
    except BaseException:
        tape.rollback(mark)
        raise
"""
OPERAND = """
        if {a}.__class__ is Tensor and {a}.tape is tape:
            {p} = {a}.id
        else:
            {p} = operand(tape, {a}{other})
            if {p} < 0:
                return tape.rollback(mark)
            i = len(records)
        {x} = kept(values, {p})
        if {x}.__class__ is not float:
            {x} = number({x})
            if {x} is None:
                return tape.rollback(mark)
"""
FORMULAS = {
    "add": "x + z", "sub": "x - z", "mul": "x * z", "neg": "-x",
    "relu": "x if x > 0.0 else 0.0 if x < 0.0 else compute(x)",
}  # fmt: skip


def _record(op: Op, compute: Callable[..., float]) -> Callable[..., Tensor | None]:
    """The function that records a row of lone numbers, or says None where the general path has to do it."""
    one = len(op.args) == 1
    operands = OPERAND.format(a="a", p="p", x="x", other="" if one else ", b")
    text = RECORD.format(
        unpacked="(a,)" if one else "a, b", parents="p" if one else "p, q",
        operands=operands if one else operands + OPERAND.format(a="b", p="q", x="z", other=""),
        need="needs[p]" if one else "needs[p] or needs[q]",
        formula=FORMULAS.get(op.name, "compute(x)" if one else "compute(x, z)"),
    )
    scope = {
        "name": op.name, "compute": compute, "operand": _operand, "number": _number, "kept": kept, "Arrays": Arrays,
        "Values": Values, "Records": Records, "Tensor": Tensor, "new": object.__new__, "forks": forks,
        "get_ident": get_ident,
    }  # fmt: skip
    exec(code_of(text, "lone number"), scope)
    return scope["record"]


def _operand(tape: Any, a: Any, b: Any = None) -> int:
    """Node of an operand that may be one number, else -1; a number beside a Tensor becomes a leaf."""
    if a.__class__ is Param:
        c = a.cell
        ids = tape.cells.get(c)
        return ids[-1] if ids is not None and kept(tape.values, ids[-1]) is c.store.get(c.key) else a.leaf_on(tape)
    if a.__class__ is float:
        return tape.leaf("const", _array(a)).id if a - a == 0 and (b is None or b.__class__ is Tensor) else -1
    return a.id if isinstance(a, Ref) and a.tape is tape else -1


def pull(values: list[Any], needs: list[bool], bar: list[Any], records: list[tuple[Any, ...]], first: int) -> int:
    """Add what a run of such nodes hands back, from the `first` down to the last of them, which is returned.

    Arrays in `values`, a list of one's own, become floats.
    """
    for i in range(first, -1, -1):
        g = bar[i]
        if g is None:
            continue
        record = records[i]
        if len(record) == 4:
            return i + 1
        if g.__class__ is not float:
            g = g.item()
        p, rules = record[1], OPS[record[0]].rules
        x = values[p]
        if x.__class__ is not float:
            x = values[p] = x.item()
        if len(record) == 2:
            c = rules[0](numbers, g, values[i], x)
            bar[p] = c if bar[p] is None else bar[p] + c
            continue
        q = record[2]
        z = values[q]
        if z.__class__ is not float:
            z = values[q] = z.item()
        if needs[p]:
            c = rules[0](numbers, g, values[i], x, z)
            bar[p] = c if bar[p] is None else bar[p] + c
        if needs[q]:
            c = rules[1](numbers, g, values[i], x, z)
            bar[q] = c if bar[q] is None else bar[q] + c
    return 0
