"""Record what PyTorch, optax and pytorch_optimizer do: ``python -m tests.mutation.record``, with all three installed.

Writes ``runs.json``, and ``values.json`` of schedules in 60 digits: mutants are run against them, with nothing
installed but NumPy. ``python -m tests.mutation.record schedules`` writes the second only.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path as File
from typing import Any

import numpy as np

TESTS = File(__file__).parent.parent
sys.path.insert(0, str(TESTS))

import jax  # noqa: E402
import optax  # noqa: E402
import pytorch_optimizer  # noqa: E402
import torch  # noqa: E402
from oracle import test_optim_rules as one  # noqa: E402
from oracle import test_schedules as digits  # noqa: E402
from oracle import test_tier_b as group  # noqa: E402
from oracle import test_tier_c as popular  # noqa: E402

import torchlean_nb as tl  # noqa: E402
from tests.mutation.replay import KINDS, digest, parameters, paths  # noqa: E402

RUNS, VALUES = (File(__file__).parent / name for name in ("runs.json", "values.json"))
LOUD = {"lr": 0.05, "weight_decay": 0.1}
MEASURED = LOUD | {"betas": (0.8, 0.9), "eps": 0.1}
TORCH: dict[str, list[dict[str, Any]]] = {
    "adam": [MEASURED, MEASURED | {"amsgrad": True}],
    "adamw": [MEASURED, MEASURED | {"amsgrad": True}],
    "adamax": [MEASURED],
    "nadam": [MEASURED | {"momentum_decay": 0.1, "decoupled_weight_decay": d} for d in (False, True)],
    "radam": [MEASURED | {"decoupled_weight_decay": d} for d in (False, True)] + [LOUD | {"betas": (0.7, 0.5)}],
    "adagrad": [LOUD | {"lr_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 0.1}],
    "rmsprop": [
        LOUD | {"alpha": 0.8, "eps": 0.3, "momentum": m, "centered": c} for m in (0.0, 0.9) for c in (False, True)
    ],
    "adadelta": [LOUD | {"rho": 0.8, "eps": 0.1}],
    "sgd": [LOUD, LOUD | {"momentum": 0.9, "dampening": 0.3}, LOUD | {"momentum": 0.9, "nesterov": True}],
    "asgd": [LOUD | {"lambd": 0.1, "alpha": 0.6, "t0": 3.0}],
    "rprop": [{"etas": (0.4, 1.3), "step_sizes": (0.006, 0.02)}],
    "adafactor": [LOUD | {"d": 2.0, "eps": (1e-3, 0.5), "beta2_decay": -0.5}, {"lr": 0.5, "eps": (0.3, 0.1)}],
}
# Beyond the samples of a row: values where its branches part.
CURVED = {"base": 0.1, "warmup": 10, "total": 60}
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "wsd": [{"base": 0.1, "warmup": 5, "stable": 7, "decay": 40, "minimum": 0.03, "way": w} for w in ("cos", "sqrt")],
    "warmup_waves": [CURVED | {"cycles": 1.5}],
    "warmup_waves_min": [CURVED | {"cycles": 1.5, "minimum": 0.03}],
    "warmup_waves_start": [
        CURVED | {"minimum": 0.01, "cycles": 1.5},
        CURVED | {"minimum": 0.01, "start": 0.02, "warmup": 2},
    ],
    "polynomial": [{"base": 0.0, "end": 1.0, "total": 100_000, "power": p} for p in (0.3, 0.5, 2.5)],
    "lr_finder": [{"minimum": 1.0, "maximum": 1e120, "total": n} for n in (7, 5000)],
    "warmup_cosine_decay": [{"start": 0.1, "peak": 0.5, "warmup": 5, "total": 60, "end": 0.1}],
    "exponential_decay": [
        {"base": 1.0, "gamma": 1.0, "end": 2.0},
        {"base": 1.0, "gamma": 0.7, "total": 5, "staircase": True},
    ],
    "chebyshev": [{"low": 1.0, "high": 9.0, "total": 1, "order": "fractal"}],
    "warmup_inverse_sqrt": [{"base": 0.1, "warmup": 0, "timescale": 30}, {"base": 0.1, "warmup": 0}],
    "one_cycle_momentum": [{"total": 20, "pct": 0.45, "three_phase": True, "way": "linear", "low": 0.5, "high": 0.9}],
    "warm_restarts": [{"base": 1.0, "period": 3, "factor": 3}],
}


def samples(row: Any) -> list[dict[str, Any]]:
    """Hyperparameters under which a schedule is recorded."""
    return [*row.samples, *SETTINGS.get(row.name, ())]


WARM = {"lr": 0.1, "weight_decay": 0.1, "warmup_steps": 5}
BOUND = {"adapt_lower_bound": True, "weight_decay": 2.0, "lr": 0.3}
# Beyond what tests/oracle runs.
MORE: dict[str, list[dict[str, Any]]] = {
    "schedule_free_sgd": [WARM | {"momentum": 0.5}, WARM | {"warmup_steps": 1, "weight_lr_power": 0.5}],
    "schedule_free_adamw": [WARM | {"betas": (0.8, 0.95), "eps": 0.1, "weight_lr_power": 0.5}, WARM],
    "sgdp": [{"momentum": 0.9, "nesterov": True, "delta": 0.4, **LOUD}],
    "swats": [{"eps": e, "betas": (0.5, 0.8), "lr": 0.05} for e in (0.8, 3.0)],
    "ftrl": [{"lr": 5.0, "beta": 0.3}],
    "sm3": [{"eps": 0.0}],
    "cocob": [{"eps": 3.0, "alpha": 2.0}],
    "stable_adamw": [{"eps": 0.5, **LOUD}],
    "adai": [{"eps": 0.9, **LOUD}],
    "momo": [BOUND | {"lower_bound": b} for b in (1.0, -5.0)],
    "momo_adam": [BOUND | {"lower_bound": b} for b in (1.0, -5.0)],
    "lars": [{"eps": 0.3, "trust": 0.5, "weight_decay": 0.1, "momentum": 0.5}],
}


def of_torch(name: str, start: Any, gradients: Any, **given: Any) -> np.ndarray:
    """Parameters after every step of ``torch.optim``."""
    return one.theirs_of_torch(torch, name, start, gradients, **given)


def settings() -> Iterator[tuple[Any, dict[str, Any], Any]]:
    """Row, hyperparameters, and a function that runs them elsewhere."""
    for rule in tl.optim.rules.values():
        if not rule.builtin:
            continue
        if rule.name in TORCH:
            for given in [{}, *TORCH[rule.name]]:
                yield rule, given, lambda path, n=rule.torch, g=given: of_torch(n, path.start, path.gradients, **g)
        if rule.name in popular.THEIRS:
            for given in [{}, *popular.THEIRS[rule.name][1], *MORE.get(rule.name, ())]:
                yield rule, given, lambda path, n=rule.name, g=given: popular.theirs(n, path.start, path.gradients, **g)
        if rule.optax and rule.name not in TORCH:
            others = group.OTHERS if rule.scope == "group" else one.OTHERS
            lr = {"lr": 0.1} if not others.get(rule.name) else {}
            for given in [{}, *others.get(rule.name, [lr]), *MORE.get(rule.name, ())]:
                made = rule.optax(optax, **rule.resolve(given))
                yield (
                    rule,
                    given,
                    lambda path, m=made: one.theirs_of_optax(m, path.start, list(path.gradients), path.values),
                )


def schedules() -> None:
    """Values of every schedule by its formula in 60 digits."""
    out = []
    for name, formula in digits.TEXTBOOK.items():
        for sample in samples(tl.schedules.SCHEDULES[name]):
            s = tl.schedules.SCHEDULES[name](**sample)
            hypers = {n: digits.exact(v) for n, v in s.items} | {
                n: s.hypers[n] for n in ("pct", "pct_final") if n in s.hypers and name.endswith("_onecycle")
            }
            right = [(k, formula(k, **hypers)) for k in digits.steps(s)]
            right = [(k, float(v)) for k, v in right if v < sys.float_info.max]
            right = {k: v for i, (k, v) in enumerate(right) if k < 20 or i % 4 == 0 or near(s, k)}
            out.append({"row": name, "sample": sample, "values": {k: v.hex() for k, v in right.items()}})
    VALUES.write_text("[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in out) + "\n]\n")
    print(len(out), "schedules,", VALUES.stat().st_size // 1024, "kB")


def near(s: Any, k: int) -> bool:
    """Whether a step is where one piece meets the next."""
    return any(abs(k - p) < 2 for p in s.points)


def main() -> None:
    """Write the files, and say where ours is not theirs."""
    schedules()
    if sys.argv[1:] == ["schedules"]:
        return
    jax.config.update("jax_enable_x64", True)
    torch.set_default_dtype(torch.float64)
    torch.float32 = torch.float64
    pytorch_optimizer.base.optimizer.BaseOptimizer.apply_ams_bound.__defaults__ = (0.0,)
    warnings.simplefilter("ignore")
    out = []
    for rule, given, theirs in settings():
        for kind in KINDS:
            try:
                run = [np.asarray(theirs(path)) for path in paths(rule, kind)]
            except Exception as e:
                print("not run:", rule.name, kind, given, type(e).__name__, str(e)[:100])
                continue
            mine = parameters(rule, given, kind)
            if not all(np.isfinite(r).all() for r in run):
                print("not finite:", rule.name, kind, given)
                continue
            worst = max(np.abs(a - b).max() / max(np.abs(b).max(), 1e-300) for a, b in zip(mine, run, strict=True))
            if not worst <= 1e-12:
                print("differs:", rule.name, kind, given, worst)
                if kind != "random":
                    continue
            out.append({"rule": rule.name, "kind": kind, "given": given, "digest": [x.hex() for x in digest(run)]})
    RUNS.write_text("[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in out) + "\n]\n")
    print(len(out), "runs,", RUNS.stat().st_size // 1024, "kB")


if __name__ == "__main__":
    main()
