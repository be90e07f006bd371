"""What users hand to an optimizer: options in order, losses, gradients, states and snapshots, right and wrong."""

import copy
import inspect
import json
import pickle

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.errors import (
    CapabilityError,
    CheckpointError,
    HyperparameterError,
    HyperparameterTypeError,
    RuleError,
    ShapeError,
    UnknownNameError,
)
from torchlean_nb.hypers import REQUIRED

ONES = {"w": np.ones(2)}


def trained(name="Adam", **hypers):
    opt = getattr(tl.optim, name)({"w": np.ones(2)}, **hypers)
    opt.step(ONES)
    return opt


def problem(*values):
    s = tl.Session()
    w = s.param(list(values or (1.0, 2.0)), name="w")
    return s, w, lambda: (w * w).sum()


# -- options ---------------------------------------------------------------------------------
def test_options_are_accepted_in_the_order_of_the_class():
    opt = tl.optim.Adam({"w": 1.0}, 0.1, (0.8, 0.9), weight_decay=0.2)
    group = opt.param_groups[0]
    assert (group["lr"], group["betas"], group["weight_decay"]) == (0.1, (0.8, 0.9), 0.2)
    assert tl.optim.LBFGS({"w": 1.0}, 0.5).param_groups[0]["lr"] == 0.5


def test_too_many_options_and_one_given_twice_are_refused():
    with pytest.raises(HyperparameterTypeError, match="it has lr"):
        tl.optim.SignSGD({"w": 1.0}, 0.1, 0.2)
    with pytest.raises(HyperparameterTypeError, match="lr is given twice"):
        tl.optim.Adam({"w": 1.0}, 0.1, lr=0.1)


@pytest.mark.parametrize("name", [n for n in dir(tl.optim) if n not in ("Explanation", "Optimizer", "Snapshot")
                                  and hasattr(getattr(tl.optim, n), "rule")])  # fmt: skip
def test_the_signature_shows_every_option_with_its_default(name):
    cls = getattr(tl.optim, name)
    parameters = inspect.signature(cls).parameters
    required = {k: 0.1 for k, p in parameters.items() if p.default is p.empty and k not in ("params", "examples")}
    required |= {"examples": 2} if "examples" in parameters else {}
    opt = cls({"w": np.ones((2, 2))}, **required)
    for k, v in opt.defaults.items():
        assert k in required or parameters[k].default == v


def test_classes_of_rows_pickle_by_name():
    assert pickle.loads(pickle.dumps(tl.optim.Adam)) is tl.optim.Adam
    assert pickle.loads(pickle.dumps(tl.optim.LBFGS)) is tl.optim.LBFGS


def test_a_class_is_made_of_a_row_or_its_name():
    assert tl.optim.class_of("adam").rule is tl.optim.class_of("Adam").rule is tl.optim.rules["adam"]
    for nothing in ("adamm", 3):
        with pytest.raises(UnknownNameError):
            tl.optim.class_of(nothing)


def test_an_optimizer_of_plain_arrays_can_be_copied_and_pickled():
    opt = trained()
    for twin in (copy.deepcopy(opt), pickle.loads(pickle.dumps(opt))):
        twin.step(ONES)
        assert opt.params["w"][0] == trained().params["w"][0] != twin.params["w"][0]


# -- losses and gradients ----------------------------------------------------------------------
@pytest.mark.parametrize("name", ["PolyakSGD", "MoMo", "MoMoAdam"])
def test_gradients_of_a_session_know_the_loss_they_are_of(name):
    s, w, build = problem()
    opt = getattr(tl.optim, name)([w])
    s.step(opt, build)
    t, v, other = problem()
    twin = getattr(tl.optim, name)([v])
    twin.step(t.backward(other()), 5.0)
    assert np.array_equal(w.value, v.value)


@pytest.mark.parametrize("name", ["Adam", "PolyakSGD", "LBFGS"])
def test_a_closure_may_return_the_loss_alone(name):
    _, w, build = problem()
    t, v, other = problem()

    def both():
        loss = other()
        return loss, t.backward(loss)

    first, second = getattr(tl.optim, name)([w]), getattr(tl.optim, name)([v])
    assert first.step(build) == second.step(both) == 5.0
    assert isinstance(first.step(build), float)
    second.step(both)
    assert np.array_equal(w.value, v.value)


@pytest.mark.parametrize("loss", ["abc", np.ones(3), [1, 2]])
def test_a_loss_that_is_no_number_is_refused(loss):
    opt = tl.optim.PolyakSGD({"w": np.ones(2)})
    with pytest.raises(HyperparameterTypeError, match="must be one number"):
        opt.step(ONES, loss)
    assert opt.params["w"].tolist() == [1, 1]


