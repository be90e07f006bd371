"""What is waited for once: the import, the first step of W2 and the making of a program for W5.

Of the first two every step is an interpreter of its own, which says how long it took.
"""

from __future__ import annotations

from time import perf_counter

BEGUN = perf_counter()

import json  # noqa: E402 - all imports count
import subprocess  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from typing import Any  # noqa: E402

from benchmarks import networks  # noqa: E402
from benchmarks.turns import Steps, Timed, of  # noqa: E402

SIZES = ("S1", "S2", "S3")
TITLES = {
    "S1": "Import, in a fresh interpreter",
    "S2": "First step of W2 in a fresh interpreter, imports and compilation included",
    "S3": "Making a program of loss and gradients of W5, everything imported",
}
REFERENCES = {"S1": "numpy", "S2": "ours, compiled", "S3": "ours, compiled"}
SLOW = ("torch, compile", "tinygrad, jit")
QUICK = ("numpy", "ours", "ours, compiled")
IMPORTS = {"numpy": "numpy", "ours": "torchlean_nb", "HIPS autograd": "autograd.numpy", "MyGrad": "mygrad",
           "torch": "torch", "jax": "jax.numpy", "tinygrad": "tinygrad"}  # fmt: skip
TIMED = """
from time import perf_counter
begun = perf_counter()
import {name}
seconds = perf_counter() - begun
from benchmarks.turns import Timed
print('{{"seconds": %r, "values": [0.0], "peak": %r}}' % (seconds, Timed().peak()))
"""
STEPPING = ("ours, compiled", "ours, eager", "torch", "torch, compile", "jax, jit", "MyGrad", "HIPS autograd",
            "tinygrad, jit")  # fmt: skip


class Fresh(Timed):
    """Every step an interpreter.

    Parameters
    ----------
    *words : str
        Arguments of Python. It prints how long it took, what it computed and its memory as JSON.
    """

    best_of = checked = 1

    def __init__(self, *words: str):
        self.words, self.said = words, {}

    def __call__(self, steps: int) -> list[float]:
        """Start so many."""
        self.seconds(steps)
        return []

    def seconds(self, steps: int) -> float:
        """By their own clocks."""
        total = 0.0
        for _ in range(steps):
            done = subprocess.run([sys.executable, *self.words], capture_output=True, text=True)
            if done.returncode:
                raise ImportError(done.stderr.strip().rpartition("\n")[2])
            self.said = json.loads(done.stdout)
            total += self.said["seconds"]
        return total

    def summary(self) -> list[float]:
        """What it computed."""
        return self.said["values"]

    def peak(self) -> float:
        """Of the last interpreter."""
        return self.said["peak"]


def building(workload: str, _: float) -> Steps:
    """The program, not run."""
    import torchlean_nb as tl  # noqa: PLC0415

    params, batches = networks.data("W5")
    f, own = networks.formula("W5"), tuple(range(2, 2 + len(params)))
    x, y = batches[0]

    def made() -> Any:
        program = tl.compile(f, x, y, *params, argnums=own).value_and_grad
        return program if program.source else None  # which is written when someone asks

    return of(made, lambda p: p(x, y, *params)[1][0])


def building_jax(workload: str, _: float) -> Steps:
    """The same by jax."""
    from benchmarks.peers import jax_gradient  # noqa: PLC0415

    params, batches = networks.data("W5")
    x, y = batches[0]
    return of(lambda: jax_gradient("W5").lower(params, x, y).compile(), lambda p: p(params, x, y)[1][0])


def contenders(workload: str) -> dict[str, Callable[[str, float], Any]]:
    """Who takes part."""
    if workload == "S1":
        return {k: lambda w, lr, name=name: Fresh("-c", TIMED.format(name=name)) for k, name in IMPORTS.items()}
    if workload == "S2":
        return {k: lambda w, lr, k=k: Fresh("-m", "benchmarks.starts", k) for k in STEPPING}
    return {"ours, compiled": building, "jax, jit": building_jax}


def rates(workload: str) -> tuple[float, float]:
    """Nothing is compared but the first step."""
    return 0.0, 0.0


def first(contender: str) -> dict[str, Any]:
    """One step of a contender on W2 in this process."""
    turns = networks.contenders("W2")[contender]("W2", networks.rates("W2")[0])
    values = [float(v) for v in turns(1)]
    return {"seconds": perf_counter() - BEGUN, "values": values, "peak": turns.peak()}


def main(words: Sequence[str]) -> None:
    """Say it as JSON."""
    print(json.dumps(first(words[0])))


if __name__ == "__main__":
    main(sys.argv[1:])
