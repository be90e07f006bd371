"""Lanczos: known spectra, dense Hessians, and residuals that are what they say."""

from __future__ import annotations

import numpy as np
import pytest
from _surveys import quadratic, trained
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.errors import HyperparameterError, NonFiniteError
from torchlean_nb.landscape import Objective, density, eigenvalues, lanczos


def rotated(values, seed=0):
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values), len(values))))[0]
    return q @ np.diag(values) @ q.T


@settings(max_examples=25)
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=12), st.integers(0, 9))
def test_all_steps_give_the_whole_spectrum_with_repeated_values(values, seed):
    a = rotated(np.array(values, float), seed)
    found = lanczos(lambda v: a @ v, len(values), 100, seed)
    np.testing.assert_allclose(found.values, np.sort(values), atol=1e-8)
    vectors = found.vectors(np.arange(len(values)))
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(len(values)), atol=1e-8)
    np.testing.assert_allclose(vectors @ a, found.values[:, None] * vectors, atol=1e-7)


@settings(max_examples=25)
@given(st.integers(2, 20), st.integers(0, 99))
def test_residuals_are_norms_of_the_errors_and_bounds(steps, seed):
    values = np.sort(np.random.default_rng(seed).normal(size=30))
    a = rotated(values, seed)
    found = lanczos(lambda v: a @ v, 30, steps, seed)
    vectors = found.vectors(np.arange(steps))
    errors = np.linalg.norm(vectors @ a - found.values[:, None] * vectors, axis=1)
    np.testing.assert_allclose(found.residuals, errors, atol=1e-8)
    nearest = abs(found.values[:, None] - values).min(axis=1)
    assert (nearest <= found.residuals + 1e-9).all()


def test_the_ends_of_a_network_are_those_of_its_dense_hessian():
    trainer, _ = trained(hidden=8)
    at = Objective(trainer)
    dense = np.linalg.eigvalsh([at.hvp(at.centre, e) for e in np.eye(at.size)])
    found = eigenvalues(trainer, k=3, iterations=at.size)
    np.testing.assert_allclose(found.largest, dense[::-1][:3], rtol=1e-6)
    np.testing.assert_allclose(found.smallest, dense[:3], atol=1e-6 * dense[-1])
    for value, v, r in zip(found.largest, found.vectors[0], found.residuals[0], strict=True):
        assert np.linalg.norm(at.hvp(at.centre, v) - value * v) == pytest.approx(r, abs=1e-8)


def test_a_bowl_has_the_curvatures_it_was_made_with():
    found = eigenvalues(quadratic(rotated([100.0, 9.0, 4.0, 1.0, 0.5])), k=2, tolerance=1e-10)
    np.testing.assert_allclose(found.largest, [100, 9])
    np.testing.assert_allclose(found.smallest, [0.5, 1])
    assert found.products == 5 and "largest" in found.to_text() and "5 products" in repr(found)


def test_it_ends_when_the_residuals_are_small_and_takes_no_more_than_asked():
    at = quadratic(rotated(np.r_[1000.0, np.linspace(1, 2, 59)]))
    assert eigenvalues(at, k=1, tolerance=0.1).products < eigenvalues(at, k=1, tolerance=0.0).products == 60
    assert eigenvalues(at, k=1, iterations=7, tolerance=0.0).products == 7


def test_stopped_it_gives_what_it_has():
    a, calls = rotated(np.arange(10.0)), []

    def product(v):
        calls.append(1)
        if len(calls) > 4:
            raise KeyboardInterrupt
        return a @ v

    found = lanczos(product, 10, 10)
    whole = lanczos(lambda v: a @ v, 10, 4)
    np.testing.assert_allclose(found.values, whole.values)
    np.testing.assert_allclose(found.residuals, whole.residuals)
    calls.extend([1] * 9)
    with pytest.raises(KeyboardInterrupt):
        lanczos(product, 10, 10)


def test_the_density_has_integral_one_and_the_mean_of_the_spectrum():
    values = np.r_[np.full(30, 1.0), np.full(10, 5.0)]
    grid, p = density(quadratic(rotated(values)), probes=30, iterations=5, points=800)
    assert np.trapezoid(p, grid) == pytest.approx(1, abs=1e-3)
    assert np.trapezoid(p * grid, grid) == pytest.approx(values.mean(), rel=0.1)
    assert np.trapezoid(np.where(grid > 3, p, 0), grid) == pytest.approx(0.25, rel=0.2)


def test_stopped_the_density_is_made_of_the_products_that_are_there_and_it_asks_for_no_more():
    at, calls = quadratic(rotated(np.r_[np.full(30, 1.0), np.full(10, 5.0)])), []
    once = at.hvp

    def product(where, v):
        calls.append(1)
        if len(calls) > 8:
            raise KeyboardInterrupt
        return once(where, v)

    at.hvp = product
    grid, p = density(at, probes=30, iterations=5, points=800)
    assert len(calls) == 9 and np.trapezoid(p, grid) == pytest.approx(1, abs=1e-3)
    calls.clear()
    found = eigenvalues(at, k=1, tolerance=0.0)
    assert found.status == "interrupted" and found.products == 8 and "interrupted" in repr(found)


@pytest.mark.parametrize("options", [
    {"k": 0}, {"iterations": 0}, {"tolerance": -1.0}, {"k": 1.5}, {"seed": -1},
], ids=str)  # fmt: skip
def test_numbers_that_mean_nothing_are_refused(options):
    with pytest.raises(HyperparameterError):
        eigenvalues(quadratic(np.eye(2)), **options)


@pytest.mark.parametrize("options", [
    {"probes": 0}, {"points": 1}, {"width": 0.0}, {"width": -1.0}, {"iterations": 0}, {"seed": "a"},
], ids=str)  # fmt: skip
def test_a_density_of_nothing_is_refused(options):
    with pytest.raises(HyperparameterError):
        density(quadratic(np.eye(2)), **options)


def test_a_product_that_is_no_number_is_named():
    with pytest.raises(NonFiniteError, match="is no number"):
        lanczos(lambda v: v * np.nan, 3, 3)


def test_the_front_door_has_it_all():
    assert tl.landscape.eigenvalues is eigenvalues and callable(tl.landscape)
