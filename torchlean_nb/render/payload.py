"""What a widget is sent, once: the trace, its scene, its sentences and its formulas."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from torchlean_nb import tex
from torchlean_nb.escape import visible
from torchlean_nb.render import latex
from torchlean_nb.render.fold import FOLDED, fold, note
from torchlean_nb.render.mathml import mathml
from torchlean_nb.render.mini import mini
from torchlean_nb.render.svg import scene
from torchlean_nb.render.text import narration
from torchlean_nb.trace.arrays import encode_array
from torchlean_nb.trace.graph import Edge, GraphTrace, TraceNode
from torchlean_nb.trace.ledger import Ledger
from torchlean_nb.trace.plain import plain as plain_text

LIMIT = 300
_ALL_SENT = 20_000
_CORNER = 1024
_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)
_OUTER = re.compile(r"^<math[^>]*>(.*)</math>$", re.DOTALL)
_ENTITY = re.compile(r"&#x0*([0-9A-F]+);")
_SYNTAX = "<>&"
# A row of one thing is that thing.
_ALONE = re.compile(r"<mrow>(<(m[ion])\b[^>]*>[^<]*</\2>)</mrow>")


def graph_payload(
    trace: GraphTrace, limit: int = LIMIT, drawing: bool = True, opened: Iterable[int] = ()
) -> dict[str, Any]:
    """Payload of a widget about one trace, folded to `limit` nodes; `note` says what was left out."""
    shown, _ = fold(trace, limit, opened)
    return {
        "trace": plain(shown),
        "scene": _STYLE.sub("", scene(shown)) if drawing else "",
        "narration": list(narration(shown)),
        "formulas": formulas(shown),
        "note": note(shown),
    }


def formulas(trace: GraphTrace) -> dict[str, Any]:
    """MathML of every node and edge: ``f`` in symbols, ``n`` with the numbers, ``r`` the contribution alone.

    ``e`` is the plain text of an elementwise op, with slots for the numbers of one entry.
    """
    entrywise = {e.child for e in trace.edges if e.local is not None}
    return {
        "nodes": {
            str(n.id): _pair(latex.value_formula(trace, n.id), latex.value_numbers(trace, n.id))
            | (_entry(trace, n) if n.id in entrywise else {})
            for n in trace
        },
        "edges": [
            _pair(latex.edge_formula(trace, i), latex.edge_numbers(trace, i)) | {"r": _math(factor(trace, e))}
            for i, e in enumerate(trace.edges)
        ],
        "seed": _math(latex.seed_formula(trace)) if trace.nodes else "",
    }


def _math(latex: str) -> str:
    """MathML of a formula without its outer element, letters as letters: thousands of them travel."""
    inner = _ALONE.sub(r"\1", _OUTER.sub(r"\1", mathml(latex)))
    return _ENTITY.sub(lambda m: m[0] if chr(int(m[1], 16)) in _SYNTAX else chr(int(m[1], 16)), inner)


def _pair(symbols: str, numbers: str) -> dict[str, str]:
    """Two forms of one formula; the second only where there is one, from its equals sign on."""
    return {"f": _math(symbols)} | ({"n": _math(numbers[numbers.index("=") :])} if "=" in numbers else {})


def _entry(trace: GraphTrace, n: TraceNode) -> dict[str, str]:
    """What an elementwise op does to one entry, where its arguments are all drawn."""
    said = plain_text(n.latex) if n.value.ndim and all(trace[p].op != FOLDED for p in n.parents) else None
    return {"e": visible(said)} if said else {}


def factor(trace: GraphTrace, edge: Edge) -> str:
    """What is sent along an edge, with a short sign for the gradient of the child."""
    return latex.contribution_formula(trace, edge, r"\partial " + tex.name(trace[edge.child].label))


def plain(trace: GraphTrace) -> dict[str, Any]:
    """JSON form of a trace; of very many numbers only the leading corner of each large array."""
    out = trace.to_dict()
    out["meta"] = {k: visible(v) if isinstance(v, str) else v for k, v in out["meta"].items()}
    for d in out["nodes"]:
        d["name"], d["scope"] = d["name"] and visible(d["name"]), visible(d["scope"])
        d["attrs"] = {visible(k): _word(v) for k, v in d["attrs"].items()}
    arrays = [a for n in trace for a in (n.value, n.grad)] + [a for e in trace.edges for a in (e.contribution, e.local)]
    if sum(a.size for a in arrays if a is not None) <= _ALL_SENT:
        return out
    for n, d in zip(trace.nodes, out["nodes"], strict=True):
        d["value"], d["grad"] = corner(n.value), corner(n.grad)
    for e, d in zip(trace.edges, out["edges"], strict=True):
        d["contribution"], d["local"] = corner(e.contribution), corner(e.local)
    return out


def _word(v: Any) -> Any:
    """An attribute that JSON can carry and a reader can see."""
    if isinstance(v, list):
        return [_word(x) for x in v]
    return visible(v) if isinstance(v, str) or (isinstance(v, float) and not math.isfinite(v)) else v


def corner(a: np.ndarray | None, limit: int = _CORNER) -> dict[str, Any] | None:
    """JSON form of an array; of a large one the leading entries, with the true shape and the largest magnitude."""
    if a is None or a.size <= limit:
        return None if a is None else encode_array(a)
    left, sent = limit, []
    for n in reversed(a.shape):
        sent.append(min(n, max(1, math.isqrt(left) if len(sent) == 0 and a.ndim > 1 else left)))
        left //= sent[-1]
    sent.reverse()
    part: Mapping[str, Any] = encode_array(a[tuple(slice(n) for n in sent)])
    finite = np.abs(a[np.isfinite(a)].astype(np.float64))
    return {**part, "shape": list(a.shape), "sent": sent, "top": float(finite.max(initial=0.0))}


def ledger_payload(ledger: Ledger) -> tuple[dict[str, Any], GraphTrace]:
    """Payload of a ledger, and the part of the trace it shows: of a large one what leads to the node."""
    trace = ledger.trace if len(ledger.trace) <= LIMIT else _excerpt(ledger)
    left = len(ledger.trace) - len(trace)
    rows = [_math(factor(trace, e)) if e.parent == ledger.node else "" for e in trace.edges]
    return {
        "trace": plain(trace),
        "node": ledger.node,
        "paths": [_short(row.path) for row in ledger.rows],
        "mini": mini(ledger.trace, ledger.node),
        "formulas": {"edges": [{"r": r} for r in rows]},
        "note": f"showing {len(trace):,} of {len(ledger.trace):,} nodes" if left else "",
    }, trace


def _short(path: tuple[int, ...]) -> list[int | None]:
    """A path with its middle left out."""
    return list(path) if len(path) <= 5 else [path[0], None, *path[-3:]]


def _excerpt(ledger: Ledger) -> GraphTrace:
    """The node, what its rows name, and what their factors are made of."""
    trace, senders = ledger.trace, [e.child for e in ledger.trace.into(ledger.node)]
    keep = {ledger.node, trace.output, *senders} | {i for row in ledger.rows for i in _short(row.path) if i is not None}
    keep |= {p for c in senders for p in trace[c].parents}
    nodes = tuple(
        n if n.id in senders else replace(n, parents=tuple(p for p in n.parents if p in keep))
        for n in trace
        if n.id in keep
    )
    edges = tuple(e for e in trace.edges if e.parent == ledger.node)
    return GraphTrace(nodes, edges, trace.output, trace.seed, trace.meta)
