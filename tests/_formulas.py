"""Formulas that matplotlib can draw: reading one takes 10 ms, so each is read once, however many tests meet it."""

from __future__ import annotations

from functools import cache

from matplotlib.mathtext import MathTextParser


@cache
def draw(formula: str) -> None:
    """Lay out a formula, given without its dollars; what cannot be drawn raises ValueError each time."""
    MathTextParser("path").parse(f"${formula}$")
