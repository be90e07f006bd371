"""Pictures of lesson 13: how large values and gradients are in every layer, and which units never switch on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.routes import num
from torchlean_nb.render.stills import words

SIZE = (700.0, 368.0)
CLIFF_SIZE = (700.0, 292.0)
_NAMED = (0.1, 0.2, 0.5, 1.0, 2.0)
_LEFT, _RIGHT, _TALL, _BINS, _SPAN = 62.0, 16.0, 132.0, 8, 6.0


def level(a: np.ndarray) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(a))))


def depth_body(forward: Sequence[np.ndarray], backward: Sequence[np.ndarray]) -> str:
    """Per layer a histogram of the sizes of its values, above, and of the gradients of its weights, below."""
    body = [words(_LEFT, 18, "values on the way forward", "b"),
            *_panel(forward, 26.0, "hv", [a.std() for a in forward])]  # fmt: skip
    low = 26.0 + _TALL + 34
    body += [words(_LEFT, low, "gradients of the weights on the way back", "b"),
             *_panel(backward, low + 8, "hg", [level(a) for a in backward])]  # fmt: skip
    return "".join([*body, words((_LEFT + SIZE[0] - _RIGHT) / 2, SIZE[1] - 6, "layer", "s m")])


def _panel(arrays: Sequence[np.ndarray], top: float, hue: str, levels: Sequence[float]) -> list[str]:
    sizes = [_logs(a) for a in arrays]
    known = [v for v in sizes if len(v)]
    low, high = (min(v[0] for v in known), max(v[-1] for v in known)) if known else (-_SPAN, 0.0)
    room = max(0.0, _SPAN - (high - low)) / 2
    low, high = math.floor(low - room), math.ceil(high + room)
    wide = (SIZE[0] - _LEFT - _RIGHT) / len(arrays)

    def y(v: float) -> float:
        return top + _TALL * (high - v) / (high - low)

    body, every = [], max(1, math.ceil((high - low) / 6))
    for d in range(math.ceil(low / every) * every, high + 1, every):
        body += [f'<path class="fwd" opacity=".4" d="M{num(_LEFT)} {num(y(d))}H{num(SIZE[0] - _RIGHT)}"/>',
                 words(_LEFT - 6, y(d) + 3.5, "1" if d == 0 else fmt(10.0**d, 1), "s e")]  # fmt: skip
    for i, logs in enumerate(sizes):
        x = _LEFT + (i + 0.5) * wide
        if len(logs):
            body.append(f'<path class="{hue}" d="{_violin(logs, x, wide * 0.46, y)}"/>')
        if i == 0 or (i + 1) % 5 == 0:
            body.append(words(x, top + _TALL + 13, i + 1, "s m"))
    kind = "std" if hue == "hv" else "rms"
    ends = f"{kind} {fmt(levels[0], 2)} in layer 1, {fmt(levels[-1], 2)} in layer {len(levels)}"
    return [*body, words(SIZE[0] - _RIGHT, top - 8, ends, "v e" if hue == "hv" else "g e")]


def _logs(a: np.ndarray) -> np.ndarray:
    """Ends and inside of what is not zero, as powers of ten, in order; the smallest 1 % left out."""
    size = np.abs(a.ravel()[:: max(1, a.size // 4096)])
    size = np.sort(size[size > 0])
    return np.log10(size[len(size) // 100 :])


def _violin(logs: np.ndarray, x: float, half: float, y) -> str:
    spread = max(logs[-1] - logs[0], 0.05)
    counts, edges = np.histogram(logs, bins=_BINS, range=(logs[0], logs[0] + spread))
    mids, w = (edges[1:] + edges[:-1]) / 2, half * counts / counts.max()
    points = [(x, y(edges[0])), *((x + a, y(m)) for a, m in zip(w, mids, strict=True)), (x, y(edges[-1]))]
    points += [(x - a, y(m)) for a, m in zip(w[::-1], mids[::-1], strict=True)]
    return "M" + "L".join(f"{num(a)} {num(b)}" for a, b in points) + "Z"


def cliff_body(
    rates: Sequence[float], dead: Sequence[float], accuracy: Sequence[float], at: int, share: np.ndarray
) -> str:
    """Left: how often each unit is on, in order; right: dead units and accuracy over the rates, one marked."""
    top, tall, left, wide = 44.0, 186.0, 40.0, 330.0
    units, off = np.sort(share)[::-1], int((share == 0).sum())
    body = [words(left, 18, f"rate {rates[at]:g}: how often each of {len(units)} units is on", "b")]
    for v in (0.0, 0.5, 1.0):
        body += [f'<path class="fwd" opacity=".4" d="M{num(left)} {num(top + tall * (1 - v))}h{num(wide)}"/>',
                 words(left - 6, top + tall * (1 - v) + 3.5, f"{v:g}", "s e")]  # fmt: skip
    step = wide / len(units)
    bars = "".join(f"M{num(left + i * step)} {num(top + tall)}v{num(-tall * v)}h{num(step * 0.8)}v{num(tall * v)}Z"
                   for i, v in enumerate(units) if v > 0)  # fmt: skip
    body.append(f'<path class="hv" d="{bars}"/>')
    if off:
        x = left + (len(units) - off) * step
        slots = "".join(f"M{num(x + i * step)} {num(top + tall)}l{num(step * 0.8)} -9" for i in range(off))
        rail = f"M{num(x)} {num(top + tall + 6)}H{num(left + wide)}"
        body.append(f'<path class="bwd" stroke-width="1.3" d="{slots}{rail}"/>')
    body.append(words(left + wide, top + tall + 20, f"{off} dead: off for every training digit", "g e"))
    left, wide = 440.0, 236.0
    ends = math.log10(rates[0]), math.log10(rates[-1])
    xs = [left + wide * (math.log10(r) - ends[0]) / (ends[1] - ends[0]) for r in rates]
    for v in (0.0, 0.5, 1.0):
        body += [f'<path class="fwd" opacity=".4" d="M{num(left)} {num(top + tall * (1 - v))}h{num(wide)}"/>',
                 words(left - 6, top + tall * (1 - v) + 3.5, f"{v:g}", "s e")]  # fmt: skip
    for values, kind, dash in ((accuracy, "#009E73", "6 3"), (dead, "#D55E00", "none")):
        ys = [top + tall * (1 - v) for v in values]
        line = "L".join(f"{num(a)} {num(b)}" for a, b in zip(xs, ys, strict=True))
        body.append(f'<path fill="none" stroke="{kind}" stroke-width="2" stroke-dasharray="{dash}" d="M{line}"/>')
        body += [f'<circle cx="{num(a)}" cy="{num(b)}" r="{6 if i == at else 3}" fill="{kind}"/>'
                 for i, (a, b) in enumerate(zip(xs, ys, strict=True))]  # fmt: skip
    body += [words(left, 18, "share of dead units", "g b"), words(left + wide, 18, "test accuracy (dashed)", "e"),
             *(words(x, top + tall + 15, f"{r:g}", "s m") for x, r in zip(xs, rates, strict=True) if r in _NAMED),
             words(left + wide / 2, top + tall + 32, "learning rate", "s m")]  # fmt: skip
    return "".join(body)
