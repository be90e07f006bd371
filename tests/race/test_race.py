"""Races: every path is the one its optimizer would take alone, to the last bit, whatever runs it."""

from __future__ import annotations

import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb import errors, surfaces
from torchlean_nb.minimizers import Method
from torchlean_nb.race import contenders, heats
from torchlean_nb.race.engine import facade
from torchlean_nb.race.field import field
from torchlean_nb.race.straight import slopes
from torchlean_nb.shells.program import Program
from torchlean_nb.trace.race import RaceTrace, Track
from torchlean_nb.updates import RULES

ELEMENTS = [r for r in RULES.values() if r.builtin and r.scope == "element" and not r.needs]
# Rates nobody set are the rows' own here: what is found by a grid has its tests elsewhere.
race = partial(tl.race, lr=None)
STARTS = np.random.default_rng(5).uniform(-2, 2, (9, 2))
RATES = {"lr": 0.01}


def options(rule):
    return RATES if "lr" in rule.hypers else {}


def alone(rule, surface, start, steps, fused=False, **hypers):
    """Positions of an optimizer that runs by itself."""
    opt = tl.optim.class_of(rule)({"z": start.copy()}, fused=fused, **hypers)
    found = [start]
    for _ in range(steps):
        opt.step([np.array(surface.slope(opt.params["z"]))])
        found.append(opt.params["z"].copy())
    return np.array(found)


def fits(rule, hypers):
    """Whether the rule can be fused with these numbers."""
    try:
        Program.best(rule, rule.resolve(hypers), np.float64, False)
    except errors.CapabilityError:
        return False
    return True


@pytest.mark.parametrize("rule", ELEMENTS, ids=lambda r: r.name)
def test_floats_arrays_and_the_optimizer_itself_agree_to_the_last_bit(rule):
    hypers = options(rule)
    arrays = race([(rule, hypers)], on="beale", start=STARTS, steps=12, every=1, engine="numpy").tracks[0]
    one = race([(rule, hypers)], on="beale", start=STARTS[3], steps=12, every=1).tracks[0]
    assert np.array_equal(arrays.positions[..., 3], one.positions[..., 0])
    assert np.array_equal(arrays.losses[:, 3], one.losses[:, 0])
    if (arrays.ended < 0).all():
        with np.errstate(all="ignore"):
            want = alone(rule, surfaces.beale, STARTS[3], 12, fused="numpy" if fits(rule, hypers) else False, **hypers)
        assert np.array_equal(arrays.positions[..., 3], want)
        assert np.array_equal(arrays.losses[-1], surfaces.beale(arrays.final))


@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop", "adagrad", "lion"])
def test_few_paths_do_run_in_python_floats(name, monkeypatch):
    monkeypatch.setattr(heats, "lockstep", None)
    r = race([name], on="rosenbrock", start=STARTS[:3], steps=5)
    assert r.tracks[0].losses.shape == (6, 3)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(surfaces.SURFACES)), st.sampled_from(["sgd", "adam", "nadam", "adadelta"]),
       st.floats(1e-3, 0.5), st.integers(0, 30), st.integers(1, 7))  # fmt: skip
def test_every_surface_gives_the_same_paths_in_floats_and_in_arrays(surface, name, lr, steps, every):
    what, on = [(name, {"lr": lr})], surfaces.surface_of(surface).with_noise(0)
    start = np.add([on.start, on.start], [[0.0, 0.0], [0.3, -0.2]])
    a, b = (race(what, on=on, start=start, steps=steps, every=every, engine=e) for e in ("python", "numpy"))
    assert a.tracks == b.tracks and np.array_equal(a.steps, b.steps)
    assert a.steps[-1] == steps and (a.steps[:-1] % every == 0).all()


