"""What is dropped dies at once, by reference counts alone; what is kept keeps all that it needs."""

import gc
import weakref

import numpy as np
import pytest

import torchlean_nb as tl
from tests.load.ends import LIVES


def survivors(life):
    """What outlives a life while the collector of cycles is off."""
    on = gc.isenabled()
    gc.disable()
    try:
        seen = [(type(x).__name__, weakref.ref(x)) for x in life()]
        return [name for name, there in seen if there() is not None]
    finally:
        if on:
            gc.enable()


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
def test_what_is_dropped_is_dead_before_the_collector_comes(life):
    assert survivors(life) == []


def test_a_cycle_would_be_noticed():
    def life():
        s = tl.Session()
        loop = [s]
        loop.append(loop)
        yield s

    assert survivors(life) == ["Session"]


def test_a_parameter_alone_keeps_its_session_and_goes_on_in_full():
    x = tl.Session(seed=3).param(2.0, name="x")
    y = x * x
    g = x.session.backward(y)
    assert float(g[x]) == 4.0 and x.session.grads is g and list(g) == [x]
    x.value = 3.0
    x.session.reset_tape()
    assert float(x.session.backward(x * x)[x]) == 6.0 and x.session.params == {"x": x}
    assert x.session.rng == tl.Session(seed=3).rng
    with pytest.raises(tl.errors.ShapeError, match="param 'x'"):
        x.value = [1.0, 2.0]


def test_a_parameter_is_one_object_for_as_long_as_somebody_has_it():
    s = tl.Session()
    w = s.param(1.0, name="w")
    assert s.params["w"] is w and s.params["w"] in {w} and list(s.params.values()) == [w]
    assert w.session is s and next(iter(s.backward(w * w))) is w


def test_what_was_said_of_a_parameter_holds_when_nobody_has_it():
    s = tl.Session()
    s.param([1.0, 2.0], name="w")
    s.params["w"].requires_grad = False
    s.params["w"].value = [3.0, 4.0]
    assert not s.params["w"].requires_grad and s.params["w"].value.tolist() == [3.0, 4.0]
    assert not (s.params["w"] * 2.0).requires_grad


@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_gradients_alone_know_the_parameters_they_are_of(backend):
    def found():
        s = tl.Session(backend=backend)
        w, b = s.param([1.0, 2.0], name="w"), s.param(3.0, name="b")
        for _ in range(2):
            s.reset_tape()
            g = s.backward((w * w).sum() + b)
        return g

    g = found()
    assert {p.name: g[p].tolist() for p in g} == {"w": [2.0, 4.0], "b": 1.0}
    w, b = g
    assert w.session is b.session and w.session.params == {"w": w, "b": b}
    assert w.value.tolist() == [1.0, 2.0] and float(w.session.backward((w * w).sum())[b]) == 0.0
    there = weakref.ref(w.session)
    del g, w, b
    assert there() is None


def test_a_range_test_puts_the_last_gradients_back():
    s = tl.Session()
    w = s.param(np.ones(2), name="w")
    opt = tl.optim.SGD([w], lr=0.1)
    before = s.step(opt, lambda: (w * w).sum()).gradients
    tl.lr_find(opt, lambda: ((y := (w * w).sum()), s.backward(y)), steps=5)
    assert s.grads is before and float(s.grads.value) == 2.0
