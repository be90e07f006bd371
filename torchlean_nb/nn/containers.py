"""Layers made of layers: one after the other, and around a shortcut."""

# ruff: noqa: D102 - slots, children and compute are described in Layer
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torchlean_nb.errors import HyperparameterError, HyperparameterTypeError, ShapeError, quote
from torchlean_nb.nn.layer import Layer


def layer_of(owner: str, name: str, value: Any) -> Layer:
    """The value, which must be a layer.

    Raises
    ------
    HyperparameterTypeError
    """
    if not isinstance(value, Layer):
        article = "the class itself, not a layer" if isinstance(value, type) else f"a {type(value).__name__}"
        raise HyperparameterTypeError(f"{owner}: {name}={quote(value)} is {article}", f"{name} must be a layer")
    return value


@dataclass(frozen=True, init=False, repr=False)
class Sequential(Layer):
    """Layers one after the other.

    Parameters
    ----------
    *layers : Layer
        Or one dict of layers by name.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> model = tl.nn.Sequential(tl.nn.Linear(2, 8), tl.nn.ReLU(), tl.nn.Linear(8, 1))
    >>> net = model.bind(tl.Session(), seed=2026)
    >>> list(net.params)
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """

    names: tuple[str, ...]
    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer | Mapping[str, Layer]):
        named = layers[0] if len(layers) == 1 and isinstance(layers[0], Mapping) else dict(enumerate(layers))
        for name in named:
            if not str(name) or "." in str(name):
                raise HyperparameterError(f"Sequential: {quote(name)} cannot name a layer", "no dot, and not empty")
        own = tuple(layer_of("Sequential", f"layer {name}", layer) for name, layer in named.items())
        object.__setattr__(self, "names", tuple(map(str, named)))
        object.__setattr__(self, "layers", own)

    def children(self) -> Mapping[str, Layer]:
        return dict(zip(self.names, self.layers, strict=True))

    def compute(self, x: Any, at: Any) -> Any:
        for name in self.names:
            x = at(name, x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __getitem__(self, i: int | slice) -> Layer:
        return Sequential(*self.layers[i]) if isinstance(i, slice) else self.layers[i]

    @property
    def label(self) -> str:
        return "Sequential"

    def __repr__(self) -> str:
        rows = [f"  ({name}): " + repr(layer).replace("\n", "\n  ") for name, layer in self.parts.items()]
        return "\n".join(["Sequential(", *rows, ")"]) if rows else "Sequential()"


@dataclass(frozen=True)
class Residual(Layer):
    """inner(x) + x.

    Parameters
    ----------
    inner : Layer
        Its output has the shape of its input.
    """

    inner: Layer

    def __post_init__(self) -> None:
        layer_of("Residual", "inner", self.inner)

    def children(self) -> Mapping[str, Layer]:
        return {"inner": self.inner}

    def compute(self, x: Any, at: Any) -> Any:
        return at("inner", x) + x

    @property
    def label(self) -> str:
        return f"Residual({self.inner.label})"


@dataclass(frozen=True, init=False)
class Branches(Layer):
    """The sum of several layers of the same input.

    Parameters
    ----------
    *layers : Layer
        At least one; their outputs have the same shape.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> tl.nn.Branches(tl.nn.Linear(3, 2), tl.nn.Linear(3, 2, bias=False)).out_shape((4, 3))
    (4, 2)
    """

    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer):
        if not layers:
            raise HyperparameterError("Branches: no layers", "the sum of nothing has no shape")
        object.__setattr__(
            self, "layers", tuple(layer_of("Branches", f"layer {i}", layer) for i, layer in enumerate(layers))
        )

    def children(self) -> Mapping[str, Layer]:
        return {str(i): layer for i, layer in enumerate(self.layers)}

    def compute(self, x: Any, at: Any) -> Any:
        parts = [at(name, x) for name in self.parts]
        shapes = {tuple(y.shape) for y in parts}
        if len(shapes) > 1:
            raise ShapeError(f"Branches: outputs of shapes {' and '.join(map(str, sorted(shapes)))} cannot be added")
        return sum(parts[1:], start=parts[0])

    @property
    def label(self) -> str:
        return f"Branches({', '.join(layer.label for layer in self.layers)})"
