"""A sweep as a data frame of pandas."""

from __future__ import annotations

import sys

import pytest

import torchlean_nb as tl
from torchlean_nb import errors


def test_the_columns_are_those_of_the_frame():
    pytest.importorskip("pandas")
    found = tl.race.sweep(["sgd", "bfgs"], on="sphere", lr=[0.1, 0.2], steps=5)
    frame = found.to_frame()
    assert [*frame] == [*found] and frame["final"].tolist() == found["final"].tolist()
    assert frame["optimizer"].tolist() == ["sgd", "sgd", "bfgs"] and frame["lr"].isna().tolist() == [False, False, True]
    assert frame.groupby("optimizer")["best"].min()["sgd"] == found.select(optimizer="sgd").best()["median"]


def test_without_pandas_it_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(errors.BackendError, match="pip install pandas"):
        tl.race.sweep("sgd", on="sphere", steps=2).to_frame()
