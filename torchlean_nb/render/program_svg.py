"""A compiled program as one picture: its lines, their statements, and the arrays beside them."""

from __future__ import annotations

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.escape import visible
from torchlean_nb.render.glyphs import fit
from torchlean_nb.render.numbers import shape
from torchlean_nb.render.program_words import NAME, composite, counted, expression, groups, nbytes, numbered, statement
from torchlean_nb.render.routes import num
from torchlean_nb.render.stills import PAD, still, words
from torchlean_nb.trace.program import ProgramTrace

ROWS, _WIDTH, _LANE = 60, 700, 12
_ROW, _TOP, _EXPR, _SHAPE, _CODE = 17, 62, 220, 46, 196


def program_svg(trace: ProgramTrace, step: int | None = None) -> str:
    """Picture of a program at a step, the last by default; at most `ROWS` lines around it.

    Raises
    ------
    HyperparameterError
        For a step that there is not.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> t = tl.compile(lambda a, x, b: tl.relu(a * x + b), *[[1.0, -2.0]] * 3).trace()
    >>> program_svg(t, 2).count("<rect")
    5
    """
    n = len(trace.ran)
    step = n if step is None else step
    if not 0 <= step <= n:
        raise HyperparameterError(f"program: step {step}", f"steps are 0 to {n}")
    first = max(0, min(step - ROWS // 2, n - ROWS))
    shown = range(first + 1, min(n, first + ROWS) + 1)
    left = PAD + _EXPR + _SHAPE + _CODE + 20
    most = int((_WIDTH - PAD - left) // _LANE)
    largest = sorted(range(len(trace.lanes)), key=lambda k: -trace.lanes[k].nbytes)[:most]
    x_of = {lane: left + _LANE * place for place, lane in enumerate(sorted(largest))}
    now = trace.ran[step - 1] if step else -1
    body = [*_head(trace, now), *_names(trace, x_of, now)]
    titles = _titled(trace)
    names, y, at = numbered(trace), float(_TOP), {}
    for k in shown:
        if k in titles:
            y += _ROW
            body.append(words(PAD, y - 5, fit(", ".join(filter(None, composite(titles[k]))), _EXPR + _SHAPE), "s"))
        line = trace.lines[trace.ran[k - 1]]
        if k == step:
            size = f'width="{_WIDTH - 8}" height="{_ROW}"'
            body.append(f'<rect class="hv" fill-opacity=".14" x="4" y="{num(y)}" {size}/>')
        at[k], kind = y, "b" if k == step else "" if k < step else "s"
        text = f"{names[trace.ran[k - 1]]} = {expression(trace, trace.ran[k - 1], names)}"
        body += [
            words(PAD + 8, y + 12, fit(text, _EXPR - 12), kind), words(PAD + _EXPR, y + 12, shape(line.shape), "s"),
            words(PAD + _EXPR + _SHAPE, y + 12, fit(statement(trace, trace.ran[k - 1]), _CODE), kind),
        ]  # fmt: skip
        y += _ROW
    body += [mark for lane, x in x_of.items() for mark in _spans(trace, lane, x, at, now, y)]
    missing = {"lines": n - len(shown), "arrays": len(trace.lanes) - len(x_of)}
    left_out = [f"{count} {what}" for what, count in missing.items() if count]
    if left_out:
        y += 16
        body.append(words(PAD, y - 3, f"not shown: {' and '.join(left_out)}", "s"))
    return still(_WIDTH, y + 6, f"Compiled program, line {step} of {n}", body)


def _titled(trace: ProgramTrace) -> dict[int, str]:
    """First steps of what gets a heading: ops of several lines, and what stands below one of those."""
    out: dict[int, str] = {}
    for origin, steps in groups(trace):
        if len(steps) > 1 or out:
            out[steps[0]] = origin
    return out


def _head(trace: ProgramTrace, now: int) -> list[str]:
    held = nbytes(trace.live[now] if now >= 0 else 0)
    said = f"{counted(len(trace.ran))}, {nbytes(trace.moved)} moved; {held} held now, {nbytes(trace.peak)} at most"
    columns = {PAD + 8: "line", PAD + _EXPR: "shape", PAD + _EXPR + _SHAPE: "source"}
    return [words(PAD, 20, fit(visible(trace.meta.get("title") or "program"), 400, 11.5, True), "b"),
            words(PAD, 37, said, "s"), *(words(x, _TOP - 5, text, "s") for x, text in columns.items())]  # fmt: skip


def _names(trace: ProgramTrace, x_of: dict[int, int], now: int) -> list[str]:
    out = []
    for lane, x in x_of.items():
        kind = "v" if now >= 0 and trace.lines[now].lane == lane and not trace.lines[now].view else "s"
        name = words(0, 0, fit(visible(trace.lanes[lane].name, NAME), 44), kind)
        out.append(f'<g transform="translate({num(x + 9)} {_TOP - 4}) rotate(-90)">{name}</g>')
    return out


def _spans(trace: ProgramTrace, lane: int, x: float, at: dict[int, float], now: int, end: float) -> list[str]:
    """Bars of one lane: from the middle of the row that writes to the middle of that which reads last."""
    step, out = {line: k for k, line in enumerate(trace.ran, 1)}, []
    shown = sorted(at)
    here = trace.holds(lane, now) if now >= 0 else None
    for first, last in trace.lanes[lane].spans:
        rows = [k for k in shown if step[first] <= k and (trace.ran[k - 1] <= last)]
        if not rows:
            continue
        top = at[rows[0]] + (_ROW / 2 if rows[0] == step[first] else 0)
        inside = _ROW / 2 - 1 if trace.ran[rows[-1] - 1] == last else _ROW
        low = end if last >= len(trace.lines) else at[rows[-1]] + inside
        kind, strength = ("hv", ".55") if first == here else ("hn", ".4")
        strength = "1" if first == here and first == now else strength
        tall = max(3.0, low - top)
        out.append(f'<rect class="{kind}" fill-opacity="{strength}" x="{num(x + 1)}" y="{num(top)}" width="{_LANE - 2}"'
                   f' height="{num(tall)}"/>')  # fmt: skip
    return out
