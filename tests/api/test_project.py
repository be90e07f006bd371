"""What stands around the package agrees with it: run.py, Binder, the changelog, and no paths of somebody's machine."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from _project import PACKAGE, ROOT, files

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA_NAMES = {"matplotlib": "matplotlib-base", "graphviz": "python-graphviz"}
TEXT = (".py", ".js", ".mjs", ".css", ".md", ".toml", ".yml", ".cfg", ".ipynb", ".json", ".html", "")


def split(requirement: str) -> tuple[str, str]:
    """Name and version range of a requirement."""
    name = re.match(r"[\w.-]+", requirement).group()
    return name, requirement[len(name) :].strip()


def load_run():
    """A fresh copy of run.py as a module."""
    spec = importlib.util.spec_from_file_location("run", ROOT / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(tmp_path):
    """run.py pointed at an empty project in a folder with a space in its name."""
    module = load_run()
    module.ROOT = tmp_path / "a folder"
    module.ROOT.mkdir()
    (module.ROOT / "pyproject.toml").write_text("[project]\n")
    module.NOTEBOOKS, module.VENV = module.ROOT / "notebooks", module.ROOT / ".venv"
    module.STAMP = module.VENV / "stamp"
    module.NOTEBOOKS.mkdir()
    return module


# -- run.py ------------------------------------------------------------------------------------


def test_run_py_can_be_read_by_an_interpreter_that_is_too_old():
    ast.parse((ROOT / "run.py").read_text(encoding="utf-8"), feature_version=(3, 8))


def test_run_py_uses_the_standard_library_only():
    nodes = ast.walk(ast.parse((ROOT / "run.py").read_text(encoding="utf-8")))
    names = {a.name.split(".")[0] for n in nodes if isinstance(n, ast.Import) for a in n.names}
    assert names <= sys.stdlib_module_names


def test_an_old_python_is_told_so(run, monkeypatch):
    monkeypatch.setattr(run.sys, "version_info", (3, 9, 0))
    with pytest.raises(SystemExit, match=r"needs Python 3.11 or newer"):
        run.make_venv()


def test_missing_ensurepip_names_the_package_to_install(run, monkeypatch):
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else object())
    with pytest.raises(SystemExit, match="sudo apt install python3-venv"):
        run.make_venv()


def test_a_folder_that_is_no_environment_is_never_cleared(run):
    run.VENV.mkdir()
    (run.VENV / "thesis.txt").write_text("years of work")
    with pytest.raises(SystemExit, match="not a virtual environment"):
        run.make_venv()
    assert (run.VENV / "thesis.txt").exists()


class Machine:
    """Stands in for pip and pytest: notes the commands, answers with the given statuses."""

    def __init__(self, run, monkeypatch):
        self.commands, self.status = [], {}
        run.VENV.mkdir()
        monkeypatch.setattr(run, "python_of_venv", lambda: sys.executable)
        monkeypatch.setattr(run, "run", self)

    def __call__(self, python, *args, env=None):
        self.commands.append([str(a) for a in args])
        return self.status.get(args[1], 0)

    def installs(self):
        return [c[-1] for c in self.commands if c[1] == "pip"]


@pytest.fixture
def machine(run, monkeypatch):
    return Machine(run, monkeypatch)


def test_it_installs_once_and_again_when_pyproject_changes(run, machine):
    run.environment("lab", "test")
    run.environment("lab", "test")
    assert machine.installs() == [".[lab,test]"]
    (run.ROOT / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    run.environment("lab")
    assert machine.installs() == [".[lab,test]", ".[lab]"]


def test_an_extra_is_added_to_what_is_there(run, machine):
    run.environment("lab", "test")
    run.environment("lab", "test", "oracle")
    run.environment("oracle")
    assert machine.installs() == [".[lab,test]", ".[lab,oracle,test]"]


def test_an_install_that_fails_is_tried_again(run, machine):
    machine.status["pip"] = 1
    with pytest.raises(SystemExit, match="installation failed"):
        run.environment("lab")
    machine.status.clear()
    run.environment("lab")
    assert len(machine.installs()) == 2


def test_an_interrupted_install_leaves_no_stamp(run, machine, monkeypatch):
    run.environment("lab")

    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.environment("lab", "oracle")
    assert not run.STAMP.exists()


def test_lessons_run_lax_unless_they_ask_for_their_outputs_to_be_compared(run, machine):
    for name, data in {"01_a.ipynb": {}, "02_b.ipynb": {"strict": True}, "_template.ipynb": {}}.items():
        (run.NOTEBOOKS / name).write_text(json.dumps({"metadata": {"torchlean_nb": data}}))
    assert run.lessons([]) == 0
    lax, strict = machine.commands[1], machine.commands[2]
    assert "--nbval-lax" in lax
    assert lax[-1] == str(Path("notebooks/01_a.ipynb"))
    assert "--nbval" in strict
    assert strict[-1].endswith("02_b.ipynb")
    assert not any("_template" in c for command in machine.commands for c in command)


def test_a_lesson_that_is_not_there_is_an_error(run, machine):
    assert run.lessons(["99"]) == 1


def test_test_runs_units_and_lessons_even_if_the_units_fail(run, machine, capsys):
    (run.NOTEBOOKS / "01_a.ipynb").write_text("{}")
    machine.status["pytest"] = 1
    assert run.test(["-x"]) == 1
    suites = [c for c in machine.commands if c[1] == "pytest"]
    assert [c[-1] for c in suites] == ["-x", str(Path("notebooks/01_a.ipynb"))]
    assert "FAILED" in capsys.readouterr().out


def test_a_suite_without_tests_passes_but_a_selection_of_nothing_does_not(run, machine):
    machine.status["pytest"] = run.NO_TESTS
    assert run.oracle([]) == 0
    assert run.oracle(["-k", "no such test"]) == run.NO_TESTS


@pytest.mark.skipif(sys.platform == "win32", reason="replaces the process on POSIX only")
def test_lab_becomes_jupyterlab_on_the_first_lesson(run, machine, monkeypatch):
    (run.NOTEBOOKS / "00_start.ipynb").write_text("{}")
    seen = []
    posix = SimpleNamespace(name="posix", chdir=lambda path: None, execve=lambda *a: seen.extend(a), environ={})
    monkeypatch.setattr(run, "os", posix)
    run.lab(["--no-browser", "--port", "9999"])
    program, command, environment = seen
    assert program == command[0] == sys.executable
    assert command[1:3] == ["-m", "jupyterlab"]
    assert command[-4:] == ["--LabApp.default_url=/lab/tree/00_start.ipynb", "--no-browser", "--port", "9999"]
    assert environment["OPENBLAS_NUM_THREADS"] == "1"


def test_an_unknown_word_shows_the_help():
    done = subprocess.run([sys.executable, ROOT / "run.py", "tset"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "There is no command 'tset'" in done.stderr
    assert "run.py test" in done.stderr


@pytest.mark.parametrize(("installed", "answer", "said"), [
    (True, (0, "", "No known vulnerabilities found"), "No known vulnerabilities found"),
    (True, (1, "Name Version ID\nx 1 CVE-1", "Found 1 known vulnerability"), "Name Version ID\nx 1 CVE-1"),
    (True, (1, "", "Traceback\nConnectionError: offline"), "audit: no report: ConnectionError: offline"),
    (False, (1, "", "no network"), "audit: pip-audit is not installed, and could not be"),
    (True, subprocess.TimeoutExpired("pip_audit", 300), "audit: no report: Command 'pip_audit' timed out"),
])  # fmt: skip
def test_an_audit_is_a_report_and_never_fails(run, machine, monkeypatch, capsys, installed, answer, said):
    def quietly(command):
        if isinstance(answer, Exception):
            raise answer
        return subprocess.CompletedProcess(command, *answer)

    monkeypatch.setattr(run, "answers", lambda python, code: installed)
    monkeypatch.setattr(run, "quietly", quietly)
    assert run.audit([]) == 0
    assert capsys.readouterr().out.startswith(said)


# The first version without a known advisory that concerns us.
FIXED = {
    "nbconvert": (7, 17, 1),  # CVE-2026-39378, CVE-2025-53000
    "jupyter-server": (2, 20),  # CVE-2026-44727, CVE-2026-35397
    "jupyterlab": (4, 5, 7),  # CVE-2026-42557, CVE-2026-40171
    "notebook": (7, 5, 6),  # the same
    "torch": (2, 10),  # CVE-2025-32434, CVE-2026-24747
}
# They evaluate text or unpickle: CVE-2023-39631, CVE-2026-32640, CVE-2026-55244, CVE-2025-1550.
UNWANTED = {"numexpr", "simpleeval", "asteval", "keras", "dill", "cloudpickle"}


def requirements():
    """Package and lower bound of every requirement of pyproject.toml."""
    for line in [*PROJECT["dependencies"], *itertools.chain(*PROJECT["optional-dependencies"].values())]:
        name, versions = split(line)
        least = re.match(r"(?:>=|==)([0-9.]*[0-9])", versions)[1]
        yield name.lower().replace("_", "-"), tuple(map(int, least.split(".")))


def test_no_dependency_is_older_than_the_fix_of_an_advisory():
    found = list(requirements())
    assert [(name, least) for name, least in found if least < FIXED.get(name, ())] == []
    assert {"nbconvert", "jupyter-server", "jupyterlab", "torch"} <= {name for name, _ in found}
    assert UNWANTED.isdisjoint(name for name, _ in found)


# -- Binder, versions, paths -------------------------------------------------------------------


def binder_packages() -> dict[str, str]:
    """Conda packages of binder/environment.yml with their version ranges."""
    lines = (ROOT / "binder" / "environment.yml").read_text(encoding="utf-8").split("dependencies:")[1].splitlines()
    return dict(split(line.strip()[2:]) for line in lines if line.strip().startswith("- "))


def test_binder_installs_every_dependency_in_the_same_range():
    conda = binder_packages()
    for name, version in map(split, PROJECT["dependencies"]):
        assert conda.get(CONDA_NAMES.get(name, name)) == version


def test_binder_names_a_python_that_is_new_enough():
    version = binder_packages()["python"].lstrip("=")
    assert tuple(map(int, version.split("."))) >= (3, 11)
    assert PROJECT["requires-python"] == ">=3.11"


def test_there_is_one_binder_folder_and_its_script_installs_the_toolkit():
    assert not (ROOT / ".binder").exists()
    assert "pip install --no-deps -e ." in (ROOT / "binder" / "postBuild").read_text(encoding="utf-8")


def test_the_oldest_python_is_the_same_everywhere():
    assert f">={'.'.join(map(str, load_run().OLDEST))}" == PROJECT["requires-python"]


def test_the_changelog_knows_the_current_version():
    assert f"## [{PROJECT['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_package_knows_its_version():
    import torchlean_nb

    assert torchlean_nb.__version__ == PROJECT["version"] == metadata.version("torchlean_nb")


@pytest.mark.parametrize("script", [".ci/run", "binder/postBuild", "binder/start"])
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no executable bit")
def test_scripts_can_be_run(script):
    assert (ROOT / script).stat().st_mode & 0o100


def test_no_file_names_a_place_on_somebodys_machine():
    # Put together here, so that this file does not find itself.
    places = [f"/{folder}/" for folder in ("work", "root", "home", "Users")] + ["../" + "shared", ".lib" + "rary"]
    found = [
        f"{path.relative_to(ROOT)}: {place}"
        for path in files(*TEXT)
        for text in [path.read_text(encoding="utf-8", errors="replace")]
        for place in places
        if place in text
    ]
    assert found == []


def missing_places(path) -> list[str]:
    """Files and folders of the project that a Markdown file names in code type, and that are not there."""
    roots = "torchlean_nb|tests|notebooks|docs|binder|errors|rows|engine|ops|trace|render|laws|backend|widgets"
    named = re.findall(rf"`((?:{roots})(?:/[\w./*]*|\.py))`", path.read_text(encoding="utf-8"))
    return [place for place in named if not list(ROOT.glob(place)) + list(PACKAGE.glob(place))]


@pytest.mark.parametrize("page", files(".md"), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_named_in_the_documents_exist(page):
    assert missing_places(page) == []


def dead_links(path) -> list[str]:
    """Relative links of a Markdown file that lead nowhere."""
    targets = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
    return [t for t in targets if not re.match(r"[a-z]+:", t) and not (path.parent / t).exists()]


@pytest.mark.parametrize("page", files(".md"), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert dead_links(page) == []
