"""optax as a second opinion on its own schedules, in double precision."""

from __future__ import annotations

import random

import pytest

from torchlean_nb import schedules as s

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
RATES = {"init_value": 0.1, "peak_value": 0.8, "warmup_steps": 20}

CASES = {
    "constant": (s.constant(0.3), lambda o: o.constant_schedule(0.3)),
    "linear": (s.linear(0.1, 0.7, total=30, begin=5), lambda o: o.linear_schedule(0.1, 0.7, 30, 5)),
    "polynomial": (s.polynomial(0.5, 0.01, total=40, begin=3, power=2.5),
                   lambda o: o.polynomial_schedule(0.5, 0.01, 2.5, 40, 3)),
    "polynomial up": (s.polynomial(0.01, 0.5, total=40, power=0.5),
                      lambda o: o.polynomial_schedule(0.01, 0.5, 0.5, 40)),
    "exponential": (s.exponential_decay(0.5, 0.7, total=10, begin=4), lambda o: o.exponential_decay(0.5, 10, 0.7, 4)),
    "exponential stairs": (s.exponential_decay(0.5, 0.7, total=10, staircase=True, end=0.2),
                           lambda o: o.exponential_decay(0.5, 10, 0.7, staircase=True, end_value=0.2)),
    "exponential up": (s.exponential_decay(0.5, 1.1, total=10, end=0.9),
                       lambda o: o.exponential_decay(0.5, 10, 1.1, end_value=0.9)),
    "cosine": (s.cosine(0.5, total=50), lambda o: o.cosine_decay_schedule(0.5, 50)),
    "cosine_decay": (s.cosine_decay(0.5, total=50, alpha=0.1, exponent=1.7),
                     lambda o: o.cosine_decay_schedule(0.5, 50, 0.1, 1.7)),
    "piecewise_constant": (s.piecewise_constant(0.5, [10, 30], [0.5, 3.0]),
                           lambda o: o.piecewise_constant_schedule(0.5, {10: 0.5, 30: 3.0})),
    "piecewise linear": (s.piecewise_interpolate(0.5, [10, 30], [3.0, 0.1]),
                         lambda o: o.piecewise_interpolate_schedule("linear", 0.5, {10: 3.0, 30: 0.1})),
    "piecewise cosine": (s.piecewise_interpolate(0.5, [10, 30], [3.0, 0.1], way="cos"),
                         lambda o: o.piecewise_interpolate_schedule("cosine", 0.5, {10: 3.0, 30: 0.1})),
    "linear_onecycle": (s.linear_onecycle(total=80, peak=0.8), lambda o: o.linear_onecycle_schedule(80, 0.8)),
    "cosine_onecycle": (s.cosine_onecycle(total=80, peak=0.8, pct=0.4, div=5.0),
                        lambda o: o.cosine_onecycle_schedule(80, 0.8, 0.4, 5.0)),
    "linear_warmup": (s.linear_warmup(0.8, 20, start=0.1), lambda o: o.warmup_constant_schedule(**RATES)),
    "warmup_cosine_decay": (s.warmup_cosine_decay(0.1, 0.8, 20, 90, end=0.05, exponent=1.5),
                            lambda o: o.warmup_cosine_decay_schedule(**RATES, decay_steps=90, end_value=0.05,
                                                                     exponent=1.5)),
    "warmup_exponential_decay": (s.warmup_exponential_decay(0.1, 0.8, 20, total=9, gamma=0.7, begin=4, end=0.2),
                                 lambda o: o.warmup_exponential_decay_schedule(
                                     **RATES, transition_steps=9, decay_rate=0.7, transition_begin=4, end_value=0.2)),
    "join": (s.join([s.constant(0.3), s.cosine(0.5, total=20), s.linear(0.1, 0.2, total=9)], [7, 40]),
             lambda o: o.join_schedules([o.constant_schedule(0.3), o.cosine_decay_schedule(0.5, 20),
                                         o.linear_schedule(0.1, 0.2, 9)], [7, 40])),
    "sgdr": (s.sgdr([{"peak": 0.8, "warmup": 5, "total": 30}, {"peak": 0.4, "warmup": 10, "total": 50, "end": 0.1}]),
             lambda o: o.sgdr_schedule([
                 {"init_value": 0.0, "peak_value": 0.8, "warmup_steps": 5, "decay_steps": 30},
                 {"init_value": 0.0, "peak_value": 0.4, "warmup_steps": 10, "decay_steps": 50, "end_value": 0.1}])),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_optax_agrees_at_every_step(name):
    optax = pytest.importorskip("optax")
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    try:
        ours, make = CASES[name]
        theirs = make(optax)
        for k in range(120):
            assert ours(k) == pytest.approx(float(theirs(k)), rel=1e-12, abs=1e-15), k
    finally:
        jax.config.update("jax_enable_x64", False)


def test_every_row_that_names_an_optax_schedule_is_compared():
    named = {row.name for row in s.SCHEDULES.values() if row.optax}
    assert named <= {schedule.name for schedule, _ in CASES.values()}


MACHINES = [
    {}, {"factor": 0.5, "patience": 1}, {"patience": 2, "cooldown": 3}, {"patience": 3, "rtol": 0.0, "atol": 0.05},
    {"patience": 1, "cooldown": 1, "accumulation_size": 3},
    {"patience": 2, "rtol": 0.1, "atol": 0.01, "min_scale": 0.05},
]  # fmt: skip


@pytest.mark.parametrize("options", MACHINES, ids=repr)
@pytest.mark.parametrize("seed", [0, 1])
def test_optax_sees_the_same_plateaus(options, seed):
    optax = pytest.importorskip("optax")
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    try:
        rng = random.Random(seed)
        theirs, ours = optax.contrib.reduce_on_plateau(**options), s.reduce_on_plateau(**options)
        one = jax.numpy.ones(1, dtype="float64")
        a, b = theirs.init(one), ours.init()
        update = jax.jit(lambda state, value: theirs.update(one, state, value=value))
        for k in range(120):
            value = 2 * 0.9 ** min(k, 20) + 0.05 * rng.random() + (k > 80)
            updates, a = update(a, value)
            b = ours.update(b, value)
            for name in ("plateau_count", "cooldown_count", "count"):
                assert getattr(b, name) == int(getattr(a, name)), (k, name)
            for name in ("scale", "best_value", "avg_value"):
                assert getattr(b, name) == pytest.approx(float(getattr(a, name)), rel=1e-12), (k, name)
            assert float(updates[0]) == pytest.approx(b.scale, rel=1e-12)
        assert b.scale < 1
    finally:
        jax.config.update("jax_enable_x64", False)
