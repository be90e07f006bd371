"""One update read against its formula: what every symbol is worth, and which statement gives which term."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchlean_nb.render.anatomy_formula import (
    FIRST,
    Unreadable,
    alternatives,
    evaluate,
    fraction,
    split,
    summands,
    tokens,
)
from torchlean_nb.shells import Explanation

# Slots whose symbol is neither their name nor written in their row.
_SYMBOLS = {"acc": "G", "ax": r"\bar{\theta}", "step_size": "d", "mu_product": "P", "slow": "n"}
_PREVIOUS = re.compile(r"\w_\{\\mathrm\{prev\}\}")
_NEAR = {2: 2e-2, 4: 1e-4, 8: 1e-8}


@dataclass(frozen=True)
class Statement:
    """A term with the formula it follows from: LaTeX, and the same with symbols as characters where that gives it."""

    left: str
    right: str
    template: str | None
    value: np.ndarray | None


class Reading:
    """Statements of one step.

    Parameters
    ----------
    e : Explanation
    places : dict
        Number of every quantity, in common to all steps; grows.

    Attributes
    ----------
    values : dict of int to ndarray
    of : dict of str to Statement
        By name of the term; those the formula does not give are missing.
    """

    def __init__(self, e: Explanation, places: dict[str, int]):
        self.e, self.places, self.values = e, places, {}
        self.of: dict[str, Statement] = {}
        self.env: dict[str, int] = {}
        self.written = " ".join(f"{a} {b}" for a, b in e.rule.latex)
        self.terms = {k: np.asarray(v) for k, v in e.terms.items()}
        for k, v in self.terms.items():
            self._put(f"term {k}", v)
        self._inputs()
        for left, right in e.rule.latex:
            self._state(left, right)
        self._by_value()
        self._by_step()

    def _put(self, key: str, value: Any) -> int:
        k = self.places.setdefault(key, len(self.places))
        self.values[k] = np.asarray(value)
        return k

    def _inputs(self) -> None:
        """Everything that is known before the first statement."""
        e, h = self.e, self.e.hypers
        known = {"g": ("grad", e.grad), r"\theta": ("before", e.before), "t": ("t", e.step)}
        self.env |= {symbol: self._put(*what) for symbol, what in known.items()}
        for name, hyper in e.rule.hypers.items():
            v = getattr(h, name)
            if hyper.symbol and isinstance(v, int | float | np.number) and not isinstance(v, bool):
                self.env[hyper.symbol] = self._put(f"hyper {name}", v)
        if getattr(h, "value", None) is not None:
            self.env["f"] = self._put("value", h.value)
        for name in e.rule.slots:
            self.env[self.symbol(name)] = self._put(f"old {name}", e.slots.get(name, np.zeros_like(e.before)))

    def symbol(self, name: str) -> str:
        """LaTeX of a term."""
        slot = self.e.rule.slots.get(name)
        if slot is not None and slot.symbol:
            return slot.symbol
        if name == "prev" and (m := _PREVIOUS.search(self.written)):
            return m[0]
        if name == "delta":
            return r"\Delta"
        head, _, tail = name.partition("_")
        m = re.fullmatch(r"([A-Za-z])(\d)", name)
        if m and f"{m[1]}_{m[2]}" in self.written:
            return f"{m[1]}_{m[2]}"
        tried = [name, rf"\{tail}{{{head}}}" if tail else "", "\\" + name, rf"\{name}_t", _SYMBOLS.get(name, "")]
        slots = self.e.rule.slots
        letters = [c for c in (name[0], name[0].upper()) if c not in {*self.e.terms, *slots}] if name in slots else []
        lefts = {left for left, _ in self.e.rule.latex}
        return next((s for s in (*tried, *letters) if s and s in lefts), name)

    # -- statements ------------------------------------------------------------------------------
    def _state(self, left: str, right: str) -> None:
        main, remarks = split(right)
        for remark in remarks:
            name, equals, what = remark.partition("=")
            template, value = self._worth(what, None)
            if equals and value is not None:
                self.env[name.strip()] = self._put(f"where {name.strip()}", value)
        term = next((k for k in self.terms if self.symbol(k) == left and k not in self.of), None)
        template, value = self._worth(main, None if term is None else self.terms[term])
        if term is not None:
            value = self.terms[term]
            self.of[term] = Statement(left, main, template, value)
            self.env[left] = self.places[f"term {term}"]
        elif value is not None:
            n = sum(s.left == left for s in self.of.values())
            self.env[left] = self._put(f"worth {left} {n}", value)
            self.of[f"= {left} {n}"] = Statement(left, main, template, value)
            if left.endswith("_t") and template is not None:
                self._next(left, template)
        else:
            self.env.pop(left, None)

    def _next(self, left: str, template: str) -> None:
        """What the statement will give at the next step, for formulas that look ahead."""
        t = self.env["t"]
        ahead = evaluate(template, lambda k: self.values[k] + (k == t))
        self.env[left[:-1] + "{t+1}"] = self._put(f"next {left}", ahead)

    def _worth(self, right: str, wanted: np.ndarray | None) -> tuple[str | None, np.ndarray | None]:
        """Template and value of a formula; of several readings the one that gives what is wanted."""
        for text in alternatives(right):
            template = tokens(text, self.env | self._corrected(text))
            try:
                value = evaluate(template, self.values.__getitem__)
            except Unreadable:
                continue
            if wanted is None or self.near(value, wanted):
                return template, value
        return None, None

    def _corrected(self, text: str) -> Mapping[str, int]:
        """Symbols with a hat that no statement defines: the mean, corrected for its start at zero."""
        out = {}
        for symbol, mean, beta in ((r"\hat{m}", "m", "beta1"), (r"\hat{v}", "v", "beta2")):
            if symbol in text and symbol not in self.env and mean in self.env and hasattr(self.e.hypers, beta):
                share = 1 - getattr(self.e.hypers, beta) ** self.e.step
                out[symbol] = self._put(f"corrected {mean}", self.values[self.env[mean]] / share)
        return out

    def near(self, value: np.ndarray, wanted: np.ndarray) -> bool:
        """Whether the formula gives the term, but for rounding."""
        try:
            value = np.broadcast_to(value, wanted.shape)
        except ValueError:
            return False
        tol = _NEAR.get(self.e.before.dtype.itemsize, 1e-8)
        top = float(np.max(np.abs(wanted[np.isfinite(wanted)]), initial=0.0))
        return bool(np.allclose(value, wanted, rtol=tol, atol=tol * 1e-2 * top, equal_nan=True))

    def _by_value(self) -> None:
        """Terms that are no statement of their own but one that has no name, a summand, or a share of one."""
        spare = [(s.left, s.right) for k, s in self.of.items() if k.startswith("= ")]
        delta = self.of.get("delta")
        parts = summands(delta.right) if delta else []
        spare += [("", text) for part in parts for text in (part, self._fraction(part)) if text]
        readings = alternatives(delta.right) if delta else []
        spare += [("", m[1]) for text in readings if (m := re.search(r"\(([^()]+)\)$", text))]
        for k, wanted in self.terms.items():
            if k in self.of or k in self.e.slots or not wanted.size or not np.any(wanted):
                continue
            for left, right in spare:
                template, value = self._worth(right, wanted)
                if template is not None:
                    self.of[k] = Statement(left or self.symbol(k), right, template, value)
                    break

    def _by_step(self) -> None:
        """A term whose statement cannot be worked out, recognised because with it the step comes out right."""
        delta = self.of.get("delta")
        if delta is None or delta.template is not None:
            return
        for left, right in self.e.rule.latex:
            for k in self.terms if left not in self.env else ():
                if k in self.of or k in self.e.slots:
                    continue
                self.env[left] = self.places[f"term {k}"]
                template, value = self._worth(delta.right, self.terms["delta"])
                if template is not None:
                    self.of["delta"] = Statement(delta.left, delta.right, template, value)
                    self.of[k] = Statement(left, split(right)[0], None, self.terms[k])
                    return
                del self.env[left]

    @staticmethod
    def _fraction(text: str) -> str:
        found = fraction(text)
        return rf"\frac{{{found[0]}}}{{{found[1]}}}" if found else ""

    def direction(self) -> Statement | None:
        """What is multiplied by the learning rate: the fraction in the step whose lower part is an array."""
        delta = self.of.get("delta")
        for text, template in self._summands(delta) if delta else ():
            found, written = fraction(template), self._fraction(text)
            if found is None or not written:
                continue
            under, value = (self._again(t) for t in (found[1], self._fraction(template)))
            if under.shape == self.e.before.shape and not any(self.near(value, v) for v in self.terms.values()):
                return Statement("", written, self._fraction(template), value)
        return None

    def parts(self, statement: Statement) -> list[tuple[str, np.ndarray]]:
        """The two summands of a statement with their values; none when it is no sum of two."""
        found = [(text, self._again(template)) for text, template in self._summands(statement)]
        return found if len(found) == 2 else []

    @staticmethod
    def _summands(statement: Statement) -> list[tuple[str, str]]:
        """Summands in LaTeX and as templates, whose symbols mean what they meant there."""
        if not statement.template:
            return []
        texts, templates = summands(statement.right), summands(statement.template)
        return list(zip(texts, templates, strict=True)) if len(texts) == len(templates) else []

    def _again(self, template: str) -> np.ndarray:
        return evaluate(template, self.values.__getitem__)


def uses(template: str) -> set[int]:
    """Numbers of the quantities in a template."""
    return {ord(c) - FIRST for c in template if FIRST <= ord(c) < FIRST + 6400}
