"""Large graphs are folded: bounded, acyclic, honest about what they leave out."""

import numpy as np
import pytest
from _traces import Hand, chain, deep, two_layers
from hypothesis import given, settings
from hypothesis import strategies as st

from torchlean_nb.render.dot import dot
from torchlean_nb.render.fold import EDGES, FOLDED, LIMIT, fold, note
from torchlean_nb.render.latex import latex
from torchlean_nb.render.layout import layout
from torchlean_nb.render.svg import scene, svg
from torchlean_nb.render.text import narration, text
from torchlean_nb.trace import GraphTrace, Ledger


def wild(n, seed=0, reach=40):
    """A graph without any regularity."""
    r, h = np.random.default_rng(seed), Hand("wild")
    ids = [h.leaf(r.normal(size=(4, 8)), "x")]
    for _ in range(n):
        a, b = r.integers(max(0, len(ids) - reach), len(ids), 2)
        op = ("add", "mul", "tanh", "neg")[r.integers(4)]
        ids.append(h.op(op, *(ids[a], ids[b])[: 2 if op in ("add", "mul") else 1]))
    return h.trace()


def dense(n):
    """Every node adds up all before it."""
    h = Hand("dense")
    ids = [h.leaf(0.01, "x")]
    for _ in range(n):
        total = ids[0]
        for i in ids[1:]:
            total = h.op("add", total, i)
        ids.append(h.op("tanh", total))
    return h.trace()


def scoped(blocks, ops):
    """Blocks of ops that differ from each other, each in its scope ``net/block3``."""
    h = Hand("scoped")
    at = h.leaf([0.5, 0.1], "x", "input")
    for b in range(blocks):
        w = h.leaf([0.3, 0.2], f"w{b}", scope=f"net/block{b}")
        at = h.op("mul", at, w, scope=f"net/block{b}")
        for i in range(ops + b % 3):
            at = h.op("tanh" if (i + b) % 2 else "neg", at, scope=f"net/block{b}")
    h.op("sum", at, name="L")
    return h.trace()


def test_a_small_graph_is_left_alone():
    trace = two_layers()
    assert fold(trace) == (trace, 0) and note(trace) == ""


@pytest.mark.parametrize("make", [
    lambda: chain(10_000), lambda: deep(2500), lambda: wild(10_000), lambda: wild(2000, 1, 2000), lambda: dense(60),
    lambda: scoped(120, 12),
], ids=["chain", "deep", "wild", "far", "dense", "scoped"])
def test_large_graphs_are_drawn_within_bounds(make):
    trace = make()
    small, hidden = fold(trace)
    assert len(small) <= LIMIT and sum(len(n.parents) for n in small) <= EDGES
    assert len(small) + hidden == len(trace)
    assert note(small) == f"showing {len(small):,} of {len(trace):,} nodes"
    assert small.output == trace.output and small[small.output].grad is not None
    drawn = scene(trace)
    assert len(drawn) <= 1_000_000 and note(small) in drawn
    assert note(small) in text(trace).splitlines()[-1]


def test_scopes_fold_first_and_carry_their_name():
    trace = scoped(60, 8)
    small, _ = fold(trace)
    names = [n.name for n in small if n.op == FOLDED]
    assert names == [f"block{b}" for b in range(60)]
    assert narration(small)[5].startswith(f"block3 stands for {small['block3'].attrs['nodes']} nodes: value of 2")
    assert small["block3"].scope == "net" and small["block3"].attrs["nodes"] >= 10


def test_repetition_folds_to_one_box_with_its_count():
    assert [n.name for n in fold(chain(5000))[0]] == ["x", "tanh ×4999", None]
    names = [n.name for n in fold(deep(500))[0]]
    assert names == ["x", "block ×500", "L"]


def test_a_scope_around_everything_is_not_folded_into_one_box():
    small, _ = fold(scoped(400, 9))
    assert len(small) > 3 and all(n.name != "net" for n in small)


def test_a_box_shows_its_last_value_and_gradient():
    trace = chain(1000)
    small, _ = fold(trace)
    box = small.nodes[1]
    assert np.array_equal(box.value, trace.nodes[-2].value) and np.array_equal(box.grad, trace.nodes[-2].grad)


def test_contributions_at_the_border_are_kept():
    trace = scoped(60, 8)
    small, _ = fold(trace)
    for n in small:
        into = small.into(n.id)
        if into and n.op != FOLDED:
            assert np.allclose(sum(e.contribution for e in into), trace[n.id].grad)
    box = small["block7"]
    assert np.array_equal(small.into(box.id)[0].contribution, box.grad)


def test_a_box_that_sends_twice_to_one_node_sends_the_sum():
    h = Hand()
    w = h.leaf(0.5, "w")
    at = w
    for i in range(400):
        at = h.op("mul", at, w, scope=f"s{i % 2}/{i}") if i > 395 else h.op("tanh", at, scope="body")
    trace = h.trace()
    small, _ = fold(trace)
    total = sum(e.contribution for e in small.into(w))
    assert np.allclose(total, trace[w].grad)
    assert len({(e.child, e.arg) for e in small.edges}) == len(small.edges)


@settings(max_examples=25, deadline=None)
@given(st.integers(20, 120), st.integers(0, 1000), st.integers(3, 40), st.integers(2, 80))
def test_folded_graphs_are_traces_for_every_renderer(size, seed, limit, reach):
    trace = wild(size, seed, reach)
    small, hidden = fold(trace, limit)
    assert len(small) <= limit or len(trace) == len(small)
    assert len(small) + hidden == len(trace)
    assert all(p < n.id for n in small for p in n.parents)
    assert GraphTrace.from_json(small.to_json()) == small
    assert len(narration(small)) == small.steps + 1
    assert layout(small).boxes.keys() == {n.id for n in small}
    assert dot(small) and latex(small) and svg(small, small.steps)
    for n in small:
        for k in (small.steps // 2, small.steps):
            g = small.grad_at(n.id, k)
            assert g is None or g.shape == n.shape
        assert Ledger.of(small, n.id).grad.shape == n.shape


def test_folding_twice_counts_everything_left_out():
    once, _ = fold(wild(1000), 200)
    twice, hidden = fold(once, 50)
    assert hidden == len(once) - len(twice)
    assert note(twice) == f"showing {len(twice)} of 1,001 nodes"
