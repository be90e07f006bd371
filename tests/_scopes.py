"""Python files with the names in them: what each is bound to, in its function or module."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cached_property
from pathlib import Path

from _project import module_name, tree


class Scope:
    """What the names of a function or module are bound to."""

    def __init__(self, node: ast.AST, module: Module, outer: Scope | None):
        self.node, self.module, self.outer = node, module, outer
        self.bound: dict[str, list[tuple]] = defaultdict(list)
        self.made: list[ast.expr] = []
        self.yields = False
        for arg in parameters(node):
            self.bound[arg.arg].append(("param", arg))
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        for part in body:
            self._read(part)
        if isinstance(node, ast.Lambda):
            self.made.append(node.body)

    def _read(self, node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            return
        if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) and node.value is not None:
            self.yields |= not isinstance(node, ast.Return)
            whole = isinstance(node, ast.YieldFrom)
            self.made.append(ast.Starred(node.value) if whole else node.value)
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._bind(target, ("is", node.value, ()))
        elif (isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None) or isinstance(
            node, ast.AugAssign
        ):
            self._bind(node.target, ("is", node.value, ()))
        elif isinstance(node, ast.For | ast.comprehension):
            self._bind(node.target, ("each", node.iter, ()))
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            self._bind(node.optional_vars, ("with", node.context_expr, ()))
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            name, how = node.func.value.id, node.func.attr
            if how in ("append", "add", "insert"):
                self.bound[name].append(("holds", node.args[-1]))
            elif how == "extend":
                self.bound[name].append(("is", node.args[0], ()))
        for child in ast.iter_child_nodes(node):
            self._read(child)

    def _bind(self, target: ast.AST, how: tuple) -> None:
        if isinstance(target, ast.Name):
            self.bound[target.id].append(how)
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            self.bound[target.value.id].append(("holds", how[1]))
        elif isinstance(target, ast.Starred):
            self._bind(target.value, ("some", *how[1:]))
        elif isinstance(target, ast.Tuple | ast.List):
            for i, part in enumerate(target.elts):
                self._bind(part, (how[0], how[1], (*how[2], i)))


class Module:
    """A file with the scopes in it."""

    def __init__(self, path: Path):
        self.path, self.name, self.tree = path, module_name(path), tree(path)
        self.scopes: dict[ast.AST, Scope] = {}
        self.functions: dict[str, list[Scope]] = defaultdict(list)
        self.inside: list[tuple[ast.AST, Scope]] = []
        self.top = Scope(self.tree, self, None)
        self._walk(self.tree, self.top)

    def _walk(self, node: ast.AST, scope: Scope) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.Lambda):
                inner = Scope(child, self, scope)
                self.scopes[child] = inner
                if isinstance(child, ast.FunctionDef):
                    self.functions[child.name].append(inner)
                    for part in [*child.decorator_list, *child.args.defaults, *filter(None, child.args.kw_defaults)]:
                        self._walk(ast.Expr(part), scope)
                    for part in child.body:
                        self.inside.append((part, inner))
                        self._walk(part, inner)
                    continue
                self._walk(child, inner)
            else:
                self.inside.append((child, scope))
                self._walk(child, scope)

    @cached_property
    def imports(self) -> dict[str, tuple[str, str]]:
        """Local name to module and name there."""
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                found |= {a.asname or a.name: (node.module, a.name) for a in node.names}
            elif isinstance(node, ast.Import):
                found |= {a.asname or a.name: (a.name, "") for a in node.names}
        return found


def parameters(node: ast.AST) -> list[ast.arg]:
    if not isinstance(node, ast.FunctionDef | ast.Lambda):
        return []
    a = node.args
    return [*a.posonlyargs, *a.args, *([a.vararg] if a.vararg else []), *a.kwonlyargs, *([a.kwarg] if a.kwarg else [])]
