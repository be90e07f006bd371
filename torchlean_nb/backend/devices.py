"""Devices: where arrays live, which library computes there, and the one explicit way from there to the host.

``"cpu"`` computes with NumPy; ``"cuda"`` with CuPy, which is loaded when a device is first asked for. A library is a
row of `LIBRARIES`, so a stand-in for CuPy is one more row. Arrays cross only through `Device.put` and `host`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from torchlean_nb.backend.namespace import ArrayNamespace, numpy_namespace
from torchlean_nb.errors import (
    BackendError,
    DeviceFailure,
    DeviceMemoryError,
    HyperparameterTypeError,
    UnknownDeviceError,
    did_you_mean,
    quote,
)


class Library(NamedTuple):
    """An array library with NumPy's interface.

    Parameters
    ----------
    np : module
        Of CuPy's interface.
    special : module
        With ``erf`` and ``erfc``.
    kernel : callable
        ``cupy.ElementwiseKernel``.
    count : callable
        Number of devices.
    use : callable
        Makes the device of a number the current one.
    memory : tuple of type
        Errors that mean: out of memory.
    failures : tuple of type
        Errors of the driver, such as a launch that failed.
    """

    np: Any
    special: Any
    kernel: Any
    count: Callable[[], int]
    use: Callable[[int], Any]
    memory: tuple[type[BaseException], ...]
    failures: tuple[type[BaseException], ...]


def _cupy() -> Library:
    """CuPy, where it is installed and sees a device.

    Raises
    ------
    BackendError
    """
    wheels = "pip install cupy-cuda13x (cupy-cuda12x for a driver of CUDA 12); torchlean-nb doctor tells what is there"
    if find_spec("cupy") is None:
        raise BackendError('device "cuda" needs CuPy, which is not installed', None, wheels)
    try:
        cupy = import_module("cupy")
        special = import_module("cupyx.scipy.special")
    except Exception as e:  # a driver library that is missing, or another version of it
        why = f"{type(e).__name__}: {e}"
        raise BackendError('device "cuda": CuPy is installed, but it does not load', why, wheels) from e
    if not cupy.is_available():  # importing it works without a GPU, everything after that does not
        raise BackendError(
            'device "cuda": CuPy is installed, but it finds no CUDA device',
            "no NVIDIA GPU, no driver, or a driver older than CuPy's CUDA", 'device="cpu"; torchlean-nb doctor',
        )
    runtime = cupy.cuda.runtime
    return Library(
        cupy, special, cupy.ElementwiseKernel, runtime.getDeviceCount, lambda i: cupy.cuda.Device(i).use(),
        (cupy.cuda.memory.OutOfMemoryError,), (runtime.CUDARuntimeError, cupy.cuda.driver.CUDADriverError),
    )


LIBRARIES: dict[str, Callable[[], Library]] = {"cuda": _cupy}
_CLASSES: dict[type, Device] = {}  # of arrays, by the library's class: filled when a device is first used
_numbers: dict[str, int] = {}  # of the device that a library computes on in this process
_default = "cpu"


class Device:
    """A place where arrays live.

    Attributes
    ----------
    name : str
        Such as ``"cpu"`` or ``"cuda:1"``.
    kind : str
        The name without the number.
    np : module
        The array library.
    xp : ArrayNamespace
        The primitives there.
    lib : Library or None
        None on the CPU.
    """

    __slots__ = ("kind", "lib", "name", "np", "xp")

    def __init__(self, name: str, kind: str, xp: ArrayNamespace, library: Library | None = None):
        self.name, self.kind, self.xp, self.np, self.lib = name, kind, xp, xp.np, library

    def put(self, a: np.ndarray) -> Any:
        """A host array, copied to this device; on the CPU itself."""
        if self.lib is None:
            return a
        try:
            return self.np.asarray(a)
        except Exception as e:
            raise self.failure(e, f"an array of shape {a.shape} on its way to device {self.name}") or e from None

    def failure(self, error: Exception, where: str) -> BackendError | None:
        """What to raise in place of an error of the driver; None for any other error.

        Parameters
        ----------
        error : Exception
        where : str
            What was computed, such as ``"matmul (node 7)"``.
        """
        if self.lib is None:
            return None
        text = f"{type(error).__name__}: {error}"
        if isinstance(error, self.lib.memory):
            return DeviceMemoryError(
                f"{where}: GPU memory is full, nothing was changed", f"bytes asked for: {text}",
                'a smaller batch, dtype="float32", or s.reset_tape() before the next step',
            )
        if isinstance(error, self.lib.failures):
            return DeviceFailure(
                f"{where}: {self.kind.upper()} refused, nothing was changed", text,
                "restarting the kernel: after such an error a device may stay unusable; torchlean-nb doctor",
            )
        return None

    def owns(self, a: Any) -> bool:
        """Whether an array lives here.

        Examples
        --------
        >>> device("cpu").owns(np.ones(2))
        True
        """
        return isinstance(a, np.ndarray if self.lib is None else self.np.ndarray)

    def __repr__(self) -> str:
        return f"Device {self.name!r}"


@cache
def _cpu() -> Device:
    return Device("cpu", "cpu", numpy_namespace())


@cache
def _opened(kind: str) -> Library:
    return LIBRARIES[kind]()


def device(name: Any = None) -> Device:
    """The device of that name; of None the default.

    Parameters
    ----------
    name : {"cpu", "cuda", "cuda:0", ...} or Device, optional
        Without a number it is the device of that kind that is in use, or 0.

    Raises
    ------
    UnknownDeviceError
        For a name that is none, or a number that is not there.
    BackendError
        When the library or the hardware is missing.

    Examples
    --------
    >>> device("cpu")
    Device 'cpu'
    """
    if isinstance(name, Device):
        name = name.name  # each thread has a current device of its own
    name = _default if name is None else name
    if not isinstance(name, str):
        raise HyperparameterTypeError(f"device: a name must be a str, got {type(name).__name__} {quote(name, 40)}")
    kind, colon, number = name.partition(":")
    if name == "cpu":
        return _cpu()
    if kind not in LIBRARIES or (colon and not (number.isascii() and number.isdecimal() and len(number) < 10)):
        known = ["cpu", *LIBRARIES, *(f"{k}:0" for k in LIBRARIES)]
        raise UnknownDeviceError(f"device {quote(name)} is not available", did_you_mean(name, known), 'device="cpu"')
    return _numbered(kind, int(number) if number else _numbers.get(kind, 0))


def _numbered(kind: str, number: int) -> Device:
    library = _opened(kind)
    if number >= (there := library.count()):
        raise UnknownDeviceError(
            f"device {number} of {kind} is not there", f"available: 0..{there - 1}", f'device="{kind}"'
        )
    if (first := _numbers.setdefault(kind, number)) != number:
        raise BackendError(
            f"device {number} of {kind} cannot be used beside device {first}",
            "a process works on one device: arrays of two do not mix",
            f"another process for it: CUDA_VISIBLE_DEVICES={number}, and device=\"{kind}\"",
        )
    library.use(number)
    _CLASSES[library.np.ndarray] = found = _made(kind, number)
    return found


@cache
def _made(kind: str, number: int) -> Device:
    from torchlean_nb.backend.device_namespace import DeviceNamespace  # noqa: PLC0415 - where there is a device

    xp = DeviceNamespace(_opened(kind))
    xp.device = Device(f"{kind}:{number}" if number else kind, kind, xp, xp.lib)
    return xp.device


def device_of(a: Any) -> Device:
    """The device that holds an array; anything else counts as the host's."""
    return _CLASSES.get(a.__class__) or _cpu()


