"""Threads and forks: a session belongs to one thread of one process; everything else gives the same bits anywhere."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from _trainers import digest, fit, trainer
from reliability.things import further, of_data, plain, square, trained
from reliability.threads import WORK

import torchlean_nb as tl
from torchlean_nb.errors import ForkError, SerializationError, ThreadError

forked = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
quiet = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")


@pytest.mark.parametrize("name", WORK)
def test_four_threads_get_the_bits_of_one_after_the_other(name, tmp_path):
    alone = [WORK[name](i, tmp_path) for i in range(4)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            together = [*pool.map(lambda i: WORK[name](i, tmp_path), range(4))]
    finally:
        sys.setswitchinterval(before)
        tl.optim.rules.rows.pop("of_thread", None)
    assert together == alone
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def world(backend):
    """A session, and all that is done in one."""
    s = tl.Session(backend=backend, seed=1)
    net = tl.nn.Linear(2, 1).bind(s, seed=0)
    w, x = s.param([1.0, 2.0], name="w"), s.input([[1.0, 2.0]])
    loss, opt = (net(x) ** 2).sum(), tl.optim.Adam(net.parameters(), lr=0.1)
    t = trainer(backend=backend)
    fit(t, 1)
    return s, t, {
        "an op": lambda: loss * 2.0, "an input": lambda: s.input([1.0]), "a method": lambda: x.sum(),
        "an op of a session": lambda: s.tanh(x), "a parameter in use": lambda: w + 1.0,
        "backward": lambda: s.backward(loss),
        "a layer": lambda: net([[1.0, 2.0]]), "a step": lambda: s.step(opt, lambda: (net(x) ** 2).sum()),
        "reset": s.reset_tape, "a new parameter": lambda: s.param([1.0]), "fit": lambda: fit(t, 1),
        "a new value": lambda: w.set([3.0, 4.0]),
    }  # fmt: skip


def raised(act):
    """What a function raises."""
    try:
        act()
    except Exception as e:
        return e
    return None


@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_a_second_thread_is_refused_and_the_owner_goes_on(backend):
    s, t, actions = world(backend)
    _, u, _ = world(backend)
    before = s.digest(), digest(t)
    for name, act in actions.items():
        with ThreadPoolExecutor(1) as pool:
            error = pool.submit(raised, act).result()
        assert isinstance(error, ThreadError) and "one session per thread" in str(error), f"{name}: {error!r}"
        assert (s.digest(), digest(t)) == before, name
    fit(t, 2), fit(u, 2)
    assert digest(t) == digest(u)


def in_child(act):
    """What `act` gives in a forked child, as text."""
    r, w = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = repr(act())
        except BaseException as e:
            said = f"raised {type(e).__name__}: {e}"
        os.write(w, said.encode()[:60_000])
        os._exit(0)
    os.close(w)
    with os.fdopen(r, "rb") as f:
        said = f.read().decode()
    os.waitpid(child, 0)
    return said


@forked
@quiet
@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_a_forked_child_is_refused_in_words_and_the_parent_goes_on(backend):
    s, t, actions = world(backend)
    _, u, _ = world(backend)
    before = s.digest(), digest(t)
    said = in_child(lambda: {name: (type(e := raised(act)).__name__, str(e)) for name, act in actions.items()})
    found = eval(said, {})
    for name, (kind, text) in found.items():
        assert kind == ForkError.__name__ and "process id" in text and "  try: " in text, f"{name}: {kind} {text}"
    assert set(found) == set(actions) and (s.digest(), digest(t)) == before
    fit(t, 2), fit(u, 2)
    assert digest(t) == digest(u)


@forked
@quiet
@pytest.mark.parametrize("name", ["eager session", "compiled session", "Trainer", "program", "optimizers", "races"])
def test_a_forked_child_may_begin_anew_and_gets_the_same_bits(name, tmp_path):
    here = WORK[name](1, tmp_path)
    assert in_child(lambda: WORK[name](1, tmp_path) == here) == "True"


def portable():
    """What may be handed to another process."""
    return [
        trained(), trained(fused="numpy"), tl.compile(square, [1.0, 2.0], [3.0, 4.0]), *of_data().values(),
        tl.schedules.cosine(0.1, total=9), tl.surfaces.rosenbrock, tl.optim.rules["adam"], tl.Rng(3),
        tl.nn.Linear(2, 3),
    ]  # fmt: skip


@pytest.mark.parametrize("method", [m for m in ("fork", "spawn") if m in multiprocessing.get_all_start_methods()])
@quiet
def test_what_can_be_pickled_goes_on_the_same_in_another_process(method):
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
        there = [*pool.map(further, portable(), chunksize=100)]
        assert there == [further(x) for x in portable()] and sum(x is not None for x in there) > 8
        refused = pool.submit(plain, tl.Session())
        with pytest.raises(SerializationError, match="no copy, deepcopy or pickle"):
            refused.result()
        assert pool.submit(plain, tl.Rng(1)).result() == plain(tl.Rng(1))  # and the pool goes on


def test_two_widgets_on_one_session_show_what_it_was_when_they_were_made():
    s = tl.Session()
    w = s.param([1.0, 2.0], name="w")
    loss = (w * w).sum()
    one, text = s.show(loss), s.trace(loss).to_text()
    w.value = np.zeros(2)
    two = tl.widgets.TapeTable(s.trace(loss))
    s.reset_tape()
    assert one.to_text() == text and "w" in two.to_text()
    s.close()
    assert one.to_text() == text


def test_a_program_that_runs_in_one_thread_is_refused_in_another():
    p, inside, go_on = tl.compile(square, [1.0, 2.0], [3.0, 4.0]), threading.Event(), threading.Event()
    p([1.0, 2.0], [3.0, 4.0])
    made = p._first
    step = made.step

    def waits(*args):
        inside.set()
        go_on.wait(60)
        return step(*args)

    made.step = waits
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(p, [1.0, 2.0], [3.0, 4.0])
        assert inside.wait(60)
        error = raised(lambda: p([1.0, 2.0], [3.0, 4.0]))
        go_on.set()
        assert float(running.result()) == 53.0
    assert isinstance(error, ThreadError) and "a program per thread" in str(error)
