"""TorchLean's training loops, in its order of events.

Each sample makes an update of its own: `batch_size` says how many samples share a learning rate and a
printed line. For averaged minibatches there is the `Trainer`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torchlean_nb.data import DataLoader
from torchlean_nb.errors import EmptyError, HandleTypeError
from torchlean_nb.train.configs import LoaderTrainConfig, TrainConfig, TrainReport, build_optimizer, rate_at
from torchlean_nb.train.runner import Runner
from torchlean_nb.train.samples import Pair, singles

Log = Callable[[str], Any]


def cycled(samples: list[Pair], start: int, count: int, owner: str) -> list[Pair]:
    """`count` samples from `start` on, beginning anew after the last.

    Raises
    ------
    EmptyError
    """
    if not samples:
        raise EmptyError(f"{owner}: empty sample cycle")
    return [samples[i % len(samples)] for i in range(start, start + count)]


def due(every: int, step: int) -> bool:
    """Whether a step is logged."""
    return every > 0 and step % every == 0


def train_samples(runner: Runner, config: TrainConfig, samples: Any, *, log: Log = print) -> TrainReport:
    """Train on samples in turn, each making one update; a step takes the next `batch_size` of them.

    The printed loss is that of the step's samples after its updates. Mean losses before and after
    are taken in train mode.

    Parameters
    ----------
    samples : Dataset, batch (x, y), or list of samples
        Of none there is nothing to train on, and both losses are 0.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> runner = tl.train.regression(tl.nn.Linear(1, 1)).instantiate(init="torchlean", seed=3)
    >>> config = tl.train.TrainConfig(30, optimizer=tl.train.OptimizerConfig.sgd(0.1), log_every=20)
    >>> report = train_samples(runner, config, [([1.0], [2.0]), ([2.0], [3.0])])
    step 0: loss=2.430213
    step 20: loss=0.000096
    >>> report.after < report.before
    True
    """
    owner = "Supervised.train"
    found, size = singles(samples, owner), config.batch_size or 1
    optimizer = build_optimizer(config.optimizer, runner.net.parameters())
    before = _mean_in_training(runner, samples)
    for step in range(config.steps if found else 0):
        batch = cycled(found, step * size, size, owner)
        lr = rate_at(config.schedule, step)
        for x, y in batch:
            runner.step(optimizer, x, y, lr)
        if due(config.log_every, step):
            log(f"step {step}: loss={_mean(runner, batch):.6f}")
    return TrainReport(before, runner.mean_loss(samples))


def train_dataset(runner: Runner, config: TrainConfig, dataset: Any, *, log: Log = print) -> TrainReport:
    """`train_samples` under the name that TorchLean has for datasets."""
    return train_samples(runner, config, dataset, log=log)


def train_loader(
    runner: Runner, config: LoaderTrainConfig, loader: DataLoader, *, log: Log = print
) -> tuple[TrainReport, DataLoader]:
    """Train for epochs of a loader, each sample making one update; the learning rate goes by epoch.

    As in TorchLean the printed loss is that of one sample after its update, steps are counted anew in
    each epoch, and plain gradient descent prints nothing.

    Returns
    -------
    report : TrainReport
    loader : DataLoader
        The one given; its cursor stands after the last batch.
    """
    if not isinstance(loader, DataLoader):
        raise HandleTypeError(f"Supervised.trainLoader: {type(loader).__name__} is not a DataLoader")
    optimizer = build_optimizer(config.optimizer, runner.net.parameters())
    silent = optimizer.rule.name == "sgd" and not any(g["momentum"] for g in optimizer.param_groups)
    before = _mean_in_training(runner, loader.dataset)
    for epoch in range(config.epochs):
        lr, step = rate_at(config.schedule, epoch), 0
        for batch in loader:
            for x, y in singles(batch, "Supervised.trainLoader"):
                runner.step(optimizer, x, y, lr)
                if not silent and due(config.log_every, step):
                    log(f"step {epoch}:{step}: loss={_mean(runner, [(x, y)]):.6f}")
                step += 1
    return TrainReport(before, runner.mean_loss(loader.dataset)), loader


@contextmanager
def with_mode(runner: Runner, mode: str) -> Iterator[Runner]:
    """The runner in a mode for the length of a block, whatever happens in it.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> runner = tl.train.regression(tl.nn.Linear(1, 1)).instantiate()
    >>> with with_mode(runner, "train"):
    ...     runner.mode
    'train'
    >>> runner.mode
    'eval'
    """
    before = runner.mode
    try:
        runner.mode = mode
        yield runner
        runner.mode = before
    except BaseException:  # Stop may fall into the line above too
        runner.mode = before
        raise


def _mean_in_training(runner: Runner, data: Any) -> float:
    """Mean loss in train mode, which stays on; data that does not fit leaves the mode as it was."""
    with with_mode(runner, "train"):
        mean = runner.mean_loss(data)
    runner.train_mode()
    return mean


def _mean(runner: Runner, batch: list[Pair]) -> float:
    """Mean loss of samples that have their batch axis already."""
    return sum(runner.losses(batch)) / len(batch)
