"""A schedule as a tree of schedules: what it is made of, replacing a part, starting values, plain data.

A path names a part: the hyperparameter it stands in, and its place where that is a list:
``("parts", 1)`` is the second part of a `join`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torchlean_nb.errors import HyperparameterError, HyperparameterTypeError, UnknownNameError, quote
from torchlean_nb.hypers import REQUIRED
from torchlean_nb.schedules import Row, Schedule, add, constant, join, lookup, scale
from torchlean_nb.schedules import exponential_decay as _decay

Path = tuple[Any, ...]
COMPOSED = {"join", "scale", "add"}


def parts(s: Schedule) -> list[tuple[Path, Schedule]]:
    """The schedules among the hyperparameters, with their paths."""
    out: list[tuple[Path, Schedule]] = []
    for name, v in s.items:
        many = enumerate(v) if isinstance(v, tuple) else ()
        out += [((name,), v)] if isinstance(v, Schedule) else []
        out += [((name, i), p) for i, p in many if isinstance(p, Schedule)]
    return out


def walk(s: Schedule, path: Path = ()) -> Iterator[tuple[Path, Schedule]]:
    """The schedule and everything in it, the whole before its parts."""
    yield path, s
    for step, part in parts(s):
        yield from walk(part, path + step)


def at(s: Schedule, path: Sequence[Any]) -> Schedule:
    """The part at a path.

    Raises
    ------
    UnknownNameError
        When there is none.
    """
    for where, part in walk(s):
        if where == tuple(path):
            return part
    raise UnknownNameError(f"{s.name}: there is no part at {list(path)!r}")


def put(s: Schedule, path: Sequence[Any], new: Schedule) -> Schedule:
    """The schedule with another part at a path."""
    at(s, path)
    if not path:
        return new
    name, *rest = path
    old = s.hypers[name]
    if not isinstance(old, tuple):
        return s.with_(**{name: put(old, rest, new)})
    i, *rest = rest
    return s.with_(**{name: (*old[:i], put(old[i], rest, new), *old[i + 1 :])})


def begins(s: Schedule, path: Sequence[Any]) -> tuple[int, int | None]:
    """Step at which the part at a path begins, and the one at which the next one does."""
    if not path:
        return 0, None
    step, inner = next((where, p) for where, p in parts(s) if where == tuple(path[: len(where)]))
    start, stop = begins(inner, path[len(step) :])
    if s.name != "join":
        return start, stop
    low, high = (0, *s.hypers["boundaries"])[step[1]], (*s.hypers["boundaries"], None)[step[1]]
    ends = [e for e in (high, None if stop is None else stop + low) if e is not None]
    return start + low, min(ends, default=None)


def followed(s: Schedule, path: Sequence[Any], steps: int) -> Schedule:
    """One more part after the one at a path: it holds the last value, so that the curve does not jump.

    Examples
    --------
    >>> from torchlean_nb.schedules import linear
    >>> followed(linear(1.0, end=0.5, total=4), (), 10).hypers["boundaries"]
    (4,)
    """
    path, node = tuple(path), at(s, path)
    if node.name == "join":  # after the whole is after its last part
        path, node = (*path, *parts(node)[-1][0]), parts(node)[-1][1]
    outer = path[:-2]
    if path and at(s, outer).name == "join" and path[-2] == "parts":
        whole, i = at(s, outer), path[-1]
        ps, bounds = whole.hypers["parts"], whole.hypers["boundaries"]
        low = bounds[i - 1] if i else 0
        end = bounds[i] if i < len(bounds) else max(steps - begins(s, outer)[0], low + 2)
        inner = [low + p for p in node.points if low + p < end] if i == len(bounds) else []
        cut = inner[-1] if inner else (low + end) // 2 if end - low > 1 else end
        later = [b + (cut + 1 - end if b >= end and cut >= end else 0) for b in bounds[i:]]
        new = (*ps[: i + 1], constant(_level(node, cut - low)), *ps[i + 1 :])
        return put(s, outer, whole.with_(parts=new, boundaries=(*bounds[:i], cut, *later)))
    inner = [p for p in node.points if p < steps]
    cut = max(inner[-1] if inner else steps // 2, 1)
    return put(s, path, join([node, constant(_level(node, cut))], [cut]))


def _level(s: Schedule, k: int) -> float:
    """Rate at a step, 0.1 where a function of the user's own has no value."""
    try:
        return max(s(max(k, 0)), 0.0)
    except Exception:
        return 0.1


def scaled(s: Schedule, path: Sequence[Any]) -> Schedule:
    """The part at a path times 1."""
    return put(s, path, scale(at(s, path), 1.0))


def summed(s: Schedule, path: Sequence[Any]) -> Schedule:
    """The part at a path plus 0."""
    return put(s, path, add(at(s, path), constant(0.0)))


