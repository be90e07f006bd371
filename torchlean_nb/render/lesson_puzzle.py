"""A product of two matrices as a guess at a gradient: verdict, ledger of one entry, text and picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchlean_nb.render.numbers import fmt, shape
from torchlean_nb.render.routes import num
from torchlean_nb.render.stills import PAD, WIDTH, still, words

GOALS = {"dW": "W", "dX": "X"}
FACTORS = ("X", "W", "G")
_CELL, _LINE = (40.0, 20.0), 16
_HUES = {"X": "hn", "W": "hv", "G": "hg"}
_AXES = {"X": ("sample", "input"), "W": ("input", "output"), "G": ("sample", "output")}


@dataclass(frozen=True, eq=False)
class Guess:
    """Two factors, each turned over or not, and the gradient they are to give.

    Parameters
    ----------
    arrays : mapping of "X", "W", "G" to ndarray
    targets : mapping of "dW", "dX" to ndarray
    goal, left, right : str
    over : (bool, bool)
        Which factors are transposed.
    entry : (int, int)
        Entry of the product that is taken apart.
    """

    arrays: Mapping[str, np.ndarray]
    targets: Mapping[str, np.ndarray]
    goal: str
    left: str
    right: str
    over: tuple[bool, bool]
    entry: tuple[int, int]

    @classmethod
    def read(cls, arrays: Mapping[str, np.ndarray], targets: Mapping[str, np.ndarray], state: Mapping[str, Any],
             start: Mapping[str, str]) -> Guess:  # fmt: skip
        """Guess of a state, which may be anybody's."""
        pick = {side: state.get(side) if state.get(side) in FACTORS else start[side] for side in ("left", "right")}
        goal = state.get("goal") if state.get("goal") in tuple(GOALS) else "dW"
        made = cls(arrays, targets, goal, **pick, over=(bool(state.get("leftT")), bool(state.get("rightT"))),
                   entry=(0, 0))  # fmt: skip
        found, entry = made.product, state.get("entry")
        good = (
            found is not None and isinstance(entry, list | tuple) and len(entry) == 2
            and all(isinstance(i, int) and 0 <= i < n for i, n in zip(entry, found.shape, strict=True))
        )  # fmt: skip
        return cls(arrays, targets, goal, **pick, over=made.over, entry=tuple(entry)) if good else made

    @property
    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        """Both factors as they are multiplied."""
        a, b = self.arrays[self.left], self.arrays[self.right]
        return (a.T if self.over[0] else a), (b.T if self.over[1] else b)

    @property
    def names(self) -> tuple[str, str]:
        """``("Xᵀ", "G")``."""
        return self.left + "ᵀ" * self.over[0], self.right + "ᵀ" * self.over[1]

    @property
    def product(self) -> np.ndarray | None:
        """The product, where there is one."""
        a, b = self.factors
        return a @ b if a.shape[1] == b.shape[0] else None

    @property
    def right_one(self) -> bool:
        """Whether the product is the gradient."""
        found, goal = self.product, self.targets[self.goal]
        near = 1e-9 * (np.abs(goal).max() or 1.0)  # of the largest entry: what cancels to zero leaves a rounding error
        return found is not None and found.shape == goal.shape and np.allclose(found, goal, rtol=0, atol=near)

    def rows(self) -> list[tuple[float, float, float, float]]:
        """Of the chosen entry: left, right, what it adds, running total."""
        if self.product is None:
            return []
        (a, b), (i, j), total, out = self.factors, self.entry, 0.0, []
        for x, y in zip(a[i], b[:, j], strict=True):
            total += float(x * y)
            out.append((float(x), float(y), float(x * y), total))
        return out

    @property
    def runs_over(self) -> str:
        """What the addends are: samples, inputs or outputs."""
        a, b = _AXES[self.left][not self.over[0]], _AXES[self.right][self.over[1]]
        return a if a == b else "k"

    def says(self) -> str:
        """The verdict in a sentence."""
        a, b = self.factors
        found, own, goal = self.product, GOALS[self.goal], self.targets[self.goal]
        if found is None:
            return f"The inner numbers differ: {a.shape[1]} against {b.shape[0]}. There is no such product."
        if found.shape != goal.shape:
            return f"There is such a product, but it is {shape(found.shape)}, and {own} is {shape(goal.shape)}."
        if self.right_one:
            return f"This is it: {self.goal} = {' '.join(self.names)}, entry by entry."
        return f"The shape is that of {own}. The numbers are not those of the gradient."


