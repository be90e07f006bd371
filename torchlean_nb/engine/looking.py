"""What a session shows of itself: traces, the stepper, ledgers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torchlean_nb.errors import HandleTypeError, HyperparameterError, quote

if TYPE_CHECKING:  # traces cost as much to load as the engine itself
    from torchlean_nb.trace.graph import GraphTrace
    from torchlean_nb.trace.ledger import Ledger


class Looking:
    """Mixin: a session's sweeps as data and pictures."""

    def trace(
        self, out: Any, seed: Any = None, names: Mapping[str, Any] | None = None, title: str = "", inside: Any = (),
    ) -> GraphTrace:
        """Forward values and backward sweep of `out` as data; ``names=locals()`` labels the nodes.

        `inside` is a composite (handle, name, id) to be shown as the rows it is made of, or a list of them; ``"all"``
        opens everything down to primitives.
        """
        from torchlean_nb.engine.tracing import trace  # noqa: PLC0415 - when someone looks

        inside = tuple(inside) if isinstance(inside, list | tuple | set | frozenset) else (inside,)
        which = None if inside == ("all",) else {self.node(k) for k in inside}
        names = {} if names is None else names
        if not isinstance(names, Mapping):
            what = f"trace: names is {type(names).__name__}"
            raise HandleTypeError(what, "a dict of name to handle", "names=locals()")
        return trace(self, self.node(out), seed, names, title, which)

    def show(self, out: Any = None, names: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Step through `out` (by default the last node) in the notebook."""
        if out is None:
            if not len(self.tape):
                return "empty graph: nothing has been recorded yet"
            out = self._grads.output if self._grads and self._grads._tape is self.tape else len(self.tape) - 1
        seen = {k: options.pop(k) for k in ("title", "seed", "inside") if k in options}
        if "inside" not in seen:  # a double click on a composite asks for the same sweep with it opened
            options.setdefault("opener", lambda ids: self.trace(out, names=names, inside=ids, **seen))
        return self.trace(out, names=names, **seen).show(**options)

    def ledger(self, wrt: Any, out: Any = None, *, by: str = "edge", cap: int = 24) -> Ledger:
        """Contributions that total to the gradient of `wrt`, from the last backward or from `out`.

        Parameters
        ----------
        by : {"edge", "path"}
            One row per arrow into the node, or one per full path from the output.
        cap : int
            Most paths listed; the others share one row.
        """
        from torchlean_nb.engine.tracing import paths  # noqa: PLC0415 - when someone looks
        from torchlean_nb.trace.ledger import Ledger  # noqa: PLC0415

        if by not in ("edge", "path") or not isinstance(cap, int) or cap < 1:
            what = f"ledger: by={quote(by)}, cap={quote(cap, 40)}"
            raise HyperparameterError(what, 'by is "edge" or "path", cap at least 1')
        out = self.grads.output if out is None else self.node(out)
        i = self.node(wrt, out)
        whole = self.trace(out)
        return Ledger.of(whole, i) if by == "edge" else Ledger.of_paths(whole, i, *paths(self, out, i, cap))
