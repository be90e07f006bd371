"""The forward sweep: push tangents along the tape, from chosen nodes to an output."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from torchlean_nb.engine.reverse import Plain, Recorded, settled
from torchlean_nb.engine.tape import Tape
from torchlean_nb.errors import RuleError


def push(
    at: Plain, outs: list[int], tangents: Mapping[int, Any], start: int | None = None, among: Collection[int] = ()
) -> dict[int, Any]:
    """Tangents of `outs` when the nodes in `tangents` move.

    Parameters
    ----------
    at : Plain or Recorded
    outs : list of int
    tangents : mapping
        Node id to tangent.
    start : int, optional
        First node to look at, the first that moves unless told.
    among : collection of int
        The only nodes to push through, all of them unless told.

    Returns
    -------
    dict
        Node id to tangent, for every node that moves.
    """
    dot: dict[int, Any] = dict(tangents)
    first = min(tangents, default=0) if start is None else start
    for i in range(first, max(outs) + 1):
        op, parents, _, _ = at.tape.records[i]
        if i in dot or isinstance(op, str) or op.kind == "constant" or (among and i not in among):
            continue
        if any(p in dot for p in parents):
            t = advance(at, i, [dot.get(p) for p in parents])
            if t is not None:
                dot[i] = t
    return dot


def advance(at: Plain, i: int, tangents: list[Any]) -> Any:
    """Tangent of node `i` from those of its arguments (None where one stands still)."""
    op, parents, attrs, _ = at.tape.records[i]
    xp, y = at.xp, at.value(i)
    args = [at.value(p) for p in parents]
    moving = [k for k, t in enumerate(tangents) if t is not None and op.rule(k) is not None]
    with np.errstate(all="ignore"):
        if not moving and (op.vjps or op.partials):
            return None
        if op.kind == "elementwise":
            parts = [_partial(at, i, k, tangents[k], y, args) for k in moving]
        elif op.kind == "linear":
            whole = [
                a if a is None or op.rule(k) is None else tangents[k] if tangents[k] is not None
                else xp.zeros(shape=a.shape, like=a)
                for k, a in enumerate(args)
            ]
            parts = [op.run(xp, *whole, **attrs)]
        elif op.kind == "multilinear":
            parts = [op.run(xp, *[tangents[k] if j == k else a for j, a in enumerate(args)], **attrs) for k in moving]
        elif op.jvps:
            parts = [_jvp(at, i, k, tangents[k], y, args, attrs) for k in moving]
        else:
            return _open(at, i, tangents)
    if not parts:
        return None
    total = parts[0]
    for p in parts[1:]:
        total = total + p
    return total if total.shape == y.shape else xp.broadcast_to(total, shape=y.shape)


def _partial(at: Plain, i: int, k: int, t: Any, y: Any, args: list[Any]) -> Any:
    (op, _, attrs, _), xp = at.tape.records[i], at.xp
    head = (t, y, at.saved(i)) if op.residuals else (t, y)
    c = op.partials[k](xp, *head, *args, **attrs)
    if op.singular:
        c = settled(at, t, c)
    return c if hasattr(c, "shape") else xp.asarray(c)


def _jvp(at: Plain, i: int, k: int, t: Any, y: Any, args: list[Any], attrs: dict[str, Any]) -> Any:
    op = at.tape.records[i][0]
    rule = op.jvps[min(k, len(op.jvps) - 1)] if op.variadic else op.jvps[k]
    if rule is None:
        raise RuleError(f"{op.name}: argument {k} has a VJP but no JVP", f"node {i}", "add one to jvps=")
    head = (t, y, at.saved(i)) if op.residuals else (t, y)
    c = rule(at.xp, *head, *args, **attrs, **({"arg": k} if op.variadic else {}))
    return c if hasattr(c, "shape") else at.xp.asarray(c)


def _open(at: Plain, i: int, tangents: list[Any]) -> Any:
    """A composite without a JVP: open it into the rows it is made of, and push through those."""
    op, parents, attrs, _ = at.tape.records[i]
    if isinstance(at, Recorded):
        inner, ids = at, list(parents)
    else:
        tape = Tape(at.xp, at.tape.dtype, "ieee")
        ids = [-1 if p < 0 else tape.leaf("input", at.value(p), requires_grad=True).id for p in parents]
        inner = Recorded(tape)
    mark = len(inner.tape)  # on a shared tape the composite itself lies before this
    y = op.run(inner.xp, *[inner.value(j) for j in ids], **attrs)
    moving = {j: t for j, t in zip(ids, tangents, strict=True) if t is not None}
    view = inner if isinstance(at, Recorded) else Plain(inner.tape)
    return push(view, [y.id], moving, start=mark).get(y.id)
