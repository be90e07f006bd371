"""Running averages beside an optimizer: what they are, how they take the parameters' place, how they are kept."""

import sys

import numpy as np
import pytest
from _stop import Stop
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import torchlean_nb as tl
from torchlean_nb.backend.store import Store
from torchlean_nb.errors import (
    CheckpointError,
    HyperparameterError,
    HyperparameterTypeError,
    NonFiniteError,
    ShapeError,
)
from torchlean_nb.shells.averaging import swapped

W, B = np.array([[1.0, -2.0], [3.0, 0.5]]), np.array([4.0])
KINDS = {
    "ema": lambda p: tl.optim.EMA(p, decay=0.9), "swa": tl.optim.SWA,
    "debiased": lambda p: tl.optim.EMA(p, decay=0.9, debias=True),
}  # fmt: skip
EACH = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
numbers = st.floats(-1e6, 1e6)


def trained(kind, steps=4, dtype=np.float64):
    """An optimizer and its average, some steps on."""
    opt = tl.optim.SGD({"w": W.astype(dtype), "b": B.astype(dtype)}, lr=0.1)
    average = kind(opt)
    for _ in range(steps):
        opt.step(opt.params)
        average.update()
    return opt, average


def values(d):
    return {k: a.tolist() for k, a in d.items()}


# -- what they are --------------------------------------------------------------------------------------
@EACH
def test_before_the_first_update_the_averages_are_the_parameters(kind):
    opt, average = trained(kind, 0)
    assert values(average.averages) == values(opt.params) and average.n_averaged == 0


@EACH
def test_the_first_update_copies(kind):
    opt, average = trained(kind, 1)
    for k, a in average.averages.items():
        assert np.allclose(a, opt.params[k], rtol=1e-15, atol=0)


@given(st.lists(arrays(np.float64, 3, elements=numbers), min_size=1, max_size=8))
def test_swa_is_the_mean(xs):
    swa = tl.optim.SWA({"x": np.zeros(3)})
    for x in xs:
        swa.update({"x": x})
    assert np.allclose(swa.averages["x"], np.mean(xs, axis=0), rtol=1e-12, atol=1e-9)


@given(st.lists(arrays(np.float64, 3, elements=numbers), min_size=1, max_size=8), st.floats(0, 0.99))
def test_a_debiased_ema_is_the_mean_with_falling_weights(xs, decay):
    ema = tl.optim.EMA({"x": np.zeros(3)}, decay=decay, debias=True)
    for x in xs:
        ema.update({"x": x})
    weights = [decay**k for k in reversed(range(len(xs)))]
    assert np.allclose(ema.averages["x"], np.average(xs, axis=0, weights=weights), rtol=1e-9, atol=1e-6)


@given(arrays(np.float64, 3, elements=numbers), st.floats(0, 1, exclude_max=True), st.integers(1, 6))
def test_what_does_not_move_is_its_own_average(x, decay, n):
    ema, swa = tl.optim.EMA({"x": x}, decay=decay), tl.optim.SWA({"x": x})
    for _ in range(n):
        ema.update()
        swa.update()
    assert np.allclose(ema.averages["x"], x, rtol=1e-14, atol=0) and (swa.averages["x"] == x).all()


def test_a_decay_of_zero_keeps_the_last_value_and_one_near_one_the_first():
    last, first = (tl.optim.EMA({"x": np.zeros(1)}, decay=d) for d in (0.0, 1.0 - 1e-15))
    for x in (2.0, 5.0, 7.0):
        last.update({"x": np.array([x])})
        first.update({"x": np.array([x])})
    assert last.averages["x"] == 7 and first.averages["x"] == pytest.approx(2, abs=1e-13)


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_averages_keep_shape_and_dtype_and_are_read_only(kind, dtype):
    _, average = trained(kind, dtype=dtype)
    for k, a in average.averages.items():
        assert a.dtype == dtype and a.shape == {"w": W, "b": B}[k].shape and not a.flags.writeable