def test_ragged_and_missing_gradients_are_worded():
    opt = tl.optim.Adam({"w": np.ones(2)})
    with pytest.raises(ShapeError, match="gradient of 'w' is not an array"):
        opt.step({"w": [[1.0], [1.0, 2.0]]})
    with pytest.raises(HyperparameterTypeError, match=r"it got NoneType(.|\n)*s\.backward\(loss\)"):
        opt.step()


def test_gradients_of_another_session_do_not_count_by_name():
    _, w, _ = problem()
    t, _, other = problem()
    opt = tl.optim.SGD([w], lr=0.1)
    opt.step(t.backward(other()))
    assert w.value.tolist() == [1, 2]


# -- states and snapshots ------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["Adam", "Muon", "SAM"])
def test_a_state_survives_json(name):
    opt = getattr(tl.optim, name)({"w": np.ones((2, 2))})
    g = {"w": np.array([[0.1, 0.2], [0.3, 0.5]])}
    opt.step(g)
    text = json.dumps(opt.state_dict(), default=np.ndarray.tolist)
    twin = getattr(tl.optim, name)({"w": opt.params["w"]})
    twin.load_state_dict(json.loads(text))
    for each in (opt, twin):
        each.step(g)
    assert np.array_equal(opt.params["w"], twin.params["w"])


def test_a_loaded_state_takes_the_type_of_the_parameter():
    opt = tl.optim.Adam({"w": np.ones(2, np.float32)})
    opt.load_state_dict(trained().state_dict())
    assert opt.state_dict()["state"][0]["m"].dtype == np.float32


@pytest.mark.parametrize("change", [
    {"state": [1]}, {"state": {0: 7}}, {"state": {"x": {}}}, {"param_groups": 3}, {"param_groups": [{"params": 0}]},
    {"param_groups": ["lr"]}, {"steps": "x"}, {"steps": -3}, {"steps": True},
    {"state": {0: {"step": 1, "m": [[1], [1, 2]], "v": [1.0, 1.0]}}},
    {"state": {0: {"step": -1, "m": [1.0, 1.0], "v": [1.0, 1.0]}}},
])  # fmt: skip
def test_a_broken_state_is_refused_and_changes_nothing(change):
    opt = trained()
    before = opt.snapshot()
    with pytest.raises(CheckpointError):
        opt.load_state_dict({**opt.state_dict(), **change})
    assert opt.snapshot().state is before.state


@pytest.mark.parametrize("name", ["Adam", "LBFGS"])
@pytest.mark.parametrize("snapshot", [
    None, {}, trained("SGD", lr=0.1).snapshot(), tl.optim.Adam({"w": np.ones(3)}).snapshot(),
    tl.optim.Adam([{"params": {"a": np.ones(2)}}, {"params": {"b": np.ones(2)}}]).snapshot(),
    tl.optim.LBFGS({"w": np.ones(3)}).snapshot(),
])  # fmt: skip
def test_what_is_no_snapshot_of_such_an_optimizer_is_refused(name, snapshot):
    opt = getattr(tl.optim, name)({"w": np.ones(2)})
    with pytest.raises((HyperparameterTypeError, ShapeError), match=name):
        opt.restore(snapshot)
    assert opt.params["w"].tolist() == [1, 1]


def test_a_snapshot_can_be_saved_and_given_to_another_optimizer():
    opt, fork = trained(), tl.optim.Adam({"w": np.zeros(2)})
    fork.restore(pickle.loads(pickle.dumps(opt.snapshot())))
    for each in (opt, fork):
        each.step(ONES)
    assert np.array_equal(opt.params["w"], fork.params["w"])
    assert repr(opt.snapshot()) == "<snapshot of adam, 1 parameters, 2 steps>"


# -- parameters and rules ------------------------------------------------------------------------
def test_the_parameters_of_a_session_may_be_given_as_they_are():
    s, w, build = problem()
    s.step(tl.optim.SGD(s.params, lr=0.5), build)
    assert w.value.tolist() == [0, 0]
    assert tl.optim.SGD([{"params": s.params}], lr=0.5).params.keys() == {"w"}


def test_a_tensor_is_no_parameter_and_the_message_has_no_numbers_of_it():
    _, w, _ = problem()
    with pytest.raises(HyperparameterTypeError, match=r"of type Tensor is not a parameter(.|\n)*s\.param") as caught:
        tl.optim.Adam([w * 2.0])
    assert len(str(caught.value).splitlines()) == 3


