"""Symbols a rule can be run on: what it does to arrays becomes a list of operations.

Every array stays a linear combination of a few arrays as long as it can, so that factors such as
``1 - beta1`` or ``1 / (1 - beta2**t)`` never cost a pass over the data. With ``exact`` every operation
stays where the rule has it.
"""

from __future__ import annotations

import operator
from typing import Any

from torchlean_nb.errors import CapabilityError

SIGNS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "greater": ">", "greater_equal": ">=", "equal": "==",
    "mod": "%", "floordiv": "//",
}  # fmt: skip
_PYTHON = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "pow": operator.pow,
    "greater": operator.gt, "greater_equal": operator.ge, "equal": operator.eq, "mod": operator.mod,
    "floordiv": operator.floordiv,
}  # fmt: skip
UNARY = ("sqrt", "abs", "sign", "neg", "exp", "expm1", "log", "tanh", "logical_not")
CONSTANT = -1  # stands among the terms of a sum for the number 1


class Number:
    """A scalar known when a step begins: Python source in ``t``, ``lr`` and the slots that are one number.

    Parameters
    ----------
    code : str
    divides : bool
        Whether one may divide by it: a learning rate may be 0.
    """

    def __init__(self, code: str, divides: bool):
        self.code, self.divides = code, divides

    def __bool__(self) -> bool:
        raise CapabilityError(f"the rule decides by the value of {self.code}", "a program is the same in every step")

    def __repr__(self) -> str:
        return self.code


class Sum:
    """``factor`` times a linear combination ``{node: share}`` of the arrays of a program.

    The factor stands apart, so that a moment and its corrected form are the same combination.
    """

    __array_ufunc__ = None

    def __init__(self, trace: Trace, terms: dict[int, Any], factor: Any = 1.0):
        self.trace, self.terms, self.factor = trace, terms, factor

    @property
    def dtype(self) -> Any:
        """Number type of the program."""
        return self.trace.dtype


def code(x: Any) -> str:
    """Python source of a scalar."""
    return x.code if isinstance(x, Number) else repr(float(x))


def divides(x: Any) -> bool:
    """Whether a scalar is known not to be 0."""
    return x.divides if isinstance(x, Number) else x != 0


def is_one(x: Any) -> bool:
    """Whether a scalar is the number 1."""
    return not isinstance(x, Number) and x == 1


def is_zero(x: Any) -> bool:
    """Whether a scalar is the number 0."""
    return not isinstance(x, Number) and x == 0


def combine(op: str, a: Any, b: Any) -> Any:
    """One binary operation on symbols and numbers; what is known is computed."""
    if isinstance(a, Sum) or isinstance(b, Sum):
        return (a if isinstance(a, Sum) else b).trace.binary(op, a, b)
    if not isinstance(a, Number) and not isinstance(b, Number):
        return float(_PYTHON[op](float(a), float(b)))
    if op in ("mul", "div") and is_one(b):
        return a
    if op == "mul" and is_one(a):
        return b
    if op == "mul" and (is_zero(a) or is_zero(b)):
        return 0.0
    if op == "add" and (is_zero(a) or is_zero(b)):
        return a if is_zero(b) else b
    sure = op in ("add", "sub", "mul", "div", "pow") and divides(a) and divides(b)
    return Number(f"({code(a)} {SIGNS[op]} {code(b)})", sure)


def _give_operators(cls: type) -> None:
    for op in ("add", "sub", "mul", "div", "pow", "mod", "floordiv"):
        name = "truediv" if op == "div" else op
        setattr(cls, f"__{name}__", lambda a, b, op=op: combine(op, a, b))
        setattr(cls, f"__r{name}__", lambda a, b, op=op: combine(op, b, a))
    for name, op in {"gt": "greater", "ge": "greater_equal", "eq": "equal"}.items():
        setattr(cls, f"__{name}__", lambda a, b, op=op: combine(op, a, b))
    for name, op in {"lt": "greater", "le": "greater_equal"}.items():
        setattr(cls, f"__{name}__", lambda a, b, op=op: combine(op, b, a))
    cls.__hash__ = object.__hash__  # type: ignore[assignment]
    cls.__neg__ = lambda a: combine("mul", a, -1.0)  # type: ignore[attr-defined]


_give_operators(Number)
_give_operators(Sum)


