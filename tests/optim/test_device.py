"""Optimizers on a device: the CPU's numbers, one wait in a step, nothing that crosses, nothing torn.

The device is the stand-in for CuPy, which refuses every conversion that nobody asked for. Behind it NumPy computes, so
bits are compared.
"""

from __future__ import annotations

import sys

import _guard
import numpy as np
import pytest
from _stop import Stop
from guard.there import device
from optim.devices import GRADS, START, pair, put, same
from optim.exceptions import CALLS, GIVEN
from optim.interrupts import digest

import torchlean_nb as tl
from torchlean_nb.backend import devices
from torchlean_nb.errors import BackendMixError, NonFiniteError
from torchlean_nb.laws.rules_trial import run, step, trials
from torchlean_nb.optim.compose import TRANSFORMS, WRAPPERS
from torchlean_nb.optim.noisy import dp_aggregate
from torchlean_nb.shells.optimizer import class_of
from torchlean_nb.updates import RULES

HALF = {"project": lambda xp, g: 0.5 * g, "lift": lambda xp, s: 2.0 * s}
TRIALS = [
    pytest.param(trial, id=f"{rule.name}-{trial}")
    for rule in [r for r in RULES.values() if r.builtin]
    for trial in trials(rule, HALF if rule.name == "projected_sgd" else GIVEN.get(rule.name), CALLS.get(rule.name, 1))
]
# -- every rule ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("trial", TRIALS)
def test_a_rule_steps_as_on_the_cpu_and_waits_once(trial):
    here, there = trial.make(), trial.make(put(trial.start()))
    waits = []
    for g in trial.gradients(4):
        step(here, g)
        gradient, bent = put(g), put({k: 1 + g[k] * g[k] for k in trial.shapes})
        with _guard.counting() as seen:
            there.step(gradient, 1.5, bent if "curvature" in trial.rule.needs else None)
        waits.append((seen.arrays_in, seen.arrays_out, seen.items, seen.waits))
    assert same(there.params, here.params)
    assert digest((there,)) == digest((here,))
    constants = 2 if trial.rule.name == "mechanic" else 0  # a column of numbers for each of two parameters
    assert waits[-1][1:] == (0, 1, 0)
    assert waits[-1][0] <= constants


@pytest.mark.parametrize("name", [*TRANSFORMS, *WRAPPERS])
def test_a_transform_or_wrapper_steps_as_on_the_cpu(name):
    if name in WRAPPERS:
        rule = WRAPPERS[name]("adam")
    else:
        row = TRANSFORMS[name]
        rule = tl.optim.chain(row, "sgd") if row.place != "after" else tl.optim.chain("sgd", row)
    start = {"w": START["w"], "v": 1 + START["w"]}
    grads = [{k: np.random.default_rng(i).normal(size=a.shape) for k, a in start.items()} for i in range(5)]
    here, there = class_of(rule)(start), class_of(rule)(put(start))
    for g in grads:
        here.step(g, 1.5)
        g = put(g)
        with _guard.counting() as seen:
            there.step(g, 1.5)
    assert same(there.params, here.params)
    assert (seen.arrays_out, seen.items, seen.waits) == (0, 1, 0)


# -- what goes in and comes out ----------------------------------------------------------------------------
@pytest.mark.parametrize("options", [{}, {"fused": True}, {"amsgrad": True}], ids=["plain", "fused", "amsgrad"])
def test_states_move_between_devices_bit_for_bit(options):
    host = {k: "numpy" if k == "fused" else v for k, v in options.items()}
    here, there = tl.optim.Adam(START, **host), tl.optim.Adam(put(START), **options)
    for g in GRADS[:3]:
        here.step(g)
        there.step(put(g))
    saved = there.state_dict()
    assert all(type(a) is np.ndarray for a in (saved["state"][0]["m"], saved["state"][1]["v"]))
    fresh = [tl.optim.Adam(there.params, **host), tl.optim.Adam(put(here.params), **options)]
    for opt, state in zip(fresh, (saved, here.state_dict()), strict=True):
        opt.load_state_dict(state)
    for g in GRADS[3:6]:
        here.step(g)
        there.step(put(g))
        fresh[0].step(g)
        fresh[1].step(put(g))
    assert same(here.params, there.params) and same(fresh[0].params, here.params) and same(fresh[1].params, here.params)


@pytest.mark.parametrize("name", ["sgd", "lion", "tiger"])
def test_half_numbers_in_one_kernel_have_the_bits_of_the_cpu(name):
    rng, found = np.random.default_rng(0), []
    w, grads = rng.normal(size=300).astype(np.float16), rng.normal(size=(4, 300)).astype(np.float16)
    for where in (devices.device("cpu"), device()):
        for fused in (True, "numpy"):
            opt = tl.optim.class_of(name)({"w": where.put(w)}, fused=fused, lr=0.01)
            for g in grads:
                opt.step({"w": where.put(g)})
            found.append(opt.params["w"].tobytes())
    assert len(set(found)) == 1


