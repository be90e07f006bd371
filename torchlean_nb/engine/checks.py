"""Words for what went wrong: shapes, domains, and the first non-finite number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.errors import (
    DomainError,
    NonFiniteError,
    ReadOnlyError,
    RuleError,
    ShapeError,
    TorchLeanError,
    ZeroDivisionDomainError,
)


def explain(
    tape: Any, op: Any, parents: tuple[int, ...], values: list[Any], attrs: dict[str, Any], error: Exception
) -> Exception:
    """The error to raise in place of one that came out of an op's forward."""
    node, device = f"{op.name} (node {len(tape.records)})", tape.xp.device
    if device is not None and (failed := device.failure(error, node)):
        return failed
    if isinstance(error, MemoryError):
        return MemoryError(f"{node}: {error}; nothing was changed. try: a smaller batch, or float32")
    if isinstance(error, RuntimeError):
        return error
    if "read-only" in str(error):
        return _writes(op)
    shapes = [None if v is None else v.shape for v in values]
    try:
        rule = op.shape or (lambda *s, **_: np.broadcast_shapes(*s))
        rule(*[s for s in shapes if s is not None], **attrs)
    except TorchLeanError as e:
        said, hint, instead = str(e).partition("\n  try: ")
        e.args = (f"{said}\n  {_names(tape, parents)}{hint}{instead}",)
        return e
    except Exception:  # the shape rule only serves to word the message
        listed = " and ".join(map(str, shapes))
        names = ", ".join(tape.describe(p) for p in parents if p >= 0)
        return ShapeError(f"{op.name}: shapes {listed} do not fit", names, "reshape or transpose one of them")
    if op.builtin:
        return type(error)(f"{op.name}: {error}")
    return RuleError(f"{op.name}: its forward failed with {type(error).__name__}: {error}")


def _writes(op: Any) -> ReadOnlyError:
    return ReadOnlyError(
        f"{op.name}: its forward writes into an argument, which is read-only",
        "recorded values never change", "a copy: x + 0, or xp.add(x, 0)",
    )


def watched(op: Any) -> Callable[..., Any]:
    """The forward of a user's row, whose arguments are compared in its first call on a device.

    Arrays of a device have no flag that makes them read-only. What was written is put back.

    Raises
    ------
    ReadOnlyError
    """
    forward, seen = op.forward, False

    def call(xp: Any, *args: Any, **attrs: Any) -> Any:
        nonlocal seen
        if seen or xp.device is None:
            return forward(xp, *args, **attrs)
        pairs = [(a, a.copy()) for a in args if xp.device.owns(a)]
        y = forward(xp, *args, **attrs)
        kept = [(a.view(f"u{a.itemsize}") == b.view(f"u{a.itemsize}")).all() for a, b in pairs]  # NaN is itself
        if kept and not xp.np.stack(kept).all().item():
            for a, b in pairs:
                a[...] = b
            raise _writes(op)
        seen = True
        return y

    return call


def refuse_non_finite(tape: Any, op: Any, parents: tuple[int, ...], values: list[Any], y: Any) -> None:
    """Raise for an inf or NaN in the value of a new node: outside the domain, or an overflow."""
    y, values = host(y), [host(v) for v in values]
    at = tuple(int(i) for i in np.argwhere(~np.isfinite(y))[0])
    node = f"{op.name} (node {len(tape.records)})"
    where = f" at index {at}" if at else ""
    args = [None if v is None else _pick(v, at) for v in values]
    hint = 'Session(nonfinite="ieee") to let it pass'
    if op.name == "div" and args[1] == 0:
        raise ZeroDivisionDomainError(f"{node}: division by zero{where or ' at index ()'}", _names(tape, parents), hint)
    if op.name == "pow" and args[0] is not None and args[0] < 0:
        raise DomainError(
            f"{node}: a negative base {args[0]!s} to the power {args[1]!s}{where}", "the result is not real", hint
        )
    for k, v in enumerate(values):
        if v is None or v.dtype.kind != "f":
            continue
        domain = op.domain_of(k)
        with np.errstate(all="ignore"):
            outside = ~np.asarray(domain.test(v))
        if outside.any():
            bad = tuple(int(i) for i in np.argwhere(outside)[0])
            raise DomainError(
                f"{node}: {v[bad]!s} at index {bad} is outside its domain, {op.args[min(k, len(op.args) - 1)]} must be "
                f"{domain.text}", _names(tape, parents), f"clamp, or safe_log for a logarithm; {hint}",
            )
    listed = ", ".join(f"{a!s}" for a in args if a is not None)
    word = "overflow, " if np.isinf(y[at] if at else y) else ""
    raise NonFiniteError(
        f"{node}: {word}{y[at] if at else y!s}{where} from {op.name}({listed})", _names(tape, parents), hint
    )


def refuse_non_finite_gradient(tape: Any, grads: dict[int, Any], producer: tuple[int, int] | None) -> None:
    """Raise for the first inf or NaN among gradients, with the rule that made it."""
    for i in sorted(grads, reverse=True):
        g = grads[i]
        if not tape.xp.all_finite(g):
            g = host(g)
            at = tuple(int(k) for k in np.argwhere(~np.isfinite(g))[0])
            made = "" if producer is None else (
                f"first produced by the rule of {tape.describe(producer[0])} for argument {producer[1]}; "
            )
            raise NonFiniteError(
                f"backward: gradient {g[at]!s} of {tape.describe(i)} at index {at}",
                made + "step not applied, nothing was changed", 'Session(nonfinite="ieee") to let it pass',
            )


def _pick(v: Any, at: tuple[int, ...]) -> Any:
    """The element of an argument that broadcasts to result index `at`, or a summary."""
    if v.ndim == 0:
        return v[()]
    at = at[len(at) - v.ndim :]
    if len(at) != v.ndim or any(n not in (1,) and i >= n for i, n in zip(at, v.shape, strict=True)):
        return f"array of shape {v.shape}"
    return v[tuple(0 if n == 1 else i for i, n in zip(at, v.shape, strict=True))]


def _names(tape: Any, parents: tuple[int, ...]) -> str | None:
    return ", ".join(f"argument {k} is {tape.describe(p)}" for k, p in enumerate(parents) if p >= 0) or None
