"""Values and records of a tape that only notes: lists that compute when somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torchlean_nb.compiler.replay_plan import planned
from torchlean_nb.engine.tape import Tape
from torchlean_nb.engine.tensor import Tensor

LOOKS = 4  # values of one run that are computed by programs; who looks at more gets all of them


class Values(list):
    """Values of a tape, computed when they are looked at; None is one that is not known."""

    __slots__ = ("ahead", "book", "device", "fine", "looks", "make", "names", "ready", "steps")

    def __init__(self, tape: Any, make: Callable[[], Tape]):
        self.steps, self.names, self.book, self.make = tape.steps, tape.names, tape.book, make
        self.device = "cpu" if tape.xp.device is None else tape.xp.device
        self.fine = tape.xp.all_finite if tape.nonfinite == "raise" else None
        self.ahead: Tape | None = None
        self.looks, self.ready = 0, {}

    def __getitem__(self, i: Any) -> Any:
        v = list.__getitem__(self, i)
        if v is None:
            return self._wanted(range(len(self))[i])
        if isinstance(i, slice):
            self.force()
            v = list.__getitem__(self, i)
        return v

    def __iter__(self) -> Iterator[Any]:
        self.force()
        return list.__iter__(self)

    def known(self, i: int) -> Any:
        """A value, or None; nothing is computed."""
        return list.__getitem__(self, i)

    def _wanted(self, i: int) -> Any:
        step, self.looks = self.steps[i], self.looks + 1
        if self.ahead is None and self.looks <= LOOKS:
            # Who asked for the gradient after the value the last time gets both from one run.
            plan = planned(self, i, "gradient" if step.followed else "value")
            if plan is not None:
                found = plan(self)
                if self.fine is None or self.fine(found[0]):
                    self[i] = found[0]
                    if step.followed:
                        step.followed, self.ready[i] = False, found
                    return found[0]
        self.force(i + 1)
        return list.__getitem__(self, i)

    def force(self, stop: int | None = None) -> Tape:
        """Compute everything before node `stop` as eager mode does; the tape on which it is recorded.

        Raises
        ------
        TorchLeanError
            Of the op that eager mode would have refused, each time.
        """
        ahead = self.ahead
        if ahead is None:
            ahead = self.ahead = self.make()
        start, stop = len(ahead), len(self) if stop is None else stop
        if start < stop:
            ahead.names = dict(self.names)
        if start and list.__getitem__(self, start - 1) is None:  # stopped between the two lines below
            self[start - 1] = ahead.values[start - 1]
        for i in range(start, stop):
            s = self.steps[i]
            if isinstance(s.op, str):
                ahead.leaf(s.op, list.__getitem__(self, i), s.needs, self.names.get(i))
            else:
                ahead.grads_on = s.on
                ahead.apply(s.op, tuple([None if p < 0 else Tensor(ahead, p) for p in s.parents]), s.attrs)
            if list.__getitem__(self, i) is None:
                self[i] = ahead.values[i]
        return ahead


class Records(Sequence):
    """Records of a tape that notes; what forward left for the rules is there once somebody reads them."""

    __slots__ = ("values",)

    def __init__(self, values: Values):
        self.values = values

    def __len__(self) -> int:
        return len(self.values.steps)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return [self[k] for k in range(len(self))[i]]
        k = range(len(self))[i]
        s = self.values.steps[k]
        return (s.op, s.parents, s.attrs, None) if isinstance(s.op, str) else self.values.force(k + 1).records[k]

    def __delitem__(self, i: Any) -> None:
        del self.values.steps[i]
