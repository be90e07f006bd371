"""Paths: what is recorded of them, which have ended, and how those go that need an optimizer each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import Device, device_of
from torchlean_nb.engine import hessian
from torchlean_nb.errors import CapabilityError, TorchLeanError
from torchlean_nb.minimizers.table import Method
from torchlean_nb.race.contenders import Contender
from torchlean_nb.race.field import Field
from torchlean_nb.race.programs import numbers_of, rates
from torchlean_nb.shells.closure import class_of_method
from torchlean_nb.shells.optimizer import class_of
from torchlean_nb.surfaces import Surface

Step = Callable[[Any, Any, int], Any]
PAGED = 1 << 22  # bytes from which on NumPy asks for large pages
FAR = 1e6  # how many times the size of the picture a path may go


def limit_of(surface: Surface) -> float:
    """Farthest a coordinate may go."""
    return FAR * max(1.0, *map(abs, surface.domain))


def rooms(count: int, records: int, n: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Room for positions and losses of some contenders, of shapes (count, records, 2, n) and (count, records, n).

    It is one array, and not a small one where it is of some size: then it comes in large pages, which saves more time
    than most races take.
    """
    cut, item = count * records * 2 * n, np.dtype(dtype).itemsize
    size = cut // 2 * 3
    whole = np.empty(max(size, PAGED // item) if size * item > PAGED // 16 else size, dtype)
    return whole[:cut].reshape(count, records, 2, n), whole[cut:size].reshape(count, records, n)


class Paths:
    """What is recorded, and which paths have ended.

    Parameters
    ----------
    start : ndarray, shape (2, n)
    records : int
    limit : float
        Farthest a coordinate may go.
    room : tuple of ndarray, optional
        Where positions and losses are kept, of shapes (records, 2, n) and (records, n).
    """

    def __init__(self, start: np.ndarray, records: int, limit: float, room: tuple[np.ndarray, ...] | None = None):
        n = start.shape[1]
        self.positions, self.losses = room or [a[0] for a in rooms(1, records, n, start.dtype)]
        self.ended, self.count, self.limit = np.full(n, -1), 0, limit
        self.evaluations, self.compiling = np.full(n, -1), 0.0
        self._square = limit * limit
        self._dead = np.zeros(0, int)

    def record(self, p: np.ndarray, losses: np.ndarray) -> None:
        """Keep where all paths are."""
        self.positions[self.count], self.losses[self.count] = p, losses
        self.count += 1

    def kept(self, k: int, old: np.ndarray, new: np.ndarray) -> np.ndarray:
        """The new positions, those of paths that ended, or end with step k, as they were."""
        self.hold(old, new)
        flat = new.ravel()
        if not flat.dot(flat) < self._square:  # NaN is not smaller either
            out = ~(np.abs(new) <= self.limit).all(axis=0)
            new[:, out] = old[:, out]
            self.ended[out & (self.ended < 0)] = k
            self._dead = np.flatnonzero(self.ended >= 0)
        return new

    def hold(self, old: np.ndarray, new: np.ndarray) -> None:
        """Leave paths that have ended where they were."""
        if self._dead.size:
            new[:, self._dead] = old[:, self._dead]

    def close(self) -> None:
        """Nobody writes into the record any more."""
        for a in (self.positions, self.losses, self.losses.base, self.ended, self.evaluations):
            a.setflags(write=False)

    def put(self, cut: slice, part: Paths) -> None:
        """Take over what was recorded of some of the paths."""
        self.positions[..., cut], self.losses[..., cut] = part.positions, part.losses
        self.ended[cut], self.evaluations[cut] = part.ended, part.evaluations

    @property
    def over(self) -> bool:
        """Whether every path has ended."""
        return self._dead.size == self.ended.size


def by_the_rule(contender: Contender, dtype: Any, device: Device) -> Step:
    """Steps by the rule itself, hyperparameters broadcast over the paths."""
    rule, rate, xp, slots = contender.rule, rates(contender), device.xp, dict[str, Any]()
    given = numbers_of(contender, dtype)
    hypers = {k: device.put(v) if isinstance(v, np.ndarray) else v for k, v in given.items()}

    def step(p: Any, g: Any, k: int) -> Any:
        h = SimpleNamespace(**(hypers if contender.schedule is None else {**hypers, "lr": rate(k)}))
        if k == 0:
            slots.update(rule.start(p, h, xp))
        terms = rule.terms(g, p, slots, h, k + 1, xp)
        slots.update({name: terms[name] for name in slots})
        return (p + terms["delta"]).astype(dtype, copy=False)

    return step


def each_alone(contender: Contender, field: Field, surface: Surface, start: Any, asked: np.ndarray) -> Step:
    """Steps in which every path has an optimizer of its own; methods evaluate the surface for themselves.

    How often they do is counted in `asked`, shape (n,).
    """
    made = [facade(contender, i, start[:, i]) for i in range(start.shape[1])]
    rate, limit = rates(contender), limit_of(surface)
    asked[:] = 0

    def step(p: Any, g: Any, k: int) -> Any:
        new = p.copy()
        for i, opt in enumerate(made):
            if opt is None:
                continue
            if contender.schedule is not None:
                opt.param_groups[0]["lr"] = rate(k)
            try:
                asked[i] += _advance(opt, contender.rule, field, surface, p[:, i], g[:, i])
                new[:, i] = z = _place(opt)
                if not abs(z).max().item() <= limit:
                    made[i] = None
            except (TorchLeanError, ArithmeticError, np.linalg.LinAlgError):  # no step from here: the path ends
                new[:, i], made[i] = np.nan, None
        return new

    return step


def facade(contender: Contender, i: int, start: Any) -> Any:
    """The torch-shaped optimizer of one path; its parameter is called ``z``."""
    rule, options = contender.rule, contender.hypers_of(i)
    if odd := rule.needs - {"value", "gradient", "hessian", "curvature"}:
        raise CapabilityError(f"race: {rule.class_name} needs {', '.join(odd)}", "a surface has none")
    for name, parts in rule.tuples.items():
        options[name] = tuple(options.pop(part) for part in parts)
    kind = class_of_method(rule) if isinstance(rule, Method) else class_of(rule)
    return kind({"z": start.copy()}, **options)


def _place(opt: Any) -> Any:
    """Where its path is, on the device where it goes."""
    return opt.param_groups[0]["params"][0].array


def _advance(opt: Any, rule: Any, field: Field, surface: Surface, p: Any, g: Any) -> int:
    """One step of one optimizer; how many evaluations it took."""
    count = 0

    def known(z: Any, second: bool) -> tuple[Any, ...]:
        nonlocal count
        count += 1
        values, slopes = field(z.reshape(2, 1))
        found = (values.item(), [slopes.ravel()])
        return (*found, curvature(surface, z)) if second else found

    if isinstance(rule, Method):
        opt.step(lambda: known(_place(opt), "hessian" in rule.needs))
        return count
    value = known(p, False)[0] if "value" in rule.needs else None
    bent = [curvature(surface, p).diagonal().copy()] if "curvature" in rule.needs else None
    opt.step([g.copy()], value, bent)
    return 1


def curvature(surface: Surface, z: Any) -> Any:
    """Hessian at a point, shape (2, 2)."""
    if surface.hessian is None:
        return hessian(lambda t: surface(t[0], t[1]))(z)
    xx, xy, yy = surface.curvature(z)
    there = device_of(z)
    if there.lib is None:
        return np.array([[xx, xy], [xy, yy]], z.dtype)
    return there.np.stack([xx, xy, xy, yy]).reshape(2, 2)


def march(
    step: Step,
    field: Field,
    start: np.ndarray,
    paths: Paths,
    when: Sequence[int],
    noise: Callable[[tuple[int, ...]], np.ndarray] | None = None,
) -> Iterator[int]:
    """Make the steps, recording before those in `when`, the last of which is their number; yields each.

    When every path has ended, none moves any more, and the rest of the record says so.
    """
    p, due = start.copy(), set(when)
    for k in range(when[-1]):
        losses, g = field(p)
        if k in due:
            paths.record(p, losses)
        if paths.over:
            break
        if noise is not None:
            g += noise(g.shape)
        p = paths.kept(k, p, step(p, g, k))
        yield k
    losses, _ = field(p)
    while paths.count < len(paths.losses):
        paths.record(p, losses)
