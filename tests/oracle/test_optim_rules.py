"""PyTorch and optax as second opinions on update rules: a hundred steps, to the last digits."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.optim.matrix import CUBIC, QUINTIC, gram_schmidt, newton_schulz
from torchlean_nb.updates import RULES

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::DeprecationWarning:optax.*")]
STEPS, CLOSE = 100, 1e-12

# Beyond the defaults: hyperparameters that switch on what the defaults leave out.
OTHERS = {
    "sgd": [{"momentum": 0.9, "nesterov": True}],
    "lamb": [{"weight_decay": 0.1, "betas": (0.8, 0.95)}],
    "lars": [{"weight_decay": 0.1, "momentum": 0.5, "eps": 1e-3, "trust": 0.02}],
    "novograd": [{"weight_decay": 0.1, "betas": (0.95, 0.5)}],
    "fromage": [{"lr": 0.3, "min_norm": 5.0}],
    "ldog": [{"lr": 0.5, "r_eps": 1e-2, "eps": 1e-3}],
    "yogi": [{"weight_decay": 0.1, "betas": (0.8, 0.95), "v0": 0.1}],
    "adabelief": [{"weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 0.1, "eps_root": 1e-3}],
    "acprop": [{"weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 0.1, "eps_root": 1e-3}],
    "adamaxw": [{"weight_decay": 0.1, "betas": (0.8, 0.95)}],
    "nadamw": [{"weight_decay": 0.1, "betas": (0.8, 0.95)}],
    "ademamix": [{"weight_decay": 0.1, "betas": (0.8, 0.95, 0.99), "alpha": 2.0}],
    "simplified_ademamix": [{"weight_decay": 0.1, "alpha": 3.0}],
    "adopt": [{"betas": (0.8, 0.95), "clip": False}, {"eps": 0.5}],
    "amsgrad": [{"correct_mean": False, "correct_square": False}, {"weight_decay": 0.1, "betas": (0.8, 0.95)}],
    "sm3": [{"momentum": 0.0, "eps": 1e-3}],
    "optimistic_gd": [{"alpha": 0.7, "beta": 1.5}],
    "optimistic_adam": [{"alpha": 0.7, "beta": 1.5, "betas": (0.8, 0.95)}],
    "madgrad": [{"momentum": 0.0, "weight_decay": 0.1}],
    "cocob": [{"alpha": 2.0, "lr": 0.3, "weight_decay": 0.1}],
    "adadelta": [{"weight_decay": 0.1}],
}
SHAPES = ((4, 3), (5,), (), (2, 3, 4))
# A method without an estimate for numbers: jnp.min of nothing.
NO_SCALAR = {"sm3"}
JOINT = {"ldog"}


def trajectory(shape, seed):
    """A starting point, and gradients and losses for every step."""
    rng = np.random.default_rng(seed)
    scale = np.exp(rng.normal(size=shape))
    gradients = [np.asarray(scale * rng.normal(size=shape) + 0.3) for _ in range(STEPS)]
    return np.asarray(rng.normal(size=shape)), gradients, rng.uniform(0.5, 2.5, size=STEPS)


def ours(rule, start, gradients, losses, **given):
    """Parameters after every step."""
    opt = getattr(tl.optim, rule.class_name)({"w": start}, **given)
    out = []
    for g, loss in zip(gradients, losses, strict=True):
        opt.step({"w": g}, float(loss))
        out.append(opt.params["w"])
    return np.array(out)


def same(a, b, close=CLOSE):
    """Equal up to a fraction of the largest element."""
    assert a.shape == b.shape
    assert np.abs(a - b).max() <= close * np.abs(b).max()


# -- optax --------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def optax():
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield pytest.importorskip("optax")
    jax.config.update("jax_enable_x64", before)


def theirs_of_optax(make, start, gradients, losses):
    import jax
    import jax.numpy as jnp
    import optax

    transform = optax.with_extra_args_support(make)

    def wide(x):
        # Steps counted in 64 bits: the root of a 32-bit count is a 32-bit float.
        return x.astype(jnp.int64) if x.dtype == jnp.int32 else x

    start = jax.tree.map(jnp.asarray, start)
    state = jax.tree.map(wide, transform.init(start))

    @jax.jit
    def step(carry, seen):
        p, state = carry
        delta, state = transform.update(seen[0], state, p, value=seen[1])
        p = optax.apply_updates(p, delta)
        return (p, state), p

    gradients = jax.tree.map(lambda *g: np.array(g), *gradients)
    return jax.tree.map(np.asarray, jax.lax.scan(step, (start, state), (gradients, losses))[1])


# Rules that see a whole group at once are compared on a whole group, in test_tier_b.
WITH_OPTAX = [r for r in RULES.values() if r.builtin and r.optax and r.scope != "group"]


@pytest.mark.parametrize(
    ("rule", "given"),
    [pytest.param(r, g, id=f"{r.name}-{i}") for r in WITH_OPTAX for i, g in enumerate([{}, *OTHERS.get(r.name, [])])],
)
def test_a_hundred_steps_as_optax_takes_them(optax, rule, given):
    shapes = {str(s): s for s in SHAPES if s or rule.name not in NO_SCALAR}
    paths = {k: trajectory(s, seed) for seed, (k, s) in enumerate(shapes.items())}
    losses = paths["(4, 3)"][2]
    # Those that measure a norm take it over all parameters in optax, and over each in ours.
    trees = [paths] if rule.name not in JOINT else [{k: v} for k, v in paths.items()]
    for tree in trees:
        first, steps = {k: v[0] for k, v in tree.items()}, range(STEPS)
        gradients = [{k: v[1][t] for k, v in tree.items()} for t in steps]
        theirs = theirs_of_optax(rule.optax(optax, **rule.resolve(given)), first, gradients, losses)
        for k in tree:
            same(ours(rule, tree[k][0], tree[k][1], losses, **given), theirs[k])


@pytest.mark.parametrize("rule", WITH_OPTAX, ids=lambda r: r.name)
def test_a_start_at_zero_and_gradients_of_zero_are_taken_as_optax_takes_them(optax, rule):
    """Norms of zero, sums of nothing: where a quotient has to be defined."""
    start, gradients, losses = trajectory((2, 1, 3, 2), 9)
    gradients = [np.zeros_like(g) if t in (0, 1, 7) else g for t, g in enumerate(gradients)]
    gradients = [np.where(np.arange(2) == 0, g, 0.0) if t < 20 else g for t, g in enumerate(gradients)]
    for first in (np.zeros_like(start), start):
        make = rule.optax(optax, **rule.resolve({}))
        same(ours(rule, first, gradients, losses), theirs_of_optax(make, first, gradients, losses))


def test_sm3_says_for_how_many_axes_it_is_made():
    with pytest.raises(tl.errors.ShapeError, match="at most 4 axes"):
        ours(RULES["sm3"], *trajectory((1, 2, 1, 2, 1), 0))


def test_muon_says_that_it_is_for_matrices():
    with pytest.raises(tl.errors.ShapeError, match="AdamW"):
        ours(RULES["muon"], *trajectory((3,), 0))


def test_adan_is_optax_where_its_weight_and_the_papers_agree(optax):
    start, gradients, losses = trajectory((4, 3), 0)
    make = optax.adan(1e-2, b1=0.9, b2=0.5, b3=0.95, eps=1e-8, eps_root=0.0)
    mine = ours(RULES["adan"], start, gradients, losses, lr=1e-2, betas=(0.9, 0.5, 0.95))
    same(mine, theirs_of_optax(make, start, gradients, losses))


def test_adan_as_its_authors_write_it():
    start, gradients, losses = trajectory((4, 3), 1)
    b1, b2, b3, eta, decay, eps = 0.98, 0.92, 0.99, 1e-2, 0.1, 1e-8
    p, m, v, n, out = start.copy(), 0.0, 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        diff = g - gradients[t - 2] if t > 1 else np.zeros_like(g)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * diff
        n = b3 * n + (1 - b3) * (g + b2 * diff) ** 2
        root = np.sqrt(n) / np.sqrt(1 - b3**t) + eps
        p = (p - eta * m / (1 - b1**t) / root - eta * b2 / (1 - b2**t) * v / root) / (1 + eta * decay)
        out.append(p)
    same(ours(RULES["adan"], start, gradients, losses, lr=eta, weight_decay=decay), np.array(out))


# -- the papers' own statements, where neither library has the method ---------------------------------
def sgdw(p, g, t, s, lr=1e-2, momentum=0.9, weight_decay=1e-2):
    s["b"] = momentum * s.get("b", 0) + g
    return p * (1 - lr * weight_decay) - lr * s["b"]


def qhm(p, g, t, s, lr=0.1, momentum=0.999, nu=0.7, weight_decay=0.0):
    g = g + weight_decay * p
    s["m"] = s.get("m", 0) + (1 - momentum) * (g - s.get("m", 0))
    return p - lr * g + lr * nu * (g - s["m"])


def aggmo(p, g, t, s, lr=1e-2, betas=(0.0, 0.9, 0.99), weight_decay=0.0):
    g = g + weight_decay * p
    for i, beta in enumerate(betas):
        s[i] = beta * s.get(i, 0) - g
        p = p + lr / len(betas) * s[i]
    return p


def adabound(p, g, t, s, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, final_lr=0.1, gamma=1e-3, weight_decay=0.0):
    g = g + weight_decay * p
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["v"] = betas[1] * s.get("v", 0) + (1 - betas[1]) * g**2
    size = lr * np.sqrt(1 - betas[1] ** t) / (1 - betas[0] ** t)
    lower, upper = final_lr - final_lr / (gamma * t + 1), final_lr + final_lr / (gamma * t)
    return p - np.clip(size / (np.sqrt(s["v"]) + eps), lower, upper) * s["m"]


def diffgrad(p, g, t, s, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    g = g + weight_decay * p
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["v"] = betas[1] * s.get("v", 0) + (1 - betas[1]) * g**2
    friction = 0.5 * (1 + np.tanh(np.abs(s.get("g", 0) - g) / 2))
    s["g"] = g
    root = np.sqrt(s["v"] / (1 - betas[1] ** t)) + eps / np.sqrt(1 - betas[1] ** t)
    return p - lr * friction * s["m"] / (1 - betas[0] ** t) / root


PAPERS = [
    (sgdw, {}), (sgdw, {"momentum": 0.5, "weight_decay": 0.3}), (qhm, {}), (qhm, {"nu": 0.2, "weight_decay": 0.1}),
    (aggmo, {}), (aggmo, {"betas": (0.3, 0.5, 0.8), "weight_decay": 0.1}), (adabound, {}),
    (adabound, {"final_lr": 1e-4}),
    (adabound, {"final_lr": 0.03, "gamma": 0.1, "betas": (0.8, 0.95), "weight_decay": 0.1}), (diffgrad, {}),
    (diffgrad, {"betas": (0.8, 0.95), "weight_decay": 0.1, "eps": 0.1}),
]  # fmt: skip


@pytest.mark.parametrize(("paper", "given"), PAPERS)
def test_a_hundred_steps_as_the_paper_writes_them(paper, given):
    start, gradients, losses = trajectory((4, 3), 5)
    p, slots, out = start, {}, []
    for t, g in enumerate(gradients, 1):
        p = paper(p, g, t, slots, **given)
        out.append(p)
    same(ours(RULES[paper.__name__], start, gradients, losses, **given), np.array(out))


# -- PyTorch ------------------------------------------------------------------------------------
def theirs_of_torch(torch, name, start, gradients, **given):
    p = torch.tensor(start, requires_grad=True)
    opt = getattr(torch.optim, name)([p], **given)
    out = []
    for g in gradients:
        p.grad = torch.tensor(g)
        opt.step()
        out.append(p.detach().numpy().copy())
    return np.array(out)


@pytest.mark.parametrize("given", [
    {}, {"weight_decay": 0.1, "lr": 0.5}, {"d": 2.0, "eps": (1e-3, 0.5), "beta2_decay": -0.5},
])  # fmt: skip
@pytest.mark.parametrize("shape", [(4, 3), (5,), (), (2, 3, 4)], ids=str)
def test_adafactor_as_pytorch(shape, given):
    torch = pytest.importorskip("torch")
    start, gradients, losses = trajectory(shape, 3)
    mine = ours(RULES["adafactor"], start, gradients, losses, **given)
    same(mine, theirs_of_torch(torch, "Adafactor", start, gradients, **given))


@pytest.mark.parametrize("given", [{}, {"lr": 0.1, "betas": (0.5, 0.8), "eps": 0.1}])
def test_sparse_adam_as_pytorch_with_rows_that_come_and_go(given):
    torch = pytest.importorskip("torch")
    start, gradients, losses = trajectory((6, 3), 6)
    kept = np.random.default_rng(7).uniform(size=(STEPS, 6, 1)) < 0.4
    # In the rows that are there, an element may still be zero.
    gradients = [g * k * (np.arange(3) != t % 4) for t, (g, k) in enumerate(zip(gradients, kept, strict=True))]
    p = torch.tensor(start, requires_grad=True)
    opt, out = torch.optim.SparseAdam([p], **given), []
    for g in gradients:
        p.grad = torch.tensor(g).to_sparse(1)
        opt.step()
        out.append(p.detach().numpy().copy())
    same(ours(RULES["sparse_adam"], start, gradients, losses, **given), np.array(out))


MUON = [
    {}, {"nesterov": False, "weight_decay": 0.0, "momentum": 0.5}, {"adjust_lr_fn": "match_rms_adamw", "lr": 0.02},
    {"ns_coefficients": CUBIC, "ns_steps": 12, "adjust_lr_fn": "original"},
]  # fmt: skip


@pytest.mark.parametrize("given", MUON)
@pytest.mark.parametrize("shape", [(4, 3), (3, 5), (4, 4)], ids=str)
def test_muon_as_pytorch_would_run_in_float64(monkeypatch, shape, given):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    start, gradients, losses = trajectory(shape, 4)
    mine = ours(RULES["muon"], start, gradients, losses, **given)
    same(mine, theirs_of_torch(torch, "Muon", start, gradients, **given))


@pytest.mark.parametrize("shape", [(4, 3), (3, 5), (4, 4)], ids=str)
def test_muon_as_pytorch_runs_it_up_to_bfloat16(shape):
    """Bfloat16 keeps 8 bits, and five quintic iterations with a slope of 3.4 at zero widen what they cut off."""
    torch = pytest.importorskip("torch")
    start, gradients, losses = trajectory(shape, 4)
    mine, yours = ours(RULES["muon"], start, gradients, losses), theirs_of_torch(torch, "Muon", start, gradients)
    moved = np.abs(mine - start).max()
    assert 0 < np.abs(mine - yours).max() < 0.05 * moved


# -- TorchLean ----------------------------------------------------------------------------------
NEARLY_ORTHOGONAL = np.array([[1.0, 0.2], [0.0, 0.5], [0.3, 0.1]])


def test_the_identity_makes_orthogonal_momentum_plain_momentum():
    opt = tl.optim.OrthogonalMomentum({"w": np.array([[1.0]])}, lr=0.1, momentum=0.9)
    seen = []
    for _ in range(3):
        opt.step({"w": np.array([[1.0]])})
        seen.append(opt.params["w"].item())
    assert seen == pytest.approx([0.9, 0.71, 0.439], abs=1e-15)
    sgd = tl.optim.SGD({"w": np.array([[1.0]])}, lr=0.1, momentum=0.9)
    for _ in range(3):
        sgd.step({"w": np.array([[1.0]])})
    assert sgd.params["w"].item() == opt.params["w"].item()


@pytest.mark.parametrize(("orthogonalizer", "values"), [
    (newton_schulz(CUBIC, steps=20), (1.0, 1.0)),
    (newton_schulz(QUINTIC, steps=5), (1.1158041485, 0.6915062999)),
    (gram_schmidt, (1.0, 1.0)),
])  # fmt: skip
def test_singular_values_after_an_orthogonalizer(orthogonalizer, values):
    opt = tl.optim.OrthogonalMomentum({"w": np.zeros((3, 2))}, lr=1.0, orthogonalizer=orthogonalizer)
    opt.step({"w": NEARLY_ORTHOGONAL})
    assert np.linalg.svd(opt.params["w"], compute_uv=False) == pytest.approx(values, abs=1e-10)


def test_gram_schmidt_is_qr_with_positive_pivots():
    a = np.random.default_rng(0).normal(size=(6, 4))
    q, r = np.linalg.qr(a)
    opt = tl.optim.OrthogonalMomentum({"w": np.zeros((6, 4))}, lr=1.0, orthogonalizer=gram_schmidt)
    opt.step({"w": a})
    assert -opt.params["w"] == pytest.approx(q * np.sign(np.diag(r)), abs=1e-14)


def test_a_projector_keeps_the_step_in_its_subspace_and_the_identity_is_descent():
    rng = np.random.default_rng(1)
    g, basis = rng.normal(size=(5, 3)), np.linalg.qr(rng.normal(size=(5, 2)))[0]
    down, up = (lambda xp, g: xp.matmul(basis.T, g)), (lambda xp, s: xp.matmul(basis, s))
    opt = tl.optim.ProjectedSGD({"w": np.zeros((5, 3))}, lr=0.1, project=down, lift=up)
    opt.step({"w": g})
    assert opt.params["w"] == pytest.approx(-0.1 * basis @ basis.T @ g, abs=1e-15)
    plain, sgd = tl.optim.ProjectedSGD({"w": g}, lr=0.1), tl.optim.SGD({"w": g}, lr=0.1)
    plain.step({"w": g})
    sgd.step({"w": g})
    assert np.array_equal(plain.params["w"], sgd.params["w"])
