"""What the layers of a model put out, looked at without disturbing the run.

The model runs once more on arrays, with a random stream of its own, so the session's stream, its
tape and the running statistics stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host, is_array
from torchlean_nb.backend.random import Rng
from torchlean_nb.nn import Dropout, Flatten, GroupNorm, Identity, LayerNorm, ReLU, RMSNorm, Select, Unflatten
from torchlean_nb.nn.module import Module
from torchlean_nb.nn.place import Pass, Place, joined

# Layers that only hand on what they were given.
_THROUGH = (Dropout, Flatten, Identity, Select, Unflatten)
# Layers with arrays that say nothing about which axis holds the units.
_ANY_LAYOUT = (GroupNorm, LayerNorm, RMSNorm)


@dataclass(frozen=True)
class Output:
    """What one layer put out.

    Parameters
    ----------
    layer : Layer
    values : tuple of ndarray
        One per time it ran.
    channels : int
        Axis of its units: before the spatial axes where there are some, else the last.
    """

    layer: Any
    values: tuple[np.ndarray, ...]
    channels: int

    @property
    def flat(self) -> np.ndarray:
        """All entries in a row, as float64."""
        parts = [v.ravel() for v in self.values]
        return (parts[0] if len(parts) == 1 else np.concatenate(parts)).astype(np.float64, copy=False)

    def mean_and_std(self) -> tuple[float, float]:
        """Of all entries; NaN where there are none."""
        one = len(self.values) == 1 and self.values[0].dtype.char in "fd"
        flat = self.values[0].ravel() if one else self.flat
        if not flat.size:
            return math.nan, math.nan
        mean = np.add.reduce(flat) / flat.size
        rest = flat - mean
        return float(mean), math.sqrt(float(rest.dot(rest)) / flat.size)

    @property
    def dead(self) -> float | None:
        """Share of units that are 0 or less for every sample; None where units cannot die."""
        if not isinstance(self.layer, ReLU):
            return None
        last = [v if self.channels == -1 else np.moveaxis(v, self.channels, -1) for v in self.values]
        alive = [(v > 0).reshape(-1, v.shape[-1]) for v in last]
        units = (alive[0] if len(alive) == 1 else np.concatenate(alive)).any(axis=0)
        return float(1 - np.count_nonzero(units) / units.size) if units.size else 0.0


@dataclass
class _Watch(Pass):
    """A pass that keeps what the layers put out."""

    outputs: list[tuple[str, Any, np.ndarray]] = field(default_factory=list)


class _Watched(Place):
    """A place whose layer, when it has no children, is written down."""

    __slots__ = ()

    def __call__(self, name: str, x: Any, **inputs: Any) -> Any:
        return _Watched(self._run, self.layer.parts[name], joined(self.path, name)).compute(x, **inputs)

    def compute(self, x: Any, **inputs: Any) -> Any:
        y = super().compute(x, **inputs)
        if not self.layer.parts and not isinstance(self.layer, _THROUGH):
            first = host(y[0] if isinstance(y, tuple) else y)
            self._run.outputs.append((self.path or self.layer.kind, self.layer, first))
        return y


def probe(net: Module, x: Any, values: Mapping[str, np.ndarray] | None = None, seed: int = 0) -> dict[str, Output]:
    """Outputs of the innermost layers for one batch, by path, in the order they ran.

    Parameters
    ----------
    net : Module
        Runs in the mode it is in.
    x : array_like, or tuple of them
    values : mapping from path to array, optional
        Parameters to use instead of the current ones.
    seed : int
        Of the stream that dropout draws from here.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> net = tl.nn.Sequential(tl.nn.Linear(1, 2), tl.nn.ReLU()).bind(tl.Session())
    >>> net.load_state_dict({"0.weight": [[1.0], [-1.0]], "0.bias": [0.0, -5.0]})
    >>> {path: out.dead for path, out in probe(net, [[1.0], [2.0]]).items()}
    {'0': None, '1': 0.5}
    """
    arrays = tuple(_array(net, v) for v in x) if isinstance(x, tuple) else _array(net, x)
    cells = {path: p.array for path, p in (net.params | net.buffers).items()} | dict(values or {})
    run = _Watch(cells, net.mode, Rng(seed).key)
    with np.errstate(all="ignore"):
        _Watched(run, net.model).compute(arrays)
    found: dict[str, tuple[Any, list[np.ndarray], int]] = {}
    spatial = 0
    for path, layer, y in run.outputs:
        if layer.dims or (layer.slots() and not isinstance(layer, _ANY_LAYOUT)):
            spatial = layer.dims
        found.setdefault(path, (layer, [], -1 - spatial if y.ndim > 2 else -1))[1].append(y)
    return {path: Output(layer, tuple(ys), axis) for path, (layer, ys, axis) in found.items()}


def _array(net: Module, x: Any) -> Any:
    """An input where the session computes."""
    x, tape = getattr(x, "array", x), net.session.tape
    if not is_array(x):
        x = np.asarray(x)
    ids = net.model.example((1,)).dtype.kind in "iu"
    return tape.put(x if ids else x.astype(net.session.dtype, copy=False))
