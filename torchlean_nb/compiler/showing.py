"""Showing: one run of a program as a trace that can be stepped through."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.compiler.arguments import as_arguments
from torchlean_nb.compiler.emit import key, literal
from torchlean_nb.compiler.history import count
from torchlean_nb.compiler.lowering import Graph, Line
from torchlean_nb.compiler.plan import Plan, nbytes
from torchlean_nb.compiler.source import Text
from torchlean_nb.rows import OPS

if TYPE_CHECKING:  # traces are loaded when someone looks
    from torchlean_nb.trace.program import Lane, PassTrace, ProgramTrace

KEPT = 65_536  # entries of the largest value that is kept
LEAVES = ("input", "const")
_NUMBER = re.compile(r"%\d+")
_CALLED = re.compile(r"(?:%|\bnode )\d+\b")


class Showing:
    """What a Program offers to look at."""

    def trace(self, *args: Any, values: bool = True, profile: bool = False, title: str | None = None) -> ProgramTrace:
        """One run, line by line: what each computes, where it is written, and which passes made it so.

        Parameters
        ----------
        *args : array_like
            Arguments of the run; those the program was compiled with by default.
        values : bool
            Whether to keep what each line held; values of more than 65,536 entries are not.
        profile : bool
            Whether to measure how long each line takes.
        title : str, optional

        Returns
        -------
        ProgramTrace
            Stepped through by ``.show()``.
        """
        from torchlean_nb.compiler import formulas  # noqa: PLC0415 - when someone looks
        from torchlean_nb.trace.program import ProgramLine, ProgramTrace  # noqa: PLC0415

        arrays = [host(a) for a in (as_arguments(args, device=self.far) if args else self.examples)]
        self(*arrays)  # which says what is wrong with them
        kinds, made = [[(a.shape, a.dtype) for a in each] for each in (arrays, self.examples)], self
        if kinds[0] != kinds[1]:
            made = type(self)(self.f, arrays, self.argnums, self.wrt is not None, self.fast, device=self.device)
        graph, text = made.graph, made.source
        read = _Reading(text, graph, made.plan)
        seen = held(graph, arrays) if values else {i: x.value for i, x in enumerate(graph.lines) if x.op == "const"}
        took = {x.line: x.seconds for x in made.profile(*arrays)} if profile else {}
        rules = [_rule(x) for x in made.shapes()]
        passes, labels = _passes(made, read.names)
        memory, lanes = _lanes(made, read.names, set(read.before))
        lines = tuple(
            ProgramLine(
                x.op, x.args, said(x), x.shape, x.dtype.name, read.names[i], memory.get(i), x.view, i in read.once,
                x.source, formulas.said(x).partition(": ")[2], read.lines.get(i), _moved(graph, i), labels.get(i, ""),
                rules[i], seen.get(i), took.get(i),
            )
            for i, x in enumerate(graph.lines)
        )  # fmt: skip
        meta = {"title": title or read.title, "dtype": _dtype(graph)}
        return ProgramTrace(lines, graph.outputs, read.results(len(graph.outputs)), text, lanes, passes, meta)


def held(graph: Graph, arrays: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
    """What each line of a run holds, by the rules of eager mode."""
    xp, found = numpy_namespace(), dict(zip(graph.inputs, arrays, strict=True))
    with np.errstate(all="ignore"):
        for i, line in enumerate(graph.lines):
            if line.op == "const":
                found[i] = line.value
            elif i not in found:
                args = [None if a < 0 else found[a] for a in line.args]
                found[i] = np.asarray(OPS[line.op].run(xp, *args, **line.attrs))
    return {i: _frozen(v) for i, v in found.items() if v.size <= KEPT}


def _frozen(v: np.ndarray) -> np.ndarray:
    """A copy nobody changes; every NaN is the same NaN, as JSON has only one."""
    out = np.array(v)
    if out.dtype.kind == "f":
        out[np.isnan(out)] = np.nan
    out.setflags(write=False)
    return out


def said(line: Line) -> str:
    """Options of a line as text.

    Examples
    --------
    >>> said(Line("sum", (0,), {"axis": 1, "keepdims": True}, (4, 1), np.dtype(float)))
    'axis=1, keepdims=True'
    """
    attrs = {k: f"[{key(v)}]" if k == "key" else literal(v) for k, v in line.attrs.items()}
    return ", ".join(f"{k}={v}" for k, v in attrs.items() if v != "None")


class _Reading:
    """Which row of a source is which line of a graph, and what each line is called there."""

    def __init__(self, source: str, graph: Graph, plan: Plan):
        tree, rows = ast.parse(source), source.splitlines()
        step = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "step")
        text = Text(graph, plan, [a.arg for a in step.args.args])
        self.title = ast.get_docstring(tree) or "program"
        self.before = {x.id: n.lineno for n in tree.body if isinstance(n, ast.Assign) for x in ast.walk(n)
                       if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)}  # fmt: skip
        self.said = rows[step.body[-1].lineno - 2].strip()
        self.names, self.lines = dict(text.word), {}
        done = dict(text.steps)
        self.once = {i for i, x in enumerate(graph.lines) if i not in done and x.op != "input"}
        at = step.lineno
        for i, line in enumerate(graph.lines):
            if i in self.once:
                self.lines |= {i: self.before[self.names[i]]} if self.names[i] in self.before else {}
            if line.op in LEAVES:
                continue
            # Programs of lone numbers call each value v and its number.
            starts = (done[i][0] if i in done else "-", f"v{i} = ")
            found = next((k for k in range(at, len(rows)) if rows[k].strip().startswith(starts)), None)
            if found is not None:
                self.lines[i], at = found + 1, found + 1
                self.names[i] = f"v{i}" if rows[found].strip().startswith(starts[1]) else self.names[i]
            elif i in done:  # the sum of one number
                self.names[i] = self.names[line.args[0]]

    def results(self, count: int) -> tuple[str, ...]:
        """What the results are, as the comment above the return says."""
        found = [w.strip() for w in self.said.lstrip("# ").split(",")] if self.said.startswith("#") else []
        return tuple(found) if len(found) == count else tuple(f"result {k}" for k in range(count))


def _lanes(program: Any, names: Mapping[int, str], before: set[str]) -> tuple[dict[int, int], tuple[Lane, ...]]:
    """Arrays of a program, what lies in each from when to when, and the array of each line."""
    from torchlean_nb.trace.program import Lane  # noqa: PLC0415 - when someone looks

    graph, plan, kept = program.graph, program.plan, program.lanes().lanes
    if not before.issuperset(f"t{lane.buffer}" for lane in kept):  # lone numbers are computed without arrays
        return {}, ()
    lines, root, last = graph.lines, list(range(len(graph.lines))), {}
    for i, line in enumerate(lines):
        root[i] = root[line.args[0]] if line.view else i
        last.update({root[a]: i for a in line.args if a >= 0})
    last.update({root[i]: len(lines) for i in graph.outputs})
    out = []
    for lane in kept:
        shape, dtype, _ = plan.buffers[lane.buffer]
        spans = tuple((first, end) for first, end, _ in lane.spans)
        out.append(Lane(f"t{lane.buffer}", shape, dtype.name, lane.nbytes, spans))
    where = {i: n for i, n in plan.place.items()}
    for i, line in enumerate(lines):
        if line.op not in LEAVES and not line.view and i not in where:
            where[i] = len(out)
            spans = ((i, last.get(i, i)),)
            out.append(Lane(names[i], line.shape, line.dtype.name, nbytes(line.shape, line.dtype), spans, True))
    return {i: where[root[i]] for i in range(len(lines)) if root[i] in where}, tuple(out)


def _moved(graph: Graph, i: int) -> int:
    """Bytes a line reads and writes; a single constant number stays where it is."""
    line, lines = graph.lines[i], graph.lines
    if line.op in LEAVES or line.view:
        return 0
    read = [lines[a] for a in dict.fromkeys(line.args) if a >= 0]
    read = [x for x in read if x.shape or x.op != "const"]
    return sum(nbytes(x.shape, x.dtype) for x in [*read, line])


def _dtype(graph: Graph) -> str:
    kinds = {graph.lines[i].dtype.name for i in graph.outputs}
    return kinds.pop() if len(kinds) == 1 else ""


def _passes(program: Any, names: Mapping[int, str]) -> tuple[tuple[PassTrace, ...], dict[int, str]]:
    """Passes with the arguments called by their names, and what the lines are called at their end."""
    from torchlean_nb.trace.program import PassTrace  # noqa: PLC0415 - when someone looks

    found, graph = program.passes, program.graph
    lowered = next(x for x in found if x.name == "lower")
    word = {}
    for k, own, i in zip(lowered.after.inputs, lowered.before.inputs, graph.inputs, strict=True):
        word |= {f"%{k}": names[i], f"node {lowered.before.lines[own].origin.node}": names[i]}
    out = tuple(
        PassTrace(x.name, x.summary, count(x.before), count(x.after), _named(x.marked, word)) for x in found
    )
    left = [text.split(" = ")[0] for mark, text in found[-1].marked if mark != "-"]
    kept = sorted((text for text in left if _NUMBER.fullmatch(text)), key=lambda text: int(text[1:]))
    same = [x.op for x in found[-1].after.lines] == [x.op for x in graph.lines] and len(kept) == len(graph.lines)
    return out, dict(enumerate(kept)) if same else {}


def _named(marked: Sequence[tuple[str, str]], word: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """A diff with some lines called otherwise; what is then the same before and after stays."""
    out: list[tuple[str, str]] = []
    for mark, text in marked:
        text = _CALLED.sub(lambda m: word.get(m[0], m[0]), text)
        if out and (mark, *out[-1]) == ("+", "-", text):
            out[-1] = " ", text
        else:
            out.append((mark, text))
    return tuple(out)


def _rule(found: Any) -> str:
    """How a line got its shape.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> _rule(SimpleNamespace(rule="broadcasting", given=((4, 3), (3,))))
    'broadcasting (4, 3) and (3,)'
    """
    given = " and ".join(map(str, found.given))
    if found.rule == "broadcasting":
        return f"broadcasting {given}" if len(found.given) > 1 else "that of its argument"
    return f"{found.rule}, from {given}" if given else found.rule
