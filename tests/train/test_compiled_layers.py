"""Every layer trains by a compiled program as it does on a tape, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from nn.cases import CASES

import torchlean_nb as tl
from torchlean_nb import nn

RECURRENT = {f"{kind.__name__} with dropout": (kind(2, 3, 2, dropout=0.4), (4, 2, 2)) for kind in
             (nn.RNN, nn.GRU, nn.LSTM)}  # fmt: skip


@dataclass(frozen=True)
class Scale(nn.Layer):
    """A layer of a user: everything times one trained number, so that there is something to train."""

    def slots(self):
        return {"size": nn.Slot((), nn.init.ones)}

    def compute(self, x, at):
        return x * at["size"]


def loss(output, target):
    return tl.mean(output * output) + tl.mean(tl.sin(output))


def trained(model, batches, backend, dtype):
    """Losses, gradients, parameters, statistics and stream of some steps."""
    runner = tl.train.Task(model, loss).instantiate(backend=backend, dtype=dtype, seed=1)
    optimizer = tl.optim.SGD(runner.net.parameters(), lr=0.05)
    seen = []
    for x in batches:
        report = runner.step(optimizer, x, np.zeros(len(x)))
        grads = [np.asarray(report.gradients[p]).tobytes() for p in runner.net.parameters()]
        seen.append((report.loss, grads))
    arrays = {path: a.tobytes() for path, a in runner.get_params().items()}
    return seen, arrays, runner.session.rng, runner.session._draws


@pytest.mark.parametrize("name", [*CASES, *RECURRENT])
def test_a_layer_trained_by_a_program_has_the_bits_of_one_trained_on_a_tape(name):
    layer, shape = (CASES | RECURRENT)[name]
    rng, ids = np.random.default_rng(0), layer.example((1,)).dtype.kind == "i"
    batches = [rng.integers(0, layer.num_embeddings, shape) if ids else rng.normal(size=shape) for _ in range(2)]
    model = layer if ids else nn.Sequential(Scale(), layer)
    one, other = (trained(model, batches, backend, "float32") for backend in ("eager", "compiled"))
    assert one == other
