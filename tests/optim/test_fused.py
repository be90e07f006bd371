"""Flat arrays and straight-line programs: the same numbers, nothing torn, nobody's array written over."""

from __future__ import annotations

import copy
import pickle
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from _stop import Stop
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.optim import rules as RULES
from torchlean_nb.shells.program import Program

# Rules for single elements that are no straight line, each with its reason.
NOT_STRAIGHT = {
    "asgd": "Python's max looks at the step",
    "swa_sgd": "looks at the step",
}
ROWS = [r for r in RULES.values() if r.builtin and r.scope == "element" and not r.needs]
STRAIGHT = [r for r in ROWS if r.name not in NOT_STRAIGHT]
MISSING = pytest.mark.skipif(not find_spec("numba"), reason="numba is not there")
ENGINES = ["numpy", pytest.param("numba", marks=[pytest.mark.oracle, MISSING])]  # installed with the oracles


def options(rule):
    """The defaults, and everything that the defaults leave out."""
    on = {k: not h.default for k, h in rule.hypers.items() if h.kind == "bool"}
    on |= {k: v for k, v in {"weight_decay": 0.1, "momentum": 0.8}.items() if k in rule.hypers}
    return [{}, on]


def start(dtype=np.float64):
    rng = np.random.default_rng(0)
    return {"w": rng.normal(size=(3, 4)).astype(dtype), "b": rng.normal(size=5).astype(dtype)}


def gradients(n, dtype=np.float64):
    rng = np.random.default_rng(1)
    return [{k: rng.normal(size=p.shape).astype(dtype) for k, p in start().items()} for _ in range(n)]


def run(opt, grads):
    for g in grads:
        opt.step(g)
    return opt.params


def close(a, b, rtol):
    for k in a:
        assert np.abs(a[k] - b[k]).max() <= rtol * np.abs(b[k]).max(), k


def identical(a, b):
    for k in a:
        assert np.array_equal(a[k], b[k]), k


# -- programs ----------------------------------------------------------------------------------------
def replay(rule, chosen, dtype, maximize, exact, steps=40):
    """Parameters by the program and by the rule."""
    flat = rule.resolve(chosen)
    program, h = Program(rule, flat, np.dtype(dtype), maximize, exact), SimpleNamespace(**flat)
    rng = np.random.default_rng(3)
    p = rng.normal(size=19).astype(dtype)
    slots, mine = rule.start(p, h), p.copy()
    numbers = tuple(float(slots[k]) for k in program.numbers)
    stored = {k: (slots[k] / np.asarray(program.factors[k], dtype)).astype(dtype) for k in program.slots}
    spare = [np.empty(19, t) for t in program.temporaries.values()]
    for t in range(1, steps + 1):
        g = rng.normal(size=19).astype(dtype)
        with np.errstate(all="ignore"):
            terms = rule.terms(-g if maximize else g, p, slots, h, t)
            p, slots = (p + terms["delta"]).astype(dtype), {k: np.asarray(terms[k]) for k in slots}
            numbers = program.prepare(t, flat.get("lr", 0.0), numbers)
            if numbers is None:
                return None, p
            new = {k: np.empty(19, dtype) for k in (*program.slots, "p")}
            program.run(g, mine, *stored.values(), *new.values(), *spare)
        mine, stored = new.pop("p"), new
    return mine, p


@pytest.mark.parametrize("maximize", [False, True], ids=["down", "up"])
@pytest.mark.parametrize("rule", STRAIGHT, ids=lambda r: r.name)
def test_a_program_is_its_rule(rule, maximize):
    for chosen in options(rule):
        exact, p = replay(rule, chosen, np.float64, maximize, True)
        assert exact is None or np.array_equal(exact, p, equal_nan=True)
        for dtype, rtol in ((np.float64, 1e-12), (np.float32, 1e-5)):
            folded, p = replay(rule, chosen, dtype, maximize, False)
            assert folded is None or np.abs(folded - p).max() <= rtol * np.abs(p).max()


