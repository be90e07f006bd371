"""A file fits in the head: none over 400 lines, those of the tests included; half of the package's under 200."""

from __future__ import annotations

from statistics import median

from _project import PACKAGE, ROOT, files

LINES = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in files(".py", ".js", ".mjs", ".css")}


def test_no_file_is_longer_than_400_lines():
    assert {str(p.relative_to(ROOT)): n for p, n in LINES.items() if n > 400} == {}


def test_the_median_file_is_short():
    assert median(n for p, n in LINES.items() if PACKAGE in p.parents) <= 200
