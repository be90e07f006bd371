"""Escape functions, one per place where a user's text is written.

Names, titles and scopes are hostile text. Whoever writes one into markup calls the function of
that sink; LaTeX has its own in `tex`. Nothing else in the toolkit escapes.
"""

from __future__ import annotations

from keyword import iskeyword
from typing import Any
from unicodedata import category

from torchlean_nb.errors import NameError_, quote

LIMIT = 200
_PROSE = 2000
_JOINERS = "\u200c\u200d"
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_MARKDOWN = frozenset("\\`*_{}[]()<>#+-.!|~$&@:")
# Also the full-width twins of = + - @, which spreadsheets of East Asia read as those.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_SCRIPT = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def visible(text: object, limit: int = LIMIT) -> str:
    r"""Text on one line that shows what it holds: no control characters, no bidi tricks, at most `limit` long.

    Examples
    --------
    >>> visible("a\x00b")
    'a�b'
    """
    text = str(text)
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in _JOINERS else " " if category(c) == "Zs" else "\ufffd" for c in text
    )


def html(text: object) -> str:
    """Text for HTML content and quoted attributes."""
    return visible(text).translate(_HTML)


def svg(text: object) -> str:
    """Text for SVG content and quoted attributes: XML knows the same five entities."""
    return html(text)


def dot(*lines: object) -> str:
    r"""Lines of text as one double-quoted DOT string, quotes included.

    Graphviz decodes entities and backslash sequences inside strings, so both are disarmed.

    Examples
    --------
    >>> print(dot('a"b'))
    "a\"b"
    """
    bodies = (visible(t).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for t in lines)
    return '"' + "\\n".join(bodies) + '"'


def markdown(text: object) -> str:
    r"""Text for one cell of a Markdown table, shown letter by letter.

    Examples
    --------
    >>> print(markdown("a|b"))
    a\|b
    """
    return "".join(_HTML[ord(c)] if c in "&<>" else "\\" + c if c in _MARKDOWN else c for c in visible(text))


def prose(text: object) -> str:
    r"""Markdown that the author of a row wrote: its emphasis, code and formulas stay, HTML and links become text.

    Examples
    --------
    >>> print(prose("`f(x)` is *odd* <b> [here](javascript:x)"))
    `f(x)` is *odd* &lt;b> [here]\(javascript:x)
    >>> print(prose("#1"))
    \#1
    """
    text = visible(text, _PROSE).lstrip().replace("&", "&amp;").replace("<", "&lt;")
    text = "\\" + text if text.startswith("#") else text  # notebooks make a heading of it, which is a link
    return text.replace("](", "]\\(").replace("][", "]\\[").replace("]:", "]\\:")


def code(text: object) -> str:
    """Text between the backticks of Markdown."""
    return visible(text).replace("`", "'")


def json_for_script(value: Any) -> str:
    r"""JSON that can stand inside ``<script>``: no tag, comment or entity can begin in it.

    Examples
    --------
    >>> print(json_for_script("</script>"))
    "\u003c/script\u003e"
    """
    import json  # noqa: PLC0415 - a program that shows nothing does without it

    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.translate(_SCRIPT)


def identifier(name: object) -> str:
    """A name that stands in Python we write and run: an identifier, or refused.

    Raises
    ------
    NameError_

    Examples
    --------
    >>> identifier("my_square")
    'my_square'
    """
    if not isinstance(name, str) or not name.isidentifier() or iskeyword(name) or name.startswith("__"):
        raise NameError_(f"{quote(name)} cannot be the name of a row", "it must be an identifier of Python", "my_row")
    return name


def spreadsheet(text: str) -> str:
    """Text for a cell of a CSV file: what a spreadsheet would compute gets an apostrophe in front.

    Examples
    --------
    >>> spreadsheet(" =1+1")
    "' =1+1"
    """
    return "'" + text if text.lstrip(" \u00a0").startswith(_FORMULA) else text
