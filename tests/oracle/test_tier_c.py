"""Second opinions on the classics and the popular extras: pytorch_optimizer, and the projections of optax."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.optim import projections
from torchlean_nb.updates import RULES

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
STEPS, CLOSE = 100, 1e-12
SHAPES = ((4, 3), (5,), (2, 3, 4))
SLOW = {"weight_decay": 0.1, "lr": 0.01}

# Class in pytorch_optimizer, and the settings under which each rule is compared beside its defaults.
THEIRS = {
    "qhadam": ("QHAdam", [{"nus": (0.7, 0.9), "weight_decay": 0.1}]),
    "adamod": ("AdaMod", [{"betas": (0.8, 0.9, 0.95), "weight_decay": 0.1, "eps": 1e-3}]),
    "laprop": ("LaProp", [{"betas": (0.8, 0.9), "eps": 1e-3, **SLOW}]),
    "padam": ("PAdam", [{"partial": 0.4, "eps": 0.1, **SLOW}]),
    "grams": ("Grams", [{"betas": (0.8, 0.9), "eps": 1e-3, **SLOW}]),
    "stable_adamw": ("StableAdamW", [{"betas": (0.8, 0.9), "eps": 1e-3, **SLOW}]),
    "mars": ("MARS", [{"gamma": 0.3, "betas": (0.8, 0.9), "eps": 1e-3, **SLOW}]),
    "avagrad": ("AvaGrad", [{"betas": (0.8, 0.9), "eps": 1e-3, **SLOW}]),
    "came": ("CAME", [{"betas": (0.8, 0.9, 0.95), "clip": 0.5, **SLOW}]),
    "pid": ("PID", [{"momentum": 0.9}, {"momentum": 0.8, "dampening": 0.3, "derivative": 2.0, **SLOW}]),
    "accsgd": ("AccSGD", [{"kappa": 100.0, "xi": 5.0, "constant": 0.5, **SLOW}]),
    "sgdp": ("SGDP", [{"momentum": 0.9, "delta": d, "dampening": 0.2, **SLOW} for d in (0.4, 2.0)]),
    "adamp": ("AdamP", [{"delta": d, "wd_ratio": 0.3, "nesterov": True, **SLOW} for d in (0.4, 2.0)]),
    "swats": ("SWATS", [{"eps": 0.3, **SLOW}, {"eps": 0.1, "betas": (0.5, 0.8)}]),
    "tiger": ("Tiger", [{"beta": 0.8, **SLOW}]),
    "ftrl": ("FTRL", [{"beta": 1.0, "lr": 0.1}, {"lambda1": 3.0, "lambda2": 0.5, "lr": 0.3}]),
    "kate": ("Kate", [{"delta": 0.1, "eps": 0.1, **SLOW}]),
    "sgd_sai": ("SGDSaI", [{"momentum": 0.5, "eps": 0.1}]),
    "adai": ("Adai", [{"dampening": 0.5, "eps": 0.1, **SLOW}]),
    "msvag": ("MSVAG", [{"beta": 0.99}, {"beta": 0.5, "lr": 0.1}]),
    "pnm": ("PNM", [{"betas": (0.8, 0.5), **SLOW}]),
    "gravity": ("Gravity", [{"beta": 0.5, "lr": 0.1}]),
    "adashift": ("AdaShift", [{"keep": 3, "betas": (0.8, 0.9), "eps": 1e-3}]),
    "grokfast_adamw": ("GrokFastAdamW", [{"alpha": 0.9, "lamb": 0.5, "eps": 0.1, **SLOW}]),
    "adanorm": ("AdaNorm", [{"r": 0.8, "betas": (0.8, 0.9), "eps": 1e-3, **SLOW}]),
    "adasmooth": ("AdaSmooth", [{"betas": (0.2, 0.9), "eps": 1e-2, **SLOW}]),
    "ano": ("Ano", [{"betas": (0.8, 0.9), "eps": 1e-3, **SLOW}]),
    "adams": ("AdamS", [{"betas": (0.8, 0.9), "eps": 1e-3, **SLOW}]),
    "shampoo": ("Shampoo", [{"eps": 0.1, **SLOW}]),
    "soap": ("SOAP", [{"betas": (0.8, 0.9), "eps": 1e-3, "frequency": 3, **SLOW}]),
}
# What pytorch_optimizer calls otherwise, and what it is told so that it runs the method by itself.
NAMES = {
    "adashift": {"keep": "keep_num"}, "grokfast_adamw": {"alpha": "grokfast_alpha", "lamb": "grokfast_lamb"},
    "came": {"clip": "clip_threshold"}, "ftrl": {"lambda1": "lambda_1", "lambda2": "lambda_2"},
    "shampoo": {"eps": "matrix_eps"}, "soap": {"frequency": "precondition_frequency"},
}  # fmt: skip
TOLD = {"mars": {"optimize_1d": True}, "gravity": {"alpha": 0.0}}
MATRICES = {"shampoo", "soap"}
RUNS = [
    pytest.param(name, given, id=f"{name}-{i}")
    for name, (_, more) in THEIRS.items() for i, given in enumerate([{}, *more])
]  # fmt: skip


def trajectory(shape, seed, steps=STEPS):
    """A starting point, and gradients for every step."""
    rng = np.random.default_rng(seed)
    scale = np.exp(rng.normal(size=shape))
    return np.asarray(rng.normal(size=shape)), [np.asarray(scale * rng.normal(size=shape) + 0.3) for _ in range(steps)]


def ours(name, start, gradients, **given):
    """Parameters after every step."""
    opt = getattr(tl.optim, RULES[name].class_name)({"w": start}, **given)
    out = []
    for g in gradients:
        opt.step({"w": g})
        out.append(opt.params["w"])
    return np.array(out)


def theirs(name, start, gradients, **given):
    """Parameters of the same run in pytorch_optimizer."""
    torch, library = pytest.importorskip("torch"), pytest.importorskip("pytorch_optimizer")
    p = torch.tensor(start, requires_grad=True)
    given = {NAMES.get(name, {}).get(k, k): v for k, v in given.items()} | TOLD.get(name, {})
    opt = getattr(library, THEIRS[name][0])([p], foreach=False, **given)
    out = []
    for g in gradients:
        p.grad = torch.tensor(g)
        opt.step()
        out.append(p.detach().numpy().copy())
    return np.array(out)


def same(a, b, close=CLOSE):
    """Equal up to a fraction of the largest element."""
    assert a.shape == b.shape
    assert np.abs(a - b).max() <= close * np.abs(b).max()


@pytest.fixture
def exactly(monkeypatch):
    """The library without its safeguards: what it keeps in 32 bits, and its 1e-15 under every root."""
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("pytorch_optimizer")
    monkeypatch.setattr(torch, "float32", torch.float64)
    monkeypatch.setattr(library.base.optimizer.BaseOptimizer.apply_ams_bound, "__defaults__", (0.0,))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("name", "given"), RUNS)
def test_a_hundred_steps_as_pytorch_optimizer_takes_them(exactly, name, given, shape):
    shape = shape if name not in MATRICES else shape[:2]
    start, gradients = trajectory(shape, len(shape))
    same(ours(name, start, gradients, **given), theirs(name, start, gradients, **given))


@pytest.mark.parametrize("name", THEIRS)
def test_gradients_of_zero_are_taken_as_pytorch_optimizer_takes_them(exactly, name):
    """First steps without any, elements without any for long: where a quotient has to be defined."""
    start, gradients = trajectory((4, 3), 9)
    seen = (np.arange(12) % 4 > 0).reshape(4, 3)
    gradients = [g * (seen | (t > 20)) * (t not in (0, 1, 7)) for t, g in enumerate(gradients)]
    for first in (start, start * seen, np.zeros_like(start)):
        same(ours(name, first, gradients), theirs(name, first, gradients))


def test_avagrad_takes_its_mean_over_all_parameters_as_pytorch_optimizer_does(exactly):
    torch, library = pytest.importorskip("torch"), pytest.importorskip("pytorch_optimizer")
    paths = {k: trajectory(shape, i) for i, (k, shape) in enumerate({"a": (4, 3), "b": (5,)}.items())}
    mine = tl.optim.AvaGrad({k: start for k, (start, _) in paths.items()})
    tensors = {k: torch.tensor(start, requires_grad=True) for k, (start, _) in paths.items()}
    other = library.AvaGrad(list(tensors.values()), foreach=False)
    for t in range(STEPS):
        mine.step({k: g[t] for k, (_, g) in paths.items()})
        for k, p in tensors.items():
            p.grad = torch.tensor(paths[k][1][t])
        other.step()
        for k, p in tensors.items():
            same(mine.params[k], p.detach().numpy())


# -- projections --------------------------------------------------------------------------------------
NORMAL = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])
SETS = [
    ("non_negative", ()), ("box", (-0.3, 0.7)), ("box", (NORMAL - 1, NORMAL)), ("simplex", ()), ("simplex", (2.5,)),
    ("l1_sphere", ()), ("l1_sphere", (7.0,)), ("l1_ball", ()), ("l1_ball", (3.0,)), ("l2_sphere", (0.5,)),
    ("l2_ball", ()), ("l2_ball", (2.0,)), ("linf_ball", ()), ("linf_ball", (0.2,)), ("hyperplane", (NORMAL, 1.5)),
    ("halfspace", (NORMAL, 1.5)), ("halfspace", (NORMAL, -8.0)),
]  # fmt: skip


@pytest.fixture(scope="module")
def optax():
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield pytest.importorskip("optax")
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("size", [0.1, 1.0, 10.0])
@pytest.mark.parametrize(("name", "numbers"), SETS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(SETS)])
def test_nearest_points_as_optax_finds_them(optax, name, numbers, size):
    for seed in range(5):
        x = size * np.random.default_rng(seed).normal(size=NORMAL.shape)
        mine = getattr(projections, f"project_{name}")(numpy_namespace(), x, *numbers)
        same(mine, np.asarray(getattr(optax.projections, f"projection_{name}")(x, *numbers)))