def dropped(s: Schedule, path: Sequence[Any]) -> Schedule:
    """Without the part at a path; of a composition its first part stays.

    Raises
    ------
    HyperparameterError
        When nothing would be left.
    """
    path, node = tuple(path), at(s, path)
    if node.name in COMPOSED:
        return put(s, path, parts(node)[0][1])
    outer = path[: -2 if path and isinstance(path[-1], int) else -1]
    whole = at(s, outer)
    if path and whole.name == "join":
        i, ps, bounds = path[-1], whole.hypers["parts"], whole.hypers["boundaries"]
        cut = max(i - 1, 0)
        left, kept = ps[:i] + ps[i + 1 :], bounds[:cut] + bounds[cut + 1 :]
        return put(s, outer, whole.with_(parts=left, boundaries=kept) if kept else left[0])
    if path and whole.name == "add":
        return put(s, outer, whole.hypers["second" if path[-1] == "first" else "first"])
    raise HyperparameterError(f"{node.name}: nothing would be left without it", None, "choose another kind instead")


def fresh(row: Row, like: Schedule, steps: int) -> Schedule:
    """A schedule of another kind over the same steps: hyperparameters of the same name and symbol stay.

    Examples
    --------
    >>> from torchlean_nb.schedules import cosine, warmup_cosine
    >>> fresh(warmup_cosine, cosine(0.3, total=50), 100).hypers["base"]
    0.3
    """
    old, known, begin = like.hypers, like.row.hypers, _starters(row, like, max(steps, 20))
    same = {n for n, h in row.hypers.items() if n in old and known[n].symbol == h.symbol and known[n].kind == h.kind}
    asked = [n for n, h in row.hypers.items() if h.default is REQUIRED]
    for kept in (same, set()):  # what stays may not go together with what is new
        given = {n: old[n] if n in kept else begin[n] for n in row.hypers if n in kept or (n in asked and n in begin)}
        try:
            return row.make(given)
        except HyperparameterError:
            continue
    return row.make(dict(row.samples[0]) if row.samples else {})


def _starters(row: Row, like: Schedule, steps: int) -> dict[str, Any]:
    """Values to begin with, where a row asks for one."""
    rate = max(_level(like, k) for k in range(0, steps, max(steps // 20, 1))) or 0.1
    return {
        "base": rate / 10 if "maximum" in row.hypers else rate, "maximum": rate, "peak": rate, "minimum": rate / 1000,
        "target": rate / 10, "total": steps - steps // 10, "warmup": steps // 10, "stable": steps // 2,
        "decay": steps // 4, "size": steps // 5, "period": steps // 4, "up": steps // 5, "gamma": 0.5, "rate": 0.05,
        "dim": 512, "milestones": [steps // 2, 3 * steps // 4], "scales": [0.5, 0.2],
        "boundaries": [steps // 2] if "parts" in row.hypers else [steps // 2, 3 * steps // 4],
        "f": _decay(1.0, 0.97) if "base" in row.hypers and row.name == "lambda" else constant(0.97),
        "part": like, "c": 1.0, "first": like, "second": constant(0.0), "parts": [like, constant(rate)],
    }  # fmt: skip


def plain(s: Schedule) -> dict[str, Any]:
    """JSON form; functions leave only their names.

    Examples
    --------
    >>> from torchlean_nb.schedules import cosine
    >>> plain(cosine(0.1, total=9))
    {'row': 'cosine', 'hypers': {'base': 0.1, 'total': 9, 'minimum': 0.0}}
    """
    return {"row": s.name, "hypers": {n: _plain(v) for n, v in s.items}}


def _plain(v: Any) -> Any:
    if isinstance(v, Schedule):
        return plain(v)
    if isinstance(v, (tuple, list)):
        return [_plain(x) for x in v]
    return v if v is None or isinstance(v, (bool, int, float, str)) else {"function": getattr(v, "__name__", "f")}


def from_plain(data: Any) -> Schedule:
    """The schedule of a JSON form, checked by its row.

    Raises
    ------
    HyperparameterError
        For what is no such form, and for one that held a function.
    """
    if not isinstance(data, Mapping) or set(data) != {"row", "hypers"} or not isinstance(data["hypers"], Mapping):
        raise HyperparameterTypeError(f"schedule: {quote(data)} is not the plain form of one")
    return lookup(str(data["row"])).make({str(n): _back(v) for n, v in data["hypers"].items()})


def _back(v: Any) -> Any:
    if isinstance(v, Mapping) and "function" in v:
        raise HyperparameterError(f"schedule: the function {quote(v['function'])} is not part of plain data",
                                  "a function cannot be written as JSON", "make this schedule in Python")
    return from_plain(v) if isinstance(v, Mapping) else [_back(x) for x in v] if isinstance(v, list) else v
