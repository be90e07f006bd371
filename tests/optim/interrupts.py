"""What changes an optimizer, a scheduler or an average, to be stopped; see ``tests/reliability/interrupts.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import torchlean_nb as tl

RNG = np.random.default_rng(5)
START = {"w": RNG.normal(size=(3, 2)), "v": RNG.normal(size=(2, 2))}
GRADS = [{k: RNG.normal(size=a.shape) for k, a in START.items()} for _ in range(3)]


class Case(NamedTuple):
    """Something that is done, and all that may have changed by it."""

    do: Callable[[], Any]
    parts: tuple[Any, ...]


def plain(x: Any) -> Any:
    """Numbers to the last bit, in something that can be compared."""
    if isinstance(x, np.ndarray | np.generic):
        return str(x.dtype), x.shape, x.tobytes()
    if isinstance(x, dict):
        return tuple((k, plain(v)) for k, v in x.items())
    return tuple(map(plain, x)) if isinstance(x, list | tuple) else repr(x)


def digest(parts: tuple[Any, ...]) -> Any:
    """Everything one can see of optimizers, schedulers and averages."""
    seen = []
    for part in parts:
        seen.append(plain(part.state_dict()))
        if hasattr(part, "param_groups"):
            groups = [{**g, "params": [p.name for p in g["params"]]} for g in part.param_groups]
            # With the state by parameter: a slot must not outlive, or precede, its group.
            seen += [plain(part.params), plain(groups), len(part._cells), len(getattr(part._state, "params", ()))]
        if hasattr(part, "n_averaged"):
            seen += [plain(part.averages), part.n_averaged]
        if hasattr(part, "get_last_lr"):
            seen += [plain(part.get_last_lr()), plain([g["lr"] for g in part.optimizer.param_groups])]
    return tuple(seen)


def trained(name: str, groups: int = 1, **given: Any) -> Any:
    """An optimizer two steps on."""
    each = [{"params": {k: a}, "lr": 0.1 / (i + 1)} for i, (k, a) in enumerate(START.items())]
    opt = getattr(tl.optim, name)(START if groups == 1 else each, **given)
    for g in GRADS[:2]:
        opt.step(g, 1.5)
    return opt


def stepping(name: str, groups: int = 1, **given: Any) -> Case:
    opt = trained(name, groups, **given)
    return Case(lambda: opt.step(GRADS[2], 1.2), (opt,))


def descending(name: str, **given: Any) -> Case:
    opt = getattr(tl.optim, name)(START, **given)

    def closure(p: Any) -> Any:
        return sum(float((k + 1) * (a * a).sum()) for k, a in enumerate(p.values())), {
            name: 2 * (k + 1) * a for k, (name, a) in enumerate(p.items())
        }

    opt.step(closure)
    return Case(lambda: opt.step(closure), (opt,))


def scheduled(name: str, *args: Any, momentum: bool = False, metric: tuple[Any, ...] = (), **given: Any) -> Case:
    opt = trained("SGD", 2, momentum=0.9)
    s = getattr(tl.optim.lr_scheduler, name)(opt, *args, **given)
    for _ in range(2):
        s.step(*metric)
    return Case(lambda: s.step(*metric), (s, opt))


def in_turn() -> Case:
    opt, of = trained("SGD", 2), tl.optim.lr_scheduler
    s = of.SequentialLR(opt, [of.LinearLR(opt, total_iters=2), of.ExponentialLR(opt, 0.5)], [2])
    s.step()
    return Case(s.step, (s, opt))


def averaging(kind: str, what: str) -> Case:
    opt = trained("SGD", momentum=0.9)
    mean = getattr(tl.optim, kind)(opt)
    mean.update()
    opt.step(GRADS[2])
    other = getattr(tl.optim, kind)(opt)
    other.update()

    def inside() -> None:
        with mean.applied():
            pass

    plainly = other.state_dict()
    do = {"update": mean.update, "applied": inside, "load": lambda: mean.load_state_dict(plainly)}[what]
    return Case(do, (mean, opt))


def kept(what: str, **given: Any) -> Case:
    opt = trained("Adam", **given)
    old, plainly = opt.snapshot(), opt.state_dict()
    opt.param_groups[0]["lr"] = 0.5
    opt.step(GRADS[2])
    do = {"restore": lambda: opt.restore(old), "load": lambda: opt.load_state_dict(plainly),
          "zero": opt.zero_state}[what]  # fmt: skip
    return Case(do, (opt,))


def adding(**given: Any) -> Case:
    s = tl.Session(seed=0)
    w, u = s.param([1.0, -2.0], name="w"), s.param([3.0], name="u")
    opt = tl.optim.Adam([w], lr=0.1, **given)
    opt.step([np.array([1.0, 2.0])])
    return Case(lambda: opt.add_param_group({"params": [u], "lr": 0.3}), (opt,))


def searching() -> Case:
    s = tl.Session(seed=0)
    w = s.param([1.0, -2.0], name="w")
    opt = tl.optim.SGD([w], lr=0.1, momentum=0.9)
    s.step(opt, lambda: (w * w).sum())
    return Case(lambda: tl.lr_find(opt, lambda: (w * w).sum(), steps=2, low=0.1), (opt,))


def in_session() -> Case:
    s = tl.Session(seed=0)
    w = s.param([1.0, -2.0], name="w")
    opt = tl.optim.Adam([w], lr=0.1)
    return Case(lambda: s.step(opt, lambda: (w * w).sum()), (opt,))


CASES: dict[str, Callable[[], Case]] = {
    **{f"{n} step": lambda n=n: stepping(n) for n in (
        "SGD", "Adam", "Lion", "ScheduleFreeAdamW", "Lookahead", "LAMB", "NovoGrad", "SWATS", "Prodigy", "MoMo",
        "Shampoo", "SOAP", "GaLore", "Adafactor", "DebiasedMuon", "SAM", "SGLD",
    )},
    "Muon step, two groups": lambda: stepping("Muon", 2), "Adam step, two groups": lambda: stepping("Adam", 2),
    "fused Adam step": lambda: stepping("Adam", fused="numpy"),
    "fused Adam step, two groups": lambda: stepping("Adam", 2, fused="numpy"),
    "LBFGS step": lambda: descending("LBFGS", max_iter=3), "BFGS step": lambda: descending("BFGS"),
    "StepLR step": lambda: scheduled("StepLR", 3), "CosineAnnealingLR step": lambda: scheduled("CosineAnnealingLR", 9),
    "warm restarts step": lambda: scheduled("CosineAnnealingWarmRestarts", 3),
    "OneCycleLR step": lambda: scheduled("OneCycleLR", 1.0, total_steps=9),
    "CyclicLR step": lambda: scheduled("CyclicLR", 0.1, 1.0, step_size_up=3),
    "SWALR step": lambda: scheduled("SWALR", 0.05), "SequentialLR step": in_turn,
    "plateau step": lambda: scheduled("ReduceLROnPlateau", metric=(1.0,), patience=1),
    **{f"{k} {w}": lambda k=k, w=w: averaging(k, w) for k in ("EMA", "SWA") for w in ("update", "applied", "load")},
    **{w: lambda w=w: kept(w) for w in ("restore", "load", "zero")},
    **{f"fused {w}": lambda w=w: kept(w, fused="numpy") for w in ("restore", "load", "zero")},
    "add": adding, "fused add": lambda: adding(fused="numpy"), "lr_find": searching, "session step": in_session,
}  # fmt: skip
