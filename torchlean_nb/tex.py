r"""LaTeX of rows: templates with TeX's own macro parameters, names and numbers put in safely.

A template names its operands ``#1 #2 ...``, its result ``#y``, the gradient arriving from above
``#g`` and an attribute ``#{axis}``; ``#?3{ + #3}`` stands only where there is a third operand, and
``#*`` lists all operands. Templates keep to the subset that matplotlib's mathtext, MathML
converters and MathJax all take.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

_SLOT = re.compile(r"#(?:\{(\w+)\}|(\d|[gy]))")
_OPTIONAL = re.compile(r"#\?(\d)\{([^{}]*)\}")
# Signs that mathtext, MathML converters and MathJax all draw; mathtext knows no \# and \&.
_SPECIAL = {
    "\\": r"\backslash ", "{": r"\{", "}": r"\}", "$": r"\$", "#": r"\sharp ", "%": r"\%", "&": r"\wedge ", "_": r"\_",
    "^": r"\wedge ", "~": r"\sim ", "<": "<", ">": ">", '"': "''", "`": "'", " ": "~",
}
_PLAIN_NAME = re.compile(r"^([A-Za-z]+)[_]?(\d*)$")
_GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi "
    "omega".split()
)


def slots(template: str) -> set[str]:
    """Names of the slots that occur in a template."""
    return {a or b for a, b in _SLOT.findall(template)}


def operands(template: str, present: Sequence[bool]) -> str:
    """Template for a call with these operands: optional parts settled, slots numbered by those present.

    Examples
    --------
    >>> operands(r"#1 #2#?3{ + #3}", [True, True])
    '#1 #2'
    >>> operands("#1#?2{ #2}#?3{ + #3}", [True, False, True])
    '#1 + #2'
    """
    there = [k for k, p in enumerate(present, 1) if p]
    template = template.replace("#*", ", ".join(f"#{k}" for k in there))
    template = _OPTIONAL.sub(lambda m: m.group(2) if int(m.group(1)) in there else "", template)
    return fill(template, {str(k): f"#{i}" for i, k in enumerate(there, 1)})


def fill(template: str, values: Mapping[str, str]) -> str:
    """Template with its slots replaced; slots without a value stay as they are."""
    return _SLOT.sub(lambda m: values.get(m.group(1) or m.group(2), m.group(0)), template)


def name(label: str) -> str:
    """A user's label as LaTeX: ``W2`` becomes ``W_{2}``, hostile text becomes harmless text."""
    m = _PLAIN_NAME.match(label) if len(label) <= 60 else None
    if m:
        word, digits = m.groups()
        head = "\\" + word if word in _GREEK else word if len(word) == 1 else r"\mathrm{" + word + "}"
        return head + (f"_{{{digits}}}" if digits else "")
    return r"\mathrm{" + (escape(label.strip()) or "?") + "}"


def escape(text: str, limit: int = 60) -> str:
    """Any text as LaTeX that draws it and does nothing else."""
    text = str(text)
    text = text if len(text) <= limit else text[: limit - 3] + "..."
    text = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return "".join(_SPECIAL.get(c, c if ord(c) < 0x250 else "?") for c in text)


def number(v: Any, digits: int = 4) -> str:
    """A number as LaTeX, negative ones in parentheses, at most `digits` significant digits."""
    v = float(v)
    if math.isnan(v):
        return r"\mathrm{NaN}"
    if math.isinf(v):
        return r"\infty" if v > 0 else r"(-\infty)"
    text = f"{v:.{digits}g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = (mantissa + r" \cdot " if mantissa not in ("1", "-1") else mantissa[:-1]) + f"10^{{{int(exponent)}}}"
    return f"({text})" if v < 0 else text


def group(expr: str) -> str:
    """Expression in parentheses when it is a sum, so that it can stand in a product."""
    depth = 0
    for i, c in enumerate(expr):
        depth += (c in "{(") - (c in "})")
        if depth == 0 and c in "+-" and expr[:i].strip():
            return r"\left(" + expr + r"\right)"
    return r"\left(" + expr + r"\right)" if expr.lstrip().startswith("-") else expr


def partial(of: str, by: str) -> str:
    """The derivative of one label by another as a fraction."""
    return rf"\frac{{\partial {of}}}{{\partial {by}}}"