def test_averages_of_a_session_follow_its_parameters():
    s = tl.Session()
    w = s.param([1.0, -2.0], name="w")
    opt, swa = tl.optim.SGD([w], lr=0.25), tl.optim.SWA([w])
    for _ in range(2):
        s.step(opt, lambda: (w * w).sum())
        swa.update()
    assert swa.averages["w"].tolist() == [0.375, -0.75]
    with swa.applied():
        assert w.value.tolist() == [0.375, -0.75]
    assert w.value.tolist() == [0.25, -0.5]


# -- in the place of the parameters ---------------------------------------------------------------------------
@EACH
def test_averages_take_the_place_of_the_parameters_for_a_block(kind):
    opt, average = trained(kind)
    before, averages = values(opt.params), values(average.averages)
    assert before != averages
    with average.applied():
        assert values(opt.params) == averages
    assert values(opt.params) == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_parameters_come_back_after_an_error(error):
    opt, average = trained(KINDS["ema"])
    before = values(opt.params)
    with pytest.raises(error), average.applied():
        raise error
    assert values(opt.params) == before


def test_training_goes_on_as_if_nothing_had_been_swapped():
    opt, average = trained(KINDS["ema"])
    other, _ = trained(KINDS["ema"])
    with average.applied():
        pass
    for o in (opt, other):
        o.step(o.params)
    assert values(opt.params) == values(other.params)


def test_blocks_may_be_nested():
    opt, ema = trained(KINDS["ema"])
    swa = tl.optim.SWA(opt)
    before = values(opt.params)
    with ema.applied():
        with swa.applied():
            assert values(opt.params) == before
        assert values(opt.params) == values(ema.averages)
    assert values(opt.params) == before


def test_stop_during_a_block_leaves_the_old_values_at_any_instruction():
    n = stopped = 0
    while True:
        n += 1
        old, new = {"a": np.zeros(2), "b": np.ones(2)}, {"a": np.full(2, 2.0), "b": np.full(2, 3.0)}
        store, stop, inside = Store(old), Stop(n), None
        sys.settrace(stop)
        try:
            with swapped(store, new):
                inside = [store[k] is new[k] for k in new]
        except KeyboardInterrupt:
            stopped += 1
        finally:
            sys.settrace(None)
        assert all(store[k] is old[k] for k in old), n
        assert inside in (None, [True, True])
        if stop.left > 0:
            break
    assert stopped > 30


def test_an_update_that_is_interrupted_has_happened_or_not():
    def state(opt, ema):
        return ema.n_averaged, values(ema.averages), values(opt.params)

    def update(ema):
        ema.update({"w": 2 * W, "b": 2 * B})

    opt, ema = trained(KINDS["ema"])
    possible = [state(opt, ema)]
    update(ema)
    possible.append(state(opt, ema))
    outcomes, n = [], 0
    while True:
        n += 3
        opt, ema = trained(KINDS["ema"])
        stop = Stop(n)
        sys.settrace(stop)
        try:
            update(ema)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        outcomes.append(possible.index(state(opt, ema)))
        if stop.left > 0:
            break
    assert outcomes == sorted(outcomes) and outcomes[0] == 0 and outcomes[-1] == 1 and len(outcomes) > 50


@pytest.mark.parametrize("fused", [False, True])
def test_a_step_inside_a_block_ends_with_it(fused):
    opt = tl.optim.Adam({"w": W, "b": B}, lr=0.1, fused=fused)
    ema = tl.optim.EMA(opt, decay=0.5)
    for _ in range(3):
        opt.step(opt.params)
        ema.update()
    before = values(opt.params)
    with ema.applied():
        for _ in range(3):
            opt.step(opt.params)
        assert values(opt.params) != before
    assert values(opt.params) == before


@pytest.mark.parametrize("fused", [False, True])
def test_averages_do_not_change_with_later_steps(fused):
    opt = tl.optim.Adam({"w": W, "b": B}, lr=0.1, fused=fused)
    opt.step(opt.params)
    swa = tl.optim.SWA(opt)
    first = values(swa.averages)
    for _ in range(3):
        opt.step(opt.params)
    assert values(swa.averages) == first


