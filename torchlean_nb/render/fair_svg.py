"""A fair comparison as one self-contained picture: a panel for each problem, the places, and who is who."""

from __future__ import annotations

import re

from torchlean_nb.escape import visible
from torchlean_nb.render.fair_panel import ALONE, HEIGHT, WIDTH, mark, place, sensitivity, slope
from torchlean_nb.render.fair_text import amount
from torchlean_nb.render.glyphs import fit
from torchlean_nb.render.routes import num
from torchlean_nb.render.stills import still, words
from torchlean_nb.render.theme import DARK, LIGHT
from torchlean_nb.trace.fair import FairTrace

_GAP, _ROW, _NAME, _CELL = 12, 17, 150, 120
_STYLE = (
    ".tl-scene .ct{stroke:@text}.tl-scene .cf{fill:@text}.tl-scene .cm{stroke:@text;stroke-width:.8}"
    ".tl-scene .ch{fill:@bg;stroke-width:2}.tl-scene .ax{stroke:@line;fill:none}"
    ".tl-scene .tie{fill:@bg3;stroke:@line2;stroke-dasharray:2 2}"
    ".tl-scene .ce{fill:none;stroke:@text;stroke-width:1.25;stroke-dasharray:3 2}.tl-scene .ca{stroke-dasharray:none}"
)
_SHAPES = ".tl-scene :is(.cl,.cx){fill:none;stroke-width:1.75}.tl-scene .cb{stroke:none;fill-opacity:.16}"


def fair_svg(trace: FairTrace, metric: str = "best") -> str:
    """Loss against learning rate for every problem, with the seeds as bands; rings mark a best rate on an edge.

    Examples
    --------
    >>> fair_svg(FairTrace([])).startswith("<svg")
    True
    """
    size = ALONE if len(trace) == 1 else WIDTH
    panels = [sensitivity(c, metric, size) for c in trace.contests]
    last = HEIGHT
    if len(trace) > 1:
        places, last = slope(trace.contests, metric)
        panels.append(places)
    names = list(dict.fromkeys(name for c in trace.contests for name in c))
    across = 2 if len(panels) > 1 else 1
    width = max(across * (size + _GAP) - _GAP, 200)
    body = [f"<style>{_style()}</style>"]
    for k, panel in enumerate(panels):
        x, y = k % across * (WIDTH + _GAP), k // across * (HEIGHT + _GAP)
        body.append(f'<g transform="translate({num(x)} {num(y)})">{panel}</g>')
    y = -(-len(panels) // across) * (HEIGHT + _GAP) + max(0, last - HEIGHT) + 14
    for k, c in enumerate(trace.contests[: (width - _NAME) // _CELL]):
        body.append(words(_NAME + k * _CELL, y, fit(visible(c.problem), _CELL - 8) or "…", "s"))
    for i, name in enumerate(names):
        y += _ROW
        body += [mark(i, 16, y - 4), words(28, y, fit(visible(name), _NAME - 36, 11.5, bold=True) or "…", "b")]
        for k, c in enumerate(trace.contests[: (width - _NAME) // _CELL]):
            if name in c:
                said = f"{place(c, name, metric)}  {amount(c, c.values(metric)[name], metric)}"
                body.append(words(_NAME + k * _CELL, y, said))
    says = f"Fair comparison of {', '.join(visible(n, 40) for n in names[:12])} " \
           f"on {', '.join(visible(c.problem, 40) for c in trace.contests)}"  # fmt: skip
    return still(width, y + 12, says, body)


def _style() -> str:
    light, dark = (re.sub(r"@(\w+)", lambda m, tokens=tokens: tokens[m[1]], _STYLE) for tokens in (LIGHT, DARK))
    return f"{light}{_SHAPES}@media(prefers-color-scheme:dark){{{dark}}}"
