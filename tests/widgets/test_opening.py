"""Folded boxes and composites shown from inside, with the step kept at what it was about."""

from __future__ import annotations

import _traces
import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.errors import HandleTypeError, UnknownNodeError
from torchlean_nb.render.fold import FOLDED, fold
from torchlean_nb.widgets import GraphStepper


def long_chain(n=1000):
    s = tl.Session()
    y = s.param(0.5, name="y")
    for _ in range(n):
        y = y.tanh()
    return s, y


def boxes(w):
    return [n.id for n in w.shown if n.op == FOLDED]


def digits():
    """Two composites in a row of primitives."""
    s = tl.Session()
    z = s.param([[1.0, 2.0, -1.0], [0.5, -0.3, 0.2]], name="z")
    h = tl.softmax(tl.tanh(z).named("h")).named("p")
    return s, tl.cross_entropy(h * h, np.array([0, 1])).named("L")


# -- folding -----------------------------------------------------------------------------------
def test_a_box_opens_and_the_others_stay():
    t = _traces.deep(200)
    before, _ = fold(t)
    box = next(n for n in before if n.op == FOLDED)
    after, hidden = fold(t, opened=[box.id])
    assert len(after) + hidden == len(t)
    assert len(after) == len(before) + box.attrs["nodes"] - 1
    inner = {n.id: n for n in after if n.id <= box.id}
    assert all(n.op != FOLDED and n.value is t[n.id].value for n in inner.values() if n.id > box.id - 4)
    assert {n.id for n in before} <= {n.id for n in after}


@pytest.mark.parametrize("limit", [10, 40, 300])
def test_however_much_is_opened_the_drawing_stays_small_and_whole(limit):
    t = _traces.deep(200)
    opened = []
    for _ in range(12):
        shown, hidden = fold(t, limit, opened)
        assert len(shown) <= limit
        assert len(shown) + hidden == len(t)
        assert shown.output == t.output
        assert np.array_equal(shown[shown.output].grad, t[t.output].grad)
        opened.append([n.id for n in shown if n.op == FOLDED][len(opened) % 2 - 1])


def test_a_box_that_is_not_there_opens_nothing():
    t = _traces.deep(200)
    assert fold(t, opened=[10**6, t.nodes[0].id])[0] == fold(t)[0]


# -- boxes -------------------------------------------------------------------------------------
def test_boxes_open_one_inside_another():
    s, y = long_chain()
    w = s.show(y, step=2)
    assert len(w.shown) == 3
    for _ in range(3):
        hidden = len(w.trace) - len(w.shown)
        w.open_node(boxes(w)[0])
        assert len(w.trace) - len(w.shown) < hidden
        assert w.steps == w.shown.steps
        assert len(w.payload["trace"]["nodes"]) == len(w.shown)
        assert len(w.payload["narration"]) == w.steps + 1


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 0.55, 0.8, 1.0])
def test_the_step_stays_at_its_event(share):
    t = _traces.deep(200)
    w = GraphStepper(t)
    last, seed = w.steps, len(w.shown) + 1
    w.step = step = round(share * last)
    before = w.shown.event(step)[1] if step else None
    w.open_node(boxes(w)[0])
    after = w.shown.event(w.step)[1] if step else None
    if step == 0:
        assert w.step == 0
    elif step == last:
        assert w.step == w.steps, "a finished sweep stays finished"
    elif step <= seed:
        assert after.id == before.id
    else:
        assert (after.child, after.parent, after.arg) == (before.child, before.parent, before.arg)


@pytest.mark.parametrize("share", [0.2, 0.8, 1.0])
def test_what_was_opened_closes_again_in_turn(share):
    w = GraphStepper(_traces.deep(200))
    w.step = step = round(share * w.steps)
    first, nodes = w.payload, [[n.id for n in w.shown]]
    for _ in range(2):
        box = w.shown[boxes(w)[0]]
        w.open_node(box.id)
        assert w.payload["inside"] == box.label
        nodes.append([n.id for n in w.shown])
    for ids in nodes[1::-1]:
        w.close_node()
        assert [n.id for n in w.shown] == ids
    assert w.payload == first | {"inside": ""} and w.step == step
    with pytest.raises(HandleTypeError, match="nothing has been opened"):
        w.close_node()


def test_closing_inside_of_a_box_leads_to_the_box():
    w = GraphStepper(_traces.deep(200))
    before, box = w.shown, boxes(w)[0]
    w.open_node(box)
    inner = [n.id for n in w.shown if n.id not in {m.id for m in before}]
    w.step = next(k for k in range(w.steps, 0, -1) if getattr(w.shown.event(k)[1], "parent", None) == inner[0])
    w.state = w.state | {"pin": inner[1]}
    w.close_node()
    assert w.shown.event(w.step)[1].parent == box and w.state["pin"] == box


# -- composites --------------------------------------------------------------------------------
def test_a_composite_opens_by_the_session():
    s, loss = digits()
    w = s.show(loss, step=2)
    said = repr(w).partition(". ")[2]
    assert w.options["opens"] is True
    w.open_node(w.shown["L"].id)
    assert w.trace == s.trace(loss, inside=[loss])
    assert repr(w).partition(". ")[2] == said


def test_a_second_composite_opens_beside_the_first():
    s, loss = digits()
    w = s.show(loss)
    softmax = w.trace["p"].id
    w.step = len(w.shown) + 2
    to = w.shown.event(w.step)[1].parent
    op = w.shown[to].op
    w.open_node(w.trace["L"].id)
    assert w.shown[w.shown.event(w.step)[1].parent].op == op
    w.open_node(w.trace["p"].id)
    assert w.trace == s.trace(loss, inside=[loss, softmax])
    assert w.step == min(w.steps, w.step)
    w.close_node()
    assert w.trace == s.trace(loss, inside=[loss]) and w.payload["inside"] == "L"
    w.close_node()
    assert w.trace == s.trace(loss) and w.shown[w.shown.event(w.step)[1].parent].op == op


def test_what_has_no_inside_says_so():
    s, loss = digits()
    w = s.show(loss)
    before = w.payload
    with pytest.raises(HandleTypeError, match="primitive"):
        w.open_node(w.shown["h"].id)
    with pytest.raises(HandleTypeError, match="recorded"):
        GraphStepper(s.trace(loss)).open_node(w.shown["L"].id)
    with pytest.raises(UnknownNodeError):
        w.open_node(10**6)
    for bad in (None, "L", [1], 1.5):
        with pytest.raises(HandleTypeError):
            w.open_node(bad)
    assert w.payload is before


def test_a_trace_opened_by_hand_is_not_opened_further():
    s, loss = digits()
    assert s.show(loss, inside="all").options["opens"] is False


def test_the_front_end_asks_and_is_told_what_went_wrong(monkeypatch):
    s, loss = digits()
    w = s.show(loss)
    said = []
    monkeypatch.setattr(w, "send", said.append)
    for message in ("x", {"kind": "other"}, {}, None):
        w._handle_custom_msg(message, [])
    assert said == []
    w._handle_custom_msg({"kind": "open", "node": w.shown["h"].id}, [])
    assert [m["kind"] for m in said] == ["say"]
    assert "primitive" in said[0]["text"]
    nodes = len(w.shown)
    w._handle_custom_msg({"kind": "open", "node": w.shown["L"].id}, [])
    assert len(w.shown) > nodes
    assert len(said) == 1
