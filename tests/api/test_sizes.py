"""A file fits in the head: none over 400 lines, half of them under 200."""

from __future__ import annotations

from statistics import median

from _project import PACKAGE, files

LINES = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in files(".py", ".js", ".css", under=PACKAGE)}


def test_no_file_is_longer_than_400_lines():
    assert {p.name: n for p, n in LINES.items() if n > 400} == {}


def test_the_median_file_is_short():
    assert median(LINES.values()) <= 200
