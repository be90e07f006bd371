"""Contenders in processes of their own, taking turns; medians of the ratios within a round."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
ONE_THREAD = {f"{lib}_NUM_THREADS": "1" for lib in ("OPENBLAS", "OMP", "MKL", "NUMBA", "VECLIB_MAXIMUM")}
ONE_THREAD["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
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
            env={**os.environ, **ONE_THREAD},
        )  # fmt: skip
        self.hello = self._read()
        self.times: list[float] = []
        self.peak = 0.0

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


def measure(module: Any, workload: str, rounds: int, seconds: float, only: list[str] | None = None) -> dict[str, Any]:
    """Times of all contenders of a workload, in seconds per step.

    Raises
    ------
    ValueError
        When two contenders do not compute the same.
    """
    workers, missing = [], {}
    name = module.__name__.rpartition(".")[2]
    try:
        for contender in only or module.CONTENDERS:
            w = Worker(name, workload, contender, seconds)
            if "missing" in w.hello:
                missing[contender] = w.hello["missing"]
                w.close()
                continue
            workers.append(w)
            got, want = w.hello["check"], workers[0].hello["check"]
            if not all(math.isclose(a, b, rel_tol=CLOSE, abs_tol=CLOSE) for a, b in zip(got, want, strict=True)):
                raise ValueError(f"{workload}: {contender} computes {got}, {workers[0].name} {want}")
        for k in range(rounds):
            for w in workers if k % 2 == 0 else workers[::-1]:
                w.turn()
    finally:
        for w in workers:
            w.close()
    return {
        "title": module.TITLES[workload], "missing": missing, "rounds": rounds, "reference": module.REFERENCE,
        "contenders": {w.name: {"median": median(w.times), "best": min(w.times), "first": w.hello["first"],
                                "peak": w.peak, "times": w.times} for w in workers},
    }  # fmt: skip


def ratio(result: dict[str, Any], a: str, b: str) -> float:
    """Median over rounds of the time of one contender over that of another."""
    x, y = (result["contenders"][name]["times"] for name in (a, b))
    return median(p / q for p, q in zip(x, y, strict=True))


def machine() -> dict[str, Any]:
    """What ran, and on what."""
    packages = ("numpy", "numba", "torch", "jax", "optax", "torchlean_nb")
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
