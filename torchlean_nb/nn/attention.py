"""Attention layers and the transformer's encoder layer."""

# ruff: noqa: D102 - slots, children and compute are described in Layer
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn import init
from torchlean_nb.nn.activations import GELU, ReLU
from torchlean_nb.nn.basic import Linear
from torchlean_nb.nn.containers import layer_of
from torchlean_nb.nn.layer import Layer, Slot, flag, option, size
from torchlean_nb.nn.noise import Dropout
from torchlean_nb.nn.norms import LayerNorm
from torchlean_nb.ops.attention import scaled_dot_product_attention
from torchlean_nb.ops.linalg import linear, matmul
from torchlean_nb.ops.logic import where
from torchlean_nb.ops.shape import broadcast_to, concatenate, reshape, swapaxes

_NEVER = -3e4  # as a score it leaves a weight of 0, and it fits every float type
RATE = Hyper(0.0, low=0.0, high=1.0, open_high=True)


def _divides(owner: str, name: str, heads: int, width_name: str, width: int) -> None:
    if width % heads:
        raise HyperparameterError(
            f"{owner}: {name}={heads} is not allowed", f"{name} must divide {width_name}={width}"
        )


@dataclass(frozen=True)
class MultiheadAttention(Layer):
    """Attention in several heads; one input attends to itself, three are query, key and value.

    Parameters
    ----------
    embed_dim, num_heads : int
    dropout : float in [0, 1)
        Of the weights, in train mode.
    bias : bool
    batch_first : bool
        Whether inputs have shape (n, steps, embed_dim) rather than (steps, n, embed_dim).
    is_causal : bool
        Whether each place may look only at itself and what comes before.
    kdim, vdim : int, optional
        Features of keys and of values where they are not embed_dim.
    add_bias_kv : bool
        Whether one more key and value, trained, stands at the end, where every place may look.

    Examples
    --------
    >>> MultiheadAttention(8, 2, batch_first=True).out_shape((3, 5, 8))
    (3, 5, 8)
    """

    embed_dim: int = size()
    num_heads: int = size()
    dropout: float = option(RATE)
    bias: bool = flag(True)
    batch_first: bool = flag(False)
    is_causal: bool = flag(False)
    kdim: int | None = size(None, none=True)
    vdim: int | None = size(None, none=True)
    add_bias_kv: bool = flag(False)
    draws: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        _divides("MultiheadAttention", "num_heads", self.num_heads, "embed_dim", self.embed_dim)

    @property
    def _widths(self) -> tuple[int, int, int]:
        """Features of query, key and value."""
        return self.embed_dim, self.kdim or self.embed_dim, self.vdim or self.embed_dim

    def slots(self) -> Mapping[str, Slot]:
        d = self.embed_dim
        if set(self._widths) == {d}:
            own = {"in_proj_weight": Slot((3 * d, d), init.xavier_uniform, _three)}
        else:
            own = {
                f"{name}_proj_weight": Slot((d, width), init.xavier_uniform, _turned, draw=0, offset=k)
                for k, (name, width) in enumerate(zip("qkv", self._widths, strict=True))
            }
        own |= {"in_proj_bias": Slot((3 * d,), init.zeros, draw=0)} if self.bias else {}
        extra = ("bias_k", "bias_v") if self.add_bias_kv else ()
        return own | {name: Slot((1, 1, d), init.xavier_normal, draw=0) for name in extra}

    def children(self) -> Mapping[str, Layer]:
        return {"out_proj": _Output(self.embed_dim, self.embed_dim, self.bias)}

    def _heads(self, x: Any, i: int, at: Any) -> Any:
        """Projection i of an input, shape (n, heads, steps, width)."""
        d, width = self.embed_dim, self._widths[i]
        rows, bias = slice(i * d, (i + 1) * d), at.get("in_proj_bias")
        if len(x.shape) not in (2, 3) or x.shape[-1] != width:
            raise ShapeError(
                f"MultiheadAttention: an input of shape {tuple(x.shape)}",
                f"2 or 3 axes are needed, {width} features on the last axis",
            )
        x = swapaxes(x, 0, 1) if len(x.shape) == 3 and not self.batch_first else x
        whole = at.get("in_proj_weight")
        weight = at[f"{'qkv'[i]}_proj_weight"] if whole is None else whole[rows]
        h = linear(x, weight, None if bias is None else bias[rows])
        return swapaxes(reshape(h, (*h.shape[:-1], self.num_heads, d // self.num_heads)), -3, -2)

    def _longer(self, h: Any, last: Any) -> Any:
        """Keys or values with one more at the end, the same for all samples."""
        last = reshape(last, (self.num_heads, 1, self.embed_dim // self.num_heads))
        return concatenate([h, broadcast_to(last, shape=(*h.shape[:-2], 1, h.shape[-1]))], axis=-2)

    def _beyond(self, allow: Any, steps: int, keys: int) -> Any:
        """Which keys a place may look at, one more at the end included; None for all."""
        if self.is_causal:
            before = np.tri(steps, keys, dtype=bool)
            allow = before if allow is None else where(before, allow, False if allow.dtype.kind == "b" else _NEVER)
        if allow is None:
            return None
        ones = np.ones((*allow.shape[:-1], 1), bool)
        return concatenate([allow, ones if allow.dtype.kind == "b" else where(ones, 0.0, 0.0)], axis=-1)

    def compute(self, x: Any, at: Any, allow: Any = None, need_weights: bool = False) -> Any:
        """Attended values, and with `need_weights` the weights, shape (n, heads, steps, steps).

        Parameters
        ----------
        x : Tensor, or tuple (query, key, value)
        allow : bool or float array, shape (..., steps, steps), optional
            True where a place may look, the opposite of PyTorch's boolean ``attn_mask`` of this layer; a place
            that may look nowhere gets 0. Numbers are added to the scores.
        need_weights : bool
        """
        q, k, v = (self._heads(part, i, at) for i, part in enumerate(x if isinstance(x, tuple) else (x, x, x)))
        causal = self.is_causal
        if self.add_bias_kv:
            allow, causal = self._beyond(allow, q.shape[-2], k.shape[-2]), False
            k, v = (self._longer(h, at[name]) for h, name in ((k, "bias_k"), (v, "bias_v")))
        rate = self.dropout if at.training else 0.0
        more = {"dropout_p": rate, "key": at.key()} if rate else {}
        weights = None
        if need_weights:
            # The weights are what attention makes of the identity matrix.
            eye = np.eye(k.shape[-2], dtype=k.dtype)
            weights = scaled_dot_product_attention(q, k, eye, allow, is_causal=causal, **more)
            y = matmul(weights, v)
        else:
            y = scaled_dot_product_attention(q, k, v, allow, is_causal=causal, **more)
        y = swapaxes(y, -3, -2)
        y = at("out_proj", reshape(y, (*y.shape[:-2], self.embed_dim)))
        y = swapaxes(y, 0, 1) if len(y.shape) == 3 and not self.batch_first else y
        return (y, weights) if need_weights else y


def _three(shape: tuple[int, int], seed: int) -> np.ndarray:
    """TorchLean's initialiser: a matrix each for query, key and value, whose seeds follow one another."""
    d = shape[1]
    return np.concatenate([init.xavier_uniform((d, d), (seed + k) % 2**64).T for k in range(3)])


@dataclass(frozen=True)
class _Output(Linear):
    """PyTorch starts this bias at 0; TorchLean's seed is the fourth of the attention's."""

    kind = "Linear"
    draws: ClassVar[int] = 0

    def slots(self) -> Mapping[str, Slot]:
        weight = replace(super().slots()["weight"], torchlean=_turned, draw=0, offset=3)
        return {"weight": weight} | ({"bias": Slot((self.out_features,), init.zeros, draw=0)} if self.bias else {})


def _turned(shape: tuple[int, int], seed: int) -> np.ndarray:
    return init.xavier_uniform(shape[::-1], seed).T


@dataclass(frozen=True)
class TransformerEncoderLayer(Layer):
    """Self-attention and a network of two layers, each around a shortcut and with a norm.

    Parameters
    ----------
    d_model, nhead, dim_feedforward : int
    dropout : float in [0, 1)
    activation : {"relu", "gelu"}
    layer_norm_eps : float
    batch_first : bool
    norm_first : bool
        Whether the norms stand before attention and network rather than after the sums.
    bias : bool
    is_causal : bool

    References
    ----------
    Vaswani et al. 2017, arXiv 1706.03762
    """

    d_model: int = size()
    nhead: int = size()
    dim_feedforward: int = size(2048)
    dropout: float = option(Hyper(0.1, low=0.0, high=1.0, open_high=True))
    activation: str = option(Hyper("relu", kind="choice", choices=("relu", "gelu")))
    layer_norm_eps: float = option(Hyper(1e-5, low=0.0))
    batch_first: bool = flag(False)
    norm_first: bool = flag(False)
    bias: bool = flag(True)
    is_causal: bool = flag(False)

    def __post_init__(self) -> None:
        super().__post_init__()
        _divides("TransformerEncoderLayer", "nhead", self.nhead, "d_model", self.d_model)

    def children(self) -> Mapping[str, Layer]:
        d, wide, drop = self.d_model, self.dim_feedforward, Dropout(self.dropout)
        norm = LayerNorm(d, self.layer_norm_eps, bias=self.bias)
        return {
            "self_attn": MultiheadAttention(d, self.nhead, self.dropout, self.bias, self.batch_first, self.is_causal),
            "linear1": Linear(d, wide, self.bias), "activation": ReLU() if self.activation == "relu" else GELU(),
            "dropout": drop, "linear2": Linear(wide, d, self.bias), "norm1": norm, "norm2": norm,
            "dropout1": drop, "dropout2": drop,
        }

    def compute(self, x: Any, at: Any, allow: Any = None) -> Any:
        """Output of the shape of x, (steps, n, d_model); `allow` as in `MultiheadAttention`."""
        def attend(x: Any) -> Any:
            return at("dropout1", at("self_attn", x, allow=allow))

        def network(x: Any) -> Any:
            return at("dropout2", at("linear2", at("dropout", at("activation", at("linear1", x)))))

        if self.norm_first:
            x = x + attend(at("norm1", x))
            return x + network(at("norm2", x))
        x = at("norm1", x + attend(x))
        return at("norm2", x + network(x))


@dataclass(frozen=True)
class TransformerEncoder(Layer):
    """The same encoder layer several times, each with its own weights.

    Parameters
    ----------
    encoder_layer : TransformerEncoderLayer
    num_layers : int
    norm : Layer, optional
        Behind the last one.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> layer = tl.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    >>> tl.nn.TransformerEncoder(layer, 3).out_shape((4, 5, 8))
    (4, 5, 8)
    """

    encoder_layer: Layer
    num_layers: int = size()
    norm: Layer | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        layer_of("TransformerEncoder", "encoder_layer", self.encoder_layer)
        if self.norm is not None:
            layer_of("TransformerEncoder", "norm", self.norm)

    def children(self) -> Mapping[str, Layer]:
        layers = {"layers": _Stack(self.encoder_layer, self.num_layers)}
        return layers if self.norm is None else layers | {"norm": self.norm}

    def compute(self, x: Any, at: Any, allow: Any = None) -> Any:
        """Output of the shape of x; `allow` as in `MultiheadAttention`."""
        x = at("layers", x, allow=allow)
        return x if self.norm is None else at("norm", x)


@dataclass(frozen=True)
class _Stack(Layer):
    layer: Layer
    count: int
    kind = "ModuleList"

    def children(self) -> Mapping[str, Layer]:
        return {str(i): self.layer for i in range(self.count)}

    def compute(self, x: Any, at: Any, allow: Any = None) -> Any:
        for i in range(self.count):
            x = at(str(i), x, allow=allow)
        return x
