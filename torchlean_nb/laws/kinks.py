"""Where no derivative exists: the number this project returns there, and why.

One table for kinks, ties and singular points. The choice is PyTorch's unless the row says why not;
`torch` then has PyTorch's number. All in ``nonfinite="ieee"``: a session that raises refuses an inf
or NaN before it gets here. ``f(ops, x)`` is written against names of rows, so that the same
line runs on PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nan
from typing import Any

import numpy as np

from torchlean_nb.copies import Row
from torchlean_nb.engine.transforms import Run, grad
from torchlean_nb.rows import lookup


@dataclass(frozen=True)
class Kink(Row):
    """One point: what the gradient of ``sum(f(x))`` is there.

    Parameters
    ----------
    name : str
    f : callable
        ``f(ops, x)``.
    order : int
        2 for the gradient of the gradient's sum.
    x, slope : tuple of float
    why : str
        Reason for the choice; "" where PyTorch's choice speaks for itself.
    torch : tuple of float or None
        PyTorch's numbers where they are others.
    """

    name: str
    f: Callable[[Any, Any], Any]
    x: tuple[float, ...]
    slope: tuple[float, ...]
    why: str = ""
    torch: tuple[float, ...] | None = None
    order: int = 1

    @classmethod
    def _named(cls, name: str) -> Any:
        return next((k for k in KINKS if k.name == name), None)

    def measured(self) -> np.ndarray:
        """The gradient as the engine computes it."""
        def total(x: Any) -> Any:
            return ROWS.sum(self.f(ROWS, x))

        return (grad(total) if self.order == 1 else grad(lambda x: ROWS.sum(grad(total)(x))))(np.array(self.x))

    def pushed(self) -> np.ndarray:
        """The same numbers by forward sweeps, one per element."""
        run = Run(lambda x: ROWS.sum(self.f(ROWS, x)), [np.array(self.x)], [0])
        return np.array([run.push([e]) for e in np.eye(len(self.x))])


class _Rows:
    """Rows by attribute."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # tools that look for special names must not find an op missing
            raise AttributeError(name)
        return lookup(name)


ROWS = _Rows()
CORNER = "minimum-norm choice: of all slopes between left and right the smallest"
SHARE = "equal elements share, so that symmetric inputs get symmetric gradients"
QUIET = "nothing arrived, so nothing goes on: a zero cotangent stays zero at an infinite slope"

