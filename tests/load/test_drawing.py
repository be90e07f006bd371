"""Large graphs are drawn small, and say so. Figures for more nodes: ``python -m tests.load.drawing 100000``."""

import json
import sys

import pytest

import torchlean_nb as tl
from tests.load.drawing import BYTES, EDGES, NODES, links, ways
from tests.load.graphs import KINDS
from torchlean_nb.render.fold import FOLDED, fold, note
from torchlean_nb.render.html import page

NODES_HERE = 600


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_of_drawing_is_bounded_and_says_what_it_shows(kind):
    for shown, drawn in ways(kind, NODES_HERE):
        assert len(shown) <= NODES and links(shown) <= EDGES, drawn
        assert drawn.size <= BYTES, drawn
        assert note(shown).startswith(f"showing {len(shown):,} of "), drawn


def test_a_graph_with_more_arrows_than_an_eye_can_follow_is_folded_though_its_nodes_are_few():
    s = tl.Session()
    ys = [s.param(0.1, name="x")]
    for _ in range(160):
        ys.append(tl.stack(ys[-6:]).sum())
    trace = s.trace(ys[-1])
    assert len(trace) > NODES and links(fold(trace)[0]) <= EDGES and len(trace.to_svg()) < BYTES


def test_boxes_opened_one_after_the_other_stay_bounded():
    s, y = KINDS["dense"](700)
    w = s.show(y)
    for _ in range(2):
        box = next(n.id for n in w.shown if n.op == FOLDED)
        w.open_node(box)
        assert box not in [n.id for n in w.shown if n.op == FOLDED]
        assert len(w.shown) <= NODES and links(w.shown) <= EDGES and len(json.dumps(w.payload)) < BYTES


def calls(work):
    """How many functions a piece of work calls."""
    seen = 0

    def count(frame, event, arg):
        nonlocal seen
        seen += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return seen


@pytest.mark.parametrize("kind", KINDS)
def test_twice_the_nodes_are_traced_and_folded_with_hardly_more_than_twice_the_work(kind):
    few, many = (calls(lambda s=s, y=y: fold(s.trace(y))) for s, y in (KINDS[kind](n) for n in (1000, 2000)))
    assert many < 2.6 * few


def test_a_view_and_its_files_fold_a_graph_once(monkeypatch):
    import torchlean_nb.render.fold as room

    s, y = KINDS["wide"](700)
    trace, asked, chosen = s.trace(y), [], room._chosen
    monkeypatch.setattr(room, "_chosen", lambda *a: asked.append(a) or chosen(*a))
    view = trace.show()
    assert view.payload and trace.to_svg() and trace.to_text() and trace.to_html() and len(asked) == 1


def test_a_page_of_more_than_a_megabyte_is_packed():
    small, large = (page("GraphStepper", {"note": "abc" * n}) for n in (10, 600_000))
    assert len(small) < 200_000 > len(large) and "DecompressionStream" in large and "DecompressionStream" not in small
