"""A confusion matrix in words, as a picture, and as the payload of its view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from torchlean_nb.escape import visible
from torchlean_nb.render.glyphs import fit, text_width
from torchlean_nb.render.numbers import fmt
from torchlean_nb.render.routes import num
from torchlean_nb.render.stills import PAD, still, words
from torchlean_nb.trace.confusion import NORMALISE, ConfusionMatrix

MOST = 40
BY = dict(zip(NORMALISE, ("counts", "% of each true class", "% of each predicted class"), strict=True))
_SCORES = ("support", "precision", "recall", "F1")
_ROW, _NUMBERED, _FEW = 20, 20, 8


def confusion_text(matrix: ConfusionMatrix, by: str = "none") -> str:
    """Table of the counts or shares, and the scores of every class.

    Examples
    --------
    >>> print(confusion_text(ConfusionMatrix([[3, 1], [0, 2]], ["cat", "dog"])))
    accuracy 83.3 %, 5 of 6 samples; counts, rows are true classes, columns predicted ones
         cat  dog
    cat    3    1
    dog    0    2
    <BLANKLINE>
    class  support  precision  recall     F1
    cat          4      1.000   0.750  0.857
    dog          2      0.667   1.000  0.800
    """
    labels = _labels(matrix)
    k = len(labels)
    cells = [[cell_text(v, by) for v in row] for row in matrix.normalise(by)[:k, :k]]
    table = [["", *labels], *([name, *row] for name, row in zip(labels, cells, strict=True))]
    scores = [["class", *_SCORES], *([name, *map(_score, row)] for name, *row in score_rows(matrix))]
    head = f"{headline(matrix)}; {BY[by]}, rows are true classes, columns predicted ones"
    return "\n".join([head, *_aligned(table), "", *_aligned(scores), *filter(None, [left_out(matrix)])])


def headline(matrix: ConfusionMatrix) -> str:
    """Accuracy, and of how many samples."""
    right = int(np.trace(matrix.counts))
    return f"accuracy {fmt(100 * matrix.accuracy, 3)} %, {right} of {matrix.total} samples"


def left_out(matrix: ConfusionMatrix) -> str:
    """What is not shown, if anything."""
    n = len(matrix.labels)
    return f"{MOST} of {n} classes are shown; the scores count all of them." if n > MOST else ""


def score_rows(matrix: ConfusionMatrix) -> list[tuple[Any, ...]]:
    """Label, support, precision, recall and F1 of each class that is shown."""
    columns = (matrix.support, matrix.precision, matrix.recall, matrix.f1)
    return list(zip(_labels(matrix), *(c[:MOST].tolist() for c in columns), strict=True))


def cell_text(v: float, by: str) -> str:
    """Count, or per cent: whole ones, and one decimal below 10."""
    if by == "none":
        return str(int(v))
    return "0" if v == 0 else f"{100 * v:.0f}" if v >= 0.0995 else f"{100 * v:.1f}"


def most_confused(matrix: ConfusionMatrix) -> tuple[int, int]:
    """Cell of the most frequent mistake among those shown; the first cell where there is none."""
    wrong = matrix.counts[:MOST, :MOST] * ~np.eye(min(MOST, len(matrix.labels)), dtype=bool)
    return tuple(int(i) for i in np.unravel_index(int(wrong.argmax()), wrong.shape)) if wrong.size else (0, 0)


def confusion_payload(matrix: ConfusionMatrix, samples: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Payload of the view: counts and scores of at most `MOST` classes, and samples per cell."""
    return {
        "labels": _labels(matrix),
        "counts": matrix.counts[:MOST, :MOST].tolist(),
        "rowTotals": matrix.support[:MOST].tolist(),
        "columnTotals": matrix.predicted[:MOST].tolist(),
        "scores": [list(row[1:]) for row in score_rows(matrix)],
        "headline": headline(matrix),
        "note": left_out(matrix),
        "start": list(most_confused(matrix)),
        "samples": dict(samples or {}),
    }


