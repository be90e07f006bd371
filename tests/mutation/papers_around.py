"""What goes around a rule once more, from the papers: wrappers and transforms, plain NumPy, a loop each."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.mutation.papers import PAPERS, Run, ema, numbered, paper
from tests.mutation.papers_more import drawn, length
from torchlean_nb.optim import transforms as tf
from torchlean_nb.optim import wrapping
from torchlean_nb.optim.compose import chain


# -- wrappers -------------------------------------------------------------------------------------------
class Adam:
    """Adam as a step, for what goes around it."""

    def __init__(self, h: Any):
        self.h, self.m, self.v, self.t = h, 0.0, 0.0, 0

    def __call__(self, g: Any, p: Any) -> Any:
        h, self.t = self.h, self.t + 1
        g = g + h.weight_decay * p
        self.m, self.v = ema(self.m, g, h.beta1), ema(self.v, g * g, h.beta2)
        return -h.lr * self.m / (1 - h.beta1**self.t) / (np.sqrt(self.v / (1 - h.beta2**self.t)) + h.eps)


class SGD:
    """SGD as a step."""

    def __init__(self, h: Any):
        self.h, self.b = h, 0.0

    def __call__(self, g: Any, p: Any) -> Any:
        self.b = self.h.momentum * self.b + g + self.h.weight_decay * p
        return -self.h.lr * self.b


@paper({"k": 3, "alpha": 0.3, "lr": 0.05, "weight_decay": 0.1}, {"k": 1, "alpha": 0.9, "lr": 0.05})
def lookahead(h, p, path) -> Run:
    step, slow = Adam(h), p
    for t, g in numbered(path):
        p = p + step(g, p)
        if t % h.k == 0:
            p = slow = slow + h.alpha * (p - slow)
        yield {"p": p, "slow": slow}


@paper({"decay": 0.7, "lr": 0.1, "momentum": 0.5})
def ema_sgd(h, p, path) -> Run:
    step, mean = SGD(h), None
    for _, g in numbered(path):
        p = p + step(g, p)
        mean = p if mean is None else ema(mean, p, h.decay)
        yield {"p": p, "average": mean}


@paper({"start": 3, "every": 2, "lr": 0.1, "momentum": 0.5}, {"start": 1, "every": 3, "lr": 0.1})
def swa_sgd(h, p, path) -> Run:
    step, taken, mean = SGD(h), [], None
    for t, g in numbered(path):
        p = p + step(g, p)
        if t <= h.start:
            mean = p
        elif (t - h.start - 1) % h.every == 0:
            taken.append(p)
            mean = sum(taken) / len(taken)
        yield {"p": p, "average": mean}


@paper({"rho": 0.5, "lr": 0.1, "momentum": 0.5})
def sam(h, p, path) -> Run:
    step, base = SGD(h), p
    for t, g in numbered(path):
        size = length(g)
        if t % 2:
            base, p = p, p + (h.rho * g / size if size else 0)
        else:
            p = base = base + step(g, base)
        yield {"p": p}


@paper({"lr": 0.5, "s_init": 1e-2, "num_betas": 3, "mechanic_weight_decay": 0.1, "eps": 1e-3}, {"lr": 0.5})
def mechanic(h, p, path) -> Run:
    step, x0, n = SGD(h), p, h.num_betas
    beta = 1 - 0.1 ** np.arange(1, n + 1)
    r, v, m, s, moved = np.zeros(n), np.zeros(n), np.zeros(n), np.full(n, h.s_init), None
    for _, g in numbered(path):
        # What the rule alone has moved, seen through the factor that it was multiplied with.
        moved = (p - x0) / (s.sum() + h.eps)
        decay = h.mechanic_weight_decay * s.sum() * length(g) / (length(p) + h.eps)
        gain = -((g + decay * p) * moved).sum()
        far = moved + step(g, p)
        r = beta * r + np.clip(gain, -m, m) * s
        m = np.maximum(beta * m, abs(gain) + h.eps)
        v = beta**2 * v + gain**2
        s = (h.s_init * m / n + np.maximum(r, 0)) / (np.sqrt(v) + h.eps)
        p = x0 + s.sum() * far
        yield {"p": p, "scale": s.sum()}


def accumulate_adam(h, p, path) -> Run:
    step, kept = Adam(h), []
    for t, g in numbered(path):
        kept.append(g)
        if t % h.k == 0:
            p, kept = p + step(sum(kept) / (h.k if h.mean else 1), p), []
        yield {"p": p}


def accumulate_rmsprop(h, p, path) -> Run:
    v, b, kept = 0.0, 0.0, []
    for t, g in numbered(path):
        kept.append(g)
        if t % h.k == 0:
            g, kept = sum(kept) / h.k, []
            v = ema(v, g * g, h.alpha)
            b = h.momentum * b + g / (np.sqrt(v) + h.eps)
            p = p - h.lr * b
        yield {"p": p}


def masked_adam(h, p, path) -> Run:
    step, mask = Adam(h), h.where(p)
    for _, g in numbered(path):
        p = np.where(mask, p + step(np.where(mask, g, 0), p), p)
        yield {"p": p}


def chosen(p):
    """Two of three elements."""
    return np.arange(p.size).reshape(p.shape) % 3 > 0


LOUD = {"lr": 0.1, "eps": 0.1}


def sam_adam(h, p, path) -> Run:
    step, base = Adam(h), p
    for t, g in numbered(path):
        if t % 2:
            base, p = p, p + (h.rho * g / length(g) if g.any() else 0)
        else:
            p = base = base + step(g, base)
        yield {"p": p}


WRAPPED = {
    "sam(adam)": (wrapping.sam("adam"), sam_adam, [LOUD]),
    "accumulate(adam)": (
        wrapping.accumulate("adam"),
        accumulate_adam,
        [LOUD, LOUD | {"k": 3, "mean": False}, LOUD | {"k": 1}],
    ),
    "accumulate(rmsprop)": (wrapping.accumulate("rmsprop"), accumulate_rmsprop, [LOUD | {"k": 3, "momentum": 0.5}]),
    "masked(adam)": (wrapping.masked("adam"), masked_adam, [LOUD | {"where": chosen}]),
}


# -- transforms: what becomes of one gradient -------------------------------------------------------------
def agc(g, p, t, clipping, eps):
    axes = None if p.ndim < 2 else 0 if p.ndim < 4 else tuple(range(p.ndim - 1))
    size = lambda x: np.sqrt((x * x).sum(axis=axes, keepdims=True))  # noqa: E731
    most = clipping * np.maximum(size(p), eps)
    return np.where(size(g) > most, g / np.where(size(g) > 0, size(g), 1) * most, g)


def noise(g, p, t, eta, gamma):
    return g + np.sqrt(eta / t**gamma) * drawn(0, t, g)


def shorter(g, most, size):
    return g * min(1.0, most / size) if size else g


def rates(g, p, t, coefficient, eps):
    size = length(p), length(g)
    return g * (coefficient * size[0] / (size[1] + eps) if min(size) else 1)


CHANGED = [
    (tf.clip_value, (0.4,), lambda g, p, t, c: np.clip(g, -c, c)),
    (tf.clip_norm, (0.7,), lambda g, p, t, c: shorter(g, c, length(g))),
    (tf.clip_global_norm, (0.7,), lambda g, p, t, c: shorter(g, c, length(g))),
    (tf.clip_block_rms, (0.5,), lambda g, p, t, c: shorter(g, c, np.sqrt((g * g).mean()))),
    (tf.agc, (0.5, 0.3), agc),
    (tf.zero_nans, (), lambda g, p, t: g),
    (
        tf.centralize,
        (),
        lambda g, p, t: g if g.ndim < 2 else g - g.reshape(len(g), -1).mean(axis=1).reshape(-1, *[1] * (g.ndim - 1)),
    ),
    (tf.normalize, (0.5, 0.1), lambda g, p, t, far, eps: far * g / (length(g) + eps)),
    (tf.trust_ratio, (0.3, 0.1), rates),
    (tf.trust_ratio, (0.3,), lambda g, p, t, c: rates(g, p, t, c, 0.0)),
    (tf.scale, (-0.4,), lambda g, p, t, c: c * g),
    (tf.add_noise, (0.5, 0.8), noise),
    (tf.add_decayed_weights, (0.3,), lambda g, p, t, c: g + c * p),
]
AFTER = [
    (tf.decay_weights, (0.3,), lambda g, p, t, c: g - c * p),
    (tf.keep_nonnegative, (), lambda g, p, t: np.maximum(p + g, 0) - p),
    (tf.project, (lambda xp, x: np.clip(x, -0.5, 0.5),), lambda g, p, t, onto: onto(None, p + g) - p),
]


def _before(change, numbers):
    def run(h, p, path) -> Run:
        for t, g in numbered(path):
            p = p - h.lr * change(g, p, t, *numbers)
            yield {"p": p}

    return run


def _after(change, numbers):
    def run(h, p, path) -> Run:
        for t, g in numbered(path):
            p = p + change(-h.lr * g, p, t, *numbers)
            yield {"p": p}

    return run


def traced(h, p, path) -> Run:
    b = 0.0
    for _, g in numbered(path):
        b = h.decay * b + g
        p = p - h.lr * (g + h.decay * b if h.trace_nesterov else b)
        yield {"p": p}


def chains() -> dict[str, tuple[Any, Any, list[dict[str, Any]]]]:
    """Rules made of pieces: name, rule, its other form, hyperparameters."""
    made = {}
    for i, (piece, numbers, change) in enumerate(CHANGED):
        made[f"{piece.name} {i}"] = chain(piece(*numbers), "sgd"), _before(change, numbers), [{"lr": 0.1}]
    for i, (piece, numbers, change) in enumerate(AFTER):
        made[f"{piece.name} after {i}"] = chain("sgd", piece(*numbers)), _after(change, numbers), [{"lr": 0.1}]
    made["trace"] = (
        chain("trace", "sgd"),
        traced,
        [{"lr": 0.1, "decay": 0.6, "trace_nesterov": n} for n in (False, True)],
    )
    return made | WRAPPED


__all__ = ["PAPERS", "chains"]
