"""What is counted and what can be made to fail: crossings, waits, launches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import local


@dataclass
class Crossings:
    """What went to the device and came back, and what the host waited for.

    Attributes
    ----------
    arrays_in, bytes_in : int
        Host arrays and lists put on the device.
    numbers_in : int
        Single numbers made arrays on the device; not a crossing of data, but a copy all the same.
    arrays_out, bytes_out : int
        Arrays brought back by ``get`` or ``asnumpy``.
    items : int
        Calls of ``item``.
    waits : int
        Results whose shape depends on data (boolean indexing, ``nonzero``, ``unique``): CuPy waits for them.
    launches : Counter
        Computations by name.
    """

    arrays_in: int = 0
    bytes_in: int = 0
    numbers_in: int = 0
    arrays_out: int = 0
    bytes_out: int = 0
    items: int = 0
    waits: int = 0
    launches: Counter = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """Crossings of either way, single numbers and waits included."""
        return self.arrays_in + self.arrays_out + self.items + self.waits


class Current(local):
    """The number of this thread's device."""

    device = 0


current = Current()
crossings = Crossings()  # since the process started
_open = [crossings]
_failing: dict[str, list] = {}


@contextmanager
def counting() -> Iterator[Crossings]:
    """Count what crosses in the block."""
    seen = Crossings()
    _open.append(seen)
    try:
        yield seen
    finally:
        _open[:] = [c for c in _open if c is not seen]


@contextmanager
def failing(name: str, error: BaseException, after: int = 0) -> Iterator[None]:
    """Make one computation raise in the block.

    Parameters
    ----------
    name : str
        A name of the module ("multiply", "zeros", "linalg.svd", the name of a kernel), or "*" for any.
    error : BaseException
        What it raises, every time.
    after : int
        So many calls work before.
    """
    before = _failing.get(name)
    _failing[name] = [error, after]
    try:
        yield
    finally:
        _failing.pop(name)
        if before is not None:
            _failing[name] = before


def launch(name: str) -> None:
    """One computation starts."""
    for c in _open:
        c.launches[name] += 1
    if _failing:
        for key in (name, "*"):
            if plan := _failing.get(key):
                if plan[1] <= 0:
                    raise plan[0]
                plan[1] -= 1


def came_in(nbytes: int) -> None:
    """An array was put on the device."""
    for c in _open:
        c.arrays_in += 1
        c.bytes_in += nbytes


def number_in() -> None:
    """A number was made an array."""
    for c in _open:
        c.numbers_in += 1


def went_out(nbytes: int) -> None:
    """An array was brought to the host."""
    for c in _open:
        c.arrays_out += 1
        c.bytes_out += nbytes


def asked() -> None:
    """One number was asked for."""
    for c in _open:
        c.items += 1


def waited() -> None:
    """The host waited for a shape."""
    for c in _open:
        c.waits += 1
