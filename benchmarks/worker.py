"""One contender in a process of its own: builds it, says what it computes, then runs rounds when told to."""

from __future__ import annotations

import json
import os
import resource
import sys
from time import perf_counter
from typing import Any

CHECKED = 5  # steps before the numbers are compared


def main(module: str, workload: str, contender: str, seconds: float) -> None:
    """Speak over stdin and stdout, one JSON line at a time."""
    begun = perf_counter()
    answers, sys.stdout = sys.stdout, sys.stderr
    table = __import__(f"benchmarks.{module}", fromlist=["CONTENDERS"])

    def say(**message: object) -> None:
        print(json.dumps(message), file=answers, flush=True)

    check, timed = table.rates(workload)
    try:
        make = table.CONTENDERS[contender]
        steps = make(workload, check)
        values = [float(v) for v in steps(1)]
    except Exception as e:  # a peer that is missing or fails is left out, with its words
        say(missing=f"{type(e).__name__}: {e}".split("\n")[0])
        return
    first = perf_counter() - begun
    values += [float(v) for v in steps(CHECKED - 1)] + steps.summary()
    if timed != check:
        steps = make(workload, timed)
    repeat = steps.least
    while _time(steps, repeat) < seconds / 4:
        repeat *= 2
    say(first=first, check=values)
    for _ in sys.stdin:
        say(seconds=min(_time(steps, repeat) for _ in range(3)) / repeat, peak=_peak())


def _time(steps: Any, repeat: int) -> float:
    begun = perf_counter()
    steps(repeat)
    return perf_counter() - begun


def _peak() -> float:
    """Most memory the process has had, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
