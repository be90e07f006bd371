"""What the explorer of a landscape is sent: ground, path and meter of every plane, and the lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from torchlean_nb.errors import HandleTypeError, TraceFormatError
from torchlean_nb.escape import visible
from torchlean_nb.render.landscape_ground import Ground, bilinear
from torchlean_nb.render.landscape_words import ABOUT, axes, heading, labels, meter, percent
from torchlean_nb.trace.frozen import loads
from torchlean_nb.trace.landscape import LandscapeTrace, Path, Plane

MOST_POINTS, MOST_CELLS, MOST_BARS, MOST_LINES = 1000, 101, 8, 12


def given(source: Any) -> LandscapeTrace:
    """Landscape from a trace, or from its plain form, or from its JSON.

    Raises
    ------
    HandleTypeError
        For anything else.
    TraceFormatError
        For a plain form that is not a landscape.
    """
    if isinstance(source, LandscapeTrace):
        return source
    source = loads(source) if isinstance(source, str) else source
    if not isinstance(source, Mapping):
        raise HandleTypeError(
            f"landscape: a {type(source).__name__} is not a landscape", None, "trace = tl.landscape(model, data)"
        )
    return LandscapeTrace.from_dict(source)


def shown(trace: LandscapeTrace) -> tuple[LandscapeTrace, str]:
    """The landscape with at most `MOST_POINTS` points of its path, and a sentence when some are left out."""
    count = len(trace.path.steps) if trace.path else 0
    if count <= MOST_POINTS:
        return trace, ""
    kept = np.unique(np.linspace(0, count - 1, MOST_POINTS).round().astype(int))
    planes = [replace(p, positions=p.positions[kept], residuals=p.residuals[kept]) for p in trace.planes]
    path = Path(trace.path.steps[kept], trace.path.losses[kept])
    said = f"Of {count} points of the path every {count / len(kept):.3g}th is shown, {len(kept)} in all."
    return replace(trace, planes=planes, path=path), said


def landscape_payload(trace: LandscapeTrace, note: str = "") -> dict[str, Any]:
    """Payload of the explorer."""
    samples = trace.meta.get("samples")
    words = [heading(trace).removeprefix(visible(trace.name, 60)).strip(", "),
             f"{samples} samples" if isinstance(samples, int) else "",
             "interrupted" if trace.status == "interrupted" else ""]  # fmt: skip
    lines = trace.lines[:MOST_LINES]
    if len(trace.lines) > MOST_LINES:
        note = f"{note} Of {len(trace.lines)} lines the first {MOST_LINES} are shown.".strip()
    return {
        "name": visible(trace.name, 60), "meta": " · ".join(filter(None, words)), "note": note,
        "steps": trace.path.steps.tolist() if trace.path else [],
        "losses": sent(trace.path.losses if trace.path else np.empty(0)),
        "spectrum": [{"share": v, "text": percent(v)} for v in trace.spectrum[:MOST_BARS].tolist()],
        "best": percent(float(trace.spectrum[:2].sum())) if len(trace.spectrum) else "",
        "planes": [_plane(p, label) for p, label in zip(trace.planes, labels(trace), strict=True)],
        "rescalings": [{"factor": r.factor, "at": sent(r.at), "raw": sent(r.raw), "normalised": sent(r.normalised),
                        "loss": sent(np.array([r.loss]))} for r in sorted(trace.rescalings, key=lambda r: r.factor)],
        "lines": [{"name": visible(line.name, 60), "at": sent(line.at), "losses": sent(line.losses),
                   "accuracy": sent(line.accuracy)} for line in lines],
    }  # fmt: skip


def sent(a: np.ndarray, digits: int = 6) -> dict[str, Any]:
    """An array in few digits, as the front end decodes it."""
    flat = [float(f"{v:.{digits}g}") if np.isfinite(v) else str(v).replace("inf", "Infinity").replace("nan", "NaN")
            for v in np.asarray(a, dtype=float).ravel().tolist()]  # fmt: skip
    return {"dtype": "float64", "shape": list(np.shape(a)), "data": flat}


def _plane(plane: Plane, label: str) -> dict[str, Any]:
    ground = Ground(plane)
    level, said = meter(plane)
    rows, columns = (_few(n) for n in plane.losses.shape)
    low, high = ground.ends
    return {
        "kind": plane.kind, "label": label, "about": ABOUT[plane.kind], "axes": axes(plane),
        "level": level, "says": said, "explained": float(plane.explained) if level != "none" else None,
        "a": sent(plane.a[columns]), "b": sent(plane.b[rows]), "z": sent(plane.losses[np.ix_(rows, columns)], 5),
        "low": low, "high": high, "log": ground.log, "tall": ground.tall, "stretch": ground.stretch,
        "unit": ground.unit, "levels": ground.levels, "lines": ground.lines(), "fills": ground.fills(),
        "holes": ground.holes(), "points": list(plane.losses.shape), "lost": int((~np.isfinite(plane.losses)).sum()),
        "marks": ground.marks(),
        "at": sent(plane.positions), "off": sent(plane.residuals),
        "under": sent(np.array([bilinear(plane, *p) for p in plane.positions])),
    }  # fmt: skip


def _few(count: int) -> np.ndarray:
    """Which rows travel: all, or at most `MOST_CELLS`, the ends among them."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_CELLS)).round().astype(int))


def check(trace: LandscapeTrace) -> LandscapeTrace:
    """The landscape, when there is anything to show.

    Raises
    ------
    TraceFormatError
    """
    if not (trace.planes or trace.lines or trace.rescalings):
        stopped = trace.status == "interrupted"
        raise TraceFormatError("landscape: there is no plane and no line to show",
                               "it was stopped before the first plane" if stopped else None)  # fmt: skip
    return trace
