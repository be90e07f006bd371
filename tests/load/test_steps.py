"""Nothing a step makes waits for the collector of cycles. The long form: ``python -m tests.load.steps 10000``."""

import gc
import weakref

import pytest

import torchlean_nb as tl
from tests.load.steps import KINDS, left


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_a_step_leaves_nothing_that_only_the_collector_finds(make):
    # A cycle of ours is found in every round; what another thread, an import or a full cache leaves, in one.
    assert any(left(make, steps=20, warm=20)[0] == 0 for _ in range(3))


def test_a_cycle_would_be_noticed():
    def make():
        def run(steps):
            for _ in range(steps):
                loop = []
                loop.append(loop)

        return run

    assert left(make, steps=20)[0] == 20


def test_a_tape_dies_when_it_is_reset():
    """Also with the collector off: tapes hold the large arrays."""
    s = tl.Session()
    w = s.param([1.0, 2.0])
    gc.disable()
    try:
        for _ in range(3):
            s.backward((w * w).sum())
            old = weakref.ref(s.tape)
            s.backward((w * w).sum())
            s._grads = None
            s.reset_tape()
            assert old() is None
    finally:
        gc.enable()
