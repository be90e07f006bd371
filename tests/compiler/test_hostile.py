"""Arguments and functions that nobody should write, and that somebody will: eager mode's numbers, or its words."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.backend.quiet import listening
from torchlean_nb.errors import DTypeError, HandleTypeError

X = np.random.default_rng(0).normal(size=(4, 3))


def bits(found):
    """Types and bytes of arrays."""
    return [(a.dtype, a.shape, a.tobytes()) for a in map(np.asarray, found)]


@pytest.mark.parametrize("args", [
    (X[0].astype("f4"), 0.5), (X[0].astype("f4"), [1, 2, 3]), (X[0].astype("f4"), X[1]), (X[0].astype("f2"), 1e-3),
    (X[0].astype(">f4"), 0.5), (0.1, X[0].astype("f4")),
])  # fmt: skip
def test_floats_of_several_types_are_of_one_type_as_on_a_tape(args):
    def f(a, b):
        return tl.sum(tl.tan(a) * b)

    value, slopes = tl.value_and_grad(f, (0, 1))(*args)
    p, ones = tl.compile(f, *args, argnums=(0, 1)), tuple(map(np.ones_like, slopes))
    got, found = p.value_and_grad(*args)
    assert bits([got, *found]) == bits([value, *slopes])
    assert bits(p.jvp(args, ones)) == bits(tl.jvp(f, args, ones))


def test_a_single_number_has_its_bits_whatever_its_strides():
    p = tl.compile(tl.sinh, X[0, :1])
    for x in X.ravel():
        backwards = np.array([x])[::-1]
        assert bits([p(backwards), p(backwards[None])[0]]) == bits([tl.jvp(tl.sinh, (backwards,), ([1.0],))[0]] * 2)


def test_a_gradient_that_nothing_reaches_has_the_type_of_its_argument():
    def f(x, unused):
        return tl.sum(tl.astype(x, dtype="float32"))

    args = X[0], X[1]
    slopes = tl.grad(f, (0, 1))(*args)
    assert bits(slopes) == bits(tl.compile(f, *args, argnums=(0, 1)).value_and_grad(*args)[1])
    assert slopes[1].dtype == X.dtype


def test_examples_share_a_type_under_vmap():
    many, mapped = X.astype("f4"), tl.vmap(lambda a, b: tl.tan(a) * b, in_axes=(0, None))
    assert bits([mapped(many, 0.3)]) == bits([[tl.compile(lambda a: tl.tan(a) * 0.3, a)(a) for a in many]])


@pytest.mark.parametrize("a", [np.ma.array([1.0, 2.0], mask=[0, 1]), "a", 10**400, np.array([1j])])
def test_what_is_no_plain_array_of_numbers_is_refused(a):
    p = tl.compile(lambda x: x * 2.0, X)
    for call in (p, lambda a: tl.compile(lambda x: x, a), tl.vmap(lambda x: x)):
        with pytest.raises(DTypeError):
            call(a)
    with pytest.raises(HandleTypeError, match="vmap: 3 is of type int"):
        tl.vmap(3)


def test_nothing_is_said_of_numbers_that_nobody_computed():
    x, mixed = np.ones((300, 30, 10), "f4"), np.tile(np.array([np.inf, -np.inf], "f4"), 45_000)
    del mixed  # memory that may be used again, and of which a sum is not a number
    assert float(tl.compile(lambda x: tl.mean((x * 2.0) ** 2), x)(x)) == 4.0


def test_what_overflows_in_every_run_leaves_nothing_behind():
    run, heard = listening()
    for _ in range(3):
        run(np.log, np.zeros(1))
    assert len(heard) == 1


def test_data_of_a_training_step_take_the_type_of_the_parameters():
    w = {"w": np.ones(3, "f4")}
    opts = [tl.optim.SGD(w, lr=0.1, fused=fused) for fused in ("numpy", False, "numpy")]
    steps = [tl.compile(lambda x, w: tl.sum(tl.tan(x * w)), X, w["w"], argnums=1).train_step(opt) for opt in opts]
    losses = [step(x) for step, x in zip(steps, (X, X, X.astype("f4")), strict=True)]
    assert losses[0] == losses[1] == losses[2]
    assert bits([opt.params["w"] for opt in opts]) == bits([opts[0].params["w"]] * 3)
