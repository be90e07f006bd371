"""Nothing is lost: every bad input gives the right error, names what it must, and changes nothing."""

from __future__ import annotations

import builtins
import csv
import traceback
from collections import Counter
from pathlib import Path

import pytest

from tests.reliability.bad_world import World
from torchlean_nb import errors
from torchlean_nb.saving import paths

TABLE = Path(__file__).parents[1] / "data" / "bad_inputs.csv"
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))


@pytest.fixture
def world(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    return World(tmp_path / "folder", monkeypatch)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r["id"])
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_bad_input_is_refused_by_name_or_handled_and_nothing_is_lost(row, world):
    world.give(row["given"])
    do, before = world.run(row["code"]), world.settle()
    if row["exception"]:
        ours, builtin = row["exception"].split(":")
        with pytest.raises(getattr(builtins, builtin)) as caught:
            do()
        kind = getattr(errors, ours, None) or getattr(paths, ours, None) or getattr(builtins, builtin)
        assert isinstance(caught.value, kind), "".join(traceback.format_exception(caught.value))
        for word in filter(None, row["names"].split(";")):
            assert word in str(caught.value), f"{word!r} is not in: {caught.value}"
    else:
        assert do() is True, row["names"]
    if row["state"] == "same":
        assert world.state() == before, "something changed"


def test_ids_are_unique_and_begin_with_an_area():
    assert [i for i, n in Counter(row["id"] for row in ROWS).items() if n > 1] == []


def test_every_error_of_a_path_is_a_checkpoint_error():
    for kind in (paths.MissingCheckpointError, paths.CheckpointFolderError, paths.CheckpointExistsError,
                 paths.CheckpointPermissionError):  # fmt: skip
        error = kind("what", "why", "hint")
        assert isinstance(error, errors.CheckpointError) and str(error) == "what\n  why\n  try: hint"
