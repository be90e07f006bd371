"""A file is replaced whole or not at all: full disks, Stop, dead writers, several writers at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import torchlean_nb as tl
from tests._stop import Stop
from torchlean_nb.errors import CheckpointError, PathError, TorchLeanError
from torchlean_nb.files import atomic
from torchlean_nb.files.atomic import PREFIX, SUFFIX

OLD, NEW = {"n": 1, "w": np.zeros(300)}, {"n": 2, "w": np.ones((40, 60))}


@pytest.fixture
def path(tmp_path):
    tl.save(tmp_path / "run.tl", OLD)
    return tmp_path / "run.tl"


def alone(path):
    return [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
def test_a_real_limit_of_the_system_changes_nothing(path):
    code = (
        "import resource, signal, sys, numpy as np, torchlean_nb as tl\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: tl.save(sys.argv[1], {'a': np.ones(100_000)})\n"
        "except Exception as e: print(type(e).__name__, e)\n"
    )
    before = path.read_bytes()
    out = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True).stdout
    assert out.startswith("CheckpointError") and "large" in out
    assert path.read_bytes() == before and alone(path)


def test_what_is_read_back_must_be_what_was_written(path, monkeypatch):
    real = atomic.os.fsync
    before = path.read_bytes()

    def rot(fd):
        real(fd)
        os.pwrite(fd, b"?", 1000)

    monkeypatch.setattr(atomic.os, "fsync", rot)
    with pytest.raises(CheckpointError, match="what was written is not what is read back"):
        tl.save(path, NEW)
    assert path.read_bytes() == before and alone(path)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_stop_at_any_instruction_leaves_the_old_file_or_the_new_one(path):
    small = {"n": 2, "w": np.ones(4)}
    tl.save(path.with_name("new.tl"), small)
    new = path.with_name("new.tl").read_bytes()
    path.with_name("new.tl").unlink()
    old, n, outcomes = path.read_bytes(), 1, {"old": 0, "new": 0}
    while True:
        before = sys.gettrace()
        sys.settrace(Stop(n))
        try:
            tl.save(path, small)
            break
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        now = path.read_bytes()
        outcomes["new" if now == new else "old"] += 1
        assert now in (old, new) and alone(path), n
        n += 1 + n // 300
    assert outcomes["old"] > 500 and outcomes["new"] > 5


@pytest.mark.skipif(sys.platform == "win32", reason="locks tell the living from the dead on POSIX")
def test_neighbours_of_dead_writers_are_removed_and_those_of_living_ones_are_not(path):
    import fcntl

    dead, living = (path.with_name(f"{PREFIX}{word}{SUFFIX}") for word in ("dead", "living"))
    other = path.with_name(".something-else.tmp")
    for p in (dead, living, other):
        p.write_bytes(b"half")
    with living.open("rb") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        tl.save(path, NEW)
        assert not dead.exists() and living.exists() and other.exists()
    tl.save(path, NEW)
    assert not living.exists() and other.exists()


def test_a_neighbour_that_is_taken_away_too_early_is_made_again(path, monkeypatch):
    taken, real = [], atomic._lock

    def late(f):
        if not taken:
            taken.append(os.unlink(f.name))
        return real(f)

    monkeypatch.setattr(atomic, "_lock", late)
    tl.save(path, NEW)
    assert len(taken) == 1 and tl.load(path)["n"] == 2 and alone(path)


def test_many_threads_that_save_one_file_leave_one_of_their_files(path):
    errors = []

    def work(n):
        try:
            for _ in range(10):
                tl.save(path, {"n": n, "w": np.full(1000, float(n))})
                ck = tl.load(path)
                assert (ck["w"] == ck["n"]).all()
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert errors == [] and alone(path)


def test_the_file_keeps_its_permissions_and_a_link_its_target(path):
    os.chmod(path, 0o640)
    link = path.with_name("latest.tl")
    link.symlink_to(path)
    tl.save(link, NEW)
    assert link.is_symlink() and tl.load(path)["n"] == 2
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_name_as_long_as_names_can_be(tmp_path):
    tl.save(tmp_path / ("x" * 255), NEW)
    with pytest.raises(TorchLeanError):
        tl.save(tmp_path / ("x" * 256), NEW)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX users")
def test_a_folder_where_one_may_not_write_is_named(path):
    code = (
        "import os, sys, torchlean_nb as tl\n"
        "tl.save(sys.argv[1], {})\n"
        "if os.geteuid() == 0: os.seteuid(65534)\n"
        "try: tl.save('/torchlean-nb-test.tl', {})\n"
        "except PermissionError as e: print(type(e).__name__, e)\n"
    )
    out = subprocess.check_output([sys.executable, "-c", code, str(path)], text=True)
    assert out.startswith("CheckpointPermissionError") and "permission denied" in out and "/torchlean-nb-test.tl" in out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
def test_what_is_no_file_is_not_replaced_by_one(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    for name in ("pipe", "null"):
        with pytest.raises(CheckpointError, match="not a regular file"):
            tl.save(tmp_path / name, NEW)
    assert not Path("/dev/null").is_file() and (tmp_path / "pipe").is_fifo()


def test_errors_are_what_a_beginner_would_catch(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        tl.load(tmp_path / "x.tl")
    with pytest.raises(FileNotFoundError, match="making the folder"):
        tl.save(tmp_path / "no" / "x.tl", 1)
    with pytest.raises(IsADirectoryError):
        tl.load(tmp_path)
    with pytest.raises(PathError, match="reserved"):
        tl.save(tmp_path / "con.tl", 1)