def confusion_svg(matrix: ConfusionMatrix, by: str = "none", cell: Sequence[int] | None = None) -> str:
    """Picture of the matrix with the scores beside it; the chosen cell has a frame.

    Examples
    --------
    >>> confusion_svg(ConfusionMatrix([[3, 1], [0, 2]])).count("<rect")
    5
    """
    labels, body = _labels(matrix), []
    k = len(labels)
    shares = matrix.normalise(by)[:k, :k]
    texts = [[cell_text(v, by) for v in row] for row in shares]
    left = PAD + 8 + min(96.0, max([text_width(t) for t in labels], default=0.0))
    wide = max([18.0, *(text_width(t) + 8 for row in texts for t in row)] if k <= _NUMBERED else [9.0])
    if k <= _FEW:
        wide = max([wide, *(min(72.0, text_width(t) + 8) for t in labels)])
    tall = float(_ROW) if k <= _NUMBERED else 9.0
    top = 60.0
    body += [words(PAD, 22, headline(matrix), "b"), words(PAD, 38, f"{BY[by]}: rows true, columns predicted", "s")]
    diagonal = np.eye(k, dtype=bool)
    best = {True: shares[diagonal].max(initial=0.0), False: shares[~diagonal].max(initial=0.0)}
    for i in range(k):
        at = top + i * tall
        if k <= _NUMBERED or i % 5 == 0:
            body.append(words(left - 5, at + tall - 6 + (k > _NUMBERED) * 4, fit(labels[i], left - PAD - 8), "e"))
            room = wide if k <= _NUMBERED else 5 * wide
            body.append(words(left + (i + 0.5) * wide, top - 6, fit(labels[i], room), "m"))
        for j in range(k):
            v, right = shares[i, j], i == j
            share = (0.08 + 0.52 * v / best[right]) if v else 0.0
            x = left + j * wide
            box = f'x="{num(x)}" y="{num(at)}" width="{num(wide - 1)}" height="{num(tall - 1)}"'
            body.append(f'<rect class="{"hu" if right else "hg"}" fill-opacity="{share:.2f}" {box}/>')
            if k <= _NUMBERED and v:
                body.append(words(x + wide / 2, at + 13.5, texts[i][j], "m b" if right else "m"))
            if cell is not None and tuple(cell) == (i, j):
                body.append(f'<rect class="ring" style="visibility:visible;stroke-width:1.75" {box}/>')
    low = top + k * tall
    if k > _NUMBERED:
        low, side = low + 14, PAD + 100.0
        width = max(left + k * wide + PAD, 420.0)
    else:
        side = left + k * wide + 110.0
        width, low = side + 190.0, max(low, top)
    y = top - 6 if k <= _NUMBERED else low + 12
    rows = score_rows(matrix)
    body.append(words(side - 90, y, "class", "s"))
    body += [words(side + 8 + 56 * n, y, word, "s e") for n, word in enumerate(_SCORES)]
    for name, *values in rows:
        y += 15 if k > _NUMBERED else tall
        body.append(words(side - 90, y, fit(name, 62)))
        body += [words(side + 8 + 56 * n, y, _score(v), "e") for n, v in enumerate(values)]
    low = max(low, y + 6)
    if left_out(matrix):
        low += 16
        body.append(words(PAD, low, left_out(matrix), "s"))
    return still(width, low + PAD, f"Confusion matrix, {headline(matrix)}", body)


def _labels(matrix: ConfusionMatrix) -> list[str]:
    return [visible(name, 40) for name in matrix.labels[:MOST]]


def _score(v: float) -> str:
    return str(v) if isinstance(v, int) else f"{v:.3f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(wide[0]), *(c.rjust(w) for c, w in zip(row[1:], wide[1:], strict=True))]).rstrip()
        for row in rows
    ]