def test_long_names_are_shortened_where_they_are_shown():
    name = "x" * 3000
    opt = tl.optim.Adam({name: np.ones(2)})
    opt.step({name: np.ones(2)})
    assert len(repr(opt.explain(name))) < 1000 and len(repr(opt.param_groups[0]["params"])) < 1000


@pytest.mark.parametrize(("update", "words"), [
    (lambda xp, g, p, s, h, t: -g, "the update returned"),
    (lambda xp, g, p, s, h, t: {"delta": xp.zeros(shape=(5,), like=g)}, r"delta has shape \(5,\)"),
    (lambda xp, g, p, s, h, t: {"step": -g}, "no 'delta'"),
])  # fmt: skip
def test_a_rule_that_returns_something_else_is_worded(update, words):
    opt = tl.optim.class_of(tl.optim.rules["sgd"].__class__("mine", update))({"w": np.float64(1.0)})
    with pytest.raises(RuleError, match=words):
        opt.step({"w": 1.0})
    assert opt.params["w"] == 1


def test_rows_wrappers_and_transforms_say_briefly_what_they_are():
    shown = [tl.optim.rules["adam"], tl.optim.ema, tl.optim.transforms.clip_value, tl.optim.chain("clip_value", "sgd")]
    for row, kind in zip(shown, ("rule", "wrapper", "transform", "rule"), strict=True):
        assert repr(row).startswith(f"<{kind} {row.name}: ") and len(repr(row)) < 200


def test_a_misspelt_optimizer_gets_the_names_that_are_near():
    with pytest.raises(AttributeError, match="did you mean Adam"):
        tl.optim.Adamm  # noqa: B018


def test_the_anatomy_of_huge_and_tiny_numbers_is_shown_without_a_warning():
    opt = tl.optim.Adam({"w": np.ones(2)})
    opt.step({"w": np.array([1e300, 1e-300])})
    assert tl.widgets.UpdateAnatomy(opt, "w").to_text()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_averages_survive_json(dtype):
    params = {"w": np.array([0.1, 0.2], dtype), "b": np.array(0.3, dtype)}
    first, second = tl.optim.EMA(params), tl.optim.EMA(params)
    first.update({"w": np.array([0.7, 0.9], dtype)})
    state = json.loads(json.dumps(first.state_dict(), default=np.ndarray.tolist))
    second.load_state_dict(state)
    for k, a in first.averages.items():
        assert second.averages[k].dtype == dtype and np.array_equal(second.averages[k], a)
    with pytest.raises(CheckpointError, match="'w' is not an array"):
        second.load_state_dict(state | {"values": {"w": [[1.0], [1.0, 2.0]], "b": 0.3}})


def test_completion_on_the_schedulers_shows_schedulers_only():
    found = dir(tl.optim.lr_scheduler)
    assert len(found) == 19 and all(isinstance(getattr(tl.optim.lr_scheduler, n), type) for n in found)


# -- parameters of size 0 -------------------------------------------------------------------------------------
def made(row, params, **options):
    needed = {k: 0.1 for k, h in row.hypers.items() if h.default is REQUIRED}
    return tl.optim.class_of(row)(params, **needed, **options)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
@pytest.mark.parametrize("name", sorted(n for n, r in tl.optim.rules.items() if r.builtin))
def test_a_parameter_without_elements_stays_as_it_is_and_the_others_move_as_without_it(name, shape):
    row = tl.optim.rules[name]
    if name.startswith("muon") and len(shape) == 1:  # these refuse all vectors, and say so
        with pytest.raises(ShapeError, match="a matrix"):
            made(row, {"none": np.zeros(shape)})
        return
    w, g = np.array([[0.3, 0.2], [0.1, 0.4]]), np.array([[0.5, -0.2], [0.1, 0.3]])
    none = np.zeros(shape)
    alone, opt, empty = (made(row, params) for params in ({"w": w}, {"w": w, "none": none}, {"none": none}))
    for _ in range(12):  # AdaShift waits for ten gradients
        alone.step({"w": g}, 1.0, {"w": g * g})
        opt.step({"w": g, "none": none}, 1.0, {"w": g * g, "none": none})
        empty.step({"none": none}, 1.0, {"none": none})
    assert opt.params["none"].shape == empty.params["none"].shape == shape
    assert not np.array_equal(opt.params["w"], w)
    np.testing.assert_allclose(opt.params["w"], alone.params["w"], rtol=1e-14)
    assert opt.state_dict()["state"][1]["step"] == 12
    opt.load_state_dict(opt.state_dict())
    with pytest.raises(HyperparameterError, match="'none' has no elements"):
        opt.explain("none")


