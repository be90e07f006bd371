"""A sweep written down: from the tape to a `GraphTrace`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from torchlean_nb import tex
from torchlean_nb.backend.devices import host
from torchlean_nb.engine.backward import check_seed
from torchlean_nb.engine.data import check_name, freeze
from torchlean_nb.engine.opening import opened
from torchlean_nb.engine.param import Param
from torchlean_nb.engine.reverse import Plain, between, given, pull, sweep
from torchlean_nb.engine.tensor import Ref
from torchlean_nb.trace.graph import Edge, GraphTrace, TraceNode


def ancestors(tape: Any, out: int) -> list[int]:
    """Nodes that `out` depends on, and itself, in order."""
    keep, todo = {out}, [out]
    while todo:
        for p in tape.records[todo.pop()][1]:
            if p >= 0 and p not in keep:
                keep.add(p)
                todo.append(p)
    return sorted(keep)


def trace(
    session: Any, out: int, seed: Any, names: Mapping[str, Any], title: str, inside: Collection[int] | None = ()
) -> GraphTrace:
    """Forward values and the backward sweep of one output, with the composites in `inside` opened (None: all)."""
    tape = session.tape
    called, ids, hidden = _called(tape, names, out), ancestors(tape, out), len(tape)
    if inside is None or inside:
        tape, moved = opened(tape, ids, inside)
        called, out = {moved[i]: name for i, name in called.items() if i in moved}, moved[out]
        hidden += len(tape) - len(ids)
        ids = ancestors(tape, out)
    needs = tape.needs[out]
    y = tape.values[out]
    seed = check_seed(tape, out, seed) if needs or seed is not None else tape.xp.ones(shape=y.shape, like=y)
    edges: list[Edge] = []
    writer = _Writer(tape)
    reached: dict[int, Any] = {}
    if needs:
        reached = sweep(writer.at, out, seed, on_edge=lambda *e: edges.append(writer.edge(*e)))
    nodes = tuple(writer.node(i, called.get(i), reached.get(i)) for i in ids)
    meta = {
        "title": title, "backend": session.backend, "dtype": session.dtype, "device": session.device,
        "hidden": hidden - len(ids),
    }
    return GraphTrace(nodes, tuple(edges), out, freeze(np.array(host(seed))), meta)


def paths(
    session: Any, out: int, target: int, cap: int
) -> tuple[list[tuple[tuple[int, ...], np.ndarray]], bool]:
    """What each path from `out` brings to `target`, at most `cap` of them, and whether that is all."""
    tape, at = session.tape, Plain(session.tape)
    on = between(tape, out, [target])
    found: list[tuple[tuple[int, ...], np.ndarray]] = []
    todo = [((out,), check_seed(tape, out, None))]
    while todo and len(found) < cap:
        path, g = todo.pop()
        i = path[-1]
        if i == target:
            found.append((path, freeze(np.array(host(g)))))
            continue
        op, parents, _, _ = tape.records[i]
        for k in reversed(range(len(parents))):
            p = parents[k]
            if p >= 0 and on[p] and tape.needs[p] and not isinstance(op, str) and op.rule(k) is not None:
                todo.append(((*path, p), pull(at, i, k, g)[0]))
    return found, not todo


def _called(tape: Any, names: Mapping[str, Any], out: int) -> dict[int, str]:
    """Names of nodes: those given by the user, then the variables that hold them."""
    found: dict[int, str] = {}
    for name, value in names.items():
        if name.startswith("_"):
            continue
        if isinstance(value, Param):
            i = tape.leaf_of(value, out)
        else:
            i = value.id if isinstance(value, Ref) and value.tape is tape else None
        if i is not None and i not in found:
            found[i] = check_name(name)
    return found | tape.names


class _Writer:
    """Writes nodes and edges down; what they share, with their like and with their neighbours, is made once."""

    def __init__(self, tape: Any):
        self.tape, self.at = tape, Plain(tape)
        self.child = -1
        self.made: dict[Any, str] = {}

    def node(self, i: int, name: str | None, grad: Any) -> TraceNode:
        tape = self.tape
        op, parents, attrs, _ = tape.records[i]
        leaf, present = isinstance(op, str), [p >= 0 for p in parents]
        return TraceNode(
            id=i, op=op if leaf else op.name, role=("input" if op == "nat" else op) if leaf else "op",
            parents=parents if -1 not in parents else tuple(p for p in parents if p >= 0),
            attrs=_data(attrs) if attrs else {}, name=name, scope=tape.scopes.get(i, ""),
            requires_grad=tape.needs[i], value=host(tape.values[i]),
            grad=None if grad is None else freeze(np.asarray(host(grad))),
            latex="" if leaf else self._latex(op, None, present, _signature(present), attrs),
        )

    def edge(self, child: int, k: int, parent: int, c: Any, summed: tuple[int, ...]) -> Edge:
        if child != self.child:
            self._turn_to(child)
        op, present, attrs = self.op, self.present, self.attrs
        local = None
        if op.kind == "elementwise":
            local = op.partials[k](self.at.xp, self.ones, *self.rest, **attrs)
            local = host(local)
            local = local if local.shape == self.ones.shape else np.broadcast_to(local, self.ones.shape)
            local = freeze(np.array(local, dtype=self.ones.dtype))
        return Edge(
            child=child, parent=parent, arg=k if self.signature.__class__ is int else sum(present[:k]),
            contribution=freeze(np.asarray(host(c))), local=local, summed=tuple(summed),
            latex=self._latex(op, k, present, self.signature, attrs),
            terms=op.terms[min(k, len(op.terms) - 1)] if op.terms else None,
        )

    def _turn_to(self, child: int) -> None:
        """What the edges of one node have in common; they come one after the other."""
        self.child, (self.op, parents, self.attrs, _) = child, self.tape.records[child]
        self.present = [p >= 0 for p in parents]
        self.signature = _signature(self.present)
        if self.op.kind == "elementwise":
            self.rest, self.ones = given(self.at, child)[0], self._ones(self.at.value(child))

    def _ones(self, y: Any) -> Any:
        return self.at.xp.ones(shape=y.shape, like=y)

    def _latex(self, op: Any, k: int | None, present: list[bool], signature: Any, attrs: Mapping[str, Any]) -> str:
        """Formula of a value, or of what argument `k` receives."""
        said = _attr_tex(attrs) if attrs else {}
        which = k if k is None else min(k, len(op.dlatex) - 1)  # arguments without end share the last template
        key = op, which, signature, tuple(said.items())
        if key not in self.made:
            found = op.value_latex(present) if k is None else op.contribution_latex(k, present)
            self.made[key] = tex.fill(found, said)
        return self.made[key]


def _signature(present: list[bool]) -> int | tuple[bool, ...]:
    """How many arguments there are, or which."""
    return len(present) if all(present) else tuple(present)


def _attr_tex(attrs: Mapping[str, Any]) -> dict[str, str]:
    return {
        k: tex.number(v) if isinstance(v, int | float) and not isinstance(v, bool) else tex.escape(str(v))
        for k, v in attrs.items()
    }


def _data(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as the data a trace keeps."""
    return {k: v if isinstance(v, int | float | str | bool | tuple | slice | type(None) | type(...)) else str(v)
            for k, v in attrs.items()}
