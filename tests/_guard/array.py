"""The array: a private NumPy array behind CuPy's attributes, which refuses to become anything else by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import counting

TYPES = "?bBhHiIlLqQefdFD"  # CuPy has no objects, no text, no dates
SCALARS = (bool, int, float, complex, np.generic)


def refused(what: str) -> TypeError:
    """The error of every way out but the explicit ones."""
    return TypeError(
        f"Implicit conversion of a device array: {what}; "
        "compute with xp or device.np, ask with .item() for one number or devices.host(a) for data"
    )


class Hidden(TypeError, AttributeError):
    """An attribute that NumPy looks for and must not find."""


def wrap(a: Any, device: int | None = None, of: Any = ()) -> ndarray:
    """An array of a device, the current one, over this NumPy array or scalar, made `of` these; no copy."""
    if a.__class__ is not np.ndarray:
        a = np.asarray(a)
    if a.dtype.char not in TYPES:
        raise TypeError(f"Unsupported dtype {a.dtype}")
    out = object.__new__(ndarray)
    out._a, out._device = a, counting.current.device if device is None else device
    out._root = None if a.base is None else _root(a.base, of)
    return out


def _root(base: np.ndarray, of: Any) -> ndarray | None:
    """The array that a view was cut from, which it holds, as CuPy's do."""
    for x in of:
        if x.__class__ is ndarray:
            if x._a is base:
                return x
            if x._a.base is base:
                return x._root
    return None


def behind(x: ndarray) -> np.ndarray:
    """What is behind an array, for a computation on the current device, which must be its own."""
    if x._device != counting.current.device:
        raise ValueError(
            "Array device must be same as the current device: "
            f"array device = {x._device} while current = {counting.current.device}"
        )
    return x._a


def array_of(x: Any) -> np.ndarray:
    """What is behind an array of the device; nothing else will do."""
    if x.__class__ is ndarray:
        return behind(x)
    if isinstance(x, np.ndarray):
        raise refused("a NumPy array where an array of the device is needed")
    raise TypeError(f"Unsupported type {type(x)}: an array of the device is needed")


def operand(x: Any) -> Any:
    """What is behind an array of the device, or a scalar."""
    if x.__class__ is ndarray:
        return behind(x)
    if isinstance(x, SCALARS):
        return x
    if isinstance(x, np.ndarray):
        raise refused("a NumPy array beside an array of the device")
    raise TypeError(f"Unsupported type {type(x)}")


def plain(x: Any) -> Any:
    """An argument with what is behind each array in it; NumPy arrays are refused."""
    if x.__class__ is ndarray:
        return behind(x)
    if x.__class__ is tuple or x.__class__ is list:
        return x.__class__([plain(v) for v in x])
    if isinstance(x, np.ndarray):
        raise refused("a NumPy array as an argument")
    return x


def wrapped(result: Any, of: Any = ()) -> Any:
    """Arrays and numbers among results as arrays of the device."""
    if isinstance(result, np.ndarray | np.generic):
        return wrap(result, None, of)
    if isinstance(result, tuple):
        return tuple(wrapped(r, of) for r in result)
    return [wrapped(r, of) for r in result] if isinstance(result, list) else result


def run(name: str, f: Any, args: Any, kwargs: dict[str, Any], out: Any = None) -> Any:
    """One computation."""
    counting.launch(name)
    if out is None:
        return wrapped(f(*[plain(a) for a in args], **{k: plain(v) for k, v in kwargs.items()}), args)
    f(*[plain(a) for a in args], **{k: plain(v) for k, v in kwargs.items()}, out=array_of(out))
    return out


def key_of(a: np.ndarray, key: Any) -> tuple[Any, bool]:
    """NumPy's key for one of ours, and whether it selects by arrays; positions wrap around, as on the device."""
    parts = [_part(k) for k in (key if isinstance(key, tuple) else (key,))]
    arrays = [p for p in parts if isinstance(p, np.ndarray)]
    if any(p.dtype.kind == "b" for p in arrays):
        if len(arrays) > 1:
            raise ValueError("currently, CuPy only supports slices that consist of one boolean array.")
        return tuple(parts), True
    if arrays and any(isinstance(p, np.integer) for p in parts):
        raise IndexError("only integers, slices, ellipsis, None and arrays stand beside an array, no NumPy integer")
    if not arrays:
        return tuple(parts) if any(p is Ellipsis for p in parts) else (*parts, ...), False
    used = sum(p is not None and p is not Ellipsis for p in parts)
    axis = 0
    for i, p in enumerate(parts):
        if p is Ellipsis:
            axis += a.ndim - used
        elif p is not None:
            if isinstance(p, np.ndarray) and axis < a.ndim and a.shape[axis]:
                parts[i] = p % a.shape[axis]
            axis += 1
    return tuple(parts), True


def _part(k: Any) -> Any:
    if k.__class__ is ndarray:
        if k.dtype.kind not in "biu":
            raise IndexError(f"arrays used as indices must be of integer or boolean type. (actual: {k.dtype})")
        return behind(k)
    if isinstance(k, np.ndarray):
        raise refused("a NumPy array as an index")
    if isinstance(k, bool | list):
        k = np.asarray(k) if k != [] else np.zeros(0, int)
        counting.came_in(k.nbytes)
        return k
    if k is None or k is Ellipsis or isinstance(k, slice | int | np.integer):
        return k
    raise IndexError(f"no index of an array: {type(k).__name__}")


