"""Laws of the layout, on graphs drawn at random."""

import numpy as np
import pytest
from _traces import Hand, deep, empty, fan_out, scalar, two_layers
from hypothesis import given, settings
from hypothesis import strategies as st

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.render.layout import layout


@st.composite
def graphs(draw):
    """A random graph of up to 30 nodes: leaves of every role, ops with one to three arguments."""
    h = Hand()
    for _ in range(draw(st.integers(1, 4))):
        role = draw(st.sampled_from(["param", "input", "const"]))
        h.leaf(draw(st.sampled_from([1.0, [1.0, 2.0]])) if role == "const" else 1.0, None, role)
    for _ in range(draw(st.integers(0, 26))):
        op = draw(st.sampled_from(["add", "mul", "tanh", "neg"]))
        h.op(op, *(draw(st.integers(0, len(h.nodes) - 1)) for _ in range(2 if op in ("add", "mul") else 1)))
    return h.trace()


def inside(x, y, box, slack=1.0):
    return box.x + slack < x < box.x + box.w - slack and box.y + slack < y < box.y + box.h - slack


def along(route):
    """Points on the way of an edge, bends included."""
    pieces = route.points()
    at = pieces[0][0]
    for piece in pieces[1:]:
        ends = np.array([at, *piece])
        for t in np.linspace(0.0, 1.0, 25):
            if len(ends) == 2:
                yield tuple((1 - t) * ends[0] + t * ends[1])
            else:
                weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3]
                yield tuple(np.dot(weights, ends))
        at = piece[-1]


@settings(max_examples=60, deadline=None)
@given(graphs(), st.sampled_from(["TB", "LR"]))
def test_boxes_never_overlap_and_stay_in_the_drawing(trace, direction):
    placed = layout(trace, direction=direction)
    boxes = list(placed.boxes.values())
    assert {b.id for b in boxes} == {n.id for n in trace}
    for i, a in enumerate(boxes):
        assert a.x >= 0 and a.y >= 0 and a.x + a.w <= placed.width and a.y + a.h <= placed.height
        for b in boxes[:i]:
            apart = a.x + a.w <= b.x or b.x + b.w <= a.x or a.y + a.h <= b.y or b.y + b.h <= a.y
            assert apart, (a, b)


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_every_parent_stands_above_its_child(trace):
    placed = layout(trace)
    for n in trace:
        for p in n.parents:
            assert placed.boxes[p].y + placed.boxes[p].h < placed.boxes[n.id].y


@settings(max_examples=40, deadline=None)
@given(graphs(), st.sampled_from(["TB", "LR"]))
def test_no_edge_passes_under_a_node(trace, direction):
    placed = layout(trace, direction=direction)
    assert set(placed.routes) == {(n.id, i) for n in trace for i in range(len(n.parents))}
    for route in placed.routes.values():
        for x, y in along(route):
            assert not any(inside(x, y, b) for b in placed.boxes.values()), (route, x, y)


@settings(max_examples=20, deadline=None)
@given(graphs())
def test_the_same_trace_gives_the_same_layout(trace):
    assert layout(trace) == layout(type(trace).from_json(trace.to_json()))


def test_edges_touch_their_boxes_and_run_back_the_same_way():
    placed = layout(two_layers())
    for route in placed.routes.values():
        parent, child = placed.boxes[route.parent], placed.boxes[route.child]
        assert route.start[1] == parent.y + parent.h and route.end[1] == child.y
        assert parent.x < route.start[0] < parent.x + parent.w
        there, back = route.points(), route.points(back=True)
        assert there[0][0] == back[-1][-1] and there[-1][-1] == back[0][0]


def test_chains_are_straight_and_two_layers_fit_the_stage():
    placed = layout(two_layers())
    assert placed.width == 436 and placed.height <= 400
    centres = {placed.boxes[i].x for i in (0, 3, 4, 6, 7)}
    assert len(centres) == 1, "x, a, h, z and ce stand above each other"


def test_two_edges_between_the_same_nodes_are_apart():
    placed = layout(scalar())
    assert abs(placed.routes[1, 0].start[0] - placed.routes[1, 1].start[0]) >= 12


def test_skip_connections_leave_the_chain_straight():
    trace = deep(3)
    placed = layout(trace)
    assert len({placed.boxes[n.id].x for n in trace if n.op == "tanh"}) == 1


def test_a_wide_graph_makes_the_drawing_wider_not_smaller():
    h = Hand()
    leaves = [h.leaf(float(i), f"p{i}") for i in range(9)]
    total = leaves[0]
    for leaf in leaves[1:]:
        total = h.op("add", total, leaf)
    assert layout(h.trace()).width >= 436
    many = Hand()
    w = many.leaf([1.0], "w")
    parts = [many.op("tanh", w) for _ in range(8)]
    many.op("add", parts[0], parts[-1])
    placed = layout(many.trace())
    assert placed.width > 8 * 116 and all(b.w == 116 for b in placed.boxes.values())


def test_the_empty_graph_has_a_layout():
    placed = layout(empty())
    assert placed.boxes == {} and placed.width == 436


def test_an_unknown_direction_is_refused():
    with pytest.raises(HyperparameterError, match="'TB' or 'LR'"):
        layout(fan_out(), direction="diagonal")
