"""Every writer and reader takes its path by one rule: refused in words, or one whole file and nothing else."""

from __future__ import annotations

import os
import sys

import _hostile
import numpy as np
import pytest
from _payloads import PAYLOADS

import torchlean_nb as tl
from torchlean_nb import files
from torchlean_nb.data import read_csv, read_npy, write_csv
from torchlean_nb.errors import PathError, TorchLeanError
from torchlean_nb.saving import paramio
from torchlean_nb.trace.graph import GraphTrace
from torchlean_nb.trace.run import RunTrace

RUN, RACE, GRAPH = (_hostile.TRACES[k]("w") for k in ("run trace", "race trace", "graph trace"))
WRITERS = {
    "save": (".tl", lambda p: tl.save(p, {"w": np.ones(2)})),
    "params": (".json", lambda p: paramio.save(p, _net())),
    "csv": (".csv", lambda p: write_csv(p, [[1]], overwrite=True)),
    "table": (".csv", RUN.to_csv),
    "json": (".json", RUN.write),
    "log": (".json", RUN.to_train_log().write),
    "page": (".html", GRAPH.show().to_html),
    "race page": (".html", RACE.to_html),
    "dashboard": (".html", RUN.to_html),
    "picture": (".svg", lambda p: GRAPH.render("graphviz", engine="own", path=p)),
    "race": (".png", RACE.to_png),
}
READERS = {
    "load": tl.load,
    "csv": read_csv,
    "npy": read_npy,
    "json": RunTrace.read,
    "params": lambda p: paramio.load(p, _net()),
}


def _net():
    return tl.nn.Linear(2, 1).bind(tl.Session(), seed=0)


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_is_written_whole_and_alone_and_replaced(name, tmp_path):
    suffix, write = WRITERS[name]
    for _ in range(2):
        write(tmp_path / f"a{suffix}")
        assert [p.name for p in tmp_path.iterdir()] == [f"a{suffix}"]
        assert (tmp_path / f"a{suffix}").stat().st_size > 0
    write(str(tmp_path / f"b{suffix}"))
    assert (tmp_path / f"b{suffix}").read_bytes() == (tmp_path / f"a{suffix}").read_bytes()


@pytest.mark.parametrize("name", WRITERS)
def test_what_cannot_be_written_is_refused_in_words_and_nothing_is_made(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    suffix, write = WRITERS[name]
    (tmp_path / f"folder{suffix}").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for path, said, builtin in (
        (f"no/x{suffix}", "making the folder", FileNotFoundError), (f"folder{suffix}", "directory", IsADirectoryError),
        (f"a\0b{suffix}", "NUL", ValueError), (f"con{suffix}", "reserved", ValueError),
        (f"https://x.org/a{suffix}", "URL", ValueError), (f"\ud800{suffix}", "no name of a file", ValueError),
    ):  # fmt: skip
        with pytest.raises(builtin, match=said) as e:
            write(path)
        assert isinstance(e.value, TorchLeanError)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
@pytest.mark.parametrize("name", WRITERS)
def test_a_link_keeps_its_target_and_a_pipe_is_left_alone(name, tmp_path):
    suffix, write = WRITERS[name]
    (tmp_path / f"link{suffix}").symlink_to(tmp_path / f"target{suffix}")
    write(tmp_path / f"link{suffix}")
    assert (tmp_path / f"link{suffix}").is_symlink() and (tmp_path / f"target{suffix}").is_file()
    os.mkfifo(tmp_path / f"pipe{suffix}")
    with pytest.raises(TorchLeanError, match="not a regular file"):
        write(tmp_path / f"pipe{suffix}")


@pytest.mark.parametrize("name", WRITERS)
def test_a_write_that_fails_half_way_keeps_the_old_file(name, tmp_path, monkeypatch):
    suffix, write = WRITERS[name]
    (tmp_path / f"a{suffix}").write_text("old")

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TorchLeanError, match="no space left"):
        write(tmp_path / f"a{suffix}")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("name", READERS)
def test_what_cannot_be_read_is_refused_in_words(name, tmp_path):
    for path, said in (
        (tmp_path / "no", "no such file"),
        (tmp_path, "directory"),
        ("a\0b", "NUL"),
        ("http://x.org/a", "URL"),
    ):
        with pytest.raises(TorchLeanError, match=said):
            READERS[name](path)


@pytest.mark.parametrize("name", PAYLOADS, ids=[ascii(p)[:30] for p in PAYLOADS])
def test_no_name_leaves_the_folder_it_is_given(name, tmp_path):
    """As the name of a file in a folder an attack is refused, or is the name of a file in that folder."""
    inside = tmp_path / "inside"
    inside.mkdir()
    said = ""
    try:
        tl.save(name, {"n": 1}, folder=inside)
        there = tl.load(name, folder=inside)["n"] == 1
    except TorchLeanError as e:
        said, there = str(e), False
    assert there or said
    assert len(said) <= 2000 and not _hostile.CONTROL.search(said)
    assert [p.name for p in tmp_path.iterdir()] == ["inside"]
    assert len(list(inside.rglob("*"))) <= 1


def test_a_folder_is_not_a_prefix_and_a_link_does_not_lead_out(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data-secret").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "data-secret")
    for path in (tmp_path / "data-secret" / "x", "../data-secret/x", "link/x", "/etc/hostname"):
        with pytest.raises(PathError, match="outside the folder"):
            files.new_path(path, tmp_path / "data")
    assert files.new_path("a/../x", tmp_path / "data") == (tmp_path / "data" / "x").resolve()


@pytest.mark.parametrize("name", [
    "CON", "con.txt", "aux", "NUL.tar.gz", "com1", "LPT9.csv", "lpt².x", "CONIN$", "con .txt", "a.", "a ", "a/b./con",
])  # fmt: skip
def test_names_that_windows_keeps_are_refused_everywhere(name, tmp_path):
    with pytest.raises(PathError, match="reserved"):
        files.new_path(name, tmp_path)
    assert files.new_path("console.txt", tmp_path).name == "console.txt"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_closed_is_named(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(PermissionError, match="permission denied"):
        files.write(tmp_path / "closed" / "x", "text")


def test_traces_come_back_from_their_files(tmp_path):
    RUN.write(tmp_path / "run.json")
    assert RunTrace.read(tmp_path / "run.json") == RUN
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(PathError, match="not text in UTF-8"):
        RunTrace.read(tmp_path / "bad.json")
    assert GraphTrace.from_json(GRAPH.to_json()) == GRAPH
