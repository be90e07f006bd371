"""ScalarTrainer: a loss that is a function of parameters and inputs, without layers; and the loop around it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from torchlean_nb.engine import Session, Tensor
from torchlean_nb.errors import EmptyError, HandleTypeError, HyperparameterError, NonScalarError
from torchlean_nb.train.configs import COUNT, build_optimizer
from torchlean_nb.train.loops import Log, due
from torchlean_nb.train.param_list import ParamList


class ScalarTrainer:
    """A scalar loss of parameters and inputs, written once with ops.

    Parameters
    ----------
    loss : callable
        ``loss(*params, *inputs)`` of Tensors gives a scalar Tensor.
    params : sequence of array_like, or mapping from name to array_like
    requires_grad : sequence of bool, optional
    backend, device, dtype, seed, nonfinite
        Of the `Session`.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> trainer = ScalarTrainer(lambda w, x, y: tl.mse_loss(w * x, y), {"w": [0.0]})
    >>> trainer.forward([2.0], [4.0]), trainer.backward([2.0], [4.0])[0].tolist()
    (16.0, [-16.0])
    >>> trainer.step(0.125, [2.0], [4.0])
    16.0
    >>> trainer.get_params()[0].tolist()
    [2.0]
    """

    def __init__(
        self, loss: Callable[..., Tensor], params: Any, *, requires_grad: Sequence[bool] | None = None,
        backend: str = "eager", device: Any = None, dtype: Any = "float64", seed: int = 0, nonfinite: str = "raise",
    ):  # fmt: skip
        if not callable(loss):
            raise HandleTypeError(
                f"ScalarTrainer: the loss is a {type(loss).__name__}", None, "a function of parameters and inputs"
            )
        self.loss = loss
        self.session = Session(backend, device=device, dtype=dtype, seed=seed, nonfinite=nonfinite)
        self.params = ParamList.from_arrays(params, requires_grad, self.session)

    def forward(self, *inputs: Any) -> float:
        """Loss at the current parameters."""
        return float(self._record(inputs))

    def backward(self, *inputs: Any) -> tuple[np.ndarray, ...]:
        """Gradients of the loss, aligned with `params`; zero for a parameter that is not trained or not used."""
        found = self.session.backward(self._record(inputs))
        return tuple(found[p] for p in self.params)

    def step(self, lr: float, *inputs: Any) -> float:
        """One step of gradient descent; the loss before it."""
        found = self.session.backward(self._record(inputs))
        self.params.sgd_step(found, lr)
        return float(found.value)

    def update(self, optimizer: Any, *inputs: Any) -> float:
        """One step of an optimizer over `params`; the loss before it."""
        found = self.session.backward(self._record(inputs))
        optimizer.step(found)
        return float(found.value)

    def get_params(self) -> tuple[np.ndarray, ...]:
        """Copies of the current values."""
        return tuple(np.array(v) for v in self.params.values)

    def _record(self, inputs: tuple[Any, ...]) -> Tensor:
        """The loss on a fresh tape: parameters first, then inputs, then ops."""
        s = self.session
        s.reset_tape()
        loss = self.loss(*map(s.use, self.params), *map(s.input, inputs))
        if getattr(loss, "shape", None) != ():
            raise NonScalarError(
                f"ScalarTrainer: the loss has shape {getattr(loss, 'shape', None)}, it must be one number", None,
                "its mean",
            )
        return loss

    def __repr__(self) -> str:
        return f"ScalarTrainer in session {self.session.label}: {self.params!r}"


def train_cycle(
    trainer: ScalarTrainer, samples: Iterable[Any], steps: int, *, lr: float | None = None, optimizer: Any = None,
    log_every: int = 1, log: Log = print,
) -> list[float]:  # fmt: skip
    """Train on sample ``k % n`` in step `k`, by plain gradient descent or an optimizer.

    Parameters
    ----------
    samples : Dataset, or iterable of inputs
        A tuple where the loss takes several.
    steps : int
    lr : float
        Of plain gradient descent.
    optimizer
        Instead of `lr`; see `build_optimizer`.
    log_every : int
        Print the loss, before the update, every so many steps; 0 never.

    Returns
    -------
    list of float
        Loss before each update.

    Raises
    ------
    EmptyError, HyperparameterError

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> trainer = ScalarTrainer(lambda w, x, y: tl.mse_loss(w * x, y), [[0.0]])
    >>> losses = train_cycle(trainer, [([1.0], [2.0]), ([2.0], [4.0])], 3, lr=0.125)
    step 0: loss=4.000000
    step 1: loss=9.000000
    step 2: loss=0.000000
    """
    found = _cycle(samples)
    if (lr is None) == (optimizer is None):
        raise HyperparameterError("train_cycle: lr and optimizer are two ways to say how to step", None, "one of them")
    if not found:
        raise EmptyError(f"trainCycle{'SGD' if optimizer is None else 'Optim'}: empty dataset")
    steps, log_every = COUNT.check("train_cycle", "steps", steps), COUNT.check("train_cycle", "log_every", log_every)
    made = None if optimizer is None else build_optimizer(optimizer, trainer.params)
    losses = []
    for k in range(steps):
        inputs = found[k % len(found)]
        losses.append(trainer.step(lr, *inputs) if made is None else trainer.update(made, *inputs))
        if due(log_every, k):
            log(f"step {k}: loss={losses[-1]:.6f}")
    return losses


def _cycle(samples: Any) -> list[tuple[Any, ...]]:
    if not isinstance(samples, Iterable):
        raise HandleTypeError(f"samples are a {type(samples).__name__}", None, "a list of tuples of inputs")
    return [s if isinstance(s, tuple) else (s,) for s in samples]


def mean_loss(trainer: ScalarTrainer, samples: Iterable[Any]) -> float:
    """Mean loss over samples, each an input or a tuple of them.

    Raises
    ------
    EmptyError
    """
    losses = [trainer.forward(*inputs) for inputs in _cycle(samples)]
    if not losses:
        raise EmptyError("meanLoss: empty dataset")
    return sum(losses) / len(losses)
