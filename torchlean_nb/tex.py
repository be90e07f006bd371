r"""LaTeX of rows: templates with TeX's own macro parameters, names and numbers put in safely.

A template names its operands ``#1 #2 ...``, its result ``#y``, the gradient arriving from above
``#g`` and an attribute ``#{axis}``. Templates keep to the subset that matplotlib's mathtext,
MathML converters and MathJax all take.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

_SLOT = re.compile(r"#(?:\{(\w+)\}|(\d|[gy]))")
_SPECIAL = {
    "\\": r"\backslash ", "{": r"\{", "}": r"\}", "$": r"\$", "#": r"\#", "%": r"\%", "&": r"\&", "_": r"\_",
    "^": r"\wedge ", "~": r"\sim ", "<": "<", ">": ">",
}
_PLAIN_NAME = re.compile(r"^([A-Za-z]+)[_]?(\d*)$")
_GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi "
    "omega".split()
)


def slots(template: str) -> set[str]:
    """Names of the slots that occur in a template."""
    return {a or b for a, b in _SLOT.findall(template)}


def fill(template: str, values: Mapping[str, str]) -> str:
    """Template with its slots replaced; slots without a value stay as they are."""
    return _SLOT.sub(lambda m: values.get(m.group(1) or m.group(2), m.group(0)), template)


def name(label: str) -> str:
    """A user's label as LaTeX: ``W2`` becomes ``W_{2}``, hostile text becomes harmless text."""
    m = _PLAIN_NAME.match(label)
    if m:
        word, digits = m.groups()
        head = "\\" + word if word in _GREEK else word if len(word) == 1 else r"\mathrm{" + word + "}"
        return head + (f"_{{{digits}}}" if digits else "")
    return r"\mathrm{" + escape(label) + "}"


def escape(text: str, limit: int = 60) -> str:
    """Any text as LaTeX that draws it and does nothing else."""
    text = "".join(c if c.isprintable() else "\ufffd" for c in str(text))
    text = text if len(text) <= limit else text[: limit - 3] + "..."
    return "".join(_SPECIAL.get(c, r"\ " if c == " " else c if ord(c) < 0x250 else "?") for c in text)


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
