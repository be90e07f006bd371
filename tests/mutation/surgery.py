"""Put a mutant in the place of a live function, run something, and take it out again."""

from __future__ import annotations

import ast
import copy
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import CodeType, FunctionType

from tests.mutation.mutants import FUNCTION, mutate


@dataclass(frozen=True)
class Mutant:
    """One wrong version: where, what, and the code objects to exchange."""

    file: str
    function: str
    line: int
    what: str
    before: str
    after: str
    code: CodeType
    swaps: tuple[tuple[CodeType, CodeType], ...]

    @property
    def key(self) -> str:
        """Name that survives edits elsewhere in the file."""
        return f"{self.file}::{self.function}: {self.what}: {self.before}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}: {self.what}: {self.before} -> {self.after}"


def nested(code: CodeType) -> Iterator[CodeType]:
    """A code object and all inside it, in a fixed order."""
    yield code
    for c in code.co_consts:
        if isinstance(c, CodeType):
            yield from nested(c)


class Source:
    """A source file whose functions can be mutated while they are loaded."""

    def __init__(self, path: Path):
        self.path, self.name = path, path.name
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.codes = self._compiled(self.tree.body)

    def _compiled(self, statements: list[ast.stmt]) -> list[CodeType]:
        """Codes of functions, of some statements or of all."""
        future = [s for s in self.tree.body if isinstance(s, ast.ImportFrom) and s.module == "__future__"]
        module = ast.Module([*future, *(s for s in statements if s not in future)], [])
        return list(nested(compile(module, str(self.path), "exec", dont_inherit=True)))[1:]

    @cached_property
    def live(self) -> dict[CodeType, list[FunctionType]]:
        """Functions in memory by their code."""
        known, found = set(self.codes), {}
        for f in gc.get_objects():
            # Not isinstance: that asks objects for their class, and some warn when asked.
            if type(f) is FunctionType and f.__code__.co_filename == str(self.path) and f.__code__ in known:
                found.setdefault(f.__code__, []).append(f)
        return found

    @cached_property
    def parents(self) -> dict[int, tuple[ast.AST, str, int | None]]:
        """Where each node hangs."""
        table = {}
        for parent in ast.walk(self.tree):
            for field, value in ast.iter_fields(parent):
                for i, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                    if isinstance(child, ast.AST):
                        table[id(child)] = (parent, field, i)
        return table

    def functions(self) -> Iterator[tuple[str, ast.AST, ast.stmt]]:
        """Functions and lambdas with readable names, and the statements of the file they stand in."""
        def walk(node: ast.AST, name: str) -> Iterator[tuple[str, ast.AST]]:
            for child in ast.iter_child_nodes(node):
                inner = name
                if isinstance(child, ast.FunctionDef | ast.ClassDef):
                    inner = f"{name}.{child.name}" if name else child.name
                elif isinstance(child, ast.Lambda):
                    inner = f"{name or 'rule'}.<lambda>"
                if isinstance(child, FUNCTION):
                    yield inner, child
                yield from walk(child, inner)

        for top in self.tree.body:
            for name, function in walk(ast.Module([top], []), ""):
                yield name, function, top

    def _around(self, node: ast.AST) -> ast.AST:
        """The node, or for a bare constant the expression it stands in."""
        around = node
        while isinstance(around, ast.Constant | ast.UnaryOp | ast.keyword | ast.Tuple | ast.Slice):
            around = self.parents[id(around)][0]
        return around if isinstance(node, ast.Constant) else node

    def keys(self) -> set[str]:
        """Keys of all mutants of all functions, without making any."""
        return {
            f"{self.name}::{name}: {what}: {' '.join(ast.unparse(self._around(node)).split())[:100]}"
            for name, function, _ in self.functions() for node, what, _ in mutate(function)
        }  # fmt: skip

    @contextmanager
    def _replaced(self, node: ast.AST, new: ast.AST) -> Iterator[ast.AST]:
        parent, field, i = self.parents[id(node)]
        new = ast.copy_location(copy.copy(new), node)  # a copy: it may be one of the node's own children
        ast.fix_missing_locations(new)
        place = getattr(parent, field)
        if i is None:
            setattr(parent, field, new)
        else:
            place[i] = new
        try:
            yield new
        finally:
            if i is None:
                setattr(parent, field, node)
            else:
                place[i] = node

    def mutants(self, wanted: set[CodeType]) -> Iterator[Mutant]:
        """Wrong versions of those functions whose code is wanted."""
        spans = [(c.co_firstlineno, max(line for d in nested(c) for *_, line in d.co_lines() if line)) for c in wanted]
        for name, function, top in self.functions():
            if not any(a <= function.end_lineno and function.lineno <= b for a, b in spans):
                continue
            for node, what, new in mutate(function):
                shown = self._around(node)
                before = " ".join(ast.unparse(shown).split())
                with self._replaced(node, new) as placed:
                    after = " ".join(ast.unparse(placed if shown is node else shown).split())
                    try:
                        changed = self._compiled([top])
                    except (SyntaxError, ValueError):
                        continue
                swaps = tuple((a, b) for a, b in self._aligned(changed) if a != b)
                if not swaps:
                    continue
                code = next((c for c, _ in reversed(swaps) if c in wanted), None)
                if code is None:
                    break
                yield Mutant(self.name, name, node.lineno, what, before[:100], after[:100], code, swaps)

    def _aligned(self, changed: list[CodeType]) -> Iterator[tuple[CodeType, CodeType]]:
        """Old and new code objects in pairs; a dropped comprehension has no partner."""
        old = iter(self.codes)
        for new in changed:
            name = new.co_qualname, new.co_firstlineno
            yield next(c for c in old if (c.co_qualname, c.co_firstlineno) == name), new

    @contextmanager
    def alive(self, mutant: Mutant) -> Iterator[None]:
        """The mutant in place of the original."""
        done: list[tuple[FunctionType, CodeType]] = []
        try:
            for old, new in mutant.swaps:
                for f in self.live.get(old, ()):
                    f.__code__ = new
                    done.append((f, old))
            yield
        finally:
            for f, old in done:
                f.__code__ = old
