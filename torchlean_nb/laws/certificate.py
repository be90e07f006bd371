"""The adjoint identity of a function of yours, as a certificate one can read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.backend.exact import exact_namespace
from torchlean_nb.engine.transforms import Run
from torchlean_nb.laws.adjoint import dot
from torchlean_nb.laws.point import directions, seeds, whole

TOLERANCE = 1e-10


@dataclass(frozen=True)
class Identity:
    """``<J t, g>`` and ``<t, J'g>`` for one direction t; `argument` is None when all arguments move."""

    argument: int | None
    lhs: Any
    rhs: Any
    size: float = 0.0

    def holds(self, exact: bool) -> bool:
        """Whether both sides are equal: to the last digit, or up to rounding."""
        return self.lhs == self.rhs if exact else abs(self.lhs - self.rhs) <= TOLERANCE * max(1.0, self.size)


@dataclass(frozen=True)
class AdjointCertificate:
    """Outcome of `check_adjoint`; true when the identity held in every direction.

    Parameters
    ----------
    lhs, rhs : Fraction or float
        ``<J t, g>`` and ``<t, J'g>``: all arguments moving together, or the first direction that failed.
    equal : bool
    exact : bool
        Whether compared in fractions with ``==``.
    identities : tuple of Identity
        Every direction that was tried.
    """

    lhs: Any
    rhs: Any
    equal: bool
    exact: bool
    identities: tuple[Identity, ...] = field(repr=False)

    @property
    def directions(self) -> int:
        """How many pairs of a tangent and a seed were tried."""
        return len(self.identities)

    @property
    def failed(self) -> tuple[Identity, ...]:
        """Those in which the two sides differ."""
        return tuple(i for i in self.identities if not i.holds(self.exact))

    def __bool__(self) -> bool:
        return self.equal

    def to_text(self) -> str:
        """The certificate in a few lines."""
        how = "fractions, no rounding" if self.exact else f"float64, relative tolerance {TOLERANCE:g}"
        lines = [
            f"adjoint identity <J t, g> = <t, J'g>: {'holds' if self.equal else 'DOES NOT HOLD'}",
            f"  {self.directions} directions, in {how}",
            f"  <J t, g>  = {_number(self.lhs)}", f"  <t, J'g>  = {_number(self.rhs)}",
        ]
        if not self.equal:
            wrong = sorted({"all together" if i.argument is None else str(i.argument) for i in self.failed})
            lines.append(f"  {len(self.failed)} directions differ, arguments: {', '.join(wrong)}")
        return "\n".join(lines)

    __repr__ = __str__ = to_text


def _number(v: Any) -> str:
    """A fraction in full while it is short, and as a decimal."""
    if isinstance(v, Fraction) and v.denominator != 1:
        short = len(str(v)) <= 40
        return f"{v} = {float(v):.12g}" if short else f"{float(v):.12g} (a fraction of {len(str(v)) - 1} digits)"
    return str(v) if isinstance(v, Fraction) else f"{v:.12g}"


def check_adjoint(f: Callable[..., Any], args: Sequence[Any], exact: bool = True) -> AdjointCertificate:
    """Whether the backward pass of `f` is the adjoint of its forward derivative at a point.

    ``<J t, g> == <t, J'g>`` is tried with all arguments moving together and with each one alone,
    along every unit vector of an argument with at most 64 entries, else along eight directions.

    Parameters
    ----------
    f : callable
        Takes Tensors, returns a Tensor of any shape.
    args : tuple of arrays
        The point. All of them move; what is fixed belongs into `f`.
    exact : bool
        True computes with fractions and compares with ``==``; False uses float64.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> print(tl.check_adjoint(lambda w, x: (w @ x - 1) ** 2, ([[2.0, 1.0]], [3.0, 0.5])))
    adjoint identity <J t, g> = <t, J'g>: holds
      5 directions, in fractions, no rounding
      <J t, g>  = 154
      <t, J'g>  = 154
    """
    args = tuple(args) if isinstance(args, tuple | list) else (args,)
    xp = exact_namespace() if exact else None
    floats = [np.asarray(host(a), dtype=np.float64) for a in args]
    points = [xp.asarray(a) for a in floats] if exact else floats
    run = Run(f, points, range(len(points)), xp)
    lift = xp.asarray if exact else np.asarray
    rng = np.random.default_rng(0)
    cotangents = [lift(g) for g in seeds(run.out.shape, rng)]
    pulled = [run.pull(g) for g in cotangents]
    together = [lift(whole(a.shape, rng)) for a in floats]
    tried: list[tuple[int | None, list[Any]]] = [(None, together)]
    for k, a in enumerate(floats):
        for t in directions(a.shape, rng):
            tried.append((k, [lift(t) if j == k else None for j in range(len(floats))]))
    found = []
    for k, ts in tried:
        y = run.push(ts)
        for g, bars in zip(cotangents, pulled, strict=True):
            parts = [dot(t, b) for t, b in zip(ts, bars, strict=True) if t is not None]
            found.append(Identity(k, dot(y, g), sum(parts), float(np.abs(parts).max()) if not exact else 0.0))
    shown = next((i for i in found if not i.holds(exact)), found[0])
    return AdjointCertificate(shown.lhs, shown.rhs, all(i.holds(exact) for i in found), exact, tuple(found))
