"""Training steps by a compiled program: loss, output and gradients of a batch in one straight line of NumPy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import count
from typing import Any
from weakref import proxy

import numpy as np

from torchlean_nb.backend.devices import host, is_array, is_foreign
from torchlean_nb.backend.quiet import quietly
from torchlean_nb.compiler import Program
from torchlean_nb.compiler.arguments import form
from torchlean_nb.compiler.train_step import TrainStep
from torchlean_nb.engine import StepReport
from torchlean_nb.engine.data import as_data
from torchlean_nb.engine.param import Param
from torchlean_nb.errors import NonFiniteError
from torchlean_nb.nn.place import Pass, Place

KEPT = 8  # programs, one for each kind of batch


class Ready:
    """What is compiled for batches of one kind.

    Parameters
    ----------
    make : callable
        ``make(wrt)`` gives the program of ``(*parameters, *buffers, *keys, *inputs, target)``.
    wrt : tuple of int
        Parameters that are trained.
    keys : int
        How many random keys a forward pass draws.
    output : ndarray
        Shape and type of the output, for losses that bring the target into its form.
    watched : list
        ``(path, layer, x, update)`` of what buffers are made of; known when a program is there.
    whole : bool
        Whether all parameters are trained.
    """

    def __init__(
        self, make: Any, wrt: tuple[int, ...], keys: int, output: np.ndarray, watched: list[Any], whole: bool
    ):  # fmt: skip
        self.make, self.wrt, self.keys, self.output, self.watched = make, wrt, keys, output, watched
        self.whole = whole
        self._step: tuple[Any, Any] = None, None

    @cached_property
    def program(self) -> Program:
        """Loss, output, what buffers are made of, and gradients."""
        return self.make(self.wrt)

    def step(self, optimizer: Any, params: list[Param]) -> TrainStep:
        """The same and the update, as one straight line; kept for the optimizer that asked last."""
        if self._step[0] is not optimizer:
            order = tuple([params.index(p) for p in optimizer._cells])
            self._step = optimizer, TrainStep(self.make(order), optimizer)
        return self._step[1]


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
        self.task, self.session, self.net, self._runner = runner.task, runner.session, runner.net, proxy(runner)
        self._ready: dict[Any, Ready] = {}
        self._char, self._params = np.dtype(runner.session.dtype).char, [*runner.net.params.values()]
        self._quietly = quietly()
        device = runner.session.tape.xp.device
        self._put = None if device is None else device.put  # each batch crosses once

    def __call__(self, x: Any, y: Any) -> tuple[float, Any, dict[Param, Any]]:
        """Loss of a batch in train mode, the model's output, and the gradients, these where they live.

        Raises
        ------
        NonFiniteError
            In the words of the session, which then runs the same step to find the op.
        """
        session = self.session
        strict = session.nonfinite == "raise"
        ready, data, before = self._arguments(x, y, self._data)
        read = session.store.read
        params = [read(p.key) for p in self._params]
        (loss, output, *seen), found = ready.program(*params, *data)
        value = self._quietly(told, session.tape.xp, loss, found) if strict else float(loss.item())
        if strict and value - value != 0:
            return self._in_words(x, y, before)
        self._keep(ready, seen, data)
        return value, output, self._by_param(found)

    def update(self, optimizer: Any, x: Any, y: Any) -> tuple[float, np.ndarray] | None:
        """An update from one batch of a Dataset, as one straight line; its loss and the model's output.

        The gradients are where the optimizer has them. None, and nothing done, where they have to be taken apart.

        Raises
        ------
        NonFiniteError
            In the words of the session, or of the optimizer, and no parameter has moved.
        """
        session = self.session
        ready, data, before = self._arguments(x, y, self._given)
        if not ready.whole:
            if before is not None:
                session.rng, session._draws = before
            return None
        step = ready.step(optimizer, self._params)
        old = dict.get(session.store, optimizer._key)
        try:
            loss, output, *seen = step(*data)
            if session.nonfinite == "raise" and not all_finite(loss, [g.grad for g in optimizer._fused.groups]):
                dict.__setitem__(session.store, optimizer._key, old)  # the arrays of before are as they were
                raise NonFiniteError("fit: a gradient is not finite", "step not applied, nothing was changed")
        except NonFiniteError:
            self._in_words(x, y, before)
            raise
        self._keep(ready, seen, data)
        return loss, output

    def _arguments(self, x: Any, y: Any, read: Any) -> tuple[Ready, list[Any], Any]:
        """The program, what it takes beside parameters, and the random stream before keys were drawn."""
        self.session.tape.refuse_outsiders()
        session, prepare = self.session, self.task.loss.prepare
        plain = x.__class__ is np.ndarray and x.dtype.char == self._char
        xs = [read(v, "input") for v in ((x,) if plain else self._runner._inputs(x))]
        ready = self._for(xs, y)
        target = read(y if prepare is None else prepare(ready.output, y), "target")
        before, keys = None, []
        if ready.keys:
            before = replace(session.rng), session._draws
            keys = [np.array(session.draw_key(), np.uint64) for _ in range(ready.keys)]
        buffers = [p.array for p in self.net.buffers.values()]
        if self._put is not None:
            keys, xs, target = [*map(self._put, keys)], [*map(self._put, xs)], self._put(target)
        return ready, [*buffers, *keys, *xs, target], before

    def _in_words(self, x: Any, y: Any, before: Any) -> tuple[float, np.ndarray, Any]:
        """The same step on a tape, which says where a number is not finite."""
        if before is not None:
            self.session.rng, self.session._draws = before
        return self._runner.differentiate(x, y, eager=True)

    def _keep(self, ready: Ready, seen: list[Any], data: list[Any]) -> None:
        """Move running statistics by what their layers saw."""
        if not seen:
            return
        net, news = self.net, dict[str, Any]()
        cells = dict(zip(net.buffers, data, strict=False))
        for (path, layer, _, update), value in zip(ready.watched, seen, strict=True):
            place = Place(Pass(cells, "train", news=news), layer, path)
            place.keep(**update(value, place))
        net._commit(news)

    def step(self, optimizer: Any, x: Any, y: Any) -> StepReport:
        """As `Session.step`: loss, gradients, update."""
        loss, _, grads = self(x, y)
        session = self.session
        seen = grads if self._put is None else Fetched(grads)
        if session.nonfinite == "skip" and not finite(session, loss, grads):
            return StepReport(loss, seen, skipped=True)
        optimizer.step(trained(grads, self.net.params.values()))
        return StepReport(loss, seen)

    def _data(self, value: Any, label: str) -> np.ndarray:
        session = self.session
        strict = session.nonfinite == "raise"
        if value.__class__ is np.ndarray and value.dtype == session.dtype and value.flags.c_contiguous:
            if not strict or self._quietly(all_finite, 0.0, (value,)):
                return value  # a program reads its arguments and is done with them
        elif hasattr(value, "tape") or isinstance(value, Param):
            value = value.array
        take = session.place if is_foreign(value) else as_data
        return take(value, session.dtype, label=label, finite=strict)

    def _given(self, value: Any, label: str) -> Any:
        """An array of a Dataset, which holds nothing that is not finite."""
        fits = value.__class__ is np.ndarray and value.dtype.char in (self._char, "l") and value.flags.c_contiguous
        return value if fits else self._data(value, label)

    def _by_param(self, found: tuple[np.ndarray, ...]) -> dict[Param, np.ndarray]:
        """Gradients by parameter; zeros for one that is not trained, as a session gives them."""
        left = iter(found)
        params = self.net.params.values()
        xp = self.session.tape.xp
        return {p: next(left) if p.requires_grad else xp.zeros(shape=p.shape, like=p.array) for p in params}

    def _for(self, xs: list[np.ndarray], y: Any) -> Ready:
        shape = y.shape if is_array(y) else np.shape(y)
        key = (*[(a.shape, a.dtype) for a in xs], shape, *[p.requires_grad for p in self._params])
        made = self._ready.get(key)
        if made is None:
            made = self._trace(xs, y)
            while len(self._ready) >= KEPT:
                self._ready.pop(next(iter(self._ready)))
            self._ready[key] = made
        return made

    def _trace(self, xs: list[np.ndarray], y: Any) -> Ready:
        net, loss = self.net, self.task.loss
        cells, xs = {path: form(p.array) for path, p in net._cells().items()}, [*map(form, xs)]
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
        target = form(self._data(y if loss.prepare is None else loss.prepare(output, y), "target"))
        # Only their forms: an array that is kept would count as one that somebody looks at.
        examples = [_form(a) for a in (*cells.values(), *[np.uint64(0)] * keys, *xs, target)]
        wrt = tuple(k for k, p in enumerate(net.params.values()) if p.requires_grad)
        whole = len(wrt) == len(net.params)
        device = self.session.device

        def make(order: Any) -> Program:
            return Program(step, examples, order, wrt=True, device=device)

        return Ready(make, wrt, keys, _form(output), watched, whole)


class Fetched(Mapping):
    """Gradients on a device by parameter, brought to the host one by one when somebody looks."""

    def __init__(self, found: dict[Any, Any]):
        self._found = found

    def __getitem__(self, key: Any) -> np.ndarray:
        return host(self._found[key])

    def aligned(self, params: Iterable[Any]) -> list[Any]:
        """Those of parameters where they live; None for one that has none."""
        return [self._found.get(p) for p in params]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def _form(a: Any) -> np.ndarray:
    """Zeros of the shape and type of an array, in no memory."""
    return np.broadcast_to(np.zeros((), a.dtype), a.shape)


def trained(grads: Any, params: Iterable[Any]) -> Any:
    """Gradients without those of frozen parameters, which no update may move, not even by its weight decay."""
    frozen = [p for p in params if not p.requires_grad]
    if not frozen or not isinstance(grads, dict):
        return grads  # those of a session tell it themselves
    out = {*frozen, *(p.name for p in frozen)}
    return {k: g for k, g in grads.items() if k not in out}


def finite(session: Any, loss: float, grads: Any) -> bool:
    """Whether a loss and its gradients are finite."""
    if not isinstance(grads, dict):
        return session._all_finite(loss, grads)
    return math.isfinite(loss) and session.tape.xp.every_finite(g for g in grads.values() if g is not None)


def told(xp: Any, loss: Any, grads: Iterable[Any]) -> float:
    """A loss as a number, NaN where it or an entry of a gradient is not finite; a device is waited for once."""
    if xp.device is None:
        return float(loss) if all_finite(loss, grads) else math.nan
    flags = [xp.np.isfinite(g).all() for g in (loss, *grads)]
    return float(xp.np.where(xp.np.stack(flags).all(), loss, math.nan).item())


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
