"""One contender in a process of its own: builds it, says what it computes, then runs rounds when told to."""

from __future__ import annotations

import gc
import json
import os
import sys
from time import perf_counter


def main(module: str, workload: str, contender: str, seconds: float) -> None:
    """Speak over stdin and stdout, one JSON line at a time."""
    begun = perf_counter()
    answers, sys.stdout = sys.stdout, sys.stderr
    table = __import__(f"benchmarks.{module}", fromlist=["contenders"])

    def say(**message: object) -> None:
        print(json.dumps(message), file=answers, flush=True)

    check, timed = table.rates(workload)
    try:
        make = table.contenders(workload)[contender]
        steps = make(workload, check)
        values = [float(v) for v in steps(1)]
        first = perf_counter() - begun
        if steps.checked > 1:
            values += [float(v) for v in steps(steps.checked - 1)]
        values += steps.summary()
    except Exception as e:  # a peer that is missing or fails is left out, with its words
        say(missing=f"{type(e).__name__}: {e}".split("\n")[0])
        return
    if timed != check:
        steps = None
        gc.collect()
        steps = make(workload, timed)
    repeat, scale = steps.least, steps.scale
    while steps.best_of > 1 and steps.seconds(repeat) < seconds / 4:
        repeat *= 2
    say(first=first, check=values, scale=scale)
    for _ in sys.stdin:
        best = min(steps.seconds(repeat) for _ in range(steps.best_of))
        say(seconds=scale * best / repeat, peak=steps.peak())


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
