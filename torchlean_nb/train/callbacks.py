"""Callbacks: what runs beside the training, in the order in which they were added up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from torchlean_nb.errors import HyperparameterTypeError, PathError, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.train.early_stopping import EarlyStopping

_SAVING = "torchlean_nb.saving"
EVENTS = ("on_train_start", "on_step", "on_epoch_end", "on_train_end")


@dataclass(frozen=True)
class Moment:
    """What a callback is told.

    Attributes
    ----------
    trainer : Trainer
        Its state is that after a whole update; ``trainer.stop("why")`` ends the training here.
    step : int
        Number of the last update, from 0; -1 before the first.
    epoch : int
        Epochs that are complete.
    values : mapping of str to float
        What was measured: ``loss`` (before the update), ``lr``, metrics; at the end of an epoch also the mean loss
        of the epoch as ``epoch_loss``, and ``val_loss``.
    planned : int or None
        Updates there will have been at the end of this fit.
    """

    trainer: Any
    step: int
    epoch: int
    values: Mapping[str, float]
    planned: int | None = None

    @property
    def loss(self) -> float:
        """The loss of the last step."""
        return self.values["loss"]


class Callback:
    """Base of callbacks: overwrite what is of interest; ``a + b`` runs a, then b.

    Examples
    --------
    >>> said = []
    >>> class Speaks(Callback):
    ...     def on_train_start(self, moment):
    ...         said.append("start")
    >>> both = Speaks() + (lambda moment: said.append(moment.step))
    >>> both.on_train_start(Moment(None, -1, 0, {}))
    >>> both.on_step(Moment(None, 7, 0, {}))
    >>> said
    ['start', 7]
    """

    def on_train_start(self, moment: Moment) -> None:
        """Before the first step of a `fit`."""

    def on_step(self, moment: Moment) -> None:
        """After an update."""

    def on_epoch_end(self, moment: Moment) -> None:
        """After the last update of an epoch, and its validation."""

    def on_train_end(self, moment: Moment) -> None:
        """After the last step of a `fit`, however it ended."""

    def __add__(self, other: Any) -> Callback:
        return Chain((*_parts(self), *_parts(callbacks_of(other))))

    def __radd__(self, other: Any) -> Callback:
        return self if other in (0, None) else callbacks_of(other) + self


class Chain(Callback):
    """Several callbacks, one after another."""

    def __init__(self, parts: tuple[Callback, ...] = ()):
        self.parts = parts

    def on_train_start(self, moment: Moment) -> None:
        """Tell all of them."""
        for part in self.parts:
            part.on_train_start(moment)

    def on_step(self, moment: Moment) -> None:
        """Tell all of them."""
        for part in self.parts:
            part.on_step(moment)

    def on_epoch_end(self, moment: Moment) -> None:
        """Tell all of them."""
        for part in self.parts:
            part.on_epoch_end(moment)

    def on_train_end(self, moment: Moment) -> None:
        """Tell all of them."""
        for part in self.parts:
            part.on_train_end(moment)


class OnStep(Callback):
    """A function that is called after every update."""

    def __init__(self, f: Callable[[Moment], Any]):
        self.f = f

    def on_step(self, moment: Moment) -> None:
        """Call it."""
        self.f(moment)


class Checkpoint(Callback):
    """Saves the trainer every so many updates, and at the end.

    Parameters
    ----------
    path : str or Path
        ``{step}`` in its name becomes the number of updates done, so that each file stays; otherwise each replaces
        the one before, which is there until the new one is complete.
    every : int or "epoch"

    Examples
    --------
    >>> Checkpoint("run-{step}.tl", every=100).path_at(300).name
    'run-300.tl'
    """

    def __init__(self, path: str | Path, every: int | str = "epoch"):
        if not isinstance(path, str | Path):
            raise PathError(f"Checkpoint: path={quote(path)} is a {type(path).__name__}", None, '"run.tl"')
        self.path = Path(path)
        self.every = every if every == "epoch" else Hyper(low=1, kind="int").check("Checkpoint", "every", every)
        self._saved = -1

    def path_at(self, step: int) -> Path:
        """Where the state after `step` updates goes."""
        return self.path.with_name(self.path.name.replace("{step}", str(step)))

    def _save(self, moment: Moment) -> None:
        done = moment.step + 1
        if done != self._saved:
            import_module(_SAVING).save(self.path_at(done), moment.trainer)
            self._saved = done

    def on_step(self, moment: Moment) -> None:
        """Save when it is time."""
        if self.every != "epoch" and (moment.step + 1) % self.every == 0:
            self._save(moment)

    def on_epoch_end(self, moment: Moment) -> None:
        """Save when it is time."""
        if self.every == "epoch":
            self._save(moment)

    def on_train_end(self, moment: Moment) -> None:
        """Save what is not saved yet."""
        self._save(moment)


def _parts(callback: Callback) -> tuple[Callback, ...]:
    return callback.parts if isinstance(callback, Chain) else (callback,)


def callbacks_of(what: Any) -> Callback:
    """One callback of any number of them; a function is called after every update.

    Raises
    ------
    HyperparameterTypeError
    """
    if what is None:
        return Chain()
    if isinstance(what, Callback):
        return what
    if any(callable(getattr(what, name, None)) for name in EVENTS) and not isinstance(what, type):
        return Chain((_Adapted(what),))
    if callable(what) and not isinstance(what, type):
        return OnStep(what)
    if isinstance(what, Iterable) and not isinstance(what, str | bytes | Mapping):
        return Chain(tuple(p for one in what for p in _parts(callbacks_of(one))))
    if isinstance(what, EarlyStopping):
        raise HyperparameterTypeError("callbacks: an EarlyStopping has an argument of its own", None,
                                      f"fit(..., early_stopping={what!r})")  # fmt: skip
    raise HyperparameterTypeError(
        f"callbacks={quote(what)} is a {'class' if isinstance(what, type) else type(what).__name__}",
        f"a function of a moment, or an object with {', '.join(EVENTS)}",
        "callbacks=[lambda moment: print(moment.step, moment.loss)]",
    )


class _Adapted(Callback):
    """Any object that has some of the methods."""

    def __init__(self, what: Any):
        for name in EVENTS:
            if callable(getattr(what, name, None)):
                setattr(self, name, getattr(what, name))
