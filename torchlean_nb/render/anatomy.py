"""The anatomy of updates as plain data: rows from the gradient to the step, their numbers, words and ghosts.

A row is a term of the rule. Its numbers come from the rule itself; the formula beside it is shown with numbers
put in only where working it out gives the same (`anatomy_reading`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.escape import visible
from torchlean_nb.render import anatomy_words
from torchlean_nb.render.anatomy_formula import FIRST, Unreadable, evaluate
from torchlean_nb.render.anatomy_ghosts import FASTER, PLAIN, ghosts, telling
from torchlean_nb.render.anatomy_reading import Reading, Statement
from torchlean_nb.render.anatomy_units import Unit, units
from torchlean_nb.render.anatomy_words import Words, describe
from torchlean_nb.render.numbers import fmt
from torchlean_nb.shells import Explanation

# A length, a mean, a product of vectors, and one minus a rate.
_ONE_NUMBER = re.compile(
    r"\\Vert (?:(?!\\Vert).)+\\Vert(?:_1)?|\\langle .+?\\rangle|\\mathrm\{rms\}(?:\\,)?(?:\([^()]+\)|[\ue000-\uf8ff])"
    r"|\(1 - [\ue000-\uf8ff]\)"
)
SHOWN, SENT, STEPS, BINS = 8, 64, 200, 14
GRADIENT, NUMBER, STEP = range(3)


@dataclass
class Row:
    """One term: where its numbers stand, what is drawn, and what is said.

    `block` is the unit it is drawn in, `root` whether its square root is drawn, `own` whether it has a scale of
    its own; `parts` are the two summands it is made of, each with the number of its value. At the steps in
    `exceptions` the formula does not give the term, often the first.
    """

    key: str
    words: Words
    block: int | None
    value: int
    hue: str = "value"
    root: bool = False
    own: bool = False
    left: str = ""
    right: str = ""
    template: str = ""
    parts: list[tuple[str, int]] = field(default_factory=list)
    exceptions: frozenset[int] = frozenset()


class Anatomy:
    """One parameter's updates, taken apart.

    Parameters
    ----------
    steps : sequence of Explanation
        Of one rule and one parameter.
    clipped : sequence of (ndarray or None)
        For every step the gradient before clipping.
    schedule : callable, optional
        ``schedule(k)`` is the learning rate of the 0-based step `k`.
    given : mapping
        Further ghosts: label and the hyperparameters that differ.

    Raises
    ------
    ShapeError, HyperparameterError
        For steps that do not belong together.
    """

    def __init__(
        self, steps: Sequence[Explanation], clipped: Sequence[np.ndarray | None] = (), schedule: Any = None,
        given: Mapping[str, Mapping[str, Any]] | None = None,
    ):
        first = steps[0]
        for e in steps:
            if e.rule is not first.rule or e.before.shape != first.before.shape or e.name != first.name:
                raise ShapeError(
                    f"anatomy: updates of {e.rule.class_name} on {visible(e.name)!r} {e.before.shape} and of "
                    f"{first.rule.class_name} on {visible(first.name)!r} {first.before.shape}",
                    None, "the updates of one parameter by one optimizer",
                )  # fmt: skip
        self.steps, self.clipped, self.schedule = list(steps), list(clipped) or [None] * len(steps), schedule
        self.name, self.shape = visible(first.name if first.name is not None else "w"), first.before.shape
        self.places: dict[str, int] = {}
        self.readings = [Reading(e, self.places) for e in steps]
        self.ghosts = [ghosts(e, c, given) for e, c in zip(self.steps, self.clipped, strict=True)]
        self.rows = self._rows()

    # -- rows --------------------------------------------------------------------------------------
    def _rows(self) -> list[Row]:
        last = self.readings[-1]
        found = units(last.e.rule, last.e.hypers, self.shape)
        rows: list[Row] = []
        if any(c is not None for c in self.clipped):
            for r, c in zip(self.readings, self.clipped, strict=True):
                r.values[self.places.setdefault("unclipped", len(self.places))] = r.e.grad if c is None else c
            rows.append(Row("unclipped", anatomy_words.UNCLIPPED, GRADIENT, self.places["unclipped"], "grad", left="g"))
            rows.append(Row("clipped", anatomy_words.CLIPPED, GRADIENT, self.places["grad"], "grad"))
        else:
            rows.append(Row("raw", anatomy_words.RAW, GRADIENT, self.places["grad"], "grad", left="g"))
        titles: dict[str, str] = {}
        for key in last.terms:
            if key == "delta" or not self._tells(key):
                continue
            s = last.of.get(key) or Statement(last.symbol(key), "", None, None)
            words = describe(key, s.left, s.right, titles)
            titles[s.left] = words.title
            rows.append(self._row(key, words, s, found))
        if direction := last.direction():
            k = self.places.setdefault("direction", len(self.places))
            for r in self.readings:
                there = r.direction()
                r.values[k] = there.value if there else np.full(self.shape, np.nan)
            row = Row("direction", anatomy_words.DIRECTION, NUMBER, k, right=direction.right)
            row.template, row.exceptions = self._agreed([r.direction() for r in self.readings])
            rows.append(row)
        if self.schedule is not None:
            k = self.places.setdefault("schedule", len(self.places))
            for r in self.readings:
                r.values[k] = np.asarray(float(self.schedule(r.e.step - 1)))
            rows.append(Row("schedule", anatomy_words.SCHEDULE, STEP, k, "const", own=True, left=r"\eta"))
        end = last.of.get("delta") or Statement(r"\Delta", "", None, None)
        rows.append(self._row("delta", describe("delta", "", "", {}), end, found))
        for i in range(len(rows) - 2, -1, -1):  # what has no unit of its own stands with what it leads to
            if rows[i].block is None:
                rows[i].block = rows[i + 1].block
        return sorted(rows, key=lambda r: r.block)

    def _tells(self, key: str) -> bool:
        """Whether a term is anything but zero decay or a copy: of the gradient, of a term before it, of the step."""
        def same(a: Any, b: Any) -> bool:
            return np.shape(a) == np.shape(b) and np.array_equal(a, b, equal_nan=True)

        def dull(r: Reading) -> bool:
            v = r.terms.get(key)
            if v is None or not v.size:
                return True
            earlier = [r.terms[k] for k in list(r.terms)[: list(r.terms).index(key)] if k != "delta"]
            if key not in r.e.slots and any(same(v, c) for c in earlier):
                return True
            return (key == "g" and same(v, r.e.grad)) or (key == "decay" and not v.any()) or same(v, r.terms["delta"])

        return not all(dull(r) for r in self.readings)

    def _row(self, key: str, words: Words, s: Statement, found: Mapping[str, Unit]) -> Row:
        unit, of_step = found.get(key), found.get("delta")
        row = Row(key, words, STEP, self.places[f"term {key}"], left=s.left, right=s.right)
        row.template, row.exceptions = self._agreed([r.of.get(key) for r in self.readings])
        if key in ("delta", "decay") or (unit == of_step is not None and unit.rate):
            row.hue = "par" if key == "decay" else "upd"
        elif unit in ((1, 0, 0), (2, 0, 0)):
            row.block, row.root = GRADIENT, unit.grad == 2
            row.hue = "const" if row.root else "value"
        elif unit == (0, 0, 0):
            row.block = NUMBER
        else:
            row.block, row.own, row.hue = None, True, "const"
        if all(r.terms[key].size == 1 and r.terms[key].shape != self.shape for r in self.readings):
            row.block, row.own, row.hue = None, True, "const"
        if row.block == GRADIENT and not row.root:
            row.parts = self._parts(key)
        return row

    def _agreed(self, statements: Sequence[Statement | None]) -> tuple[str, frozenset[int]]:
        """Template that gives the term, and the steps where it does not; of several readings there is none."""
        found = [s.template if s is not None else None for s in statements]
        if len(set(found) - {None}) != 1:
            return "", frozenset()
        template = next(t for t in found if t)
        return self._folded(template), frozenset(i for i, t in enumerate(found) if t is None)

    def _folded(self, template: str) -> str:
        """Template in which what is one number for all coordinates is one: norms, and 1 minus a rate."""
        def fold(m: re.Match[str]) -> str:
            try:
                found = [evaluate(m[0], r.values.__getitem__) for r in self.readings]
            except Unreadable:  # at a step where the formula does not hold
                return m[0]
            if any(v.shape for v in found):
                return m[0]
            k = self.places.setdefault(f"fold {m[0]}", len(self.places))
            for r, v in zip(self.readings, found, strict=True):
                r.values[k] = v
            return chr(FIRST + k)

        return _ONE_NUMBER.sub(fold, template)

    def _parts(self, key: str) -> list[tuple[str, int]]:
        out = []
        for r in self.readings:
            parts = r.parts(r.of[key]) if key in r.of else []
            if not parts:
                return []
            out = []
            for i, (text, value) in enumerate(parts):
                k = self.places.setdefault(f"part {key} {i}", len(self.places))
                r.values[k] = value
                out.append((text, k))
        return out

    @property
    def sums(self) -> list[int]:
        """Rows of the last block that add up to the step, when they do."""
        rows = [i for i, r in enumerate(self.rows) if r.block == STEP and not r.own and r.key != "delta"]
        for r in self.readings:
            parts = [r.values[self.rows[i].value] for i in rows]
            if len(parts) < 2 or not r.near(sum(np.asarray(p, dtype=np.float64) for p in parts), r.terms["delta"]):
                return []
        return rows

    # -- numbers -------------------------------------------------------------------------------------
    def worth(self, step: int, k: int) -> np.ndarray | None:
        """A quantity at one step: a number, or an array that fits the parameter."""
        v = self.readings[step].values.get(k)
        if v is None or v.dtype.kind not in "fiub":
            return None
        if v.shape == () or v.shape == self.shape:
            return v
        try:
            return np.broadcast_to(v, self.shape)
        except ValueError:
            return None

    def drawn(self, step: int, row: Row) -> np.ndarray | None:
        """What a row draws: its number, or the root of it."""
        v = self.worth(step, row.value)
        with np.errstate(all="ignore"):
            return np.sqrt(np.asarray(v, dtype=np.float64)) if row.root and v is not None else v

    def columns(self, wanted: Sequence[Any] = ()) -> list[int]:
        """Coordinates to show at first: those asked for, all of a few, or four telling ones."""
        size = int(np.prod(self.shape))
        if len(wanted):
            return sorted({flat_index(self.shape, w) for w in wanted})[:SHOWN]
        if size <= SHOWN:
            return list(range(size))
        e = self.steps[-1]
        by_grad = np.argsort(np.abs(np.nan_to_num(e.grad.ravel())), kind="stable")
        chosen = {int(by_grad[-1]), int(by_grad[size // 2]), int(by_grad[size // 8])}
        chosen.add(int(np.argmax(np.abs(np.nan_to_num(e.delta.ravel())))))
        spare = (int(i) for i in by_grad[::-1])
        while len(chosen) < 4:
            chosen.add(next(spare))
        return sorted(chosen)

    def sent(self, columns: Sequence[int]) -> list[int]:
        """Coordinates whose numbers travel: all of few, a sample of many."""
        size = int(np.prod(self.shape))
        if size <= SENT:
            return list(range(size))
        return sorted({*columns, *np.linspace(0, size - 1, SENT - len(columns)).astype(int).tolist()})

    def story(self, step: int) -> str:
        """What is remarkable about a step, in a sentence or two."""
        e, said = self.steps[step], []
        spread = [_spread(a) for a in (e.grad, e.delta)]
        if spread[0] > 1.05:
            steps = f"steps by {'only ' if spread[1] < spread[0] / 2 else ''}{_round(spread[1])}"
            said.append(f"Gradients differ by a factor of {_round(spread[0])}, {steps}.")
        shown = telling([g.label for g in self.ghosts[step]], 1)
        if shown and shown[0] not in (FASTER, PLAIN) and e.delta.size:
            g = next(g for g in self.ghosts[step] if g.label == shown[0])
            at = np.unravel_index(int(np.argmax(np.abs(np.nan_to_num(e.delta)))), self.shape)
            times = fmt(float(g.delta[at] / e.delta[at]), 2) if e.delta[at] else "1"
            if times != "1":
                how = f"Without {g.label[3:]}" if g.label.startswith("no ") else f"With {g.label}"
                said.append(f"{how} {entry(self.name, self.shape, at)} would move {times} times as far.")
        return " ".join(said) or f"{e.rule.class_name} at t = {e.step}."

    def exact(self, step: int) -> bool:
        """Whether parameter + step is the new parameter, to the last bit."""
        e = self.steps[step]
        return np.array_equal((e.before + e.delta).astype(e.before.dtype), e.after, equal_nan=True)


def entry(name: str, shape: tuple[int, ...], index: Sequence[Any]) -> str:
    """``w[0, 1]``; a scalar keeps its name."""
    return f"{name}[{', '.join(str(int(i)) for i in index)}]" if shape else name


def label(a: Anatomy, flat: int) -> str:
    """Name of a coordinate."""
    return entry(a.name, a.shape, np.unravel_index(flat, a.shape) if a.shape else ())


def flat_index(shape: tuple[int, ...], index: Any) -> int:
    """Row-major place of an index, given as that or as one number per axis.

    Raises
    ------
    HyperparameterError
    """
    whole = index if isinstance(index, tuple | list) else (index,)
    size = int(np.prod(shape))
    ints = all(isinstance(i, int | np.integer) and not isinstance(i, bool) for i in whole)
    if ints and whole == (index,) and 0 <= index < size:
        return int(index)
    if ints and len(whole) == len(shape) and all(0 <= i < n for i, n in zip(whole, shape, strict=True)):
        return int(np.ravel_multi_index(tuple(whole), shape)) if shape else 0
    raise HyperparameterError(f"coordinates: {visible(index, 40)} is no index of an array of shape {shape}")


def _spread(a: np.ndarray) -> float:
    size = np.abs(a[np.isfinite(a) & (a != 0)].astype(np.float64))
    with np.errstate(over="ignore"):
        return float(size.max() / size.min()) if size.size > 1 else 1.0


def _round(v: float) -> str:
    return f"{round(v):,}" if 10 < v < 1e7 else fmt(v, 2 if math.isfinite(v) else 3)
