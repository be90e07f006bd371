"""Every row on the device: the numbers of the CPU, exactly where arithmetic on integers is exact.

Sums come in another order and functions from another library, so floats agree up to rounding; small integers in
float64 leave no room for that.
"""

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.backend.devices import host
from torchlean_nb.laws.point import Point

OPS = [op for op in tl.ops.values() if op.builtin]
RULED = [op for op in OPS if op.rules and op.kind != "constant"]


def close(a, b, dtype="float64"):
    """Equal up to rounding, relative to the largest number."""
    eps = np.finfo(dtype).eps
    room = 2000 * eps * max(1.0, float(np.abs(b[np.isfinite(b)]).max(initial=0)))
    return np.allclose(a, b, rtol=2000 * eps, atol=room, equal_nan=True)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_values_are_those_of_the_cpu(op, dtype, there):
    for sample in op.samples:
        p = Point(op, sample, dtype=dtype)
        want = p.op(*p.arrays, **sample.attrs)
        got = p.op(*[there.put(a) for a in p.arrays], **sample.attrs)
        assert there.owns(got) and got.dtype == want.dtype and got.shape == want.shape
        assert close(host(got).astype(float), np.asarray(want, float), dtype if got.dtype.kind == "f" else "float64")


@pytest.mark.parametrize("op", RULED, ids=lambda op: op.name)
def test_gradients_and_tangents_are_those_of_the_cpu(op, there):
    rng = np.random.default_rng(0)
    for sample in op.samples:
        one, two = Point(op, sample), Point(op, sample, xp=there.xp)
        if not one.moving:
            continue
        seed = rng.standard_normal(one.shape)
        for a, b in zip(one.run.pull(seed), two.run.pull(seed), strict=True):
            assert isinstance(b, np.ndarray) and close(b, a)
        for k, a in enumerate(one.movers):
            t = rng.standard_normal(a.shape)
            assert close(two.push(k, t), one.push(k, t))


@pytest.mark.parametrize("op", [op for op in RULED if op.exact], ids=lambda op: op.name)
def test_integers_leave_no_room_for_rounding(op, there):
    rng = np.random.default_rng(1)
    for sample in op.samples:
        one, two = (Point(op, sample, xp=xp, integers=True) for xp in (None, there.xp))
        if one.moving:
            seed = rng.integers(-9, 10, one.shape).astype(float)
            assert all((a == b).all() for a, b in zip(one.run.pull(seed), two.run.pull(seed), strict=True))


def test_what_is_scattered_has_the_same_bits_every_time_and_those_of_the_cpu(there):
    rng = np.random.default_rng(2)
    table, ids = rng.standard_normal((50, 8)), rng.integers(0, 50, 4000)
    seed = rng.standard_normal((4000, 8))
    want = tl.vjp(lambda t: tl.take(t, ids, axis=0), table)[1](seed)
    on_device = tl.vjp(lambda t: tl.take(t, there.put(ids), axis=0), there.put(table))[1]
    found = {host(on_device(there.put(seed))).tobytes() for _ in range(100 if there.kind == "cuda" else 3)}
    assert found == {want.tobytes()}


def test_random_masks_have_the_bits_of_the_cpu(there):
    for key in (0, 7, 2**63 - 1):
        want = tl.bernoulli_mask(np.array(key), shape=(1000,), keep=0.3)
        assert (host(tl.bernoulli_mask(there.put(np.array(key)), shape=(1000,), keep=0.3)) == want).all()
        want = tl.rand_uniform(np.array(key), shape=(1000,))
        assert (host(tl.rand_uniform(there.put(np.array(key)), shape=(1000,))) == want).all()
