"""Exercises of lesson 11: schedules, warm-up, and the learning-rate finder."""

import math
from functools import cache
from types import SimpleNamespace

import numpy as np
from sklearn.datasets import load_digits

from torchlean_nb import optim, schedules
from torchlean_nb.engine import Session
from torchlean_nb.lessons.row import Exercise
from torchlean_nb.rows import OPS
from torchlean_nb.schedules import lr_scheduler
from torchlean_nb.shells.lr_find import lr_find


def after(scheduler: str, lr: float, steps: int, **hypers: float) -> float:
    """Rate in an optimizer that began with `lr`, after a scheduler has stepped."""
    opt = SimpleNamespace(param_groups=[{"lr": lr}])
    s = getattr(lr_scheduler, scheduler)(opt, **hypers)
    for _ in range(steps):
        s.step()
    return opt.param_groups[0]["lr"]


class Digits:
    """The network of lesson 11 with momentum, and its batches."""

    def __init__(self, lr: float = 0.1):
        pixels, digit = load_digits(return_X_y=True)
        self.pixels, self.digit = pixels / 16, digit
        self.train = np.random.default_rng(0).permutation(len(pixels))[:1347]
        self.s, rng = Session(), np.random.default_rng(0)
        W1 = self.s.param(rng.normal(0, (2 / 64) ** 0.5, (64, 64)))
        W2 = self.s.param(rng.normal(0, (2 / 64) ** 0.5, (64, 10)))
        self.p = (W1, self.s.param(np.zeros(64)), W2, self.s.param(np.zeros(10)))
        self.opt, self.rng = optim.SGD(list(self.p), lr=lr, momentum=0.9), np.random.default_rng(0)

    def loss(self, rows=None):
        """Loss of some rows, or of a batch."""
        rows = self.rng.choice(self.train, 64) if rows is None else rows
        W1, b1, W2, b2 = self.p
        return OPS["cross_entropy"](OPS["relu"](self.s.input(self.pixels[rows]) @ W1 + b1) @ W2 + b2, self.digit[rows])


@cache
def best_of_three() -> str:
    """Which of three rates that a finder speaks of leaves the lowest loss after five epochs."""
    probe = Digits()
    found = lr_find(probe.opt, probe.loss, low=1e-5, high=100.0, steps=100, smoothing=0.9)
    ends = {}
    for name, lr in {"tenth": found.tenth, "smallest": found.best, "limit": found.limit}.items():
        d = Digits(lr)
        losses = [d.s.step(d.opt, d.loss).loss for _ in range(210)]
        ends[name] = np.mean(losses[-42:])
    return min(ends, key=ends.__getitem__)


ROWS = (
    Exercise(
        "11.cosine",
        "A rate goes from 0.8 to 0 along half a cosine in 1200 steps. What is it after 200 steps?",
        "number",
        lambda: schedules.cosine(0.8, total=1200)(200),
        (
            ("straight", lambda: schedules.linear(0.8, total=1200)(200)),
            ("angle", lambda: 0.8 * math.cos(math.pi * 200 / 1200)),
            ("angle", lambda: 0.8 * math.cos(math.pi / 2 * 200 / 1200)),
            ("angle", lambda: 0.8 - schedules.cosine(0.8, total=1200)(200)),
        ),
        "Half a cosine goes from 1 to -1 while its angle goes from 0 to pi. Move and shrink it so that it ends at 0.",
        "It hardly falls at first: (1 + cos(pi/6))/2 of the first rate is left after a sixth of the way.",
    ),
    Exercise(
        "11.stairs",
        "StepLR(step_size=7, gamma=0.4) on an optimizer whose rate is 0.9. What is the rate after 20 steps of the "
        "scheduler?",
        "number",
        lambda: after("StepLR", 0.9, 20, step_size=7, gamma=0.4),
        (
            ("stairs", lambda: 0.9 * 0.4 ** (20 / 7)),
            ("stairs", lambda: 0.9 * 0.4 ** math.ceil(20 / 7)),
            ("stairs", lambda: 0.9 * (1 - 0.4) ** (20 // 7)),
        ),
        "How many whole periods of seven are over?",
        "Two whole periods are over, and the third is not.",
    ),
    Exercise(
        "11.warm",
        "LinearLR(start_factor=0.1, total_iters=8) on an optimizer whose rate is 0.05. What is the rate after 3 steps "
        "of the scheduler?",
        "number",
        lambda: after("LinearLR", 0.05, 3, start_factor=0.1, total_iters=8),
        (
            ("factor", lambda: schedules.linear_warmup(0.05, 8, start=0.1)(3)),
            ("factor", lambda: schedules.linear_warmup(0.05, 8)(3)),
            ("count", lambda: after("LinearLR", 0.05, 4, start_factor=0.1, total_iters=8)),
            ("count", lambda: after("LinearLR", 0.05, 2, start_factor=0.1, total_iters=8)),
        ),
        "start_factor is a part of the rate. Which part is it after three of the eight steps?",
        "The factor goes from 0.1 to 1 in eight equal parts, and the rate is multiplied by it.",
    ),
    Exercise(
        "11.finder",
        "A finder has been run for the digits with momentum 0.9. With which rate do you train?",
        "choice",
        best_of_three,
        (("bottom", lambda: "smallest"), ("bottom", lambda: "limit")),
        "What a rate does in one step is one thing. Ask what it does when it is kept for hundreds of steps.",
        "The loss is still falling fast there, and the rate can be kept.",
        words={
            "smallest": "the rate at which the smoothed loss is smallest",
            "tenth": "a tenth of it",
            "limit": "the last rate before the loss runs away",
        },
    ),
    Exercise(
        "11.units",
        "20 epochs of 3 batches each. CosineAnnealingLR(opt, T_max=60) on a rate of 0.6, and scheduler.step() once at "
        "the end of every epoch. What is the rate in the end?",
        "number",
        lambda: after("CosineAnnealingLR", 0.6, 20, T_max=60),
        (
            ("units", lambda: after("CosineAnnealingLR", 0.6, 60, T_max=60)),
            ("units", lambda: after("CosineAnnealingLR", 0.6, 20, T_max=20)),
            ("straight", lambda: schedules.linear(0.6, total=60)(20)),
            ("angle", lambda: 0.6 * math.cos(math.pi * 20 / 60)),
        ),
        "How often is step() called, and how many calls does the cosine need to come down?",
        "The scheduler counts its own calls. It was told 60 and has seen 20.",
    ),
)
