"""Going on equals never having stopped, bit for bit: at every cut, for every optimizer and schedule."""

import numpy as np
import pytest
from _trainers import data, digest, fit, trainer

import torchlean_nb as tl
from torchlean_nb import errors as err

STEPS = 5
SCHEDULERS = tl.optim.lr_scheduler
SCHEDULES = {
    "none": (None, None),
    "a number": (0.01, None),
    "pure": (tl.schedules.warmup_cosine(0.1, warmup=2, total=5), None),
    "a function per epoch": (lambda epoch: 0.1 / (epoch + 1), "epoch"),
    "StepLR": (lambda opt: SCHEDULERS.StepLR(opt, 2), "step"),
    "cosine restarts": (lambda opt: SCHEDULERS.CosineAnnealingWarmRestarts(opt, 2), "epoch"),
    "OneCycleLR": (lambda opt: SCHEDULERS.OneCycleLR(opt, 0.1, total_steps=9), "step"),
    "chained": (lambda opt: SCHEDULERS.ChainedScheduler(
        [SCHEDULERS.ExponentialLR(opt, 0.9), SCHEDULERS.ConstantLR(opt, 0.5, 2)]), "step"),
    "sequential": (lambda opt: SCHEDULERS.SequentialLR(
        opt, [SCHEDULERS.ConstantLR(opt, 0.1, 2), SCHEDULERS.ExponentialLR(opt, 0.9)], [2]), "step"),
    "plateau per step": (lambda opt: SCHEDULERS.ReduceLROnPlateau(opt, patience=0, threshold=0.2), "step"),
    "plateau": (lambda opt: SCHEDULERS.ReduceLROnPlateau(opt, patience=0, threshold=0.9), None),
    "optax's plateau": (lambda opt: SCHEDULERS.ReduceOnPlateau(opt, patience=1), "step"),
}  # fmt: skip
FITS = {
    "validation": {"validation": 3, "early_stopping": 9},
    "accumulating": {"batch_size": 2, "accumulate": 2, "clip": 0.5},
    "per sample": {"update": "per_sample", "batch_size": 3},
    "in order": {"shuffle": False},
}
# Elementwise rules that step by gradients alone; the others are too slow to cut at every step here.
RULES = [name for name, rule in tl.optim.rules.items() if rule.scope == "element" and not rule.needs]


def whole(make, steps=STEPS, **options):
    """Digest after training without a stop."""
    t = make()
    fit(t, steps, **options)
    return digest(t)


def cut(make, at, steps=STEPS, **options):
    """The same with a stop after `at` steps, and a new trainer that goes on from the state."""
    first, second = make(), make()
    fit(first, at, **options)
    second.load_state_dict(first.state_dict())
    assert digest(second) == digest(first)
    fit(second, steps - at, **options)
    return digest(second)


@pytest.mark.parametrize("name", RULES)
def test_every_optimizer_goes_on_as_if_it_had_not_stopped(name):
    def make():
        return trainer(name)

    expected = whole(make, 3)
    assert [cut(make, at, 3) for at in (1, 2)] == [expected] * 2


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_goes_on_as_if_it_had_not_stopped(name):
    schedule, per = SCHEDULES[name]

    def make():
        return trainer("adam", schedule, schedule_per=per)

    expected = whole(make)
    assert [cut(make, at) for at in range(STEPS + 1)] == [expected] * (STEPS + 1)


