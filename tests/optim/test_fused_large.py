"""Fused steps read a large gradient where it lies: the numbers are those of gradients copied side by side."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.shells.flat import BLOCK

SIZES = (3, BLOCK - 1, BLOCK, 5, 2, 2 * BLOCK + 7, BLOCK + 1, 4)


def made(seed, **options):
    rng = np.random.default_rng(seed)
    params = {f"p{i}": rng.standard_normal(n, np.float32) for i, n in enumerate(SIZES)}
    return tl.optim.Adam(params, lr=0.1, fused="numpy", **options)


def gradients(seed):
    rng = np.random.default_rng(seed)
    grads = [rng.standard_normal(n, np.float32) for n in SIZES]
    grads[5] = np.repeat(grads[5], 2)[::2]  # not in one piece
    return grads


@pytest.mark.parametrize("options", [{}, {"maximize": True}, {"nonfinite": "ieee"}])
def test_given_or_written_into_place_gradients_move_parameters_alike(options):
    given, placed = made(0, **options), made(0, **options)
    for k in range(3):
        given.step(gradients(k))
        for view, g in zip(placed.grads.values(), gradients(k), strict=True):
            view[...] = g
        placed.step()
    for name, p in given.params.items():
        assert p.tobytes() == placed.params[name].tobytes()


@pytest.mark.parametrize("bad", range(len(SIZES)))
def test_a_number_that_is_not_finite_is_found_and_nothing_moves(bad):
    opt = made(1)
    opt.step(gradients(0))
    before, grads = {k: p.tobytes() for k, p in opt.params.items()}, gradients(1)
    grads[bad][-1] = np.nan
    with pytest.raises(tl.errors.NonFiniteError, match=f"gradient of 'p{bad}' is nan at index .{SIZES[bad] - 1},"):
        opt.step(grads)
    assert {k: p.tobytes() for k, p in opt.params.items()} == before
