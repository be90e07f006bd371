"""Calls and pulls: what recording a node and sweeping it come down to, written out once for each row.

Loops over arguments and options would cost more than a small matrix product. So two functions are generated when a
row is first used: ``call(tape, attrs, *args)`` runs the row and appends its record, ``pull(...)`` adds what a node
hands back to its arguments. Whatever is the same for every node of a row is decided while they are written.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable
from functools import cache
from math import isfinite
from sys import getrefcount
from typing import Any

import numpy as np

from torchlean_nb.engine.checks import explain, watched
from torchlean_nb.engine.data import freeze
from torchlean_nb.engine.param import Param
from torchlean_nb.engine.recorder import unbroadcast
from torchlean_nb.engine.tensor import Tensor
from torchlean_nb.errors import RuleError, TorchLeanError
from torchlean_nb.rows import OPS, Op

CALL = """
def call(tape, attrs{parameters}):
    if tape.owner != get_ident() or tape.forks != forks[0]:
        tape._refuse_outsiders()
    records, values, needs = tape.records, tape.values, tape.needs
    mark = len(records)
    if len(values) != mark:
        tape.rollback(mark)
    try:
        {lift}
        parents = {parents}
        {look}
        if tape.watchful:
            tape.look_at(op, parents, {listed})
        {merge}
        try:
            {check}
            {y} = forward(tape.xp, {xs}{attrs})
        except TorchLeanError:
            raise
        except REFUSALS as e:
            raise explain(tape, op, parents, {listed}, attrs, e) from e
        if y.__class__ is float64 or y.__class__ is float32:
            y = array(y)
        if y.__class__ is ndarray:
            y.setflags(False)
        else:
            y = frozen(op, y)
        if {doubt}:
            tape.look_after(op, parents, {listed}, y)
        i = len(records)
        values.append(y)
        needs.append({needs})
        if tape.scope:
            tape.scopes[i] = tape.scope
        records.append((op, parents, attrs, {saved}))
        handle = new(tape.handle)
        handle.tape, handle.id = tape, i
        return handle
    except BaseException:
        tape.rollback(mark)
        raise
"""
PULL = """
def pull(xp, values, needs, bar, i, record, g):
    _, parents, attrs, saved = record
    {look}
    y = values[i]
    {contributions}
"""
ONE = """
    if p{k} >= 0 and needs[p{k}]:
        c = rule{k}(xp, g, y, {saved}{xs}{attrs})
        {singular}
        if c.shape != x{k}.shape:
            c = unbroadcast(xp, c, x{k}.shape)[0]
        bar[p{k}] = c if bar[p{k}] is None else bar[p{k}] + c
"""
ANY = """
    for k, p in enumerate(parents):
        if p >= 0 and needs[p] and op.rule(k) is not None:
            c = op.rule(k)(xp, g, y, {saved}{xs}**attrs, arg=k)
            {singular}
            if c.shape != xs[k].shape:
                c = unbroadcast(xp, c, xs[k].shape)[0]
            bar[p] = c if bar[p] is None else bar[p] + c
