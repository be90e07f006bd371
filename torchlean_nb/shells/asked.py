"""A closure that answers the questions of a method."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import device_of, host
from torchlean_nb.errors import CapabilityError, DomainError, HyperparameterTypeError, ShapeError, quote
from torchlean_nb.minimizers import Evaluate, Point
from torchlean_nb.shells.given import differentiated, frozen

# What a closure returns for a method that needs ..., in words.
ANSWERS = {
    "value": "closure() returns the value",
    "gradient": "closure() returns a loss of the session, or (value, gradients)",
    "hessian": "closure() returns (value, gradients, Hessian), the Hessian over all parameters raveled",
    "jacobian": "closure() returns (residuals, Jacobians), a Jacobian for each parameter",
    "examples": "closure(i) returns (value, gradients) of example i",
}


class Asked:
    """A closure that answers questions: trial values into the parameters, then what it returns, checked."""

    def __init__(self, owner: Any, closure: Callable[..., Any]):
        self.owner, self.closure, self.count, self.floats = owner, closure, 0, np.geterr()
        self.first: Point | None = None
        self.outside: DomainError | None = None
        self.need = next(iter(owner.rule.needs))
        self.sessions = {id(s): s for s in (getattr(p, "session", None) for p in owner._cells) if s is not None}
        self.takes_params = _required(closure) == 1 + (self.need == "examples")

    def __call__(self, ask: Evaluate) -> Point:
        """What is known at a point."""
        owner, self.count = self.owner, self.count + 1
        owner._store.update(owner._at(ask.x))
        for session in self.sessions.values():
            session.reset_tape()
        arguments = [owner.params] if self.takes_params else []
        if self.need == "examples":
            arguments.append(ask.example)
        try:
            with np.errstate(**self.floats):
                result = self.closure(*arguments)
        except DomainError as outside:
            # A trial may leave the domain, where a search turns back; the start may not.
            if self.first is None or owner.nonfinite == "ieee":
                raise
            self.outside = outside
            return self._nowhere(ask)
        point = self._point(ask, result)
        self.first = self.first or point
        return point

    def _nowhere(self, ask: Evaluate) -> Point:
        """A point where nothing is a number, known as the first one is."""
        known = {name: getattr(self.first, name) for name in ("gradient", "hessian", "residuals", "jacobian")}
        nan = {k: None if a is None else device_of(a).np.full(a.shape, np.nan) for k, a in known.items()}
        return Point(ask.x, np.nan, **nan)

    def _point(self, ask: Evaluate, result: Any) -> Point:
        """What a closure returned, checked."""
        if self.need in ("gradient", "examples"):
            result = differentiated(self.owner._cells, result)
        if self.need == "value":
            return Point(ask.x, self._number(result[0] if isinstance(result, tuple) and result else result))
        parts = 3 if self.need == "hessian" else 2
        if not isinstance(result, tuple) or len(result) != parts:
            raise self._wrong(f"a tuple of {len(result)}" if isinstance(result, tuple) else type(result).__name__)
        if self.need == "jacobian":
            return self._least_squares(ask, *result)
        gradient = flat(self._gradients(result[1]))
        point = Point(ask.x, self._number(result[0]), gradient, example=ask.example)
        if self.need != "hessian":
            return point
        hessian = np.asarray(host(result[2]), float)
        if hessian.shape != (gradient.size, gradient.size):
            want = (gradient.size, gradient.size)
            raise ShapeError(f"{self._label}: a Hessian of shape {hessian.shape}, all parameters raveled need {want}")
        return Point(ask.x, point.value, gradient, hessian)

    @property
    def _label(self) -> str:
        return f"{self.owner.rule.class_name}: closure"

    def _wrong(self, got: str) -> HyperparameterTypeError:
        return HyperparameterTypeError(f"{self._label} returned {got}", self.owner._answers)

    def _number(self, value: Any) -> float:
        try:
            return float(host(value))
        except (TypeError, ValueError):
            raise self._wrong(f"{quote(value, 40)} as the value") from None

    def _gradients(self, grads: Any) -> list[np.ndarray]:
        cells = self.owner._cells
        found = self.owner._aligned(grads)
        if all(g is None for g in found):
            raise CapabilityError(f"{self._label} returned no gradient of any parameter", None, "s.backward(loss)")
        there = [p.array for p in cells]
        found = [
            device_of(a).np.zeros_like(a) if g is None else self.owner._gradient(p, g, False)
            for p, a, g in zip(cells, there, found, strict=True)
        ]
        return found if self.owner.rule.stays else [*map(host, found)]

    def _least_squares(self, ask: Evaluate, residuals: Any, jacobians: Any) -> Point:
        r = np.asarray(host(getattr(residuals, "value", residuals)), float).ravel()
        cells, blocks = self.owner._cells, []
        for p, j in zip(cells, self.owner._aligned(jacobians), strict=True):
            shape, size = p.array.shape, p.array.size
            j = np.zeros((r.size, *shape)) if j is None else np.asarray(host(j), float)
            want = (r.size, *shape)
            if j.size != r.size * size or j.shape[:1] != r.shape:
                raise ShapeError(f"{self._label}: Jacobian of {quote(p.name)} has shape {j.shape}", f"expected {want}")
            blocks.append(j.reshape(r.size, -1))
        jacobian = np.concatenate(blocks, axis=1)
        return Point(ask.x, float(r @ r) / 2, jacobian.T @ r, None, r, jacobian)


def flat(parts: list[Any]) -> Any:
    """Arrays of one device as one read-only vector."""
    device = device_of(parts[0])
    return frozen(device.np.concatenate([a.ravel() for a in parts]), device)


def _required(f: Callable[..., Any]) -> int:
    """Number of positional arguments a function cannot do without."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):  # written in C
        return 0
    return sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
