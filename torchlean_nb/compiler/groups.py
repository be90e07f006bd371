"""Groups: the lines of a program back together as the ops and rules they came from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from torchlean_nb.compiler.listing import spelled
from torchlean_nb.compiler.lowering import NOWHERE, Graph, Origin


@dataclass(frozen=True)
class Group:
    """Lines that are a part of one op, or of one of its derivative rules.

    Parameters
    ----------
    origin : Origin
    lines : tuple of int
    texts : tuple of str
        What the lines compute.
    shape : tuple of int
        Of the last line.
    """

    origin: Origin
    lines: tuple[int, ...]
    texts: tuple[str, ...]
    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        """``linear (node 5)``, or ``linear (node 5), back to its argument 0``."""
        return str(self.origin) or "constants"

    def text(self, opened: bool = True) -> str:
        """One line, and if opened the primitives below it."""
        many = "1 line" if len(self.lines) == 1 else f"{len(self.lines)} lines"
        head = f"{'-' if opened else '+'} {self.name}: {many}, {self.shape}"
        return "\n".join([head, *(f"    {x}" for x in self.texts)] if opened else [head])


class Groups(tuple):
    """A tuple of `Group`, with a text in which some are opened."""

    __slots__ = ()

    def text(self, opened: Collection[int] = ()) -> str:
        """All groups; those of the nodes in `opened` with their lines."""
        return "\n".join(g.text(g.origin.node in opened) for g in self)

    def of(self, node: int) -> Groups:
        """Groups of one node: what it computes, then its way back."""
        return Groups(g for g in self if g.origin.node == node)

    def __repr__(self) -> str:
        return self.text()


def groups(graph: Graph, word: Mapping[int, str] | None = None) -> Groups:
    """Lines by what they came from, in order; leaves stand nowhere.

    A line that several have need of stands with the first of them.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> p = tl.compile(lambda x: tl.softmax(x * 2.0), [0.0, 1.0])
    >>> print(groups(p.graph).text(opened=[3]))
    + mul (node 2): 1 line, (2,)
    - softmax (node 3): 5 lines, (2,)
        %3 = max(%2, axis=-1, keepdims=True)
        %4 = sub(%2, %3)
        %5 = exp(%4)
        %6 = sum(%5, axis=-1, keepdims=True)
        %7 = div(%5, %6)
    """

    def name(i: int) -> str:
        return word[i] if word else f"%{i}"

    found: dict[Origin, list[int]] = {}
    for i, line in enumerate(graph.lines):
        if line.op not in ("input", "const"):
            found.setdefault(line.origin or NOWHERE, []).append(i)
    return Groups(
        Group(
            origin, tuple(lines), tuple(f"{name(i)} = {spelled(graph.lines[i], name)}" for i in lines),
            graph.lines[lines[-1]].shape,
        )
        for origin, lines in found.items()
    )  # fmt: skip
