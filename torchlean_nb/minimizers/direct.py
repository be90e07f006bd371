"""Methods that ask for values only, or that draw random numbers to learn what they need."""

import numpy as np

from torchlean_nb.hypers import Hyper, nonnegative
from torchlean_nb.minimizers.algebra import wide
from torchlean_nb.minimizers.asking import Evaluate, Point
from torchlean_nb.minimizers.table import method
from torchlean_nb.updates import Slot


def first_simplex(xp, p, h):
    """A corner at `p`, and one beyond it along every axis."""
    corners = [p]
    for i in range(p.size):
        q = p.copy()
        q[i] = q[i] * 1.05 if q[i] else 0.00025
        corners.append(q)
    return np.array(corners)


@method(
    needs="value", title="NelderMead",
    hypers={
        "reflect": Hyper(1.0, r"\rho", 0.0, open_low=True), "expand": Hyper(2.0, r"\chi", 1.0, open_low=True),
        "contract": Hyper(0.5, r"\psi", 0.0, 1.0, True, True), "shrink": Hyper(0.5, r"\sigma", 0.0, 1.0, True, True),
        "xatol": nonnegative(1e-8, r"\epsilon_x"), "fatol": nonnegative(1e-8, r"\epsilon_f"),
    },
    slots={
        "simplex": Slot(first_simplex, symbol="x_i"),
        "values": Slot(lambda xp, p, h: np.zeros(p.size + 1, p.dtype), symbol="f_i"),
    },
    latex=(
        (r"\bar{x}", r"\frac{1}{n} \sum_{i < n} x_i, \; f_0 \le \dots \le f_n"),
        ("x_r", r"\bar{x} + \rho (\bar{x} - x_n)"), ("x_e", r"\bar{x} + \rho \chi (\bar{x} - x_n)"),
        ("x_c", r"\bar{x} \pm \psi (\bar{x} - x_n)"), ("x_i", r"x_0 + \sigma (x_i - x_0)"),
        (r"\mathrm{stop}", r"\max |x_i - x_0| \le \epsilon_x, \; \max |f_i - f_0| \le \epsilon_f"),
    ),
    references=("Nelder and Mead 1965", "Lagarias et al. 1998"),
)
def nelder_mead(at, s, h, k):
    """Nelder-Mead: a simplex that reflects, stretches and shrinks; no gradient."""
    X, F = np.array(s.simplex), np.array(s.values)
    if k == 1:
        F[0] = at.value
        for i in range(1, len(X)):
            F[i] = (yield Evaluate(X[i], ("value",))).value
        X, F = _sorted(X, F)
    center, worst = X[:-1].sum(0) / (len(X) - 1), X[-1]

    def towards(c):
        # An affine combination, as the textbooks count: c = rho is the reflection, c = -psi lies inside.
        return (yield Evaluate((1 + c) * center - c * worst, ("value",)))

    r = yield from towards(h.reflect)
    move, taken = "reflect", r
    if r.value < F[0]:
        e = yield from towards(h.reflect * h.expand)
        move, taken = ("expand", e) if e.value < r.value else ("reflect", r)
    elif not r.value < F[-2]:
        outside = bool(r.value < F[-1])
        c = yield from towards(h.contract * h.reflect if outside else -h.contract)
        better = c.value <= r.value if outside else c.value < F[-1]
        move, taken = ("contract outside" if outside else "contract inside", c) if better else ("shrink", None)
    if taken is None:
        for i in range(1, len(X)):
            X[i] = X[0] + h.shrink * (X[i] - X[0])
            F[i] = (yield Evaluate(X[i], ("value",))).value
    else:
        X[-1], F[-1] = taken.x, taken.value
    X, F = _sorted(X, F)
    terms = {"center": center, "move": move, "simplex": X, "values": F, "x": X[0], "next": Point(X[0], F[0])}
    if abs(X[1:] - X[0]).max() <= h.xatol and abs(F[1:] - F[0]).max() <= h.fatol:
        return {**terms, "stop": "the simplex is small enough", "converged": True}
    return terms


def _sorted(X, F):
    order = np.argsort(F, kind="stable")
    return X[order], F[order]


@method(
    needs="value", title="SPSA",
    hypers={
        "a": Hyper(0.1, "a", 0.0, open_low=True, log=True), "c": Hyper(0.1, "c", 0.0, open_low=True, log=True),
        "A": nonnegative(10.0, "A"), "alpha": Hyper(0.602, r"\alpha", 0.0, 1.0),
        "gamma": Hyper(0.101, r"\gamma", 0.0, 1.0), "seed": Hyper(0, low=0, kind="int"),
    },
    latex=(
        ("a_k", r"\frac{a}{(k + A)^{\alpha}}"), ("c_k", r"\frac{c}{k^{\gamma}}"),
        (r"\delta", r"\pm 1 \;\mathrm{at\ random}"),
        (r"\hat{g}", r"\frac{f(x + c_k \delta) - f(x - c_k \delta)}{2 c_k}\,\delta"), ("x", r"x - a_k\,\hat{g}"),
    ),
    references=("Spall 1992", "Spall 1998 (gains)"),
)
def spsa(at, s, h, k):
    """Simultaneous perturbation: a random gradient from two values, however many parameters."""
    ak, ck = h.a / (k + h.A) ** h.alpha, h.c / k**h.gamma
    delta = np.random.default_rng([h.seed, k]).integers(0, 2, len(at.x)) * 2.0 - 1.0
    up = yield Evaluate(at.x + ck * delta, ("value",))
    down = yield Evaluate(at.x - ck * delta, ("value",))
    estimate = (up.value - down.value) / (2 * ck) * delta
    return {"a_k": ak, "c_k": ck, "delta": delta, "estimate": estimate, "x": at.x - ak * estimate}


