"""What the view of a compiled program is sent, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torchlean_nb.escape import visible
from torchlean_nb.render.payload import corner
from torchlean_nb.render.program_words import (
    NAME,
    composite,
    expression,
    groups,
    numbered,
    sentences,
    shortened,
    statement,
)
from torchlean_nb.trace.arrays import encode_array
from torchlean_nb.trace.program import ProgramTrace

STEPS, LANES, DIFF = 300, 48, 240
_ALL_SENT, _CORNER = 20_000, 64


def program_payload(trace: ProgramTrace) -> dict[str, Any]:
    """Payload of a view: of long programs the first `STEPS` lines, of many arrays the `LANES` largest."""
    names, step = numbered(trace), {line: k for k, line in enumerate(trace.ran, 1)}
    ran = trace.ran[:STEPS]
    lanes = sorted(sorted(range(len(trace.lanes)), key=lambda k: -trace.lanes[k].nbytes)[:LANES])
    place, group = {lane: k for k, lane in enumerate(lanes)}, {}
    parts = [(origin, [k for k in steps if k <= len(ran)]) for origin, steps in groups(trace)]
    parts = [(origin, steps) for origin, steps in parts if steps]
    for g, (_, steps) in enumerate(parts):
        group.update(dict.fromkeys(steps, g))
    size = sum(x.value.size for x in trace.steps if x.value is not None)
    return {
        "title": visible(trace.meta.get("title") or "Program"),
        "dtype": visible(trace.meta.get("dtype") or "", NAME),
        "lines": [_line(trace, i, names, place, group[k], size) for k, i in enumerate(ran, 1)],
        "groups": [
            dict(zip(("name", "about"), composite(origin), strict=True))
            | {"formula": visible(trace.steps[steps[0] - 1].formula, 120)}
            for origin, steps in parts
        ],
        "source": [visible(text) for text in trace.source.split("\n")],
        "lanes": [
            {
                "name": visible(x.name, NAME), "shape": list(x.shape), "dtype": x.dtype, "bytes": x.nbytes,
                "fresh": x.fresh, "spans": [s for s in _spans(trace, x.spans, step, len(ran))],
            }
            for x in (trace.lanes[k] for k in lanes)
        ],
        "live": [trace.live[i] for i in ran],
        "peak": trace.peak,
        "kept": trace.kept,
        "narration": [visible(text, 400) for _, text in zip(range(len(ran) + 1), sentences(trace), strict=False)],
        "passes": [
            {"name": visible(p.name, NAME), "about": visible(p.about), "before": p.before, "after": p.after,
             "diff": [list(row) for row in shortened(p.diff)[:DIFF]], "more": max(0, len(shortened(p.diff)) - DIFF)}
            for p in trace.passes
        ],
        "note": _note(len(trace.ran) - len(ran), len(trace.lanes) - len(lanes)),
    }  # fmt: skip


def _line(
    trace: ProgramTrace, i: int, names: Mapping[int, str], place: Mapping[int, int], group: int, size: int
) -> dict[str, Any]:
    line = trace.lines[i]
    value = line.value
    sent = None if value is None else encode_array(value) if size <= _ALL_SENT else corner(value, _CORNER)
    reads = [trace.lines[a].lane for a in line.args if a >= 0]
    return {
        "name": names[i], "expr": expression(trace, i, dict(names)), "shape": list(line.shape), "dtype": line.dtype,
        "at": visible(line.name, NAME), "lane": place.get(line.lane), "view": line.view, "once": line.once,
        "reads": sorted({place[k] for k in reads if k in place}), "way": line.way, "group": group,
        "code": statement(trace, i), "src": None if line.source is None else line.source - 1, "bytes": line.nbytes,
        "moved": line.moved, "rule": visible(line.rule), "seconds": line.seconds, "value": sent,
    }  # fmt: skip


def _spans(
    trace: ProgramTrace, spans: tuple[tuple[int, int], ...], step: Mapping[int, int], count: int
) -> list[list[int]]:
    """Spans counted in steps; to the end and beyond for a result."""
    out = []
    for first, last in spans:
        end = next((step[i] for i in range(min(last, len(trace.lines) - 1), first - 1, -1) if i in step), 0)
        if step[first] <= count:
            out.append([step[first], count + 1 if last >= len(trace.lines) else min(end, count)])
    return out


def _note(lines: int, lanes: int) -> str:
    left = [f"{n} {word}" for n, word in ((lines, "later lines"), (lanes, "smaller arrays")) if n]
    return f"Left out: {' and '.join(left)}." if left else ""
