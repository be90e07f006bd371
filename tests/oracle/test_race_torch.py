"""Races against torch.optim: the same gradients lead along the same path, recorded step by step."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import surfaces
from torchlean_nb.race.anatomy import replay

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

# Rule, its hyperparameters where they are not the defaults, and what torch calls both.
CONFIGS = [
    ("sgd", {"lr": 1e-3}, "SGD", {}),
    ("momentum", {"lr": 1e-3}, "SGD", {"momentum": 0.9}),
    ("nesterov", {"lr": 1e-3}, "SGD", {"momentum": 0.9, "nesterov": True}),
    ("sgd", {"lr": 1e-3, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1}, "SGD",
     {"momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1}),
    ("asgd", {"lr": 1e-3, "t0": 20.0}, "ASGD", {"t0": 20.0}), ("rprop", {}, "Rprop", {}),
    ("adam", {"lr": 0.1}, "Adam", {}), ("adam", {"lr": 0.1, "amsgrad": True}, "Adam", {"amsgrad": True}),
    ("adamw", {"lr": 0.1, "weight_decay": 0.1}, "AdamW", {"weight_decay": 0.1}), ("adamax", {"lr": 0.1}, "Adamax", {}),
    ("nadam", {"lr": 0.05}, "NAdam", {}), ("radam", {"lr": 1e-4}, "RAdam", {}), ("adagrad", {"lr": 0.2}, "Adagrad", {}),
    ("rmsprop", {"lr": 0.02}, "RMSprop", {}),
    ("rmsprop", {"lr": 0.01, "momentum": 0.5, "centered": True}, "RMSprop", {"momentum": 0.5, "centered": True}),
    ("adadelta", {"lr": 1.0}, "Adadelta", {}), ("adafactor", {"lr": 0.05}, "Adafactor", {}),
]  # fmt: skip
PLACES = {
    "rosenbrock": (-1.5, 2.0), "beale": (-1.0, 1.5), "himmelblau": (-0.5, -0.5), "ackley": (-1.2, 0.7),
    "quadratic": (2.0, 1.0),
}  # fmt: skip


@pytest.fixture(autouse=True)
def doubles():
    old = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # the state of ASGD and NAdam is kept in the default dtype
    yield
    torch.set_default_dtype(old)


@pytest.mark.parametrize("surface", PLACES)
@pytest.mark.parametrize(("rule", "hypers", "name", "options"), CONFIGS, ids=lambda x: x if isinstance(x, str) else "")
def test_two_hundred_steps_are_torchs_to_ten_digits(surface, rule, hypers, name, options):
    many = np.array([PLACES[surface], *np.random.default_rng(3).uniform(-1, 1, (5, 2))])
    alone, crowd = (tl.race([(rule, hypers)], on=surface, start=s, steps=200) for s in (PLACES[surface], many))
    for r, i in ((alone, 0), (crowd, 0), (crowd, 4)):
        track = r.tracks[0]
        assert track.ended[i] == -1
        ours, g = track.positions[:, :, i], replay(surface, track, r.steps, i).gradient
        p = torch.tensor(ours[0])
        theirs = getattr(torch.optim, name)([p], lr=track.hypers["lr"], **options)
        for k in range(200):
            p.grad = torch.tensor(g[k])
            theirs.step()
            assert np.abs(p.numpy() - ours[k + 1]).max() <= 1e-10


@pytest.mark.parametrize("options", [{}, {"line_search_fn": "strong_wolfe"}], ids=str)
@pytest.mark.parametrize("surface", PLACES)
def test_lbfgs_goes_where_torchs_goes_and_asks_as_often(surface, options):
    on = surfaces.surface_of(surface)
    r = tl.race([("lbfgs", {"lr": 0.1 if not options else 1.0, "max_iter": 4, **options})], on=on,
                start=PLACES[surface], steps=6)  # fmt: skip
    p = torch.tensor(PLACES[surface], requires_grad=True)
    theirs, asked = torch.optim.LBFGS([p], lr=0.1 if not options else 1.0, max_iter=4, **options), 0

    def closure():
        nonlocal asked
        asked += 1
        z = p.detach().numpy()
        p.grad = torch.tensor(np.array(on.slope(z)))
        return torch.tensor(float(on(z)))

    for k in range(6):
        theirs.step(closure)
        assert np.abs(p.detach().numpy() - r.tracks[0].positions[k + 1, :, 0]).max() <= 1e-8
    assert r.tracks[0].evaluations.tolist() == [asked]
