"""A training loop in PyTorch, written out, and `Trainer.fit`: the same losses, rates and parameters."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchlean_nb as tl

X = np.random.default_rng(0).normal(size=(21, 3))
Y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(np.int64) + (X[:, 2] > 1)
HELD = tl.data.Dataset(np.random.default_rng(1).normal(size=(8, 3)), np.arange(8) % 3)
THEIRS = torch.optim.lr_scheduler
OURS = tl.optim.lr_scheduler
PLAIN = {"accumulate": 1, "clip": None, "per": "step", "schedule": None, "metric": False}

CASES = {
    "sgd, per epoch, clipped": {
        "ours": lambda ps: tl.optim.SGD(ps, lr=0.3, momentum=0.9, nesterov=True, weight_decay=0.01),
        "theirs": lambda ps: torch.optim.SGD(ps, lr=0.3, momentum=0.9, nesterov=True, weight_decay=0.01),
        "schedule": (lambda opt: OURS.StepLR(opt, 2, 0.5), lambda opt: THEIRS.StepLR(opt, 2, 0.5)),
        "per": "epoch", "clip": 0.5,
    },
    "adamw, one cycle, accumulated": {
        "ours": lambda ps: tl.optim.AdamW(ps, lr=0.01), "theirs": lambda ps: torch.optim.AdamW(ps, lr=0.01),
        "schedule": (lambda opt: OURS.OneCycleLR(opt, 0.05, total_steps=30),
                     lambda opt: THEIRS.OneCycleLR(opt, 0.05, total_steps=30)),
        "accumulate": 2,
    },
    "rmsprop, plateau of the held-out loss": {
        "ours": lambda ps: tl.optim.RMSprop(ps, lr=0.02), "theirs": lambda ps: torch.optim.RMSprop(ps, lr=0.02),
        "schedule": (lambda opt: OURS.ReduceLROnPlateau(opt, patience=0, factor=0.5),
                     lambda opt: THEIRS.ReduceLROnPlateau(opt, patience=0, factor=0.5)),
        "per": "epoch", "metric": True,
    },
}  # fmt: skip


def layers(nn):
    return nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))


def by_torch(start, epochs, case):
    net = layers(torch.nn).double()
    net.load_state_dict({k: torch.from_numpy(v) for k, v in start.items()})
    opt = case["theirs"](net.parameters())
    scheduler = case["schedule"][1](opt)
    loader = tl.data.DataLoader(tl.data.Dataset(X, Y), 6, seed=5)
    held = [torch.from_numpy(np.array(a)) for a in HELD.arrays]
    losses, rates, looked = [], [], []
    for _ in range(epochs):
        batches = [[torch.from_numpy(np.array(a)) for a in batch] for batch in loader]
        for k in range(0, len(batches), case["accumulate"]):
            group = batches[k : k + case["accumulate"]]
            rows, total = sum(len(y) for _, y in group), 0.0
            net.train()
            opt.zero_grad()
            for x, y in group:
                loss = torch.nn.functional.cross_entropy(net(x), y) * (len(y) / rows)
                loss.backward()
                total += loss.item()
            if case["clip"]:
                torch.nn.utils.clip_grad_norm_(net.parameters(), case["clip"])
            rates.append(opt.param_groups[0]["lr"])
            opt.step()
            losses.append(total)
            if case["per"] == "step":
                scheduler.step()
        net.eval()
        with torch.no_grad():
            looked.append(torch.nn.functional.cross_entropy(net(held[0]), held[1]).item())
        if case["per"] == "epoch":
            scheduler.step(*([looked[-1]] if case["metric"] else []))
    return losses, rates, looked, {k: v.numpy() for k, v in net.state_dict().items()}


@pytest.mark.parametrize("name", CASES)
def test_fit_is_the_loop_one_would_write_in_pytorch(name):
    case = {**PLAIN, **CASES[name]}
    trainer = tl.Trainer(layers(tl.nn), "classification", case["ours"], case["schedule"][0],
                         schedule_per=case["per"], seed=5)  # fmt: skip
    start = tl.nn.to_torch_state_dict(trainer.runner.net)
    result = trainer.fit((X, Y), epochs=6, batch_size=6, validation=HELD, accumulate=case["accumulate"],
                         clip=case["clip"], progress=False)  # fmt: skip
    losses, rates, looked, end = by_torch(start, 6, case)
    close = {"rtol": 1e-9, "atol": 1e-12}
    np.testing.assert_allclose(result.run["loss"].values, losses, **close)
    np.testing.assert_allclose(result.run["lr"].values, rates, rtol=1e-12)
    np.testing.assert_allclose(result.run["val_loss"].values, looked, **close)
    assert len(set(rates)) > 1
    for path, value in result.parameters.items():
        np.testing.assert_allclose(value, end[path], rtol=1e-8, atol=1e-10)
