"""Lessons as other machines compute them: ``python -m tests.reliability.machines [notebook ...]``.

OpenBLAS has kernels for many processors and NumPy has loops for several instruction sets; a variable chooses among
them, which is as near to another machine as one machine can be. Every lesson is run under each choice; printed are the
cells whose text differs from that of this machine as it is, and by how much their numbers do.
"""

from __future__ import annotations

import configparser
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DIGITS = 6
MACHINES: dict[str, dict[str, str]] = {
    "BLAS of Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "BLAS of Nehalem": {"OPENBLAS_CORETYPE": "Nehalem"}, "BLAS of SkylakeX": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "no AVX-512": {"NPY_DISABLE_CPU_FEATURES": "X86_V4"}, "no AVX": {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4"},
}  # fmt: skip
NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+−]?\d+)?(?![\w.])")


def texts(notebook: Path) -> list[str]:
    """What the cells of a notebook print and end in, run in this process."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    InteractiveShell.clear_instance()
    shell, found = InteractiveShell.instance(), []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        with capture_output() as got:
            result = shell.run_cell("".join(cell["source"]), store_history=False)
        shown = [out.data.get("text/plain", "") for out in got.outputs]
        error = result.error_in_exec or result.error_before_exec
        found.append("\n".join([got.stdout, *shown, *([f"{type(error).__name__}: {error}"] if error else [])]))
    return found


def on(machine: dict[str, str], notebooks: list[Path]) -> dict[str, list[str]]:
    """The same of several in a process of its own, as that machine computes."""
    code = "import json, sys\nfrom tests.reliability.machines import *\n" \
           "out = {Path(p).stem: texts(Path(p)) for p in sys.argv[1:]}\nprint('\\n@@' + json.dumps(out))"  # fmt: skip
    env = {"OPENBLAS_NUM_THREADS": "1", "TORCHLEAN_NB_STATIC": "1", "MPLBACKEND": "agg", **os.environ, **machine}
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code, *map(str, notebooks)], cwd=ROOT, env=env,
                         text=True, capture_output=True, check=True)  # fmt: skip
    return json.loads(run.stdout.rpartition("\n@@")[2])


def cleaned(text: str) -> str:
    """Without dates, durations and addresses, which differ from run to run."""
    rules = configparser.ConfigParser(interpolation=None)
    rules.read(ROOT / "tests/notebooks/sanitize.cfg")
    for name in rules.sections():
        text = re.sub(rules[name]["regex"], rules[name]["replace"], text)
    return text


def value(number: str) -> float:
    return float(number.replace("−", "-"))


def difference(a: str, b: str) -> float:
    """0 for the same text; else the largest relative difference of its numbers; infinite where words differ."""
    a, b = cleaned(a), cleaned(b)
    if a == b:
        return 0.0
    if NUMBER.sub("#", a).split() != NUMBER.sub("#", b).split():
        return math.inf
    pairs = [(value(x), value(y)) for x, y in zip(NUMBER.findall(a), NUMBER.findall(b), strict=True)]
    return max(abs(x - y) / max(abs(x), abs(y)) for x, y in pairs if x != y)


def sample(a: str, b: str) -> str:
    """The first line that differs, of both."""
    pairs = zip(cleaned(a).splitlines(), cleaned(b).splitlines(), strict=False)
    return next((f"{x.strip()[:70]!r} / {y.strip()[:70]!r}" for x, y in pairs if x != y), "")


def compare(notebooks: list[Path]) -> dict[tuple[str, int], float]:
    """The largest difference of every cell that differs; each is printed with the machine and a sample."""
    here, worst = on({}, notebooks), {}
    print(f"{len(here)} lessons, {sum(map(len, here.values()))} code cells", flush=True)
    for name, machine in MACHINES.items():
        there = on(machine, notebooks)
        for stem, cells in here.items():
            for i, (a, b) in enumerate(zip(cells, there[stem], strict=True)):
                if far := difference(a, b):
                    worst[stem, i] = max(far, worst.get((stem, i), 0.0))
                    print(f"{name}: {stem}, code cell {i}: {far:.2g}: {sample(a, b)}", flush=True)
        print(f"{name}: done", flush=True)
    return worst


def main(names: list[str]) -> int:
    """Run and report; whether a number differs within its first six digits."""
    every = sorted((ROOT / "notebooks").glob("*.ipynb"))
    worst = compare([p for p in every if not names or any(n in p.stem for n in names)])
    far = sorted(cell for cell, d in worst.items() if d > 10.0**-DIGITS)
    print(f"{len(worst)} cells print other text, {len(far)} of them other numbers within {DIGITS} digits: {far}")
    return bool(far)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
