"""Bad schedules are refused when they are made, by name, with what is allowed, and nothing is written."""

from __future__ import annotations

import builtins
import csv
from pathlib import Path
from types import SimpleNamespace

import pytest

from torchlean_nb import errors, schedules
from torchlean_nb.schedules import lr_scheduler

ROWS = list(csv.DictReader((Path(__file__).parent / "bad_schedules.csv").read_text(encoding="utf-8").splitlines()))


def opt(lr=0.1):
    return SimpleNamespace(param_groups=[{"lr": lr, "momentum": 0.9}])


def past(scheduler):
    while True:
        scheduler.step()


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r["id"])
def test_bad_schedules_are_refused_by_name(row):
    ours, builtin = row["exception"].split(":")
    made = []

    def new(*args):
        made.append(opt(*args))
        return made[-1]

    scope = {
        "tl": lr_scheduler, "schedules": schedules, "opt": new, "O": opt(), "past": past, "nan": float("nan"),
        "no_groups": SimpleNamespace(param_groups=[]),
    }  # fmt: skip
    with pytest.raises(getattr(errors, ours)) as caught:
        eval(row["code"], scope)
    assert type(caught.value) is getattr(errors, ours) and isinstance(caught.value, getattr(builtins, builtin))
    for word in row["mentions"].split(";"):
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"
    if made and ").step(" not in row["code"] and "past" not in row["code"] and row["id"] != "sequence-optimizers":
        assert str(made[0].param_groups) == str(opt(made[0].param_groups[0]["lr"]).param_groups)


def test_ids_are_unique():
    assert len({r["id"] for r in ROWS}) == len(ROWS)
