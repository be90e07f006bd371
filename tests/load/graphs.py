"""Graphs too large to look at whole, one kind for each way of being large."""

from __future__ import annotations

from collections.abc import Callable

import torchlean_nb as tl

Built = tuple[tl.Session, tl.Tensor]


def chain(nodes: int) -> Built:
    """One op after another."""
    s = tl.Session()
    y = s.param(0.5, name="x")
    for _ in range(nodes - 1):
        y = y.tanh()
    return s, y


def wide(nodes: int) -> Built:
    """Very many nodes side by side, then a sum in pairs."""
    s = tl.Session()
    x = s.param(0.5, name="x")
    row = [x * (1.0 + 1.0 / (1 + k)) for k in range(nodes // 3)]
    while len(row) > 1:
        row = [a + b for a, b in zip(row[::2], row[1::2], strict=False)] + row[len(row) & ~1 :]
    return s, row[0]


def dense(nodes: int) -> Built:
    """Skip connections: every node takes the last eight, with signs and ops that do not repeat."""
    s = tl.Session()
    last = [s.param(0.1 * k, name=f"p{k}") for k in range(8)]
    ops, k, seen = ("tanh", "sigmoid", "sin", "softplus", "cos"), 12345, 8
    while seen < nodes:
        k = (1103515245 * k + 12345) % 2**31
        y = tl.stack(last) if (k >> 16) % 5 == 0 else (last[-1] - last[(k >> 8) % 8])
        y = getattr(y.mean() if y.ndim else y, ops[(k >> 16) % 5])()
        last = [*last[1:], y]
        seen = len(s.tape)
    return s, last[-1]


def blocks(nodes: int) -> Built:
    """The same few layers again and again, each in a scope of its own."""
    s = tl.Session()
    w, h, k = s.param([[0.2, -0.1], [0.1, 0.3]], name="w"), s.input([[0.5, -0.5]], name="x"), 0
    while len(s.tape) < nodes - 2:
        with s.scope(f"block_{k}"):
            h = h + (h @ w).tanh() * 0.5
        k += 1
    return s, h.sum()


def hub(nodes: int) -> Built:
    """One node used thousands of times, by ops with very many arguments."""
    s = tl.Session()
    x, parts = s.param(0.5, name="x"), []
    uses = [x * float(k) if k % 2 else x.sin() for k in range(nodes * 2 // 3)]
    while uses:
        parts.append(tl.stack(uses[:5000]).sum())
        del uses[:5000]
    return s, tl.stack(parts).sum()


KINDS: dict[str, Callable[[int], Built]] = {f.__name__: f for f in (chain, wide, dense, blocks, hub)}
