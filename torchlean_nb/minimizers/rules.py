"""Update rules as methods: the optimizers of ``tl.optim`` can be driven like the rest."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from torchlean_nb.errors import CapabilityError, UnknownNameError, did_you_mean, quote
from torchlean_nb.minimizers.asking import Point
from torchlean_nb.minimizers.table import METHODS, Method
from torchlean_nb.updates import RULES, UpdateRule

# The rules stand beside the methods; they are loaded when one of them is asked for.
_OPTIM = "torchlean_nb.optim"


@cache
def of_rule(rule: UpdateRule) -> Method:
    """The method that steps by an update rule, all parameters in one vector.

    Raises
    ------
    CapabilityError
        For a rule that sees matrices, or that needs more than value and gradient.
    """
    if rule.scope == "matrix" or rule.needs - {"value"}:
        what = "sees matrices" if rule.scope == "matrix" else "needs " + ", ".join(sorted(rule.needs))
        raise CapabilityError(
            f"{rule.class_name}: this rule {what}", "a minimization hands it one vector with its gradient",
            f"tl.optim.{rule.class_name}",
        )

    def update(at: Point, s: Any, h: Any, k: int) -> dict[str, Any]:
        known = SimpleNamespace(**vars(h), value=at.value)
        terms = rule.terms(at.gradient, at.x, vars(s), known, k)
        return {**terms, "next": Point(at.x + terms["delta"])}

    update.__doc__, update.__module__ = rule.update.__doc__, rule.__module__
    return Method(
        name=rule.name, update=update, hypers=rule.hypers, slots=rule.slots, latex=rule.latex, tuples=rule.tuples,
        check=rule.check, scope=rule.scope, title=rule.class_name, references=rule.references, given=rule.given,
        needs=frozenset({"gradient"}), builtin=rule.builtin, stays=True,
    )


def method_of(name: Any) -> Method:
    """Row of that name or class name; an update rule of that name as a method.

    Raises
    ------
    UnknownNameError
        With the closest known names.
    CapabilityError
        See `of_rule`.
    """
    import_module(_OPTIM)
    row = getattr(name, "rule", name)  # of a class
    name = row.name if isinstance(row, UpdateRule) else name
    for row in (*METHODS.values(), *RULES.values()):
        if isinstance(name, str) and name in (row.name, row.class_name):
            return row if isinstance(row, Method) else of_rule(row)
    raise UnknownNameError(f"no method named {quote(name)}", did_you_mean(str(name).lower(), [*METHODS, *RULES]))
