"""Colours and rules of the drawings.

`LIGHT` and `DARK` hold the tokens; every colour in a drawing is one of them, by class. In a page
the classes read CSS variables of the surrounding widget; in a file of its own the colours are
resolved, light and dark.
"""

from __future__ import annotations

import re

FONT = '"Segoe UI","Helvetica Neue",Helvetica,Arial,sans-serif'
LIGHT = {
    "bg": "#fff", "bg2": "#f6f7f9", "bg3": "#eceff2", "line": "#d9dee4", "line2": "#858e98",
    "text": "#1b1f24", "text2": "#57606a", "neg": "#1b1f24",
    "value": "#0072B2", "grad": "#D55E00", "upd": "#009E73", "inp": "#56B4E9", "par": "#E69F00", "const": "#7d868f",
    "value-ink": "#00639B", "grad-ink": "#A84A00", "upd-ink": "#00704F",
}
DARK = LIGHT | {
    "bg": "#14171b", "bg2": "#1b1f25", "bg3": "#272c33", "line": "#343b44", "line2": "#6b7682",
    "text": "#e8ebef", "text2": "#a6b0bb", "neg": "#fff", "const": "#8b95a0",
    "value-ink": "#6BB8EA", "grad-ink": "#FF9A52", "upd-ink": "#3CCBA0",
}

# Short class names: they are repeated for every cell of every thumbnail.
_RULES = """
.tl-scene text{font-family:@font;font-size:10.5px;fill:@text;font-variant-numeric:tabular-nums}
.tl-scene .b{font-size:11.5px;font-weight:600}
.tl-scene .s{fill:@text2}
.tl-scene .v{fill:@value-ink;font-size:11.5px;font-weight:600}
.tl-scene .g{fill:@grad-ink;font-size:11.5px;font-weight:600}
.tl-scene .m{text-anchor:middle}
.tl-scene .e{text-anchor:end}
.tl-scene .hv{fill:@value}
.tl-scene .hg{fill:@grad}
.tl-scene .hu{fill:@upd}
.tl-scene .hn{fill:@const}
.tl-scene .hx{fill:none;stroke:@neg;stroke-width:.7;opacity:.6}
.tl-scene .box{fill:@bg;stroke:@line2;stroke-width:1.5}
.tl-scene .role-input .box{stroke:@inp}
.tl-scene .role-param .box{stroke:@par}
.tl-scene .role-const .box{stroke:@const;stroke-width:1;stroke-dasharray:2 2}
.tl-scene .todo .box{stroke-dasharray:3 3}
.tl-scene .sender .box{stroke:@grad;stroke-width:2}
.tl-scene .stack{fill:none;stroke:@line2;stroke-width:1}
.tl-scene .ring{fill:none;stroke:@text;stroke-width:3;visibility:hidden}
.tl-scene .now .ring{visibility:visible}
.tl-scene .slot{fill:none;stroke:@line2;stroke-dasharray:2 2}
.tl-scene .ask{font-weight:700;fill:@text}
.tl-scene .fwd{fill:none;stroke:@line2;stroke-width:1.25}
.tl-scene .fwd.todo{stroke-dasharray:2 3}
.tl-scene .fwd.past{opacity:.5}
.tl-scene .fh{fill:@line2}
.tl-scene .bwd{fill:none;stroke:@grad}
.tl-scene .bwd.now{stroke-dasharray:7 3;animation:tl-flow 1s linear infinite}
.tl-scene .neg{fill:none;stroke:@bg;stroke-dasharray:1.2 3.8}
.tl-scene .bh{fill:@grad}
.tl-scene .chip rect{fill:@bg;stroke:@grad;stroke-width:1.25}
.tl-scene .chip text{fill:@grad-ink;font-weight:600;text-anchor:middle}
.tl-scene .badge rect{fill:@bg;stroke:@grad;stroke-width:.75}
.tl-scene .badge text{fill:@grad-ink;text-anchor:middle}
.tl-scene .back{fill:@bg}
.tl-scene .tl-node:focus-visible{outline:none}
.tl-scene .tl-node:focus-visible .box{stroke:@value;stroke-width:3}
"""
_FLOW = (
    "@keyframes tl-flow{to{stroke-dashoffset:-10}}"
    "@media(prefers-reduced-motion:reduce){.tl-scene .bwd.now{animation:none}}"
)
_TOKEN = re.compile(r"@([a-z][a-z0-9-]*)")


def rules() -> str:
    """Rules for a scene inside a page: CSS variables, with the light colours where there are none."""
    names = LIGHT | {"font": FONT}
    text = _TOKEN.sub(lambda m: f"var(--{'f' if m[1] == 'font' else m[1]},{names[m[1]]})", _RULES)
    return text.replace("\n", "") + _FLOW


def resolved(moving: bool = False) -> str:
    """Rules for a file of its own: colours written out, dark ones where the reader prefers dark."""
    light = _TOKEN.sub(lambda m: (LIGHT | {"font": FONT})[m[1]], _RULES).strip().split("\n")
    dark = _TOKEN.sub(lambda m: (DARK | {"font": FONT})[m[1]], _RULES).strip().split("\n")
    changed = "".join(d for a, d in zip(light, dark, strict=True) if a != d)
    still = "" if moving else ".tl-scene .bwd.now{animation:none}"
    return "".join(light) + still + "@media(prefers-color-scheme:dark){" + changed + "}"
