"""A Dataset owns what it holds, is never written into, and can be taken apart and put together without loss."""

from __future__ import annotations

import socket
import sys

import numpy as np
import pytest
from _payloads import PAYLOADS
from hypothesis import given
from hypothesis import strategies as st

from torchlean_nb import data
from torchlean_nb.data import Dataset, collate, moons, one_hot, spirals, xor
from torchlean_nb.errors import BackendError, DataError, NonFiniteError

SETS = {
    "digits": ((1797, 64), 10), "iris": ((150, 4), 3), "wine": ((178, 13), 3), "breast_cancer": ((569, 30), 2),
    "diabetes": ((442, 10), None),
}  # fmt: skip


def numbered(n, k=2):
    return Dataset(np.arange(n * k, dtype=float).reshape(n, k), np.arange(n))


def test_arrays_are_copied_and_frozen():
    x = np.ones((2, 2))
    ds = Dataset(x)
    x[:] = 7.0
    assert ds.X.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    for a in (ds.X, ds[0][0], ds[0:1].X, ds.take([1]).X, ds.batches(1)[0][0], *collate(ds), *ds.split(1)[0].arrays):
        assert not a.flags.writeable


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u8", "?", ">f8", ">i2"])
def test_number_types_stay_and_bytes_become_native(dtype):
    a = np.array([[0], [1]], dtype=dtype)
    ds = Dataset(a)
    assert ds.X.dtype == a.dtype.newbyteorder("=") and ds.X.dtype.isnative and (a == ds.X).all()


@given(n=st.integers(2, 30), seed=st.integers(0, 2**64 - 1), share=st.floats(0.05, 0.95))
def test_a_split_is_a_partition_that_its_seed_repeats(n, seed, share):
    ds, count = numbered(n), round(n * share)
    if not 0 < count < n:
        with pytest.raises(DataError, match="0 rows"):
            ds.split(share, seed)
        return
    train, test = ds.split(share, seed)
    assert len(test) == count and sorted([*train.y, *test.y]) == list(range(n))
    assert all((d.X[:, 0] == 2 * d.y).all() for d in (train, test))
    assert [d.digest for d in ds.split(share, seed)] == [train.digest, test.digest]
    assert [len(d) for d in ds.split(count, seed)] == [n - count, count]


@given(n=st.integers(1, 20), size=st.integers(1, 8), drop=st.booleans())
def test_batches_put_end_to_end_are_the_dataset(n, size, drop):
    batches = numbered(n).batches(size, drop_last=drop)
    kept = n - n % size if drop else n
    assert [i for _, y in batches for i in y.tolist()] == list(range(kept))
    assert all(len(y) == size for _, y in batches[: None if drop else -1])


def test_rows_are_taken_by_index_slice_list_mask_and_number():
    ds = numbered(5)
    assert ds[-1][1] == 4 and ds[1:3].y.tolist() == [1, 2] and ds[[3, 0]].y.tolist() == [3, 0]
    assert ds[ds.y > 2].y.tolist() == [3, 4] and ds.take(2).y.tolist() == [0, 1]
    assert ds.take(np.array([-1])).y.tolist() == [4]


def test_samples_put_together_again_are_the_dataset():
    ds = Dataset(np.arange(12.0).reshape(3, 2, 2), [1, 0, 1], classes=("a", "b"))
    again = Dataset.from_samples(list(ds), classes=ds.classes)
    assert again.digest == ds.digest and again.classes == ("a", "b")
    assert ds.map(lambda x, y: (x, y)).digest == ds.digest


def test_map_keeps_names_where_they_still_fit():
    ds = Dataset([[1.0, 2.0], [3.0, 4.0]], [0, 1], columns=("a", "b"), classes=("no", "yes"))
    assert ds.map(lambda x, y: (x * 2, y)).columns == ("a", "b")
    wider = ds.map(lambda x, y: (np.append(x, 1.0), y))
    assert wider.columns is None and wider.classes == ("no", "yes")
    assert ds.map(lambda x, y: x.sum()).arrays[0].tolist() == [3.0, 7.0]


