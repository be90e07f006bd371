"""Hypothesis strategies: broadcastable shapes, small integers, and random computations as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

import torchlean_nb as tl

SIDES = st.sampled_from((2, 3, 1, 0))
UNARY = ("neg", "abs", "square", "relu", "tanh", "sigmoid", "softplus", "identity")
BINARY = ("add", "sub", "mul", "maximum", "minimum")
REDUCTIONS = ("sum", "cumsum", "transpose", "flatten", "flip")


@st.composite
def broadcastable(draw: Any, count: int = 2, min_dims: int = 0, max_dims: int = 3) -> tuple[tuple[int, ...], ...]:
    """Shapes that broadcast together, sides 0 to 3, leading axes missing here and there."""
    full = draw(st.lists(SIDES, min_size=min_dims, max_size=max_dims))
    shapes = []
    for _ in range(count):
        shape = [draw(st.sampled_from((n, n, n, 1))) for n in full]
        shapes.append(tuple(shape[draw(st.sampled_from((0, 0, 0, 1, len(full)))) :]))
    return tuple(shapes)


def integers(shape: tuple[int, ...]) -> st.SearchStrategy[np.ndarray]:
    """Integers between -3 and 3 as floats: sums and products of them are exact."""
    size = int(np.prod(shape, dtype=int))
    return st.lists(st.integers(-3, 3), min_size=size, max_size=size).map(
        lambda v: np.array(v, dtype=np.float64).reshape(shape)
    )


@dataclass(frozen=True)
class Program:
    """A random computation: inputs, and steps ``(op, operands)`` that name earlier values by number."""

    inputs: tuple[np.ndarray, ...]
    steps: tuple[tuple[str, tuple[int, ...]], ...]

    def __call__(self, *args: Any) -> Any:
        """Run on Tensors, every value used at least once, ending in one number."""
        values = list(args)
        for name, operands in self.steps:
            values.append(tl.ops[name](*[values[i] for i in operands]))
        used = {i for _, operands in self.steps for i in operands}
        total = None
        for i, v in enumerate(values):
            if i not in used or i == len(values) - 1:
                part = tl.sum(v)
                total = part if total is None else total + part
        return total

    def __repr__(self) -> str:
        shapes = ", ".join(str(a.shape) for a in self.inputs)
        return f"Program({shapes}; {'; '.join(f'{n}{o}' for n, o in self.steps)})"


@st.composite
def programs(draw: Any, unary: tuple[str, ...] = UNARY, max_steps: int = 8) -> Program:
    """Directed acyclic graphs of elementwise and linear ops."""
    inputs = tuple(draw(integers(s)) for s in draw(broadcastable(draw(st.sampled_from((2, 3))), 2, 2)))
    values: list[Any] = list(inputs)
    steps = []
    for _ in range(draw(st.integers(3, max_steps))):
        name = draw(st.sampled_from(unary + BINARY * 2 + REDUCTIONS + ("matmul",)))
        a = draw(st.integers(0, len(values) - 1))
        operands = (a,)
        if name in BINARY or name == "matmul":
            partners = [i for i, v in enumerate(values) if _fits(name, values[a], v)]
            if not partners:
                continue
            operands = (a, draw(st.sampled_from(partners)))
        with np.errstate(all="ignore"):
            values.append(np.asarray(tl.ops[name](*[values[i] for i in operands])))
        steps.append((name, operands))
    return Program(inputs, tuple(steps))


def _fits(name: str, a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two values can be operands of one step, and the result stays small."""
    if name == "matmul":
        return a.ndim == b.ndim == 2 and a.shape[1] == b.shape[0]
    try:
        return np.broadcast_shapes(a.shape, b.shape) is not None
    except ValueError:
        return False