def test_a_mask_of_the_device_does_not_cross_and_is_plain_in_a_state():
    mask, g = np.array([True, False, True]), device().put(np.ones(3))
    opt = tl.optim.class_of(tl.optim.masked("adam"))({"w": device().put(np.ones(3))}, where=device().put(mask))
    opt.step({"w": g})
    with _guard.counting() as seen:
        opt.step({"w": g})
    assert (seen.arrays_in, seen.arrays_out) == (0, 0) and opt.params["w"].tolist()[1] == 1.0
    assert opt.state_dict()["param_groups"][0]["where"].tolist() == mask.tolist()


@pytest.mark.parametrize("fused", [False, True])
def test_a_snapshot_is_of_the_host_and_brings_everything_back(fused):
    opt = tl.optim.Adam(put(START), fused=fused)
    opt.step(put(GRADS[0]))
    kept, before = opt.snapshot(), digest((opt,))
    assert all(type(a) is np.ndarray for a in (*kept.values, *kept.state.params[0].stored.values()))
    opt.step(put(GRADS[1]))
    after = digest((opt,))
    opt.restore(kept)
    assert digest((opt,)) == before
    opt.step(put(GRADS[1]))
    assert digest((opt,)) == after
    other = tl.optim.Adam(START)
    other.restore(kept)
    assert digest((other,)) == before


@pytest.mark.parametrize("make", [tl.optim.EMA, tl.optim.SWA, lambda p: tl.optim.EMA(p, 0.5, debias=True)])
def test_averages_stay_on_the_device_until_somebody_looks(make):
    here, there = pair("SGD")
    means = make(here), make(there)
    for g in GRADS[:3]:
        here.step(g)
        there.step(put(g))
        means[0].update()
        with _guard.counting() as seen:
            means[1].update()
        assert seen.total == 0
    assert same(means[0].averages, means[1].averages)
    with means[1].applied():
        assert same(there.params, means[0].averages)
    assert same(there.params, here.params)
    twin = make(here)
    twin.load_state_dict(means[1].state_dict())
    assert same(twin.averages, means[0].averages)
    means[1].load_state_dict(means[0].state_dict())
    means[1].update({"b": START["b"]})
    assert same(there.params, {**here.params, "b": START["b"]})


def test_the_averages_of_a_rule_are_shown_and_put_in_place():
    here, there = pair("ScheduleFreeAdamW")
    for g in GRADS[:3]:
        here.step(g)
        there.step(put(g))
    assert same(there.averages, here.averages)
    with there.averaged():
        assert same(there.params, here.averages)


def test_groups_directions_and_rates_of_their_own():
    def make(to):
        return tl.optim.SGD(
            [{"params": to({"w": START["w"]}), "lr": 0.5, "maximize": True}, {"params": to({"b": START["b"]})}],
            lr=0.1, momentum=0.9,
        )

    here, there = make(dict), make(put)
    rates = [tl.optim.lr_scheduler.StepLR(opt, 2, 0.5) for opt in (here, there)]
    for g in GRADS[:5]:
        here.step(g)
        there.step(put(g))
        for s in rates:
            s.step()
    assert same(here.params, there.params)


def test_gradients_of_the_host_are_put_on_the_device_and_lists_are_data():
    here, there = pair("Adam")
    for g in GRADS[:3]:
        here.step(g)
        there.step({"w": g["w"], "b": g["b"].tolist()})
    assert same(here.params, there.params)


def test_an_update_is_explained_with_numbers_of_the_host():
    here, there = pair("Adam")
    for g in GRADS[:2]:
        here.step(g)
        there.step(put(g))
    a, b = here.explain("w"), there.explain("w")
    assert same(a.terms, b.terms)
    assert b.after.tobytes() == there.params["w"].tobytes()
    assert a.to_text() == b.to_text()
    assert a.without(lr=0.5).tobytes() == b.without(lr=0.5).tobytes()


