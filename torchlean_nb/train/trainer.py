"""Trainer: a model, what it is to learn, and how; `fit` trains it, in a way that can be stopped and taken up again."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from torchlean_nb.copies import Live
from torchlean_nb.data import DataLoader, Dataset
from torchlean_nb.errors import HyperparameterError, quote
from torchlean_nb.hypers import Hyper, flag
from torchlean_nb.trace.run import RunTrace, Series
from torchlean_nb.train.callbacks import callbacks_of
from torchlean_nb.train.early_stopping import stopping_of
from torchlean_nb.train.evaluate import evaluate
from torchlean_nb.train.feed import Feed, dataset_of, with_validation
from torchlean_nb.train.fitting import Fit, SoFar
from torchlean_nb.train.metrics import metrics_of
from torchlean_nb.train.observe import Recorder
from torchlean_nb.train.options import refuse
from torchlean_nb.train.progress import Progress, someone_looks
from torchlean_nb.train.rates import Rates
from torchlean_nb.train.result import TrainResult
from torchlean_nb.train.resume import load_state, state_of
from torchlean_nb.train.task import find_task
from torchlean_nb.train.tryout import try_out, try_small
from torchlean_nb.train.updating import Updating, optimizer_of

_COUNT = Hyper(kind="int", low=0)
_EVERY = Hyper(kind="int", low=1, none=True)


class Trainer(Live):
    """Trains a model.

    Parameters
    ----------
    model : Layer
    task : {"regression", "classification"}, name of a loss, Task, or callable
        ``loss(output, target)`` gives one number.
    optimizer : str, row, class, OptimizerConfig or callable
        ``"adam"``, ``tl.optim.rules["adam"].with_hypers(lr=0.01)``, ``lambda params: tl.optim.Adam(params, lr=0.01)``.
    schedule : callable, number or scheduler, optional
        A function ``step -> lr``, such as ``tl.schedules.cosine(0.1, total=1000)``; or a function of the optimizer
        that makes a scheduler, such as ``lambda opt: tl.optim.lr_scheduler.StepLR(opt, 30)``.
    schedule_per : {"step", "epoch"}, optional
        What the schedule counts: by default steps, and epochs for those that look at a metric.
    seed : int
        Of the initial parameters, of dropout, of the order of the samples and of the validation split.
    init : {"torch", "torchlean"} or mapping
        How parameters begin; see `Layer.init`. A mapping may also hold arrays by path, such as a ``state_dict()``.
    backend : {"eager", "compiled"}
        Take steps on a tape, or by a program traced once for each shape of a batch: the same bits, faster. A number
        that a loss takes from outside, and that changes, is for "eager": a program keeps what it was traced with.
    device, dtype
        Of the `Session`. On a device parameters, running statistics and the optimizer's state stay there; initial
        values and batches are drawn on the host, so they are those of the CPU, and each batch is put there once.
        Metrics and the recorder fetch what they look at; predictions and results are NumPy arrays.
    nonfinite : {"raise", "skip", "ieee"}
        An inf or NaN in a step ends the training with the state before that step, leaves the update out, or is
        nothing special.

    Attributes
    ----------
    runner : Runner
    optimizer : Optimizer
    step : int
        Updates so far.
    loader : DataLoader or None
        Batches of the last `fit`.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> net = tl.nn.Sequential(tl.nn.Linear(2, 16), tl.nn.Tanh(), tl.nn.Linear(16, 2))
    >>> trainer = tl.Trainer(net, task="classification", optimizer="adam", schedule=0.02)
    >>> result = trainer.fit(tl.data.moons(), epochs=20, progress=False)
    >>> result.metrics["accuracy"] > 0.85, result.stopped
    (True, None)
    """

    _copying = (
        "it trains in a session",
        "tl.save(path, t), and tl.load(path, into=t) with a Trainer made in the same way; t.state_dict()",
    )

    def __init__(
        self, model: Any, task: Any = "regression", optimizer: Any = "sgd", schedule: Any = None, *,
        schedule_per: str | None = None, seed: int = 0, init: Any = "torch", backend: str = "eager",
        device: Any = None, dtype: Any = "float64", nonfinite: str = "raise", **unknown: Any,
    ):  # fmt: skip
        refuse("Trainer", unknown, Trainer, ("trainer.fit", Trainer.fit))
        self.task = find_task(model, task)
        self.runner = self.task.instantiate(
            backend=backend, device=device, dtype=dtype, seed=seed, init=init, nonfinite=nonfinite, auto_buffers=True
        )
        self.seed, self.init = seed, init
        self.optimizer = optimizer_of(optimizer, self.runner.net.parameters())
        if nonfinite == "ieee":
            self.optimizer.nonfinite = nonfinite
        self.rates = Rates(schedule, self.optimizer, schedule_per)
        self.recorder = Recorder()
        self.loader: DataLoader | None = None
        self.so_far, self.status, self.wish = SoFar(), "running", None
        self.settings: dict[str, Any] = {}
        self._saved_loader: Mapping[str, Any] | None = None

    # -- training ----------------------------------------------------------------------------
    def fit(
        self, data: Any, y: Any = None, *, steps: int | None = None, epochs: int | None = None,
        batch_size: int | None = None, update: str = "per_batch", shuffle: bool = True, drop_last: bool = False,
        validation: Any = None, validate_every: int | None = None, accumulate: int = 1, clip: Any = None,
        early_stopping: Any = None, metrics: Any = None, callbacks: Any = (), progress: bool = True, record: Any = None,
        **unknown: Any,
    ) -> TrainResult:  # fmt: skip
        """Train for further steps or epochs.

        ===  ====================================================================================
        nr.  what happens in a step
        ===  ====================================================================================
        1    the next batch is drawn, or `accumulate` of them, or `batch_size` single samples
        2    the schedule's learning rate for this step is written into the optimizer
        3    in train mode: forward pass (running statistics move), loss, backward pass;
             of several batches the mean, weighted by their rows; then clipping; then the update
        4    a scheduler that keeps count is told; at the end of an epoch (or every
             `validate_every` steps) validation in eval mode, then early stopping
        5    loss **before** the update, rate, metrics are recorded; callbacks hear of them
        ===  ====================================================================================

        With ``update="per_sample"`` a step takes the next `batch_size` samples, beginning anew after the last one, and
        makes an update from each; its loss is the mean over them **after** these updates, as TorchLean has it.

        Stop (KeyboardInterrupt) may come at any moment: the result is that of the steps that were whole, and fitting
        the remaining steps gives, bit for bit, what fitting without a stop would have given. An error leaves
        everything as after the last whole step.

        Parameters
        ----------
        data : Dataset, DataLoader, (X, y), or list of samples
            A DataLoader brings its own batch size and order.
        y : array_like, optional
            Targets, where `data` is the inputs alone.
        steps, epochs : int
            One of them: how many more.
        batch_size : int, optional
            32, or all rows where there are fewer; 1 for ``update="per_sample"``.
        update : {"per_batch", "per_sample"}
            One update from the mean over a batch, or one from each sample.
        shuffle : bool
        drop_last : bool
            Leave out a last batch of an epoch that is smaller.
        validation : Dataset, (X, y), share or number of rows to hold out, optional
        validate_every : int, optional
            Validate also every so many steps, not only at the end of an epoch.
        accumulate : int
            Batches per update: `accumulate` batches of n rows act as one of ``accumulate * n``.
        clip : float or callable, optional
            Largest norm of all gradients together, or a function from gradients to gradients.
        early_stopping : int or EarlyStopping, optional
            How many looks without progress to be patient for.
        metrics : str, callable, or list or dict of them, optional
            Names of `tl.train.metrics.METRICS`, or functions ``f(output, target)``. For classification the accuracy
            when left out.
        callbacks : Callback, function of a `Moment`, or list of them
        progress : bool
            Whether to show a bar where someone looks: in a terminal or a notebook.
        record : Recorder or int, optional
            What is kept of the run, or every how many steps.

        Raises
        ------
        HyperparameterError, HandleTypeError, DataError, ShapeError, UnknownNameError
            Before anything has changed.
        """
        refuse("fit", unknown, Trainer.fit, ("Trainer", Trainer))
        data = data if y is None else (data, y)
        train, held = with_validation(dataset_of(data), validation, self.seed)
        size, accumulate = Feed.settings(data, len(train), batch_size, update, accumulate)
        metrics = ("accuracy" if self.task.kind == "classification" else ()) if metrics is None else metrics
        shown = flag().check("fit", "progress", progress) and someone_looks()
        every = _EVERY.check("fit", "validate_every", validate_every)
        try_out(self.runner, train)
        loader = self._batches(data, train, 1 if update == "per_sample" else size, shuffle=shuffle, drop_last=drop_last)
        if not loader.drop_last:
            try_small(self.runner, train, loader.batch_size)
        feed = Feed(loader, update, size, accumulate)
        count = _steps(steps, epochs, feed)
        recorder = self._recorder(record)
        before = self.loader, self.recorder
        self.loader, self.recorder, self.wish = loader, recorder, None
        try:
            run = Fit(
                self, feed, count, Updating(self.runner, self.optimizer, clip), held, every,
                stopping_of(early_stopping), metrics_of(metrics), callbacks_of(callbacks), Progress(count, shown),
            )  # fmt: skip
        except BaseException:
            self.loader, self.recorder = before
            raise
        self._saved_loader, self.status = None, "running"
        self.settings = {"update": update, "batch_size": size, "accumulate": accumulate}
        return run.run()

    def _batches(self, data: Any, train: Dataset, size: int, **options: Any) -> DataLoader:
        """The loader of the last fit where it was for the same data, so that it goes on; else a new one."""
        if isinstance(data, DataLoader) and data.dataset is train:
            loader = data
        else:
            loader = DataLoader(train, size, seed=self.seed, **options)
        if self._saved_loader is not None and self._saved_loader["loader"] == loader._identity():
            loader.load_state_dict(self._saved_loader)
        elif self.loader is not None and loader is not data and self.loader._identity() == loader._identity():
            return self.loader
        return loader

    def _recorder(self, record: Any) -> Recorder:
        if record is None:
            return self.recorder
        recorder = record if isinstance(record, Recorder) else Recorder(every=record)
        if recorder is not self.recorder:
            recorder.load(self.run)
        return recorder

    def stop(self, reason: str = "") -> None:
        """Ask for the end of the training after this step; for callbacks."""
        self.wish = str(reason)

    # -- using what was learned --------------------------------------------------------------
    def predict(self, x: Any) -> np.ndarray:
        """Outputs for inputs, in eval mode."""
        was = self.runner.mode
        try:
            return self.runner.eval_mode().predict(x)
        finally:
            self.runner.mode = was

    def evaluate(self, data: Any, y: Any = None, *, metrics: Any = None) -> dict[str, float]:
        """Mean loss and metrics of data, or of inputs and targets, in eval mode."""
        metrics = ("accuracy" if self.task.kind == "classification" else ()) if metrics is None else metrics
        return evaluate(self.runner, dataset_of(data if y is None else (data, y)), metrics_of(metrics))

    @property
    def schedule(self) -> Any:
        """Function or scheduler of the learning rate; assign another one between two fits.

        Examples
        --------
        >>> import torchlean_nb as tl
        >>> trainer = tl.Trainer(tl.nn.Linear(2, 1))
        >>> trainer.schedule = tl.optim.lr_scheduler.StepLR(trainer.optimizer, 10)
        >>> trainer.schedule
        StepLR(step 0, step_decay(base=0.001, size=10, gamma=0.1))
        """
        return self.rates.pure if self.rates.scheduler is None else self.rates.scheduler

    @schedule.setter
    def schedule(self, what: Any) -> None:
        self.rates = Rates(what, self.optimizer, None)

    @property
    def step(self) -> int:
        """Updates so far."""
        return self.so_far.step

    @property
    def run(self) -> RunTrace:
        """What was recorded so far."""
        trace = self.recorder.trace("run", self._meta(), self.status)
        done = self.step  # a step that was stopped half way may have been recorded, but it was not made
        if all(s.steps[-1] < done for s in trace.series.values()) and all(h.step < done for h in trace.histograms):
            return trace
        series = [Series(s.name, s.steps[s.steps < done], s.values[s.steps < done]) for s in trace.series.values()]
        histograms = [h for h in trace.histograms if h.step < done]
        return RunTrace(trace.name, [s for s in series if len(s)], histograms, trace.events, trace.meta)

    def config(self) -> dict[str, Any]:
        """What a saved state must have in common with the trainer it is loaded into, as text and numbers."""
        session = self.runner.session
        return {
            "model": _flat(repr(self.runner.net.model)), "loss": self.task.loss.name, "kind": self.task.kind,
            "optimizer": self.optimizer.rule.name, "schedule": repr(self.rates), "schedule_per": self.rates.per,
            "seed": self.seed, "init": self.init if isinstance(self.init, str) else ", ".join(map(str, self.init)),
            "dtype": session.dtype, "backend": self.runner.backend, "device": session.device,
            "nonfinite": session.nonfinite,
        }  # fmt: skip

    def _meta(self) -> dict[str, Any]:
        done = {"steps": self.step, "skipped": self.so_far.skipped}
        return {**self.config(), **self.settings, **done, "version": sys.modules["torchlean_nb"].__version__}

    # -- state -------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """Everything that a trainer made in the same way needs to go on as if nothing had happened."""
        return state_of(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken; `fit` with the same data then gives the same batches.

        Raises
        ------
        CheckpointError
            Naming what does not fit; nothing has changed.
        """
        load_state(self, state)

    def __repr__(self) -> str:
        c = self.config()
        return (
            f"Trainer: {c['loss']}, {c['optimizer']}, schedule {c['schedule']}, {self.step} steps\n{self.runner.net!r}"
        )


def _flat(text: str) -> str:
    return " ".join(text.split())


def _steps(steps: Any, epochs: Any, feed: Feed) -> int:
    if (steps is None) == (epochs is None):
        what = "neither steps nor epochs" if steps is None else f"steps={quote(steps)} and epochs={quote(epochs)}"
        raise HyperparameterError(f"fit: {what}", f"one of them says how long; an epoch is {feed.per_epoch()} steps",
                                  "epochs=10")  # fmt: skip
    if epochs is not None:
        return _COUNT.check("fit", "epochs", epochs) * feed.per_epoch()
    return _COUNT.check("fit", "steps", steps)
