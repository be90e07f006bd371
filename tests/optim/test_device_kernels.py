"""One kernel for a group: the bits of the program in NumPy, one wait, no array made.

Where a kernel takes ``exp`` or ``pow`` from the C library, whose last bits are not NumPy's, the difference is bounded.
``EVERY_KERNEL=1`` compiles the kernels of all rules, not only of those that show every operation once.
"""

from __future__ import annotations

import os
import tracemalloc

import _guard
import numpy as np
import pytest
from optim.devices import GRADS, START, put

import torchlean_nb as tl
from torchlean_nb.errors import CapabilityError, HyperparameterError
from torchlean_nb.shells.cuda import DeviceGroup
from torchlean_nb.shells.flat import FlatGroup
from torchlean_nb.shells.optimizer import class_of
from torchlean_nb.shells.program import Program
from torchlean_nb.updates import RULES

LIBM = {"pow", "exp", "expm1", "log", "tanh"}


def programs():
    """Rules that can be fused, with their options and the operations of their programs."""
    found = {}
    for rule in [r for r in RULES.values() if r.builtin]:
        for options in ({}, {"total_steps": 30}):
            try:
                program = Program.best(rule, rule.resolve(options), np.dtype("f8"), False)
            except CapabilityError:
                break
            except HyperparameterError:
                continue
            found[rule.name] = options, {op for op, _, _ in program.steps}
            break
    return found


def chosen(found):
    """All of them, or enough to have every operation once."""
    if os.environ.get("EVERY_KERNEL"):
        return found
    met, kept = set(), {}
    for name, (options, ops) in found.items():
        if name in ("adam", "sgd") or ops - met:
            met |= ops
            kept[name] = options, ops
    return kept


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options", "ops"), [
    pytest.param(k, *v, id=k) for k, v in chosen(programs()).items()
])
def test_a_kernel_has_the_bits_of_the_program(name, options, ops, dtype):
    for size in (1, 7, 4097):
        rng, make = np.random.default_rng(size), class_of(RULES[name])
        start = {"w": rng.normal(size=size).astype(dtype)}
        here, there = make(start, fused="numpy", **options), make(put(start), fused=True, **options)
        for k in range(20):
            g = {"w": rng.normal(size=size).astype(dtype)}
            if ops & LIBM:  # one step from the same state each time, so that differences do not add up
                there.restore(here.snapshot())
            here.step(g)
            there.step(put(g))
            a, b = here.params["w"], there.params["w"]
            if ops & LIBM:
                scale = np.finfo(dtype).eps * np.maximum(np.abs(a), np.abs(g["w"]))
                assert (np.abs(a - b) <= 4 * scale).all(), (k, size)
            else:
                assert a.tobytes() == b.tobytes(), (k, size)
        assert type(there._fused.groups[0]) is DeviceGroup and type(here._fused.groups[0]) is FlatGroup


def test_fused_is_unfused_up_to_rounding():
    for name in ("Adam", "SGD", "Lion"):
        plain, kernel = (getattr(tl.optim, name)(put(START), lr=0.01, fused=f) for f in (False, True))
        for g in GRADS:
            plain.step(put(g))
            kernel.step(put(g))
        for k in START:
            np.testing.assert_allclose(kernel.params[k], plain.params[k], rtol=1e-12)


def test_a_fused_step_launches_one_kernel_and_waits_once_however_many_groups():
    groups = [{"params": put({k: a}), "lr": 0.1 / (i + 1)} for i, (k, a) in enumerate(START.items())]
    for opt, kernels in ((tl.optim.Adam(put(START), fused=True), 1), (tl.optim.Adam(groups, fused=True), 2)):
        for g in GRADS[:3]:
            g = put(g)
            with _guard.counting() as seen:
                opt.step(g)
        assert (seen.arrays_in, seen.arrays_out, seen.items, seen.waits) == (0, 0, 1, 0)
        assert seen.launches["step_adam"] == kernels
    quick = tl.optim.Adam(put(START), fused=True, nonfinite="ieee")
    for g in GRADS[:2]:
        g = put(g)
        with _guard.counting() as seen:
            quick.step(g)
    assert seen.items == 0  # nobody asks whether it is finite, so nobody waits


@pytest.mark.parametrize("count", [1, 3])
def test_a_fused_step_makes_no_array(count):
    n = 1 << 16
    start = {f"w{i}": np.ones(n) for i in range(count)}
    opt, g = tl.optim.Adam(put(start), fused=True), put(start)
    for _ in range(3):
        opt.step(g)
    tracemalloc.start()
    try:
        opt.step(g)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < n  # bytes: an eighth of one array


def test_a_value_taken_from_the_flat_arrays_stays_what_it_was():
    opt = tl.optim.SGD(put(START), lr=0.5, fused=True)
    opt.step(put(GRADS[0]))
    taken = opt._cells[0].array
    before = taken.get()
    for g in GRADS:
        opt.step(put(g))
    assert taken.get().tobytes() == before.tobytes()
