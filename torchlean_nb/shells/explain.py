"""One update taken apart: every named term with its formula and its numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib import import_module
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.errors import quote
from torchlean_nb.updates import UpdateRule


@dataclass(frozen=True, eq=False)
class Record:
    """Inputs of one evaluation of a rule, for one parameter or for several in one flat vector."""

    rule: UpdateRule
    grad: np.ndarray
    before: np.ndarray
    slots: Mapping[str, np.ndarray]
    hypers: Any
    step: int

    def terms(self, hypers: Any = None) -> dict[str, Any]:
        """Every named term in order, under other hyperparameters if given."""
        with np.errstate(all="ignore"):
            return self.rule.terms(self.grad, self.before, self.slots, hypers or self.hypers, self.step)

    def of(self, name: str | None, at: int | None, shape: tuple[int, ...]) -> Explanation:
        """What concerns the parameter that begins at this place; None when it is the only one."""
        size = math.prod(shape)

        own = partial(_own, at, size, shape, self.before.shape)
        slots = {k: own(a) for k, a in self.slots.items()}
        return Explanation(self.rule, name, own(self.grad), own(self.before), slots, self.hypers, self.step, self, own)


def _own(at: int | None, size: int, shape: tuple[int, ...], joined: tuple[int, ...], a: Any) -> Any:
    """What of an array is one parameter's, whose place in the joined ones begins at `at`."""
    return host(a[at : at + size].reshape(shape) if at is not None and getattr(a, "shape", None) == joined else a)


@dataclass(frozen=True, eq=False)
class Explanation:
    """The inputs of one update, from which every term follows again, bit for bit.

    Examples
    --------
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> opt = tl.optim.SGD({"w": np.array([1.0])}, lr=0.1, momentum=0.9)
    >>> opt.step({"w": np.array([0.5])})
    >>> e = opt.explain("w")
    >>> bool(e.before + e.delta == e.after)
    True
    """

    rule: UpdateRule
    name: str | None
    grad: np.ndarray
    before: np.ndarray
    slots: Mapping[str, np.ndarray]
    hypers: Any
    step: int
    record: Record = field(repr=False)
    own: Callable[[Any], Any] = field(repr=False)

    @cached_property
    def terms(self) -> dict[str, Any]:
        """Every named term in order, ``"delta"`` among them."""
        return {k: self.own(a) for k, a in self.record.terms().items()}

    @property
    def delta(self) -> np.ndarray:
        """The step."""
        return self.terms["delta"]

    @property
    def after(self) -> np.ndarray:
        """The new value."""
        return (self.before + self.delta).astype(self.before.dtype, copy=False)

    def without(self, **hypers: Any) -> np.ndarray:
        """The step as it would have been with other hyperparameters: a ghost."""
        changed = type(self.hypers)(**{**vars(self.hypers), **hypers})
        return self.own(self.record.terms(changed)["delta"])

    def to_text(self) -> str:
        """Table of the terms."""
        rows = [("raw gradient", self.grad), *self.terms.items(), ("before", self.before), ("after", self.after)]
        wide = max(len(k) for k, _ in rows)
        show = [f"{k:<{wide}}  {_brief(v)}" for k, v in rows]
        return "\n".join([f"{self.rule.class_name}, step {self.step} of {quote(self.name)}", *show])

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        view = import_module("torchlean_nb.widgets").UpdateAnatomy(self)
        return view._repr_mimebundle_(**options)


def _brief(v: Any) -> str:
    a = np.asarray(v)
    if a.size <= 6:
        return np.array2string(a, precision=6)
    return f"shape {a.shape}, norm {np.linalg.norm(a.ravel()):.6g}"
