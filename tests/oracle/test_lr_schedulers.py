"""PyTorch's schedulers and ours side by side: rates and momenta, alone, chained, in sequence and resumed."""

from __future__ import annotations

import math
import random
import warnings
from types import SimpleNamespace

import pytest
import torch
from torch.optim import lr_scheduler as theirs
from torch.optim.swa_utils import SWALR

from torchlean_nb.schedules import lr_scheduler as ours

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:Detected call")]


class Pair:
    """A PyTorch optimizer with two groups, and groups like those for us."""

    def __init__(self, lrs=(0.5, 0.02), kind="sgd"):
        parameters = [torch.nn.Parameter(torch.zeros(1, dtype=torch.float64)) for _ in lrs]
        groups = [{"params": [p], "lr": lr} for p, lr in zip(parameters, lrs, strict=True)]
        self.torch = torch.optim.SGD(groups, momentum=0.9) if kind == "sgd" else torch.optim.Adam(groups)
        extra = {"momentum": 0.9} if kind == "sgd" else {"betas": (0.9, 0.999)}
        self.ours = SimpleNamespace(param_groups=[{"lr": lr, **extra} for lr in lrs])

    def build(self, make):
        self.a, self.b = make(Library(theirs), self.torch), make(Library(ours), self.ours)
        return self

    def same(self, k):
        for x, y in zip(self.torch.param_groups, self.ours.param_groups, strict=True):
            for name in ("lr", "momentum", "betas"):
                if name in y:
                    scale = max(g["initial_lr"] for g in self.torch.param_groups)
                    assert y[name] == pytest.approx(x[name], rel=1e-12, abs=1e-14 * scale), (k, name)
        assert self.b.get_last_lr() == pytest.approx([float(v) for v in self.a.get_last_lr()], rel=1e-12, abs=1e-14)

    def run(self, steps=120):
        self.same(0)
        for k in range(1, steps + 1):
            self.torch.step()
            self.a.step()
            self.b.step()
            self.same(k)


class Library:
    def __init__(self, module):
        self.module = module

    def __getattr__(self, name):
        return SWALR if name == "SWALR" and self.module is theirs else getattr(self.module, name)


ALONE = {
    "lambda": lambda m, o: m.LambdaLR(o, lambda k: 0.95**k),
    "lambdas": lambda m, o: m.LambdaLR(o, [lambda k: 0.95**k, lambda k: 1 / (k + 1)]),
    "multiplicative": lambda m, o: m.MultiplicativeLR(o, lambda k: 1 - 0.5 / (k + 1)),
    "step": lambda m, o: m.StepLR(o, 7, gamma=0.5),
    "multistep": lambda m, o: m.MultiStepLR(o, [3, 8, 40], gamma=0.3),
    "constant": lambda m, o: m.ConstantLR(o, factor=0.25, total_iters=9),
    "linear": lambda m, o: m.LinearLR(o, start_factor=0.1, end_factor=0.7, total_iters=50),
    "linear to 0": lambda m, o: m.LinearLR(o, start_factor=1.0, end_factor=0.0, total_iters=30),
    "exponential": lambda m, o: m.ExponentialLR(o, 0.97),
    "polynomial": lambda m, o: m.PolynomialLR(o, total_iters=60, power=2.0),
    "cosine": lambda m, o: m.CosineAnnealingLR(o, T_max=25),
    "cosine with a floor": lambda m, o: m.CosineAnnealingLR(o, T_max=17, eta_min=0.01),
    "cosine of 1": lambda m, o: m.CosineAnnealingLR(o, T_max=1),
    "restarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, T_0=10),
    "restarts, longer": lambda m, o: m.CosineAnnealingWarmRestarts(o, T_0=5, T_mult=2, eta_min=1e-3),
    "swa": lambda m, o: m.SWALR(o, swa_lr=0.1, anneal_epochs=20),
    "swa, linear": lambda m, o: m.SWALR(o, swa_lr=[0.1, 0.2], anneal_epochs=20, anneal_strategy="linear"),
    "swa at once": lambda m, o: m.SWALR(o, swa_lr=0.1, anneal_epochs=0),
    "cyclic": lambda m, o: m.CyclicLR(o, 0.1, 1.0, step_size_up=7, step_size_down=4),
    "cyclic, halved": lambda m, o: m.CyclicLR(o, [0.1, 0.2], [1.0, 0.5], step_size_up=8, mode="triangular2"),
    "cyclic, decayed": lambda m, o: m.CyclicLR(o, 0.1, 1.0, step_size_up=8, mode="exp_range", gamma=0.99),
    "cyclic, scaled": lambda m, o: m.CyclicLR(o, 0.1, 1.0, 8, scale_fn=lambda c: 1 / c, scale_mode="cycle"),
    "cyclic, scaled by steps": lambda m, o: m.CyclicLR(
        o, 0.1, 1.0, 8, scale_fn=lambda k: 0.98**k, scale_mode="iterations"),
}  # fmt: skip
ONE_CYCLE = [
    {"total_steps": 121}, {"total_steps": 121, "anneal_strategy": "linear", "pct_start": 0.25, "div_factor": 10.0},
    {"epochs": 11, "steps_per_epoch": 11, "three_phase": True, "pct_start": 0.4},
    {"total_steps": 121, "three_phase": True, "anneal_strategy": "linear"},
    {"total_steps": 121, "cycle_momentum": False}, {"total_steps": 121, "pct_start": 0.0},
]  # fmt: skip


