"""Optax and pytorch_optimizer as second opinions on rules that see a whole group, curvature or a subspace."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from oracle.test_optim_rules import SHAPES, STEPS, optax, same, theirs_of_optax, trajectory

import torchlean_nb as tl
from torchlean_nb.updates import RULES

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::DeprecationWarning:optax.*")]
__all__ = ["optax"]

TREE = {str(s): trajectory(s, seed) for seed, s in enumerate(SHAPES)}
LOSSES = TREE["(4, 3)"][2]


def downhill(tree):
    """Gradients that agree for a while, then turn: noise on the way to a point and past it."""
    out = {}
    for k, (start, gradients, losses) in tree.items():
        pull = np.sign(start + 0.1)
        out[k] = (start, [0.3 * g + pull * np.tanh((20 - t) / 5) for t, g in enumerate(gradients)], losses)
    return out


def ours(rule, tree, losses, **given):
    """All parameters in one group: their values after every step."""
    opt = getattr(tl.optim, rule.class_name)({k: v[0] for k, v in tree.items()}, **given)
    out = {k: [] for k in tree}
    for t, loss in enumerate(losses):
        opt.step({k: v[1][t] for k, v in tree.items()}, float(loss))
        for k in tree:
            out[k].append(opt.params[k])
    return {k: np.array(v) for k, v in out.items()}


def theirs(make, tree, losses):
    gradients = [{k: v[1][t] for k, v in tree.items()} for t in range(len(losses))]
    return theirs_of_optax(make, {k: v[0] for k, v in tree.items()}, gradients, losses)


OTHERS = {
    "prodigy": [
        {"weight_decay": 0.1, "betas": (0.8, 0.95), "beta3": 0.9, "d0": 1e-3, "d_coef": 0.5},
        {"safeguard_warmup": True, "d0": 1e-2, "d_coef": 10.0, "eps": 1e-3, "lr": 0.5},
    ],
    "dadapt_adamw": [{"weight_decay": 0.1, "betas": (0.8, 0.99), "d0": 1e-2, "eps": 1e-3, "lr": 0.5}],
    "dog": [
        {"lr": 0.5, "r_eps": 1e-2, "eps": 1e-3, "weight_decay": 0.1}, {"init": "distance", "r_eps": 0.3},
        {"init": "learning_rate", "r_eps": 0.05},
    ],
    "dowg": [{"lr": 0.5, "r_eps": 1e-2, "eps": 1e-3, "weight_decay": 0.1}],
    "momo": [
        {"lr": 0.1, "beta": 0.5, "lower_bound": 0.3, "weight_decay": 0.1}, {"adapt_lower_bound": True},
        {"adapt_lower_bound": True, "lower_bound": -1.0, "weight_decay": 0.1, "lr": 0.2},
    ],
    "momo_adam": [
        {"lr": 1.0, "betas": (0.8, 0.95), "lower_bound": 0.3, "weight_decay": 0.1, "eps": 1e-3},
        {"adapt_lower_bound": True, "lr": 1.0}, {"adapt_lower_bound": True, "lower_bound": -1.0, "weight_decay": 0.1},
    ],
    "polyak_sgd": [{"lr": 0.05, "f_min": -3.0, "eps": 0.5}, {"variant": "sps+", "f_min": 1.5}],
}  # fmt: skip
GROUPED = [r for r in RULES.values() if r.builtin and r.optax and r.scope == "group"]


@pytest.mark.parametrize("path", [lambda tree: tree, downhill], ids=["random", "downhill"])
@pytest.mark.parametrize(
    ("rule", "given"),
    [pytest.param(r, g, id=f"{r.name}-{i}") for r in GROUPED for i, g in enumerate([{}, *OTHERS.get(r.name, [])])],
)
def test_a_hundred_steps_of_a_whole_group_as_optax_takes_them(optax, rule, given, path):
    tree = path(TREE)
    mine = ours(rule, tree, LOSSES, **given)
    other = theirs(rule.optax(optax, **rule.resolve(given)), tree, LOSSES)
    for k in tree:
        same(mine[k], other[k])


# Optax divides nothing by nothing here, and stays NaN; ours keeps its estimate, as the authors' own code does.
UNDEFINED = {"prodigy", "dadapt_adamw"}


@pytest.mark.parametrize("rule", GROUPED, ids=lambda r: r.name)
def test_a_start_at_zero_and_gradients_of_zero_are_taken_as_optax_takes_them(optax, rule):
    tree = {}
    for k, (start, gradients, losses) in TREE.items():
        gradients = [np.zeros_like(g) if t in (0, 7) else g for t, g in enumerate(gradients)]
        tree[k] = np.zeros_like(start), gradients, losses
    mine, other = ours(rule, tree, LOSSES), theirs(rule.optax(optax, **rule.resolve({})), tree, LOSSES)
    for k in tree:
        if rule.name in UNDEFINED:
            assert np.isnan(other[k][1:]).all() and np.isfinite(mine[k]).all()
        else:
            same(mine[k], other[k])


# -- curvature ------------------------------------------------------------------------------------------
DIAGONALS = {str(s): [0.5 * abs(h) + 0.7 * h for h in trajectory(s, 50 + i)[1]] for i, s in enumerate(SHAPES)}


def curved(rule, tree, diagonals, **given):
    """Parameters after every step with a diagonal of the Hessian beside the gradient, each by itself."""
    out = {}
    for k, (p, gradients, _) in tree.items():
        h = SimpleNamespace(**rule.resolve(given))
        slots, out[k] = rule.start(p, h), []
        for t, (g, h.curvature) in enumerate(zip(gradients, diagonals[k], strict=True), 1):
            if (t - 1) % h.update_interval:
                h.curvature = None
            terms = rule.terms(g, p, slots, h, t)
            p, slots = p + terms["delta"], {s: terms[s] for s in slots}
            out[k].append(p)
    return {k: np.array(v) for k, v in out.items()}


SOPHIA = [
    {}, {"lr": 0.01, "betas": (0.8, 0.9), "update_interval": 1, "weight_decay": 0.1},
    {"update_interval": 7, "clip": 0.5, "gamma": 2.0, "eps": 1e-2},
]  # fmt: skip


@pytest.mark.parametrize("given", SOPHIA)
def test_sophia_as_optax_with_the_same_diagonals(optax, given):
    rule = RULES["sophia"]
    h = rule.resolve(given)
    estimate = optax.GradientTransformationExtraArgs(
        lambda params: optax.EmptyState(), lambda g, state, params=None, value=None, **_: (value, state)
    )
    make = optax.contrib.sophia(
        h["lr"], h["beta1"], h["beta2"], h["eps"], h["weight_decay"], gamma=h["gamma"], clip_threshold=h["clip"],
        update_interval=h["update_interval"], hessian_diagonal_fn=estimate,
    )  # fmt: skip
    mine = curved(rule, TREE, DIAGONALS, **given)
    gradients = [{k: v[1][t] for k, v in TREE.items()} for t in range(STEPS)]
    diagonals = {k: np.array(v) for k, v in DIAGONALS.items()}
    other = theirs_of_optax(make, {k: v[0] for k, v in TREE.items()}, gradients, diagonals)
    for k in TREE:
        same(mine[k], other[k])


def of_pytorch_optimizer(name, start, gradients, hessians=None, **given):
    torch, library = pytest.importorskip("torch"), pytest.importorskip("pytorch_optimizer")
    p = torch.tensor(start, requires_grad=True)
    opt, out = getattr(library, name)([p], **given), []
    for t, g in enumerate(gradients):
        p.grad = torch.tensor(g)
        if hessians is None:
            opt.step()
        else:
            opt.step(hessian=None if hessians[t] is None else [torch.tensor(hessians[t])])
        out.append(p.detach().numpy().copy())
    return np.array(out)


@pytest.mark.parametrize("given", [
    {}, {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.1, "eps": 1e-2},
    {"update_interval": 3, "power": 0.5, "lr": 0.3},
])  # fmt: skip
def test_adahessian_as_pytorch_optimizer_with_the_same_diagonals(given):
    other = {"update_interval": "update_period", "power": "hessian_power"}
    every, mine = given.get("update_interval", 1), curved(RULES["adahessian"], TREE, DIAGONALS, **given)
    for k, (start, gradients, _) in TREE.items():
        hessians = [None if t % every else h for t, h in enumerate(DIAGONALS[k])]
        yours = of_pytorch_optimizer(
            "AdaHessian", start, gradients, hessians, **{other.get(n, n): v for n, v in given.items()}
        )
        same(mine[k], yours)


@pytest.mark.parametrize("given", [{}, {"lr": 0.01, "betas": (0.9, 0.8, 0.95), "weight_decay": 0.1, "eps": 1e-3}])
def test_adan_as_pytorch_optimizer(given):
    for k, (start, gradients, _) in TREE.items():
        mine = ours(RULES["adan"], {k: TREE[k]}, LOSSES, **given)[k]
        same(mine, of_pytorch_optimizer("Adan", start, gradients, **given))
