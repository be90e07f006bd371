"""Schedules, schedulers and optimizers together."""

import numpy as np

import torchlean_nb as tl


def test_a_scheduler_moves_the_rate_of_an_optimizer():
    opt = tl.optim.SGD({"w": np.array([1.0])}, lr=0.1, momentum=0.9)
    cosine = tl.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=10)
    rates = []
    for _ in range(10):
        opt.step({"w": np.array([0.0])})
        cosine.step()
        rates.append(opt.param_groups[0]["lr"])
    want = [0.05 * (1 + np.cos(np.pi * k / 10)) for k in range(1, 11)]
    assert np.allclose(rates, want, rtol=1e-12, atol=1e-16)


def test_one_cycle_also_moves_the_momentum():
    opt = tl.optim.Adam({"w": np.array([1.0])}, lr=0.1)
    cycle = tl.optim.lr_scheduler.OneCycleLR(opt, max_lr=1.0, total_steps=20)
    betas = []
    for _ in range(19):
        opt.step({"w": np.array([0.5])})
        betas.append(opt.param_groups[0]["betas"][0])
        cycle.step()
    assert max(betas) == 0.95 and abs(min(betas) - 0.85) < 1e-2


def test_a_network_learns_with_both():
    s, rng = tl.Session(seed=0), np.random.default_rng(0)
    x = rng.normal(size=(64, 2))
    t = (x[:, 0] * x[:, 1] > 0).astype(int)
    w1, b1 = s.param(rng.normal(size=(2, 16)), name="W1"), s.param(np.zeros(16), name="b1")
    w2 = s.param(rng.normal(size=(16, 2)) * 0.3, name="W2")
    opt = tl.optim.AdamW([w1, b1, w2], lr=0.05)
    warm = tl.optim.lr_scheduler.LinearLR(opt, start_factor=0.1, total_iters=5)

    def loss():
        return tl.cross_entropy(tl.tanh(s.input(x) @ w1 + b1) @ w2, t)

    losses = []
    for _ in range(60):
        losses.append(s.step(opt, loss).loss)
        warm.step()
    assert losses[-1] < 0.1 * losses[0] and "AdamW, step 60" in opt.explain(w1).to_text()


def test_a_scheduler_resumes_on_a_loaded_optimizer():
    def fresh():
        return tl.optim.SGD({"w": np.array([1.0])}, lr=0.4)

    opt = fresh()
    half = tl.optim.lr_scheduler.StepLR(opt, step_size=2, gamma=0.5)
    for _ in range(3):
        half.step()
    again = fresh()
    again.load_state_dict(opt.state_dict())
    assert again.param_groups[0]["initial_lr"] == 0.4
    more = tl.optim.lr_scheduler.StepLR(again, step_size=2, gamma=0.5)
    more.load_state_dict(half.state_dict())
    more.step()
    half.step()
    assert again.param_groups[0]["lr"] == opt.param_groups[0]["lr"] == 0.1
