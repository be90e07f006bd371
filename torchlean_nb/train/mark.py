"""Mark: everything that a step of training changes, as it was at one moment.

Arrays are never written into, they are replaced; so a mark is a handful of references. A training takes one after
every whole step, and whatever ends it goes back to the last: what is not marked did not happen.
"""

from __future__ import annotations

from copy import copy
from typing import Any

from torchlean_nb.backend.random import Rng


class Mark:
    """State of a trainer.

    Parameters
    ----------
    trainer : Trainer
    several : bool
        Whether more than one update may follow before the next mark.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> trainer = tl.Trainer(tl.nn.Linear(2, 1))
    >>> mark = Mark(trainer)
    >>> trainer.runner.net.load_state_dict({"weight": [[0.0, 0.0]], "bias": [0.0]})
    >>> mark.restore()
    >>> bool(trainer.predict([[1.0, 1.0]]).any())
    True
    """

    __slots__ = ("cursor", "draws", "flat", "groups", "parts", "rng", "so_far", "trainer", "values")

    def __init__(self, trainer: Any, several: bool = True):
        session, optimizer = trainer.runner.session, trainer.optimizer
        self.trainer = trainer
        self.values = dict(session.store)
        # A fused optimizer takes turns with two sets of arrays: one update leaves the old set as it was. What comes
        # after that, or is made in place, needs copies.
        fused = optimizer._fused
        copies = fused is not None and (several or any([g.over is not None for g in fused.groups]))
        self.flat = optimizer.snapshot() if copies else None
        self.groups = [g.copy() for g in optimizer.param_groups]
        self.rng, self.draws = (session.rng.seed, session.rng.counter), session._draws
        self.cursor = None if trainer.loader is None else (trainer.loader, trainer.loader._cursor)
        self.parts = [] if trainer.rates.scheduler is None else [
            (vars(p), {k: copy(v) if isinstance(v, list) else v for k, v in vars(p).items()})
            for p in trainer.rates.parts()
        ]  # fmt: skip
        self.so_far = trainer.so_far

    def restore(self) -> None:
        """Everything as it was, in eval mode; doing it twice does no harm."""
        trainer = self.trainer
        session, optimizer = trainer.runner.session, trainer.optimizer
        if self.flat is None:
            session.store.update(self.values)
        else:
            optimizer.restore(self.flat)
            own = {p.key for p in trainer.runner.net.parameters()} | {optimizer._key}
            session.store.update({k: v for k, v in self.values.items() if k not in own})
        for group, old in zip(optimizer.param_groups, self.groups, strict=True):
            group.update(old)
        session.rng, session._draws = Rng(*self.rng), self.draws
        if self.cursor is not None:
            trainer.loader, trainer.loader._cursor = self.cursor
        for now, old in self.parts:
            now.update(old)
        trainer.so_far = self.so_far
        trainer.runner.net.eval()