@pytest.mark.parametrize("rule", STRAIGHT, ids=lambda r: r.name)
def test_folding_never_adds_passes(rule):
    for chosen in options(rule):
        flat, dtype = rule.resolve(chosen), np.dtype("f8")
        assert Program.best(rule, flat, dtype, False).passes <= Program(rule, flat, dtype, exact=True).passes


def test_adam_is_ten_passes_and_one_temporary():
    program = Program(RULES["adam"], RULES["adam"].resolve({}), np.dtype("f4"))
    assert program.passes == 10 and list(program.temporaries) == ["tmp0"]
    assert program.factors == pytest.approx({"m": 0.1, "v": 0.001})


def test_the_exceptions_are_those_that_say_so():
    for rule in ROWS:
        if rule.name in NOT_STRAIGHT:
            with pytest.raises(errors.CapabilityError):
                Program(rule, rule.resolve({}), np.dtype("f8"))


# -- fused optimizers ----------------------------------------------------------------------------------
@pytest.mark.parametrize("rule", STRAIGHT, ids=lambda r: r.name)
def test_a_hundred_fused_steps_are_a_hundred_steps(rule):
    grads = gradients(100)
    for chosen in options(rule):
        make = getattr(tl.optim, rule.class_name)
        close(run(make(start(), fused="numpy", **chosen), grads), run(make(start(), **chosen), grads), 1e-9)


@pytest.mark.parametrize("nonfinite", ["raise", "ieee"])
@pytest.mark.parametrize("how", ENGINES)
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "Lion", "Rprop", "NAdam"])
def test_both_engines_and_writing_in_place_give_the_same_steps(name, how, nonfinite):
    make, grads = getattr(tl.optim, name), gradients(30)
    fast = make(start(), lr=0.01, fused=how, nonfinite=nonfinite)
    for g in grads:
        for k, view in fast.grads.items():
            view[...] = g[k]
        fast.step()
    close(fast.params, run(make(start(), lr=0.01), grads), 1e-11)
    assert fast.state_dict()["steps"] == 30 and fast.state_dict()["state"][0]["step"] == 30


@pytest.mark.parametrize("how", ENGINES)
def test_groups_rates_and_options_may_change_between_steps(how):
    def make(**options):
        p = start()
        groups = [{"params": {"w": p["w"]}}, {"params": {"b": p["b"]}, "lr": 0.02, "weight_decay": 0.1}]
        return tl.optim.AdamW(groups, lr=0.01, **options)

    fast, slow, grads = make(fused=how), make(), gradients(30)
    for k, g in enumerate(grads):
        for opt in (fast, slow):
            opt.param_groups[0]["lr"] = 0.01 * 0.9**k
            if k == 10:
                opt.param_groups[1]["betas"] = (0.8, 0.99)
            opt.step(g)
    close(fast.params, slow.params, 1e-12)
    fast.param_groups[0]["lr"] = -1
    with pytest.raises(errors.HyperparameterError, match="lr=-1"):
        fast.step(grads[0])


def test_a_missing_gradient_takes_the_general_path_and_counts_apart():
    fast, slow = (tl.optim.Adam(start(), lr=0.1, **o) for o in ({"fused": "numpy"}, {}))
    for k, g in enumerate(gradients(12)):
        given = {"w": g["w"]} if k == 5 else g
        fast.step(given)
        slow.step(given)
    close(fast.params, slow.params, 1e-12)
    assert [fast.state_dict()["state"][i]["step"] for i in (0, 1)] == [12, 11]


@pytest.mark.parametrize("cut", [0, 1, 7])
def test_a_fused_run_resumed_is_the_same_run_bit_for_bit(cut):
    grads = gradients(12)
    whole = run(tl.optim.AdamW(start(), fused="numpy"), grads)
    opt = tl.optim.AdamW(start(), fused="numpy")
    run(opt, grads[:cut])
    plain, moment, values = opt.state_dict(), opt.snapshot(), opt.params
    identical(run(opt, grads[cut:]), whole)
    opt.restore(moment)
    identical(run(opt, grads[cut:]), whole)
    other = tl.optim.AdamW(values, fused="numpy")
    other.load_state_dict(plain)
    identical(run(other, grads[cut:]), whole)
    unfused = tl.optim.AdamW(values)
    unfused.load_state_dict(plain)
    close(run(unfused, grads[cut:]), whole, 1e-12)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda opt: pickle.loads(pickle.dumps(opt))], ids=["copy", "pickle"])
