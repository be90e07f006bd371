"""A compiled program in words: lines as they are written in a listing, composites, and one sentence per step."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import groupby

from torchlean_nb.escape import visible
from torchlean_nb.render.numbers import fmt, shape
from torchlean_nb.trace.program import ProgramLine, ProgramTrace

NAME = 40  # letters of a name
_ORIGIN = re.compile(r"(.*) \(node (\d+)\)(?:, back to its argument (\d+))?")


def numbered(trace: ProgramTrace) -> dict[int, str]:
    """What each line is called in a listing: as the passes call it, or ``%3`` for the third; arguments by name."""
    out = {line: visible(trace.lines[line].label, NAME) or f"%{step}" for step, line in enumerate(trace.ran, 1)}
    for i, line in enumerate(trace.lines):
        if i not in out:
            one = line.op == "const" and line.value is not None and line.value.size == 1
            out[i] = fmt(line.value.ravel()[0], 4) if one else visible(line.name, NAME)
    return out


def expression(trace: ProgramTrace, i: int, names: dict[int, str]) -> str:
    """``max(%4, axis=1, keepdims=True)``."""
    line = trace.lines[i]
    args = [names[a] for a in line.args if a >= 0]
    return f"{visible(line.op, NAME)}({', '.join([*args, *([visible(line.attrs, 80)] if line.attrs else [])])})"


def statement(trace: ProgramTrace, i: int) -> str:
    """Code of a line; its own part where several lines share a row of the source: ``a, b = x.T, y.T``."""
    line = trace.lines[i]
    if line.source is None:
        return ""
    text = trace.source.split("\n")[line.source - 1].strip()
    if "," not in text.partition(" = ")[0]:
        return visible(text)
    try:
        (node,) = ast.parse(text).body
        for target, value in zip(node.targets[0].elts, node.value.elts, strict=True):
            if target.id == line.name:
                return visible(f"{line.name} = {ast.unparse(value)}")
    except (SyntaxError, ValueError, AttributeError, RecursionError):
        pass
    return visible(text)


def composite(origin: str) -> tuple[str, str]:
    """What a line is a part of: a name, and the rest of what is known.

    Examples
    --------
    >>> composite("tanh (node 7), back to its argument 0")
    ('tanh', 'node 7, gradient of its argument 0')
    """
    found = _ORIGIN.fullmatch(origin)
    if not found:
        return visible(origin, NAME) or "program", ""
    back = f", gradient of its argument {found[3]}" if found[3] else ""
    return visible(found[1], NAME), f"node {found[2]}{back}"


def groups(trace: ProgramTrace) -> list[tuple[str, list[int]]]:
    """Steps, counted from 1, that belong to the same op of the function, in order."""
    steps = enumerate(trace.steps, 1)
    return [(origin, [k for k, _ in part]) for origin, part in groupby(steps, key=lambda s: s[1].origin)]


def nbytes(n: float) -> str:
    """``912 bytes``, ``4.5 kB``, ``1.2 MB``."""
    if n == 1:
        return "1 byte"
    return f"{n:,.0f} bytes" if n < 10_000 else f"{n / 1000:.3g} kB" if n < 1e6 else f"{n / 1e6:.3g} MB"


def counted(n: int) -> str:
    """``1 line``, ``5 lines``."""
    return "1 line" if n == 1 else f"{n} lines"


def kind(line: ProgramLine) -> str:
    """``4×3 float64``; a scalar has no shape."""
    return f"{shape(line.shape)} {line.dtype}".strip()


def sentences(trace: ProgramTrace) -> Iterator[str]:
    """One sentence per step, the first for the time before the program runs."""
    names, n = numbered(trace), len(trace.ran)
    inputs = [visible(x.name, NAME) for x in trace.lines if x.op == "input"]
    fixed = [x for x in trace.lanes if not x.fresh]
    yield (
        f"Nothing has run yet: {n} {'line waits' if n == 1 else 'lines wait'} for {_and(inputs) or 'no arguments'}."
        f"{f' {len(fixed)} arrays were made once, {nbytes(trace.kept)}.' if fixed else ''}"
    )
    for i in trace.ran:
        said = f"{names[i]} = {expression(trace, i, names)}{_where(trace, i, names)}."
        yield " ".join([said, *_after(trace, i)])


def _where(trace: ProgramTrace, i: int, names: dict[int, str]) -> str:
    line = trace.lines[i]
    name = visible(line.name, NAME)
    if line.view:
        once = ", made before the first run" if line.once else ""
        return f" is another look at {names[line.args[0]]}, called {name}{once}: no number moves"
    if line.lane is None:
        return f" is called {name}" if line.source else f" is its argument, {name}: nothing to compute"
    lane = trace.lanes[line.lane]
    name = visible(lane.name, NAME) + (f", called {name} for its shape" if lane.name != line.name else "")
    if lane.fresh:
        return f" is {name}, an array that NumPy makes anew in each run"
    before = [a for a, _ in lane.spans if a < i]
    if before and any(trace.lines[a].lane == line.lane and names.get(a) for a in line.args if a == before[-1]):
        return f" is written into {name}, over {names[before[-1]]}, which nobody reads again"
    return f" is written into {name}" + (f", where {names[before[-1]]} was" if before else "")


def _after(trace: ProgramTrace, i: int) -> list[str]:
    """What nobody needs any more, and how much is held."""
    said = []
    over = {a for lane in trace.lanes for a, last in lane.spans if a == i}
    free = [lane.name for lane in trace.lanes if any(last == i and a != i for a, last in lane.spans)
            and not over & {a for a, _ in lane.spans}]  # fmt: skip
    if free:
        said.append(f"After it {_and([visible(x, NAME) for x in free])} {'is' if len(free) == 1 else 'are'} free.")
    results = [trace.results[k] for k, out in enumerate(trace.outputs) if out == i]
    if results:
        said.append(f"This is the {_and([visible(x, NAME) for x in results])}.")
    if trace.lanes:
        peak = ", the most there is" if trace.live[i] == trace.peak else ""
        said.append(f"{nbytes(trace.live[i])} are held{peak}.")
    return said


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


@cache
def shortened(diff: tuple[tuple[str, str], ...], context: int = 2) -> tuple[tuple[str, str], ...]:
    """A diff without the lines far from a change; what is left out is one line with the mark ``.``.

    Examples
    --------
    >>> shortened((*[(" ", "a")] * 6, ("-", "b")))
    (('.', '4 lines stay'), (' ', 'a'), (' ', 'a'), ('-', 'b'))
    """
    near = [any(m != " " for m, _ in diff[max(0, k - context) : k + context + 1]) for k in range(len(diff))]
    out: list[tuple[str, str]] = []
    for seen, part in groupby(range(len(diff)), key=near.__getitem__):
        rows = list(part)
        if seen or len(rows) == 1:
            out += [(diff[k][0], visible(diff[k][1])) for k in rows]
        else:
            out.append((".", f"{counted(len(rows))} stay"))
    return tuple(out)
