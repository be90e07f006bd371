"""Lesson 20: a run that is stopped and taken up again, with parts of its state left out."""

from functools import cache
from itertools import product
from typing import Any

import numpy as np

from torchlean_nb import nn, optim
from torchlean_nb.data import DataLoader, Dataset
from torchlean_nb.lessons.depth import digits
from torchlean_nb.lessons.row import Exercise
from torchlean_nb.render.lesson_curves import SIZE, Line, curves_body
from torchlean_nb.render.lesson_deck import Deck, Frame, Knob
from torchlean_nb.render.numbers import fmt
from torchlean_nb.train import Trainer

STOP, MORE, SHOWN, BATCH, LR = 60, 30, 20, 64, 0.03
PARTS = ("weights", "m", "v", "t", "random stream", "place in the data")
State = dict[str, Any]


@cache
def data() -> Dataset:
    """The training digits."""
    X, y, train, _ = digits()
    return Dataset(X[train], y[train])


def trainer() -> Trainer:
    """The run of the lesson at its beginning."""
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 10))
    return Trainer(model, "classification", lambda params: optim.Adam(params, lr=LR))


def losses(run: Trainer, steps: int) -> np.ndarray:
    """Losses of further steps, each before its update."""
    found = run.fit(data(), steps=steps, batch_size=BATCH, progress=False, metrics=()).run.series["loss"]
    return found.values[-steps:]


@cache
def stopped() -> tuple[State, np.ndarray, np.ndarray]:
    """State after 60 steps, the losses until then, and those of the same run going on."""
    run = trainer()
    before = losses(run, STOP)
    state = run.state_dict()
    return state, before, losses(run, MORE)


@cache
def resumed(kept: tuple[int, ...]) -> np.ndarray:
    """Losses of a new run that takes over the parts that are kept, and has the others as they are in a new run."""
    state, run = dict(stopped()[0]), trainer()
    fresh, on = run.state_dict(), dict(zip(PARTS, kept, strict=True))
    state["model"] = (state if on["weights"] else fresh)["model"]
    state["rng"] = (state if on["random stream"] else fresh)["rng"]
    state["loader"] = (state if on["place in the data"] else fresh)["loader"]
    lost = [key for key, part in (("m", "m"), ("v", "v"), ("step", "t")) if not on[part]]
    cells = {i: {k: a * (k not in lost) for k, a in cell.items()}
             for i, cell in state["optimizer"]["state"].items()}  # fmt: skip
    state["optimizer"] = {**state["optimizer"], "state": cells}
    run.load_state_dict(state)
    return losses(run, MORE)


def parting(found: np.ndarray) -> int | None:
    """Number of the first step after the stop, from 1, whose loss is not that of the run that went on."""
    differ = np.flatnonzero(found != stopped()[2])
    return int(differ[0]) + 1 if len(differ) else None


def time_machine() -> Deck:
    """Every choice of what to restore, and the losses that follow."""
    _, before, after = stopped()
    steps = list(range(1 - SHOWN, MORE + 1))
    went_on = Line("never stopped", steps, [*before[-SHOWN:], *after], "#7d868f", wide=5)
    high, frames = 4 * float(before[-SHOWN:].max()), {}
    for kept in product((0, 1), repeat=len(PARTS)):
        found = resumed(kept)
        at = parting(found)
        lost = [p for p, on in zip(PARTS, kept, strict=True) if not on]
        said = "Everything is restored" if not lost else f"Not restored: {', '.join(lost)}"
        if at is None:
            says = f"{said}. All {MORE} losses are the same, bit for bit."
        else:
            times = fmt(found[at - 1] / after[at - 1], 3)
            says = f"{said}. The first loss that differs is that of step {at} after the stop: {times} times as large."
        line = Line("resumed", steps[SHOWN:], found, "#D55E00")
        rows = tuple((str(k), fmt(after[k - 1], 4), fmt(found[k - 1], 4), _ratio(found[k - 1], after[k - 1]))
                     for k in (1, 2, 3, 4, 5, 10, 20, MORE))  # fmt: skip
        beyond = f", beyond the picture up to {fmt(found.max(), 3)}" if found.max() > high else ""
        body = curves_body([went_on, line], f"loss of the batch{beyond}", "step after the stop", (0.03, high),
                           (0.5, "stop"))  # fmt: skip
        frames[kept] = Frame(body, says, rows)
    knobs = tuple(Knob(part, ("off", "on"), 1, "tick") for part in PARTS)
    head = "step after the stop", "never stopped", "resumed", "ratio"
    return Deck("Resume time machine: what is restored", knobs, frames, head, SIZE)


def _ratio(a: float, b: float) -> str:
    return "equal" if a == b else fmt(a / b, 4)


