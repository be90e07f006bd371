"""Programs to look at: small ones that have everything a view must show, and one whose names are hostile."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

import torchlean_nb as tl
from torchlean_nb.trace.program import PassTrace, ProgramTrace


def loss(W1, b1, W2, x, y):
    """A network of two layers."""
    return tl.cross_entropy(tl.tanh(x @ W1 + b1) @ W2, y)


@cache
def arguments():
    """Weights, a batch, and its classes."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(2, 3)), np.zeros(3), rng.normal(size=(3, 2)), rng.normal(size=(4, 2)),
            np.array([0, 1, 1, 0]))  # fmt: skip


@cache
def mlp():
    """The loss and its gradient, compiled."""
    return tl.compile(loss, *arguments(), argnums=(0, 1, 2)).value_and_grad


@cache
def trace():
    """One run of it."""
    return mlp().trace(title="MLP")


@cache
def line():
    """relu(a * x + b), three lines."""
    return tl.compile(lambda a, x, b: tl.relu(a * x + b), *[np.array([1.0, -2.0, 3.0])] * 3).trace(title="line")


def named(name: str) -> ProgramTrace:
    """A trace with one name wherever a name can be."""
    t = line()
    own = {"name": name, "attrs": name, "origin": name, "formula": name, "rule": name, "label": name}
    lines = tuple(replace(x, op=x.op if x.op in ("input", "const") else name, **own) for x in t.lines)
    lanes = tuple(replace(x, name=name) for x in t.lanes)
    passes = (PassTrace(name, name, 3, 2, ((" ", name), ("-", name), ("+", name))),)
    rows = t.source.split("\n")
    return ProgramTrace(lines, t.outputs, (name,), "\n".join([*rows[:-1], name.replace("\n", " ")]), lanes, passes,
                        {"title": name, "dtype": name})  # fmt: skip
