"""Surfaces: one frozen row per test function of two variables, and what is made of it with chosen numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib import import_module
from types import MappingProxyType
from typing import Any

import numpy as np

from torchlean_nb import tex
from torchlean_nb.errors import HyperparameterError, RuleError, UnknownNameError, did_you_mean, quote
from torchlean_nb.escape import code, prose, visible
from torchlean_nb.hypers import Hyper, check_all
from torchlean_nb.rows import FUNCTIONS, OPS

SURFACES: dict[str, Surface] = {}


class _Functions:
    """Every op by name, as formulas call them: on numbers, arrays and Tensors alike."""

    def __getattr__(self, name: str) -> Any:
        found = FUNCTIONS.get(name) or OPS.get(name)
        if found is None:
            raise AttributeError(f"there is no op {name!r}")
        return found


functions = _Functions()


@dataclass(frozen=True, eq=False)
class Surface:
    """A function of two variables with what is known about it.

    Parameters
    ----------
    name : str
    f : callable
        ``f(xp, x, y, **numbers)``, element by element.
    latex : str
    domain : tuple of float
        ``(left, right, bottom, top)`` of a sensible picture.
    minima : tuple of (float, float), or callable
        Places of the lowest value; ``minima(**numbers)`` where they depend on its numbers. Empty when there is none.
    lowest : float
        Value there; -inf when the function has no bound.
    start : tuple of float
        Where a race begins unless told.
    hypers : mapping of str to Hyper
        Numbers in the formula.
    numbers : mapping of str to float
        Their values.
    noise : float
        Standard deviation of what is added to each component of the gradient in a race.
    gradient, hessian : callable or None
        ``gradient(xp, x, y, **numbers) -> (f_x, f_y)``; ``hessian(...) -> (f_xx, f_xy, f_yy)``.
    references : tuple of str
    label : str
        What menus call it; made of the name unless told.

    Examples
    --------
    >>> from torchlean_nb import surfaces
    >>> surfaces.rosenbrock(1.0, 1.0), surfaces.rosenbrock(np.array([[0.0, 2.0], [0.0, 4.0]]))
    (0.0, array([1., 1.]))
    >>> surfaces.rosenbrock.with_numbers(b=10.0)
    rosenbrock(a=1, b=10)
    """

    name: str
    f: Callable[..., Any]
    latex: str
    domain: tuple[float, float, float, float]
    minima: Any = ()
    lowest: float = 0.0
    start: tuple[float, float] = (0.0, 0.0)
    hypers: Mapping[str, Hyper] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    noise: float = 0.0
    gradient: Callable[..., Any] | None = None
    hessian: Callable[..., Any] | None = None
    references: tuple[str, ...] = ()
    builtin: bool = False
    label: str = ""

    def __post_init__(self) -> None:
        checked = check_all(self.name, self.hypers, self.numbers)
        object.__setattr__(self, "label", self.label or self.name.replace("_", " ").capitalize())
        object.__setattr__(self, "numbers", MappingProxyType(checked))
        object.__setattr__(self, "__doc__", self.f.__doc__)

    def __call__(self, x: Any, y: Any = None) -> Any:
        """Value at points: two numbers or arrays, two Tensors, or one of either whose first axis has two entries."""
        x, y = (x[0], x[1]) if y is None else (x, y)
        return self.f(functions, x, y, **self.numbers)

    def slope(self, x: Any, y: Any = None) -> tuple[Any, Any]:
        """Gradient by the row's own formula, or by autodiff where it has none."""
        x, y = (x[0], x[1]) if y is None else (x, y)
        if self.gradient is not None:
            return self.gradient(functions, x, y, **self.numbers)
        return tuple(self._autodiff(np.stack(np.broadcast_arrays(x, y)).astype(float)))

    def curvature(self, x: Any, y: Any = None) -> tuple[Any, Any, Any]:
        """Second derivatives ``(f_xx, f_xy, f_yy)`` by the row's own formula, or by autodiff where it has none."""
        x, y = (x[0], x[1]) if y is None else (x, y)
        if self.hessian is not None:
            return self.hessian(functions, x, y, **self.numbers)
        grad, at = import_module("torchlean_nb.engine").grad, np.stack(np.broadcast_arrays(x, y)).astype(float)
        rows = [grad(lambda p, k=k: self._autodiff(p)[k].sum())(at) for k in (0, 1)]
        return rows[0][0], rows[0][1], rows[1][1]

    def _autodiff(self, points: Any) -> Any:
        """Gradient of points whose first axis has two entries."""
        grad = import_module("torchlean_nb.engine").grad  # a floor above
        return grad(lambda p: self(p[0], p[1]).sum())(points)

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (self.f.__doc__ or "").strip().split("\n")[0]

    @property
    def goals(self) -> tuple[tuple[float, float], ...]:
        """Places of the lowest value under its numbers."""
        return self.minima(**self.numbers) if callable(self.minima) else self.minima

    def with_numbers(self, **numbers: float) -> Surface:
        """The same formula with other numbers.

        Raises
        ------
        HyperparameterError
        """
        return replace(self, numbers={**self.numbers, **numbers})

    def with_noise(self, deviation: float) -> Surface:
        """The same surface, its gradient measured with an error, drawn anew in each step.

        Raises
        ------
        HyperparameterError
            For a negative deviation, or one that is not finite.
        """
        if not (isinstance(deviation, int | float) and 0 <= deviation < np.inf):
            raise HyperparameterError(f"{self.name}: noise={quote(deviation)}", "a finite number >= 0")
        return replace(self, noise=float(deviation))

    def card(self) -> str:
        """What the row knows, as Markdown."""
        left, right, bottom, top = self.domain
        places = ", ".join(f"({x:.6g}, {y:.6g})" for x, y in self.goals)
        goal = f"lowest {self.lowest:.6g} at {places}" if places else "no lowest value"
        lines = [f"**`{code(self.name)}`** {prose(self.summary)}", "", f"$f(x, y) = {self.latex}$", ""]
        lines += [f"- `{k}` ${h.symbol}$: {prose(h.allowed)}, default `{h.default:g}`" for k, h in self.hypers.items()]
        lines.append(f"on [{left:g}, {right:g}] x [{bottom:g}, {top:g}]; {goal}.  ")
        lines += [f"{prose(r)}  " for r in self.references]
        return "\n".join(lines).rstrip()

    @property
    def text(self) -> str | None:
        """The formula as it was typed; None for rows and functions."""
        return getattr(self.f, "text", None)

    def about(self) -> dict[str, Any]:
        """Plain data of the surface, from which `surface_of` makes it again, unless it is a function."""
        return {
            "name": self.name, "label": self.label, "text": self.text, "numbers": dict(self.numbers),
            "latex": self.latex, "noise": self.noise, "domain": tuple(self.domain), "start": tuple(self.start),
            "goals": self.goals, "lowest": self.lowest,
        }  # fmt: skip

    def __reduce__(self) -> Any:
        row = SURFACES.get(self.name)
        if row is not None and row.f is self.f:
            return surface_of, ({"name": self.name, "numbers": dict(self.numbers), "noise": self.noise},)
        given = {k.name: getattr(self, k.name) for k in fields(self)}
        return _restored, ({**given, "numbers": dict(self.numbers), "hypers": dict(self.hypers)},)

    def _key(self) -> tuple[Any, ...]:
        return self.name, self.f, self.gradient, tuple(self.numbers.items()), self.noise, self.domain, self.start

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Surface) and (self is other or self._key() == other._key())

    def __hash__(self) -> int:
        return hash(self._key())

    def _repr_markdown_(self) -> str:
        return self.card()

    def __repr__(self) -> str:
        inside = ", ".join(f"{k}={v:g}" for k, v in self.numbers.items())
        return f"{visible(self.name)}({inside})" + (f" with noise {self.noise:g}" if self.noise else "")


