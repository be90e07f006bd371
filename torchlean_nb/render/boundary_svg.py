"""One frame of a decision boundary as a picture: the field, the boundary, the points, and the loss so far."""

from __future__ import annotations

import base64
import math
from io import BytesIO

import numpy as np
from PIL import Image

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.escape import visible
from torchlean_nb.render.boundary import HUES, INKS, areas, outline, sentence
from torchlean_nb.render.glyphs import fit
from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.routes import num
from torchlean_nb.render.stills import PAD, still, words
from torchlean_nb.trace.boundary import NOT_A_NUMBER, TOP, BoundaryTrace

FIELD, WIDTH, SHAPES = 300, 600, 6
_LEFT, _TOP, _SIDE, _CURVE, _BARS = 44, 36, 210, 84, 24


def hue(i: int) -> str:
    """Token of the colour of class `i`."""
    return HUES[i % len(HUES)]


def marker(i: int, x: float, y: float, r: float) -> str:
    """Path of the marker of class `i`: circle, triangle, square, diamond, plus, cross."""
    x, y, s = x, y, r * 1.15
    paths = (
        f"M{num(x - r)} {num(y)}a{num(r)} {num(r)} 0 1 0 {num(2 * r)} 0a{num(r)} {num(r)} 0 1 0 {num(-2 * r)} 0z",
        f"M{num(x)} {num(y - s)}L{num(x + s)} {num(y + r * 0.8)}H{num(x - s)}z",
        f"M{num(x - r * 0.9)} {num(y - r * 0.9)}h{num(1.8 * r)}v{num(1.8 * r)}h{num(-1.8 * r)}z",
        f"M{num(x)} {num(y - s)}L{num(x + s)} {num(y)}L{num(x)} {num(y + s)}L{num(x - s)} {num(y)}z",
        _cross(x, y, r, 0.0), _cross(x, y, r, math.pi / 4),
    )  # fmt: skip
    return paths[i % SHAPES]


def _cross(x: float, y: float, r: float, turn: float) -> str:
    """Outline of a plus, turned."""
    a, b = r * 1.15, r * 0.38
    half = [(b, a), (b, b), (a, b), (a, -b), (b, -b), (b, -a)]
    corners = half + [(-u, -v) for u, v in half]
    c, s = math.cos(turn), math.sin(turn)
    return "M" + "L".join(f"{num(x + c * u - s * v)} {num(y + s * u + c * v)}" for u, v in corners) + "z"


def field_rgba(trace: BoundaryTrace, frame: int) -> np.ndarray:
    """Colours of the cells from above, uint8, shape (h, w, 4): the stronger the surer, or the larger."""
    codes = trace.codes[frame]
    inks = np.array([[int(INKS[hue(i)][j : j + 2], 16) for j in (1, 3, 5)] for i in range(max(1, trace.classes))])
    if trace.classes:
        area, size = areas(trace, frame)
        rgb, share = inks[np.minimum(area, trace.classes - 1).astype(int)], size / max(1, trace.levels - 1)
    else:
        rgb, share = np.broadcast_to(inks[0], (*codes.shape, 3)), codes / TOP
    alpha = np.round(255 * (0.05 + 0.5 * share.clip(0, 1)))
    rgba = np.concatenate([rgb, alpha[..., None]], axis=-1)
    rgba[codes == NOT_A_NUMBER] = (0, 0, 0, 255)
    return rgba.astype(np.uint8)[::-1]


def strength(trace: BoundaryTrace, v: float) -> float:
    """Opacity of a value, as the field has it."""
    low, high = trace.scale
    return 0.05 + 0.5 * min(1.0, max(0.0, (v - low) / (high - low))) if np.isfinite(v) else 1.0


def check_frame(trace: BoundaryTrace, frame: int | None) -> int:
    """Number of a frame, the last when left out.

    Raises
    ------
    HyperparameterError
    """
    last = len(trace) - 1
    if frame is None:
        return last
    if not 0 <= frame <= last:
        raise HyperparameterError(f"boundary: frame {frame} is outside 0..{last}")
    return int(frame)


def boundary_svg(trace: BoundaryTrace, frame: int | None = None) -> str:
    """Picture of one frame, by default the last.

    Raises
    ------
    HyperparameterError
        For a frame that does not exist.

    Examples
    --------
    >>> t = BoundaryTrace("t", [3], [0.5], [[[0, 9], [9, 9]]], [[0, 0]], [1.0], [[2.0]], [0, 1, 0, 1])
    >>> boundary_svg(t).count("<image")
    1
    """
    frame = check_frame(trace, frame)
    png = BytesIO()
    Image.fromarray(field_rgba(trace, frame), "RGBA").save(png, "png")
    data = f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode('ascii')}"
    box = f'x="{_LEFT}" y="{_TOP}" width="{FIELD}" height="{FIELD}"'
    body = [
        words(_LEFT, 22, fit(visible(trace.name), WIDTH - 2 * PAD - _LEFT, 11.5, bold=True) or "…", "b"),
        f'<image {box} preserveAspectRatio="none" style="image-rendering:pixelated" href="{data}"/>',
        _boundary(trace, frame),
        *_points(trace, frame),
        f'<rect {box} style="fill:none;stroke:#858e98"/>',
        *_axes(trace),
    ]
    side = _LEFT + FIELD + 26
    low = _legend(trace, frame, side, _curve(trace, frame, body, side, _TOP), body)
    low = max(low, _TOP + FIELD + 34)
    body.append(words(PAD, low + 14, sentence(trace, frame)))
    return still(WIDTH, low + 14 + PAD, f"{visible(trace.name, 60)}: {sentence(trace, frame)}", body)


