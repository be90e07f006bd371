"""The page on landscapes runs as it is written."""

import re

import pytest
from _project import ROOT


def test_the_examples_of_the_page_on_landscapes_run_as_written(capsys, monkeypatch):
    monkeypatch.setenv("TORCHLEAN_NB_STATIC", "1")
    page = (ROOT / "docs" / "landscapes.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    scope: dict = {}
    for block in blocks:
        exec(block, scope)
    explained, of_random = map(float, capsys.readouterr().out.split()[:2])
    assert len(blocks) == 4 and explained > 0.99 and of_random < 0.002
    f, end = scope["f"], scope["seen"].path.losses[-1]
    assert scope["between"].losses.max() > end == pytest.approx(f(f.centre))
