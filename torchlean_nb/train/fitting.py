"""Fit: the steps of one training, from the first to wherever it ends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from torchlean_nb.backend.devices import host
from torchlean_nb.errors import NonFiniteError
from torchlean_nb.train.callbacks import Callback, Chain, Moment
from torchlean_nb.train.configs import TrainReport
from torchlean_nb.train.early_stopping import Best, EarlyStopping
from torchlean_nb.train.evaluate import evaluate, judged
from torchlean_nb.train.feed import Feed
from torchlean_nb.train.mark import Mark
from torchlean_nb.train.metrics import METRICS, Metric
from torchlean_nb.train.progress import Progress
from torchlean_nb.train.result import TrainResult
from torchlean_nb.train.updating import Updating


class SoFar(NamedTuple):
    """Where a training stands: updates and epochs that are complete, and sums over the epoch it is in."""

    step: int = 0
    epoch: int = 0
    skipped: int = 0
    total: float = 0.0
    rows: int = 0
    best: Best = Best()
    last: Mapping[str, float] = MappingProxyType({})


@dataclass
class Fit:
    """One call of `Trainer.fit`, checked and ready to run.

    Stop may be pressed at any moment: `run` then ends as it always does, with everything as it was after the last
    whole step.
    """

    trainer: Any
    feed: Feed
    steps: int
    updating: Updating
    validation: Any = None
    validate_every: int | None = None
    stopping: EarlyStopping | None = None
    metrics: tuple[Metric, ...] = ()
    callbacks: Callback = field(default_factory=Callback)
    progress: Progress = field(default_factory=lambda: Progress(0, False))

    def __post_init__(self) -> None:
        self.first = self.trainer.so_far.step
        self.mark = Mark(self.trainer)
        self.before = math.nan
        self.ended, self.reason = "", ""
        self._told, self._heard = False, not isinstance(self.callbacks, Chain) or bool(self.callbacks.parts)
        self._modes = {name: m.mode for name, m in METRICS.items()} | {m.name: m.mode for m in self.metrics}
        # Names known before the first step, so that a monitor nobody measures is refused at once.
        names = ["epoch_loss"]
        if self.validation is not None:
            names += ["val_loss", *(f"val_{m.name}" for m in self.metrics)]
        self.monitor = self.stopping and self.stopping.watched(dict.fromkeys(names, 0.0))

    # -- from beginning to end -----------------------------------------------------------------
    def run(self) -> TrainResult:
        """Train, and say what came of it."""
        try:
            while True:
                try:
                    return self._finish() if self.ended else self._train()
                except KeyboardInterrupt:
                    done = self.mark.so_far.step - self.first
                    self.ended, self.reason = "interrupted", f"after {done} of {self.steps} steps"
        except BaseException:
            self.mark.restore()
            raise
        finally:
            self.progress.close()

    def _train(self) -> TrainResult:
        trainer = self.trainer
        self.progress.start()
        self.before = evaluate(trainer.runner, self.feed.loader.dataset)["loss"]
        self.callbacks.on_train_start(self._moment({}))
        while trainer.so_far.step < self.first + self.steps and not self.ended:
            if self._step():
                self.mark = Mark(trainer, several=self.feed.update == "per_sample" or self.updating.asks)
        self.ended = self.ended or "finished"
        return self._finish()

    def _finish(self) -> TrainResult:
        trainer = self.trainer
        self.mark.restore()
        step, trainer.status = trainer.so_far.step, self.ended
        if not self._told:
            self._told = True
            if self.ended not in ("finished", "interrupted"):
                trainer.recorder.event(max(step - 1, 0), self.ended, self.reason)
            self.callbacks.on_train_end(self._moment(trainer.so_far.last))
        found = self._measured()
        trainer.status = self.ended
        self.progress.close(step - self.first, found)
        return TrainResult(
            trainer.run, TrainReport(self.before, found.get("loss", math.nan)), step - self.first, found,
            None if self.ended == "finished" else self.ended, self.reason,
            {path: p.value for path, p in trainer.runner.net._cells().items()}, trainer.runner,
        )  # fmt: skip

    def _measured(self) -> dict[str, float]:
        """Loss and metrics at the end; nothing when Stop is pressed meanwhile."""
        runner = self.trainer.runner
        try:
            found = evaluate(runner, self.feed.loader.dataset, self.metrics)
            if self.validation is not None:
                found |= {f"val_{k}": v for k, v in evaluate(runner, self.validation, self.metrics).items()}
            return found
        except KeyboardInterrupt:
            self.ended = "interrupted"
            return {}

    def _moment(self, values: Any) -> Moment:
        now = self.trainer.so_far
        return Moment(
            self.trainer, now.step - 1, now.epoch, MappingProxyType(dict(values)), self.first + self.steps
        )

    # -- one step ------------------------------------------------------------------------------
    def _step(self) -> bool:
        """Whether a step was made; what is left of one that was not is undone by the mark."""
        trainer, recorder, net = self.trainer, self.trainer.recorder, self.trainer.runner.net
        now = trainer.so_far
        pairs, epochs = self.feed.draw()
        trainer.rates.before(now.step, now.epoch)
        looks = recorder.diagnoses(now.step)
        old = {path: p.array for path, p in net.params.items()} if looks else {}
        try:
            loss, skipped = self.updating(pairs, each=self.feed.update == "per_sample")
        except NonFiniteError as e:
            self.ended, self.reason = "diverged", f"step {now.step}: {str(e).splitlines()[0]}"
            return False
        skips = skipped == 1 and self.feed.update == "per_batch"
        rows = 0 if skips or math.isnan(loss) else sum([len(y) for _, y in pairs])
        total = now.total + loss * rows if rows else now.total
        values = {"loss": loss, "lr": trainer.rates.lr}
        trainer.so_far = SoFar(
            now.step + 1, now.epoch, now.skipped + skipped, total, now.rows + rows, now.best, values
        )
        if self.updating.norm is not None:
            values["grad_norm"] = self.updating.norm
        if self.metrics and now.step % recorder.every == 0:
            seen = host(self.updating.output), self.updating.target
            values |= judged(trainer.runner.task.loss, self.metrics, *seen, lenient=True)
        trainer.rates.after("step", loss if rows else math.nan)
        if epochs or self._is_due(now.step + 1):
            values |= self._look(epochs)
        if looks:
            new = {path: p.array for path, p in net.params.items()}
            recorder.diagnose(now.step, trainer.runner, self.updating.grads, old, new, pairs[-1])
        recorder.record(now.step, values)  # last: where it is known, the norm from before the clipping counts
        if self._heard:
            self.callbacks.on_step(self._moment(values))
            if epochs:
                self.callbacks.on_epoch_end(self._moment(values))
        if trainer.loader is not self.feed.loader:
            self._loader_back()
        if trainer.wish is not None:
            self.ended, self.reason, trainer.wish = "stopped early", trainer.wish, None
        self.progress.at(now.step + 1 - self.first, values)
        return True

    def _loader_back(self) -> None:
        """The loader of this fit, after a callback that loaded a state, or made a fit of its own."""
        trainer, loader = self.trainer, self.feed.loader
        if trainer.loader is None and trainer._saved_loader is not None:
            loader.load_state_dict(trainer._saved_loader)
        trainer.loader, trainer._saved_loader = loader, None

    def _is_due(self, done: int) -> bool:
        return self.validation is not None and bool(self.validate_every) and done % self.validate_every == 0

    def _look(self, epochs: int) -> dict[str, float]:
        """What is to be done at the end of an epoch, and where validation is due."""
        trainer, values = self.trainer, {}
        now = trainer.so_far
        if epochs:
            values = {"epoch_loss": now.total / now.rows if now.rows else math.nan, "epoch": now.epoch + epochs}
            trainer.so_far = now._replace(epoch=now.epoch + epochs, total=0.0, rows=0)
        if self.validation is not None:
            found = evaluate(trainer.runner, self.validation, self.metrics)
            values |= {f"val_{name}": v for name, v in found.items()}
        if epochs:
            trainer.rates.after("epoch", values.get("val_loss", values["epoch_loss"]))
        if self.stopping is not None and self.monitor in values:
            self._patience(values[self.monitor])
        return values

    def _patience(self, value: float) -> None:
        stopping, trainer, name = self.stopping, self.trainer, self.monitor
        now, net = trainer.so_far, trainer.runner.net
        mode = stopping.mode if stopping.mode != "auto" else self._modes.get(name.removeprefix("val_"), "min")
        best = stopping.look(
            now.best, value, now.step, mode, lambda: {path: p.array for path, p in net._cells().items()}
        )
        if stopping.is_over(best):
            self.ended = "stopped early"
            self.reason = f"{name} was best after step {best.step} and not better in {best.bad} looks since"
            if best.arrays is not None:
                put = net.session.tape.put
                net.session.store.update({p.key: put(best.arrays[path]) for path, p in net._cells().items()})
            best = Best()
        trainer.so_far = now._replace(best=best)
