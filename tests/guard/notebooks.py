"""Lessons and pages with one word changed: ``python -m tests.guard.notebooks [part of a name]``.

Every lesson runs twice from the top, each time in a fresh IPython: on the CPU, and on the stand-in for CuPy, which
refuses every implicit conversion. No cell may raise there that does not on the CPU, and what cells print and show as
text must be the same, numbers up to six digits. So do the Python blocks of README.md and of the pages in docs.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from configparser import RawConfigParser
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?!\w)")
TEXT = re.compile(r"print\(.*\.source\)")  # the text of a program names its library, and calls it as it wants
FENCE = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
DIGITS = 1e-6
PATIENCE = 900


def sources(path: Path) -> list[tuple[str, list[str]]]:
    """Code cells of a notebook with their tags, or Python blocks of a page."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return [(code, []) for code in FENCE.findall(text)]
    cells = [c for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
    return [("".join(c["source"]), c["metadata"].get("tags", [])) for c in cells]


def run(path: Path, device: str) -> list[dict[str, Any]]:
    """What each cell printed, showed and raised in this process, from the top, with one word changed."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    import torchlean_nb as tl
    from tests import _guard
    from torchlean_nb.backend import devices

    devices.LIBRARIES["guard"] = _guard.lib
    tl.set_default_device(device)
    shell, out = InteractiveShell.instance(colors="NoColor"), []
    for code, _ in sources(path):
        with capture_output() as seen, _guard.counting() as crossed:
            done = shell.run_cell(code, store_history=True)
        error = done.error_before_exec or done.error_in_exec
        shown = [str(o.data.get("text/plain", "")) for o in seen.outputs]
        printed = seen.stdout if error is None else ""  # the traceback is printed there
        out.append({"text": "\n".join([printed, *shown]), "error": error and f"{type(error).__name__}: {error}",
                    "trace": seen.stdout + seen.stderr if error else "",
                    "launches": crossed.launches.total(), "fetched": crossed.bytes_out})  # fmt: skip
    return out


def ran(path: Path, device: str) -> list[dict[str, Any]]:
    """The same in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "tests.guard.notebooks", "--run", str(path), device, str(answer)]
        paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": paths, "MPLBACKEND": "agg"}, timeout=PATIENCE,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not answer.exists():
            raise RuntimeError(done.stderr[-2000:])
        return json.loads(answer.read_text(encoding="utf-8"))


def cleaned(text: str) -> str:
    """Without dates, durations and addresses, as where lessons are compared."""
    rules = RawConfigParser()
    rules.read(ROOT / "tests" / "notebooks" / "sanitize.cfg", encoding="utf-8")
    for name in rules.sections():
        text = re.sub(rules[name]["regex"], rules[name]["replace"], text)
    return text


def same(a: str, b: str) -> bool:
    """Whether two texts have the same words, and the same numbers up to six digits.

    Examples
    --------
    >>> same("loss 0.1234567", "loss 0.1234568"), same("loss 0.1234567", "loss 0.12346"), same("step 1", "steps 1")
    (True, False, False)
    """
    a, b = cleaned(a), cleaned(b)
    if NUMBER.sub("#", a) != NUMBER.sub("#", b):
        return False
    pairs = zip(map(float, NUMBER.findall(a)), map(float, NUMBER.findall(b)), strict=True)
    return all(math.isclose(x, y, rel_tol=DIGITS, abs_tol=1e-12) for x, y in pairs)


class Report(NamedTuple):
    """Cells of a lesson or page, on the stand-in, by number."""

    cells: int
    failed: list[int]
    differing: list[int]
    alone: list[int]  # raise on the CPU as well: parts of pages that are no code to be run as it stands
    launches: int  # computations on the stand-in
    fetched: int  # bytes that came back

    def __str__(self) -> str:
        words = [f"{self.cells:3} cells", f"{self.launches:8,} launches", f"{self.fetched / 1e6:7.2f} MB fetched",
                 f"failed {self.failed or '-'}", f"differing {self.differing or '-'}"]
        return "  ".join(words + [f"no code to run {self.alone}"] * bool(self.alone))


def compare(path: Path, log: Any = None) -> Report:
    """A lesson or page on the CPU and on the stand-in; what is not the same goes to a file `log`."""
    here, there = ran(path, "cpu"), ran(path, "guard")
    totals = (sum(cell[key] for cell in there) for key in ("launches", "fetched"))
    found, cells = Report(len(here), [], [], [], *totals), zip(sources(path), here, there, strict=True)
    for i, ((code, tags), a, b) in enumerate(cells, 1):
        if path.suffix == ".md" and a["error"]:
            found.alone.append(i)
        elif bool(b["error"]) != ("raises-exception" in tags) or bool(a["error"]) != bool(b["error"]):
            found.failed.append(i)
        elif "nbval-ignore-output" not in tags and not TEXT.search(code) and not same(a["text"], b["text"]):
            found.differing.append(i)
        if log and i in {*found.failed, *found.differing, *found.alone}:
            print(f"--- {path.name}, cell {i}\n{code}\n", f"cpu: {a['error'] or a['text']}",
                  f"guard: {b['trace'] or b['text']}", sep="\n", file=log)  # fmt: skip
    return found


def main(part: str = "") -> int:
    """Print a table of all lessons and pages whose path holds `part`; the number of cells that are not the same."""
    pages, bad = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("docs/*.md"), ROOT / "README.md"]), 0
    for path in pages:
        if part in str(path.relative_to(ROOT)) and sources(path):
            found = compare(path, sys.stderr)
            bad += len(found.failed) + len(found.differing)
            print(f"{path.name:34} {found}", flush=True)
    print(f"{bad} cells are not the same")
    return bad


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        Path(sys.argv[4]).write_text(json.dumps(run(Path(sys.argv[2]), sys.argv[3])), encoding="utf-8")
    else:
        sys.exit(main(*sys.argv[1:2]) > 0)
