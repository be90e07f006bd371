"""Conjugate gradients: every new direction keeps what the earlier ones have reached."""

import numpy as np

from torchlean_nb.hypers import Hyper
from torchlean_nb.minimizers.algebra import dot, first_length
from torchlean_nb.minimizers.asking import Evaluate, Point
from torchlean_nb.minimizers.descent import MOVE, zeros
from torchlean_nb.minimizers.searches import C1, along, check_wolfe
from torchlean_nb.minimizers.table import method
from torchlean_nb.updates import Slot


@method(
    title="ConjugateGradient", hypers={}, stays=True,
    slots={"d": Slot(zeros), "gg": Slot(lambda xp, p, h: np.zeros((), p.dtype), symbol=r"g_{k-1}^{\top} g_{k-1}")},
    latex=(
        (r"\beta", r"\frac{g_k^{\top} g_k}{g_{k-1}^{\top} g_{k-1}}"), ("d", r"-g + \beta\,d"),
        ("A d", r"\nabla f(x + d) - \nabla f(x)"), ("t", r"\frac{g^{\top} g}{d^{\top} A\,d}"), MOVE,
    ),
    references=("Hestenes and Stiefel 1952",),
)
def conjugate_gradient(at, s, h, k):
    """Linear conjugate gradients for a quadratic: n steps reach the minimum of n variables."""
    g = at.gradient
    gg = dot(g, g)
    beta = gg / s.gg if k > 1 and s.gg else 0 * gg
    d = beta * s.d - g
    there = yield Evaluate(at.x + d)
    ad = there.gradient - g
    curvature = dot(d, ad)
    terms = {"gg": gg, "beta": beta, "d": d, "Ad": ad, "curvature": curvature}
    if not curvature > 0:
        return {**terms, "t": 0, "x": at.x, "next": at, "stop": "no curvature along the direction"}
    slope = dot(g, d)
    t = -slope / curvature
    after = Point(at.x + t * d, at.value + t * slope / 2, g + t * ad)
    return {**terms, "t": t, "x": after.x, "next": after}


def beta_of(rule, g, g_old, d):
    """How much of the last direction stays: ``FR``, ``PR+``, ``HS`` or ``DY``."""
    y = g - g_old
    top = dot(g, g) if rule in ("FR", "DY") else dot(g, y)
    below = dot(g_old, g_old) if rule in ("FR", "PR+") else dot(d, y)
    beta = top / below if below else 0 * top
    return max(beta, 0 * beta) if rule == "PR+" else beta


@method(
    title="NonlinearCG", check=check_wolfe, stays=True,
    hypers={
        "beta": Hyper("PR+", kind="choice", choices=("FR", "PR+", "HS", "DY")),
        "line_search": Hyper("strong_wolfe", kind="choice", choices=("strong_wolfe", "exact", "armijo")),
        "c1": C1, "c2": Hyper(0.1, "c_2", 0.0, 1.0, open_low=True, open_high=True),
    },
    slots={
        "d": Slot(zeros), "g": Slot(zeros), "t": Slot(lambda xp, p, h: np.zeros((), p.dtype)),
        "slope": Slot(lambda xp, p, h: np.zeros((), p.dtype), symbol=r"d^{\top} g"),
    },
    latex=(
        (r"\beta_{FR}", r"\frac{g_k^{\top} g_k}{g_{k-1}^{\top} g_{k-1}}"),
        (r"\beta_{PR+}", r"\max\left(0, \frac{g_k^{\top} (g_k - g_{k-1})}{g_{k-1}^{\top} g_{k-1}}\right)"),
        (r"\beta_{HS}", r"\frac{g_k^{\top} (g_k - g_{k-1})}{d^{\top} (g_k - g_{k-1})}"),
        (r"\beta_{DY}", r"\frac{g_k^{\top} g_k}{d^{\top} (g_k - g_{k-1})}"),
        ("d", r"-g_k + \beta\,d"), ("t", r"\mathrm{Wolfe}(c_1, c_2), \;\mathrm{from\ the\ last}\; d^{\top} g"), MOVE,
    ),
    references=("Fletcher and Reeves 1964", "Polak and Ribiere 1969", "Gilbert and Nocedal 1992", "Dai and Yuan 1999"),
)
def nonlinear_cg(at, s, h, k):
    """Nonlinear conjugate gradients; starts anew where the direction no longer leads down."""
    g = at.gradient
    beta = beta_of(h.beta, g, s.g, s.d) if k > 1 else 0.0
    d = beta * s.d - g
    restart = bool(k > 1 and not dot(g, d) < 0)
    if restart:
        beta, d = 0.0, -g
    slope = dot(g, d)
    # The first trial changes the value as much as the last step did, to first order.
    first = s.t * s.slope / slope if k > 1 and s.t and slope else first_length(g)
    found = yield from along(at, d, h, first)
    terms = {"beta": beta, "restart": restart, "d": d, "slope": slope, "t": found.t, "search": found, "g": g}
    terms |= {"x": found.point.x, "next": found.point}
    return terms if found.t else {**terms, "stop": found.why}
