"""Numbers and habits of TorchLean's data layer: its generator, its shuffle that compounds, its grid, its batches."""

from __future__ import annotations

import numpy as np
import pytest

from torchlean_nb.data import DataLoader, Dataset, labels, lcg_next, lcg_shuffle, regression_grid, torchlean_loader
from torchlean_nb.data.made import quickstart

# Three epochs each, by hand from s' = (1103515245 s + 12345) mod 2**31: seed, rows, then the last key and the order.
SHUFFLES = {
    (0, 5): [(229283573, [0, 4, 2, 1, 3]), (551188310, [3, 1, 4, 0, 2]), (1381971571, [4, 0, 3, 2, 1])],
    (7, 6): [(220562521, [5, 1, 2, 0, 3, 4]), (1662195227, [2, 0, 3, 4, 1, 5]), (1550240205, [4, 3, 1, 5, 0, 2])],
    (2026, 8): [
        (1594206786, [2, 0, 6, 3, 1, 4, 7, 5]), (1428307866, [2, 6, 7, 3, 4, 5, 1, 0]),
        (165750770, [0, 7, 3, 5, 6, 4, 1, 2]),
    ],
}  # fmt: skip


def test_the_generator_is_the_one_of_ansi_c():
    s, seen = 1, []
    for _ in range(4):
        s = lcg_next(s)
        seen.append(s)
    assert seen == [1103527590, 377401575, 662824084, 1147902781]


@pytest.mark.parametrize(("seed", "n"), SHUFFLES)
def test_shuffles_compound_over_the_epochs(seed, n):
    loader = torchlean_loader(Dataset(np.arange(n)), n, shuffle=True, seed=seed)
    for last, rows in SHUFFLES[seed, n]:
        assert loader.state_dict()["cursor"]["lcg"] == last
        assert [x.tolist() for (x,) in loader] == [rows]


def test_the_second_epoch_shuffles_what_the_first_one_left_and_not_the_original_order():
    last, first = lcg_shuffle(0, 5)
    _, second = lcg_shuffle(last, 5)
    assert first[second].tolist() == SHUFFLES[0, 5][1][1] != second.tolist()


def test_the_last_smaller_batch_stays_unless_it_is_dropped():
    ds = Dataset(range(5))
    assert [x.tolist() for (x,) in torchlean_loader(ds, 2)] == [[0, 1], [2, 3], [4]]
    assert [x.tolist() for (x,) in torchlean_loader(ds, 2, drop_last=True)] == [[0, 1], [2, 3]]
    assert [x.tolist() for (x,) in ds.batches(2)] == [[0, 1], [2, 3], [4]]


def test_without_shuffling_the_seed_stays_and_every_epoch_is_the_same():
    loader = torchlean_loader(Dataset(range(5)), 5, seed=3)
    assert [[x.tolist() for (x,) in loader] for _ in range(2)] == [[[0, 1, 2, 3, 4]]] * 2
    assert loader.state_dict()["cursor"] == {"epoch": 2}


def test_the_default_loader_shuffles_the_original_order_by_a_generator_instead():
    loader = DataLoader(Dataset(range(5)), 5)
    for epoch in range(3):
        expected = np.random.default_rng([0, epoch]).permutation(5)
        assert [x.tolist() for (x,) in loader] == [expected.tolist()]


def test_the_quickstart_grid_of_fact_36_is_row_major_with_x1_slow():
    ds = regression_grid()
    line = [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert ds.X.tolist() == [[a, b] for a in line for b in line] and ds.y.shape == (25, 1)
    relu = lambda v: max(v, 0.0)  # noqa: E731
    assert ds.y[:, 0].tolist() == [0.8 * relu(a + b) - 0.4 * relu(b - a) + 0.2 for a, b in ds.X.tolist()]
    assert quickstart(0.25, -0.75) == 0.2


def test_labels_are_whole_numbers_as_floats():
    assert labels([[0.0], [2.0], [1.0]], classes=3).tolist() == [0, 2, 1]
