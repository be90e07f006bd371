"""The torch-shaped shell: groups, gradients in any form, state, and steps that happen whole or not at all."""

import sys

import numpy as np
import pytest
from _stop import Stop

import torchlean_nb as tl
from torchlean_nb import errors

RULES = tl.optim.rules
RNG = np.random.default_rng(3)
W, B = RNG.normal(size=(3, 2)), RNG.normal(size=(2,))
GRADS = [{"w": RNG.normal(size=(3, 2)), "b": RNG.normal(size=(2,))} for _ in range(12)]


def adam(**options):
    return tl.optim.Adam({"w": W, "b": B}, **{"lr": 0.1, **options})


def digest(opt):
    s = opt.snapshot()
    slots = [None if p is None else (p.step, {k: v.tobytes() for k, v in p.slots.items()}) for p in s.state.params]
    return [v.tobytes() for v in s.values], s.state.steps, slots, [dict(g) for g in s.groups]


# -- who is stepped ----------------------------------------------------------------------------
def test_a_session_trains_with_it():
    s = tl.Session(seed=0)
    w = s.param([1.0, -2.0], name="w")
    opt = tl.optim.SGD([w], lr=0.25)
    reports = [s.step(opt, lambda: (w * w).sum()) for _ in range(3)]
    assert [r.loss for r in reports] == [5.0, 1.25, 0.3125] and w.value.tolist() == [0.125, -0.25]


def test_gradients_come_by_handle_name_position_or_list():
    s = tl.Session()
    w, b = s.param(W, name="w"), s.param(B, name="b")
    results = []
    for grads in (
        s.backward((w * w).sum() + (b * 3.0).sum()), {"w": 2 * W, "b": [3.0, 3.0]}, {w: 2 * W, b: [3.0, 3.0]},
        {0: 2 * W, 1: [3.0, 3.0]}, [2 * W, [3.0, 3.0]], lambda: {"w": 2 * W, "b": [3.0, 3.0]},
    ):
        opt = tl.optim.SGD([w, b], lr=0.5)
        before = opt.snapshot()
        opt.step(grads)
        results.append([p.value.copy() for p in (w, b)])
        opt.restore(before)
    assert all(np.array_equal(x, y) for r in results for x, y in zip(r, results[0], strict=True))


def test_a_parameter_the_loss_does_not_use_gets_no_gradient_of_another_node():
    s = tl.Session()
    a, b = s.param([1.0, 1.0], name="a"), s.param([2.0, 3.0], name="b")
    opt = tl.optim.SGD([a, b], lr=0.1)
    opt.step(s.backward((b * b).sum()))
    assert a.value.tolist() == [1.0, 1.0] and b.value.tolist() == pytest.approx([1.6, 2.4])


def test_a_parameter_without_a_gradient_is_left_alone_with_its_state():
    opt = adam(weight_decay=0.1)
    opt.step({"w": GRADS[0]["w"], "b": None})
    assert np.array_equal(opt.params["b"], B) and sorted(opt.state_dict()["state"]) == [0]
    opt.step(GRADS[1])
    assert [opt.state_dict()["state"][i]["step"] for i in (0, 1)] == [2, 1]


def test_groups_have_options_of_their_own_and_can_be_added():
    opt = tl.optim.SGD([{"params": {"w": W}, "lr": 0.5}], lr=0.1)
    assert [g["lr"] for g in opt.param_groups] == [0.5]
    s = tl.Session()
    w, b = s.param(W, name="w"), s.param(B, name="b")
    opt = tl.optim.SGD([w], lr=0.1)
    opt.add_param_group({"params": [b], "lr": 1.0, "momentum": 0.9})
    opt.step({"w": W, "b": B})
    assert np.allclose(w.value, 0.9 * W) and np.array_equal(b.value, B - B)
    opt.param_groups[0]["lr"] = 0.0
    opt.step({"w": W, "b": B})
    assert np.allclose(w.value, 0.9 * W)


# -- state -------------------------------------------------------------------------------------
@pytest.mark.parametrize("cut", range(0, 12, 3))
@pytest.mark.parametrize("name", sorted(RULES))
def test_resuming_at_any_cut_is_bitwise_the_same(name, cut):
    rule = RULES[name]
    if rule.needs or rule.scope == "matrix":
        pytest.skip("needs more than a gradient: has its own test")
    make = getattr(tl.optim, rule.class_name)
    whole, first = make({"w": W, "b": B}), make({"w": W, "b": B})
    for g in GRADS:
        whole.step(g)
    for g in GRADS[:cut]:
        first.step(g)
    second = make(first.params)
    second.load_state_dict(first.state_dict())
    for g in GRADS[cut:]:
        second.step(g)
    assert digest(second) == digest(whole)


