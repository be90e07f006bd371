"""The tables, as text for a terminal and as the page in docs/."""

from __future__ import annotations

from typing import Any

from benchmarks.harness import ratio

PEER = "torch"


def rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Contender, time of a step, that over the reference's, torch's over it, seconds to the first step, memory."""
    out: list[tuple[str, ...]] = []
    for name, c in result["contenders"].items():
        over = _ratio(result, name, result["reference"])
        against = _ratio(result, PEER, name)
        out.append((name, _time(c["median"]), over, against, f"{c['first']:.2f}", f"{c['peak']:.0f}"))
    return out + [(name, "not there", *[""] * 4) for name in result["missing"]]


def head(result: dict[str, Any]) -> tuple[str, ...]:
    """Words over the columns."""
    return "contender", "step", f"time / {result['reference']}", "x torch", "first step, s", "peak, MB"


def _ratio(result: dict[str, Any], a: str, b: str) -> str:
    there = result["contenders"]
    return f"{ratio(result, a, b):.3g}" if a in there and b in there else ""


def table(result: dict[str, Any]) -> str:
    """Text with aligned columns."""
    lines = [head(result), *rows(result)]
    wide = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join([line[0].ljust(wide[0]), *(x.rjust(w) for x, w in zip(line[1:], wide[1:], strict=True))]).rstrip()
        for line in lines
    )


def page(whole: dict[str, Any]) -> str:
    """Markdown of all workloads."""
    m = whole["machine"]
    packages = ", ".join(f"{k} {v}" for k, v in m["packages"].items())
    lines = [
        "# Benchmarks", "",
        "Written by `python -m benchmarks --json`, not by hand. Every contender runs in a process of its own with one",
        "thread, they take turns, and before anything is timed their numbers are compared: losses of five steps, or",
        "the parameters after them. A time is the median over rounds of the best of three; ratios are medians over",
        "rounds of the ratio within a round, *x torch* that of the time of torch's default over it. The first step",
        "counts from the start of Python's work, imports and compilation included; the peak is of the whole process.",
        "", f"{m['cpu']}, {m['cores']} cores, Python {m['python']}, {packages}.", "",
    ]  # fmt: skip
    for name, result in whole["workloads"].items():
        words = head(result)
        lines += [f"## {name}: {result['title']}", "", f"{result['date']}, {result['rounds']} rounds.", ""]
        lines += [f"| {' | '.join(words)} |", f"|---|{'---:|' * len(words[1:])}"]
        lines += [f"| {' | '.join(row)} |" for row in rows(result)]
        lines.append("")
    return "\n".join(lines)


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.3g} us" if seconds < 1e-3 else f"{seconds * 1e3:.3g} ms"
