"""Many paths on a device: every step a few passes over all of them, and nothing waited for but the end.

Which paths have ended is a mask on the device: they stay where they are without the host knowing. Noise is drawn on
the host, the same numbers as there; the record crosses once, when the contender is through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import Device, host
from torchlean_nb.engine.transforms import Run
from torchlean_nb.errors import CapabilityError, HandleTypeError, ShapeError
from torchlean_nb.race.contenders import Contender
from torchlean_nb.race.engine import Paths, limit_of
from torchlean_nb.race.programs import rates
from torchlean_nb.surfaces import Surface
from torchlean_nb.surfaces._row import functions

LOOK = 64  # steps between looks whether any path still moves


def aboard(
    device: Device, contender: Contender, surface: Surface, points: np.ndarray, when: Sequence[int],
    noise: Callable[[tuple[int, ...]], np.ndarray] | None = None, tell: Callable[[int], Any] | None = None,
) -> Paths:  # fmt: skip
    """Paths of one contender from many points, computed on a device.

    Parameters
    ----------
    device : Device
    contender : Contender
        Not `alone`.
    surface : Surface
    points : ndarray, shape (2, n)
    when : sequence of int
        Steps before which is recorded, the last of which ends the race.
    noise : callable, optional
        ``noise(shape)`` is added to the gradients in each step.
    tell : callable, optional
        Is told of the updates made.

    Raises
    ------
    CapabilityError
        For a rule that asks where the hyperparameters of paths differ.
    """
    xp, lib, (_, n), due = device.xp, device.np, points.shape, set(when)
    p, limit, look = device.put(points), limit_of(surface), looker(surface, points.shape[1])
    alive, ended = lib.ones(n, dtype=bool), lib.full(n, -1)
    positions, losses = lib.empty((len(when), 2, n), p.dtype), lib.empty((len(when), n), p.dtype)
    hypers = {k: device.put(v.astype(p.dtype)) if isinstance(v, np.ndarray) else v for k, v in contender.hypers.items()}
    rule, rate, slots, row = contender.rule, rates(contender), {}, 0
    for k in range(when[-1]):
        values, g = look(p)
        if k in due:
            positions[row], losses[row], row = p, values, row + 1
        if k % LOOK == LOOK - 1 and not alive.any().item():
            break
        if noise is not None:
            g = g + device.put(noise(g.shape))
        h = SimpleNamespace(**(hypers if contender.schedule is None else {**hypers, "lr": rate(k)}))
        if k == 0:
            slots = rule.start(p, h, xp)
        try:
            terms = rule.terms(g, p, slots, h, k + 1, xp)
        except (TypeError, ValueError) as e:  # an array was asked whether it is true
            raise CapabilityError(
                f"race: {contender.name} cannot run on {device.name}", f"{type(e).__name__}: {e}",
                "one number for all paths, or the CPU",
            ) from e
        slots = {name: terms[name] for name in slots}
        new = (p + terms["delta"]).astype(p.dtype, copy=False)
        inside = (lib.abs(new) <= limit).all(axis=0)  # NaN is not
        ended = lib.where(alive & ~inside, k, ended)
        p, alive = lib.where(alive & inside, new, p), alive & inside
        if tell is not None:
            tell(n)
    values, _ = look(p)
    positions[row:], losses[row:] = p, values
    paths = Paths(points, len(when), limit)
    paths.positions[:], paths.losses[:], paths.ended[:] = host(positions), host(losses), host(ended)
    paths.count = len(when)
    return paths


def looker(surface: Surface, n: int) -> Callable[[Any], tuple[Any, Any]]:
    """``look(points)`` gives values (n,) and gradients (2, n) of device arrays of points, shape (2, n).

    Raises
    ------
    ShapeError, HandleTypeError
        When called, of a function that does not work element by element.
    """
    if surface.gradient is not None:
        return lambda p: (surface(p[0], p[1]), functions.stack(list(surface.slope(p[0], p[1]))))

    def look(p: Any) -> tuple[Any, Any]:
        run = Run(lambda z: surface(z[0], z[1]), (p,), (0,))
        values = run.value()
        if values.shape != (n,):
            raise ShapeError(f"race: {surface.name}(x, y) gave shape {values.shape} for {n} points",
                             "it must work element by element")  # fmt: skip
        if not run.tape.needs[run.out.id]:
            raise HandleTypeError(f"race: {surface.name}(x, y) does not depend on x and y")
        return values, run.pull(np.ones(n, p.dtype))[0]

    return look
