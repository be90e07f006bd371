"""Exercises of lesson 01: the computational graph."""

import math

from torchlean_nb.engine import Session
from torchlean_nb.lessons.row import Exercise
from torchlean_nb.lessons.sweeps import gradient, no_exponent, own_value, read, swept, unsigned, value, without
from torchlean_nb.rows import OPS
from torchlean_nb.trace.graph import GraphTrace
from torchlean_nb.trace.ledger import Ledger

DEPTH = 20


def error() -> GraphTrace:
    """Squared error of a straight line at one point."""
    s = Session()
    w, x, b, t = (s.param(v, name=n) for n, v in (("w", 0.5), ("x", 3.0), ("b", -1.0), ("t", 2.0)))
    y = (w * x + b).named("y")
    d = (y - t).named("d")
    return s.trace((d**2).named("L"))


def growth() -> GraphTrace:
    """An exponential of a product."""
    s = Session()
    x = s.param(0.3, name="x")
    z = (2.0 * x).named("z")
    return s.trace(OPS["exp"](z).named("y"))


def wave() -> GraphTrace:
    """``sin(x**2) * (x + 1)`` at 1.2: two paths from x to the output."""
    s = Session()
    x = s.param(1.2, name="x")
    a = OPS["sin"](x**2)
    return s.trace(a * (x + 1.0))


def both_ways(a: float, b: float, total: float) -> list[list[float]]:
    """Two paths in either order, and the total."""
    return [[a, b, total], [b, a, total]]


def by_path(trace: GraphTrace, **mistake) -> tuple[float, float]:
    """What arrives at x, path by path; `mistake` as for `swept`."""
    rows = len(Ledger.of(trace, "x").rows)
    total = swept(trace, "x", **mistake)
    through_last = swept(trace, "x", write=lambda old, new: new, **mistake)
    if rows != 2:
        raise AssertionError(f"{rows} paths")
    return total - through_last, through_last


def paths(combine=lambda a, b: a + b, **mistake) -> list[list[float]]:
    """Right or mistaken answers of the two-path exercise."""
    a, b = by_path(wave(), **mistake)
    return both_ways(a, b, combine(a, b))


def steepest_sigmoid() -> float:
    """Largest slope of a sigmoid, by recording one at 0."""
    s = Session()
    x = s.param(0.0, name="x")
    return gradient(s.trace(OPS["sigmoid"](x)), "x")


ROWS = (
    Exercise(
        "01.dw",
        "L = (w*x + b - t)**2 with w = 0.5, x = 3, b = -1, t = 2. What is dL/dw?",
        "number",
        lambda: gradient(error(), "w"),
        (
            ("chain", lambda: swept(error(), "w", slope=without("mul"))),
            ("power", lambda: swept(error(), "w", slope=no_exponent)),
            ("sign", lambda: -gradient(error(), "w")),
            ("M6", lambda: swept(error(), "w", slope=own_value)),
            ("value", lambda: value(error(), "L")),
            ("value", lambda: value(error(), "d")),
        ),
        "Write down one local derivative for each arrow between w and L, then multiply them.",
        "The path from w to L has four arrows; two of them have the local derivative 1.",
    ),
    Exercise(
        "01.dt",
        "The same L at the same numbers. What is dL/dt?",
        "number",
        lambda: gradient(error(), "t"),
        (
            ("sign", lambda: swept(error(), "t", slope=unsigned)),
            ("power", lambda: swept(error(), "t", slope=no_exponent)),
            ("data", lambda: 0.0),
            ("value", lambda: value(error(), "d")),
        ),
        "Only two arrows: t enters a difference, and the difference is squared.",
        "The second operand of a difference has the local derivative -1.",
    ),
    Exercise(
        "01.exp",
        "y = exp(2*x) at x = 0.3. What is dy/dx?",
        "number",
        lambda: gradient(growth(), "x"),
        (
            ("M6", lambda: swept(growth(), "x", slope=read("exp", lambda x, y: x))),
            ("M6", lambda: swept(growth(), "x", slope=read("exp", lambda x, y: math.exp(value(growth(), "x"))))),
            ("chain", lambda: swept(growth(), "x", slope=without("mul"))),
            ("chain", lambda: swept(growth(), "x", slope=without("exp"))),
            ("value", lambda: value(growth(), "y")),
        ),
        "What does exp have as its derivative, and in which slot of the tape does that number stand already?",
        "The local derivative of exp is its own output, times the 2 of the inner product.",
    ),
    Exercise(
        "01.paths",
        "f = sin(x**2) * (x + 1) at x = 1.2. Give the contributions of the two paths, then their total: [p, q, total].",
        "list",
        paths,
        (
            ("paths", lambda: paths(combine=lambda a, b: a * b)),
            ("chain", lambda: paths(slope=without("pow"))),
            ("power", lambda: paths(slope=no_exponent)),
            ("M6", lambda: paths(slope=read("sin", lambda x, y: math.cos(y)))),
            ("M6", lambda: paths(slope=read("sin", lambda x, y: math.cos(math.sqrt(x))))),
            ("M5", lambda: paths(combine=lambda a, b: a)),
            ("M5", lambda: paths(combine=lambda a, b: b)),
        ),
        "One path leads through x**2, sin and the left factor, the other through x + 1 and the right factor.",
        "Multiplied along each path, added over the two.",
        size=3,
    ),
    Exercise(
        "01.sigmoids",
        "The slope of a sigmoid is at most its slope at 0. Twenty sigmoids in a row, all weights 1: "
        "what is the largest possible derivative of the last output with respect to the first input?",
        "number",
        lambda: steepest_sigmoid() ** DEPTH,
        (
            ("along", lambda: steepest_sigmoid() * DEPTH),
            ("chain", steepest_sigmoid),
            ("chain", lambda: steepest_sigmoid() ** (DEPTH - 1)),
            ("value", lambda: 0.5**DEPTH),
        ),
        "Find the slope of one sigmoid at 0, then ask what happens to twenty such factors along one path.",
        "Less than a millionth of a millionth: the early layers of such a network hear almost nothing of the loss.",
    ),
)
