"""What lines of a source compute, as formulas in plain text: those of the rows they are a part of."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from torchlean_nb import tex
from torchlean_nb.compiler.lowering import Line, Origin
from torchlean_nb.rows import OPS
from torchlean_nb.trace.plain import plain

_HAT = re.compile(r"\\hat\{(\w)\}")


@cache
def formula(origin: Origin) -> str:
    """What a line is a part of, with the formula: of the value, or of what an argument receives.

    Examples
    --------
    >>> formula(Origin("linear", 8)), formula(Origin("linear", 8, 0))
    ('linear (node 8): y = x·weightᵀ + bias', 'linear (node 8), back to x: g·weight')
    """
    op = OPS.get(origin.op)
    if op is None:
        return str(origin)
    k = min(origin.arg, len(op.args) - 1)
    names = {str(i + 1): a for i, a in enumerate(op.args)} | {"y": "y", "g": "g"} | {a: a for a in op.attrs}
    said = plain(op.contribution_latex(origin.arg) if origin.backward else op.value_latex())
    head = f"{origin.op} (node {origin.node})" + (f", back to {op.args[k]}" if origin.backward else "")
    if said is None:
        return f"{head}: {op.summary.rstrip('.')}" if not origin.backward else head
    return f"{head}: {'' if origin.backward else 'y = '}{tex.fill(said, names)}"


def said(line: Line) -> str:
    """The comment of a line."""
    return formula(line.origin) if line.origin.op else ""


def update(rule: Any) -> str:
    """The statements of an optimizer.

    Examples
    --------
    >>> from torchlean_nb.optim import rules
    >>> update(rules["sgd"])
    'SGD: g ← g + λ·θ; b ← μ·b + (1 − τ)·g; Δ ← −η·(b or g + μ·b)'
    """
    parts = [[plain(_HAT.sub("\\1\u0302", text).replace(r"\Delta", "Δ")) for text in pair] for pair in rule.latex]
    return f"{rule.class_name}: {'; '.join(f'{a} ← {b}' for a, b in parts if a and b)}"