# -- exercises -----------------------------------------------------------------------------------
def without_state() -> str:
    """When the loss first differs if the optimizer begins anew."""
    return {None: "never", 1: "first", 2: "second"}[parting(resumed((1, 0, 0, 0, 1, 1)))]


@cache
def shorter(lost: tuple[str, ...] = ("step",)) -> float:
    """Length of the next step of Adam when a part of its state is lost, over its length otherwise."""

    def opened() -> Any:
        return optim.Adam({"w": np.zeros(1)}, lr=0.1, betas=(0.75, 0.99), eps=1e-12)

    opt = opened()
    for _ in range(2000):
        opt.step({"w": np.ones(1)})
    state, lengths = opt.state_dict(), []
    for keys in ((), lost):
        now, cell = opened(), state["state"][0]
        cell = {k: a * (k not in keys) for k, a in cell.items()}
        now.load_state_dict({**state, "state": {0: cell}})
        now.step({"w": np.ones(1)})
        lengths.append(abs(float(now.params["w"][0])))
    return lengths[1] / lengths[0]


def seen(steps: int, batch: int, drop_last: bool = False) -> int:
    """Samples of the running epoch that have been used, asked from a loader."""
    loader = DataLoader(data(), batch, drop_last=drop_last)
    for _ in range(steps):
        loader.next_batch()
    return loader.batch * batch


def missing() -> str:
    """What has to be restored besides weights, m, v and t for the same bits."""
    everything, streams = resumed((1,) * 6), resumed((1, 1, 1, 1, 0, 0))
    return "streams" if parting(everything) is None and parting(streams) is not None else "chance"


ROWS = (
    Exercise(
        "20.first",
        "Weights, random stream and place in the data are restored, but Adam begins anew. Which loss is the first that "
        "differs from the run that was never stopped?",
        "choice",
        without_state,
        (("M25", lambda: "never"), ("before", lambda: "first")),
        "The loss of a step is computed before its update. What does it depend on?",
        "The next loss has the same weights, digits and dropout. Then comes the update, and that needs m and v.",
        words={"never": "none", "first": "the first one after the stop", "second": "the second one"},
    ),
    Exercise(
        "20.count",
        "Adam with betas (0.75, 0.99) has met the gradient 1 for a very long time. m and v are restored, the count t "
        "is 0 again. How many times as long is the next step as it would have been?",
        "number",
        shorter,
        (
            ("M25", lambda: 1.0),
            ("correction", lambda: 1 / (1 - 0.75)),
            ("correction", lambda: (1 - 0.99) ** 0.5),
            ("correction", lambda: 1 / (1 - 0.99) ** 0.5),
            ("correction", lambda: 1 / (1 - 0.75) / (1 - 0.99) ** 0.5),
            ("correction", lambda: 1 / shorter()),
            ("correction", lambda: (1 - 0.99) / (1 - 0.75)),
        ),
        "In the next step t is 1. What do the two corrections divide by, and where does each end up?",
        "m is divided by 1 - 0.75, v by 1 - 0.99, and v stands under a root below.",
    ),
    Exercise(
        "20.place",
        "1347 digits in batches of 50, nothing left out, shuffled anew in each epoch. The run stops after 70 steps. "
        "How many digits of the running epoch has it seen?",
        "number",
        lambda: seen(70, 50),
        (
            ("short", lambda: 70 * 50 % 1347),
            ("short", lambda: seen(70, 50, drop_last=True)),
            ("short", lambda: seen(70, 50) // 50),
        ),
        "How many steps make an epoch? The last batch of an epoch is smaller.",
        "27 steps make an epoch, the last of them a small one. Two epochs are over, and some full batches.",
        exact=True,
    ),
    Exercise(
        "20.float",
        "In float32 neighbours at 2**25 are 4 apart. What is (2**25 + 3) - 2**25, computed from the left?",
        "number",
        lambda: float((np.float32(2**25) + np.float32(3)) - np.float32(2**25)),
        (("round", lambda: 3.0), ("round", lambda: 0.0)),
        "Which number that float32 has is next to 2**25 + 3?",
        "The sum is rounded to a neighbour before the difference is taken.",
        exact=True,
    ),
    Exercise(
        "20.missing",
        "A checkpoint with weights, m, v and t, loaded before the same program goes on: a good curve, but not the one "
        "of the run that was never stopped. What is missing?",
        "choice",
        missing,
        (("option", lambda: "rate"), ("chance", lambda: "chance")),
        "Untick parts in the time machine until it shows what the forum describes.",
        "Dropout draws from a stream, batches come from a shuffled order. Both have a place where they stand.",
        words={
            "streams": "the random stream and the place in the data", "rate": "the learning rate",
            "chance": "nothing: training is random",
        },
    ),
)
