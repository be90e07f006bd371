"""What a layer is: a frozen description that holds no arrays.

A layer says which arrays it needs (`slots`), which layers it is made of (`children`) and what it
computes (`compute`), once, for Tensors and for plain arrays. `bind` makes its arrays
Params of a session; `forward` takes them as a dict and is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from fnmatch import fnmatchcase
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from torchlean_nb.backend.random import Rng
from torchlean_nb.errors import CapabilityError, HyperparameterError, ShapeError, UnknownNameError, did_you_mean, quote
from torchlean_nb.hypers import REQUIRED, Hyper
from torchlean_nb.nn.module import Module
from torchlean_nb.nn.place import Pass, Place, joined

NOTHING: Mapping[str, Any] = MappingProxyType({})
Initialiser = Callable[[tuple[int, ...], int], np.ndarray]


@dataclass(frozen=True)
class Slot:
    """An array that a layer needs.

    Parameters
    ----------
    shape : tuple of int
    init : callable
        ``init(shape, seed) -> array`` with PyTorch's distribution.
    torchlean : callable, optional
        TorchLean's initialiser where it is another one.
    buffer : bool
        Whether it is not trained: running statistics.
    draw, offset : int
        Which of the seeds that TorchLean's builder draws for the layer this array takes, and what is added to
        it; unless told the arrays take one seed each, in order.
    """

    shape: tuple[int, ...]
    init: Initialiser
    torchlean: Initialiser | None = None
    buffer: bool = False
    draw: int | None = None
    offset: int = 0


def option(hyper: Hyper, per_axis: bool = False) -> Any:
    """A checked field of a layer; `per_axis` values may be given once or once per dimension."""
    default = MISSING if hyper.default is REQUIRED else hyper.default
    return field(default=default, metadata={"hyper": hyper, "per_axis": per_axis})


def size(default: Any = REQUIRED, low: int = 1, none: bool = False, per_axis: bool = False) -> Any:
    """An integer field."""
    return option(Hyper(default, low=low, kind="int", none=none), per_axis)


def flag(default: bool) -> Any:
    """A switch."""
    return option(Hyper(default, kind="bool"))


@dataclass(frozen=True)
class Layer:
    """Base of all layers; a layer of your own is a frozen dataclass with `slots` or `children`, and `compute`.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import torchlean_nb as tl
    >>> @dataclass(frozen=True)
    ... class Scale(tl.nn.Layer):
    ...     size: int
    ...     def slots(self):
    ...         return {"factor": tl.nn.Slot((self.size,), tl.nn.init.ones)}
    ...     def compute(self, x, at):
    ...         return x * at["factor"]
    >>> net = tl.nn.Sequential(Scale(2), tl.nn.ReLU()).bind(tl.Session())
    >>> net([[3.0, -1.0]]).value.tolist()
    [[3.0, 0.0]]
    """

    dims: ClassVar[int] = 0
    draws: ClassVar[int] = 0  # how many seeds TorchLean's builder draws for this layer

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # Found here, `dataclass` writes none of its own: that has a guard against cycles, which a Stop may leave up.
        cls.__repr__ = cls.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        said = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)
        return f"{type(self).__qualname__}({said})"

    def __post_init__(self) -> None:
        for f in fields(self):
            if "hyper" in f.metadata:
                object.__setattr__(self, f.name, self._checked(f, getattr(self, f.name)))

    def _checked(self, f: Field[Any], value: Any) -> Any:
        check, owner = f.metadata["hyper"].check, type(self).__name__
        if not f.metadata["per_axis"] or value is None:
            return check(owner, f.name, value)
        values = tuple(value) if isinstance(value, tuple | list) else (value,) * self.dims
        if len(values) != self.dims:
            raise HyperparameterError(
                f"{owner}: {f.name}={quote(value)} has {len(values)} values", f"{f.name} has one or {self.dims} of them"
            )
        return tuple(check(owner, f.name, v) for v in values)

    # -- what an author writes -----------------------------------------------------------------
    def slots(self) -> Mapping[str, Slot]:
        """The layer's own arrays by name."""
        return {}

    def children(self) -> Mapping[str, Layer]:
        """The layers it is made of, by name."""
        return {}

    def compute(self, x: Any, at: Place) -> Any:
        """Output for input `x`, with the arrays and layers found in `at`."""
        raise NotImplementedError(f"{type(self).__name__} says nothing about what it computes")

    def example(self, shape: tuple[int, ...]) -> np.ndarray:
        """An input of the given shape."""
        parts = self.parts.values()
        return next(iter(parts)).example(shape) if parts else np.broadcast_to(np.zeros(()), shape)

    # -- what a user calls ---------------------------------------------------------------------
    @cached_property
    def parts(self) -> Mapping[str, Layer]:
        """`children`, built once."""
        return dict(self.children())

    def walk(self, path: str = "") -> Iterator[tuple[str, Layer]]:
        """This layer and all inside it, with their paths, each before its children."""
        yield path, self
        for name, part in self.parts.items():
            yield from part.walk(joined(path, name))

    @cached_property
    def arrays(self) -> Mapping[str, Slot]:
        """All slots of this layer and those inside it, by path: ``"0.weight"``."""
        return {joined(path, name): slot for path, layer in self.walk() for name, slot in layer.slots().items()}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of all parameters and buffers by path.

        Examples
        --------
        >>> import torchlean_nb as tl
        >>> tl.nn.Linear(2, 8).shapes()
        {'weight': (8, 2), 'bias': (8,)}
        """
        return {path: slot.shape for path, slot in self.arrays.items()}

    def init(self, rng: Rng | int = 0, scheme: str | Mapping[str, Initialiser] = "torch") -> dict[str, np.ndarray]:
        """First values of all parameters and buffers by path.

        Each parameter takes one seed from the stream, in order; in TorchLean's scheme a layer draws the seeds
        that its builder draws: linear, convolution, recurrent and norm layers two (weight and bias, though biases
        are 0), dropout, embedding, attention and positions one.

        Parameters
        ----------
        rng : Rng or int
            A stream or its seed.
        scheme : {"torch", "torchlean"} or mapping
            PyTorch's distributions; TorchLean's, with its seeds; or initialisers by pattern of path,
            ``{"*.weight": tl.nn.init.orthogonal}``, the rest as in PyTorch.

        Raises
        ------
        HyperparameterError, UnknownNameError, ShapeError
            The latter when an initialiser gives another shape.
        """
        rng = rng if isinstance(rng, Rng) else Rng(rng)
        chosen = _initialisers(self.arrays, scheme)
        out = {}
        drawn: list[int] = []
        for path, layer in self.walk():
            if scheme == "torchlean" and layer.draws:
                drawn = [rng.next_seed() for _ in range(layer.draws)]
            trained = 0
            for name, slot in layer.slots().items():
                where, seed = joined(path, name), 0
                if not slot.buffer:
                    at = (trained if layer.draws else len(drawn)) if slot.draw is None else slot.draw
                    own = scheme == "torchlean" and at < len(drawn)
                    seed = (drawn[at] + slot.offset) % 2**64 if own else rng.next_seed()
                    trained += 1
                out[where] = np.asarray(chosen[where](slot.shape, seed))
                if out[where].shape != slot.shape:
                    raise ShapeError(f"init: {where} has shape {slot.shape}, its initialiser gave {out[where].shape}")
        return out

    def forward(
        self, x: Any, params: Mapping[str, Any], buffers: Mapping[str, Any] = NOTHING, mode: str = "eval",
        key: Callable[[], int] | None = None, **inputs: Any,
    ) -> Any:
        """Output for input `x`: a pure function of arrays or Tensors.

        Parameters
        ----------
        x : Tensor or array; a tuple where a layer takes several
        params, buffers : mapping from path to Tensor or array
        mode : {"eval", "train"}
        key : callable, optional
            Gives the next key of a random stream: ``s.draw_key`` or ``tl.Rng(0).key``.
        **inputs
            Further inputs of the layer, such as a mask.
        """
        return Place(Pass({**params, **buffers}, mode, key), self).compute(x, **inputs)

    def update_buffers(
        self, x: Any, params: Mapping[str, Any], buffers: Mapping[str, Any], mode: str = "train",
        key: Callable[[], int] | None = None, **inputs: Any,
    ) -> dict[str, Any]:
        """Buffers after one more input; in eval mode they stay as they are."""
        run = Pass({**params, **buffers}, mode, key, news={})
        if mode == "train":
            Place(run, self).compute(x, **inputs)
        return {**buffers, **run.news}

    def zeros(self) -> dict[str, np.ndarray]:
        """A zero for every parameter and buffer, without memory: for asking about shapes."""
        return {path: np.broadcast_to(np.zeros(()), shape) for path, shape in self.shapes().items()}

    def out_shape(self, in_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the output (of the first of several) for an input of a shape, batch axis included.

        Raises
        ------
        ShapeError
            In the words of the op that does not fit.

        Examples
        --------
        >>> import torchlean_nb as tl
        >>> tl.nn.Conv2d(1, 4, 3, padding=1).out_shape((32, 1, 8, 8))
        (32, 4, 8, 8)
        """
        y = self.forward(self.example(tuple(in_shape)), self.zeros())
        return (y[0] if isinstance(y, tuple) else y).shape

    def bind(
        self, session: Any, seed: Rng | int = 0, *, init: str | Mapping[str, Initialiser] = "torch",
        name: str = "", auto_buffers: bool = False,
    ) -> Module:
        """The layer with Params of a session: a callable `Module`.

        Parameters
        ----------
        session : Session
        seed : int or Rng
            Of the initial values.
        init : str or mapping
            See `init`.
        name : str
            Prefix of the parameters' names, for a second model in the session.
        auto_buffers : bool
            Whether a call in train mode also moves the running statistics, as in PyTorch. Otherwise
            `Module.update_buffers` does.
        """
        return Module(self, session, self.init(seed, init), name, auto_buffers)

    def __call__(self, *_: Any, **__: Any) -> Any:
        """A layer that is not bound cannot be called.

        Raises
        ------
        CapabilityError
        """
        raise CapabilityError(
            f"{type(self).__name__} is a description and holds no arrays", None,
            "net = layer.bind(session); net(x), or layer.forward(x, params)",
        )

    @property
    def kind(self) -> str:
        """What it is called in overviews: the name of the class."""
        return type(self).__name__

    @property
    def label(self) -> str:
        """Name with the arguments that have no default: ``Linear(2, 8)``."""
        given = [f"{getattr(self, f.name)}" for f in fields(self) if f.default is MISSING]
        return self.kind + (f"({', '.join(given)})" if given else "")


