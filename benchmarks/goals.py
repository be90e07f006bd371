"""What was aimed at, as data: each goal is a number of a measurement and a bound.

A row says which contender of which workload is meant and what is read of it: its time over that of another, its
time alone, or its memory. A ratio ``over`` another contender is that contender's time in this one's: 13 against
torch says thirteen times as fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.harness import ratio


@dataclass(frozen=True)
class Goal:
    """One bound.

    Parameters
    ----------
    group : str
        G1 to G9, or *ahead* for being faster than a peer.
    workload, who : str
    bound : float
    per : str
        The other contender of a ratio; none for an absolute number.
    kind : {"time / per", "per / time", "seconds", "MB"}
        The second is to be at least the bound, the others at most.
    """

    group: str
    workload: str
    who: str
    bound: float
    per: str = ""
    kind: str = "time / per"

    @property
    def words(self) -> str:
        """What is measured."""
        if self.kind == "time / per":
            return f"{self.workload}: {self.who} / {self.per}"
        if self.kind == "per / time":
            return f"{self.workload}: {self.who}, times as fast as {self.per}"
        return f"{self.workload}: {self.who}{', peak memory' * (self.kind == 'MB')}"

    def value(self, workloads: dict[str, Any]) -> float | None:
        """What was measured, or None where it was not."""
        result = workloads.get(self.workload, {"contenders": {}})
        there = result["contenders"]
        if self.who not in there or (self.per and self.per not in there):
            return None
        if self.kind == "time / per":
            return ratio(result, self.who, self.per)
        if self.kind == "per / time":
            return ratio(result, self.per, self.who)
        return there[self.who]["median" if self.kind == "seconds" else "peak"]

    def met(self, value: float) -> bool:
        """Whether a measured value is within the bound."""
        return value >= self.bound if self.kind == "per / time" else value <= self.bound


NETS = ("W1", "W2", "W3", "W4", "W5")
HAND, BEST, NUMBA, TAPE = "by hand", "ours, compiled", "ours, compiled, numba", "ours, eager"
FAST = "ours, compiled, fast"  # rounding may differ from eager mode, as that of every peer does


def _goals() -> Iterator[Goal]:
    for w, bound in zip(NETS, (1.10, 1.03, 1.03, 1.05, 1.03), strict=True):
        yield Goal("G1", w, FAST, bound, HAND)
    for w, bound in (("W2", 0.72), ("W3", 0.88), ("W5", 0.92)):
        yield Goal("G2", w, NUMBA, bound, HAND)
    for w, bound in zip(NETS, (2.0, 1.2, 1.05, 1.25, 1.15), strict=True):
        yield Goal("G3", w, TAPE, bound, HAND)
    yield Goal("G3", "W1", "ours, eager, primitives only", 4.0, HAND)
    for who, bounds in ((FAST, (13, 5, 1.2, 1.5, 1.65)), (TAPE, (8, 4, 1.15, 1.3, 1.45))):
        for w, bound in zip(NETS, bounds, strict=True):
            yield Goal("G4", w, who, bound, "torch", "per / time")
    adam, fast = "ours, fused, NumPy", "ours, fused, numba"
    yield Goal("G5", "W6a", adam, 100, "torch", "per / time")
    yield Goal("G5", "W6a", adam, 18, "torch, fused", "per / time")
    yield Goal("G5", "W6b", adam, 0.65, "torch")
    yield Goal("G5", "W6c", adam, 0.4, "torch")
    yield Goal("G5", "W6b", fast, 0.8, "torch, fused")
    yield Goal("G5", "W6c", fast, 0.8, "torch, fused")
    yield Goal("G6", "W7a", "ours", 0.4e-3, kind="seconds")
    for w in ("W7b", "W7c", "W7d"):
        yield Goal("G6", w, "ours", 2e-3, kind="seconds")
    yield Goal("G6", "W7e", "ours", 25e-3, kind="seconds")
    for w in ("W7f", "W7g", "W7h"):
        yield Goal("G6", w, "ours", 28e-3, kind="seconds")
        yield Goal("G6", w, "ours, numba", 4e-3, kind="seconds")
    yield Goal("G7", "W8a", TAPE, 0.4e-3, kind="seconds")
    yield Goal("G7", "W8a", BEST, 0.1e-3, kind="seconds")
    yield Goal("G7", "W8c", "ours, building", 50e-3, kind="seconds")
    yield Goal("G8", "W9a", BEST, 60e-6, kind="seconds")
    yield Goal("G8", "W9b", BEST, 220e-6, kind="seconds")
    yield Goal("G9", "S1", "ours", 0.12, kind="seconds")
    yield Goal("G9", "S2", BEST, 0.15, kind="seconds")
    yield Goal("G9", "S3", BEST, 12e-3, kind="seconds")
    for w in NETS:
        yield Goal("G9", w, BEST, 60, kind="MB")
    for w in NETS:
        for peer in ("torch", "torch, fused", "jax, jit", "MyGrad", "HIPS autograd", "tinygrad, jit"):
            yield Goal("ahead", w, NUMBA if w == "W3" else FAST, 1.0, peer, "per / time")


GOALS = tuple(_goals())
