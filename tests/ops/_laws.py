"""Laws of a row on one sample, without the engine: shape, JVP against differences, adjointness."""

import functools
import itertools

import numpy as np

from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.rows import OPS

MODULES = (
    "reduction", "linalg", "einsum", "shape", "indexing", "normalize", "loss", "classify", "conv", "pool",
    "attention", "random",
)
xp = numpy_namespace()


def rows():
    """Rows of the families tested here."""
    return [op for op in OPS.values() if op.__module__.removeprefix("torchlean_nb.ops.") in MODULES]


def cases():
    """Every row with every sample."""
    return [(op, sample) for op in rows() for sample in op.samples]


class Case:
    """A row applied to a sample, with its derivatives."""

    def __init__(self, op, sample, dtype=np.float64, integers=False, seed=0):
        self.op, self.attrs = op, {**op.attrs, **sample.attrs}
        self.args = [
            a.astype(dtype) if a.dtype.kind == "f" else a for a in sample.draw(op, seed=seed, integers=integers)
        ]
        for a in self.args:
            a.setflags(write=False)
        self.moving = [
            i for i, a in enumerate(self.args)
            if op.kind != "constant" and op.rule(i) is not None and a.dtype.kind == "f"
        ]
        self.y, self.saved = self.forward(*self.args)
        self.head = (self.y, self.saved) if op.residuals else (self.y,)

    def forward(self, *args):
        out = self.op.forward(xp, *args, **self.attrs)
        return out if self.op.residuals else (out, None)

    def value(self, *args):
        return self.forward(*args)[0]

    def vjp(self, i, g):
        extra = {"arg": i} if self.op.variadic else {}
        return self.op.rule(i)(xp, g, *self.head, *self.args, **self.attrs, **extra)

    def jvp(self, i, t):
        op = self.op
        if op.kind == "linear":
            whole = [
                t if j == i else a if op.rule(j) is None else np.zeros_like(a) for j, a in enumerate(self.args)
            ]
            return self.value(*whole)
        if op.kind == "multilinear":
            return self.value(*[t if j == i else a for j, a in enumerate(self.args)])
        return op.jvps[i](xp, t, *self.head, *self.args, **self.attrs)

    def difference(self, i, t, h=1e-6):
        """Central difference along t; for rows that are linear in the argument any h will do."""

        def at(step):
            return np.asarray(self.value(*[a + step * t if j == i else a for j, a in enumerate(self.args)]))

        return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)

    def draw(self, shape, seed):
        return np.random.default_rng([seed, len(shape)]).standard_normal(shape)

    def integers(self, shape, seed):
        return np.random.default_rng([seed, len(shape)]).integers(-5, 6, shape).astype(float)


def close(a, b, tol):
    """Largest difference, relative to the larger of 1 and the size of b."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= tol * np.maximum(1, np.abs(b).max(initial=0))))


by_id = functools.partial(map, lambda case: f"{case[0].name}-{case[1]}")
chain = itertools.chain.from_iterable
