"""The project's own files as the structure tests see them."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "torchlean_nb"
_SKIP = {".git", ".venv", "__pycache__", "node_modules", "dist", "build", "shared"}
_SKIP |= {".ipynb_checkpoints", ".pytest_cache", ".ruff_cache", ".hypothesis"}


def files(*suffixes: str, under: Path = ROOT) -> list[Path]:
    """Files of the project with one of these suffixes (all when none is given), sorted."""
    found = (p for p in under.rglob("*") if p.is_file() and not _SKIP.intersection(p.relative_to(ROOT).parts))
    return sorted(p for p in found if not suffixes or p.suffix in suffixes)


def tree(path: Path) -> ast.Module:
    """Syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_name(path: Path) -> str:
    """Dotted name of a file of the package, ``torchlean_nb.ops.table`` for example."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> list[tuple[str, int]]:
    """Absolute names of the modules a file imports, with their lines; also those inside functions."""
    here, found = module_name(path), []
    package = here if path.name == "__init__.py" else here.rpartition(".")[0]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            found += [(f"{name}.{alias.name}", node.lineno) for alias in node.names]
    return found
