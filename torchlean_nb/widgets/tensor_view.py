"""TensorView: one array with slices, statistics and a histogram."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.errors import DTypeError
from torchlean_nb.escape import visible
from torchlean_nb.render.numbers import fmt, shape
from torchlean_nb.render.payload import corner
from torchlean_nb.render.stills import array_svg
from torchlean_nb.widgets.base import View, inside

BINS = 24


def statistics(a: np.ndarray) -> dict[str, Any]:
    """Shape, dtype, extremes, moments, norms, share of zeros, and counts of NaN and infinity.

    Extremes, moments and norms are those of the finite entries, NaN where there are none.

    Examples
    --------
    >>> statistics(np.array([3.0, -4.0]))["L2"]
    5.0
    """
    good = a[np.isfinite(a)].astype(np.float64)
    empty, size = good.size == 0, np.abs(good)
    return {
        "shape": shape(a.shape) or "scalar", "dtype": a.dtype.name, "entries": a.size,
        "min": np.nan if empty else float(good.min()), "max": np.nan if empty else float(good.max()),
        "mean": np.nan if empty else float(good.mean()), "std": np.nan if empty else float(good.std()),
        "L1": float(size.sum()), "L2": float(np.sqrt(np.sum(size * size))),
        "absmax": np.nan if empty else float(size.max()),
        "zeros": f"{100 * np.count_nonzero(a == 0) / a.size:.3g} %" if a.size else "",
        "NaN": int(np.count_nonzero(np.isnan(a))), "inf": int(np.count_nonzero(np.isinf(a))),
    }


def _histogram(a: np.ndarray) -> dict[str, Any] | None:
    good = a[np.isfinite(a)].astype(np.float64)
    if good.size < 2 or good.min() == good.max() or not np.isfinite(good.max() - good.min()):
        return None
    counts, edges = np.histogram(good, bins=min(BINS, max(4, int(np.sqrt(good.size)) + 1)))
    return {"counts": counts.tolist(), "edges": edges.tolist()}


class TensorView(View):
    """Heat map with numbers, a slider per leading axis, statistics, and a histogram.

    Parameters
    ----------
    array : array_like or Tensor, any shape
        Real numbers.
    name : str, optional
        Name shown; that of the Tensor where it has one.
    controls, title, presentation, state
        As for every widget.

    Raises
    ------
    DTypeError
        When the array does not hold real numbers.

    Examples
    --------
    >>> TensorView([[1.0, -2.0]], "w")
    TensorView('w': 1×2 float64, from −2 to 1)
    """

    def __init__(
        self,
        array: Any,
        name: str | None = None,
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        name = name or getattr(array, "name", None) or "array"
        self.array = np.array(host(getattr(array, "value", array)))
        if self.array.dtype.kind not in "fiub":
            raise DTypeError(f"TensorView: {self.array.dtype} is not a real number type")
        self.name, self.stats = visible(name), statistics(self.array)
        rows = [[k, v if isinstance(v, str) else fmt(v)] for k, v in self.stats.items()]
        payload = {"name": self.name, "array": corner(self.array, 16_384), "stats": rows,
                   "hist": _histogram(self.array), "says": self._sentence()}
        super().__init__(payload, controls=controls, presentation=presentation, title=title or self.name, state=state)

    def _sentence(self) -> str:
        s, odd = self.stats, []
        if not self.array.size:
            return f"{self.name} is empty, {s['shape']}."
        odd += [f"{s['NaN']} NaN"] if s["NaN"] else []
        odd += [f"{s['inf']} infinite"] if s["inf"] else []
        low, high = fmt(s["min"]), fmt(s["max"])
        between = f"{s['entries']} entries from {low} to {high}, mean {fmt(s['mean'])}, {s['zeros']} zeros"
        return f"{self.name} has {between}{'; ' + ' and '.join(odd) + ' entries' if odd else ''}."

    def describe(self) -> str:
        """Shape, dtype and range."""
        span = f", from {fmt(self.stats['min'])} to {fmt(self.stats['max'])}" if self.array.size else ", empty"
        return f"{self.stats['shape']} {self.stats['dtype']}{span}"

    def to_svg(self) -> str:
        """Picture of the window around the chosen entry, with statistics and histogram."""
        entry = inside(self.state.get("entry"), self.array.shape)
        return array_svg(self.array, self.name, self.payload["stats"], self.payload["hist"], entry)

    def to_text(self) -> str:
        """Statistics, one per line, and the array as NumPy prints it."""
        lines = [f"{self.name}", *(f"  {k:<8}{v if isinstance(v, str) else fmt(v)}" for k, v in self.stats.items())]
        return "\n".join([*lines, np.array2string(self.array, precision=4, threshold=200)])

    def to_dict(self) -> dict[str, Any]:
        """Name, array and statistics."""
        return {"name": self.name, "array": corner(self.array, self.array.size), "stats": self.payload["stats"]}
