"""Entry of a training step: the way into its line of code that is taken when nothing has changed since the last one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from types import SimpleNamespace
from typing import Any
from weakref import proxy

import numpy as np

from torchlean_nb.compiler.arguments import looks
from torchlean_nb.compiler.source import constants
from torchlean_nb.shells.flat import Arrays, FlatState

# One function without calls into Python: looking whether all is as it was costs as much as a matrix product.
ENTRY = """
def entry(*data):
    if len(data) == {count}:
        {names} = data
        state = get(store, key)
        if (
            state.__class__ is FlatState and store.writes == fused.writes and opt.param_groups == fused.seen
            and fused.groups is groups and opt.nonfinite is policy{moving}
            {fits}
        ):
            now, before, numbers = state.parts[0]
            numbers = prepare(before + 1, group.lr, numbers)
            new = sets[1 - now.turn]
            if numbers is not None and made in now.bound and getrefcount(new.root) == new.held:
                found, total = quietly(now.bound[made], {passed})
                if {finite} or step._fine({loss}, group, new):
                    put(store, key, FlatState(((new, before + 1, numbers),), state.base + 1))
                return found
    return step._otherwise(data)
"""


def entry(step: Any, made: Made) -> Callable[..., Any]:
    """The way in for arrays like those a step was made for; all others are sent to ``step._otherwise``."""
    names = [f"x{k}" for k in range(len(made.data))]
    each = "\n            ".join(f"and {looks(x, f's{x}', f'd{x}')}" for x in names)
    loss = "found[0]" if made.several else "found"
    cells = [c for c in step.opt._cells if hasattr(c, "requires_grad")]
    moving = "".join(f" and p{k}.requires_grad" for k in range(len(cells)))
    text = ENTRY.format(
        moving=moving and f"\n            {moving.strip()}",
        count=len(names), names="".join(f"{x}, " for x in names) or "()", passed=", ".join(names), fits=each,
        finite=f"not (total - total or {loss} - {loss})" if made.check else "True", loss=loss,
    )  # fmt: skip
    group = step._groups[0]
    space = {
        "get": dict.get, "put": dict.__setitem__, "FlatState": FlatState, "getrefcount": sys.getrefcount,
        "ndarray": np.ndarray, "step": proxy(step), "made": made, "opt": step.opt, "fused": step.opt._fused,
        "store": step.opt._store, "key": step.opt._key, "groups": step._groups, "group": group, "sets": group.sets,
        **{f"p{k}": c.cell for k, c in enumerate(cells)},
        "prepare": group.program.prepare, "policy": step.opt.nonfinite, "quietly": step._quietly,
        **{f"s{x}": a.shape for x, a in zip(names, made.data, strict=True)},
        **{f"d{x}": a.dtype for x, a in zip(names, made.data, strict=True)},
    }  # fmt: skip
    exec(text, space, found := {})
    return found["entry"]


class Made:
    """The step for batches of one kind.

    Parameters
    ----------
    write : callable
        ``write(say=...) -> (text, plan)``, with formulas or without.
    several : bool
        Whether it gives a tuple.
    update : shells.Program or None
        Its last part, where that is in the text.
    check : bool
        Whether results have to be finite.
    data : sequence of array
        Examples.
    device : Device, optional
        Where it runs, if not on the CPU.
    """

    def __init__(
        self, write: Callable[..., Any], several: bool, update: Any, check: bool, data: Sequence[Any],
        device: Any = None,
    ):  # fmt: skip
        self.write, self.several, self.update, self.check = write, several, update, check
        self.data = [SimpleNamespace(shape=a.shape, dtype=a.dtype) for a in data]
        text, self.plan = write()
        space: dict[str, Any] = {"constants": constants(write.args[0], device)}
        exec(compile(text, "<tl.train_step>", "exec"), space)
        self._bind, self.kernels = space.pop("bind"), space.get("kernels", ())

    @cached_property
    def source(self) -> str:
        """The text with its formulas."""
        return self.write(say=True)[0]

    def bind(self, group: Any, here: Any, there: Arrays | None = None) -> Callable[..., Any]:
        """The step from one set of arrays into the other; without an update, from sets of several groups."""
        if there is None:
            cut = [(g, a, x) for g, a in zip(group, here, strict=True) for x in g.leases.values()]
            params = [a.p[x.start : x.stop].reshape(x.shape) for _, a, x in cut]
            return self._bind(params, [view for g in group for view in g.grads])
        loop = {"update": group.run} if group.native else {}
        return self._bind(group.program.now, group.grad, here.p, *here.slots, *there.slots, there.p, **loop)
