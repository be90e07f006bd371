"""What a notebook keeps of cells that were run again: IPython holds up to a thousand results in ``Out``."""

from __future__ import annotations

import sys
from typing import Any

# Whose results are let go. A learner's own arrays stay, as IPython promises.
_OURS = ("torchlean_nb", "matplotlib")


class Outputs:
    """Lets go of what a cell showed before, once it was run again; the newest result of each cell stays.

    Parameters
    ----------
    shell : InteractiveShell
    """

    def __init__(self, shell: Any):
        self.shell = shell
        self.newest: dict[str, int] = {}

    def __call__(self, result: Any) -> None:
        """After a cell was run."""
        cell, number = getattr(result.info, "cell_id", None), result.execution_count
        if cell is None or number is None:
            return
        before, self.newest[cell] = self.newest.get(cell, number), number
        if before == number:
            return
        # What was drawn of it is in the history of IPython 9, as text.
        getattr(self.shell.history_manager, "outputs", {}).pop(before, None)
        held = self.shell.user_ns.get("_oh", {})
        if any(c.__module__.partition(".")[0] in _OURS for c in type(held.get(before)).__mro__):
            del held[before]
            for names in (self.shell.user_ns, self.shell.user_ns_hidden):
                names.pop(f"_{before}", None)


def shown() -> None:
    """Something large is being shown: from now on the notebook, if this is one, keeps only the newest of each cell.

    Examples
    --------
    >>> shown()
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", bool)()
    if hasattr(shell, "kernel") and not any(isinstance(f, Outputs) for f in shell.events.callbacks["post_run_cell"]):
        shell.events.register("post_run_cell", Outputs(shell))
