"""ProgramView: a compiled program, one line at a time, with its source, its arrays and its passes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torchlean_nb.errors import HandleTypeError, HyperparameterError
from torchlean_nb.render.program_payload import program_payload
from torchlean_nb.render.program_svg import program_svg
from torchlean_nb.render.program_text import program_text
from torchlean_nb.trace.program import FORMAT, ProgramTrace
from torchlean_nb.widgets.base import View


class ProgramView(View):
    """Steps through a compiled program: lines beside their source, values, arrays that are used again, passes.

    Parameters
    ----------
    program : Program, ProgramTrace or mapping
        What ``tl.compile`` made, what its `trace` gave, or the plain form of that.
    *args : array_like
        Arguments of the run of a Program; those it was compiled with by default.
    step : int, optional
        Line to begin with; the last by default.
    profile : bool
        Whether to measure how long each line of a Program takes.
    controls, title, presentation, state
        As for every widget.

    Raises
    ------
    HandleTypeError, HyperparameterError, TraceFormatError

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> p = tl.compile(lambda a, x, b: tl.relu(a * x + b), *[[1.0, -2.0]] * 3)
    >>> ProgramView(p, step=1)
    ProgramView('function': step 1 of 3. %3 = mul(a, x) is written into t0. 16 bytes are held, the most there is.)
    """

    def __init__(
        self,
        program: Any,
        *args: Any,
        step: int | None = None,
        profile: bool = False,
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        self.trace = _trace(program, args, profile)
        payload = program_payload(self.trace)
        super().__init__(payload, steps=len(payload["lines"]), step=step, controls=controls,
                         title=title or payload["title"], presentation=presentation, state=state)  # fmt: skip

    def describe(self) -> str:
        """Step and its sentence."""
        return f"{super().describe()}. {self.payload['narration'][self.step]}" if self.steps else "nothing to compute"

    def to_svg(self) -> str:
        """Picture of the lines and the arrays at the current step."""
        return program_svg(self.trace, self.step)

    def to_text(self) -> str:
        """Lines, arrays and passes as tables."""
        return program_text(self.trace)

    def to_dict(self) -> dict[str, Any]:
        """Plain form of the trace."""
        return self.trace.to_dict()


def _trace(program: Any, args: tuple[Any, ...], profile: bool) -> ProgramTrace:
    if isinstance(program, Mapping) and program.get("format") == FORMAT:
        program = ProgramTrace.from_dict(program)
    if isinstance(program, ProgramTrace):
        if args or profile:
            raise HyperparameterError("ProgramView: a trace has run already", None, "ProgramView(program, *args)")
        return program
    if hasattr(program, "graph") and hasattr(program, "plan") and hasattr(program, "trace"):
        return program.trace(*args, profile=profile)
    raise HandleTypeError(
        f"ProgramView: expected a compiled program, got {type(program).__name__}", None, "tl.compile(f, x) makes one"
    )
