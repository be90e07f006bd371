"""Small networks that learn something, from bind to a test score."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits, make_moons

import torchlean_nb as tl
from torchlean_nb import nn


def test_a_network_learns_to_tell_two_moons_apart():
    x, label = make_moons(200, noise=0.1, random_state=0)
    s = tl.Session(seed=0)
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2)).bind(s, seed=0)
    opt = tl.optim.AdamW(net.parameters(), lr=0.03)
    losses = [s.step(opt, lambda: tl.cross_entropy(net(x[:150]), label[:150])).loss for _ in range(200)]
    assert losses[-1] < 0.05 < losses[0]
    right = net.eval().predict(x[150:]).argmax(1) == label[150:]
    assert right.mean() > 0.97


def test_a_convolutional_network_with_all_the_trimmings_reads_digits():
    images, label = load_digits(return_X_y=True)
    x = (images / 16).reshape(-1, 1, 8, 8)
    s = tl.Session(seed=1, dtype="float32")
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(96, 10),
    )  # fmt: skip
    net = model.bind(s, seed=1, auto_buffers=True)
    opt = tl.optim.AdamW(net.parameters(), lr=0.01)
    rng = np.random.default_rng(0)
    for _ in range(120):
        batch = rng.integers(0, 1400, 64)
        s.step(opt, lambda batch=batch: tl.cross_entropy(net(x[batch]), label[batch]))
    right = net.eval().predict(x[1400:]).argmax(1) == label[1400:]
    assert right.mean() > 0.93


def test_an_lstm_remembers_the_first_symbol_of_a_sequence():
    rng = np.random.default_rng(0)
    s = tl.Session(seed=0)
    model = nn.Sequential(nn.Embedding(4, 6), nn.LSTM(6, 12, batch_first=True), nn.Select(1, -1), nn.Linear(12, 4))
    net = model.bind(s)
    opt = tl.optim.AdamW(net.parameters(), lr=0.03)
    for _ in range(120):
        ids = rng.integers(0, 4, (32, 6))
        s.step(opt, lambda ids=ids: tl.cross_entropy(net(ids), ids[:, 0]))
    ids = rng.integers(0, 4, (200, 6))
    assert (net.predict(ids).argmax(1) == ids[:, 0]).mean() > 0.95


def test_a_transformer_block_learns_to_reverse_a_sequence():
    rng = np.random.default_rng(0)
    s = tl.Session(seed=0)

    net = nn.Sequential(
        nn.Linear(13, 16), nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True), nn.Linear(16, 8)
    ).bind(s)
    opt = tl.optim.AdamW(net.parameters(), lr=0.01)
    places = np.broadcast_to(np.eye(5), (32, 5, 5))

    def batch():
        ids = rng.integers(0, 8, (32, 5))
        return np.concatenate([np.eye(8)[ids], places], axis=2), ids[:, ::-1]

    for _ in range(150):
        x, y = batch()
        s.step(opt, lambda x=x, y=y: tl.cross_entropy(tl.reshape(net(x), (160, 8)), y.reshape(-1)))
    x, y = batch()
    assert (net.predict(x).argmax(-1) == y).mean() > 0.95
