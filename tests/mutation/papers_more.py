"""Matrix rules and noise once more, from the papers: plain NumPy, a loop each."""

from __future__ import annotations

import numpy as np

from tests.mutation.papers import Run, ema, numbered, paper
from torchlean_nb.backend.random import next_seed, normal, splitmix64


# -- matrices -------------------------------------------------------------------------------------------
def polar(x, coefficients, times):
    """Newton-Schulz, one singular value at a time."""
    a, b, c = coefficients
    u, s, v = np.linalg.svd(x, full_matrices=False)
    for _ in range(times):
        s = a * s + b * s**3 + c * s**5
    return u * s @ v


def length(x):
    return float(np.sqrt((x * x).sum()))


SLOWLY = {"ns_coefficients": (1.5, -0.4, 0.1), "ns_steps": 3, "lr": 0.05}


@paper(
    {"nesterov": False, "weight_decay": 0.2, "momentum": 0.5, "lr": 0.05},
    SLOWLY | {"eps": 3.0},
    {"adjust_lr_fn": "match_rms_adamw", "lr": 0.02},
    SLOWLY | {"adjust_lr_fn": "original"},
)
def muon(h, p, path) -> Run:
    b = 0.0
    rows, columns = p.shape
    for _, g in numbered(path):
        b = ema(b, g, h.momentum)
        u = ema(g, b, 1 - h.momentum) if h.nesterov else b
        x = polar(u / max(length(u), h.eps), (h.a, h.b, h.c), h.ns_steps)
        r = (
            0.2 * np.sqrt(max(rows, columns))
            if h.adjust_lr_fn == "match_rms_adamw"
            else np.sqrt(max(1, rows / columns))
        )
        p = p * (1 - h.lr * h.weight_decay) - h.lr * r * x
        yield {"p": p, "u": u, "r": r}


@paper(
    {"lr": 0.02, "momentum": 0.8, "nesterov": False, "weight_decay": 0.1, "eps": 0.1},
    SLOWLY | {"adaptive": True},
    {"consistent_rms": 0.2, "lr": 0.05},
)
def muon_debiased(h, p, path) -> Run:
    b = 0.0
    rows, columns = p.shape
    for t, g in numbered(path):
        b = ema(b, g, h.momentum)
        u = b / (1 - h.momentum**t)
        if h.nesterov:
            u = h.momentum / (1 - h.momentum ** (t + 1)) * b + (1 - h.momentum) / (1 - h.momentum**t) * g
        x = polar(u / (length(u) + h.eps), (h.a, h.b, h.c), h.ns_steps)
        dual = (u * x).sum() if h.adaptive else 1
        r = h.consistent_rms * np.sqrt(max(rows, columns)) if h.consistent_rms else np.sqrt(max(1, columns / rows))
        p = p - h.lr * (r * dual * x + h.weight_decay * p)
        yield {"p": p}


def turned(xp, x):
    """An orthogonalizer that is not linear and keeps the shape."""
    return x * np.abs(x)


@paper({"momentum": 0.5, "orthogonalizer": turned, "lr": 0.05})
def orthogonal_momentum(h, p, path) -> Run:
    b = 0.0
    for _, g in numbered(path):
        b = h.momentum * b + g
        p = p - h.lr * (turned(None, b) if h.orthogonalizer is turned else b)
        yield {"p": p}


def squared(xp, g):
    """A projector that is no identity and keeps shapes."""
    return g * np.abs(g)


def upside_down(xp, s):
    return 2 * s[::-1]


@paper({"project": squared, "lift": upside_down, "lr": 0.1})
def projected_sgd(h, p, path) -> Run:
    for _, g in numbered(path):
        p = p - h.lr * (upside_down(None, squared(None, g)) if h.lift is upside_down else g)
        yield {"p": p}


def _basis(g, h, t, old):
    """Leading singular vectors, of the left side or the right, and which; turned as those before."""
    left = {"left": True, "right": False, "std": g.shape[0] < g.shape[1], "reverse_std": g.shape[0] >= g.shape[1]}
    left = left[h.proj_type]
    if (t - 1) % h.update_proj_gap == 0:
        u, _, v = np.linalg.svd(g)
        new = (u if left else v.T)[:, : min(h.rank, *g.shape)].copy()
        # A vector has no sign: at first the largest element decides.
        for k in range(new.shape[1]):
            if old is None:
                new[:, k] *= np.sign(new[np.abs(new[:, k]).argmax(), k])
            elif new[:, k] @ old[:, k] < 0:
                new[:, k] *= -1
        return new, left
    return old, left


SIDES = [{"rank": 2, "update_proj_gap": 3, "proj_type": s, "lr": 0.05} for s in ("std", "reverse_std", "left", "right")]


@paper(*SIDES, {"rank": 1, "update_proj_gap": 2, "scale": 0.25, "weight_decay": 0.1, "eps": 0.1, "betas": (0.8, 0.95)})
def galore(h, p, path) -> Run:
    basis, m, v = None, 0.0, 0.0
    for t, g in numbered(path):
        if p.ndim == 2:
            basis, left = _basis(g, h, t, basis)
            s = basis.T @ g if left else g @ basis
        else:
            s = g
        m, v = ema(m, s, h.beta1), ema(v, s * s, h.beta2)
        u = m / (1 - h.beta1**t) / (np.sqrt(v / (1 - h.beta2**t)) + h.eps)
        if p.ndim == 2:
            u = h.scale * (basis @ u if left else u @ basis.T)
        p = p - h.lr * u - h.lr * h.weight_decay * p
        yield {"p": p}


@paper(*SIDES)
def galore_sgd(h, p, path) -> Run:
    basis = None
    for t, g in numbered(path):
        u = g
        if p.ndim == 2:
            basis, left = _basis(g, h, t, basis)
            u = basis @ (basis.T @ g) if left else g @ basis @ basis.T
        p = p - h.lr * u
        yield {"p": p}


# -- noise: the stream is tested by itself, here it is given --------------------------------------------
def drawn(seed, t, like):
    """What the stream of a seed holds at a step."""
    return normal(next_seed(splitmix64(seed), t), like.shape)


@paper({"lr": 0.1, "variance": 4.0, "gamma": 1.5, "seed": 3})
def noisy_sgd(h, p, path) -> Run:
    for t, g in numbered(path):
        z = drawn(h.seed, t, p)
        p = p - h.lr * (g + np.sqrt(h.variance * t**-h.gamma) * z)
        yield {"p": p}


@paper({"lr": 0.1, "temperature": 0.5, "seed": 3})
def sgld(h, p, path) -> Run:
    for t, g in numbered(path):
        z = drawn(h.seed, t, p)
        p = p - h.lr * g + np.sqrt(2 * h.lr * h.temperature) * z
        yield {"p": p}