def family(base: type, stem: str, doc: str) -> tuple[type, ...]:
    """The classes ``stem1d``, ``stem2d``, ``stem3d``; in the docstring ``{axes}`` becomes "2 axes"."""
    return tuple(
        type(f"{stem}{n}d", (base,), {
            "dims": n, "__doc__": doc.replace("{axes}", "1 axis" if n == 1 else f"{n} axes"),
            "__module__": base.__module__,
        })
        for n in (1, 2, 3)
    )  # fmt: skip


def _initialisers(arrays: Mapping[str, Slot], scheme: Any) -> dict[str, Initialiser]:
    """One initialiser per path."""
    if isinstance(scheme, Mapping):
        for pattern in scheme:
            if not any(fnmatchcase(path, pattern) for path in arrays):
                raise UnknownNameError(f"init: no parameter matches {quote(pattern)}", did_you_mean(pattern, arrays))
        by = {path: [f for p, f in scheme.items() if fnmatchcase(path, p)] for path in arrays}
        return {path: by[path][0] if by[path] else slot.init for path, slot in arrays.items()}
    Hyper(kind="choice", choices=("torch", "torchlean")).check("init", "scheme", scheme)
    ours = scheme == "torchlean"
    return {path: slot.torchlean if ours and slot.torchlean else slot.init for path, slot in arrays.items()}
