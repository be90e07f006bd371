"""Methods driven to the end: a function of Tensors, a start, a method's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.errors import CapabilityError, NonFiniteError, quote
from torchlean_nb.hypers import Hyper, check_all, nonnegative
from torchlean_nb.minimizers.algebra import finite, largest
from torchlean_nb.minimizers.asking import Evaluate, Point, Step, at_home, drive, fetched
from torchlean_nb.minimizers.objective import Objective
from torchlean_nb.minimizers.rules import method_of
from torchlean_nb.minimizers.table import Method

RUN = {
    "steps": Hyper(1000, low=0, kind="int"), "tol": nonnegative(1e-8, r"\epsilon"),
    "nonfinite": Hyper("raise", kind="choice", choices=("raise", "stop")),
}


def iterates(
    method: Method, evaluate: Callable[[Evaluate], Point], x: np.ndarray, h: Any, at: Point | None = None
) -> Iterator[Step]:
    """Steps of a method one after the other, without end unless the method ends itself.

    Parameters
    ----------
    method : Method
    evaluate : callable
        Answers an `Evaluate` with a `Point`.
    x : ndarray, shape (n,)
        Where to start; any numbers that add and multiply.
    h : namespace
        Hyperparameters, and ``tol``.
    at : Point, optional
        What is known at `x` already.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from torchlean_nb.minimizers import METHODS
    >>> cg, h = METHODS["conjugate_gradient"], SimpleNamespace(tol=0)
    >>> def parabola(ask):
    ...     return Point(ask.x, ask.x @ ask.x, 2 * ask.x)
    >>> step = next(iterates(cg, parabola, np.array([Fraction(1, 3)]), h))
    >>> step.terms["t"], step.after.x
    (Fraction(1, 2), array([Fraction(0, 1)], dtype=object))
    """
    slots, k = method.start(x, h), 0
    at = at or known(method, evaluate, Point(x))
    while True:
        k += 1
        with np.errstate(all="ignore"):
            step = drive(method.step(at, slots, h, k), evaluate)
        at = known(method, evaluate, step.after)
        if at is not step.after:
            step = replace(step, after=at, asked=(*step.asked, at))
        slots = method.slots_of(step, h)
        yield step
        if step.stop:
            return


def known(method: Method, evaluate: Callable[[Evaluate], Point], at: Point) -> Point:
    """The point with all that the method needs to know there."""
    return at if at.knows(method.want) else evaluate(Evaluate(at.x, method.want))


@dataclass(frozen=True, eq=False)
class Minimized:
    """Where a minimization ended, and why; every step on the way.

    Parameters
    ----------
    x : ndarray or dict of ndarray
        In the form of the start, on the device of the start.
    value : float
    gradient_norm : float or None
        Largest element of the gradient; None for a method that has none.
    steps : sequence of Step
        With arrays of the host.
    evaluations : int
    stopped : str
        Why it ended.
    converged : bool
        Whether a test of convergence ended it.
    """

    method: Method
    x: Any
    value: float
    gradient_norm: float | None
    start: Point
    steps: Sequence[Step]
    evaluations: int
    stopped: str
    converged: bool

    @property
    def points(self) -> np.ndarray:
        """Iterates as rows, the start first."""
        return np.array([host(p.x) for p in self._path])

    @property
    def values(self) -> np.ndarray:
        """Values at the points; NaN where a method did not ask."""
        return np.array([np.nan if p.value is None else p.value for p in self._path], float)

    @property
    def _path(self) -> list[Point]:
        return [self.start, *(s.after for s in getattr(self.steps, "there", self.steps))]

    def to_text(self, rows: int = 12) -> str:
        """Result and a table of the steps, the middle left out where there are many."""
        norm = "" if self.gradient_norm is None else f", largest gradient element {self.gradient_norm:.3g}"
        lines = [
            f"{self.method.class_name}: {self.stopped}",
            f"{len(self.steps)} steps, {self.evaluations} evaluations, value {self.value:.10g}{norm}",
            f"{'step':>5}  {'value':>16}  {'|gradient|':>10}  {'t':>10}",
        ]
        shown = set(range(rows // 2)) | set(range(len(self.steps) + 1 - rows // 2, len(self.steps) + 1))
        for k, p in enumerate(self._path):
            if k in shown:
                t = self.steps[k - 1].terms.get("t") if k else None
                g = None if p.gradient is None else float(largest(p.gradient))
                lines.append(f"{k:>5}  {_number(p.value, 16, 10)}  {_number(g, 10, 3)}  {_number(t, 10, 4)}".rstrip())
            elif k - 1 in shown:
                lines.append("  ...")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.to_text()


def _number(v: Any, wide: int, digits: int) -> str:
    return " " * wide if v is None else f"{float(v):>{wide}.{digits}g}"


def minimize(
    f: Callable[..., Any], x0: Any, method: str = "bfgs", *, steps: int = 1000, tol: float = 1e-8,
    nonfinite: str = "raise", **hypers: Any,
) -> Minimized:
    """Minimize a function of Tensors.

    Parameters
    ----------
    f : callable
        Takes one Tensor, or a dict of Tensors, returns a scalar; the residuals where the method is one
        of least squares; for finite sums ``f(x, i)`` is example `i`, and ``examples=`` says how many.
    x0 : array or dict of arrays
        The function is computed on its device; of a start on the host, on the default device.
    method : str
        Of ``tl.minimizers.METHODS``, or an update rule of ``tl.optim``.
    steps : int
        At most.
    tol : float
        Ends when no element of the gradient is larger.
    nonfinite : {"raise", "stop"}
        What an inf or NaN at an accepted point does: an error, or an end at the last finite point.
    **hypers
        Of the method.

    Raises
    ------
    UnknownNameError, HyperparameterError, NonScalarError, NonFiniteError

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> found = tl.minimize(lambda x: ((x - 3.0) ** 2).sum(), [0.0, 10.0], method="newton")
    >>> found.x.tolist(), found.converged
    ([3.0, 3.0], True)
    """
    row = method_of(method)
    check_all("tl.minimize", RUN, {"steps": steps, "tol": tol, "nonfinite": nonfinite})
    h = SimpleNamespace(**row.resolve(hypers), tol=float(tol))
    ask = Objective(f, x0, getattr(h, "examples", None), row.stays)
    if row.scope == "tensor" and (len(ask.shapes) > 1 or len(ask.shapes[0]) > 1):
        raise CapabilityError(
            f"{row.class_name}: this rule treats each tensor by its shape", "here all parameters are one vector",
            f"tl.optim.{row.class_name}",
        )
    x = ask.start
    at = start = known(row, ask, Point(x)) if row.want else Point(x)
    _require_finite(row, 0, start, "")
    done, why, good = [], "", False
    run = iterates(row, ask, x, h, at)
    while not why:
        if at.gradient is not None and largest(at.gradient) <= tol:
            why, good = "the gradient is small enough", True
        elif len(done) == steps:
            why = f"all {steps} steps taken"
        else:
            step = next(run)
            if not _finite(step.after):
                if nonfinite == "raise":
                    _require_finite(row, step.number, step.after, 'nonfinite="stop" returns the last finite point')
                why = f"step {step.number} led to an inf or NaN"
                break
            done.append(step)
            at, why, good = step.after, step.stop, bool(step.terms.get("converged", False))
    end = at if at.value is not None else ask.whole(at.x)
    norm = None if end.gradient is None else float(largest(end.gradient))
    taken = fetched(tuple(done))
    return Minimized(row, ask.shown(end.x), float(end.value), norm, at_home(start), taken, ask.count, why, good)


def _finite(p: Point) -> bool:
    known_there = [v for v in (p.x, p.value, p.gradient, p.hessian, p.residuals, p.jacobian) if v is not None]
    return all(map(finite, known_there))


def _require_finite(row: Method, k: int, p: Point, hint: str) -> None:
    if not _finite(p):
        what = "value" if p.value is not None and not np.isfinite(p.value) else "gradient or point"
        where = f"after step {k}" if k else "at the start"
        raise NonFiniteError(
            f"{row.class_name}: the {what} is not finite {where}, at x = {quote(host(p.x), 120)}",
            "the steps grow without bound, or left the domain of the function" if k else None,
            f"a smaller lr, another method, or {hint}" if k else "a start where the function is finite",
        )


