"""Layers that are often put together: networks of linear layers, convolution with activation, heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchlean_nb.nn.activations import ReLU
from torchlean_nb.nn.basic import Flatten, Linear
from torchlean_nb.nn.containers import Residual, Sequential
from torchlean_nb.nn.convolution import Conv2d
from torchlean_nb.nn.layer import Layer
from torchlean_nb.nn.noise import Dropout
from torchlean_nb.nn.pooling import MaxPool2d


def mlp(
    in_features: int, hidden: Sequence[int], out_features: int, *, activation: Layer | None = None,
    dropout: float = 0.0,
) -> Sequential:
    """Linear layers with an activation, and perhaps dropout, between them.

    Parameters
    ----------
    in_features : int
    hidden : sequence of int
        Widths in between; none makes one linear layer.
    out_features : int
    activation : Layer
        ReLU unless told.
    dropout : float in [0, 1]
        Behind each activation.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> tl.nn.blocks.mlp(2, [16, 16], 1, activation=tl.nn.Tanh()).out_shape((32, 2))
    (32, 1)
    """
    layers: list[Layer] = []
    for wide, narrow in zip([in_features, *hidden], hidden, strict=False):
        layers += [Linear(wide, narrow), activation or ReLU()]
        layers += [Dropout(dropout)] if dropout else []
    return Sequential(*layers, Linear([in_features, *hidden][-1], out_features))


def conv_act(
    in_channels: int, out_channels: int, kernel_size: Any = 3, *, activation: Layer | None = None, **options: Any
) -> Sequential:
    """A convolution of images that keeps their size, and an activation.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int or tuple of int
    activation : Layer
        ReLU unless told.
    **options
        Of `Conv2d`; ``padding="same"`` unless told.
    """
    return Sequential(Conv2d(in_channels, out_channels, kernel_size, **{"padding": "same"} | options),
                      activation or ReLU())  # fmt: skip


def conv_act_pool(
    in_channels: int, out_channels: int, kernel_size: Any = 3, *, pool: Any = 2, activation: Layer | None = None,
    **options: Any,
) -> Sequential:
    """`conv_act`, and the largest of each window.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, pool : int or tuple of int
    activation : Layer
        ReLU unless told.
    **options
        Of `Conv2d`; ``padding="same"`` unless told.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> tl.nn.blocks.conv_act_pool(1, 8).out_shape((32, 1, 28, 28))
    (32, 8, 14, 14)
    """
    block = conv_act(in_channels, out_channels, kernel_size, activation=activation, **options)
    return Sequential(*block, MaxPool2d(pool))


def residual_block(channels: int, kernel_size: Any = 3, *, activation: Layer | None = None) -> Sequential:
    """Two convolutions around a shortcut, and an activation behind the sum (He et al. 2015, arXiv 1512.03385).

    Parameters
    ----------
    channels : int
    kernel_size : int or tuple of int
    activation : Layer
        ReLU unless told.
    """
    inner = Sequential(
        *conv_act(channels, channels, kernel_size, activation=activation),
        Conv2d(channels, channels, kernel_size, padding="same"),
    )
    return Sequential(Residual(inner), activation or ReLU())


def head(features: int, outputs: int) -> Sequential:
    """All axes but the first joined to features, and one linear layer: logits of classes, or numbers.

    Parameters
    ----------
    features, outputs : int
    """
    return Sequential(Flatten(), Linear(features, outputs))
