"""Bad files, bad places, bad states: refused by name, or handled; nothing is lost."""

from __future__ import annotations

import ast
import builtins
import copy
import csv
import errno
import io
import os
import pickle  # noqa: F401 - the table makes one
import subprocess
import sys
import threading
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

import torchlean_nb as tl
from tests._stop import Stop
from tests.saving.test_container import entry, forged  # noqa: F401
from tests.saving.test_tree import ORDERS
from torchlean_nb import errors
from torchlean_nb.errors import CheckpointError
from torchlean_nb.saving import atomic, paths
from torchlean_nb.saving.things import state_of

TABLE = Path(__file__).parents[1] / "data" / "bad_checkpoint.csv"
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))


def contents(folder):
    return {p: p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


class World:
    """A model, an optimizer, a schedule, batches and a generator in the middle of a run, and their file."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.path, self.monkeypatch = folder, folder / "run.tl", monkeypatch
        self.s = tl.Session(seed=1)
        self.net = tl.nn.Linear(2, 3, bias=False).bind(self.s, seed=0)
        self.opt = tl.optim.Adam(self.net.parameters(), lr=0.1)
        self.scheduler = tl.optim.lr_scheduler.StepLR(self.opt, 2)
        self.loader = tl.data.DataLoader(tl.data.Dataset(np.arange(10.0)), 3, seed=2)
        self.numbers = np.random.default_rng(3)
        self.everything = {"s": self.s, "opt": self.opt, "scheduler": self.scheduler, "loader": self.loader,
                           "numbers": self.numbers}  # fmt: skip
        self.opt.step([np.ones((3, 2))])
        self.scheduler.step(), self.loader.next_batch(), self.numbers.normal(), self.s.draw_key()
        tl.save(self.path, self.everything)
        self.good = good(folder)
        self.orders, self.pipe = list(ORDERS.values()), folder / "pipe"
        os.mkfifo(self.pipe)
        (folder / "link.tl").symlink_to(folder.parent / "elsewhere.tl")

    def digest(self):
        return sha256(repr({k: state_of(thing) for k, thing in self.everything.items()}).encode()).hexdigest()

    # -- words of the table --------------------------------------------------------------------
    def read(self, raw):
        (self.folder / "input").write_bytes(raw)
        self.before = contents(self.folder)
        return tl.load(self.folder / "input")

    def load_state(self, thing, state):
        tl.save(self.folder / "input", state)
        self.before = contents(self.folder)
        return tl.load(self.folder / "input", into=thing)

    def flipped(self, name):
        raw = bytearray(self.good)
        raw[-8] ^= 1
        return bytes(raw)

    def changed(self, thing, keys, value):
        state = at = copy.deepcopy(state_of(thing))
        for key in keys[:-1]:
            at = at[key]
        at[keys[-1]] = value
        return state

    def stopped(self, do):
        """Stop at many instructions of a load: everything old, or everything new."""
        self.opt.step([np.ones((3, 2))])
        old, done, n = self.digest(), False, 1
        while not done:
            trace = sys.gettrace()
            sys.settrace(Stop(n))
            try:
                done = do() is not None
            except KeyboardInterrupt:
                pass
            finally:
                sys.settrace(trace)
            if not done and self.digest() != old:
                done = self.digest() == self.digest_of_file()
                assert done
            n += 1 + n // 20
        return n > 20

    def digest_of_file(self):
        tl.load(self.path, into=self.everything)
        return self.digest()

    def read_only(self, do):
        def refuse(self, mode):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        with self.monkeypatch.context() as m:
            m.setattr(atomic.Path, "open", refuse)
            do()

    def killed(self, times):
        command, root = [sys.executable, "-m", "tests.saving.kills", str(times)], Path(__file__).parents[2]
        found = ast.literal_eval(subprocess.check_output(command, text=True, cwd=root))
        return found["unreadable"] == found["torn"] == found["left after the next save"] == 0

    def kept(self, a):
        other = self.folder / "kept.tl"
        tl.save(other, {"a": a})
        back = tl.load(other)["a"]
        other.unlink()
        return back.shape == a.shape and np.array_equal(back, a)

    def at_once(self, n):
        other, bad = self.folder / "shared.tl", []

        def work(i):
            for _ in range(5):
                tl.save(other, {"i": i, "a": np.full(100, i)})
                ck = tl.load(other)
                bad.extend([] if (ck["a"] == ck["i"]).all() else [i])

        threads = [threading.Thread(target=work, args=(i,)) for i in range(n)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        other.unlink()
        return bad == []


def good(folder):
    tl.save(folder / "good.tl", {"model": {"w": np.arange(4.0)}})
    raw = (folder / "good.tl").read_bytes()
    (folder / "good.tl").unlink()
    return raw


def archive(name, flag_bits=0):
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w") as z:
        info = zipfile.ZipInfo(name)
        info.flag_bits = flag_bits
        z.writestr(info, b"evil")
    return f.getvalue()


def manifest(shape, **changes):
    return {"state": {"w": {"$array": 0}}, "arrays": [entry(np.empty(0), shape=shape, bytes=8 * shape[0]) | changes]}


def sgd():
    return tl.optim.SGD({"w": np.ones((3, 2))}, lr=0.1)


def two_groups():
    return tl.optim.Adam([{"params": {"w": np.ones((3, 2))}}, {"params": {"v": np.ones(2)}}])


@pytest.fixture
def world(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    return World(tmp_path / "folder", monkeypatch)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r["id"])
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_bad_input_is_refused_by_name_or_handled_and_nothing_is_lost(row, world):
    words = {name: getattr(world, name) for name in dir(world) if not name.startswith("_")}
    names = globals() | words | {"save": tl.save, "load": tl.load}
    digest, world.before = world.digest(), contents(world.folder)
    if not row["exception"]:
        assert eval(row["code"], names) is True
        return
    ours, builtin = row["exception"].split(":")
    with pytest.raises(getattr(builtins, builtin)) as caught:
        eval(row["code"], names)
    assert type(caught.value) is (getattr(paths, ours, None) or getattr(errors, ours)), repr(caught.value)
    for word in row["mentions"].split(";"):
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"
    assert contents(world.folder) == world.before
    assert world.digest() == digest
    assert not (world.folder.parent / "elsewhere.tl").exists() and len(list(world.folder.parent.iterdir())) == 1


def test_ids_are_unique():
    assert len({r["id"] for r in ROWS}) == len(ROWS)


def test_every_error_of_a_path_is_a_checkpoint_error():
    for kind in (paths.MissingCheckpointError, paths.CheckpointFolderError, paths.CheckpointExistsError,
                 paths.CheckpointPermissionError):  # fmt: skip
        error = kind("what", "why", "hint")
        assert isinstance(error, CheckpointError) and str(error) == "what\n  why\n  try: hint"
