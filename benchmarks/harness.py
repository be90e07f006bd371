"""Contenders in processes of their own, taking turns; medians of the ratios within a round."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
ONE_THREAD = {f"{lib}_NUM_THREADS": "1" for lib in ("OPENBLAS", "OMP", "MKL", "NUMBA", "VECLIB_MAXIMUM")}
ONE_THREAD["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
BESIDE = f"{Path(sys.executable).parent}{os.pathsep}"  # programs that were installed with a contender
CLOSE = 1e-4  # of the numbers of two contenders after a few steps in float32


class Worker:
    """A contender that waits for its turn.

    Parameters
    ----------
    module, workload, contender : str
    seconds : float
        About how long a turn takes.
    """

    def __init__(self, module: str, workload: str, contender: str, seconds: float):
        self.name = contender
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", module, workload, contender, str(seconds)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
            env={**_own(), **ONE_THREAD, "PATH": BESIDE + os.environ.get("PATH", "")},
        )  # fmt: skip
        self.times: list[float] = []
        self.peak = 0.0

    def meet(self) -> Worker:
        """Wait until it is ready, and hear what it computes."""
        self.hello = self._read()
        return self

    def _read(self) -> dict[str, Any]:
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        return json.loads(line) if line else {"missing": "it ended without a word"}

    def turn(self) -> None:
        """One measurement."""
        self.process.stdin.write("go\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        said = self._read()
        self.times.append(said["seconds"])
        self.peak = said["peak"]

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()  # type: ignore[union-attr]
        self.process.wait()
        self.process.stdout.close()  # type: ignore[union-attr]


def _own() -> dict[str, str]:
    """The environment as users have it: Python keeps what it has compiled."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def measure(
    module: Any, workload: str, rounds: int, seconds: float, only: Sequence[str] | None = None, at_once: int = 1
) -> dict[str, Any]:
    """Times of all contenders of a workload, in seconds per step.

    Parameters
    ----------
    module : module
        With ``TITLES``, ``REFERENCE``, ``contenders(workload)`` and ``rates(workload)``.
    workload : str
    rounds : int
    seconds : float
        About how long a contender's turn in a round takes.
    only : sequence of str, optional
        Contenders; all unless given.
    at_once : int
        How many are started at a time. Their first steps are worth measuring when started one by one.

    Raises
    ------
    ValueError
        When two contenders do not compute the same.
    """
    workers, missing = [], {}
    name = module.__name__.rpartition(".")[2]
    names, begun = list(only or module.contenders(workload)), []
    try:
        for i in range(len(names)):
            while len(begun) < min(i + at_once, len(names)):
                begun.append(Worker(name, workload, names[len(begun)], seconds))
            w = begun[i].meet()
            if "missing" in w.hello:
                missing[w.name] = w.hello["missing"]
                continue
            workers.append(w)
            if not agree(w.hello, workers[0].hello):
                raise ValueError(
                    f"{workload}: {w.name} computes {w.hello['check']}, {workers[0].name} {workers[0].hello['check']}"
                )
        for k in range(rounds):
            for w in workers if k % 2 == 0 else workers[::-1]:
                w.turn()
    finally:
        for w in begun:
            w.close()
    return {
        "title": module.TITLES[workload], "missing": missing, "rounds": rounds,
        "reference": getattr(module, "REFERENCES", {}).get(workload) or module.REFERENCE, "at_once": at_once,
        "contenders": {w.name: {"median": median(w.times), "best": min(w.times), "first": w.hello["first"],
                                "peak": w.peak, "times": w.times} for w in workers},
    }  # fmt: skip


def agree(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two contenders have computed the same; one that does a part of the work is compared on that part."""
    got, want = a["check"], b["check"]
    part = min(len(got), len(want)) if a["scale"] != b["scale"] else max(len(got), len(want))
    return 0 < part == min(len(got[:part]), len(want[:part])) and all(
        math.isclose(x, y, rel_tol=CLOSE, abs_tol=CLOSE) for x, y in zip(got[:part], want[:part], strict=True)
    )


def ratio(result: dict[str, Any], a: str, b: str) -> float:
    """Median over rounds of the time of one contender over that of another."""
    x, y = (result["contenders"][name]["times"] for name in (a, b))
    return median(p / q for p, q in zip(x, y, strict=True))


def machine() -> dict[str, Any]:
    """What ran, and on what."""
    packages = (
        "numpy", "numba", "torch", "jax", "optax", "autograd", "mygrad", "micrograd", "tinygrad",
        "torchlean_nb",
    )  # fmt: skip
    return {"python": platform.python_version(), "cpu": _cpu(), "cores": os.cpu_count(),
            "packages": {p: v for p in packages if (v := _version(p))}}  # fmt: skip


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
