"""A widget as one self-contained page: its code, its styles and its data inline, no network.

The static files live here, below the widgets, so that the page and the live widget run the same
code. `parts.json` says which files make up which widget.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from torchlean_nb.errors import UnknownNameError, did_you_mean
from torchlean_nb.escape import html as escape
from torchlean_nb.escape import json_for_script
from torchlean_nb.render import packing, theme
from torchlean_nb.render.files import write
from torchlean_nb.render.packing import needed
from torchlean_nb.render.payload import graph_payload
from torchlean_nb.trace.graph import GraphTrace

STATIC = Path(__file__).parent / "static"
_COMMENT = re.compile(r"^\s*(?:/\*.*?\*/|//[^\n]*)\s*?$|^\s+", re.DOTALL | re.MULTILINE)

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body{{margin:0;padding:12px;color-scheme:light dark;background:light-dark(#fff,#14171b)}}
{css}</style></head><body><div id="widget"></div>
<script type="application/json" id="data">{data}</script>
<script type="module" id="code">{esm}
standalone(document);
</script></body></html>
"""

# The same page with all of it compressed: it unpacks itself into what `_PAGE` holds.
_PACKED = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style></style></head><body><div id="widget">This page needs JavaScript and a browser of 2023 or later.</div>
<script type="module">
const letters="{packed}",bytes=[],at=(i)=>{{const c=letters.charCodeAt(i);return c-33-(c>34)-(c>60)-(c>92)}};
for(let i=0,b=0,n=0;i<letters.length;i+=2){{b|=(at(i)+91*at(i+1))<<n;n+=13;for(;n>7;n-=8,b>>=8)bytes.push(b&255)}}
bytes.length={size};
const stream=new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new DecompressionStream("deflate"));
const [css,data,code]=JSON.parse(await new Response(stream).text());
document.querySelector("style").textContent=css;
document.getElementById("widget").textContent="";
for(const [type,id,body] of [["application/json","data",data],["module","code",code]]){{
const s=document.createElement("script");s.type=type;s.id=id;s.textContent=body;document.body.append(s)}}
</script></body></html>
"""
_LARGE = 1_000_000
_GROUND = "body{margin:0;padding:12px;color-scheme:light dark;background:light-dark(#fff,#14171b)}\n"


@cache
def parts() -> Mapping[str, list[str]]:
    """Files that make up each widget, in order."""
    return json.loads((STATIC / "parts.json").read_text(encoding="utf-8"))


@cache
def assets(kind: str, without: tuple[str, ...] = ()) -> tuple[str, str]:
    """ES module and style sheet of one kind of widget, some of its files left out.

    Raises
    ------
    UnknownNameError
        For a kind that does not exist.
    """
    if kind not in parts():
        raise UnknownNameError(f"html: unknown widget {kind!r}", did_you_mean(kind, parts()))
    names = [name for name in parts()[kind] if name not in without]
    styles = [f"{name}.css" for name in names if (STATIC / f"{name}.css").is_file()]
    return "\n".join(_lean(f"{name}.js") for name in names), "".join(map(_lean, styles)) + theme.rules()


def _lean(name: str) -> str:
    """A static file without its comments and indentation: it travels with every widget."""
    return _COMMENT.sub("", (STATIC / name).read_text(encoding="utf-8"))


def page(
    kind: str,
    payload: Mapping[str, Any],
    *,
    options: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
    step: int = -1,
    title: str = "torchlean_nb",
    packed: bool = False,
    without: tuple[str, ...] = (),
) -> str:
    """Page that runs one widget from its payload; the same bytes for the same input.

    `packed` compresses code and data into a page of a third of the size, as is done with all pages of more than a
    million letters; `without` names files that this page has no
    use for.
    """
    esm, css = assets(kind, without)
    data = {"kind": kind, "payload": payload, "options": dict(options or {}), "state": dict(state or {}), "step": step}
    if packed:
        code = f"{esm}\nstandalone(document);\n"
        whole = json.dumps([_GROUND + needed(css, esm), json.dumps(data, allow_nan=False), code])
        letters, size = packing.packed(whole)
        return _PACKED.format(title=escape(title), packed=letters, size=size)
    plain = _PAGE.format(title=escape(title), css=css, data=json_for_script(data), esm=esm)
    if len(plain) <= _LARGE:
        return plain
    return page(kind, payload, options=options, state=state, step=step, title=title, packed=True, without=without)


def html(
    trace: GraphTrace, path: str | Path | None = None, step: int | None = None, title: str | None = None,
    predict: bool = False, presentation: bool = False, controls: Sequence[str] | None = None,
) -> str:  # fmt: skip
    """Page that steps through a trace without a kernel or a network.

    Parameters
    ----------
    trace : GraphTrace
    path : str or Path, optional
        File the page is also written to.
    step : int, optional
        Step it opens at; the last by default.
    title : str, optional
    predict, presentation, controls
        As for the widget.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> x = s.param(3.0, name="x")
    >>> html(s.trace(x * x)).startswith("<!doctype html>")
    True
    """
    title = title or str(trace.meta.get("title") or "Graph")
    text = page(
        "GraphStepper",
        graph_payload(trace),
        options={"title": title, "predict": predict, "presentation": presentation, "controls": controls},
        step=-1 if step is None else step,
        title=title,
    )
    if path is not None:
        write(path, text)
    return text