def test_a_copy_goes_its_own_way(copied):
    grads = gradients(6)
    opt = tl.optim.AdamW(start(), fused="numpy")
    run(opt, grads[:3])
    twin = copied(opt)
    identical(run(twin, grads[3:]), run(opt, grads[3:]))
    opt.step(grads[0])
    assert not np.array_equal(opt.params["w"], twin.params["w"]) and twin._fused.opt.params.keys() == {"w", "b"}


def test_values_taken_out_earlier_stay_what_they_were():
    opt = tl.optim.Adam(start(), lr=0.1, fused="numpy")
    taken = []
    for g in gradients(6):
        taken.append((opt.params, {k: v.copy() for k, v in opt.params.items()}))
        opt.step(g)
    for views, copies in taken:
        identical(views, copies)


@pytest.mark.parametrize("how", ENGINES)
def test_a_tape_keeps_the_values_it_was_recorded_with(how):
    s = tl.Session(seed=0)
    w = s.param([1.0, -2.0], name="w")
    opt = tl.optim.SGD([w], lr=0.1, fused=how, nonfinite="ieee")
    leaf = s.use(w)
    g = s.backward(tl.sum(w * w))
    for _ in range(3):
        opt.step(g)
    assert s.value(leaf).tolist() == [1.0, -2.0] and w.value.tolist() == pytest.approx([0.4, -0.8])
    assert not w.value.flags.writeable


def test_without_onlookers_two_sets_of_arrays_take_turns():
    opt, grads = tl.optim.Adam(start(), fused="numpy"), gradients(8)
    seen = set()
    for g in grads:
        opt.step(g)
        seen.add(id(opt._fused.ready().parts[0][0]))
    assert len(seen) == 2


def test_a_look_costs_one_set_and_not_one_in_every_step():
    opt, grads = tl.optim.Adam(start(), fused="numpy"), gradients(12)
    opt.step(grads[0])
    looks, sets = opt.params, []
    for g in grads[1:4]:
        opt.step(g)
    del looks
    for g in grads[4:]:
        opt.step(g)
        sets.append(opt._fused.ready().parts[0][0])
    assert len({id(s) for s in sets}) == 2


def test_writing_a_parameter_by_hand_is_noticed():
    s = tl.Session(seed=0)
    w = s.param([1.0, -2.0], name="w")
    opt = tl.optim.SGD([w], lr=0.5, momentum=0.9, fused="numpy")
    opt.step({w: [1.0, 1.0]})
    w.set([10.0, 10.0])
    opt.step({w: [0.0, 0.0]})
    assert w.value.tolist() == pytest.approx([9.55, 9.55])