# -- what users of torch bring ----------------------------------------------------------------------------------
def test_zero_grad_is_not_there_and_the_error_says_that_it_is_not_needed():
    opt = tl.optim.Adam({"w": np.ones(2)})
    with pytest.raises(AttributeError, match=r"(?s)Adam has no 'zero_grad'.*leave the call out: no gradient is kept"):
        opt.zero_grad()
    with pytest.raises(AttributeError, match="Adam has no 'grad_scaler'"):
        opt.grad_scaler  # noqa: B018
    assert not hasattr(opt, "zero_grad") and copy.copy(opt).params["w"].tolist() == [1, 1]


TORCH_ADAM = {
    "lr": 0.3, "betas": (0.8, 0.99), "eps": 1e-7, "weight_decay": 0.0, "amsgrad": False, "maximize": False,
    "foreach": None, "capturable": False, "differentiable": False, "fused": None, "decoupled_weight_decay": False,
    "params": [0],
}  # fmt: skip


def test_options_in_torchs_words_load_without_its_ways_to_compute_the_same():
    opt = tl.optim.Adam({"w": np.ones(2)})
    opt.load_state_dict({"state": {}, "param_groups": [TORCH_ADAM]})
    group = opt.param_groups[0]
    assert (group["lr"], group["betas"], group["eps"]) == (0.3, (0.8, 0.99), 1e-7) and "foreach" not in group
    m, v = np.array([0.1, 0.2]), np.array([0.3, 0.4])
    opt.load_state_dict({"state": {0: {"step": 7, "m": m, "v": v}}, "param_groups": [TORCH_ADAM]})
    assert opt.state_dict()["state"][0]["step"] == 7


def test_a_switch_of_torch_that_changes_the_numbers_is_not_passed_over():
    apart = {**TORCH_ADAM, "decoupled_weight_decay": True}
    tl.optim.AdamW({"w": np.ones(2)}).load_state_dict({"state": {}, "param_groups": [apart]})
    for opt, group in ((tl.optim.Adam, apart), (tl.optim.AdamW, TORCH_ADAM)):
        with pytest.raises(HyperparameterError, match="decoupled_weight_decay"):
            opt({"w": np.ones(2)}).load_state_dict({"state": {}, "param_groups": [group]})
    plain = {k: v for k, v in TORCH_ADAM.items() if k != "amsgrad"} | {"momentum_decay": 4e-3}
    nadam = tl.optim.NAdam({"w": np.ones(2)})
    nadam.load_state_dict({"state": {}, "param_groups": [{**plain, "decoupled_weight_decay": True}]})
    assert nadam.param_groups[0]["decoupled_weight_decay"] is True


def test_slots_under_torchs_names_are_refused_and_ours_are_named():
    opt = tl.optim.Adam({"w": np.ones(2)})
    state = {0: {"step": 3.0, "exp_avg": np.ones(2), "exp_avg_sq": np.ones(2)}}
    with pytest.raises(CheckpointError, match="step, exp_avg, exp_avg_sq\n  expected step, m, v"):
        opt.load_state_dict({"state": state, "param_groups": [TORCH_ADAM]})
    assert opt.param_groups[0]["lr"] == 1e-3


@pytest.mark.parametrize("rule", [tl.optim.rules["adam"], tl.optim.lookahead("sgd"), tl.optim.chain("sgd")])
def test_a_row_that_is_called_says_what_makes_an_optimizer_of_it(rule):
    with pytest.raises(CapabilityError, match=r"tl\.optim\.class_of\(rule\)\(params, lr=\.\.\.\)"):
        rule({"w": np.ones(2)}, lr=0.1)
    assert tl.optim.class_of(rule)({"w": np.ones(2)}, lr=0.1).params["w"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("make", "words"),
    [(tl.optim.AdaHessian, "every step does"), (tl.optim.Sophia, "one step in 10 does, from the first on")],
)
def test_a_missing_diagonal_is_asked_for_by_the_call_that_gives_it(make, words):
    def f(w):
        return (w**3).sum()

    w = np.array([1.0, 2.0])
    opt = make({"w": w})
    with pytest.raises(CapabilityError, match=words) as caught:
        opt.step({"w": 3 * w * w})
    call = str(caught.value).rpartition("try: ")[2]
    eval(call, {"tl": tl, "opt": opt, "f": f, "g": 3 * w * w, "w": w})
    assert not np.array_equal(opt.params["w"], w)
