"""Formulas of x and y as people type them, read by a grammar of a dozen lines: nothing is ever executed.

::

    sum     = product (("+" | "-") product)*
    product = sign (("*" | "/") sign)*
    sign    = ("-" | "+") sign | power
    power   = atom ["**" sign]                       "^" is another way to write "**"
    atom    = number | "x" | "y" | "pi" | "e" | function "(" sum ("," sum)* ")" | "(" sum ")"
"""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from torchlean_nb.errors import HyperparameterError, HyperparameterTypeError, did_you_mean, quote

LENGTH, PIECES, DEPTH, POWER = 500, 300, 30, 64
CONSTANTS = {"pi": math.pi, "e": math.e}
# Name: the op, its number of arguments, and the same of Python floats.
FUNCTIONS = {
    "sin": ("sin", 1, math.sin), "cos": ("cos", 1, math.cos), "tan": ("tan", 1, math.tan),
    "sinh": ("sinh", 1, math.sinh), "cosh": ("cosh", 1, math.cosh), "tanh": ("tanh", 1, math.tanh),
    "arctan": ("arctan", 1, math.atan), "exp": ("exp", 1, math.exp), "expm1": ("expm1", 1, math.expm1),
    "log": ("log", 1, math.log), "ln": ("log", 1, math.log), "log1p": ("log1p", 1, math.log1p),
    "sqrt": ("sqrt", 1, math.sqrt), "abs": ("abs", 1, abs), "erf": ("erf", 1, math.erf),
    "sigmoid": ("sigmoid", 1, lambda x: 0.5 * (1 + math.tanh(0.5 * x))),
    "softplus": ("softplus", 1, lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x)))),
    "relu": ("relu", 1, lambda x: max(x, 0.0)), "max": ("maximum", 2, max), "min": ("minimum", 2, min),
}  # fmt: skip
ALLOWED = f"allowed are numbers, x, y, pi, e, + - * / ** ( ) and {', '.join(FUNCTIONS)}"
SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow}
_ALIKE = str.maketrans({"\u2212": "-", "\u00d7": "*", "\u00b7": "*", "\u22c5": "*", "\u00f7": "/"})
_PIECE = re.compile(
    r"[ \t\r\n]*(?:(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*|\u03c0)|(?P<sign>\*\*|[-+*/^(),])|(?P<raised>[\u00b2\u00b3]))"
)


class Piece(NamedTuple):
    """A number, name or sign, and the place where it stands, counted from 1."""

    kind: str
    text: str
    place: int


@dataclass(frozen=True)
class Node:
    """Part of a formula.

    Parameters
    ----------
    kind : str
        ``"number"``, ``"name"``, ``"call"``, ``"negative"``, or a sign between two parts.
    text : str
        What was typed: the number, or the name.
    parts : tuple of Node
    value : float or None
        Of a part in which neither x nor y occurs.
    """

    kind: str
    text: str = ""
    parts: tuple[Node, ...] = ()
    value: float | None = None

    def names(self) -> set[str]:
        """Variables that occur."""
        own = {self.text} if self.kind == "name" and self.value is None else set()
        return own.union(*(p.names() for p in self.parts))

    def __call__(self, xp: Any, x: Any, y: Any) -> Any:
        """Value at points, by the ops."""
        if self.value is not None:
            return self.value
        if self.kind == "name":
            return x if self.text == "x" else y
        if self.kind == "**":
            return _power(xp, self.parts, x, y)
        found = [p(xp, x, y) for p in self.parts]
        if self.kind == "call":
            return getattr(xp, FUNCTIONS[self.text][0])(*found)
        return -found[0] if self.kind == "negative" else SIGNS[self.kind](*found)


def _power(xp: Any, parts: tuple[Node, ...], x: Any, y: Any) -> Any:
    base, raised = parts[0](xp, x, y), parts[1].value
    if raised is None:
        return xp.pow(base, parts[1](xp, x, y))
    if raised not in (1, 2, 3, 4, -1, -2):
        return xp.pow(base, raised)
    out = base
    for _ in range(int(abs(raised)) - 1):
        out = out * base
    return out if raised > 0 else 1.0 / out


def read(text: str) -> Node:
    """The tree of a formula.

    Raises
    ------
    HyperparameterError
        Naming the place and what is allowed.

    Examples
    --------
    >>> read("x^2 + 3").parts[1].value
    3.0
    >>> read("x.real")
    Traceback (most recent call last):
    torchlean_nb.errors.HyperparameterError: formula: '.' at place 2 of 'x.real' is not allowed
    ...
    """
    if not isinstance(text, str):
        raise HyperparameterTypeError(
            f"formula: {quote(text, 40)} is a {type(text).__name__}", "a formula is a str", "'x**2 + y**2'"
        )
    if not text.strip():
        raise HyperparameterError("formula: the text is empty", None, "'x**2 + y**2'")
    if len(text) > LENGTH:
        raise HyperparameterError(f"formula: {len(text)} characters", f"at most {LENGTH}", "a function f(x, y)")
    reader = _Reader(text)
    tree = reader.sum()
    if reader.now.kind != "end":
        reader.refuse()
    if not tree.names():
        raise HyperparameterError(f"formula: {quote(text, 60)} depends on neither x nor y", None, "'x**2 + y**2'")
    return tree


