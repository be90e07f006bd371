"""Update rules that no other library has, once more, from the papers: plain NumPy, a loop each.

``f(h, p, path)`` gives the parameter after every step, with what is to be compared beside it. Nothing here knows the
rules themselves, how they are declared, or the array namespace they are written in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.mutation.replay import Path

Run = Iterator[dict[str, Any]]
PAPERS: dict[str, tuple[Callable[..., Run], tuple[dict[str, Any], ...]]] = {}


def paper(*given: dict[str, Any]) -> Callable[[Callable[..., Run]], Callable[..., Run]]:
    """Enter a method with the hyperparameters it is compared under, beside the defaults."""

    def enter(f: Callable[..., Run]) -> Callable[..., Run]:
        PAPERS[f.__name__] = f, ({}, *given)
        return f

    return enter


def numbered(path: Path) -> Iterator[tuple[int, np.ndarray]]:
    """Steps from 1, and their gradients."""
    return enumerate(path.gradients, 1)


def soft(x: np.ndarray, k: float) -> np.ndarray:
    """Soft thresholding, by cases."""
    return np.where(x > k, x - k, np.where(x < -k, x + k, 0.0))


# -- classics -------------------------------------------------------------------------------------------
@paper({"lr": 0.05, "momentum": 0.5})
def heavy_ball(h, p, path) -> Run:
    last = p
    for _, g in numbered(path):
        move = p - last
        last, p = p, p + move * h.momentum - g * h.lr
        yield {"p": p, "move": move}


@paper({"lr": 0.05}, {"lr": 0.05, "momentum": 0.6})
def nesterov_agd(h, p, path) -> Run:
    x, lam = p, 1.0
    for _, g in numbered(path):
        new = p - h.lr * g
        after = 0.5 + np.sqrt(0.25 + lam**2)
        w = (lam - 1) / after if h.momentum is None else h.momentum
        p, x, lam = (1 + w) * new - w * x, new, after
        yield {"p": p, "x": x, "weight": w}


@paper({"lr": 0.1, "power": 0.8})
def polyak_averaging(h, p, path) -> Run:
    seen = []
    for t, g in numbered(path):
        p = p - h.lr * t**-h.power * g
        seen.append(p)
        yield {"p": p, "mean": sum(seen) / len(seen)}


@paper({"variant": "bb2"}, {"low": 0.2, "high": 0.5, "lr": 0.01}, {"variant": "bb2", "high": 0.3})
def barzilai_borwein(h, p, path) -> Run:
    before = None
    for _, g in numbered(path):
        rate, s, y = h.lr, p - p if before is None else p - before[0], None
        y = g if before is None else g - before[1]
        if before is not None and (s * y).sum() > 0:
            rate = (s @ s) / (s @ y) if h.variant == "bb1" else (s @ y) / (y @ y)
            rate = min(max(rate, h.low), h.high)
        before, p = (p, g), p - rate * g
        yield {"p": p, "rate": rate, "move": s, "change": y}


@paper({"pick": "cyclic", "lr": 0.1})
def coordinate_descent(h, p, path) -> Run:
    for t, g in numbered(path):
        i = int(np.abs(g).argmax()) if h.pick == "greedy" else (t - 1) % len(g)
        chosen, p = np.zeros(len(g)), p.copy()
        chosen[i] = 1
        p[i] -= h.lr * g[i]
        yield {"p": p, "chosen": chosen}


@paper({"lr": 0.3})
def egu(h, p, path) -> Run:
    for _, g in numbered(path):
        p = p * np.exp(-h.lr * g * np.sign(p))
        yield {"p": p}


@paper({"lr": 0.3})
def exponentiated_gradient(h, p, path) -> Run:
    total = np.abs(p).sum()
    for _, g in numbered(path):
        a = -h.lr * g * np.sign(p)
        p = p * np.exp(np.where(p == 0, 0, a - a[p != 0].max(initial=-np.inf)))
        p = p * total / np.abs(p).sum() if total else p
        yield {"p": p, "a": a}


# -- constraints ----------------------------------------------------------------------------------------
def ball(xp, x):
    """Projection for the rules: the ball of length 1."""
    return x / max(1.0, float(np.sqrt((x * x).sum())))


def shift(xp, x, *lr):
    """A proximal step that depends on the rate and is not odd."""
    return 0.9 * x + 0.1 + sum(lr)


@paper({"lr": 0.1, "onto": ball})
def projected_gradient(h, p, path) -> Run:
    for _, g in numbered(path):
        z = p - h.lr * g
        p = ball(None, z) if h.onto is ball else z
        yield {"p": p, "z": z}


@paper({"lr": 0.1, "prox": shift})
def proximal_gradient(h, p, path) -> Run:
    for _, g in numbered(path):
        z = p - h.lr * g
        p = shift(None, z, h.lr) if h.prox is shift else z
        yield {"p": p, "z": z}


@paper({"lr": 0.6})
def frank_wolfe(h, p, path) -> Run:
    for t, g in numbered(path):
        corner, i = np.zeros(g.size), int(np.abs(g).argmax())
        corner[i] = -np.sign(g.flat[i])
        gamma = 2 / (t + 1) * h.lr
        p = (1 - gamma) * p + gamma * corner.reshape(g.shape) if g.any() else p
        yield {"p": p, "gamma": gamma, "c": corner.reshape(g.shape)}


@paper({"lr": 0.1, "l1": 2.0})
def ista(h, p, path) -> Run:
    for _, g in numbered(path):
        z = p - h.lr * g
        p = soft(z, h.lr * h.l1)
        yield {"p": p, "z": z}


@paper({"lr": 0.1, "l1": 2.0})
def fista(h, p, path) -> Run:
    x, lam = p, 1.0
    for _, g in numbered(path):
        z = p - h.lr * g
        new, after = soft(z, h.lr * h.l1), 0.5 + np.sqrt(0.25 + lam**2)
        w = (lam - 1) / after
        p, x, lam = new + w * (new - x), new, after
        yield {"p": p, "x": x, "z": z, "weight": w}


# -- momentum -------------------------------------------------------------------------------------------
@paper({"lr": 0.05, "momentum": 0.5, "weight_decay": 0.3})
def sgdw(h, p, path) -> Run:
    b = 0.0
    for _, g in numbered(path):
        b = g + b * h.momentum
        p = p * (1 - h.lr * h.weight_decay) - b * h.lr
        yield {"p": p}


@paper({"nu": 0.2, "weight_decay": 0.1, "momentum": 0.8})
def qhm(h, p, path) -> Run:
    m = 0.0
    for _, g in numbered(path):
        g = g + h.weight_decay * p
        m = m + (1 - h.momentum) * (g - m)
        p = p - h.lr * g + h.lr * h.nu * (g - m)
        yield {"p": p}


@paper({"betas": (0.3, 0.5, 0.8), "weight_decay": 0.1})
def aggmo(h, p, path) -> Run:
    b = [0.0, 0.0, 0.0]
    for _, g in numbered(path):
        g = g + h.weight_decay * p
        b = [beta * x - g for beta, x in zip((h.beta1, h.beta2, h.beta3), b, strict=True)]
        p = p + h.lr * sum(b) / 3
        yield {"p": p}


@paper({"lr": 0.1, "lambd": 0.1, "alpha": 0.6, "t0": 3.0, "weight_decay": 0.1}, {"lr": 0.1, "t0": 0.0})
def asgd(h, p, path) -> Run:
    eta, mu, ax = h.lr, 1.0, 0.0
    for t, g in numbered(path):
        g = g + h.weight_decay * p
        p = p * (1 - h.lambd * eta) - eta * g
        ax = p if mu == 1 else ax + mu * (p - ax)
        yield {"p": p, "ax": ax, "eta": eta, "g": g}
        eta, mu = h.lr / (1 + h.lambd * h.lr * t) ** h.alpha, 1 / max(1, t - h.t0)


@paper(
    {"lr": 0.05, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1},
    {"lr": 0.05, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1, "nesterov": True},
)
def table_momentum(h, p, path) -> Run:
    b = 0.0
    for _, g in numbered(path):
        d = (1 - h.dampening) * (g + h.weight_decay * p)
        b = h.momentum * b + d
        p = p - h.lr * (d + h.momentum * b if h.nesterov else b)
        yield {"p": p}


@paper({"lr": 0.3, "rho": 0.8, "eps": 0.1, "weight_decay": 0.1})
def table_adadelta(h, p, path) -> Run:
    v = u = 0.0
    for _, g in numbered(path):
        g = g + h.weight_decay * p
        v = v + (1 - h.rho) * (g**2 - v)
        d = -h.lr * g * np.sqrt((u + h.eps) / (v + h.eps))
        u, p = u + (1 - h.rho) * (d**2 - u), p + d
        yield {"p": p}


# -- relatives of Adam --------------------------------------------------------------------------------------
def ema(x, new, beta):
    """Running mean, as a step towards the new value."""
    return x + (1 - beta) * (new - x)


@paper(
    {"betas": (0.9, 0.8, 0.95), "weight_decay": 0.1, "eps": 0.1, "lr": 0.05}, {"betas": (0.9, 0.5, 0.95), "lr": 0.05}
)
def adan(h, p, path) -> Run:
    m = d = n = 0.0
    last = path.gradients[0]
    for t, g in numbered(path):
        c, last = g - last, g
        m, d, n = ema(m, g, h.beta1), ema(d, c, h.beta2), ema(n, (g + h.beta2 * c) ** 2, h.beta3)
        root = np.sqrt(n) / np.sqrt(1 - h.beta3**t) + h.eps
        far = m / (1 - h.beta1**t) / root + h.beta2 / (1 - h.beta2**t) * d / root
        p = (p - h.lr * far) / (1 + h.lr * h.weight_decay)
        yield {"p": p}


@paper({"final_lr": 1e-4}, {"final_lr": 0.03, "gamma": 0.1, "betas": (0.8, 0.95), "weight_decay": 0.1, "eps": 0.1})
def adabound(h, p, path) -> Run:
    m = v = 0.0
    for t, g in numbered(path):
        g = g + h.weight_decay * p
        m, v = ema(m, g, h.beta1), ema(v, g**2, h.beta2)
        k = h.lr * np.sqrt(1 - h.beta2**t) / (1 - h.beta1**t) / (np.sqrt(v) + h.eps)
        p = p - m * np.clip(k, h.final_lr - h.final_lr / (h.gamma * t + 1), h.final_lr + h.final_lr / (h.gamma * t))
        yield {"p": p}


@paper({"betas": (0.8, 0.95), "weight_decay": 0.1, "eps": 0.1, "lr": 0.05})
def diffgrad(h, p, path) -> Run:
    m = v = last = 0.0
    for t, g in numbered(path):
        g = g + h.weight_decay * p
        m, v = ema(m, g, h.beta1), ema(v, g**2, h.beta2)
        friction, last = 0.5 * (1 + np.tanh(np.abs(last - g) / 2)), g
        rate = h.lr * np.sqrt(1 - h.beta2**t) / (1 - h.beta1**t)
        p = p - rate * friction * m / (np.sqrt(v) + h.eps)
        yield {"p": p}


@paper({"betas": (0.5, 0.8), "eps": 0.1, "lr": 0.05})
def sparse_adam(h, p, path) -> Run:
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, g in numbered(path):
        hit = np.array([row.any() for row in g]).reshape(-1, *[1] * (g.ndim - 1)) if g.ndim else g != 0
        m, v = np.where(hit, ema(m, g, h.beta1), m), np.where(hit, ema(v, g * g, h.beta2), v)
        step = np.sqrt(1 - h.beta2**t) / (1 - h.beta1**t) * m / (np.sqrt(v) + h.eps)
        p = p - h.lr * np.where(hit, step, 0)
        yield {"p": p, "m": m, "v": v}


@paper(
    {"lr": 0.05, "betas": (0.8, 0.9), "update_interval": 1, "weight_decay": 0.1},
    {"update_interval": 4, "clip": 0.5, "gamma": 2.0, "eps": 0.05, "lr": 0.05},
)
def sophia(h, p, path) -> Run:
    m = c = 0.0
    for t, g in numbered(path):
        m = ema(m, g, h.beta1)
        u = np.clip(m / (1 - h.beta1**t) / np.maximum(h.gamma * c, h.eps), -h.clip, h.clip)
        c = ema(c, path.curvatures[t - 1], h.beta2) if (t - 1) % h.update_interval == 0 else c
        p = p - h.lr * (u + h.weight_decay * p)
        yield {"p": p, "h": c}


@paper(
    {"lr": 0.05, "betas": (0.8, 0.9), "weight_decay": 0.1, "eps": 0.1}, {"update_interval": 3, "power": 0.5, "lr": 0.3}
)
def adahessian(h, p, path) -> Run:
    m = v = 0.0
    for t, g in numbered(path):
        m = ema(m, g, h.beta1)
        v = ema(v, path.curvatures[t - 1] ** 2, h.beta2) if (t - 1) % h.update_interval == 0 else v
        root = np.sqrt(v / (1 - h.beta2**t)) ** h.power
        p = p * (1 - h.lr * h.weight_decay) - h.lr * m / (1 - h.beta1**t) / (root + h.eps)
        yield {"p": p}


@paper({"momentum": 0.5, "eps": 0.1}, {"eps": 0.0})
def sm3(h, p, path) -> Run:
    lines, m = {}, 0.0
    axes = range(max(p.ndim, 1))
    for _, g in numbered(path):
        g, v = np.atleast_1d(g), np.empty_like(np.atleast_1d(g))
        for i in np.ndindex(*g.shape):
            v[i] = g[i] ** 2 + min(lines.get((k, i[k]), 0.0) for k in axes)
        for k in axes:
            for j in range(v.shape[k]):
                lines[k, j] = v.take(j, axis=k).max()
        m = ema(m, np.where(v > 0, g, 0) / np.sqrt(np.where(v > 0, v + h.eps, 1)), h.momentum)
        p = p - h.lr * m.reshape(p.shape)
        yield {"p": p}
