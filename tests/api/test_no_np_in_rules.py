"""Rules speak to the namespace they are given: nobody in ``ops/`` reaches for NumPy."""

from __future__ import annotations

import ast

import pytest
from _project import PACKAGE, files, imports, module_name, tree

RULES = [p for room in ("ops", "optim", "schedules") for p in files(".py", under=PACKAGE / room)]
LIBRARIES = {"numpy", "cupy", "scipy", "torch", "math", "cmath"}


def libraries_used(path) -> list[str]:
    """Array libraries a file imports or names, with their lines."""
    used = [f"{name}:{line}" for name, line in imports(path) if name.split(".")[0] in LIBRARIES - {"math"}]
    names = (n for n in ast.walk(tree(path)) if isinstance(n, ast.Name))
    return used + [f"{n.id}:{n.lineno}" for n in names if n.id in ("np", "cp", "numpy", "cupy")]


def test_there_are_rules_to_look_at():
    assert RULES


@pytest.mark.parametrize("path", RULES, ids=module_name)
def test_rules_use_xp_only(path):
    assert libraries_used(path) == []
