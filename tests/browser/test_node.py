"""The pure half of the front end under node, where there is one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def test_pure_functions_under_node():
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on PATH")
    here = Path(__file__).parent / "stepper.test.mjs"
    done = subprocess.run([node, "--test", str(here)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-4000:]