# -- kept -------------------------------------------------------------------------------------------------
@EACH
def test_a_resumed_average_is_the_same(kind):
    _, average = trained(kind)
    plain = average.state_dict()
    fresh = kind({"w": W, "b": B})
    fresh.load_state_dict(plain)
    assert fresh.n_averaged == 4 and values(fresh.averages) == values(average.averages)
    for each in (average, fresh):
        each.update({"w": -W, "b": -B})
    assert values(fresh.averages) == values(average.averages)


def test_a_state_dict_is_a_copy():
    _, average = trained(KINDS["ema"])
    before = values(average.averages)
    average.state_dict()["values"]["w"][:] = 7
    assert values(average.averages) == before


BAD_STATES = {
    "nothing": lambda d: None, "another kind": lambda d: d | {"kind": "SWA"}, "no count": lambda d: d | {"n": -1},
    "a flag": lambda d: d | {"n": True}, "a missing value": lambda d: d | {"values": {"w": W}},
    "another shape": lambda d: d | {"values": {"w": W[0], "b": B}},
    "another dtype": lambda d: d | {"values": {"w": W.astype(np.float32), "b": B}},
    "something more": lambda d: d | {"x": 1}, "a list": lambda d: d | {"values": [W, B]},
}  # fmt: skip


@pytest.mark.parametrize("spoil", BAD_STATES.values(), ids=BAD_STATES)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(spoil):
    _, average = trained(KINDS["ema"])
    before, n = values(average.averages), average.n_averaged
    with pytest.raises(CheckpointError):
        average.load_state_dict(spoil(average.state_dict()))
    assert values(average.averages) == before and average.n_averaged == n


def test_a_state_with_a_bad_decay_is_refused():
    _, average = trained(KINDS["ema"])
    with pytest.raises(HyperparameterError, match="decay=2"):
        average.load_state_dict(average.state_dict() | {"decay": 2})
    assert average.options["decay"] == 0.9


# -- what is refused -------------------------------------------------------------------------------------
@pytest.mark.parametrize("decay", [-0.1, 1.0, 1.1, float("nan"), float("inf"), "0.9", None, True])
def test_a_bad_decay_is_refused_by_name(decay):
    with pytest.raises(HyperparameterError, match="EMA: decay="):
        tl.optim.EMA({"w": W}, decay=decay)


def test_an_average_of_nothing_is_refused():
    with pytest.raises(HyperparameterError, match="empty"):
        tl.optim.SWA([])
    with pytest.raises(HyperparameterTypeError, match="SWA"):
        tl.optim.SWA(W)


def test_two_parameters_of_one_name_are_refused():
    s = tl.Session()
    with pytest.raises(HyperparameterError, match="two parameters are named"):
        tl.optim.EMA([{"params": [s.param(W)]}, {"params": [s.param(B, name="param_0")]}])


BAD_VALUES = {
    "an unknown name": ({"<b>": W}, HyperparameterError), "another shape": ({"w": B}, ShapeError),
    "NaN": ({"w": np.full((2, 2), np.nan)}, NonFiniteError),
    "text": ({"w": np.full((2, 2), "x")}, ShapeError), "a list": ([W], HyperparameterTypeError),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "error"), BAD_VALUES.values(), ids=BAD_VALUES)
def test_values_that_do_not_fit_are_refused_and_change_nothing(bad, error):
    opt, average = trained(KINDS["ema"])
    before, params = values(average.averages), values(opt.params)
    with pytest.raises(error):
        average.update({"b": 2 * B, **bad} if isinstance(bad, dict) else bad)
    assert values(average.averages) == before and values(opt.params) == params and average.n_averaged == 4


def test_it_says_what_it_is():
    assert repr(trained(KINDS["ema"])[1]) == "<EMA of 2 parameters, 4 updates; decay=0.9, debias=False>"
