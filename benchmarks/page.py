"""The tables, as text for a terminal and as the page in docs/."""

from __future__ import annotations

from typing import Any

from benchmarks.harness import ratio

PEER = "torch"


def rows(result: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Contender, time of a step, how many times as fast as torch's default, and seconds to the first step."""
    out = []
    for name, c in result["contenders"].items():
        against = f"{1 / ratio(result, name, PEER):.3g}" if PEER in result["contenders"] else ""
        out.append((name, _time(c["median"]), against, f"{c['first']:.2f}"))
    return out + [(name, "not there", "", "") for name in result["missing"]]


HEAD = ("contender", "step", "x torch", "first step, s")


def table(result: dict[str, Any]) -> str:
    """Text with aligned columns."""
    lines = [HEAD, *rows(result)]
    wide = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
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
        "thread, they take turns, and before anything is timed their numbers are compared. A time is the median over",
        "rounds of the best of three; *x torch* is the median over rounds of the time of torch's default over it.",
        "", f"{whole['date']}, {m['cpu']}, {m['cores']} cores, Python {m['python']}, {packages}.", "",
    ]  # fmt: skip
    for name, result in whole["workloads"].items():
        lines += [f"## {name}: {result['title']}", "", f"| {' | '.join(HEAD)} |", "|---|---:|---:|---:|"]
        lines += [f"| {' | '.join(row)} |" for row in rows(result)]
        lines.append("")
    return "\n".join(lines)


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.3g} us" if seconds < 1e-3 else f"{seconds * 1e3:.3g} ms"
