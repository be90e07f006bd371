"""Rules put together: a chain of transforms around one rule, a wrapper over one.

What comes out is a row like any other, with its own hyperparameters, slots, formula and terms, so that
groups, state dicts, `explain` and the classes work as they do for the rows it is made of.

A transform maps a vector to a vector: before the rule it acts on the gradient, after it on the step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import chain as chained
from itertools import count
from types import SimpleNamespace
from typing import Any

from torchlean_nb.errors import RuleError, RuleTypeError, UnknownNameError, did_you_mean, quote
from torchlean_nb.escape import visible
from torchlean_nb.updates import RULES, SCOPES, Slot, UpdateRule

TRANSFORMS: dict[str, Transform] = {}
WRAPPERS: dict[str, Wrapper] = {}
Statements = tuple[tuple[str, str], ...]
ACCENTS = (r"\tilde", r"\breve", r"\check", r"\acute", r"\grave", r"\ddot")


@dataclass(frozen=True, eq=False, repr=False)
class Transform(UpdateRule):
    """A map of gradients, or of steps; its update returns the new vector as ``"g"``.

    In its LaTeX ``#`` stands for the vector. Calling it fills in hyperparameters: ``clip_value(0.5)``.

    Parameters
    ----------
    place : {"", "before", "after"}
        Where in a chain it may stand.
    """

    place: str = ""

    @classmethod
    def _named(cls, name: str) -> Any:
        return TRANSFORMS.get(name)

    def __call__(self, *values: Any, **given: Any) -> Transform:
        """The same transform with these hyperparameters."""
        return self.with_hypers(**_named(self, values, given))

    def card(self) -> str:
        """What the row knows, as Markdown."""
        vector = r"\Delta" if self.place == "after" else "g"
        return UpdateRule.card(replace(self, title=self.name, latex=_about(vector, self.latex)))

    def __repr__(self) -> str:
        return f"<transform {visible(self.name)}: {visible(self.summary)}>"


@dataclass(frozen=True, eq=False, repr=False)
class Wrapper(UpdateRule):
    r"""A map of rules: its update gets as last argument ``inner(g, p, t, when=True)``, the rule inside.

    That gives the rule's step; where not `when`, its slots stay. In the LaTeX it is :math:`\delta`.
    Calling it with a rule gives a rule: ``lookahead("adam", k=5)``.
    """

    @classmethod
    def _named(cls, name: str) -> Any:
        return WRAPPERS.get(name)

    def __call__(self, rule: Any, *values: Any, **given: Any) -> UpdateRule:
        """The rule, or the rule of that name, wrapped."""
        return _wrapped(self.with_hypers(**_named(self, values, given)), row_of(rule))

    def card(self) -> str:
        """What the row knows, as Markdown."""
        return UpdateRule.card(replace(self, title=self.name))

    def __repr__(self) -> str:
        return f"<wrapper {visible(self.name)}: {visible(self.summary)}>"


def transform(**fields: Any) -> Callable[[Callable[..., dict[str, Any]]], Transform]:
    """Declare a transform: the decorated function becomes its row and enters the table."""
    return lambda update: _entered(TRANSFORMS, Transform, update, fields)


def wrapper(**fields: Any) -> Callable[[Callable[..., dict[str, Any]]], Wrapper]:
    """Declare a wrapper: the decorated function becomes its row and enters the table."""
    return lambda update: _entered(WRAPPERS, Wrapper, update, fields)


def chain(*pieces: Any) -> UpdateRule:
    r"""Transforms before and after one update rule, as one update rule.

    Parameters
    ----------
    *pieces : Transform, UpdateRule, class of an optimizer, or name of one
        Exactly one is a rule.

    Raises
    ------
    RuleError
        For no rule or two, a transform in the wrong place, or pieces that see different vectors.
    RuleTypeError, UnknownNameError

    Examples
    --------
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> rule = tl.optim.chain(tl.optim.transforms.clip_value(0.5), "sgd")
    >>> opt = tl.optim.class_of(rule)({"w": np.array([1.0])}, lr=0.1)
    >>> opt.step({"w": np.array([3.0])})
    >>> opt.params["w"]
    array([0.95])
    """
    rows = [row_of(piece) for piece in pieces]
    at = [i for i, row in enumerate(rows) if not isinstance(row, Transform)]
    if len(at) != 1:
        said = ", ".join(rows[i].name for i in at) or "none"
        raise RuleError(f"chain: {len(at)} update rules ({said})", "a chain has one", 'chain("clip_value", "adam")')
    rule, before, after = rows[at[0]], rows[: at[0]], rows[at[0] + 1 :]
    for place, others in (("before", after), ("after", before)):
        if wrong := [row.name for row in others if row.place == place]:
            raise RuleError(f"chain: {wrong[0]} must stand {place} the rule")
    if len(rows) == 1:
        return rule
    main, *parts = _parts("chain", [rule, *before, *after])
    first, last = parts[: len(before)], parts[len(before) :]

    def update(xp, g, p, s, h, t):
        terms = {}
        for part in first:
            out = part.run(xp, g, p, s, h, t)
            g = out["g"]
            terms |= part.outside(out, part.label + ".")
        out = main.run(xp, g, p, s, h, t)
        delta = out.pop("delta")
        terms |= main.outside(out) | ({f"{rule.name}.delta": delta} if last else {})
        for part in last:
            out = part.run(xp, delta, p, s, h, t)
            delta = out["g"]
            terms |= part.outside(out, part.label + ".")
        return terms | {"delta": delta}

    update.__doc__ = f"{rule.class_name} with {' and '.join(part.label for part in parts)}."
    latex = [_about("g", part.latex) for part in first]
    latex += [main.latex, *(_about(r"\Delta", part.latex) for part in last)]
    return _joined(f"chain({', '.join(row.name for row in rows)})", rows, [main, *parts], update, sum(latex, ()))


def row_of(piece: Any) -> UpdateRule:
    """Row of a transform, of a rule, of an optimizer's class, or of that name.

    Raises
    ------
    UnknownNameError, RuleTypeError
    """
    if isinstance(piece, str):
        RULES.named(piece)  # loads the file it stands in
        for row in (*TRANSFORMS.values(), *RULES.rows.values()):
            if piece in (row.name, row.class_name):
                return row
        raise UnknownNameError(
            f"no update rule or transform named {quote(piece)}", did_you_mean(piece[:100], [*RULES, *TRANSFORMS])
        )
    row = getattr(piece, "rule", piece) if isinstance(piece, type) else piece
    if not isinstance(row, UpdateRule) or isinstance(row, Wrapper):
        what = f"the wrapper {row.name} without a rule" if isinstance(row, Wrapper) else quote(piece, 60)
        raise RuleTypeError(f"{what} is not an update rule", None, 'a row, a class, or a name such as "adam"')
    return row


@dataclass(frozen=True)
class Part:
    """A row inside another: what its hyperparameters, slots and symbols are called outside."""

    row: UpdateRule
    label: str
    hypers: Mapping[str, str]
    slots: Mapping[str, str]
    symbols: Mapping[str, str]

    def view(self, h: Any) -> SimpleNamespace:
        """Hyperparameters under the row's own names."""
        own = {k: getattr(h, name) for k, name in self.hypers.items() if k in self.row.hypers}
        return SimpleNamespace(**own, value=getattr(h, "value", None))

    def run(self, xp: Any, g: Any, p: Any, s: Any, h: Any, t: Any, *more: Any) -> dict[str, Any]:
        """Terms under the row's own names."""
        own = {k: getattr(s, name) for k, name in self.slots.items() if hasattr(s, name)}
        return dict(self.row.update(xp, g, p, SimpleNamespace(**own), self.view(h), t, *more))

    def outside(self, terms: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
        """Terms under the names outside."""
        return {self.slots.get(k, prefix + k): v for k, v in terms.items()}

    def slot(self, name: str) -> Slot:
        """A slot for the row outside."""
        own, outside = self.row.slots[name], self.slots[name]
        start = own.start if own.start == "zeros" else lambda xp, p, h: own.start(xp, p, self.view(h))
        symbol = self.symbol(own.symbol or name)
        return Slot(start, self.hypers.get(own.when, ""), "" if symbol == outside else symbol)

    def symbol(self, latex: str) -> str:
        """LaTeX with the symbols outside."""
        for old, new in self.symbols.items():
            latex = _exchanged(latex, old, new)
        return latex

    @property
    def latex(self) -> Statements:
        """Statements with the symbols outside."""
        return tuple((self.symbol(left), self.symbol(right)) for left, right in self.row.latex)


def _wrapped(outer: Wrapper, rule: UpdateRule) -> UpdateRule:
    if isinstance(rule, Transform):
        raise RuleTypeError(f"{outer.name}: {rule.name} is a transform", "it wraps an update rule")
    main, own = _parts(outer.name, [rule, outer])

    def update(xp, g, p, s, h, t):
        ran: dict[str, Any] = {}

        def inner(g, p, t, when=True):
            out = main.run(xp, g, p, s, h, t)
            delta = out.pop("delta")
            for k, name in main.slots.items():
                if when is True or not hasattr(s, name):
                    continue
                if getattr(when, "shape", ()) in ((), getattr(out[k], "shape", ())):
                    out[k] = xp.where(when, out[k], getattr(s, name))
            ran.update(main.outside(out) | {f"{rule.name}.delta": delta})
            return delta

        out = own.run(xp, g, p, s, h, t, inner)
        return ran | {own.slots.get(k, f"{outer.name}.{k}" if k in ran else k): v for k, v in out.items()}

    update.__doc__ = f"{outer.summary[:-1]}; over {rule.class_name}."
    inside = replace(main, symbols={**main.symbols, r"\delta": r"\tilde{\delta}"}).latex
    inside = tuple((_exchanged(a, r"\Delta", r"\delta"), _exchanged(b, r"\Delta", r"\delta")) for a, b in inside)
    return _joined(f"{outer.name}({rule.name})", [outer, rule], [main, own], update, inside + own.latex)


def _joined(name: str, rows: list[Any], parts: list[Part], update: Any, latex: Statements) -> UpdateRule:
    """One row of several."""
    hypers, slots, tuples, average = {}, {}, {}, ""
    for part in parts:
        row, given = part.row, _flat(part.row)
        hypers |= {
            part.hypers[k]: replace(h, default=given.get(k, h.default), symbol=part.symbol(h.symbol))
            for k, h in row.hypers.items()
        }
        slots |= {outside: part.slot(k) for k, outside in part.slots.items()}
        tuples |= {part.hypers[k]: tuple(part.hypers[each] for each in inside) for k, inside in row.tuples.items()}
        average = part.slots[row.average] if row.average else average
    checks = [(part.row.check, part) for part in parts if part.row.check is not None]

    def check(h):
        for each, part in checks:
            each(part.view(h))

    return UpdateRule(
        name=name, update=update, hypers=hypers, slots=slots, latex=latex, scope=_widest(name, rows), tuples=tuples,
        needs=frozenset().union(*(row.needs for row in rows)), average=average, check=check if checks else None,
        title="".join(row.class_name for row in rows), lesson=parts[0].row.lesson,
        references=tuple(dict.fromkeys(ref for row in rows for ref in row.references)),
    )  # fmt: skip


def _parts(owner: str, rows: list[Any]) -> list[Part]:
    """Rows with names and symbols that differ: the first keeps its own."""
    names, slots, symbols, labels, parts = {"params", "value"}, set(), set(), set(), []
    for row in rows:
        label = _free(row.name, row.name, labels)
        hypers = {k: _free(k, label, names) for k in (*row.hypers, *row.tuples)}
        mine = {k: _free(f"{label}_{k}" if isinstance(row, Transform) else k, label, slots) for k in row.slots}
        said = {h.symbol for h in row.hypers.values() if h.symbol} | {s.symbol or k for k, s in row.slots.items()}
        said |= {left for left, _ in row.latex} - {"g", "#", r"\Delta", r"\delta"}
        other = {}
        for symbol in sorted(said & symbols):
            if head := re.match(r"\\?[a-zA-Z]+", symbol):
                other[head[0]] = next(f"{a}{{{head[0]}}}" for a in ACCENTS if f"{a}{{{head[0]}}}" not in symbols)
        part = Part(row, label, hypers, mine, other)
        symbols |= {part.symbol(each) for each in said} | set(other.values())
        parts.append(part)
    return parts


def _free(name: str, owner: str, taken: set[str]) -> str:
    """The name, with its owner in front, or numbered, whichever is free; it is not afterwards."""
    full = name if name == owner else f"{owner}_{name}"
    free = next(n for n in chained((name, full), (f"{full}_{i}" for i in count(2))) if n not in taken)
    taken.add(free)
    return free


def _widest(name: str, rows: list[UpdateRule]) -> str:
    scopes = {row.scope: row.name for row in reversed(rows)}
    if "group" in scopes and (narrow := {"tensor", "matrix"} & set(scopes)):
        raise RuleError(
            f"{name}: {scopes['group']} sees a group as one vector, {scopes[min(narrow)]} each tensor by itself",
            None, "the first on the gradients themselves, as tl.optim.clip_grad_norm(grads, 1.0)",
        )  # fmt: skip
    return max(scopes, key=list(SCOPES).index)


def _flat(row: UpdateRule) -> dict[str, Any]:
    """Defaults that were given, one by one."""
    out: dict[str, Any] = {}
    for k, v in row.given.items():
        out |= dict(zip(row.tuples[k], v, strict=True)) if k in row.tuples else {k: v}
    return out


def _named(row: UpdateRule, values: tuple[Any, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by name, in the order of the row."""
    free = [k for k in row.hypers if k not in given]
    if len(values) > len(free):
        raise RuleTypeError(f"{row.name}: {len(values)} values for {', '.join(free) or 'no arguments'}")
    return {**dict(zip(row.hypers, values, strict=False)), **given}


def _entered(table: dict[str, Any], kind: type, update: Any, fields: dict[str, Any]) -> Any:
    builtin = update.__module__.startswith("torchlean_nb.")
    row = kind(name=update.__name__.rstrip("_"), update=update, builtin=builtin, **fields)
    if row.name in table and (builtin or table[row.name].builtin):
        raise RuleError(f"{kind.__name__.lower()} {row.name!r} exists already", None, "another name")
    table[row.name] = row
    return row


def _about(vector: str, latex: Statements) -> Statements:
    """Statements of a transform about this vector."""
    return tuple((left.replace("#", vector), right.replace("#", vector)) for left, right in latex)


def _exchanged(latex: str, old: str, new: str) -> str:
    """LaTeX with one symbol in the place of another; words stay."""
    alone = "" if old.startswith("\\") else r"(?<![\\a-zA-Z])"
    return re.sub(rf"{alone}{re.escape(old)}(?![a-zA-Z])", lambda _: new, latex)