def _restored(given: dict[str, Any]) -> Surface:
    return Surface(**given)


def surface(gradient: Callable[..., Any], hessian: Callable[..., Any], **fields: Any) -> Callable[..., Surface]:
    """Make the function below a row of the table; its docstring is the summary.

    Raises
    ------
    RuleError
        When the name is taken.
    """

    def wrap(f: Callable[..., Any]) -> Surface:
        builtin = (f.__module__ or "").startswith("torchlean_nb.")
        row = Surface(f.__name__, f, gradient=gradient, hessian=hessian, builtin=builtin, **fields)
        old = SURFACES.get(row.name)
        if old is not None and (old.builtin or builtin):
            raise RuleError(f"surface {row.name!r} exists already", f"it is {old!r}", "another name")
        SURFACES[row.name] = row
        return row

    return wrap


def available() -> list[str]:
    """Names of all surfaces.

    Examples
    --------
    >>> {"rosenbrock", "quadratic", "ackley"} <= set(available())
    True
    """
    return sorted(SURFACES)


def surface_of(what: Any) -> Surface:
    """A surface; that of a name or a formula; one made of a function; or what a race says of its own.

    Parameters
    ----------
    what : str, mapping, Surface or callable
        A mapping holds a ``"name"`` of the table or the ``"text"`` of a formula, its ``"numbers"`` and ``"noise"``.

    Raises
    ------
    UnknownNameError
        With the closest known names.
    HyperparameterError
        For a formula that cannot be read, and what is none of these.

    Examples
    --------
    >>> surface_of("beale"), surface_of({"name": "rosenbrock", "numbers": {"b": 5.0}, "noise": 0.1})
    (beale(), rosenbrock(a=1, b=5) with noise 0.1)
    >>> surface_of("x**2 + 3*y**2")(1.0, 2.0)
    13.0
    """
    if isinstance(what, Surface):
        return what
    if isinstance(what, str):
        if what in SURFACES:
            return SURFACES[what]
        if what.strip().isidentifier() and what.strip() not in ("x", "y"):
            raise UnknownNameError(f"no surface named {quote(what)}", did_you_mean(what, SURFACES), "or a formula")
        return _parse(what)
    if isinstance(what, Mapping):
        return _of_mapping(what)
    if not callable(what):
        raise HyperparameterError(f"surface: {quote(what, 40)} is a {type(what).__name__}", "a name, or f(x, y)")
    name = getattr(what, "__name__", "f")
    latex = rf"\mathrm{{{tex.escape(name)}}}(x, y)" if name.isalnum() else "f(x, y)"
    name = name if name.isidentifier() else "f"
    return Surface(name, Function(what), latex, (-2.0, 2.0, -2.0, 2.0), lowest=-np.inf, start=(-1.5, 1.5))


