"""Loaders of every format, fed with damage: an error of ours or an answer, in the memory of the file."""

from __future__ import annotations

import json
import sys
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest

import torchlean_nb as tl
from tests.fuzz.loaders import all_loaders, npy, one, same, warm
from tests.fuzz.shown import TRACES
from torchlean_nb.errors import TorchLeanError
from torchlean_nb.trace.frozen import Written

LOADERS = all_loaders()
# Files of some kinds take longer to make and to read than the others' whole test.
EXAMPLES = {"RaceArena state": 3, "answer": 40, "landscape": 40, "program": 40, "fair": 60}


@pytest.mark.parametrize("name", LOADERS)
def test_damaged_files_are_refused_or_read(name, tmp_path):
    loader, count = LOADERS[name], EXAMPLES.get(name, 120)
    warm(loader, tmp_path)
    found = [one(loader, n, tmp_path) for n in range(count)]
    assert not all(found) or name in ("command", "answer")  # the damage is felt; those two say so in their answer
    tracemalloc.start()
    try:
        for n in range(3):
            one(loader, count + n, tmp_path)
    finally:
        tracemalloc.stop()


# What an hour found: names of number types that are more, numbers without end, shapes and words of another kind.
FOUND = {
    "graph": (132, 438, 4140, 10568), "run": (636,), "sweep": (657, 8403, 10705), "race": (933,), "boundary": (1350,),
    "fair": (3038,), "program": (4329,), "paramio": (8894,), "RaceArena state": (216, 267),
}  # fmt: skip


@pytest.mark.parametrize(("name", "n"), [(name, n) for name, ns in FOUND.items() for n in ns])
def test_what_was_found_once_stays_repaired(name, n, tmp_path):
    one(LOADERS[name], n, tmp_path)


def test_a_file_gives_back_what_it_took_with_its_types(tmp_path):
    arrays = {t: np.arange(3).astype(t) for t in ("int64", "float64", "float32", "float16", "uint8", "bool", "int32")}
    tl.save(tmp_path / "x", arrays)
    assert same(dict(tl.load(tmp_path / "x")), arrays)


def work(f):
    """How many functions are called, in Python and in C."""
    count = 0

    def note(frame, event, arg):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        with suppress(TorchLeanError):
            f()
    finally:
        sys.setprofile(before)
    return count


LONG = {
    "csv": lambda n: b"1,2\n" * n,
    "csv with labels": lambda n: b"x,y\n" + b"1,a\n2,b\n" * n,
    "paramio": lambda n: tl.saving.paramio.encode([np.ones(n)]).encode(),
    "formula": lambda n: b"+".join([b"x"] * (n // 20)),
    "answer": lambda n: json.dumps([1.0] * n).encode(),
    "npy": lambda n: npy()[0] + b"0" * n,
}


@pytest.mark.parametrize("name", LONG)
def test_twice_the_file_is_no_more_than_twice_the_work(name, tmp_path):
    loader, make = LOADERS[name], LONG[name]
    loader.read(make(20), tmp_path) if name != "npy" else None
    one, two = (work(lambda n=n: loader.read(make(n), tmp_path)) for n in (1500, 3000))
    assert two <= 2.2 * one + 200


def test_every_trace_has_a_loader_here():
    """A new format is fuzzed from its first day."""
    made = {c.__name__ for c in Written.__subclasses__()} | {"GraphTrace"}
    assert {loader.__name__ for loader, _ in TRACES.values()} >= {n for n in made if n != "Ledger"}
