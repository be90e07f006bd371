"""How good are the laws? Plant errors in every derivative rule and count those that some law finds.

Run it with ``python -m tests.mutation`` from the root of the repository; ``python -m tests.mutation reduction
pool`` looks at some files of ``ops`` only. ``python -m tests.mutation optim`` plants errors in update rules, slot
starts, transforms and projections, ``schedules`` in the closed forms of schedules (or ``optim adam momenta``, some
files of it); what finds them are recorded runs of other libraries and the papers' formulas. It prints the score and
the survivors, and ends with an error when the score is below 99 % or a survivor has no reason in ``equivalent.py``.
"""

from __future__ import annotations

import sys
import time

from tests.mutation.run import SCORE, everything, summary


def main(names: list[str]) -> int:
    """Run and report."""
    start = time.perf_counter()
    outcome = everything(names, progress=lambda text: print(text, flush=True))
    print(summary(outcome))
    print(f"{time.perf_counter() - start:.0f} seconds")
    return 0 if outcome.score >= SCORE and not outcome.unexplained else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
