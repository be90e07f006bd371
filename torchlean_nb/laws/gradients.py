"""The gradient of a function of yours, compared with finite differences entry by entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.engine.transforms import Run
from torchlean_nb.laws.base import LawError, entry
from torchlean_nb.laws.certificate import AdjointCertificate, check_adjoint
from torchlean_nb.laws.point import directions, seeds
from torchlean_nb.laws.slope import compare, one_sided


@dataclass(frozen=True)
class Line:
    """What was found for one argument."""

    argument: int
    shape: tuple[int, ...]
    directions: int
    error: float
    complaint: str = ""
    kinks: int = 0

    def to_text(self) -> str:
        """One line of the report."""
        head = f"  argument {self.argument}, shape {self.shape}: "
        kinks = f", {self.kinks} of them on a kink" if self.kinks else ""
        found = f"{self.directions} directions agree{kinks}, largest difference {self.error:.1e}"
        return head + (self.complaint or found)


@dataclass(frozen=True)
class GradientReport:
    """Outcome of `check_gradients`: one line per argument, and the adjoint certificate."""

    lines: tuple[Line, ...]
    certificate: AdjointCertificate

    def __bool__(self) -> bool:
        return bool(self.certificate) and not any(line.complaint for line in self.lines)

    def to_text(self) -> str:
        """The report as text."""
        head = f"gradients: {'right' if self else 'WRONG'}"
        return "\n".join([head, *(line.to_text() for line in self.lines), self.certificate.to_text()])

    __repr__ = __str__ = to_text


def check_gradients(f: Callable[..., Any], args: Sequence[Any], raises: bool = True) -> GradientReport:
    """Compare what `f`'s backward pass gives with the slope of its values, and with its forward derivative.

    Every argument is moved along each unit vector (along eight directions when it has more than 64
    entries). On a kink, where the slopes from the left and from the right differ, any value
    between the two is right.

    Parameters
    ----------
    f : callable
        Takes Tensors, returns a Tensor of any shape.
    args : tuple of arrays
        The point. All of them are differentiated; what is fixed belongs into `f`.
    raises : bool
        Raise LawError for a wrong gradient, rather than return a report that is false.

    Raises
    ------
    LawError
        Naming the argument, the entry, and both numbers.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> bool(tl.check_gradients(lambda x: tl.tanh(x).sum(), ([0.5, -1.0],)))
    True
    """
    args = tuple(np.asarray(host(a), dtype=np.float64) for a in (args if isinstance(args, tuple | list) else (args,)))
    report = GradientReport(tuple(_line(f, args, k) for k in range(len(args))), check_adjoint(f, args, exact=False))
    if raises and not report:
        raise LawError("check_gradients: the gradient is not the slope of the function", report.to_text())
    return report


def _line(f: Callable[..., Any], args: tuple[np.ndarray, ...], k: int) -> Line:
    """All directions of one argument; the values are weighted by all seeds at once."""
    rng = np.random.default_rng(0)
    run = Run(f, args, [k])
    weights = seeds(run.out.shape, rng)
    gradients = [run.pull(g)[0] for g in weights]

    def value(a: Any) -> np.ndarray:
        y = Run(f, (*args[:k], a, *args[k + 1 :]), [k]).value()
        return np.array([np.vdot(g, y) for g in weights])

    moves, error, kinks = directions(args[k].shape, rng), 0.0, 0
    for t in moves:
        got = np.array([np.vdot(g, t) for g in gradients])
        want, at = compare(got, value, args[k], t)
        if at is None:
            error = max(error, float(np.abs(got - want).max()))
        elif _on_a_kink(got, *one_sided(value, args[k], t)):
            kinks += 1
        else:
            unit = np.argwhere(t) if np.abs(t).sum() == 1 else []
            where = f"entry {tuple(map(int, unit[0]))}" if len(unit) else "a random direction"
            return Line(k, args[k].shape, len(moves), np.inf,
                        f"at {where} the gradient gives {entry(got, at)}, finite differences {entry(want, at)}")
    return Line(k, args[k].shape, len(moves), error, kinks=kinks)


def _on_a_kink(got: np.ndarray, left: np.ndarray, right: np.ndarray) -> bool:
    """Whether the slopes from both sides differ, and the gradient lies between them."""
    low, high = np.minimum(left, right), np.maximum(left, right)
    near = 1e-4 * np.maximum(1.0, np.abs(left))
    return bool((high - low > near).any() and (got >= low - near).all() and (got <= high + near).all())
