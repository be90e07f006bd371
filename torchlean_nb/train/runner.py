"""Runner: a task with its arrays in a session; predicts, measures, and makes single training steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host, is_array
from torchlean_nb.copies import Live
from torchlean_nb.engine import Session, StepReport, Tensor
from torchlean_nb.engine.param import Param
from torchlean_nb.engine.tensor import Ref
from torchlean_nb.errors import EmptyError, HandleTypeError, NonScalarError, ShapeError, quote
from torchlean_nb.nn import Module
from torchlean_nb.nn.place import MODE
from torchlean_nb.shells import Optimizer
from torchlean_nb.train.attempt import Attempt
from torchlean_nb.train.compiled import CompiledLoss
from torchlean_nb.train.samples import batches, singles
from torchlean_nb.train.stepper import Stepper


class Runner(Live):
    """A task that runs.

    It starts in eval mode, and training switches it to train mode for good.

    Attributes
    ----------
    task : Task
    session : Session
    net : Module

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> from torchlean_nb.train import regression
    >>> runner = regression(tl.nn.Linear(1, 1)).instantiate(seed=0)
    >>> opt = tl.optim.SGD(runner.net.parameters(), lr=0.1)
    >>> x, y = [[1.0], [2.0]], [2.0, 4.0]
    >>> losses = [runner.step(opt, x, y).loss for _ in range(100)]
    >>> losses[-1] < 0.01 < losses[0], runner.mode
    (True, 'train')
    """

    _copying = ("its parameters belong to a session", "runner.task.instantiate(), and runner.net.state_dict()")

    def __init__(self, task: Any, session: Session, net: Module, compiled: bool = False):
        self.task, self.session, self.net = task, session, net.eval()
        self._compiled = CompiledLoss(self) if compiled else None

    @property
    def backend(self) -> str:
        """How training steps are computed: ``"eager"`` or ``"compiled"``."""
        return self.session.backend if self._compiled is None else "compiled"

    # -- mode ------------------------------------------------------------------------------
    @property
    def mode(self) -> str:
        """``"train"`` or ``"eval"``."""
        return self.net.mode

    @mode.setter
    def mode(self, mode: str) -> None:
        self.net.train(MODE.check("Runner", "mode", mode) == "train")

    def train_mode(self) -> Runner:
        """Dropout drops, batch norm looks at the batch."""
        self.mode = "train"
        return self

    def eval_mode(self) -> Runner:
        """Dropout does nothing, batch norm uses its running statistics."""
        self.mode = "eval"
        return self

    def is_training(self) -> bool:
        """Whether the mode is train."""
        return self.net.training

    # -- predicting ------------------------------------------------------------------------
    def predict(self, x: Any) -> np.ndarray:
        """Output for an input as the model takes it, in the active mode; nothing is recorded."""
        return self.net.predict(*self._inputs(x))

    def predict_batch(self, xs: Any, batch_size: int = 256) -> np.ndarray:
        """Outputs for many samples, computed `batch_size` at a time."""
        first = xs[0] if isinstance(xs, tuple) and xs else xs
        shape = first.shape if is_array(first) else np.shape(first)
        if not shape or not shape[0]:
            raise EmptyError(f"predict_batch: there are no samples in {quote(xs, 60)}", None, "predict(x) for one")
        pairs = batches((xs, np.zeros(shape[0])), batch_size, "predict_batch")
        return np.concatenate([self.predict(x) for x, _ in pairs])

    def predict_class(self, x: Any) -> Any:
        """Class of a sample, an array of them for a batch; the first of equal largest ones, None of no classes."""
        found = self.task.loss.classes(self.predict(x))
        return found if found is None or found.ndim else int(found)

    # -- measuring -------------------------------------------------------------------------
    def loss_of(self, x: Any, y: Any) -> Tensor:
        """Loss of a batch, on the session's tape and in the active mode.

        Raises
        ------
        NonScalarError
            When the loss is not one number.
        """
        loss = self.task.loss(self.net(*self._inputs(x)), y)
        if getattr(loss, "shape", None) != ():
            raise NonScalarError(
                f"{self.task.loss.name}: the loss has shape {getattr(loss, 'shape', None)}, it must be one number",
                None, "its mean",
            )
        return loss

    def mean_loss(self, data: Any, batch_size: int | None = None) -> float:
        """Mean loss of the samples in the active mode; 0 of none.

        Looking changes nothing: the tape, the random stream and running statistics stay.

        Parameters
        ----------
        data : Dataset, batch (x, y), or list of samples
        batch_size : int, optional
            How many samples go through the model together, for speed; otherwise each is a batch of one.
        """
        found = singles(data, "mean_loss") if batch_size is None else [*batches(data, batch_size, "mean_loss")]
        total = sum(loss * len(y) for loss, (_, y) in zip(self.losses(found), found, strict=True))
        return total / sum(len(y) for _, y in found) if found else 0.0

    def losses(self, pairs: Iterable[tuple[Any, Any]]) -> list[float]:
        """Loss of each of several batches, in the active mode; looking changes nothing."""
        with self._looking():
            return [float(self.loss_of(x, y)) for x, y in pairs]

    def accuracy(self, data: Any, batch_size: int = 256) -> tuple[int, int]:
        """Number of correct classes, and of all; targets are labels or one-hot rows."""
        correct = total = 0
        with self._looking():
            for x, y in batches(data, batch_size, "accuracy"):
                output = self.predict(x)
                found, true = self.task.loss.classes(output), self.task.loss.true_classes(output, y)
                if found is not None and found.shape != true.shape:
                    raise ShapeError(f"accuracy: output of shape {output.shape}, target of shape {y.shape}")
                correct, total = correct + (0 if found is None else int((found == true).sum())), total + true.size
        return correct, total

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """Let the block compute on a tape of its own and leave no trace."""
        s, net = self.session, self.net
        tape, stream, draws, auto = s.tape, replace(s.rng), s._draws, net.auto_buffers

        def put_back() -> None:
            s.tape, s.rng, s._draws, net.auto_buffers = tape, stream, draws, auto

        try:
            s.tape = s._new_tape()
            s.tape.grads_on = net.auto_buffers = False
            yield
            put_back()
        except BaseException:  # Stop may fall into the line above too
            put_back()
            raise

    # -- training --------------------------------------------------------------------------
    def update_buffers(self, x: Any) -> None:
        """Move running statistics by one batch; in eval mode nothing happens."""
        self.net.update_buffers(*self._inputs(x))

    def backward(self, x: Any, y: Any) -> dict[str, np.ndarray]:
        """Gradients of a batch's loss by parameter; the mode is train from now on.

        Running statistics move before the gradient is taken. The loss is ``runner.session.grads.value``.
        """
        with Attempt(self):
            if self._compiled is None:
                self.session.reset_tape()
                found = self.session.backward(self._training_loss(x, y))
            else:
                found = self.train_mode()._compiled(x, y)[2]
        return {path: host(found[p]) for path, p in self.net.params.items()}

    def step(self, optimizer: Any, x: Any, y: Any, lr: float | None = None) -> StepReport:
        """One update from a batch; the report has the loss before it.

        In this order: train mode, learning rate, forward pass with running statistics, backward pass, update. When
        anything fails or the run is stopped before the update, everything is as it was.
        """
        if not isinstance(optimizer, Optimizer):
            raise HandleTypeError(
                f"step: {quote(optimizer, 40)} is a {type(optimizer).__name__}, not an optimizer", None,
                'tl.optim.Adam(runner.net.parameters(), lr=0.01), or runner.stepper("adam")',
            )
        with Attempt(self, optimizer) as attempt:
            if lr is not None:
                for group in optimizer.param_groups:
                    group["lr"] = lr
            if self._compiled is None:
                report = self.session.step(optimizer, lambda: self._training_loss(x, y))
            else:
                report = self.train_mode()._compiled.step(optimizer, x, y)
            if report.skipped:
                attempt.undo_buffers()
        return report

    def stepper(self, optimizer: Any, schedule: Any = None) -> Stepper:
        """Training step by step, one sample or batch at a time.

        Parameters
        ----------
        optimizer : str, row, class, OptimizerConfig, callable or Optimizer
            See `build_optimizer`.
        schedule : callable or float, optional
            ``schedule(step) -> learning rate``.
        """
        return Stepper(self, optimizer, schedule)

    def differentiate(self, x: Any, y: Any, eager: bool = False) -> tuple[float, Any, Any]:
        """Loss of a batch, the model's output where it lives, and gradients; running statistics may move on the way.

        `eager` has it done on the session's tape in any case. Nothing is undone when it fails.
        """
        if self._compiled is not None and self.is_training() and not eager:
            return self._compiled(x, y)
        self.session.reset_tape()
        output = self.net(*self._inputs(x))
        grads = self.session.backward(self.task.loss(output, y))
        return float(grads.value), output.array, grads

    def _training_loss(self, x: Any, y: Any) -> Tensor:
        """Loss of a training step, which an `Attempt` is around."""
        self.train_mode()
        auto, self.net.auto_buffers = self.net.auto_buffers, True
        loss = self.loss_of(x, y)
        self.net.auto_buffers = auto
        return loss

    def _inputs(self, x: Any) -> tuple[Any, ...]:
        """Inputs of the model; whole numbers become floats where it wants floats."""
        xs = x if isinstance(x, tuple) else (x,)
        if len(xs) == 1 and not isinstance(x, Ref | Param):
            a = xs[0] if is_array(xs[0]) else np.asarray(xs[0])
            if a.dtype.kind in "iub" and self.task.model.example((1,)).dtype.kind == "f":
                return (a.astype(self.session.dtype),)
        return xs

    # -- state -----------------------------------------------------------------------------
    def get_params(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and running statistics by path."""
        return self.net.state_dict()

    def set_params(self, values: Mapping[str, Any]) -> None:
        """Replace all of them at once."""
        self.net.load_state_dict(values)

    def __repr__(self) -> str:
        return f"Runner: {self.task.loss.name}\n{self.net!r}"
