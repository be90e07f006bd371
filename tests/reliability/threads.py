"""What four threads do at once, and one after the other: every line gives bits that do not depend on the others."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _trainers import data, fit, trainer

import torchlean_nb as tl

X = np.random.default_rng(0).normal(size=(6, 3))


def backend(kind: str) -> Callable[[int, Path], Any]:
    """A session with random numbers, several rows and an optimizer."""

    def run(i: int, folder: Path) -> Any:
        s = tl.Session(backend=kind, seed=i)
        net = tl.nn.Sequential(tl.nn.Linear(3, 4), tl.nn.Dropout(0.3), tl.nn.GELU(), tl.nn.LayerNorm(4)).bind(s, seed=i)
        opt = tl.optim.AdamW(net.parameters(), lr=0.1)
        losses = []
        for _ in range(4):
            s.reset_tape()
            losses.append(s.step(opt, lambda: tl.mse_loss(net(X + i), X @ np.ones((3, 4)))).loss)
        return losses, s.digest(), s.trace(net(X).sum()).to_json()

    return run


def training(**options: Any) -> Callable[[int, Path], Any]:
    def run(i: int, folder: Path) -> Any:
        t = trainer(**options)
        fit(t, 3 + i % 2)
        file = folder / f"{i}.tl"
        tl.save(file, t)
        again = trainer(**options)
        tl.load(file, into=again)
        fit(again, 2)
        return [(k, v.tobytes()) for k, v in again.runner.net.state_dict().items()]

    return run


def program(i: int, folder: Path) -> Any:
    p = tl.compile(lambda w, x: tl.sum(tl.tanh(x @ w + i)), np.ones((3, 2)), X)
    value, slope = p.value_and_grad(np.full((3, 2), 0.1 * i), X)
    twin = copy.deepcopy(p)
    return float(value), slope.tobytes(), float(twin(np.ones((3, 2)), X)), p.source, str(p.explain())


def training_step(i: int, folder: Path) -> Any:
    opt = tl.optim.Adam({"w": np.full((3, 2), 0.5 + i)}, lr=0.1, fused="numpy")
    step = tl.compile(lambda x, w: tl.sum((x @ w) ** 2), X, np.ones((3, 2)), argnums=1).train_step(opt)
    losses = [float(step(X)) for _ in range(4)]
    return losses, opt.params["w"].tobytes(), pickle.loads(pickle.dumps(opt)).params["w"].tobytes()


def every_rule(i: int, folder: Path) -> Any:
    found = []
    for name in ("sgd", "adam", "lion", "muon", "shampoo", "schedule_free_adamw", "prodigy", "lbfgs"):
        opt = getattr(tl.optim, tl.optim.row(name).class_name)({"w": np.eye(2) + i})
        for _ in range(3):
            found.append(opt.step(lambda p: (float((p["w"] ** 2).sum()), {"w": 2 * p["w"]}))
                         if name == "lbfgs" else opt.step({"w": np.eye(2) - 0.3}, 1.0))  # fmt: skip
        found.append(opt.params["w"].tobytes())
    return found


def transforms(i: int, folder: Path) -> Any:
    def f(x: Any) -> Any:
        return tl.sum(tl.softmax(x * (1.0 + i)) ** 2)

    v = X[0]
    given = tl.grad(f)(v), tl.hessian(f)(v), tl.jvp(f, (v,), (v,))[1], tl.hvp(f, v, v), tl.jacrev(lambda x: x * x)(v)
    return [np.asarray(a).tobytes() for a in given], tl.vmap(lambda x: x * x + i)(X).tobytes()


def races(i: int, folder: Path) -> Any:
    one = tl.race.run(["sgd", "adam"], "beale", X[:3, :2] + 0.1 * i, 8, progress=False)
    few = tl.race.sweep(["sgd"], "rosenbrock", [1e-3, 1e-2], steps=4, seeds=2, progress=False)
    return one.to_json(), few.to_json()


def minima(i: int, folder: Path) -> Any:
    found = [tl.minimize(lambda x: tl.sum((x - i) ** 4), X[0], name, steps=4) for name in ("bfgs", "newton")]
    return [one.points.tobytes() for one in found]


def tables(i: int, folder: Path) -> Any:
    """Names are looked up, and rows of one's own come and go, while others read the tables."""

    @tl.extend.update_rule(hypers={"lr": tl.extend.Hyper(0.1)})
    def of_thread(xp, g, p, s, h, t):
        """Downhill."""
        return {"delta": -h.lr * g}

    row = tl.schedules.cosine(0.1, total=9)
    return sum(op.builtin for op in tl.ops.values()), tl.optim.row("adam").card(), tl.surfaces.ackley(0.3, i), row(i)


def pictures(i: int, folder: Path) -> Any:
    s = tl.Session()
    trace = s.trace(tl.sum(s.param(X[:2] + i, name="w") ** 2))
    trace.to_html(folder / f"{i}.html")
    return trace.to_svg(), trace.to_text(), (folder / f"{i}.html").read_text()


def one_file(i: int, folder: Path) -> Any:
    """All of them write one file, which is always somebody's, whole."""
    file = folder / "shared.tl"
    for _ in range(3):
        tl.save(file, {"n": i, "a": np.full(500, float(i))})
        found = tl.load(file)
        assert (found["a"] == found["n"]).all()
    return "written"


def batches(i: int, folder: Path) -> Any:
    loader = tl.data.DataLoader(data(), 4, seed=i)
    return [a.tobytes() for _ in range(3) for batch in loader for a in batch]


WORK: dict[str, Callable[[int, Path], Any]] = {
    "eager session": backend("eager"), "compiled session": backend("compiled"), "Trainer": training(),
    "compiled Trainer": training(backend="compiled"), "program": program, "train_step": training_step,
    "optimizers": every_rule, "transforms": transforms, "races": races, "minimizers": minima, "pictures": pictures,
    "one file": one_file, "loaders": batches, "tables": tables,
}  # fmt: skip
