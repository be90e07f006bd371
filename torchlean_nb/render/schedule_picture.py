"""Curves of schedules as a self-contained SVG and as a matplotlib figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torchlean_nb.escape import visible
from torchlean_nb.render.glyphs import fit, text_width
from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.routes import num
from torchlean_nb.render.stills import still, words

# Okabe-Ito without vermilion, which means gradients; the dash tells curves apart without colour.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#7d868f")
DASHES = ((), (7, 3), (2, 3), (9, 3, 2, 3), (13, 4), (4, 2))
WIDTH, HEIGHT = 640, 300
_LEFT, _TOP, _LOW = 52, 34, 30
Curve = Sequence[float | None]


def ticks(low: float, high: float, log: bool = False, count: int = 5) -> list[float]:
    """Round numbers between two ends; powers of ten on a log axis.

    Examples
    --------
    >>> ticks(0.0, 0.1, count=5)
    [0.0, 0.02, 0.04, 0.06, 0.08, 0.1]
    >>> ticks(1e-5, 0.1, log=True)
    [1e-05, 0.0001, 0.001, 0.01, 0.1]
    """
    if log:
        a, b = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
        every = max(1, math.ceil((b - a + 1) / (count + 2)))
        return [float(f"1e{e}") for e in range(a, b + 1, every)]
    raw = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    size = next(m for m in (1, 2, 2.5, 5, 10) if m * unit >= raw * 0.999) * unit
    return [float(f"{i * size:.10g}") for i in range(math.ceil(low / size - 1e-9), math.floor(high / size + 1e-9) + 1)]


def span(curves: Sequence[Curve], log: bool, zero: bool = True) -> tuple[float, float]:
    """Ends of the axis: 0 is on a linear one of rates, six decades at most on a log one."""
    known = [v for c in curves for v in c if v is not None and (v > 0 or not log)]
    if not known:
        return (1e-3, 1.0) if log else (0.0, 1.0)
    low, high = min(known), max(known)
    if log:
        low = max(low, high * 1e-6)
        return low / 1.3, (high if high > low else high * 2) * 1.3
    if not zero:
        margin = (high - low or 0.1) * 0.15
        return low - margin, high + margin
    low, high = min(low, 0.0), max(high, 0.0)
    room = (high - low or 1.0) * 0.06
    return low - (room if low < 0 else 0.0), high + (room if high > 0 else 0.0)


def picture(
    names: Sequence[str], curves: Sequence[Curve], ks: Sequence[int], chosen: int = 0, at: int | None = None,
    log: bool = False, title: str = "", hues: Sequence[int] = (), label: str = "lr",
) -> str:
    """SVG of the curves with their names at the ends, and the cursor where there is one."""
    names, hues = [visible(n, 24) for n in names], hues or range(len(names))
    right = min(150.0, max([40.0, *(text_width(n, bold=True) + 22 for n in names)]))
    low, high = span(curves, log, not label.startswith("momentum"))
    wide, tall, last = WIDTH - _LEFT - right, HEIGHT - _TOP - _LOW, max(ks[-1], 1)

    def x(k: float) -> float:
        return _LEFT + k / last * wide

    def y(v: float) -> float:
        done = math.log(v / low) / math.log(high / low) if log else (v - low) / (high - low)
        return _TOP + tall * (1 - max(0.0, min(1.0, done)))

    body = [words(12, 20, fit(visible(title), WIDTH - 120, 11.5, bold=True), "b"),
            words(WIDTH - 12, 20, label + ", log" * log, "s e")]  # fmt: skip
    for t in ticks(low, high, log):
        body.append(f'<path class="ax" d="M{_LEFT} {num(y(t))}H{num(_LEFT + wide)}"/>')
        body.append(words(_LEFT - 6, y(t) + 3.5, fmt(t, 4), "s e"))
    for t in ticks(0, last):
        body.append(words(x(t), HEIGHT - 12, fmt(int(t)) if t == int(t) else fmt(t), "s m"))
    for i in [*(i for i in range(len(curves)) if i != chosen), *([chosen] if chosen < len(curves) else [])]:
        body.append(f'<path class="c{hues[i]}{" ch" if i == chosen else ""}" d="{_path(ks, curves[i], x, y, log)}"/>')
    if at is not None:
        body.append(words(x(at), _TOP - 4, f"step {at}", "s m"))
        body.append(f'<path class="cur" d="M{num(x(at))} {_TOP}V{HEIGHT - _LOW}"/>')
    ends = [(next((y(v) for v in reversed(c) if v is not None and (v > 0 or not log)), _TOP + tall), i)
            for i, c in enumerate(curves)]  # fmt: skip
    for low_y, i in apart(ends, 13.0, _TOP, _TOP + tall):
        name = fit(names[i], right - 10, bold=True)
        body.append(words(_LEFT + wide + 8, low_y + 3.5, name, "b" if i == chosen else ""))
    says = f"{label} over {last} steps: {', '.join(names)}"
    style = "".join(f".tl-scene .c{i:d}{{fill:none;stroke:{ink};stroke-width:1.5"
                    f"{f';stroke-dasharray:{chr(32).join(map(str, d))}' if d else ''}}}"
                    for i, (ink, d) in enumerate(zip(COLOURS, DASHES, strict=True)))  # fmt: skip
    style += ".tl-scene .ch{stroke-width:2.25}.tl-scene .ax{stroke:#858e98;stroke-opacity:.35}"
    style += ".tl-scene .cur{stroke:#858e98;stroke-width:1.25}"
    return still(WIDTH, HEIGHT, says, [f"<style>{style}</style>", *body])


def _path(ks: Sequence[int], curve: Curve, x: Any, y: Any, log: bool) -> str:
    out, pen = [], "M"
    for k, v in zip(ks, curve, strict=True):
        if v is None or (log and v <= 0):
            pen = "M"
            continue
        out.append(f"{pen}{num(x(k))} {num(y(v))}")
        pen = "L"
    return "".join(out)


def apart(ends: Sequence[tuple[float, int]], gap: float, top: float, bottom: float) -> list[tuple[float, int]]:
    """Labels pushed apart, in order, inside the plot where there is room.

    Examples
    --------
    >>> apart([(50.0, 0), (52.0, 1)], 10, 0, 100)
    [(50.0, 0), (60.0, 1)]
    """
    out: list[tuple[float, int]] = []
    for y, i in sorted(ends):
        out.append((max(y, out[-1][0] + gap) if out else max(y, top), i))
    for j in range(len(out) - 1, -1, -1):
        limit = bottom if j == len(out) - 1 else out[j + 1][0] - gap
        out[j] = (min(out[j][0], limit), out[j][1])
    return out


def figure(
    names: Sequence[str], curves: Sequence[Curve], ks: Sequence[int], log: bool, label: str, ax: Any = None
) -> Any:
    """A matplotlib figure of the curves; into `ax` where one is given."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - a second of import that few pictures need

    if ax is None:
        ax = Figure(figsize=(6.4, 3.2), layout="constrained").subplots()
    for i, (name, c) in enumerate(zip(names, curves, strict=True)):
        kept = [math.nan if v is None else v for v in c]
        dash = DASHES[i % len(DASHES)]
        style = (0, tuple(d / 1.5 for d in dash)) if dash else "-"
        ax.plot(list(ks), kept, color=COLOURS[i % len(COLOURS)], linestyle=style, lw=1.5,
                label=visible(name, 40).replace("$", r"\$").lstrip("_"))  # fmt: skip
    if log:
        ax.set_yscale("log")
    ax.set(xlabel="step", ylabel=label)
    ax.spines[["top", "right"]].set_visible(False)
    if names:
        ax.legend(frameon=False)
    return ax.figure
