"""Quasi-Newton methods: an inverse Hessian learned from how the gradient changes along the steps."""

import numpy as np

from torchlean_nb.hypers import Hyper
from torchlean_nb.minimizers.algebra import first_length
from torchlean_nb.minimizers.descent import MOVE
from torchlean_nb.minimizers.searches import C1, C2, along, check_wolfe
from torchlean_nb.minimizers.table import method
from torchlean_nb.updates import Slot

HYPERS = {
    "line_search": Hyper("strong_wolfe", kind="choice", choices=("strong_wolfe", "exact", "armijo")),
    "c1": C1, "c2": C2, "scale": Hyper(True, kind="bool"),
}
SLOTS = {"H": Slot(lambda xp, p, h: np.eye(p.size, dtype=p.dtype))}
DIRECTION = ("d", r"-H\,\nabla f(x)")
STEP = ("t", r"\mathrm{Wolfe}(c_1, c_2)")
PAIR = (("s", "t\\,d"), ("y", r"\nabla f(x + s) - \nabla f(x)"))


def bfgs_update(H, s, y):
    """BFGS's inverse Hessian: the nearest symmetric one that maps `y` to `s`."""
    # The product multiplied out: two outer products instead of two products of matrices.
    rho, hy = 1 / (y @ s), H @ y
    cross = np.outer(s, hy)
    return H - rho * (cross + cross.T) + rho * (1 + rho * (y @ hy)) * np.outer(s, s)


def dfp_update(H, s, y):
    """DFP's inverse Hessian: BFGS's formula with the roles of `s` and `y` exchanged."""
    hy = H @ y
    return H - np.outer(hy, hy) / (y @ hy) + np.outer(s, s) / (y @ s)


def sr1_update(H, s, y):
    """The symmetric rank-one inverse Hessian that maps `y` to `s`."""
    v = s - H @ y
    return H + np.outer(v, v) / (v @ y)


def _iteration(update, usable, at, s, h, k):
    """One quasi-Newton iteration with one of the three updates."""
    g = at.gradient
    d = -(s.H @ g)
    fallback = not g @ d < 0
    if fallback:
        d = -g
    found = yield from along(at, d, h, first_length(g) if k == 1 else 1.0)
    terms = {"d": d, "fallback": fallback, "t": found.t, "search": found}
    after = found.point
    if not found.t:
        return {**terms, "H": s.H, "x": after.x, "next": after, "stop": found.why}
    step, y = after.x - at.x, after.gradient - g
    H, ys = s.H, y @ step
    if k == 1 and h.scale and ys > 0:
        H = ys / (y @ y) * H
    learned = bool(usable(H, step, y))
    H = update(H, step, y) if learned else H
    return {**terms, "s": step, "y": y, "ys": ys, "learned": learned, "H": H, "x": after.x, "next": after}


def _curved(H, s, y):
    return y @ s > 1e-12 * (abs(y) @ abs(s))


@method(
    title="BFGS", hypers=HYPERS, slots=SLOTS, check=check_wolfe,
    latex=(
        DIRECTION, STEP, MOVE, *PAIR, (r"\rho", r"\frac{1}{y^{\top} s}"),
        ("H", r"(I - \rho\,s\,y^{\top})\,H\,(I - \rho\,y\,s^{\top}) + \rho\,s\,s^{\top}"),
    ),
    references=("Broyden, Fletcher, Goldfarb, Shanno 1970", "Nocedal and Wright 2006, chapter 6"),
)
def bfgs(at, s, h, k):
    """BFGS: the quasi-Newton method most in use."""
    return (yield from _iteration(bfgs_update, _curved, at, s, h, k))


@method(
    title="DFP", hypers=HYPERS, slots=SLOTS, check=check_wolfe,
    latex=(
        DIRECTION, STEP, MOVE, *PAIR,
        ("H", r"H - \frac{H y\,y^{\top} H}{y^{\top} H y} + \frac{s\,s^{\top}}{y^{\top} s}"),
    ),
    references=("Davidon 1959", "Fletcher and Powell 1963"),
)
def dfp(at, s, h, k):
    """DFP: the first quasi-Newton method, dual to BFGS."""
    return (yield from _iteration(dfp_update, _curved, at, s, h, k))


@method(
    title="SR1", hypers=HYPERS, slots=SLOTS, check=check_wolfe,
    latex=(
        DIRECTION, STEP, MOVE, *PAIR,
        ("H", r"H + \frac{(s - H y)(s - H y)^{\top}}{(s - H y)^{\top} y}"),
    ),
    references=("Broyden 1967", "Nocedal and Wright 2006, section 6.2"),
)
def sr1(at, s, h, k):
    """Symmetric rank one: it may become indefinite, and then steepest descent stands in for a step."""
    def usable(H, step, y):
        v = step - H @ y
        return abs(v @ y) > 1e-8 * np.sqrt((v @ v) * (y @ y))

    return (yield from _iteration(sr1_update, usable, at, s, h, k))
