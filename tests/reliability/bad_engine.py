"""Words of the rows about sessions, ops and gradients."""

from __future__ import annotations

import os
import threading
import warnings
from typing import Any

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors


class FakeCupy:
    """Array of another library, which refuses to become a NumPy array by itself."""

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")


def _broken(name, rule, forward=None):
    def run(xp, x):
        return xp.add(x, 0)

    make = tl.extend.general(name=name, vjps=(rule,), shape=lambda s: s, latex="#1")
    return make(forward or run)


def _write(xp, x):
    """Write into the argument."""
    x[0] = 7.0
    return x


def _same(xp, x):
    """Hand the argument back."""
    return x


def _no_memory(xp, g, y, x):
    raise MemoryError("8.0 EiB")


OPS = {
    "op_two_gradients": _broken("op_two_gradients", lambda xp, g, y, x: (g, g)),
    "op_none": _broken("op_none", lambda xp, g, y, x: None),
    "op_shape": _broken("op_shape", lambda xp, g, y, x: xp.zeros(shape=(7,), like=g)),
    "op_writes": _broken("op_writes", lambda xp, g, y, x: g, _write),
    "op_alias": _broken("op_alias", lambda xp, g, y, x: g, _same),
    "op_memory": _broken("op_memory", _no_memory),
    "op_once": _broken("op_once", lambda xp, g, y, x: np.multiply(np.asarray(g), 2.0)),
}


def in_thread(action):
    """Run in a second thread and raise here what it raised there."""
    caught = []

    def run():
        try:
            action()
        except Exception as e:
            caught.append(e)

    t = threading.Thread(target=run)
    t.start()
    t.join()
    raise caught[0]


def in_fork(action):
    """Run in a forked child and raise here what it raised there."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    r, w = os.pipe()
    with warnings.catch_warnings(action="ignore"):
        pid = os.fork()
    if pid == 0:
        try:
            action()
            text = "AssertionError|nothing raised"
        except BaseException as e:
            text = f"{type(e).__name__}|{e}"
        try:
            os.write(w, text.encode())
        finally:
            os._exit(0)
    os.close(w)
    with os.fdopen(r, "rb") as f:
        name, text = f.read().decode().split("|", 1)
    os.waitpid(pid, 0)
    raise getattr(errors, name, AssertionError)(text)


def deep_list():
    """A list nested 100,000 deep."""
    x: list[Any] = []
    for _ in range(100_000):
        x = [x]
    return x


def interrupt(i, g):
    """Stop pressed in the middle of a backward pass."""
    raise KeyboardInterrupt


def matrix():
    """What NumPy itself advises against."""
    with warnings.catch_warnings(action="ignore"):
        return np.matrix([[1.0]])


def said(action):
    """What an action that is refused says."""
    with pytest.raises(errors.TorchLeanError) as caught:
        action()
    return str(caught.value)


def as_given(a):
    """Whether a constant made of an array holds its values, in memory of its own and in native order."""
    x = tl.Session().const(a).value
    return np.array_equal(x, a) and x.dtype.isnative and x.flags.c_contiguous and not np.shares_memory(x, a)


WORDS = {
    **OPS, "in_thread": in_thread, "in_fork": in_fork, "deep_list": deep_list, "interrupt": interrupt,
    "matrix": matrix, "FakeCupy": FakeCupy, "fresh": tl.Session, "as_given": as_given,
    "said": said,
}  # fmt: skip


class Engine:
    """Handles that went stale, sessions that were closed, long chains."""

    def chain(self, n):
        """A number that comes out of a parameter by n additions of nothing."""
        y = self.w[0]
        for _ in range(n):
            y = y + 0.0
        return y

    def stale(self):
        """The loss, after its tape was dropped."""
        self.s.reset_tape()
        return self.loss

    def closed(self):
        """A closed session."""
        s = tl.Session()
        s.close()
        return s
