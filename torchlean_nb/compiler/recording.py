"""Recording: a function runs once on a tape whose values it cannot see."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.compiler.forms import form_namespace, form_of, hollow, plain
from torchlean_nb.engine.data import as_data
from torchlean_nb.engine.tape import Tape
from torchlean_nb.engine.tensor import Ref, Tensor
from torchlean_nb.errors import ForeignHandleError, HandleTypeError, NonScalarError

_append = list.append


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage collection: what is made in great numbers stays, and looking through it again and again takes long."""
    on = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if on:
            gc.enable()


class Symbol(Tensor):
    """What the function gets: a Tensor that does not tell its value."""

    __slots__ = ()

    @property
    def value(self) -> Any:
        """Nothing.

        Raises
        ------
        HandleTypeError
        """
        raise HandleTypeError(
            "compile: the function looks at a value", "a program is traced once and must be right for all values",
            "tl.where(condition, a, b), tl.take(table, indices), or a number that is an argument",
        )

    array = value

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self.value

    def __bool__(self) -> bool:
        return bool(self.value)

    def __repr__(self) -> str:
        return f"Symbol node {self.id}, shape {self.shape}, {self.dtype}: a value that is known when the program runs"


class _Hollow(list[Any]):
    """Values of which only the form matters; large ones give way to it."""

    def append(self, value: Any) -> None:
        _append(self, form_of(value) if hollow(value) else value)


class _Bare(list[Any]):
    """Records without what ops save for a backward sweep: a sweep that is recorded makes it anew."""

    def append(self, record: tuple[Any, ...]) -> None:
        _append(self, (*record[:3], None) if record[3] is not None else record)


class HollowTape(Tape):
    """A tape that keeps the values of its constants only."""

    __slots__ = ()
    there = False  # whether what is recorded is to run on a device other than the CPU

    def __init__(self, *args: Any):
        super().__init__(form_namespace(), *args)
        self.records, self.values = _Bare(), _Hollow()

    def leaf(self, kind: str, value: Any, *rest: Any, **named: Any) -> Tensor:
        """Append a leaf."""
        made = super().leaf(kind, value, *rest, **named)
        if kind == "const":
            self.values[-1] = plain(value)  # such as ones in the likeness of a Form
        return made

    def lift(self, a: Any, op: Any, k: int) -> int:
        """Number of an operand, most of which are on the tape."""
        return a.id if isinstance(a, Ref) and a.tape is self else super().lift(a, op, k)


class SymbolTape(HollowTape):
    """A tape that hands out Symbols."""

    __slots__ = ()
    handle = Symbol


class FarTape(SymbolTape):
    """The same for a device; arrays of that device that the function holds become constants."""

    __slots__ = ()
    there = True

    def lift(self, a: Any, op: Any, k: int) -> int:
        """Number of an operand."""
        return super().lift(host(a), op, k)


@dataclass(frozen=True)
class Recording:
    """A function on a tape.

    Parameters
    ----------
    tape : Tape
    inputs, outputs : sequence of Tensor
    several : bool
        Whether it returned a tuple.
    """

    tape: Tape
    inputs: Sequence[Any]
    outputs: Sequence[Any]
    several: bool

    def scalar(self) -> np.ndarray:
        """The first result, which is to be differentiated.

        Raises
        ------
        NonScalarError
            When it is more than one number.
        """
        y: np.ndarray = self.tape.values[self.outputs[0].id]
        if y.size != 1:
            raise NonScalarError(
                f"value_and_grad: the function returned shape {y.shape}", "a gradient is of one number"
            )
        return y


def record(
    f: Callable[..., Any], args: Sequence[Any], dtype: str, rows: Mapping[str, Any] | None = None, there: bool = False
) -> Recording:
    """Run a function on Symbols.

    Raises
    ------
    HandleTypeError, ForeignHandleError
        When it looks at a value, returns something else, or uses a value of a session.
    """
    tape = (FarTape if there else SymbolTape)(dtype, "ieee", "tl.compile")
    inputs = [tape.leaf("input", as_data(a, dtype, label=f"argument {k}", finite=False)) for k, a in enumerate(args)]
    found = _called(f, inputs)
    if isinstance(found, tuple) and not found:
        raise HandleTypeError("compile: the function returned an empty tuple", "a Tensor, or a tuple of them")
    outs = [_result(tape, o) for o in (found if isinstance(found, tuple) else (found,))]
    if rows:
        tape.records[:] = [(op if isinstance(op, str) else rows.get(op.name, op), *rest) for op, *rest in tape.records]
    return Recording(tape, inputs, outs, isinstance(found, tuple))


def _called(f: Callable[..., Any], handles: list[Any]) -> Any:
    """What the function returns; a parameter of a session, or a value on another tape, is no part of a program."""
    try:
        return f(*handles)
    except ForeignHandleError as e:
        raise ForeignHandleError(
            "compile: the function uses a parameter or value of a session", str(e).splitlines()[0],
            "an argument for it: tl.compile(f, p.value, x) and f(w, x), or model.forward(x, params); "
            'or train with Trainer(..., backend="compiled")',
        ) from e


def _result(tape: Tape, found: Any) -> Any:
    if isinstance(found, Ref):
        if found.tape is not tape:
            raise ForeignHandleError(
                "compile: the function returned a value of a session, or of another program", None, "t.value for it"
            )
        return found
    if found is None or isinstance(found, list | tuple | dict | str):
        raise HandleTypeError(
            f"compile: the function returned a {type(found).__name__}", "a Tensor, or a tuple of them", "return y, z"
        )
    return tape.leaf("const", as_data(host(found), tape.dtype, label="result", finite=False))
