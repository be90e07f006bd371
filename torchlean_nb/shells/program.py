"""A rule as a straight-line program over flat arrays: the same formula, traced once.

With its scalar factors folded, what remains of Adam is ten passes; the moments are kept divided by a
constant, and the result equals the rule's up to rounding. The program's source is plain NumPy.
"""

from __future__ import annotations

import importlib
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from keyword import iskeyword
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.backend.namespace import DIRECT
from torchlean_nb.errors import CapabilityError, quote
from torchlean_nb.shells.symbols import SIGNS, Number, Sum, Symbolic, Trace, code, combine
from torchlean_nb.updates import UpdateRule

UFUNCS = DIRECT | {"mod": "remainder", "floordiv": "floor_divide", "copy": "positive"}
BOOLEAN = {"greater", "greater_equal", "equal", "logical_not"}
_SCALAR = {
    "sqrt": math.sqrt, "abs": abs, "exp": math.exp, "expm1": math.expm1, "log": math.log, "tanh": math.tanh,
    "maximum": max, "minimum": min, "sign": lambda x: float(np.sign(x)), "logical_not": lambda x: float(not x),
    "where": lambda c, a, b: a if c else b, "__builtins__": {},
}  # fmt: skip


class Program:
    """One step of a rule for flat arrays, without temporaries.

    Parameters
    ----------
    rule : UpdateRule
        For single elements.
    hypers : mapping of str to object
        Checked; all but ``lr`` become part of the program.
    dtype : dtype
    maximize : bool
    exact : bool
        Every operation as the rule has it: more passes, and the rule's result bit for bit.

    Attributes
    ----------
    slots, numbers : tuple of str
        Slots that are arrays, and slots that are one number for all elements.
    factors : dict of str to float
        What the stored array is to be multiplied with to be the slot.
    names : list of str
        Arguments of `run`: inputs, outputs, temporaries.
    source : str
        The passes in NumPy.
    steps : list of (str, list of str, str)
        The passes: operation, what it reads, what it writes.
    scalars : list of str
        The numbers of a step in Python, ``k0 = ...``, and ``n0 = ...`` for slots that are one number.
    now : ndarray
        Those of the step that was prepared last.

    Raises
    ------
    CapabilityError
        When the rule cannot be written this way.

    Examples
    --------
    >>> from torchlean_nb.optim import rules
    >>> program = Program(rules["sgd"], rules["sgd"].resolve({}), np.dtype("f8"))
    >>> print(program.source)
    def step(g, p, new_p):
        multiply(g, k0, new_p)  # k0 = (lr * -1.0)
        add(p, new_p, new_p)
    """

    def __init__(
        self, rule: UpdateRule, hypers: Mapping[str, Any], dtype: Any, maximize: bool = False, exact: bool = False
    ):
        if rule.scope != "element" or rule.needs:
            raise CapabilityError(f"{rule.class_name}: fused=True", "this rule does not treat each element alone")
        self.rule, self.dtype = rule, np.dtype(dtype)
        pair, h = np.ones(2, self.dtype), SimpleNamespace(**hypers)
        first = rule.start(pair, h)
        taken = rf"[gpt]|lr|(k|tmp|bit)\d+|new_.*|copyto|{'|'.join(UFUNCS.values())}"
        if odd := [k for k in first if not k.isidentifier() or iskeyword(k) or re.fullmatch(taken, k)]:
            raise CapabilityError(f"{rule.class_name}: fused=True with a slot named {quote(odd[0])}")
        self.slots = tuple(k for k, a in first.items() if np.shape(a) == pair.shape)
        self.numbers = tuple(k for k in first if k not in self.slots)
        self.factors = dict.fromkeys(self.slots, 1.0)
        symbolic = SimpleNamespace(**{**hypers, "lr": Number("lr", False)})
        trace, outputs = self._trace(symbolic, maximize, exact)
        if not exact:
            factors = {k: trace.factored(x)[0] for k, x in outputs.items() if k in self.slots and isinstance(x, Sum)}
            # A stored array may be a multiple of its slot only where that multiple is the same in every step.
            self.factors |= {k: f for k, f in factors.items() if not isinstance(f, Number) and f > 0}
            trace, outputs = self._trace(symbolic, maximize, exact)
        nodes = {k: self._stored(trace, k, outputs[k]) for k in (*self.slots, "p")}
        self._compile(trace, nodes, [outputs[k] for k in self.numbers])

    @classmethod
    def best(cls, rule: UpdateRule, hypers: Mapping[str, Any], dtype: Any, maximize: bool) -> Program:
        """The program with the fewest passes whose scalars are finite."""
        program = cls(rule, hypers, dtype, maximize)
        first = rule.start(np.ones(2, dtype), SimpleNamespace(**hypers))
        numbers = tuple(float(first[k]) for k in program.numbers)
        usual = program.prepare(3, 1e-3, numbers) is not None
        exact = cls(rule, hypers, dtype, maximize, exact=True)
        return program if usual and program.passes <= exact.passes else exact

    @property
    def passes(self) -> int:
        """How often the data is gone through."""
        return self.source.count("\n")

    def _trace(self, h: Any, maximize: bool, exact: bool) -> tuple[Trace, dict[str, Any]]:
        trace = Trace(["g", "p", *self.slots], self.dtype, exact)
        slots = {k: trace.input(k, f) for k, f in self.factors.items()} | {k: Number(k, False) for k in self.numbers}
        g, p = trace.input("g", -1.0 if maximize else 1.0), trace.input("p")
        try:
            terms = self.rule.terms(g, p, slots, h, Number("t", True), Symbolic(trace))
        except TypeError as e:
            raise CapabilityError(f"{self.rule.class_name}: fused=True", f"its update cannot be traced: {e}") from e
        return trace, {k: terms[k] for k in slots} | {"p": combine("add", p, terms["delta"])}

    def _stored(self, trace: Trace, k: str, x: Any) -> int:
        """Node of what is kept of an output."""
        if not isinstance(x, Sum):
            raise CapabilityError(f"{self.rule.class_name}: fused=True", f"{k} is the same for all elements")
        want = self.factors.get(k, 1.0)
        return trace.plain(x if want == 1.0 else Sum(trace, x.terms, combine("div", x.factor, want)))

    # -- from nodes to source ------------------------------------------------------------------
    def _compile(self, trace: Trace, nodes: dict[str, int], numbers: list[Any]) -> None:
        lines, temporaries = _registers(trace, nodes)
        self.names = [*trace.inputs, *(f"new_{k}" for k in nodes), *temporaries]
        self.temporaries = {t: bool if t.startswith("bit") else self.dtype for t in temporaries}
        scalars: dict[str, str] = {}
        text, loop = [], []
        for op, args, out in lines:
            names = [a if isinstance(a, str) else scalars.setdefault(code(a), f"k{len(scalars)}") for a in args]
            fresh = [a for a in args if not isinstance(a, str) and code(a) not in " ".join(text)]
            note = "  # " + ", ".join(f"{scalars[code(a)]} = {code(a)}" for a in fresh) if fresh else ""
            text += [f"    {line}{note}" for line in _numpy_lines(op, names, out)]
            loop.append((op, names, out))
        self.source = "\n".join([f"def step({', '.join(self.names)}):", *text])
        self.steps = loop
        known = [c for c in scalars if _is_literal(c)]
        space: dict[str, Any] = {name: getattr(np, name) for name in [*UFUNCS.values(), "copyto"]}
        self.now = np.array([float(c) if c in known else 0.0 for c in scalars], self.dtype)
        self.k = {k: self.now[i : i + 1].reshape(()) for i, k in enumerate(scalars.values())}
        exec(self.source, space | self.k, space_out := {})
        self.run: Callable[..., None] = space_out["step"]
        self.prepare = self._scalars([c for c in scalars if c not in known], scalars, numbers)

    def _scalars(self, texts: list[str], names: dict[str, str], numbers: list[Any]) -> Callable[..., Any]:
        """``prepare(t, lr, numbers)``: set the scalars of a step.

        It returns the numbers after the step, or None when a scalar is not finite.
        """
        mine = "".join(f"{k}, " for k in self.numbers)
        after = "".join(f"n{i}, " for i in range(len(numbers)))
        self.scalars = [*(f"{names[c]} = {c}" for c in names), *(f"n{i} = {code(x)}" for i, x in enumerate(numbers))]
        kept = [*(names[c] for c in texts), *(f"n{i}" for i in range(len(numbers)))]
        lines = [
            "def prepare(t, lr, numbers):", *([f"    {mine}= numbers"] if mine else []), "    try:", "        pass",
            *(f"        {names[c]} = {c}" for c in texts),
            *(f"        n{i} = {code(x)}" for i, x in enumerate(numbers)),
            "    except (ValueError, ZeroDivisionError, OverflowError):", "        return None",
            f"    total = {' + '.join(kept) or '0.0'}", "    if total - total != 0:", "        return None",
            *(f"    store[{int(names[c][1:])}] = {names[c]}" for c in texts), f"    return ({after})",
        ]  # fmt: skip
        cells = self.now if self.dtype.char == "e" else memoryview(self.now)
        space: dict[str, Any] = {**_SCALAR, "store": cells}
        names_of = {"ValueError": ValueError, "ZeroDivisionError": ZeroDivisionError, "OverflowError": OverflowError}
        exec("\n".join(lines), space | names_of, made := {})
        return made["prepare"]

    def element(self, suffix: str) -> list[str]:
        """The passes on one element as Python, names of arrays ending in `suffix`."""
        return [
            f"{out}{suffix} = {_expression(op, [n if n in self.k else f'{n}{suffix}' for n in names])}"
            for op, names, out in self.steps
        ]

    def native(self, in_place: bool = False) -> Callable[..., bool]:
        """The passes as one loop compiled by numba; it says whether the new parameters are finite.

        Parameters
        ----------
        in_place : bool
            Write over the inputs, and count the step in an array given first.

        Raises
        ------
        CapabilityError
            When numba is not installed.
        """
        try:
            numba = importlib.import_module("numba")
        except ImportError:
            raise CapabilityError("fused='numba' needs the package numba", None, "pip install numba") from None
        inputs = [n for n in self.names if not n.startswith(("new_", "tmp", "bit"))]
        outputs = [n for n in self.names if n.startswith("new_")]
        target = {n: n.removeprefix("new_") if in_place else n for n in outputs}
        arguments = ["ticks", *inputs] if in_place else self.names
        lines = [
            f"def step(k, {', '.join(arguments)}):", "    fine = True",
            *(f"    {name} = k[{i}]" for i, name in enumerate(self.k)), "    for i in range(g.size):",
            *(f"        {n}_ = {n}[i]" for n in inputs),
            *(f"        {line}" for line in self.element("_")),
            *(f"        {target[n]}[i] = {n}_" for n in outputs), "        fine &= np.isfinite(new_p_)",
            *(["    ticks[0] += 1"] if in_place else []), "    return fine",
        ]  # fmt: skip
        space: dict[str, Any] = {"np": np}
        exec("\n".join(lines), space)
        return partial(numba.njit(error_model="numpy")(space["step"]), self.now)


