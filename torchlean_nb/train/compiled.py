"""Training steps by a compiled program: loss, output and gradients of a batch in one straight line of NumPy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np

from torchlean_nb.backend.quiet import quietly
from torchlean_nb.compiler import Program
from torchlean_nb.engine import StepReport
from torchlean_nb.engine.data import as_data
from torchlean_nb.engine.param import Param
from torchlean_nb.nn.place import Pass, Place

KEPT = 8  # programs, one for each kind of batch


@dataclass(frozen=True)
class Ready:
    """A program for batches of one kind.

    Parameters
    ----------
    program : Program
        Of ``(*parameters, *buffers, *keys, *inputs, target)``.
    keys : int
        How many random keys a forward pass draws.
    output : ndarray
        Shape and type of the output, for losses that bring the target into its form.
    watched : list
        ``(path, layer, x, update)`` of what buffers are made of.
    """

    program: Program
    keys: int
    output: np.ndarray
    watched: list[Any]


class CompiledLoss:
    """Loss, output and gradients of a runner's batches, bit for bit those of its session.

    The model is traced once for each shape of a batch. Random keys are arguments, so every step drops other
    elements; running statistics are made from what their layers saw. A program does not look at what it computes on
    the way: an inf that reaches neither the loss nor a gradient is passed over, where a tape stops at its op.

    Parameters
    ----------
    runner : Runner

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> task, batch = tl.train.regression(tl.nn.Linear(2, 1)), ([[1.0, 2.0]], [3.0])
    >>> runners = [task.instantiate(backend=name, seed=1) for name in ("eager", "compiled")]
    >>> one, other = (runner.train_mode().differentiate(*batch)[0] for runner in runners)
    >>> one == other
    True
    """

    def __init__(self, runner: Any):
        self.runner = runner
        self._ready: dict[Any, Ready] = {}
        self._quietly = quietly()

    def __call__(self, x: Any, y: Any) -> tuple[float, np.ndarray, dict[Param, np.ndarray]]:
        """Loss of a batch in train mode, the model's output, and the gradients.

        Raises
        ------
        NonFiniteError
            In the words of the session, which then runs the same step to find the op.
        """
        runner, session, net = self.runner, self.runner.session, self.runner.net
        strict = session.nonfinite == "raise"
        xs = [self._data(v, "input") for v in runner._inputs(x)]
        ready = self._for(xs, y)
        prepare = runner.task.loss.prepare
        target = self._data(y if prepare is None else prepare(ready.output, y), "target")
        before = (replace(session.rng), session._draws) if ready.keys else None
        keys = [np.array(session.draw_key(), np.uint64) for _ in range(ready.keys)]
        read = session.store.read
        cells = {path: read(p.key) for own in (net.params, net.buffers) for path, p in own.items()}
        (loss, output, *seen), found = ready.program(*cells.values(), *keys, *xs, target)
        if strict and not self._quietly(all_finite, loss, found):
            if before is not None:
                session.rng, session._draws = before
            return runner.differentiate(x, y, eager=True)
        if seen:
            news: dict[str, Any] = {}
            for (path, layer, _, update), value in zip(ready.watched, seen, strict=True):
                place = Place(Pass(cells, "train", news=news), layer, path)
                place.keep(**update(value, place))
            net._commit(news)
        return float(loss), output, self._by_param(found)

    def step(self, optimizer: Any, x: Any, y: Any) -> StepReport:
        """As `Session.step`: loss, gradients, update."""
        loss, _, grads = self(x, y)
        session = self.runner.session
        if session.nonfinite == "skip" and not session._all_finite(loss, grads):
            return StepReport(loss, grads, skipped=True)
        optimizer.step(trained(grads, self.runner.net.params.values()))
        return StepReport(loss, grads)

    def _data(self, value: Any, label: str) -> np.ndarray:
        session = self.runner.session
        strict = session.nonfinite == "raise"
        if value.__class__ is np.ndarray and value.dtype == session.dtype and value.flags.c_contiguous:
            if not strict or self._quietly(all_finite, 0.0, (value,)):
                return value  # a program reads its arguments and is done with them
        elif hasattr(value, "tape") or isinstance(value, Param):
            value = value.value
        return as_data(value, session.dtype, label=label, finite=strict)

    def _by_param(self, found: tuple[np.ndarray, ...]) -> dict[Param, np.ndarray]:
        """Gradients by parameter; zeros for one that is not trained, as a session gives them."""
        left = iter(found)
        params = self.runner.net.params.values()
        return {p: next(left) if p.requires_grad else np.zeros_like(p.value) for p in params}

    def _for(self, xs: list[np.ndarray], y: Any) -> Ready:
        trained = [p.requires_grad for p in self.runner.net.params.values()]
        key = (*[(a.shape, a.dtype.char) for a in xs], np.shape(y), *trained)
        if key not in self._ready:
            made = self._trace(xs, y)
            while len(self._ready) >= KEPT:
                self._ready.pop(next(iter(self._ready)))
            self._ready[key] = made
        return self._ready[key]

    def _trace(self, xs: list[np.ndarray], y: Any) -> Ready:
        net, loss = self.runner.net, self.runner.task.loss
        cells = {path: p.value for path, p in net._cells().items()}
        one = xs[0] if len(xs) == 1 else tuple(xs)
        drawn = count()
        with np.errstate(all="ignore"):
            output = Place(Pass(cells, "train", drawn.__next__), net.model).compute(one)
        keys, watched = next(drawn), []

        def step(*args: Any) -> Any:
            watched.clear()
            values, rest = args[: len(cells)], iter(args[len(cells) :])
            stream = [next(rest) for _ in range(keys)]
            inputs = tuple(next(rest) for _ in xs)
            run = Pass(dict(zip(cells, values, strict=True)), "train", iter(stream).__next__, later=watched)
            out = Place(run, net.model).compute(inputs[0] if len(inputs) == 1 else inputs)
            return loss(out, next(rest)), out, *(x for _, _, x, _ in watched)

        step.__name__ = "step"
        target = self._data(y if loss.prepare is None else loss.prepare(output, y), "target")
        examples = [*cells.values(), *(np.array(0, np.uint64) for _ in range(keys)), *xs, target]
        wrt = tuple(k for k, p in enumerate(net.params.values()) if p.requires_grad)
        program = Program(step, examples, wrt, wrt=True)
        return Ready(program, keys, np.broadcast_to(np.zeros((), output.dtype), output.shape), list(watched))


def trained(grads: Any, params: Iterable[Any]) -> Any:
    """Gradients without those of frozen parameters, which no update may move, not even by its weight decay."""
    frozen = [p for p in params if not p.requires_grad]
    if not frozen or not isinstance(grads, dict):
        return grads  # those of a session tell it themselves
    out = {*frozen, *(p.name for p in frozen)}
    return {k: g for k, g in grads.items() if k not in out}


def all_finite(loss: Any, grads: Iterable[np.ndarray]) -> bool:
    """Whether a number and all entries of some arrays are finite, by sums of squares, and by a closer look at need.

    A sum may overflow, of which NumPy warns.

    Examples
    --------
    >>> all_finite(1.0, [np.ones(2)]), all_finite(1.0, [np.full(2, 1e99)]), all_finite(1.0, [np.array([np.nan])])
    (True, True, False)
    """
    total = float(loss)
    for g in grads:
        flat = g.ravel()
        total += float(flat.dot(flat))
    return total - total == 0 or bool(np.isfinite(loss) and all(np.isfinite(g).all() for g in grads))
