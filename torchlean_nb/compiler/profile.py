"""Profile: how long each statement of a program takes, and how many bytes it moves.

The statements are those of the program's source, run one at a time with a clock between them. Reading a clock takes
time itself; it is measured in the same run and subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from torchlean_nb.backend.quiet import quietly
from torchlean_nb.compiler.lanes import lanes
from torchlean_nb.compiler.listing import columns, nbytes
from torchlean_nb.compiler.lowering import Graph, Origin
from torchlean_nb.compiler.plan import Plan
from torchlean_nb.compiler.source import Text, constants, head, indented
from torchlean_nb.errors import HyperparameterError

LEAVES = ("input", "const")


@dataclass(frozen=True)
class Cost:
    """What one line costs, or several together.

    Parameters
    ----------
    line : int
        Its number in the graph; -1 for several.
    name : str
        The line's statement, an op, or what lines are a part of.
    op : str
    origin : Origin
    seconds : float
        Median of the runs.
    read, written : int
        Bytes.
    flops : int
        Additions and multiplications of products of matrices; 0 for all else.
    lines : int
        How many they are.
    """

    line: int
    name: str
    op: str
    origin: Origin
    seconds: float
    read: int
    written: int
    flops: int = 0
    lines: int = 1


@dataclass(frozen=True, repr=False)
class Profile:
    """Costs of a program, the dearest line first.

    Parameters
    ----------
    costs : tuple of Cost
    whole : float
        Seconds of a run without clocks.
    clock : float
        Seconds it takes to read the clock twice, which is subtracted from each line.
    peak, kept : int
        Bytes in arrays of the plan: most in use at once, and all of them.
    runs : int
    """

    costs: tuple[Cost, ...]
    whole: float
    clock: float
    peak: int
    kept: int
    runs: int

    def __iter__(self) -> Iterator[Cost]:
        return iter(self.costs)

    def __len__(self) -> int:
        return len(self.costs)

    @property
    def seconds(self) -> float:
        """All lines together."""
        return sum(c.seconds for c in self.costs)

    @property
    def by_op(self) -> tuple[Cost, ...]:
        """Costs of all lines of a primitive, the dearest first."""
        return _grouped(self.costs, lambda c: (c.op, Origin(c.op)))

    @property
    def by_origin(self) -> tuple[Cost, ...]:
        """Costs of all lines that are a part of the same op or rule, the dearest first."""
        return _grouped(self.costs, lambda c: (str(c.origin) or "the rest", c.origin))

    def text(self, by: str = "line", most: int | None = None) -> str:
        """A table.

        Parameters
        ----------
        by : {"line", "op", "origin"}
        most : int, optional
            Rows to show.

        Raises
        ------
        HyperparameterError
        """
        tables = {"line": self.costs, "op": self.by_op, "origin": self.by_origin}
        if by not in tables:
            raise HyperparameterError(f"profile: by={by!r}", "it is one of line, op, origin")
        found, total = tables[by], self.seconds or 1.0
        rows = [("us", "share", "read", "written", "flops", "lines", by)]
        rows += [
            (f"{1e6 * c.seconds:.2f}", f"{100 * c.seconds / total:.0f} %", str(c.read), str(c.written),
             str(c.flops or ""), str(c.lines), c.name)
            for c in found[:most]
        ]  # fmt: skip
        rest = f"{len(found) - most} more rows\n" if most is not None and most < len(found) else ""
        return (
            f"{columns(rows, '>>>>>><')}\n{rest}{1e6 * self.seconds:.1f} us in {len(self.costs)} lines, "
            f"{1e6 * self.whole:.1f} us as a whole; the clock's {1e6 * self.clock:.2f} us per line are subtracted\n"
            f"{self.peak} bytes in use at most, of {self.kept} in arrays made once; median of {self.runs} runs"
        )

    def __repr__(self) -> str:
        return self.text()


def _grouped(costs: Sequence[Cost], key: Any) -> tuple[Cost, ...]:
    groups: dict[Any, list[Cost]] = {}
    for c in costs:
        groups.setdefault(key(c), []).append(c)
    found = [
        Cost(-1, name, origin.op, origin, sum(c.seconds for c in g), sum(c.read for c in g),
             sum(c.written for c in g), sum(c.flops for c in g), len(g))
        for (name, origin), g in groups.items()
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda c: -c.seconds))


def flops(graph: Graph, i: int) -> int:
    """Multiplications and additions of a product: twice the result's size times the length of the sums.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> flops(tl.compile(lambda a, b: a @ b, [[1.0, 2.0]], [[3.0], [4.0]]).graph, 2)
    4
    """
    line = graph.lines[i]
    return 2 * math.prod(line.shape) * line.first[-1] if line.op == "matmul" else 0


def moved(graph: Graph, i: int) -> tuple[int, int]:
    """Bytes that a line reads and writes; a view moves none."""
    line = graph.lines[i]
    if line.view or line.op in LEAVES:
        return 0, 0
    read = {a: nbytes(graph.lines[a].shape, graph.lines[a].dtype) for a in line.args if a >= 0}
    return sum(read.values()), nbytes(line.shape, line.dtype)


def _after(device: Any) -> Callable[[], float]:
    """A clock that waits for the device, which otherwise computes while Python goes on."""
    wait = device.np.cuda.Stream.null.synchronize

    def now() -> float:
        wait()
        return perf_counter()

    return now


def profile(
    graph: Graph, plan: Plan, names: Sequence[str], arrays: Sequence[Any], repeat: int, device: Any = None
) -> Profile:
    """Run a program's statements one at a time, `repeat` times; a device is waited for after each.

    Raises
    ------
    HyperparameterError
    """
    if isinstance(repeat, bool) or not isinstance(repeat, int) or repeat < 1:
        raise HyperparameterError(f"profile: repeat={repeat!r}", "runs are counted from 1")
    text = Text(graph, plan, names)
    timed, plain, parts = [], [], text.steps
    for k, (_, code) in enumerate(parts):
        timed += ["_a = _now()", *code, f"_s[{k}].append(_now() - _a)"]
        plain += code
    timed += ["_a = _now()", f"_s[{len(parts)}].append(_now() - _a)"]
    start = [*head("profile", graph, plan, [*text.once, *text.bound, *plain], device), *text.made, *text.once]
    step = [f"def step({', '.join(text.names)}):", *indented([*text.bound, *timed])]
    whole = [f"def whole({', '.join(text.names)}):", *indented([*text.bound, *plain, "pass"])]
    samples: list[list[float]] = [[] for _ in range(len(parts) + 1)]
    now = perf_counter if device is None else _after(device)
    space: dict[str, Any] = {"constants": constants(graph, device), "_now": now, "_s": samples}
    exec(compile("\n".join([*start, *step, *whole]), "<profile>", "exec"), space)
    parted, straight = space.pop("step"), space.pop("whole")  # else they would be among their own globals, a cycle
    call, runs = quietly(), []
    arrays = arrays if device is None else [a if device.owns(a) else device.put(a) for a in arrays]
    for _ in range(repeat + 1):
        call(parted, *arrays)
        before = now()
        call(straight, *arrays)
        runs.append(now() - before)
    took = [float(np.median(s[1:])) for s in samples]  # the first run meets caches that are cold
    clock, memory = took[-1], lanes(graph, plan)
    costs = [
        Cost(i, "; ".join(code), graph.lines[i].op, graph.lines[i].origin, max(seconds - clock, 0.0),
             *moved(graph, i), flops(graph, i))
        for (i, code), seconds in zip(parts, took, strict=False)
    ]  # fmt: skip
    costs.sort(key=lambda c: -c.seconds)
    return Profile(tuple(costs), float(np.median(runs[1:])), clock, memory.peak, memory.nbytes, repeat)
