"""Objective: the loss of a model on its whole data, as a function of one vector of parameters.

The model runs compiled and on arrays of its own, so its session, parameters, buffers and random stream are only read.
On a device the data are put once; of every evaluation the vectors go there and the numbers asked for come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.compiler import Program
from torchlean_nb.compiler.vectorize import vmap
from torchlean_nb.data import Dataset
from torchlean_nb.engine.data import as_data
from torchlean_nb.errors import (
    CapabilityError,
    HandleTypeError,
    NonFiniteError,
    NonScalarError,
    ShapeError,
    TorchLeanError,
    quote,
)  # fmt: skip
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn import Layer, Module
from torchlean_nb.nn.place import Pass, Place
from torchlean_nb.train import Runner, Trainer, TrainResult
from torchlean_nb.train.feed import dataset_of, pair
from torchlean_nb.train.task import find_task

ROWS = 4096
LANES, WORDS = 64, 1 << 18  # at most so many vectors at once, and numbers in their largest array, to stay in cache
_BATCH = Hyper(ROWS, low=1, kind="int")
HUGE = 1e150  # squares of what is larger are no numbers
SEED = Hyper(0, low=0, kind="int")


class Objective:
    """Mean loss over all rows, in eval mode, at any parameters.

    Parameters
    ----------
    model : Trainer, Runner, TrainResult or Module
        Its parameters now are `centre`; those that are not trained, and buffers, stay what they are.
    data : Dataset, (X, y) or list of samples, optional
        What a Trainer was trained on when left out.
    loss : str, op, callable or Task, optional
        Needed for a Module, and to look at another loss than the model learned with.
    batch : int
        Rows that go through the model together.

    Raises
    ------
    HandleTypeError, CapabilityError, DataError, ShapeError, NonFiniteError, NonScalarError

    Attributes
    ----------
    centre : ndarray, shape (parameters,)
    shapes : dict of tuple by path
        Of the trained parameters, in order.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> net = tl.nn.Linear(1, 1).bind(tl.Session(), seed=0)
    >>> net.load_state_dict({"weight": [[2.0]], "bias": [0.0]})
    >>> at = Objective(net, ([[1.0], [2.0]], [2.0, 5.0]), loss="mse")
    >>> at.centre.tolist(), at(at.centre), at([2.0, 1.0])
    ([2.0, 0.0], 0.5, 0.5)
    """

    def __init__(self, model: Any, data: Any = None, *, loss: Any = None, batch: int = ROWS):
        self.net, task, values, data = _opened(model, data, loss)
        self.loss, self.kind = task.loss, task.kind
        self.dtype, self._device = self.net.session.dtype, self.net.session.home
        trained = {path: p for path, p in self.net.params.items() if p.requires_grad}
        if not trained:
            raise CapabilityError("landscape: no parameter of this model is trained")
        self.shapes = {path: values[path].shape for path in trained}
        self.centre = np.concatenate([values[path].ravel() for path in trained]).astype(np.float64)
        usable = abs(self.centre) < HUGE
        if not usable.all():
            bad = next(p for p, a in zip(trained, self.split(usable), strict=True) if not a.all())
            raise NonFiniteError(f"landscape: {quote(bad)} has no usable numbers", "a model that diverged has no place",
                                 "a smaller learning rate, or parameters of before")  # fmt: skip
        self.centre.setflags(write=False)
        self.rest = {path: a for path, a in values.items() if path not in trained}
        self.rows = len(data)
        self._batches = [self._batch(b) for b in data.batches(_BATCH.check("landscape", "batch", batch))]

    @property
    def rest(self) -> dict[str, np.ndarray]:
        """What is not trained, and buffers, by path."""
        return self._others

    @rest.setter
    def rest(self, values: dict[str, np.ndarray]) -> None:
        self._others, self._rest = values, [self._device.put(a) for a in values.values()]

    @property
    def size(self) -> int:
        """Number of trained parameters."""
        return len(self.centre)

    @property
    def example(self) -> Any:
        """Some rows as the model takes them."""
        xs = tuple(host(a)[:2] for a in self._batches[0][0][:-1])
        return xs[0] if len(xs) == 1 else xs

    # -- values ----------------------------------------------------------------------------
    def __call__(self, at: Any) -> float:
        """Mean loss at a vector of parameters."""
        return self._mean(at)[0]

    def accuracy(self, at: Any) -> float:
        """Share of rows whose class is found.

        Raises
        ------
        CapabilityError
            For a loss without classes.
        """
        if self.kind != "classification":
            raise CapabilityError(f"landscape: {self.loss.name} has no classes", None, "a classification task")
        return self._mean(at)[1]

    def both(self, at: Any) -> tuple[float, float]:
        """Loss and accuracy; the accuracy is NaN where there are no classes."""
        return self._mean(at)

    def many(self, points: np.ndarray) -> np.ndarray:
        """Mean loss at each row of an array of vectors, `lanes` of them at a time.

        One program for all of them: for small models the way in and out of NumPy costs more than the numbers.
        """
        points = np.asarray(points, np.float64)
        found = [self._together(points[k : k + self.lanes]) for k in range(0, len(points), self.lanes)]
        return np.concatenate([np.zeros(0), *found])

    @cached_property
    def lanes(self) -> int:
        """How many vectors go through the model together."""
        widest = max(int(np.prod(line.shape, dtype=int)) for line in self._program.graph.lines)
        room = max(1, min(LANES, WORDS // max(widest, self.size)))
        return room if room > 1 and self._wide is not None else 1

    def _together(self, points: np.ndarray) -> np.ndarray:
        if self.lanes == 1:
            return np.array([self(p) for p in points])
        short = self.lanes - len(points)
        parts = self._put(np.concatenate([points, np.repeat(points[-1:], short, axis=0)]) if short else points)
        total = self._device.np.zeros(self.lanes)
        for given, count, _ in self._batches:
            total += self._wide(*parts, *self._rest, *given) * (count / self.rows)
        return host(total)[: len(points)]

    def _mean(self, at: Any) -> tuple[float, float]:
        parts, total, right = self._put(at), 0.0, 0.0
        for given, count, y in self._batches:
            value, out = self._program(*parts, *self._rest, *given)
            total += value.item() * count
            if self.kind == "classification":
                out = host(out)
                found, true = self.loss.classes(out), self.loss.true_classes(out, y)
                right += count * float(np.mean(found == true))
        return total / self.rows, right / self.rows if self.kind == "classification" else np.nan

    # -- derivatives -----------------------------------------------------------------------
    def gradient(self, at: Any) -> np.ndarray:
        """Gradient of the mean loss, shape (parameters,)."""
        parts, total = self._put(at), np.zeros(self.size)
        for given, count, _ in self._batches:
            found = self._program.value_and_grad(*parts, *self._rest, *given)[1]
            total += count / self.rows * _joined(found)
        return total

    def hvp(self, at: Any, vector: Any) -> np.ndarray:
        """Hessian of the mean loss times a vector, forward over reverse, shape (parameters,)."""
        parts, along, total = self._put(at), self._put(vector), np.zeros(self.size)
        for given, count, _ in self._batches:
            found = self._program.hvp((*parts, *self._rest, *given), tuple(along))
            total += count / self.rows * _joined(found)
        return total

    # -- vectors ---------------------------------------------------------------------------
    def split(self, vector: Any) -> list[np.ndarray]:
        """Arrays of the parameters, in order, from one vector; of several, one above the other, stacks of them.

        Raises
        ------
        ShapeError
        """
        try:
            vector = np.asarray(vector, dtype=np.float64)
        except (TypeError, ValueError) as e:
            raise HandleTypeError(f"landscape: {quote(vector, 40)} is no vector of parameters", None, "centre") from e
        if vector.shape[-1:] != (self.size,):
            raise ShapeError(f"landscape: a vector of shape {vector.shape} for {self.size} parameters")
        parts, end = [], 0
        for shape in self.shapes.values():
            start, end = end, end + int(np.prod(shape, dtype=int))
            parts.append(vector[..., start:end].reshape(*vector.shape[:-1], *shape).astype(self.dtype))
        return parts

    def _put(self, vector: Any) -> list[Any]:
        """`split`, where the model computes."""
        return [self._device.put(a) for a in self.split(vector)]

    def join(self, values: Mapping[str, Any]) -> np.ndarray:
        """One vector of parameters by path.

        Raises
        ------
        ShapeError
            When one is missing or of another shape.
        """
        found = {path: np.asarray(values[path], np.float64) for path in self.shapes if path in values}
        wrong = next((p for p, s in self.shapes.items() if p not in found or found[p].shape != s), None)
        if wrong is not None:
            has = f"has shape {found[wrong].shape}" if wrong in found else "is missing"
            raise ShapeError(f"landscape: {quote(wrong)} {has}, expected {self.shapes[wrong]}")
        return np.concatenate([a.ravel() for a in found.values()])

    # -- the compiled model ----------------------------------------------------------------
    @cached_property
    def _program(self) -> Program:
        given = self._batches[0][0]
        paths, inputs = [*self.shapes, *self.rest], len(given) - 1
        model, task_loss = self.net.model, self.loss

        def loss(*args: Any) -> Any:
            x, y = args[len(paths) : -1], args[-1]
            run = Pass(dict(zip(paths, args, strict=False)), "eval")
            out = Place(run, model).compute(x[0] if inputs == 1 else x)
            value = task_loss(out, y)
            shape = getattr(value, "shape", None)
            if shape != ():
                raise NonScalarError(f"{task_loss.name}: the loss has shape {shape}", "it must be a number", "its mean")
            return value, out

        wrt = tuple(range(len(self.shapes)))
        return Program(loss, [*self._put(self.centre), *self._rest, *given], wrt, device=self._device)

    @cached_property
    def _wide(self) -> Program | None:
        """The same for many vectors at once; None of a model that cannot be batched."""
        f, given = self._program.f, self._batches[0][0]
        shared = [*self._rest, *given]
        axes = (0,) * len(self.shapes) + (None,) * len(shared)
        two = self._put(np.stack([self.centre] * 2))
        try:
            return Program(vmap(lambda *args: f(*args)[0], axes), [*two, *shared], device=self._device)
        except TorchLeanError:
            return None

    def _batch(self, batch: tuple[np.ndarray, ...]) -> tuple[list[np.ndarray], int, np.ndarray]:
        """What the program takes beside the parameters, the number of rows, and the targets as they were given."""
        x, y = pair(batch)
        ids = self.net.model.example((1,)).dtype.kind in "iu"
        xs = [
            np.asarray(a) if ids else as_data(np.asarray(a, self.dtype), self.dtype, label="input", finite=False)
            for a in (x if isinstance(x, tuple) else (x,))
        ]
        target = y
        if self.loss.prepare is not None:
            run = Pass(dict(zip(self.shapes, self.split(self.centre), strict=True)) | self.rest, "eval")
            with np.errstate(all="ignore"):
                one = Place(run, self.net.model).compute(xs[0] if len(xs) == 1 else tuple(xs))
            target = self.loss.prepare(one, y)
        target = np.asarray(target, self.dtype) if target.dtype.kind == "f" else target
        return [self._device.put(np.asarray(a)) for a in (*xs, target)], len(y), y


def _opened(model: Any, data: Any, loss: Any) -> tuple[Module, Any, dict[str, np.ndarray], Dataset]:
    """Net, task, values by path and data of whatever a user calls a model."""
    values = None
    if isinstance(model, TrainResult):
        values, model = dict(model.parameters), model._runner
    if isinstance(model, Trainer):
        data = getattr(model.loader, "dataset", None) if data is None else data
        model = model.runner
    if isinstance(model, Runner):
        net, task = model.net, model.task if loss is None else find_task(model.net.model, loss)
    elif isinstance(model, Module):
        if loss is None:
            raise CapabilityError("landscape: a network alone has no loss", None, 'loss="cross_entropy"')
        net, task = model, find_task(model.model, loss)
    else:
        hint = "tl.Trainer(model).fit(...), or model.bind(session)" if isinstance(model, Layer) else "a Trainer"
        raise HandleTypeError(f"landscape: {quote(model, 40)} is a {type(model).__name__}",
                              "it must be a model with values: a Trainer, its result, a Runner, or a bound network",
                              hint)  # fmt: skip
    if data is None:
        raise CapabilityError("landscape: there is no data", None, "landscape(model, (X, y))")
    values = values or {path: p.value for path, p in (net.params | net.buffers).items()}
    return net, task, values, dataset_of(data)


def _joined(parts: Any) -> np.ndarray:
    return np.concatenate([np.ravel(host(p)) for p in parts]).astype(np.float64)
