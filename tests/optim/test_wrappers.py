"""Chains of transforms and wrappers: rules made of rules are rules, and made of their parts."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from _formulas import draw

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.optim import transforms as tf
from torchlean_nb.optim.compose import TRANSFORMS, WRAPPERS
from torchlean_nb.updates import RULES

RNG = np.random.default_rng(4)
START = {"w": RNG.normal(size=(4, 3)), "b": RNG.normal(size=(5,))}
GRADS = [{k: RNG.normal(size=a.shape) for k, a in START.items()} for _ in range(24)]
COMPOSED = {
    "chain": lambda: tl.optim.chain(tf.clip_value(0.5), "centralize", "adam", tf.decay_weights(0.01)),
    "twice": lambda: tl.optim.chain(tf.trace(0.5), tf.trace(0.8), "sgd"),
    "group": lambda: tl.optim.chain(tf.clip_global_norm(0.5), tf.add_noise(0.1), "rmsprop"),
    "project": lambda: tl.optim.chain("adam", tf.project(lambda xp, x: xp.minimum(xp.maximum(x, -1.0), 1.0))),
    "lookahead": lambda: tl.optim.lookahead(tl.optim.chain("trace", "rmsprop"), 3),
    "nested": lambda: tl.optim.lookahead(tl.optim.lookahead("adam", 2), 3),
    "ema": lambda: tl.optim.ema("adagrad", 0.9), "swa": lambda: tl.optim.swa("adam", 3, 2),
    "accumulate": lambda: tl.optim.accumulate("adam", 3), "mechanic": lambda: tl.optim.mechanic("adam"),
    "masked": lambda: tl.optim.masked("adam", lambda p: p > 0), "sam": lambda: tl.optim.sam("adam"),
}  # fmt: skip
EACH = pytest.mark.parametrize("make", COMPOSED.values(), ids=COMPOSED)


def optimizer(rule, start=START, lr=0.01, **given):
    row = tl.optim.rule_of(rule) if isinstance(rule, str) else rule
    return tl.optim.class_of(row)(start, lr=lr, **given)


def run(rule, steps=24, **given):
    opt = optimizer(rule, **given)
    for g in GRADS[:steps]:
        opt.step(g)
    return opt


def identical(a, b):
    assert a.keys() == b.keys()
    for k in a:
        assert np.array_equal(a[k], b[k]), k


def applied(transform, g, p=None, t=1):
    """What a transform makes of a vector."""
    h = SimpleNamespace(**transform.resolve({}))
    p = np.ones_like(g) if p is None else p
    return transform.update(numpy_namespace(), g, p, SimpleNamespace(**transform.start(p, h)), h, t)["g"]


# -- a rule made of rules is a rule -------------------------------------------------------------------------
@EACH
def test_terms_make_the_step_bit_for_bit(make):
    opt = run(make(), 5)
    for name, p in opt.params.items():
        e = opt.explain(name)
        assert np.array_equal(e.before + e.terms["delta"], p)
        assert list(e.terms)[-1] == "delta" and set(opt.rule.active(e.hypers)) <= set(e.terms)


def test_each_term_of_a_chain_is_that_of_its_piece_bit_for_bit():
    pieces = tf.clip_value(0.5), tf.centralize, RULES["adam"].with_hypers(lr=0.01), tf.decay_weights(0.01)
    e = run(tl.optim.chain(*pieces), 5).explain("w")
    g = applied(pieces[0], e.grad)
    assert np.array_equal(e.terms["clip_value.g"], g)
    g = applied(pieces[1], g)
    assert np.array_equal(e.terms["centralize.g"], g)
    inner = pieces[2].terms(g, e.before, e.slots, SimpleNamespace(**pieces[2].resolve({})), e.step)
    identical({k: e.terms[k] for k in inner if k != "delta"}, {k: a for k, a in inner.items() if k != "delta"})
    assert np.array_equal(e.terms["adam.delta"], inner["delta"])
    assert np.array_equal(e.terms["delta"], applied(pieces[3], inner["delta"], e.before))


@EACH
@pytest.mark.parametrize("cut", [0, 1, 2, 5, 8])
def test_a_run_resumed_is_the_same_run(make, cut):
    whole, opt = run(make(), 9).params, run(make(), cut)
    fresh = optimizer(make(), opt.params)
    fresh.load_state_dict(opt.state_dict())
    for g in GRADS[cut:9]:
        fresh.step(g)
    identical(fresh.params, whole)


@EACH
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_shape_are_kept(make, dtype):
    opt = optimizer(make(), {k: a.astype(dtype) for k, a in START.items()})
    for g in GRADS[:7]:
        opt.step({k: a.astype(dtype) for k, a in g.items()})
    for k, a in opt.params.items():
        assert a.dtype == dtype and a.shape == START[k].shape
        for slot, value in opt.explain(k).slots.items():
            assert opt.explain(k).terms[slot].dtype == dtype == value.dtype, slot


@EACH
def test_maximizing_is_minimizing_with_the_negated_gradient(make):
    up = optimizer(make(), maximize=True)
    for g in GRADS:
        up.step({k: -a for k, a in g.items()})
    identical(up.params, run(make()).params)


@EACH
def test_formulas_name_all_numbers_with_different_symbols_and_are_drawn(make):
    rule = make()
    symbols = [h.symbol for h in rule.hypers.values() if h.symbol]
    assert len(symbols) == len(set(symbols))
    text = " ".join(part for statement in rule.latex for part in statement)
    assert all(s in text for s in symbols) and "#" not in text
    assert any(left == r"\Delta" for left, _ in rule.latex)
    for left, right in rule.latex:
        draw(f"{left} = {right}")
    assert all(s in rule.card() for s in symbols)


@EACH
def test_defaults_are_those_of_the_parts_and_groups_have_their_own(make):
    rule = make()
    assert rule.resolve({}) == {k: h.default for k, h in rule.hypers.items()}
    groups = [{"params": {"w": START["w"]}, "lr": 0.5}, {"params": {"b": START["b"]}, "lr": 0.0}]
    opt = optimizer(rule, groups)
    for g in GRADS[:3]:
        opt.step(g)
    assert not np.array_equal(opt.params["w"], START["w"])


# -- chains ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["sgd", "adam", "lamb", "muon"])
def test_a_chain_of_nothing_else_is_the_rule(name):
    assert tl.optim.chain(name) is RULES[name]
    assert tl.optim.chain(tl.optim.Adam) is tl.optim.chain("Adam") is tl.optim.chain(RULES["adam"])


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize(
    "idle", [tf.scale(1.0), tf.clip_value(1e9), tf.clip_norm(1e9), tf.clip_block_rms(1e9), tf.agc(1e9), tf.zero_nans()],
    ids=lambda t: t.name,
)  # fmt: skip
def test_a_transform_with_nothing_to_do_changes_nothing(idle, place):
    pieces = (idle, "adam") if place == "before" else ("adam", idle)
    identical(run(tl.optim.chain(*pieces)).params, run("adam").params)


def test_order_matters():
    cut, grow = tf.clip_value(0.1), tf.scale(10.0)
    rules = tl.optim.chain(cut, grow, "sgd"), tl.optim.chain(grow, cut, "sgd")
    moves = [np.abs(run(rule, 1).params["w"] - START["w"]).max() for rule in rules]
    assert moves == pytest.approx([0.01 * 1.0, 0.01 * 0.1], rel=1e-12)


def test_before_the_rule_is_the_gradient_and_after_it_the_step():
    g = {"w": 100 * GRADS[0]["w"], "b": GRADS[0]["b"]}
    before, after = (optimizer(tl.optim.chain(*c)) for c in ((tf.clip_value(0.5), "sgd"), ("sgd", tf.clip_value(0.5))))
    before.step(g)
    after.step(g)
    assert np.abs(before.params["w"] - START["w"]).max() == pytest.approx(0.01 * 0.5, rel=1e-12)
    assert np.abs(after.params["w"] - START["w"]).max() == pytest.approx(0.5, rel=1e-12)


def test_chains_nest():
    flat = tl.optim.chain(tf.clip_value(0.5), "centralize", "adam", tf.scale(0.5))
    nested = tl.optim.chain(tf.clip_value(0.5), tl.optim.chain("centralize", "adam"), tf.scale(0.5))
    identical(run(flat).params, run(nested).params)


def test_names_that_meet_get_their_owner_in_front():
    rule = tl.optim.chain(tf.agc(), tf.trace(0.5), tf.trace(0.25), "adam")
    assert list(rule.hypers)[-6:] == ["clipping", "agc_eps", "decay", "nesterov", "trace_2_decay", "trace_2_nesterov"]
    assert rule.hypers["decay"].default == 0.5 and rule.hypers["trace_2_decay"].default == 0.25
    assert list(rule.slots) == ["m", "v", "v_max", "trace_b", "trace_2_b"]
    one, other = run(rule, decay=0.0, trace_2_decay=0.0), run(tl.optim.chain("agc", "adam"))
    identical(one.params, other.params)


def test_hyperparameters_given_to_a_rule_stay_with_it():
    rule = tl.optim.chain("clip_value", RULES["adam"].with_hypers(betas=(0.5, 0.6), eps=1e-3))
    assert (rule.hypers["beta1"].default, rule.hypers["beta2"].default, rule.hypers["eps"].default) == (0.5, 0.6, 1e-3)
    assert optimizer(rule).defaults["betas"] == (0.5, 0.6)
    identical(run(rule, limit=1e9).params, run("adam", betas=(0.5, 0.6), eps=1e-3).params)


def test_checks_of_the_parts_hold_for_the_whole():
    with pytest.raises(errors.HyperparameterError, match="Nesterov"):
        optimizer(tl.optim.chain("clip_value", "sgd"), nesterov=True)
    with pytest.raises(errors.HyperparameterError, match="limit=-1"):
        optimizer(tl.optim.chain("clip_value", "sgd"), limit=-1.0)


def test_a_rule_that_needs_the_loss_gets_it():
    opt = optimizer(tl.optim.chain(tf.scale(0.5), "polyak_sgd"), lr=1.0)
    opt.step(GRADS[0], 3.0)
    square = sum((0.25 * g * g).sum() for g in GRADS[0].values())
    assert opt.explain("w").terms["r"] == pytest.approx(min(3.0 / square, 1.0), rel=1e-12)
    with pytest.raises(TypeError, match="loss"):
        opt.step(GRADS[0])


HOSTILE = {
    "nothing": ((), errors.RuleError, "0 update rules"), "no rule": (("clip_value",), errors.RuleError, "none"),
    "two rules": (("adam", "sgd"), errors.RuleError, "adam, sgd"),
    "an unknown name": (("clip_vlaue", "adam"), errors.UnknownNameError, "clip_value"),
    "hostile text": (("<img src=x onerror=alert(1)>" * 99, "adam"), errors.UnknownNameError, "no update rule"),
    "none": ((None, "adam"), errors.RuleTypeError, "is not an update rule"),
    "a wrapper": ((tl.optim.lookahead, "adam"), errors.RuleTypeError, "without a rule"),
    "a late decay": (("adam", "add_decayed_weights"), errors.RuleError, "must stand before"),
    "an early projection": (("project", "adam"), errors.RuleError, "must stand after"),
    "two views": (("clip_global_norm", "muon"), errors.RuleError, "clip_grad_norm"),
}  # fmt: skip


@pytest.mark.parametrize(("pieces", "error", "words"), HOSTILE.values(), ids=HOSTILE)
def test_chains_that_make_no_sense_are_refused(pieces, error, words):
    with pytest.raises(error, match=words) as caught:
        tl.optim.chain(*pieces)
    assert len(str(caught.value)) < 500


def test_arguments_of_transforms_and_wrappers_are_checked():
    for wrong in (lambda: tf.clip_value(-1.0), lambda: tf.clip_value(0.0), lambda: tf.scale(math.nan)):
        with pytest.raises(errors.HyperparameterError):
            wrong()
    with pytest.raises(errors.HyperparameterError, match="no option"):
        tf.clip_value(max_norm=1.0)
    with pytest.raises(errors.RuleTypeError, match="2 values"):
        tf.clip_value(1.0, 2.0)
    with pytest.raises(errors.HyperparameterError, match="k=0"):
        tl.optim.lookahead("adam", 0)
    with pytest.raises(errors.HyperparameterTypeError, match=r"k=2\.5"):
        tl.optim.accumulate("adam", 2.5)
    with pytest.raises(errors.RuleTypeError, match="is a transform"):
        tl.optim.lookahead("clip_value")
    with pytest.raises(errors.UnknownNameError, match="adam"):
        tl.optim.lookahead("adma")


def test_two_rows_of_one_name_are_refused():
    with pytest.raises(errors.RuleError, match="exists already"):
        tl.optim.compose.transform(hypers={})(tf.TRANSFORMS["scale"].update)


# -- wrappers -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("k", [1, 2, 5])
def test_lookahead_all_the_way_is_the_rule(k):
    for steps in (k, 2 * k, 24):
        identical(run(tl.optim.lookahead("adam", k, 1.0), steps).params, run("adam", steps).params)


def test_lookahead_stands_on_its_slow_weights_when_they_meet():
    opt = optimizer(tl.optim.lookahead("adam", 4))
    for t, g in enumerate(GRADS, 1):
        opt.step(g)
        e = opt.explain("w")
        assert np.array_equal(e.terms["slow"], opt.params["w"]) == (t % 4 == 0)


@pytest.mark.parametrize("name", ["adam", "nadam", "sgd", "lamb"])
def test_accumulating_one_is_the_rule(name):
    identical(run(tl.optim.accumulate(name, 1)).params, run(name).params)


@pytest.mark.parametrize("name", ["adam", "nadam", "asgd", "polyak_averaging"])
def test_accumulated_calls_are_one_step_with_the_mean(name):
    opt = optimizer(tl.optim.accumulate(name, 3))
    other = optimizer(name)
    for i in range(0, 24, 3):
        before = opt.params
        opt.step(GRADS[i])
        opt.step(GRADS[i + 1])
        identical(opt.params, before)
        opt.step(GRADS[i + 2])
        other.step({k: (GRADS[i][k] + GRADS[i + 1][k] + GRADS[i + 2][k]) / 3 for k in START})
        for k in START:
            assert np.allclose(opt.params[k], other.params[k], rtol=1e-13, atol=1e-15)


def test_masks_leave_the_rest_bit_for_bit():
    mask = RNG.random((4, 3)) > 0.5
    opt = optimizer(tl.optim.masked("adam", mask), {"w": START["w"]})
    for g in GRADS:
        opt.step({"w": g["w"]})
    other = run("adam")
    assert np.array_equal(opt.params["w"][~mask], START["w"][~mask])
    assert np.array_equal(opt.params["w"][mask], other.params["w"][mask])
    for slot in ("m", "v"):
        assert (opt.explain("w").terms[slot][~mask] == 0).all()


def test_a_mask_may_be_a_predicate_of_the_parameter():
    opt = run(tl.optim.masked("adam", lambda p: p.ndim > 1))
    assert np.array_equal(opt.params["b"], START["b"]) and np.array_equal(opt.params["w"], run("adam").params["w"])


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(errors.ShapeError, match="mask of shape"):
        optimizer(tl.optim.masked("adam", np.ones((2, 2), bool)))


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_averages_beside_a_rule_leave_its_path_alone(name):
    for wrapped in (tl.optim.ema(name, 0.9), tl.optim.swa(name, 5, 2)):
        identical(run(wrapped).params, run(name).params)


def test_swa_takes_every_second_value_after_the_start():
    opt, taken = optimizer(tl.optim.swa("sgd", 5, 2)), []
    for t, g in enumerate(GRADS, 1):
        opt.step(g)
        if t > 5 and (t - 6) % 2 == 0:
            taken.append(opt.params["w"])
        want = np.mean(taken, axis=0) if taken else opt.params["w"]
        assert np.allclose(opt.explain("w").terms["average"], want, rtol=1e-13, atol=1e-15)


def test_sam_on_a_line_takes_the_gradient_at_the_climbed_point():
    opt = optimizer(tl.optim.sam("sgd", 0.5), {"x": np.array([2.0])}, lr=0.1)
    opt.step(opt.params)
    assert opt.params["x"] == 2.5
    opt.step(opt.params)
    assert opt.params["x"] == 2.0 - 0.1 * 2.5


def test_sam_and_mechanic_survive_zero_gradients():
    for rule in (tl.optim.sam("adam"), tl.optim.mechanic("adam")):
        opt = optimizer(rule)
        for _ in range(4):
            opt.step({k: 0 * a for k, a in START.items()})
        identical(opt.params, START)


@pytest.mark.parametrize("n", [6, 1, 12])
def test_mechanic_does_not_take_its_time_scales_for_parameters(n):
    """Slots that hold one number per time scale, with as many parameters as time scales."""
    one, two = ({"a": np.arange(1.0, n + 1)}, {"a": np.arange(1.0, n // 2 + 1), "b": np.arange(n // 2 + 1.0, n + 1)})
    ends = []
    for start in (one, two):
        opt = optimizer(tl.optim.mechanic("sgd", s_init=0.1), {k: a for k, a in start.items() if a.size})
        for _ in range(8):
            opt.step(opt.params)
        ends.append(np.concatenate([a.ravel() for a in opt.params.values()]))
    assert np.allclose(*ends, rtol=1e-12, atol=0) and not np.allclose(ends[0], one["a"])


def test_schedule_free_evaluates_at_the_mean_of_its_iterates():
    rule = tl.optim.rule_of("schedule_free_sgd")
    opt, seen = optimizer(rule, lr=0.1), []
    for g in GRADS:
        opt.step(g)
        seen.append(opt.explain("w").terms["z"])
        assert np.allclose(opt.explain("w").terms[rule.average], np.mean(seen, axis=0), rtol=1e-12, atol=1e-14)


def test_schedule_free_warms_up():
    opt, sizes = optimizer("schedule_free_sgd", lr=1.0, warmup_steps=5, momentum=0.0), []
    for _ in range(8):
        before = opt.params["b"]
        opt.step({k: np.ones_like(a) for k, a in START.items()})
        sizes.append(float(np.abs(opt.params["b"] - before).max()))
    assert np.allclose(sizes, [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1], atol=1e-14)


@pytest.mark.parametrize("rule", ["lookahead", "ema_sgd", "swa_sgd", "schedule_free_sgd", "schedule_free_adamw"])
def test_rules_that_average_say_so(rule):
    opt = run(rule)
    assert opt.rule.average in opt.rule.slots
    averages = opt.averages
    with opt.averaged():
        identical(opt.params, averages)
    assert not np.array_equal(opt.params["w"], averages["w"]) or rule == "lookahead"


# -- names ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "rule"),
    [("Lookahead", "lookahead"), ("Mechanic", "mechanic"), ("SAM", "sam"), ("EmaSGD", "ema_sgd"), ("SwaSGD", "swa_sgd"),
     ("ScheduleFreeSGD", "schedule_free_sgd"), ("ScheduleFreeAdamW", "schedule_free_adamw")],
)  # fmt: skip
def test_wrapped_rules_have_names_and_classes(name, rule):
    assert getattr(tl.optim, name).rule is RULES[rule] is tl.optim.rule_of(rule) is tl.optim.rule_of(name)
    assert rule in tl.optim.available()


def test_wrappers_and_transforms_are_listed():
    listed = tl.optim.wrappers()
    assert listed == sorted(listed) and set(listed) == {*WRAPPERS, *TRANSFORMS}
    assert {"chain", "wrappers", "EMA", "SWA", "transforms", *WRAPPERS} <= set(dir(tl.optim))
    assert all(getattr(tl.optim, name) is WRAPPERS[name] for name in WRAPPERS)
    assert all(getattr(tl.optim.transforms, name) is TRANSFORMS[name] for name in TRANSFORMS)
