"""One step of a recurrent layer, for loops of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from torchlean_nb.backend.devices import device_of
from torchlean_nb.errors import ShapeError
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn.layer import Layer, Slot, flag, option, size
from torchlean_nb.nn.recurrent import GRU, LSTM, RNN


@dataclass(frozen=True)
class _Cell(Layer):
    input_size: int = size()
    hidden_size: int = size()
    bias: bool = flag(True)

    whole: ClassVar[type] = RNN
    draws: ClassVar[int] = 2

    @property
    def _layer(self) -> Any:
        """The layer of which this is one step."""
        return self.whole(**{f.name: getattr(self, f.name) for f in fields(self)})

    def slots(self) -> Mapping[str, Slot]:
        return {name.removesuffix("_l0"): slot for name, slot in self._layer.slots().items()}

    def compute(self, x: Any, at: Any, state: Any = None, return_state: bool = False) -> Any:
        """Output after one step, or with `return_state` the whole state: of an LSTM the pair (h, c).

        Parameters
        ----------
        x : Tensor, shape (n, input_size) or (input_size,)
        state : Tensor or tuple, shape (n, hidden_size), optional
            Zeros unless told.
        return_state : bool
        """
        layer, shape = self._layer, tuple(x.shape)
        if len(shape) not in (1, 2) or shape[-1] != self.input_size:
            raise ShapeError(
                f"{type(self).__name__}: an input of shape {shape}", f"(n, {self.input_size}) or ({self.input_size},)"
            )
        needed = (*shape[:-1], self.hidden_size)
        given = state if isinstance(state, tuple) else (state,)
        given = given if state is not None else (device_of(x).np.zeros(needed, x.dtype),) * layer.states
        if len(given) != layer.states or any(tuple(s.shape) != needed for s in given):
            raise ShapeError(
                f"{type(self).__name__}: state of shapes {', '.join(str(tuple(s.shape)) for s in given)}",
                f"{layer.states} of shape {needed} are needed",
            )
        weights = tuple(at.get(name) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"))
        after = layer.cell(x, given, layer.prepared(weights))
        return after if return_state and layer.states > 1 else after[0]


@dataclass(frozen=True)
class RNNCell(_Cell):
    """One step of `RNN`: ``h = net(x, state=h)``.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
    nonlinearity : {"tanh", "relu"}
    """

    nonlinearity: str = option(Hyper("tanh", kind="choice", choices=("tanh", "relu")))


@dataclass(frozen=True)
class LSTMCell(_Cell):
    """One step of `LSTM`: ``h, c = net(x, state=(h, c), return_state=True)``.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
    """

    whole: ClassVar[type] = LSTM


@dataclass(frozen=True)
class GRUCell(_Cell):
    """One step of `GRU`: ``h = net(x, state=h)``.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
    """

    whole: ClassVar[type] = GRU
