"""A compiled program as text: every line with its array and bytes, the lanes, the passes, a sentence per step."""

from __future__ import annotations

from torchlean_nb.escape import visible
from torchlean_nb.render.numbers import shape, summary
from torchlean_nb.render.program_words import (
    NAME,
    composite,
    counted,
    expression,
    groups,
    kind,
    nbytes,
    numbered,
    sentences,
    shortened,
)
from torchlean_nb.trace.program import Lane, ProgramTrace


def program_text(trace: ProgramTrace, narration: bool = False, source: bool = False) -> str:
    """Lines with what holds them, arrays with their spans, and what the passes did.

    Parameters
    ----------
    trace : ProgramTrace
    narration : bool
        Whether to add the sentence of every step.
    source : bool
        Whether to add the source.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> t = tl.compile(lambda a, x, b: tl.relu(a * x + b), *[[1.0, -2.0]] * 3).trace(values=False)
    >>> print(program_text(t).split("Memory")[0].strip())
    function: 3 lines, 128 bytes moved, 16 bytes held at most
    mul, node 3: y = a·b
      %3 = mul(a, x)       2 float64  t0  48 bytes
    add, node 4: y = a + b
      %4 = add(%3, b)      2 float64  t0  48 bytes
    relu, node 5: y = max(0, x)
      %6 = maximum(%4, 0)  2 float64  t0  32 bytes
    """
    names = numbered(trace)
    title = visible(trace.meta.get("title") or "program")
    out = [f"{title}: {counted(len(trace.ran))}, {nbytes(trace.moved)} moved, {nbytes(trace.peak)} held at most"]
    rows = [_row(trace, i, names) for i in trace.ran]
    wide = [max([len(r[k]) for r in rows], default=0) for k in range(3)]
    for origin, steps in groups(trace):
        formula = visible(trace.steps[steps[0] - 1].formula, 80)
        out.append(": ".join(filter(None, [", ".join(filter(None, composite(origin))), formula])))
        for k in steps:
            text, at, lane, rest = rows[k - 1]
            out.append(f"  {text.ljust(wide[0])}  {at.ljust(wide[1])}  {lane.ljust(wide[2])}  {rest}".rstrip())
    if trace.lanes:
        out += ["", f"Memory: arrays made once {nbytes(trace.kept)}, held at most {nbytes(trace.peak)}"]
        out += [_lane(trace, x, names) for x in trace.lanes]
    for p in trace.passes:
        out += ["", f"{visible(p.name, NAME)}: {counted(p.before)}, {p.after} after. {visible(p.about)}".rstrip()]
        out += [f"  {'…' if mark == '.' else mark} {text}".rstrip() for mark, text in shortened(p.diff)]
    if source:
        out += ["", *(visible(text) for text in trace.source.rstrip().split("\n"))]
    if narration:
        out += ["", *(f"{k}. {said}" for k, said in enumerate(sentences(trace)))]
    return "\n".join(out)


def _row(trace: ProgramTrace, i: int, names: dict[int, str]) -> tuple[str, str, str, str]:
    line = trace.lines[i]
    where = "looks" if line.view else visible(line.name, NAME)
    said = "" if line.value is None else f"  {summary(line.value, 4)}"
    cost = "0 bytes" if line.view else nbytes(line.moved)
    return f"{names[i]} = {expression(trace, i, names)}", kind(line), where, f"{cost}{said}"


def _lane(trace: ProgramTrace, lane: Lane, names: dict[int, str]) -> str:
    held = ", ".join(names[a] for a, _ in lane.spans)
    fresh = ", made anew each run" if lane.fresh else ""
    return f"  {visible(lane.name, NAME)} {shape(lane.shape)} {lane.dtype}, {nbytes(lane.nbytes)}{fresh}: {held}"
