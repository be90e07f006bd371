"""SVG from an outside program, let through only as shapes and text."""

from __future__ import annotations

import re
from typing import NoReturn
from xml.parsers import expat

from torchlean_nb.errors import ToolError
from torchlean_nb.escape import svg as escape

ELEMENTS = frozenset("svg g title text path polygon polyline ellipse".split())
ATTRIBUTES = frozenset(
    "width height viewBox transform class points d x y cx cy rx ry fill stroke stroke-width stroke-dasharray "
    "text-anchor font-family font-size font-weight".split()
)
_VALUE = re.compile(r"[A-Za-z0-9 ,.#()+_-]*")
_LARGEST = 2_000_000


def clean(markup: bytes) -> str:
    """The same drawing with nothing in it but shapes and text.

    Raises
    ------
    ToolError
        When it is not XML, holds another element, declares an entity, or is larger than 2 MB.
    """
    if len(markup) > _LARGEST:
        raise ToolError(f"dot: the drawing has {len(markup):,} bytes, more than {_LARGEST:,}")
    out: list[str] = []

    def refuse(what: str) -> NoReturn:
        raise ToolError(f"dot: the drawing holds {what}")

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag not in ELEMENTS:
            refuse(f"an element {tag[:40]!r}")
        kept = "".join(f' {k}="{v}"' for k, v in attributes.items() if k in ATTRIBUTES and _VALUE.fullmatch(v))
        out.append(f"<{tag}" + (' xmlns="http://www.w3.org/2000/svg"' if len(out) == 0 else "") + kept + ">")

    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda tag: out.append(f"</{tag}>")
    parser.CharacterDataHandler = lambda text: out.append(escape(text) if text.strip() else " ")
    parser.EntityDeclHandler = lambda *_: refuse("an entity declaration")
    try:
        parser.Parse(markup, True)
    except expat.ExpatError as e:
        raise ToolError("dot: the drawing is not XML", str(e)) from e
    return "".join(out)
