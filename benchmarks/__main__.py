"""Measure, print a table, keep it.

``python -m benchmarks`` runs everything, ``python -m benchmarks W6a --quick`` one workload in a few
seconds; ``--json`` keeps the result under benchmarks/results and writes docs/benchmarks.md from it.
"""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import networks, optimizers
from benchmarks.harness import machine, measure
from benchmarks.page import page, table

WORKLOADS: dict[str, Any] = {name: module for module in (networks, optimizers) for name in module.SIZES}
HERE = Path(__file__).parent


def main() -> None:
    """Run what the command line asks for."""
    cli = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed against peers, one thread each.")
    cli.add_argument("workloads", nargs="*", help=f"of {', '.join(WORKLOADS)}; all unless given")
    cli.add_argument("--quick", action="store_true", help="few and short rounds, without what takes long to start")
    cli.add_argument("--json", action="store_true", help="keep the results beside those of others, and write docs/")
    given = cli.parse_args()
    names = given.workloads or [*WORKLOADS]
    if unknown := [n for n in names if n not in WORKLOADS]:
        cli.error(f"no workload {unknown[0]}; there are {', '.join(WORKLOADS)}")
    rounds, seconds = (5, 0.01) if given.quick else (15, 0.1)
    results: dict[str, Any] = {}
    for name in tqdm(names, disable=None):
        module = WORKLOADS[name]
        only = [c for c in module.CONTENDERS if not (given.quick and c in module.SLOW)]
        results[name] = {"date": date.today().isoformat(), **measure(module, name, rounds, seconds, only)}
        print(f"\n{name}  {results[name]['title']}\n{table(results[name])}", flush=True)
    if given.json:
        whole: dict[str, Any] = {"machine": machine()}
        kept = HERE / "results" / f"{whole['machine']['packages']['torchlean_nb']}.json"
        old = json.loads(kept.read_text())["workloads"] if kept.exists() else {}
        whole["workloads"] = {name: (old | results)[name] for name in WORKLOADS if name in old | results}
        kept.write_text(json.dumps(whole, indent=1) + "\n")
        (HERE.parent / "docs" / "benchmarks.md").write_text(page(whole))


if __name__ == "__main__":
    main()
