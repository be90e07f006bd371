"""Lesson 21: a published run to the last digit, and what becomes of it when one detail is changed."""

from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np

from torchlean_nb import nn, optim
from torchlean_nb.data import Dataset, regression_grid
from torchlean_nb.lessons.row import Exercise
from torchlean_nb.render.lesson_curves import SIZE, Line, curves_body
from torchlean_nb.render.lesson_deck import Deck, Frame, Knob
from torchlean_nb.train import OptimizerConfig, Runner, TrainConfig, regression, train_samples

SEED, STEPS, RATE, HELD_OUT = 2026, 200, 0.03, ((0.25, -0.75),)
PRINTED = {"loss, step 0": 0.7615300930, "loss, step 20": 0.4598764097, "loss, step 200": 0.0032336311,
           "held-out, step 200": 0.2102388}  # fmt: skip
LAST, DIGITS = "loss, step 200", 7
CHANGES = ("PyTorch's first weights", "float32", "samples in another order", "mean of 5 samples per update", "eps 1e-6")


def bent(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The surface that is learned."""
    return 0.8 * np.maximum(a + b, 0) - 0.4 * np.maximum(b - a, 0) + 0.2


def grid() -> Dataset:
    """25 points of it, the first coordinate changing slowest."""
    return regression_grid(-1, 1, 5, bent)


def start(init: str = "torchlean", dtype: str = "float64") -> Runner:
    """The network of the quickstart, untrained."""
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    return regression(model).instantiate(seed=SEED, init=init, dtype=dtype)


class Run(NamedTuple):
    """Mean losses every ten steps, and the prediction at the held-out point in the end."""

    losses: dict[int, float]
    held_out: float

    @property
    def numbers(self) -> dict[str, float]:
        """The four numbers by the names they have in `PRINTED`."""
        return dict(zip(PRINTED, (self.losses[0], self.losses[20], self.losses[STEPS], self.held_out), strict=True))


@cache
def run(torch: int = 0, single: int = 0, turned: int = 0, batched: int = 0, eps: int = 0) -> Run:
    """200 updates with some details changed."""
    data, runner = grid(), start("torch" if torch else "torchlean", "float32" if single else "float64")
    opt = optim.Adam(runner.net.parameters(), lr=RATE, eps=1e-6 if eps else 1e-8)
    rows = np.arange(25).reshape(5, 5).T.ravel() if turned else np.arange(25)
    size, losses = 5 if batched else 1, {}
    for step in range(STEPS + 1):
        if step % 10 == 0:
            losses[step] = float(np.square(runner.predict(data.X) - data.y).mean())
        if step < STEPS:
            now = rows[np.arange(step * size, step * size + size) % 25]
            runner.step(opt, data.X[now], data.y[now])
    return Run(losses, float(runner.predict(np.array(HELD_OUT))[0, 0]))


def agree(found: float, printed: float, most: int) -> int:
    """How many leading digits are those that were printed.

    Examples
    --------
    >>> agree(0.21023884, 0.2102388, 7), agree(0.2102, 0.2102388, 7)
    (7, 4)
    """
    ours, theirs = (f"{v:.{most - 1}e}".replace(".", "").split("e") for v in (found, printed))
    same = [a == b for a, b in zip(ours[0], theirs[0], strict=False)] if ours[1] == theirs[1] else [False]
    return (*same, False).index(False)


def workbench() -> Deck:
    """Every choice of details to change, and how much of the published run is left."""
    frames, published = {}, run()
    for at in product((0, 1), repeat=len(CHANGES)):
        mine = run(*at)
        digits = {k: agree(v, PRINTED[k], DIGITS) for k, v in mine.numbers.items()}
        rows = tuple((k, f"{PRINTED[k]:.{DIGITS}g}", f"{v:.{DIGITS}g}", f"{digits[k]} of {DIGITS}")
                     for k, v in mine.numbers.items())  # fmt: skip
        same = all(n == DIGITS for n in digits.values())
        changed = ", ".join(c for c, on in zip(CHANGES, at, strict=True) if on) or "nothing"
        last = f"{mine.losses[STEPS]:.{DIGITS}g}"
        left = "all digits are there" if same else f"{digits[LAST]} of its {DIGITS} digits are those printed"
        says = f"Changed: {changed}. Loss after {STEPS} steps {last}, {left}."
        lines = [Line("published run", list(published.losses), list(published.losses.values()), "#7d868f", "none", 5),
                 Line("yours", list(mine.losses), list(mine.losses.values()), "#D55E00"),
                 Line("printed", (0, 20, STEPS), [PRINTED[k] for k in list(PRINTED)[:3]], "#0072B2", dots=True)]
        frames[at] = Frame(curves_body(lines, f"mean loss; after {STEPS} steps {last}", span=(1e-4, 3.0)), says, rows)
    knobs = tuple(Knob(label, ("off", "on"), 0, "tick") for label in CHANGES)
    return Deck("Change a detail", knobs, frames, ("number", "printed", "yours", "digits"), SIZE)


# -- exercises -----------------------------------------------------------------------------------
@cache
def first_loss(updates: int) -> float:
    """Loss of the first sample after so many updates."""
    runner, data = start(), grid()
    config = TrainConfig(updates, optimizer=OptimizerConfig.adam(RATE), log_every=0)
    train_samples(runner, config, data)
    return runner.mean_loss(data[:1])


@cache
def updates(steps: int, batch_size: int) -> int:
    """Updates that TorchLean's loop makes, counted."""
    runner = start()
    calls = 0

    def counting(params):
        opt = optim.SGD(params, lr=0.0)
        step = opt.step

        def count(*args, **kwargs):
            nonlocal calls
            calls += 1
            return step(*args, **kwargs)

        opt.step = count
        return opt

    train_samples(runner, TrainConfig(steps, batch_size=batch_size, optimizer=counting, log_every=0), grid())
    return calls


@cache
def harmless() -> str:
    """The change that leaves every digit."""
    data, runner = grid(), start()
    runner.session.seed(7)
    report = train_samples(runner, TrainConfig(STEPS, optimizer=OptimizerConfig.adam(RATE), log_every=0), data)
    left = {"stream": report.after, "order": run(turned=1).losses[STEPS], "eps": run(eps=1).losses[STEPS]}
    return min(left, key=lambda k: abs(left[k] - PRINTED[LAST]))


def culprit() -> str:
    """What makes the first loss agree in seven digits and the last one in four: tried out."""
    tries = {"rounding": run(single=1), "weights": run(torch=1), "order": run(turned=1)}
    steps = (0, STEPS)
    seen = {k: tuple(agree(r.losses[s], PRINTED[f"loss, step {s}"], DIGITS) for s in steps) for k, r in tries.items()}
    return next(k for k, digits in seen.items() if digits == (7, 4))


ROWS = (
    Exercise(
        "21.before",
        "The run prints `step 0: loss=0.000866`. What is the loss of that same sample before the first update?",
        "number",
        lambda: first_loss(0),
        (
            ("after", lambda: first_loss(1)),
            ("sample", lambda: run().losses[0]),
        ),
        "A fresh runner, and the mean loss of the first sample alone: data[:1].",
        "TorchLean prints after the update. The step was long: it took most of the loss of this sample.",
    ),
    Exercise(
        "21.updates",
        "TorchLean's loop with steps=60 and batch_size=7. How many updates does the optimizer make?",
        "number",
        lambda: updates(60, 7),
        (("grouped", lambda: 60), ("grouped", lambda: 60 / 7), ("grouped", lambda: 60 * 25)),
        "Each sample makes an update of its own. What does batch_size decide then?",
        "In each step every one of the 7 samples makes an update: batch_size only groups them for the log.",
        exact=True,
    ),
    Exercise(
        "21.harmless",
        "One of these changes leaves every digit of the quickstart as it is. Which?",
        "choice",
        harmless,
        (("detail", lambda: "order"), ("detail", lambda: "eps")),
        "Does this network draw anything at random while it trains?",
        "Without dropout nothing is drawn after the first weights, so the stream may stand anywhere.",
        words={
            "order": "the samples in another order",
            "stream": "another seed for the session's random stream, after the weights were drawn",
            "eps": "Adam with eps = 1e-6",
        },
    ),
    Exercise(
        "21.single",
        "A port of the quickstart in float32: the first loss agrees in seven digits, the last one in four. Why?",
        "choice",
        culprit,
        (("pattern", lambda: "weights"), ("pattern", lambda: "order")),
        "In the widget, change one detail at a time and read the table from the top.",
        "A rounding error of the seventh digit is there from the first step on, and 200 steps make it larger.",
        words={
            "rounding": "rounding: float32 keeps seven digits, and a run amplifies what it loses",
            "weights": "the first weights are others", "order": "the samples come in another order",
        },
    ),
)
