"""The console script: three words, and errors that say what to do."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from torchlean_nb import cli
from torchlean_nb.cli import machine


def test_doctor_names_every_dependency_and_checks_a_gradient(capsys):
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    needed = "torchlean_nb numpy ipywidgets anywidget matplotlib graphviz latex2mathml tqdm"
    for word in [*needed.split(), "safetensors", "scikit-learn", "device cpu"]:
        assert word in out
    assert "the derivative of x*x + x at 3 is 7: fine" in out


def test_doctor_says_how_to_get_what_is_missing(capsys, monkeypatch):
    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "pip install pygraphviz" in out
    assert 'pip install "torchlean_nb[safetensors]"' in out
    assert 'pip install "torchlean_nb[data]"' in out
    assert "apt install graphviz" in out


def test_doctor_survives_a_package_that_does_not_load(monkeypatch):
    def broken(name):
        raise OSError("libcuda is missing")

    monkeypatch.setattr(machine, "find_spec", lambda name: object())
    monkeypatch.setattr(machine, "import_module", broken)
    assert machine.state("cupy") == "installed, but it does not load: OSError: libcuda is missing"


def test_cupy_without_a_device_is_not_called_usable(monkeypatch):
    monkeypatch.setattr(machine, "find_spec", lambda name: object())
    monkeypatch.setattr(
        machine, "import_module", lambda name: SimpleNamespace(__version__="14.2", is_available=lambda: False)
    )
    assert machine.state("cupy") == "14.2, but no CUDA device"


def test_lab_opens_the_folder_of_the_lessons_and_passes_options_on(monkeypatch, tmp_path):
    seen = []
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "find_spec", lambda name: object())
    monkeypatch.setattr(machine, "import_module", lambda name: SimpleNamespace(main=seen.append))
    assert cli.main(["lab", "--no-browser", "--port", "9999"]) == 0
    assert seen == [[f"--ServerApp.root_dir={tmp_path / 'notebooks'}", "--no-browser", "--port", "9999"]]


def test_lab_without_jupyterlab_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    assert cli.main(["lab"]) == 1
    assert "pip install jupyterlab" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [[], ["labb"], ["doctor", "--loud"]])
def test_other_words_are_refused(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2
    assert "usage: torchlean-nb" in capsys.readouterr().err


def test_the_module_can_be_run_without_the_console_script():
    import subprocess

    done = subprocess.run([sys.executable, "-m", "torchlean_nb.cli", "-h"], capture_output=True, text=True)
    assert done.returncode == 0 and "doctor" in done.stdout
