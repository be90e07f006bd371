"""Lowering: a function becomes a straight line of primitives.

The function runs once on a tape; its backward sweep, if wanted, is recorded onto the same tape; then every
node is made again on a second tape on which only primitives are recorded. No rule knows of it: opening a
composite is running its forward under a recorder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from torchlean_nb.backend.namespace import DIRECT
from torchlean_nb.compiler.recording import HollowTape, Recording, record, uncollected
from torchlean_nb.compiler.spellings import ON_CPU, ON_DEVICE
from torchlean_nb.engine.calls import call_of
from torchlean_nb.engine.recorder import Recorder, Traced
from torchlean_nb.engine.reverse import Recorded, sweep
from torchlean_nb.engine.tape import Tape
from torchlean_nb.engine.tensor import Ref
from torchlean_nb.rows import OPS

SMALL = 64  # elements of a constant that is compared with others at once


class Origin(NamedTuple):
    """What a line is a part of: the op of a node, or its rule for an argument."""

    op: str = ""
    node: int = -1
    arg: int = -1

    @property
    def backward(self) -> bool:
        """Whether it carries a gradient back to an argument."""
        return self.arg >= 0

    def __str__(self) -> str:
        if not self.op:
            return ""
        back = f", back to its argument {self.arg}" if self.backward else ""
        return f"{self.op} (node {self.node}){back}"


NOWHERE = Origin()


@dataclass(frozen=True)
class Line:
    """One primitive.

    Parameters
    ----------
    op : str
        Name of the row; ``"input"`` and ``"const"`` are leaves.
    args : tuple of int
        Numbers of earlier lines; -1 for an argument that is left out.
    attrs : mapping
    shape, dtype : of the value
    first : tuple of int
        Shape of the first argument.
    order : tuple of int
        Its axes from the outermost in memory to the innermost, as NumPy lays out what an op makes.
    view : bool
        Whether it looks at the memory of its first argument.
    dot : bool
        Whether it is a plain product of matrices or vectors: ``a.dot(b, out)`` asks BLAS for the same with less ado.
    value : ndarray or None
        Of a constant.
    source : str
        What it is a part of, in words.
    origin : Origin
        The same as data.
    there : bool
        Whether it runs on a device other than the CPU.
    """

    op: str
    args: tuple[int, ...]
    attrs: Mapping[str, Any]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    first: tuple[int, ...] = ()
    order: tuple[int, ...] = ()
    view: bool = False
    dot: bool = False
    value: Any = None
    source: str = ""
    origin: Origin = NOWHERE
    there: bool = False

    def but(self, **changes: Any) -> Line:
        """The same with some fields changed, as `dataclasses.replace` has it, without asking for every field."""
        made = object.__new__(Line)
        vars(made).update(vars(self), **changes)
        return made


@dataclass(frozen=True)
class Graph:
    """Lines in order, and which of them are inputs and results."""

    lines: tuple[Line, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def __str__(self) -> str:
        from torchlean_nb.compiler.listing import text  # noqa: PLC0415 - listings are of graphs

        return text(self)


class _Handle(Traced):
    """Handle under which an operator records a primitive."""

    __slots__ = ()

    def _op(self, name: str, *args: Any, **attrs: Any) -> Any:
        xp = Lowering(self.tape)
        return xp.apply(OPS[name], tuple(xp.number_like(a, self) for a in args), attrs)

    def __tl_apply__(self, op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        return Lowering(self.tape).apply(op, args, attrs)


class LowTape(HollowTape):
    """A tape of primitives, each of which is computed once."""

    __slots__ = ("known", "spellings")

    def __init__(self, dtype: str, there: bool = False):
        super().__init__(dtype, "ieee", "tl.compile")
        self.known: dict[Any, int] = {}
        self.spellings = ON_DEVICE if there else ON_CPU

    def _check_kinds(self, *_: Any) -> None:
        """The tape of the function has looked at the types."""

    def apply(self, op: Any, args: tuple[Any, ...], attrs: Mapping[str, Any]) -> Any:
        """Run `op` and append its record; NumPy is silenced for all of them at once."""
        return (op.call or call_of(op))(self, attrs, *args)

    def append(self, op: Any, parents: tuple[int, ...], attrs: dict[str, Any], value: Any) -> int:
        """Record a primitive whose value is known already."""
        self.values.append(value)
        self.needs.append(False)
        self.records.append((op, parents, attrs, None))
        return len(self.records) - 1


class Lowering(Recorder):
    """Recorder that opens composites, so that only primitives land on the tape."""

    def apply(self, op: Any, args: tuple[Any, ...], attrs: dict[str, Any], value: Any = None) -> Any:
        """Record a primitive, with its value if that is known, or run what a composite is made of."""
        if op.attrs:
            attrs = {**op.attrs, **attrs}
        if not op.primitive:
            return op.run(self, *map(self._lifted, args), **attrs)
        for a in args:
            if a is not None and not isinstance(a, Ref):
                return self._made(op, self._numbers(op, args), attrs)
        ids = tuple([-1 if a is None else a.id for a in args])
        key = (op.name, ids, tuple([(k, hashable(v)) for k, v in sorted(attrs.items())]) if attrs else ())
        found = self.tape.known.get(key)
        if found is None:
            found = self.tape.known[key] = self._made(op, args, attrs, ids, value).id
        return self.handle(found)

    def _made(self, op: Any, args: Any, attrs: dict[str, Any], ids: tuple[int, ...] = (), value: Any = None) -> Any:
        other = self.tape.spellings.get(op.name)
        found = None if other is None else other(self, *args, **attrs)
        if found is None and value is not None and value.base is None:  # a view has to look at this tape's arrays
            return self.handle(self.tape.append(op, ids, attrs, value))
        return self.handle(self.tape.apply(op, args, attrs).id) if found is None else found

    def _constant(self, value: Any) -> Any:
        if value.size > SMALL:
            return super()._constant(value)
        key = ("const", value.shape, value.dtype.str, value.tobytes())
        found = self.tape.known.get(key)
        if found is None:
            found = self.tape.known[key] = super()._constant(value).id
        return self.handle(found)

    def _lifted(self, a: Any) -> Any:
        return a if a is None or isinstance(a, Ref) else self._constant(np.asarray(a))

    def number_like(self, a: Any, *others: Any) -> Any:
        """A Python number as a constant in the type NumPy gives it beside arrays; the rest as it is."""
        if isinstance(a, bool) or not isinstance(a, int | float) or not others:
            return a
        try:
            return self._constant(np.asarray(a, np.result_type(a, *[x.dtype for x in others])))
        except OverflowError:  # compared, as -100 is with labels of one byte
            return self._constant(np.asarray(a))

    def _numbers(self, op: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        if op.name != "where" and op.name not in DIRECT:
            return args
        arrays = [a for a in args[op.name == "where" :] if isinstance(a, Ref)]
        return tuple([self.number_like(a, *arrays) for a in args])

    def seen(self, a: Any) -> np.ndarray:
        """What NumPy computed for a handle; only its layout is of interest."""
        return self.tape.values[a.id]

    def handle(self, i: int) -> _Handle:
        """Handle to a node that is on the tape already."""
        return _Handle(self.tape, i)


def lower(
    f: Callable[..., Any], args: Sequence[Any], wrt: Sequence[int] | None, dtype: str,
    rows: Mapping[str, Any] | None = None, there: bool = False,
) -> tuple[Graph, bool]:  # fmt: skip
    """Primitives of a function, and of its gradient with respect to the arguments `wrt`.

    Parameters
    ----------
    f : callable
    args : sequence of array
    wrt : sequence of int, optional
    dtype : str
    rows : mapping of str to Op, optional
        Rows to be taken in the place of those of the same name.
    there : bool
        Whether they are to run on a device other than the CPU.

    Returns
    -------
    graph : Graph
    several : bool
        Whether the function returned a tuple.

    Raises
    ------
    NonScalarError
        When a gradient is asked for and the function returns more than one number.
    HandleTypeError, ForeignHandleError
        When it looks at a value, returns something else, or uses a value of a session.
    """
    made = record(f, args, dtype, rows, there)
    return lowered(made, wrt), made.several


def lowered(made: Recording, wrt: Sequence[int] | None) -> Graph:
    """Primitives of a function that was recorded, and of its gradient; the recording is used up."""
    with np.errstate(all="ignore"), uncollected():
        return _lowered(made, wrt)


def _lowered(made: Recording, wrt: Sequence[int] | None) -> Graph:
    tape, handles, outs = made.tape, made.inputs, made.outputs
    records, tape.quietly = tape.records, _directly  # NumPy is silenced already
    origins = [_origin(tape, i) for i in range(len(records))]
    results = [o.id for o in outs]
    if wrt is not None:
        y = made.scalar()
        at, arrived = Recorded(tape), (-1, NOWHERE)

        def note(child: int, k: int, parent: int, c: Any, summed: Any) -> None:
            nonlocal arrived
            if len(origins) < len(records):
                op, parents, *_ = records[len(origins)]
                if parents and op.name == "add" and parents[1] == arrived[0]:  # the edge before arrived second
                    origins.append(arrived[1])
            arrived = c.id, _origin(tape, child, k)
            origins.extend([arrived[1]] * (len(records) - len(origins)))

        seed = at.xp.ones(shape=y.shape, like=outs[0])
        origins.append(origins[outs[0].id])
        bar = sweep(at, outs[0].id, seed, wrt=[handles[k].id for k in wrt], on_edge=note)
        origins.extend([arrived[1]] * (len(records) - len(origins)))
        for k in wrt:
            g = bar.get(handles[k].id)
            results.append((at.xp.zeros(shape=handles[k].shape, like=handles[k]) if g is None else g).id)
        origins.extend([NOWHERE] * (len(records) - len(origins)))
    return _opened(tape, [h.id for h in handles], results, origins)


def _directly(f: Callable[..., Any], *args: Any) -> Any:
    return f(*args)


def _opened(tape: Tape, inputs: list[int], results: list[int], origins: Sequence[Origin]) -> Graph:
    wanted = _ancestors(tape, results) | set(inputs)
    there = tape.there
    low = LowTape(tape.dtype, there)
    xp = Lowering(low)
    new: dict[int, Any] = {-1: None}
    source: list[Origin] = []
    for i in sorted(wanted):
        op, parents, attrs, _ = tape.records[i]
        v, tape.values[i] = tape.values[i], None
        if isinstance(op, str):
            new[i] = xp.handle(low.leaf("input", v).id) if i in inputs else xp._constant(v)
        else:
            new[i] = xp.apply(op, tuple([new[p] for p in parents]), attrs, v)
        source += [origins[i]] * (len(low.records) - len(source))
    values, said = low.values, {origin: str(origin) for origin in {*source}}
    lines = []
    for (op, parents, attrs, _), v, origin in zip(low.records, values, source, strict=True):
        name = op if isinstance(op, str) else op.name
        x = values[parents[0]] if parents and parents[0] >= 0 else None
        lines.append(Line(
            name, parents, attrs, v.shape, v.dtype, () if x is None else x.shape, memory_order(v),
            x is not None and np.may_share_memory(v, x),
            name == "matmul" and not there and plain_product(*[values[p] for p in parents], v),
            v if name == "const" else None, said[origin], origin, there,
        ))  # fmt: skip
    del tape.values[:]  # whoever has the recording waits for the program
    return Graph(tuple(lines), tuple([new[i].id for i in inputs]), tuple([new[i].id for i in results]))


def hashable(v: Any) -> Any:
    """An attribute as a part of a key."""
    if isinstance(v, slice):
        return ("slice", v.start, v.stop, v.step)
    if isinstance(v, tuple | list):
        return tuple(map(hashable, v))
    # 1, 1.0 and True are equal in Python and different options here.
    return (type(v).__name__, v)


def _origin(tape: Tape, i: int, arg: int = -1) -> Origin:
    op = tape.records[i][0]
    return Origin(op if isinstance(op, str) else op.name, i, arg)


def plain_product(a: np.ndarray, b: np.ndarray, y: np.ndarray) -> bool:
    """Whether BLAS multiplies these as they lie in memory."""
    plain = all(x.size and x.ndim < 3 and (x.flags.c_contiguous or x.flags.f_contiguous) for x in (a, b))
    return plain and y.flags.c_contiguous and a.dtype == b.dtype and a.dtype.char in "fd"


def memory_order(a: np.ndarray) -> tuple[int, ...]:
    """Axes from the largest stride to the smallest; those of one element stay where C order has them.

    Examples
    --------
    >>> memory_order(np.zeros((2, 3)).T)
    (1, 0)
    """
    if a.flags.c_contiguous:
        return tuple(range(a.ndim))
    axes = [i for i in range(a.ndim) if a.shape[i] > 1]
    found = iter(sorted(axes, key=lambda i: -abs(a.strides[i])))
    return tuple(next(found) if a.shape[i] > 1 else i for i in range(a.ndim))


def _ancestors(tape: Tape, ends: list[int]) -> set[int]:
    found, todo = set(), list(ends)
    while todo:
        i = todo.pop()
        if i >= 0 and i not in found:
            found.add(i)
            todo += tape.records[i][1]
    return found
