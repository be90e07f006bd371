"""Run mutants one after the other and see which of them some law kills."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from textwrap import wrap
from types import CodeType

import torchlean_nb as tl
from tests.mutation import killers, machinery, shapes
from tests.mutation.equivalent import REASONS as OF_OPS
from tests.mutation.equivalent_rules import REASONS as OF_RULES
from tests.mutation.reach import complaint, digits, kink, rules, watch
from tests.mutation.surgery import Mutant, Source

PACKAGE = Path(tl.__file__).parent
SCORE = 0.99
LIMIT = 20.0
REASONS = OF_OPS | OF_RULES
# What finds rows and makes schedules of them: not a formula.
SHELLS = {"_row", "__init__"}


@dataclass
class Outcome:
    """Mutants that were killed and those that lived."""

    killed: int = 0
    equivalent: list[Mutant] = field(default_factory=list)
    unexplained: list[Mutant] = field(default_factory=list)
    per_file: dict[str, list[int]] = field(default_factory=dict)
    per_row: dict[str, list[int]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All that were tried."""
        return self.killed + len(self.equivalent) + len(self.unexplained)

    @property
    def score(self) -> float:
        """Share of killed ones among those that are wrong."""
        wrong = self.killed + len(self.unexplained)
        return self.killed / wrong if wrong else 1.0

    def add(self, mutant: Mutant, found: str | None) -> None:
        """Enter one result."""
        for table, name in ((self.per_file, mutant.file), (self.per_row, mutant.function.split(".")[0])):
            counts = table.setdefault(name, [0, 0])
            counts[0], counts[1] = counts[0] + bool(found), counts[1] + 1
        if found:
            self.killed += 1
        else:
            (self.equivalent if mutant.key in REASONS else self.unexplained).append(mutant)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Interrupt a mutant that never ends."""
    def stop(*_: object) -> None:
        raise TimeoutError(f"not done after {seconds} seconds")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def of_rules(names: list[str]) -> Iterator[tuple[Source, Mutant, Callable[[], str | None]]]:
    """Mutants of the derivative rules, each with the laws of the rows that use it."""
    table = rules()
    for path in sorted((PACKAGE / "ops").glob("*.py")):
        if names and path.stem not in names:
            continue
        source = Source(path)
        wanted = {c for c in source.codes if c in table}
        for mutant in source.mutants(wanted):
            yield source, mutant, lambda code=mutant.code: first_complaint(table, code)


def first_complaint(table: dict[CodeType, list], code: CodeType) -> str | None:
    """What the laws of the first row that notices say."""
    rows = sorted(table[code], key=lambda op: sum(a.shape != () for s in op.samples for a in s.args))
    return next((found for op in rows if (found := complaint(op))), None) or kink() or digits()


def of_optim(names: list[str]) -> Iterator[tuple[Source, Mutant, Callable[[], str | None]]]:
    """Mutants of update rules, slot starts, transforms, wrappers and projections."""
    subjects = killers.subjects()
    checks = {n: partial(killers.complaint, n, r) for n, r in subjects.items()} | killers.SHARED
    return of_rows("optim", names, checks)


def of_schedules(names: list[str]) -> Iterator[tuple[Source, Mutant, Callable[[], str | None]]]:
    """Mutants of the closed forms of schedules."""
    shapes.prepare()
    return of_rows("schedules", names, {n: partial(shapes.complaint, r) for n, r in shapes.rows().items()})


def of_rows(
    folder: str, names: list[str], complaints: dict[str, Callable[[], str | None]]
) -> Iterator[tuple[Source, Mutant, Callable[[], str | None]]]:
    """Mutants of what runs under some checks, one for each row, with those that run it."""
    table: dict[CodeType, list[str]] = {}
    for name, check in complaints.items():
        check()  # first without the profiler: what is made once is not part of the row
        seen: set[CodeType] = set()
        with watch(seen, f"torchlean_nb/{folder}/"):
            found = check()
        assert found is None, found
        for code in seen:
            table.setdefault(code, []).append(name)
    for path in sorted((PACKAGE / folder).glob("*.py")):
        if path.stem in SHELLS or (names and path.stem not in names):
            continue
        source = Source(path)
        for mutant in source.mutants({c for c in source.codes if c in table}):
            own = sorted(table[mutant.code], key=lambda n: n != mutant.function)
            yield source, mutant, lambda own=own: next((f for n in own if (f := told(complaints[n]))), None)


def told(check: Callable[[], str | None]) -> str | None:
    """What a check says; an error says enough."""
    try:
        return check()
    except Exception as e:
        return f"{type(e).__name__}: {e}"


TARGETS = {"optim": of_optim, "schedules": of_schedules}


def everything(names: list[str], progress: Callable[[str], None] = lambda text: None) -> Outcome:
    """All mutants of rules and, unless files are named, of the machinery."""
    outcome, last = Outcome(), ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if names and names[0] in TARGETS:
            parts = (TARGETS[names[0]](names[1:]),)
        else:
            parts = (of_rules(names), () if names else machinery.mutants(PACKAGE))
        for mutants in parts:
            for source, mutant, check in mutants:
                if mutant.file != last:
                    progress(f"{mutant.file} ...")
                    last = mutant.file
                try:
                    with source.alive(mutant), at_most(LIMIT):
                        found = check()
                except (TimeoutError, RecursionError, MemoryError) as e:
                    found = f"{type(e).__name__}: {e}"
                outcome.add(mutant, found)
    return outcome


def summary(outcome: Outcome) -> str:
    """Score per file and per row, and everybody who lived."""
    lines = [f"  {name:16} {killed:5} of {total:5} killed" for name, (killed, total) in outcome.per_file.items()]
    lines += wrap(", ".join(f"{name} {a}/{b}" for name, (a, b) in outcome.per_row.items()), 110)
    lines.append(f"equivalent, with a reason: {len(outcome.equivalent)}")
    lines += [f"  {m}\n      {REASONS[m.key]}" for m in outcome.equivalent]
    lines.append(f"SURVIVED: {len(outcome.unexplained)}")
    lines += [f"  {m}" for m in outcome.unexplained]
    lines.append(f"score {outcome.score:.2%}: {outcome.killed} of {outcome.total - len(outcome.equivalent)} killed")
    return "\n".join(lines)