def _cma_numbers(n, size):
    """Weights of the best half and learning rates, all from the dimension and the population."""
    weights = np.log((size + 1) / 2) - np.log(np.arange(1, size // 2 + 1))
    weights = weights / weights.sum()
    mu = 1 / (weights @ weights)
    cs, cc = (mu + 2) / (n + mu + 5), (4 + mu / n) / (n + 4 + 2 * mu / n)
    c1 = 2 / ((n + 1.3) ** 2 + mu)
    cm = min(1 - c1, 2 * (mu - 2 + 1 / mu) / ((n + 2) ** 2 + mu))
    damping = 1 + 2 * max(0, np.sqrt((mu - 1) / (n + 1)) - 1) + cs
    chi = np.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n))
    return weights, mu, cs, cc, c1, cm, damping, chi


@method(
    needs="value", title="CMAES",
    hypers={
        "sigma": Hyper(0.5, r"\sigma_0", 0.0, open_low=True, log=True),
        "population": Hyper(None, r"\lambda", 4, kind="int", none=True), "seed": Hyper(0, low=0, kind="int"),
        "xatol": nonnegative(1e-9, r"\epsilon_x"),
    },
    slots={
        "sigma": Slot(lambda xp, p, h: np.asarray(h.sigma), symbol=r"\sigma"),
        "C": Slot(lambda xp, p, h: np.eye(p.size)), "path": Slot(lambda xp, p, h: np.zeros(p.size), symbol="p_c"),
        "step_path": Slot(lambda xp, p, h: np.zeros(p.size), symbol=r"p_\sigma"),
    },
    latex=(
        ("x_i", r"x + \sigma\,z_i, \; z_i \sim N(0, C), \; i \le \lambda, \; \sigma_1 = \sigma_0"),
        ("z", r"\sum_{i \le \mu} w_i\,z_{i:\lambda}, \;\mathrm{best\ first}"), ("x", r"x + \sigma\,z"),
        (r"p_\sigma", r"(1 - c_\sigma)\,p_\sigma + \sqrt{c_\sigma (2 - c_\sigma) \mu_w}\;C^{-1/2} z"),
        ("p_c", r"(1 - c_c)\,p_c + \sqrt{c_c (2 - c_c) \mu_w}\;z"),
        ("C", r"(1 - c_1 - c_\mu)\,C + c_1\,p_c p_c^{\top} + c_\mu \sum_i w_i\,z_{i:\lambda} z_{i:\lambda}^{\top}"),
        (r"\sigma", r"\sigma \exp\left(\frac{c_\sigma}{d_\sigma} (\|p_\sigma\| / \chi_n - 1)\right)"),
        (r"\mathrm{stop}", r"\sigma \max_i \sqrt{C_{ii}} \le \epsilon_x"),
    ),
    references=("Hansen and Ostermeier 2001", "Hansen 2016, arXiv 1604.00772"),
)
def cma_es(at, s, h, k):
    """CMA-ES: a cloud of samples whose shape learns the valley; only the order of the values counts."""
    n = len(at.x)
    size = h.population or 4 + int(3 * np.log(n))
    weights, mu, cs, cc, c1, cm, damping, chi = _cma_numbers(n, size)
    spread, axes = (a.astype(s.C.dtype, copy=False) for a in np.linalg.eigh(wide(s.C)))
    spread = np.sqrt(np.maximum(spread, 1e-300))
    Z = np.random.default_rng([h.seed, k]).standard_normal((size, n)) * spread @ axes.T
    values = []
    for z in Z:
        values.append((yield Evaluate(at.x + s.sigma * z, ("value",))).value)
    # Values that are no numbers come last.
    order = np.argsort(np.nan_to_num(values, nan=np.inf, posinf=np.inf), kind="stable")
    best = Z[order[: len(weights)]]
    z = weights @ best
    step_path = (1 - cs) * s.step_path + np.sqrt(cs * (2 - cs) * mu) * (axes @ ((axes.T @ z) / spread))
    length = np.linalg.norm(step_path)
    # The path stops growing while the step is still much too short.
    grows = length / np.sqrt(1 - (1 - cs) ** (2 * k)) < (1.4 + 2 / (n + 1)) * chi
    path = (1 - cc) * s.path + grows * np.sqrt(cc * (2 - cc) * mu) * z
    lost = (1 - grows) * cc * (2 - cc)
    C = (1 - c1 - cm) * s.C + c1 * (np.outer(path, path) + lost * s.C) + cm * (best.T * weights) @ best
    sigma = s.sigma * np.exp(min(1.0, cs / damping * (length / chi - 1)))
    terms = {"samples": at.x + s.sigma * Z, "values": np.array(values), "order": order, "z": z, "step_path": step_path}
    terms |= {"path": path, "C": (C + C.T) / 2, "sigma": np.asarray(sigma), "x": at.x + s.sigma * z}
    if sigma * np.sqrt(np.diag(C).max()) <= h.xatol:
        return {**terms, "stop": "the cloud is small enough", "converged": True}
    return terms