@pytest.mark.parametrize("name", FITS)
def test_every_way_to_fit_goes_on_as_if_it_had_not_stopped(name):
    def make():  # the batch of one sample has no variance
        return trainer(norm=tl.nn.LayerNorm(4) if name == "per sample" else None)

    expected = whole(make, **FITS[name])
    assert [cut(make, at, **FITS[name]) for at in range(STEPS + 1)] == [expected] * (STEPS + 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fitting_twice_is_fitting_on(dtype):
    once, twice = trainer(dtype=dtype), trainer(dtype=dtype)
    fit(once, 7)
    fit(twice, 3)
    fit(twice, 4)
    assert digest(once) == digest(twice)


@pytest.mark.parametrize("name", ["lbfgs", "bfgs", "adahessian", "polyak_sgd", "shampoo", "muon", "sam"])
def test_optimizers_that_see_more_than_elements_go_on_too(name):
    def make():
        layers = tl.nn.Linear(3, 4, bias=False), tl.nn.Tanh(), tl.nn.Linear(4, 2, bias=False)
        return tl.Trainer(tl.nn.Sequential(*layers), "classification", name, seed=3)

    expected = whole(make, 3)
    assert [cut(make, at, 3) for at in (1, 2)] == [expected] * 2


def test_other_data_begin_at_their_beginning():
    t, other = trainer(), data(seed=1)
    fit(t, 2)
    t.fit(other, steps=1, batch_size=4, progress=False)
    assert t.loader.dataset is other and (t.loader.epoch, t.loader.batch) == (0, 1)


def test_a_state_that_was_not_used_yet_is_passed_on():
    first, second, third = trainer(), trainer(), trainer()
    fit(first, 2)
    second.load_state_dict(first.state_dict())
    third.load_state_dict(second.state_dict())
    fit(third, 3)
    assert digest(third) == whole(trainer)


OTHERS = {
    "another optimizer": (lambda: trainer("sgd"), "another optimizer"),
    "another schedule": (lambda: trainer(schedule=0.5), "another schedule"),
    "another seed": (lambda: tl.Trainer(trainer().runner.net.model, "classification", "adam", seed=4), "another seed"),
    "another model": (lambda: tl.Trainer(tl.nn.Linear(3, 2), "classification", "adam", seed=3), "another model"),
    "another loss": (lambda: tl.Trainer(trainer().runner.net.model, "mse", "adam", seed=3), "another loss, kind"),
    "another type": (lambda: trainer(dtype="float32"), "dtype: 'float64' saved, 'float32' here"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_differs_from_the_saved_trainer_is_named(name):
    saved, (make, words) = trainer(), OTHERS[name]
    fit(saved, 2)
    t = make()
    before = digest(t)
    with pytest.raises(err.CheckpointError, match=words):
        t.load_state_dict(saved.state_dict())
    assert digest(t) == before


def put(*path_and_value):
    *path, last, value = path_and_value

    def change(state):
        for key in path:
            state = state[key]
        state[last] = value

    return change


def drop(key):
    return lambda state: state.pop(key)


DAMAGES = {
    "no model": drop("model"),
    "a stranger": put("stranger", 1),
    "another format": put("format", "torchlean_nb.trainer/0"),
    "no config": put("config", None),
    "a step before the first": put("step", -1),
    "a step that is a float": put("step", 2.0),
    "draws that are True": put("rng", "draws", True),
    "a seed out of range": put("rng", "seed", 2**64),
    "no counter": lambda state: state["rng"].pop("counter"),
    "a sum that is text": put("epoch", "total", "1"),
    "another shape": put("model", "0.weight", np.zeros((4, 4))),
    "a NaN": put("model", "0.bias", np.full(4, np.nan)),
    "a slot of another shape": put("optimizer", "state", 0, "exp_avg", np.zeros(2)),
    "an option out of range": lambda state: state["optimizer"]["param_groups"][0].update(lr=-1.0),
    "a loader that is none": put("loader", {"batch": 0}),
    "a run that is none": put("run", "series", [{}]),
    "best parameters of another model": put("best", "arrays", {"w": np.zeros(2)}),
    "best parameters of another type": lambda state: state["best"].update(
        arrays={k: v.astype(np.float32) for k, v in state["model"].items()}),
    "a count that is text": put("best", "bad", "2"),
    "a scheduler where there is none": put("schedule", {"scheduler": "StepLR"}),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_state_changes_nothing(name):
    saved, t = trainer(), trainer()
    fit(saved, 2)
    fit(t, 1)
    state, before = saved.state_dict(), digest(t)
    DAMAGES[name](state)
    with pytest.raises(err.CheckpointError):
        t.load_state_dict(state)
    assert digest(t) == before
    fit(t, STEPS - 1)
    assert digest(t) == whole(trainer)


def test_a_file_keeps_everything(tmp_path):
    t, again = trainer(), trainer()
    fit(t, 2, validation=3, early_stopping=2)
    tl.save(tmp_path / "run.tl", t)
    tl.load(tmp_path / "run.tl", into=again)
    assert digest(again) == digest(t)
    fit(again, 3, validation=3, early_stopping=2)
    assert digest(again) == whole(trainer, validation=3, early_stopping=2)


def test_options_that_are_functions_are_those_of_the_trainer_that_goes_on():
    def make():
        return trainer(lambda ps: tl.optim.ProjectedSGD(ps, lr=0.1, project=lambda xp, p: xp.minimum(p, 0.1)))

    expected = whole(make, 3)
    assert cut(make, 1, 3) == expected != whole(lambda: trainer("sgd", 0.1), 3)


def test_a_state_is_a_copy():
    t = trainer()
    fit(t, 2)
    state = t.state_dict()
    before = {k: np.array(v) for k, v in state["model"].items()}
    fit(t, 2)
    assert all((state["model"][k] == v).all() for k, v in before.items())


@pytest.mark.parametrize("optimizer", ["adam", lambda ps: tl.optim.Adam(ps, lr=0.01, fused="numpy")])
@pytest.mark.parametrize("backends", [("eager", "compiled"), ("compiled", "eager")])
def test_a_run_goes_on_under_the_other_backend_with_the_same_bits(backends, optimizer):
    first, second, once = (trainer(optimizer, backend=b) for b in (*backends, backends[1]))
    fit(first, 2)
    second.load_state_dict(first.state_dict())
    fit(second, 3)
    fit(once, 5)
    assert digest(second) == digest(once) and second.run.meta["backend"] == backends[1]


def test_a_callback_may_go_back_to_an_earlier_state():
    t, once, state = trainer(), trainer(), {}

    def back(moment):
        if moment.step == 1:
            state.setdefault("then", moment.trainer.state_dict())
        if moment.step == 3 and "now" not in state:
            state["now"] = moment.trainer.load_state_dict(state["then"])

    result = fit(t, STEPS, callbacks=back)
    fit(once, STEPS)
    assert digest(t) == digest(once) and result.steps == STEPS and len(result.run["loss"]) == STEPS


def test_a_fit_inside_a_callback_does_not_take_the_place_in_the_data_away():
    t = trainer()

    def another(moment):
        if moment.step == 1:
            t.fit(data(seed=1), steps=1, batch_size=2, progress=False)

    fit(t, STEPS, callbacks=another)
    assert t.step == STEPS and t.loader.batch_size == 4 and t.state_dict()["loader"]["loader"]["batch_size"] == 4


def test_a_path_and_another_type_are_told_what_to_type(tmp_path):
    t, narrow = trainer(), trainer(dtype="float32")
    fit(t, 1)
    tl.save(tmp_path / "run.tl", t)
    with pytest.raises(err.CheckpointError, match=r"tl\.load"):
        t.load_state_dict(tmp_path / "run.tl")
    with pytest.raises(err.CheckpointError, match='dtype="float64"'):
        tl.load(tmp_path / "run.tl", into=narrow)
    tl.load(tmp_path / "run.tl", into={"model": narrow.runner.net}, cast=True)
    assert np.array_equal(narrow.runner.get_params()["0.bias"], t.runner.get_params()["0.bias"].astype(np.float32))