def test_a_snapshot_stays_valid_and_forks():
    opt = adam()
    for g in GRADS[:5]:
        opt.step(g)
    kept, then = opt.snapshot(), digest(opt)
    for g in GRADS[5:]:
        opt.step(g)
    ahead = digest(opt)
    opt.restore(kept)
    assert digest(opt) == then
    for g in GRADS[5:]:
        opt.step(g)
    assert digest(opt) == ahead


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda d: d.pop("state"), "no 'state'"),
        (lambda d: d.__setitem__("rule", "sgd"), "sgd"),
        (lambda d: d["param_groups"].append({"params": [2]}), "groups"),
        (lambda d: d["state"][0].__setitem__("m", np.zeros(7)), "shape"),
        (lambda d: d["state"][0].pop("v"), "expected"),
        (lambda d: d["state"].__setitem__(9, d["state"][0]), "parameter 9"),
        (lambda d: d["state"][0].__setitem__("step", -1), "not a count"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(spoil, words):
    opt = adam()
    opt.step(GRADS[0])
    d, before = opt.state_dict(), digest(opt)
    spoil(d)
    with pytest.raises(errors.CheckpointError, match=words):
        opt.load_state_dict(d)
    assert digest(opt) == before


def test_two_groups_are_two_optimizers():
    both = tl.optim.Adam([{"params": {"w": W}, "lr": 0.5}, {"params": {"b": B}, "betas": (0.5, 0.9)}], lr=0.1)
    one, two = tl.optim.Adam({"w": W}, lr=0.5), tl.optim.Adam({"b": B}, lr=0.1, betas=(0.5, 0.9))
    for g in GRADS:
        both.step(g)
        one.step({"w": g["w"]})
        two.step({"b": g["b"]})
    assert np.array_equal(both.params["w"], one.params["w"]) and np.array_equal(both.params["b"], two.params["b"])


def test_maximize_is_the_negated_gradient():
    up, down = adam(maximize=True), adam()
    for g in GRADS:
        up.step(g)
        down.step({k: -v for k, v in g.items()})
    assert digest(up)[0] == digest(down)[0]


# -- whole or not at all -----------------------------------------------------------------------
@pytest.mark.parametrize("where", ["w", "b"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_non_finite_gradient_changes_nothing(where, bad):
    for policy in ("raise", "skip"):
        opt = adam(nonfinite=policy)
        opt.step(GRADS[0])
        before = digest(opt)
        g = {k: v.copy() for k, v in GRADS[1].items()}
        g[where].flat[1] = bad
        if policy == "raise":
            with pytest.raises(errors.NonFiniteError, match=rf"'{where}' is .* at index \([01],?"):
                opt.step(g)
        else:
            opt.step(g)
        assert digest(opt) == before


def test_a_wrong_shape_in_the_last_gradient_changes_nothing():
    opt = adam()
    opt.step(GRADS[0])
    before = digest(opt)
    with pytest.raises(errors.ShapeError, match="'b'"):
        opt.step({"w": GRADS[1]["w"], "b": np.zeros(5)})
    assert digest(opt) == before


def test_stop_pressed_at_any_instruction_of_a_step_tears_nothing():
    start = adam()
    start.step(GRADS[0])
    begin = start.snapshot()
    after = adam()
    after.restore(begin)
    after.step(GRADS[1])
    possible = digest(start), digest(after)
    assert possible[0] != possible[1]
    opt, outcomes, n = adam(), [], 0
    while True:
        n += 3
        opt.restore(begin)
        stop = Stop(n)
        sys.settrace(stop)
        try:
            opt.step(GRADS[1])
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        outcomes.append(possible.index(digest(opt)))
        if stop.left > 0:
            break
    assert len(outcomes) > 300 and outcomes == sorted(outcomes) and outcomes[-1] == 1


# -- taken apart -------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(RULES))
def test_the_terms_compose_to_the_actual_step_bit_for_bit(name):
    rule = RULES[name]
    if rule.needs or rule.scope == "matrix":
        pytest.skip("needs more than a gradient: has its own test")
    opt = getattr(tl.optim, rule.class_name)({"w": W, "b": B})
    for g in GRADS[:4]:
        before = opt.params["w"]
        opt.step(g)
    e = opt.explain("w")
    assert np.array_equal(before + e.delta, opt.params["w"]) and np.array_equal(e.after, opt.params["w"])
    assert "delta" in e.to_text() and rule.class_name in e.to_text()


def test_a_ghost_shows_the_step_under_other_hyperparameters():
    opt = adam(weight_decay=0.0)
    opt.step(GRADS[0])
    e = opt.explain("w")
    assert np.allclose(e.without(lr=0.2), 2 * e.delta) and np.array_equal(e.without(), e.delta)


def test_radam_at_the_border_of_its_formula():
    opt = tl.optim.RAdam({"w": W}, betas=(0.9, 0.6))
    for g in GRADS[:5]:
        opt.step({"w": g["w"]})
    assert np.isfinite(opt.params["w"]).all() and opt.explain("w").step == 5


def test_a_rule_of_ones_own_is_one_function():
    @tl.extend.update_rule(
        hypers={"lr": tl.extend.Hyper(0.1, r"\eta", 0.0), "mu": tl.extend.Hyper(0.9, r"\mu", 0.0, 1.0)},
        slots={"b": tl.extend.Slot()}, latex=(("b", r"\mu b + g"), (r"\Delta", r"-\eta b")),
    )
    def my_momentum(xp, g, p, s, h, t):
        """Momentum, once more."""
        b = h.mu * s.b + g
        return {"b": b, "delta": -h.lr * b}

    try:
        mine = tl.optim.MyMomentum({"w": W, "b": B}, lr=0.05)
        theirs = tl.optim.SGD({"w": W, "b": B}, lr=0.05, momentum=0.9)
        for g in GRADS:
            mine.step(g)
            theirs.step(g)
        assert np.allclose(mine.params["w"], theirs.params["w"], rtol=1e-14) and r"\mu b + g" in my_momentum.card()
    finally:
        del RULES["my_momentum"]
