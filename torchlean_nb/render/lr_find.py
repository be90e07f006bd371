"""A learning-rate range test as text, as a self-contained SVG and as a matplotlib figure."""

from __future__ import annotations

import math
from typing import Any

from torchlean_nb.render.glyphs import text_width
from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.routes import num
from torchlean_nb.render.stills import still, words
from torchlean_nb.render.theme import DARK, LIGHT

WIDTH, HEIGHT = 640, 300
_LEFT, _TOP, _LOW, _RIGHT, _ROW = 48, 74, 44, 16, 14
_REASONS = {
    "end": "It got to the last rate without diverging.",
    "diverged": "It stopped at {}, where the loss ran away.",
    "not finite": "It stopped at {}, where a number was no longer finite.",
}
# Dash and label tell the marks apart without colour.
_MARKS = {"steepest": ("upd", ""), "tenth": ("par", "6 3"), "valley": ("inp", "2 3"), "smallest": ("const", "1 4")}
_SAYS = {
    "steepest": "the smoothed loss falls fastest", "tenth": "a tenth of the rate of the smallest loss",
    "valley": "half of the deepest descent is done", "smallest": "smallest smoothed loss",
}  # fmt: skip
_STYLE = (
    ".tl-scene .ax{stroke:#858e98;stroke-opacity:.35}.tl-scene .dot{fill:#858e98}"
    ".tl-scene .sm{fill:none;stroke:#0072B2;stroke-width:2.25}.tl-scene .mark{fill:none;stroke-width:1.75}"
    + "".join(f".tl-scene .mark-{name}{{stroke:{LIGHT[ink]};stroke-dasharray:{dash or 'none'}}}"
              for name, (ink, dash) in _MARKS.items())
    + f".tl-scene .halo{{paint-order:stroke;stroke:{LIGHT['bg']};stroke-width:4}}"
      f"@media(prefers-color-scheme:dark){{.tl-scene .halo{{stroke:{DARK['bg']}}}}}"
)  # fmt: skip


def text(found: Any) -> str:
    """What happened, and every suggestion with its reason."""
    if not found.lrs:
        return f"Range test: no finite loss at the first rate, {fmt(found.limit, 3)}."
    lines = [
        f"Range test: {len(found.lrs)} rates from {fmt(found.lrs[0], 3)} to {fmt(found.lrs[-1], 3)}. "
        + _REASONS[found.reason].format(fmt(found.limit, 3)),
        f"smoothed loss: {fmt(found.smoothed[0], 3)} at first, {fmt(min(found.smoothed), 3)} at least",
    ]
    return "\n".join([*lines, *(f"{name:<9}{fmt(lr, 3):>9}  {_SAYS[name]}" for name, lr in _marks(found).items())])


def _marks(found: Any) -> dict[str, float]:
    return dict(sorted({**found.suggestions, "smallest": found.best}.items(), key=lambda mark: mark[1]))


def _heights(found: Any) -> tuple[float, float]:
    """Losses shown: what comes after the smallest one may be as large as it likes."""
    bottom = found.lrs.index(found.best)
    start, least = max(found.smoothed[: bottom + 1]), min(*found.smoothed, *found.losses)
    room = start - least or 1.0
    return least - 0.08 * room, start + 0.3 * room


def svg(found: Any) -> str:
    """Losses as dots, their running mean as a line, the suggestions as labelled marks."""
    says = text(found)
    if not found.lrs:
        return still(WIDTH, 48, says, [words(16, 28, says)])
    low, high = _heights(found)
    first, last = math.log10(found.lrs[0]), math.log10(max(found.limit, found.lrs[-1]))
    wide, tall = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _LOW

    def x(lr: float) -> float:
        return _LEFT + wide * (math.log10(lr) - first) / ((last - first) or 1.0)

    def y(v: float) -> float:
        return _TOP + tall * (high - v) / (high - low)

    body = [f"<style>{_STYLE}</style>"]
    for e in range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1):
        body += [f'<path class="ax" d="M{num(x(10.0**e))} {_TOP}V{_TOP + tall}"/>',
                 words(x(10.0**e), HEIGHT - 26, fmt(10.0**e, 3), "s m")]  # fmt: skip
    size = 10 ** math.floor(math.log10((high - low) / 2))
    size *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * size) <= 6)
    for i in range(math.ceil(low / size), math.floor(high / size) + 1):
        body += [f'<path class="ax" d="M{_LEFT} {num(y(i * size))}H{WIDTH - _RIGHT}"/>',
                 words(_LEFT - 6, y(i * size) + 3.5, fmt(i * size, 3), "s e")]  # fmt: skip
    body += [f'<circle class="dot" cx="{num(x(lr))}" cy="{num(y(v))}" r="1.6"/>'
             for lr, v in zip(found.lrs, found.losses, strict=True) if low <= v <= high]  # fmt: skip
    shown = [f"{num(x(lr))} {num(max(y(v), _TOP))}" for lr, v in zip(found.lrs, found.smoothed, strict=True)]
    body.append(f'<path class="sm" d="M{"L".join(shown)}"/>')
    # One row of words above the plot for each mark, so that they never meet.
    labels = []
    for row, (name, lr) in enumerate(_marks(found).items()):
        said, at = f"{name} {fmt(lr, 3)}", 15 + row * _ROW
        body.append(f'<path class="mark mark-{name}" d="M{num(x(lr))} {at - 9}V{_TOP + tall}"/>')
        left = x(lr) + 6 + text_width(said, 11.5, bold=True) > WIDTH - 4
        labels.append(words(x(lr) + (-6 if left else 6), at, said, "b halo e" if left else "b halo"))
    body += labels
    body += [words(WIDTH - _RIGHT, HEIGHT - 8, "learning rate (logarithmic)", "s e"),
             words(8, HEIGHT - 8, "dots: loss of a step; line: running mean", "s")]  # fmt: skip
    return still(WIDTH, HEIGHT, says.replace("\n", ". "), body)


def figure(found: Any) -> Any:
    """The same as a matplotlib figure that belongs to no window."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - a second of import that few pictures need

    fig = Figure(figsize=(6.4, 3.2), layout="constrained")
    ax = fig.subplots()
    if found.lrs:
        ax.plot(found.lrs, found.losses, ".", ms=3, color=LIGHT["line2"], label="loss")
        ax.plot(found.lrs, found.smoothed, lw=2, color=LIGHT["value"], label="running mean")
        for name, lr in _marks(found).items():
            ink, dash = _MARKS[name]
            style = (0, tuple(map(float, dash.split()))) if dash else "-"
            ax.axvline(lr, color=LIGHT[ink], lw=1.5, ls=style, label=f"{name} {fmt(lr, 3)}")
        ax.set(xscale="log", ylim=_heights(found))
        ax.legend(frameon=False, fontsize=8)
    ax.set(xlabel="learning rate", ylabel="loss")
    ax.spines[["top", "right"]].set_visible(False)
    return fig
