"""Surfaces: their derivatives are those of the formula, their minima are minima."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors, surfaces
from torchlean_nb.surfaces import SURFACES, surface, surface_of

ROWS = [pytest.param(row, id=row.name) for row in SURFACES.values() if row.builtin]
TURNED = [surfaces.quadratic.with_numbers(condition=30.0, angle=a) for a in (17.0, -63.0)]
OTHERS = [*TURNED, surfaces.rosenbrock.with_numbers(a=2.0, b=7.0)]
NUMBERS = [p.values[0] for p in ROWS if p.values[0].hypers and not p.values[0].noise]
CHANGED = [row.with_numbers(**{k: 1.75 * h.default + 0.5 for k, h in row.hypers.items()}) for row in NUMBERS]
VARIANTS = [*ROWS, *(pytest.param(row, id=repr(row)) for row in OTHERS)]


def points(row, n=40):
    left, right, bottom, top = row.domain
    return np.random.default_rng(3).uniform((left, bottom), (right, top), (n, 2)).T


def close(found, want, scale):
    return np.abs(np.asarray(found) - want).max() <= 1e-11 * scale


@pytest.mark.parametrize("row", [*VARIANTS, *(pytest.param(row, id=repr(row)) for row in CHANGED)])
def test_gradient_and_hessian_are_those_of_the_formula(row):
    p = points(row)
    _, g = tl.value_and_grad(lambda p: row(p).sum())(p)
    assert close(row.slope(p), g, max(1.0, np.abs(g).max()))
    for k in range(2):
        second = tl.grad(lambda p, k=k: tl.value_and_grad(lambda q: row(q).sum())(p)[1][k].sum())(p)
        want = row.curvature(p)[k : k + 2]
        assert close(want, second, max(1.0, np.abs(second).max()))


@pytest.mark.parametrize("row", VARIANTS)
def test_its_minima_are_the_lowest_points_of_its_domain(row):
    left, right, bottom, top = row.domain
    x, y = np.meshgrid(np.linspace(left, right, 201), np.linspace(bottom, top, 201))
    grid = row(x, y)
    assert grid.shape == x.shape and np.isfinite(grid).all()
    assert left <= row.start[0] <= right and bottom <= row.start[1] <= top
    if not row.goals:
        assert row.lowest == -np.inf and grid.min() < -1
        return
    for place in row.goals:
        assert abs(row(*place) - row.lowest) < 1e-12 * max(1.0, abs(row.lowest))
        if row is not surfaces.ackley:  # which is pointed there
            assert np.abs(row.slope(*map(np.float64, place))).max() < 1e-8
            xx, xy, yy = row.curvature(*map(np.float64, place))
            assert xx > 0 and xx * yy - xy * xy > 0
    assert grid.min() >= row.lowest - 1e-9 * max(1.0, abs(row.lowest))


def test_there_are_many_and_each_says_what_it_is():
    assert len(ROWS) >= 20 and surfaces.available() == sorted(SURFACES)
    for param in ROWS:
        row = param.values[0]
        assert row.summary.endswith(".")
        assert row.latex in row.card() and getattr(surfaces, row.name) is row


def test_numbers_and_noise_are_checked_and_the_row_stays_as_it_is():
    with pytest.raises(errors.HyperparameterError, match="condition"):
        surfaces.quadratic.with_numbers(condition=0.5)
    with pytest.raises(errors.HyperparameterError, match="noise"):
        surfaces.sphere.with_noise(-1)
    assert surfaces.sphere.with_noise(0.5).noise == 0.5 and surfaces.sphere.noise == 0


def test_a_surface_is_found_by_name_or_made_of_a_function():
    assert surface_of("beale") is surfaces.beale
    with pytest.raises(errors.UnknownNameError, match="rosenbrock"):
        surface_of("rosenbrok")
    with pytest.raises(errors.HyperparameterError):
        surface_of(3)
    own = surface_of(lambda x, y: tl.tanh(x) * y)
    assert own(np.array([0.5, 2.0])) == np.tanh(0.5) * 2.0
    assert np.allclose(own.slope(0.5, 2.0), (2 / np.cosh(0.5) ** 2, np.tanh(0.5)))
    assert np.allclose(own.curvature(0.5, 2.0), (-4 * np.tanh(0.5) / np.cosh(0.5) ** 2, 1 / np.cosh(0.5) ** 2, 0.0))
    assert "Hessian" not in own.card() and own.text is None


@pytest.mark.parametrize("what", [
    {}, {"name": []}, {"name": "sphere", "numbers": 3}, {"name": "sphere", "numbers": {3: 1}}, {"text": "x.y"},
    {"name": "rosenbrock", "numbers": {"c": 1.0}}, {"name": "rosenbrock", "numbers": {"b": "9"}}, {"text": ["x"]},
    {"text": "x", "domain": 3}, {"text": "x", "domain": [[1], 2, 3, 4]}, {"text": "x", "start": "ab"},
    {"text": "x", "start": [1.0]}, {"text": "x", "domain": [0.0, float("inf"), 0.0, 1.0]},
    {"name": "sphere", "noise": "1"}, {"name": "sphere", "noise": float("nan")}, {"name": "sphere", "noise": []},
])  # fmt: skip
def test_what_a_file_says_of_a_surface_is_checked(what):
    with pytest.raises((errors.HyperparameterError, errors.UnknownNameError)):
        surface_of(what)
    found = surface_of({"text": "x*y", "domain": [-1, 1, -2, 2.5], "start": (0, 1), "noise": 0.5})
    assert found.domain == (-1.0, 1.0, -2.0, 2.5) and found.start == (0.0, 1.0) and found.noise == 0.5
    assert surface_of(found.about()) == found


def test_names_for_menus_are_those_of_the_field():
    labels = {n: s.label for n, s in SURFACES.items()}
    assert labels["six_hump_camel"] == "Six-hump camel" and labels["mccormick"] == "McCormick"
    assert len({*labels.values()}) == len(labels) and all(v[0].isupper() and "_" not in v for v in labels.values())


def test_noisy_surfaces_are_the_plain_ones_measured_with_an_error():
    assert {n for n, s in SURFACES.items() if s.noise} == {"noisy_quadratic", "noisy_rosenbrock", "noisy_sphere"}
    for name in ("quadratic", "rosenbrock", "sphere"):
        noisy, plain = SURFACES[f"noisy_{name}"], SURFACES[name]
        a, b, c = (tl.race(["sgd"], on=noisy, steps=4, seed=s).tracks[0].positions for s in (0, 0, 1))
        assert np.array_equal(a, b) and not np.array_equal(a, c)
        assert tl.race(["sgd"], on=noisy.with_noise(0), steps=4).tracks == tl.race(["sgd"], on=plain, steps=4).tracks


def test_a_name_is_taken_once():
    with pytest.raises(errors.RuleError, match="sphere"):
        surface(None, None, latex="x", domain=(0, 1, 0, 1))(surfaces.sphere.f)
