"""All parameters of a group in one flat array, stepped by a program: `fused=True`.

Two sets of arrays take turns: a step reads the one and writes the other, then one reference in the
store says which of them holds the parameters. So a step costs its passes over the data and nothing
per parameter, and whatever goes wrong inside it, the set that was valid still is. A set that someone
looks at (a tape, an array taken out earlier) is left to them and replaced.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import device_of, host
from torchlean_nb.backend.store import Lease
from torchlean_nb.shells.given import frozen
from torchlean_nb.shells.program import Program
from torchlean_nb.updates import UpdateRule

BLOCK = 1 << 16  # elements: what fits the cache together
LINE = 64  # bytes


class Arrays:
    """One of the two sets: parameters and stored slots, flat."""

    __slots__ = ("blocks", "bound", "held", "p", "root", "shown", "slots", "ticks", "turn")

    def __init__(self, turn: int, program: Program, empty: Callable[[], Any]):
        self.turn, self.p = turn, empty()
        self.slots = [empty() for _ in program.slots]
        self.root = self.p if self.p.base is None else self.p.base  # every view counts as one of its holders
        self.shown = frozen(self.p.view(), device_of(self.p))
        self.blocks: list[tuple[np.ndarray, ...]] = []
        self.bound: dict[Any, Any] = {}  # what others have cut from the sets, see `FlatGroup.bind`
        self.held = 0
        self.ticks = np.zeros(1, np.int64)  # steps made in place


# State of one group: which set is valid, its count of steps, the slots that are one number. A plain tuple, as one is
# made in every step; steps made in place are counted in the set itself, see `steps_of`.
Part = tuple[Arrays, int, tuple[float, ...]]


def steps_of(part: Part) -> int:
    """Number of steps a group has made."""
    return part[1] + int(part[0].ticks[0])


def aligned(size: int, dtype: np.dtype[Any]) -> np.ndarray:
    """An array that begins where a cache line does, for a few percent of speed."""
    raw = np.empty(size * dtype.itemsize + LINE, np.uint8)
    start = -raw.ctypes.data % LINE
    return raw[start : start + size * dtype.itemsize].view(dtype)


class FlatState:
    """State of all groups; what the leases in the store point to."""

    __slots__ = ("base", "parts")

    def __init__(self, parts: tuple[Part, ...], base: int):
        self.parts, self.base = parts, base

    @classmethod
    def at(cls, parts: tuple[Part, ...], steps: int) -> FlatState:
        """After so many steps of the optimizer, those made in place among them."""
        return cls(parts, steps - int(parts[0][0].ticks[0]))

    @property
    def steps(self) -> int:
        """Steps of the optimizer."""
        return self.base + int(self.parts[0][0].ticks[0])

    def flat(self, group: int) -> np.ndarray:
        """Parameters of a group, read-only."""
        return self.parts[group][0].shown


class FlatGroup:
    """Layout, program and arrays of one group.

    Parameters
    ----------
    rule : UpdateRule
    number : int
        Place among the groups.
    options : mapping
        The group of the optimizer; its ``lr`` may change from step to step.
    flat : mapping
        Its hyperparameters, checked.
    owner : object
        Key of the state in the store.
    native : bool
        Let numba make one loop of the passes.
    in_place : bool
        Where nobody looks at the arrays, write over them: a compiled loop cannot be interrupted.
    """

    def __init__(
        self, rule: UpdateRule, number: int, options: Mapping[str, Any], flat: Any, owner: Any, native: bool,
        in_place: bool = False,
    ):  # fmt: skip
        cells = options["params"]
        arrays = [p.array for p in cells]
        self.device, dtype = device_of(arrays[0]), np.result_type(*(a.dtype for a in arrays))
        self.program = Program.best(rule, flat, dtype, options["maximize"])
        self.seen, self.lr, self.rule, self.hypers = dict(options), flat.get("lr", 0.0), rule, SimpleNamespace(**flat)
        ends = np.cumsum([0, *(a.size for a in arrays)]).tolist()
        self.size = ends[-1]
        self.leases = {
            p.__tl_cell__[1]: Lease(owner, number, a, b, now.shape)
            for p, now, a, b in zip(cells, arrays, ends, ends[1:], strict=False)
        }
        self.grad = self._empty()
        self.grad[:] = 0
        self.grads = [self.grad[x.start : x.stop].reshape(x.shape) for x in self.leases.values()]
        self.native = native
        self._plan(ends, native, in_place)
        self.sets = [Arrays(turn, self.program, self._empty) for turn in (0, 1)]
        self.result = self.program.names.index("new_p")
        self._bind(0, 1)

    def _empty(self) -> Any:
        return aligned(self.size, self.program.dtype)

    def _plan(self, ends: list[int], native: bool, in_place: bool) -> None:
        """How to go through the arrays: by a loop, or block by block."""
        cells = len(ends) - 1
        self.run: Any = self.program.native() if native else self.program.run
        self.over = self.program.native(in_place=True) if in_place and not self.program.numbers else None
        width = self.size if native else min(self.size, BLOCK)
        sections = self._sections(ends) if self.over is None else [(0, self.size, 0, cells)]
        self.cuts = [slice(a, min(a + width, z)) for y, z, _, _ in sections for a in range(y, z, max(width, 1))]
        self.sections = [(self.grad[a:z], first, end, -(-(z - a) // max(width, 1))) for a, z, first, end in sections]
        self.width = width
        self.scratch = [aligned(0 if native else width, np.dtype(t)) for t in self.program.temporaries.values()]

    @staticmethod
    def _sections(ends: list[int]) -> list[tuple[int, int, int, int]]:
        """Neighbours that are small and each that is large: where they lie, and which parameters they are."""
        found: list[tuple[int, int, int, int]] = []
        for k, (a, z) in enumerate(pairwise(ends)):
            if z - a < BLOCK and found and found[-1][1] - ends[found[-1][3] - 1] < BLOCK:
                found[-1] = (found[-1][0], z, found[-1][2], k + 1)
            else:
                found.append((a, z, k, k + 1))
        return found

    def gather(self, grads: list[np.ndarray]) -> list[np.ndarray]:
        """What each block reads as its gradients: small ones side by side, a large one where it lies."""
        found: list[np.ndarray] = []
        for whole, first, end, blocks in self.sections:
            if end == first + 1 and whole.size >= BLOCK and self.over is None:
                whole = grads[first].ravel()
            else:
                np.concatenate([g.ravel() for g in grads[first:end]], out=whole)
            found += [whole] if blocks == 1 else [whole[i * self.width : (i + 1) * self.width] for i in range(blocks)]
        return found

    def _bind(self, *fresh: int) -> None:
        """Cut inputs and outputs of both directions into blocks, and count who holds sets nobody else can hold yet."""
        self._cut()
        for turn in fresh:
            self.sets[turn].held = sys.getrefcount(self.sets[turn].root)

    def _cut(self) -> None:
        for a, b in (self.sets, self.sets[::-1]):
            whole = (self.grad, a.p, *a.slots, *b.slots, b.p)
            a.blocks = [
                (*(x[cut] for x in whole), *(x[: cut.stop - cut.start] for x in self.scratch)) for cut in self.cuts
            ]

    @property
    def kept(self) -> set[str]:
        """Names of what the program needs from the step before."""
        return {*self.program.slots, *self.program.numbers}

    def fill(
        self, values: list[np.ndarray], slots: list[Mapping[str, np.ndarray]], count: int, scaled: bool = False
    ) -> Part:
        """Put parameters and slots into the first set; slots may be scaled as they are stored already."""
        if sys.getrefcount(self.sets[0].root) != self.sets[0].held:
            self._replace(0)
        arrays, program = self.sets[0], self.program
        self.device.np.concatenate([v.ravel() for v in values], out=arrays.p)
        for k, a in zip(program.slots, arrays.slots, strict=True):
            self.device.np.concatenate([s[k].ravel() for s in slots], out=a)
            if not scaled:
                a /= program.factors[k]
        return arrays, count - int(arrays.ticks[0]), tuple(float(host(slots[0][k])) for k in program.numbers)

    def _replace(self, turn: int) -> None:
        """New arrays for a set that others look at."""
        for key in [*self.sets[turn].bound]:
            self.forget(key)
        self.sets[turn] = Arrays(turn, self.program, self._empty)
        self._bind(turn)

    def bind(self, key: Any, make: Callable[[Arrays, Arrays], Any]) -> None:
        """Keep ``make(here, there)`` for both directions; the views it cuts count among the sets' own holders."""
        before = [sys.getrefcount(s.root) for s in self.sets]
        for here, there in (self.sets, self.sets[::-1]):
            here.bound[key] = make(here, there)
        for s, n in zip(self.sets, before, strict=True):
            s.held += sys.getrefcount(s.root) - n

    def forget(self, key: Any) -> None:
        """Let go of what was bound."""
        before = [sys.getrefcount(s.root) for s in self.sets]
        for s in self.sets:
            s.bound.pop(key, None)
        for s, n in zip(self.sets, before, strict=True):
            s.held += sys.getrefcount(s.root) - n

    def unfold(self, part: Part) -> tuple[list[np.ndarray], list[dict[str, np.ndarray]]]:
        """Copies of parameters and stored slots, one by one."""
        whole = dict(zip(self.program.slots, part[0].slots, strict=True))
        put, dtype = self.device.put, self.program.dtype
        number = {k: put(np.asarray(v, dtype)) for k, v in zip(self.program.numbers, part[2], strict=True)}
        cut = [(slice(x.start, x.stop), x.shape) for x in self.leases.values()]
        values = [part[0].p[at].reshape(shape).copy() for at, shape in cut]
        return values, [{k: a[at].reshape(shape).copy() for k, a in whole.items()} | number for at, shape in cut]

    def spare(self, now: Arrays) -> Arrays:
        """The set that is not valid, to be written; a new one where others look at it."""
        turn = 1 - now.turn
        if sys.getrefcount(self.sets[turn].root) != self.sets[turn].held:
            self._replace(turn)  # no name for the old set here: its blocks would count as holders of the other
        return self.sets[turn]

    def advance(self, part: Part, check: bool, grads: list[np.ndarray] | None = None) -> Part | None:
        """The next state; None when the numbers of this step need the rule itself.

        Parameters
        ----------
        grads : list of array, optional
            What `gather` found; else the flat gradients.

        Raises
        ------
        FloatingPointError
            For a non-finite result, if that is to be checked.
        """
        old, base, numbers = part
        count = base + 1 if self.over is None else steps_of(part) + 1
        numbers = self.program.prepare(count, self.lr, numbers)
        if numbers is None:
            return None
        if self.over is not None and sys.getrefcount(old.root) == old.held:
            self.over(old.ticks, self.grad, old.p, *old.slots)
            return part
        new, run = self.spare(old), self.run
        for k, block in enumerate(old.blocks):
            fine = run(*block) if grads is None else run(grads[k], *block[1:])
            if check:
                # One pass instead of two; the sum of squares may overflow, then every element is looked at.
                p = block[self.result]
                total = 0.0 if fine else p.dot(p)
                if total - total != 0 and not np.isfinite(p).all():
                    raise FloatingPointError
        return new, count - int(new.ticks[0]) if self.over else count, numbers
