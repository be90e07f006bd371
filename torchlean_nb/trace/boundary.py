"""BoundaryTrace: what a model of two inputs says on a grid, while it learns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from torchlean_nb.errors import TraceFormatError, quote
from torchlean_nb.trace.arrays import decode_array, encode_array
from torchlean_nb.trace.drawn import Drawn
from torchlean_nb.trace.frozen import Written, check_format, dumps, freeze, increasing, numbers, plain

FORMAT = "torchlean_nb.boundary/1"
NOT_A_NUMBER = 255
TOP = 254
MOST_CLASSES = 20
_ARRAYS = ("steps", "loss", "codes", "points", "targets", "guesses", "bounds", "scale")


@dataclass(frozen=True, eq=False)
class BoundaryTrace(Written, Drawn):
    """Frames of predictions on a grid, and the points that the model learns from.

    A cell of a frame is one byte. For `k` classes it is ``class * L + confidence`` with ``L = 255 // k`` levels of
    confidence, from evenly unsure to sure; for regression the prediction between the two ends of `scale`, from 0 to
    254. 255 is not a number.

    Parameters
    ----------
    name : str
    steps : array_like of int, shape (f,)
        Updates made before each frame.
    loss : array_like, shape (f,)
        Of the points.
    codes : array_like of uint8, shape (f, h, w)
        Row 0 is the lowest.
    points : array_like, shape (n, 2)
    targets : array_like, shape (n,)
        Classes, or numbers.
    guesses : array_like, shape (f, n)
        What the model says for the points.
    bounds : (left, right, bottom, top)
    labels : sequence of str
        Of the classes; empty for regression.
    scale : (low, high)
        Predictions at the codes 0 and 254, for regression.
    axes : (str, str)
    meta : mapping

    Raises
    ------
    TraceFormatError
    """

    _kind: ClassVar[str] = "boundary_"
    name: str
    steps: np.ndarray
    loss: np.ndarray
    codes: np.ndarray
    points: np.ndarray
    targets: np.ndarray
    guesses: np.ndarray
    bounds: np.ndarray
    labels: tuple[str, ...] = ()
    scale: np.ndarray = (0.0, 1.0)
    axes: tuple[str, str] = ("x0", "x1")
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            integer = {"steps": np.int64, "codes": np.uint8}.get(name, np.float64)
            ndim = {"codes": 3, "points": 2, "guesses": 2}.get(name, 1)
            object.__setattr__(self, name, numbers(getattr(self, name), f"{name} of a boundary", integer, ndim))
        f, n = len(self.steps), len(self.points)
        wanted = {
            "loss": (f,), "codes": (f, *self.codes.shape[1:]), "points": (n, 2), "targets": (n,), "guesses": (f, n),
            "bounds": (4,), "scale": (2,),
        }  # fmt: skip
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise TraceFormatError(f"boundary: {name} has shape {getattr(self, name).shape}, expected {shape}")
        increasing(self.steps, "boundary")
        left, right, bottom, top = self.bounds
        low, high = self.scale
        if f < 1 or min(self.codes.shape[1:]) < 2:
            raise TraceFormatError(f"boundary: {f} frames of {self.codes.shape[1:]} cells", "one of 2 by 2 is needed")
        if not (left < right and bottom < top and low < high and np.isfinite([*self.bounds, low, high]).all()):
            raise TraceFormatError("boundary: bounds and scale must increase and be finite")
        object.__setattr__(self, "labels", tuple(map(str, self.labels)))
        object.__setattr__(self, "axes", tuple(map(str, self.axes)))
        object.__setattr__(self, "meta", freeze(dict(self.meta)))
        k = len(self.labels)
        if k == 1 or k > MOST_CLASSES or len(self.axes) != 2 or not isinstance(self.name, str):
            raise TraceFormatError(f"boundary: {k} classes and {len(self.axes)} axes", f"2 to {MOST_CLASSES} classes")
        if k and not np.isin(self.targets, np.arange(k)).all():
            raise TraceFormatError(f"boundary: a target is not one of the {k} classes")
        if k and (self.codes[self.codes != NOT_A_NUMBER] // self.levels >= k).any():
            raise TraceFormatError(f"boundary: a cell is not one of the {k} classes")

    # -- reading ---------------------------------------------------------------------------
    def __len__(self) -> int:
        return len(self.steps)

    @property
    def classes(self) -> int:
        """Number of classes, 0 for regression."""
        return len(self.labels)

    @property
    def levels(self) -> int:
        """Codes per class, 255 for regression."""
        return 255 // max(1, self.classes)

    def right(self, frame: int) -> np.ndarray:
        """Which points have the class that is theirs, bool, shape (n,)."""
        return self.guesses[frame] == self.targets

    def accuracy(self, frame: int) -> float:
        """Share of points that have the class that is theirs; 0 of none."""
        return float(self.right(frame).mean()) if len(self.points) else 0.0

    # -- JSON ------------------------------------------------------------------------------
    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able form."""
        arrays = {name: encode_array(getattr(self, name)) for name in _ARRAYS}
        return {"format": FORMAT, "name": self.name, "labels": list(self.labels), "axes": list(self.axes),
                "meta": plain(self.meta), **arrays}  # fmt: skip

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> BoundaryTrace:
        """Trace from its plain form; exact inverse of `to_dict`.

        Raises
        ------
        TraceFormatError
        """
        check_format(d, FORMAT)
        try:
            for name in ("labels", "axes"):
                if not isinstance(d[name], list):
                    raise TypeError(f"{name} is {quote(d[name], 40)}")
            arrays = {name: decode_array(d[name]) for name in _ARRAYS}
            return cls(d["name"], labels=tuple(d["labels"]), axes=tuple(d["axes"]), meta=dict(d["meta"]), **arrays)
        except (KeyError, TypeError, AttributeError, ValueError) as e:
            if isinstance(e, TraceFormatError):
                raise
            raise TraceFormatError("trace: a field is missing or of the wrong type", f"{type(e).__name__}: {e}") from e

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, BoundaryTrace)
        return same and dumps(self.to_dict(), ordered=True) == dumps(other.to_dict(), ordered=True)

    __hash__ = None

    # -- display ---------------------------------------------------------------------------
    def to_gif(self, path: str, **options: Any) -> None:
        """Write all frames as an animation."""
        self.render("gif", path=path, **options)

    def __repr__(self) -> str:
        what = f"{self.classes} classes" if self.classes else "regression"
        return f"BoundaryTrace({quote(self.name)}, {what}, {len(self)} frames, {len(self.points)} points)"
