"""Reading a student's answer: whatever was typed becomes a plain value, or one line that says what was expected."""

from __future__ import annotations

import math
from typing import Any

from torchlean_nb.errors import DTypeError, NonFiniteError, ShapeError, TorchLeanError, UnknownNameError, did_you_mean
from torchlean_nb.lessons.row import Exercise

_LONGEST = 1000


def read_answer(row: Exercise, answer: Any) -> Any:
    """Plain form of an answer: a float, a list of floats, a word, or a tuple of words.

    Raises
    ------
    DTypeError, NonFiniteError, ShapeError, UnknownNameError
        In one line that says what is expected and never what is right.
    """
    try:
        return _READERS[row.kind](row, answer)
    except TorchLeanError:
        raise
    except Exception:
        # Objects may fail in any way when they are looked at; that is not the student's problem.
        raise DTypeError(f"answer: expected {expected(row)}, got a {_kind(answer)}") from None


def expected(row: Exercise) -> str:
    """What an answer looks like."""
    if row.kind == "number":
        return "one number"
    if row.kind == "list":
        return f"a list of {row.size} numbers"
    words = ", ".join(repr(w) for w in row.words)
    return f"one of {words}" if row.kind == "choice" else f"a list with each of {words} once"


def _kind(answer: Any) -> str:
    words = {"str": "text", "bool": "True or False", "NoneType": "None", "complex": "complex number"}
    name = type(answer).__name__
    return words.get(name, name if name.isidentifier() and len(name) <= 40 else "thing")


def _number(row: Exercise, answer: Any, place: str = "answer") -> float:
    if isinstance(answer, str | bytes | bool | complex) or answer is None:
        advice = ", written without quotes" if isinstance(answer, str) else ""
        raise DTypeError(f"{place}: expected one number{advice}, got {_kind(answer)}")
    value = getattr(answer, "value", answer)
    shape = getattr(value, "shape", ())
    if math.prod(shape) != 1:
        raise ShapeError(f"{place}: expected one number, got an array of shape {tuple(shape)}")
    number = float(value.item() if shape else value)
    if not math.isfinite(number):
        raise NonFiniteError(f"{place}: expected a finite number, got {'NaN' if number != number else 'infinity'}")
    return number


def _items(row: Exercise, answer: Any, size: int) -> list[Any]:
    shape = getattr(answer, "shape", None)
    if shape is not None and len(shape) > 1:
        raise ShapeError(f"answer: expected {expected(row)}, got an array of shape {tuple(shape)}")
    if (not isinstance(answer, list | tuple) and shape is None) or isinstance(answer, str):
        raise DTypeError(f"answer: expected {expected(row)}, got {_kind(answer)}")
    if len(answer) != size:
        raise ShapeError(f"answer: expected {expected(row)}, got {min(len(answer), _LONGEST)} of them")
    return list(answer)


def _list(row: Exercise, answer: Any) -> list[float]:
    return [_number(row, a, f"answer, entry {i}") for i, a in enumerate(_items(row, answer, row.size), 1)]


def _word(row: Exercise, answer: Any, place: str = "answer") -> str:
    if not isinstance(answer, str):
        raise DTypeError(f"{place}: expected {expected(row)}, got {_kind(answer)}")
    word = answer.strip()
    if word not in row.words:
        close = did_you_mean(word[:80], row.words)
        guess = f" ({close})" if close.startswith("did") else ""
        raise UnknownNameError(f"{place}: expected {expected(row)}{guess}")
    return word


def _order(row: Exercise, answer: Any) -> tuple[str, ...]:
    words = tuple(_word(row, a, f"answer, entry {i}") for i, a in enumerate(_items(row, answer, len(row.words)), 1))
    if len(set(words)) < len(words):
        raise ShapeError(f"answer: expected {expected(row)}, but one comes twice")
    return words


_READERS = {"number": _number, "list": _list, "choice": _word, "order": _order}
