"""ProgramTrace: one run of a compiled program, as frozen data.

A trace has *lines* in the order in which they run, the *source* they were written out as, *lanes* (arrays that are
made once and written into again and again, and what each holds from which line to which), and *passes*: how the
lines became fewer. Steps are derived: step k is the k-th line that computes something or looks at something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from math import prod
from typing import Any, ClassVar

import numpy as np

from torchlean_nb.dtypes import number_type
from torchlean_nb.errors import CycleError, TraceFormatError, UnknownNodeError, quote
from torchlean_nb.trace.arrays import decode_array, encode_array, same_array
from torchlean_nb.trace.drawn import Drawn
from torchlean_nb.trace.frozen import Written, check_format, freeze, plain

FORMAT = "torchlean_nb.program/1"
LEAVES = ("input", "const")
MARKS = " -+"


@dataclass(frozen=True, eq=False)
class ProgramLine:
    """One primitive, or a leaf (``op`` is ``"input"`` or ``"const"``).

    Parameters
    ----------
    op : str
    args : tuple of int
        Numbers of earlier lines; -1 for an argument that is left out.
    attrs : str
        Options as text: ``"axis=1, keepdims=True"``.
    shape : tuple of int
    dtype : str
    name : str
        What the source calls the value.
    lane : int or None
        Array it lies in; None for leaves.
    view : bool
        Whether it only looks at the memory of its first argument.
    once : bool
        Whether it is made before the first run, since what it looks at is.
    origin : str
        What it is a part of, in words: ``"tanh (node 3), back to its argument 0"``.
    formula : str
        What that computes: ``"g ⊙ (1 − tanh² x)"``.
    source : int or None
        Its line in the source, from 1.
    moved : int
        Bytes it reads and writes.
    label : str
        What the passes call it, such as ``"%12"``; its number among the steps where there is none.
    rule : str
        How its shape was found.
    value : ndarray or None
        What it held in this run.
    seconds : float or None
        How long it took, where that was measured.
    """

    op: str
    args: tuple[int, ...]
    attrs: str
    shape: tuple[int, ...]
    dtype: str
    name: str
    lane: int | None = None
    view: bool = False
    once: bool = False
    origin: str = ""
    formula: str = ""
    source: int | None = None
    moved: int = 0
    label: str = ""
    rule: str = ""
    value: np.ndarray | None = None
    seconds: float | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of the value."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def words(self) -> float:
        """Numbers it reads and writes, counted in its own type."""
        return self.moved / np.dtype(self.dtype).itemsize

    @property
    def way(self) -> str:
        """``"forward"``, ``"backward"`` or ``"update"``."""
        return "backward" if ", back to" in self.origin else "update" if self.origin.startswith("update") else "forward"


@dataclass(frozen=True)
class Lane:
    """An array and what lies in it: ``spans`` are ``(line, last line that reads it)``, in order.

    ``fresh`` is an array that NumPy makes anew in each run.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    spans: tuple[tuple[int, int], ...]
    fresh: bool = False


