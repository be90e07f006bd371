"""A function of Tensors as the methods see it: a flat vector in, whatever they ask for out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import common, get_default_device, host
from torchlean_nb.errors import (
    DTypeError,
    HyperparameterTypeError,
    NonFiniteError,
    NonScalarError,
    ShapeError,
    quote,
)
from torchlean_nb.minimizers.algebra import number
from torchlean_nb.minimizers.asking import Evaluate, Point

# Differentiation stands a floor above the methods and is loaded when a function of Tensors comes.
_ENGINE = "torchlean_nb.engine"


class Objective:
    """Answers questions about `f` at flat vectors, and counts them.

    The function is computed on the device of the start, one on the host goes to the default device. What is known at
    a point stays there for a method that works on vectors of a device, and is fetched for the others.

    Parameters
    ----------
    f : callable
        Of one Tensor, or of a dict of Tensors; with the example's number behind it for a finite sum.
    x0 : array or dict of arrays
        Its form is the form of the argument.
    examples : int, optional
        Number of terms of a finite sum.
    stays : bool
        Whether points live on the device.
    """

    def __init__(self, f: Callable[..., Any], x0: Any, examples: int | None = None, stays: bool = False):
        if not callable(f):
            raise HyperparameterTypeError(f"tl.minimize: f is a {type(f).__name__}, not a function")
        self.f, self.examples, self.count = f, examples, 0
        self.names = tuple(x0) if isinstance(x0, Mapping) else None
        given = {"x0": x0} if self.names is None else x0
        there = common(given.values())
        self.device, self.given_there = there or get_default_device(), there is not None
        self.known = (lambda a: a) if stays else host
        parts = [_array(name, host(a)) for name, a in given.items()]
        if not sum(a.size for a in parts):
            raise ShapeError("tl.minimize: nothing to minimize over, x0 has no elements")
        self.shapes = [a.shape for a in parts]
        self.start = np.concatenate([a.ravel() for a in parts])
        self.start.setflags(write=False)
        self.start = self.device.put(self.start) if stays else self.start

    def shown(self, x: Any) -> Any:
        """A point as the user gave the start: in its form, on its side."""
        return self.packed(self.device.put(host(x)) if self.given_there else host(x))

    def packed(self, v: Any) -> Any:
        """A flat vector, of numbers or a Tensor, in the form of the start."""
        if self.names is None:
            return v if v.shape == self.shapes[0] else v.reshape(self.shapes[0])
        out, at = {}, 0
        for name, shape in zip(self.names, self.shapes, strict=True):
            size = int(np.prod(shape, dtype=int))
            out[name] = v[at : at + size].reshape(shape)
            at += size
        return out

    def __call__(self, ask: Evaluate) -> Point:
        """What is known at a point."""
        self.count += 1
        engine, x = import_module(_ENGINE), ask.x if self.device.owns(ask.x) else self.device.put(ask.x)

        def flat(v: Any) -> Any:
            return self.f(self.packed(v)) if ask.example is None else self.f(self.packed(v), ask.example)

        if "residuals" in ask.want:
            return self._least_squares(engine, flat, ask, x)
        if "gradient" not in ask.want:
            value = host(engine.vjp(flat, x)[0])
            if value.size != 1:
                raise NonScalarError(f"tl.minimize: the function returned shape {value.shape}, not one number")
            return Point(ask.x, float(value), example=ask.example)

        def tracked(v: Any) -> Any:
            result = flat(v)
            if isinstance(result, int | float | np.ndarray | np.generic):
                raise HyperparameterTypeError(
                    f"tl.minimize: f returned {type(result).__name__}, not a Tensor",
                    "without its history there is no gradient", "tl.sum and the like, or method='nelder_mead'",
                )
            return result

        value, gradient = engine.value_and_grad(tracked)(x)
        second = host(engine.hessian(flat)(x)) if "hessian" in ask.want else None
        value = float(number(value.reshape(())))
        return Point(ask.x, value, self.known(gradient), second, example=ask.example)

    def _least_squares(self, engine: Any, flat: Any, ask: Evaluate, x: Any) -> Point:
        r = host(engine.vjp(flat, x)[0])
        if r.ndim == 0:
            raise ShapeError(
                "tl.minimize: this method is for a sum of squares, f returned one number", None,
                "f that returns the residuals, a vector",
            )
        jacobian = gradient = None
        if "jacobian" in ask.want:
            jacobian = host(engine.jacfwd(flat)(x)).reshape(r.size, ask.x.size)
            gradient = jacobian.T @ r.ravel()
        r = r.ravel()
        return Point(ask.x, float(r @ r) / 2, gradient, None, r, jacobian)

    def whole(self, x: np.ndarray) -> Point:
        """Value and gradient of the whole, the mean of the examples."""
        if self.examples is None:
            return self(Evaluate(x, ("value",)))
        every = [self(Evaluate(x, example=i)) for i in range(self.examples)]
        return Point(x, np.mean([p.value for p in every]), np.mean([p.gradient for p in every], axis=0))


def _array(name: Any, value: Any) -> np.ndarray:
    try:
        a = np.array(value)
    except ValueError as e:
        raise ShapeError(f"tl.minimize: {quote(name)} is not an array", str(e)) from None
    a = a.astype(np.float64) if a.dtype.kind in "iub" else a
    if a.dtype.kind != "f":
        raise DTypeError(f"tl.minimize: {quote(name)} has dtype {a.dtype}", None, "numbers")
    if not np.isfinite(a).all():
        raise NonFiniteError(f"tl.minimize: {quote(name)} holds an inf or NaN")
    return a
