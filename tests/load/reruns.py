"""Run every cell of a lesson again and again, as on a long day: ``python -m tests.load.reruns 100 [lesson]``.

A real kernel runs the notebook from the top. Each cell is run `times` times before the next one is; after the tenth run
the kernel may hold no more widgets, and hardly more memory, however often the cell is run again. Memory is counted
after a garbage collection, on Linux, in two ways: what is in use (all that is allocated and not freed, by Python and by
the C library), which only a leak makes grow; and what is resident after the C library gave back what it could, in which
pages count that only a few objects still hold. Those become more for dozens of runs, until holes are filled as fast as
they appear, so they are judged by the second half of the runs. Seconds given after the lesson are what a cell may take:
a slow one is run less often, and the table says how often.
"""

from __future__ import annotations

import json
import sys
import time
from ast import literal_eval
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from jupyter_client.manager import start_new_kernel

ROOT = Path(__file__).parents[2]
SETTLED = 10
GROWTH = 5.0  # MiB, the largest that is allowed
PATIENCE = 300
WEIGH = """
def __weigh():
    import ctypes, gc, os, sys, tempfile
    gc.collect()
    used = pages = 0
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.malloc_trim(0)
        pages = int(open("/proc/self/statm").read().split()[1])
        if hasattr(libc, "mallinfo2"):
            fields = [(c, ctypes.c_size_t) for c in "abcdefghij"]
            libc.mallinfo2.restype = type("Info", (ctypes.Structure,), {"_fields_": fields})
            info = libc.mallinfo2()
            used = info.e + info.h  # in the arenas, and mapped on its own
            with tempfile.TemporaryFile("w+") as said:
                kept = os.dup(2)
                os.dup2(said.fileno(), 2)
                sys._debugmallocstats()
                os.dup2(kept, 2), os.close(kept), said.seek(0)
                line = next(s for s in said if s.startswith("# bytes in allocated blocks"))
            used += int(line.split("=")[1].replace(",", ""))
    widget = sys.modules.get("ipywidgets.widgets.widget")
    return len(widget._instances) if widget else 0, used / 2**20, pages / 256
"""


@dataclass(frozen=True)
class Row:
    """What one cell left behind: live widgets, MiB in use and MiB resident, after run `settled` and after the last.

    MiB resident are known of the middle, too.
    """

    cell: str
    settled: int
    runs: int
    widgets: tuple[int, int]
    used: tuple[float, float]
    resident: tuple[float, float, float]

    @property
    def flat(self) -> bool:
        """Whether none of them grew."""
        return self.widgets[1] <= self.widgets[0] and self.growth <= GROWTH

    @property
    def growth(self) -> float:
        """MiB that came after the cell had settled, the larger of both counts."""
        return max(self.used[1] - self.used[0], self.resident[2] - self.resident[1])

    def __str__(self) -> str:
        (a, b), (x, y, z) = self.used, self.resident
        return (
            f"{self.cell:8} runs {self.settled:2} to {self.runs:4}  widgets {self.widgets[0]} -> {self.widgets[1]}  "
            f"MiB in use {a:6.1f} {b - a:+6.2f}, resident {x:6.1f} {y - x:+6.2f}, then {z - y:+6.2f}"
            f"{'' if self.flat else '  GROWS'}"
        )


class Kernel:
    """A notebook's kernel, and what it has of one moment."""

    def __init__(self, client: Any):
        self.client = client
        self.run(WEIGH, "", silent=True)

    def run(self, code: str, cell: str, *, silent: bool = False, ask: str = "") -> Any:
        """Run one cell as JupyterLab does, which says the id of the cell with it; the value of `ask`, if given."""
        content = {
            "code": code, "silent": silent, "store_history": not silent, "allow_stdin": False, "stop_on_error": False,
            "user_expressions": {"asked": ask} if ask else {},
        }  # fmt: skip
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell})
        self.client.shell_channel.send(message)
        mine = message["header"]["msg_id"]
        while True:  # what the kernel shows is read, or it would pile up there
            seen = self.client.get_iopub_msg(timeout=PATIENCE)
            if seen["parent_header"].get("msg_id") == mine and seen["content"].get("execution_state") == "idle":
                break
        while (reply := self.client.get_shell_msg(timeout=PATIENCE))["parent_header"].get("msg_id") != mine:
            pass
        return literal_eval(reply["content"]["user_expressions"]["asked"]["data"]["text/plain"]) if ask else None

    def weigh(self) -> tuple[int, float, float]:
        """Live widgets, MiB in use and MiB resident."""
        return tuple(self.run("", "", silent=True, ask="__weigh()"))


@contextmanager
def kernel() -> Iterator[Kernel]:
    """A kernel that runs in the folder of the lessons."""
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(ROOT / "notebooks"))
    try:
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def again(it: Kernel, code: str, cell: str, times: int, seconds: float = inf, settled: int = SETTLED) -> Row:
    """Run one cell up to `times` times; a slow one settles in a quarter of `seconds`, and stops after all of them."""
    start, calm, before, middle, n = time.monotonic(), 0, (0, 0.0, 0.0), None, 0
    while n < times and (n < 2 * (calm or settled) or time.monotonic() - start < seconds):
        it.run(code, cell)
        n, spent = n + 1, (time.monotonic() - start) / seconds
        if not calm and n > 1 and (n >= min(settled, times) or spent > 1 / 4):
            calm, before = n, it.weigh()
        elif calm and not middle and (n >= times / 2 or spent > 1 / 2):
            middle = it.weigh()[2]
    widgets, used, resident = zip(before, it.weigh(), strict=True)
    return Row(cell, calm, n, widgets, used, (resident[0], middle or resident[0], resident[1]))


def lesson(path: Path, times: int, seconds: float = inf) -> Iterator[Row]:
    """All code cells of a notebook, from the top."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    with kernel() as it:
        for c in cells:
            if c["cell_type"] == "code":
                yield again(it, "".join(c["source"]), c["id"], times, seconds)


def main(times: int = 100, part: str = "", seconds: float = inf) -> int:
    """Print a table of all lessons whose name holds `part`; the number of cells that grow."""
    grew = 0
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if part in path.stem:
            print(path.stem, flush=True)
            for row in lesson(path, times, seconds):
                grew += not row.flat
                print("  ", row, flush=True)
    print(f"{grew} cells grow")
    return grew


if __name__ == "__main__":
    words = sys.argv[1:]
    sys.exit(main(int(words[0]) if words else 100, words[1] if len(words) > 1 else "", *map(float, words[2:3])) > 0)
