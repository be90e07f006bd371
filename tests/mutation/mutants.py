"""Small wrong versions of a function: one operator, constant, name or call changed in its syntax tree."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

TINY = 10**6
SYMMETRIC = ("equal", "minimum", "maximum", "add", "mul", "logaddexp")
FUNCTION = ast.FunctionDef | ast.Lambda
SWAPPED_CALLS = {
    "greater": ("greater_equal",), "greater_equal": ("greater",), "maximum": ("minimum",), "minimum": ("maximum",),
    "max": ("min",), "min": ("max",), "sin": ("cos",), "cos": ("sin",), "sinh": ("cosh",), "cosh": ("sinh",),
    "exp": ("expm1",), "log": ("log1p",), "take": ("put_take",), "cumsum": ("flip",),
}


def variants(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Wrong versions of one node: what was done, and the new node."""
    match node:
        case ast.BinOp(left, op, right):
            for name, new in OPERATORS.get(type(op), ()):
                yield name, ast.BinOp(left, new(), right)
            yield "drop right", _keep(left, right)
            if isinstance(op, ast.Add | ast.Mult | ast.Sub | ast.MatMult):
                yield "drop left", _keep(right, left)
            if isinstance(op, ast.Sub | ast.Div | ast.MatMult | ast.Mod | ast.FloorDiv):
                yield "swap operands", ast.BinOp(right, op, left)
        case ast.UnaryOp(ast.USub(), operand) if not isinstance(operand, ast.Constant):
            yield "drop minus", operand
        case ast.Constant(bool() as v):
            yield f"{v} to {not v}", ast.Constant(not v)
        case ast.Constant(int() as v):
            yield f"{v} to {v + 1}", ast.Constant(v + 1)
            yield f"{v} to {v - 1}", ast.Constant(v - 1)
        case ast.Constant(float() as v):
            yield "constant scaled by 1 + 1e-6", ast.Constant(v * (1 + 1 / TINY))
        case ast.Compare(left, [op], [right]) if type(op) in COMPARISONS:
            yield f"replace {type(op).__name__}", ast.Compare(left, [COMPARISONS[type(op)]()], [right])
        case ast.BoolOp(op, values):
            yield "and for or", ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.IfExp(test, body, orelse):
            yield "always the first", _keep(body, orelse, test)
            yield "always the second", _keep(orelse, body, test)
        case ast.Attribute(value, "T"):
            yield "drop .T", value
        case ast.Call(ast.Name("slice")) | ast.Call(ast.Name("range")) | ast.Call(ast.Name("tuple")):
            return
        case ast.Call():
            yield from _calls(node)


OPERATORS = {
    ast.Add: [("plus to minus", ast.Sub)], ast.Sub: [("minus to plus", ast.Add)],
    ast.Mult: [("times to divided by", ast.Div)], ast.Div: [("divided by to times", ast.Mult)],
}
COMPARISONS = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}


def _keep(kept: ast.expr, *dropped: ast.expr) -> ast.expr:
    """One operand, with the others named but never evaluated, so that closures keep their variables."""
    for d in dropped:
        kept = ast.IfExp(ast.Constant(True), kept, d)
    return kept


def _is_xp(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "xp"


def _calls(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    on_xp = isinstance(node.func, ast.Attribute) and _is_xp(node.func.value)
    takes_xp = bool(node.args) and _is_xp(node.args[0])
    arrays = node.args[1:] if takes_xp else node.args if on_xp else []
    if arrays and not isinstance(arrays[0], ast.Starred):
        rest = (*arrays[1:], *(k.value for k in node.keywords))
        others = [a.value if isinstance(a, ast.Starred) else a for a in rest]
        yield f"skip {ast.unparse(node.func)}", _keep(arrays[0], node.func, *others)
    swappable = not on_xp or node.func.attr not in SYMMETRIC
    if len(arrays) == 2 and swappable and not any(isinstance(a, ast.Starred) for a in arrays):
        yield "swap arguments", ast.Call(node.func, [*node.args[: len(node.args) - 2], *arrays[::-1]], node.keywords)
    if on_xp:
        for other in SWAPPED_CALLS.get(node.func.attr, ()):
            yield f"{node.func.attr} to {other}", ast.Call(
                ast.Attribute(node.func.value, other, ast.Load()), node.args, node.keywords
            )
    for i, k in enumerate(node.keywords):
        if k.arg in ("axis", "keepdims", "axes") and not isinstance(k.value, ast.Constant):
            for wrong in (0, None) if k.arg == "axis" else (True, False) if k.arg == "keepdims" else (None,):
                new = ast.keyword(k.arg, _keep(ast.Constant(wrong), k.value))
                keywords = [*node.keywords[:i], new, *node.keywords[i + 1 :]]
                yield f"{k.arg}={wrong}", ast.Call(node.func, node.args, keywords)


def results(function: ast.AST) -> Iterator[tuple[ast.AST, str, ast.expr]]:
    """Expressions a function returns: negated, and off by a millionth."""
    returned = [function.body] if isinstance(function, ast.Lambda) else [
        n.value for n in own(function) if isinstance(n, ast.Return) and n.value is not None
    ]
    for value in returned:
        if isinstance(value, ast.Tuple | ast.Constant | ast.Lambda | ast.Dict):
            continue
        yield value, "result negated", ast.UnaryOp(ast.USub(), value)
        more = ast.BinOp(copy.deepcopy(value), ast.Div(), ast.Constant(TINY))
        yield value, "result off by 1e-6", ast.BinOp(value, ast.Add(), more)


def own(function: ast.AST) -> Iterator[ast.AST]:
    """Nodes of a function's body that are not inside another function, an error, or an annotation."""
    todo = [function.body] if isinstance(function, ast.Lambda) else list(function.body)
    while todo:
        node = todo.pop(0)
        if isinstance(node, ast.Raise | ast.Assert | ast.ExceptHandler | FUNCTION | ast.JoinedStr):
            continue
        if isinstance(node, ast.keyword) and node.arg == "strict":
            continue
        yield node
        todo[:0] = list(ast.iter_child_nodes(node))


def mutate(function: ast.AST) -> Iterator[tuple[ast.AST, str, ast.AST]]:
    """All wrong versions of a function: node, description, replacement."""
    yield from results(function)
    for node in own(function):
        if isinstance(node, ast.AugAssign) and type(node.op) in OPERATORS:
            name, other = OPERATORS[type(node.op)][0]
            yield node, name, ast.AugAssign(node.target, other(), node.value)
            yield node, "= for augmented =", ast.Assign([node.target], node.value)
        elif isinstance(node, ast.Continue):
            yield node, "break for continue", ast.Break()
        elif isinstance(node, ast.If):
            yield node, "condition negated", ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        else:
            for what, new in variants(node):
                yield node, what, new
