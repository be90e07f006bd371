"""Kill a process while it writes, again and again: ``python -m tests.saving.kills 1000``.

The child replaces one file in a loop; after a random time it is killed with signal 9. Then the file must be whole and
be one of those that were written, and after the next write nothing else may lie beside it. Every writer has its turn.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import torchlean_nb as tl
from torchlean_nb.trace.run import Series

SIZE = 20_000
RATES = 1e-4 * (1 + np.arange(400))


class Writer(NamedTuple):
    """A way to write a file in which everything says `n`, and to read which one it is; a torn file raises."""

    name: str
    write: Callable[[Path, int], Any]
    read: Callable[[Path], int]


def one(values: Any) -> int:
    """The number that all of them are."""
    found = {int(v) for v in np.ravel(values)}
    assert len(found) == 1, f"torn: {sorted(found)[:5]}"
    return found.pop()


def full(n: int, columns: int = 1) -> np.ndarray:
    return np.full((SIZE // columns, columns), float(n))


def net(n: int) -> Any:
    """A network whose every number is n."""
    made = tl.nn.Linear(40, 40).bind(tl.Session(), seed=0)
    made.load_state_dict({k: np.full_like(a, n) for k, a in made.state_dict().items()})
    return made


def read_net(path: Path) -> int:
    made = net(0)
    tl.saving.paramio.load(path, made)
    return one(np.concatenate([a.ravel() for a in made.state_dict().values()]))


def read_checkpoint(path: Path) -> int:
    found = tl.load(path)
    return one([found["n"], *found["a"].ravel()])


def page(n: int) -> Any:
    s = tl.Session()
    return s.trace(s.param(np.full(50, float(n)), name="w").sum())


def read_page(path: Path) -> int:
    text = path.read_text(encoding="utf-8")
    assert text.rstrip().endswith("</html>")
    return int(text.partition("<title>page ")[2].partition("<")[0])


def run(n: int) -> Any:
    return tl.trace.RunTrace(str(n), {"loss": Series("loss", np.arange(900), np.full(900, float(n)))})


def read_trace(path: Path) -> int:
    run = tl.trace.RunTrace.read(path)
    return one([int(run.name), *run["loss"].values])


def sweep(rates: Any, path: Path | None = None) -> Any:
    return tl.race.sweep(["sgd"], "rosenbrock", [*rates], steps=2, results=path, progress=False)


WRITERS = [
    Writer("save", lambda p, n: tl.save(p, {"n": n, "a": full(n)}), read_checkpoint),
    Writer("paramio", lambda p, n: tl.saving.paramio.save(p, net(n)), read_net),
    Writer("csv", lambda p, n: tl.data.write_csv(p, full(n, 5), overwrite=True),
           lambda p: one(tl.data.read_csv(p, header=False).arrays[0])),
    Writer("trace", lambda p, n: run(n).write(p), read_trace),
    Writer("page", lambda p, n: page(n).to_html(p, title=f"page {n}"), read_page),
    Writer("safetensors", lambda p, n: tl.saving.tensors.save(p, {"a": full(n)}),
           lambda p: one(tl.saving.tensors.load(p)["a"])),
]  # fmt: skip


def kill_while_writing(folder: Path, writer: Writer, times: int, seed: int = 0) -> dict[str, int]:
    """How many of the files were unreadable or torn, and how many neighbours were left."""
    rng, path = random.Random(f"{writer.name} {seed}"), folder / "file"
    found = dict.fromkeys(("kills", "unreadable", "died while writing", "written", "left after the next write"), 0)
    writer.write(path, 0)
    begun = time.perf_counter()
    writer.write(path, 0)
    lasts = time.perf_counter() - begun
    while found["kills"] < times:
        child = os.fork()
        if child == 0:
            n = found["written"]
            try:
                while True:
                    n += 1
                    writer.write(path, n)
            finally:
                os._exit(1)
        time.sleep(rng.random() * (4 * lasts + 0.01))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found["kills"] += 1
        found["died while writing"] += sum(p != path for p in folder.iterdir())
        try:
            n = writer.read(path)
            assert n >= found["written"]
            found["written"] = n
        except Exception as e:
            found["unreadable"] += 1
            print(writer.name, type(e).__name__, e, file=sys.stderr)
        writer.write(path, found["written"])
        found["left after the next write"] += sum(p != path for p in folder.iterdir())
    return found


def kill_sweeps(folder: Path, times: int, seed: int = 0) -> dict[str, int]:
    """The file of a sweep only grows: what is in it stays, and after any kill the sweep goes on where it was."""
    rng, path, whole = random.Random(seed), folder / "runs.jsonl", sweep(RATES[:40]).to_json()
    found = dict.fromkeys(("kills", "unreadable", "died while writing", "written", "left after the next write"), 0)
    for _ in range(times):
        child = os.fork()
        if child == 0:
            try:
                warnings.simplefilter("ignore")  # what is in the file is of other rates
                for rate in RATES[:40]:
                    sweep([rate], path)
            finally:
                os._exit(0)
        time.sleep(rng.random() * 0.6)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found["kills"] += 1
        before = path.read_bytes() if path.exists() else b""
        found["died while writing"] += bool(before) and not before.endswith(b"\n")
        found["written"] += before.count(b"\n")
        found["unreadable"] += sweep(RATES[:40], path).to_json() != whole or not path.read_bytes().startswith(before)
        found["left after the next write"] += sum(p != path for p in folder.iterdir())
        path.unlink()
    return found


def main(times: int, seed: int = 0) -> dict[str, dict[str, int]]:
    """All writers, with their share of the kills."""
    rows, each = {}, times // (len(WRITERS) + 1)
    for writer in WRITERS:
        with tempfile.TemporaryDirectory() as name:
            rows[writer.name] = kill_while_writing(Path(name), writer, each, seed)
    with tempfile.TemporaryDirectory() as name:
        rows["sweep"] = kill_sweeps(Path(name), times - each * len(WRITERS), seed)
    return rows


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for name, row in main(*map(int, sys.argv[1:] or ["1000"])).items():
        print({"writer": name, **row}, flush=True)