def is_array(a: Any) -> bool:
    """Whether this is an array of any device.

    Examples
    --------
    >>> is_array(np.ones(2)), is_array([1.0])
    (True, False)
    """
    return isinstance(a, np.ndarray) or a.__class__ in _CLASSES


def is_foreign(a: Any) -> bool:
    """Whether this is an array of a device, be that device in use here or not."""
    return a.__class__ in _CLASSES or (a.__class__.__name__ == "ndarray" and a.__class__.__module__.startswith("cupy"))


def host(a: Any) -> Any:
    """NumPy array of an array wherever it lives, read-only; a NumPy array itself, and so is what is no array.

    Examples
    --------
    >>> x = np.ones(2)
    >>> host(x) is x
    True
    """
    if a.__class__ is np.ndarray or a.__class__ not in _CLASSES:
        return a
    out = a.get()
    out.setflags(write=False)
    return out


def shown(a: Any) -> Any:
    """What `host` gives, for somebody to keep: of an array a view.

    NumPy lets a read-only array be unlocked, reshaped in place or read as another type by whoever holds it; of a view
    only the view changes, and it cannot be unlocked.

    Examples
    --------
    >>> x = np.ones(2)
    >>> x.setflags(write=False)
    >>> shown(x).setflags(write=True)
    Traceback (most recent call last):
    ...
    ValueError: cannot set WRITEABLE flag to True of this array
    """
    a = host(a)
    if a.__class__ is not np.ndarray:
        return a
    if a.base is not None and getattr(a.base, "flags", a.flags).writeable:  # through which it could be unlocked
        a = a.copy()
        a.setflags(write=False)
    return a.view()


def common(arrays: Any) -> Device | None:
    """The device of the first array that is not on the host; None when there is none."""
    return next((_CLASSES[a.__class__] for a in arrays if a.__class__ in _CLASSES), None)


def set_default_device(name: Any) -> Device:
    """Make this the device of every Session, Trainer and program that is told none.

    Raises
    ------
    UnknownDeviceError, BackendError
        And the default stays what it was.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> tl.set_default_device("cpu")
    Device 'cpu'
    """
    global _default
    found = device(name)
    _default = found.name
    return found


def get_default_device() -> Device:
    """The device of what is told none.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> tl.set_default_device("cpu")
    Device 'cpu'
    >>> tl.get_default_device().name
    'cpu'
    """
    return device(None)