def _spot(trace: BoundaryTrace, x: float, y: float) -> tuple[float, float]:
    left, right, bottom, top = trace.bounds
    return _LEFT + (x - left) / (right - left) * FIELD, _TOP + (top - y) / (top - bottom) * FIELD


def _boundary(trace: BoundaryTrace, frame: int) -> str:
    h, w = trace.codes.shape[1:]
    path = "".join(
        f"M{num(_LEFT + a / w * FIELD)} {num(_TOP + FIELD - b / h * FIELD)}"
        f"L{num(_LEFT + c / w * FIELD)} {num(_TOP + FIELD - d / h * FIELD)}"
        for a, b, c, d in outline(trace, frame)
    )
    return f'<path class="fwd" style="stroke-width:{1.75 if trace.classes else 0.75}" d="{path}"/>' if path else ""


def _points(trace: BoundaryTrace, frame: int) -> list[str]:
    left, right, bottom, top = trace.bounds
    out = []
    for n, (x, y) in enumerate(trace.points):
        if not (left <= x <= right and bottom <= y <= top):
            continue
        at, v = _spot(trace, x, y), trace.targets[n]
        if not trace.classes:
            look = f"fill:{INKS['value']};fill-opacity:{strength(trace, v):.2f};stroke:#57606a;stroke-width:.75"
            out.append(f'<path style="{look}" d="{marker(0, *at, 3.4)}"/>')
            continue
        fine = trace.guesses[frame, n] == v
        path = marker(int(v), *at, 3.4 if fine else 4.2)
        out.append(f'<path style="fill:{INKS[hue(int(v))]};stroke:#fff;stroke-width:{0.6 if fine else 0}" d="{path}"/>')
        if not fine:
            out.append(f'<path class="ring" style="visibility:visible;stroke-width:1.6" d="{path}"/>')
    return out


def _axes(trace: BoundaryTrace) -> list[str]:
    left, right, bottom, top = (fmt(v, 3) for v in trace.bounds)
    low = _TOP + FIELD + 13
    return [
        words(_LEFT, low, left), words(_LEFT + FIELD, low, right, "e"),
        words(_LEFT + FIELD / 2, low + 4, fit(visible(trace.axes[0]), 160), "s m"),
        words(_LEFT - 5, _TOP + FIELD, bottom, "e"), words(_LEFT - 5, _TOP + 10, top, "e"),
        words(_LEFT - 5, _TOP + FIELD / 2, fit(visible(trace.axes[1]), 34), "s e"),
    ]  # fmt: skip


def _curve(trace: BoundaryTrace, frame: int, body: list[str], x: float, y: float) -> float:
    """The loss over the frames with a mark at this one; returns where it ends."""
    loss, steps = trace.loss, trace.steps
    body.append(words(x, y + 8, f"loss {fmt(loss[frame], 4)}", "b"))
    body.append(words(x + _SIDE, y + 8, f"update {steps[frame]}", "s e"))
    good = np.isfinite(loss)
    if good.sum() > 1:
        low, high = loss[good].min(), loss[good].max()
        span, wide = (high - low) or 1.0, max(1, steps[-1] - steps[0])
        at = [(x + (k - steps[0]) / wide * _SIDE, y + 18 + (high - v) / span * (_CURVE - 8))
              for k, v in zip(steps[good].tolist(), loss[good].tolist(), strict=True)]  # fmt: skip
        line = "L".join(f"{num(a)} {num(b)}" for a, b in at)
        body.append(f'<path style="fill:none;stroke:{INKS["value"]};stroke-width:1.75" d="M{line}"/>')
        if good[frame]:
            a, b = at[int(good[:frame].sum())]
            body.append(f'<circle class="fh" cx="{num(a)}" cy="{num(b)}" r="3.5"/>')
    return y + 18 + _CURVE + 12


def _legend(trace: BoundaryTrace, frame: int, x: float, y: float, body: list[str]) -> float:
    """Marks of the classes with their points, or the ends of the scale; returns where it ends."""
    if not trace.classes:
        for k in range(_BARS):
            share = 0.05 + 0.5 * k / (_BARS - 1)
            size = f'x="{num(x + k * _SIDE / _BARS)}" y="{num(y)}" width="{num(_SIDE / _BARS)}" height="10"'
            body.append(f'<rect class="hv" fill-opacity="{share:.2f}" {size}/>')
        body += [words(x, y + 24, fmt(trace.scale[0], 4)), words(x + _SIDE, y + 24, fmt(trace.scale[1], 4), "e")]
        return y + 30
    right = trace.right(frame)
    for i, name in enumerate(trace.labels):
        own = trace.targets == i
        body.append(f'<path style="fill:{INKS[hue(i)]}" d="{marker(i, x + 5, y + 4, 4)}"/>')
        body += [words(x + 16, y + 8, fit(visible(name), _SIDE - 90)),
                 words(x + _SIDE, y + 8, f"{int((own & right).sum())} of {int(own.sum())} right", "e")]  # fmt: skip
        y += 16
    body.append(words(x, y + 8, "Points with a strong edge are on the wrong side.", "s"))
    return y + 14
