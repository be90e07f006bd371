"""The fast path of an optimizer: its groups as flat arrays, and the way there and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import proxy

import numpy as np

from torchlean_nb.backend.devices import device_of
from torchlean_nb.backend.quiet import quietly
from torchlean_nb.errors import CapabilityError
from torchlean_nb.shells.apply import Update
from torchlean_nb.shells.cuda import DeviceGroup, failed
from torchlean_nb.shells.flat import FlatGroup, FlatState, Part, steps_of
from torchlean_nb.shells.given import frozen
from torchlean_nb.shells.hidden import hides
from torchlean_nb.shells.state import OptState, ParamState

_OPTIONS = ("params", "maximize", "initial_lr")


class Fused:
    """Steps an optimizer on flat arrays.

    Parameters
    ----------
    opt : Optimizer
    native : bool
        Loops compiled by numba instead of passes of NumPy.
    """

    def __init__(self, opt: Any, native: bool):
        self.opt, self.native = proxy(opt), native  # no cycle: the arrays go when the optimizer goes
        self.groups: list[FlatGroup] = []
        self.writes, self.seen = -1, [{}]
        self._quietly = quietly()

    # -- there and back ----------------------------------------------------------------------
    def ready(self) -> FlatState | None:
        """State as flat arrays; None when the parameters have had different numbers of steps."""
        opt, store = self.opt, self.opt._store
        state = dict.get(store, opt._key)
        if state.__class__ is FlatState and store.writes == self.writes and opt.param_groups == self.seen:
            return state
        if self._changed():
            if state.__class__ is FlatState:
                self.release({})
            self.groups = self._build()
            self.seen = [dict(g) for g in opt.param_groups]
            state = dict.get(store, opt._key)
        if state.__class__ is FlatState and self._leased():
            self.writes = store.writes
            return state
        parts, at = [], 0
        params = opt._state.params
        for group in self.groups:
            cells = group.seen["params"]
            own = params[at : at + len(cells)]
            at += len(cells)
            if len({s and s.step for s in own}) > 1 or any(s and not s.stored.keys() >= group.kept for s in own):
                return None  # step by step: parameters that began later, or a slot that an option asks for since then
            values = [p.array for p in cells]
            if own[0] is None:
                first = group.rule.start(group.device.np.concatenate([v.ravel() for v in values]), group.hypers)
                whole = {k: a for k, a in first.items() if k in group.program.slots}
                parts.append(group.fill(values, [first | {k: a[x.start : x.stop] for k, a in whole.items()}
                                                 for x in group.leases.values()], 0))  # fmt: skip
            elif all(dict(s.factors) == group.program.factors for s in own):
                parts.append(group.fill(values, [s.stored for s in own], own[0].step, scaled=True))
            else:
                parts.append(group.fill(values, [s.slots for s in own], own[0].step))
        state = FlatState.at(tuple(parts), opt._state.steps)
        store.update({k: lease for g in self.groups for k, lease in g.leases.items()} | {opt._key: state})
        self.writes = store.writes
        return state

    def _leased(self) -> bool:
        store = self.opt._store
        return all(dict.get(store, k) is lease for g in self.groups for k, lease in g.leases.items())

    def _changed(self) -> bool:
        """Whether an option other than the learning rate is new; a new rate is taken over."""
        now = self.opt.param_groups
        if len(now) != len(self.groups):
            return True
        for options, group in zip(now, self.groups, strict=True):
            if options != group.seen:
                if any(options.get(k) is not v for k, v in group.seen.items() if k not in ("lr", "initial_lr")):
                    return True
                flat = self.opt.rule.resolve({k: v for k, v in options.items() if k not in _OPTIONS})
                group.lr, group.seen = flat.get("lr", 0.0), dict(options)
        self.seen = [dict(g) for g in now]
        return False

    def _build(self) -> list[FlatGroup]:
        opt, out = self.opt, []
        for i, options in enumerate(opt.param_groups):
            flat = opt.rule.resolve({k: v for k, v in options.items() if k not in _OPTIONS})
            kinds = {str(p.array.dtype) for p in options["params"]}
            if len(kinds) > 1:
                raise CapabilityError(
                    f"{opt.rule.class_name}: fused=True with parameters of {' and '.join(sorted(kinds))} in one group",
                    "they lie in one array", "a group for each dtype",
                )
            native = self.native and "float16" not in kinds  # a type numba does not have
            alone = native and opt.nonfinite == "ieee" and len(opt.param_groups) == 1
            there = device_of(options["params"][0].array).lib is not None
            kind = DeviceGroup if there else FlatGroup
            out.append(kind(opt.rule, i, options, flat, opt._key, native, in_place=alone))
        return out

    def plain(self) -> dict[Any, np.ndarray]:
        """Values of all leased parameters as arrays of their own, by key."""
        state = dict.get(self.opt._store, self.opt._key)
        if state.__class__ is not FlatState:
            return {}
        out: dict[Any, np.ndarray] = {}
        for group, part in zip(self.groups, state.parts, strict=True):
            values, _ = group.unfold(part)
            for (key, lease), v in zip(group.leases.items(), values, strict=True):
                if dict.get(self.opt._store, key) is lease:
                    out[key] = frozen(v, group.device)
        return out

    def state(self, flat: FlatState) -> OptState:
        """The same state parameter by parameter."""
        params: list[ParamState | None] = []
        for group, part in zip(self.groups, flat.parts, strict=True):
            _, slots = group.unfold(part)
            factors = group.program.factors
            count = steps_of(part)
            params += [ParamState(count, s, None, factors) if count else None for s in slots]
        return OptState(tuple(params), flat.steps)

    def release(self, new: Mapping[Any, Any]) -> None:
        """Back to arrays of their own, with these entries changed, in one update."""
        opt = self.opt
        opt._store.update({**self.plain(), opt._key: opt._state, **new})

    # -- a step --------------------------------------------------------------------------------
    def gather(self, grads: list[Any]) -> list[list[np.ndarray]]:
        """Gradients, checked, as the blocks of each group read them."""
        at, found = 0, []
        for group in self.groups:
            dtype, begin = group.grad.dtype, at
            for at, view in enumerate(group.grads, begin):
                g = grads[at]
                if g.__class__ is not view.__class__ or g.dtype is not dtype or g.shape != view.shape:
                    grads[at] = self.opt._gradient(group.seen["params"][at - begin], g, False)
            at += 1
            found.append(group.gather(grads[begin:at]))
        return found

    def step(self, grads: list[Any] | None) -> bool:
        """One step of all groups; False when the general path has to take it, or it was skipped."""
        state = self.ready()
        if state is None:
            return False
        found = [None] * len(self.groups) if grads is None else self.gather(grads)
        opt = self.opt
        if opt.nonfinite != "ieee" and hides(opt.rule):
            looked = [g.grad for g in self.groups] if grads is None else grads
            if not self.groups[0].device.xp.every_finite(looked):
                return False  # the general path has the words
        parts = self._quietly(_advance, self.groups, state.parts, opt.nonfinite != "ieee", found)
        if parts is None:
            return False
        if parts[0] is not state.parts[0]:  # else the step was made in place, its count with it
            in_place = self.groups[0].over is not None
            new = FlatState.at(parts, state.steps + 1) if in_place else FlatState(parts, state.base + 1)
            dict.__setitem__(opt._store, opt._key, new)
        return True

    def culprit(self, grads: list[np.ndarray] | None = None) -> tuple[Update, np.ndarray]:
        """The first parameter with a non-finite result in the set written last."""
        state = dict.get(self.opt._store, self.opt._key)
        given = iter([g for group in self.groups for g in group.grads] if grads is None else grads)
        for group, part in zip(self.groups, state.parts, strict=True):
            result = group.sets[1 - part[0].turn].p
            for p, g, x in zip(group.seen["params"], given, group.leases.values(), strict=False):
                own = result[x.start : x.stop].reshape(x.shape)
                if not group.device.xp.all_finite(own):
                    return Update(p, g, None), own
        raise AssertionError("no parameter is non-finite")


def _advance(
    groups: list[FlatGroup], parts: tuple[Part, ...], check: bool, grads: list[Any]
) -> tuple[Part, ...] | None:
    """Next state of all groups; None when one of them needs the rule itself."""
    new = [group.advance(part, check, own) for group, part, own in zip(groups, parts, grads, strict=True)]
    if None in new:
        return None
    if check and groups[0].device.lib is not None and failed(groups):
        raise FloatingPointError
    return tuple(new)
