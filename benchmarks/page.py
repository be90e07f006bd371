"""The tables, as text for a terminal and as the page in docs/."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.goals import GOALS, Goal
from benchmarks.harness import ratio

PEERS = ("torch", "torch, vectorised")  # whose time is set against everybody's
HEAD = """# Benchmarks

Written by `python -m benchmarks --json`, not by hand. Every contender runs in a process of its own with one thread,
they take turns in alternating order, and before anything is timed their numbers are compared: losses of five steps,
or what was computed. While networks are timed the learning rate is tiny. A time is the median over rounds of the best
of three; ratios are medians over rounds of the ratio within a round, *x torch* that of the time of torch's default
over it. The first step counts from the start of Python's work, imports and compilation included; the peak is of the
whole process.
"""


def rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Contender, time of a step, that over the reference's, torch's over it, seconds to the first step, memory."""
    out: list[tuple[str, ...]] = []
    peer = next((p for p in PEERS if p in result["contenders"]), "")
    for name, c in result["contenders"].items():
        over = _ratio(result, name, result["reference"])
        first = f"{c['first']:.2f}" if result.get("at_once", 1) == 1 else ""
        out.append((name, time(c["median"]), over, _ratio(result, peer, name), first, f"{c['peak']:.0f}"))
    return out + [(name, "not there", *[""] * 4) for name in result["missing"]]


def head(result: dict[str, Any]) -> tuple[str, ...]:
    """Words over the columns."""
    return "contender", "step", f"time / {result['reference']}", "x torch", "first step, s", "peak, MB"


def goals(workloads: dict[str, Any]) -> list[tuple[str, ...]]:
    """Every goal: what was aimed at, what was measured, whether it is met."""
    return [_judged(g, g.value(workloads)) for g in GOALS]


def _judged(g: Goal, value: float | None) -> tuple[str, ...]:
    bound = ("at least " if g.kind == "per / time" else "at most ") + _number(g.kind, g.bound)
    if value is None:
        return g.group, g.words, bound, "", "not measured"
    return g.group, g.words, bound, _number(g.kind, value), "yes" if g.met(value) else "**no**"


def _number(kind: str, value: float) -> str:
    return time(value) if kind == "seconds" else f"{value:.0f} MB" if kind == "MB" else f"{value:.3g}"


def verdict(workloads: dict[str, Any]) -> str:
    """How many goals of how many measured ones are met."""
    found = [(g, v) for g in GOALS if (v := g.value(workloads)) is not None]
    met = sum(g.met(v) for g, v in found)
    return f"{met} of the {len(found)} goals that were measured are met; there are {len(GOALS)}."


def _ratio(result: dict[str, Any], a: str, b: str) -> str:
    there = result["contenders"]
    return f"{ratio(result, a, b):.3g}" if a in there and b in there else ""


def aligned(lines: Sequence[tuple[str, ...]]) -> str:
    """Text in columns, the first to the left."""
    wide = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join([line[0].ljust(wide[0]), *(x.rjust(w) for x, w in zip(line[1:], wide[1:], strict=True))]).rstrip()
        for line in lines
    )


def table(result: dict[str, Any]) -> str:
    """A workload for a terminal."""
    return aligned([head(result), *rows(result)])


def page(whole: dict[str, Any]) -> str:
    """Markdown of all workloads, the goals on top."""
    m, workloads = whole["machine"], whole["workloads"]
    packages = ", ".join(f"{k} {v}" for k, v in m["packages"].items())
    lines = [HEAD, f"{m['cpu']}, {m['cores']} cores, Python {m['python']}, {packages}.", "", "## Goals", ""]
    lines += [verdict(workloads), ""]
    lines += _markdown(("goal", "measured is", "bound", "value", "met"), goals(workloads), left=2)
    for name, result in workloads.items():
        lines += [f"## {name}: {result['title']}", "", f"{result['date']}, {result['rounds']} rounds.", ""]
        lines += _markdown(head(result), rows(result), left=1)
        words = [f"- {who}: {why}" for who, why in result["missing"].items()]
        lines += [*words, ""] if words else []
    return "\n".join(lines)


def _markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], left: int) -> list[str]:
    rule = "|---" * left + "|---:" * (len(head) - left) + "|"
    return [f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(row)} |" for row in rows), ""]


def time(seconds: float) -> str:
    """Three digits with a unit."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g} us"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