def _is_literal(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _registers(trace: Trace, nodes: dict[str, int]) -> tuple[list[tuple[str, list[Any], str]], list[str]]:
    """Operations with the array each writes: outputs, and as few temporaries as possible."""
    first = len(trace.inputs)
    ops = [(op, list(args)) for op, args in trace.code]
    wanted: dict[int, str] = {}
    copies = []
    for k, n in nodes.items():
        if n < first or n in wanted:
            copies.append((k, n))
        else:
            wanted[n] = f"new_{k}"
    needed = _needed(trace, [*nodes.values()])
    uses = [(a, n) for n, (_, args) in enumerate(ops, first) if n in needed for a in args if isinstance(a, int)]
    last = dict(uses)
    readers = Counter(a for a, _ in uses)
    place = dict(enumerate(trace.inputs))
    free: dict[bool, list[str]] = {False: [], True: []}
    temporaries: list[str] = []
    out, taken = [], set()
    for n, (op, args) in enumerate(ops, first):
        if n not in needed:
            continue
        names = [place[a] if isinstance(a, int) else a for a in args]
        read = {a for a in args if isinstance(a, int) and a >= first}
        done = [place[a] for a in sorted(read) if last[a] == n and place[a] in temporaries]
        boolean = op in BOOLEAN
        if op != "where":
            _release(done, free)
        goal = wanted.get(last.get(n)) if readers[n] == 1 and not boolean else None
        if n in wanted:
            place[n] = wanted[n]
        elif free[boolean] and free[boolean][-1] in done:
            place[n] = free[boolean].pop()
        elif goal and goal not in taken:  # what is only added to an output is best computed there
            place[n] = goal
            taken.add(goal)
        elif free[boolean]:
            place[n] = free[boolean].pop()
        else:
            place[n] = f"{'bit' if boolean else 'tmp'}{len(temporaries)}"
            temporaries.append(place[n])
        if op == "where":
            _release(done, free)
        out.append((op, names, place[n]))
    out += [("copy", [place[n]], f"new_{k}") for k, n in copies]
    return out, temporaries


def _release(done: list[str], free: dict[bool, list[str]]) -> None:
    for name in done:
        free[name.startswith("bit")].append(name)


def _needed(trace: Trace, outputs: list[int]) -> set[int]:
    """Results that reach an output."""
    first, todo, found = len(trace.inputs), [*outputs], set()
    while todo:
        n = todo.pop()
        if n >= first and n not in found:
            found.add(n)
            todo += [a for a in trace.code[n - first][1] if isinstance(a, int)]
    return found or {-1}


def _numpy_lines(op: str, names: list[str], out: str) -> list[str]:
    if op == "where":
        condition, a, b = names
        if re.fullmatch(r"k\d+", condition):
            return [f"copyto({out}, {a} if {condition} else {b})"]
        return [f"copyto({out}, {b})", f"copyto({out}, {a}, where={condition})"]
    # NumPy takes the output of these two by keyword only.
    return [f"{UFUNCS[op]}({', '.join([*names, f'out={out}' if op in ('maximum', 'minimum') else out])})"]


def _expression(op: str, names: list[str]) -> str:
    """The operation on one element, as Python."""
    if op in SIGNS:
        return f"{names[0]} {SIGNS[op]} {names[1]}"
    if op == "where":
        return f"{names[1]} if {names[0]} else {names[2]}"
    return names[0] if op == "copy" else f"np.{UFUNCS[op]}({', '.join(names)})"
