"""One node as a group: outline, header, value, and the gradient as it grows."""

from __future__ import annotations

import numpy as np

from torchlean_nb.escape import svg, visible
from torchlean_nb.render.fold import FOLDED
from torchlean_nb.render.glyphs import CELLS, fit, outline, text_width, thumb
from torchlean_nb.render.layout import Box
from torchlean_nb.render.numbers import fmt, shape
from torchlean_nb.render.pen import Pen, Timeline
from torchlean_nb.render.routes import num
from torchlean_nb.trace.graph import TraceNode

_PAD = {"input": 16, "param": 10, "const": 8, "op": 8}
_GRAD_X = 58
# What stands where no gradient comes, and the width it is set to in any font; the second where a number needs the room.
_WITHOUT = (("no gradient", 54), ("no ∇", 25))


def node_group(pen: Pen, n: TraceNode, box: Box, when: Timeline, state: str, cells: int = CELLS) -> None:
    """Write the group of one node."""
    says = ", ".join(filter(None, [visible(n.label), n.op if n.name else "", shape(n.shape) or "scalar"]))
    fold = " fold" if n.op == FOLDED else ""
    interactive = ' role="button" tabindex="-1"' if pen.step is None else ""
    pen.raw(
        f'<g class="tl-node role-{_role(n)}{fold} {state}" data-node="{n.id}" data-t="{when.computed[n.id]:d}"'
        f'{interactive} aria-label="{svg(says)}"><title>{svg(says)}</title>'
    )
    if fold:
        pen.raw(f'<path class="stack" d="{outline("op", box.x + 3, box.y + 3, box.w, box.h)}"/>')
    ring = outline(_role(n), box.x - 4, box.y - 4, box.w + 8, box.h + 8)
    pen.raw(f'<path class="ring" d="{ring}"/><path class="box" d="{outline(_role(n), box.x, box.y, box.w, box.h)}"/>')
    if box.h < 40:
        _small(pen, n, box, when)
    else:
        _header(pen, n, box)
        _value(pen, n, box, when, cells)
        _gradient(pen, n, box, when, cells)
    pen.raw("</g>")


def _role(n: TraceNode) -> str:
    return n.role if n.role in _PAD else "op"


def _small(pen: Pen, n: TraceNode, box: Box, when: Timeline) -> None:
    x, y = num(box.x + box.w / 2), num(box.y + box.h / 2 + 4)
    name = fit(visible(n.name or ""), box.w - 62)
    if name:
        pen.raw(f'<text class="s" x="{num(box.x + 8)}" y="{y}">{svg(name)} =</text>')
        pen.put("text", f'class="v e" x="{num(box.x + box.w - 8)}" y="{y}"', when.computed[n.id], None, fmt(n.value, 4))
    else:
        pen.put("text", f'class="v m" x="{x}" y="{y}"', when.computed[n.id], None, fmt(n.value, 4))


def _header(pen: Pen, n: TraceNode, box: Box) -> None:
    pad, y, dims = _PAD[_role(n)], num(box.y + 13), shape(n.shape)
    room = box.w - 2 * pad - (text_width(dims) + 5 if dims else 0)
    name = fit(visible(n.label), room, 11.5, bold=True) or "…"
    used = text_width(name, 11.5, bold=True) + 5
    extra = _op_text(n, room - used) if n.name else ""
    pen.raw(f'<text x="{num(box.x + pad)}" y="{y}"><tspan class="b">{svg(name)}</tspan>')
    pen.raw((f'<tspan class="s" dx="5">{svg(extra)}</tspan>' if extra else "") + "</text>")
    if dims:
        pen.raw(f'<text class="s e" x="{num(box.x + box.w - pad)}" y="{y}">{dims}</text>')


def _op_text(n: TraceNode, room: float) -> str:
    """What may stand beside the name: the op with its numbers where they fit, else the op, cut if it must be."""
    if n.op == FOLDED:
        return fit("" if n.label.endswith(" nodes") else f"{n.attrs['nodes']:,} nodes", room)
    numbers = [f"{visible(k)}={fmt(v, 3)}" for k, v in n.attrs.items() if isinstance(v, int | float)]
    full = ", ".join([n.op, *numbers])
    return full if text_width(full) <= room else fit(n.op, room)


