"""Integer cells of a session: labels and indices that change between runs without a new program."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from torchlean_nb.errors import DTypeError, IndexRangeError


@dataclass(frozen=True)
class NatRef:
    """Handle to one integer cell; as the index of an op it stands for the cell's value at that moment."""

    id: int
    cells: list[int] = field(repr=False, compare=False)

    def __tl_use__(self, tape: Any) -> Any:
        return tape.leaf("nat", tape.put(np.array(self.cells[_inside(self, self.cells)], dtype=np.int64)))


@dataclass(frozen=True)
class NatVecRef:
    """Handle to `k` consecutive integer cells."""

    start: int
    k: int
    cells: list[int] = field(repr=False, compare=False)

    def __tl_use__(self, tape: Any) -> Any:
        return tape.leaf("nat", tape.put(np.array(self.cells[_range(self, self.cells)], dtype=np.int64)))


def _nat(value: Any) -> int:
    try:
        n = operator.index(value)
    except TypeError:
        raise DTypeError(f"input_nat: expected an int, got {type(value).__name__} {value!r}"[:200]) from None
    if n < 0:
        raise IndexRangeError(f"input_nat: expected an int >= 0, got {n}")
    return n


def _inside(ref: Any, cells: list[int]) -> int:
    if not isinstance(ref, NatRef) or ref.cells is not cells or not 0 <= ref.id < len(cells):
        raise IndexRangeError("torch: invalid nat id", f"{ref!r} with {len(cells)} cells")
    return ref.id


def _range(ref: Any, cells: list[int]) -> slice:
    fits = isinstance(ref, NatVecRef) and ref.cells is cells and 0 <= ref.start <= ref.start + ref.k <= len(cells)
    if not fits:
        raise IndexRangeError("torch: invalid nat vec ref (out of bounds)", f"{ref!r} with {len(cells)} cells")
    return slice(ref.start, ref.start + ref.k)


class IntegerCells:
    """Mixin: natural-number cells beside the tape."""

    def __init__(self) -> None:
        self._cells: list[int] = []

    def input_nat(self, value: int) -> NatRef:
        """A new cell holding a natural number."""
        self._cells.append(_nat(value))
        return NatRef(len(self._cells) - 1, self._cells)

    def get_nat(self, ref: NatRef) -> int:
        """Value of a cell."""
        return self._cells[_inside(ref, self._cells)]

    def set_nat(self, ref: NatRef, value: int) -> None:
        """Change a cell."""
        self._cells[_inside(ref, self._cells)] = _nat(value)

    def input_nat_vec(self, values: Any) -> NatVecRef:
        """New cells holding several natural numbers."""
        ns = [_nat(v) for v in values]
        start = len(self._cells)
        self._cells.extend(ns)
        return NatVecRef(start, len(ns), self._cells)

    def get_nat_vec(self, ref: NatVecRef) -> np.ndarray:
        """Values of a cell vector, shape (k,)."""
        return np.array(self._cells[_range(ref, self._cells)], dtype=np.int64)

    def set_nat_vec(self, ref: NatVecRef, values: Any) -> None:
        """Change a cell vector; its length stays."""
        where, ns = _range(ref, self._cells), [_nat(v) for v in values]
        if len(ns) != ref.k:
            raise IndexRangeError(f"input_nat_vec: expected {ref.k} values, got {len(ns)}")
        self._cells[where] = ns