@dataclass(frozen=True)
class PassTrace:
    """What one pass did: lines before and after, and ``diff``, pairs of a mark (space, - or +) and a line."""

    name: str
    about: str
    before: int
    after: int
    diff: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class ProgramTrace(Written, Drawn):
    """A compiled program, and one run of it.

    Parameters
    ----------
    lines : tuple of ProgramLine
    outputs : tuple of int
        Lines that are its results.
    results : tuple of str
        What these are.
    source : str
    lanes : tuple of Lane
    passes : tuple of PassTrace
    meta : mapping
        ``title, dtype`` and whatever else is plain data.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> t = tl.compile(lambda a, x, b: tl.relu(a * x + b), *[[1.0, 2.0]] * 3).trace()
    >>> [line.op for line in t.steps], t.peak, t.moved
    (['mul', 'add', 'maximum'], 16, 128)
    """

    _kind: ClassVar[str] = "program_"
    lines: tuple[ProgramLine, ...]
    outputs: tuple[int, ...]
    results: tuple[str, ...]
    source: str
    lanes: tuple[Lane, ...] = ()
    passes: tuple[PassTrace, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, lanes, length = len(self.lines), len(self.lanes), self.source.count("\n") + 1
        for i, line in enumerate(self.lines):
            if any(a >= i for a in line.args):
                raise CycleError(f"trace: line {i} reads a line that is not before it")
            if line.lane is not None and not 0 <= line.lane < lanes:
                raise UnknownNodeError(f"trace: line {i} lies in lane {line.lane}, there are {lanes}")
            if line.source is not None and not 1 <= line.source <= length:
                raise UnknownNodeError(f"trace: line {i} is line {line.source} of the source, which has {length}")
        spans = [k for lane in self.lanes for span in lane.spans for k in span]
        if any(not 0 <= k <= n for k in spans) or any(not 0 <= k < n for k in self.outputs):
            raise UnknownNodeError(f"trace: a lane or a result names a line beyond the {n} there are")
        if any(mark not in MARKS or len(mark) != 1 for p in self.passes for mark, _ in p.diff):
            raise TraceFormatError(f"trace: marks of a diff are one of {MARKS!r}")
        object.__setattr__(self, "meta", freeze(self.meta))

    # -- reading ---------------------------------------------------------------------------
    @cached_property
    def ran(self) -> tuple[int, ...]:
        """Numbers of the lines that are steps."""
        return tuple(i for i, line in enumerate(self.lines) if line.op not in LEAVES)

    @property
    def steps(self) -> tuple[ProgramLine, ...]:
        """Lines that compute something or look at something, in order."""
        return tuple(self.lines[i] for i in self.ran)

    def holds(self, lane: int, line: int) -> int | None:
        """The line whose value lies in a lane while `line` runs, or right after it; None when it is free."""
        found = [first for first, last in self.lanes[lane].spans if first <= line <= last]
        return found[-1] if found else None

    @cached_property
    def live(self) -> tuple[int, ...]:
        """Bytes of values that somebody needs while each line runs, its own included."""
        change = [0] * (len(self.lines) + 2)
        for lane in self.lanes:
            for k, (first, last) in enumerate(lane.spans):
                later = [s[0] for s in lane.spans[k + 1 :]]
                end = min([last + 1, *later])
                change[first] += lane.nbytes
                change[end] -= lane.nbytes
        out, now = [], 0
        for c in change[: len(self.lines)]:
            now += c
            out.append(now)
        return tuple(out)

    @property
    def peak(self) -> int:
        """Largest number of bytes that are needed at once, arguments not counted."""
        return max(self.live, default=0)

    @property
    def kept(self) -> int:
        """Bytes of the arrays that are made once."""
        return sum(lane.nbytes for lane in self.lanes if not lane.fresh)

    @property
    def moved(self) -> int:
        """Bytes that all lines read and write."""
        return sum(line.moved for line in self.lines)

    # -- JSON ------------------------------------------------------------------------------
    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able form."""
        return {
            "format": FORMAT, "meta": plain(self.meta), "source": self.source,
            "outputs": list(self.outputs), "results": list(self.results),
            "lines": [
                {f.name: _listed(getattr(x, f.name)) for f in fields(x)}
                | {"value": None if x.value is None else encode_array(x.value)}
                for x in self.lines
            ],
            "lanes": [{f.name: _listed(getattr(x, f.name)) for f in fields(x)} for x in self.lanes],
            "passes": [{f.name: _listed(getattr(x, f.name)) for f in fields(x)} for x in self.passes],
        }  # fmt: skip

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> ProgramTrace:
        """Trace from its plain form; exact inverse of `to_dict`."""
        check_format(d, FORMAT)
        try:
            lines = tuple(
                ProgramLine(
                    op=str(x["op"]), args=tuple(map(int, x["args"])), attrs=str(x["attrs"]),
                    shape=_shape(x["shape"]), dtype=_type_name(x["dtype"]), name=str(x["name"]),
                    lane=_maybe(int, x["lane"]), view=bool(x["view"]), once=bool(x["once"]), origin=str(x["origin"]),
                    formula=str(x["formula"]), source=_maybe(int, x["source"]), moved=_size(x["moved"]),
                    label=str(x["label"]), rule=str(x["rule"]), value=_maybe(decode_array, x["value"]),
                    seconds=_maybe(_seconds, x["seconds"]),
                )
                for x in d["lines"]
            )
            lanes = tuple(
                Lane(str(x["name"]), _shape(x["shape"]), _type_name(x["dtype"]), _size(x["nbytes"]),
                     tuple((int(a), int(b)) for a, b in x["spans"]), bool(x["fresh"]))
                for x in d["lanes"]
            )  # fmt: skip
            passes = tuple(
                PassTrace(str(x["name"]), str(x["about"]), int(x["before"]), int(x["after"]),
                          tuple((str(mark), str(text)) for mark, text in x["diff"]))
                for x in d["passes"]
            )  # fmt: skip
            outputs, results = tuple(map(int, d["outputs"])), tuple(map(str, d["results"]))
            return cls(lines, outputs, results, str(d["source"]), lanes, passes, dict(d["meta"]))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as e:
            if isinstance(e, TraceFormatError | CycleError | UnknownNodeError):
                raise
            raise TraceFormatError("trace: a field is missing or of the wrong type", f"{type(e).__name__}: {e}") from e

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProgramTrace) and self.to_json() == other.to_json() and all(
            same_array(a.value, b.value) for a, b in zip(self.lines, other.lines, strict=True)
        )

    __hash__ = None

    # -- display ---------------------------------------------------------------------------
    def __repr__(self) -> str:
        return f"ProgramTrace({len(self.ran)} lines, {len(self.lanes)} arrays, peak {self.peak} bytes)"


def _listed(v: Any) -> Any:
    """Tuples as lists, all the way down."""
    return [_listed(x) for x in v] if isinstance(v, tuple) else v


def _seconds(v: Any) -> float:
    s = float(v)
    if not 0 <= s < float("inf"):
        raise TraceFormatError(f"trace: a line that took {s} seconds")
    return s


def _size(given: Any) -> int:
    n = int(given)
    if not 0 <= n < 2**63:
        raise OverflowError(f"{quote(given, 40)} bytes or elements")
    return n


def _shape(given: Any) -> tuple[int, ...]:
    shape = tuple(map(_size, given))
    _size(prod(shape))
    return shape


def _type_name(given: Any) -> str:
    found = number_type(given)
    if found is None:
        raise ValueError(f"dtype {quote(given)}")
    return found.name


def _maybe(kind: Any, v: Any) -> Any:
    return None if v is None else kind(v)
