"""Loaders of what is shown: every trace that JSON can bring, and what can be pasted back into a widget."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

import torchlean_nb as tl
from tests import _dashboards, _fair, _landscapes, _programs, _traces
from tests.fuzz.loaders import JSON, Loader, text
from torchlean_nb.trace.boundary import BoundaryTrace
from torchlean_nb.trace.confusion import ConfusionMatrix
from torchlean_nb.trace.fair import FairTrace
from torchlean_nb.trace.graph import GraphTrace
from torchlean_nb.trace.landscape import LandscapeTrace
from torchlean_nb.trace.program import ProgramTrace
from torchlean_nb.trace.race import RaceTrace
from torchlean_nb.trace.run import RunTrace
from torchlean_nb.trace.sweep import SweepTrace
from torchlean_nb.trace.train_log import TrainLog
from torchlean_nb.widgets.race_arena import RaceArena
from torchlean_nb.widgets.schedule_designer import ScheduleDesigner


def boundary() -> BoundaryTrace:
    r = np.random.default_rng(0)
    return BoundaryTrace(
        name="moons", steps=[0, 5], loss=[np.nan, 0.5], codes=r.integers(0, 254, (2, 4, 5)),
        points=r.normal(size=(6, 2)), targets=[0, 1, 1, 0, 1, 0],
        guesses=r.integers(0, 2, (2, 6)), bounds=(-1.0, 2.0, 0.0, 1.5), labels=("a", "b"),
    )  # fmt: skip


@cache
def samples(which: str) -> list[Any]:
    """The JSON of a trace or two, as data."""
    return [json.loads(made.to_json()) for made in TRACES[which][1]()]


TRACES: dict[str, tuple[Any, Callable[[], list[Any]]]] = {
    "graph": (GraphTrace, lambda: [_traces.two_layers(), _traces.scalar()]),
    "run": (RunTrace, lambda: [_dashboards.run(steps=6, every=2)]),
    "log": (TrainLog, lambda: [_dashboards.run(steps=6, every=2).to_train_log()]),
    "race": (RaceTrace, lambda: [tl.race(["sgd", "adam"], on="rosenbrock", steps=3)]),
    "sweep": (SweepTrace, lambda: [tl.race.sweep(["sgd"], on="sphere", lr=[0.1, 0.2], steps=5)]),
    "fair": (FairTrace, lambda: [_fair.both()]),
    "landscape": (LandscapeTrace, lambda: [_landscapes.wave()]),
    "program": (ProgramTrace, lambda: [_programs.trace()]),
    "boundary": (BoundaryTrace, lambda: [boundary()]),
    "confusion": (ConfusionMatrix, lambda: [ConfusionMatrix.from_labels([0, 1, 1, 0], [0, 1, 0, 0])]),
}


def read(cls: Any) -> Callable[[bytes, Path], Any]:
    """From JSON, and looked at as text: what is taken can be shown."""

    def both(source: str) -> Any:
        found = cls.from_json(source)
        if hasattr(found, "to_text"):
            found.to_text()
        return found

    return text(both)


def again(cls: Any) -> Callable[[Any, Path], None]:
    def check(found: Any, _: Path) -> None:
        assert cls.from_json(found.to_json()).to_json() == found.to_json()

    return check


@cache
def states(which: Any) -> list[Any]:
    said = {"chosen": "cosine", "path": ["a", 0], "off": [0], "at": 3, "log": True, "opened": [1]}
    return [json.loads(json.dumps(which().now | said)), json.loads(json.dumps(which().now))]


def pasted(which: Any) -> Callable[[str], Any]:
    def read(source: str) -> Any:
        w = which(state=source)
        try:
            w.to_text()
        finally:
            w.close()
        return None

    return read


SHOWN: dict[str, Loader] = {
    name: Loader(partial(samples, name), read(cls), again(cls), JSON) for name, (cls, _) in TRACES.items()
} | {
    f"{which.__name__} state": Loader(partial(states, which), text(pasted(which)), None, JSON)
    for which in (RaceArena, ScheduleDesigner)
}
