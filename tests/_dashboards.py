"""Runs to look at: made from formulas, so that every number in them is known."""

from __future__ import annotations

import numpy as np

from torchlean_nb.trace.run import Event, Histogram, RunTrace, Series

LAYERS = ("0.weight", "0.bias", "2.weight")


def run(name="adam", steps=200, scale=1.0, every=10, layers=LAYERS, units=("1",), status="finished", **meta):
    """Loss falls like exp(-k/50); layer i has gradients of 10**-i; validation and an epoch every 25 steps."""
    k, seen = np.arange(steps), np.arange(0, steps, every)
    ends = np.arange(24, steps, 25)
    loss = scale * np.exp(-k / 50) + 0.01 * np.cos(k) ** 2
    series = [
        Series("loss", k, loss), Series("lr", k, 0.1 * scale * (1 - k / steps)),
        Series("accuracy", seen, 1 - 0.9 * np.exp(-seen / 40)),
        Series("epoch", ends, np.arange(1, len(ends) + 1)),
        Series("val_loss", ends, 1.1 * scale * np.exp(-ends / 50)),
        Series("val_accuracy", ends, 1 - np.exp(-ends / 30)),
        Series("grad_norm", k, loss),
    ]  # fmt: skip
    for i, path in enumerate(layers):
        series += [
            Series(f"grad_norm/{path}", seen, 10.0**-i * (1 + seen / steps)),
            Series(f"weight_norm/{path}", seen, np.full(len(seen), 2.0 + i)),
            Series(f"update_ratio/{path}", seen, np.full(len(seen), 3e-3 / (i + 1))),
        ]
    for path in units:
        series += [
            Series(f"activation_mean/{path}", seen, 0.5 + seen / 1000),
            Series(f"activation_std/{path}", seen, np.full(len(seen), 0.3)),
            Series(f"dead/{path}", seen, np.minimum(1, seen / 400)),
        ]
    drawn = [
        Histogram(int(s), path, what, np.linspace(-1 - s / steps, 1, 11), np.arange(1, 11) + int(s))
        for s in seen[::5] for path in layers for what in ("weight", "gradient")
    ]  # fmt: skip
    events = (Event(50, "skipped", "gradient of 2.weight is NaN, step skipped"),) if steps > 50 else ()
    meta = {"optimizer": name, "batch_size": 32, "dtype": "float64", "status": status, **meta}
    return RunTrace(name, series, drawn, events, meta)


def diverged(name="sgd, lr 3"):
    """Loss that grows beyond all bounds within 40 steps and ends in NaN; nothing else was recorded."""
    k = np.arange(40)
    with np.errstate(over="ignore"):
        loss = np.where(k < 38, 0.5 * np.exp(k**2 / 2.0), np.nan)
    return RunTrace(name, [Series("loss", k, loss)], (), (Event(38, "diverged", "the loss is NaN"),),
                    {"status": "diverged"})  # fmt: skip


def named(text):
    """A run in which everything that has a name is called this."""
    safe = text or "x"
    series = [Series("loss", [0, 1], [2.0, 1.0]), Series(safe if "/" not in safe else "m", [0, 1], [1.0, 2.0])]
    series += [Series(f"{w}/{safe}", [0, 1], [0.1, 0.2]) for w in ("grad_norm", "update_ratio", "dead")]
    unique = {s.name: s for s in series}
    return RunTrace(
        text, unique, (Histogram(0, safe, "weight", [0.0, 1.0, 2.0], [1, 2]),), (Event(1, safe, safe),),
        {"optimizer": safe, "schedule": safe},
    )  # fmt: skip
