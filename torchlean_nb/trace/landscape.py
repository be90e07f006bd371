"""LandscapeTrace: planes and lines through the loss of a network, as frozen data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from torchlean_nb.errors import TraceFormatError, UnknownNameError, did_you_mean, quote
from torchlean_nb.trace.arrays import decode_array, encode_array
from torchlean_nb.trace.drawn import Drawn
from torchlean_nb.trace.frozen import (
    Written,
    check_format,
    dumps,
    freeze,
    increasing,
    numbers,
    plain,
)

FORMAT = "torchlean_nb.landscape/1"
KINDS = ("random", "pca", "filter-normalised", "hessian")


class _Part:
    """Fields that are arrays of so many dimensions; the others are a name or a number."""

    ARRAYS: ClassVar[Mapping[str, int]] = {}

    def __post_init__(self) -> None:
        for key, ndim in self.ARRAYS.items():
            dtype = np.int64 if key == "steps" else np.float64
            object.__setattr__(self, key, numbers(getattr(self, key), f"{key} of a landscape", dtype, ndim))
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name in ("kind", "name") and not isinstance(value, str):
                raise TraceFormatError(f"landscape: {f.name} is {quote(value)}", "it is text")
            if f.name in ("explained", "factor", "loss"):
                object.__setattr__(self, f.name, float(numbers(value, f"{f.name} of a landscape", ndim=0)))
        self._check()

    def _check(self) -> None:
        raise NotImplementedError

    def _shapes(self, **wanted: tuple[int, ...]) -> None:
        for key, shape in wanted.items():
            if getattr(self, key).shape != shape:
                raise TraceFormatError(f"landscape: {key} has shape {getattr(self, key).shape}, expected {shape}")

    def _axis(self, *names: str) -> None:
        for key in names:
            at = getattr(self, key)
            if not len(at) or not np.isfinite(at).all() or not (np.diff(at) > 0).all():
                raise TraceFormatError(f"landscape: {key} must be numbers that increase")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able form."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {k: encode_array(v) if k in self.ARRAYS else freeze(v) for k, v in values.items()}

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Any:
        """Inverse of `to_dict`."""
        given = {f.name: d[f.name] for f in fields(cls)}
        words = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
        return cls(**{
            k: decode_array(v) if k in cls.ARRAYS else words.get(v, v) if k not in ("kind", "name") else v
            for k, v in given.items()
        })  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and dumps(self.to_dict()) == dumps(other.to_dict())

    __hash__ = None


@dataclass(frozen=True, eq=False)
class Plane(_Part):
    """Loss at the points ``end + a d1 + b d2``, and the path seen from there.

    Parameters
    ----------
    kind : {"random", "pca", "filter-normalised", "hessian"}
    a : array_like, shape (n,)
    b : array_like, shape (m,)
    losses : array_like, shape (m, n)
        A row for each `b`; NaN where nothing was computed.
    positions : array_like, shape (k, 2)
        Coordinates of the point of the plane nearest to each point of the path; ``k = 0`` without one.
    residuals : array_like, shape (k,)
        Distance of each point of the path from the plane.
    explained : float
        Share of the variance of the path, about its end, that lies in the plane; NaN without a path.
    shares : array_like, shape (2,)
        The same for each direction alone.
    lengths : array_like, shape (2,)
        Norms of the directions.

    Raises
    ------
    TraceFormatError
        When the fields do not fit each other.
    """

    ARRAYS: ClassVar = {"a": 1, "b": 1, "losses": 2, "positions": 2, "residuals": 1, "shares": 1, "lengths": 1}
    kind: str
    a: np.ndarray
    b: np.ndarray
    losses: np.ndarray
    positions: np.ndarray = ((),)
    residuals: np.ndarray = ()
    explained: float = math.nan
    shares: np.ndarray = (math.nan, math.nan)
    lengths: np.ndarray = (1.0, 1.0)

    def __post_init__(self) -> None:
        if np.size(self.positions) == 0:
            object.__setattr__(self, "positions", np.zeros((0, 2)))
        super().__post_init__()

    def _check(self) -> None:
        if self.kind not in KINDS:
            raise TraceFormatError(f"landscape: no kind of plane is called {quote(self.kind)}", ", ".join(KINDS))
        self._axis("a", "b")
        if not (math.isnan(self.explained) or -1e-6 <= self.explained <= 1 + 1e-6):
            raise TraceFormatError(f"landscape: a plane explains {self.explained:g} of the path", "at most all of it")
        k = len(self.residuals)
        self._shapes(losses=(len(self.b), len(self.a)), positions=(k, 2), shares=(2,), lengths=(2,))


@dataclass(frozen=True, eq=False)
class Path(_Part):
    """Steps at which parameters were recorded, and the loss there.

    Parameters
    ----------
    steps : array_like of int, shape (k,)
    losses : array_like, shape (k,)
    """

    ARRAYS: ClassVar = {"steps": 1, "losses": 1}
    steps: np.ndarray
    losses: np.ndarray

    def _check(self) -> None:
        increasing(self.steps, "a path")
        self._shapes(losses=self.steps.shape)


@dataclass(frozen=True, eq=False)
class Rescaling(_Part):
    """Loss along one random direction, after one layer was multiplied by `factor` and the next divided by it.

    Parameters
    ----------
    factor : float
    at : array_like, shape (n,)
    raw : array_like, shape (n,)
        Along the direction as it was drawn.
    normalised : array_like, shape (n,)
        Along the same direction, filter by filter as long as the weights.
    loss : float
        Where both lines start.
    """

    ARRAYS: ClassVar = {"at": 1, "raw": 1, "normalised": 1}
    factor: float
    at: np.ndarray
    raw: np.ndarray
    normalised: np.ndarray
    loss: float

    def _check(self) -> None:
        self._axis("at")
        self._shapes(raw=self.at.shape, normalised=self.at.shape)


@dataclass(frozen=True, eq=False)
class Line(_Part):
    """Loss, and accuracy of a classifier, on the straight line between two solutions.

    Parameters
    ----------
    name : str
    at : array_like, shape (n,)
        0 is the first solution, 1 the second.
    losses : array_like, shape (n,)
    accuracy : array_like, shape (n,), optional
    """

    ARRAYS: ClassVar = {"at": 1, "losses": 1, "accuracy": 1}
    name: str
    at: np.ndarray
    losses: np.ndarray
    accuracy: np.ndarray = ()

    def _check(self) -> None:
        self._axis("at")
        self._shapes(losses=self.at.shape, **({"accuracy": self.at.shape} if len(self.accuracy) else {}))


_PARTS = {"planes": Plane, "rescalings": Rescaling, "lines": Line}


@dataclass(frozen=True, eq=False)
class LandscapeTrace(Written, Drawn):
    """Planes through the loss of one network, the path of its training, and lines.

    Parameters
    ----------
    name : str
    planes : iterable of Plane
    path : Path, optional
    rescalings : iterable of Rescaling
    lines : iterable of Line
    spectrum : array_like, shape (k,)
        Share of the path's variance of each principal component, largest first; empty without a path.
    meta : mapping
        Plain data: ``parameters, samples, seed, status``.

    Raises
    ------
    TraceFormatError
        When a plane shows another path, or a field is of the wrong type.

    Examples
    --------
    >>> plane = Plane("random", [-1.0, 0.0, 1.0], [0.0, 1.0], [[2.0, 1.0, 2.0], [3.0, 2.0, 3.0]])
    >>> trace = LandscapeTrace("bowl", [plane])
    >>> trace.explained_variance, LandscapeTrace.from_json(trace.to_json()) == trace
    (nan, True)
    """

    _kind: ClassVar[str] = "landscape_"
    name: str
    planes: tuple[Plane, ...] = ()
    path: Path | None = None
    rescalings: tuple[Rescaling, ...] = ()
    lines: tuple[Line, ...] = ()
    spectrum: np.ndarray = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not isinstance(self.path, Path | None):
            raise TraceFormatError(f"landscape: the name is {quote(self.name)}, the path {quote(self.path)}")
        for key, part in _PARTS.items():
            found = tuple(getattr(self, key))
            if not all(isinstance(p, part) for p in found):
                raise TraceFormatError(f"landscape: {key} are not all of the type {part.__name__}")
            object.__setattr__(self, key, found)
        count = len(self.path.steps) if self.path else 0
        if any(len(p.residuals) != count for p in self.planes):
            raise TraceFormatError("landscape: a plane does not show the path", f"which has {count} points")
        object.__setattr__(self, "spectrum", numbers(self.spectrum, "spectrum of a landscape"))
        object.__setattr__(self, "meta", freeze(dict(self.meta)))

    # -- reading ---------------------------------------------------------------------------
    def __getitem__(self, kind: str) -> Plane:
        """Plane by kind.

        Raises
        ------
        UnknownNameError
        """
        for plane in self.planes:
            if plane.kind == kind:
                return plane
        raise UnknownNameError(f"landscape: no plane {quote(kind)}", did_you_mean(str(kind), [*self]))

    def __iter__(self) -> Any:
        return (plane.kind for plane in self.planes)

    def __len__(self) -> int:
        return len(self.planes)

    @property
    def explained_variance(self) -> float:
        """Share of the path's variance in the first plane; NaN without a path."""
        return self.planes[0].explained if self.planes else math.nan

    @property
    def status(self) -> str:
        """``"finished"`` or ``"interrupted"``."""
        return str(self.meta.get("status", "finished"))

    # -- JSON ------------------------------------------------------------------------------
    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able form."""
        parts = {key: [p.to_dict() for p in getattr(self, key)] for key in _PARTS}
        return {"format": FORMAT, "name": self.name, "path": self.path and self.path.to_dict(),
                "spectrum": encode_array(self.spectrum), "meta": plain(self.meta), **parts}  # fmt: skip

    @classmethod
    def from_dict(cls, d: Any) -> LandscapeTrace:
        """Trace from its plain form; exact inverse of `to_dict`.

        Raises
        ------
        TraceFormatError
        """
        check_format(d, FORMAT)
        try:
            parts = {key: [part.from_dict(p) for p in d[key]] for key, part in _PARTS.items()}
            path = None if d["path"] is None else Path.from_dict(d["path"])
            return cls(d["name"], path=path, spectrum=decode_array(d["spectrum"]), meta=d["meta"], **parts)
        except (KeyError, TypeError, AttributeError, ValueError) as e:
            if isinstance(e, TraceFormatError):
                raise
            raise TraceFormatError("trace: not a landscape", f"{type(e).__name__}: {e}") from e

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, LandscapeTrace)
        return same and dumps(self.to_dict(), ordered=True) == dumps(other.to_dict(), ordered=True)

    __hash__ = None

    # -- display ---------------------------------------------------------------------------
    def plot(self, **options: Any) -> Any:
        """Matplotlib figure for papers."""
        return self.render("figure", **options)

    def __repr__(self) -> str:
        kinds = ", ".join(self) or "no plane"
        steps = f", path of {len(self.path.steps)} points" if self.path else ""
        known = math.isfinite(self.explained_variance)
        meter = f", {100 * self.explained_variance:.3g} % of it explained" if known else ""
        return f"LandscapeTrace({quote(self.name)}, {kinds}{steps}{meter}, {self.status})"