def test_map_that_makes_a_nan_is_refused():
    with pytest.raises(NonFiniteError, match="row 1"):
        Dataset([1.0, 0.0]).map(lambda x: np.float64("nan") if x == 0 else x)


def test_the_digest_sees_bytes_types_shapes_and_names():
    sets = [Dataset([1.0, 2.0]), Dataset([2.0, 1.0]), Dataset([[1.0, 2.0]]), Dataset([1, 2]),
            Dataset([1.0, 2.0], names=["x"]), Dataset(np.float32([1, 2]))]  # fmt: skip
    assert len({d.digest for d in sets}) == 6 and Dataset([1.0, 2.0]).digest == sets[0].digest


def test_standardised_columns_have_mean_0_and_deviation_1_and_constant_ones_are_0():
    rng = np.random.default_rng(0)
    x = np.c_[rng.normal(5, 3, 50), rng.normal(-2, 1e-3, 50), np.full(50, 0.1)]
    train, test = Dataset(x[:40]), Dataset(x[40:])
    a, b = train.standardise(test)
    assert abs(a.X.mean(axis=0)).max() < 1e-10 and abs(a.X.std(axis=0)[:2] - 1).max() < 1e-10
    assert (a.X[:, 2] == 0).all() and (b.X[:, 2] == 0).all()
    assert train.standardise(Dataset([[5.0, -2.0, 3.1]]))[1].X[0, 2] == 3.0
    mean, std = x[:40].mean(axis=0)[:2], x[:40].std(axis=0)[:2]
    assert np.allclose(b.X[:, :2], (x[40:, :2] - mean) / std, rtol=1e-12)
    assert Dataset(np.float32(x)).standardise().X.dtype == np.float32


def test_one_hot_rows_sum_to_one():
    assert one_hot([2, 0, 1]).tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    assert one_hot([0, 1], classes=4).shape == (2, 4)


@pytest.mark.parametrize("text", PAYLOADS, ids=range(len(PAYLOADS)))
def test_hostile_names_come_out_quoted(text):
    with pytest.raises(Exception, match="differ in rows") as caught:
        Dataset([1.0, 2.0], [1.0], names=["X", text])
    assert len(str(caught.value)) < 300
    assert all(c.isprintable() or c == "\n" for c in str(caught.value))
    with pytest.raises(Exception, match="there is no column") as caught:
        data.csv_files._place(("a", "b"), 2, "target", text)
    assert all(c.isprintable() or c == "\n" for c in str(caught.value))


# -- sets that come along ------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETS)
def test_bundled_sets_are_scikit_learns_and_need_no_network(name, monkeypatch):
    sets = pytest.importorskip("sklearn.datasets")
    monkeypatch.setattr(socket, "socket", None)
    raw = getattr(sets, f"load_{name}")(**({"scaled": False} if name == "diabetes" else {}))
    ds = getattr(data, f"load_{name}")()
    shape, classes = SETS[name]
    assert ds.X.shape == shape and np.array_equal(ds.X, raw.data) and np.array_equal(ds.y.ravel(), raw.target)
    assert len(ds.columns) == shape[1] and (ds.classes is None if classes is None else len(ds.classes) == classes)
    train, test = getattr(data, f"load_{name}")(standardise=True, test=0.2, seed=3)
    assert len(train) + len(test) == shape[0] and abs(train.X.mean(axis=0)).max() < 1e-9
    assert [d.digest for d in ds.split(0.2, 3)[0].standardise(ds.split(0.2, 3)[1])] == [train.digest, test.digest]


def test_digits_as_images_are_the_same_pixels():
    pytest.importorskip("sklearn")
    images, flat = data.load_digits(images=True), data.load_digits()
    assert images.X.shape == (1797, 1, 8, 8) and np.array_equal(images.X.reshape(1797, 64), flat.X)


def test_a_missing_scikit_learn_is_named_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(BackendError, match=r"load_iris needs scikit-learn[\s\S]*pip install scikit-learn"):
        data.load_iris()


# -- sets that are a formula ---------------------------------------------------------------------


