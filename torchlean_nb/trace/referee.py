"""What an honest referee says about a contest: what was equal, what was not, and what nobody can know from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from torchlean_nb.trace import judging
from torchlean_nb.trace.contest import Contest, Entry

PAIRS = 3  # of contenders that are named where seeds disagree
CLOSE = 1e-6  # two grids have one ratio when their logarithms differ by no more


@dataclass(frozen=True)
class Flag:
    """One remark.

    Parameters
    ----------
    kind : str
        ``"edge"``, ``"one rate"``, ``"diverged"``, ``"evaluations"``, ``"seeds disagree"``, ...
    problem : str
    contender : str
        Empty when it is about all of them.
    text : str
    unfair : bool
        Whether somebody had other chances than the rest; otherwise it is about what is not known.
    """

    kind: str
    problem: str
    contender: str
    text: str
    unfair: bool = False

    def __str__(self) -> str:
        return f"{self.problem}: {self.text}"


def flags(c: Contest) -> tuple[Flag, ...]:
    """Everything worth saying about a contest, what is unfair first."""
    found = [*_chances(c), *(f for e in c.entries for f in _entry(c, e)), *_seeds(c)]
    return tuple(sorted(found, key=lambda f: not f.unfair))


def equal(c: Contest) -> tuple[tuple[str, str], ...]:
    """What was the same for all, as pairs of a short text and its evidence."""
    out = [("budget", f"{c.budget} {c.unit} a run"), ("seeds", ", ".join(map(str, c.seeds)))]
    if len(_counts(c)) == 1:
        out.append(("rates", f"{_counts(c).pop()} each"))
    if len(_ratios(c)) == 1:
        out.append(("ratio", f"{_ratios(c).pop():.3g} between rates"))
    for word, key in (("first parameters", "starts"), ("order of the data", "orders")):
        prints = {getattr(e, key) for e in c.entries}
        if len(prints) == 1 and any(first := prints.pop()):
            out.append((word, " ".join(first)))
    if len(_work(c)) == 1:
        out.append(("gradients", f"{_work(c).pop()} a run"))
    return tuple(out)


def _tuned(c: Contest) -> list[Entry]:
    """Those that have a learning rate at all."""
    return [e for e in c.entries if not np.isnan(e.rates).any()]


def _counts(c: Contest) -> set[int]:
    return {len(e.rates) for e in _tuned(c)}


def _ratios(c: Contest) -> set[float]:
    steps = np.concatenate([np.diff(np.log(e.rates)) for e in _tuned(c)] or [np.zeros(0)])
    return {math.exp(float(steps.mean()))} if steps.size and np.ptp(steps) <= CLOSE else set()


def _work(c: Contest) -> set[int]:
    """Gradients of the runs that went to the end."""
    return set(np.concatenate([e.evaluations[e.ended < 0] for e in c.entries] or [np.zeros(0, int)]).tolist())


def _chances(c: Contest) -> list[Flag]:
    out = []
    most = max(_counts(c), default=0)
    for e in _tuned(c):
        n = len(e.rates)
        if n < most:
            word = "1 rate" if n == 1 else f"{n} rates"
            kind = "one rate" if n == 1 else "rates"
            out.append(Flag(kind, c.problem, e.name, f"{e.name} had {word}, others {most}", True))
    if most == 1:
        out.append(Flag("one rate", c.problem, "", "one learning rate each: what tuning would do is not known", True))
    for word, key in (("first parameters", "starts"), ("order of the data", "orders")):
        if len({getattr(e, key) for e in c.entries}) > 1:
            out.append(Flag(key, c.problem, "", f"not all had the same {word}", True))
    work = {e.name: e.evaluations[e.ended < 0] for e in c.entries}
    means = {name: float(w.mean()) for name, w in work.items() if w.size}
    least = min(means.values(), default=0.0)
    for name, n in means.items():
        if least and n > least * 1.01:
            text = f"{name} took {n / least:.3g} times as many gradients as the most frugal"
            out.append(Flag("evaluations", c.problem, name, text, True))
    return out


def _entry(c: Contest, e: Entry) -> list[Flag]:
    out = []
    runs, lost = e.ended.size, int((~np.isfinite(e.losses)).sum())
    if lost == runs:
        return [Flag("diverged", c.problem, e.name, f"{e.name} diverged at every rate")]
    if e.edge:
        up = e.edge == "high"
        ratio = e.rates[-1] / e.rates[-2] if up else e.rates[0] / e.rates[1]
        text = (f"{e.name}: the best rate, {e.best_rate:.3g}, is the {'highest' if up else 'lowest'} of its grid; "
                f"a better one may lie beyond, so go on to {e.best_rate * ratio:.3g}")  # fmt: skip
        out.append(Flag("edge", c.problem, e.name, text))
    rates = int((~np.isfinite(e.losses)).any(axis=1).sum())
    if rates:
        out.append(Flag("diverged", c.problem, e.name, f"{e.name} diverged at {rates} of {len(e.rates)} rates"))
    return out


def _seeds(c: Contest) -> list[Flag]:
    if len(c.seeds) == 1:
        text = "one seed: how much of it is luck is not known"
        return [Flag("one seed", c.problem, "", text)] if c.kind != "surface" else []
    values, pairs = c.values("best"), []
    for a, b in pairwise(c.ranking("best")):
        both = np.isfinite(values[a]).any() and np.isfinite(values[b]).any()
        if both and not judging.ahead(values[a], values[b]) and not np.array_equal(values[a], values[b]):
            pairs.append(f"{a} is ahead of {b} in {int((values[a] < values[b]).sum())} of {len(c.seeds)}")
    more = f", and {len(pairs) - PAIRS} pairs more" if len(pairs) > PAIRS else ""
    text = f"the seeds disagree: {', '.join(pairs[:PAIRS])}{more}"
    return [Flag("seeds disagree", c.problem, "", text)] if pairs else []
