"""Grading: an answer in, words out. Wrong answers are compared with what named mistakes would give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torchlean_nb import escape
from torchlean_nb.errors import TorchLeanError, UnknownNameError, did_you_mean, quote
from torchlean_nb.lessons.answers import expected, read_answer
from torchlean_nb.lessons.exercises import EXERCISES
from torchlean_nb.lessons.misconceptions import MISCONCEPTIONS
from torchlean_nb.lessons.row import Exercise

_COLOURS = {
    "right": "#009E73", "not yet": "#E69F00", "not answered yet": "#7d868f", "cannot be read": "#CC79A7",
    "hint": "#56B4E9", "answer": "#0072B2",
}  # fmt: skip


class NoSuchExercise(UnknownNameError):
    """An id that no exercise has; in a notebook one line, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@dataclass(frozen=True)
class Feedback:
    """What a grader says: a status, a few lines, and the mistakes that would give this answer.

    True when the answer is right. `status` is ``"right"``, ``"not yet"``, ``"not answered yet"``
    or ``"cannot be read"``, and ``"hint"`` or ``"answer"`` when that was asked for;
    `misconceptions` holds keys of `MISCONCEPTIONS`.
    """

    exercise: str
    status: str
    lines: tuple[str, ...]
    misconceptions: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Whether the answer is right."""
        return self.status == "right"

    def __bool__(self) -> bool:
        return self.right

    def to_text(self) -> str:
        """Exercise, status and lines."""
        return "\n  ".join((f"{self.exercise}: {self.status}. {self.lines[0]}", *self.lines[1:]))

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        lines = "<br>".join(escape.html(line) for line in self.lines)
        return (
            f'<div role="status" style="border-left:4px solid {_COLOURS[self.status]};padding:2px 10px">'
            f"<b>{escape.html(self.exercise)}: {escape.html(self.status)}.</b> {lines}</div>"
        )


def check(exercise: str, answer: Any) -> Feedback:
    """Grade an answer.

    Parameters
    ----------
    exercise : str
        Id as the lesson gives it.
    answer : object
        None means not answered yet.

    Returns
    -------
    Feedback
        Also for an answer that makes no sense; it never contains the right answer.

    Raises
    ------
    NoSuchExercise
        With the ids that come closest.

    Examples
    --------
    >>> check("01.dw", None)
    01.dw: not answered yet. Put one number in place of None.
    """
    row = _find(exercise)
    if answer is None or answer is ...:
        return Feedback(row.id, "not answered yet", (f"Put {expected(row)} in place of None.",))
    try:
        given = read_answer(row, answer)
    except TorchLeanError as e:
        line = str(e).removeprefix("answer: ")
        return Feedback(row.id, "cannot be read", (line[0].upper() + line[1:] + ".",))
    if row.same(given, row.compute()):
        return Feedback(row.id, "right", (row.why,))
    keys = diagnose(row, given)
    return Feedback(row.id, "not yet", tuple(_advice(row, keys)), keys)


def diagnose(row: Exercise, given: Any) -> tuple[str, ...]:
    """Keys of the mistakes that give this answer."""
    return tuple(dict.fromkeys(key for key, rule in row.wrong if row.same(given, rule())))


def hint(exercise: str) -> Feedback:
    """Help with an exercise, without its answer."""
    row = _find(exercise)
    return Feedback(row.id, "hint", (row.hint,))


def reveal(exercise: str) -> Feedback:
    """Answer of an exercise, and why."""
    row = _find(exercise)
    found = row.compute()
    found = list(found[0]) if row.kind in ("list", "order") else found
    return Feedback(row.id, "answer", (f"{_plain(found)}. {row.why}",))


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def _find(exercise: str) -> Exercise:
    if not isinstance(exercise, str) or exercise not in EXERCISES:
        known = did_you_mean(exercise, EXERCISES) if isinstance(exercise, str) else "its id is text such as '01.dw'"
        raise NoSuchExercise(f"there is no exercise {quote(exercise)}; {known}")
    return EXERCISES[exercise]


def _advice(row: Exercise, keys: tuple[str, ...]) -> list[str]:
    if not keys:
        return [row.hint]
    found = [MISCONCEPTIONS[k] for k in keys]
    places = "; ".join(dict.fromkeys(m.look for m in found))
    if len(found) == 1:
        return [found[0].text, f"See {places}."]
    return ["It could be one of these.", *(f"\N{BULLET} {m.text}" for m in found), f"See {places}."]
