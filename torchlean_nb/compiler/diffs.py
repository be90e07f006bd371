"""Diffs: what became of a function pass by pass, as texts before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from torchlean_nb.compiler.history import chosen, count
from torchlean_nb.compiler.listing import spelled
from torchlean_nb.compiler.lowering import Graph, Line, lowered
from torchlean_nb.compiler.passes import drop_unused, equals, fold_constants, needed, share
from torchlean_nb.compiler.patterns import traced
from torchlean_nb.compiler.rewrites import Applied, rewriting

Marked = tuple[tuple[str, str], ...]


@dataclass(frozen=True, repr=False)
class Pass:
    """One pass over the lines.

    Parameters
    ----------
    name : str
        ``"lower"``, ``"drop unused"``, ``"share"``, ``"fold constants"``, or ``"rewrite as softmax"``.
    summary : str
        What it did, in a sentence.
    before, after : Graph
    marked : tuple of (mark, text)
        Lines, with ``-`` for those that went, ``+`` for those that came, a blank for those that stayed. They keep
        their names: ``node 7`` in all rewrites, ``%7`` in all passes from lowering on.
    """

    name: str
    summary: str
    before: Graph
    after: Graph
    marked: Marked

    @property
    def removed(self) -> tuple[str, ...]:
        """Lines that went, and why."""
        return tuple(text for mark, text in self.marked if mark == "-")

    @property
    def added(self) -> tuple[str, ...]:
        """Lines that came."""
        return tuple(text for mark, text in self.marked if mark == "+")

    @property
    def diff(self) -> str:
        """Before and after, as a difference of texts."""
        return "\n".join(f"{mark} {text}" for mark, text in self.marked)

    def __str__(self) -> str:
        return f"{self.name}: {self.summary}\n{self.diff}"

    def __repr__(self) -> str:
        return f"<{self.name}: {self.summary}>"


def written(line: Line, name: str, named: Mapping[int, str], note: str = "") -> str:
    """A line of a diff."""
    return f"{name} = {spelled(line, named.__getitem__)}  # {line.dtype.name} {line.shape}{note and f', {note}'}"


def simplifying(rough: Graph) -> Iterator[Pass]:
    """The passes of `simplified`, one after the other, those that change nothing left out.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> p = tl.compile(lambda x: 3.0 * tl.sum(x), [1.0, 2.0]).value_and_grad
    >>> [(x.name, x.added[:1]) for x in p.passes[1:]]
    [('fold constants', ('%5 = const 3.0  # float64 ()',)), ('share', ())]
    """
    graph, names = rough, [f"%{i}" for i in range(len(rough.lines))]
    for name in ("drop unused", "share", "fold constants", "share"):
        changed, notes = _STEPS[name](graph, names)
        kept = needed(changed) if name != "fold constants" else list(range(len(graph.lines)))
        after = drop_unused(changed) if name != "fold constants" else changed
        marked = _marked(graph, changed, kept, names, notes)
        if any(mark != " " for mark, _ in marked):
            shared = "drop unused" if name == "share" and not notes else name
            yield Pass(shared, _said(graph, after), graph, after, marked)
        graph, names = after, [names[i] for i in kept]


def _drop(graph: Graph, names: Sequence[str]) -> tuple[Graph, dict[int, str]]:
    return graph, dict.fromkeys(set(range(len(graph.lines))) - set(needed(graph)), "no result needs it")


def _share(graph: Graph, names: Sequence[str]) -> tuple[Graph, dict[int, str]]:
    return share(graph), {i: f"the same as {names[k]}" for i, k in enumerate(equals(graph)) if k != i}


def _fold(graph: Graph, names: Sequence[str]) -> tuple[Graph, dict[int, str]]:
    return fold_constants(graph), {}


_STEPS = {"drop unused": _drop, "share": _share, "fold constants": _fold}


def _marked(
    before: Graph, changed: Graph, kept: Sequence[int], names: Sequence[str], notes: Mapping[int, str]
) -> Marked:
    """Lines of a graph, and what they are now, where they have kept their places."""
    called, stay, out = {-1: "None", **dict(enumerate(names))}, set(kept), []
    for i, line in enumerate(before.lines):
        old, new = (written(x, names[i], called) for x in (line, changed.lines[i]))
        if i not in stay:
            out.append(("-", written(line, names[i], called, notes.get(i, "no result needs it"))))
        else:
            out += [(" ", old)] if old == new else [("-", old), ("+", new)]
    return tuple(out)


def _said(before: Graph, after: Graph, what: str = "lines") -> str:
    a, b = count(before), count(after)
    return f"{a} {what if a != 1 else what[:-1]} {'stay' if a == b else 'become'}{'s' if a == 1 else ''} {b}"


def lowering(user: Graph, rough: Graph) -> Pass:
    """From the rows a function calls to primitives, with the backward sweep among them."""
    nodes = _nodes(user)
    called = {-1: "None", **{i: f"%{i}" for i in range(len(rough.lines))}}
    inside: dict[Any, list[int]] = {}
    for i, line in enumerate(rough.lines):
        inside.setdefault(line.origin, []).append(i)
    out: list[tuple[str, str]] = []
    for i, line in enumerate(user.lines):
        out.append(("-", written(line, nodes[i], nodes)))
        out += [("+", written(rough.lines[k], called[k], called)) for k in inside.pop(line.origin, ())]
    for origin, found in inside.items():
        out += [("+", written(rough.lines[k], called[k], called, str(origin))) for k in found]
    back = sum(x.origin.backward for x in rough.lines)
    a, b = count(user), count(rough)
    said = f"{a} node{'s are' if a != 1 else ' is'} {b} primitive{'s' if b != 1 else ''}"
    said += f", {back} of them for the way back" if back else ""
    return Pass("lower", said, user, rough, tuple(out))


def history(program: Any) -> Iterator[Pass]:
    """Every pass that changed something."""
    f, arrays = program.f, program.examples
    for step in rewriting(traced(getattr(f, "__wrapped__", f), arrays), chosen(getattr(f, "rewrite", [])))[1]:
        yield _rewriting(step)
    rough = lowered(program._record(arrays), program.wrt)
    yield lowering(traced(f, arrays).graph, rough)
    yield from simplifying(rough)


def _rewriting(step: Applied) -> Pass:
    old, new = (
        [(x.origin.node, text) for x, text in zip(g.lines, _texts(g), strict=True)] for g in (step.before, step.after)
    )
    marked: list[tuple[str, str]] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            marked += [(" ", text) for _, text in old[a:b]]
        else:
            marked += [("-", text) for _, text in old[a:b]] + [("+", text) for _, text in new[c:d]]
    name = step.rewrite.name
    kind = "the same bits" if step.rewrite.exact else f"within {step.rewrite.ulps:g} units of the last place"
    said = f"{_said(step.before, step.after, 'nodes')}, {kind}: {step.rewrite.why}"
    return Pass(f"rewrite as {name}", said, step.before, step.after, tuple(marked))


def _texts(user: Graph) -> list[str]:
    called = _nodes(user)
    return [written(x, called[i], called) for i, x in enumerate(user.lines)]


def _nodes(user: Graph) -> dict[int, str]:
    return {-1: "None", **{i: f"node {x.origin.node}" for i, x in enumerate(user.lines)}}
