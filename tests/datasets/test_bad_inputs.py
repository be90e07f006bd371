"""Bad files, bad rows and bad states are refused in words that name the place, and nothing is changed by them."""

from __future__ import annotations

import builtins
import csv
import os
from pathlib import Path

import pytest

from tests.datasets.recipes import SCOPE
from torchlean_nb import data, errors

TABLES = Path(__file__).parents[1] / "data"
ROWS = [
    row for name in ("bad_csv", "bad_npy")
    for row in csv.DictReader((TABLES / f"{name}.csv").read_text(encoding="utf-8").splitlines())
]  # fmt: skip


def contents(folder):
    return {p: p.read_bytes() if p.is_file() and p.stat().st_size < 10**7 else None for p in sorted(folder.rglob("*"))}


@pytest.fixture
def world(tmp_path):
    ds = data.Dataset([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0], [8.0, 9.0]], [0, 1, 0, 1, 0])
    loader = data.DataLoader(ds, 2, seed=3)
    lcg_loader = data.DataLoader(ds, 2, seed=3, order="torchlean")
    loader.next_batch(), lcg_loader.next_batch()
    (tmp_path / "inner").mkdir()
    link = tmp_path / "inner" / "link.csv"
    link.symlink_to(tmp_path / "input")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    names = {name: getattr(data, name) for name in data.__all__}
    return {
        **SCOPE, **names, "ds": ds, "loader": loader, "lcg_loader": lcg_loader, "state": loader.state_dict(),
        "lcg_state": lcg_loader.state_dict(), "folder": tmp_path, "path": tmp_path / "input", "link": link,
        "pipe": tmp_path / "pipe",
    }  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r["id"])
def test_bad_input_is_refused_by_name_and_changes_nothing(row, world):
    content = eval(row["content"], dict(world))
    if isinstance(content, int):
        with world["path"].open("wb") as f:
            f.truncate(content)
    else:
        world["path"].write_bytes(content)
    files, digest = contents(world["folder"]), world["ds"].digest
    ours, builtin = row["exception"].split(":")
    with pytest.raises(getattr(builtins, builtin)) as caught:
        eval(row["code"], dict(world))
    if ours:
        assert type(caught.value) is getattr(errors, ours), repr(caught.value)
    for word in row["mentions"].split(";"):
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"
    assert contents(world["folder"]) == files
    assert data.Dataset(*world["ds"].arrays).digest == digest
    assert world["loader"].state_dict() == world["state"]
    assert world["lcg_loader"].state_dict() == world["lcg_state"]


def test_ids_are_unique():
    assert len({r["id"] for r in ROWS}) == len(ROWS)