@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize("name", ALONE)
def test_alone(name, kind):
    Pair(kind=kind).build(ALONE[name]).run()


@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize("options", ONE_CYCLE, ids=str)
def test_one_cycle(options, kind):
    Pair(kind=kind).build(lambda m, o: m.OneCycleLR(o, [1.0, 0.3], **options)).run(120)


CHAINED = {
    "constant, exponential": ("constant", "exponential"), "exponential, constant": ("exponential", "constant"),
    "cosine, step, linear": ("cosine with a floor", "step", "linear"), "step, cosine": ("step", "cosine"),
    "polynomial, multistep": ("polynomial", "multistep"), "lambda, step": ("lambda", "step"),
    "exponential, swa": ("exponential", "swa"), "multiplicative, exponential": ("multiplicative", "exponential"),
    "exponential, cyclic": ("cyclic", "exponential"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINED)
def test_chained(name):
    Pair().build(lambda m, o: m.ChainedScheduler([ALONE[n](m, o) for n in CHAINED[name]])).run()


SEQUENCES = {
    "warmup, cosine": (("linear", "cosine"), [10]), "constant, exponential, step": (
        ("constant", "exponential", "step"), [12, 30]),
    "linear, restarts": (("linear", "restarts, longer"), [7]), "exponential, lambda": (("exponential", "lambda"), [20]),
    "multistep, polynomial": (("multistep", "polynomial"), [45]),
    "exponential, multiplicative": (("exponential", "multiplicative"), [9]),
}  # fmt: skip


@pytest.mark.parametrize("name", SEQUENCES)
def test_in_sequence(name):
    parts, milestones = SEQUENCES[name]
    Pair().build(lambda m, o: m.SequentialLR(o, [ALONE[n](m, o) for n in parts], milestones)).run()


# PyTorch's restarts with T_mult > 1 resume in the wrong cycle; ours are a function of the step. SWALR counts its own.
OTHERS = ("swa", "swa, linear", "swa at once", "restarts, longer")


@pytest.mark.parametrize("name", [n for n in ALONE if n not in OTHERS])
@pytest.mark.parametrize("cut", [1, 7, 8, 9, 24])
def test_resumed_by_last_epoch(name, cut):
    """The optimizer's groups are as they were, and a new scheduler goes on from them."""
    pair = Pair().build(ALONE[name])
    pair.run(cut)

    def again(m, o):
        cls, options = type(pair.b).__name__, RESUME[name]
        return getattr(m, cls)(o, *options[0], **options[1], last_epoch=cut - 1)

    pair.build(again).run(60)


def _options(make):
    """Arguments with which an entry of the table calls a class."""
    caught = []

    class Spy:
        def __getattr__(self, name):
            return lambda o, *args, **options: caught.append((args, options))

    make(Spy(), None)
    return caught[0]


RESUME = {name: _options(make) for name, make in ALONE.items()}


def test_restarts_take_fractions_of_a_step():
    pair = Pair().build(ALONE["restarts, longer"])
    for epoch in (0.25, 0.5, 4.75, 5, 7.5, 36.3, 2, None, None, 14.9, None):
        args = () if epoch is None else (epoch,)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pair.a.step(*args)
        pair.b.step(*args)
        pair.same(epoch)
        assert pair.a.last_epoch == pair.b.last_epoch


PLATEAUS = [
    {}, {"factor": 0.5, "patience": 2, "cooldown": 3}, {"mode": "max", "patience": 1, "threshold": 0.05},
    {"threshold_mode": "abs", "threshold": 0.2, "patience": 3}, {"mode": "max", "threshold_mode": "abs", "patience": 0},
    {"patience": 0, "min_lr": [0.1, 0.001]}, {"patience": 0, "eps": 0.01},
]  # fmt: skip


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_plateau(options):
    pair = Pair().build(lambda m, o: m.ReduceLROnPlateau(o, **options))
    for g in pair.torch.param_groups:
        g["initial_lr"] = g["lr"]
    for k in range(120):
        metric = math.cos(k / 9) / (1 + k / 20)
        pair.a.step(metric)
        pair.b.step(metric)
        pair.same(k)
        assert (pair.a.num_bad_epochs, pair.a.cooldown_counter) == (pair.b.num_bad_epochs, pair.b.cooldown_counter)


def test_a_rate_changed_by_hand_is_kept_and_multiplied():
    pair = Pair().build(ALONE["cosine with a floor"])
    pair.run(5)
    for optimizer in (pair.torch, pair.ours):
        optimizer.param_groups[0]["lr"] = 0.123
    for k in range(60):
        pair.a.step()
        pair.b.step()
        pair.same(k)


def _random_part(rng):
    """A chainable scheduler with random options."""
    n, g, milestones = rng.randint(2, 40), rng.uniform(0.3, 1.1), sorted(rng.sample(range(1, 50), 3))
    return rng.choice([
        lambda m, o: m.StepLR(o, n, gamma=g),
        lambda m, o: m.MultiStepLR(o, milestones, gamma=g),
        lambda m, o: m.ConstantLR(o, factor=min(g, 1.0), total_iters=n),
        lambda m, o: m.LinearLR(o, start_factor=min(g, 1.0), end_factor=0.6, total_iters=n),
        lambda m, o: m.ExponentialLR(o, gamma=0.9 + g / 10),
        lambda m, o: m.PolynomialLR(o, total_iters=n + 60, power=g * 2),
        lambda m, o: m.CosineAnnealingLR(o, T_max=n, eta_min=0.003),
        lambda m, o: m.MultiplicativeLR(o, lambda k: 1 - g / (k + 5)),
    ])  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_random_chains_and_sequences(seed):
    rng = random.Random(seed)
    parts = [_random_part(rng) for _ in range(rng.randint(2, 4))]
    milestones = sorted(rng.sample(range(1, 70), len(parts) - 1))
    if seed % 2:
        Pair().build(lambda m, o: m.ChainedScheduler([p(m, o) for p in parts])).run(70)
    else:
        Pair().build(lambda m, o: m.SequentialLR(o, [p(m, o) for p in parts], milestones)).run(80)
