"""What single built-in rules do differently, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from torchlean_nb.optim.matrix import newton_schulz
from torchlean_nb.optim.projections import block_threshold, project_hyperplane
from torchlean_nb.updates import UpdateRule

HALF = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 2)))[0]


def half(like: Any) -> np.ndarray:
    """A basis of half the space of columns."""
    return HALF.astype(like.dtype)


# Callables that make the matrix rules more than their default, the identity; a rate that does not cap,
# and subspaces renewed on the way.
GIVEN: dict[str, dict[str, Any]] = {
    "adanorm": {"r": 0.5},  # quick to take gradients for shorter than usual
    "adams": {"eps": 1.0},  # its decay is divided by the gradients, here 0
    "adashift": {"keep": 1},  # its first steps only watch
    "barzilai_borwein": {"high": 0.1},  # exact in two steps on a round bowl
    "projected_gradient": {"onto": lambda xp, x: project_hyperplane(xp, x, 1 + 0 * x, 1.0)},
    "proximal_gradient": {"prox": lambda xp, x, lr: block_threshold(xp, x, 0.1 * lr)},
    "momo_adam": {"lr": 1.0},
    "galore": {"rank": 2, "update_proj_gap": 2},
    "galore_sgd": {"rank": 2, "update_proj_gap": 2},
    "sophia": {"update_interval": 2},
    "adahessian": {"update_interval": 2},
    "sgld": {"temperature": 1e-6},  # cold enough to go down
    "orthogonal_momentum": {"orthogonalizer": newton_schulz()},
    "projected_sgd": {"project": lambda xp, g: half(g).T @ g, "lift": lambda xp, s: half(s) @ s},
}
CALLS = {"lookahead": 5, "sam": 2}  # calls to one step of theirs: between they go back, or climb

_NOISE = "noise belongs to a place among the parameters"
EXCEPTIONS: dict[str, dict[str, str]] = {
    "zero_gradient_moves_nothing": {
        "ftrl": "without a gradient the best point for all of them is 0",
        "projected_gradient": "it starts beside its plane",
        "proximal_gradient": "its proximal step shrinks",
        "fromage": "its shrinkage is part of the step, not an option",
        "noisy_sgd": "noise moves it",
        "sgld": "noise moves it",
        "yogi": "its mean starts at v0, not at 0",
    },
    "scope_is_honest": {
        "gravity": "what its elements share is the steepest slope, and on these the changed one never leads",
        "adashift": "what its elements share is the steepest slope, and on these the changed one never leads",
        "swats": "what its elements share is the rate that it switches to, and here it does not switch",
        "sgd_sai": "what its elements share is settled by the first gradient",
        "stable_adamw": "it looks around only where gradients outgrow their second moment: not on these",
        "avagrad": "what all elements share, the mean of their rates, is that of two steps ago",
        "frank_wolfe": "which corner it heads for is all that they share, and on these the changed one never leads",
        "coordinate_descent": "which element moves is all that they share, and on these the changed one never leads",
        "prodigy": "its estimate, all that its elements share, rises where gradients agree: not on these",
        "dadapt_adamw": "its estimate, all that its elements share, rises where gradients agree: not on these",
        "noisy_sgd": "all that its elements share is a stream of noise",
        "sgld": "all that its elements share is a stream of noise",
        "sam": "its climb, all that its elements share, is taken back by the next call",
    },
    "order_does_not_matter": {"noisy_sgd": _NOISE, "sgld": _NOISE},
    "hyperparameters_may_be_arrays": {"asgd": "Python's max looks at t0, so that float32 stays float32"},
    "half_precision_stays_finite": {
        "galore": "its eps is 0 there, as is the square of what is left of a small gradient in the subspace",
        "adashift": "its eps is 0 there, as is the second moment of its first step",
        "adopt": "without its clip the first step divides by eps alone, and a million is out of range",
        "prodigy": "its first estimate of the distance is a millionth, of which no square is left",
        "dadapt_adamw": "its first estimate of the distance is a millionth, of which no square is left",
        "mechanic": "its eps is 0 there, as is its first estimate",
    },
}


def exceptions_of(rule: UpdateRule) -> Mapping[str, str]:
    """Laws that a built-in rule does not keep, with the reason."""
    return {name: reasons[rule.name] for name, reasons in EXCEPTIONS.items() if rule.builtin and rule.name in reasons}