def pieces(text: str) -> list[Piece]:
    """Numbers, names and signs in order, at the end one that says so."""
    out, at, plain = [], 0, text.translate(_ALIKE).rstrip()
    while at < len(plain):
        found = _PIECE.match(plain, at)
        if found is None:
            place = len(plain) - len(plain[at:].lstrip(" \t\r\n"))
            raise _refused(text, text[place], place + 1)
        kind, piece = found.lastgroup or "", found[found.lastgroup or 0]
        place, at = found.end() - len(piece) + 1, found.end()
        if kind == "raised":
            out += [Piece("sign", "**", place), Piece("number", "23"["\u00b2\u00b3".index(piece)], place)]
        else:
            out.append(Piece(kind, {"^": "**", "\u03c0": "pi"}.get(piece, piece), place))
        if len(out) > PIECES:
            raise HyperparameterError(f"formula: more than {PIECES} numbers, names and signs", None, "a function")
    return [*out, Piece("end", "", len(text) + 1)]


def _refused(text: str, what: str, place: int, hint: str | None = None) -> HyperparameterError:
    where = f"at place {place} of {quote(text, 60)}" if what else f"after {quote(text[-40:], 60)}"
    said = f"{quote(what, 40)} {where} is not allowed" if what else f"something is missing {where}"
    return HyperparameterError(f"formula: {said}", ALLOWED, hint)


class _Reader:
    """Pieces one after the other; each method reads what the grammar calls by its name."""

    def __init__(self, text: str):
        self.text, self.rest, self.depth = text, iter(pieces(text)), 0
        self.now = next(self.rest)

    def refuse(self, hint: str | None = None) -> None:
        before = self.now.kind in ("number", "name") or self.now.text == "("
        raise _refused(self.text, self.now.text, self.now.place, hint or ("2*x, with the sign" if before else None))

    def take(self, *texts: str) -> Piece | None:
        """The next piece where it is one of these signs."""
        if self.now.kind != "sign" or self.now.text not in texts:
            return None
        found, self.now = self.now, next(self.rest)
        return found

    def made(self, kind: str, text: str, *parts: Node) -> Node:
        """A node, with its value where all parts have one."""
        values = [p.value for p in parts]
        if kind == "**" and values[1] is not None and abs(values[1]) > POWER:
            raise HyperparameterError(f"formula: to the power {values[1]:g}", f"powers from {-POWER} to {POWER}")
        if None in values:
            return Node(kind, text, parts)
        f = operator.neg if kind == "negative" else FUNCTIONS[text][2] if kind == "call" else SIGNS[kind]
        try:
            value = f(*values)
        except (ArithmeticError, ValueError):
            value = math.nan
        if isinstance(value, complex) or not math.isfinite(value):
            raise HyperparameterError(f"formula: {quote(text or kind)} of {', '.join(f'{v:g}' for v in values)} is no "
                                      "finite number", f"in {quote(self.text, 60)}")  # fmt: skip
        return Node(kind, text, parts, value)

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > DEPTH:
            raise HyperparameterError(f"formula: more than {DEPTH} levels at place {self.now.place}", None, "f(x, y)")
        left = self.product()
        while sign := self.take("+", "-"):
            left = self.made(sign.text, "", left, self.product())
        self.depth -= 1
        return left

    def product(self) -> Node:
        left = self.sign()
        while sign := self.take("*", "/"):
            left = self.made(sign.text, "", left, self.sign())
        return left

    def sign(self) -> Node:
        minus = False
        while found := self.take("-", "+"):
            minus = minus != (found.text == "-")
        inner = self.power()
        return self.made("negative", "", inner) if minus else inner

    def power(self) -> Node:
        base = self.atom()
        if not self.take("**"):
            return base
        self.depth += 1
        if self.depth > DEPTH:
            self.refuse("fewer powers of powers")
        raised = self.sign()
        self.depth -= 1
        return self.made("**", "", base, raised)

    def atom(self) -> Node:
        piece = self.now
        if self.take("("):
            return self.closed([self.sum()], piece)[0]
        if piece.kind not in ("number", "name"):
            self.refuse()
        self.now = next(self.rest)
        if piece.kind == "number":
            value = float(piece.text)
            if not math.isfinite(value):
                raise _refused(self.text, piece.text, piece.place)
            return Node("number", piece.text, (), value)
        if piece.text in FUNCTIONS and self.take("("):
            parts = [self.sum()]
            while self.take(","):
                parts.append(self.sum())
            self.closed(parts, piece)
            if len(parts) != FUNCTIONS[piece.text][1]:
                raise _refused(self.text, piece.text, piece.place, f"{piece.text} of {FUNCTIONS[piece.text][1]}")
            return self.made("call", piece.text, *parts)
        if piece.text not in ("x", "y", *CONSTANTS):
            near = did_you_mean(piece.text[:20], [*FUNCTIONS, *CONSTANTS, "x", "y"])
            raise _refused(
                self.text, piece.text, piece.place, f"{piece.text}(...)" if piece.text in FUNCTIONS else near
            )
        return Node("name", piece.text, (), CONSTANTS.get(piece.text))

    def closed(self, parts: list[Node], opened: Piece) -> list[Node]:
        if not self.take(")"):
            self.refuse(None if self.now.text else f"a ')' for {quote(opened.text, 20)} at place {opened.place}")
        return parts
