"""Random streams: TorchLean's numbers, splitting, and independence from the tape."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.backend import random as r


def test_published_values_of_the_mixer_and_seeds():
    assert r.splitmix64(0) == 0xE220A8397B1DCDAF
    assert (r.next_seed(2026, 0), r.next_seed(2026, 1)) == (8699989649721214301, 16238661600416281737)
    assert r.uniform(r.key_of(42, 0), (3,)).tolist() == [0.39478218648582697, 0.601456003729254, 0.525645153131336]
    assert r.bernoulli_mask(r.key_of(42, 0), (8,), 0.5).astype(int).tolist() == [1, 0, 0, 0, 1, 1, 0, 0]
    assert r.normal(r.key_of(42, 0), (1,))[0] == pytest.approx(-1.0956312391817484, rel=1e-15)


def test_split_gives_a_child_and_moves_on():
    rng = r.Rng(7)
    assert rng.split() == r.Rng(309689372594955804) and rng == r.Rng(10746521273653791535, 2)


@given(st.integers(0, 2**64 - 1), st.integers(1, 40))
def test_vectorised_streams_equal_the_scalar_mixer(key, n):
    want = [float(r.splitmix64((key + i) % 2**64) & 0xFFFFFFFF) for i in range(n)]
    assert r.samples(key, n).tolist() == want


def test_session_dropout_draws_torchleans_masks():
    s = tl.Session(seed=7)
    x = s.input(np.ones(8), requires_grad=True)
    first, second = s.dropout(x, s.draw_key(), p=0.5), s.dropout(x, s.draw_key(), p=0.5)
    assert first.value.tolist() == [0.0, 2.0, 0.0, 2.0, 2.0, 0.0, 2.0, 2.0]
    assert second.value.tolist() == [0.0, 2.0, 0.0, 0.0, 2.0, 0.0, 0.0, 2.0]
    assert s.backward(first.sum())[x].tolist() == first.value.tolist()


def test_the_stream_survives_a_reset_and_repeats_from_its_seed():
    s = tl.Session(seed=3)
    a = s.draw_key()
    s.reset_tape()
    b = s.draw_key()
    again = tl.Session(seed=3)
    assert (a, b) == (again.draw_key(), again.draw_key()) and a != b


@pytest.mark.parametrize(("seed", "error"), [("abc", TypeError), (1.5, TypeError), (True, TypeError), (-1, ValueError)])
def test_bad_seeds_are_named(seed, error):
    with pytest.raises(error, match="seed"):
        tl.Session(seed=seed)
    s = tl.Session()
    before = s.digest()
    with pytest.raises(error, match="seed"):
        s.seed(seed)
    assert s.digest() == before