def puzzle_text(g: Guess) -> str:
    """The guess, the verdict, and the ledger of the chosen entry."""
    a, b = g.factors
    lines = [f"{g.goal}? {g.names[0]} ({shape(a.shape)}) times {g.names[1]} ({shape(b.shape)}). {g.says()}"]
    if g.product is None:
        return lines[0]
    i, j = g.entry
    lines.append(f"entry [{i}, {j}]: row {i} of {g.names[0]}, column {j} of {g.names[1]}")
    lines.append(f"{g.runs_over:8}{'left':>9}{'right':>9}{'adds':>9}{'total':>9}")
    for k, row in enumerate(g.rows()):
        lines.append(f"{k:<8}" + "".join(f"{fmt(v, 4):>9}" for v in row))
    goal = g.targets[g.goal]
    if g.product.shape == goal.shape:
        lines.append(f"nudging {GOALS[g.goal]}[{i}, {j}] says {fmt(goal[i, j], 4)}")
    return "\n".join(lines)


def puzzle_svg(g: Guess) -> str:
    """Factors and product side by side, the verdict, the ledger of the chosen entry."""
    (a, b), found, (i, j) = g.factors, g.product, g.entry
    body = [words(PAD, 22, f"{g.goal}: {' '.join(g.names)}", "b"), words(PAD, 40, g.says(), "s")]
    x, low = float(PAD), 0.0
    for array, name, hue, used in (
        (a, g.names[0], _HUES[g.left], lambda r, c: found is not None and r == i),
        (b, g.names[1], _HUES[g.right], lambda r, c: found is not None and c == j),
        (found, "product", "hg", lambda r, c: (r, c) == (i, j)),
    ):
        if array is not None:
            low = max(low, _grid(body, array, f"{name}  {shape(array.shape)}", hue, x, 62, used))
            x += array.shape[1] * _CELL[0] + 26
    y = low + 18
    for k, (left, right, adds, total) in enumerate(g.rows()):
        said = f"{g.runs_over} {k}:  {fmt(left, 4)} · {fmt(right, 4)}"
        body += [words(PAD, y, said), words(220, y, fmt(adds, 4, plus=True), "g e"), words(300, y, fmt(total, 4), "e")]
        y += _LINE
    return still(WIDTH, y + PAD, f"{g.goal}? {g.says()}", body)


def _grid(
    body: list[str], array: np.ndarray, title: str, hue: str, x: float, y: float, used: Any
) -> float:
    """Numbers in cells, the used ones framed; returns where they end."""
    body.append(words(x, y, title, "s"))
    top, (wide, tall), y = float(np.abs(array).max(initial=0.0)) or 1.0, _CELL, y + 8
    framed = []
    for r, line in enumerate(array):
        for c, v in enumerate(line):
            box = f'x="{num(x + c * wide)}" y="{num(y + r * tall)}" width="{num(wide - 1)}" height="{num(tall - 1)}"'
            body.append(f'<rect class="{hue}" fill-opacity="{0.08 + 0.5 * abs(float(v)) / top:.2f}" {box}/>')
            if used(r, c):
                framed.append(f'<rect fill="none" stroke="#7d868f" stroke-width="1.5" {box}/>')
            body.append(words(x + (c + 1) * wide - 5, y + r * tall + 13.5, fmt(v, 3), "e"))
    body += framed
    return y + len(array) * tall


def read_arrays(arrays: Mapping[str, Sequence[Any]]) -> dict[str, np.ndarray]:
    """Arrays as floats."""
    return {name: np.array(getattr(a, "value", a), dtype=np.float64) for name, a in arrays.items()}
