"""One step of the parameter table: pure, in TorchLean's order of events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb import optim as _optim  # noqa: F401 - fills the table of rules
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.train.groups import group_map, update_group_schedulers
from torchlean_nb.train.state import BUFFERS, OptimizerState
from torchlean_nb.train.table import ParamEntry, ParamTable, frozen
from torchlean_nb.updates import RULES


def step(
    state: OptimizerState, table: ParamTable, grads: Mapping[int, Any]
) -> tuple[OptimizerState, ParamTable]:
    """New state and table after one step; an error leaves both as they were.

    Schedulers are read, then advanced, on every call. Then each entry in table order: its group is
    found, even without a gradient; without one it stays as it is; shapes are checked; the rule of
    the state's kind runs with the global step count.

    Parameters
    ----------
    grads : mapping of int to array
        By parameter id; ids that are not in the table are ignored.

    Raises
    ------
    HyperparameterError, ShapeError
        In TorchLean's words: overlapping groups, no group, shapes that differ.

    Examples
    --------
    >>> from torchlean_nb.train import OptimizerKind, OptimizerState, ParamGroup, ParamTable, ParamEntry
    >>> s = OptimizerState(OptimizerKind.SGD, (ParamGroup((0,), lr=0.1, weight_decay=0.01),))
    >>> s, t = step(s, ParamTable([ParamEntry(0, [1.0, -2.0])]), {0: [0.5, -0.3]})
    >>> t.find(0).value.tolist(), s.step
    ([0.949, -1.968], 1)
    """
    groups = update_group_schedulers(state.groups)
    found, t = group_map(groups), state.step + 1
    kind, rule = state.kind.value, RULES[state.kind.value.rule]
    kept = {b: dict(getattr(state, b)) for b in BUFFERS}
    out: list[ParamEntry] = []
    for e in table:
        if e.id not in found:
            raise HyperparameterError(f"optim: no param group for id {e.id}")
        g = grads.get(e.id)
        if g is None:
            out.append(e)
            continue
        g = np.asarray(g, dtype=e.value.dtype)
        if g.shape != e.value.shape:
            raise ShapeError(f"optim: gradient shape mismatch for id {e.id}", f"{g.shape}, value {e.value.shape}")
        h = SimpleNamespace(**{k: x.default for k, x in rule.hypers.items()} | kind.options(found[e.id]))
        slots = {k: _buffer(kept[b], e) for k, b in kind.slots.items()}
        with np.errstate(all="ignore"):
            terms = rule.terms(g, e.value, slots, h, t, numpy_namespace())
        for k, b in kind.slots.items():
            kept[b][e.id] = frozen(terms[k])
        out.append(replace(e, value=e.value + terms["delta"]))
    return replace(state, groups=groups, step=t, **kept), ParamTable(out)


def _buffer(buffers: Mapping[int, np.ndarray], e: ParamEntry) -> np.ndarray:
    """Buffer of a parameter, zeros before the first update."""
    if e.id not in buffers:
        return np.zeros_like(e.value)
    if buffers[e.id].shape != e.value.shape:
        raise ShapeError(f"optim: state shape mismatch for id {e.id}", f"{buffers[e.id].shape}, value {e.value.shape}")
    return buffers[e.id]
