"""A chain of a million nodes with a stack of 200 frames: ``python -m tests.load.million [nodes] [draw]``.

Recording, the sweep and letting go of it must not recurse; nor must the trace of it, drawing that, copying it and
reading it from JSON, for which fewer nodes are enough.
"""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable
from typing import Any

import torchlean_nb as tl
from tests.load.steps import resident
from torchlean_nb.render.fold import note
from torchlean_nb.trace import GraphTrace

BYTES, FRAMES = 400, 200  # for each node; Python's own limit is 1000 frames


def timed(what: str, do: Callable[[], Any], nodes: int) -> Any:
    start, before = time.process_time(), resident()
    out = do()
    seconds, grown = time.process_time() - start, resident() - before
    print(f"{what:9} {seconds:6.2f} s of the processor  {grown * 2**20 / nodes:+8.1f} B/node")
    return out


def record(s: tl.Session, nodes: int) -> tl.Tensor:
    y = s.param(0.5, name="x")
    for _ in range(nodes - 1):
        y = y.tanh()
    return y


def main(nodes: int = 1_000_000, draw: bool = False) -> float:
    """Bytes for each node, recorded and swept."""
    s = tl.Session()
    s.backward(record(s, 10)), s.trace(record(s, 400)).to_svg()  # load what is loaded once
    s.reset_tape()
    sys.setrecursionlimit(FRAMES)
    before = resident()
    y = timed("record", lambda: record(s, nodes), nodes)
    g = timed("backward", lambda: s.backward(y), nodes)
    each = (resident() - before) * 2**20 / nodes
    assert g["x"].shape == () and len(s.tape) == nodes
    print(f"together {each:.0f} B/node")
    if draw:
        trace = timed("trace", lambda: s.trace(y), nodes)
        svg = timed("draw", trace.to_svg, nodes)
        assert f"of {nodes:,} nodes" in svg and not note(trace)
        again = timed("copy", lambda: copy.deepcopy(trace), nodes)
        assert len(again) == nodes
        text = timed("to JSON", trace.to_json, nodes)
        assert len(timed("from JSON", lambda: GraphTrace.from_json(text), nodes)) == nodes
        assert len(repr(s).splitlines()) == 1
        del trace, again, text
    y = g = None
    timed("free", s.reset_tape, nodes)
    return each


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, "draw" in sys.argv)
