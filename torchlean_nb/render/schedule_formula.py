"""The formula of a schedule as MathML, in symbols and with its numbers."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from torchlean_nb import tex
from torchlean_nb.render.mathml import mathml
from torchlean_nb.render.schedule_tree import parts
from torchlean_nb.schedules import Schedule

_OUTER = re.compile(r"^<math[^>]*>(.*)</math>$", re.DOTALL)
# A number stands between \x00 and \x01 while it is not known what is beside it.
_TIMES = re.compile(r"(?<=[\w})\x01])\\,\s*(?=\x00)|(?<=\x01)\s*(?=\x00)|(?<=\d)(?=\x00)")


def formula(latex: str) -> str:
    """Inside of the MathML of a formula."""
    return _OUTER.sub(r"\1", mathml(latex))


def numbered(s: Schedule) -> str:
    r"""The formula with the numbers in place of the symbols.

    Examples
    --------
    >>> from torchlean_nb.schedules import inverse_time
    >>> print(numbered(inverse_time(0.1, 0.5)))
    \frac{0.1}{1 + 0.5\,k/1}
    """
    latex = s.row.latex
    if not isinstance(latex, str):
        inner = {step: SimpleNamespace(latex=numbered(p)) for step, p in parts(s)}
        try:
            return latex(**{n: inner.get((n,), [inner[n, i] for i in range(len(v))] if (n, 0) in inner else v)
                            for n, v in s.items})  # fmt: skip
        except Exception:  # a formula of the user's own may want more of its parts than their formulas
            return s.latex
    said = {h.symbol: _said(h.symbol, s.hypers[n]) for n, h in s.row.hypers.items() if h.symbol}
    if not said:
        return latex
    names = "|".join(re.escape(x) for x in sorted(said, key=len, reverse=True))
    out = re.sub(rf"(?<![A-Za-z\\])(?:{names})(?![A-Za-z_])", lambda m: said[m[0]], latex)
    return _TIMES.sub(r" \\cdot ", out).replace("\x00", "").replace("\x01", "")


def _said(symbol: str, v: Any) -> str:
    """A number between its marks; what is no number keeps its symbol."""
    if isinstance(v, bool) or not isinstance(v, (int, float)):
        return symbol
    said = tex.number(v, 6)
    return f"\x00({said})\x01" if "10^" in said and not said.startswith("(") else f"\x00{said}\x01"
