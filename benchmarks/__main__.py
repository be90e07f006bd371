"""Measure, print tables, keep them.

``python -m benchmarks`` runs everything, ``python -m benchmarks W1 W6a`` some of it. ``--quick`` takes a minute: three
short rounds, few contenders and sizes, several started at a time. ``--json`` keeps the result under benchmarks/results
and writes docs/benchmarks.md from it; ``--page`` writes that page from what was kept. ``--device cuda`` measures on a
GPU instead (C1 to C7c) and keeps the figures apart, in a file named after it.
"""

from __future__ import annotations

import argparse
import json
import os
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

from tqdm import tqdm

from benchmarks import cuda, networks, optimizers, races, scalars, second_order, starts
from benchmarks.harness import machine, measure
from benchmarks.page import goals, page, table, verdict

MODULES = (networks, optimizers, races, scalars, second_order, starts)
WORKLOADS: dict[str, Any] = {name: module for module in MODULES for name in module.SIZES}
QUICK = ("W1", "W2", "W3", "W4", "W5", "W6a", "W7a", "W7c", "W8a", "W9a", "W9b", "S1", "S2")
HERE = Path(__file__).parent


def main() -> None:
    """Run what the command line asks for."""
    cli = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed against peers, one thread each.")
    cli.add_argument("workloads", nargs="*", help=f"of {', '.join(WORKLOADS)}; all unless given")
    cli.add_argument("--quick", action="store_true", help="a minute: short rounds, few contenders, and it says which")
    cli.add_argument("--json", action="store_true", help="keep the results beside those of others, and write docs/")
    cli.add_argument("--page", action="store_true", help="measure nothing, write docs/ from the results kept")
    cli.add_argument("--rounds", type=int, default=0, metavar="N", help="rounds; 15, or 3 when quick")
    cli.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where; on cuda the workloads are C1 ...")
    given = cli.parse_args()
    if given.device == "cuda":
        WORKLOADS.clear()
        WORKLOADS.update(dict.fromkeys(cuda.SIZES, cuda))
    if unknown := [n for n in given.workloads if n not in WORKLOADS]:
        cli.error(f"no workload {unknown[0]}; there are {', '.join(WORKLOADS)}")
    if given.quick and given.json:
        cli.error("--json keeps what is worth comparing, and --quick is not")
    usual = [n for n in QUICK if n in WORKLOADS] if given.quick else []
    results = {} if given.page else run(given.workloads or usual or [*WORKLOADS], given)
    if given.page:
        keep(results)


def run(names: Any, given: argparse.Namespace) -> dict[str, Any]:
    """Results by workload, printed as they come."""
    begun, quick = perf_counter(), given.quick
    rounds, seconds = given.rounds or (3 if quick else 15), 0.005 if quick else 0.1
    results: dict[str, Any] = {}
    for name in tqdm(names, disable=None):
        module = WORKLOADS[name]
        every = [*module.contenders(name)]
        only = [c for c in every if not quick or (c in module.QUICK and c not in module.SLOW)]
        at_once = (os.cpu_count() or 1) if quick else 1
        found = measure(module, name, rounds, seconds, only, at_once)
        results[name] = {"date": date.today().isoformat(), **found}
        if given.json:  # at once: a run of half an hour may be stopped
            keep({name: results[name]})
        print(f"\n{name}  {results[name]['title']}\n{table(results[name])}", flush=True)
        if left := [c for c in every if c not in only]:
            print(f"left out as it is to be quick: {'; '.join(left)}")
    print()
    for row in goals(results):
        if row[-1] == "**no**":
            print(f"{row[0]}: {row[1]} is {row[3]}, to be {row[2]}")
    print(f"{verdict(results)} {perf_counter() - begun:.0f} s.")
    if quick:
        print(f"Quick: {rounds} short rounds, without {', '.join(n for n in WORKLOADS if n not in names)}.")
    return results


def keep(results: dict[str, Any]) -> None:
    """Put results beside those of other workloads of this release, and write the page."""
    whole: dict[str, Any] = {"machine": machine()}
    far = "C1" in WORKLOADS
    whole["machine"] |= cuda.gpu() if far else {}
    kept = HERE / "results" / f"{'cuda-' * far}{whole['machine']['packages']['torchlean_nb']}.json"
    old = json.loads(kept.read_text()) if kept.exists() else {"workloads": {}}
    if not results:
        whole = old
    whole["workloads"] = {n: (old["workloads"] | results)[n] for n in WORKLOADS if n in old["workloads"] | results}
    kept.write_text(json.dumps(whole, indent=1) + "\n")
    if not far:
        (HERE.parent / "docs" / "benchmarks.md").write_text(page(whole))


if __name__ == "__main__":
    main()
