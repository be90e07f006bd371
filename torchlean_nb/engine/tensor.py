"""Tensor: a handle to one value on a tape, with Python's and NumPy's ways of computing."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from torchlean_nb.backend.devices import shown
from torchlean_nb.backend.operators import Operators
from torchlean_nb.copies import Bound
from torchlean_nb.engine.data import check_name
from torchlean_nb.errors import CapabilityError, HandleTypeError, NoAttributeError, NotOneElementError
from torchlean_nb.rows import FUNCTIONS, OPS, Op, on_register

_NUMPY: dict[Any, Op] = {}


class Ref(Operators):
    """What tapes know of a handle: which tape, which node."""

    __slots__ = ("__weakref__", "id", "tape")

    def __init__(self, tape: Any, id: int):
        self.tape = tape
        self.id = id

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.tape.values[self.id].shape

    @property
    def dtype(self) -> Any:
        """Number type of the value."""
        return self.tape.values[self.id].dtype


class Computes(Operators, Bound):
    """NumPy's protocols: ufuncs and functions on a handle record a node."""

    __slots__ = ()
    __array_priority__ = 1000
    _instead: ClassVar[dict[str, str]] = {
        "backward": "grads = s.backward(loss): gradients come from the session",
        "grad": "grads = s.backward(loss), then grads[w]: gradients are data of their own",
        "numpy": "t.value, the plain array",
        "data": "t.value, the plain array",
        "to": 'Session(device="cuda") or Session(dtype="float32"): a session lives in one place',
        "cuda": 'Session(device="cuda"): a session lives in one place',
    }

    def __tl_apply__(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Tensor:
        return self.tape.apply(op, args, attrs)

    def _op(self, name: str, *args: Any, **attrs: Any) -> Tensor:
        return self.tape.apply(OPS[name], args, attrs)

    def __getitem__(self, key: Any) -> Any:
        return FUNCTIONS["getitem"](self, key)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        op = _NUMPY.get(ufunc)
        if method != "__call__" or op is None or kwargs:
            what = f"np.{ufunc.__name__}" + (f".{method}" if method != "__call__" else "")
            raise CapabilityError(f"{what} has no derivative rule", None, "t.value for the plain array, or tl.extend")
        if ufunc.__name__ in ("less", "less_equal"):
            inputs = inputs[::-1]
        return op(*inputs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        op = _NUMPY.get(func)
        if op is None:
            raise CapabilityError(
                f"np.{getattr(func, '__name__', func)} has no derivative rule", None, "t.value for the plain array"
            )
        return op(*args, **kwargs)

    def item(self) -> float:
        """The single number it holds."""
        v = self.array
        if v.size != 1:
            what = f"only a {type(self).__name__} with one element is a number, this has shape {v.shape}"
            raise NotOneElementError(what)
        return v.item()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise HandleTypeError(
            "a recorded value does not turn into an array by itself", "its history would be lost", "t.value"
        )


class Tensor(Computes, Ref):
    """Handle to a recorded value.

    Operators, methods (``y.tanh()``), ``tl.tanh(y)``, ``s.tanh(y)`` and NumPy ufuncs each record
    one node. ``==`` compares handles, not values.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> x = s.input([1.0, 2.0], name="x")
    >>> (x * x).sum().item()
    5.0
    """

    __slots__ = ()
    _copying = ("it is a place on a tape", "t.value, or s.detach(t)")

    # -- reading ---------------------------------------------------------------------------
    @property
    def value(self) -> np.ndarray:
        """Recorded value, read-only; from a device it is fetched."""
        return shown(self.tape.values[self.id])

    @property
    def array(self) -> Any:
        """Recorded value where it lives: on the CPU `value`, on a device an array of that device."""
        return self.tape.values[self.id]

    @property
    def name(self) -> str | None:
        """The user's name for it."""
        return self.tape.names.get(self.id)

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient can flow to it."""
        return self.tape.needs[self.id]

    @property
    def node(self) -> Any:
        """Its record, as data."""
        return self.tape[self.id]

    def named(self, name: str) -> Tensor:
        """Give it a name for pictures and for ``g["name"]``; returns itself."""
        self.tape.values[self.id]
        self.tape.names[self.id] = check_name(name)
        return self

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __repr__(self) -> str:
        v = self.value
        label = f" {self.name!r}" if self.name else ""
        text = np.array2string(v, precision=5, threshold=20, prefix="       ")
        return f"Tensor{label} node {self.id}, shape {v.shape}, {v.dtype}\n       {text}"

    def __copy__(self) -> Tensor:
        return self


def _absent(name: str) -> property:
    def told(self: Any) -> Any:
        raise NoAttributeError.of(type(self).__name__, name, (), Computes._instead[name])

    return property(told, doc="Not here; the error says what is.")


for _name in Computes._instead:
    setattr(Computes, _name, _absent(_name))


def _attach(thing: Any) -> None:
    """A new row or function becomes a method of handles, an operator if it is one; a row answers for its NumPy twin."""
    name, row = thing.__name__, isinstance(thing, Op)
    if row and name in _SIGNS and thing.builtin:
        setattr(Computes, f"__{_SIGNS[name]}__", lambda self, o: self.tape.apply(thing, (self, o), _NO_ATTRS))
        setattr(Computes, f"__r{_SIGNS[name]}__", lambda self, o: self.tape.apply(thing, (o, self), _NO_ATTRS))
    if not hasattr(Computes, name) and (not row or (thing.method and thing.args)):
        table = OPS if row else FUNCTIONS

        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            return table[name](self, *args, **kwargs)

        if row and thing.builtin and thing.plain and len(thing.args) == 1 and not thing.attrs:
            def method(self: Any) -> Any:
                return self.tape.apply(thing, (self,), _NO_ATTRS)

        method.__name__, method.__doc__ = name, thing.__doc__
        setattr(Computes, name, method)
    if row and thing.numpy:
        _NUMPY[getattr(np, thing.numpy)] = thing
    if row and name in _ALSO:
        _NUMPY[_ALSO[name]] = thing


# Operators between two arrays, without the detour of `Operators`: they are what short programs are made of.
_SIGNS = {"add": "add", "sub": "sub", "mul": "mul", "div": "truediv", "pow": "pow", "matmul": "matmul"}
_NO_ATTRS: dict[str, Any] = {}
# NumPy functions that a row also answers for: arguments exchanged, or other bits in the last place.
_ALSO = {"greater": np.less, "greater_equal": np.less_equal, "einsum": np.einsum, "norm": np.linalg.norm}
on_register(_attach)