class Flags:
    """How an array lies in memory; nothing here can be set."""

    __slots__ = ("c_contiguous", "f_contiguous", "owndata")

    def __init__(self, a: np.ndarray):
        f = a.flags
        for name, value in zip(self.__slots__, (f.c_contiguous, f.f_contiguous, f.owndata), strict=True):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"flags have no {name} that could be set")

    def __getitem__(self, name: str) -> bool:
        return getattr(self, name.lower())

    @property
    def fnc(self) -> bool:
        return self.f_contiguous and not self.c_contiguous

    @property
    def forc(self) -> bool:
        return self.f_contiguous or self.c_contiguous


class ndarray:
    """An array on the device; methods and operators are set from tables in `functions` and `ufuncs`."""

    __slots__ = ("__weakref__", "_a", "_device", "_root")
    __hash__ = None
    __array_priority__ = 100

    def __init__(self, shape: Any, dtype: Any = float, memptr: Any = None, strides: Any = None, order: str = "C"):
        if memptr is not None or strides is not None:
            raise NotImplementedError("memory is given out by the device")
        counting.launch("empty")
        self._a, self._root, self._device = np.empty(shape, dtype, order), None, counting.current.device
        wrap(self._a)  # refuses types CuPy does not have

    # -- attributes --------------------------------------------------------------------------
    shape = property(lambda self: self._a.shape)
    dtype = property(lambda self: self._a.dtype)
    ndim = property(lambda self: self._a.ndim)
    size = property(lambda self: self._a.size)
    itemsize = property(lambda self: self._a.itemsize)
    nbytes = property(lambda self: self._a.nbytes)
    strides = property(lambda self: self._a.strides)
    flags = property(lambda self: Flags(self._a))
    T = property(lambda self: wrap(self._a.T, self._device, (self,)))
    mT = property(lambda self: wrap(self._a.mT, self._device, (self,)))
    device = property(lambda self: _cuda_device(self._device))
    real = property(lambda self: wrap(self._a.real, self._device, (self,)))
    imag = property(lambda self: wrap(self._a.imag, self._device, (self,)))

    @property
    def base(self) -> Any:
        return wrap(self._a.base, self._device) if self._root is None and self._a.base is not None else self._root

    # -- the explicit ways out ------------------------------------------------------------------
    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> np.ndarray:
        counting.launch("get")
        counting.went_out(self._a.nbytes)
        if out is None:
            return np.array(self._a, order=order)
        out[...] = self._a
        return out

    def item(self) -> Any:
        counting.launch("item")
        counting.asked()
        return self._a.item()

    def set(self, arr: np.ndarray, stream: Any = None) -> None:
        if not isinstance(arr, np.ndarray) or arr.shape != self.shape or arr.dtype != self.dtype:
            raise ValueError("set needs a NumPy array of the same shape and dtype")
        counting.came_in(arr.nbytes)
        self._a[...] = arr

    # -- indexing --------------------------------------------------------------------------------
    def __getitem__(self, key: Any) -> ndarray:
        key, by_array = key_of(self._a, key)
        if by_array:
            counting.launch("getitem")
            behind(self)
            if any(isinstance(k, np.ndarray) and k.dtype.kind == "b" for k in key):
                counting.waited()
        return wrap(self._a[key], self._device, (self,))

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, list | tuple):
            value = np.asarray(plain(value))
            counting.came_in(value.nbytes)
        else:
            value = operand(value)
        key, _ = key_of(self._a, key)
        counting.launch("setitem")
        behind(self)[key] = value

    # -- copies ----------------------------------------------------------------------------------
    def __copy__(self) -> ndarray:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> ndarray:
        return self.copy()

    def __reduce__(self) -> Any:
        return _restored, (self.get(),)

    def __repr__(self) -> str:
        return f"<array on the device, {self.dtype}, shape {self.shape}>"

    def view(self, dtype: Any = None, type: Any = None) -> ndarray:
        return wrap(self._a.view() if dtype is None else self._a.view(dtype), self._device, (self,))

    def astype(
        self, dtype: Any, order: str = "K", casting: Any = None, subok: Any = None, copy: bool = True
    ) -> ndarray:
        if not copy and self._a.dtype == dtype:
            return self
        counting.launch("astype")
        return wrap(behind(self).astype(dtype, order, casting or "unsafe", copy=copy))

    # -- refusals --------------------------------------------------------------------------------
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and isinstance(inputs[0], np.generic) and len(inputs) == 2 and not kwargs:
            from .ufuncs import UFUNCS  # a NumPy scalar to the left of an operator: CuPy takes it as a scalar

            return UFUNCS[ufunc.__name__](*inputs)
        raise refused(f"numpy.{ufunc.__name__}")

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        raise refused(f"numpy.{func.__name__}")


def _cuda_device(number: int) -> Any:
    from .cuda import Device

    return Device(number)


def _restored(a: np.ndarray) -> ndarray:
    """An array that was pickled."""
    counting.came_in(a.nbytes)
    return wrap(a)


def _refusal(name: str) -> Any:
    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise refused(name.strip("_") + "()")

    return refuse


def _hiding(name: str) -> property:
    def hide(self: Any) -> Any:
        raise Hidden(str(refused(name)))

    return property(hide)


REFUSED = (
    "__array__", "__float__", "__int__", "__bool__", "__index__", "__complex__", "__iter__", "__len__", "__bytes__",
    "__format__", "__round__", "__trunc__", "__floor__", "__ceil__", "__contains__", "tolist", "tobytes", "tofile",
    "dump", "dumps",
)  # fmt: skip
HIDDEN = ("__array_interface__", "__array_struct__")
for _name in REFUSED:
    setattr(ndarray, _name, _refusal(_name))
for _name in HIDDEN:
    setattr(ndarray, _name, _hiding(_name))
