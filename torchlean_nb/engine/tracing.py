"""A sweep written down: from the tape to a `GraphTrace`.

Of a large graph nodes and edges are written down when somebody looks at them, from what the tape held; a drawing
looks at few of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from torchlean_nb import tex
from torchlean_nb.backend.devices import host
from torchlean_nb.engine.backward import check_seed
from torchlean_nb.engine.data import check_name, freeze
from torchlean_nb.engine.lone import Arrays, Records, Values, kept, shape_of
from torchlean_nb.engine.opening import opened
from torchlean_nb.engine.param import Param
from torchlean_nb.engine.reverse import Plain, between, given, pull, sweep
from torchlean_nb.engine.tape import Tape
from torchlean_nb.engine.tensor import Ref
from torchlean_nb.trace.graph import Edge, GraphTrace, TraceNode
from torchlean_nb.trace.outline import Edges, Later, Nodes

WHOLE = 600  # nodes that are written down at once


def ancestors(tape: Any, out: int) -> list[int]:
    """Nodes that `out` depends on, and itself, in order."""
    records, on = _held(tape.records, out), [False] * out + [True]
    for i in range(out, -1, -1):
        if on[i]:
            for p in _parents(records[i]):
                if p >= 0:
                    on[p] = True
    return [i for i, wanted in enumerate(on) if wanted]


def _held(items: Any, out: int) -> list[Any]:
    """Values or records of a tape up to a node; lone numbers stay what they are."""
    return kept(items, slice(out + 1)) if isinstance(items, Arrays) else [items[i] for i in range(out + 1)]


def _parents(record: Sequence[Any]) -> Sequence[int]:
    """Parents in a record, be it that of a lone number."""
    return record[1] if len(record) == 4 else record[1:]


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
    writer, edges = _Writer(_Kept(tape, out, called)), []
    if len(ids) > WHOLE and tape.xp.device is None:  # nobody waits for a device later
        writer.grads = sweep(Plain(tape), out, seed) if needs else {}
        nodes, edges = _Nodes(writer, ids), _Edges(writer, ids)
    else:
        if needs:
            writer.grads = sweep(writer, out, seed, on_edge=lambda *e: edges.append(writer.edge(*e)))
        nodes, edges = tuple(map(writer.node, ids)), tuple(edges)
    meta = {
        "title": title, "backend": session.backend, "dtype": session.dtype, "device": session.device,
        "hidden": hidden - len(ids),
    }
    return GraphTrace(nodes, edges, out, freeze(np.array(host(seed))), meta)


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


class _Kept:
    """What a tape holds of the nodes up to one of them, however it goes on."""

    describe = Tape.describe

    def __init__(self, tape: Any, out: int, names: dict[int, str]):
        self.xp, self.needs, self.names, self.scopes = tape.xp, tape.needs[: out + 1], names, dict(tape.scopes)
        self.records, self.values = Records(_held(tape.records, out)), Values(_held(tape.values, out))


class _Writer(Plain):
    """Writes nodes and edges down; what they share, with their like and with their neighbours, is made once."""

    def __init__(self, tape: _Kept):
        super().__init__(tape)
        self.grads: dict[int, Any] = {}
        self.last: tuple[int, Any] = (-1, None)
        self.made: dict[Any, str] = {}

    def node(self, i: int) -> TraceNode:
        """Node `i` of the tape."""
        tape, grad = self.tape, self.grads.get(i)
        op, parents, attrs, _ = tape.records[i]
        leaf, present = isinstance(op, str), [p >= 0 for p in parents]
        return TraceNode(
            id=i, op=op if leaf else op.name, role=_role(op),
            parents=parents if -1 not in parents else tuple(p for p in parents if p >= 0),
            attrs=_data(attrs) if attrs else {}, name=tape.names.get(i), scope=tape.scopes.get(i, ""),
            requires_grad=tape.needs[i], value=host(tape.values[i]),
            grad=None if grad is None else freeze(np.asarray(host(grad))),
            latex="" if leaf else self._latex(op, None, present, _signature(present), attrs),
        )

    def edge(self, child: int, k: int, parent: int, c: Any, summed: tuple[int, ...]) -> Edge:
        """What `child` hands back to its argument `k`, which is `c`."""
        op, _, attrs, _ = self.tape.records[child]
        (rest, _), present, signature = self.shared(child)
        local = None
        if op.kind == "elementwise":
            ones = self._ones(self.value(child))
            local = host(op.partials[k](self.xp, ones, *rest, **attrs))
            local = local if local.shape == ones.shape else np.broadcast_to(local, ones.shape)
            local = freeze(np.array(local, dtype=ones.dtype))
        return Edge(
            child=child, parent=parent, arg=k if signature.__class__ is int else sum(present[:k]),
            contribution=freeze(np.asarray(host(c))), local=local, summed=tuple(summed),
            latex=self._latex(op, k, present, signature, attrs),
            terms=op.terms[min(k, len(op.terms) - 1)] if op.terms else None,
        )

    def sent(self, child: int, k: int) -> tuple[Any, tuple[int, ...]]:
        """What `child` hands back to its argument `k`, and the axes that were summed for it."""
        with np.errstate(all="ignore"):
            return pull(self, child, k, self.grads[child], self.shared(child)[0])

    def shared(self, child: int) -> tuple[Any, list[bool], Any]:
        """What the edges of one node have in common; they come one after the other."""
        last = self.last
        if last[0] != child:
            present = [p >= 0 for p in self.tape.records[child][1]]
            last = self.last = child, (given(self, child), present, _signature(present))
        return last[1]

    def _ones(self, y: Any) -> Any:
        return self.xp.ones(shape=y.shape, like=y)

    def _latex(self, op: Any, k: int | None, present: list[bool], signature: Any, attrs: Mapping[str, Any]) -> str:
        """Formula of a value, or of what argument `k` receives."""
        said = _attr_tex(attrs) if attrs else {}
        which = k if k is None else min(k, len(op.dlatex) - 1)  # arguments without end share the last template
        key = op, which, signature, tuple(said.items())
        if key not in self.made:
            found = op.value_latex(present) if k is None else op.contribution_latex(k, present)
            self.made[key] = tex.fill(found, said)
        return self.made[key]


class _Nodes(Later):
    """Nodes of a large graph."""

    def __init__(self, writer: _Writer, ids: list[int]):
        super().__init__(len(ids))
        self.writer, self.ids = writer, ids

    def make(self, i: int) -> TraceNode:
        return self.writer.node(self.ids[i])

    @cached_property
    def columns(self) -> Nodes:
        tape, grads, ids, place = self.writer.tape, self.writer.grads, self.ids, _places(self.ids)
        kinds, users, used, known = [], [], [], {}
        for n, i in enumerate(ids):
            record = kept(tape.records, i)
            parents, op = [p for p in _parents(record) if p >= 0], record[0]
            lone = len(record) < 4
            name, role = (op, "op") if lone else (getattr(op, "name", op), _role(op))
            kind = name, role, shape_of(tape.values, i)[0], len(parents)
            kinds.append(known.setdefault(kind, kind))
            users.extend([n] * len(parents))
            used.extend(parents)
        return Nodes(
            np.array(ids), kinds, [tape.scopes.get(i, "") for i in ids] if tape.scopes else [""] * len(ids),
            np.array(tape.needs)[ids], np.array([i in grads for i in ids]), np.array(users, dtype=int),
            place[np.array(used, dtype=int)],
        )  # fmt: skip


class _Edges(Later):
    """Edges of a large graph: contributions are computed again from the gradients that were found."""

    def __init__(self, writer: _Writer, ids: list[int]):
        tape, self.writer = writer.tape, writer
        child, arg, parent, needs = [], [], [], tape.needs
        for i in reversed(ids):
            if i in writer.grads:
                record = kept(tape.records, i)
                op = record[0]
                for k, p in enumerate(_parents(record)):
                    if p >= 0 and needs[p] and (len(record) < 4 or (op.kind != "constant" and op.rule(k) is not None)):
                        child.append(i), arg.append(k), parent.append(p)
        place = _places(ids)
        super().__init__(len(child))
        self.child, self.arg, self.parent = (np.array(a, dtype=int) for a in (child, arg, parent))
        self.columns = Edges(place[self.child], place[self.parent])

    def make(self, i: int) -> Edge:
        child, k, parent = (int(a[i]) for a in (self.child, self.arg, self.parent))
        with np.errstate(all="ignore"):
            return self.writer.edge(child, k, parent, *self.writer.sent(child, k))

    def sent(self, i: int) -> np.ndarray:
        """The contribution of an edge without the rest of it."""
        return np.asarray(self.writer.sent(int(self.child[i]), int(self.arg[i]))[0])


def _places(ids: list[int]) -> np.ndarray:
    """Which of the nodes each id is."""
    place = np.full(ids[-1] + 1, -1)
    place[ids] = np.arange(len(ids))
    return place


def _role(op: Any) -> str:
    return ("input" if op == "nat" else op) if isinstance(op, str) else "op"


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
