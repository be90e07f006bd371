"""Races on a device: all paths of all contenders side by side, and nothing waited for but the end.

Which paths have ended is a mask on the device: they stay where they are without the host knowing. Noise is drawn on
the host, the same numbers as there; the records of all contenders cross together, when they are through. A rule that
looks at all coordinates of a path, or at its value, has an optimizer for each path on the device, which waits once in
each step, for its check before the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import Device, host
from torchlean_nb.errors import CapabilityError
from torchlean_nb.race.contenders import Contender
from torchlean_nb.race.engine import Paths, Step, by_the_rule, each_alone, limit_of, rooms
from torchlean_nb.race.field import field
from torchlean_nb.surfaces import Surface

LOOK = 64  # steps between looks whether any path still moves


def aboard(
    device: Device, crew: Sequence[Contender], surface: Surface, points: np.ndarray, when: Sequence[int],
    noise: Callable[[tuple[int, ...]], np.ndarray] | None = None, tell: Callable[[int], Any] | None = None,
) -> list[Paths]:  # fmt: skip
    """Paths of contenders from the same points, computed on a device.

    Parameters
    ----------
    device : Device
    crew : sequence of Contender
    surface : Surface
    points : ndarray, shape (2, n)
    when : sequence of int
        Steps before which is recorded, the last of which ends the race.
    noise : callable, optional
        ``noise(shape)`` is added to the gradients of every contender in each step.
    tell : callable, optional
        Is told of the updates made.

    Raises
    ------
    CapabilityError
        For a rule that asks where the hyperparameters of paths differ.
    """
    lib, (_, n), due, count = device.np, points.shape, set(when), len(crew)
    places, heights = rooms(count, len(when), n, points.dtype)
    limit, look = limit_of(surface), field(surface, count * n, points.dtype.name, device.name)
    found = [Paths(points, len(when), limit, room) for room in zip(places, heights, strict=True)]
    p = lib.stack([device.put(points)] * count, axis=1)
    steps = [_step(device, c, surface, p[:, i], found[i]) for i, c in enumerate(crew)]
    alive, ended, row = lib.ones((count, n), dtype=bool), lib.full((count, n), -1), 0
    positions, losses = lib.empty((len(when), *p.shape), p.dtype), lib.empty((len(when), count, n), p.dtype)
    with np.errstate(all="ignore"):
        for k in range(when[-1]):
            values, g = (a.reshape(-1, count, n) for a in look(p.reshape(2, -1)))
            if k in due:
                positions[row], losses[row], row = p, values[0], row + 1
            if k % LOOK == LOOK - 1 and not alive.any().item():
                break
            if noise is not None:
                g = g + device.put(noise(points.shape))[:, None]
            new = lib.stack([step(p[:, i], g[:, i], k) for i, step in enumerate(steps)], axis=1)
            inside = (lib.abs(new) <= limit).all(axis=0)  # NaN is not
            ended = lib.where(alive & ~inside, k, ended)
            p, alive = lib.where(alive & inside, new, p), alive & inside
            if tell is not None:
                tell(n * count)
        values, _ = look(p.reshape(2, -1))
    positions[row:], losses[row:] = p, values.reshape(count, n)
    places[:], heights[:] = host(positions).transpose(2, 0, 1, 3), host(losses).swapaxes(0, 1)
    for paths, ends in zip(found, host(ended), strict=True):
        paths.ended[:], paths.count = ends, len(when)
    return found


def _step(device: Device, c: Contender, surface: Surface, start: Any, paths: Paths) -> Step:
    """A step of all paths of a contender."""
    if c.alone:
        return each_alone(c, field(surface, 1, start.dtype.name, device.name), surface, start, paths.evaluations)
    step = by_the_rule(c, start.dtype, device)

    def checked(p: Any, g: Any, k: int) -> Any:
        try:
            return step(p, g, k)
        except (TypeError, ValueError) as e:  # an array was asked whether it is true
            raise CapabilityError(
                f"race: {c.name} cannot run on {device.name}",
                f"{type(e).__name__}: {e}",
                "one number for all paths, or the CPU",
            ) from e

    return checked
