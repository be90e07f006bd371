"""GraphTrace: one forward pass and one backward sweep, as frozen data.

A trace has *nodes* in forward order and *edges* in sweep order. An edge carries what the child
contributed to the gradient of the parent, so the gradient of a node is the sum of its incoming
edges, added in that order. Steps are derived, not stored: first one per node, then the seed,
then one per edge.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from torchlean_nb.errors import (
    CycleError,
    IndexRangeError,
    TorchLeanError,
    TraceFormatError,
    UnknownNodeError,
    did_you_mean,
    quote,
)
from torchlean_nb.trace.arrays import decode_array, encode_array, same_array
from torchlean_nb.trace.drawn import Drawn
from torchlean_nb.trace.outline import Edges, Later, Nodes

FORMAT = "torchlean_nb.graph/1"


@dataclass(frozen=True, eq=False)
class TraceNode:
    """One recorded operation or leaf.

    ``role`` is ``"param" | "input" | "const" | "op"``. ``parents`` are node ids, smaller than
    `id`. ``latex`` is the formula of the value in terms of the parents' labels. ``grad`` is None
    where the sweep never arrived.
    """

    id: int
    op: str
    role: str
    parents: tuple[int, ...]
    attrs: Mapping[str, Any]
    name: str | None
    scope: str
    requires_grad: bool
    value: np.ndarray
    grad: np.ndarray | None
    latex: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.value.shape

    @property
    def label(self) -> str:
        """The user's name, or the op with the node id."""
        return self.name if self.name else f"{self.op}_{self.id}"


