"""Exercises of lesson 03: accumulation."""

from torchlean_nb.engine import Session
from torchlean_nb.lessons.row import Exercise
from torchlean_nb.lessons.sweeps import first, gradient, kept, last, once_per_arrival, swept, value
from torchlean_nb.trace.graph import GraphTrace

LR, STEPS = 0.1, 5


def polynomial() -> GraphTrace:
    """``x*x + x`` at 3."""
    s = Session()
    x = s.param(3.0, name="x")
    return s.trace((x * x + x).named("L"))


def fan_out() -> GraphTrace:
    """``a = x*x; z = a + a`` at 3."""
    s = Session()
    x = s.param(3.0, name="x")
    a = (x * x).named("a")
    return s.trace((a + a).named("z"))


def walk(clear: bool) -> float:
    """How far `w` goes down the slope ``loss = w`` in some steps, gradients cleared between them or not."""
    s = Session()
    w, stored = s.param(1.0, name="w"), 0.0
    for _ in range(STEPS):
        s.reset_tape()
        stored = (0.0 if clear else stored) + float(s.backward(w * 1.0)[w])
        w.set(w.value - LR * stored)
    return float(1.0 - w.value)


ROWS = (
    Exercise(
        "03.once",
        "L = x*x + x at x = 3. What is dL/dx?",
        "number",
        lambda: gradient(polynomial(), "x"),
        (
            ("M5", lambda: swept(polynomial(), "x", write=last)),
            ("M5", lambda: swept(polynomial(), "x", write=first)),
            ("M5", lambda: swept(polynomial(), "x") - swept(polynomial(), "x", write=first)),
            ("M5", lambda: swept(polynomial(), "x") - swept(polynomial(), "x", write=last)),
            ("value", lambda: value(polynomial(), "L")),
        ),
        "x is used three times. Each use sends something back.",
        "Three uses, three contributions, one sum.",
    ),
    Exercise(
        "03.twice",
        "L = x*x + x at x = 3, backward twice. The gradient of the leaf x is kept and added to; "
        "gradients of operations start from nothing each time. What does x hold?",
        "number",
        lambda: kept(polynomial(), "x", sweeps=2),
        (
            ("M4", lambda: gradient(polynomial(), "x")),
            ("M4", lambda: kept(polynomial(), "x", sweeps=2, inner=True)),
            ("M4", lambda: gradient(polynomial(), "x") ** 2),
            ("seed", lambda: kept(polynomial(), "x", sweeps=2, inner=True, seed=True)),
        ),
        "The second sweep finds exactly what the first one found. What happens to the first result?",
        "The same sum once more, added to what was kept.",
    ),
    Exercise(
        "03.kept",
        "The same, but no gradient is cleared between the two sweeps, also not that of x*x; only the output is "
        "set to 1 each time. What does x hold?",
        "number",
        lambda: kept(polynomial(), "x", sweeps=2, inner=True),
        (
            ("M4", lambda: kept(polynomial(), "x", sweeps=2)),
            ("M4", lambda: gradient(polynomial(), "x")),
            ("seed", lambda: kept(polynomial(), "x", sweeps=2, inner=True, seed=True)),
        ),
        "Do the second sweep by hand. What does x*x hold when its turn comes, and what does it send to x?",
        "In the second sweep x*x sends on what was left over from the first as well, so x gets too much.",
    ),
    Exercise(
        "03.fanout",
        "a = x*x; z = a + a at x = 3. What is dz/dx?",
        "number",
        lambda: gradient(fan_out(), "x"),
        (
            ("M5", lambda: swept(fan_out(), "x", write=last)),
            ("again", lambda: once_per_arrival(fan_out(), "x", complete=True)),
            ("again", lambda: once_per_arrival(fan_out(), "x", complete=False)),
            ("M5", lambda: gradient(fan_out(), "x") / 2),
            ("value", lambda: value(fan_out(), "z")),
            ("value", lambda: value(fan_out(), "a")),
        ),
        "First settle the gradient of a, completely. Then let a pass it on.",
        "Two arrows into a are added first, then a passes the sum on once along each of its two arrows to x.",
    ),
    Exercise(
        "03.drift",
        "loss = w, so its gradient is 1 everywhere. Five steps w = w - 0.1 * stored, and stored is never cleared. "
        "How far has w gone down?",
        "number",
        lambda: walk(clear=False),
        (
            ("M4", lambda: walk(clear=True)),
            ("M4", lambda: STEPS * walk(clear=True)),
            ("sign", lambda: -walk(clear=False)),
        ),
        "What does stored hold in the first step, in the second, in the third?",
        "The step grows with every step: a forgotten zero_grad looks like a learning rate that rises on its own.",
    ),
)
