"""Draw graphs too large to look at: ``python -m tests.load.drawing 10000 [kind]`` prints times and sizes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.load.graphs import KINDS
from torchlean_nb.errors import HandleTypeError
from torchlean_nb.render.dot import dot
from torchlean_nb.render.fold import FOLDED, fold, note

SECONDS, BYTES, NODES, EDGES = 2.0, 1_000_000, 300, 1500


@dataclass(frozen=True)
class Drawn:
    """One way of drawing one graph."""

    way: str
    seconds: float
    size: int

    def __str__(self) -> str:
        late = "  TOO MUCH" if self.seconds > SECONDS or self.size > BYTES else ""
        return f"{self.way:8} {self.seconds:6.2f} s of the processor  {self.size / 1e6:6.3f} MB{late}"


def measured(way: str, draw: Callable[[], str]) -> Drawn:
    start = time.process_time()
    size = len(draw())
    return Drawn(way, time.process_time() - start, size)


def said(widget: Any) -> str:
    """What a front end is sent, and what a notebook keeps."""
    return json.dumps([widget.payload, widget._repr_mimebundle_()])


def opened(widget: Any) -> str:
    """The same after the first box was opened, if there is room for what is inside."""
    box = next(n.id for n in widget.shown if n.op == FOLDED)
    with suppress(HandleTypeError):
        widget.open_node(box)
    return said(widget)


def ways(kind: str, nodes: int) -> Iterator[tuple[Any, Drawn]]:
    """A graph of one kind, drawn in all ways; with each the trace as it is drawn."""
    s, y = KINDS[kind](nodes)
    trace = s.trace(y)
    shown, _ = fold(trace)
    widget = trace.show()
    for way, draw in {
        "show": lambda: said(s.show(y)), "svg": trace.to_svg, "html": trace.to_html, "text": trace.to_text,
        "dot": lambda: dot(trace), "opened": lambda: opened(widget),
    }.items():  # fmt: skip
        drawn = measured(way, draw)
        yield (widget.shown if way == "opened" else shown), drawn


def links(trace: Any) -> int:
    """Arrows of a drawing."""
    return sum(len(n.parents) for n in trace)


def main(nodes: int = 10_000, part: str = "") -> None:
    for kind in KINDS:
        if part in kind:
            for shown, drawn in ways(kind, nodes):
                print(f"{kind:8} {drawn}  {note(shown)}, {links(shown)} edges", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, *sys.argv[2:3])
