"""Words of the rows about optimizers, their groups, and schedules."""

from __future__ import annotations

from types import SimpleNamespace

import torchlean_nb as tl
from torchlean_nb import schedules
from torchlean_nb.schedules import lr_scheduler

WORDS = {"lr": lr_scheduler, "schedules": schedules, "no_groups": SimpleNamespace(param_groups=[])}


def at_end(scheduler):
    """A one-cycle schedule after its last step."""
    while scheduler.last_epoch < scheduler.total_steps:
        scheduler.step()
    return scheduler


def fitted():
    """A Trainer after three steps, with its history."""
    trainer = tl.Trainer(tl.nn.Linear(2, 1), seed=5)
    trainer.fit([[1.0, 2.0], [3.0, 4.0]], [[1.0], [2.0]], steps=3, progress=False)
    return trainer


WORDS |= {"at_end": at_end, "fitted": fitted}


class Training:
    """Optimizers whose options were written by hand."""

    def fake(self, lr=0.1):
        """All that a schedule needs of an optimizer; what is in it is watched."""
        made = SimpleNamespace(param_groups=[{"lr": lr, "momentum": 0.9}])
        self.fakes.append((made, str(made.param_groups)))
        return made

    @property
    def group(self):
        """One such optimizer, the same in the whole row."""
        if not self.fakes:
            self.fake()
        return self.fakes[0][0]

    def edited(self, **options):
        """The optimizer, with options written into its group."""
        self.opt.param_groups[0].update(options)
        return self.opt
