"""Exercises of lesson 02: the tape."""

from collections.abc import Callable
from itertools import permutations

import numpy as np

from torchlean_nb.engine import Session
from torchlean_nb.errors import SessionError
from torchlean_nb.lessons.row import Exercise
from torchlean_nb.rows import OPS
from torchlean_nb.trace.graph import GraphTrace

OPERATIONS = {"m": "w*x", "k": "exp(m)", "a": "sin(m)", "e": "k*m", "L": "e + a"}


def polynomial() -> Session:
    """``x*x + x`` on a tape."""
    s = Session()
    x = s.param(3.0, name="x")
    x * x + x
    return s


def written(role: str) -> int:
    """How many records of the polynomial are leaves, operations, or uses of values."""
    nodes = polynomial().tape.nodes
    operations = [n for n in nodes if n.parents]
    uses = sum(len(n.parents) for n in operations)
    return {"all": len(nodes), "operations": len(operations), "tree": uses + 1, "operands": uses}[role]


def diamond() -> GraphTrace:
    """The graph of `OPERATIONS`."""
    s = Session()
    w, x = s.param(0.5, name="w"), s.input(1.5, name="x")
    m = (w * x).named("m")
    k = OPS["exp"](m).named("k")
    a = OPS["sin"](m).named("a")
    e = (k * m).named("e")
    return s.trace((e + a).named("L"))


def orders(accept: Callable[[bool, bool], bool]) -> set[tuple[str, ...]]:
    """Orders of the operations, chosen by whether they are right backwards and right forwards."""
    trace = diamond()
    arrows = [(trace[e.child].label, trace[e.parent].label) for e in trace.edges if trace[e.parent].role == "op"]
    chosen = set()
    for names in permutations(OPERATIONS):
        at = {name: k for k, name in enumerate(names)}
        back = all(at[child] < at[parent] for child, parent in arrows)
        ahead = all(at[child] > at[parent] for child, parent in arrows)
        if accept(back, ahead):
            chosen.add(names)
    return chosen


def classifier(batch: int) -> dict[str, int]:
    """Sizes of what a two-layer classifier of digits records, by name."""
    s = Session()
    w1, b1 = s.param(np.zeros((64, 128)), name="W1"), s.param(np.zeros(128), name="b1")
    w2, b2 = s.param(np.zeros((128, 10)), name="W2"), s.param(np.zeros(10), name="b2")
    x = s.input(np.zeros((batch, 64)), name="X")
    a = x @ w1
    z = a + b1
    h = OPS["relu"](z)
    c = h @ w2
    logits = c + b2
    loss = OPS["cross_entropy"](logits, np.zeros(batch, dtype=int))
    sizes = {"X": x, "a": a, "z": z, "h": h, "c": c, "logits": logits, "loss": loss}
    return {name: t.size for name, t in sizes.items()} | {"parameters": sum(p.value.size for p in s.params.values())}


def floats(*names: str, batch: int = 32) -> int:
    """Sum of the sizes of recorded values."""
    sizes = classifier(batch)
    return sum(sizes[n] for n in names)


def read_value() -> str:
    """Which value of a parameter backward reads after the parameter was changed."""
    s = Session()
    v, w = s.param(2.0, name="v"), s.param(0.5, name="w")
    loss = (v * OPS["tanh"](w)).named("L")
    before = s.backward(loss)[w]
    v.set(1.0)
    try:
        after = s.backward(loss)[w]
    except SessionError:
        return "error"
    return "recorded" if after == before else "new"


def second_sweep() -> str:
    """What a second backward on the same tape gives."""
    s = Session()
    x = s.param(3.0, name="x")
    loss = x * x + x
    once = s.backward(loss)[x]
    try:
        twice = s.backward(loss)[x]
    except SessionError:
        return "error"
    return "same" if twice == once else "double" if twice == 2 * once else "zeros"


ROWS = (
    Exercise(
        "02.nodes",
        "x*x + x is computed once. How many records does the tape have afterwards?",
        "number",
        lambda: written("all"),
        (
            ("leaves", lambda: written("operations")),
            ("tree", lambda: written("tree")),
            ("tree", lambda: written("operands")),
        ),
        "Say the computation aloud, one new value at a time. Does x become new when it is used again?",
        "One leaf and two operations. The second and the third x are arrows to the same record.",
        exact=True,
    ),
    Exercise(
        "02.order",
        "m = w*x; k = exp(m); a = sin(m); e = k*m; L = e + a. "
        "Give an order in which backward can visit these five, as a list of names.",
        "order",
        lambda: sorted(orders(lambda back, ahead: back)),
        (
            ("forward", lambda: orders(lambda back, ahead: ahead)),
            ("early", lambda: orders(lambda back, ahead: not back and not ahead)),
        ),
        "A node may be visited when everyone who used it has been visited. Who used m?",
        "Everyone who used a node comes before it. Reading the tape from its end always does that.",
        words=OPERATIONS,
    ),
    Exercise(
        "02.saved",
        "Cross-entropy of relu(X@W1 + b1)@W2 + b2, batch of 32, sizes 64-128-10. "
        "How many floats, parameters not counted, must forward keep for backward?",
        "number",
        lambda: floats("X", "h", "logits"),
        (
            ("parameters", lambda: floats("parameters")),
            ("everything", lambda: floats("X", "a", "z", "h", "c", "logits", "loss")),
            ("everything", lambda: floats("X", "a", "z", "h", "c", "logits")),
            ("everything", lambda: floats("X", "z", "h", "logits")),
            ("everything", lambda: floats("X", "a", "h", "logits")),
            ("input", lambda: floats("h", "logits")),
            ("loss", lambda: floats("X", "h")),
            ("batch", lambda: floats("X", "h", "logits", batch=1)),
        ),
        "Three arrays. Which factor do the two matrix products read, and what does the loss need? "
        "relu can be read off its output.",
        "The batch, the hidden layer after relu (which serves relu and the second product), and the probabilities.",
        exact=True,
    ),
    Exercise(
        "02.frozen",
        "L = v * tanh(w) is recorded with v = 2. Then v.set(1.0), then s.backward(L). Which v does dL/dw use?",
        "choice",
        read_value,
        (("M2", lambda: "new"), ("M10", lambda: "error")),
        "What does the tape hold: the parameter, or the value it had?",
        "The record keeps the value of the time of recording, so all derivatives belong to one and the same point.",
        words={"recorded": "2, as forward wrote it down", "new": "1, as it is now", "error": "the sweep is refused"},
    ),
    Exercise(
        "02.second",
        "Here, s.backward(L) is called a second time on the same tape. What does it return?",
        "choice",
        second_sweep,
        (("M10", lambda: "error"), ("M4", lambda: "double"), ("M10", lambda: "zeros")),
        "Reading a list does not change it. Try it.",
        "The tape is still there, and results of sweeps are returned, not added to anything.",
        words={
            "same": "the same gradients", "double": "gradients twice as large",
            "error": "an error", "zeros": "gradients that are all zero",
        },
    ),
)
