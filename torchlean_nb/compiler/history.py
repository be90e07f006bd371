"""History: what became of a function pass by pass, and everything else there is to read about a program.

Nothing is kept while a program is made, and nothing that reads is loaded; what is asked for is worked out again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

from torchlean_nb.compiler.arguments import as_arguments, names_of
from torchlean_nb.compiler.recording import SymbolTape
from torchlean_nb.compiler.source import words
from torchlean_nb.errors import HyperparameterError, quote

if TYPE_CHECKING:
    from torchlean_nb.compiler.diffs import Pass
    from torchlean_nb.compiler.groups import Groups
    from torchlean_nb.compiler.lanes import Lanes
    from torchlean_nb.compiler.listing import Shapes
    from torchlean_nb.compiler.lowering import Graph
    from torchlean_nb.compiler.profile import Profile


EXACT_NEEDS = {"pow", "sub", "max_pool"}  # without one of these no exact rewrite can be made, and none is loaded


def _part(name: str) -> Any:
    """A module that reads, when someone looks."""
    return import_module(f"torchlean_nb.compiler.{name}")


def count(graph: Graph) -> int:
    """Lines that are no leaves."""
    return sum(x.op not in ("input", "const") for x in graph.lines)


def otherwise(f: Callable[..., Any], rewrite: Any = False) -> Callable[..., Any]:
    """A function that is rewritten when it is traced for a program; elsewhere it runs as it is.

    Parameters
    ----------
    f : callable
        Takes Tensors, returns a Tensor or a tuple of them.
    rewrite : bool or sequence of Rewrite
        Those that keep all bits (False), every one, or rows of one's own.

    Raises
    ------
    HyperparameterError
    """
    if not isinstance(rewrite, bool):
        kind = _part("rewrites").Rewrite
        if not isinstance(rewrite, list | tuple) or not all(isinstance(r, kind) for r in rewrite):
            raise HyperparameterError(f"compile: rewrite={quote(rewrite)}", "True, False, or a list of Rewrite")

    @wraps(f, updated=())
    def traced(*handles: Any) -> Any:
        tape = getattr(handles[0], "tape", None) if handles else None
        if not isinstance(tape, SymbolTape):
            return f(*handles)
        start, found = len(tape), f(*handles)
        if rewrite is False and EXACT_NEEDS.isdisjoint([getattr(op, "name", "") for op, *_ in tape.records[start:]]):
            return found
        return _part("rewrites").again(found, handles, start, chosen(rewrite))

    traced.__name__, traced.rewrite = getattr(f, "__name__", type(f).__name__), rewrite
    return traced


def chosen(rewrite: Any) -> Sequence[Any]:
    """The rows that an option stands for."""
    if isinstance(rewrite, bool):
        return _part("rewrites_table").REWRITES if rewrite else _part("rewrites_exact").EXACT
    return rewrite


class Reading:
    """What a Program tells about itself.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> p = tl.compile(lambda x: tl.relu(x * 2.0) + 1.0 * 3.0, [0.0, 1.0])
    >>> [(x.name, x.summary) for x in p.passes]
    [('lower', '3 nodes are 3 primitives')]
    """

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Every pass that changed something, from the function's own nodes to the lines that run."""
        return tuple(_part("diffs").history(self))

    def shapes(self) -> Shapes:
        """Shape inference: for each line its arguments' shapes, the rule that was asked, and what came out."""
        return _part("listing").shapes(self.graph, self.plan, self._words())

    def groups(self) -> Groups:
        """Lines back together as the ops and rules they came from."""
        return _part("groups").groups(self.graph, self._words())

    def lanes(self) -> Lanes:
        """Which lines share an array, from when to when."""
        return _part("lanes").lanes(self.graph, self.plan)

    def profile(self, *args: Any, repeat: int = 50) -> Profile:
        """Time and bytes of each line, measured by running the statements one at a time.

        A program of lone numbers runs over Python floats; what is measured then are its statements over arrays.

        Parameters
        ----------
        *args : array_like
            Arguments of the runs; the examples by default.
        repeat : int
            Of so many runs the median is taken.

        Raises
        ------
        HandleTypeError, HyperparameterError
        """
        arrays = list(as_arguments(args, device=self.far) if args else self.examples)
        made, names = self._for(arrays), names_of(self.f, len(arrays))
        return _part("profile").profile(made.graph, made.plan, names, arrays, repeat, self.far)

    def _words(self) -> dict[int, str]:
        return words(self.graph, self.plan, names_of(self.f, len(self.examples)))
