"""What a model is made of: shapes and parameter counts, layer by layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torchlean_nb.nn.place import Pass, Place

Shape = tuple[int, ...]


def _shape(shape: Shape) -> str:
    return str(list(shape)) if shape else "scalar"


@dataclass(frozen=True)
class Row:
    """One layer: its path, name, shapes, and those of the parameters and buffers in it."""

    path: str
    label: str
    in_shape: Shape
    out_shape: Shape
    params: tuple[Shape, ...]
    buffers: tuple[Shape, ...]

    @property
    def count(self) -> int:
        """Number of trained numbers."""
        return sum(map(math.prod, self.params))


@dataclass(frozen=True)
class Summary:
    """A model's layers in order; printed, a table.

    Parameters
    ----------
    name : str
    in_shape, out_shape : tuple of int
    layers : tuple of Row
        The layers that the model is made of.
    rows : tuple of Row
        What those are made of, down to layers without layers in them.
    """

    name: str
    in_shape: Shape
    out_shape: Shape
    layers: tuple[Row, ...]
    rows: tuple[Row, ...]

    @property
    def params(self) -> int:
        """Number of trained numbers in the model."""
        return sum(row.count for row in self.rows)

    @property
    def buffers(self) -> int:
        """Number of numbers in buffers."""
        return sum(math.prod(shape) for row in self.rows for shape in row.buffers)

    def to_text(self) -> str:
        """TorchLean's text: a header, and one line per layer with the shapes of its parameters."""
        head = f"{_shape(self.in_shape)} -> {_shape(self.out_shape)}, layers={len(self.layers)}, params={self.params}"
        lines = [
            f"  [{i}] {r.label}: {_shape(r.in_shape)} -> {_shape(r.out_shape)} params={r.count} "
            f"[{', '.join(map(_shape, r.params))}]"
            for i, r in enumerate(self.layers)
        ]
        return "\n".join([f"{self.name}: {head}", *lines])

    def to_table(self) -> str:
        """Columns of equal width, and the totals."""
        cells = [("layer", "", "output", "parameters"), *(
            (r.path, r.label, _shape(r.out_shape), f"{r.count:,}" if r.count else "-") for r in self.rows
        )]  # fmt: skip
        wide = [max(len(row[k]) for row in cells) for k in range(4)]
        lines = [
            f"{a:<{wide[0]}}  {b:<{wide[1]}}  {c:<{wide[2]}}  {d:>{wide[3]}}".rstrip() for a, b, c, d in cells
        ]
        rule = "-" * (sum(wide) + 6)
        total = f"{self.params:,} parameters" + (f", {self.buffers:,} numbers in buffers" if self.buffers else "")
        head = f"{self.name}: {_shape(self.in_shape)} -> {_shape(self.out_shape)}"
        return "\n".join([head, lines[0], rule, *lines[1:], rule, total])

    __repr__ = __str__ = to_table


def summary(model: Any, input_shape: Shape) -> Summary:
    """Shapes and parameter counts for an input of a shape, batch axis included.

    Parameters
    ----------
    model : Layer or Module
    input_shape : tuple of int

    Raises
    ------
    ShapeError
        In the words of the op that does not fit.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> model = tl.nn.Sequential(tl.nn.Linear(2, 8), tl.nn.ReLU(), tl.nn.Linear(8, 1))
    >>> print(tl.nn.summary(model, (5, 2)).to_text())
    Sequential: [5, 2] -> [5, 1], layers=3, params=33
      [0] Linear(2, 8): [5, 2] -> [5, 8] params=24 [[8, 2], [8]]
      [1] ReLU: [5, 8] -> [5, 8] params=0 []
      [2] Linear(8, 1): [5, 8] -> [5, 1] params=9 [[1, 8], [1]]
    """
    model = getattr(model, "model", model)
    seen: list[Any] = []
    whole = Place(Pass(model.zeros(), "eval", seen=seen), model)
    shape = tuple(input_shape)
    out = whole.compute(model.example(shape))
    out = (out[0] if isinstance(out, tuple) else out).shape
    ran = {path: (layer, a, b) for path, layer, a, b in seen}
    inside = [(path, *ran[path]) for path, _ in model.walk() if path in ran]
    layers = [_row(*found, whole=True) for found in inside if found[0] in model.parts or not model.parts]
    rows = [_row(*found, whole=False) for found in inside if not found[1].parts or found[1].slots()]
    return Summary(model.label, shape, tuple(out), tuple(layers), tuple(rows))


def _row(path: str, layer: Any, a: Shape, b: Shape, whole: bool) -> Row:
    slots = layer.arrays if whole else layer.slots()
    shapes = (tuple(s.shape for s in slots.values() if s.buffer == kind) for kind in (False, True))
    return Row(path, layer.label, a, b, *shapes)
