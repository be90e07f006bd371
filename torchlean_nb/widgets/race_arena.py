"""RaceArena: optimizers race over a surface; paths, curves, and a row of knobs for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torchlean_nb.race.running import run
from torchlean_nb.render.race_payload import race_payload
from torchlean_nb.trace.race import RaceTrace
from torchlean_nb.widgets.base import View


class RaceArena(View):
    """Race of optimizers over a surface."""

    def __init__(
        self,
        what: Any = None,
        on: Any = "rosenbrock",
        start: Any = None,
        steps: int = 200,
        target: float | None = None,
        seed: int = 0,
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        self.trace = what if isinstance(what, RaceTrace) else run(what, on, start, steps, seed=seed)
        super().__init__(
            race_payload(self.trace, target=target), steps=int(self.trace.steps[-1]), controls=controls,
            title=title or "Optimizer race", presentation=presentation, state=state,
        )  # fmt: skip

    def to_text(self) -> str:
        """Table."""
        return self.trace.to_text()
