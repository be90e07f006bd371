"""A compiled session and bad input: refused in the words of eager mode, with nothing left behind; stops; policies."""

from __future__ import annotations

import gc
import sys
import weakref

import numpy as np
import pytest
from _sessions import X, pair
from _stop import Stop

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.compiler.replay_book import KEPT

BAD = {
    "shapes": lambda s, w, k: w @ np.ones((3 + k, 2)),
    "an index": lambda s, w, k: tl.take(w, s.input(np.array([0, 5 + k])), axis=0),
    "a class": lambda s, w, k: tl.cross_entropy(tl.tanh(w), np.array([0, 1, 2, 0, 1, 1 + 2 * k])),
    "strict shapes": lambda s, w, k: w + np.ones((6, 3))[: 6 - 5 * k],
    "a stranger": lambda s, w, k: w * (tl.Session().input(X) if k else X),
    "no number": lambda s, w, k: w * (np.inf if k else 1.0),
    "a domain": lambda s, w, k: s.backward(tl.sum(tl.log(tl.exp(w) - 9.0 * k))),
    "a slope": lambda s, w, k: s.backward(tl.sum(tl.sqrt(w - w + 1 - k))),
    "a step": lambda s, w, k: s.step(tl.optim.SGD([w], lr=1.0), lambda: tl.sum(tl.exp(w * 0.1 * (1 + 1e5 * k)))),
}


@pytest.mark.parametrize("name", BAD)
def test_what_eager_mode_refuses_is_refused_in_its_words_and_nothing_has_changed(name):
    words = []
    for s in pair(strict_shapes=name == "strict shapes"):
        w = s.param(np.abs(X))
        for _ in range(2):
            s.reset_tape()
            BAD[name](s, w, 0)
        s.reset_tape()
        s.use(w)
        before = s.digest(), w.value.tobytes()
        with pytest.raises(errors.TorchLeanError) as e:
            BAD[name](s, w, 1)
        words.append((type(e.value), str(e.value).replace(s.label, "s").split("session (")[0]))
        assert w.value.tobytes() == before[1]
        if len(s.tape) == 1:
            assert s.digest() == before[0]
        s.reset_tape()
        BAD[name](s, w, 0)
    assert words[0] == words[1]


def test_what_was_refused_leaves_nothing_in_the_tree():
    s = tl.Session(backend="compiled")
    w = s.param(X)
    for n in range(4, 4 + 2 * KEPT):
        s.reset_tape()
        y = tl.sum(w * 2.0)
        with pytest.raises(errors.ShapeError):
            w @ np.ones((n, 2))
        assert s.backward(y)[w].tolist() == np.full((6, 3), 2.0).tolist()
    book, todo, count = s._way.book, [s._way.book.root], 0
    while todo:
        kids = todo.pop().kids
        todo, count = todo + kids, count + len(kids)
    s.reset_tape()
    assert count == 4 and len(book.tips) == 1


def test_an_inf_on_the_way_is_found_by_whoever_looks_and_each_time():
    s = tl.Session(backend="compiled")
    w = s.param([1.0, 2.0])
    for k in (0, 0, 1):
        s.reset_tape()
        y = tl.log(w - k) * 2.0
        z = tl.sum(y)
        if k == 0:
            z.item()
    for look in (z.item, lambda: s.backward(z), lambda: s.trace(z), s.digest, lambda: y.value, lambda: tl.exp(z)):
        with pytest.raises(errors.DomainError, match=r"log \(node 3\): 0.0 at index \(0,\)"):
            look()
    assert len(s.tape) == 7 and s.value(2).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("policy", ["skip", "ieee"])
def test_policies_for_what_is_not_finite_are_kept(policy):
    reports = []
    for s in pair(nonfinite=policy):
        w = s.param([1.0, 2.0])
        opt = tl.optim.SGD([w], lr=0.5)
        mine = [s.step(opt, lambda w=w, k=k: tl.sum(tl.log(w - k))) for k in (0, 0, 99)]
        reports.append([(r.loss, r.skipped, r.gradients[w].tobytes()) for r in mine] + [w.value.tobytes()])
    assert repr(reports[0]) == repr(reports[1])


def test_backends_are_named_when_one_is_missing():
    for name in ("turbo", None, ["compiled"]):
        with pytest.raises(errors.BackendError, match='backend="eager" or backend="compiled"'):
            tl.Session(backend=name)


def test_handles_of_a_dropped_tape_say_so_and_its_arrays_are_gone():
    s = tl.Session(backend="compiled")
    for _ in range(2):
        s.reset_tape()
        y = tl.sum(s.input(X) * 2.0)
        y.item()
    seen = weakref.ref(s.value(2)) if s.value(2).base is None else None
    gc.disable()
    try:
        s.reset_tape()
        assert seen is None or seen() is None
    finally:
        gc.enable()
    for use in (lambda: y.value, lambda: y.shape, lambda: y * 2, lambda: y.named("y"), lambda: s.backward(y)):
        with pytest.raises(errors.StaleHandleError):
            use()


ACTIONS = {
    "noting": lambda s, w: tl.sum((w * 3.0) ** 2.0),
    "departing": lambda s, w: tl.exp(w * 3.0) * 2.0,
    "looking": lambda s, w: float(tl.sum((w * 3.0) ** 2.0)),
    "all values": lambda s, w: [tl.sum((w * 3.0) ** 2.0), *s.tape.values],
}


@pytest.mark.parametrize("name", ACTIONS)
def test_stop_pressed_at_any_instruction_leaves_whole_records(name):
    s = tl.Session(backend="compiled")
    w = s.param([1.0, 2.0])
    for _ in range(3):
        s.reset_tape()
        tl.sum((w * 3.0) ** 2.0).item()
    n, finished = 0, False
    while not finished:
        n += 23
        s.reset_tape()
        stop = Stop(n)
        sys.settrace(stop)
        try:
            ACTIONS[name](s, w)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        finished = stop.left > 0
        y = tl.sum(tl.exp(w * 3.0))
        assert s.backward(y)[w].tolist() == (3.0 * np.exp([3.0, 6.0])).tolist()
        assert len(s.tape) == len(s.tape.steps) == len(s.tape.nodes)
