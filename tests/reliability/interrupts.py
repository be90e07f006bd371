"""Stop pressed at random moments: ``python -m tests.reliability.interrupts 10000``.

Each operation is stopped at random instructions (`Stop`), and by real signals (``SIGINT``, from a timer).
After it everything must be as before or as after, or as between two of its whole steps; and who then goes on gets to
the bits of a run that nobody stopped. Prints a table of operations.
"""

from __future__ import annotations

import gc
import random
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from _stop import Stop  # noqa: E402 - found by the line above

NEVER = 10**9


class Operation(NamedTuple):
    """Something that is done, all that may have changed by it, and how one goes on after it was stopped."""

    do: Callable[[], Any]
    state: Callable[[], Any]
    rest: Callable[[], Any] | None = None  # the same once more where nothing happened
    between: Callable[[], list[Any]] | None = None  # states of whole steps on the way


class Known(NamedTuple):
    """What is there without a stop, and how long the operation is."""

    allowed: list[Any]
    before: Any
    end: Any
    instructions: int
    seconds: float


class Count(NamedTuple):
    """What became of the stops in one operation."""

    stops: int
    old: int
    torn: list[str]


def go_on(op: Operation, before: Any) -> None:
    """The rest after a stop."""
    if op.rest is not None:
        op.rest()
    elif op.state() == before:
        op.do()


def known(make: Callable[[], Operation]) -> Known:
    """An operation that nobody stops, twice: the first time much is compiled."""
    make().do()
    op = make()
    before, stop = op.state(), Stop(NEVER)
    begun = time.perf_counter()
    op.do()
    seconds = time.perf_counter() - begun
    after = op.state()
    go_on(op, before)
    end = op.state()
    again = make()
    traced(again.do, stop)
    assert again.state() == after, "not the same twice"
    return Known([before, after, *(op.between() if op.between else [])], before, end, NEVER - stop.left, seconds)


def traced(do: Callable[[], Any], stop: Stop) -> None:
    """Run under Stop; what it raises ends here. Whatever the collector would do meanwhile is not counted."""
    outer, collecting = sys.gettrace(), gc.isenabled()
    gc.disable()
    try:
        sys.settrace(stop)
        do()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(outer)
        (gc.enable if collecting else gc.disable)()


def signalled(do: Callable[[], Any], seconds: float) -> bool:
    """Run with a real SIGINT after so many seconds; whether it came before the end, and Python let it through."""
    at_work, came, outer_hook, floats = [True], [], sys.unraisablehook, np.geterr()

    def press(number: int, frame: Any) -> None:
        if at_work:
            came.append(True)
            signal.raise_signal(signal.SIGINT)

    def unraisable(found: Any) -> None:
        # Python drops what is raised in __del__, in a weak reference's callback and in a collector's: no Stop, then.
        if issubclass(found.exc_type, KeyboardInterrupt):
            came.clear()
        else:
            outer_hook(found)

    outer = signal.signal(signal.SIGALRM, press), signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.unraisablehook = unraisable
    try:
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
        do()
        at_work.clear()
    except KeyboardInterrupt:
        at_work.clear()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, outer[0]), signal.signal(signal.SIGINT, outer[1])
        sys.unraisablehook = outer_hook
        np.seterr(**floats)  # a Stop at the end of `np.errstate` leaves what was inside
    return bool(came)


def stopped(make: Callable[[], Operation], facts: Known, draw: random.Random, real: bool) -> tuple[bool, bool, str]:
    """One stop: whether it came in time, whether nothing had happened yet, and what is wrong."""
    op = make()
    if real:
        at: Any = draw.random() * facts.seconds
        pressed = signalled(op.do, at)
    else:
        at = draw.randint(1, facts.instructions)
        stop = Stop(at)
        traced(op.do, stop)
        pressed = stop.pressed
    if not pressed:
        return False, False, ""
    where = f"signal after {at * 1000:.2f} ms" if real else f"instruction {at} of {facts.instructions}"
    try:
        seen = op.state()
        if seen not in facts.allowed:
            return True, False, f"{where}: neither before nor after"
        go_on(op, facts.before)
        wrong = "" if op.state() == facts.end else f"{where}: another way afterwards"
    except Exception as e:
        return True, False, f"{where}: {type(e).__name__}: {e}"
    return True, seen == facts.before, wrong


def fuzz(name: str, times: int, seed: int = 0, real: bool = False) -> Count:
    """Stops in one operation of the table."""
    from reliability.operations import OPERATIONS

    make, draw = OPERATIONS[name], random.Random(f"{name} {seed}")
    facts, stops, old, torn = known(make), 0, 0, []
    for _ in range(2 * times):
        if stops == times:
            break
        came, unchanged, wrong = stopped(make, facts, draw, real)
        stops, old = stops + came, old + unchanged
        torn += [wrong] if wrong else []
    return Count(stops, old, torn)


def shares(times: int) -> Iterator[tuple[str, int, bool]]:
    """The stops of a long run: of every operation equally many, every tenth a signal."""
    from reliability.operations import OPERATIONS

    for i, name in enumerate(OPERATIONS):
        each = times // len(OPERATIONS) + (i < times % len(OPERATIONS))
        yield name, each - each // 10, False
        yield name, each // 10, True


def main(times: int, seed: int) -> int:
    """Run and report."""
    total, wrong = 0, 0
    print(f"{'operation':44} {'stops':>6} {'before':>7} {'after':>6} {'torn':>5}")
    for name, count, real in shares(times):
        c = fuzz(name, count, seed, real)
        total, wrong = total + c.stops, wrong + len(c.torn)
        label = name + (", signals" if real else "")
        print(f"{label:44} {c.stops:6} {c.old:7} {c.stops - c.old:6} {len(c.torn):5}", *c.torn[:2], flush=True)
    print(f"{total} stops, {wrong} torn states")
    return bool(wrong)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main(*map(int, [*sys.argv[1:], *("1000", "0")[len(sys.argv) - 1 :]])))
