"""Imports point down: the house has floors, and nobody looks up or sideways."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import _project
import pytest
from _project import PACKAGE, files, imports, module_name, tree

# One line per floor, the roof first. What stands on one line does not know its neighbours.
HOUSE = """
    cli
    widgets lessons
    render
    race landscape
    train
    nn laws compiler
    engine shells
    ops optim schedules extend trace data minimizers saving surfaces
    rows updates
    backend domains hypers files tex escape outputs
    copies dtypes
    errors
"""
# A namespace offers every row to the rules of other rows, so these two name each other.
HAND_IN_HAND = {("backend", "rows")}
# Under the roof one speaks to the whole house through its front door, ``import torchlean_nb``.
FRONT_DOOR = ("cli", "")
FLOOR = {name: height for height, line in enumerate(reversed(HOUSE.split("\n"))) for name in line.split()}

# Who may know which package of others.
THIRD_PARTY = {
    "numpy": set(FLOOR) - {"ops", "optim", "schedules"},
    "cupy": {"backend"},
    "numba": {"backend", "engine", "shells"},
    "tqdm": {"train", "race", "landscape"},
    "sklearn": {"data", "lessons"},
    "safetensors": {"saving"},
    "graphviz": {"render"},
    "pygraphviz": {"render"},
    "matplotlib": {"render"},
    "latex2mathml": {"render"},
    "PIL": {"render"},
    "ipywidgets": {"widgets", "lessons"},
    "anywidget": {"widgets", "lessons"},
    "traitlets": {"widgets", "lessons"},
    "IPython": {"widgets", "lessons"},
    "jupyterlab": {"cli"},
}
MODULES = [p for p in files(".py", under=PACKAGE) if p != PACKAGE / "__init__.py"]


def room(path: Path) -> str:
    """Package or top-level module a file belongs to: ``ops``, ``errors``."""
    return module_name(path).split(".")[1]


def wrong_imports(path: Path) -> list[str]:
    """Imports of this file that its floor does not allow, as readable lines."""
    here, wrong = room(path), []
    for name, line in imports(path):
        top, _, rest = name.partition(".")
        if top == "torchlean_nb":
            there = rest.split(".")[0]
            above = FLOOR.get(there, len(FLOOR)) >= FLOOR[here]
            if above and there != here and (here, there) not in {*HAND_IN_HAND, FRONT_DOOR}:
                wrong.append(f"{path.name}:{line} {here} -> {there or 'the whole package'}")
        elif top not in sys.stdlib_module_names and here not in THIRD_PARTY.get(top, ()):
            wrong.append(f"{path.name}:{line} {here} -> {top}")
    return wrong


def test_every_room_has_a_floor():
    assert {room(p) for p in MODULES} <= set(FLOOR)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_point_down(path):
    assert wrong_imports(path) == []


def test_the_front_door_loads_the_upper_floors_only_on_demand():
    eager = [n for n in tree(PACKAGE / "__init__.py").body if isinstance(n, ast.ImportFrom) and n.module]
    rooms = {n.module.split(".")[1] for n in eager if n.module.startswith("torchlean_nb.")}
    rooms |= {a.name for n in eager if n.module == "torchlean_nb" for a in n.names}
    assert rooms, "the front door imports nothing by absolute name"
    assert {r for r in rooms if FLOOR[r] >= FLOOR["render"]} <= set()


def test_an_arrow_that_points_up_or_sideways_is_found(tmp_path, monkeypatch):
    bad = tmp_path / "torchlean_nb" / "trace" / "bad.py"
    bad.parent.mkdir(parents=True)
    bad.write_text("import cupy\ndef f():\n    from torchlean_nb.engine import tape\nfrom ..ops import table\n")
    monkeypatch.setattr(_project, "ROOT", tmp_path)
    assert wrong_imports(bad) == ["bad.py:1 trace -> cupy", "bad.py:4 trace -> ops", "bad.py:3 trace -> engine"]
