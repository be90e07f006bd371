"""Recurrent layers, step by step through time.

A sequence has shape (steps, n, features), or (n, steps, features) with `batch_first`, or (steps,
features) without a batch. Names, gate order and both biases are PyTorch's.
"""

# ruff: noqa: D102 - slots, children and compute are described in Layer
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from torchlean_nb.backend.devices import device_of
from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn import init
from torchlean_nb.nn.basic import root, within
from torchlean_nb.nn.layer import Layer, Slot, flag, option, size
from torchlean_nb.ops.activation import relu, sigmoid, tanh
from torchlean_nb.ops.getitem import getitem
from torchlean_nb.ops.linalg import linear
from torchlean_nb.ops.random import dropout
from torchlean_nb.ops.shape import concatenate, stack


def _parts(x: Any, n: int) -> list[Any]:
    """The last axis in n equal pieces."""
    width = x.shape[-1] // n
    return [getitem(x, (..., slice(i * width, (i + 1) * width))) for i in range(n)]


def _joint(shape: tuple[int, int], seed: int, wide: int, order: tuple[int, ...], part: slice) -> np.ndarray:
    """TorchLean's initialiser: each gate has one matrix over input and state together, of which this is a part."""
    rows = shape[0] // len(order)
    return np.concatenate([init.xavier_uniform((rows, wide), (seed + k) % 2**64)[:, part] for k in order])