@pytest.mark.parametrize("make", [moons, spirals, xor])
def test_made_sets_are_repeated_by_their_seed_and_balanced(make):
    noisy = {"noise": 0.1}
    assert make(50, **noisy, seed=1).digest == make(50, **noisy, seed=1).digest != make(50, **noisy, seed=2).digest
    assert make(50).X.shape == (50, 2) and np.bincount(make(50).y).tolist() in ([25, 25], [26, 24])
    assert len(make(50).classes) == 2


def test_moons_lie_on_two_half_circles():
    ds = moons(101, noise=0)
    ends = [ds.X[ds.y == c][i].round(12).tolist() for c in (0, 1) for i in (0, -1)]
    assert ends == [[1, 0], [-1, 0], [0, 0.5], [2, 0.5]]
    for centre, side, c in (((0, 0), 1, 0), ((1, 0.5), -1, 1)):
        moved = ds.X[ds.y == c] - centre
        assert np.allclose((moved**2).sum(axis=1), 1, rtol=1e-12) and (side * moved[:, 1] >= -1e-12).all()


def test_spirals_wind_outwards_each_arm_turned_by_its_share():
    ds = spirals(90, arms=3, turns=1.5, noise=0)
    z = ds.X[:, 0] + 1j * ds.X[:, 1]
    for c in range(3):
        arm = z[ds.y == c]
        assert np.allclose(np.abs(arm), np.arange(1, 31) / 30)
        assert np.allclose(arm, z[ds.y == 0] * np.exp(2j * np.pi * c / 3))
    assert np.allclose(z[ds.y == 0][-1], np.exp(3j * np.pi))


def test_xor_keeps_a_gap_and_noise_has_the_size_it_says():
    assert abs(xor(400, gap=0.3).X).min() >= 0.3 and abs(xor(400, gap=0.3).X).max() < 1
    noise = moons(4000, noise=0.2, seed=3).X - moons(4000, noise=0).X
    assert abs(noise.mean()) < 0.01 and abs(noise.std() - 0.2) < 0.005


@given(counts=st.lists(st.integers(2, 12), min_size=2, max_size=4), share=st.floats(0.2, 0.8), seed=st.integers(0, 99))
def test_a_stratified_split_has_every_class_on_both_sides_in_nearly_its_share(counts, share, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    ds = Dataset(np.arange(len(y)), y)
    count = round(len(y) * share)
    if min(counts) * count < 2 * len(y) or min(counts) * (len(y) - count) < 2 * len(y):
        return  # a class may be too small for one of the sides
    train, test = ds.split(share, seed, stratify=True)
    assert len(test) == count and sorted([*train.X, *test.X]) == list(range(len(y)))
    for c, n in enumerate(counts):
        assert abs((test.y == c).sum() - n * len(test) / len(y)) < 1
        assert 0 < (test.y == c).sum() < n
    assert [d.digest for d in ds.split(share, seed, stratify=True)] == [train.digest, test.digest]


@given(n=st.integers(2, 30), k=st.integers(2, 6), seed=st.integers(0, 99), stratify=st.booleans())
def test_folds_validate_each_row_once(n, k, seed, stratify):
    ds = Dataset(np.arange(n), np.arange(n) % 3)
    if k > n:
        with pytest.raises(DataError, match="do not fill"):
            ds.folds(k, seed)
        return
    pairs = ds.folds(k, seed, stratify)
    assert sorted(i for _, v in pairs for i in v.X) == list(range(n))
    assert all(sorted([*t.X, *v.X]) == list(range(n)) for t, v in pairs)
    assert max(len(v) for _, v in pairs) - min(len(v) for _, v in pairs) <= 1
    if stratify:
        for c in range(3):
            per_fold = [int((v.y == c).sum()) for _, v in pairs]
            assert max(per_fold) - min(per_fold) <= 1


def test_what_is_split_can_be_put_together():
    ds = numbered(7)
    first, rest = ds.split_at(3)
    assert first.append(rest).digest == ds.digest and len(ds.append()) == 7
    assert len(ds.append(ds, first)) == 17 and ds.append(ds).names == ds.names


def test_functions_of_a_sample_come_one_after_the_other():
    scaled = data.Compose(data.Normalize([0.0, 1.0], [1.0, 2.0]), lambda x, y: (x.sum(), y))
    assert numbered(3).map(scaled).X.tolist() == [0.0, 3.0, 6.0]
