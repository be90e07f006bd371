"""`tl.race.fair`: equal chances for everybody, on surfaces and on networks, and what it says when they are not."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.errors import TorchLeanError
from torchlean_nb.race import fair_grid
from torchlean_nb.race.contenders import contenders
from torchlean_nb.race.trial import Trial, run_trial, run_trials

FAIR = sys.modules["torchlean_nb.race.fair"] if tl.race.fair else None


@pytest.fixture(scope="module")
def two():
    """A surface and a small network, with a contender that has a rate of its own."""
    return tl.race.fair(
        {"sgd": "sgd", "adam": "adam", "stuck": ("adam", {"lr": 1e-3})}, on=["rosenbrock", "moons_mlp"], points=3,
        seeds=2, steps=40, epochs=2, ratio=10,
    )  # fmt: skip


def test_every_loss_is_that_of_a_run_by_itself(two):
    for c in two.contests:
        budget = {"steps": 40, "epochs": 2}[c.unit]
        for e in c.entries:
            for i, rate in enumerate(e.rates.tolist()):
                alone = run_trial(Trial(c.problem, e.rule, {"lr": rate}, seed=1, budget=budget))
                assert e.losses[i, 1] == alone.final and e.evaluations[i, 1] == alone.evaluations
                assert (e.starts[1], (e.orders or ("", ""))[1]) == (alone.init_hash, alone.order_hash)


def test_all_begin_alike_and_seeds_differ(two):
    for c in two.contests:
        assert len({e.starts for e in c.entries}) == len({e.orders for e in c.entries}) == 1
        assert len({*c.entries[0].starts}) == 2
    assert two["moons_mlp"]["sgd"].orders and not two["rosenbrock"]["sgd"].orders


def test_who_has_one_rate_where_others_have_three_makes_it_unfair(two):
    assert [len(e.rates) for e in two["moons_mlp"].entries] == [3, 3, 1] and not two.fair
    assert [f.contender for f in two.flags if f.unfair] == ["stuck", "stuck"]
    assert "not fair: stuck had 1 rate, others 3" in two.to_text()


def test_the_target_is_the_best_loss_of_who_is_last_so_that_everybody_gets_there(two):
    for c in two.contests:
        best = [float(np.median(v)) for v in c.values("best").values()]
        assert c.target == max(best)
    told = tl.race.fair(["sgd"], on="sphere", steps=5, target={"sphere": 3.5})
    assert told["sphere"].target == 3.5


def test_an_executor_and_a_file_change_nothing(two, tmp_path, monkeypatch):
    given = {"on": "moons_mlp", "points": 2, "seeds": 1, "epochs": 1, "results": tmp_path / "runs.jsonl"}
    first = tl.race.fair(["sgd", "adam"], **given)
    with ThreadPoolExecutor(2) as pool:
        assert tl.race.fair(["sgd", "adam"], **{**given, "results": None}, executor=pool) == first
    monkeypatch.setattr("torchlean_nb.race.sweep_crew.run_trials", lambda trials: pytest.fail("computed again"))
    assert tl.race.fair(["sgd", "adam"], **given) == first


# -- grids -------------------------------------------------------------------------------------------
def grid(lr, what=("sgd", "adam"), points=3, ratio=10.0):
    return [g.round(12).tolist() for g in fair_grid.grids(contenders([*what]), lr, "network", points, ratio)]


def test_one_grid_is_for_all_and_a_mapping_gives_each_its_own():
    assert grid(0.1) == [[0.01, 0.1, 1.0]] * 2 and grid([3.0, 0.3]) == [[0.3, 3.0]] * 2
    assert grid({"sgd": 1.0, "adam": [0.01, 0.02]}) == [[0.1, 1.0, 10.0], [0.01, 0.02]]
    assert grid(None)[0] == grid(None)[1] == grid({"sgd": 0.5})[1]
    assert grid(0.1, what=["sgd", ("adam", {"lr": 0.5})])[1] == [0.5]


def test_a_rule_that_finds_its_own_length_of_step_has_its_grid_around_its_own_rate():
    assert grid(None, ["sgd", "lbfgs", "adadelta"]) == [grid(None)[0], [0.1, 1.0, 10.0], [0.1, 1.0, 10.0]]
    assert grid(0.1, ["lbfgs"]) == [[0.01, 0.1, 1.0]]


def run(losses, lr=(0.1, 1.0, 10.0)):
    losses = np.asarray(losses, float)[:, None]
    shape = losses.shape
    curves = np.stack([np.full(shape, 9.0), losses], axis=2)
    return tl.trace.fair.Entry("x", "x", lr, curves, np.full(shape, -1), np.full(shape, 5))


def longer(rows, what, common=False):
    return [g.round(9).tolist() for g in fair_grid.longer(rows, contenders(what), 10.0, common)]


def test_a_grid_goes_on_at_its_edge_and_the_others_grow_as_much():
    rows = [run([3, 2, 1]), run([2, 1, 3])]
    assert longer(rows, ["sgd", "adam"]) == [[0.1, 1.0, 10.0, 100.0], [0.01, 0.1, 1.0, 10.0]]
    assert longer(rows, ["sgd", "adam"], common=True) == [[0.1, 1.0, 10.0, 100.0]] * 2
    ends = [run([3, 2, 1]), run([1, 2, 3])]
    assert longer(ends, ["sgd", "adam"], common=True) == [[0.01, 0.1, 1.0, 10.0, 100.0]] * 2


def test_a_rate_that_somebody_fixed_stays_alone():
    rows, what = [run([3, 2, 1]), run([1], [0.5])], ["sgd", ("adam", {"lr": 0.5})]
    assert longer(rows, what) == [[0.1, 1.0, 10.0, 100.0], [0.5]] and fair_grid.open_ends(rows, contenders(what))
    assert not fair_grid.open_ends([run([3, 1, 2]), rows[1]], contenders(what))


def test_grids_grow_until_nobody_is_on_an_edge_or_the_limit_is_reached():
    given = {"on": "sphere", "lr": 1e-3, "points": 3, "seeds": 1, "steps": 40}
    ends = [tl.race.fair(["sgd", "adam"], **given, extend=n)["sphere"].entries for n in (0, 2, 12)]
    assert [[len(e.rates) for e in es] for es in ends[:2]] == [[3, 3], [5, 5]]
    assert [e.edge for e in ends[0]] == ["high", "high"] and [e.edge for e in ends[2]] == ["", ""]
    assert len(ends[2][0].rates) == len(ends[2][1].rates)
    assert np.allclose(np.diff(np.log10(ends[2][0].rates)), 0.5)
    short = ends[0][0]
    assert (ends[2][0].losses[:3] == short.losses).all()


# -- contenders of all kinds ----------------------------------------------------------------------------
@pytest.fixture
def timid():
    before = dict(tl.optim.rules)

    @tl.extend.update_rule(hypers={"lr": tl.extend.Hyper(0.1, r"\eta", 0.0)}, latex=((r"\Delta", r"-\eta\,g"),))
    def timid_descent(xp, g, p, s, h, t):
        """Half of a step of gradient descent."""
        return {"delta": -h.lr * g / 2}

    yield "timid_descent"
    tl.optim.rules.clear()
    tl.optim.rules.update(before)


def test_a_rule_of_your_own_can_enter(timid):
    found = tl.race.fair(["sgd", timid], on=["sphere", "moons_mlp"], lr={"sgd": 0.1, timid: 0.2}, points=3, seeds=1,
                         steps=20, epochs=1)  # fmt: skip
    assert found.fair
    for c in found.contests:
        assert np.allclose(c["sgd"].losses, c[timid].losses, rtol=1e-9)


def test_a_function_of_two_variables_is_a_problem_too():
    found = tl.race.fair(["sgd"], on=lambda x, y: x * x + 3 * y * y, steps=5, seeds=1)
    assert len(found) == 1 and found.contests[0].kind == "surface"


BAD = {
    "no contender": {"optimizers": []}, "unknown contender": {"optimizers": ["adem"]},
    "unknown problem": {"on": "rosenbrok"}, "no problem": {"on": []}, "a problem twice": {"on": ["sphere", "sphere"]},
    "no rate": {"lr": []}, "negative rate": {"lr": -0.1}, "words": {"lr": "fast"}, "nan": {"lr": float("nan")},
    "table of rates": {"lr": [[0.1]]}, "rate of a stranger": {"lr": {"lion": 0.1}}, "no points": {"points": 0},
    "ratio of one": {"ratio": 1.0}, "no seed": {"seeds": 0}, "seed twice": {"seeds": [1, 1]}, "seed": {"seeds": 1.5},
    "negative seed": {"seeds": [-1]}, "no step": {"steps": 0}, "target": {"target": "low"}, "extend": {"extend": -1},
    "schedule": {"optimizers": [("sgd", {"lr": lambda k: 0.1})]}, "array": {"optimizers": [("sgd", {"lr": [0.1, 1]})]},
    "executor": {"executor": 3}, "word for extend": {"extend": "yes"}, "part of a round": {"extend": 1.5},
    "target of a stranger": {"target": {"spere": 1.0}}, "rates beyond numbers": {"points": 2000},
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_makes_no_sense_is_refused_before_anything_runs(case, monkeypatch):
    monkeypatch.setattr("torchlean_nb.race.sweep_crew.run_trials", lambda trials: pytest.fail("something ran"))
    given = {"optimizers": ["sgd"], "on": "sphere"} | BAD[case]
    with pytest.raises(TorchLeanError):
        tl.race.fair(given.pop("optimizers"), **given)


# -- stopping, and problems that do not keep their word --------------------------------------------------
def stopping_at(monkeypatch, call):
    calls, compute = [], FAIR.compute

    def once(trials, **given):
        calls.append(len(trials))
        if len(calls) == call:
            raise KeyboardInterrupt
        return compute(trials, **given)

    monkeypatch.setattr(FAIR, "compute", once)


@pytest.mark.parametrize(("call", "names", "points"), [(1, [], []), (2, ["sphere"], [3]), (3, ["sphere"], [4])])
def test_stopped_it_has_what_was_finished_and_nothing_torn(monkeypatch, call, names, points):
    stopping_at(monkeypatch, call)
    found = tl.race.fair(["sgd", "adam"], on=["sphere", "booth"], lr=1e-3, points=3, seeds=1, steps=20, extend=9)
    assert [*found] == names and found.status == "interrupted"
    assert [len(e.rates) for c in found.contests for e in c.entries] == points * 2
    assert tl.trace.FairTrace.from_json(found.to_json()) == found and isinstance(found.to_text(), str)


@pytest.mark.parametrize(("stop", "rates"), [(3, None), (4, 1), (7, 1), (8, 2), (11, 2)])
def test_stopped_in_the_first_grid_it_has_the_rates_that_all_have_finished(monkeypatch, stop, rates):
    ran, crew = [], sys.modules["torchlean_nb.race.sweep_crew"]

    def some(trials):
        ran.append(len(trials))
        if len(ran) > stop:
            raise KeyboardInterrupt
        return run_trials(trials)

    monkeypatch.setattr(crew, "run_trials", some)
    found = tl.race.fair(["sgd", "adam"], on="moons_mlp", points=3, seeds=2, epochs=1)
    assert found.status == "interrupted" and len(found) == (rates is not None)
    if rates:
        assert [len(e.rates) for e in found["moons_mlp"].entries] == [rates, rates] and found.fair == (rates > 1)


def test_rules_with_functions_among_their_defaults_and_with_a_largest_rate_can_enter():
    c = tl.race.fair(["projected_sgd", "frank_wolfe", "sgd"], on="sphere", points=3, seeds=1, steps=5)["sphere"]
    assert c["frank_wolfe"].rates.max() == 1.0 and len(c["frank_wolfe"].rates) == 3
    assert not any(callable(v) for e in c.entries for v in e.hypers.values())
    grown = tl.race.fair(["frank_wolfe", "sgd"], on="sphere", lr=[0.5, 1.0], seeds=1, steps=1, ratio=2, extend=3)
    assert grown["sphere"]["frank_wolfe"].rates.max() <= 1.0


def test_grids_end_where_numbers_do():
    e = tl.race.fair(["sgd", "adam"], on="sphere", lr=[1e-306, 1e-305], seeds=1, steps=2, extend=9)["sphere"]["adam"]
    assert (np.diff(e.rates) > 0).all() and (e.rates > 0).all()


def test_data_that_the_seed_does_not_decide_are_found_out():
    drawn = np.random.default_rng(0)

    def other_data(seed):
        x = drawn.normal(size=(8, 1))
        return tl.nn.Linear(1, 1), "regression", (x, 3 * x)

    with pytest.raises(TorchLeanError, match="did not begin alike: losses from"):
        tl.race.fair(["sgd", "adam"], on=tl.race.problem(other_data), points=1, seeds=1, epochs=1)


def test_a_problem_that_its_seed_does_not_decide_is_found_out():
    drawn = iter(range(100))

    x = np.linspace(-1, 1, 8)[:, None]

    def wandering(seed):
        return tl.nn.Sequential(*(tl.nn.Linear(1, 1) for _ in range(1 + next(drawn) % 2))), "regression", (x, 3 * x)

    with pytest.raises(TorchLeanError, match="did not begin alike"):
        tl.race.fair(["sgd"], on=tl.race.problem(wandering), points=2, seeds=1, epochs=1)