def _value(pen: Pen, n: TraceNode, box: Box, when: Timeline, cells: int) -> None:
    pad = _PAD[_role(n)]
    x, cy, t = box.x + pad, box.y + 28, when.computed[n.id]
    room = (_GRAD_X if n.id in when.arrivals else box.w - pad - _without(n, box)[1] - 4) - pad - 4
    if n.value.size == 1:
        text = number(n.value, room)
        pen.put("text", f'class="v" x="{num(x)}" y="{num(cy + 4)}"', t, None, text)
    else:
        pen.put("g", "", t, None, thumb(n.value, x, cy, "hv", room, cells=cells)[0])


def _gradient(pen: Pen, n: TraceNode, box: Box, when: Timeline, cells: int) -> None:
    x, cy = box.x + _GRAD_X, box.y + 28
    right = box.x + box.w - _PAD[_role(n)]
    y, arrived = num(cy + 4), when.arrivals.get(n.id, [])
    if not arrived:
        words, width = _without(n, box)
        pen.put("text", f'class="s e" x="{num(right)}" y="{y}" textLength="{width}"', when.seed, None, words)
        return
    first = arrived[0][0]
    shown, width = min(when.seed, first - 1), right + 2 - x
    slot = f'class="slot" x="{num(x)}" y="{num(cy - 8)}" width="{num(width)}" height="16" rx="3"'
    middle = f'x="{num(x + width / 2)}" y="{y}"'
    pen.put("rect", slot, shown, first)
    pen.put("text", f'class="s m" {middle}', shown, first - 1, "∇")
    pen.put("text", f'class="ask m" {middle}', first - 1, first, "?")
    total = None
    for i, (k, part) in enumerate(arrived):
        before, total = total, part if total is None else total + part
        until = arrived[i + 1][0] if i + 1 < len(arrived) else None
        both = None if before is None else _sum(before, part, x, cy, right, cells)
        if both:
            pen.put("g", 'class="grad"', k, k + 1, both)
        body, end = _total(total, x, cy, right, cells)
        pen.put("g", 'class="grad"', k + 1 if both else k, until, body)
        if until and end + 20 <= right + 4:
            asked = max(until - 1, k + 1 if both else k)
            pen.put("text", f'class="ask" x="{num(end + 3)}" y="{y}"', asked, until, "+ ?")


def _without(n: TraceNode, box: Box) -> tuple[str, int]:
    """Words for a missing gradient, and their width."""
    room = box.w - 2 * _PAD[_role(n)] - _WITHOUT[0][1] - 8
    return _WITHOUT[n.value.size == 1 and text_width(number(n.value, room), 11.5, bold=True) > room]


def _total(total: np.ndarray, x: float, cy: float, right: float, cells: int) -> tuple[str, float]:
    """The gradient so far, and where its drawing ends."""
    y = num(cy + 4)
    if total.size == 1:
        text = "∇ " + number(total, right + 2 - x - 11)
        return f'<text class="g" x="{num(x)}" y="{y}">{text}</text>', x + text_width(text, 11.5, bold=True)
    drawn, width = thumb(total, x + 12, cy, "hg", room=right - x - 12, cells=cells)
    return f'<text class="g" x="{num(x)}" y="{y}">∇</text>' + drawn, x + 12 + width


def _sum(before: np.ndarray, part: np.ndarray, x: float, cy: float, right: float, cells: int) -> str:
    """What was there plus what arrives, on one scale; empty when two numbers do not fit."""
    y = num(cy + 4)
    if before.size == 1:
        text = f"{fmt(before, 3)} + {fmt(part, 3)}".replace(" + −", " − ")
        fits = text_width(text, 11.5, bold=True) < right + 2 - x
        return f'<text class="g" x="{num(x)}" y="{y}">{text}</text>' if fits else ""
    room = (right - x - 21) / 2
    scale = float(np.nanmax(np.abs(np.concatenate([before.ravel(), part.ravel()])), initial=0.0))
    left, width = thumb(before, x + 12, cy, "hg", room, scale, cells)
    at = x + 13 + width
    added, _ = thumb(part, at + 9, cy, "hg", room, scale, cells)
    return (f'<text class="g" x="{num(x)}" y="{y}">∇</text>{left}'
            f'<text class="g" x="{num(at)}" y="{y}">+</text>{added}')


def number(value: np.ndarray, room: float) -> str:
    """A number with as many digits as fit."""
    for digits in (4, 3, 2):
        text = fmt(value, digits)
        if text_width(text, 11.5, bold=True) <= room:
            return text
    return fmt(value, 1)