def test_a_value_for_each_path_is_the_path_of_that_value():
    rates = np.geomspace(1e-4, 1e-2, 6)
    many = race([("adam", {"lr": rates})], on="rosenbrock", steps=20).tracks[0]
    for i, lr in enumerate(rates):
        want = alone(tl.optim.rules["adam"], surfaces.rosenbrock, np.array(surfaces.rosenbrock.start), 20, lr=lr)
        assert np.array_equal(many.positions[..., i], want)
    assert many.hypers["lr"] == tuple(rates)


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "pid"])
def test_rules_that_ask_for_a_momentum_take_one_for_each_path(name):
    hypers = {"lr": [0.01, 0.02], "momentum": [0.5, 0.9]}
    r = race([(name, hypers)], on="booth", start=STARTS[0], steps=12).tracks[0]
    for i in range(2):
        one = race([(name, {k: v[i] for k, v in hypers.items()})], on="booth", start=STARTS[0], steps=12).tracks[0]
        assert np.allclose(r.positions[..., i], one.positions[..., 0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["sgd", "lbfgs"])
def test_an_array_of_one_value_is_that_value(name):
    assert race({"a": (name, {"lr": [0.1]})}, start=STARTS[:3], steps=3) == race(
        {"a": (name, {"lr": 0.1})}, start=STARTS[:3], steps=3)  # fmt: skip


@pytest.mark.parametrize("on", ["himmelblau", "noisy_rosenbrock"])
def test_races_in_several_threads_are_those_one_after_the_other(on):
    def one(i):
        return race(["lbfgs", "sgd", ("adam", {"lr": [0.01, 0.1]})], on=on, start=STARTS[:2] + i, steps=12)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(3) as pool:
            together = [*pool.map(one, range(3))]
    finally:
        sys.setswitchinterval(before)
    assert together == [one(i) for i in range(3)]


def test_a_value_for_each_path_is_one_of_half_the_width_where_the_race_is():
    rates = [0.01, 0.03]
    r = race([("adam", {"lr": rates})], on="beale", start=STARTS[0], steps=20, dtype="float32").tracks[0]
    for i, lr in enumerate(rates):
        one = race([("adam", {"lr": lr})], on="beale", start=STARTS[0], steps=20, dtype="float32").tracks[0]
        assert np.allclose(r.positions[..., i], one.positions[..., 0], rtol=1e-6, atol=0)


def test_paths_by_the_thousand_are_those_of_smaller_crowds(monkeypatch):
    start = np.random.default_rng(0).uniform(-2, 2, (50, 2))
    what = ["adam", ("sgd", {"lr": np.geomspace(1e-3, 1.0, 50)}), "lamb"]
    whole = race(what, on="ackley", start=start, steps=9)
    for chunk in (16, 70):
        monkeypatch.setattr(heats, "CHUNK", chunk)
        assert race(what, on="ackley", start=start, steps=9) == whole


@pytest.mark.parametrize("name", ["lbfgs", "newton", "nelder_mead", "polyak_sgd", "adahessian", "lamb", "bfgs"])
def test_what_looks_at_everything_runs_as_it_does_alone(name):
    row, f = tl.optim.row(name), surfaces.himmelblau
    r = race([name], on=f, start=STARTS[:2], steps=4, every=1).tracks[0]

    def known(z):
        value, g = float(f(z)), np.array(f.slope(z))
        xx, xy, yy = f.curvature(z)
        return (value, [g], np.array([[xx, xy], [xy, yy]])) if "hessian" in row.needs else (value, [g])

    for i in range(2):
        opt = facade(contenders(name)[0], i, STARTS[i])
        for k in range(4):
            z = opt.params["z"]
            if isinstance(row, Method):
                opt.step(lambda p: known(p["z"]))
            else:
                bent = [np.array(f.curvature(z)[::2])] if "curvature" in row.needs else None
                opt.step(known(z)[1], known(z)[0] if "value" in row.needs else None, bent)
            assert np.array_equal(r.positions[k + 1, :, i], opt.params["z"])


@pytest.mark.parametrize("surface", ["rosenbrock", "noisy_quadratic"])
def test_contenders_in_step_are_those_that_run_by_themselves(surface):
    what = {"a": "adam", "b": ("sgd", {"lr": 1e-4}), "c": ("momentum", {"lr": np.geomspace(1e-5, 1.0, 9)}),
            "d": ("asgd", {"lr": 5.0}), "e": ("rprop", {"lr": tl.schedules.cosine(0.2, total=30)}),
            "f": "optimistic_gd"}  # fmt: skip
    given = {"on": surface, "start": STARTS, "steps": 30}
    whole = race(what, **given)
    assert (whole["c"].ended >= 0).any() and (whole["d"].ended >= 0).all()
    for name, spec in what.items():
        assert race({name: spec}, **given).tracks == (whole[name],)
    sparse = race(what, every=7, **given)
    for t in sparse.tracks:
        assert np.array_equal(t.losses, whole[t.name].losses[sparse.steps])


def test_floats_of_half_the_width_are_recorded_as_such():
    r = race(["adam", "sgd"], start=STARTS, steps=5, dtype="float32")
    assert {t.positions.dtype for t in r.tracks} == {np.dtype("f4")} and RaceTrace.from_json(r.to_json()) == r


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rates_far_too_high_end_paths_and_nobody_warns(dtype):
    what = {}
    for name in tl.race.applicable():
        row = tl.optim.row(name)
        what |= {name: (name, {"lr": 1e9 if row.hypers["lr"].high > 1e9 else 0.5}) if "lr" in row.hypers else name}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        r = race(what, on="goldstein_price", steps=8, dtype=dtype)
    assert [*r] == [*what] and r.status == "finished"
    assert sum(t.ended[0] >= 0 for t in r.tracks) > 50
    for t in r.tracks:
        assert np.isfinite(t.positions).all()
        assert t.evaluations[0] >= (8 if t.ended[0] < 0 else t.ended[0])


def test_a_path_that_runs_away_is_marked_and_stays_and_the_others_go_on():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        r = race([("sgd", {"lr": np.array([1e-3, 0.1, 1e-4, 5.0])})], on="rosenbrock", steps=60)
    t = r.tracks[0]
    assert t.ended[0] == t.ended[2] == -1 and 0 <= t.ended[3] < t.ended[1] < 10
    assert np.isfinite(t.positions).all() and np.abs(t.positions).max() <= 1e6 * 3
    for i in (1, 3):
        assert (t.positions[t.ended[i] :, :, i] == t.positions[t.ended[i], :, i]).all()
    lone = race([("sgd", {"lr": 0.1})], on="rosenbrock", steps=60).tracks[0]
    assert lone.ended[0] == t.ended[1] and "at step" in str(race([("sgd", {"lr": 5.0})], steps=9))


def test_when_all_have_ended_the_race_is_over_but_the_record_is_whole():
    t = race([("sgd", {"lr": 50.0})], on="rosenbrock", start=STARTS, steps=40, every=1).tracks[0]
    assert (t.ended >= 0).all() and len(t.losses) == 41 and (t.losses[-1] == t.losses[-2]).all()


def test_noise_is_the_same_for_every_contender_and_for_every_race_with_the_seed():
    on = surfaces.sphere.with_noise(0.3)
    what = {"a": ("sgd", {"lr": 0.1}), "b": ("sgd", {"lr": 0.1})}
    r = race(what, on=on, start=STARTS, steps=15, seed=4)
    assert np.array_equal(r["a"].positions, r["b"].positions)
    assert r == race(what, on=on, start=STARTS, steps=15, seed=4)
    assert not np.array_equal(r["a"].final, race(what, on=on, start=STARTS, steps=15, seed=5)["a"].final)
    assert r.surface["noise"] == 0.3


def test_a_schedule_sets_the_rate_of_each_step():
    s = tl.schedules.cosine(0.2, total=20)
    what = [("sgd", {"lr": s})]
    a, b = (race(what, on="sphere", start=(1.0, -2.0), steps=20, engine=e) for e in ("python", "numpy"))
    assert a.tracks == b.tracks
    p = np.array([1.0, -2.0])
    for k in range(20):
        p = p + -s(k) * (2.0 * p)
    assert np.allclose(a.tracks[0].final[:, 0], p, rtol=1e-13)


def test_any_function_of_two_tensors_runs_and_one_that_mixes_points_is_refused():
    r = race(["adam"], on=lambda x, y: tl.log(1 + x * x) + tl.abs(y), start=(0.5, 0.5), steps=5)
    assert r.surface["lowest"] == "-Infinity" and r.tracks[0].losses[-1, 0] < r.tracks[0].losses[0, 0]
    with pytest.raises(errors.ShapeError, match="element by element"):
        race(["sgd"], on=lambda x, y: (x * y).sum(), start=STARTS)
    with pytest.raises(errors.HandleTypeError):
        race(["sgd"], on=lambda x, y: x * y if x > 0 else y, start=STARTS)


WAYS = {
    "operators": lambda x, y: (1 - x) ** 2 + 5.0 * (y - x * x) ** 2,
    "where": lambda x, y: tl.where(x > 9, x, (1 - x) ** 2) + 5.0 * tl.abs(y - tl.square(x)) ** 2,
    "functions": lambda x, y: tl.square(1 - x) + 5.0 * tl.square(y - x * x),
    "ufuncs": lambda x, y: np.square(1 - x) + np.multiply(5.0, np.square(np.subtract(y, x * x))),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_function_is_written_with_operators_functions_or_ufuncs(way):
    want = race(["adam", "newton", "lamb"], on=surfaces.rosenbrock.with_numbers(b=5.0), start=STARTS, steps=20)
    r = race(["adam", "newton", "lamb"], on=WAYS[way], start=STARTS, steps=20)
    for a, b in zip(r.tracks, want.tracks, strict=True):
        assert np.allclose(a.positions, b.positions, rtol=1e-7, atol=1e-9)
        assert np.array_equal(a.evaluations, b.evaluations)


@pytest.mark.parametrize(("surface", "kind"), [(s, k) for s in sorted(surfaces.SURFACES) for k in ("f4", "f8")])
def test_straight_calls_have_the_bits_of_the_compiled_program(surface, kind):
    on, p = surfaces.surface_of(surface), np.random.default_rng(1).uniform(-2, 2, (2, 11)).astype(kind)
    g, values = np.empty_like(p), np.empty(11, kind)
    only, whole = slopes(on, p, g, values)
    with np.errstate(all="ignore"):
        whole()
        want = field(on, 11, p.dtype.name)(p)
    assert np.array_equal(values, want[0]) and np.array_equal(g, want[1])
    g[:], p[0, 0] = 0, 0.25
    with np.errstate(all="ignore"):
        only()
    assert np.array_equal(g[:, 1:], want[1][:, 1:]) and not np.array_equal(g[:, 0], want[1][:, 0])


def test_what_numpy_cannot_do_in_one_call_is_done_by_the_compiled_program():
    r = race({"a": "sgd", "b": "adam"}, on="erf(x) + relu(y)^2 + max(x, y)*x", start=STARTS, steps=3)
    for i in (0, 5):
        one = race({"b": "adam"}, on="erf(x) + relu(y)^2 + max(x, y)*x", start=STARTS[i], steps=3)
        assert np.array_equal(one["b"].positions[..., 0], r["b"].positions[..., i])


@pytest.mark.parametrize(("arguments", "error"), [
    ({"what": []}, errors.HyperparameterError), ({"what": ["nope"]}, errors.UnknownNameError),
    ({"what": [("sgd", {"lr": -1.0})]}, errors.HyperparameterError), ({"what": [3]}, errors.HyperparameterError),
    ({"what": 3}, errors.HyperparameterError), ({"what": [("sgd", {"lr": []})]}, errors.ShapeError),
    ({"what": [("sgd", {"lr": [[0.1, 0.2], [0.1]]})]}, errors.ShapeError),
    ({"what": ["sgd"], "seed": None}, errors.HyperparameterError),
    ({"what": [("sgd", {"momentum": [0.0, 0.9]})]}, errors.CapabilityError),
    ({"what": [("sgd", {"lr": np.ones((2, 2))})]}, errors.ShapeError), ({"what": ["muon"]}, errors.ShapeError),
    ({"what": ["sgd"], "steps": -1}, errors.HyperparameterError), ({"what": ["sgd"], "start": "x"}, errors.ShapeError),
    ({"what": ["sgd"], "start": [[np.nan, 0.0]]}, errors.ShapeError),
    ({"what": ["sgd"], "every": 0}, errors.HyperparameterError),
    ({"what": [("sgd", {"lr": np.ones(3)})], "start": STARTS}, errors.ShapeError),
    ({"what": ["sgd"], "on": "sfere"}, errors.UnknownNameError),
    ({"what": ["sgd"], "dtype": "int8"}, errors.HyperparameterError),
    ({"what": ["sgd"], "engine": "x"}, errors.HyperparameterError),
    ({"what": ["levenberg_marquardt"]}, errors.CapabilityError),
    ({"what": ["lamb"], "engine": "python"}, errors.CapabilityError),
])  # fmt: skip
def test_what_cannot_run_is_refused_with_a_reason(arguments, error):
    with pytest.raises(error):
        race(**arguments)


@pytest.mark.parametrize("n", [1, 20_000])
def test_stopped_it_gives_the_contenders_that_had_finished(monkeypatch, n):
    whole = heats.Heat.track

    def stopped(self, c, paths):
        if c.name == "adam":
            raise KeyboardInterrupt
        return whole(self, c, paths)

    monkeypatch.setattr(heats.Heat, "track", stopped)
    r = race(["sgd", "adam", "rmsprop"], start=np.tile(STARTS[0], (n, 1)), steps=5)
    assert [*r] == ["sgd"] and r.status == "interrupted"


def test_progress_is_shown_of_what_takes_long_or_when_it_is_asked_for(capsys, monkeypatch):
    monkeypatch.setattr("torchlean_nb.race.running.LONG", 1500)
    for what, n, shown in (("sgd", 30, False), ("lbfgs", 1, True), ("sgd", 1, True), ("sgd", 200, True)):
        race([what], on="sphere", start=np.ones((n, 2)), steps=40)
        assert ("100%" in capsys.readouterr().err) == shown
    race(["sgd"], on="sphere", steps=5, progress=True)
    assert "100%" in capsys.readouterr().err


def test_a_race_survives_json_and_refuses_what_is_none():
    r = race(["sgd", ("adam", {"lr": np.array([0.1, 0.2])})], on="branin", steps=30)
    assert RaceTrace.from_json(r.to_json()) == r and r.to_json() == RaceTrace.from_json(r.to_json()).to_json()
    data = r.to_dict()
    for broken in ({**data, "format": "x"}, {**data, "tracks": 3}, {**data, "steps": [0]}, {"format": data["format"]}):
        with pytest.raises(errors.TraceFormatError):
            RaceTrace.from_dict(broken)
    with pytest.raises(errors.TraceFormatError):
        RaceTrace({}, [0], [Track("a", "sgd", np.zeros((1, 2, 1)), np.zeros((1, 1)))] * 2)
    with pytest.raises(errors.UnknownNameError, match="sgd"):
        r["sdg"]
    assert not r["sgd"].positions.flags.writeable


def test_steps_to_a_target_are_the_first_recorded_ones():
    r = race([("sgd", {"lr": np.array([0.1, 0.4, 1e-6])})], on="sphere", start=(1.0, 0.0), steps=50)
    assert r.steps_to(0.5)["sgd"].tolist() == [2, 1, -1]
