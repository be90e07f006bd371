"""Stop pressed at any instruction: the tape holds whole nodes or none, and a sweep is published or not."""

import sys

import numpy as np
import pytest
from _stop import Stop

import torchlean_nb as tl


def world():
    s = tl.Session(seed=0)
    w, x = s.param(np.ones((2, 2)), name="w"), s.input(np.eye(2), name="x")
    return s, w, x, ((x @ w) ** 2.0).sum()


ACTIONS = {
    "an op with a new constant": lambda s, w, x, y: x * 3.0,
    "a composite": lambda s, w, x, y: tl.softmax(x),
    "an input": lambda s, w, x, y: s.input([1.0, 2.0], name="more"),
    "backward": lambda s, w, x, y: s.backward(y),
    "a new value of a parameter": lambda s, w, x, y: w.set(np.zeros((2, 2))),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_nothing_is_half_done(name):
    act, n, finished = ACTIONS[name], 0, False
    while not finished:
        n += 7
        s, w, x, y = world()
        nodes, stop = len(s.tape), Stop(n)
        sys.settrace(stop)
        try:
            act(s, w, x, y)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        finished = stop.left > 0
        assert all(p < node.id for node in s.tape for p in node.parents)
        # Whatever was interrupted, the session goes on, and its numbers are right.
        assert len(s.tape) in (nodes, nodes + 1, nodes + 2)
        z = (x * x).named("z")
        assert s.tape[z.id].op == "mul" and np.array_equal(z.value, np.eye(2)) and z.id == len(s.tape) - 1
        assert np.array_equal(s.backward(y)[w], 2 * np.ones((2, 2)))
        assert w.value.tolist() in ([[1.0, 1.0]] * 2, [[0.0, 0.0]] * 2)
    assert n > 50
