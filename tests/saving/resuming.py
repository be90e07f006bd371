"""Runs that are stopped at every step and taken up in another process: ``python -m tests.saving.resuming 200``.

``write`` trains all runs without a stop and saves them after every step; ``check``, in another process, loads every one
of these files into new objects, trains them `FURTHER` steps, and compares the bytes with the file of that step. From
there on the same argument holds, so every stop is one of a run that ends in the same bits.

A `Loop` is a model with dropout and running statistics, an optimizer, a schedule, shuffled batches, and noise from a
generator; a `Fleet` one rule under every scheduler. The long form is every rule under every scheduler in both dtypes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import torchlean_nb as tl
from torchlean_nb.minimizers import METHODS

STEPS, FURTHER = 4, 2
ROOT = Path(__file__).parents[2]
LR = tl.optim.lr_scheduler
SCHEDULERS = {
    "LambdaLR": lambda o: LR.LambdaLR(o, lambda k: 0.9**k), "MultiplicativeLR": lambda o: LR.MultiplicativeLR(
        o, lambda k: 0.9), "StepLR": lambda o: LR.StepLR(o, 2), "MultiStepLR": lambda o: LR.MultiStepLR(o, [1, 3]),
    "ConstantLR": lambda o: LR.ConstantLR(o, total_iters=3), "LinearLR": lambda o: LR.LinearLR(o, total_iters=4),
    "ExponentialLR": lambda o: LR.ExponentialLR(o, 0.9), "PolynomialLR": lambda o: LR.PolynomialLR(o, 5, 2.0),
    "CosineAnnealingLR": lambda o: LR.CosineAnnealingLR(o, 3),
    "CosineAnnealingWarmRestarts": lambda o: LR.CosineAnnealingWarmRestarts(o, 2, 2),
    "CyclicLR": lambda o: LR.CyclicLR(o, 0.01, 0.1, 2, mode="exp_range", gamma=0.9, cycle_momentum=False),
    "OneCycleLR": lambda o: LR.OneCycleLR(
        o, 0.1, 999, cycle_momentum=bool({"momentum", "betas"} & {*o.param_groups[0]})),
    "SWALR": lambda o: LR.SWALR(o, 0.05, 3),
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


class Fleet:
    """A rule under every scheduler: a session with parameters for each, and gradients that depend on them."""

    def __init__(self, rule: str, dtype: str):
        self.session, self.noise = tl.Session(dtype=dtype), np.random.default_rng(4)
        self.needs, kind = tl.optim.rules[rule].needs, tl.optim.class_of(rule)
        self.optimizer = {}
        for i, name in enumerate(SCHEDULERS):
            start = {"w": self.noise.normal(size=(3, 2))}
            start |= {} if rule in MATRICES else {"b": self.noise.normal(size=2)}
            self.optimizer[name] = kind([self.session.param(a, name=f"{k}{i}") for k, a in start.items()])
        self.scheduler = {name: make(self.optimizer[name]) for name, make in SCHEDULERS.items()}

    def train(self, steps: int) -> None:
        for _ in range(steps):
            value = float(self.noise.uniform(0.5, 2.0))
            for name, opt in self.optimizer.items():
                held = [p.value for group in opt.param_groups for p in group["params"]]
                grads = [(a + self.noise.normal(size=a.shape)).astype(a.dtype) for a in held]
                opt.step(grads, value, [1 + g * g for g in grads] if "curvature" in self.needs else None)
                self.scheduler[name].step(*((value,) if name in PLATEAUS else ()))

    @property
    def parts(self):
        return {name: getattr(self, name) for name in ("session", "optimizer", "scheduler", "noise")}


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


def runs(rules: Sequence[str] = ()) -> dict[str, object]:
    """All of them, fresh; of `rules` the fleets."""
    if rules:
        return {f"{rule} in {dtype}": Fleet(rule, dtype) for rule in rules for dtype in ("float64", "float32")}
    made: dict[str, object] = {rule: Loop(rule, "ExponentialLR") for rule in tl.optim.rules}
    made |= {f"fleet of {name}": run for name, run in runs(("sgd", "adam")).items()}
    made |= {f"{rule} in float32": Loop(rule, "StepLR", "float32") for rule in ("sgd", "adamw", "lion", "muon")}
    made |= {f"fused {rule}": Loop(rule, "StepLR", fused=True) for rule in ("sgd", "adam", "lion")}
    made |= {f"Trainer with {rule}": Fitted(optimizer=rule) for rule in ("sgd", "adam", "schedule_free_adamw")}
    made |= {f"the method {name}": Asking(name) for name in METHODS}
    made["Trainer with a schedule"] = Fitted(schedule=tl.schedules.one_cycle(0.1, total=8))
    made["Trainer with a scheduler"] = Fitted(schedule=lambda o: LR.ReduceLROnPlateau(o, patience=0), dtype="float32")
    return made


def write(folder: Path, steps: int = STEPS, rules: Sequence[str] = ()) -> int:
    """Train and save all runs; how many there are."""
    mine = runs(rules)
    for step in range(steps + 1):
        tl.save(folder / f"{step}.tl", {name: run.parts for name, run in mine.items()})
        for run in mine.values():
            run.train(int(step < steps))
    return len(mine)


def check(folder: Path, steps: int = STEPS, rules: Sequence[str] = ()) -> None:
    """Print the names of the runs that came out differently, and how many did not."""
    now, same = folder / "now.tl", 0
    for step in range(steps):
        mine, further = runs(rules), min(FURTHER, steps - step)
        tl.load(folder / f"{step}.tl", into={name: run.parts for name, run in mine.items()})
        for run in mine.values():
            run.train(further)
        tl.save(now, {name: run.parts for name, run in mine.items()})
        then = folder / f"{step + further}.tl"
        different = {} if now.read_bytes() == then.read_bytes() else differences(tl.load(then), tl.load(now))
        for name, places in different.items():
            print(f"{name} stopped after {step}: {places}")
        same += len(mine) - len(different)
    print(f"{same} runs are the same bit for bit")


def elsewhere(folder: Path, steps: int = STEPS, rules: Sequence[str] = ()) -> str:
    """What `check` prints in another process."""
    command = [sys.executable, "-m", "tests.saving.resuming", "check", str(folder), str(steps), *rules]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout


def main(steps: int, names: Sequence[str]) -> int:
    """Everything, a few rules at a time, for the files are many; whether a run came out differently."""
    wrong, count, every = 0, 0, names or list(tl.optim.rules)
    for rules in [*([] if names else [()]), *(every[i : i + 5] for i in range(0, len(every), 5))]:
        with tempfile.TemporaryDirectory() as folder:
            want = write(Path(folder), steps, rules) * steps
            *lines, last = elsewhere(Path(folder), steps, rules).splitlines()
        print(*lines, f"{', '.join(rules) or 'small form'}: {last} of {want}", sep="\n", flush=True)
        wrong, count = wrong + len(lines), count + want * (len(SCHEDULERS) if rules else 1)
    print(f"{count} cuts, each run stopped after every one of {steps} steps: {wrong} differ")
    return bool(wrong)


def differences(a, b) -> dict[str, list[str]]:
    """Places where the runs of two files differ."""
    both = {name: (bits(a[name]), bits(b[name])) for name in a}
    return {name: [k for k in x if x[k] != y.get(k)][:5] for name, (x, y) in both.items() if x != y}


def bits(tree) -> dict[str, object]:
    """Leaves of a loaded state, comparable."""
    from torchlean_nb.saving.checkpoint import leaves

    return {place: leaf.tobytes() if isinstance(leaf, np.ndarray) else repr(leaf) for place, leaf in leaves(tree)}


if __name__ == "__main__":
    if sys.argv[1] == "check":
        check(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
    else:
        sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
