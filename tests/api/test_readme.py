"""The examples of the README and of the pages run as pasted, one after the other."""

import re
import subprocess
import sys

from _project import ROOT


def pasted(page, folder):
    """The code of a page, and what it prints in a folder of its own."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    command = [sys.executable, "-c", "\n".join(blocks)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return blocks, done.stdout


def test_the_examples_of_the_readme_run_as_pasted(tmp_path):
    blocks, out = pasted("README.md", tmp_path)
    assert len(blocks) >= 4 and out.startswith("7.0\n") and "✓ equal to the last bit" in out


def test_the_examples_of_the_page_on_training_run_as_pasted(tmp_path):
    blocks, out = pasted("docs/training.md", tmp_path)
    assert len(blocks) >= 2 and out.startswith("steps=") and (tmp_path / "run.tl").exists()


def test_the_examples_of_the_page_on_races_run_as_pasted(tmp_path):
    blocks, out = pasted("docs/races.md", tmp_path)
    assert len(blocks) >= 4 and out.startswith("Race on Rosenbrock") and (tmp_path / "race.html").exists()
