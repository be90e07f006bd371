"""Numbers that TorchLean gives for its schedulers."""

from __future__ import annotations

import pytest

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.schedules import (
    constant,
    cosine,
    cosine_annealing,
    custom,
    cyclic,
    exponential_decay,
    linear_warmup,
    lr_finder,
    one_cycle,
    one_cycle_lr,
    step_decay,
    triangular,
    warmup_cosine,
    warmup_cosine_floor,
)


def close(schedule, expected):
    assert schedule.values(len(expected)) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_linear_warmup_is_fact_15():
    close(linear_warmup(0.2, 2, start=0.05), [0.05, 0.125, 0.2, 0.2])


def test_warmup_cosine_starts_at_zero_and_rebounds_as_fact_15_says():
    climb = [0, 0.5, 1, 0.8535533906, 0.5, 0.1464466094, 0]
    close(warmup_cosine(1, 2, 6, clamped=False), [*climb, 0.1464466094, 0.5, 0.8535533906, 1])
    close(warmup_cosine(1, 2, 6), [*climb, 0, 0, 0, 0])


def test_the_trainers_warmup_cosine_wastes_no_step_and_stays_at_its_floor():
    close(warmup_cosine_floor(1, 0.2, 2, 6), [0.5, 1, 1, 0.8828427125, 0.6, 0.3171572875, 0.2, 0.2, 0.2])
    with pytest.raises(HyperparameterError, match="warmup=6"):
        warmup_cosine_floor(1, 0.2, warmup=6, total=6)


def test_cyclic_modes_are_fact_16():
    close(cyclic(0.1, 1, up=2), [0.1, 0.55, 1, 0.55, 0.1, 0.55])
    close(triangular(0.1, 1, size=2), [0.1, 0.55, 1, 0.55, 0.1, 0.55])
    close(cyclic(0.1, 1, up=2, mode="triangular2"), [0.1, 0.55, 1, 0.55, 0.1, 0.325, 0.55, 0.325])
    decayed = [0.1, 0.505, 0.829, 0.42805, 0.1, 0.3657205, 0.5782969, 0.315233605, 0.1]
    close(cyclic(0.1, 1, up=2, mode="exp_range", gamma=0.9), decayed)


def test_an_unknown_mode_and_an_empty_cycle_are_refused_where_torchlean_guesses():
    for wrong in ({"mode": "saw", "up": 2}, {"up": 0}):
        with pytest.raises(HyperparameterError, match=next(iter(wrong))):
            cyclic(0.1, 1, **wrong)


def test_lr_finder_goes_past_its_end_as_fact_18_says():
    close(lr_finder(1e-5, 1, 5), [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10])


def test_the_plain_ones():
    close(constant(0.1), [0.1, 0.1])
    close(exponential_decay(1, 0.5), [1, 0.5, 0.25])
    close(step_decay(1, size=2, gamma=0.5), [1, 1, 0.5, 0.5, 0.25])
    close(custom(lambda k: 0.5**k), [1, 0.5, 0.25])


def test_the_native_cosine_stays_down_and_pytorchs_climbs_back():
    down = [1, 0.5, 0]
    close(cosine(1, total=2), [*down, 0, 0])
    close(cosine_annealing(1, total=2), [*down, 0.5, 1])


def test_the_two_one_cycles_differ_in_their_last_value_and_in_where_they_turn():
    native, torch = one_cycle(1.0, total=10, pct=0.3), one_cycle_lr(1.0, total=10, pct=0.3, way="linear")
    assert native(3) == torch(2) == 1.0
    assert native(10) == native(99) == 1 / 1e4
    assert torch(9) == torch(99) == 1 / 25 / 1e4
