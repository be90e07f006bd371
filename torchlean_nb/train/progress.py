"""A progress bar for the notebook and the terminal, drawn at most ten times a second."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

INTERVAL = 0.1
QUIET = ("lr", "grad_norm", "epoch", "epoch_loss")


def someone_looks() -> bool:
    """Whether output goes to a terminal or a notebook: elsewhere a bar is noise."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", bool)()
    return hasattr(shell, "kernel") or bool(getattr(sys.stderr, "isatty", bool)())


def bar(total: int, start: int) -> Any:
    """tqdm's bar for where we are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns in a notebook without ipywidgets, and then does the right thing
        from tqdm.auto import tqdm  # noqa: PLC0415 - slow to load, and often not wanted

        return tqdm(total=total, initial=start, unit="step", miniters=1 << 60, mininterval=3600, leave=True)


class Progress:
    """Shows how far a training is.

    Parameters
    ----------
    total : int
    shown : bool
    make : callable
        ``make(total, start)`` gives something with tqdm's ``n``, ``set_postfix_str``, ``refresh`` and ``close``.
    clock : callable

    Examples
    --------
    >>> progress = Progress(10, shown=False)
    >>> progress.start()
    >>> progress.at(3, {"loss": 0.5})
    >>> progress.close()
    """

    def __init__(
        self, total: int, shown: bool = True, make: Callable[[int, int], Any] = bar,
        clock: Callable[[], float] = time.monotonic,
    ):  # fmt: skip
        self._make: Any = (lambda: make(total, 0)) if shown else lambda: None
        self._bar: Any = None
        self._seen: dict[str, float] = {}
        self._clock, self._next = clock, clock()

    def start(self) -> None:
        """Show the bar."""
        self._bar = self._make()

    def at(self, done: int, values: Mapping[str, float]) -> None:
        """So many steps are done; the latest value of everything is shown, but for what is no result."""
        if self._bar is not None:
            self._seen.update(values)
            if self._clock() >= self._next:
                self._draw(done)

    def _draw(self, done: int) -> None:
        self._bar.n = done
        shown = (f"{k}={v:.4g}" for k, v in self._seen.items() if k not in QUIET)
        self._bar.set_postfix_str(", ".join(shown), refresh=False)
        self._bar.refresh()
        self._next = self._clock() + INTERVAL

    def close(self, done: int | None = None, values: Mapping[str, float] | None = None) -> None:
        """Draw it a last time and leave it."""
        if self._bar is not None:
            self._seen.update(values or {})
            if done is not None:
                self._draw(done)
            self._bar.close()
            self._bar = None
