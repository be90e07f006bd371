"""BoundaryRecorder: a callback that photographs what a model of two inputs says everywhere, while it learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from torchlean_nb.data import Dataset
from torchlean_nb.errors import CapabilityError, ShapeError
from torchlean_nb.hypers import Hyper
from torchlean_nb.trace.boundary import MOST_CLASSES, NOT_A_NUMBER, TOP, BoundaryTrace
from torchlean_nb.train.callbacks import Callback, Moment

MOST_POINTS, MARGIN = 400, 0.15


class _Frame(NamedTuple):
    step: int
    loss: float
    codes: np.ndarray
    guesses: np.ndarray


class BoundaryRecorder(Callback):
    """Predictions on a grid and the loss of the points, at the beginning, every so many updates, and at the end.

    When there are `frames` of them, every second one goes and half as many are taken from then on, so a short run is
    seen update by update and a long one evenly. The model is asked in eval mode; the run does not notice.

    Parameters
    ----------
    data : Dataset or (x, y), optional
        Points to show, with inputs of shape (n, 2), at most 400 of them; those that are trained on when left out.
    frames : int
        At most so many.
    every : int
        Updates between frames, at first.
    resolution : int
        Cells along each side of the grid.
    bounds : (left, right, bottom, top), optional
        By default what the points need, and a little more.
    labels, axes : sequence of str, optional
        Names of the classes and of the two inputs.

    Raises
    ------
    HyperparameterError
    ShapeError, CapabilityError
        From the training: when the inputs are not two numbers, or the outputs are neither classes nor one number.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> seen = BoundaryRecorder(resolution=16)
    >>> net = tl.nn.Sequential(tl.nn.Linear(2, 8), tl.nn.Tanh(), tl.nn.Linear(8, 2))
    >>> trainer = tl.Trainer(net, task="classification", optimizer="adam", schedule=0.05)
    >>> result = trainer.fit(tl.data.moons(60), steps=30, callbacks=seen, progress=False)
    >>> seen.trace("moons")
    BoundaryTrace('moons', 2 classes, 31 frames, 60 points)
    """

    def __init__(
        self, data: Any = None, *, frames: int = 60, every: int = 1, resolution: int = 64,
        bounds: Sequence[float] | None = None, labels: Sequence[str] | None = None, axes: Sequence[str] | None = None,
    ):  # fmt: skip
        owner = "BoundaryRecorder"
        self.frames = Hyper(low=4, high=200, kind="int").check(owner, "frames", frames)
        self.resolution = Hyper(low=8, high=128, kind="int").check(owner, "resolution", resolution)
        self.every = Hyper(low=1, kind="int").check(owner, "every", every)
        self.bounds, self.labels, self.axes = bounds, labels, axes
        self._given = data
        self._x = self._y = self._targets = self._grid = None
        self._classes = 0
        self._seen: tuple[_Frame, ...] = ()

    # -- what the training says ------------------------------------------------------------
    def on_train_start(self, moment: Moment) -> None:
        """The model before it learns, or before it learns on."""
        if self._grid is None:
            self._prepare(moment.trainer.loader.dataset if self._given is None else self._given)
        self._forget_after(moment.step + 1)
        if not self._seen or self._seen[-1].step < moment.step + 1:
            self.look(moment.trainer.runner, moment.step + 1)

    def on_step(self, moment: Moment) -> None:
        """A frame when it is time."""
        if (moment.step + 1) % self.every == 0:
            self.look(moment.trainer.runner, moment.step + 1)

    def on_train_end(self, moment: Moment) -> None:
        """The model as it is in the end; frames of steps that were undone go."""
        self._forget_after(moment.step + 1)
        if not self._seen or self._seen[-1].step < moment.step + 1:
            self.look(moment.trainer.runner, moment.step + 1)

    def _forget_after(self, step: int) -> None:
        self._seen = tuple(f for f in self._seen if f.step <= step)

    # -- looking ---------------------------------------------------------------------------
    def look(self, runner: Any, step: int) -> None:
        """Take a frame of a model after `step` updates; for loops of your own.

        Raises
        ------
        ShapeError, CapabilityError
        """
        if self._grid is None:
            if self._given is None:
                raise CapabilityError("BoundaryRecorder: there are no points yet", None, "BoundaryRecorder((x, y))")
            self._prepare(self._given)
        was = runner.mode
        try:
            runner.eval_mode()
            field, at = runner.predict(self._grid), runner.predict(self._x)
        finally:
            runner.mode = was
        loss = runner.task.loss
        with np.errstate(all="ignore"):
            mean = float(np.asarray(loss(at, self._y)))
            true = loss.true_classes(at, self._y) if runner.task.kind == "classification" else self._y
        self._targets = np.asarray(true, dtype=np.float64).reshape(-1)
        frame = _Frame(step, mean, *(self._read(runner.task, out) for out in (field, at)))
        seen = (*(f for f in self._seen if f.step < step), frame)
        if len(seen) > self.frames:
            self.every *= 2
            seen = (seen[0], *(f for f in seen[1:-1] if f.step % self.every == 0), frame)
        self._seen = seen

    def _prepare(self, data: Any) -> None:
        x, y = (data.arrays[0], data.arrays[1]) if isinstance(data, Dataset) else map(np.asarray, data)
        if x.ndim != 2 or x.shape[1] != 2:
            raise ShapeError(
                f"BoundaryRecorder: inputs of shape {x.shape}", "a boundary is drawn for two numbers per sample"
            )
        if isinstance(data, Dataset):
            self.labels, self.axes = self.labels or data.classes, self.axes or data.columns
        some = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).round().astype(int))
        self._x, self._y = x[some].astype(np.float64), y[some]
        low, high = x.min(axis=0), x.max(axis=0)
        room = MARGIN * np.where(high > low, high - low, 1.0)
        self.bounds = tuple(map(float, self.bounds or np.stack([low - room, high + room], axis=1).ravel()))
        left, right, bottom, top = self.bounds
        n = self.resolution
        across, up = ((np.arange(n) + 0.5) / n * (b - a) + a for a, b in ((left, right), (bottom, top)))
        self._grid = np.stack([np.tile(across, n), np.repeat(up, n)], axis=1)

    def _read(self, task: Any, out: np.ndarray) -> np.ndarray:
        """Numbers; for classes the class plus a confidence below 1."""
        if task.kind != "classification":
            if out.size != len(out):
                raise CapabilityError(f"BoundaryRecorder: outputs of shape {out.shape}", "one number each can be drawn")
            return out.reshape(-1).astype(np.float64)
        found = np.asarray(task.loss.classes(out)).reshape(-1)
        cuts = task.loss.cuts
        with np.errstate(all="ignore"):
            if cuts:
                flat = out.reshape(-1).astype(np.float64)
                p = flat if cuts[0] == 0.5 else 1 / (1 + np.exp(-(flat - cuts[0])))
                sure, k = np.abs(2 * p - 1), 2
            else:
                flat, k = out.reshape(len(found), -1).astype(np.float64), out.shape[1]
                sure = (1 / np.exp(flat - flat.max(axis=1, keepdims=True)).sum(axis=1) - 1 / k) / (1 - 1 / k)
        if not 2 <= k <= MOST_CLASSES:
            raise CapabilityError(f"BoundaryRecorder: {k} classes", f"2 to {MOST_CLASSES} can be drawn")
        self._classes = k
        return np.where(np.isfinite(sure), found + np.clip(sure, 0, 1) * (1 - 1e-9), np.nan)

    # -- what is left of it ----------------------------------------------------------------
    def trace(self, name: str = "boundary") -> BoundaryTrace:
        """The frames so far.

        Raises
        ------
        CapabilityError
            When there are none.
        """
        seen, k, n = self._seen, self._classes, self.resolution
        if not seen:
            raise CapabilityError("BoundaryRecorder: nothing has been seen yet", None, "fit(..., callbacks=recorder)")
        field, at = np.stack([f.codes for f in seen]), np.stack([f.guesses for f in seen])
        scale = (0.0, 1.0) if k else _scale(field, self._targets)
        if k:
            levels = 255 // k
            codes, at = np.floor(field) * levels + np.floor((field % 1) * levels), np.floor(at)
        else:
            codes = np.round((field - scale[0]) / (scale[1] - scale[0]) * TOP).clip(0, TOP)
        codes = np.where(np.isfinite(field), codes, NOT_A_NUMBER).astype(np.uint8).reshape(len(seen), n, n)
        labels = tuple(self.labels or map(str, range(k))) if k else ()
        return BoundaryTrace(
            name, [f.step for f in seen], [f.loss for f in seen], codes, self._x, self._targets, at, self.bounds,
            labels, scale, tuple(self.axes or ("x0", "x1")), {"every": self.every},
        )  # fmt: skip

    def show(self, **options: Any) -> Any:
        """The animation, for the last line of a cell."""
        return self.trace().show(**options)


def _scale(field: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Range of the predictions, as far as it is not much wider than that of the targets."""
    good, y = field[np.isfinite(field)], targets[np.isfinite(targets)]
    if not good.size or not y.size:
        return 0.0, 1.0
    room = float(np.ptp(y)) or 1.0
    low, high = max(float(good.min()), y.min() - room), min(float(good.max()), y.max() + room)
    low, high = min(low, y.min()), max(high, y.max())
    return (float(low), float(high)) if low < high else (low - 0.5, high + 0.5)
