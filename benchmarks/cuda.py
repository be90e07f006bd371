"""On a GPU: steps of W1 to W5, Adam on up to 1e8 numbers, races of up to a million paths; PyTorch and JAX beside them.

Data and parameters lie on the GPU before the first step. Every step of a network is waited for, as its loss is read;
steps of Adam and races are waited for by synchronising. What sees no GPU is left out, with its words.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import networks, races
from benchmarks.turns import Steps, of

DEVICE = "cuda"
NETWORKS = {f"C{k}": f"W{k}" for k in range(1, 6)}
ADAM = {"C6a": (50, 100), "C6b": (1, 1_000_000), "C6c": (100, 10_000), "C6d": (1, 10_000_000), "C6e": (1, 100_000_000)}
RACES = {"C7a": 1_000, "C7b": 100_000, "C7c": 1_000_000}
RULE, STEPS, RATE = "adam", 200, 1e-2
SIZES = (*NETWORKS, *ADAM, *RACES)
TITLES = (
    {c: f"GPU, {networks.TITLES[w]}" for c, w in NETWORKS.items()}
    | {c: f"GPU, Adam on {count:,} x {size:,} numbers" for c, (count, size) in ADAM.items()}
    | {c: f"GPU, race: {RULE}, {n:,} x {STEPS} steps, first and last recorded" for c, n in RACES.items()}
)
REFERENCE = "torch"
SLOW: tuple[str, ...] = ()
QUICK = ("ours, eager", "ours, compiled", "ours, fused", "ours", "torch")


def rates(workload: str) -> tuple[float, float]:
    """Learning rates while numbers are compared, and while steps are timed."""
    return networks.rates(NETWORKS[workload]) if workload in NETWORKS else (1e-6, 1e-6)


def _ours() -> Any:
    """Our device."""
    from torchlean_nb.backend.devices import device  # noqa: PLC0415 - each process loads its own contender

    return device(DEVICE)


def _torch() -> Any:
    """PyTorch, where it sees a GPU; where ours is a stand-in, on the CPU."""
    import torch  # noqa: PLC0415

    if DEVICE == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("torch sees no CUDA device")
    return torch, "cuda" if DEVICE == "cuda" else "cpu"


def _jax() -> Any:
    """JAX, where it sees a GPU."""
    import jax  # noqa: PLC0415

    if DEVICE == "cuda" and jax.default_backend() != "gpu":
        raise RuntimeError(f"jax computes on {jax.default_backend()}")
    return jax


# -- networks -------------------------------------------------------------------------------------------


def _network(make: Callable[..., Any], workload: str, lr: float, **options: Any) -> Any:
    """A contender of ours, its batches on the device."""
    turns, there = make(NETWORKS[workload], lr, device=DEVICE, **options), _ours()
    turns.batches = [(there.put(x), there.put(y)) for x, y in turns.batches]
    return turns


def _torch_network(workload: str, lr: float, **options: Any) -> Any:
    from benchmarks import peers  # noqa: PLC0415

    return peers.torch_eager(NETWORKS[workload], lr, device=_torch()[1], **options)


def _jax_network(workload: str, lr: float) -> Any:
    from benchmarks import peers  # noqa: PLC0415

    jax, turns = _jax(), peers.jax_jit(NETWORKS[workload], lr)
    turns.batches = [jax.device_put(b) for b in turns.batches]
    return turns


# -- Adam -----------------------------------------------------------------------------------------------


def arrays(workload: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Parameters and gradients."""
    count, size = ADAM[workload]
    rng = np.random.default_rng(0)
    return tuple([rng.standard_normal(size, np.float32) for _ in range(count)] for _ in range(2))  # type: ignore[return-value]


def _flat(parts: Any) -> np.ndarray:
    return np.concatenate([np.asarray(p).ravel() for p in parts])


def _our_adam(workload: str, lr: float, **options: Any) -> Steps:
    import torchlean_nb as tl  # noqa: PLC0415

    there, (params, grads) = _ours(), arrays(workload)
    opt = tl.optim.Adam({f"p{i}": there.put(p) for i, p in enumerate(params)}, lr=lr, **options)
    grads, wait = [there.put(g) for g in grads], there.np.cuda.Stream.null.synchronize

    def step() -> None:
        opt.step(grads)
        wait()

    return Steps(step, lambda: _flat(opt.params.values()))


def _torch_adam(workload: str, lr: float, **options: Any) -> Steps:
    (torch, where), (params, grads) = _torch(), arrays(workload)
    cells = [torch.nn.Parameter(torch.tensor(p, device=where)) for p in params]
    for cell, g in zip(cells, grads, strict=True):
        cell.grad = torch.tensor(g, device=where)
    opt = torch.optim.Adam(cells, lr=lr, **options)
    wait = torch.cuda.synchronize if where == "cuda" else int

    def step() -> None:
        opt.step()
        wait()

    return Steps(step, lambda: _flat(c.detach().cpu().numpy() for c in cells))


# -- races ----------------------------------------------------------------------------------------------


def _start(workload: str) -> np.ndarray:
    return np.random.default_rng(0).uniform([[-1.5], [-0.5]], [[1.5], [2.0]], (2, RACES[workload])).astype(np.float32)


def _our_race(workload: str, _: float) -> Steps:
    import torchlean_nb as tl  # noqa: PLC0415

    begin = _start(workload).T
    options = {"steps": STEPS, "every": STEPS, "dtype": "float32", "lr": None, "device": DEVICE, "progress": False}
    return of(
        lambda: tl.race([(RULE, {"lr": RATE})], on="rosenbrock", start=begin, **options).tracks[0],
        lambda t: races._ends((t.positions, t.losses)),
    )


def _torch_race(workload: str, _: float) -> Steps:
    torch, where = _torch()
    begin = torch.tensor(_start(workload), device=where)

    def race() -> Any:
        p = torch.nn.Parameter(begin.clone())
        opt = torch.optim.Adam([p], lr=RATE)
        for _ in range(STEPS):
            opt.zero_grad()
            races._valley(p[0], p[1]).sum().backward()
            opt.step()
        places = torch.stack([begin, p.detach()])
        return places.cpu().numpy(), races._valley(places[:, 0], places[:, 1]).cpu().numpy()

    return of(race, races._ends)


def contenders(workload: str) -> dict[str, Callable[[str, float], Any]]:
    """Who takes part in a workload."""
    if workload in NETWORKS:
        return {
            "ours, eager": partial(_network, networks.eager),
            "ours, eager, inf and nan pass": partial(_network, networks.eager, nonfinite="ieee"),
            "ours, compiled": partial(_network, networks.compiled, fused=True),
            "ours, compiled, fast": partial(_network, networks.compiled, fused=True, fast=True),
            "torch": _torch_network,
            "torch, fused": partial(_torch_network, fused=True),
            "torch, CUDA graph": partial(_torch_network, graph=True),
            "jax, jit": _jax_network,
        }
    if workload in ADAM:
        return {
            "ours": _our_adam, "ours, fused": partial(_our_adam, fused=True),
            "torch": _torch_adam, "torch, fused": partial(_torch_adam, fused=True),
        }  # fmt: skip
    return {"ours": _our_race, "torch": _torch_race}


def gpu() -> dict[str, Any]:
    """What the GPU is, and the versions of its libraries."""
    runtime = _ours().np.cuda.runtime
    return {
        "gpu": runtime.getDeviceProperties(0)["name"].decode(), "driver": runtime.driverGetVersion(),
        "cuda": runtime.runtimeGetVersion(), "cupy": _ours().np.__version__,
    }
