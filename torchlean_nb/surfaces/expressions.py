"""Surfaces made of typed formulas: ``parse("(1 - x)**2 + 100*(y - x**2)**2")``."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from torchlean_nb.errors import HyperparameterError, quote
from torchlean_nb.surfaces._row import Surface
from torchlean_nb.surfaces.formula import Node, read

DOMAIN, START = (-2.0, 2.0, -2.0, 2.0), (-1.5, 1.5)
_SUM, _PRODUCT, _FRACTION, _POWER, _ATOM = range(5)
_NAMED = {
    "sin": r"\sin", "cos": r"\cos", "tan": r"\tan", "sinh": r"\sinh", "cosh": r"\cosh", "tanh": r"\tanh",
    "arctan": r"\arctan", "exp": r"\exp", "log": r"\ln", "ln": r"\ln", "max": r"\max", "min": r"\min",
    "sigmoid": r"\sigma",
}  # fmt: skip


class Formula:
    """What `parse` makes of a text: a function ``f(xp, x, y)`` that a file can hold, because it is the text."""

    def __init__(self, text: str):
        self.text, self.tree = text, read(text)
        self.__doc__ = f"The formula {text}."

    def __call__(self, xp: Any, x: Any, y: Any) -> Any:
        """Value at points."""
        return self.tree(xp, x, y)

    def __reduce__(self) -> Any:
        return Formula, (self.text,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Formula) and self.tree == other.tree

    def __hash__(self) -> int:
        return hash(self.tree)


@lru_cache(maxsize=64)
def parse(text: str, domain: tuple[float, float, float, float] = DOMAIN, start: tuple[float, float] = START) -> Surface:
    r"""The surface of a formula in x and y. The text is read, never executed.

    Numbers, ``x``, ``y``, ``pi``, ``e``, ``+ - * / **`` (or ``^``), brackets, and the functions of
    `torchlean_nb.surfaces.formula.FUNCTIONS`. Derivatives come from autodiff.

    Parameters
    ----------
    text : str
        At most 500 characters.
    domain : tuple of float
        ``(left, right, bottom, top)`` of the picture.
    start : tuple of float
        Where a race begins unless told.

    Raises
    ------
    HyperparameterError
        Naming the place of what is not allowed.

    Examples
    --------
    >>> valley = parse("(1 - x)^2 + 100*(y - x^2)^2")
    >>> valley(1.0, 2.0), valley.latex
    (100.0, '\\left(1 - x\\right)^{2} + 100 \\left(y - x^{2}\\right)^{2}')
    >>> [float(s) for s in valley.slope(1.0, 2.0)]
    [-400.0, 200.0]
    """
    f = Formula(text)
    try:
        left, right, bottom, top = domain = tuple(map(float, domain))
        start = x, y = tuple(map(float, start))
        fine = left < right and bottom < top and all(map(math.isfinite, (*domain, x, y)))
    except (TypeError, ValueError):
        fine = False
    if not fine:
        raise HyperparameterError(f"formula: domain={quote(domain, 60)}, start={quote(start, 40)}",
                                  "finite numbers, left < right and bottom < top", "(-2, 2, -2, 2)")  # fmt: skip
    return Surface("formula", f, latex(f.tree), domain, lowest=-np.inf, start=start, label="Formula")


def latex(node: Node) -> str:
    """LaTeX of a formula."""
    return _tex(node)[0]


def _tex(node: Node) -> tuple[str, int]:
    """LaTeX, and how tightly its outermost sign binds."""
    if node.kind == "number":
        digits, _, power = node.text.lower().partition("e")
        if not power:
            return digits, _ATOM
        return rf"{digits} \cdot 10^{{{int(power)}}}", _PRODUCT
    if node.kind == "name":
        return rf"\{node.text}" if node.text == "pi" else node.text, _ATOM
    if node.kind == "call":
        return _call(node), _ATOM if node.text in ("sqrt", "abs") else _FRACTION
    if node.kind == "negative":
        return f"-{_in(node.parts[0], _PRODUCT)}", _SUM
    a, b = node.parts
    if node.kind in "+-":
        loose = node.kind == "+" and b.kind != "negative"
        return f"{_in(a, _SUM)} {node.kind} {_in(b, _SUM if loose else _PRODUCT)}", _SUM
    if node.kind == "/":
        return rf"\frac{{{latex(a)}}}{{{latex(b)}}}", _FRACTION
    if node.kind == "*":
        left, right = _in(a, _PRODUCT), _in(b, _PRODUCT)
        apart = right[0].isdigit() or right[0] == "." or right.startswith(r"\frac")
        return rf"{left} \cdot {right}" if apart else f"{left} {right}", _PRODUCT
    whole = b.value is not None and b.value > 0 and b.value == int(b.value)
    if a.kind == "call" and a.text in _NAMED and whole:
        return _call(a, f"^{{{latex(b)}}}"), _FRACTION
    return f"{_in(a, _ATOM)}^{{{latex(b)}}}", _POWER


def _in(node: Node, least: int) -> str:
    """LaTeX, in brackets where it binds less tightly."""
    text, binds = _tex(node)
    return text if binds >= least else rf"\left({text}\right)"


def _call(node: Node, raised: str = "") -> str:
    inside = ", ".join(latex(p) for p in node.parts)
    if node.text == "sqrt":
        return rf"\sqrt{{{inside}}}"
    if node.text == "abs":
        return rf"\left|{inside}\right|"
    name = _NAMED.get(node.text, rf"\mathrm{{{node.text}}}")
    return rf"{name}{raised}\left({inside}\right)"
