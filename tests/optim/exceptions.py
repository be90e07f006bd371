"""What single rows of the table of update rules do differently, each with its reason."""

from __future__ import annotations

import numpy as np

from torchlean_nb.optim.matrix import newton_schulz

HALF = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 2)))[0]


def half(like):
    """A basis of half the space of columns."""
    return HALF.astype(like.dtype)


# Callables that make the matrix rules more than their default, the identity.
GIVEN = {
    "orthogonal_momentum": {"orthogonalizer": newton_schulz()},
    "projected_sgd": {"project": lambda xp, g: half(g).T @ g, "lift": lambda xp, s: half(s) @ s},
}
MATRICES = {"muon", "orthogonal_momentum", "projected_sgd"}

# -- exceptions, each with its reason -------------------------------------------------------------
RESTLESS = {
    "fromage": "its shrinkage is part of the step, not an option",
    "yogi": "its mean starts at v0, not at 0",
}
UNSWEPT = {("asgd", "t0"): "Python's max looks at it, so that float32 stays float32"}
UNWRITTEN = {
    ("adam", "v_max"): "formula of the default form, without amsgrad",
    ("adamw", "v_max"): "formula of the default form, without amsgrad",
    ("rmsprop", "mean"): "formula of the default form, not centered",
}
SYMBOLS = {
    "acc": "G", "ax": r"\bar{\theta}", "step_size": "d", "mu_product": "P", "slow": "n", "x0": "x_0",
    "prev": r"_{\mathrm{prev}}", "b1": "b_1", "b2": "b_2", "b3": "b_3", "axis0": "a_k", "axis1": "a_k", "axis2": "a_k",
    "axis3": "a_k", "buf": "b",
}  # fmt: skip
OWN_SYMBOLS = {("muon", "buf"): "B", ("orthogonal_momentum", "buf"): "B"}
DECAYS = {"weight_decay", "lambd"}
