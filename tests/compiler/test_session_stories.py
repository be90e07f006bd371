"""The stories of eager sessions, told twice to sessions that share what they have seen: the second time is replayed."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from inspect import signature
from pathlib import Path

import pytest

import torchlean_nb as tl
from torchlean_nb.compiler.replay import Replaying
from torchlean_nb.engine import session

HERE = Path(__file__).parents[1] / "engine"
SLOW = {"test_long_chains_need_no_recursion"}
EMPTY = {"test_integer_cells_are_checked", "test_a_session_belongs_to_its_thread", "test_a_closed_session_says_so"}


def stories():
    """Tests of the engine that need nothing, or a session."""
    for name in ("test_session", "test_tape", "test_numpy", "test_opening"):
        spec = spec_from_file_location(f"replayed_{name}", HERE / f"{name}.py")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        for title, f in vars(module).items():
            told = title.startswith("test_") and title not in SLOW and not hasattr(f, "pytestmark")
            if told and not hasattr(f, "hypothesis") and set(signature(f).parameters) <= {"s"}:
                yield pytest.param(f, id=f"{name}.{title}")


@pytest.mark.parametrize("story", list(stories()))
def test_a_story_of_eager_sessions_holds_when_it_is_replayed(story, monkeypatch):
    shared, way = Replaying(), session.way
    shared.brief = str
    monkeypatch.setattr(session, "way", lambda name: shared if name == "eager" else way(name))
    for _ in range(2):
        story(*[tl.Session(seed=0) for _ in signature(story).parameters])
    assert bool(shared.book.root.kids) == (story.__name__ not in EMPTY)
