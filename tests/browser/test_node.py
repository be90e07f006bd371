"""The pure half of the front end under node, where there is one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

MODULES = sorted(Path(__file__).parent.glob("*.test.mjs"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_pure_functions_under_node(module):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on PATH")
    done = subprocess.run([node, "--test", str(module)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-4000:]
