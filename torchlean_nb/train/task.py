"""Task: what is to be learned, an architecture and a loss; holds no arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.engine import Session
from torchlean_nb.errors import (
    BackendError,
    HandleTypeError,
    HyperparameterError,
    UnknownNameError,
    did_you_mean,
    quote,
)
from torchlean_nb.nn import Layer
from torchlean_nb.train.losses import KINDS, LOSSES, Loss, find_loss
from torchlean_nb.train.runner import Runner

BACKENDS = ("eager", "compiled")
_NAMED = {"regression": "mse", "classification": "cross_entropy"}


@dataclass(frozen=True)
class Task:
    """An architecture and its loss.

    Parameters
    ----------
    model : Layer
    loss : str, op or callable
        A name of `LOSSES`, or ``loss(output, target)`` that gives a scalar.
    kind : {"regression", "classification", "custom"}, optional
        What the loss says of itself when left out.

    Raises
    ------
    UnknownNameError, HandleTypeError, HyperparameterError

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> task = Task(tl.nn.Linear(2, 1), "huber")
    >>> task.kind, task.loss.name
    ('regression', 'huber')
    >>> runner = task.instantiate(seed=1)
    >>> runner.predict([[0.0, 1.0]]).shape
    (1, 1)
    """

    model: Layer
    loss: Loss | Any
    kind: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.model, Layer):
            raise HandleTypeError(
                f"Task: the model is a {type(self.model).__name__}",
                "it must be a layer of tl.nn, which describes a model and holds no arrays", _layer_hint(self.model),
            )
        object.__setattr__(self, "loss", find_loss(self.loss))
        kind = self.loss.kind if self.kind is None else self.kind
        if not isinstance(kind, str) or kind not in KINDS:
            raise HyperparameterError(f"Task: kind={quote(kind)}", f"one of {', '.join(KINDS)}")
        object.__setattr__(self, "kind", kind)

    def instantiate(
        self, *, backend: str = "eager", device: Any = None, dtype: Any = "float64", seed: int = 0,
        init: str | Mapping[str, Any] = "torch", nonfinite: str = "raise", auto_buffers: bool = False,
    ) -> Runner:  # fmt: skip
        """A session of its own with the model's arrays in it, ready to predict and to train.

        Parameters
        ----------
        backend : {"eager", "compiled"}
            Take training steps on the session's tape, or by a program traced once for each shape of a batch:
            the same bits, several times faster for small models.
        device, dtype, nonfinite
            Of the `Session`.
        seed : int
            Of the initial values, and of the session's random stream.
        init : {"torch", "torchlean"} or mapping
            See `Layer.init`; a mapping may also hold arrays by path, such as a ``state_dict()``.
        auto_buffers : bool
            Whether every recorded call in train mode moves running statistics, as in PyTorch. A
            training step does so either way.
        """
        if backend not in BACKENDS:
            raise BackendError(f"backend {quote(backend)} is not available", None, " or ".join(map(repr, BACKENDS)))
        compiled = backend == "compiled"
        session = Session("eager" if compiled else backend, device=device, dtype=dtype, seed=seed, nonfinite=nonfinite)
        net = self.model.bind(session, seed=seed, init=_with_arrays(init), auto_buffers=auto_buffers)
        return Runner(self, session, net, compiled=compiled)


def _with_arrays(init: Any) -> Any:
    """Arrays as initialisers."""
    if not isinstance(init, Mapping):
        return init

    def constant(value: Any) -> Any:
        a = np.asarray(host(value))
        a = a.astype(np.float64) if a.dtype.kind in "iu" else a  # counts of batches
        return lambda shape, seed: a

    return {path: what if callable(what) else constant(what) for path, what in init.items()}


def _layer_hint(what: Any) -> str:
    if isinstance(what, list | tuple):
        return "tl.nn.Sequential(*layers)"
    if hasattr(what, "model"):
        return "net.model, and init=net.state_dict() to begin with its arrays"
    if hasattr(what, "state_dict"):
        return "the same layers of tl.nn, and init=tl.nn.from_torch_state_dict(model, state) for its arrays"
    return "tl.nn.Sequential(tl.nn.Linear(2, 16), tl.nn.Tanh(), tl.nn.Linear(16, 1))"


def regression(model: Layer) -> Task:
    """Predict numbers: mean squared error."""
    return Task(model, "mse")


def classifier(model: Layer) -> Task:
    """Predict classes: cross entropy of the logits, for labels or one-hot rows."""
    return Task(model, "cross_entropy")


def find_task(model: Any, what: Any) -> Task:
    """A task from what a user calls it: ``"regression"``, ``"classification"``, a loss, or a Task of this model.

    Raises
    ------
    UnknownNameError, HandleTypeError, HyperparameterError
    """
    if isinstance(what, Task):
        if what.model is not model and what.model != model:
            raise HyperparameterError("task: it is a task of another model", None, "Trainer(task.model, task)")
        return what
    if isinstance(what, str) and what not in LOSSES and what not in _NAMED:
        raise UnknownNameError(f"no task or loss named {quote(what)}", did_you_mean(what, [*_NAMED, *LOSSES]))
    return Task(model, _NAMED.get(what, what) if isinstance(what, str) else what)
