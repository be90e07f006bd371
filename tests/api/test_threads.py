"""One thread of BLAS for what the toolkit starts; what a user has set stays; `tl.threads` tells, sets and puts back."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from _project import ROOT

import torchlean_nb as tl
from torchlean_nb import cli
from torchlean_nb.backend import threads
from torchlean_nb.cli import machine
from torchlean_nb.errors import CapabilityError, HyperparameterError, HyperparameterTypeError

BUNDLED = pytest.mark.skipif(not threads._bundled(), reason="NumPy came without an OpenBLAS of its own")


@pytest.fixture(autouse=True)
def as_it_was():
    before = tl.threads()
    yield
    before.__exit__()


@pytest.fixture
def nobody_chose(monkeypatch):
    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["threadpoolctl", pytest.param("NumPy's own", marks=BUNDLED)])
def way(request, monkeypatch):
    """Both ways to the library."""
    if request.param == "threadpoolctl":
        pytest.importorskip("threadpoolctl")
    else:
        monkeypatch.setattr(threads, "find_spec", lambda name: None)


def seen() -> int:
    """Threads of NumPy's BLAS by a look that is not the toolkit's; other tests may have loaded SciPy's beside it."""
    found = [x for x in pytest.importorskip("threadpoolctl").threadpool_info() if x["user_api"] == "blas"]
    return max(x["num_threads"] for x in [x for x in found if "numpy" in x["filepath"]] or found)


@pytest.mark.usefixtures("way")
def test_a_count_holds_for_a_block_or_from_now_on():
    before = tl.threads().count
    with tl.threads(before + 1) as now:
        assert now.count == seen() == before + 1
        with tl.threads(1):
            assert seen() == 1
        assert seen() == before + 1
    assert tl.threads().count == seen() == before
    tl.threads(before + 1)
    assert seen() == before + 1


@pytest.mark.usefixtures("way")
def test_looking_changes_nothing_and_says_who_decided(monkeypatch, nobody_chose):
    before = seen()
    monkeypatch.setattr(threads, "_set_here", [])
    assert "by the cores" in repr(tl.threads())
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert tl.threads().by == "OMP_NUM_THREADS=3"
    with tl.threads(1):
        assert repr(tl.threads()).endswith("decided by tl.threads")
    assert tl.threads().by == "OMP_NUM_THREADS=3"
    assert seen() == before


@pytest.mark.parametrize(("count", "error"), [
    (0, HyperparameterError), (-1, HyperparameterError), (10**9, HyperparameterError),
    pytest.param(10**5000, HyperparameterError, id="too many digits to be said"),
    (1.0, HyperparameterTypeError), (True, HyperparameterTypeError), ("2", HyperparameterTypeError),
])  # fmt: skip
def test_what_is_no_count_is_refused_and_changes_nothing(count, error):
    before = seen()
    with pytest.raises(error, match="threads"):
        tl.threads(count)
    assert seen() == before


def test_a_library_that_cannot_be_asked_is_said_with_a_way_out(monkeypatch):
    monkeypatch.setattr(threads, "_libraries", list)
    with pytest.raises(CapabilityError, match="OMP_NUM_THREADS=1"):
        tl.threads()
    assert "not known" in machine.blas()
    assert "threadpoolctl" in machine.blas()
    with machine.threads_of(None):  # a default nobody asked for is no reason to fail
        pass
    with pytest.raises(CapabilityError):
        machine.threads_of(2)


# -- our own entry points ------------------------------------------------------------------------


def during_training(monkeypatch, *flags) -> int:
    """Threads while ``torchlean-nb train`` trains."""
    counts = []
    monkeypatch.setattr(tl.train.Trainer, "fit", lambda *_, **__: counts.append(seen()) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["train", "--steps", "1", *flags])
    return counts[0]


def test_train_takes_one_thread_and_puts_back_what_was(monkeypatch, nobody_chose):
    with tl.threads(3):
        assert during_training(monkeypatch) == 1
        assert seen() == 3
        assert during_training(monkeypatch, "--threads", "2") == 2


def test_train_leaves_alone_what_a_user_has_set(monkeypatch, nobody_chose):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    with tl.threads(3):
        assert during_training(monkeypatch) == 3
        assert during_training(monkeypatch, "--threads", "1") == 1


def kernels(monkeypatch, *options) -> tuple[dict[str, str], list[str]]:
    """Environment and options with which ``torchlean-nb lab`` starts JupyterLab."""
    found = []
    lab = SimpleNamespace(main=lambda options: found.append((dict(os.environ), options)))
    monkeypatch.setattr(machine, "find_spec", lambda name: object())
    monkeypatch.setattr(machine, "import_module", lambda name: lab)
    before = dict(os.environ)
    assert cli.main(["lab", *options]) == 0
    assert dict(os.environ) == before
    return found[0]


@pytest.mark.parametrize(("own", "options", "count"), [
    (None, [], "1"), (None, ["--threads", "4"], "4"), (None, ["--threads=4"], "4"), ("2", [], None),
    ("2", ["--threads", "4"], "4"),
])  # fmt: skip
def test_lab_tells_its_kernels(monkeypatch, nobody_chose, own, options, count):
    if own:
        monkeypatch.setenv("MKL_NUM_THREADS", own)
    environment, passed = kernels(monkeypatch, *options, "--no-browser")
    assert environment.get("OPENBLAS_NUM_THREADS") == count
    assert environment["MKL_NUM_THREADS"] == (count or own)
    assert passed[1:] == ["--no-browser"]


@pytest.mark.parametrize("count", ["0", "-2", "many", ""])
def test_lab_refuses_what_is_no_count(count, capsys):
    with pytest.raises(SystemExit) as stop:
        machine.own_threads([f"--threads={count}"])
    assert stop.value.code == 2
    assert "--threads" in capsys.readouterr().err


def run_py():
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("run", ROOT / "run.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_run_py_knows_the_same_variables_and_does_the_same():
    run = run_py()
    assert tuple(run.THREADS) == threads.VARIABLES
    for own in ({}, {"OMP_NUM_THREADS": "4"}, {"MKL_NUM_THREADS": ""}):
        for count in (None, 3):
            theirs = dict(own)
            threads.start_with(count, theirs)
            assert run.one_thread(own, count and str(count)) == theirs
    assert run.threads_of(["--threads", "2", "--port", "1"]) == ("2", ["--port", "1"])
    assert run.threads_of(["--port", "1"]) == (None, ["--port", "1"])


@pytest.mark.skipif(sys.platform == "win32", reason="Binder runs Linux")
@pytest.mark.parametrize(("own", "one"), [({}, True), ({"OMP_NUM_THREADS": "4"}, False)])
def test_binder_starts_with_one_thread_unless_told_otherwise(own, one):
    code = f"import os; print(*(os.environ.get(n) for n in {threads.VARIABLES}))"
    said = subprocess.check_output([ROOT / "binder" / "start", sys.executable, "-c", code], text=True, env=own)
    theirs = dict(own)
    threads.start_with(None, theirs)
    assert said.split() == [str(theirs.get(n)) for n in threads.VARIABLES]
    assert (said.split() == ["1"] * len(threads.VARIABLES)) is one


def test_importing_changes_nothing():
    code = "import numpy, threadpoolctl as t; a = t.threadpool_info(); import torchlean_nb as tl; tl.nn, tl.Trainer; " \
           "print(a == t.threadpool_info())"  # fmt: skip
    pytest.importorskip("threadpoolctl")
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "True"
