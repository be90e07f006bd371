"""Nothing is lost: every bad input gives the right error, names what it must, and changes nothing."""

from __future__ import annotations

import builtins
import csv
import traceback
from collections import Counter
from pathlib import Path

import pytest

from tests.reliability.bad_world import World
from torchlean_nb.errors import CheckpointError, TorchLeanError
from torchlean_nb.saving import paths

TABLE = Path(__file__).parents[1] / "data" / "bad_inputs.csv"
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))

# Area: fewest rows, and the numbers of the mistakes that must be covered, here or below.
AREAS = {
    "session": (42, "1 3-4 6-11 13 15-26"),
    "create": (38, "1-3 5-7 9 11-12 15-17 21-24 27-30"),
    "ops": (78, "2-3 5-6 8 10-15 17 19-20 23 25-28 30-37 39 41-46 48-51 54-57"),
    "backward": (25, "1-2 4 6-7 9-10 12-21"),
    "groups": (53, "1-2 4-7 9 11-15 18-19 21-26"),
    "optim": (83, "3-6 8 10-26 28 30-35 37-38"),
    "sched": (119, "1-5 7-12 14-16 18 20-30 32-33 39-45"),
    "checkpoint": (69, "2-3 5-6 8 11-16 18-22 25-28 30-38 40-45"),
    "npy": (65, "2 4 6-11 13-16 19-22 24-28 30-31 34-35"),
    "csv": (164, "1-3 6-7 9-10 12-14 16-18 20-25 27-38"),
    "labels": (31, "1-2 4-10 12-15 17-23 26 28-29 31"),
    "widgets": (14, "2-4 6-7 9-12"),
    "expr": (20, "1-3 5-7 10 12 14-15 17"),
    "backend": (11, "1 3 5-10"),
    "lesson": (14, "2-12"),
}
# What has no row, and why.
WITHOUT_A_ROW = {
    "backward-016": "a hook is an argument of one sweep, there is no handle to remove",
    "labels-019": "groups of a drawing are paths of scopes, a path cannot contain itself",
    "widgets-007": "tests/load runs whole lessons again and again",
    "lesson-003": "lessons come without files of data",
    "lesson-006": "graders read answers, they run no function of a student",
    "lesson-007": "graders read answers, they run no function of a student",
    "lesson-010": "tests/load runs whole lessons again and again",
    "backend-009": "sums of one element over a device's threads exist on a device only: tests/gpu",
    "backend-010": "pip refuses an older NumPy when the package is installed",
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tmp_path_factory.mktemp("rows")


@pytest.fixture
def world(base, monkeypatch, request):
    folder = base / request.node.callspec.id / "folder"
    folder.mkdir(parents=True)
    return World(folder, monkeypatch)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r["id"])
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_bad_input_is_refused_by_name_or_handled_and_nothing_is_lost(row, world):
    world.give(row["given"])
    do, before = world.run(row["code"]), world.settle()
    if row["exception"]:
        ours, builtin = row["exception"].split(":")
        with pytest.raises(getattr(builtins, builtin)) as caught:
            do()
        if ours:
            assert isinstance(caught.value, TorchLeanError), "".join(traceback.format_exception(caught.value))
            assert type(caught.value).__name__ == ours, repr(caught.value)
        for word in filter(None, row["names"].split(";")):
            assert word in str(caught.value), f"{word!r} is not in: {caught.value}"
    else:
        assert do() is True, row["names"]
    if row["state"] == "same":
        assert world.state() == before, "something changed"


def test_every_area_has_its_rows_and_every_mistake_is_covered():
    wanted = {f"{area}-{n:03}" for area, (_, parts) in AREAS.items() for n in numbers(parts)}
    covered = {word for row in ROWS for word in row["also"].split()}
    assert covered | set(WITHOUT_A_ROW) == wanted and covered.isdisjoint(WITHOUT_A_ROW)
    counts = Counter(row["area"] for row in ROWS)
    assert counts.keys() == AREAS.keys() and all(counts[area] >= fewest for area, (fewest, _) in AREAS.items())


def numbers(parts):
    for part in parts.split():
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def test_rows_are_told_apart_and_a_row_without_an_error_says_how_it_is_handled():
    assert [i for i, n in Counter(row["id"] for row in ROWS).items() if n > 1] == []
    assert [row["id"] for row in ROWS if not row["exception"] and not row["names"]] == []
    assert {row["state"] for row in ROWS} == {"same", "done"}
    assert [row["id"] for row in ROWS if row["exception"] and row["state"] != "same"] == []


def test_every_error_of_a_path_is_a_checkpoint_error():
    for kind in (paths.MissingCheckpointError, paths.CheckpointFolderError, paths.CheckpointExistsError,
                 paths.CheckpointPermissionError):  # fmt: skip
        error = kind("what", "why", "hint")
        assert isinstance(error, CheckpointError) and str(error) == "what\n  why\n  try: hint"
