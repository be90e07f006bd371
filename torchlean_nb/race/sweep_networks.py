"""Trials on a network: a training by `Trainer`, with nothing but the seed to tell two of one problem apart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from torchlean_nb import optim
from torchlean_nb.data import DataLoader, Dataset
from torchlean_nb.errors import CapabilityError, HyperparameterError, quote
from torchlean_nb.minimizers.table import Method
from torchlean_nb.race.problems import Problem
from torchlean_nb.race.sweep_keys import digest_of_arrays
from torchlean_nb.shells.closure import class_of_method
from torchlean_nb.shells.optimizer import class_of
from torchlean_nb.train import Callback, Moment, Recorder, Trainer

NEVER = 1 << 40
FAR = 1e6  # how many times the loss of the beginning, or 1, a loss may be
POINTS = 1000


class _Watch(Callback):
    """Losses by the problem's unit, and the end of what has gone too far."""

    def __init__(self, unit: str):
        self.unit, self.losses, self.limit = unit, [], math.inf

    def on_step(self, moment: Moment) -> None:
        if self.unit == "steps":
            self.losses.append(moment.loss)
        if moment.step == 0:
            self.limit = FAR * max(1.0, moment.loss)
        if not moment.loss <= self.limit:
            moment.trainer.stop("far")

    def on_epoch_end(self, moment: Moment) -> None:
        if self.unit == "epochs":
            self.losses.append(moment.values["epoch_loss"])


def train(trial: Any) -> dict[str, Any]:
    """Fields of the outcome of a trial."""
    problem: Problem = trial.problem
    model, task, data, held = made(problem, trial.seed)
    trainer = Trainer(
        model, task, optimizer_of(trial.rule, dict(trial.hypers)), rate_of(trial), seed=trial.seed, init=problem.init,
        backend="compiled", device=trial.device,
    )  # fmt: skip
    begun = digest_of_arrays(*(p.value for p in trainer.runner.net.params.values()))
    watch, unit = _Watch(problem.unit), problem.unit
    size = None if isinstance(data, DataLoader) else problem.batch_size
    result = trainer.fit(
        data, **{unit: trial.budget}, batch_size=size, callbacks=watch, progress=False,
        record=Recorder(NEVER, NEVER, None),
    )  # fmt: skip
    away = result.stopped in ("diverged", "stopped early")
    curve = np.array([result.report.before, *watch.losses] if unit == "epochs" else watch.losses, float)
    at = np.arange(len(curve))
    if unit == "steps":
        if not result.stopped:
            at, curve = np.append(at, len(at)), np.append(curve, result.report.after)
        some = np.unique([*range(0, len(at), max(1, math.ceil(trial.budget / POINTS))), len(at) - 1])[: len(at)]
        at, curve = at[some], curve[some]
    fine = np.isfinite(curve)
    measured = dict(result.metrics) if held is None or result.stopped == "interrupted" else {
        **result.metrics, **{f"val_{k}": v for k, v in trainer.evaluate(held).items()}}  # fmt: skip
    asks = isinstance(optim.row(trial.rule), Method)
    state = trainer.optimizer._store[trainer.optimizer._key]
    return {
        "at": at[fine], "curve": curve[fine], "best": float(np.min(curve[fine], initial=np.inf)),
        "final": float(curve[-1]) if not away else math.inf,
        "status": "diverged" if away else result.stopped or "finished", "ended": trainer.step if result.stopped else -1,
        "evaluations": state.evaluations if asks else trainer.step,
        "order_hash": order_hash(trainer.loader, trial.budget, unit), "init_hash": begun, "metrics": measured,
    }  # fmt: skip


def made(problem: Problem, seed: int) -> tuple[Any, Any, Any, Any]:
    """Model, task, data and validation data or None.

    Raises
    ------
    HyperparameterError
    """
    found = problem.make(seed)
    if not isinstance(found, tuple) or len(found) not in (3, 4):
        raise HyperparameterError(f"problem {quote(problem.name)}: its function gave {quote(found, 60)}",
                                  "it gives (model, task, data) or (model, task, data, validation)")  # fmt: skip
    return (*found, None)[:4]


def optimizer_of(name: str, hypers: dict[str, Any]) -> Any:
    """A function from parameters to the optimizer, of flat arrays where the rule has a program."""
    rule = optim.row(name)
    for argument, parts in rule.tuples.items():
        hypers[argument] = tuple(hypers.pop(part) for part in parts)
    if isinstance(rule, Method):
        return lambda params: class_of_method(rule)(params, **hypers)

    def made(params: Any) -> Any:
        try:
            return class_of(rule)(params, fused="numpy", **hypers)
        except CapabilityError:
            return class_of(rule)(params, **hypers)

    return made


def rate_of(trial: Any) -> Any:
    """Learning rate of each update, None where it stays as it is."""
    factor = trial.rate
    return None if factor is None else trial.hypers["lr"] * factor


def order_hash(loader: DataLoader, budget: int, unit: str) -> str:
    """Digest of the rows of each batch of the whole budget, whether it was used up or not."""
    rows = DataLoader(Dataset(np.arange(len(loader.dataset))), loader.batch_size, shuffle=loader.shuffle,
                      seed=loader.seed, drop_last=loader.drop_last, order=loader.order)  # fmt: skip
    count = budget * len(rows) if unit == "epochs" else budget
    return digest_of_arrays(*(rows.next_batch()[0] for _ in range(count)))
