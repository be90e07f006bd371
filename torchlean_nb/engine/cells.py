"""Integer cells of a session: labels and indices that change between runs without a new program."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchlean_nb.errors import DTypeError, IndexRangeError


@dataclass(frozen=True)
class NatRef:
    """Handle to one integer cell."""

    id: int


@dataclass(frozen=True)
class NatVecRef:
    """Handle to `k` consecutive integer cells."""

    start: int
    k: int


def _nat(value: Any) -> int:
    try:
        n = operator.index(value)
    except TypeError:
        raise DTypeError(f"input_nat: expected an int, got {type(value).__name__} {value!r}"[:200]) from None
    if n < 0:
        raise IndexRangeError(f"input_nat: expected an int >= 0, got {n}")
    return n


class IntegerCells:
    """Mixin: natural-number cells beside the tape."""

    def __init__(self) -> None:
        self._cells: list[int] = []

    def _reset_cells(self) -> None:
        self._cells = []

    def input_nat(self, value: int) -> NatRef:
        """A new cell holding a natural number."""
        self._cells.append(_nat(value))
        return NatRef(len(self._cells) - 1)

    def get_nat(self, ref: NatRef) -> int:
        """Value of a cell."""
        return self._cells[self._check(ref)]

    def set_nat(self, ref: NatRef, value: int) -> None:
        """Change a cell."""
        self._cells[self._check(ref)] = _nat(value)

    def _check(self, ref: Any) -> int:
        if not isinstance(ref, NatRef) or not 0 <= ref.id < len(self._cells):
            raise IndexRangeError("torch: invalid nat id", f"{ref!r} with {len(self._cells)} cells")
        return ref.id

    def input_nat_vec(self, values: Any) -> NatVecRef:
        """New cells holding several natural numbers."""
        ns = [_nat(v) for v in values]
        start = len(self._cells)
        self._cells.extend(ns)
        return NatVecRef(start, len(ns))

    def get_nat_vec(self, ref: NatVecRef) -> np.ndarray:
        """Values of a cell vector, shape (k,)."""
        return np.array(self._cells[self._range(ref)], dtype=np.int64)

    def set_nat_vec(self, ref: NatVecRef, values: Any) -> None:
        """Change a cell vector; its length stays."""
        where, ns = self._range(ref), [_nat(v) for v in values]
        if len(ns) != ref.k:
            raise IndexRangeError(f"input_nat_vec: expected {ref.k} values, got {len(ns)}")
        self._cells[where] = ns

    def _range(self, ref: Any) -> slice:
        if not isinstance(ref, NatVecRef) or not 0 <= ref.start <= ref.start + ref.k <= len(self._cells):
            n = len(self._cells)
            raise IndexRangeError("torch: invalid nat vec ref (out of bounds)", f"{ref!r} with {n} cells")
        return slice(ref.start, ref.start + ref.k)
