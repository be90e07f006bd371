"""Every row on the device: the CPU's numbers, and nothing crosses on the way."""

from __future__ import annotations

import _guard
import numpy as np
import pytest
from guard.there import device, same_numbers

import torchlean_nb as tl
from torchlean_nb.backend import devices
from torchlean_nb.engine.transforms import Run
from torchlean_nb.laws.point import Point, whole

ROWS = [
    pytest.param(op, sample, dtype, id=f"{op.name}-{i}-{dtype}")
    for op in tl.ops.values() if op.builtin
    for i, sample in enumerate(op.samples)
    for dtype in ("float64", "float32")
]  # fmt: skip


# A check has to see the numbers once: whether an index is in range, a probability in [0, 1].
LOOKS = {
    "bce": 2, "cross_entropy": 2, "embedding": 1, "gather": 1, "gather_rows": 1, "index_select": 1, "nll_loss": 1,
    "put_along": 1, "put_take": 1, "scatter_add": 1, "take": 1, "take_along": 1,
}  # fmt: skip


def ran(p, arrays, seed, tangents, xp):
    """Value, cotangents and tangents of a row, as (name, array)."""
    moving = [arrays[k] for k in p.moving]

    def record(*xs):
        tape, left = xs[0].tape, iter(xs)
        args = [next(left) if k in p.moving else tape.leaf("const", a) for k, a in enumerate(arrays)]
        return p.op(*args, **p.sample.attrs)

    if not moving:
        return [("value", p.op.run(xp, *arrays, **p.attrs))]
    run = Run(record, moving, range(len(moving)), xp)
    found = [("value", run.tape.values[run.out.id])]
    found += zip((f"cotangent of argument {k}" for k in p.moving), run.pull(seed), strict=True)
    for at, t in enumerate(tangents):
        alone = [t if i == at else None for i in range(len(moving))]
        found.append((f"tangent from argument {p.moving[at]}", run.push(alone)))
    return found


@pytest.mark.parametrize(("op", "sample", "dtype"), ROWS)
def test_a_row_has_the_numbers_of_the_cpu_and_nothing_crosses(op, sample, dtype):
    there, p = device(), Point(op, sample, dtype=dtype)
    rng = np.random.default_rng(6)
    shape = p.value(*p.movers).shape
    kind = p.run.value().dtype if p.moving else dtype
    seed = whole(shape, rng).astype(kind)
    tangents = [whole(p.arrays[k].shape, rng).astype(dtype) for k in p.moving]
    want = ran(p, p.arrays, seed, tangents, devices.device("cpu").xp)
    put = [there.put(np.array(a)) for a in p.arrays], there.put(seed), [there.put(t) for t in tangents]
    with _guard.counting() as seen:
        got = ran(p, *put, there.xp)
    assert (seen.arrays_in, seen.arrays_out, seen.waits) == (0, 0, 0), seen
    assert seen.items <= LOOKS.get(op.name, 0), seen
    for (name, a), (_, b) in zip(got, want, strict=True):
        same_numbers(name, a, b, seen)


def test_a_check_looks_only_where_it_says():
    assert set(LOOKS) <= {op.name for op in tl.ops.values() if op.check}
