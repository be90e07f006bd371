"""Optimizers refuse what makes no sense, name it, and change nothing."""

import csv
from pathlib import Path

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors

TABLE = Path(__file__).parents[1] / "data" / "bad_optim.csv"
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r["id"])
def test_bad_input(row):
    s = tl.Session()
    w, b = s.param([1.0, 2.0], name="w"), s.param([3.0], name="b")
    opt, x = tl.optim.Adam([w], lr=0.1), s.input([1.0])

    def edited(**options):
        opt.param_groups[0].update(options)
        return opt

    world = {
        "tl": tl, "np": np, "s": s, "w": w, "b": b, "opt": opt, "x": x, "edited": edited,
        "other_w": tl.Session().param([1.0], name="w"),
    }  # fmt: skip
    ours, builtin = row["exception"].split(":")
    base = getattr(__builtins__, builtin, None) or __builtins__[builtin]
    before = s.digest(), opt.snapshot().state, len(opt.param_groups)
    with pytest.raises(base) as caught:
        eval(row["code"], world)
    if ours:
        assert isinstance(caught.value, getattr(errors, ours)), repr(caught.value)
    for word in filter(None, row["mentions"].split(";")):
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"
    assert (s.digest(), opt.snapshot().state, len(opt.param_groups)) == before
