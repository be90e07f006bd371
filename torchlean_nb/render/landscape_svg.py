"""A plane through a loss as a picture: the meter, the map with the path and how far off it is, the loss along it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from torchlean_nb.escape import visible
from torchlean_nb.render.glyphs import fit
from torchlean_nb.render.landscape_ground import BOX, Ground, bilinear
from torchlean_nb.render.landscape_words import axes, choose, heading, labels, meter, percent, point, sentence
from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.routes import num
from torchlean_nb.render.stills import PAD, still, words
from torchlean_nb.trace.landscape import LandscapeTrace

SIDE, WIDTH = 320, 640
OFF, WAY = "#CC79A7", "#0072B2"
_LEFT, _TOP, _PLOT, _TALL, _RINGS, _BARS, _LINES = 48, 66, 184, 96, 20, 8, 4
_HIGH, _REACH = 360, 700


def landscape_svg(trace: LandscapeTrace, plane: int | str = 0, step: int | None = None) -> str:
    """Picture of one plane at one point of the path, by default the last.

    Parameters
    ----------
    trace : LandscapeTrace
    plane : int or str
        Number or kind of the plane.
    step : int, optional
        Point of the path, counted from 0.

    Raises
    ------
    UnknownNameError, HyperparameterError
        For a plane that is not there.

    Examples
    --------
    >>> from torchlean_nb.trace.landscape import Plane
    >>> plane = Plane("random", [-1, 0, 1], [-1, 0, 1], [[3, 2, 3], [2, 1, 2], [3, 2, 3]])
    >>> "explains nothing" in landscape_svg(LandscapeTrace("bowl", [plane]))
    True
    """
    head = heading(trace)
    body = [words(PAD, 22, fit(head, WIDTH - 2 * PAD - 130, 11.5, bold=True) or "…", "b")]
    if not trace.planes:
        low = _side(trace, body, PAD, 44, None, 0)
        return still(WIDTH, low, f"{head}: lines", body)
    chosen, at = choose(trace, plane), point(trace, step)
    shown = trace.planes[chosen]
    ground = Ground(shown)
    body += [words(WIDTH - PAD, 22, f"{labels(trace)[chosen]} plane", "s e"), *_meter(trace, chosen)]
    low = max(_map(ground, trace, at, body), _side(trace, body, _LEFT + SIDE + 48, _TOP + 8, chosen, at))
    said = sentence(trace, chosen, step)
    body.append(words(PAD, low + 12, fit(said, WIDTH - 2 * PAD)))
    return still(WIDTH, low + 12 + PAD, f"{head}: {meter(shown)[1]} {said}", body)


def _meter(trace: LandscapeTrace, chosen: int) -> list[str]:
    """How much of the path the plane holds: a gauge, the words, and the components of the path."""
    plane = trace.planes[chosen]
    level, said = meter(plane)
    body, x = [], PAD
    if level != "none":
        share = min(1.0, max(0.0, plane.explained))
        body += [f'<rect style="fill:{OFF};fill-opacity:.35" x="{PAD}" y="33" width="84" height="11"/>',
                 f'<rect class="hv" x="{PAD}" y="33" width="{num(84 * share)}" height="11"/>']  # fmt: skip
        x += 92
    bars = trace.spectrum[:_BARS].tolist()
    room = WIDTH - PAD - x - (len(bars) * 9 + 8 if bars else 0)
    first, colon, warning = said.partition(": ")
    first = f"{'⚠ ' if level == 'low' else ''}{first}{colon.strip()}"
    body.append(words(x, 42.5, fit(first, room, 11.5, bold=True), "b"))
    if warning:
        body.append(words(x, 56, fit(warning, room, 11.5, bold=True), "b"))
    for i, v in enumerate(bars):
        tall, left = max(1.0, 18 * v / max(bars[0], 1e-9)), WIDTH - PAD - (len(bars) - i) * 9
        held = "hv" if plane.kind == "pca" and i < 2 else "hn"
        body.append(f'<rect class="{held}" x="{num(left)}" y="{num(45 - tall)}" width="7" height="{num(tall)}"/>')
    return body


def _map(ground: Ground, trace: LandscapeTrace, at: int, body: list[str]) -> float:
    """Contours, path, rings as large as the distance from the plane; returns where it ends."""
    plane, scale = ground.plane, min(SIDE / BOX, _HIGH / ground.tall)
    wide = BOX * scale
    tall = ground.tall * scale
    fills, opacity = ground.fills(), 0.42 / max(1, len(ground.levels))
    look = "fill:none;stroke-width:.8;vector-effect:non-scaling-stroke"
    body.append(f'<g transform="translate({_LEFT} {_TOP}) scale({scale:g})">')
    for i, d in enumerate(fills):
        shade = f"stroke:none;fill-opacity:{0.03 + opacity * (i + 1):.3f}"
        body.append(f'<path class="fh" fill-rule="evenodd" style="{shade}" d="{d}"/>' if d else "")
    body += [f'<path class="fwd" style="{look}" d="{d}"/>' for d in ground.lines() if d]
    if holes := ground.holes():
        body.append(f'<path class="fh" style="fill-opacity:.9;stroke:none" d="{holes}"/>')
    body.append("</g>")
    x, y = (v * scale for v in ground.spot(*plane.positions.T))
    body += [words(_LEFT + u * scale, _TOP + v * scale + 3.5, said, "s m") for u, v, said in ground.marks()]
    box = f'x="{_LEFT}" y="{_TOP}" width="{num(wide)}" height="{num(tall)}"'
    low = _TOP + tall
    clip = f"ls-{num(wide)}-{num(tall)}"
    body.append(f'<clipPath id="{clip}"><rect {box}/></clipPath><g clip-path="url(#{clip})">')
    far = float(np.nanmax(plane.residuals, initial=0.0)) if np.isfinite(plane.residuals).any() else 0.0
    fits = far * ground.unit <= _REACH
    unit = scale * (ground.unit if fits else 0.6 * _REACH / far)
    _path(body, _LEFT + x, _TOP + y, plane.residuals * unit, at, fits)
    u, v = (float(w * scale) for w in ground.spot(np.array(0.0), np.array(0.0)))
    body.append(f'<path class="ring" style="visibility:visible;stroke-width:2" '
                f'd="M{num(_LEFT + u - 7)} {num(_TOP + v)}h14m-7 -7v14"/></g>')  # fmt: skip
    body.append(f'<rect {box} style="fill:none;stroke:#858e98"/>')
    (left, right), (bottom, top) = ([fmt(w, 3) for w in axis[[0, -1]]] for axis in (plane.a, plane.b))
    names = [name if fit(name, room) == name else name.partition(",")[0]
             for name, room in zip(axes(plane), (wide - 90, tall - 60), strict=True)]  # fmt: skip
    body += [words(_LEFT, low + 13, left), words(_LEFT + wide, low + 13, right, "e"),
             words(_LEFT + wide / 2, low + 13, fit(names[0], wide - 90), "s m"),
             words(_LEFT - 5, low, bottom, "e"), words(_LEFT - 5, _TOP + 10, top, "e"),
             f'<text class="s m" transform="translate({_LEFT - 8} {num(_TOP + tall / 2)}) rotate(-90)">'
             f"{words(0, 0, fit(names[1], tall - 60)).partition('>')[2]}"]  # fmt: skip
    notes = []
    if len(plane.residuals) and np.isfinite(plane.residuals[at]):
        scaled = "to scale" if ground.stretch == 1 else "on the scale of the first direction"
        scaled = scaled if fits else "not to scale"
        notes.append(f"The ring is the distance from the plane, {fmt(plane.residuals[at], 3)}, {scaled}.")
    if ground.stretch != 1:
        notes.append(f"The second direction is drawn {fmt(ground.stretch, 3)} times as long.")
    lost = int((~np.isfinite(plane.losses)).sum())
    if lost:
        notes.append(f"{lost} of {plane.losses.size} points of the grid have no number: solid.")
    body += [words(_LEFT, low + 29 + 14 * i, fit(said, SIDE), "s") for i, said in enumerate(notes)]
    return low + 29 + 14 * len(notes)


def _path(body: list[str], x: np.ndarray, y: np.ndarray, off: np.ndarray, at: int, fits: bool) -> None:
    if not len(x):
        return
    ring = f"fill:none;stroke:{OFF}"
    for i in np.unique(np.linspace(0, len(x) - 1, min(len(x), _RINGS)).round().astype(int)).tolist():
        if np.isfinite(x[i] + y[i] + off[i]):
            body.append(f'<circle style="{ring};opacity:.35" {_circle(x[i], y[i], off[i])}/>')
    for part, look in ((slice(None), "stroke-width:1.25;opacity:.4"), (slice(at + 1), "stroke-width:2.25")):
        body.append(f'<path style="fill:none;stroke:{WAY};{look}" d="{_joined(x[part], y[part])}"/>')
    body.append(f'<circle class="box" {_circle(x[0], y[0], 4)}/>')
    if np.isfinite(x[at] + y[at] + off[at]):
        dash = "" if fits else ";stroke-dasharray:5 4"
        body += [f'<circle style="{ring};stroke-width:2{dash}" {_circle(x[at], y[at], off[at])}/>',
                 f'<circle style="fill:{WAY};stroke:#fff" {_circle(x[at], y[at], 4.5)}/>']  # fmt: skip


def _circle(x: float, y: float, r: float) -> str:
    return f'cx="{num(x)}" cy="{num(y)}" r="{num(max(0.0, r))}"' if math.isfinite(x + y) else 'r="0"'


def _joined(x: np.ndarray, y: np.ndarray) -> str:
    """Path data through points; a gap where there is no number."""
    out, pen = "", "M"
    for u, v in zip(x.tolist(), y.tolist(), strict=True):
        if math.isfinite(u + v):
            out, pen = f"{out}{pen}{num(u)} {num(v)}", "L"
        else:
            pen = "M"
    return out or "M0 0"


def _side(trace: LandscapeTrace, body: list[str], x: float, y: float, chosen: int | None, at: int) -> float:
    """Plots beside the map, or all there is without a plane; returns where they end."""
    if chosen is not None and trace.path and len(trace.path.steps):
        shown, steps = trace.planes[chosen], trace.path.steps
        under = np.array([bilinear(shown, *p) for p in shown.positions])
        now = f"loss {fmt(trace.path.losses[at], 4)}, the plane {fmt(under[at], 4)} (dashed)"
        y = _plot(body, x, y, now, steps, [(trace.path.losses, WAY, ""), (under, "#7d868f", "4 3")], at)
        away = f"distance from the plane {fmt(shown.residuals[at], 3)}"
        y = _plot(body, x, y, away, steps, [(shown.residuals, OFF, "")], at, _TALL * 0.6)
    if len(trace.spectrum) and y < 300:
        said = "components of the path: " + ", ".join(percent(v) for v in trace.spectrum[:3].tolist())
        body.append(words(x, y + 2, fit(said, _PLOT + 40), "s"))
        y += 16
    if chosen is None or (not trace.path and trace.lines):
        for line in trace.lines[:_LINES]:
            y = _plot(body, x, y, fit(visible(line.name, 60), _PLOT) or "…", line.at, [(line.losses, WAY, "")])
    return y


def _plot(
    body: list[str], x: float, y: float, title: str, at: np.ndarray,
    curves: Sequence[tuple[np.ndarray, str, str]], now: int | None = None, tall: float = _TALL,
) -> float:
    """A small plot with its title above and the ends of its axes; returns where it ends."""
    body.append(words(x, y + 6, title))
    values = np.concatenate([c[0] for c in curves])
    good = values[np.isfinite(values)]
    top = y + 14
    if good.size and len(at):
        low, high = float(good.min()), float(good.max())
        log = low > 0 and high > 20 * low
        turn = np.log if log else np.asarray
        span, wide = float(turn(high) - turn(low)) or 1.0, float(at[-1] - at[0]) or 1.0
        across = x + (at - at[0]) / wide * _PLOT
        for ys, ink, dash in curves:
            with np.errstate(all="ignore"):
                down = top + (turn(high) - turn(ys.astype(float))) / span * tall
            dashed = f";stroke-dasharray:{dash}" if dash else ""
            body.append(f'<path style="fill:none;stroke:{ink};stroke-width:1.75{dashed}" d="{_joined(across, down)}"/>')
            if now is not None and math.isfinite(float(down[now])):
                body.append(f'<circle style="fill:{ink}" {_circle(across[now], down[now], 3)}/>')
        right, foot = x + _PLOT, top + tall + 13
        body += [words(right + 4, top + 6, fmt(high, 3), "s"), words(right + 4, top + tall, fmt(low, 3), "s"),
                 words(x, foot, fmt(at[0], 4), "s"), words(right, foot, fmt(at[-1], 4), "s e")]  # fmt: skip
    body.append(f'<path class="fwd" style="stroke-width:1" d="M{num(x)} {num(top + tall)}h{_PLOT}"/>')
    return top + tall + 30
