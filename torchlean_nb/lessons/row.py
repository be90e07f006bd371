"""One row of the table of exercises, and one mistake that has a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from torchlean_nb.copies import Row

KINDS = ("number", "list", "choice", "order")


@dataclass(frozen=True)
class Misconception:
    """A known mistake.

    ``text`` says what is the case instead, ``look`` where a lesson shows it.
    """

    text: str
    look: str


@dataclass(frozen=True, eq=False)
class Exercise(Row):
    """One exercise. Nothing in it is an answer; `compute` finds it when it is needed.

    Parameters
    ----------
    id : str
        Lesson and name: ``"01.dw"``.
    prompt : str
    kind : {"number", "list", "choice", "order"}
        One number; `size` numbers; one of `words`; all `words` in some order.
    compute : callable
        The answer; for a list or an order the list of all answers that are right.
    wrong : tuple of (str, callable)
        Named mistakes: the key of a misconception, and what that mistake makes of the exercise, in
        the form of `compute`.
    hint : str
        Help that does not contain the answer.
    why : str
        Shown when the answer is right.
    words : mapping
        Words to choose from or to order, with their meanings.
    size : int
        Length of a list.
    exact : bool
        The answer is a count; otherwise three figures are enough.
    """

    id: str
    prompt: str
    kind: str
    compute: Callable[[], Any]
    wrong: tuple[tuple[str, Callable[[], Any]], ...]
    hint: str
    why: str
    words: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    exact: bool = False

    @classmethod
    def _named(cls, name: str) -> Any:
        return import_module("torchlean_nb.lessons.exercises").EXERCISES.get(name)

    _key = property(lambda self: self.id)

    @property
    def lesson(self) -> str:
        """Number of the lesson."""
        return self.id.split(".")[0]

    def same(self, given: Any, wanted: Any) -> bool:
        """Whether a read answer is what `compute` or a wrong rule found."""
        if self.kind == "number":
            return self._near(given, wanted)
        if self.kind == "choice":
            return given == wanted
        if self.kind == "order":
            return given in wanted
        return any(all(map(self._near, given, one)) for one in wanted)

    def _near(self, given: float, wanted: float) -> bool:
        return abs(given - wanted) <= (0 if self.exact else 5e-3 * abs(wanted))

    def __repr__(self) -> str:
        return f"{self.id} ({self.kind}): {self.prompt}"
