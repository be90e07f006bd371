"""Backends: how a session gets values and derivatives from what it has recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from torchlean_nb.engine import backward as _sweeps
from torchlean_nb.engine.gradients import Gradients
from torchlean_nb.engine.tape import Tape
from torchlean_nb.errors import BackendError, quote

# The compiled one sits a floor up and is loaded by the first session that asks for it.
BACKENDS = {"eager": "torchlean_nb.engine.backends:Eager", "compiled": "torchlean_nb.compiler.replay:Replaying"}


class Eager:
    """Every op computes as it is recorded, and sweeps read the tape."""

    program: Any = None

    def tape(self, *args: Any, **options: Any) -> Tape:
        """A new tape."""
        return Tape(*args, **options)

    def backward(self, session: Any, out: int, seed: Any, hook: Callable[[int, Any], Any] | None) -> Gradients:
        """Gradients of a node."""
        return _sweeps.backward(session, out, seed, hook)

    def forward(self, session: Any, out: int, tangents: Mapping[Any, Any]) -> Any:
        """Tangent of a node."""
        return _sweeps.forward(session, out, tangents)

    def brief(self) -> str:
        """What a session's repr adds."""
        return ""

    def explain(self) -> str:
        """How it works, in words and numbers."""
        return "Every op computes when it is recorded; nothing is compiled."


def backend(name: Any) -> Any:
    """A new backend.

    Raises
    ------
    BackendError
        For a name that is none.
    """
    if not isinstance(name, str) or name not in BACKENDS:
        hint = " or ".join(f'backend="{k}"' for k in BACKENDS)
        raise BackendError(f"Session: backend {quote(name)} is not available", None, hint)
    module, _, attr = BACKENDS[name].partition(":")
    return getattr(import_module(module), attr)()
