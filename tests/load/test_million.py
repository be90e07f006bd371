"""Long chains do not recurse, and what is said of large things is short. See also ``python -m tests.load.million``."""

import subprocess
import sys

import numpy as np
import pytest
from _project import ROOT

import torchlean_nb as tl

NODES, LINES = 6_000, 40


def test_a_chain_is_recorded_swept_drawn_copied_and_let_go_of_with_a_stack_of_200_frames():
    done = subprocess.run([sys.executable, "-m", "tests.load.million", str(NODES // 4), "draw"], cwd=ROOT,
                          capture_output=True, text=True, timeout=100, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()][-1] == "free"


@pytest.fixture(scope="module")
def large():
    """A session with a long tape, and what it gives out."""
    s = tl.Session()
    ps = [s.param(np.ones((8, 8)), name=f"p{k}") for k in range(120)]
    y = ps[0].sum()
    for p in ps:
        y = y + p.mean()
    for _ in range(NODES):
        y = y.tanh()
    return s, y, s.backward(y), ps


def test_reprs_are_short_however_large_a_thing_is(large):
    s, y, g, ps = large
    things = [s, y, g, ps[0], s.trace(y), s.ledger(ps[0]), s.tape, s.tape[5], tl.optim.Adam(ps), tl.optim.row("adam")]
    long = {type(x).__name__: len(repr(x).splitlines()) for x in things if len(repr(x).splitlines()) > LINES}
    assert long == {}


def test_what_a_notebook_keeps_of_a_large_view_is_short(large):
    s, y, _, ps = large
    for view in (s.show(y), s.ledger(ps[0]).show(), tl.widgets.TapeTable(s.trace(y))):
        bundle, _ = view._repr_mimebundle_()
        assert len(bundle["text/plain"].splitlines()) <= LINES
        assert sum(map(len, bundle.values())) < 1_000_000
