"""Runs that are stopped at every step and taken up in another process: ``resuming.py write DIR``, ``check DIR``.

Each run is a model with dropout and running statistics, an optimizer, a schedule, shuffled batches, and noise from a
generator. ``write`` trains them without a stop, saves them all after every step, and at last what came out;
``check`` loads every one of these files into new objects, trains the rest, and compares the bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import torchlean_nb as tl
from torchlean_nb.minimizers import METHODS

STEPS = 4
LR = tl.optim.lr_scheduler
SCHEDULERS = {
    "LambdaLR": lambda o: LR.LambdaLR(o, lambda k: 0.9**k), "MultiplicativeLR": lambda o: LR.MultiplicativeLR(
        o, lambda k: 0.9), "StepLR": lambda o: LR.StepLR(o, 2), "MultiStepLR": lambda o: LR.MultiStepLR(o, [1, 3]),
    "ConstantLR": lambda o: LR.ConstantLR(o, total_iters=3), "LinearLR": lambda o: LR.LinearLR(o, total_iters=4),
    "ExponentialLR": lambda o: LR.ExponentialLR(o, 0.9), "PolynomialLR": lambda o: LR.PolynomialLR(o, 5, 2.0),
    "CosineAnnealingLR": lambda o: LR.CosineAnnealingLR(o, 3),
    "CosineAnnealingWarmRestarts": lambda o: LR.CosineAnnealingWarmRestarts(o, 2, 2),
    "CyclicLR": lambda o: LR.CyclicLR(o, 0.01, 0.1, 2, mode="exp_range", gamma=0.9, cycle_momentum=False),
    "OneCycleLR": lambda o: LR.OneCycleLR(o, 0.1, 8), "SWALR": lambda o: LR.SWALR(o, 0.05, 3),
    "SequentialLR": lambda o: LR.SequentialLR(o, [LR.LinearLR(o, total_iters=2), LR.ExponentialLR(o, 0.9)], [3]),
    "ChainedScheduler": lambda o: LR.ChainedScheduler([LR.ConstantLR(o, total_iters=2), LR.ExponentialLR(o, 0.9)]),
    "ReduceLROnPlateau": lambda o: LR.ReduceLROnPlateau(o, patience=0, threshold=0.5),
    "ReduceOnPlateau": lambda o: LR.ReduceOnPlateau(o, patience=1),
    "ScheduleLR": lambda o: LR.ScheduleLR(o, tl.schedules.warmup_cosine(0.1, warmup=2, total=6)),
}  # fmt: skip
MATRICES = ("muon", "muon_debiased", "orthogonal_momentum", "galore", "galore_sgd", "projected_sgd")
PLATEAUS = ("ReduceLROnPlateau", "ReduceOnPlateau")
LAYERS = tl.nn.Linear(3, 4), tl.nn.BatchNorm1d(4), tl.nn.Tanh(), tl.nn.Dropout(0.3), tl.nn.Linear(4, 2)
X = np.random.default_rng(0).normal(size=(11, 3))
DATA = tl.data.Dataset(X, np.stack([X[:, 0] * X[:, 1], X[:, 2] ** 2], 1))


class Loop:
    """A training loop written by hand."""

    def __init__(self, rule: str, scheduler: str, dtype: str = "float64", fused: bool = False):
        self.session = tl.Session(seed=1, dtype=dtype)
        self.net = tl.nn.Sequential(*LAYERS).bind(self.session, seed=2)
        self.trained = [p for p in self.net.parameters() if len(p.shape) == 2 or rule not in MATRICES]
        self.optimizer = tl.optim.class_of(rule)(self.trained, fused="numpy" if fused else False)
        self.needs = tl.optim.rules[rule].needs
        self.scheduler, self.looks = SCHEDULERS[scheduler](self.optimizer), scheduler in PLATEAUS
        self.loader = tl.data.DataLoader(DATA, 4, seed=3)
        self.noise = np.random.default_rng(4)

    def train(self, steps: int) -> None:
        for _ in range(steps):
            self.session.reset_tape()
            x, y = self.loader.next_batch()
            loss = tl.mse_loss(self.net(x + self.noise.normal(size=x.shape)), y)
            grads = self.session.backward(loss)
            aside = [self.noise.uniform(0.1, 1, p.shape) for p in self.trained] if "curvature" in self.needs else None
            self.optimizer.step([grads[p] for p in self.trained], loss.item(), aside)
            self.scheduler.step(*((loss.item(),) if self.looks else ()))

    @property
    def parts(self):
        return {name: getattr(self, name) for name in ("session", "optimizer", "scheduler", "loader", "noise")}


class Asking:
    """A method that evaluates the function itself, and an average of what it found."""

    def __init__(self, name: str):
        self.session = tl.Session()
        self.w = self.session.param([1.5, -0.7], name="w")
        kind = next(k for k in vars_of(tl.optim) if getattr(k, "rule", None) is METHODS[name])
        self.need = next(iter(METHODS[name].needs))
        self.optimizer = kind([self.w], **({"examples": 3} if self.need == "examples" else {}))
        self.average = tl.optim.EMA(self.optimizer)

    def closure(self, example: int = 1):
        w = self.w.value
        loss = tl.sum((self.w - float(example)) ** 2) + tl.sum(self.w**4) * 0.1
        if self.need == "value":
            return loss.item()
        if self.need == "hessian":
            return loss.item(), [self.session.backward(loss)[self.w]], np.diag(2 + 1.2 * w**2)
        return (w - 1.0, [np.eye(2)]) if self.need == "jacobian" else loss

    def train(self, steps: int) -> None:
        for _ in range(steps):
            self.optimizer.step(self.closure if self.need == "examples" else lambda: self.closure())
            self.average.update()

    @property
    def parts(self):
        return {"session": self.session, "optimizer": self.optimizer, "average": self.average}


def vars_of(module) -> list[object]:
    return [getattr(module, name) for name in dir(module)]


def trainer(optimizer: str = "adam", **options):
    """A Trainer as users make it."""
    return tl.Trainer(tl.nn.Sequential(*LAYERS), optimizer=optimizer, seed=5, **options)


class Fitted:
    """The same with a Trainer."""

    def __init__(self, **options):
        self.parts = trainer(**options)

    def train(self, steps: int) -> None:
        self.parts.fit(DATA, steps=steps, batch_size=4, validation=3, progress=False)


def runs() -> dict[str, object]:
    """All of them, fresh."""
    made: dict[str, object] = {rule: Loop(rule, "ExponentialLR") for rule in tl.optim.rules}
    made |= {f"{rule} with {name}": Loop(rule, name) for name in SCHEDULERS for rule in ("sgd", "adam")}
    made |= {f"{rule} in float32": Loop(rule, "StepLR", "float32") for rule in ("sgd", "adamw", "lion", "muon")}
    made |= {f"fused {rule}": Loop(rule, "StepLR", fused=True) for rule in ("sgd", "adam", "lion")}
    made |= {f"Trainer with {rule}": Fitted(optimizer=rule) for rule in ("sgd", "adam", "schedule_free_adamw")}
    made |= {f"the method {name}": Asking(name) for name in METHODS}
    made["Trainer with a schedule"] = Fitted(schedule=tl.schedules.one_cycle(0.1, total=8))
    made["Trainer with a scheduler"] = Fitted(schedule=lambda o: LR.ReduceLROnPlateau(o, patience=0), dtype="float32")
    return made


def write(folder: Path) -> int:
    """Train and save all runs; how many there are."""
    mine = runs()
    for step in range(STEPS):
        tl.save(folder / f"{step}.tl", {name: run.parts for name, run in mine.items()})
        for run in mine.values():
            run.train(1)
    tl.save(folder / "end.tl", {name: run.parts for name, run in mine.items()})
    return len(mine)


def check(folder: Path) -> None:
    """Print the names of the runs that came out differently, and how many did not."""
    end, now, same = folder / "end.tl", folder / "now.tl", 0
    for step in range(STEPS):
        mine = runs()
        tl.load(folder / f"{step}.tl", into={name: run.parts for name, run in mine.items()})
        for run in mine.values():
            run.train(STEPS - step)
        tl.save(now, {name: run.parts for name, run in mine.items()})
        different = {} if now.read_bytes() == end.read_bytes() else differences(tl.load(end), tl.load(now))
        for name, places in different.items():
            print(f"{name} stopped after {step}: {places}")
        same += len(mine) - len(different)
    print(f"{same} runs are the same bit for bit")


def differences(a, b) -> dict[str, list[str]]:
    """Places where the runs of two files differ."""
    both = {name: (bits(a[name]), bits(b[name])) for name in a}
    return {name: [k for k in x if x[k] != y.get(k)][:5] for name, (x, y) in both.items() if x != y}


def bits(tree) -> dict[str, object]:
    """Leaves of a loaded state, comparable."""
    from torchlean_nb.saving.checkpoint import leaves

    return {place: leaf.tobytes() if isinstance(leaf, np.ndarray) else repr(leaf) for place, leaf in leaves(tree)}


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](Path(sys.argv[2]))
