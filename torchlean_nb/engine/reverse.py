"""The backward sweep: read the tape from the output down, and add up what arrives.

Written once for plain and recorded sweeps; a plain one that nobody watches goes through the functions of `calls`,
which do the same in the same order. Only nodes that the output depends on and that need a
gradient are visited; broadcasting, zero cotangents and accumulation are handled here and nowhere
else. Contributions are added in a fixed order: children from the last to the first, their
arguments from left to right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any

import numpy as np

from torchlean_nb.engine import lone
from torchlean_nb.engine.calls import pull_of, quick_finite
from torchlean_nb.engine.recorder import Recorder, unbroadcast
from torchlean_nb.errors import RuleTypeError, RuleValueError, TorchLeanError

OnEdge = Callable[..., None]
_FLOATS = (np.dtype("float32"), np.dtype("float64"))


class Plain:
    """Access to a tape for a sweep that computes."""

    def __init__(self, tape: Any):
        self.tape, self.xp = tape, tape.xp

    def value(self, i: int) -> Any:
        """Recorded value of a node."""
        return None if i < 0 else self.tape.values[i]

    def saved(self, i: int) -> Any:
        """Residuals that forward left for the rules."""
        return self.tape.records[i][3]


class Recorded(Plain):
    """Access to a tape for a sweep that is itself recorded onto it."""

    def __init__(self, tape: Any):
        super().__init__(tape)
        self.xp = Recorder(tape)

    def value(self, i: int) -> Any:
        """Handle to a node."""
        return None if i < 0 else self.xp.handle(i)

    def saved(self, i: int) -> Any:
        """Residuals made anew under the recorder, so that derivatives pass through them."""
        op, parents, attrs, _ = self.tape.records[i]
        return op.forward(self.xp, *[self.value(p) for p in parents], **attrs)[1]


def pull(at: Plain, i: int, k: int, g: Any, known: Any = None) -> tuple[Any, tuple[int, ...]]:
    """Contribution of node `i` to its argument `k`, and the axes that were summed; `known` is what `given` gives."""
    return _pull(at, i, k, g, *(known or given(at, i)))


def given(at: Plain, i: int) -> tuple[tuple[Any, ...], list[Any]]:
    """What every rule of a node is called with after the cotangent, and the arguments of the node."""
    op, parents, _, _ = at.tape.records[i]
    args = [at.value(p) for p in parents]
    head = (at.value(i), at.saved(i)) if op.residuals else (at.value(i),)
    return head if op.blind else (*head, *args), args


def _pull(at: Plain, i: int, k: int, g: Any, rest: tuple[Any, ...], args: list[Any]) -> tuple[Any, tuple[int, ...]]:
    op, _, attrs, _ = at.tape.records[i]
    try:
        c = op.rule(k)(at.xp, g, *rest, **attrs, arg=k) if op.variadic else op.rules[k](at.xp, g, *rest, **attrs)
    except Exception as e:
        raise _worded(at, i, k, e) from e
    if c.__class__ is not np.ndarray and (c is None or not hasattr(c, "shape")):
        if isinstance(c, int | float | np.generic):
            c = at.xp.asarray(c)
        else:
            count = f"{len(c)} gradients" if isinstance(c, tuple | list) else repr(c)
            raise RuleTypeError(
                f"vjp of {op.name}: input {k} got {count} instead of 1 array", f"node {i}",
                "one function per argument, each returning one array; None as the rule of an index",
            )
    if op.singular:
        c = settled(at, g, c)
    shape = args[k].shape
    if c.shape == shape:
        return c, ()
    try:
        return unbroadcast(at.xp, c, shape)
    except TorchLeanError:
        raise RuleValueError(
            f"vjp of {op.name} returned shape {c.shape} for input {k} of shape {shape}", f"node {i}"
        ) from None


def settled(at: Plain, g: Any, c: Any) -> Any:
    """What a rule has made of `g`: 0 times an infinite slope is 0, for nothing arrived, so nothing goes on."""
    xp = at.xp
    quiet = xp.where(xp.equal(g, 0), 0, c)
    # 0 times a finite slope is left as it is when recorded: how it changes with `g` is a second derivative.
    return xp.where(xp.equal(c, c), c, quiet) if isinstance(at, Recorded) else quiet


def _worded(at: Plain, i: int, k: int, error: Exception) -> Exception:
    """What to raise in place of an error that came out of a rule."""
    rule, device = f"the rule of {at.tape.describe(i)}", at.tape.xp.device
    if isinstance(error, TorchLeanError):
        return error
    if device is not None and (failed := device.failure(error, rule)):
        return failed
    if isinstance(error, MemoryError):
        return MemoryError(f"in {rule}: bytes requested, {error}")
    return RuleValueError(
        f"vjp of {at.tape.describe(i)} for argument {k} failed: {type(error).__name__}: {error}",
        None, f"tl.check_op(tl.{at.tape.records[i][0].name})",
    )


def sweep(
    at: Plain, out: int, seed: Any, *, wrt: Iterable[int] | None = None, on_edge: OnEdge | None = None
) -> dict[int, Any]:
    """Cotangents of every node that `out` reaches.

    Parameters
    ----------
    at : Plain or Recorded
    out : int
        Node to start from.
    seed : array, shape of the output
    wrt : iterable of int, optional
        Only sweep towards these nodes.
    on_edge : callable, optional
        ``on_edge(child, k, parent, contribution, summed)`` for every contribution, in order.

    Returns
    -------
    dict
        Node id to cotangent.
    """
    needs = at.tape.needs if wrt is None else between(at.tape, out, wrt)
    if at.__class__ is Plain and on_edge is None:
        found, _ = at.tape.quietly(quick, at.tape, out, seed, needs)
        if found:
            return {i: np.array(g) if g.__class__ is float else g for i, g in enumerate(found) if g is not None}
    with np.errstate(all="ignore"):
        return _sweep(at, out, seed, needs, on_edge)


def quick(tape: Any, out: int, seed: Any, needs: list[bool]) -> tuple[list[Any], bool]:
    """Cotangents of the nodes up to `out`, by the functions written for each row; to be run quietly.

    Returns
    -------
    bar : list
        None where nothing arrived; empty when a rule fails, as the careful sweep finds words for that.
    fine : bool
        Whether leaves got finite numbers, and nothing else was heard of; False means: look closer.
    """
    xp, values, records = tape.xp, tape.values, tape.records
    tape.heard.clear()
    flat = values
    if values.__class__ is lone.Values:
        flat, records = lone.kept(values, slice(out + 1)), lone.kept(records, slice(out + 1))  # as they are
    fine, ndarray, (single, double) = True, np.ndarray, _FLOATS
    bar: list[Any] = [None] * (out + 1)
    bar[out] = seed
    try:
        i = out
        while i >= 0:
            g = bar[i]
            if g is not None:
                record = records[i]
                op = record[0]
                if len(record) < 4:
                    i = lone.pull(flat, needs, bar, records, i)
                elif op.__class__ is not str:
                    if g.__class__ is float:  # rules are written for arrays
                        g = bar[i] = np.array(g)
                    (op.pull or pull_of(op))(xp, values, needs, bar, i, record, g)
                elif fine:
                    if g.__class__ is ndarray and (g.dtype is single or g.dtype is double):
                        v = g.ravel("K")
                        fine = isfinite(v.dot(v))
                    else:
                        fine = isfinite(g) if g.__class__ is float else quick_finite(g)
            i -= 1
    except Exception:
        return [], False
    return bar, fine and not tape.heard


def _sweep(at: Plain, out: int, seed: Any, needs: list[bool], on_edge: OnEdge | None) -> dict[int, Any]:
    tape = at.tape
    records = tape.records
    bar: list[Any] = [None] * (out + 1)
    bar[out] = seed
    for i in range(out, -1, -1):
        g = bar[i]
        if g is None:
            continue
        op, parents, _, _ = records[i]
        if isinstance(op, str) or op.kind == "constant":
            continue
        rest = None
        for k, p in enumerate(parents):
            if p < 0 or not needs[p] or op.rule(k) is None:
                continue
            if rest is None:
                rest, args = given(at, i)
            c, summed = _pull(at, i, k, g, rest, args)
            if on_edge is not None:
                on_edge(i, k, p, c, summed)
            bar[p] = c if bar[p] is None else bar[p] + c
    return {i: g for i, g in enumerate(bar) if g is not None}


def between(tape: Any, out: int, wrt: Iterable[int]) -> list[bool]:
    """Which nodes lie on a path from `wrt` to `out`."""
    on = [False] * (out + 1)
    targets = set(wrt)
    for i in range(out + 1):
        op, parents, _, _ = tape.records[i]
        on[i] = i in targets or any(
            p >= 0 and on[p] for p in parents if isinstance(op, str) or op.kind != "constant"
        )
    return on
