"""Formulas that matplotlib can draw: reading one takes 10 ms, so each is read once, however many tests meet it."""

from __future__ import annotations

import re
from functools import cache

from matplotlib.mathtext import MathTextParser


def draw(formula: str) -> None:
    """Lay out a formula, given without its dollars; what cannot be drawn raises ValueError each time."""
    _draw(re.sub(r"\d+\.\d+", "0.5", formula))  # one decimal is read as another


@cache
def _draw(formula: str) -> None:
    MathTextParser("path").parse(f"${formula}$")
