"""Kill a process while it saves, again and again: ``python -m tests.saving.kills 1000``.

The child replaces one checkpoint in a loop; after a random time it is killed with signal 9. Then the file must be
whole and be one of those that were saved. Neighbours of the dead may lie there until the next save.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import torchlean_nb as tl
from torchlean_nb.errors import CheckpointError


def save_number(path: Path, n: int) -> None:
    """A checkpoint of 400 kB in which everything says `n`."""
    tl.save(path, {"n": n, "a": np.full(50_000, float(n))})


def save_for_ever(path: Path, n: int) -> None:
    while True:
        n += 1
        save_number(path, n)


def kill_while_saving(folder: Path, times: int, seed: int = 0) -> dict[str, int]:
    """How many of the files were unreadable or torn, and how many neighbours were left."""
    rng, path = random.Random(seed), folder / "run.tl"
    found = dict.fromkeys(("kills", "unreadable", "torn", "died while writing", "saves"), 0)
    save_number(path, 0)
    while found["kills"] < times:
        child = os.fork()
        if child == 0:
            save_for_ever(path, found["saves"])
        time.sleep(rng.random() * 0.03)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found["kills"] += 1
        found["died while writing"] += sum(p != path for p in folder.iterdir())
        try:
            ck = tl.load(path)
        except CheckpointError:
            found["unreadable"] += 1
            save_number(path, found["saves"])
        else:
            found["torn"] += not (ck["a"] == ck["n"]).all()
            found["saves"] = max(found["saves"], ck["n"])
        save_number(path, found["saves"])
        found["left after the next save"] = sum(p != path for p in folder.iterdir())
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(kill_while_saving(Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
