"""copy, deepcopy and pickle of everything public: a twin that is and does the same, or an error that says why not.

Holders of the user's own functions are the one exception: a pickle needs their names, and Python says which has none.
"""

from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest
from nn.cases import CASES as LAYERS
from reliability.things import further, inside, plain, things, widgets

import torchlean_nb as tl
from torchlean_nb.errors import SerializationError

WAYS = {
    "copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda x: pickle.loads(pickle.dumps(x)),
}  # fmt: skip
REFUSED = (
    tl.Session, tl.Tape, tl.Param, tl.Gradients, tl.nn.Module, tl.Trainer, tl.train.Runner, tl.train.TrainResult,
    tl.widgets.GraphStepper.__base__, type(tl.threads()),
)  # fmt: skip
# They hold what is refused, and with that their deep copies and pickles are; a plain copy holds the same.
HOLDERS = (
    tl.StepReport, tl.train.ParamList, tl.train.Moment, tl.train.ScalarTrainer, tl.train.Stepper, tl.Tensor,
    tl.landscape.Objective, tl.optim.Optimizer, tl.optim.EMA,
)  # fmt: skip


@pytest.fixture(scope="module")
def table():
    """Everything, and of each class inside of it the first."""
    found, kinds = things() | widgets(), set()
    for name, thing in list(found.items()):
        for part in inside(thing):
            kind = type(part)
            if kind.__module__.startswith("torchlean_nb") and kind not in kinds:
                kinds.add(kind)
                found.setdefault(f"{name}: a {kind.__name__}", part)
    return found


def verdict(thing, how):
    """The twin and None, or None and the error of ours."""
    try:
        return WAYS[how](thing), None
    except SerializationError as e:
        return None, e


def same(a, b):
    return plain(a) == plain(b) or (type(a).__eq__ is not object.__eq__ and a == b)


@pytest.mark.parametrize("how", WAYS)
def test_a_twin_is_the_same_or_the_error_says_what_to_keep_instead(table, how):
    refused = set()
    for name, thing in table.items():
        before = plain(thing)
        twin, error = verdict(thing, how)
        assert plain(thing) == before, f"{name} changed"
        if error is not None:
            refused.add(type(thing))
            assert isinstance(error, TypeError) and "  try: " in str(error), f"{name}: {error}"
        else:
            assert type(twin) is type(thing) and same(twin, thing), name
            if isinstance(thing, np.ndarray | tl.Rng):
                assert twin is not thing
    assert {k for k in refused if not issubclass(k, (*REFUSED, *HOLDERS))} <= {type(table["that_step: program"])}
    assert all(k in refused for k in map(type, table.values()) if issubclass(k, REFUSED) and k is not tl.Tensor)


@pytest.mark.parametrize("how", [h for h in WAYS if h != "copy"])
def test_a_twin_goes_on_the_same_and_leaves_the_first_alone(how):
    mine, tried = things(), 0
    for name, thing in mine.items():
        twin, error = verdict(thing, how)
        before = plain(thing)
        then = None if error else further(twin)
        if then is None:
            continue
        tried += 1
        assert plain(thing) == before, f"{name} went on with its twin"
        assert further(thing) == then, f"{name} went another way"
    assert tried >= 23


@pytest.mark.parametrize("how", WAYS)
def test_layers_draw_and_compute_the_same(how):
    for name, (layer, _) in LAYERS.items():
        twin = WAYS[how](layer)
        assert twin == layer and plain(twin.init(3)) == plain(layer.init(3)), name


def test_every_optimizer_and_method_goes_on_the_same():
    g, start = {"w": np.array([[0.5, -0.3], [0.1, 2.0]])}, {"w": np.array([[1.0, -2.0], [0.5, 3.0]])}
    for rule in tl.optim.rules.values():
        opt = tl.optim.class_of(rule)(start)
        curvature = {"w": np.ones((2, 2))} if "curvature" in rule.needs else None
        opt.step(g, 2.0, curvature)
        twin = copy.deepcopy(opt)
        opt.step(g, 1.5, curvature), twin.step(g, 1.5, curvature)
        assert plain(opt) == plain(twin), rule.name
    for row in tl.minimizers.METHODS.values():
        opt = getattr(tl.optim, row.class_name)(start, **({"examples": 2} if "examples" in row.needs else {}))
        assert plain(pickle.loads(pickle.dumps(opt))) == plain(opt), row.name


def public_classes():
    """Every class that a user can name."""
    rooms = [m for m in (getattr(tl, name) for name in dir(tl)) if inspect.ismodule(m)]
    names = {(m, k) for m in (tl, *rooms) for k in getattr(m, "__all__", dir(m)) if m is not tl.render}
    found = [getattr(m, k, None) for m, k in names]
    return {k for k in found if inspect.isclass(k) and k.__module__.startswith("torchlean_nb")}


def test_no_public_class_is_left_out(table):
    have = {k for x in (*table.values(), *(layer for layer, _ in LAYERS.values())) for k in type(x).__mro__}
    left = {k for k in public_classes() if k not in have and not issubclass(k, Exception | tl.optim.Optimizer)}
    # Layers have cases of their own, which name those that have none; the others are bases.
    assert {k.__name__ for k in left if not issubclass(k, tl.nn.Layer)} <= {"Row"}


def test_rows_of_ones_own_are_pickled_by_name_while_they_stand_in_a_table():
    @tl.extend.update_rule(hypers={"lr": tl.extend.Hyper(0.1)})
    def my_descent(xp, g, p, s, h, t):
        """Downhill."""
        return {"delta": -h.lr * g}

    rule = tl.optim.rules["my_descent"]
    text = pickle.dumps(rule)
    assert pickle.loads(text) is rule is copy.deepcopy(rule)
    del tl.optim.rules["my_descent"]
    with pytest.raises(LookupError, match="has not declared"):
        pickle.loads(text)
    with pytest.raises(SerializationError, match="stands in no table"):
        pickle.dumps(rule)


def test_a_program_is_compiled_again_where_it_is_read_and_gives_the_bits():
    from reliability.things import square

    p = tl.compile(square, [1.0, 2.0], [3.0, 4.0])
    text = pickle.dumps(p)
    assert b"import" not in text and len(text) < 1000
    again = pickle.loads(text)
    x, y = np.random.default_rng(0).normal(size=(2, 7))
    assert again(x, y).tobytes() == p(x, y).tobytes() == again(x.copy(), y).tobytes()
    with pytest.raises(SerializationError, match="stands in no module"):
        pickle.dumps(tl.compile(lambda x: x * x, [1.0]))


@pytest.mark.parametrize("fused", [False, "numpy"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_slot_that_an_option_asks_for_later_begins_then(fused, count):
    start, g = {f"w{i}": np.ones(2 + i) for i in range(count)}, {f"w{i}": np.ones(2 + i) for i in range(count)}
    opt = tl.optim.SGD(start, lr=0.125, fused=fused)
    seen = []
    for momentum in (0.0, 0.5, 0.5, 0.0, 0.5):
        opt.param_groups[0]["momentum"] = momentum
        opt.step(g)
        seen.append(float(opt.params["w0"][0]))
    assert seen == [0.875, 0.75, 0.5625, 0.4375, 0.3125]
