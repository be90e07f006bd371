"""Newton's method and its least-squares relatives: a model with curvature, minimized in one go."""

import numpy as np

from torchlean_nb.hypers import Hyper, lr, nonnegative
from torchlean_nb.minimizers.algebra import positive_definite, solve, wide
from torchlean_nb.minimizers.asking import Evaluate
from torchlean_nb.minimizers.descent import MOVE
from torchlean_nb.minimizers.searches import C1, armijo
from torchlean_nb.minimizers.table import method
from torchlean_nb.updates import Slot

SINGULAR = "the matrix of the linear system is singular"


@method(
    needs="hessian", title="Newton", hypers={"lr": lr(1.0)},
    latex=((r"H\,d", r"-\nabla f(x), \; H = \nabla^2 f(x)"), ("x", r"x + \eta\,d")),
    references=("Newton 1669", "Nocedal and Wright 2006, section 3.3"),
)
def newton(at, s, h, k):
    """Newton's method: the stationary point of the local quadratic, be it minimum, maximum or saddle."""
    d = solve(at.hessian, -at.gradient)
    if d is None:
        return {"d": 0 * at.x, "x": at.x, "next": at, "stop": SINGULAR}
    # Exact numbers stay exact where the step is a whole one.
    return {"d": d, "x": at.x + (d if h.lr == 1 else h.lr * d)}


@method(
    needs="hessian", title="DampedNewton",
    hypers={"lr": lr(1.0), "c1": C1, "tau": Hyper(1e-3, r"\tau_0", 0.0, open_low=True, log=True)},
    latex=(
        (r"(H + \tau I)\,d", r"-\nabla f(x)"), (r"\tau", r"0, \; \tau_0 \|H\|, \; 10\,\tau_0 \|H\|, \ldots"),
        ("t", r"\mathrm{Armijo}(c_1), \;\mathrm{first\ trial}\; \eta"), MOVE,
    ),
    references=("Nocedal and Wright 2006, algorithm 3.3",),
)
def damped_newton(at, s, h, k):
    """Newton's method made safe: shifted until it is positive definite, and backtracking."""
    g, H = at.gradient, at.hessian
    size, eye, shift = max(1.0, np.linalg.norm(H)), np.eye(len(g), dtype=H.dtype), 0.0
    while not positive_definite(H + shift * eye):
        shift = max(10 * shift, h.tau * size)
    d = solve(H + shift * eye, -g)
    if d is None:
        return {"shift": shift, "d": 0 * g, "t": 0.0, "x": at.x, "next": at, "stop": SINGULAR}
    found = yield from armijo(at, d, t=h.lr, c1=h.c1)
    terms = {"shift": shift, "d": d, "t": found.t, "search": found, "x": found.point.x}
    return terms if found.t else {**terms, "next": at, "stop": found.why}


NORMAL = (r"J^{\top} J\,d", r"-J^{\top} r")


@method(
    needs="jacobian", title="GaussNewton", hypers={"lr": lr(1.0)}, latex=(NORMAL, ("x", r"x + \eta\,d")),
    references=("Gauss 1809", "Nocedal and Wright 2006, section 10.3"),
)
def gauss_newton(at, s, h, k):
    """Gauss-Newton for a sum of squares: the Hessian without the second derivatives of the residuals."""
    d = np.linalg.lstsq(wide(at.jacobian), -wide(at.residuals), rcond=None)[0].astype(at.x.dtype, copy=False)
    return {"d": d, "x": at.x + h.lr * d}


def _damped(scaling, at, s, h):
    """One trial of a damped Gauss-Newton step: taken where the value falls, else damped more."""
    J, r, x = at.jacobian, at.residuals, at.x
    A, damping = J.T @ J, float(s.damping)
    d = solve(A + damping * scaling(A), -(J.T @ r))
    if d is None:
        if damping == 0:
            return {"d": 0 * x, "damping": s.damping, "x": x, "next": at, "stop": SINGULAR}
        return {"d": 0 * x, "accepted": False, "damping": np.asarray(damping * h.factor), "x": x, "next": at}
    there = yield Evaluate(x + d, ("value", "residuals"))
    model = r + J @ d
    promised = at.value - model @ model / 2
    gain = (at.value - there.value) / promised if promised > 0 else 0.0
    accepted = bool(gain > 0)
    terms = {"d": d, "trial": there.value, "gain": gain, "accepted": accepted}
    if accepted:
        return {**terms, "damping": np.asarray(damping / h.factor), "x": there.x}
    if damping == 0 or damping > 1e30 or not promised > 0:
        return {**terms, "damping": s.damping, "x": x, "next": at, "stop": "no step lowers the value"}
    return {**terms, "damping": np.asarray(damping * h.factor), "x": x, "next": at}


DAMPED = {"damping": nonnegative(1e-2, r"\lambda_0"), "factor": Hyper(10.0, r"\nu", 1.0, open_low=True)}
DAMPING = {"damping": Slot(lambda xp, p, h: np.asarray(h.damping), symbol=r"\lambda")}
CHANGE = (
    (r"\rho", r"\frac{f(x) - f(x + d)}{f(x) - \frac{1}{2} \|r + J d\|^2}"),
    (r"\lambda", r"\lambda / \nu \;\mathrm{where}\; \rho > 0, \;\mathrm{else}\; \nu \lambda, \; \lambda_1 = \lambda_0"),
    ("x", r"x + d \;\mathrm{where}\; \rho > 0"),
)


@method(
    needs="jacobian", title="Levenberg", hypers=DAMPED, slots=DAMPING,
    latex=((r"(J^{\top} J + \lambda I)\,d", r"-J^{\top} r"), *CHANGE), references=("Levenberg 1944",),
)
def levenberg(at, s, h, k):
    """Levenberg: Gauss-Newton, damped towards short steps along the gradient."""
    return (yield from _damped(lambda A: np.eye(len(A)), at, s, h))


@method(
    needs="jacobian", title="LevenbergMarquardt", hypers=DAMPED, slots=DAMPING,
    latex=((r"(J^{\top} J + \lambda \,\mathrm{diag}(J^{\top} J))\,d", r"-J^{\top} r"), *CHANGE),
    references=("Levenberg 1944", "Marquardt 1963"),
)
def levenberg_marquardt(at, s, h, k):
    """Levenberg-Marquardt: damped in units of each parameter's own curvature."""
    return (yield from _damped(lambda A: np.diag(np.diag(A)), at, s, h))