KINKS = (
    # -- corners of functions of one number
    Kink("relu at 0", lambda ops, x: ops.relu(x), (0.0,), (0.0,), CORNER),
    Kink("relu at -0", lambda ops, x: ops.relu(x), (-0.0,), (0.0,), CORNER),
    Kink("leaky_relu at 0", lambda ops, x: ops.leaky_relu(x, negative_slope=0.25), (0.0,), (0.25,), CORNER),
    Kink("elu at 0", lambda ops, x: ops.elu(x, alpha=0.5), (0.0,), (0.5,), CORNER),
    Kink("relu6 at 0 and 6", lambda ops, x: ops.relu6(x), (0.0, 3.0, 6.0), (0.0, 1.0, 0.0), CORNER),
    Kink("hardtanh at both bounds", lambda ops, x: ops.hardtanh(x), (-1.0, 0.0, 1.0), (0.0, 1.0, 0.0),
         "minimum-norm choice; clamp, which keeps a parameter within bounds, chooses 1"),
    Kink("softsign at 0", lambda ops, x: ops.softsign(x), (0.0,), (1.0,), "both sides agree"),
    Kink("abs at 0 and -0", lambda ops, x: ops.abs(x), (0.0, -0.0), (0.0, 0.0), CORNER),
    Kink("sign at 0", lambda ops, x: ops.sign(x), (0.0,), (0.0,), "flat on both sides"),
    Kink("clamp to 0..1 at both bounds", lambda ops, x: ops.clamp(x, min=0.0, max=1.0), (0.0, 0.5, 1.0, 2.0, -1.0),
         (1.0, 1.0, 1.0, 0.0, 0.0), "a parameter that sits on its bound can still leave it"),
    Kink("l1_loss at 0", lambda ops, x: ops.l1_loss(x, x * 0, reduction="sum"), (0.0,), (0.0,), CORNER),
    Kink("huber_loss at -delta and delta", lambda ops, x: ops.huber_loss(x, x * 0, reduction="sum", delta=1.0),
         (-1.0, 1.0), (-1.0, 1.0), "both sides agree"),
    Kink("hinge at margin", lambda ops, x: ops.hinge(x, x * 0 + 1, reduction="sum", margin=1), (1.0,), (0.0,),
         "as relu at 0; PyTorch has no such loss, its clamp(1 - x, min=0) passes the gradient", (-1.0,)),
    Kink("hinge at margin, by the target", lambda ops, t: ops.hinge(t * 0 + 1, t, reduction="sum", margin=1), (1.0,),
         (0.0,), "as by the score", (-1.0,)),
    Kink("norm with ord=1 at 0", lambda ops, x: ops.norm(x, ord=1), (0.0, -2.0), (0.0, -1.0), CORNER),
    # -- ties
    Kink("maximum(x, 0) at 0", lambda ops, x: ops.maximum(x, x * 0), (0.0,), (0.5,), SHARE),
    Kink("maximum(x, x)", lambda ops, x: ops.maximum(x, x), (1.0,), (1.0,), "it is x"),
    Kink("minimum(x, 0) at 0", lambda ops, x: ops.minimum(x, x * 0), (0.0,), (0.5,), SHARE),
    Kink("minimum(x, x)", lambda ops, x: ops.minimum(x, x), (1.0,), (1.0,), "it is x"),
    Kink("max over all, tie", lambda ops, x: ops.max(x), (1.0, 1.0, 0.0), (0.5, 0.5, 0.0), SHARE),
    Kink("min over all, tie", lambda ops, x: ops.min(x), (1.0, 1.0, 3.0), (0.5, 0.5, 0.0), SHARE),
    Kink("max along an axis, tie", lambda ops, x: ops.max(x, axis=0), (1.0, 1.0, 0.0), (0.5, 0.5, 0.0), SHARE),
    Kink("max_pool, four equal", lambda ops, x: ops.max_pool(x.reshape((1, 1, 2, 2)), kernel_size=(2, 2)),
         (1.0, 1.0, 1.0, 1.0), (1.0, 0.0, 0.0, 0.0), "the first of the window, as everybody does"),
    Kink("sorting equal elements", lambda ops, x: ops.take_along(x, ops.argsort(x, axis=0), axis=0) ** 2,
         (1.0, 1.0, 0.0), (2.0, 2.0, 0.0), "stable order"),
    Kink("max_pool, tie in the middle", lambda ops, x: ops.max_pool(x.reshape((1, 1, 2, 2)), kernel_size=(2, 2)),
         (0.0, 1.0, 1.0, 1.0), (0.0, 1.0, 0.0, 0.0), "the first of the largest"),
    Kink("max_pool, tie with a gap", lambda ops, x: ops.max_pool(x.reshape((1, 1, 2, 2)), kernel_size=(2, 2)),
         (1.0, 0.0, 1.0, 0.0), (1.0, 0.0, 0.0, 0.0), "the first of the largest"),
    # -- infinite slopes
    Kink("sqrt at 0", lambda ops, x: ops.sqrt(x), (0.0,), (inf,), "the slope from the right"),
    Kink("0 * sqrt at 0", lambda ops, x: ops.sqrt(x) * 0, (0.0,), (0.0,), QUIET, (nan,)),
    Kink("where(x > 0, sqrt(x), 0) at 0", lambda ops, x: ops.where(x > 0, ops.sqrt(x), x * 0), (0.0, 4.0), (0.0, 0.25),
         QUIET, (nan, 0.25)),
    Kink("where(x > 0, log(x), 0) at 0", lambda ops, x: ops.where(x > 0, ops.log(x), x * 0), (0.0, 4.0), (0.0, 0.25),
         QUIET, (nan, 0.25)),
    Kink("where(x != 0, 1 / x, 0) at 0", lambda ops, x: ops.where(abs(x) > 0, 1 / x, x * 0), (0.0, 2.0), (0.0, -0.25),
         QUIET, (nan, -0.25)),
    Kink("where(x > 0, x, 0) at 0", lambda ops, x: ops.where(x > 0, x, x * 0), (0.0,), (0.0,),
         "the branch taken is flat"),
    Kink("sqrt(x * x) at 0", lambda ops, x: ops.sqrt(x * x), (0.0,), (nan,),
         "infinity times zero; abs and norm know better"),
    Kink("log at 0", lambda ops, x: ops.log(x), (0.0,), (inf,), "the slope from the right"),
    Kink("inv at 0", lambda ops, x: ops.inv(x), (0.0,), (-inf,), "the slope on both sides"),
    Kink("norm at 0", lambda ops, x: ops.norm(x), (0.0, 0.0), (0.0, 0.0), CORNER),
    Kink("std of equal elements", lambda ops, x: ops.std(x), (1.0, 1.0), (0.0, 0.0), CORNER),
    # -- powers and products of zero
    Kink("x**0 at 0", lambda ops, x: ops.pow(x, x * 0), (0.0,), (0.0,), "constant in x, flat in the exponent"),
    Kink("x**1 at 0", lambda ops, x: x**1, (0.0,), (1.0,)),
    Kink("x**2 at 0", lambda ops, x: x**2, (0.0,), (0.0,)),
    Kink("x**0.5 at 0", lambda ops, x: x**0.5, (0.0,), (inf,), "the slope from the right"),
    Kink("0**p by p, at 2 and 0", lambda ops, p: ops.pow(p * 0, p), (2.0, 0.0), (0.0, 0.0),
         "0 for p > 0, and PyTorch's 0 at p = 0"),
    Kink("(-2)**p by p", lambda ops, p: ops.pow(p * 0 - 2, p), (2.0,), (nan,), "not real around p = 2"),
    Kink("prod with one zero", lambda ops, x: ops.prod(x), (0.0, 2.0, 3.0), (6.0, 0.0, 0.0), "product of the others"),
    Kink("prod with two zeros", lambda ops, x: ops.prod(x), (0.0, 0.0, 3.0), (0.0, 0.0, 0.0), "product of the others"),
    # -- infinities that come in, and tails
    Kink("logsumexp of -inf only", lambda ops, x: ops.logsumexp(x), (-inf, -inf), (0.0, 0.0),
         "an empty sum of probabilities: a masked row must not spoil its batch", (nan, nan)),
    Kink("logsumexp with one -inf", lambda ops, x: ops.logsumexp(x), (-inf, 1.0), (0.0, 1.0)),
    Kink("sigmoid far out", lambda ops, x: ops.sigmoid(x), (-1000.0, 1000.0), (0.0, 0.0)),
    Kink("tanh far out", lambda ops, x: ops.tanh(x), (-1000.0, 1000.0), (0.0, 0.0)),
    Kink("softplus far out", lambda ops, x: ops.softplus(x), (-1000.0, 1000.0), (0.0, 1.0)),
    Kink("silu far out", lambda ops, x: ops.silu(x), (-1000.0, 1000.0), (0.0, 1.0)),
    Kink("mish far out", lambda ops, x: ops.mish(x), (-1000.0, 1000.0), (0.0, 1.0)),
    Kink("log_sigmoid far out", lambda ops, x: ops.log_sigmoid(x), (-1000.0, 1000.0), (1.0, 0.0)),
    Kink("softsign at the end of the numbers", lambda ops, x: ops.softsign(x), (-1e200, 1e200), (0.0, 0.0)),
    Kink("erf at the end of the numbers", lambda ops, x: ops.erf(x), (-1e308, 1e308), (0.0, 0.0)),
    Kink("gelu at the end of the numbers", lambda ops, x: ops.gelu(x), (-1e308, 1e308), (0.0, 1.0)),
    *(
        Kink(f"{name} far out, second derivative", lambda ops, x, name=name: getattr(ops, name)(x), (-1000.0, 1000.0),
             (0.0, 0.0), "flat there; exp(1000) is not reached on the way", order=2)
        for name in ("elu", "sigmoid", "tanh", "silu", "gelu", "log_sigmoid")
    ),
    Kink("mish far out, second derivative", lambda ops, x: ops.mish(x), (-1000.0, 1000.0), (0.0, 0.0),
         "flat there; PyTorch gives NaN", (0.0, nan), 2),
    Kink("softplus far out, second derivative", lambda ops, x: ops.softplus(x), (-1000.0, 1000.0), (0.0, 0.0),
         "flat there; PyTorch through its logaddexp gives NaN", (nan, 0.0), 2),
    Kink("gelu at 0", lambda ops, x: ops.gelu(x), (0.0,), (0.5,)),
    Kink("bce at p = 0 for target 1", lambda ops, x: ops.bce(x, ops.detach(x * 0 + 1), reduction="sum"), (0.0,),
         (-1e12,), "the divisor stops at 1e-12"),
    Kink("bce_with_logits far out", lambda ops, x: ops.bce_with_logits(x, x * 0 + 1, reduction="sum"),
         (-1000.0, 1000.0), (-1.0, 0.0)),
)


def table() -> str:
    """The table as Markdown: point, slope here, slope in PyTorch where it is another, reason."""
    lines = ["| where | x | slope | PyTorch | why |", "|---|---|---|---|---|"]
    for k in KINKS:
        other = "same" if k.torch is None else _numbers(k.torch)
        lines.append(f"| {k.name} | {_numbers(k.x)} | {_numbers(k.slope)} | {other} | {k.why} |")
    return "\n".join(lines)


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{v:g}" for v in values)
