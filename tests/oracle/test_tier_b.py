"""Optax and pytorch_optimizer as second opinions on rules that see a whole group, curvature or a subspace."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import numpy as np
import pytest
from oracle.test_optim_rules import SHAPES, STEPS, optax, same, theirs_of_optax, trajectory

import torchlean_nb as tl
from torchlean_nb.optim.matrix import CUBIC
from torchlean_nb.optim.noisy import dp_aggregate
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


# -- subspaces -------------------------------------------------------------------------------------------
@pytest.fixture
def wide_svd(monkeypatch, optax):
    """Optax takes singular vectors in float32; let them be float64."""
    import jax.numpy as jnp

    module = importlib.import_module("optax.contrib._galore")
    monkeypatch.setattr(module, "jnp", SimpleNamespace(**vars(jnp) | {"float32": jnp.float64}))


MATRICES = {
    str(s): trajectory(s, 70 + i) for i, s in enumerate([(4, 3), (3, 5), (4, 4), (5,), ()])
}  # fmt: skip


# A mean in the coordinates of vectors that may change sign at a renewal: without the mean, or without a renewal.
@pytest.mark.parametrize("given", [
    {"rank": 2}, {"rank": 1, "scale": 0.25, "weight_decay": 0.1, "eps": 1e-3, "betas": (0.8, 0.95)}, {},
    {"rank": 2, "update_proj_gap": 7, "betas": (0.0, 0.9)}, {"rank": 3, "update_proj_gap": 1, "betas": (0.0, 0.99)},
])  # fmt: skip
def test_galore_of_the_longer_side_as_optax(optax, wide_svd, given):
    rule = RULES["galore"]
    given = {"proj_type": "reverse_std", **given}
    h = rule.resolve(given)
    make = optax.contrib.galore(
        h["lr"], h["rank"], h["update_proj_gap"], h["scale"], optax.scale_by_adam(h["beta1"], h["beta2"], h["eps"]),
        h["weight_decay"],
    )  # fmt: skip
    mine, other = ours(rule, MATRICES, LOSSES, **given), theirs(make, MATRICES, LOSSES)
    for k in MATRICES:
        same(mine[k], other[k])


@pytest.mark.parametrize("proj_type", ["std", "reverse_std", "left", "right"])
def test_galore_of_every_side_as_pytorch_optimizer(monkeypatch, proj_type):
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("pytorch_optimizer")
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.clone)
    for k, (start, gradients, losses) in MATRICES.items():
        p = torch.tensor(start, requires_grad=True)
        subspace = {"rank": 2, "update_proj_gap": 1000, "scale": 0.5, "projection_type": proj_type}
        opt, out = library.GaLore([{"params": [p], **subspace}], lr=0.01, eps=0.0), []
        for g in gradients:
            p.grad = torch.tensor(g)
            opt.step()
            out.append(p.detach().numpy().copy())
        given = {"rank": 2, "scale": 0.5, "proj_type": proj_type, "lr": 0.01, "eps": 0.0}
        same(ours(RULES["galore"], {k: (start, gradients, losses)}, losses, **given)[k], np.array(out))


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_muon_without_nesterov_is_optax_with_rows_and_columns_exchanged(optax, decay):
    """Optax counts a matrix as (in, out), PyTorch as (out, in)."""
    tree = {k: v for k, v in MATRICES.items() if k in ("(4, 3)", "(3, 5)", "(4, 4)")}
    turned = {k: (p.T, [g.T for g in gradients], losses) for k, (p, gradients, losses) in tree.items()}
    make = optax.contrib.muon(0.02, eps=0.0, weight_decay=decay, nesterov=False)
    mine = ours(RULES["muon"], tree, LOSSES, lr=0.02, eps=0.0, weight_decay=decay, nesterov=False)
    other = theirs(make, turned, LOSSES)
    for k in tree:
        same(mine[k], np.swapaxes(other[k], -1, -2))


DEBIASED = [
    {}, {"lr": 0.02, "momentum": 0.8, "nesterov": False, "weight_decay": 0.1, "eps": 1e-2},
    {"ns_coefficients": CUBIC, "ns_steps": 8, "adaptive": True}, {"consistent_rms": 0.2},
]  # fmt: skip


@pytest.mark.parametrize("given", DEBIASED)
def test_debiased_muon_as_optax(optax, given):
    h = RULES["muon_debiased"].resolve(given)
    tree = {k: v for k, v in MATRICES.items() if np.ndim(v[0]) == 2}
    make = optax.contrib.muon(
        h["lr"], (h["a"], h["b"], h["c"]), h["ns_steps"], h["momentum"], h["eps"], h["weight_decay"],
        nesterov=h["nesterov"], adaptive=h["adaptive"], consistent_rms=h["consistent_rms"],
    )  # fmt: skip
    mine, other = ours(RULES["muon_debiased"], tree, LOSSES, **given), theirs(make, tree, LOSSES)
    for k in tree:
        same(mine[k], other[k])


# -- noise -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("given", [{}, {"lr": 0.5, "variance": 4.0, "gamma": 1.5}])
def test_noisy_sgd_as_optax_with_the_same_noise(optax, monkeypatch, given):
    import jax
    import jax.numpy as jnp

    ones = lambda key, target_tree, sampler: jax.tree.map(jnp.ones_like, target_tree)  # noqa: E731
    monkeypatch.setattr(optax.tree, "random_like", ones)
    monkeypatch.setattr("torchlean_nb.optim.noisy.gaussian", lambda xp, seed, t, like: np.ones_like(like))
    h = RULES["noisy_sgd"].resolve(given)
    mine = ours(RULES["noisy_sgd"], TREE, LOSSES, **given)
    other = theirs(optax.noisy_sgd(h["lr"], h["variance"], h["gamma"], key=0), TREE, LOSSES)
    for k in TREE:
        same(mine[k], other[k])


@pytest.mark.parametrize("given", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}])
@pytest.mark.parametrize("clip", [0.5, 8.0, 1e6])
def test_clipping_each_example_then_sgd_is_dpsgd_of_optax(optax, given, clip):
    batches = {}
    for k, (start, gradients, losses) in TREE.items():
        batches[k] = start, [np.stack([g, 1 - 2 * g, gradients[t - 1]]) for t, g in enumerate(gradients)], losses
    make = optax.contrib.dpsgd(0.1, clip, 0.0, 0, **given)
    opt, mine = tl.optim.SGD({k: v[0] for k, v in TREE.items()}, lr=0.1, **given), {k: [] for k in TREE}
    for t in range(STEPS):
        batch = {k: v[1][t] for k, v in batches.items()}
        opt.step(dp_aggregate(batch, l2_norm_clip=clip, noise_multiplier=0.0, seed=0, t=t + 1))
        for k in TREE:
            mine[k].append(opt.params[k])
    other = theirs(make, batches, LOSSES)
    for k in TREE:
        same(np.array(mine[k]), other[k])
