"""The learning-rate range test: a short run whose rate grows, after which everything is as it was before."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from torchlean_nb.errors import HyperparameterTypeError, NonFiniteError, quote
from torchlean_nb.hypers import REQUIRED, Hyper, check_all, unit
from torchlean_nb.outputs import shown
from torchlean_nb.schedules.decay import lr_finder
from torchlean_nb.schedules.facade import groups_of
from torchlean_nb.shells.aside import Aside

_RENDER = "torchlean_nb.render.lr_find"
_NAMES = {"minimum": "low", "maximum": "high", "total": "steps"}
_OPTIONS = {
    "steps": Hyper(100, low=2, kind="int"),
    "smoothing": unit(0.98, r"\beta"),
    "stop": Hyper(4.0, low=1.0, open_low=True, none=True),
}


@dataclass(frozen=True, eq=False)
class LRFinderResult:
    """What the range test saw, and which rates it suggests.

    Attributes
    ----------
    lrs, losses, smoothed : tuple of float
        Rate of every step, the loss there before the update, and its running mean.
    reason : {"end", "diverged", "not finite"}
        Why it stopped.
    limit : float
        First rate that was not survived, or the last one tried.
    """

    lrs: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    reason: str
    limit: float

    @property
    def best(self) -> float | None:
        """Rate where the smoothed loss is smallest; too large to train with for long."""
        return self.lrs[min(range(len(self.lrs)), key=self.smoothed.__getitem__)] if self.lrs else None

    @property
    def steepest(self) -> float | None:
        """Rate where the smoothed loss falls fastest per factor of the rate, before its smallest value.

        The first tenth of the run is left out when there is something after it: a mean of few losses is no curve.
        """
        bottom = self.lrs.index(self.best) if self.lrs else 0
        if bottom < 2:
            return None
        slope = np.gradient(np.array(self.smoothed[: bottom + 1]), np.log(self.lrs[: bottom + 1]))
        first = min(len(self.lrs) // 10, bottom - 1)
        return self.lrs[first + int(np.argmin(slope[first:bottom]))]

    @property
    def tenth(self) -> float | None:
        """A tenth of `best`."""
        return self.best / 10 if self.lrs else None

    @property
    def valley(self) -> float | None:
        """Rate where half of the deepest unbroken descent of the smoothed loss is done."""
        s, start, fall, at = self.smoothed, 0, 0.0, (0, 0)
        for k in range(1, len(s)):
            start = start if s[k] < s[k - 1] else k
            if s[start] - s[k] > fall:
                fall, at = s[start] - s[k], (start, k)
        half = (s[at[0]] + s[at[1]]) / 2 if fall else 0.0
        return self.lrs[next(k for k in range(at[0], at[1] + 1) if s[k] <= half)] if fall else None

    @property
    def suggestions(self) -> dict[str, float]:
        """Every rule that has an answer: ``steepest``, ``tenth``, ``valley``."""
        found = {name: getattr(self, name) for name in ("steepest", "tenth", "valley")}
        return {name: lr for name, lr in found.items() if lr is not None}

    @property
    def suggestion(self) -> float | None:
        """The steepest descent, or else what the other rules say; None when the loss never fell."""
        return next(iter(self.suggestions.values()), None)

    def to_text(self) -> str:
        """What happened, and the suggestions."""
        return import_module(_RENDER).text(self)

    def to_svg(self) -> str:
        """Picture of the loss over the rate, on its own, light and dark."""
        return import_module(_RENDER).svg(self)

    def plot(self) -> Any:
        """The same as a matplotlib figure."""
        return import_module(_RENDER).figure(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        shown()
        return {"image/svg+xml": self.to_svg(), "text/plain": self.to_text()}

    def __repr__(self) -> str:
        return self.to_text()


def lr_find(
    optimizer: Any, closure: Callable[[], Any], *, low: float = 1e-7, high: float = 10.0, steps: int = 100,
    smoothing: float = 0.98, stop: float | None = 4.0, keep: Iterable[Any] = (),
) -> LRFinderResult:
    r"""Train for a few steps while the learning rate grows from `low` to `high`, then undo it all.

    Parameters, state, options and counters of the optimizer, and tape, gradients and random stream of the session
    its parameters live in, are bit for bit as before: also after an error, and when Stop is pressed.

    Parameters
    ----------
    optimizer : Optimizer
        With several groups, the largest rate is swept and the others keep their ratio to it.
    closure : callable
        Builds a scalar loss in the session of the parameters, or returns ``(loss, gradients)``; called once a step.
    low, high : float
        First and last rate, ``0 < low < high``; they follow `schedules.lr_finder`.
    steps : int
    smoothing : float
        :math:`\beta` of the running mean :math:`\frac{1-\beta}{1-\beta^{n}} \sum_{i=1}^{n} \beta^{n-i} L_{i}`.
    stop : float or None
        Stop when the smoothed loss is more than `stop` times its smallest value; None goes on.
    keep : iterable
        What else the closure changes and what is to be put back: random generators, schedulers, objects whose
        attributes hold their state.

    Returns
    -------
    LRFinderResult

    Raises
    ------
    HyperparameterError, HyperparameterTypeError
        A loss that is not finite is no error here: it ends the run.

    References
    ----------
    Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> s = tl.Session(seed=0)
    >>> w = s.param([1.0, -2.0], name="w")
    >>> found = tl.lr_find(tl.optim.SGD([w], lr=0.1), lambda: (w * w).sum(), low=1e-3, steps=60, smoothing=0.5)
    >>> found.reason, 0.01 < found.suggestion < 0.1, w.value.tolist()
    ('diverged', True, [1.0, -2.0])
    """
    owner = "lr_find"
    o = check_all(owner, _OPTIONS, {"steps": steps, "smoothing": smoothing, "stop": stop})
    sweep = lr_finder.make({"minimum": low, "maximum": high, "total": o["steps"] - 1}, owner, _NAMES)
    if not callable(closure):
        raise HyperparameterTypeError(f"{owner}: closure={quote(closure)} is a {type(closure).__name__}",
                                      "it must be a function that returns a loss, or a loss and gradients")  # fmt: skip
    ratios = _ratios(groups_of(owner, optimizer))
    before = Aside(optimizer, keep)
    # Twice: should Stop be pressed while the inner one puts things back, the outer one does it again.
    try:
        try:
            before.set_aside()
            return _run(optimizer, closure, sweep.values(o["steps"]), ratios, o["smoothing"], o["stop"])
        finally:
            before.put_back()
    finally:
        before.put_back()


def _ratios(groups: list[Any]) -> list[float]:
    """Rate of every group as a part of the largest one."""
    rates = [Hyper(REQUIRED, low=0.0).check("lr_find", "lr", g["lr"]) for g in groups]
    return [r / max(rates) for r in rates] if max(rates) else [1.0] * len(rates)


def _run(
    optimizer: Any, closure: Callable[[], Any], lrs: list[float], ratios: list[float], beta: float, stop: float | None
) -> LRFinderResult:
    losses: list[float] = []
    smoothed: list[float] = []
    mean, reason = 0.0, "end"
    for lr in lrs:
        for group, ratio in zip(optimizer.param_groups, ratios, strict=True):
            group["lr"] = lr * ratio
        seen: list[float] = []
        try:
            # The run is meant to end in overflow.
            with np.errstate(all="ignore"):
                optimizer.step(lambda seen=seen: _evaluated(optimizer, closure, seen))
        except NonFiniteError:
            reason = "not finite"
        if seen and math.isfinite(seen[0]):
            losses.append(seen[0])
            mean = beta * mean + (1 - beta) * seen[0]
            smoothed.append(mean / (1 - beta ** len(losses)))
            best = min(smoothed)
            if stop is not None and smoothed[-1] > best + (stop - 1) * abs(best):
                reason = "diverged"
        if reason != "end":
            break
    done = tuple(lrs[: len(losses)])
    return LRFinderResult(done, tuple(losses), tuple(smoothed), reason, lr)


def _evaluated(optimizer: Any, closure: Callable[[], Any], seen: list[float]) -> tuple[float, Any]:
    """Loss and gradients of one call; the loss is noted in `seen`."""
    session = getattr(optimizer.param_groups[0]["params"][0], "session", None)
    if session is not None:
        session.reset_tape()
    result = closure()
    if isinstance(result, tuple) and len(result) == 2:
        loss, grads = float(result[0]), result[1]
    elif session is not None and hasattr(result, "tape"):
        loss, grads = float(result), None
    else:
        raise HyperparameterTypeError(
            f"lr_find: the closure returned {quote(result)}, a {type(result).__name__}",
            "it must return a scalar loss of the session, or a tuple of a loss and gradients",
        )
    seen.append(loss)
    if not math.isfinite(loss):
        raise NonFiniteError(f"lr_find: the loss is {loss}")
    return loss, session.backward(result) if grads is None else grads
