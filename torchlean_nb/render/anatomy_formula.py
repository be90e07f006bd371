r"""Statements of update rules with their numbers: which symbol stands for what, and whether the sum is right.

A statement like ``\beta_1 m + (1 - \beta_1)\,g`` is read with the symbols known so far. Each becomes one
private character, which the front end replaces by a number; and the whole is worked out again, so that
numbers are put in only where the formula as printed gives the term.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

FIRST = 0xE000
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\S")
_COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)")
_SPACES = frozenset((r"\,", r"\;", r"\ ", r"\!", r"\left", r"\right"))
_OR = re.compile(r"\s*(?:\\;)?\s*\\mathrm\{or\}\s*(?:\\;)?\s*")


class Unreadable(ValueError):
    """A formula outside of the subset that can be worked out."""


def tokens(text: str, symbols: Mapping[str, int]) -> str:
    r"""The text with every known symbol replaced by its character, longest symbol first.

    Examples
    --------
    >>> [hex(ord(c)) for c in tokens(r"m\,\mathrm{m}", {"m": 2}) if ord(c) >= FIRST]
    ['0xe002']
    """
    out, i, known = [], 0, sorted(symbols, key=len, reverse=True)
    while i < len(text):
        for s in known:
            after = text[i + len(s) : i + len(s) + 1]
            if text.startswith(s, i) and after != "_" and not (_COMMAND.fullmatch(s) and after.isalpha()):
                out.append(chr(FIRST + symbols[s]))
                i += len(s)
                break
        else:
            m = _COMMAND.match(text, i)
            whole = text[i : text.index("}", i) + 1] if m and m[0] == r"\mathrm" and "}" in text[i:] else None
            piece = whole or (m[0] if m else text[i])
            # A letter with an index is another symbol than the letter.
            if re.match(r"_(\{\w+\}|\w)", text[i + len(piece) :]) and re.fullmatch(r"\\?[A-Za-z]+", piece):
                piece += re.match(r"_(\{\w+\}|\w)", text[i + len(piece) :])[0]
            out.append(piece)
            i += len(piece)
    return "".join(out)


def top_level(text: str) -> Iterator[tuple[int, str]]:
    """Characters outside of all brackets, with their places; a sign in an exponent is inside its braces."""
    depth = 0
    for i, c in enumerate(text):
        if c in "([{" or text.startswith(r"\langle", i):
            depth += 1
        elif c in ")]}" or text.startswith(r"\rangle", i):
            depth -= 1
        elif depth == 0:
            yield i, c


def split(text: str) -> tuple[str, list[str]]:
    r"""A formula and the remarks after it: ``G + g^{2}, \; G_0`` is ``G + g^{2}`` and ``G_0``."""
    at = [i for i, c in top_level(text) if c == "," and text[i - 1] != "\\"]
    pieces = [text[a:b].strip() for a, b in zip([0, *(i + 1 for i in at)], [*at, len(text)], strict=True)]
    return pieces[0], [re.sub(r"^(\\;|\s)+", "", p) for p in pieces[1:]]


def summands(text: str) -> list[str]:
    r"""Terms of a sum with their signs.

    Examples
    --------
    >>> summands(r"-a + (b - c)\,d")
    ['-a', '(b - c)\\,d']
    """
    cuts = [i for i, c in top_level(text) if c in "+-" and text[:i].strip() and text[:i].rstrip()[-1] not in "^_"]
    pieces = [text[a:b].strip() for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    return [p[1:].strip() if p.startswith("+") else p for p in pieces]


def alternatives(text: str) -> list[str]:
    r"""Readings of ``a (b or c)``: with the first, with the second; one where there is no choice."""
    m = _OR.search(text)
    if m is None:
        return [text]
    start, end = m.start(), m.end()
    depth, a = 0, start
    while a > 0 and not (depth == 0 and text[a - 1] in "([{"):
        a -= 1
        depth += (text[a] in ")]}") - (text[a] in "([{")
    depth, b = 0, end
    while b < len(text) and not (depth == 0 and text[b] in ")]}"):
        depth += (text[b] in "([{") - (text[b] in ")]}")
        b += 1
    out = []
    for kept in (text[a:start].strip(), text[end:b].strip()):
        alone = re.fullmatch(r"\\?\w+", kept) and text[a - 1 : a] + text[b : b + 1] == "()"
        out.append(text[: a - 1] + kept + text[b + 1 :] if alone else text[:a] + kept + text[b:])
    return out


def fraction(text: str) -> tuple[str, str] | None:
    r"""Over and under of the last fraction that stands by itself in a product."""
    found = None
    for i, c in top_level(text):
        if c == "\\" and text.startswith(r"\frac{", i):
            mid = _closing(text, i + 5)
            end = _closing(text, mid + 1)
            found = text[i + 6 : mid], text[mid + 2 : end]
    return found


def _closing(text: str, opening: int) -> int:
    depth = 0
    for i in range(opening, len(text)):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if depth == 0:
            return i
    raise Unreadable(text)


def evaluate(template: str, values: Callable[[int], Any]) -> np.ndarray:
    r"""Value of a formula whose symbols are characters, ``values(k)`` being the k-th.

    Raises
    ------
    Unreadable

    Examples
    --------
    >>> float(evaluate(tokens(r"\frac{m}{1 - b^{2}}", {"m": 0, "b": 1}), [3.0, 0.5].__getitem__))
    4.0
    """
    with np.errstate(all="ignore"):
        try:
            reader = _Reader([t for t in _TOKEN.findall(template) if t not in _SPACES], values)
            out = reader.sum()
        except (IndexError, KeyError, TypeError, ValueError, OverflowError, ZeroDivisionError) as e:
            raise Unreadable(template) from e
    if reader.i != len(reader.tokens):
        raise Unreadable(template)
    return np.asarray(out, dtype=np.float64)


def _norm(x: Any) -> Any:
    return np.sqrt(np.sum(x * x))


_ONE = {"sign": np.sign, "rms": lambda x: np.sqrt(np.mean(x * x)), "exp": np.exp, "tanh": np.tanh}
_SEVERAL = {
    r"\max": lambda a: np.maximum.reduce(np.broadcast_arrays(*a)), "clip": lambda a: np.clip(*a),
    r"\min": lambda a: np.minimum.reduce(np.broadcast_arrays(*a)),
}  # fmt: skip


class _Reader:
    """Recursive descent over the tokens of one formula."""

    def __init__(self, found: list[str], values: Callable[[int], Any]):
        self.tokens, self.values, self.i = found, values, 0
        self.open: list[str] = []  # bars look the same on both sides

    def peek(self) -> str:
        return self.tokens[self.i] if self.i < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        t = self.tokens[self.i]
        if wanted and t != wanted:
            raise Unreadable(t)
        self.i += 1
        return t

    def sum(self) -> Any:
        total, sign = None, 1.0
        while True:
            while self.peek() in ("+", "-"):
                sign = -sign if self.take() == "-" else sign
            part = sign * self.product()
            total, sign = part if total is None else total + part, 1.0
            if self.peek() not in ("+", "-"):
                return total

    def product(self) -> Any:
        out = self.power()
        while True:
            t = self.peek()
            if t in ("/", r"\cdot"):
                self.take()
                out = out / self.power() if t == "/" else out * self.power()
            elif t and t not in "+-,)]}" and t != r"\rangle" and self.open[-1:] != [t]:
                out = out * self.power()
            else:
                return out

    def power(self) -> Any:
        base = self.atom()
        while self.peek() in ("^", "_"):
            if self.take() == "^":
                base = np.asarray(base, dtype=np.float64) ** self.argument()
            elif [self.take() for _ in range(3)] == ["{", "+", "}"]:
                base = np.maximum(base, 0.0)
            else:
                raise Unreadable("index")
        return base

    def within(self, end: str) -> Any:
        self.open.append(end)
        out = self.sum()
        self.open.pop()
        self.take(end)
        return out

    def argument(self) -> Any:
        if self.peek() != "{":
            return self.atom()
        self.take()
        return self.within("}")

    def arguments(self) -> list[Any]:
        self.take("(")
        self.open.append(")")
        out = [self.sum()]
        while self.peek() == ",":
            self.take()
            out.append(self.sum())
        self.open.pop()
        self.take(")")
        return out

    def atom(self) -> Any:
        t = self.take()
        if t in ("(", "{"):
            return self.within(")" if t == "(" else "}")
        if t == "|":
            return np.abs(self.within(t))
        if t == r"\Vert":
            out = self.within(t)
            if self.tokens[self.i : self.i + 2] == ["_", "1"]:
                self.i += 2
                return np.sum(np.abs(out))
            return _norm(out)
        if t == r"\langle":
            self.open.append("")
            a = self.sum()
            self.take(",")
            return np.sum(a * self.within(r"\rangle"))
        if t == r"\frac":
            over = self.argument()
            return over / self.argument()
        if t == r"\sqrt":
            n = 2.0
            if self.peek() == "[":
                self.take()
                n = float(self.take())
                self.take("]")
            return self.argument() ** (1 / n) if n != 2 else np.sqrt(self.argument())
        if t in _SEVERAL:
            return _SEVERAL[t](self.arguments())
        if t == r"\mathrm":
            self.take("{")
            word = ""
            while self.peek() != "}":
                word += self.take()
            self.take("}")
            return _SEVERAL[word](self.arguments()) if word in _SEVERAL else _ONE[word](self.power())
        if t == "e" and self.peek() == "^":
            return np.e
        if FIRST <= ord(t[0]) < FIRST + 6400:
            return np.asarray(self.values(ord(t) - FIRST), dtype=np.float64)
        return float(t)
