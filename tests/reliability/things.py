"""One of everything public: `things()` makes them, `FURTHER` says what each does next, `plain` what it is."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import _fair
import _landscapes
import numpy as np
from _trainers import data, fit, trainer
from _views import MAKE

import torchlean_nb as tl
from torchlean_nb.copies import Live
from torchlean_nb.rows import Op

START, G = {"w": np.array([[1.0, -2.0], [0.5, 3.0]]), "v": np.array([0.3, -0.4])}, np.random.default_rng(1)
GRADS = [{k: G.normal(size=a.shape) for k, a in START.items()} for _ in range(5)]


def square(w: Any, x: Any) -> Any:
    """A loss that stands in a module."""
    return tl.sum((w * x - 1.0) ** 2)


def bowl(x: Any) -> Any:
    """Something to minimize."""
    return tl.sum((x - 1.0) ** 2)


def third(step: int) -> float:
    """A schedule that stands in a module."""
    return 1.0 / (step + 3)


def trained(name: str = "Adam", **options: Any) -> Any:
    """An optimizer two steps on."""
    opt = getattr(tl.optim, name)(START, **options)
    for g in GRADS[:2]:
        opt.step(g, 1.5)
    return opt


def descended(name: str) -> Any:
    """A method one step on."""
    opt = getattr(tl.optim, name)({"w": np.array([3.0, -2.0])})
    opt.step(closure)
    return opt


def closure(p: Any) -> Any:
    """Value and gradient of a bowl."""
    return float((p["w"] ** 2).sum()), {"w": 2 * p["w"]}


def in_session() -> dict[str, Any]:
    """What belongs to a session."""
    found = {}
    for backend in ("eager", "compiled"):
        s = tl.Session(seed=0, backend=backend)
        w = s.param([1.0, 2.0], name="w")
        loss = tl.sum((w * s.input([3.0, 4.0])) ** 2)
        opt = tl.optim.SGD([w], lr=0.1)
        parts = {"session": s, "param": w, "tensor": loss, "tape": s.tape, "gradients": s.backward(loss),
                 "optimizer": opt, "averages": tl.optim.EMA([w]), "node": s.tape[0], "snapshot": opt.snapshot(),
                 "trace": s.trace(loss), "ledger": s.ledger(w, loss)}  # fmt: skip
        found |= {f"{backend} {k}": v for k, v in parts.items()}
        net = tl.nn.Linear(2, 1).bind(tl.Session(seed=1, backend=backend))
        found[f"{backend} module"] = net
    u = tl.Session()
    found["step report"] = u.step(tl.optim.SGD([u.param([1.0])], lr=0.1), lambda: tl.sum(u.params["param_0"] ** 2))
    return found


def of_training() -> dict[str, Any]:
    """What a training is made of and leaves behind."""
    train = tl.train
    t, compiled = trainer(), trainer(backend="compiled")
    result = fit(t, 3, callbacks=(path := tl.landscape.Trajectory(9)))
    fit(compiled, 3)
    params = train.ParamList.from_arrays([[1.0, 2.0], 3.0])
    entry = train.ParamEntry(0, np.ones(2), "w")
    group = train.ParamGroup((0,), 0.1, scheduler=train.LRScheduler(third))
    state = train.OptimizerKind.SGD
    return {
        "trainer": t, "compiled trainer": compiled, "result": result, "run": result.run, "runner": t.runner,
        "task": t.runner.task, "report": result.report, "recorder": train.Recorder(),
        "boundary recorder": train.BoundaryRecorder(),
        "trajectory": path, "early stopping": train.EarlyStopping(3), "callback": train.Callback(),
        "checkpoints": train.Checkpoint("x.tl"), "config": train.OptimizerConfig.adam(0.1),
        "train config": train.TrainConfig(3), "loader config": train.LoaderTrainConfig(3),
        "rate": train.LRScheduler(third), "group": group, "entry": entry, "table": train.ParamTable([entry]),
        "params": params, "kind": state, "loss": train.LOSSES["mse"], "metric": train.METRICS["accuracy"],
        "moment": train.Moment(t, 1, 0, {}), "scalar": train.ScalarTrainer(bowl, [[1.0, 2.0]]),
        "stepper": train.Stepper(t.runner, t.optimizer), "handed state": train.OptimizerState(state, (group,)),
        "handed dict": train.OptimStateDict(state, (group,), 1),
    }  # fmt: skip


def of_data() -> dict[str, Any]:
    """Data sets, loaders, functions of them."""
    loader = tl.data.DataLoader(data(), 4, seed=1)
    loader.next_batch()
    of, whole = tl.data, tl.data.DataLoader(data(), 4, drop_last=True)
    return {"data set": data(), "loader": loader, "torchlean loader": of.torchlean_loader(data(), 4),
            "batches": of.BatchLoader(whole, 4), "compose": of.Compose(of.Normalize(0.0, 2.0)),
            "normalize": of.Normalize(0.0, 2.0)}  # fmt: skip


def of_rows() -> dict[str, Any]:
    """Tables and their rows."""
    ext = tl.extend
    return {
        "op": tl.tanh, "table of ops": tl.ops, "rules": tl.optim.rules, "rule": tl.optim.rules["adam"],
        "wrapper": tl.optim.ema, "transform": tl.optim.transforms.clip_value, "method": tl.minimizers.METHODS["bfgs"],
        "hyper": ext.Hyper(0.1), "slot": ext.Slot(), "domain": ext.POSITIVE, "layer slot": tl.nn.Linear(2, 1).slots(),
        "exercise": next(iter(tl.lessons.EXERCISES.values())), "schedule row": tl.schedules.cosine,
        "law": next(iter(tl.laws.LAWS.values())), "kink": tl.laws.KINKS[0],
        "feedback": tl.lessons.check("01.dw", 1.0), "surface": tl.surfaces.rosenbrock,
        "formula": tl.surfaces.parse("x^2 + y^2"), "noisy": tl.surfaces.noisy_sphere,
        **{name: getattr(tl.nn, name)() for name in tl.nn.__all__ if name.endswith("Loss")},
        "plateau": tl.schedules.PlateauState(), "contender": tl.race.contenders(["adam"])[0],
    }  # fmt: skip


def of_results() -> dict[str, Any]:
    """What functions return."""
    race = tl.race.run(["sgd", "adam"], "rosenbrock", steps=5)
    found = tl.minimize(bowl, np.array([3.0, 1.0]))
    net = tl.nn.Linear(2, 1, bias=False)
    mine = tl.landscape.Objective(net.bind(tl.Session(), seed=0), (np.diag([3.0, 1.0]), [0.0, 0.0]), loss="mse")
    search = tl.minimizers.line_search(lambda x: (x @ x, 2 * x), [1.0, 2.0])
    s = tl.Session(seed=0)
    w = s.param([1.0, -2.0])
    rates = tl.lr_find(tl.optim.SGD([w], lr=0.1), lambda: (w * w).sum(), low=1e-3, steps=9)
    return {
        "race": race, "minimized": found, "summary": tl.nn.summary(net, (5, 2)), "search": search,
        "op report": tl.check_op(tl.tanh), "rule report": tl.check_rule("sgd"), "threads": tl.threads(),
        "certificate": tl.check_adjoint(tl.sum, [[1.0, 2.0]]), "gradients": tl.check_gradients(bowl, [[1.0, 2.0]]),
        "sweep": tl.race.sweep(["sgd"], "rosenbrock", steps=3, progress=False), "fair": _fair.both(),
        "landscape": _landscapes.named("a"), "series": tl.trace.Series("loss", np.arange(2), np.ones(2)),
        "event": tl.trace.Event(1, "stopped", "by hand"),
        "histogram": tl.trace.Histogram(0, "w", "weight", np.arange(3.0), np.ones(2, int)),
        "checkpoint": tl.saving.Checkpoint("model", {"w": np.ones(2)}), "objective": mine,
        "eigenvalues": tl.landscape.eigenvalues(mine, k=1), "confusion": tl.trace.ConfusionMatrix(np.eye(2, dtype=int)),
        "log": tl.trace.TrainLog(), "evaluate": tl.minimizers.Evaluate(np.ones(2)), "rng": tl.Rng(3),
        "rates": rates,
        "program trace": tl.compile(square, [1.0, 2.0], [3.0, 4.0]).trace([1.0, 2.0], [3.0, 4.0]),
    }  # fmt: skip


def that_step() -> dict[str, Any]:
    """What has a next step of its own."""
    opt, of = trained(), tl.optim.lr_scheduler
    program = tl.compile(square, [1.0, 2.0], [3.0, 4.0])
    fused = tl.optim.SGD({"w": np.array([1.0, 2.0])}, lr=0.1, momentum=0.9, fused="numpy")
    mean = tl.optim.EMA(trained("SGD", lr=0.1))
    mean.update()
    made = tl.optim.class_of(tl.optim.chain("clip_global_norm", "adam"))
    return {
        "adam": opt, "fused adam": trained(fused="numpy"), "chain": made(START), "lbfgs": descended("LBFGS"),
        "bfgs": descended("BFGS"), "averages": mean, "swa": tl.optim.SWA(trained("SGD", lr=0.1)),
        "explanation": opt.explain("w"), "snapshot": opt.snapshot(), "program": program,
        "gradient program": program.value_and_grad,
        "fast program": tl.compile(square, [1.0, 2.0], [3.0, 4.0], fast=True),
        "local program": tl.compile(lambda w: tl.sum(w * w), [1.0, 2.0]), "training step": program.train_step(fused),
        "step lr": of.StepLR(trained(), 2), "lambda lr": of.LambdaLR(trained(), third),
        "plateau": of.ReduceLROnPlateau(trained(), patience=0),
        "one cycle": of.OneCycleLR(trained("SGD", lr=0.1), 1.0, 9),
        "in turn": of.SequentialLR(o := trained(), [of.ConstantLR(o), of.ExponentialLR(o, 0.9)], [2]),
        "schedule": tl.schedules.one_cycle(0.1, total=8), "on plateau": tl.schedules.reduce_on_plateau(0.1),
    }  # fmt: skip


def things() -> dict[str, Any]:
    """All of them, fresh."""
    made: dict[str, Any] = {}
    for group in (in_session, of_training, of_data, of_rows, of_results, that_step):
        for name, thing in group().items():
            made[f"{group.__name__}: {name}"] = thing
    return made


def widgets() -> dict[str, Any]:
    """One of every widget."""
    run = fit(trainer(), 1).run
    more = {"arena": tl.widgets.RaceArena(["sgd"], steps=3), "dashboard": tl.widgets.TrainingDashboard(run)}
    return {name: make("w") for name, make in MAKE.items()} | more


def loaded(loader: Any) -> list[Any]:
    return [loader.next_batch() for _ in range(5)]


def stepped(opt: Any) -> list[Any]:
    for g in GRADS[2:]:
        opt.step(g, 1.5)
    return [opt.params, opt.state_dict()]


def asked(opt: Any) -> list[Any]:
    return [opt.step(closure), opt.params, opt.state_dict()]


def scheduled(s: Any) -> list[Any]:
    metric = (1.0,) if type(s).__name__.startswith("Reduce") else ()
    for g in GRADS[2:]:
        s.optimizer.step(g, 1.5)
        s.step(*metric)
    return [s.state_dict(), s.optimizer.params]


def averaged(mean: Any) -> list[Any]:
    mean.update()
    return [mean.averages, mean.state_dict()]


# What a thing does next, by the class it is of.
FURTHER: dict[Any, Callable[[Any], Any]] = {
    tl.data.DataLoader: loaded, tl.data.BatchLoader: list, tl.optim.lr_scheduler.LRScheduler: scheduled,
    tl.optim.EMA: averaged, tl.optim.SWA: averaged, tl.schedules.Schedule: lambda s: [s(k) for k in range(8)],
    tl.Rng: lambda r: [r.split(), r.next_seed(), r.key()], tl.surfaces.Surface: lambda f: f(1.5, -0.5),
    tl.data.Compose: lambda f: f(np.ones(3)), tl.data.Normalize: lambda f: f(np.ones(3)),
}  # fmt: skip


def further(thing: Any) -> Any:
    """What it does next, plain; None for what does nothing."""
    if isinstance(thing, tl.optim.Optimizer):
        return plain((asked if hasattr(thing.rule, "want") else stepped)(thing))
    if type(thing).__name__ == "Program":
        args = [[1.5, -2.0], [0.1, 0.2]][: len(thing.examples)]
        return plain([thing(*args), thing.source])
    if type(thing).__name__ == "TrainStep":
        return plain([thing([3.0, 4.0]), thing([1.0, 2.0]), thing.opt.params])
    for kind, run in FURTHER.items():
        if isinstance(thing, kind):
            return plain(run(thing))
    return None


def plain(x: Any, deep: int = 12) -> Any:
    """What it is, in tuples, to the last bit."""
    if isinstance(x, np.ndarray | np.generic):
        return str(x.dtype), x.shape, x.tobytes()
    if isinstance(x, type | types.FunctionType | types.BuiltinFunctionType | types.ModuleType | Op):
        return getattr(x, "__qualname__", x.__name__)
    if isinstance(x, tl.optim.Optimizer | tl.optim.EMA | tl.optim.SWA):
        return plain([x.state_dict(), getattr(x, "params", None)])
    if isinstance(x, Live):
        return x.digest() if isinstance(x, tl.Session) else plain(x.state_dict() if hasattr(x, "state_dict") else id(x))
    if type(x).__name__ in ("Program", "TrainStep"):
        p = getattr(x, "program", x)
        return plain([p.source, p.examples, p.argnums, p.wrt, p.fast, getattr(x, "opt", None)])
    if dataclasses.is_dataclass(x):
        kept = [f.name for f in dataclasses.fields(x) if f.compare]
        return type(x).__name__, *((name, plain(getattr(x, name), deep - 1)) for name in kept)
    if isinstance(x, Mapping):
        return tuple((str(k), plain(v, deep - 1)) for k, v in x.items())
    if isinstance(x, list | tuple | set | frozenset):
        return tuple(plain(v, deep - 1) for v in (sorted(x, key=repr) if isinstance(x, set | frozenset) else x))
    if hasattr(x, "__dict__") and deep:
        return type(x).__name__, *((k, plain(v, deep - 1)) for k, v in sorted(vars(x).items()))
    return repr(x)


def inside(x: Any, seen: set[int] | None = None, deep: int = 6) -> Iterator[Any]:
    """The thing and what it is made of."""
    seen = set() if seen is None else seen
    if id(x) in seen or not deep:
        return
    seen.add(id(x))
    yield x
    parts = list(x.values()) if isinstance(x, dict) else list(x) if isinstance(x, list | tuple) else []
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        parts = [getattr(x, f.name) for f in dataclasses.fields(x)]
    for part in parts:
        yield from inside(part, seen, deep - 1)
