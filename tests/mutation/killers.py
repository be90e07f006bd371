"""What kills a mutant of an update rule: recorded runs of other libraries, the papers, and what every row keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path as File
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.mutation.facts import after, nearest, refusals, single, state
from tests.mutation.papers_around import PAPERS, chains
from tests.mutation.replay import KINDS, close, digest, parameters, paths, steps
from torchlean_nb.updates import RULES, UpdateRule

RUNS = File(__file__).parent / "runs.json"
# Papers leave open which of many equal slopes leads, and what a singular vector of equal singular values is.
FREE = {("alike", n) for n in ("coordinate_descent", "frank_wolfe", "galore", "galore_sgd", "muon", "muon_debiased")}

# The loss is a float, and its largest number with 0 one of 64 bits: the shell takes it back into 32.


@cache
def recorded() -> Mapping[str, list[tuple[str, dict[str, Any], list[float]]]]:
    """Runs of PyTorch, optax and pytorch_optimizer by row: kind of path, hyperparameters, a number for each step."""
    out: dict[str, list[tuple[str, dict[str, Any], list[float]]]] = {}
    for r in json.loads(RUNS.read_text(encoding="utf-8")):
        out.setdefault(r["rule"], []).append((r["kind"], r["given"], [float.fromhex(x) for x in r["digest"]]))
    return out


@cache
def composed() -> Mapping[str, tuple[UpdateRule, Any, list[dict[str, Any]]]]:
    """Chains and wrapped rules, with their other form."""
    return chains()


def subjects() -> dict[str, UpdateRule]:
    """All rules that are mutated: the table, and what is made of transforms and wrappers."""
    return {r.name: r for r in RULES.values() if r.builtin} | {n: rule for n, (rule, *_) in composed().items()}


def as_recorded(name: str, rule: UpdateRule) -> str | None:
    """First run that is not what another library does."""
    for kind, given, right in recorded().get(name, ()):
        if not close(digest(parameters(rule, given, kind)), right):
            return f"recorded {kind} {given}"
    return None


def as_written(name: str, rule: UpdateRule) -> str | None:
    """First run that is not what the paper's formula gives, or a term beside it."""
    paper, settings = composed()[name][1:] if name in composed() else PAPERS.get(name, (None, ()))
    for given in settings:
        for kind in KINDS:
            if (kind, name) in FREE:
                continue
            for path in paths(rule, kind):
                h = SimpleNamespace(**rule.resolve(given))
                with np.errstate(all="ignore"):
                    other = list(paper(h, path.start, path))
                for t, (mine, right) in enumerate(zip(steps(rule, given, path), other, strict=True), 1):
                    for k, v in right.items():
                        if not close(np.broadcast_to(mine[k], np.shape(v)), v, 1e-11):
                            return f"paper {kind} {given} step {t}: {k}"
    return None


def keeps(name: str, rule: UpdateRule) -> str | None:
    """Shapes and dtypes; state that is the same when it is stored, and inputs that stay as they are."""
    settings = [given for _, given, _ in recorded().get(name, ())] or [{}]
    for given in {str(g): g for g in settings}.values():
        for dtype in (np.float32, np.float64):
            for path in paths(rule, "random"):
                path.start.setflags(write=False)
                path.gradients.setflags(write=False)
                for _, s in zip(range(3), steps(rule, given, path, dtype), strict=False):
                    for k, before in s["before"].items():
                        after = np.asarray(s[k])
                        if before.dtype != dtype or after.dtype != dtype or after.shape != before.shape:
                            return f"{np.dtype(dtype)} {given}: {k}"
                    if np.asarray(s["delta"]).dtype != dtype or np.shape(s["delta"]) != s["p"].shape:
                        return f"{np.dtype(dtype)} {given}: delta"
    return None


CHECKS: tuple[Callable[[str, UpdateRule], str | None], ...] = (as_recorded, as_written, after, single, state, keeps)
# What belongs to no single row.
SHARED: dict[str, Callable[[], str | None]] = {"refusals": refusals, "projections": nearest}


def complaint(name: str, rule: UpdateRule) -> str | None:
    """First thing that is wrong with a rule, None when nothing is."""
    for check in CHECKS:
        try:
            if found := check(name, rule):
                return f"{name}: {found}"
        except Exception as e:
            return f"{name}: {check.__name__}: {type(e).__name__}: {e}"
    return None