@dataclass(frozen=True, eq=False)
class Edge:
    """What `child` contributed to the gradient of `parent` (its argument number `arg`).

    ``local`` is the elementwise derivative where there is one (before summing over broadcast
    axes), ``summed`` the axes of the child over which copies were added up, ``terms`` an optional
    ``(einsum, left, right)`` by which each entry of the contribution can be spelled out, the
    operands being ``"g"`` (gradient of the child), ``"y"`` (value of the child) or ``"#k"``
    (value of its k-th argument, counted from 1).
    """

    child: int
    parent: int
    arg: int
    contribution: np.ndarray
    local: np.ndarray | None = None
    summed: tuple[int, ...] = ()
    latex: str = ""
    terms: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class GraphTrace(Drawn):
    """Forward values and the backward sweep of one output.

    Parameters
    ----------
    nodes : sequence of TraceNode
        In forward order; ids increase but need not be consecutive.
    edges : sequence of Edge
        In the order of the sweep. Of large graphs nodes and edges are made when somebody looks at them.
    output : int
        Node id the sweep started from.
    seed : ndarray, shape of the output
        Cotangent the sweep started with.
    meta : mapping
        ``title, backend, dtype, device, version, hidden`` (nodes of the tape left out).

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> x = s.param(3.0, name="x")
    >>> t = s.trace(x * x + x)
    >>> float(t["x"].grad)
    7.0
    """

    nodes: Sequence[TraceNode]
    edges: Sequence[Edge]
    output: int
    seed: np.ndarray
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.nodes, Later):  # as a session has recorded them
            return
        ids = {n.id: n.value.shape for n in self.nodes}
        for n in self.nodes:
            for p in n.parents:
                if p >= n.id:
                    raise CycleError(f"trace: cycle at node {n.id}", f"its parent {p} is not an earlier node")
                if p not in ids:
                    raise UnknownNodeError(f"trace: edge from node {p} to {n.id}, but there is no node {p}")
        for e in self.edges:
            for end in (e.child, e.parent):
                if end not in ids:
                    raise UnknownNodeError(f"trace: edge to node {end}, but there is no node {end}")
            if e.contribution.shape != ids[e.parent]:
                what = f"trace: node {e.child} brings shape {e.contribution.shape} to node {e.parent}"
                raise TraceFormatError(what, f"a gradient has the shape of its value, {ids[e.parent]}")
        if self.nodes and self.output not in ids:
            raise UnknownNodeError(f"trace: the output node {self.output} is not in the trace")

    # -- reading ---------------------------------------------------------------------------
    @cached_property
    def places(self) -> dict[int, int]:
        """Ids of the nodes, and which of `nodes` each is."""
        ids = self.nodes.columns.ids.tolist() if isinstance(self.nodes, Later) else [n.id for n in self.nodes]
        return {id_: i for i, id_ in enumerate(ids)}

    @cached_property
    def outline(self) -> tuple[Nodes, Edges]:
        """The graph without its numbers, as columns."""
        nodes, edges = self.nodes, self.edges
        return (
            nodes.columns if isinstance(nodes, Later) else Nodes.of(nodes, self.places),
            edges.columns if isinstance(edges, Later) else Edges.of(edges, self.places),
        )

    def __getitem__(self, key: int | str) -> TraceNode:
        """Node by id or by name."""
        if isinstance(key, int) and key in self.places:
            return self.nodes[self.places[key]]
        for n in self.nodes:
            if key in (n.name, n.label):
                return n
        raise UnknownNodeError(f"trace: no node {quote(key)}", did_you_mean(str(key), [n.label for n in self.nodes]))

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def steps(self) -> int:
        """Number of steps: nodes, the seed, edges. Step 0 shows nothing yet."""
        return len(self.nodes) + 1 + len(self.edges) if self.nodes else 0

    def event(self, step: int) -> tuple[str, Any]:
        """What happens at `step` (1-based): ``("forward", node)``, ``("seed", node)`` or ``("backward", edge)``."""
        if not 1 <= step <= self.steps:
            raise IndexRangeError(f"trace: step {step} is outside 1..{self.steps}")
        n = len(self.nodes)
        if step <= n:
            return "forward", self.nodes[step - 1]
        if step == n + 1:
            return "seed", self[self.output]
        return "backward", self.edges[step - n - 2]

    def into(self, node: int) -> tuple[Edge, ...]:
        """Contributions to the gradient of `node`, in sweep order."""
        here = self.outline[1].parent == self.places.get(node, -1)
        return tuple(self.edges[i] for i in np.flatnonzero(here).tolist())

    def sent(self, edge: int) -> np.ndarray:
        """Contribution of edge number `edge`, which need not be written down for that."""
        edges = self.edges
        return edges.sent(edge) if isinstance(edges, Later) else edges[edge].contribution

    def grad_at(self, node: int, step: int) -> np.ndarray | None:
        """Gradient of `node` as far as the sweep has come at `step`."""
        n, total = len(self.nodes), None
        if step <= n:
            return None
        if node == self.output:
            total = self.seed
        for e in self.edges[: max(0, step - n - 1)]:
            if e.parent == node:
                total = e.contribution if total is None else total + e.contribution
        return total

    # -- JSON ------------------------------------------------------------------------------
    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able form."""
        return {
            "format": FORMAT,
            "meta": dict(self.meta),
            "output": self.output,
            "seed": encode_array(self.seed),
            "nodes": [
                {
                    "id": n.id, "op": n.op, "role": n.role, "parents": list(n.parents),
                    "attrs": {k: _plain(v) for k, v in n.attrs.items()}, "name": n.name, "scope": n.scope,
                    "requires_grad": n.requires_grad, "latex": n.latex, "value": encode_array(n.value),
                    "grad": None if n.grad is None else encode_array(n.grad),
                }
                for n in self.nodes
            ],
            "edges": [
                {
                    "child": e.child, "parent": e.parent, "arg": e.arg, "summed": list(e.summed), "latex": e.latex,
                    "terms": None if e.terms is None else list(e.terms),
                    "contribution": encode_array(e.contribution),
                    "local": None if e.local is None else encode_array(e.local),
                }
                for e in self.edges
            ],
        }

    def to_json(self) -> str:
        """JSON text, the same bytes for the same trace."""
        return json.dumps(self.to_dict(), ensure_ascii=True, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> GraphTrace:
        """Trace from its plain form; exact inverse of `to_dict`."""
        if not isinstance(d, Mapping) or d.get("format") != FORMAT:
            got = d.get("format") if isinstance(d, Mapping) else type(d).__name__
            raise TraceFormatError(f"trace: expected format {FORMAT!r}, got {quote(got)}")
        try:
            nodes = tuple(
                TraceNode(
                    id=int(n["id"]), op=str(n["op"]), role=str(n["role"]), parents=tuple(map(int, n["parents"])),
                    attrs={k: _frozen(v) for k, v in n["attrs"].items()}, name=_name(n["name"]), scope=str(n["scope"]),
                    requires_grad=bool(n["requires_grad"]), latex=str(n["latex"]), value=decode_array(n["value"]),
                    grad=None if n["grad"] is None else decode_array(n["grad"]),
                )
                for n in d["nodes"]
            )
            edges = tuple(
                Edge(
                    child=int(e["child"]), parent=int(e["parent"]), arg=int(e["arg"]), summed=_axes(e["summed"]),
                    latex=str(e["latex"]), terms=None if e["terms"] is None else tuple(map(str, e["terms"])),
                    contribution=decode_array(e["contribution"]),
                    local=None if e["local"] is None else decode_array(e["local"]),
                )
                for e in d["edges"]
            )
            return cls(nodes, edges, int(d["output"]), decode_array(d["seed"]), dict(d["meta"]))
        except TorchLeanError:
            raise
        except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as e:
            raise TraceFormatError("trace: a field is missing or of the wrong type", f"{type(e).__name__}: {e}") from e

    @classmethod
    def from_json(cls, text: str) -> GraphTrace:
        """Trace from JSON text."""
        try:
            d = json.loads(text)
        except (ValueError, RecursionError) as e:
            raise TraceFormatError("trace: not JSON", str(e)) from e
        return cls.from_dict(d)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GraphTrace) and self.to_json() == other.to_json() and all(
            same_array(a.value, b.value) for a, b in zip(self.nodes, other.nodes, strict=True)
        )

    __hash__ = None

    # -- display ---------------------------------------------------------------------------
    def to_html(self, path: str | None = None, **options: Any) -> str:
        """Self-contained page that steps without a kernel or a network; also written to `path`."""
        return self.render("html", path=path, **options)

    def __repr__(self) -> str:
        title = self.meta.get("title")
        return f"GraphTrace({quote(title) + ': ' if title else ''}{len(self)} nodes, {len(self.edges)} edges)"

    def __iter__(self) -> Iterator[TraceNode]:
        return iter(self.nodes)


def _axes(found: Any) -> tuple[int, ...]:
    axes = tuple(map(int, found))
    if min(axes, default=0) < 0:
        raise TraceFormatError(f"trace: axis {min(axes)} of an edge", "axes are counted from 0")
    return axes


def _plain(v: Any) -> Any:
    """Attributes as JSON: tuples become lists, slices a small dict."""
    if isinstance(v, slice):
        return {"slice": [v.start, v.stop, v.step]}
    if v is Ellipsis:
        return {"ellipsis": True}
    if isinstance(v, tuple | list):
        return [_plain(x) for x in v]
    v = v.item() if isinstance(v, np.generic) else v
    if isinstance(v, float) and not math.isfinite(v):
        return {"number": str(v)}
    return v


def _name(v: Any) -> str | None:
    if v is not None and not isinstance(v, str):
        raise TypeError(f"name {quote(v)}")
    return v


def _frozen(v: Any) -> Any:
    if isinstance(v, dict):
        if "number" in v:
            return float(v["number"])
        return Ellipsis if "ellipsis" in v else slice(*v["slice"])
    if isinstance(v, list):
        return tuple(_frozen(x) for x in v)
    return v
