"""Methods: one frozen row per algorithm that evaluates the function itself.

``update(at, s, h, k)`` is one iteration, a generator: it gets the point where it stands (with what the
row needs known there), its slots ``s.H``, the hyperparameters ``h.c1`` and its number ``k``, asks for
further points with ``yield Evaluate(x)``, and returns every intermediate value by name, in order.
``"x"`` is where it leads, or ``"next"``, the Point there with what is known already; each slot's new
value stands under the slot's name; ``"stop"`` says in words why the method ends. An iteration that asks
for nothing is a plain function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.errors import RuleError
from torchlean_nb.minimizers.asking import Asking, Evaluate, Point, Step
from torchlean_nb.updates import UpdateRule

METHODS: dict[str, Method] = {}
# What a method needs, what it therefore asks for where an iteration begins, and that in words.
NEEDS = {
    "value": (("value",), "the value"),
    "gradient": (("value", "gradient"), "the value and the gradient"),
    "hessian": (("value", "gradient", "hessian"), "the value, the gradient and the Hessian"),
    "jacobian": (("value", "gradient", "residuals", "jacobian"), "the residuals and their Jacobian"),
    "examples": ((), "the value and the gradient of one example at a time"),
}


@dataclass(frozen=True, eq=False)
class Method(UpdateRule):
    """One minimization method: formula, hyperparameters, slots, LaTeX, references.

    Parameters
    ----------
    update : callable
        ``update(at, s, h, k)``, a generator that returns the terms, or a function.
    needs : frozenset of str
        One of the keys of `NEEDS`.
    loop : callable or None
        ``loop(step, at, slots, h)``, a generator that returns a list of Steps: what one call of the
        torch-shaped class does, where that is not one iteration.
    stays : bool
        Vectors of a device stay there, and only numbers come to the host: it computes with `dot`, `number` and
        operators. Otherwise every point and what is known there is fetched, which costs little where a method
        is for few variables.
    """

    loop: Callable[..., Any] | None = None
    stays: bool = False

    @classmethod
    def _named(cls, name: str) -> Any:
        return METHODS.get(name)

    @property
    def want(self) -> tuple[str, ...]:
        """What has to be known where an iteration begins."""
        return NEEDS[next(iter(self.needs))][0]

    def step(self, at: Point, slots: Mapping[str, Any], h: Any, k: int) -> Asking:
        """One iteration as a generator that returns its Step."""
        asking, asked, answer = self.update(at, SimpleNamespace(**slots), h, k), [], None
        terms = asking if isinstance(asking, Mapping) else None
        while terms is None:
            try:
                request = asking.send(answer)
            except StopIteration as end:
                terms = end.value
                continue
            answer = yield Evaluate(_frozen(_narrow(request.x, at.x)), request.want, request.example)
            asked.append(answer)
        missing = [name for name in ("next" if "next" in terms else "x", *slots) if name not in terms]
        if missing:
            raise RuleError(f"{self.name}: the iteration returned no {missing[0]!r}", f"it returned {', '.join(terms)}")
        terms = {name: _frozen(_narrow(v, at.x) if name == "x" else v) for name, v in terms.items()}
        after = terms.pop("next") if "next" in terms else Point(terms["x"])
        return Step(k, at, terms, replace(after, x=_frozen(after.x)), tuple(asked))

    def call(self, at: Point, slots: Mapping[str, Any], h: Any, k: int) -> Asking:
        """What one call of the torch-shaped class does, as a generator that returns its Steps."""
        if self.loop is None:
            return ((yield from self.step(at, slots, h, k)),)
        return tuple((yield from self.loop(self.step, at, slots, h)))

    def slots_of(self, step: Step, h: Any) -> dict[str, Any]:
        """Slots after a step."""
        return {name: step.terms[name] for name in self.active(h)}

    def card(self) -> str:
        """What the row knows, as Markdown."""
        return f"{super().card()}\n\nAsks for {NEEDS[next(iter(self.needs))][1]}."

    def __repr__(self) -> str:
        return f"<method {self.name}: {self.summary}>"


def _narrow(x: Any, like: np.ndarray) -> Any:
    """A point in the type of the start, where numbers of a method were wider."""
    return x.astype(like.dtype) if like.dtype.kind == "f" and x.dtype != like.dtype else x


def _frozen(v: Any) -> Any:
    """The array itself, read-only; what is a view of something writable is copied first."""
    if isinstance(v, np.ndarray) and v.flags.writeable:
        v = v if v.base is None else v.copy()
        v.setflags(write=False)
    return v


def method(*, needs: str = "gradient", **fields: Any) -> Callable[[Callable[..., Asking]], Method]:
    r"""Declare a method: the decorated generator becomes its row and enters the table.

    Parameters
    ----------
    needs : str
        A key of `NEEDS`.
    **fields
        Of the row.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> @tl.minimizers.method(hypers={"lr": tl.extend.Hyper(0.25, r"\eta", 0.0)})
    ... def my_descent(at, s, h, k):
    ...     "Gradient descent, once more."
    ...     return {"d": -at.gradient, "x": at.x - h.lr * at.gradient}
    >>> tl.minimize(lambda x: (x * x).sum(), [8.0], "my_descent", steps=3).points.tolist()
    [[8.0], [4.0], [2.0], [1.0]]
    >>> del tl.minimizers.METHODS["my_descent"]
    """

    def wrap(update: Callable[..., Asking]) -> Method:
        builtin = (update.__module__ or "").startswith("torchlean_nb.")
        row = Method(name=update.__name__, update=update, needs=frozenset({needs}), builtin=builtin, **fields)
        if needs not in NEEDS:
            raise RuleError(f"method {row.name!r} needs {needs!r}", None, "one of " + ", ".join(NEEDS))
        old = METHODS.get(row.name)
        if old is not None and (old.builtin or builtin):
            raise RuleError(f"method {row.name!r} exists already", f"it is {old!r}", "another name")
        METHODS[row.name] = row
        return row

    return wrap
