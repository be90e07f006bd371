"""Where text becomes markup: every string with a tag, a DOT attribute or a LaTeX command in it, and what is put there.

A value may be put into markup when it is a constant, a number, markup itself, or went through an escape function. This
is decided by following names to what they were made of: through assignments, lists, functions of the package, and the
arguments of all who call those.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

from _project import tree
from _scopes import Module, Scope, parameters

TAGS = (
    "a abbr b base br button canvas circle clipPath code defs desc details div ellipse em figure filter "
    "foreignObject form g h1 h2 h3 head html i iframe image img input line linearGradient link marker "
    "mask math meta mi mo mn mtext mrow ms object ol p path pattern polygon polyline pre rect script "
    "section select small span strong style sub summary sup svg symbol table tbody td text textarea "
    "textPath tfoot th thead title tr tspan tt u ul use video"
).replace(" ", "|")
SINKS = {
    "markup": re.compile(rf"</?(?:{TAGS})(?=[\s/>]|$)|<!--|<!doctype", re.IGNORECASE),
    "DOT": re.compile(r"\[label=|\tlabel=|fontcolor=|\bURL=|\btooltip=|digraph"),
    "Markdown": re.compile(r"\*\*`|^- `|\]\(|^\| .*\|$"),
    "LaTeX": re.compile(r"\\(?:[a-zA-Z]{2,}(?![a-z]*\\n)|[{}])"),
}
NUMBERS = frozenset("range int float bool len round abs ord index count num fmt prod b64encode".split())
NUMERIC = re.compile(r"[-+ #0-9,._<>=^]*[bcdeEfFgGnoxX%]|[,_]|[<>=^+]?[0-9.]*,[.0-9]*[fgd]?|[-+ ,]+|\.[0-9]+")
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")
PURE = frozenset("sorted reversed list tuple set iter filter dict str next min max sum pairwise chr fromkeys".split())
KEEPING = frozenset(
    "strip lstrip rstrip replace removeprefix removesuffix lower upper title capitalize format join get pop "
    "items values copy tolist split splitlines partition rpartition findall groups decode sub".split()
)


def escapes_of(path: Path) -> set[str]:
    """Names of the escape functions that a module defines."""
    return {f.name for f in tree(path).body if isinstance(f, ast.FunctionDef) and not f.name.startswith("_")}


def mentions(path: Path) -> bool:
    """Whether a file holds an f-string, a format or a sum of markup, as far as its lines tell."""
    text = path.read_text(encoding="utf-8")
    return any(sign.search(text) for sink, sign in SINKS.items() if sink != "LaTeX")


class Reader:
    """Follows values through the modules of a package and says what reaches markup without an escape.

    Parameters
    ----------
    paths : list of Path
    escapes : set of str
        Names of the functions that escape, and of those that write numbers.
    trusted : mapping of str to str
        ``"function.parameter"`` or attribute whose text is ours, and the reason.
    """

    def __init__(self, paths: list[Path], escapes: set[str], trusted: dict[str, str] | None = None):
        self.modules = [Module(p) for p in paths]
        self.by_name = {m.name: m for m in self.modules}
        self.escapes, self.trusted, self.used = escapes, trusted or {}, set()
        self.calls: dict[str, list[tuple[ast.Call, Scope]]] = defaultdict(list)
        self.fields: dict[str, set[str]] = defaultdict(set)
        self.known: dict[tuple, str | None] = {}
        self.kept: dict[str, dict[str, str]] = {}
        for m in self.modules:
            for node, scope in m.inside:
                for sub in [node] if isinstance(node, ast.Call) else []:
                    self.calls[_called(sub.func)].append((sub, scope))
                if isinstance(node, ast.ClassDef):
                    kept = [part for part in node.body if isinstance(part, ast.AnnAssign)]
                    self.kept[node.name] = {ast.unparse(part.target): ast.unparse(part.annotation) for part in kept}
                    for name, kind in self.kept[node.name].items():
                        self.fields[name].add(kind)

    # -- findings ------------------------------------------------------------------------------
    def findings(self) -> list[str]:
        """Every value that reaches markup as it is: ``module:line sink: value, because``."""
        found = []
        for m in self.modules:
            for node, scope in m.inside:
                sink, values = markup_of(node)
                for value in values:
                    why = self.unsafe(value, scope)
                    if why:
                        found.append(f"{m.name}:{node.lineno} {sink}: {ast.unparse(value)[:60]} <- {why}")
        return sorted(set(found))

    def unsafe(self, e: ast.AST, scope: Scope) -> str | None:
        """None for what may stand in markup, else what is not known to be safe."""
        key = id(e), id(scope)
        if key not in self.known:
            self.known[key] = None  # what is made of itself is as safe as the rest of it
            self.known[key] = self._unsafe(e, scope)
        return self.known[key]

    def _all(self, parts: object, scope: Scope) -> str | None:
        return next(filter(None, (self.unsafe(p, scope) for p in parts if p is not None)), None)

    def _unsafe(self, e: ast.AST, scope: Scope) -> str | None:
        if isinstance(e, ast.Constant | ast.Compare):
            return None
        if isinstance(e, ast.Lambda):
            return self._all(scope.module.scopes[e].made, scope.module.scopes[e])
        if isinstance(e, ast.FormattedValue):
            spec = "".join(
                v.value if isinstance(v, ast.Constant) else "0" for v in getattr(e.format_spec, "values", [])
            )
            return None if spec and NUMERIC.fullmatch(spec) else self.unsafe(e.value, scope)
        if isinstance(e, ast.JoinedStr | ast.BoolOp):
            return self._all(e.values, scope)
        if isinstance(e, ast.IfExp):
            if _one_of_ours(e):
                return self.unsafe(e.orelse, scope)
            return self._all((e.body, e.orelse), scope)
        if isinstance(e, ast.UnaryOp):
            return None
        if isinstance(e, ast.BinOp):
            return (
                self._all((e.left, e.right), scope)
                if isinstance(e.op, ast.Add | ast.Mult | ast.Mod | ast.BitOr)
                else None
            )
        if isinstance(e, ast.List | ast.Tuple | ast.Set):
            return self._all(e.elts, scope)
        if isinstance(e, ast.Dict):
            return self._all(e.values, scope)
        if isinstance(e, ast.Starred | ast.Await | ast.NamedExpr):
            return self.unsafe(e.value, scope)
        if isinstance(e, ast.ListComp | ast.GeneratorExp | ast.SetComp):
            return self.unsafe(e.elt, scope)
        if isinstance(e, ast.DictComp):
            return self.unsafe(e.value, scope)
        if isinstance(e, ast.Subscript):
            return self.unsafe(e.value, scope)
        if isinstance(e, ast.Call):
            return self._call(e, scope)
        if isinstance(e, ast.Attribute):
            where = scope.module.name.removeprefix("torchlean_nb.")
            return None if self._trusts(f"{where} .{e.attr}") else self._attribute(e, scope)
        return self._name(e.id, scope) if isinstance(e, ast.Name) else f"{ast.unparse(e)[:40]} ({type(e).__name__})"

    def _trusts(self, what: str) -> bool:
        if what in self.trusted:
            self.used.add(what)
        return what in self.trusted

    def _attribute(self, e: ast.Attribute, scope: Scope) -> str | None:
        kinds = self.fields.get(e.attr)
        if isinstance(e.value, ast.Name):
            how = next(iter(scope.bound.get(e.value.id, ())), ("",))
            given = getattr(how[1], "annotation", None) if how[0] == "param" else None
            kind = self.kept.get(ast.unparse(given) if given else "", {}).get(e.attr)
            kinds = {kind} if kind else kinds
        if CONSTANT.fullmatch(e.attr) or (kinds and all(map(_number, kinds))) or e.attr in ("size", "ndim", "shape"):
            return None
        return f"{scope.module.name.removeprefix('torchlean_nb.')} .{e.attr}"

    def _name(self, name: str, scope: Scope | None) -> str | None:
        if CONSTANT.fullmatch(name):
            return None
        while scope is not None and name not in scope.bound:
            scope = scope.outer
        if scope is None:
            return None if name in ("re", "np", "math") else f"name {name}"
        for how in scope.bound[name]:
            why = self._param(how[1], scope) if how[0] == "param" else self._bound(how, scope)
            if why:
                return why
        return None

    def _bound(self, how: tuple, scope: Scope) -> str | None:
        kind, value = how[:2]
        path = how[2] if len(how) > 2 else ()
        if kind == "each":
            if isinstance(value, ast.Call) and (called := _called(value.func)) in ("enumerate", "zip") and path:
                if called == "enumerate":
                    return None if path[0] == 0 else self._bound(("each", value.args[0], path[1:]), scope)
                return (
                    self._bound(("each", value.args[path[0]], path[1:]), scope) if path[0] < len(value.args) else None
                )
            if isinstance(value, ast.Call) and _called(value.func) in ("range", "linspace", "count", "arange"):
                return None
            if isinstance(value, ast.Tuple | ast.List) and path:
                return self._all((v.elts[path[0]] if isinstance(v, ast.Tuple) else v for v in value.elts), scope)
        elif isinstance(value, ast.Tuple) and path and not any(isinstance(v, ast.Starred) for v in value.elts):
            return self._bound(("is", value.elts[path[0]], path[1:]), scope)
        return self.unsafe(value, scope)

    def _param(self, arg: ast.arg, scope: Scope) -> str | None:
        """A parameter is as safe as what the package gives it."""
        f = scope.node
        if isinstance(f, ast.Lambda) or (arg.annotation is not None and _number(ast.unparse(arg.annotation))):
            return self._given_to(f, scope) if isinstance(f, ast.Lambda) else None
        where = scope.module.name.removeprefix("torchlean_nb.")
        if self._trusts(f"{where} {f.name}({arg.arg})"):
            return None
        key = id(arg), 0
        if key in self.known:
            return self.known[key]
        self.known[key] = None
        names = [a.arg for a in parameters(f) if a not in (f.args.vararg, f.args.kwarg)]
        at = names.index(arg.arg) - (names[0] in ("self", "cls")) if arg.arg in names else None
        why = None if self.calls[f.name] else f"parameter {f.name}.{arg.arg}"
        for call, where in self.calls[f.name]:
            if scope not in (
                self._functions(call.func, f.name, where) or [scope] * (at is None or names[0] in ("self", "cls"))
            ):
                continue  # of the same name
            given = [k.value for k in call.keywords if k.arg == arg.arg]
            if arg is f.args.vararg:
                given += call.args
            elif at is not None:
                given += call.args[at : at + 1] if at >= 0 else []
            why = why or self._all(given, where)
        self.known[key] = why and f"{f.name}.{arg.arg} <- {why}"
        return self.known[key]

    def _given_to(self, f: ast.Lambda, scope: Scope) -> str | None:
        """What a lambda is given stands beside it: ``map(lambda x: ..., these)``, ``RE.sub(lambda m: ..., this)``."""
        for node, where in scope.module.inside:
            if isinstance(node, ast.Call) and f in node.args:
                return self._all((a for a in node.args if a is not f), where)
        return f"lambda in line {f.lineno}"

    def _call(self, e: ast.Call, scope: Scope) -> str | None:
        name = _called(e.func)
        if name in self.escapes or name in NUMBERS:
            return None
        if name == "map":
            f = e.args[0]
            made = f if isinstance(f, ast.Lambda) else ast.Call(f, e.args[1:], [])
            return self.unsafe(made, scope) if made is f else self._call(made, scope)
        if name in PURE:
            return self._all(e.args, scope)
        functions = self._functions(e.func, name, scope)
        if functions:
            return next(filter(None, (self._all(f.made, f) for f in functions)), None)
        if isinstance(e.func, ast.Attribute) and name in KEEPING:
            given = e.args[1:] if name in ("get", "pop") else e.args
            return self._all((e.func.value, *given, *(k.value for k in e.keywords)), scope)
        where = f"{scope.module.name.removeprefix('torchlean_nb.')} {name}()"
        return None if self._trusts(where) else where

    def _functions(self, func: ast.AST, name: str, scope: Scope) -> list[Scope]:
        here = scope.module
        if isinstance(func, ast.Name):
            if name in here.functions:
                return here.functions[name]
            module, original = here.imports.get(name, ("", ""))
            return self.by_name[module].functions.get(original, []) if module in self.by_name else []
        whole = here.imports.get(getattr(getattr(func, "value", None), "id", ""), ("", ""))
        module = self.by_name.get(".".join(filter(None, whole)))
        if module is not None:
            return module.functions.get(name, [])
        return here.functions.get(name, []) if isinstance(func, ast.Attribute) and name not in KEEPING else []


def _one_of_ours(e: ast.IfExp) -> bool:
    """``x if x in TABLE else ...``: what comes out stands in a table of ours."""
    t = e.test
    if not (isinstance(t, ast.Compare) and isinstance(t.ops[0], ast.In) and ast.dump(t.left) == ast.dump(e.body)):
        return False
    table = t.comparators[0]
    return isinstance(table, ast.Tuple) or (isinstance(table, ast.Name) and bool(CONSTANT.fullmatch(table.id)))


def _called(func: ast.AST) -> str:
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def _number(annotation: str) -> bool:
    words = set(re.findall(r"[A-Za-z_.]+", annotation))
    return bool(words) and words <= set("int float bool None np.ndarray tuple list".split())


def markup_of(node: ast.AST) -> tuple[str, list[ast.AST]]:
    """Sink and values of an expression that puts values into a constant of markup."""
    text, values = "", []
    if isinstance(node, ast.JoinedStr):
        text = "\0".join(v.value for v in node.values if isinstance(v, ast.Constant))
        values = [v for v in node.values if not isinstance(v, ast.Constant)]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
        sides = [node.left, node.right]
        text = "\0".join(s.value for s in sides if isinstance(s, ast.Constant) and isinstance(s.value, str))
        values = [s for s in sides if not isinstance(s, ast.Constant)]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        written, how = node.func.value, node.func.attr
        if how == "raw":
            return "markup", node.args
        if how in ("format", "join") and isinstance(written, ast.Constant) and isinstance(written.value, str):
            text, values = written.value, [*node.args, *(k.value for k in node.keywords)]
            pieces = values[0].elts if how == "join" and isinstance(values[0], ast.List | ast.Tuple) else []
            text += "\0".join(p.value for p in pieces if isinstance(p, ast.Constant) and isinstance(p.value, str))
    sink = next((name for name, sign in SINKS.items() if sign.search(text)), "")
    return (sink, values) if sink else ("", [])
