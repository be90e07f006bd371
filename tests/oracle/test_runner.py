"""The same network, trained by a Stepper and by PyTorch, has the same losses and ends at the same weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchlean_nb as tl
from torchlean_nb.train import LOSSES, OptimizerConfig, Task

RNG = np.random.default_rng(11)
X = RNG.normal(size=(12, 3))
THEIRS = {
    "mse": torch.nn.MSELoss(), "l1": torch.nn.L1Loss(), "huber": torch.nn.HuberLoss(), "nll": torch.nn.NLLLoss(),
    "cross_entropy": torch.nn.CrossEntropyLoss(), "bce_with_logits": torch.nn.BCEWithLogitsLoss(),
    "bce": torch.nn.BCELoss(), "kl_div": torch.nn.KLDivLoss(reduction="batchmean"),
}  # fmt: skip
HEADS = {
    "nll": (tl.nn.LogSoftmax(), torch.nn.LogSoftmax(1)), "bce": (tl.nn.Sigmoid(), torch.nn.Sigmoid()),
    "kl_div": (tl.nn.LogSoftmax(), torch.nn.LogSoftmax(1)),
}  # fmt: skip


def targets(name):
    if name in ("nll", "cross_entropy"):
        return RNG.integers(0, 4, 12)
    y = RNG.uniform(0.1, 0.9, size=(12, 4))
    return y / y.sum(1, keepdims=True)


OPTIMIZERS = {
    "momentum": (OptimizerConfig.momentum_sgd(0.1), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
    "adam": (OptimizerConfig.adam(0.05), lambda p: torch.optim.Adam(p, lr=0.05)),
    "adamw": (OptimizerConfig.adamw(0.05), lambda p: torch.optim.AdamW(p, lr=0.05)),
    "rmsprop": (OptimizerConfig.rmsprop(0.02), lambda p: torch.optim.RMSprop(p, lr=0.02)),
    "adagrad": (OptimizerConfig.adagrad(0.1), lambda p: torch.optim.Adagrad(p, lr=0.1)),
    "adadelta": (OptimizerConfig.adadelta(), lambda p: torch.optim.Adadelta(p, lr=1.0)),
}


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [(n, "adam") for n in LOSSES if n != "hinge"] + [("cross_entropy", o) for o in OPTIMIZERS if o != "adam"],
)
def test_a_network_learns_the_same(name, optimizer):
    config, make = OPTIMIZERS[optimizer]
    own_head, their_head = HEADS.get(name, (tl.nn.Identity(), torch.nn.Identity()))
    runner = Task(tl.nn.Sequential(tl.nn.Linear(3, 5), tl.nn.Tanh(), tl.nn.Linear(5, 4), own_head), name).instantiate()
    net = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 4), their_head).double()
    net.load_state_dict({k: torch.from_numpy(v) for k, v in runner.get_params().items()})
    opt, stepper, y = make(net.parameters()), runner.stepper(config), targets(name)
    for k in range(8):
        rows = slice(k % 3 * 4, k % 3 * 4 + 4)
        opt.zero_grad()
        loss = THEIRS[name](net(torch.from_numpy(X[rows])), torch.from_numpy(y[rows]))
        loss.backward()
        opt.step()
        assert stepper.step(X[rows], y[rows]) == pytest.approx(loss.item(), rel=1e-10, abs=1e-12)
    for path, p in net.named_parameters():
        assert runner.get_params()[path] == pytest.approx(p.detach().numpy(), rel=1e-8, abs=1e-10)