@pytest.mark.parametrize("how", ENGINES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_changes_nothing(how, bad):
    opt, (a, b) = tl.optim.Adam(start(), lr=0.1, fused=how), gradients(2)
    opt.step(a)
    before, plain = opt.params, opt.state_dict()
    spoiled = {"w": b["w"], "b": np.array([0, 0, bad, 0, 0.0])}
    with pytest.raises(errors.NonFiniteError, match=r"Adam: gradient of 'b' is -?(nan|inf) at index \(2,\)"):
        opt.step(spoiled)
    identical(opt.params, before)
    assert str(opt.state_dict()) == str(plain)
    opt.nonfinite = "skip"
    opt.step(spoiled)
    identical(opt.params, before)
    opt.step(b)
    close(opt.params, run(tl.optim.Adam(start(), lr=0.1), [a, b]), 1e-12)


def test_a_sum_of_squares_that_overflows_is_no_alarm():
    opt = tl.optim.SGD({"w": np.full(3, 1e200)}, lr=0.1, fused="numpy")
    opt.step({"w": np.ones(3)})
    assert opt.params["w"].tolist() == [1e200] * 3


def test_stop_pressed_at_any_instruction_tears_nothing():
    first, second = gradients(2)

    def state(opt):
        d = opt.state_dict()
        return [p.tobytes() for p in opt.params.values()] + [str(d["state"]), d["steps"]]

    start_of, ready = tl.optim.Adam(start(), fused="numpy"), tl.optim.Adam(start(), fused="numpy")
    start_of.step(first)
    run(ready, [first, second])
    possible = [state(start_of), state(ready)]
    outcomes, n = [], 0
    while True:
        n += 2
        opt = tl.optim.Adam(start(), fused="numpy")
        opt.step(first)
        stop = Stop(n)
        sys.settrace(stop)
        try:
            opt.step(second)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        outcomes.append(possible.index(state(opt)))
        if not outcomes[-1]:
            opt.step(second)  # and it goes on as if nothing had been
            assert state(opt) == possible[1]
        if stop.left > 0:
            break
    assert len(outcomes) > 50 and outcomes == sorted(outcomes) and outcomes[-1] == 1


@pytest.mark.parametrize("make", [
    lambda: tl.optim.accumulate("adam", k=3), lambda: tl.optim.lookahead("sgd", k=2),
    lambda: tl.optim.chain(tl.optim.transforms.clip_value(0.5), "adamw"), lambda: tl.optim.ema("lion"),
], ids=["accumulate", "lookahead", "chain", "ema"])  # fmt: skip
def test_what_is_put_together_is_fused_as_one(make):
    cls, grads = tl.optim.class_of(make()), gradients(20)
    close(run(cls(start(), lr=0.01, fused="numpy"), grads), run(cls(start(), lr=0.01), grads), 1e-11)


# -- what it refuses -------------------------------------------------------------------------------------
def test_what_cannot_be_fused_is_refused_at_construction():
    with pytest.raises(errors.CapabilityError, match="LAMB: fused=True"):
        tl.optim.LAMB(start(), fused=True)
    with pytest.raises(errors.HyperparameterError, match="fused='cuda'"):
        tl.optim.Adam(start(), fused="cuda")
    with pytest.raises(errors.CapabilityError, match="float32 and float64"):
        tl.optim.Adam({"a": np.ones(2), "b": np.ones(2, np.float32)}, fused="numpy")
    with pytest.raises(errors.CapabilityError, match="fused=True"):
        _ = tl.optim.Adam(start()).grads


def test_fused_steps_keep_no_terms():
    opt = tl.optim.Adam(start(), fused="numpy")
    opt.step(gradients(1)[0])
    with pytest.raises(errors.CapabilityError, match="fused=False"):
        opt.explain("w")


def test_a_wrong_shape_changes_nothing():
    opt = tl.optim.Adam(start(), fused="numpy")
    before = opt.params
    with pytest.raises(errors.ShapeError, match="'b'"):
        opt.step({"w": np.ones((3, 4)), "b": np.ones(4)})
    identical(opt.params, before)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from("stgnrw"), max_size=12), st.integers(0, 2**31))
def test_whatever_is_done_to_it_a_fused_optimizer_is_the_plain_one(deeds, seed):
    rng = np.random.default_rng(seed)
    pair = [tl.optim.Adam(start(), lr=0.1, **o) for o in ({"fused": "numpy"}, {})]
    moments = [opt.snapshot() for opt in pair]
    for deed in deeds:
        g = {k: rng.normal(size=p.shape) for k, p in start().items()}
        for i, opt in enumerate(pair):
            if deed == "s":
                opt.step(g)
            elif deed == "t":
                opt.step({"b": g["b"]})
            elif deed == "g":
                opt.param_groups[0]["lr"] *= 0.5
            elif deed == "n":
                moments[i] = opt.snapshot()
            elif deed == "r":
                opt.restore(moments[i])
            else:
                opt.zero_state()
        close(pair[0].params, pair[1].params, 1e-10)
    assert [s["step"] for s in pair[0].state_dict()["state"].values()] == [
        s["step"] for s in pair[1].state_dict()["state"].values()
    ]