class Trace:
    """The operations of one program; nodes below ``len(inputs)`` are inputs, the others results.

    Parameters
    ----------
    inputs : list of str
    dtype : dtype
    exact : bool
        Keep every operation and its order.
    """

    def __init__(self, inputs: list[str], dtype: Any, exact: bool):
        self.inputs, self.dtype, self.exact = inputs, dtype, exact
        self.code: list[tuple[str, tuple[Any, ...]]] = []
        self._known: dict[Any, int] = {}

    def input(self, name: str, factor: Any = 1.0) -> Sum:
        """An input array times a factor."""
        return Sum(self, {self.inputs.index(name): 1.0}, factor)

    def emit(self, op: str, *args: Any) -> int:
        """Node of this operation; the one it has already when it was met before."""
        key = (op, *((True, a) if isinstance(a, int) else (False, code(a)) for a in args))
        if key not in self._known:
            self.code.append((op, args))
            self._known[key] = len(self.inputs) + len(self.code) - 1
        return self._known[key]

    # -- from sums to nodes ----------------------------------------------------------------
    def factored(self, x: Sum) -> tuple[Any, int]:
        """Factor and node of a sum, in as few passes as it takes."""
        items = [*x.terms.items()]
        arrays = [i for i, (n, _) in enumerate(items) if n != CONSTANT]
        pivot = min((i for i in arrays if divides(items[i][1])), key=lambda i: self._rank(*items[i]), default=None)
        if pivot is None:
            node, share = items.pop(arrays[0])
            node, share = self._times(node, share), 1.0
        else:
            node, share = items.pop(pivot)
        for other, f in items:
            f = combine("div", f, share)
            if other == CONSTANT:
                node = self.emit("add", node, f)
            elif not isinstance(f, Number) and f == -1:
                node = self.emit("sub", node, other)
            else:
                node = self.emit("add", node, self._times(other, f))
        return combine("mul", x.factor, share), node

    def _rank(self, node: int, share: Any) -> tuple[bool, bool, bool]:
        """What is best kept as it is: nothing negative, not a stored moment, a plain 1."""
        stored = node < len(self.inputs) and self.inputs[node] not in ("g", "p")
        return not isinstance(share, Number) and share < 0, stored, not is_one(share)

    def plain(self, x: Any) -> Any:
        """Node of a sum with factor 1; a scalar stays what it is."""
        if not isinstance(x, Sum):
            return x if isinstance(x, Number) else float(x)
        if is_one(x.factor) or len(x.terms) == 1:
            factor, node = self.factored(x)
        else:  # two factors meet here: put them into the terms, where one of them may vanish
            factor, node = self.factored(Sum(self, {n: combine("mul", x.factor, f) for n, f in x.terms.items()}))
        return self._times(node, factor)

    def _times(self, node: int, factor: Any) -> int:
        return node if is_one(factor) else self.emit("mul", node, factor)

    def _one(self, node: int, factor: Any = 1.0) -> Sum:
        return Sum(self, {node: 1.0}, factor)

    def result(self, op: str, *args: Any) -> Sum:
        """One operation on arrays as they are."""
        return self._one(self.emit(op, *map(self.plain, args)))

    # -- operations --------------------------------------------------------------------------
    def binary(self, op: str, a: Any, b: Any) -> Sum:
        """One operation with at least one array in it."""
        if self.exact or op not in ("add", "sub", "mul", "div"):
            return self.result(op, a, b)
        if op in ("add", "sub"):
            return self._sum(a, b, 1.0 if op == "add" else -1.0)
        if op == "mul" and not isinstance(a, Sum):
            a, b = b, a
        if not isinstance(b, Sum):
            return Sum(self, a.terms, combine(op, a.factor, b))
        y = self.factored(b)
        if op == "div" and not divides(y[0]):
            y = 1.0, self.plain(b)
        if not isinstance(a, Sum):
            return self._one(self.emit(op, 1.0, y[1]), combine(op, a, y[0]))
        x = self.factored(a)
        return self._one(self.emit(op, x[1], y[1]), combine(op, x[0], y[0]))

    def _sum(self, a: Any, b: Any, sign: float) -> Sum:
        parts = [x if isinstance(x, Sum) else Sum(self, {CONSTANT: 1.0}, x) for x in (a, b)]
        if len({*parts[0].terms, *parts[1].terms}) > 2:  # a sum of two that is used again is better kept
            parts = [self._one(*reversed(self.factored(x))) if len(x.terms) > 1 else x for x in parts]
        terms: dict[int, Any] = {}
        for x, s in zip(parts, (1.0, sign), strict=True):
            for n, f in x.terms.items():
                f = combine("mul", combine("mul", x.factor, f), s)
                terms[n] = combine("add", terms[n], f) if n in terms else f
        kept = {n: f for n, f in terms.items() if not is_zero(f)}
        return Sum(self, kept if {*kept} - {CONSTANT} else terms)

    def unary(self, op: str, x: Any) -> Any:
        """One operation on an array or a scalar; the root of a factor leaves the data."""
        if not isinstance(x, Sum):
            return Number(f"{op}({code(x)})", divides(x))
        if op != "sqrt" or self.exact:
            return self.result(op, x)
        factor, node = self.factored(x)
        if not divides(factor) or (not isinstance(factor, Number) and factor < 0):
            factor, node = 1.0, self._times(node, factor)
        root = Number(f"sqrt({code(factor)})", True) if isinstance(factor, Number) else factor**0.5
        return self._one(self.emit("sqrt", node), root)


class Symbolic:
    """Namespace of primitives for symbols."""

    exact = False

    def __init__(self, trace: Trace):
        self._trace = trace
        for op in SIGNS:
            setattr(self, op, lambda a, b, op=op: combine(op, a, b))
        for op in UNARY:
            setattr(self, op, lambda x, op=op: trace.unary(op, x))

    def _other(self, op: str, *args: Any) -> Any:
        if not any(isinstance(a, Sum) for a in args):
            return Number(f"{op}({', '.join(map(code, args))})", False)
        return self._trace.result(op, *args)

    def maximum(self, a: Any, b: Any) -> Any:
        """The larger."""
        return self._other("maximum", a, b)

    def minimum(self, a: Any, b: Any) -> Any:
        """The smaller."""
        return self._other("minimum", a, b)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """One or the other."""
        return self._other("where", condition, a, b)

    def square(self, x: Any) -> Any:
        """Product with itself."""
        return x * x

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        """A symbol is an array already."""
        return x

    def __getattr__(self, name: str) -> Any:
        raise CapabilityError(f"{name} has no place in a program for single elements")
