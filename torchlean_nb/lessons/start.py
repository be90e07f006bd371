"""Exercises of lesson 00."""

from torchlean_nb.engine import Session
from torchlean_nb.lessons.row import Exercise
from torchlean_nb.lessons.sweeps import gradient, no_exponent, swept, value, without
from torchlean_nb.trace.graph import GraphTrace


def error() -> GraphTrace:
    """The first example of the lesson."""
    s = Session()
    w, x, t = s.param(0.7, name="w"), s.input(1.5, name="x"), s.input(2.0, name="t", requires_grad=True)
    return s.trace((w * x - t) ** 2)


def better() -> str:
    """Which way to move `w`, found by moving it."""
    here = error()
    h = 1e-3
    s = Session()
    w, x, t = s.param(value(here, "w") + h, name="w"), s.input(value(here, "x")), s.input(value(here, "t"))
    moved = s.trace((w * x - t) ** 2)
    loss = float(here[here.output].value)
    return "up" if float(moved[moved.output].value) < loss else "down"


def touched() -> str:
    """What a backward sweep changes, found by looking."""
    s = Session()
    w = s.param(0.7, name="w")
    loss = (w * 1.5 - 2.0) ** 2
    before = float(w.value), [s.value(i).tolist() for i in range(len(s.tape))]
    s.backward(loss)
    after = float(w.value), [s.value(i).tolist() for i in range(len(s.tape))]
    return "gradients" if before == after and s.grads[w] != 0 else "both"


ROWS = (
    Exercise(
        "00.slope",
        "L = (w*x - t)**2 with w = 0.7, x = 1.5, t = 2. What is dL/dw?",
        "number",
        lambda: gradient(error(), "w"),
        (
            ("chain", lambda: swept(error(), "w", slope=without("mul"))),
            ("power", lambda: swept(error(), "w", slope=no_exponent)),
            ("sign", lambda: -gradient(error(), "w")),
            ("value", lambda: value(error(), error()[error().output].label)),
        ),
        "There are two factors: how fast the square changes with w*x - t, and how fast w*x - t changes with w.",
        "Two factors, multiplied: one of the square, one of the product.",
    ),
    Exercise(
        "00.direction",
        "Which way must w move to make that L smaller?",
        "choice",
        better,
        (("sign", lambda: {"up": "down", "down": "up"}[better()]),),
        "A negative derivative means that L falls when w grows.",
        "A step against the sign of the derivative makes L smaller, if the step is small enough.",
        words={"up": "w must grow", "down": "w must shrink"},
    ),
    Exercise(
        "00.touched",
        "What does s.backward(loss) change?",
        "choice",
        touched,
        (("M1", lambda: "parameters"), ("M1", lambda: "both")),
        "Print w.value before and after.",
        "Derivatives are found by backward and used by the update: two separate steps.",
        words={
            "gradients": "only what s.grads holds", "parameters": "only the values of the parameters",
            "both": "gradients and parameters",
        },
    ),
)