"""
SINGULAR = "c = xp.where(xp.equal(g, 0), 0, c)"  # 0 times an infinite slope is 0: nothing arrived, nothing goes on
VIEW = "(y.base is None or (y.base is not x0 and y.base is not x0.base)) and "  # else it shows numbers of its argument
# Rows whose values are finite for finite arguments, so that nobody has to look: large activations cost memory traffic.
BOUNDED = frozenset((
    "abs", "clamp", "concatenate", "cos", "gelu", "hardtanh", "leaky_relu", "max", "max_pool", "maximum", "min",
    "minimum", "neg", "relu", "relu6", "sech2", "sigmoid", "sign", "sin", "softmax", "stack", "tanh",
))  # fmt: skip
REFUSALS = (
    ValueError, TypeError, IndexError, AttributeError, ZeroDivisionError, OverflowError, MemoryError, RuntimeError,
)  # fmt: skip
forks = [0]


def quick_finite(x: Any) -> bool:
    """False means: look closer. The sum of squares of finite numbers may overflow; NumPy is to be silenced."""
    kind = x.dtype.char
    if kind != "d" and kind != "f":
        return False
    if x.__class__ is not np.ndarray:  # a NumPy number, or an array of a device, which nobody waits for here
        return isinstance(x, np.floating) and isfinite(x)
    if not x.ndim:
        return isfinite(x)
    x = x.ravel("K")
    return isfinite(x.dot(x))


def frozen(op: Op, y: Any) -> Any:
    """A value that is no plain array, read-only."""
    y = freeze(y)
    if not hasattr(y, "shape"):
        raise RuleError(f"{op.name}: forward returned {type(y).__name__}", "it must return one array")
    return y


def _names(op: Op) -> dict[str, str]:
    """How the text of both functions speaks of parents and values."""
    if op.variadic:
        return {
            "parameters": ", *args", "lift": "pass",
            "parents": "tuple([tape.lift(a, op, k) for k, a in enumerate(args)])",
            "look": "xs = [values[p] if p >= 0 else None for p in parents]", "xs": "*xs, ", "listed": "xs",
        }  # fmt: skip
    n, least = range(len(op.args)), len(op.args) - op.optional
    lift = [
        f"p{k} = a{k}.id if a{k}.__class__ is Tensor and a{k}.tape is tape else "
        f"a{k}.leaf_on(tape) if a{k}.__class__ is Param else tape.lift(a{k}, op, {k})" for k in n
    ]  # fmt: skip
    xs = "".join(f"x{k}, " for k in n)
    return {
        "parameters": "".join(f", a{k}" if k < least else f", a{k}=None" for k in n), "lift": "\n        ".join(lift),
        "parents": f"({''.join(f'p{k}, ' for k in n)})", "xs": xs, "listed": f"[{xs}]",
        "look": "\n    ".join([
            f"({''.join(f'p{k}, ' for k in n)}) = parents",
            *(f"x{k} = values[p{k}] if p{k} >= 0 else None" for k in n),
        ]),
    }  # fmt: skip


def call_of(op: Op) -> Callable[..., Tensor]:
    """The function that runs a row on a tape and records it."""
    names = _names(op)
    names["look"] = names["look"].replace("\n", "\n    ")
    if op.attrs:
        merge, check = "attrs = {**defaults, **attrs} if attrs else defaults", "pass"
    else:
        merge, check = "pass", "if attrs: raise TypeError(f'no option {next(iter(attrs))!r}')"
    if op.check:
        check += f"\n            op.check({names['xs']}**attrs)"
    if op.kind == "constant":
        needs = "False"
    else:  # a composite without rules of its own is opened when tangents are pushed through it
        ways = "any([p >= 0 and needs[p] and (not op.rules or op.rule(k) is not None) for k, p in enumerate(parents)])"
        if not op.variadic:
            ruled = [k for k in range(len(op.args)) if not op.rules or op.rules[k] is not None]
            ways = " or ".join([f"(p{k} >= 0 and needs[p{k}])" for k in ruled]) or "False"
        needs = f"({ways}) and tape.grads_on"
    if op.builtin and op.name in BOUNDED:
        doubt = "False"
    else:
        doubt = VIEW * (op.kind == "linear" and op.args == ("x",)) + "not quick_finite(y)"
        doubt = f"({doubt}) if tape.strict else y.dtype.kind != 'f'"
    text = CALL.format(
        **names, merge=merge, check=check, needs=needs, doubt=doubt, attrs="**attrs" if op.attrs else "",
        y="y, saved" if op.residuals else "y", saved="saved" if op.residuals else "None",
    )
    object.__setattr__(op, "call", made := _made(op, text, "call"))
    return made


def pull_index(xp: Any, values: Any, needs: Any, bar: list[Any], i: int, record: Any, g: Any) -> None:
    """`pull` of the row index: slices of one array fill one gradient, which lies in memory as the array does."""
    (p,), key = record[1], record[2]["key"]
    if p < 0 or not needs[p]:
        return
    x, there = values[p], bar[p] is not None
    if not there and x.__class__ is np.ndarray:
        bar[p] = made = np.zeros_like(x, g.dtype)
        made[key] = g
    elif there and _holders(bar, p) == ALONE and bar[p].flags.writeable and bar[p].base is None:
        bar[p][key] += g
    else:
        c = xp.put_index(g, shape=x.shape, key=key)
        bar[p] = bar[p] + c if there else c


def _holders(bar: list[Any], p: int) -> int:
    """How many know of an array, and views of it; 0 when it is none of NumPy."""
    g = bar[p]
    return getrefcount(g) if g.__class__ is np.ndarray else 0


ALONE = _holders([np.zeros(1)], 0)


def pull_of(op: Op) -> Callable[..., None]:
    """The function that adds up what a node hands back to its arguments; any failure is worded by the careful sweep."""
    if op is OPS.get("index"):
        object.__setattr__(op, "pull", pull_index)
        return pull_index
    names, saved = _names(op), "saved, " if op.residuals else ""
    singular = SINGULAR if op.singular else "pass"
    ruled = () if op.variadic else [k for k, rule in enumerate(op.rules) if rule is not None]
    contributions = "".join(
        ONE.format(k=k, xs=names["xs"], saved=saved, singular=singular, attrs="**attrs" if op.attrs else "")
        for k in ruled
    )
    if op.variadic:
        contributions = ANY.format(saved=saved, singular=singular, xs="" if op.blind else "*xs, ")
    made = _made(op, PULL.format(look=names["look"], contributions=contributions), "pull")
    object.__setattr__(op, "pull", made)
    return made


def _made(op: Op, text: str, name: str) -> Any:
    scope = {
        "op": op, "forward": op.forward if op.builtin else watched(op), "defaults": op.attrs,
        "Tensor": Tensor, "Param": Param, "new": object.__new__, "ndarray": np.ndarray,
        "float64": np.float64, "float32": np.float32,
        "array": np.array, "get_ident": get_ident, "forks": forks, "frozen": frozen,
        "explain": explain, "REFUSALS": REFUSALS, "TorchLeanError": TorchLeanError,
        "quick_finite": quick_finite, "unbroadcast": unbroadcast,
        **{f"rule{k}": rule for k, rule in enumerate(op.rules)},
    }
    exec(code_of(text, name), scope)
    return scope[name]


@cache
def code_of(text: str, name: str) -> Any:
    """Compiled once for all rows of which the text is the same: compiling takes most of the time of a first step."""
    return compile(text, f"<torchlean_nb, {name} of a row>", "exec")
