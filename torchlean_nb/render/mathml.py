"""LaTeX of formulas as MathML, which browsers draw without fonts or scripts."""

from __future__ import annotations

import re
from functools import lru_cache

from latex2mathml.converter import convert

from torchlean_nb.escape import html

# latex2mathml spaces the signs of += apart and spells words letter by letter.
_PLUS_EQUALS = "<mo>&#x0002B;</mo><mo>&#x0003D;</mo>"
_LETTERS = re.compile(r'(?:<mi mathvariant="normal">(?:[A-Za-z]|&#x0005F;)</mi>){2,}')
_TOP, _T = "<mo>&#x022A4;</mo>", '<mi mathvariant="normal">T</mi>'
_ONE = re.compile(r">([A-Za-z]|&#x0005F;)<")


@lru_cache(maxsize=4096)
def mathml(latex: str, display: bool = False) -> str:
    r"""A formula as a ``<math>`` element; text that cannot be read is shown as it is.

    Examples
    --------
    >>> "<msup>" in mathml(r"x^{2}")
    True
    """
    try:
        out = convert(latex, display="block" if display else "inline")
    except Exception:  # the converter raises many kinds of errors, and a formula is never worth a traceback
        return f'<math xmlns="http://www.w3.org/1998/Math/MathML"><mtext>{html(latex)}</mtext></math>'
    out = out.replace(_PLUS_EQUALS, '<mo lspace=".28em" rspace=".28em">+=</mo>')
    out = _LETTERS.sub(lambda m: "<mi>" + "".join(_ONE.findall(m[0])) + "</mi>", out)
    return out.replace(_TOP, _T)
