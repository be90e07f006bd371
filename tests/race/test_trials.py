"""Trials: data in, the same numbers out, wherever they are computed."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors, schedules
from torchlean_nb.race.problems import NETWORKS, problem_of
from torchlean_nb.race.trial import Outcome, Trial, run_trial, run_trials, schedule_form, schedule_from

RATES = [1e-3, 0.03, 0.3, 50.0]
NOISY = tl.surfaces.rosenbrock.with_noise(0.5)
LONG = tl.surfaces.quadratic.with_numbers(condition=7.0)
ROWS = [r for r in schedules.SCHEDULES.values() if r.builtin]


def bowl(x, y):
    """A surface of the tests."""
    return x * x + 2 * y * y


def line(seed):
    """A network of the tests: one weight."""
    x = np.linspace(-1, 1, 8)[:, None]
    return tl.nn.Linear(1, 1), "regression", (x, 3 * x)


LINE = tl.race.problem(line, unit="steps", batch_size=4)


def trial(problem, rule="adam", **fields):
    return Trial(problem, rule, {"lr": fields.pop("lr", 0.03)}, budget=fields.pop("budget", 3), **fields)


# -- surfaces ------------------------------------------------------------------------------------
@pytest.mark.parametrize("rule", ["sgd", "adam", "rprop", "lion", "lamb", "lbfgs", "adahessian"])
@pytest.mark.parametrize("on", ["rosenbrock", "ackley", NOISY], ids=str)
def test_a_trial_gets_the_same_numbers_alone_and_among_others(rule, on):
    fields = {"budget": 2 if rule == "lbfgs" else 30, "schedule": schedules.cosine(1.0, total=30)}
    all_of_them = [trial(on, rule, lr=lr, seed=s, **fields) for lr in RATES[1:] for s in (0, 1)]
    assert run_trials(all_of_them) == [run_trial(t) for t in all_of_them]


def test_a_trial_is_the_race_of_one():
    for on, start in (("rosenbrock", None), (NOISY, (0.5, 0.5))):
        found = run_trial(trial(on, budget=60, seed=0, start=start))
        track = tl.race([("adam", {"lr": 0.03})], on=on, start=start, steps=60, engine="numpy").tracks[0]
        assert np.allclose(found.curve, track.losses[:, 0], rtol=1e-12) and found.best == found.curve.min()


def test_other_seeds_begin_elsewhere_in_the_domain_and_contenders_begin_alike():
    found = {(rule, s): run_trial(trial("branin", rule, seed=s)) for rule in ("sgd", "adam") for s in range(3)}
    assert all(found["sgd", s].init_hash == found["adam", s].init_hash for s in range(3))
    assert len({found["sgd", s].init_hash for s in range(3)}) == 3
    assert run_trial(trial("branin", seed=2, start=(1, 2))).init_hash == run_trial(
        trial("branin", start=(1.0, 2.0))).init_hash  # fmt: skip


def test_a_path_that_leaves_ends_and_says_when():
    found = run_trial(trial("sphere", "sgd", lr=50.0, budget=100))
    assert found.status == "diverged" and 0 < found.ended < 10 and found.final == np.inf
    assert found.evaluations == found.ended + 1 == len(found.curve) and np.isfinite(found.curve).all()


def test_the_curve_of_a_long_trial_is_bounded_and_its_ends_are_kept():
    found = run_trial(trial("sphere", budget=5000))
    assert len(found.at) == 1001 and (found.at[0], found.at[-1]) == (0, 5000)
    short = found.thinned(7)
    assert len(short.at) == 7 and short.final == found.final == short.curve[-1] and short.best == found.best
    assert len(found.thinned(0).at) == 0 and found.thinned(2000) is found


# -- networks ------------------------------------------------------------------------------------
def test_contenders_begin_alike_and_get_the_same_batches():
    found = [run_trial(trial("moons_mlp", rule, seed=s)) for s in (0, 1) for rule in ("sgd", "adam")]
    assert found[0].init_hash == found[1].init_hash != found[2].init_hash == found[3].init_hash
    assert found[0].order_hash == found[1].order_hash != found[2].order_hash == found[3].order_hash
    assert found[0].curve[0] == found[1].curve[0] and found[0].at.tolist() == [0, 1, 2, 3]


def test_a_trial_on_a_network_is_what_the_trainer_does():
    model, task, data, held = NETWORKS["moons_mlp"].make(1)
    trainer = tl.Trainer(model, task, lambda params: tl.optim.Adam(params, lr=0.03, fused=True), seed=1,
                         init=NETWORKS["moons_mlp"].init)  # fmt: skip
    quiet = tl.train.Recorder(1, 1 << 40, None)
    result = trainer.fit(data, epochs=3, batch_size=32, validation=held, progress=False, record=quiet)
    found = run_trial(trial("moons_mlp", seed=1))
    assert found.metrics == result.metrics and found.curve[1:].tolist() == result.run["epoch_loss"].values.tolist()
    assert found.evaluations == result.steps and found.final == found.curve[-1]


def test_the_hash_of_the_order_is_that_of_the_rows_that_were_trained_on(monkeypatch):
    drawn = []
    whole = tl.data.DataLoader.next_batch

    def watched(loader):
        batch = whole(loader)
        drawn.append(batch[0])
        return batch

    data = NETWORKS["moons_mlp"].make(0)[2]
    monkeypatch.setattr(tl.data.DataLoader, "next_batch", watched)
    run_trial(trial("moons_mlp", budget=2, seed=3))
    trained, rows = drawn[: len(drawn) // 2], drawn[len(drawn) // 2 :]
    assert len(trained) == 8 and all(np.array_equal(x, data.arrays[0][r]) for x, r in zip(trained, rows, strict=True))


def test_a_network_that_diverges_ends_early_and_is_marked():
    found = run_trial(trial(LINE, "sgd", lr=1e4, budget=500))
    assert found.status == "diverged" and found.ended < 10 and found.final == np.inf and len(found.at) < 12


def test_steps_are_counted_where_the_problem_counts_steps():
    found = run_trial(trial(LINE, "sgd", lr=0.1, budget=5))
    assert found.at.tolist() == [0, 1, 2, 3, 4, 5] and found.evaluations == 5
    assert len(run_trial(trial(LINE, "sgd", lr=0.1, budget=1001)).at) < 1002


def test_a_schedule_multiplies_the_rate():
    halves = schedules.constant(0.5)
    for on in ("rosenbrock", "moons_mlp"):
        assert run_trial(trial(on, lr=0.1, schedule=halves)) == run_trial(trial(on, lr=0.05))


def test_threads_do_not_disturb_each_other():
    trials = [trial(on, rule, seed=s) for on in ("moons_mlp", "rosenbrock") for rule in ("sgd", "adam") for s in (0, 1)]
    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(run_trial, trials)] == [run_trial(t) for t in trials]


# -- data ----------------------------------------------------------------------------------------
TRAVELLERS = {"name": "rosenbrock", "network": "digits_cnn", "noisy": NOISY, "numbers": LONG, "f": bowl, "own": LINE}


@pytest.mark.parametrize("on", TRAVELLERS.values(), ids=TRAVELLERS)
def test_a_trial_travels(on):
    t = trial(on, schedule=schedules.cosine(1.0, total=9), seed=4)
    again = pickle.loads(pickle.dumps(t))
    assert again == t and again.key == t.key and json.loads(json.dumps(t.to_dict())) == t.to_dict()
    if on is not bowl and on is not LINE:
        assert Trial.from_dict(json.loads(json.dumps(t.to_dict()))) == t
    else:
        with pytest.raises(errors.UnknownNameError, match="of its own"):
            Trial.from_dict(t.to_dict())


def test_every_schedule_without_a_function_travels():
    seen = 0
    for s in (row.make(sample) for row in ROWS for sample in row.samples):
        try:
            form = schedule_form(s)
        except errors.CapabilityError:
            continue
        again, seen = schedule_from(json.loads(json.dumps(form))), seen + 1
        assert repr(again) == repr(s) and schedule_form(again) == form
    assert seen > 40


def test_the_key_tells_every_difference():
    base = trial("rosenbrock")
    others = [
        trial("ackley"), trial(NOISY), trial("rosenbrock", "sgd"), trial("rosenbrock", lr=0.1), trial(bowl),
        trial("rosenbrock", seed=1), trial("rosenbrock", budget=4), trial("rosenbrock", start=(0, 0)),
        trial("rosenbrock", schedule=schedules.constant(1.0)), trial(LINE), trial(replace(LINE, version="2")),
        trial(tl.race.problem(lambda seed: line(seed + 1), name="line")),
        trial(tl.race.problem(lambda seed: line(seed + 2), name="line")),
    ]  # fmt: skip
    assert len({t.key for t in [base, *others]}) == 1 + len(others)
    assert trial("rosenbrock").key == base.key


def test_a_function_that_is_the_default_needs_no_words():
    t = Trial("sphere", "frank_wolfe", budget=3)
    assert "corner" not in t.hypers and run_trial(t).status == "finished" and Trial.from_dict(t.to_dict()) == t


def test_an_outcome_survives_json():
    for t in (trial("sphere", "sgd", lr=50.0, budget=20), trial(LINE), trial("moons_mlp", "sgd", lr=1e300)):
        found = run_trial(t)
        assert Outcome.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
    with pytest.raises(errors.TraceFormatError):
        Outcome.from_dict({**found.to_dict(), "status": "odd"})
    with pytest.raises(errors.TraceFormatError):
        Outcome.from_dict({"at": 3})


@pytest.mark.parametrize(("fields", "error"), [
    ({"problem": "rosenbrok"}, errors.UnknownNameError), ({"problem": 3}, errors.HyperparameterError),
    ({"rule": "adm"}, errors.UnknownNameError), ({"hypers": {"lr": -1.0}}, errors.HyperparameterError),
    ({"budget": 0}, errors.HyperparameterError), ({"seed": -1}, errors.HyperparameterError),
    ({"start": (1.0, np.nan)}, errors.ShapeError), ({"start": 3}, errors.ShapeError),
    ({"problem": "moons_mlp", "start": (0, 0)}, errors.HyperparameterError),
    ({"schedule": 0.1}, errors.HyperparameterError),
    ({"schedule": schedules.custom(lambda k: 1.0)}, errors.CapabilityError),
    ({"rule": "frank_wolfe", "hypers": {"corner": lambda *_: 0}}, errors.CapabilityError),
    ({"rule": "bfgs", "hypers": {}, "schedule": schedules.constant(1.0)}, errors.HyperparameterError),
])  # fmt: skip
def test_what_is_no_trial_is_refused(fields, error):
    with pytest.raises(error):
        Trial(**{"problem": "rosenbrock", "rule": "adam", "hypers": {"lr": 0.1}, **fields})


@pytest.mark.parametrize("arguments", [
    {"make": 3}, {"make": line, "name": ""}, {"make": line, "name": "rosenbrock"}, {"make": line, "unit": "hours"},
    {"make": line, "batch_size": 0},
])  # fmt: skip
def test_what_is_no_problem_is_refused(arguments):
    with pytest.raises(errors.HyperparameterError):
        tl.race.problem(**arguments)


def test_a_function_that_makes_no_network_is_told_so():
    with pytest.raises(errors.HyperparameterError, match="model, task, data"):
        run_trial(trial(tl.race.problem(lambda seed: 3, name="three")))
    with pytest.raises(errors.CapabilityError):
        run_trial(Trial("moons_mlp", "newton"))
    assert problem_of(LINE) is LINE
