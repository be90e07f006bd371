"""LossExplorer: what several losses say of one score, and the gradients they send back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from torchlean_nb.engine import Session
from torchlean_nb.errors import HandleTypeError, HyperparameterError, ShapeError, quote
from torchlean_nb.escape import visible
from torchlean_nb.ops.activation import sigmoid
from torchlean_nb.ops.loss import bce_with_logits
from torchlean_nb.render.lesson_losses import losses_svg, losses_text
from torchlean_nb.widgets.base import View, read_state

MOST = 6


def squared_error(z: Any, t: Any) -> Any:
    """Of the probability ``sigmoid(z)``, sample by sample."""
    return (sigmoid(z) - t) ** 2


def binary_cross_entropy(z: Any, t: Any) -> Any:
    """Of the score itself, sample by sample."""
    return bce_with_logits(z, t, reduction="none")


class LossExplorer(View):
    """Twin plot: losses over a score, and their gradients; the steps are the scores.

    Parameters
    ----------
    losses : mapping of str to callable, optional
        ``loss(z, t)`` of a Tensor of scores and an array of truths, sample by sample; at most six.
        By default squared error of the probability, and cross-entropy.
    low, high : float
        Ends of the scores.
    points : int
        How many scores, at most 1,001.
    targets : sequence of float
        Truths to choose from.
    axis : str
        What the score is called.
    step : int, optional
        The score to begin with, counted from 0; the first by default.
    controls, title, presentation, state
        As for every widget.

    Raises
    ------
    HandleTypeError, HyperparameterError, ShapeError
        For losses that are not functions, or do not give one number per score.

    Examples
    --------
    >>> LossExplorer({"squared": lambda z, t: (z - t) ** 2}, targets=[0.0], points=3)
    LossExplorer('Loss and gradient': score z −10, truth 0: squared 100 with gradient −20)
    """

    def __init__(
        self,
        losses: Mapping[str, Callable[[Any, Any], Any]] | None = None,
        *,
        low: float = -10.0,
        high: float = 10.0,
        points: int = 201,
        targets: Sequence[float] = (1.0, 0.0),
        axis: str = "score z",
        step: int | None = None,
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        losses = {"squared error": squared_error, "cross-entropy": binary_cross_entropy} if losses is None else losses
        if not isinstance(losses, Mapping) or not all(map(callable, losses.values())):
            raise HandleTypeError("LossExplorer: expected functions by name", None, "{'mine': lambda z, t: ...}")
        if not 1 <= len(losses) <= MOST or not 2 <= points <= 1001 or not low < high or not len(targets):
            raise HyperparameterError(
                f"LossExplorer: {len(losses)} losses, {points} points from {low} to {high}, {len(targets)} targets",
                f"1 to {MOST} losses, 2 to 1001 points, low < high, at least one target",
            )
        z = np.linspace(low, high, points)
        curves = [{"name": visible(name, 30), **_curve(name, f, z, targets)} for name, f in losses.items()]
        payload = {"z": z.round(12).tolist(), "axis": visible(axis, 30), "targets": [f"{t:g}" for t in targets],
                   "curves": curves}  # fmt: skip
        given = {"step": 0} | read_state(state) | ({} if step is None else {"step": step})
        super().__init__(payload, steps=points - 1, controls=controls, presentation=presentation,
                         title=title or "Loss and gradient", state=given)  # fmt: skip

    @property
    def target(self) -> int:
        """Place of the truth that is chosen."""
        t = self.state.get("target")
        return t if isinstance(t, int) and 0 <= t < len(self.payload["targets"]) else 0

    def describe(self) -> str:
        """The score, and what the losses say of it."""
        p, t = self.payload, self.target
        said = [
            f"{c['name']} {_short(c['loss'][t][self.step])} with gradient {_short(c['grad'][t][self.step])}"
            for c in p["curves"]
        ]
        return f"{p['axis']} {_short(p['z'][self.step])}, truth {p['targets'][t]}: {'; '.join(said)}"

    def to_text(self) -> str:
        """Values and gradients at the score of this step, and gradients at a few others."""
        return losses_text(self.payload, self.step, self.target)

    def to_svg(self) -> str:
        """Picture of both plots with the cursor."""
        return losses_svg(self.payload, self.step, self.target, bool(self.state.get("log")))


def _short(v: float | None) -> str:
    return "not finite" if v is None else f"{v:.5g}".replace("-", "\N{MINUS SIGN}")


def _curve(name: str, f: Callable[[Any, Any], Any], grid: np.ndarray, targets: Sequence[float]) -> dict[str, Any]:
    """Values and gradients over the grid for every target."""
    values, grads = [], []
    for t in targets:
        s = Session(nonfinite="ieee")
        z = s.param(grid, name="z")
        loss = f(z, np.full(grid.shape, float(t)))
        if getattr(loss, "shape", None) != grid.shape:
            found = getattr(loss, "shape", type(loss).__name__)
            raise ShapeError(f"LossExplorer: {quote(name)} gave {found} for {grid.shape} scores",
                             "one number per score is needed")  # fmt: skip
        values.append(_plain(loss.value))
        grads.append(_plain(s.backward(loss.sum())[z]))
    return {"loss": values, "grad": grads}


def _plain(a: Any) -> list[float | None]:
    """Numbers that JSON can carry: None where they are not finite."""
    return [float(f"{v:.9g}") if np.isfinite(v) else None for v in np.asarray(a).tolist()]
