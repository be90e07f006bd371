"""GradientCloud: gradients of batches as points of a plane, and what clipping makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.errors import HyperparameterError, NonFiniteError, ShapeError, UnknownNameError, did_you_mean, quote
from torchlean_nb.escape import visible
from torchlean_nb.render.lesson_cloud import CLIPS, cloud_svg, cloud_text, rms
from torchlean_nb.widgets.base import View, read_state

MOST, CLOUDS, FEW = 400, 12, 6


class GradientCloud(View):
    """One cloud per step, such as one per batch size; a cross at the gradient they estimate; one of them as an arrow.

    Parameters
    ----------
    clouds : mapping of str to array_like, shape (n, 2)
        Gradients of two parameters; of each cloud the first 400 are drawn and counted.
    mean : array_like, shape (2,), optional
        The gradient they are estimates of; by default the mean of the first cloud, or none when that is no more
        than six gradients, which are all drawn as arrows.
    clip : {"none", "norm", "value"}
        Clipping to begin with.
    limit : float, optional
        Its limit; by default half of what the picture shows.
    axes : (str, str)
        Names of the two parameters.
    word, steps : str
        What the cross is called, and what one step is.
    step : int, optional
        Cloud to begin with, counted from 0; the first by default.
    controls, title, presentation, state
        As for every widget.

    Raises
    ------
    ShapeError, NonFiniteError, HyperparameterError, UnknownNameError

    Examples
    --------
    >>> GradientCloud({"two": [[3.0, 4.0], [10.0, 0.1]]}, clip="value", limit=1.0)
    GradientCloud('Gradients of batches': two, 2 gradients, arrow 1 clipped by value at 1 turns by 8.13°)
    """

    def __init__(
        self,
        clouds: Mapping[str, Any],
        *,
        mean: Any = None,
        clip: str = "none",
        limit: float | None = None,
        axes: tuple[str, str] = ("first parameter", "second parameter"),
        word: str = "mean",
        steps: str = "batch",
        step: int | None = None,
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        points = _points(clouds)
        if not isinstance(clip, str) or clip not in CLIPS:
            raise UnknownNameError(f"GradientCloud: clip={quote(clip)}", did_you_mean(str(clip), CLIPS))
        reach = max(_reach(p) for p in points.values()) or 1.0
        limit = reach / 2 if limit is None else limit
        if not isinstance(limit, int | float | np.number) or not 0 < limit < np.inf:
            raise HyperparameterError(f"GradientCloud: limit={quote(limit)} is no positive number")
        first = next(iter(points.values()))
        middle = None if mean is None and len(first) <= FEW else _middle(first.mean(axis=0) if mean is None else mean)
        payload = {
            "clouds": [{"name": visible(name, 40), "points": _rounded(p)} for name, p in points.items()],
            "mean": None if middle is None else _rounded(middle), "few": FEW,
            "reach": float(f"{reach:.4g}"), "limit": float(f"{limit:.6g}"),
            "axes": [visible(a, 40) for a in axes], "word": visible(word, 20), "steps": visible(steps, 20), "note": "",
        }  # fmt: skip
        given = {"step": 0, "clip": clip} | read_state(state) | ({} if step is None else {"step": step})
        super().__init__(payload, steps=len(points) - 1, controls=controls,
                         presentation=presentation, title=title or "Gradients of batches", state=given)  # fmt: skip

    @property
    def _chosen(self) -> tuple[int, str, float, int]:
        """Cloud, clipping, limit and arrow of the state, which may be anybody's."""
        s, n = self.state, len(self.payload["clouds"][self.step]["points"])
        how = s.get("clip") if s.get("clip") in CLIPS else "none"
        limit, at = s.get("limit"), s.get("at")
        limit = limit if isinstance(limit, int | float) and 0 < limit < np.inf else self.payload["limit"]
        return self.step, how, float(limit), at if isinstance(at, int) and 0 <= at < n else 0

    def describe(self) -> str:
        """The cloud, its spread, and what clipping does to the arrow."""
        step, how, limit, at = self._chosen
        cloud = self.payload["clouds"][step]
        points = np.array(cloud["points"])
        if how == "none":
            far = "" if self.payload["mean"] is None else f", rms distance {rms(points, self.payload['mean']):.4g}"
            return f"{cloud['name']}, {len(points)} gradients{far}"
        turn = self.to_text().splitlines()[-1].split("turned by ")[1]
        said = f"arrow {at + 1} clipped by {how} at {limit:.3g} turns by {turn}"
        return f"{cloud['name']}, {len(points)} gradients, {said}"

    def to_text(self) -> str:
        """A row per cloud, and the arrow before and after."""
        return cloud_text(self.payload, *self._chosen)

    def to_svg(self) -> str:
        """Picture of the cloud of this step."""
        return cloud_svg(self.payload, *self._chosen)


def _points(clouds: Mapping[str, Any]) -> dict[str, np.ndarray]:
    if not isinstance(clouds, Mapping) or not 1 <= len(clouds) <= CLOUDS:
        raise HyperparameterError(f"GradientCloud: expected 1 to {CLOUDS} clouds by name")
    out = {}
    for name, given in clouds.items():
        p = np.asarray(host(given), dtype=np.float64)
        if p.ndim != 2 or p.shape[1] != 2 or not len(p):
            raise ShapeError(f"GradientCloud: {quote(name)} has shape {p.shape}, expected (n, 2)")
        if not np.isfinite(p).all():
            raise NonFiniteError(f"GradientCloud: {quote(name)} holds an inf or NaN")
        out[str(name)] = p[:MOST]
    return out


def _middle(mean: Any) -> np.ndarray:
    middle = np.asarray(host(mean), dtype=np.float64)
    if middle.shape != (2,) or not np.isfinite(middle).all():
        raise ShapeError(f"GradientCloud: mean has shape {middle.shape}, expected two finite numbers")
    return middle


def _reach(points: np.ndarray) -> float:
    """How far the picture goes: of a large cloud a few stragglers are left outside."""
    size = np.abs(points).max(axis=1)
    return float(np.quantile(size, 0.98, method="higher") if len(size) >= 50 else size.max())


def _rounded(a: np.ndarray) -> list[Any]:
    """Six figures are enough for the eye."""
    return [_rounded(x) for x in a] if a.ndim > 1 else [float(f"{x:.6g}") for x in a]
