"""An inf or NaN in a state that is loaded: every loader refuses it by name and nothing changes, or keeps it to the bit.

It is kept where a run of finite losses and parameters may hold one itself: such a run has to go on when it is resumed.
"""

import importlib
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from _trainers import fit, trainer
from reliability.things import closure, trained

import torchlean_nb as tl
from torchlean_nb.errors import CheckpointError, NonFiniteError, TorchLeanError

LR = tl.optim.lr_scheduler
BAD = (np.nan, np.inf, -np.inf)
KEPT = {
    r"(Optimizer|Optimizer, fused|Trainer|Stepper)/(optimizer/)?state/\d+/\w+": BAD,  # a second moment overflows
    r"Trainer/run/series/.*": BAD,  # a curve shows what was measured
    r"ReduceOnPlateau/state/avg_value": BAD[1:],  # so may the metric that is watched
    r"Trainer/best/value": BAD[1:],
}


def fitted():
    t = trainer(schedule=lambda opt: LR.StepLR(opt, 2))
    fit(t, 2, early_stopping=5, validation=0.3)
    return t


def averages(kind):
    mean = kind(trained("SGD", lr=0.1))
    mean.update()
    return mean


def minimizer():
    opt = tl.optim.LBFGS({"w": np.array([3.0, -2.0])})
    for _ in range(2):
        opt.step(closure)
    return opt


def on(make):
    return lambda: make(trained("SGD", lr=0.1))


THINGS = {
    "Module": lambda: tl.nn.Sequential(tl.nn.Linear(2, 1), tl.nn.BatchNorm1d(1)).bind(tl.Session(seed=1)),
    "Trainer": fitted,
    "Stepper": lambda: tl.train.Stepper(trainer().runner, "adam"),
    "Optimizer": trained, "Optimizer, fused": lambda: trained("Adam", fused="numpy"), "Minimizer": minimizer,
    "EMA": lambda: averages(tl.optim.EMA), "SWA": lambda: averages(tl.optim.SWA),
    "DataLoader": lambda: tl.data.DataLoader(tl.data.Dataset(np.eye(3), np.ones(3)), 2),
    "StepLR": on(lambda o: LR.StepLR(o, 2)), "OneCycleLR": on(lambda o: LR.OneCycleLR(o, 1.0, 9, cycle_momentum=False)),
    "CosineAnnealingWarmRestarts": on(lambda o: LR.CosineAnnealingWarmRestarts(o, 2)),
    "ReduceLROnPlateau": on(lambda o: LR.ReduceLROnPlateau(o, patience=1)),
    "ReduceOnPlateau": on(lambda o: LR.ReduceOnPlateau(o, patience=1)),
    "SequentialLR": on(lambda o: LR.SequentialLR(o, [LR.ConstantLR(o), LR.ExponentialLR(o, 0.9)], [2])),
    "ChainedScheduler": on(lambda o: LR.ChainedScheduler([LR.ConstantLR(o), LR.ExponentialLR(o, 0.9)])),
}  # fmt: skip


def floats(tree, at=()):
    """Where the numbers of a state are that may be no numbers."""
    if isinstance(tree, np.ndarray | float | np.floating):
        if np.asarray(tree).dtype.kind == "f" and np.size(tree):
            yield at
    elif isinstance(tree, dict):
        for key, part in tree.items():
            yield from floats(part, (*at, key))
    elif isinstance(tree, list | tuple):
        for k in sorted({0, len(tree) - 1} if tree else ()):  # entries of a list are all alike
            yield from floats(tree[k], (*at, k))


def spoiled(tree, at, bad):
    if at:
        if isinstance(tree, dict):
            return {**tree, at[0]: spoiled(tree[at[0]], at[1:], bad)}
        return type(tree)([spoiled(part, at[1:], bad) if k == at[0] else part for k, part in enumerate(tree)])
    if not isinstance(tree, np.ndarray):
        return bad
    tree = tree.copy()
    tree.flat[-1] = bad
    return tree


def plain(tree):
    """The state to the last bit."""
    if isinstance(tree, dict):
        return {key: plain(part) for key, part in tree.items()}
    if isinstance(tree, list | tuple):
        return [plain(part) for part in tree]
    if isinstance(tree, np.ndarray):
        return tree.tobytes()
    tree = float(tree) if tree in ("NaN", "Infinity", "-Infinity") else tree
    return struct.pack("d", tree) if type(tree) is float else tree


def refused(thing, state):
    try:
        thing.load_state_dict(state)
    except TorchLeanError:
        return True
    return False


@pytest.mark.parametrize("name", THINGS)
def test_a_state_with_an_inf_or_nan_is_refused_or_kept_to_the_bit(name):
    thing, kept = THINGS[name](), set()
    state = thing.state_dict()
    before = plain(state)
    for at in floats(state):
        path = "/".join(map(str, (name, *at)))
        for bad in BAD:
            other = spoiled(state, at, bad)
            if any(re.fullmatch(kind, path) and bad in which for kind, which in KEPT.items()):
                thing.load_state_dict(other)
                assert plain(thing.state_dict()) == plain(other), path
                thing.load_state_dict(state)
                kept.add(at)
            else:
                assert refused(thing, other), f"{bad} at {path} was taken"
            assert plain(thing.state_dict()) == before, path
    assert bool(kept) is name.startswith(("Trainer", "Optimizer", "ReduceOn"))


def test_every_class_with_a_state_is_among_them():
    root = Path(tl.__file__).parent
    texts = [path for path in root.rglob("*.py") if "def load_state_dict(" in path.read_text("utf-8")]
    modules = [".".join(("torchlean_nb", *path.relative_to(root).with_suffix("").parts)) for path in texts]
    owners = {
        what for name in modules for what in vars(importlib.import_module(name)).values()
        if isinstance(what, type) and "load_state_dict" in vars(what)
    }  # fmt: skip
    made = {base for make in THINGS.values() for base in type(make()).__mro__}
    assert {owner.__name__ for owner in owners - made} == {"Rates"}  # a part of a Trainer
    assert len(owners) > 12


@pytest.mark.parametrize(("name", "error"), [("Module", NonFiniteError), ("EMA", CheckpointError)])
def test_the_complaint_names_the_array(name, error):
    thing = THINGS[name]()
    state = thing.state_dict()
    at = next(floats(state["values"] if name == "EMA" else state))
    with pytest.raises(error, match=f"{at[-1]}.*(nan|NaN)"):
        thing.load_state_dict(spoiled(state, ("values", *at) if name == "EMA" else at, np.nan))


def test_an_average_of_a_session_that_computes_with_them_is_resumed():
    s = tl.Session(nonfinite="ieee")
    w = s.param([1.0, np.inf], name="w")
    one, two = tl.optim.EMA([w]), tl.optim.EMA([w])
    one.update()
    two.load_state_dict(one.state_dict())
    assert np.isinf(two.averages["w"][1]) and two.n_averaged == 1


@pytest.mark.parametrize("kind", [tl.optim.EMA, tl.optim.SWA])
def test_so_is_one_of_an_optimizer_that_does(kind):
    opt = tl.optim.SGD({"w": np.array([1.0, 2.0])}, lr=0.1, nonfinite="ieee")
    opt.step({"w": np.array([np.inf, 1.0])})
    one, two = kind(opt), kind(opt)
    one.update()
    two.load_state_dict(one.state_dict())
    assert np.isinf(two.averages["w"][0]) and two.n_averaged == 1
