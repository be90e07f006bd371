"""Steps taken apart: gradients, moments and steps of a recorded path are those that were really made."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors, surfaces
from torchlean_nb.minimizers import Method
from torchlean_nb.race import contenders
from torchlean_nb.race.anatomy import eigen, moment_of, read, replay
from torchlean_nb.race.engine import facade
from torchlean_nb.trace.race import RaceTrace

race = partial(tl.race, lr=None)
NAMES = tl.race.applicable()
# What a callable hyperparameter is cannot be read from plain data.
LOST = {"frank_wolfe", "orthogonal_momentum", "projected_gradient", "projected_sgd", "proximal_gradient"}


@cache
def everybody(steps=12, every=1):
    return race("all", on="himmelblau", start=(1.0, 2.5), steps=steps, every=every)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_replayed_from_plain_data_leads_along_the_recorded_path(name):
    r = everybody()
    track = RaceTrace.from_dict(race([name], on="himmelblau", start=(1.0, 2.5), steps=12).to_dict()).tracks[0]
    assert track == r[name]
    found, path = replay("himmelblau", track, r.steps), track.positions[:, :, 0]
    assert np.array_equal(path[:-1] + found.step[:-1], path[1:]) or np.allclose(path[:-1] + found.step[:-1], path[1:])
    assert np.array_equal(found.gradient, np.array(surfaces.himmelblau.slope(path.T)).T)
    assert (read(track) is None) == (name in LOST) and (found.moment is None) == (not found.name)
    few = replay("himmelblau", everybody(every=5)[name], everybody(every=5).steps, contender=contenders([name])[0])
    assert np.array_equal(few.step[:-1], found.step[::5][: len(few.step) - 1])
    assert np.array_equal(few.gradient, found.gradient[[0, 5, 10, 12]])


@pytest.mark.parametrize("name", ["adam", "momentum", "nesterov", "lion", "adan", "lamb", "sophia", "momo_adam"])
def test_the_moment_is_the_slot_of_the_optimizer_itself(name):
    surface, start, (who,) = surfaces.beale, np.array([0.5, 1.5]), contenders([name])
    r = race([name], on=surface, start=start, steps=9)
    found = replay(surface, r.tracks[0], r.steps)
    opt = facade(who, 0, start)
    for k in range(9):
        z = opt.params["z"]
        value = float(surface(z)) if "value" in who.rule.needs else None
        bent = [np.array(surface.curvature(z)[::2])] if "curvature" in who.rule.needs else None
        opt.step([np.array(surface.slope(z))], value, bent)
        slots = opt.explain("z").terms
        assert np.allclose(found.moment[k], slots[found.name], rtol=1e-9, atol=1e-15)
    assert found.moment.shape == found.gradient.shape == found.step.shape == (10, 2)


@pytest.mark.parametrize(("name", "hypers", "slot"), [
    ("sgd", {}, None), ("sgd", {"momentum": 0.9}, "buf"), ("rmsprop", {}, None), ("adagrad", {}, None),
    ("rmsprop", {"centered": True, "momentum": 0.5}, "buf"), ("adamw", {"weight_decay": 0.3}, "m"), ("yogi", {}, "m"),
    ("schedule_free_sgd", {}, None), ("optimistic_gd", {}, None), ("asgd", {}, None), ("rprop", {}, None),
])  # fmt: skip
def test_a_moment_is_what_turns_with_the_gradients_and_remembers_more_than_one(name, hypers, slot):
    row = tl.optim.row(name)
    found = moment_of(row, tuple(row.resolve(hypers).items()))
    assert (found and found[0]) == slot


def test_a_moment_of_ones_own_rule_is_found_and_turned_uphill():
    @tl.extend.update_rule(hypers={"lr": tl.extend.Hyper(0.1, r"\eta", 0.0)}, slots={"v": tl.extend.Slot()})
    def my_velocity(xp, g, p, s, h, t):
        """Velocity that points where it goes."""
        v = 0.5 * s.v - h.lr * g
        return {"v": v, "delta": v}

    try:
        r = race(["my_velocity"], on="sphere", start=(1.0, 2.0), steps=4)
        found = replay("sphere", r.tracks[0], r.steps)
    finally:
        del tl.optim.rules["my_velocity"]
    assert found.name == "v" and np.allclose(found.moment, -found.step)
    lost = replay("sphere", r.tracks[0], r.steps)
    assert lost.moment is None and np.array_equal(lost.step[:-1], found.step[:-1]) and not lost.step[-1].any()


def test_noise_and_schedules_are_replayed_where_they_are_known():
    schedule = tl.schedules.cosine(0.05, total=20)
    on, what = surfaces.sphere.with_noise(0.5), {"a": ("momentum", {"lr": schedule}), "b": ("sgd", {"lr": 0.1})}
    r = race(what, on=on, start=[(1.0, 1.0), (2.0, -1.0)], steps=10, every=3, seed=7)
    whole = race(what, on=on, start=[(1.0, 1.0), (2.0, -1.0)], steps=10, seed=7)
    for i in (0, 1):
        found = replay(on, r["b"], r.steps, i, seed=7)
        assert np.allclose(found.step[:-1], -0.1 * found.gradient[:-1])
        assert np.allclose(found.step[:-1], np.diff(whole["b"].positions[..., i], axis=0)[::3])
        told = replay(on, r["a"], r.steps, i, seed=7, contender=contenders(what)[0])
        assert told.name == "buf" and np.allclose(told.step[1], -schedule(3) * told.moment[1])
        assert np.allclose(told.step[-1], -schedule(10) * told.moment[-1])
        untold = replay(on, r["a"], r.steps, i, seed=7)
        assert untold.moment is None and np.isnan(untold.step).all()
        assert replay(on, r["b"], r.steps, i, seed=8).moment is None


def test_a_path_that_ended_moves_no_more():
    r = race([("momentum", {"lr": 0.1})], steps=20)
    found, ended = replay("rosenbrock", r.tracks[0], r.steps), int(r.tracks[0].ended[0])
    assert 0 < ended < 15 and not found.step[ended:].any() and found.step[: ended - 1].all()
    assert (found.moment[ended + 1 :] == found.moment[ended]).all()


@pytest.mark.parametrize("angle", [0.0, 30.0, -75.0])
def test_axes_of_a_quadratic_bring_its_hessian_to_diagonal_form(angle):
    on = surfaces.quadratic.with_numbers(condition=25.0, angle=angle)
    found = eigen(on)
    xx, xy, yy = on.curvature(np.array([0.3, 0.1]))
    assert np.allclose(found.values, (1, 25)) and np.allclose(found.centre, 0)
    assert np.allclose(found.vectors.T @ np.diag(found.values) @ found.vectors, [[xx, xy], [xy, yy]])
    assert np.allclose(found.parts(found.vectors), np.eye(2))


def test_only_quadratics_have_axes():
    quadratic = {"booth", "matyas", "quadratic", "saddle", "sphere"}
    for name in surfaces.available():
        found = eigen(name)
        assert (found is not None) == (name.removeprefix("noisy_") in quadratic)
        if found is not None and surfaces.surface_of(name).goals:
            assert np.allclose(found.centre, surfaces.surface_of(name).goals[0], atol=1e-9)
    assert np.allclose(eigen("(x - 3)**2 + 4*(y + 1)**2").centre, (3, -1)) and eigen("(x + y)**2") is None


def test_all_that_can_race_do_so_at_once():
    r = everybody()
    assert [*r] == NAMES and len(NAMES) >= 118 and r.status == "finished"
    assert {"adam", "lbfgs", "newton", "cma_es", "adahessian"} <= {*NAMES}
    assert not {"muon", "gauss_newton", "saga", "clip_norm", "ema"} & {*NAMES}
    with pytest.raises(errors.UnknownNameError):
        tl.race.applicable("nowhere")
    for t in r.tracks:
        rule = tl.optim.row(t.rule)
        assert t.evaluations[0] == 12 or isinstance(rule, Method) or t.ended[0] >= 0
    assert r["lbfgs"].evaluations[0] > 12
