"""Run every cell of a lesson again and again, as on a long day: ``python -m tests.load.reruns 100 [lesson]``.

A real kernel runs the notebook from the top. Each cell is run `times` times before the next one is; after the tenth run
the kernel may hold no more widgets, and hardly more memory, however often the cell is run again. Memory is what is
resident after a garbage collection and after the C library gave back what it kept for later.
"""

from __future__ import annotations

import json
import sys
import time
from ast import literal_eval
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.manager import start_new_kernel

ROOT = Path(__file__).parents[2]
SETTLED = 10
GROWTH = 5.0  # MiB, the largest that is allowed
PATIENCE = 300
WEIGH = """
def __weigh():
    import ctypes, gc, sys
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
        pages = int(open("/proc/self/statm").read().split()[1])
    else:
        pages = 0
    widget = sys.modules.get("ipywidgets.widgets.widget")
    return [len(widget._instances) if widget else 0, pages / 256]
"""


@dataclass(frozen=True)
class Row:
    """What one cell left behind: live widgets, and MiB, after the tenth run and after the last."""

    cell: str
    runs: int
    widgets: tuple[int, int]
    memory: tuple[float, float]

    @property
    def flat(self) -> bool:
        """Whether neither grew."""
        return self.widgets[1] <= self.widgets[0] and self.growth <= GROWTH

    @property
    def growth(self) -> float:
        """MiB that came after the tenth run."""
        return self.memory[1] - self.memory[0]

    def __str__(self) -> str:
        return (f"{self.cell:8} {self.runs:5} runs  widgets {self.widgets[0]:4} -> {self.widgets[1]:4}  "
                f"memory {self.memory[0]:6.1f} {self.growth:+6.2f} MiB{'' if self.flat else '  GROWS'}")  # fmt: skip


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

    def weigh(self) -> tuple[int, float]:
        """Live widgets and MiB."""
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


def again(
    it: Kernel, code: str, cell: str, times: int, seconds: float = float("inf"), settled: int = SETTLED
) -> Row:
    """Run one cell up to `times` times; after so many `seconds` it may stop once it ran twice as long as to settle."""
    end, before, n = time.monotonic() + seconds, (0, 0.0), 0
    while n < times and (n < 2 * settled or time.monotonic() < end):
        it.run(code, cell)
        n += 1
        if n == min(settled, times):
            before = it.weigh()
    return Row(cell, n, *zip(before, it.weigh(), strict=True))


def lesson(path: Path, times: int, seconds: float = float("inf")) -> Iterator[Row]:
    """All code cells of a notebook, from the top."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    with kernel() as it:
        for c in cells:
            if c["cell_type"] == "code":
                yield again(it, "".join(c["source"]), c["id"], times, seconds)


def main(times: int = 100, part: str = "", seconds: float = float("inf")) -> int:
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
