"""Leaderboard: who is where on every problem, how much the learning rate matters, and what was equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torchlean_nb.errors import HandleTypeError, UnknownNameError, did_you_mean, quote
from torchlean_nb.render.fair_payload import contenders_of, fair_payload
from torchlean_nb.render.fair_svg import fair_svg
from torchlean_nb.render.fair_text import fair_text
from torchlean_nb.trace.fair import FairTrace
from torchlean_nb.trace.judging import METRICS
from torchlean_nb.widgets.base import View


class Leaderboard(View):
    """A fair comparison: places, loss against learning rate with the seeds as bands, what was equal and what was not.

    Parameters
    ----------
    trace : FairTrace
    metric : {"best", "median", "steps", "area"}
        What places are given for at first: the loss at the best rate, the loss that is the median over the rates, the
        time to the target, the mean loss on the way.
    controls, title, presentation, state
        As for every widget.

    Raises
    ------
    HandleTypeError, UnknownNameError

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> tl.race.fair(["sgd", "adam"], on="sphere", seeds=1, steps=50).show()
    Leaderboard('Fair comparison': 2 contenders on sphere, fair; best: 1 sgd, 2 adam)
    """

    def __init__(
        self,
        trace: FairTrace,
        metric: str = "best",
        *,
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        if not isinstance(trace, FairTrace):
            raise HandleTypeError(f"Leaderboard: expected a FairTrace, got {type(trace).__name__}", None,
                                  'tl.race.fair(["sgd", "adam"]).show()')  # fmt: skip
        if not isinstance(metric, str) or metric not in METRICS:
            raise UnknownNameError(f"Leaderboard: metric {quote(metric)}", did_you_mean(str(metric), METRICS))
        self.trace = trace
        super().__init__(
            fair_payload(trace), controls=controls, presentation=presentation, state=state,
            title=title or "Fair comparison", metric=metric,
        )  # fmt: skip

    @property
    def metric(self) -> str:
        """What places are given for now."""
        chosen = self.state.get("metric")
        return chosen if chosen in METRICS else self.options["metric"]

    def describe(self) -> str:
        """Who ran on what, whether it was fair, and the places on the first problem."""
        names, problems = contenders_of(self.trace), self.payload["problems"]
        first = self.trace.contests[0].ranking(self.metric) if len(self.trace) else {}
        places = ", ".join(f"{p} {self.payload['names'][names.index(n)]}" for n, p in first.items())
        many = f"{len(names)} contender{'s' * (len(names) != 1)}"
        said = f"{many} on {', '.join(problems)}, {'fair' if self.trace.fair else 'not fair'}"
        return f"{said}; {self.metric}: {places}"

    def to_svg(self) -> str:
        """Picture of what is shown now."""
        return fair_svg(self.trace, self.metric)

    def to_text(self) -> str:
        """Leaderboards, what was equal, and what a referee has to say."""
        return fair_text(self.trace, self.metric)
