"""Of a large graph nodes and edges are made when somebody looks: they are what they would have been at once."""

import copy
import pickle

import numpy as np
import pytest

import torchlean_nb as tl
from tests.load.graphs import KINDS
from torchlean_nb.engine import tracing
from torchlean_nb.render.fold import fold
from torchlean_nb.trace.outline import Later

MANY = tracing.WHOLE + 50


def odd(nodes):
    """Broadcasting, arguments left out, residuals, constants and options, infinite slopes, a part that nothing uses."""
    s = tl.Session(nonfinite="ieee")
    w, b, x = s.param(np.ones((3, 1)), name="w"), s.param(np.zeros(3)), s.input(np.arange(3.0))
    y, _unused = tl.linear(x * w, tl.stack([b, x, x]), None), w.exp()
    while len(s.tape) < nodes:
        with s.scope(f"turn_{len(s.tape) % 3}"):
            y = tl.where(y.greater(0.0), tl.sqrt(y - y), tl.softmax(y + b, axis=-1)).clamp(min=-1.0) * 0.5
    return s, tl.logsumexp(y)


GRAPHS = {**KINDS, "odd": odd}


def at_once(monkeypatch, s, y):
    with monkeypatch.context() as m:
        m.setattr(tracing, "WHOLE", 10**9)
        return s.trace(y, title="large")


@pytest.mark.parametrize("kind", GRAPHS)
def test_what_is_made_later_is_what_would_have_been_made_at_once(kind, monkeypatch):
    s, y = GRAPHS[kind](MANY)
    later, now = s.trace(y, title="large"), at_once(monkeypatch, s, y)
    assert isinstance(later.nodes, Later) and isinstance(later.edges, Later) and isinstance(now.nodes, tuple)
    assert fold(later)[0].to_json() == fold(now)[0].to_json()
    assert later.to_json() == now.to_json() and later == now
    for mine, other in zip(later.outline, now.outline, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(mine, other, strict=True) if isinstance(a, np.ndarray))
    assert list(later.outline[0].kinds) == list(now.outline[0].kinds)
    assert list(later.outline[0].scopes) == list(now.outline[0].scopes)


def test_a_trace_is_what_it_was_whatever_the_session_does_afterwards(monkeypatch):
    s, y = odd(MANY)
    later, said = s.trace(y, title="large"), at_once(monkeypatch, s, y).to_json()
    (y + y).named("more"), s.reset_tape()
    assert s.param(np.ones(2)).sum().value == 2.0
    assert later.to_json() == said


def test_a_drawing_makes_what_it_shows():
    s, y = KINDS["blocks"](MANY)
    trace = s.trace(y)
    trace.show(), trace.to_svg(), trace.to_text()
    made = [sum(x is not None for x in items._made) for items in (trace.nodes, trace.edges)]
    assert 0 < made[0] <= len(fold(trace)[0]) and made[1] <= len(fold(trace)[0].edges)


def test_copies_and_pickles_are_made_whole():
    s, y = KINDS["blocks"](MANY)
    trace = s.trace(y)
    for again in (copy.deepcopy(trace), pickle.loads(pickle.dumps(trace))):
        assert isinstance(again.nodes, tuple) and again == trace


def test_each_item_is_made_once_and_found_as_in_a_tuple():
    s, y = KINDS["chain"](MANY)
    nodes = s.trace(y).nodes
    assert nodes[-1] is nodes[len(nodes) - 1] and nodes[-1] in nodes and nodes[2:4] == tuple(nodes)[2:4]
    assert [n.id for n in nodes[::-200]] == [n.id for n in nodes][::-200]
    with pytest.raises(IndexError):
        nodes[len(nodes)]


def test_what_arrives_at_a_node_is_found_without_the_rest():
    s, y = KINDS["hub"](MANY)
    trace = s.trace(y)
    into = trace.into(trace["x"].id)
    assert len(into) > 300 and np.allclose(sum(e.contribution for e in into), trace["x"].grad)
    assert trace.into(-5) == () and sum(e is not None for e in trace.edges._made) == len(into)
