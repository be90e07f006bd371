"""Kinds of networks, trained by `Trainer.fit` under both backends and by a loop in PyTorch: the same curves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchlean_nb as tl

RNG = np.random.default_rng(0)
IMAGES, WORDS, LABELS = RNG.normal(size=(26, 1, 6, 6)), RNG.integers(0, 5, (26, 4)), RNG.integers(0, 3, 26)
CLOSE = {"rtol": 1e-10, "atol": 1e-12}


class Last(torch.nn.Module):
    """The last moment of a sequence."""

    def forward(self, x):
        return (x[0] if isinstance(x, tuple) else x)[:, -1]


def cnn(nn, last):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.0), nn.Flatten(),
        nn.Linear(36, 3),
    )  # fmt: skip


def lstm(nn, last):
    return nn.Sequential(nn.Embedding(5, 6), nn.LSTM(6, 7, 2, batch_first=True), last, nn.Linear(7, 3))


def gru(nn, last):
    return nn.Sequential(
        nn.Embedding(5, 6, padding_idx=0), nn.GRU(6, 5, bidirectional=True, batch_first=True), last, nn.Linear(10, 3)
    )


def transformer(nn, last):
    block = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
    return nn.Sequential(nn.Embedding(5, 8), block, nn.LayerNorm(8), last, nn.Linear(8, 3))


MODELS = {
    "cnn": (cnn, IMAGES, {}), "lstm": (lstm, WORDS, {"clip": 0.3}), "gru": (gru, WORDS, {"accumulate": 2}),
    "transformer": (transformer, WORDS, {"accumulate": 3, "clip": 0.5}),
}  # fmt: skip


def by_torch(make, start, x, epochs, accumulate=1, clip=None):
    net = make(torch.nn, Last()).double()
    net.load_state_dict({k: torch.from_numpy(v) for k, v in start.items()})
    opt = torch.optim.AdamW(net.parameters(), lr=0.02, weight_decay=0.05)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs)
    loader, losses = tl.data.DataLoader(tl.data.Dataset(x, LABELS), 8, seed=2), []
    for _ in range(epochs):
        batches = [[torch.from_numpy(np.array(a)) for a in batch] for batch in loader]
        for k in range(0, len(batches), accumulate):
            group = batches[k : k + accumulate]
            opt.zero_grad()
            parts = [torch.nn.functional.cross_entropy(net(a), b) * (len(b) / sum(len(c) for _, c in group))
                     for a, b in group]  # fmt: skip
            sum(parts).backward()
            losses.append(sum(part.item() for part in parts))
            if clip:
                torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
            opt.step()
        scheduler.step()
    return losses, {k: v.numpy() for k, v in net.state_dict().items()}


@pytest.mark.parametrize("backend", ["eager", "compiled"])
@pytest.mark.parametrize("name", MODELS)
def test_the_curve_of_a_network_is_that_of_a_loop_in_pytorch(name, backend):
    make, x, options = MODELS[name]
    trainer = tl.Trainer(
        make(tl.nn, tl.nn.Select(1, -1)), "classification", lambda ps: tl.optim.AdamW(ps, lr=0.02, weight_decay=0.05),
        lambda opt: tl.optim.lr_scheduler.CosineAnnealingLR(opt, 3), schedule_per="epoch", seed=2, backend=backend,
    )  # fmt: skip
    losses, end = by_torch(make, tl.nn.to_torch_state_dict(trainer.runner.net), x, 3, **options)
    result = trainer.fit(x, LABELS, epochs=3, batch_size=8, progress=False, **options)
    np.testing.assert_allclose(result.run["loss"].values, losses, **CLOSE)
    for path, value in tl.nn.to_torch_state_dict(trainer.runner.net).items():
        np.testing.assert_allclose(value, end[path], rtol=1e-7, atol=1e-9)
