r"""LaTeX templates as plain text for sentences: ``#1^{\top}\,#g`` becomes ``#1ᵀ·#g``.

Reads the small subset that rows are written in; anything else gives None, and the sentence does
without a formula.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|#\{\w+\}|#\w|[{}^_]|\s+|[A-Za-z0-9.]+|.", re.DOTALL)
_SIGNS = {
    r"\cdot": "·", r"\odot": " ⊙ ", r"\,": "·", r"\;": " ", r"\ ": " ", r"\sum": "Σ", r"\prod": "Π", r"\partial": "∂",
    r"\geq": "≥", r"\leq": "≤", r"\neq": "≠", r"\neg": "¬", r"\in": "∈", r"\infty": "∞", r"\top": "ᵀ", r"\sim": "~",
    r"\times": "×", r"\pm": "±", r"\to": "→", r"\left": "", r"\right": "", r"\{": "{", r"\}": "}", r"\|": "‖",
    r"\_": "_", r"\#": "#", r"\%": "%", r"\$": "$", r"\&": "&", r"\ldots": "…", r"\cdots": "…", r"\dots": "…",
    r"\lfloor": "⌊", r"\rfloor": "⌋", r"\ell": "ℓ", r"\star": "⋆", r"\quad": " ", r"\ast": "*", r"\circ": "∘",
}
_GREEK = dict(zip(
    "alpha beta gamma delta epsilon eta theta kappa lambda mu nu pi rho sigma tau phi chi psi omega Phi Sigma".split(),
    "αβγδεηθκλμνπρστφχψωΦΣ", strict=True,
))
_FUNCTIONS = frozenset("sin cos tan arctan sinh cosh tanh exp ln log min max det".split())
_WORDS = frozenset((r"\mathrm", r"\operatorname", r"\mathbf", r"\text", r"\mathit"))
_HIGH = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def plain(template: str) -> str | None:
    r"""Template as plain text with its slots kept, or None when it holds something unknown.

    Examples
    --------
    >>> print(plain(r"\frac{#g}{N}\left(\mathrm{softmax}(#1) - y\right)"))
    #g/N·(softmax(#1) − y)
    """
    tokens = [t for t in _TOKEN.findall(template)]
    try:
        text = _sequence(tokens, 0, None)[0]
    except (IndexError, KeyError):
        return None
    text = re.sub(r"\s*·\s*", "·", re.sub(r"\s+", " ", text)).strip(" ·")
    text = re.sub(r"(?<=[\w}])\s(?=[α-ωΑ-Ω](?!\w))", "", text)
    return re.sub(r"(?<=\w)(?=Σ)", " ", text).replace("-", "−")


def _sequence(tokens: list[str], i: int, end: str | None) -> tuple[str, int]:
    out = ""
    while i < len(tokens):
        if tokens[i] == end:
            return out, i + 1
        piece, i = _piece(tokens, i)
        if piece.startswith("(") and out and (out[-1] in ")]" or re.search(r"/\w+$", out)):
            out += "·"
        out += piece
    if end is not None:
        raise IndexError
    return out, i


def _piece(tokens: list[str], i: int) -> tuple[str, int]:
    t = tokens[i]
    if t == "{":
        return _sequence(tokens, i + 1, "}")
    if t == "}":
        raise KeyError(t)
    if t in ("^", "_"):
        body, i = _argument(tokens, i + 1)
        if t == "_":
            return ("_" + body if body.startswith("#") or body.isdigit() else ""), i
        if body == "ᵀ":
            return body, i
        if re.fullmatch(r"-?\d+", body):
            return body.translate(_HIGH), i
        return "^" + (body if _atom(body) else f"({body})"), i
    if t == r"\frac":
        over, i = _argument(tokens, i + 1)
        under, i = _argument(tokens, i)
        return f"{over if _factor(over) else f'({over})'}/{under if _atom(under) else f'({under})'}", i
    if t == r"\sqrt":
        body, i = _argument(tokens, i + 1)
        return f"√{body if _atom(body) else f'({body})'}", i
    if t == r"\overline":
        body, i = _argument(tokens, i + 1)
        return f"mean({body})", i
    if t in _WORDS:
        return _argument(tokens, i + 1)
    if t.startswith("\\"):
        name = t[1:]
        if name in _FUNCTIONS:
            return name, i + 1
        return (_GREEK[name] if name in _GREEK else _SIGNS[t]), i + 1
    return t, i + 1


def _argument(tokens: list[str], i: int) -> tuple[str, int]:
    while tokens[i].isspace():
        i += 1
    body, i = _piece(tokens, i)
    return body.strip(), i


def _atom(text: str) -> bool:
    return bool(re.fullmatch(r"#\{?\w+\}?|[\w.ᵀ²³]+|\(.*\)", text))


def _factor(text: str) -> bool:
    return not re.search(r"[+−-]", text)
