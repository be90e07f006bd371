"""Who computes trials: this process, or any executor, which may lose some of them on the way."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

from torchlean_nb import optim
from torchlean_nb.backend.threads import chosen, threads
from torchlean_nb.errors import CapabilityError, ToolError, quote
from torchlean_nb.race.contenders import Contender
from torchlean_nb.race.trial import Outcome, Trial, run_trials

TRIES = 3
BLOCK, ALONE = 500, 20  # trials that go together on a surface, and where each has an optimizer of its own
HERE = f"{os.getpid()} {uuid4().hex}"
Found = list[Outcome | Exception]
Take = Callable[[int, Found], BaseException | None]


def one_thread() -> AbstractContextManager[Any]:
    """One thread for BLAS, as everywhere else, unless a variable of the environment says otherwise."""
    try:
        return nullcontext() if chosen() else threads(1, by="tl.race.sweep")
    except CapabilityError:
        return nullcontext()


def units(trials: Sequence[Trial]) -> list[list[int]]:
    """Numbers of trials that are computed together: on a surface those of one optimizer, a network at a time."""
    out: list[list[int]] = []
    open_: dict[Any, list[int]] = {}
    for i, t in enumerate(trials):
        if t.problem.kind != "surface":
            out.append([i])
            continue
        rest = tuple((k, v) for k, v in t.hypers.items() if k != "lr")
        alike = t.problem, t.rule, rest, repr(t.schedule), t.budget, t.device
        unit = open_.get(alike)
        if unit is None or len(unit) >= (ALONE if Contender("", optim.row(t.rule), t.hypers).alone else BLOCK):
            unit = open_[alike] = []
            out.append(unit)
        unit.append(i)
    return out


def attempt(trials: Sequence[Trial], points: int) -> Found:
    """Outcomes; what one of them cannot do is told in its place and does not touch the others."""
    try:
        return [found.thinned(points) for found in run_trials(trials)]
    except Exception as e:
        if len(trials) > 1:
            return [found for t in trials for found in attempt([t], points)]
        return [_portable(e)]


def _portable(e: Exception) -> Exception:
    """The exception, or one that says the same and can travel."""
    e = e.with_traceback(None)
    try:
        pickle.loads(pickle.dumps(e))
    except Exception:
        return RuntimeError(f"{type(e).__name__}: {e}")
    return e


@cache
def _settle() -> None:
    """Set the threads of this process, once."""
    one_thread()


def at_work(trials: Sequence[Trial], points: int, home: str, token: str) -> Found:
    """What a worker does; the token makes each order one of its own."""
    if home != HERE:
        _settle()
    return attempt(trials, points)


def serially(jobs: Sequence[Sequence[Trial]], points: int, take: Take) -> None:
    """Compute jobs one after the other; `take` gets the number of each and its outcomes, and may give a reason to stop.

    Raises
    ------
    BaseException
        The reason.
    """
    for n, trials in enumerate(jobs):
        _heed(take(n, attempt(trials, points)))


def by_an_executor(jobs: Sequence[Sequence[Trial]], points: int, take: Take, executor: Executor) -> None:
    """The same in the order in which jobs finish.

    Jobs that are lost with a worker are given out again. When it is stopped, what has not begun is taken back, and what
    has finished is taken.

    Raises
    ------
    ToolError
        When the executor takes no more work, or has lost a job several times.
    BaseException
        The reason to stop.
    """
    landed: SimpleQueue[Future[Found]] = SimpleQueue()
    waiting: dict[Future[Found], int] = {}
    tries = [0] * len(jobs)

    def give(n: int, why: str = "") -> None:
        tries[n] += 1
        if tries[n] > TRIES:
            raise ToolError(f"sweep: the executor lost the same work {TRIES} times", why, _AGAIN)
        try:
            future = executor.submit(at_work, jobs[n], points, HERE, uuid4().hex)
        except Exception as e:  # each kind of executor has errors of its own for this
            raise ToolError(f"sweep: {type(executor).__name__} takes no more work", _said(e), _AGAIN) from e
        waiting[future] = n
        future.add_done_callback(landed.put)

    try:
        for n in range(len(jobs)):
            give(n)
        while waiting:
            try:
                future = landed.get(timeout=1.0)  # without one, Stop is not heard on every system
            except Empty:
                continue
            n = waiting[future]
            try:
                found = future.result()
            except (BrokenExecutor, CancelledError) as e:
                del waiting[future]
                give(n, _said(e))
                continue
            except Exception as e:
                found = [e] * len(jobs[n])
            reason = take(n, found)
            del waiting[future]  # not before: what is half taken when Stop comes is taken once more
            _heed(reason)
    except (KeyboardInterrupt, ToolError):
        for future in waiting:
            future.cancel()
        for future, n in waiting.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                take(n, future.result())
        raise
    finally:
        for future in waiting:
            future.cancel()


def _said(e: BaseException) -> str:
    return f"{type(e).__name__}: {e}".removesuffix(": ")


def _heed(reason: BaseException | None) -> None:
    if reason is not None:
        raise reason


_AGAIN = "run the same call again with results=: it computes what is missing"


def check_executor(executor: Any) -> Any:
    """Anything that takes work as `concurrent.futures.Executor` does.

    Raises
    ------
    CapabilityError
    """
    if executor is not None and (isinstance(executor, type) or not callable(getattr(executor, "submit", None))):
        hint = "client.get_executor()" if hasattr(executor, "get_executor") else "ProcessPoolExecutor()"
        raise CapabilityError(f"sweep: executor={quote(executor, 60)} takes no work",
                              "a concurrent.futures.Executor", hint)  # fmt: skip
    return executor
