"""Steepest descent with every way to choose the step, one coordinate at a time, and along a domain."""

import numpy as np

from torchlean_nb.errors import DomainError
from torchlean_nb.hypers import Hyper, lr
from torchlean_nb.minimizers.asking import Evaluate
from torchlean_nb.minimizers.searches import C1, C2, along
from torchlean_nb.minimizers.table import method
from torchlean_nb.updates import Slot

SLOPE = ("d", r"-\nabla f(x)")
MOVE = ("x", "x + t\\,d")


def zeros(xp, p, h):
    """A vector like the parameters."""
    return np.zeros_like(p)


@method(
    title="SteepestDescent",
    hypers={
        "line_search": Hyper("exact", kind="choice", choices=("exact", "armijo", "strong_wolfe")), "lr": lr(1.0),
        "c1": C1, "c2": C2,
    },
    latex=(SLOPE, ("t", r"\arg\min_t f(x + t\,d), \;\mathrm{first\ trial}\; \eta"), MOVE),
    references=("Cauchy 1847", "Armijo 1966"),
)
def steepest_descent(at, s, h, k):
    """Gradient descent with a line search; ``exact`` is for quadratics, where it shows the zig-zag."""
    d = -at.gradient
    found = yield from along(at, d, h, h.lr)
    terms = {"d": d, "t": found.t, "search": found, "x": found.point.x, "next": found.point}
    return terms if found.t else {**terms, "stop": found.why}


@method(
    title="BarzilaiBorwein",
    hypers={"variant": Hyper("BB1", kind="choice", choices=("BB1", "BB2")), "lr": lr(1e-3)},
    slots={"x_old": Slot(zeros, symbol=r"x_{k-1}"), "g_old": Slot(zeros, symbol=r"g_{k-1}")},
    latex=(
        ("s", r"x_k - x_{k-1}"), ("y", r"g_k - g_{k-1}"),
        ("t", r"\frac{s^{\top} s}{s^{\top} y} \;\mathrm{or}\; \frac{s^{\top} y}{y^{\top} y}, \; t_1 = \eta"),
        ("x", r"x - t\,\nabla f(x)"),
    ),
    references=("Barzilai and Borwein 1988",),
)
def barzilai_borwein(at, s, h, k):
    """Gradient descent whose step is a secant estimate of one over the curvature; the value may rise."""
    g, t = at.gradient, h.lr
    terms = {"d": -g}
    if k > 1:
        step, y = at.x - s.x_old, g - s.g_old
        sy = step @ y
        terms |= {"s": step, "y": y}
        if sy > 0:
            t = step @ step / sy if h.variant == "BB1" else sy / (y @ y)
    return {**terms, "t": t, "x_old": at.x, "g_old": g, "x": at.x - t * g}
    yield


@method(
    title="CoordinateDescent",
    hypers={
        "line_search": Hyper("exact", kind="choice", choices=("exact", "armijo", "strong_wolfe")),
        "order": Hyper("cyclic", kind="choice", choices=("cyclic", "greedy", "random")), "lr": lr(1.0),
        "c1": C1, "c2": C2, "seed": Hyper(0, low=0, kind="int"),
    },
    latex=(("i", r"k \bmod n"), ("d", r"-\partial_i f(x)\,e_i"), ("t", r"\arg\min_t f(x + t\,d), \; \eta"), MOVE),
    references=("Wright 2015, arXiv 1502.04759", "Gauss-Southwell rule: order=\"greedy\""),
)
def coordinate_descent(at, s, h, k):
    """One coordinate at a time: in turn, the steepest, or at random."""
    n = len(at.x)
    i = (k - 1) % n
    if h.order == "greedy":
        i = int(np.argmax(abs(at.gradient)))
    elif h.order == "random":
        i = int(np.random.default_rng([h.seed, k]).integers(n))
    d = np.zeros_like(at.x)
    d[i] = -at.gradient[i]
    terms = {"i": i, "d": d}
    if d[i] == 0:
        return {**terms, "t": 0.0, "x": at.x, "next": at}
    found = yield from along(at, d, h, h.lr)
    return {**terms, "t": found.t, "search": found, "x": found.point.x, "next": found.point}


@method(
    title="FrankWolfe",
    hypers={
        "domain": Hyper("simplex", kind="choice", choices=("simplex", "l1")),
        "radius": Hyper(1.0, "r", 0.0, open_low=True), "rule": Hyper("open", kind="choice", choices=("open", "exact")),
    },
    latex=(
        ("v", r"\arg\min_{v \in D_r} v^{\top} \nabla f(x)"), ("d", "v - x"),
        (r"\mathrm{gap}", r"-d^{\top} \nabla f(x)"), ("t", r"\frac{2}{k + 1}"), MOVE,
    ),
    references=("Frank and Wolfe 1956", "Jaggi 2013"),
)
def frank_wolfe(at, s, h, k):
    """Conditional gradient: towards the corner of the domain where the linear model is lowest."""
    x, g = at.x, at.gradient
    size = abs(x).sum() if h.domain == "l1" else x.sum()
    outside = size > h.radius * (1 + 1e-9) if h.domain == "l1" else abs(size - h.radius) > 1e-9 * h.radius
    if outside or (h.domain == "simplex" and (x < 0).any()):
        raise DomainError(
            f"FrankWolfe: the point lies outside the {h.domain} of radius {h.radius:g}",
            f"its elements sum to {float(size):g}", "a start inside the domain",
        )
    corner = np.zeros_like(x)
    if h.domain == "simplex":
        corner[np.argmin(g)] = h.radius
    else:
        i = np.argmax(abs(g))
        corner[i] = -h.radius * np.sign(g[i])
    d = corner - x
    gap = -(g @ d)
    terms = {"v": corner, "d": d, "gap": gap}
    if gap <= h.tol:
        return {**terms, "t": 0.0, "x": x, "next": at, "stop": "the duality gap is small enough", "converged": True}
    t = 2 / (k + 1)
    if h.rule == "exact":
        p = yield Evaluate(corner)
        curvature = (p.gradient - g) @ d
        t = min(1.0, gap / curvature) if curvature > 0 else 1.0
    return {**terms, "t": t, "x": x + t * d}

