"""Every writer: a full disk at any write, a failing system call, and signal 9 leave a whole file and nothing beside it.

1,000 kills: ``python -m tests.saving.kills 1000``.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from pathlib import Path

import pytest

from tests.saving.kills import RATES, WRITERS, kill_sweeps, kill_while_writing, sweep
from torchlean_nb.errors import ToolError, TorchLeanError

FAILURES = [errno.ENOSPC, errno.EIO]
each_writer = pytest.mark.parametrize("writer", WRITERS, ids=lambda w: w.name)


class Failing(io.FileIO):
    """A file whose n-th write fails after half of its bytes."""

    left, number = 0, 0

    def write(self, data):
        Failing.left -= 1
        if Failing.left == 0:
            super().write(memoryview(data)[: len(data) // 2])
            raise OSError(self.number, os.strerror(self.number))
        return super().write(data)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


def reason(number):
    return rf"(?i)file.*{os.strerror(number)}"


def alone(path):
    return [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("number", FAILURES, ids=["full", "broken"])
@each_writer
def test_a_failure_at_any_write_leaves_the_old_file(writer, number, path, monkeypatch):
    writer.write(path, 1)
    before, real, n = path.read_bytes(), Path.open, 0
    monkeypatch.setattr(Path, "open", lambda self, mode="r", *a, **k: (
        Failing(self, mode) if "x" in mode else real(self, mode, *a, **k)))  # fmt: skip
    Failing.number = number
    while path.read_bytes() == before:
        Failing.left = n = n + 1
        with contextlib.suppress(TorchLeanError) if n > 1 else pytest.raises(TorchLeanError, match=reason(number)):
            writer.write(path, 2)
        assert alone(path)
    assert Failing.left > 0 and writer.read(path) == 2


@pytest.mark.parametrize("call", ["fsync", "replace"])
@each_writer
def test_a_system_call_that_fails_leaves_the_old_file(writer, call, path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    writer.write(path, 1)
    with monkeypatch.context() as m:
        m.setattr(os, call, fail)
        with pytest.raises(TorchLeanError, match=reason(errno.EIO)):
            writer.write(path, 2)
    assert writer.read(path) == 1 and alone(path)
    writer.write(path, 2)
    assert writer.read(path) == 2 and alone(path)


@pytest.mark.parametrize("number", FAILURES, ids=["full", "broken"])
def test_the_file_of_a_sweep_keeps_what_was_in_it_and_is_taken_up_again(number, path, monkeypatch):
    sweep(RATES[:1], path)
    before, whole, real = path.read_bytes(), sweep(RATES[:3]).to_json(), os.write

    def write(f, data):
        real(f, data[: len(data) // 2])
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as m:
        m.setattr(os, "write", write)
        with pytest.raises(ToolError, match="cannot be written"):
            sweep(RATES[:3], path)
    assert path.read_bytes().startswith(before) and alone(path)
    assert sweep(RATES[:3], path).to_json() == whole == sweep(RATES[:3], path).to_json()
    assert path.read_bytes().startswith(before)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no signal 9")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
@each_writer
def test_a_process_that_is_killed_leaves_a_whole_file(writer, tmp_path):
    found = kill_while_writing(tmp_path, writer, 3)
    assert found["kills"] == 3 and found["unreadable"] == found["left after the next write"] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no signal 9")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_sweep_that_is_killed_is_taken_up_again(tmp_path):
    found = kill_sweeps(tmp_path, 3)
    assert found["kills"] == 3 and found["unreadable"] == found["left after the next write"] == 0