@dataclass(frozen=True, eq=False)
class Function:
    """A function of two variables in the form of a row."""

    f: Callable[[Any, Any], Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", getattr(self.f, "__doc__", None))

    def __call__(self, xp: Any, x: Any, y: Any) -> Any:
        return self.f(x, y)


def _parse(text: Any, **where: Any) -> Surface:
    return import_module("torchlean_nb.surfaces.expressions").parse(text, **where)


def _of_mapping(what: Mapping[str, Any]) -> Surface:
    text, name, numbers, noise = (what.get(k) for k in ("text", "name", "numbers", "noise"))
    if isinstance(text, str):
        row = _parse(text, **{k: _numbers(k, what[k]) for k in ("domain", "start") if what.get(k) is not None})
    elif isinstance(name, str) and name in SURFACES:
        row = SURFACES[name]
    else:
        raise UnknownNameError(f"no surface named {quote(name)}", did_you_mean(str(name), SURFACES))
    if numbers is not None and not (isinstance(numbers, Mapping) and all(isinstance(k, str) for k in numbers)):
        raise HyperparameterError(f"{row.name}: numbers={quote(numbers, 40)}", "a value for each name")
    row = row.with_numbers(**numbers) if numbers else row
    return row if noise is None or noise == row.noise else row.with_noise(noise)


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    if not isinstance(values, list | tuple) or not all(isinstance(v, int | float) for v in values):
        raise HyperparameterError(f"surface: {name}={quote(values, 60)}", "numbers, one after the other")
    return tuple(values)
