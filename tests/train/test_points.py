"""Points: rows wait, and nobody can tell."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.errors import HyperparameterError
from torchlean_nb.train.observe import FEW, Recorder, _counted, _Drawn, _spread
from torchlean_nb.train.points import WAITING, SeriesByName

RNG = np.random.default_rng(0)


def told(found: SeriesByName) -> dict[str, list[tuple[int, float]]]:
    return {s.name: list(zip(s.steps.tolist(), s.values.tolist(), strict=True)) for s in found.series()}


@pytest.mark.parametrize("looks", [1, 7, 10**9], ids=["always", "now and then", "at the end"])
def test_when_someone_looks_makes_no_difference(looks):
    found, want = SeriesByName(5000), {}
    for k in range(3 * WAITING):
        row = {"a": k / 2, **({"b": -k} if k % 3 == 0 else {}), **({"b": 0.5} if k % 5 == 0 else {})}
        found.put(k // 2, row)  # each step is said twice
        for name, value in row.items():
            want.setdefault(name, {})[k // 2] = float(value)
        if k % looks == 0:
            found.series()
    assert told(found) == {name: list(points.items()) for name, points in want.items()}


@pytest.mark.parametrize("looks", [1, 10**9])
def test_what_is_full_is_halved_at_the_same_points_whoever_looks(looks):
    found, often = SeriesByName(100), SeriesByName(100)
    values = RNG.standard_normal(1000)
    for k, v in enumerate(values):
        for one, every in ((found, looks), (often, 13)):
            one.put(k, {"v": v})
            if k % every == 0:
                one.series()
    assert told(found) == told(often)
    assert 25 <= len(told(found)["v"]) <= 100


@pytest.mark.parametrize(("step", "row", "what"), [
    (4, {"new": 1.0, "a": 2.0}, "after step 5"), (9, {"a": 1.0, "": 2.0}, "not name"), (9, {3: 2.0}, "not name"),
    (9, {"a": 1.0, "b": "much"}, "b is 'much'"), (9, {"a": None}, "not a number"), (9, {"a": 10**400}, "not a number"),
])  # fmt: skip
def test_a_row_that_is_refused_leaves_nothing(step, row, what):
    found = SeriesByName(100)
    found.put(5, {"a": 1.0})
    before = told(found)
    with pytest.raises(HyperparameterError, match=what):
        found.put(step, row)
    assert told(found) == before
    found.put(4, {"late": 1.0})  # another series may begin earlier
    assert told(found) == {**before, "late": [(4, 1.0)]}


def test_a_recorder_goes_on_from_a_run():
    one, other = Recorder(), Recorder()
    for k in range(20):
        one.record(k, {"loss": k})
    other.load(one.trace())
    with pytest.raises(HyperparameterError, match="after step 19"):
        other.record(3, {"loss": 0.0})
    for r in (one, other):
        r.record(20, {"loss": 20})
    assert told(one._series) == told(other._series)


@pytest.mark.parametrize("numbers", [
    RNG.standard_normal(1), RNG.standard_normal(50), RNG.standard_normal(FEW + 1), np.zeros(9), np.array([0.0, 30.0]),
    np.arange(31.0), np.array([-1e300, 1e300, 0.0]), np.array([1e-300, 2e-300]), np.linspace(1e-300, 3e-300, FEW + 2),
], ids=lambda a: f"{len(a)} of {a[0]:.3g}")  # fmt: skip
def test_histograms_of_few_numbers_are_those_of_numpy(numbers):
    edges, counts = _counted(numbers)
    want, its_edges = np.histogram(numbers, 30)
    assert counts.tolist() == want.tolist()
    assert edges.tolist() == its_edges.tolist()


@pytest.mark.parametrize("numbers", [
    RNG.standard_normal(100_000).astype(np.float32), RNG.standard_normal((300, 2)), np.full(FEW + 1, 1e30, np.float32),
    np.linspace(0, 1e-44, FEW + 1, dtype=np.float32), np.array([np.nan, 1.0, np.inf, 2.0]), np.full(4, 1e200),
    np.full(9, 1.0, np.float16), np.arange(9), np.array([-1.7e308, 1.7e308]), np.zeros(0), np.full(3, np.nan),
], ids=lambda a: f"{a.dtype.name} {a.size}")  # fmt: skip
def test_of_many_numbers_each_is_counted_once_and_what_has_no_histogram_leaves_none(numbers):
    finite = numbers[np.isfinite(numbers)].astype(float)
    with np.errstate(all="ignore"):
        drawn = _Drawn(0, _spread("w", "weight", numbers)).histograms
        try:
            want, edges = np.histogram(finite, 30) if finite.size else 1 / 0
        except (ValueError, ZeroDivisionError):
            assert drawn == ()
            return
    (h,) = drawn
    assert h.counts.sum() == finite.size
    assert np.allclose(h.edges, edges)
    assert np.abs(np.cumsum(h.counts) - np.cumsum(want)).max() <= 5e-5 * finite.size


def test_batches_in_order_are_the_rows_of_the_data_and_cannot_be_written():
    data = tl.data.Dataset(RNG.standard_normal((7, 2)), np.arange(7))
    loader = tl.data.DataLoader(data, 3, shuffle=False)
    for start in (0, 3, 6, 0):
        x, y = loader.next_batch()
        assert np.array_equal(x, data.X[start : start + 3]) and np.array_equal(y, data.y[start : start + 3])
        assert not x.flags.writeable and not y.flags.writeable
