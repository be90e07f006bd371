"""What a compiled session has seen so far: structures of computations, sharing their beginnings.

A `Step` is one record without its value: the op, its parents and options, shape and type of the result. Steps form
a tree, and a tape is a path in it. While a tape follows a path that is known, shapes and types are known, too, and
nothing has to be computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlean_nb.errors import HandleTypeError

KEPT = 8  # structures
WIDE = (np.dtype(np.int64), np.dtype(np.uint64))
_ATOMS = (int, float, str, bool, type(None), type(...))


class Step:
    """One record of a structure; in checks it stands for a value that is not computed yet."""

    __slots__ = ("attrs", "dtype", "followed", "kids", "ndim", "needs", "on", "op", "parents", "plans", "shape", "size",
                 "sure", "text")  # fmt: skip
    __array_ufunc__ = None

    def __init__(self, op: Any, parents: Any, attrs: Any, on: bool, value: Any, needs: bool):
        self.op, self.parents, self.attrs, self.on, self.needs = op, parents, attrs, on, needs
        self.text = repr(attrs) if plain(attrs) else None
        self.shape, self.dtype, self.ndim, self.size = value.shape, value.dtype, value.ndim, value.size
        self.sure = False  # whether the check of the op has to be asked no more
        self.kids: list[Step] = []
        self.plans: dict[Any, Any] = {}
        self.followed = False  # whether somebody who looked at the value wanted the gradient next

    def holds(self, value: Any) -> bool:
        """Whether a leaf can hold this array; a key of 64 bits may have any sign, so its type says nothing."""
        mine, other = self.dtype, value.dtype
        return self.shape == value.shape and value.flags.c_contiguous and (
            mine is other or mine == other or (not self.ndim and mine in WIDE and other in WIDE)
        )

    def _untold(self, *_: Any, **__: Any) -> Any:
        raise HandleTypeError("a value that is not computed yet")

    __array__ = __bool__ = __eq__ = __ne__ = __iter__ = __len__ = _untold
    __hash__ = object.__hash__


class Book:
    """The tree, at most `KEPT` branches of it, and how often it was of use."""

    def __init__(self) -> None:
        self.root = Step("", (), {}, True, np.zeros(()), False)
        self.tips: dict[int, list[Step]] = {}
        self.recorded = self.replayed = 0
        self.program: Any = None
        self.refused = ""

    def op(self, path: list[Step], op: Any, parents: tuple[int, ...], attrs: Any, on: bool) -> Step | None:
        """The step that continues a path by an op, if it is known."""
        for s in (path[-1] if path else self.root).kids:
            same = s.op is op and s.parents == parents and s.on is on
            if same and (s.attrs is attrs or (s.text is not None and s.text == repr(attrs))):
                return s
        return None

    def leaf(self, path: list[Step], kind: str, value: Any, needs: bool) -> Step | None:
        """The step that continues a path by a leaf, if it is known."""
        for s in (path[-1] if path else self.root).kids:
            if s.op == kind and s.needs is needs and s.holds(value):
                return s
        return None

    def learn(self, path: list[Step], record: Any, on: bool, value: Any, needs: bool) -> Step:
        """The step that continues a path by a record, a new one where it is not known."""
        op, parents, attrs, _ = record
        leaf = isinstance(op, str)
        step = self.leaf(path, op, value, needs) if leaf else self.op(path, op, parents, attrs, on)
        if step is None:
            step = Step(op, parents, attrs, on, value, needs)
            # Options, shapes and types are those that passed before; what a row of ours then looks at are integers.
            whole = leaf or any(path[p].dtype.kind in "iu" for p in parents if p >= 0)
            step.sure = not leaf and (op.check is None or (op.builtin and not whole))
            (path[-1] if path else self.root).kids.append(step)
        return step

    def close(self, path: list[Step], learned: bool) -> None:
        """A tape is done: keep its structure, and let the oldest go where there are too many."""
        if not path or path[-1].kids:
            return
        tip = id(path[-1])
        self.tips[tip] = self.tips.pop(tip, path)
        if not learned:
            return
        for s in path[:-1]:  # what used to end here goes on now
            self.tips.pop(id(s), None)
        while len(self.tips) > KEPT:
            self.forget(self.tips.pop(next(iter(self.tips))))

    def forget(self, path: list[Step], keep: int = 0) -> None:
        """Drop the steps of a path behind the first `keep`, from its end, as far as nothing else needs them."""
        for k in range(len(path) - 1, keep - 1, -1):
            step, before = path[k], path[k - 1] if k else self.root
            if step.kids or id(step) in self.tips:
                return
            before.kids = [s for s in before.kids if s is not step]


def plain(v: Any) -> bool:
    """Whether equal texts of options mean equal options.

    Examples
    --------
    >>> plain({"axis": (0, 1), "key": slice(None)}), plain({"table": np.zeros(9)})
    (True, False)
    """
    if isinstance(v, dict):
        return all(map(plain, v.values()))
    if isinstance(v, tuple | list):
        return all(map(plain, v))
    if isinstance(v, slice):
        return plain((v.start, v.stop, v.step))
    return type(v) in _ATOMS or isinstance(v, np.generic)
