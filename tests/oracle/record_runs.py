"""What PyTorch, optax and pytorch_optimizer do on one short problem, kept where they are not installed.

``python -m oracle.record_runs`` in ``tests`` writes ``data/optim_runs.json``; `test_recording` compares it with today.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from oracle import test_optim_rules as of_optax
from oracle import test_tier_b as of_groups
from oracle import test_tier_c as of_extras
from oracle.test_torch_optim import CONFIGS

from torchlean_nb.updates import RULES

FILE = Path(__file__).parents[1] / "data" / "optim_runs.json"
SHAPE, STEPS, AT = (3, 2), 100, (1, 2, 10, 100)
LIBRARIES = ("torch", "optax", "pytorch_optimizer")
TORCH = [
    *CONFIGS, *((n, {}) for n in ("SGD", "ASGD", "Rprop", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "Adagrad")),
    ("Adadelta", {}), ("Adafactor", {}), ("Adafactor", {"d": 2.0, "eps": (1e-3, 0.5), "beta2_decay": -0.5}),
    ("SparseAdam", {}), *(("Muon", given) for given in of_optax.MUON),
]  # fmt: skip


def problem() -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Start, gradients and losses."""
    return of_optax.trajectory(SHAPE, 11)


def of_torch(name: str, start: np.ndarray, gradients: list[np.ndarray], given: dict[str, Any]) -> np.ndarray:
    """Parameters after every step in PyTorch, in float64 all through."""
    import torch

    old = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with mock.patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone):
            p = torch.tensor(start, requires_grad=True)
            opt, out = getattr(torch.optim, name)([p], **given), []
            for g in gradients:
                p.grad = torch.tensor(g).to_sparse(1) if name == "SparseAdam" else torch.tensor(g)
                opt.step()
                out.append(p.detach().numpy().copy())
            return np.array(out)
    finally:
        torch.set_default_dtype(old)


def of_pytorch_optimizer(
    name: str, start: np.ndarray, gradients: list[np.ndarray], given: dict[str, Any]
) -> np.ndarray:
    """Parameters after every step in pytorch_optimizer, without its safeguards."""
    import pytorch_optimizer
    import torch

    bound = pytorch_optimizer.base.optimizer.BaseOptimizer.apply_ams_bound
    with mock.patch.object(torch, "float32", torch.float64), mock.patch.object(bound, "__defaults__", (0.0,)):
        return of_extras.theirs(name, start, gradients, **given)


def runs() -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    """Library, rule, settings, and a function that makes the run."""
    import optax

    start, gradients, losses = problem()
    for name, given in TORCH:
        rule = next(r.name for r in RULES.values() if r.class_name == name)
        yield "torch", rule, given, lambda name=name, given=given: of_torch(name, start, gradients, given)
    others = {**of_optax.OTHERS, **of_groups.OTHERS}
    for rule in [*of_optax.WITH_OPTAX, *of_groups.GROUPED]:
        for given in [{}, *others.get(rule.name, [])]:
            yield "optax", rule.name, given, lambda rule=rule, given=given: of_optax.theirs_of_optax(
                rule.optax(optax, **rule.resolve(given)), {"w": start}, [{"w": g} for g in gradients], losses
            )["w"]
    for name, (_, more) in of_extras.THEIRS.items():
        for given in [{}, *more]:
            yield "pytorch_optimizer", name, given, lambda name=name, given=given: of_pytorch_optimizer(
                name, start, gradients, given
            )


def written(a: Any) -> list[str]:
    """Floats to the last bit."""
    return [float(x).hex() for x in np.ravel(a)]


def record() -> dict[str, Any]:
    """Everything, as it goes into the file."""
    import jax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        start, gradients, losses = problem()
        return {
            "libraries": {k: version(k.replace("_", "-")) for k in LIBRARIES}, "shape": SHAPE, "after": AT,
            "start": written(start), "gradients": written(gradients), "losses": written(losses),
            "runs": [
                {"library": library, "rule": rule, "given": given, "values": written(run()[[t - 1 for t in AT]])}
                for library, rule, given, run in runs()
            ],
        }  # fmt: skip
    finally:
        jax.config.update("jax_enable_x64", before)


if __name__ == "__main__":
    text = json.dumps(record(), separators=(",", ":"), default=list).replace('{"library"', '\n{"library"')
    FILE.write_text(text + "\n", encoding="utf-8")
