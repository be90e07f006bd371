"""L-BFGS with PyTorch's numbers: the last pairs stand for the inverse Hessian, no matrix is stored."""

from types import SimpleNamespace

import numpy as np

from torchlean_nb.backend.devices import device_of
from torchlean_nb.hypers import Hyper, lr, nonnegative
from torchlean_nb.minimizers.algebra import dot, first_length, largest, number
from torchlean_nb.minimizers.asking import Evaluate
from torchlean_nb.minimizers.descent import MOVE, zeros
from torchlean_nb.minimizers.table import method
from torchlean_nb.minimizers.torch_search import torch_wolfe
from torchlean_nb.updates import Slot


def two_loop(g, S, Y, gamma):
    """Inverse Hessian of the pairs in the rows of `S` and `Y` times ``-g``, oldest pair first."""
    q, alphas = -g, []
    pairs = [(S[i], Y[i]) for i in range(S.shape[0])]
    rhos = [1.0 / (y @ s) for s, y in pairs]  # nothing here is decided: products of a device stay there
    for (s, y), rho in reversed(list(zip(pairs, rhos, strict=True))):
        alphas.append((s @ q) * rho)
        q = q - alphas[-1] * y
    r = q * gamma
    for (s, y), rho, alpha in zip(pairs, rhos, reversed(alphas), strict=True):
        r = r + (alpha - (y @ r) * rho) * s
    return r


def _loop(step, at, slots, h):
    """Iterations of one call, until one of PyTorch's tests holds; returns the Steps."""
    steps, evals = [], 1
    most = h.max_iter * 5 // 4 if h.max_eval is None else h.max_eval
    if largest(at.gradient) <= h.tolerance_grad:
        return steps
    while True:
        bounded = SimpleNamespace(**vars(h), max_trials=most - evals, last=len(steps) + 1 == h.max_iter)
        done = yield from step(at, slots, bounded, int(slots["n_iter"]) + 1)
        steps.append(done)
        evals += len(done.asked)
        if done.stop or bounded.last or evals >= most:
            return steps
        at, slots = done.after, {name: done.terms[name] for name in slots}


def _scalar(value):
    return lambda xp, p, h: np.asarray(value, p.dtype)


@method(
    title="LBFGS", torch="LBFGS", loop=_loop, stays=True,
    hypers={
        "lr": lr(1.0), "max_iter": Hyper(20, low=1, kind="int"), "max_eval": Hyper(None, low=1, kind="int", none=True),
        "tolerance_grad": nonnegative(1e-7, r"\epsilon_g"), "tolerance_change": nonnegative(1e-9, r"\epsilon_x"),
        "history_size": Hyper(100, "m", 1, kind="int"),
        "line_search_fn": Hyper(None, kind="choice", choices=("strong_wolfe",), none=True),
    },
    slots={
        "d": Slot(zeros), "t": Slot(_scalar(0.0)), "g": Slot(zeros), "gamma": Slot(_scalar(1.0), symbol=r"\gamma"),
        "S": Slot(lambda xp, p, h: xp.zeros(shape=(0, p.size), like=p), symbol="s_i"),
        "Y": Slot(lambda xp, p, h: xp.zeros(shape=(0, p.size), like=p), symbol="y_i"),
        "n_iter": Slot(lambda xp, p, h: np.asarray(0), symbol="k"),
    },
    latex=(
        ("s_k", "t\\,d"), ("y_k", "g_k - g_{k-1}"),
        (r"\gamma", r"\frac{s_k^{\top} y_k}{y_k^{\top} y_k}, \; \mathrm{the\ last}\; m \;\mathrm{pairs}\; s_i, y_i"),
        ("d", r"-H(\gamma, s_i, y_i)\,g_k"), ("t", r"\eta \;\mathrm{or}\; \eta \min(1, 1 / \|g_1\|_1)"), MOVE,
        (r"\mathrm{stop}", r"\|g\|_\infty \le \epsilon_g \;\mathrm{or}\; \|t\,d\|_\infty \le \epsilon_x"),
    ),
    references=("Nocedal 1980", "Liu and Nocedal 1989"),
)
def lbfgs(at, s, h, k):
    """Limited-memory BFGS as in PyTorch: a fixed step ``lr``, or PyTorch's strong-Wolfe search.

    One call of the class makes up to ``max_iter`` iterations and ``max_eval`` evaluations, ``max_iter * 5 // 4``
    unless given; so with ``max_iter=1`` the search has no trial beyond the first, and may never move.
    """
    g, S, Y, gamma = at.gradient, s.S, s.Y, number(s.gamma)
    terms = {}
    if k == 1:
        d = -g
    else:
        y, step = g - s.g, s.d * number(s.t)
        ys = dot(y, step)
        terms = {"s": step, "y": y, "ys": ys}
        if ys > 1e-10:
            join = device_of(g).np.concatenate
            S, Y = (join([old, new[None]])[-h.history_size :] for old, new in ((S, step), (Y, y)))
            gamma = ys / dot(y, y)
        d = two_loop(g, S, Y, gamma)
    t = first_length(g) * h.lr if k == 1 else h.lr
    slope = dot(g, d)
    terms |= {"S": S, "Y": Y, "gamma": gamma, "d": d, "slope": slope, "g": g, "n_iter": np.asarray(k)}
    if slope > -h.tolerance_change:
        return {**terms, "t": t, "x": at.x, "next": at, "stop": "the slope is small enough", "converged": True}
    if h.line_search_fn is not None:
        trials = getattr(h, "max_trials", 25)
        found = yield from torch_wolfe(at, d, t=t, tolerance_change=h.tolerance_change, max_trials=trials)
        t, after = found.t, found.point
        terms["search"] = found
    elif getattr(h, "last", False):  # nobody asks for the value there
        return {**terms, "t": t, "x": at.x + t * d}
    else:
        after = yield Evaluate(at.x + t * d)
    terms |= {"t": t, "x": after.x, "next": after}
    if largest(after.gradient) <= h.tolerance_grad:
        return {**terms, "stop": "the gradient is small enough", "converged": True}
    if largest(d * t) <= h.tolerance_change:
        return {**terms, "stop": "the step is small enough"}
    if abs(after.value - at.value) < h.tolerance_change:
        return {**terms, "stop": "the value changes no more"}
    return terms
