"""Planes: where a path lies in them, what they leave out, and that the model never notices."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from _stop import Stop
from _surveys import MOONS, fitted, trained
from _trainers import digest
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.errors import (
    CapabilityError,
    HyperparameterError,
    NonFiniteError,
    ShapeError,
    TorchLeanError,
    TraceFormatError,
)
from torchlean_nb.landscape import Objective, Trajectory
from torchlean_nb.landscape.directions import components, filter_normalised, gaussian, orthogonal, projected
from torchlean_nb.trace.landscape import LandscapeTrace

ALL = ("pca", "random", "filter-normalised", "hessian")


@pytest.fixture(scope="module")
def seen():
    trainer, path = trained()
    return tl.landscape(trainer, plane=ALL, trajectory=path, points=5, rescale=(1, 10), name="moons")


# -- directions ----------------------------------------------------------------------------

SIZES = st.tuples(st.integers(1, 9), st.integers(2, 12), st.integers(0, 2**32 - 1))


@settings(max_examples=25)
@given(SIZES)
def test_a_point_of_a_path_is_its_place_in_the_plane_and_a_residual_at_right_angles(sizes):
    k, n, seed = sizes
    rng = np.random.default_rng(seed)
    away, directions = rng.normal(size=(k, n)), rng.normal(size=(2, n))
    positions, residuals, explained, shares = projected(away, directions)
    rest = away - positions @ directions
    np.testing.assert_allclose(residuals, np.linalg.norm(rest, axis=1), atol=1e-12)
    np.testing.assert_allclose(rest @ directions.T, 0, atol=1e-7)
    assert explained == pytest.approx(1 - (residuals**2).sum() / (away**2).sum(), abs=1e-9)
    assert (shares <= explained + 1e-9).all()


@settings(max_examples=25)
@given(SIZES)
def test_no_plane_explains_more_than_the_two_components(sizes):
    k, n, seed = sizes
    rng = np.random.default_rng(seed)
    path, centre = rng.normal(size=(k, n)), rng.normal(size=n)
    rows, shares = components(path, centre)
    best = orthogonal(rng, rows)
    np.testing.assert_allclose(best @ best.T, np.eye(2), atol=1e-9)
    assert shares.sum() == pytest.approx(1) and (np.diff(shares) <= 1e-12).all()
    explained = projected(path - centre, best)[2]
    assert explained == pytest.approx(shares[:2].sum()) and explained >= projected(
        path - centre, rng.normal(size=(2, n)))[2] - 1e-9  # fmt: skip


@settings(max_examples=25)
@given(SIZES)
def test_each_filter_of_a_normalised_direction_is_as_long_as_that_of_the_weights(sizes):
    rows, columns, seed = sizes
    rng, shapes = np.random.default_rng(seed), {"w": (rows, columns), "k": (2, rows, 2), "b": (rows,)}
    n = sum(int(np.prod(s)) for s in shapes.values())
    at = rng.normal(size=n)
    at[:columns] = 0  # a dead filter has no direction
    d = filter_normalised(gaussian(rng, at), at, shapes)
    first, second = d[: rows * columns].reshape(rows, -1), d[rows * columns : -rows].reshape(2, -1)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), np.linalg.norm(at[: rows * columns].reshape(rows, -1),
                                                                             axis=1))  # fmt: skip
    np.testing.assert_allclose(np.linalg.norm(second, axis=1), np.linalg.norm(at[rows * columns : -rows].reshape(2, -1),
                                                                              axis=1))  # fmt: skip
    assert not d[-rows:].any() and not first[0].any()


def test_nothing_but_biases_has_no_filter_and_a_path_that_stands_still_no_component():
    with pytest.raises(CapabilityError, match="no weight"):
        filter_normalised(np.ones(3), np.ones(3), {"b": (3,)})
    with pytest.raises(CapabilityError, match="does not move"):
        components(np.ones((4, 3)), np.ones(3))


# -- planes --------------------------------------------------------------------------------


def test_each_cell_is_the_loss_at_its_parameters(seen):
    trainer, path = trained()
    at, plane = Objective(trainer), seen["pca"]
    rows, _ = components(path.values, at.centre)
    for j, i in ((0, 0), (3, 1), (4, 4)):
        there = at(at.centre + plane.a[i] * rows[0] + plane.b[j] * rows[1])
        assert plane.losses[j, i] == pytest.approx(there, rel=1e-12)
    for kind in ("random", "filter-normalised"):
        assert seen[kind].losses[2, 2] == pytest.approx(at(at.centre), rel=1e-12)


def test_the_path_is_measured_where_it_was_and_ends_at_the_origin(seen):
    trainer, path = trained()
    at = Objective(trainer)
    assert seen.path.steps.tolist() == path.steps.tolist()
    np.testing.assert_allclose(seen.path.losses, [at(p) for p in path.values], rtol=1e-12)
    for plane in seen.planes:
        np.testing.assert_allclose(plane.positions[-1], 0, atol=1e-12)
        assert plane.residuals[-1] == pytest.approx(0, abs=1e-12)
        away = np.linalg.norm(path.values - at.centre, axis=1) ** 2
        assert plane.explained == pytest.approx(1 - (plane.residuals**2).sum() / away.sum())


def test_the_components_of_the_path_explain_most_and_the_whole_path_is_in_the_picture(seen):
    pca = seen["pca"]
    assert pca.explained == max(p.explained for p in seen.planes) > 0.9
    assert pca.explained == pytest.approx(seen.spectrum[:2].sum()) and seen.spectrum.sum() == pytest.approx(1)
    np.testing.assert_allclose(pca.lengths, 1)
    x, y = pca.positions.T
    assert pca.a[0] < x.min() <= x.max() < pca.a[-1] and pca.b[0] < y.min() <= y.max() < pca.b[-1]


def test_the_eigenvectors_of_the_hessian_bend_most(seen):
    at, plane = Objective(trained()[0]), tl.landscape(trained()[0], plane="hessian", points=3, span=1e-3)["hessian"]
    bend = (plane.losses[1, 2] + plane.losses[1, 0] - 2 * plane.losses[1, 1]) / 1e-6
    dense = np.linalg.eigvalsh([at.hvp(at.centre, e) for e in np.eye(at.size)])
    assert bend == pytest.approx(dense[-1], rel=1e-3) and len(seen["hessian"].residuals) == len(seen.path.steps)


def test_everything_of_a_landscape_survives_json(seen):
    assert LandscapeTrace.from_json(seen.to_json()) == seen and seen.name == "moons"
    assert seen.status == "finished" and seen.meta["parameters"] == 32 and len(seen.rescalings) == 2


def test_the_seed_decides_the_random_planes_and_nothing_else():
    trainer, path = trained()
    one, same, other = (tl.landscape(trainer, trajectory=path, points=3, seed=s) for s in (1, 1, 2))
    assert one == same and one["pca"] == other["pca"] and one["random"] != other["random"]


@pytest.mark.parametrize(("span", "ends"), [(0.5, (-0.5, 0.5)), ((-1, 2, -3, 4), (-1, 2))])
def test_the_span_is_in_directions(span, ends):
    plane = tl.landscape(trained()[0], span=span, points=2).planes[0]
    assert plane.kind == "filter-normalised" and tuple(plane.a) == ends and len(plane.positions) == 0


# -- the model -----------------------------------------------------------------------------


def test_the_model_is_only_read():
    trainer, path = fitted(norm=(tl.nn.BatchNorm1d(6), tl.nn.Dropout(0.5)))
    trainer.runner.train_mode()
    before = digest(trainer), trainer.runner.mode
    tl.landscape(trainer, plane=ALL, trajectory=path, points=2)
    tl.landscape.line(trainer, fitted(seed=1, norm=(tl.nn.BatchNorm1d(6), tl.nn.Dropout(0.5)))[0], points=2)
    tl.landscape.eigenvalues(trainer, k=1, iterations=5)
    assert (digest(trainer), trainer.runner.mode) == before


@pytest.mark.parametrize("at", [10, 2000, 30_000, 150_000, 270_000, 285_000])
def test_stopped_anywhere_the_model_is_as_before_and_what_is_there_is_right(at):
    trainer, path = fitted(steps=8)
    before, stop = digest(trainer), Stop(at)
    whole = tl.landscape(trainer, trajectory=path, points=4)
    sys.settrace(stop)
    try:
        found = tl.landscape(trainer, trajectory=path, points=4)
    except KeyboardInterrupt:  # while nothing was computed yet
        found = None
    finally:
        sys.settrace(None)
    assert digest(trainer) == before
    if found is not None:
        assert found.status == ("interrupted" if stop.pressed else "finished")
        for part, full in zip(found.planes, whole.planes, strict=False):
            there = np.isfinite(part.losses)
            assert (part.losses[there] == full.losses[there]).all() and part.kind == full.kind


def test_a_plane_that_was_stopped_has_holes(monkeypatch):
    trainer, path = trained()
    once, calls = Objective.many, []

    def counted(self, points):
        calls.append(len(points))
        if sum(calls) > len(path) + 12:
            raise KeyboardInterrupt
        return once(self, points)

    monkeypatch.setattr(Objective, "many", counted)
    monkeypatch.setattr(Objective, "lanes", 4)
    found = tl.landscape(trainer, trajectory=path, points=4)
    assert found.status == "interrupted" and [*found] == ["pca"]
    assert np.isfinite(found["pca"].losses).ravel().tolist() == [True] * 12 + [False] * 4


def test_an_error_in_the_middle_changes_nothing(monkeypatch):
    trainer, path = fitted(steps=8)
    before = digest(trainer)
    monkeypatch.setattr(Objective, "many", lambda self, points: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tl.landscape(trainer, trajectory=path, points=4)
    assert digest(trainer) == before


def test_a_loss_that_overflows_is_a_value_and_no_warning():
    plane = tl.landscape(trained()[0], span=1e200, points=3).planes[0]
    assert not np.isfinite(plane.losses).all() and np.isfinite(plane.losses[1, 1])


def test_a_bar_counts_the_points(capsys):
    trainer, path = trained()
    tl.landscape(trainer, trajectory=path, plane="random", points=3, progress=True)
    assert f"{len(path) + 9}/{len(path) + 9}" in capsys.readouterr().err
    tl.landscape(trainer, points=2)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("options", [
    {"plane": "flat"}, {"plane": []}, {"plane": ["random", "random"]}, {"plane": "pca"}, {"points": 1},
    {"span": 0}, {"span": -1}, {"span": "wide"}, {"span": (1, 0, 0, 1)}, {"span": (0, 1)}, {"span": np.nan},
    {"trajectory": np.zeros((3, 5))}, {"trajectory": Trajectory()}, {"rescale": (0,)}, {"batch": 0.5}, {"name": 3},
    {"lines": ["a"]}, {"lines": 3}, {"plane": 3}, {"trajectory": "path"}, {"trajectory": [[1, 2], [3]]}, {"seed": -1},
    {"seed": "a"}, {"rescale": "ab"}, {"trajectory": np.full((2, 32), np.nan)}, {"trajectory": np.full((2, 32), 1e200)},
], ids=str)  # fmt: skip
def test_what_makes_no_plane_is_refused(options):
    with pytest.raises(TorchLeanError):
        tl.landscape(trained()[0], **options)


def test_one_of_something_needs_no_list():
    trainer = trained()[0]
    between = tl.landscape.line(trainer, trainer, points=2)
    one = tl.landscape(trainer, points=2, lines=between, rescale=2)
    assert one == tl.landscape(trainer, points=2, lines=[between], rescale=[2]) and len(one.rescalings) == 1


def test_a_path_of_one_point_or_two_is_drawn_and_says_what_is_known():
    trainer, path = trained()
    for points in (path.values[:1], path.values[[0, -1]]):
        found = tl.landscape(trainer, trajectory=points, points=3)
        assert found["pca"].explained == pytest.approx(1) and "100 %" in repr(found)
    still = tl.landscape(trainer, plane="random", trajectory=path.values[-1:], points=3)
    assert np.isnan(still.explained_variance) and "%" not in repr(still) and "nan" not in repr(still)


def test_a_model_that_diverged_is_no_place_to_look_from():
    net = tl.nn.Linear(2, 2).bind(tl.Session(), seed=0)
    net.load_state_dict({"weight": np.full((2, 2), 1e200), "bias": np.zeros(2)})
    for look in (tl.landscape, tl.landscape.eigenvalues):
        with pytest.raises(NonFiniteError, match="'weight' has no usable numbers"):
            look(net, MOONS, loss="cross_entropy")


def test_stopped_among_the_eigenvectors_no_plane_of_half_of_them_is_shown(monkeypatch):
    once, calls = Objective.hvp, []

    def counted(self, at, v):
        calls.append(1)
        if len(calls) > 5:
            raise KeyboardInterrupt
        return once(self, at, v)

    monkeypatch.setattr(Objective, "hvp", counted)
    found = tl.landscape(trained()[0], plane=["random", "hessian", "filter-normalised"], points=2)
    assert found.status == "interrupted" and [*found] == ["random"] and len(calls) == 6


def test_stopped_before_the_first_plane_it_says_so(monkeypatch):
    monkeypatch.setattr(Objective, "many", lambda self, points: (_ for _ in ()).throw(KeyboardInterrupt))
    trainer, path = trained()
    found = tl.landscape(trainer, trajectory=path, points=2)
    with pytest.raises(TraceFormatError, match="stopped before the first plane"):
        found.show()


def test_one_parameter_makes_no_plane():
    one = tl.nn.Linear(1, 1, bias=False).bind(tl.Session(), seed=0)
    with pytest.raises(CapabilityError, match="no plane"):
        tl.landscape(one, ([[1.0]], [1.0]), loss="mse")


# -- the path ------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.integers(4, 12), st.integers(1, 5), st.lists(st.integers(0, 40), min_size=1, max_size=3))
def test_a_path_is_bounded_even_and_has_both_ends(points, every, fits):
    path = Trajectory(points, every=every)
    bound = tl.nn.Linear(1, 1, bias=False).bind(tl.Session(), seed=0)
    from torchlean_nb.train import Moment

    runner = type("R", (), {"net": bound})
    trainer, step = type("T", (), {"runner": runner}), 0
    for length in fits:
        path.on_train_start(Moment(trainer, step - 1, 0, {}))
        for _ in range(length):
            path.on_step(Moment(trainer, step, 0, {}))
            step += 1
        path.on_train_end(Moment(trainer, step - 1, 0, {}))
    steps = path.steps
    assert len(path) <= points and steps[0] == 0 and steps[-1] == step and (np.diff(steps) > 0).all()
    assert path.values.shape == (len(path), 1) and path.every % every == 0


def test_a_path_by_epochs_has_one_point_for_each():
    path = Trajectory(every="epoch")
    trainer = tl.Trainer(tl.nn.Linear(2, 2), task="classification")
    trainer.fit(MOONS, epochs=3, batch_size=16, callbacks=path, progress=False)
    assert path.steps.tolist() == [0, 4, 8, 12] and "4 points" in repr(path)
    assert (path.values[-1] == Objective(trainer).centre).all()


def test_a_trajectory_of_another_model_is_refused():
    with pytest.raises(ShapeError, match="another model"):
        tl.landscape(trained(hidden=5)[0], trajectory=trained()[1])
    path = trained(seed=7)[1]
    with pytest.raises(CapabilityError, match="other parameters"):
        path.look(tl.nn.Linear(2, 2).bind(tl.Session(), seed=0), 99)
    with pytest.raises(HyperparameterError, match="epoch"):
        Trajectory(every="step")


def test_components_are_those_of_a_singular_value_decomposition_and_begin_on_the_negative_side():
    rng = np.random.default_rng(0)
    a, b = (np.outer(rng.normal(size=20), rng.normal(size=50)) for _ in range(2))
    for size in (1.0, 1e-3, 1e-6, 1e-9):
        path = a + size * b
        rows, shares = components(path, np.zeros(50))
        _, sizes, right = np.linalg.svd(path)
        assert len(rows) == (2 if size > 1e-8 else 1)
        np.testing.assert_allclose(rows @ rows.T, np.eye(len(rows)), atol=1e-14)
        np.testing.assert_allclose(abs(rows), abs(right[: len(rows)]), atol=1e-9)
        np.testing.assert_allclose(shares[:2], (sizes**2 / (sizes**2).sum())[: len(shares[:2])], atol=1e-12)
        assert (path[0] @ rows.T <= 0).all()
