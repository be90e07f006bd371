"""Lanes: which lines lie in which array, from when to when, and how much memory is in use at each line."""

from __future__ import annotations

from dataclasses import dataclass

from torchlean_nb.compiler.listing import columns, nbytes
from torchlean_nb.compiler.lowering import Graph
from torchlean_nb.compiler.plan import Plan


@dataclass(frozen=True)
class Lane:
    """An array that is made once, and what lies in it.

    Parameters
    ----------
    buffer : int
        Its number in the plan: ``t0`` in the source is buffer 0.
    nbytes : int
    spans : tuple of (first, last, line)
        A line, and from which line to which its value is needed; a result is needed to the end.
    """

    buffer: int
    nbytes: int
    spans: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, repr=False)
class Lanes:
    """Arrays over the lines of a program.

    Parameters
    ----------
    lanes : tuple of Lane
    live : tuple of int
        Bytes in these arrays that are in use while each line runs.
    """

    lanes: tuple[Lane, ...]
    live: tuple[int, ...]

    @property
    def peak(self) -> int:
        """Most bytes that are needed at once."""
        return max(self.live, default=0)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(lane.nbytes for lane in self.lanes)

    def __repr__(self) -> str:
        rows = [("array", "bytes", "holds")]
        for lane in self.lanes:
            held = ", ".join(f"line {i} ({a} to {b})" for a, b, i in lane.spans)
            rows.append((f"t{lane.buffer}", str(lane.nbytes), held))
        return f"{columns(rows, '<><')}\n{self.nbytes} bytes in {len(self.lanes)} arrays, {self.peak} in use at most"


def lanes(graph: Graph, plan: Plan) -> Lanes:
    """What lies where, and from when to when.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> p = tl.compile(lambda x: tl.exp(tl.tanh(x * 2.0)).sum(), [0.0, 1.0])
    >>> print(lanes(p.graph, p.plan))
    array  bytes  holds
    t0        16  line 2 (2 to 3), line 3 (3 to 4), line 4 (4 to 5)
    t1         8  line 5 (5 to 6)
    24 bytes in 2 arrays, 24 in use at most
    """
    lines = graph.lines
    root = list(range(len(lines)))
    for i, line in enumerate(lines):
        if line.view:
            root[i] = root[line.args[0]]
    last = {i: i for i in plan.place}
    for i, line in enumerate(lines):
        last |= {root[a]: i for a in line.args if a >= 0 and root[a] in last}
    last |= {root[i]: len(lines) for i in graph.outputs if root[i] in last}
    found: list[list[tuple[int, int, int]]] = [[] for _ in plan.buffers]
    for i, n in sorted(plan.place.items()):
        found[n].append((i, last[i], i))
    for i, n in plan.aside.items():
        found[n].append((i, i, i))
    sizes = [nbytes(shape, dtype) for shape, dtype, _ in plan.buffers]
    live = [
        sum(size for size, spans in zip(sizes, found, strict=True) if any(a <= i <= b for a, b, _ in spans))
        for i in range(len(lines))
    ]
    return Lanes(tuple(Lane(n, sizes[n], tuple(sorted(s))) for n, s in enumerate(found)), tuple(live))
