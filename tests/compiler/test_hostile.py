"""Arguments and functions that nobody should write, and that somebody will: eager mode's numbers, or its words."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.backend.quiet import listening
from torchlean_nb.errors import DTypeError, ForeignHandleError, HandleTypeError, ThreadError

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


@pytest.mark.parametrize("f", [
    lambda x: tl.mean(tl.equal(tl.argmax(x, axis=1), tl.argmax(x * x, axis=1))),  # accuracy
    lambda x: tl.relu(x > 0), lambda x: tl.softsign(x > 0), lambda x: tl.var(x > 0), lambda x: tl.argmax(x),
    lambda x: tl.safe_log(tl.astype(x, dtype="float64")), lambda x: tl.mish(tl.astype(x, dtype="float16")),
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_truths_and_other_types_within_a_function_keep_type_and_bits(f, dtype):
    x = X.astype(dtype)
    found = tl.compile(f, x)(x)
    assert isinstance(found, np.ndarray)
    assert bits([found]) == bits([f(tl.Session(dtype=dtype).input(x)).value])


@pytest.mark.parametrize(("shape", "axis"), [((3, 3, 5, 5), (0, 2)), ((20_000,), None), ((20_000,), 0)])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_narrow_sums_are_rounded_once(shape, axis, dtype):
    x = np.random.default_rng(1).normal(size=shape).astype(dtype)
    found = tl.compile(lambda x: tl.sum(x * 1.5, axis=axis), x)(x)
    assert bits([found]) == bits([np.sum(x * x.dtype.type(1.5), axis=axis, dtype="float64").astype(dtype)])


def test_probabilities_of_a_large_batch_compile():
    x = np.random.default_rng(1).random((200, 60))
    np.full(x.shape, 7.0)  # memory that may be used again
    assert bits([tl.compile(tl.bce, x, x)(x, x)]) == bits([tl.bce(x, x)])


def test_a_parameter_that_is_frozen_between_steps_stays():
    s = tl.Session()
    w, v = s.param([1.0, 2.0], name="w"), s.param(3.0, name="v")
    p = tl.compile(lambda x, w, v: tl.sum((w * x - v) ** 2), [1.0, 1.0], [1.0, 1.0], 1.0, argnums=(1, 2))
    step = p.train_step(tl.optim.Adam([w, v], lr=0.1, fused="numpy"))
    for moves in (True, True, False, True):
        w.requires_grad = moves
        before = w.value.copy(), v.value.copy()
        step(np.array([1.0, 2.0]))
        assert (w.value != before[0]).all() == moves and v.value != before[1]


def test_what_a_function_may_not_return_and_who_cannot_train_is_said():
    s = tl.Session()
    t = s.input(X)
    for f in (lambda x: t, lambda x: (x, t * 2.0)):
        with pytest.raises(ForeignHandleError, match="compile: the function returned a value of a session"):
            tl.compile(f, X)
    with pytest.raises(HandleTypeError, match="empty tuple"):
        tl.compile(lambda x: (), X)
    with pytest.raises(HandleTypeError, match="train_step: 3 is no optimizer"):
        tl.compile(lambda x: tl.sum(x), X).train_step(3)


def test_a_program_that_runs_in_another_thread_says_so():
    p = tl.compile(lambda x: x * 2.0, X)
    p(X)
    inside, done = threading.Event(), threading.Event()
    made = p._last
    worker = threading.Thread(target=made.quietly, args=(lambda: (inside.set(), done.wait(60)),))
    worker.start()
    assert inside.wait(60)
    with pytest.raises(ThreadError, match="is running already"):
        p(X)
    done.set()
    worker.join()
    assert (p(X) == X * 2).all()