@dataclass(frozen=True)
class _Recurrent(Layer):
    input_size: int = size()
    hidden_size: int = size()
    num_layers: int = size(1)
    bias: bool = flag(True)
    batch_first: bool = flag(False)
    dropout: float = option(Hyper(0.0, low=0.0, high=1.0, open_high=True))
    bidirectional: bool = flag(False)

    gates: ClassVar[tuple[int, ...]] = (0,)  # their numbers in TorchLean's order
    states: ClassVar[int] = 1  # arrays that one step hands to the next
    proj_size: ClassVar[int] = 0

    def prepared(self, weights: tuple[Any, ...]) -> tuple[Any, ...]:
        """Weights as `cell` wants them, once for all steps."""
        return weights

    def cell(self, x: Any, state: tuple[Any, ...], weights: tuple[Any, ...]) -> tuple[Any, ...]:
        """State after one step; its first array is the output."""
        raise NotImplementedError

    @property
    def _ways(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    @property
    def draws(self) -> int:
        """Two seeds for each layer and direction: weights and biases."""
        return 2 * self.num_layers * len(self._ways)

    @property
    def _widths(self) -> tuple[int, ...]:
        """Length of each array of the state; the first is the output."""
        return (self.proj_size or self.hidden_size, self.hidden_size)[: self.states]

    def slots(self) -> Mapping[str, Slot]:
        first, own, rows, out = within(root(self.hidden_size)), {}, len(self.gates) * self.hidden_size, self._widths[0]
        runs = [(k, way) for k in range(self.num_layers) for way in self._ways]
        for i, (k, way) in enumerate(runs):
            width = self.input_size if k == 0 else out * len(self._ways)
            for name, columns, part in (("ih", width, slice(0, width)), ("hh", out, slice(width, None))):
                theirs = partial(_joint, wide=width + out, order=self.gates, part=part)
                own[f"weight_{name}_l{k}{way}"] = Slot((rows, columns), first, theirs, draw=2 * i)
            for name in ("bias_ih", "bias_hh") if self.bias else ():
                own[f"{name}_l{k}{way}"] = Slot((rows,), first, init.zeros, draw=2 * i + 1)
            if self.proj_size:
                shape, seeds = (self.proj_size, self.hidden_size), {"draw": 2 * i, "offset": len(self.gates)}
                own[f"weight_hr_l{k}{way}"] = Slot(shape, first, init.xavier_uniform, **seeds)
        return own

    def compute(self, x: Any, at: Any, state: Any = None, return_state: bool = False) -> Any:
        """The last layer's output at every step, and with `return_state` also every layer's last state.

        Parameters
        ----------
        x : Tensor, shape (steps, n, features)
        state : Tensor or tuple, shape (num_layers * directions, n, hidden_size), optional
            Zeros unless told; the first of an LSTM with projections has proj_size columns.
        return_state : bool
        """
        shape = tuple(x.shape)
        if len(shape) not in (2, 3) or shape[-1] != self.input_size or not all(shape[:-1]):
            raise ShapeError(
                f"{type(self).__name__}: an input of shape {shape}",
                f"2 or 3 axes are needed, at least one step, {self.input_size} features on the last axis",
            )
        time = 1 if self.batch_first and len(shape) == 3 else 0
        steps = [getitem(x, (slice(None),) * time + (t,)) for t in range(shape[time])]
        starts = self._starts(state, (*shape[:time], *shape[time + 1 : -1]), x)
        ends = []
        for k in range(self.num_layers):
            if k and self.dropout and at.training:
                steps = [dropout(h, at.key(), p=self.dropout) for h in steps]
            ways = []
            for way in self._ways:
                names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
                weights = tuple(at.get(f"{name}_l{k}{way}") for name in names)
                outs, end = self._run(steps[::-1] if way else steps, starts[len(ends)], weights)
                ways.append(outs[::-1] if way else outs)
                ends.append(end)
            steps = [concatenate(*hs, axis=-1) if len(hs) > 1 else hs[0] for hs in zip(*ways, strict=True)]
        y = stack(*steps, axis=time)
        if not return_state:
            return y
        last = tuple(stack(*parts, axis=0) for parts in zip(*ends, strict=True))
        return y, last if self.states > 1 else last[0]

    def _starts(self, state: Any, lead: tuple[int, ...], x: Any) -> list[tuple[Any, ...]]:
        """First state of every layer and direction."""
        n = self.num_layers * len(self._ways)
        if state is None:
            zeros = device_of(x).np.zeros
            return [tuple(zeros((*lead, width), x.dtype) for width in self._widths)] * n
        given = state if isinstance(state, tuple) else (state,)
        needed = [(n, *lead, width) for width in self._widths]
        if [tuple(s.shape) for s in given] != needed:
            raise ShapeError(
                f"{type(self).__name__}: state of shapes {', '.join(str(tuple(s.shape)) for s in given)}",
                f"{', '.join(map(str, needed))} {'is' if len(needed) == 1 else 'are'} needed",
            )
        return [tuple(getitem(s, i) for s in given) for i in range(n)]

    def _run(self, steps: list[Any], state: tuple[Any, ...], weights: tuple[Any, ...]) -> tuple[list[Any], Any]:
        weights, outs = self.prepared(weights), []
        for x in steps:
            state = self.cell(x, state, weights)
            outs.append(state[0])
        return outs, state


@dataclass(frozen=True)
class RNN(_Recurrent):
    """Plain recurrence h = tanh(W_ih x + b_ih + W_hh h + b_hh).

    Parameters
    ----------
    nonlinearity : {"tanh", "relu"}
        The other arguments are those of `LSTM`.
    """

    nonlinearity: str = option(Hyper("tanh", kind="choice", choices=("tanh", "relu")))

    def cell(self, x: Any, state: Any, weights: Any) -> Any:
        w_ih, w_hh, b_ih, b_hh, _ = weights
        f = tanh if self.nonlinearity == "tanh" else relu
        return (f(linear(x, w_ih, b_ih) + linear(state[0], w_hh, b_hh)),)


@dataclass(frozen=True)
class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), gates in the order i, f, g, o.

    ``net(x)`` gives the output at every step, ``net(x, return_state=True)`` also the last state; ``state=``
    sets the first.

    Parameters
    ----------
    input_size, hidden_size, num_layers : int
    bias, batch_first : bool
    dropout : float in [0, 1)
        Between layers, in train mode.
    bidirectional : bool
        A second run from the end; outputs side by side.
    proj_size : int
        When not 0 the output is a product with a matrix of so many rows (Sak et al. 2014, arXiv 1402.1128).

    Examples
    --------
    >>> LSTM(3, 8, bidirectional=True).out_shape((10, 2, 3))
    (10, 2, 16)
    """

    proj_size: int = size(0, low=0)
    gates: ClassVar[tuple[int, ...]] = (1, 0, 2, 3)
    states: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.proj_size >= self.hidden_size:
            raise HyperparameterError(
                f"LSTM: proj_size={self.proj_size} is not allowed",
                f"it must be smaller than hidden_size={self.hidden_size}",
            )

    def cell(self, x: Any, state: Any, weights: Any) -> Any:
        w_ih, w_hh, b_ih, b_hh, w_hr = weights
        h, c = state
        i, f, g, o = _parts(linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh), 4)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        return h if w_hr is None else linear(h, w_hr), c


@dataclass(frozen=True)
class GRU(_Recurrent):
    """Gated recurrent unit (Cho et al. 2014), gates in the order r, z, n.

    Parameters
    ----------
    reset_after : bool
        Whether the reset gate comes after the recurrent product, as in PyTorch; False is the order of
        the paper and of TorchLean. The other arguments are those of `LSTM`.
    """

    reset_after: bool = flag(True)
    gates: ClassVar[tuple[int, ...]] = (0, 1, 2)

    def prepared(self, weights: Any) -> Any:
        w_ih, w_hh, b_ih, b_hh, _ = weights
        old, new = slice(0, 2 * self.hidden_size), slice(2 * self.hidden_size, None)
        biases = (None, None) if b_hh is None else (b_hh[old], b_hh[new])
        return w_ih, b_ih, w_hh[old], w_hh[new], *biases

    def cell(self, x: Any, state: Any, weights: Any) -> Any:
        w_ih, b_ih, w_gates, w_new, b_gates, b_new = weights
        h = state[0]
        xr, xz, xn = _parts(linear(x, w_ih, b_ih), 3)
        hr, hz = _parts(linear(h, w_gates, b_gates), 2)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        late = self.reset_after
        n = tanh(xn + (r * linear(h, w_new, b_new) if late else linear(r * h, w_new, b_new)))
        return ((1 - z) * n + z * h,)