@pytest.mark.parametrize("clip", [
    lambda g: tl.optim.clip_grad_norm(g, 0.5), lambda g: tl.optim.clip_grad_norm(g, 0.5, float("inf")),
    lambda g: tl.optim.clip_grad_norm(g, 0.5, 1.0), lambda g: tl.optim.clip_grad_value(g, 0.3),
    lambda g: tl.optim.clip_by_norm(g, 0.5), lambda g: tl.optim.clip_by_percentile(g, 50),
], ids=["2", "inf", "1", "value", "each", "percentile"])  # fmt: skip
def test_gradients_are_clipped_where_they_are_with_one_wait_for_the_norm(clip):
    here, g = clip(GRADS[0]), put(GRADS[0])
    with _guard.counting() as seen:
        there = clip(g)
    assert (seen.arrays_in, seen.arrays_out, seen.items, seen.waits) == (0, 0, 1, 0)
    assert there.norm == here.norm and same(dict(there.items()), dict(here.items()))
    opt = tl.optim.SGD(put(START), lr=1.0)
    with _guard.counting() as seen:
        opt.step(there)
    assert (seen.arrays_in, seen.arrays_out, seen.items) == (0, 0, 1)
    assert same(opt.params, {k: a + -1.0 * here[k] for k, a in START.items()})


def test_gradients_of_a_session_are_clipped_on_its_device():
    s = tl.Session(device=device())
    w = s.param(START["w"], name="w")
    g = s.backward((w * w).sum())
    with _guard.counting() as seen:
        cut = tl.optim.clip_grad_norm(g, 0.5)
        tl.optim.SGD([w], lr=1.0).step(cut)
    assert (seen.arrays_in, seen.arrays_out, seen.items) == (0, 0, 2)
    assert type(cut[w]) is np.ndarray and cut.norm == pytest.approx(2 * np.linalg.norm(START["w"]))


# -- what is refused ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_nan_is_named_and_nothing_has_changed(fused, groups):
    each = [{"params": put({k: a})} for k, a in START.items()]
    opt = tl.optim.Adam(put(START) if groups == 1 else each, fused=fused)
    for g in GRADS[:3]:
        opt.step(put(g))
    before = digest((opt,))
    bad = {**GRADS[3], "b": np.array([0.0, np.nan, 1.0])}
    with pytest.raises(NonFiniteError, match=r"gradient of .b. is nan at index \(1,\)"):
        opt.step(put(bad))
    assert digest((opt,)) == before
    opt.nonfinite = "skip"
    opt.step(put(bad))
    assert digest((opt,)) == before
    opt.step(put(GRADS[3]))
    assert digest((opt,)) != before


def test_arrays_of_two_devices_do_not_meet():
    with pytest.raises(BackendMixError, match="one device"):
        tl.optim.SGD({"w": START["w"], **put({"b": START["b"]})}, lr=0.1)
    opt = tl.optim.SGD(START, lr=0.1)
    before = digest((opt,))
    with pytest.raises(BackendMixError, match=r"gradient of 'w'.*lives on 'cpu'"):
        opt.step(put(GRADS[0]))
    assert digest((opt,)) == before


@pytest.mark.parametrize("fused", [False, True])
def test_stop_leaves_everything_old_or_everything_new(fused):
    def made():
        opt = tl.optim.Adam(put(START), fused=fused)
        for g in GRADS[:2]:
            opt.step(put(g))
        return opt, put(GRADS[2])

    opt, g = made()
    old = digest((opt,))
    opt.step(g)
    new = digest((opt,))
    seen = set()
    for n in range(1, 20000, 97 if fused else 397):
        opt, g = made()
        stop = Stop(n)
        sys.settrace(stop)
        try:
            opt.step(g)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        now = digest((opt,))
        assert now in (old, new), n
        seen.add(now)
        if not stop.pressed:
            break
        if now == old:
            opt.step(g)
            assert digest((opt,)) == new, n
    assert seen == {old, new}


def test_a_kernel_that_fails_to_start_changes_nothing():
    for fused in (False, True):
        opt = tl.optim.Adam(put(START), fused=fused)
        for g in GRADS[:2]:
            opt.step(put(g))
        before, g = digest((opt,)), put(GRADS[2])
        for name in ("step_adam",) if fused else ("multiply", "sqrt", "isfinite"):
            with _guard.failing(name, MemoryError("full")), pytest.raises(MemoryError):
                opt.step(g)
            assert digest((opt,)) == before


def test_many_steps_of_a_rule_with_noise_draw_the_numbers_of_the_cpu():
    here, there = pair("SGLD", lr=0.01)
    assert same(run(here, GRADS), run(there, [put(g) for g in GRADS]))


def test_private_gradients_are_made_on_the_device():
    g = {k: np.stack([x[k] for x in GRADS]) for k in START}
    options = {"l2_norm_clip": 1.0, "noise_multiplier": 0.5, "seed": 3, "t": 2}
    there, device_made = dp_aggregate(g, **options), dp_aggregate(put(g), **options)
    assert same({k: a.get() for k, a in device_made.items()}, there)
