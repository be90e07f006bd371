"""Steepest descent with every line search, and one coordinate at a time."""

import numpy as np

from torchlean_nb.backend.devices import device_of
from torchlean_nb.hypers import Hyper, lr
from torchlean_nb.minimizers.searches import C1, C2, along, check_wolfe
from torchlean_nb.minimizers.table import method

SLOPE = ("d", r"-\nabla f(x)")
LENGTH = ("t", r"\mathrm{argmin}_{t}\, f(x + t\,d) \;\mathrm{or}\; \mathrm{Wolfe}(c_1, c_2), \; t_0 = \eta")
MOVE = ("x", "x + t\\,d")


def zeros(xp, p, h):
    """A vector like the parameters."""
    return device_of(p).np.zeros_like(p)


@method(
    title="SteepestDescent", check=check_wolfe, stays=True,
    hypers={
        "line_search": Hyper("exact", kind="choice", choices=("exact", "armijo", "strong_wolfe")), "lr": lr(1.0),
        "c1": C1, "c2": C2,
    },
    latex=(SLOPE, LENGTH, MOVE),
    references=("Cauchy 1847", "Armijo 1966"),
)
def steepest_descent(at, s, h, k):
    """Gradient descent with a line search; ``exact`` is for quadratics, where it shows the zig-zag."""
    d = -at.gradient
    found = yield from along(at, d, h, h.lr)
    terms = {"d": d, "t": found.t, "search": found, "x": found.point.x, "next": found.point}
    return terms if found.t else {**terms, "stop": found.why}


@method(
    title="CoordinateSearch", check=check_wolfe,
    hypers={
        "line_search": Hyper("exact", kind="choice", choices=("exact", "armijo", "strong_wolfe")),
        "order": Hyper("cyclic", kind="choice", choices=("cyclic", "greedy", "random")), "lr": lr(1.0),
        "c1": C1, "c2": C2, "seed": Hyper(0, low=0, kind="int"),
    },
    latex=(("i", r"k \bmod n"), ("d", r"-\partial_i f(x)\,e_i"), LENGTH, MOVE),
    references=("Wright 2015, arXiv 1502.04759", "Gauss-Southwell rule: order=\"greedy\""),
)
def coordinate_search(at, s, h, k):
    """To the minimum along one coordinate at a time: in turn, the steepest, or at random."""
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
