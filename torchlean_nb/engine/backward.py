"""One backward or forward pass of a session: check, compute, then hand out; nothing half done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.engine.checks import refuse_non_finite_gradient
from torchlean_nb.engine.forward import push
from torchlean_nb.engine.gradients import Gradients
from torchlean_nb.engine.reverse import Plain, quick, sweep
from torchlean_nb.errors import (
    HookError,
    HookTypeError,
    HookValueError,
    NoGradError,
    NonScalarError,
    ShapeError,
)


def check_seed(tape: Any, out: int, seed: Any) -> np.ndarray:
    """The cotangent to start from; 1 for a scalar."""
    y = tape.values[out]
    if seed is None:
        if y.shape not in ((), (1,), (1, 1)):
            raise NonScalarError(
                f"backward: {tape.describe(out)} is not a scalar, it has shape {y.shape}",
                "a gradient is of one number", "y.sum(), or seed= an array of that shape",
            )
        return tape.put(np.array(1, y.dtype if y.dtype.kind == "f" else tape.dtype).reshape(y.shape))
    a = tape.place(seed, y.dtype.name, label="seed")
    if a.shape != y.shape:
        raise ShapeError(f"backward: the seed has shape {a.shape}, {tape.describe(out)} has {y.shape}")
    return a


def backward(session: Any, out: int, seed: Any, hook: Callable[[int, Any], Any] | None) -> Gradients:
    """Gradients of a node of the session's tape."""
    tape = session.tape
    seed = check_seed(tape, out, seed)
    if not tape.needs[out]:
        raise NoGradError(
            f"backward: {tape.describe(out)} does not depend on a parameter that requires a gradient",
            "nothing on its paths has requires_grad=True", "s.param(...), or s.input(..., requires_grad=True)",
        )
    bar, fine = tape.quietly(quick, tape, out, seed, tape.needs)
    if not bar:
        bar = [*map(sweep(Plain(tape), out, seed).get, range(out + 1))]
    if tape.strict and not fine:
        reached = {i: np.array(g) if g.__class__ is float else g for i, g in enumerate(bar) if g is not None}
        if not tape.xp.every_finite(reached.values()):
            refuse_non_finite_gradient(tape, reached, _producer(tape, out, seed))
    if hook is not None:
        bar = _hooked(tape, bar, hook)
    return Gradients(tape, out, bar)


def _producer(tape: Any, out: int, seed: Any) -> tuple[int, int] | None:
    """First contribution of the sweep that is not finite: node and argument."""
    first: list[tuple[int, int]] = []

    def look(child: int, k: int, parent: int, c: Any, summed: tuple[int, ...]) -> None:
        if not first and not tape.xp.all_finite(c):
            first.append((child, k))

    sweep(Plain(tape), out, seed, on_edge=look)
    return first[0] if first else None


def _hooked(tape: Any, bar: list[Any], hook: Callable[[int, Any], Any]) -> list[Any]:
    """Gradients after the user's hook, which may look at or replace each in id order."""
    out = [*bar]
    for i, g in enumerate(bar):
        if g is None:
            continue
        g, name = np.asarray(host(g)), tape.describe(i)
        view = g.view()
        view.setflags(write=False)
        try:
            new = hook(i, view)
        except Exception as e:
            raise HookError(f"backward: the hook failed on {name} with {type(e).__name__}: {e}") from e
        if new is None:
            continue
        new = host(new)
        if not isinstance(new, np.ndarray | np.floating | float | int) or isinstance(new, bool):
            raise HookTypeError(f"backward: the hook returned {type(new).__name__} for {name}, expected an array")
        new = np.array(new, dtype=g.dtype)
        if new.shape != g.shape:
            raise HookValueError(
                f"torchlean: grad hook changed shape at id={i} (expected {g.shape}, got {new.shape}), {name}"
            )
        out[i] = tape.put(new)
    return out


def forward(session: Any, out: int, tangents: Mapping[Any, Any]) -> np.ndarray:
    """Tangent of a node of the session's tape."""
    tape, dots = session.tape, {}
    for key, t in tangents.items():
        i = session.node(key, out)
        a = tape.place(t, tape.values[i].dtype.name, label=f"tangent of {tape.describe(i)}")
        if a.shape != tape.values[i].shape:
            raise ShapeError(f"jvp: tangent of shape {a.shape} for {tape.describe(i)} of shape {tape.values[i].shape}")
        dots[i] = a
    dot = push(Plain(tape), [out], {i: t for i, t in dots.items() if i <= out}).get(out) if dots else None
    if dot is None:
        return np.zeros(tape.values[out].shape, dtype=tape.values[out].dtype)
    dot = np.array(host(dot))
    dot.setflags(write=False)
    return dot
