"""Min-max-LTTB: few points, and none of those that matter missing."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.trace.sampling import _pick, _pick_of_many, extremes, min_max_lttb, path_extremes

ANY = st.floats(width=64) | st.sampled_from([0.0, 1.0, np.nan, np.inf, -np.inf])


@given(st.lists(ANY, max_size=300), st.integers(12, 60), st.integers(1, 5))
def test_what_is_left_is_few_and_in_order_and_was_there(values, n, stride):
    steps = np.arange(len(values)) * stride
    s, v = min_max_lttb(steps, values, n)
    assert len(s) == len(v) <= max(n, 0) or len(values) <= n
    assert (np.diff(s) > 0).all()
    assert np.array_equal(np.array(values, dtype=float)[s // stride], v, equal_nan=True)


@given(st.lists(ANY, min_size=13, max_size=300), st.integers(12, 60))
def test_ends_and_extremes_are_kept(values, n):
    a = np.array(values)
    s, v = min_max_lttb(np.arange(len(a)), a, n)
    good = a[np.isfinite(a)]
    assert s[0] == 0 and s[-1] == len(a) - 1
    assert good.size == 0 or {good.min(), good.max()} <= set(v[np.isfinite(v)])


@given(st.lists(st.tuples(st.integers(20, 400), st.sampled_from([np.nan, np.inf, -np.inf]), st.integers(1, 30)),
                min_size=1, max_size=6))  # fmt: skip
def test_both_ends_of_every_stretch_of_what_is_no_number_are_kept(pieces):
    values, ends = [], []
    for clean, odd, length in pieces:
        values += [float(k % 7) for k in range(clean)] + [odd] * length
        ends += [len(values) - length, len(values) - 1]
    s, v = min_max_lttb(np.arange(len(values)), values, 100)
    assert set(ends) <= set(s.tolist()) or len(values) <= 100
    assert np.array_equal(np.asarray(values)[s], v, equal_nan=True)


@given(st.lists(ANY, min_size=100, max_size=200))
def test_the_same_points_give_the_same_choice(values):
    first, again = (min_max_lttb(np.arange(len(values)), list(values), 20) for _ in range(2))
    assert np.array_equal(first[0], again[0])


def test_a_spike_in_a_million_points_is_seen():
    rng = np.random.default_rng(0)
    values = np.exp(-np.arange(10**6) / 2e5) + 0.01 * rng.standard_normal(10**6)
    values[[123_456, 654_321]] = 5, -5
    values[400_000:400_003] = np.nan
    s, _ = min_max_lttb(np.arange(10**6), values)
    assert 900 < len(s) <= 1000
    assert {123_456, 654_321, 400_000, 400_002} <= set(s.tolist())
    assert np.diff(s).max() < 10_000


def test_the_choice_within_a_bucket_spans_the_largest_triangle():
    rng = np.random.default_rng(1)
    x, y = np.arange(40), rng.integers(-50, 50, 40)
    s, _ = min_max_lttb(x, y, 20)
    extremes = {int(y.argmin()), int(y.argmax())}
    m = 20 - len({0, 39, *extremes})
    bounds = np.searchsorted(x / 39, np.linspace(1 / 39, 1, m - 1))
    chosen, at = {0, 39, *extremes}, 0
    for k in range(len(bounds) - 1):
        a, b = bounds[k], bounds[k + 1]
        last = k == len(bounds) - 2
        ahead = range(39, 40) if last else range(b, bounds[k + 2])
        mx, my = (Fraction(sum(int(v[i]) for i in ahead), len(ahead)) for v in (x, y))
        areas = [
            abs((mx - int(x[at])) * (int(y[i]) - int(y[at])) - (my - int(y[at])) * (int(x[i]) - int(x[at])))
            for i in range(a, b)
        ]
        at = int(a + int(np.argmax([float(v) for v in areas])))
        chosen.add(at)
    assert chosen == set(s.tolist())


def test_a_crowded_end_does_not_empty_the_rest():
    steps = np.r_[np.arange(0, 100_000, 1000), np.arange(100_000, 101_000)]
    s, _ = min_max_lttb(steps, np.sin(steps / 7000), 100)
    assert np.sum(s < 100_000) > 40


@pytest.mark.parametrize("n", [12, 13, 40])
def test_more_stretches_than_there_is_room_for_are_thinned(n):
    values = np.where(np.arange(900) % 2, np.nan, np.arange(900) % 7)
    s, v = min_max_lttb(np.arange(900), values, n)
    assert len(s) <= n and 2 <= np.isnan(v).sum() <= n / 4 + 1 and np.isfinite(v).sum() > n / 3


def test_numbers_at_the_edge_of_the_range_do_not_overflow():
    values = np.where(np.arange(500) % 2, 1.7e308, -1.7e308)
    s, v = min_max_lttb(np.arange(500), values, 50)
    assert len(s) <= 50 and set(v) == {1.7e308, -1.7e308}


def test_short_series_stay_whole():
    s, v = min_max_lttb([3, 5], [1.0, np.nan])
    assert s.tolist() == [3, 5] and np.isnan(v[1])


def test_too_few_points_and_unequal_lengths_are_refused():
    with pytest.raises(HyperparameterError):
        min_max_lttb([0], [0.0], 3)
    with pytest.raises(ShapeError):
        min_max_lttb([0], [0.0, 1.0])


@pytest.mark.parametrize("size", [40, 399, 5000])
def test_lists_and_arrays_pick_the_same_points(size):
    rng = np.random.default_rng(size)
    x, y = np.sort(rng.random(size)), rng.standard_normal(size)
    bounds = np.unique(rng.integers(1, size, 12))
    for a, b in pairwise(bounds.tolist()):
        args = (a, b, a - 1, float(rng.random()), float(rng.standard_normal()))
        assert _pick(x.tolist(), y.tolist(), *args) == _pick_of_many(x, y, *args)


def noisy_table():
    rng = np.random.default_rng(0)
    return rng.standard_normal(10_000).cumsum(), rng.standard_normal(10_000)


@pytest.mark.parametrize("n", [12, 100, 999, 20_000])
def test_extremes_hold_the_smallest_and_the_largest_of_every_window_of_every_column(n):
    columns = noisy_table()
    kept = extremes(n, *columns)
    assert len(kept) <= max(n, 12) and (np.diff(kept) > 0).all() and kept[0] == 0 and kept[-1] == 9999
    bounds = np.linspace(0, 10_000, (n - 2) // 4 + 1).astype(int)
    for a, b in pairwise(bounds.tolist()):
        inside = kept[(kept >= a) & (kept < b)]
        for c in columns:
            assert (c[inside].min(), c[inside].max()) == (c[a:b].min(), c[a:b].max())


def test_nan_hides_no_extreme_beside_it():
    x, y = noisy_table()
    x[::2], peak = np.nan, np.nanargmax(x[5001::2]) * 2 + 5001
    assert peak in extremes(50, x, y)


def test_a_way_is_kept_where_it_moves_and_a_rest_takes_nothing_from_it():
    turn = np.linspace(0, 40, 500)
    x, y = (np.r_[f(turn) * np.exp(-turn / 10), np.zeros(100_000)] for f in (np.cos, np.sin))
    kept = path_extremes(600, x, y, 1e-4)
    assert set(range(500)) <= set(kept.tolist()) and kept[-1] == len(x) - 1 and len(kept) < 510


@pytest.mark.parametrize("grain", [1e-9, 0.01, 0.5])
def test_a_way_reaches_as_far_as_all_its_points(grain):
    x, y = noisy_table()
    kept = path_extremes(100, x, y, grain)
    assert len(kept) <= 100
    for c in (x, y):
        assert abs(c[kept].min() - c.min()) <= grain and abs(c[kept].max() - c.max()) <= grain
