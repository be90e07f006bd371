"""One contender in a process of its own: builds it, says what it computes, then runs rounds when told to."""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter

CHECKED = 5  # steps before the numbers are compared


def main(module: str, workload: str, contender: str, seconds: float) -> None:
    """Speak over stdin and stdout, one JSON line at a time."""
    begun = perf_counter()
    answers, sys.stdout = sys.stdout, sys.stderr
    table = __import__(f"benchmarks.{module}", fromlist=["CONTENDERS"])

    def say(**message: object) -> None:
        print(json.dumps(message), file=answers, flush=True)

    try:
        step, numbers = table.CONTENDERS[contender](workload)
        step()
    except Exception as e:  # a peer that is missing or fails is left out, with its words
        say(missing=f"{type(e).__name__}: {e}".split("\n")[0])
        return
    first = perf_counter() - begun
    for _ in range(CHECKED - 1):
        step()
    values = numbers().astype("float64")
    say(first=first, check=[float(values.sum()), float((values * values).sum()), float(values[len(values) // 2])])
    repeat = 1
    while _time(step, repeat) < seconds / 4:
        repeat *= 2
    for _ in sys.stdin:
        say(seconds=min(_time(step, repeat) for _ in range(3)) / repeat)


def _time(step: object, repeat: int) -> float:
    begun = perf_counter()
    for _ in range(repeat):
        step()  # type: ignore[operator]
    return perf_counter() - begun


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
