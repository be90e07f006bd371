"""Words of the rows about checkpoints and files of data."""

from __future__ import annotations

import ast
import copy
import errno
import io
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from pathlib import Path

import numpy as np

import torchlean_nb as tl
from tests.saving.test_container import entry, forged
from tests.saving.test_tree import ORDERS
from torchlean_nb.files import atomic
from torchlean_nb.saving.things import state_of


def archive(name, flag_bits=0):
    """A zip archive with one member."""
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w") as z:
        info = zipfile.ZipInfo(name)
        info.flag_bits = flag_bits
        z.writestr(info, b"evil")
    return f.getvalue()


def manifest(shape, **changes):
    """A manifest of one array, whatever it says."""
    return {"state": {"w": {"$array": 0}}, "arrays": [entry(np.empty(0), shape=shape, bytes=8 * shape[0]) | changes]}


def sgd():
    """Another optimizer than the one in the world."""
    return tl.optim.SGD({"w": np.ones((3, 2))}, lr=0.1)


def two_groups():
    """An optimizer with more groups than the one in the world."""
    return tl.optim.Adam([{"params": {"w": np.ones((3, 2))}}, {"params": {"v": np.ones(2)}}])


WORDS = {
    "archive": archive, "manifest": manifest, "forged": forged, "sgd": sgd, "two_groups": two_groups,
    "orders": list(ORDERS.values()),
}  # fmt: skip


class Files:
    """A folder with a checkpoint, a link, a pipe; files that are cut, flipped, forged."""

    @property
    def saved_run(self):
        """The checkpoint of everything, written now."""
        tl.save(self.kept_file, self.everything)
        return self.kept_file

    @property
    def good(self):
        """Bytes of a small checkpoint."""
        tl.save(self.folder / "good.tl", {"model": {"w": np.arange(4.0)}})
        raw = (self.folder / "good.tl").read_bytes()
        (self.folder / "good.tl").unlink()
        return raw

    @property
    def flipped_weight(self):
        """The same with one bit of its array turned over."""
        raw = bytearray(self.good)
        raw[-8] ^= 1
        return bytes(raw)

    @property
    def pipe(self):
        """Something that is no regular file."""
        os.mkfifo(self.folder / "pipe")
        return self.folder / "pipe"

    @property
    def link(self):
        """A link that leaves its folder."""
        (self.folder / "inner").mkdir()
        (self.folder / "inner" / "link.csv").symlink_to(self.path)
        return self.folder / "inner" / "link.csv"

    def stored(self, state):
        """A checkpoint of this state."""
        tl.save(self.path, state)
        return self.path

    def changed(self, thing, keys, value):
        """The state of a thing, one entry replaced."""
        state = at = copy.deepcopy(state_of(thing))
        for key in keys[:-1]:
            at = at[key]
        at[keys[-1]] = value
        return state

    def read_only(self, do):
        """Do it in a folder that cannot be written."""
        def refuse(self, mode):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        with self.monkeypatch.context() as m:
            m.setattr(atomic.Path, "open", refuse)
            do()

    def full_disk(self, do):
        """Do it on a disk that is full when the new file takes its place."""
        def refuse(*paths):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with self.monkeypatch.context() as m:
            m.setattr(os, "replace", refuse)
            do()

    def killed(self, times):
        """Kill a process that saves: the file is the old one or the new one, and nothing lies beside it."""
        code = (
            "import sys, pathlib; from tests.saving.kills import WRITERS, kill_while_writing as kill;"
            f"print(kill(pathlib.Path(sys.argv[1]), WRITERS[0], {times}))"
        )
        place, root = tempfile.mkdtemp(dir=self.folder), Path(__file__).parents[2]
        said = subprocess.check_output([sys.executable, "-W", "ignore", "-c", code, place], text=True, cwd=root)
        found = ast.literal_eval(said)
        return found["kills"] == times and found["unreadable"] == found["left after the next write"] == 0

    def kept(self, a):
        """Whether an array comes back from a file as it was."""
        back = tl.load(self.stored({"a": a}))["a"]
        return back.shape == a.shape and np.array_equal(back, a)

    def at_once(self, n):
        """Threads that save to one file: whoever reads it finds a whole one."""
        other, bad = self.folder / "shared.tl", []

        def work(i):
            for _ in range(5):
                tl.save(other, {"i": i, "a": np.full(100, i)})
                ck = tl.load(other)
                bad.extend([] if (ck["a"] == ck["i"]).all() else [i])

        threads = [threading.Thread(target=work, args=(i,)) for i in range(n)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        return bad == [] and {p.name for p in self.folder.iterdir()} <= {"shared.tl"}
