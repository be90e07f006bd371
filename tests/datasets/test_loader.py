"""A loader gives every sample once per epoch, in an order that its seed decides, and goes on where it was saved."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from _stop import Stop
from hypothesis import given
from hypothesis import strategies as st

from torchlean_nb.data import BatchLoader, DataLoader, Dataset, batched, lcg_shuffle

ORDERS = ("generator", "torchlean")
SETTINGS = st.fixed_dictionaries(
    {
        "batch_size": st.integers(1, 7), "shuffle": st.booleans(), "drop_last": st.booleans(),
        "seed": st.integers(0, 2**64 - 1), "order": st.sampled_from(ORDERS),
    }
)  # fmt: skip


def numbered(n):
    return Dataset(np.arange(n) * 10.0, np.arange(n))


def loader_of(n, settings):
    if settings["drop_last"]:
        n = max(n, settings["batch_size"])
    return DataLoader(numbered(n), **settings), n


def taken(loader, count):
    return [y.tolist() for _, y in (loader.next_batch() for _ in range(count))]


@given(n=st.integers(1, 20), settings=SETTINGS)
def test_an_epoch_gives_each_row_once_and_its_columns_stay_together(n, settings):
    loader, n = loader_of(n, settings)
    for epoch in range(3):
        assert loader.epoch == epoch and loader.batch == 0
        batches = list(loader)
        rows = [i for _, y in batches for i in y.tolist()]
        left_out = n % settings["batch_size"] if settings["drop_last"] else 0
        assert len(rows) == len(set(rows)) == n - left_out and set(rows) <= set(range(n))
        assert all((x == 10.0 * y).all() for x, y in batches)
        sizes = [len(y) for _, y in batches]
        assert len(sizes) == len(loader) and set(sizes[:-1]) <= {settings["batch_size"]}
        assert settings["shuffle"] or rows == list(range(n - left_out))


@given(n=st.integers(1, 12), settings=SETTINGS)
def test_going_on_from_any_cut_is_never_having_stopped(n, settings):
    whole, n = loader_of(n, settings)
    count = 3 * len(whole)
    expected = taken(whole, count)
    for cut in range(count):
        first = DataLoader(numbered(n), **settings)
        taken(first, cut)
        state = json.loads(json.dumps(first.state_dict()))
        second = DataLoader(numbered(n), **settings)
        second.load_state_dict(state)
        assert (second.epoch, second.batch) == divmod(cut, len(whole))
        assert second.state_dict() == first.state_dict()
        assert taken(second, count - cut) == expected[cut:]


@pytest.mark.parametrize("order", ORDERS)
def test_another_process_goes_on_with_the_same_batches(order):
    code = (
        "import json, sys, numpy as np; from torchlean_nb.data import DataLoader, Dataset\n"
        f"d = DataLoader(Dataset(np.arange(9) * 10.0, np.arange(9)), 2, seed=5, order={order!r})\n"
        "d.load_state_dict(json.load(sys.stdin))\n"
        "print(json.dumps([d.next_batch()[1].tolist() for _ in range(12)]))"
    )
    loader = DataLoader(numbered(9), 2, seed=5, order=order)
    taken(loader, 7)
    there = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(loader.state_dict()), capture_output=True, text=True, check=True
    )
    assert json.loads(there.stdout) == taken(loader, 12)


def test_saving_does_not_move_the_cursor():
    loader, twin = DataLoader(numbered(5), 2), DataLoader(numbered(5), 2)
    for _ in range(9):
        loader.state_dict(), loader.peek(), repr(loader), len(loader)
        assert taken(loader, 1) == taken(twin, 1)


def test_peek_shows_the_batch_that_comes_next():
    loader = DataLoader(numbered(5), 2)
    for _ in range(7):
        x, y = loader.peek()
        after = loader.next_batch()
        assert x.tolist() == after[0].tolist() and y.tolist() == after[1].tolist()


def test_a_loop_that_was_left_goes_on_and_a_full_one_is_followed_by_the_next_epoch():
    loader, whole = DataLoader(numbered(6), 2, seed=4), DataLoader(numbered(6), 2, seed=4)
    seen = []
    for _, y in loader:
        seen.append(y.tolist())
        break
    seen += [y.tolist() for _, y in loader]
    assert seen == taken(whole, 3) and loader.epoch == 1
    assert [y.tolist() for _, y in loader] == taken(whole, 3) != seen


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_only():
    rows = [taken(DataLoader(numbered(8), 8, seed=seed), 1)[0] for seed in (0, 0, 1, 2**40)]
    assert rows[0] == rows[1] and len({tuple(r) for r in rows}) == 3
    assert rows[0] == np.random.default_rng([0, 0]).permutation(8).tolist()
    small, large = DataLoader(numbered(8), 3), DataLoader(numbered(8), 8)
    assert [i for batch in taken(small, 3) for i in batch] == taken(large, 1)[0]


def test_every_order_of_a_few_rows_comes_up():
    loader = DataLoader(numbered(3), 3, seed=7)
    assert len({tuple(r) for r in taken(loader, 60)}) == 6


@pytest.mark.parametrize("order", ORDERS)
def test_an_interrupt_leaves_the_cursor_before_or_after_a_batch(order):
    loader, whole = DataLoader(numbered(4), 2, order=order), DataLoader(numbered(4), 2, order=order)
    expected, before = taken(whole, 40), loader.state_dict()
    states = {0: before}
    walker = DataLoader(numbered(4), 2, order=order)
    for i in range(1, 3):
        walker.next_batch()
        states[i] = walker.state_dict()
    stopped = 0
    for n in range(1, 400, 3):
        loader.load_state_dict(before)
        at, trace = 0, sys.gettrace()
        try:
            sys.settrace(Stop(n))
            loader.next_batch(), loader.next_batch()
        except KeyboardInterrupt:
            stopped += 1
        finally:
            sys.settrace(trace)
        at = next(i for i, s in states.items() if s == loader.state_dict())
        assert taken(loader, 4) == expected[at : at + 4]
    assert stopped > 20


@given(seed=st.integers(0, 2**63), n=st.integers(1, 300))
def test_the_lcg_shuffle_is_a_permutation_by_sorted_keys(seed, n):
    s, keys = seed, []
    for _ in range(n):
        s = (1103515245 * s + 12345) % 2**31
        keys.append(s)
    last, rows = lcg_shuffle(seed, n)
    assert last == s and rows.tolist() == sorted(range(n), key=keys.__getitem__)
    assert len(set(keys)) == n


def test_a_large_set_is_shuffled_whole():
    last, rows = lcg_shuffle(2026, 100_000)
    assert np.array_equal(np.sort(rows), np.arange(100_000)) and 0 <= last < 2**31


def test_a_batch_loader_goes_on_where_its_loader_is():
    loader = DataLoader(Dataset(range(7)), 2, seed=1, drop_last=True)
    whole = BatchLoader(loader, 2)
    epochs = [[x.tolist() for (x,) in whole] for _ in range(2)]
    assert len(whole) == 3 and all(len(b) == 2 for epoch in epochs for b in epoch)
    assert epochs[0] != epochs[1] and loader.epoch == 2


def test_batches_that_are_made_once_are_shuffled_once():
    ds = Dataset(np.arange(14.0).reshape(7, 2), np.arange(7))
    fixed = batched(ds, 3, shuffle=True, seed=5)
    assert fixed.X.shape == (2, 3, 2) and fixed.y.shape == (2, 3)
    rows = lcg_shuffle(5, 7)[1][:6].reshape(2, 3)
    assert (fixed.y == rows).all() and (fixed.X[..., 0] == 2 * rows).all()
    assert batched(ds, 7).X[0].tolist() == ds.X.tolist()
