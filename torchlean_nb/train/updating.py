"""One update of a trainer: gradients of its batches, clipped, and handed to the optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import device_of
from torchlean_nb.backend.quiet import quietly
from torchlean_nb.backend.random import Rng
from torchlean_nb.engine.curvature import hessian_diagonal
from torchlean_nb.errors import CapabilityError, HyperparameterTypeError, NonFiniteError, quote
from torchlean_nb.minimizers import Method
from torchlean_nb.optim import row as find_row
from torchlean_nb.shells.clip import Clipped, clip_grad_norm
from torchlean_nb.shells.closure import Minimizer, class_of_method
from torchlean_nb.shells.optimizer import Optimizer
from torchlean_nb.train.compiled import finite, trained
from torchlean_nb.train.configs import build_optimizer
from torchlean_nb.train.evaluate import measured
from torchlean_nb.train.feed import Pair
from torchlean_nb.train.param_list import gradients_of
from torchlean_nb.updates import UpdateRule


class Updating:
    """Makes updates of a runner's parameters.

    Parameters
    ----------
    runner : Runner
    optimizer : Optimizer
    clip : None, number or callable
        Largest norm of all gradients together, or a function from gradients to gradients.

    Attributes
    ----------
    norm : float or None
        Norm of the gradients before they were clipped, where it is known.
    output, target : array
        Of the last forward pass; the output stays where it lives until somebody looks.
    """

    def __init__(self, runner: Any, optimizer: Any, clip: Any = None):
        self.runner, self.optimizer, self.clip = runner, optimizer, _clipping(clip)
        self.session, self.net, self.policy = runner.session, runner.net, runner.session.nonfinite
        self._grads: Mapping[Any, Any] | None = {}
        self.norm: float | None = None
        self.output = self.target = np.empty(0)
        self._quietly = quietly()
        needs = getattr(optimizer.rule, "needs", ())
        self._bends, self.asks = "curvature" in needs, isinstance(optimizer, Minimizer)
        plain = type(optimizer).step is Optimizer.step and "step" not in vars(optimizer)
        self._straight = (
            plain and bool(optimizer._fused) and not needs and clip is None and self.policy != "skip"
            and runner.backend == "compiled" and runner.session.tape.xp.device is None
        )  # fmt: skip

    @property
    def grads(self) -> Mapping[Any, Any]:
        """As the optimizer got them last."""
        if self._grads is None:
            views = [g for group in self.optimizer._fused.groups for g in group.grads]
            self._grads = dict(zip(self.optimizer._cells, views, strict=True))
        return self._grads

    # -- what the optimizer is given ---------------------------------------------------------
    def backward(self, x: Any, y: Any) -> tuple[float, Any]:
        """Loss of a batch and its gradients; running statistics move on the way."""
        loss, self.output, grads = self.runner.differentiate(x, y)
        self.target = y
        return loss, grads

    def mean(self, pairs: list[Pair]) -> tuple[float, Any]:
        """The same of several batches as if they were one: means, weighted by their rows."""
        if len(pairs) == 1:
            return self.backward(*pairs[0])
        rows, loss, total = sum(len(y) for _, y in pairs), 0.0, {}
        outputs = []
        for x, y in pairs:
            value, grads = self.backward(x, y)
            share = len(y) / rows
            loss += share * value
            params = self.net.parameters()
            for p, g in zip(params, gradients_of(grads, params), strict=True):
                part = g * p.dtype.type(share)
                total[p] = total[p] + part if p in total else part
            outputs.append(self.output)
        self.output = device_of(outputs[0]).np.concatenate(outputs)
        self.target = np.concatenate([y for _, y in pairs])
        return loss, total

    def _cut(self, value: float, grads: Any) -> tuple[float, Any]:
        self.norm = None
        if self.clip is not None:
            grads = self.clip(grads)
            self.norm = grads.norm if isinstance(grads, Clipped) else None
            if isinstance(grads, list | tuple):
                grads = dict(zip(self.net.parameters(), grads, strict=True))
        self._grads = grads = trained(grads, self.net.params.values())
        return value, grads

    # -- updates -----------------------------------------------------------------------------
    def __call__(self, pairs: list[Pair], each: bool = False) -> tuple[float, int]:
        """Update once from all batches together, or once from each.

        Returns
        -------
        loss : float
            Before the update; after all of them where there were several, as TorchLean says it.
        skipped : int
            Updates left out for a non-finite number.

        Raises
        ------
        NonFiniteError
        """
        self.net.train()
        # What is not finite is found and worded by ops and optimizers.
        return self._quietly(self._updates if each else self._update, pairs)

    def _updates(self, pairs: list[Pair]) -> tuple[float, int]:
        skipped = sum(self._update([one])[1] for one in pairs)
        return measured(self.runner, pairs, (), "train")["loss"], skipped

    def _update(self, pairs: list[Pair]) -> tuple[float, int]:
        if self.policy != "skip":
            return self._step(pairs), 0
        buffers = {p.key: p.array for p in self.net.buffers.values()}
        self._value = math.nan
        try:
            loss = self._step(pairs)
        except NonFiniteError:
            self.session.store.update(buffers)  # moved by the same numbers
            return self._value, 1
        return loss, 0

    def _step(self, pairs: list[Pair]) -> float:
        if self.asks:
            return float(self.optimizer.step(lambda: self._cut(*self.mean(pairs))))
        if self._straight and len(pairs) == 1:
            found = self.runner._compiled.update(self.optimizer, *pairs[0])
            if found is not None:
                self.norm, self._grads, self.target = None, None, pairs[0][1]
                self._value, self.output = found
                return self._value
        self._value, grads = self.mean(pairs)
        if self.policy == "skip":
            moved = self.session.tape.xp.every_finite(p.array for p in self.net.buffers.values())
            if not moved or not finite(self.session, self._value, grads):
                raise NonFiniteError("fit: a loss, a gradient or a running statistic is not finite")
        value, grads = self._cut(self._value, grads)
        self.optimizer.step(grads, value, self._curvature(pairs) if self._bends else None)
        return value

    def _curvature(self, pairs: list[Pair]) -> dict[Any, np.ndarray]:
        """An estimate of the diagonal of the Hessian from one random vector, for rules that want one."""
        net, runner = self.net, self.runner
        buffers = {path: p.array for path, p in net.buffers.items()}
        seed = self.optimizer._state.steps

        def loss(*arrays: Any) -> Any:
            total, rows = 0.0, sum(len(y) for _, y in pairs)
            values, stream = dict(zip(net.params, arrays, strict=True)), Rng(seed)
            for x, y in pairs:
                xs = runner._inputs(x)
                output = net.model.forward(xs[0] if len(xs) == 1 else xs, values, buffers, "train", stream.key)
                total = runner.task.loss(output, y) * (len(y) / rows) + total
            return total

        bent = hessian_diagonal(loss, tuple(p.array for p in net.parameters()), samples=1, seed=seed)
        return dict(zip(net.parameters(), bent, strict=True))


def optimizer_of(what: Any, params: list[Any]) -> Any:
    """As `build_optimizer`, and also the methods that evaluate the loss themselves, such as L-BFGS.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> optimizer_of("lbfgs", tl.nn.Linear(2, 1).bind(tl.Session()).parameters()).rule.name
    'lbfgs'

    Raises
    ------
    CapabilityError
        For a method that needs second derivatives, or single residuals or examples.
    UnknownNameError, HyperparameterError, HyperparameterTypeError
    """
    what = find_row(what) if isinstance(what, str) else what
    row = getattr(what, "rule", what)
    if isinstance(row, Method) and not row.needs & {"value", "gradient"}:
        raise CapabilityError(
            f"optimizer: {row.class_name} asks for more than a loss and its gradient",
            f"it needs the {next(iter(row.needs))} of the problem", "tl.minimize, or its class with a closure",
        )
    if isinstance(what, Method):
        return class_of_method(what)(params)
    makes = callable(what) and not isinstance(what, UpdateRule | Optimizer)
    made = what(params) if makes else what
    if makes and isinstance(made, Minimizer):
        return optimizer_of(made, params)
    own = isinstance(made, Minimizer) and {id(p) for p in made._cells} <= {id(p) for p in params}
    return made if own else build_optimizer(made, params)


def _clipping(clip: Any) -> Callable[[Any], Any] | None:
    if clip is None or callable(clip):
        return clip
    if isinstance(clip, bool) or not isinstance(clip, int | float) or not 0 < clip < math.inf:
        raise HyperparameterTypeError(
            f"fit: clip={quote(clip)} is not allowed", "the largest norm of all gradients, a number > 0, or a function",
            "clip=1.0, or clip=lambda grads: tl.optim.clip_grad_value(grads, 0.5)",
        )
    return lambda grads: clip_grad_norm(grads, clip)
