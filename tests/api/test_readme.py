"""The README's examples run as pasted, one after the other."""

import re
import subprocess
import sys

from _project import ROOT


def test_the_examples_run_as_pasted():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    done = subprocess.run([sys.executable, "-c", "\n".join(blocks)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(blocks) >= 4 and done.stdout.startswith("7.0\n") and "✓ equal to the last bit" in done.stdout
