"""Nothing is lost: every bad input gives the right error, names what it must, and changes nothing."""

import copy
import csv
import os
import pickle
import tempfile
import threading
import traceback
from pathlib import Path

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors

TABLE = Path(__file__).parents[1] / "data" / "bad_inputs.csv"
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))


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
    x[0] = 1.0
    return x


def _no_memory(xp, g, y, x):
    raise MemoryError("8.0 EiB")


OPS = {
    "op_two_gradients": _broken("op_two_gradients", lambda xp, g, y, x: (g, g)),
    "op_none": _broken("op_none", lambda xp, g, y, x: None),
    "op_shape": _broken("op_shape", lambda xp, g, y, x: xp.zeros(shape=(7,), like=g)),
    "op_writes": _broken("op_writes", lambda xp, g, y, x: g, _write),
    "op_memory": _broken("op_memory", _no_memory),
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
    pid = os.fork()
    if pid == 0:
        try:
            action()
            text = "nothing raised"
        except Exception as e:
            text = f"{type(e).__name__}|{e}"
        os.write(w, text.encode())
        os._exit(0)
    os.waitpid(pid, 0)
    name, text = os.read(r, 10_000).decode().split("|", 1)
    raise getattr(errors, name)(text)


def deep_list():
    """A list nested 100,000 deep."""
    x = []
    for _ in range(100_000):
        x = [x]
    return x


def spec(parents=(), value=None):
    """A trace written by hand: one node with these parents."""
    one = {"dtype": "float64", "shape": [], "data": [1.0]}
    node = {
        "id": 3, "op": "add", "role": "op", "parents": list(parents), "attrs": {}, "name": None, "scope": "",
        "requires_grad": True, "latex": "", "value": value or one, "grad": None,
    }  # fmt: skip
    whole = {"format": "torchlean_nb.graph/1", "meta": {}, "output": 3, "seed": one, "nodes": [node], "edges": []}
    return tl.GraphTrace.from_dict(whole)


def failing_dot(trace):
    """Draw with a program `dot` that fails."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "dot"
        program.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
        program.chmod(0o755)
        with pytest.MonkeyPatch.context() as m:
            m.setenv("PATH", folder)
            return trace.render("graphviz", engine="dot")


def interrupt(i, g):
    """Stop pressed in the middle of a backward pass."""
    raise KeyboardInterrupt


@pytest.fixture
def world():
    s, other = tl.Session(seed=1), tl.Session(seed=2)
    w = s.param([1.0, 2.0], name="w")
    x = s.input(np.arange(6.0).reshape(2, 3), name="x")
    v = s.input([1.0, 2.0, 3.0], name="v")
    zero = s.param([0.0, 1.0], name="z")
    image, kernel = s.input(np.ones((1, 1, 4, 4))), s.input(np.ones((1, 1, 2, 2)))
    loss = (w * w).sum().named("loss")
    s.backward(loss)

    def stale():
        old = loss
        s.reset_tape()
        return old

    def closed():
        c = tl.Session()
        c.close()
        return c

    def matrix():
        with pytest.warns(PendingDeprecationWarning):
            return np.matrix([[1.0]])

    return {
        **OPS, "s": s, "w": w, "x": x, "v": v, "zero": zero, "image": image, "kernel": kernel, "loss": loss,
        "other_x": other.input([1.0]), "other_w": other.param([1.0]), "stale": stale, "closed": closed,
        "matrix": matrix, "fresh": tl.Session, "tl": tl, "np": np, "copy": copy, "pickle": pickle,
        "in_thread": in_thread, "in_fork": in_fork, "deep_list": deep_list, "interrupt": interrupt,
        "FakeCupy": FakeCupy, "spec": spec, "failing_dot": failing_dot, "drawn": lambda: s.trace(loss),
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
@pytest.mark.parametrize("row", ROWS, ids=lambda r: r["id"])
def test_bad_input(row, world):
    before = world["s"].digest()
    ours, builtin = row["exception"].split(":")
    base = getattr(__builtins__, builtin, None) or __builtins__[builtin]
    with pytest.raises(base) as caught:
        eval(row["code"], dict(world))
    if ours:
        assert isinstance(caught.value, getattr(errors, ours)), "".join(traceback.format_exception(caught.value))
    for word in filter(None, row["mentions"].split(";")):
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"
    if row["state"] == "same":
        assert world["s"].digest() == before, "the session changed"


def test_every_message_is_bounded():
    s = tl.Session()
    with pytest.raises(errors.UnknownNodeError) as caught:
        s.value("<script>" + "x" * 10_000_000)
    assert len(str(caught.value)) <= 2000


GOOD = {
    "big-endian": (np.arange(3.0).astype(">f8"), [0.0, 1.0, 2.0]),
    "negative strides": (np.arange(3.0)[::-1], [2.0, 1.0, 0.0]),
    "broadcast view": (np.broadcast_to(np.float64(2.0), (3,)), [2.0, 2.0, 2.0]),
    "read-only": (np.frombuffer(np.arange(3.0).tobytes()), [0.0, 1.0, 2.0]),
    "Fortran order": (np.asfortranarray(np.arange(4.0).reshape(2, 2)), [[0.0, 1.0], [2.0, 3.0]]),
}


@pytest.mark.parametrize("name", GOOD)
def test_unusual_layouts_are_copied_to_native_order(name):
    given, want = GOOD[name]
    x = tl.Session().const(given)
    assert x.value.tolist() == want and x.value.dtype.isnative and x.value.flags.c_contiguous
    assert not np.shares_memory(x.value, given)
