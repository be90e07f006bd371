"""The torch-shaped shell: classes with groups and a state dict over pure update rules.

A step is planned whole (every new value and slot computed and checked), then committed by one
``dict.update``. Whatever goes wrong before that, an error, a NaN, Stop being pressed, leaves
parameters, slots and counters as they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from inspect import signature as signature_of
from itertools import count
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from torchlean_nb.backend.devices import device_of, host
from torchlean_nb.errors import (
    CapabilityError,
    DTypeError,
    HyperparameterError,
    HyperparameterTypeError,
    NoAttributeError,
    NonFiniteError,
    ShapeError,
    quote,
)
from torchlean_nb.hypers import flag
from torchlean_nb.shells.apply import Update, run
from torchlean_nb.shells.averaging import Averaged
from torchlean_nb.shells.cells import check_fit, note_of, one_store, read_groups
from torchlean_nb.shells.clip import Clipped
from torchlean_nb.shells.explain import Explanation
from torchlean_nb.shells.flat import FlatState
from torchlean_nb.shells.fused import Fused
from torchlean_nb.shells.given import as_array, by_name, check_snapshot, differentiated, loss_of, public, signature
from torchlean_nb.shells.hidden import culprit
from torchlean_nb.shells.state import OptState, Snapshot, read_state_dict
from torchlean_nb.shells.twins import Twinned
from torchlean_nb.updates import UpdateRule, rule_of

_numbers = count()
_switch = flag()
POLICIES = ("raise", "skip", "ieee")
_NO_HYPERS = ("params", "maximize", "initial_lr")


class Optimizer(Averaged, Twinned):
    """Base of the torch-shaped classes; each is made from a row of `RULES`.

    Parameters
    ----------
    params : iterable of Param, dict of arrays, or iterable of group dicts
    maximize : bool
        Step up instead of down: the gradient is negated first.
    nonfinite : {"raise", "skip", "ieee"}
        What an inf or NaN in a gradient or a new value does.
    fused : bool or {"numpy", "numba"}
        Keep each group in flat arrays and step them by a straight-line program, the rule's formula with
        its scalars folded: equal up to rounding, many times faster, without `explain`. Write gradients
        into `grads` and call `step()`. True takes numba where it is installed; on a device a group is one kernel.
    *values, **hypers
        Of the rule, in its order or by name; in a group dict they hold for that group.

    Examples
    --------
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> opt = tl.optim.Adam({"w": np.array([1.0, -2.0])}, lr=0.1)
    >>> opt.step({"w": np.array([0.5, -0.3])})
    >>> np.round(opt.params["w"], 6).tolist()
    [0.9, -1.9]
    """

    rule: ClassVar[UpdateRule]

    def __init__(
        self, params: Any, *values: Any, maximize: bool = False, nonfinite: str = "raise", fused: bool | str = False,
        **hypers: Any,
    ):  # fmt: skip
        owner, hypers = self.rule.class_name, by_name(self.rule, values, hypers)
        if nonfinite not in POLICIES:
            raise HyperparameterError(f"{owner}: nonfinite={quote(nonfinite)}", f"one of {', '.join(POLICIES)}")
        self.nonfinite, self.maximize = nonfinite, _switch.check(owner, "maximize", maximize)
        self.defaults = public(self.rule, self.rule.resolve(hypers))
        self.param_groups: list[dict[str, Any]] = []
        groups = [self._group(g) for g in read_groups(owner, params)]
        self._store = one_store(owner, [p for g in groups for p in g["params"]])
        self._key = f"optimizer {next(_numbers)}"
        self.param_groups = groups
        self._store[self._key] = OptState(tuple(None for g in groups for _ in g["params"]))
        self._skipped = 0
        self._fused: Fused | None = None
        if fused:
            self._fuse(fused)

    def _fuse(self, how: bool | str) -> None:
        if how is not True and how not in ("numpy", "numba"):
            raise HyperparameterError(f"{self.rule.class_name}: fused={quote(how)}", "True, False, 'numpy' or 'numba'")
        native = how == "numba" or (how is True and find_spec("numba") is not None)
        self._fused = Fused(self, native)
        self._fused.ready()

    # -- groups ----------------------------------------------------------------------------
    def _group(self, g: Mapping[str, Any]) -> dict[str, Any]:
        """A group with all its options, checked."""
        own, owner = {k: v for k, v in g.items() if k not in _NO_HYPERS}, self.rule.class_name
        flat = self.rule.resolve({**self.defaults, **own})
        up = _switch.check(owner, "maximize", g.get("maximize", self.maximize))
        check_fit(self.rule, flat, g["params"])
        return {"params": g["params"], **public(self.rule, flat), "maximize": up, **note_of(owner, g)}

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """One more group, with options of its own."""
        owner = self.rule.class_name
        if not isinstance(group, Mapping):
            raise HyperparameterTypeError(f"{owner}: a group must be a dict, got {type(group).__name__}")
        new = [self._group(g) for g in read_groups(owner, [group])]
        everyone = [p for g in (*self.param_groups, *new) for p in g["params"]]
        one_store(owner, everyone)
        state = OptState((*self._state.params, *(None for g in new for _ in g["params"])), self._state.steps)
        self._commit({self._key: state}, [*self.param_groups, *new])

    @property
    def _state(self) -> OptState:
        state = self._store[self._key]
        return self._fused.state(state) if self._fused and isinstance(state, FlatState) else state

    def _put(self, new: Mapping[Any, Any]) -> None:
        """Commit new values and state, all at once."""
        self._store.update({**(self._fused.plain() if self._fused else {}), **new})

    def _commit(self, new: Mapping[Any, Any], groups: list[dict[str, Any]]) -> None:
        """Commit groups with it; stopped at any moment, both are as before or both are new."""
        before = self.param_groups
        try:
            self.param_groups = groups
            self._put(new)
        except BaseException:
            if self._store[self._key] is not new[self._key]:
                self.param_groups = before
            raise

    @property
    def _cells(self) -> list[Any]:
        first, *more = self.param_groups
        return [*first["params"], *(p for g in more for p in g["params"])]

    @property
    def params(self) -> dict[str, np.ndarray]:
        """Current values by name."""
        return {p.name or f"param_{i}": p.value for i, p in enumerate(self._cells)}

    # -- stepping --------------------------------------------------------------------------
    def step(self, grads: Any = None, value: float | None = None, curvature: Any = None) -> Any:
        """One update of every parameter that has a gradient.

        Parameters
        ----------
        grads : Gradients, mapping, sequence or callable
            By Param, name or position; None for a parameter leaves it and its state alone. A
            callable returns a loss of the session, gradients, or ``(value, gradients)``.
        value : float, optional
            Loss at the current parameters, for rules that use it; Gradients know it.
        curvature : like grads, optional
            Diagonal of the Hessian, in the steps in which a rule uses it; see `hessian_diagonal`.

        Returns
        -------
        float or None
            What a callable said of the value.

        Raises
        ------
        ShapeError, DTypeError, NonFiniteError, HyperparameterError
            And nothing has changed.
        """
        straight = grads is None or (value is None and hasattr(grads, "aligned"))
        if straight and self._fused is not None and self._fused_step(grads):
            return None
        result = None
        if callable(grads) and not isinstance(grads, Mapping):
            result = differentiated(self._cells, grads())
            value, grads = result if isinstance(result, tuple) and len(result) == 2 else (value, result)
        value = loss_of(self.rule, value, grads)
        if grads is None and self._fused:
            grads = [g.copy() for g in self.grads.values()]
        if self._fused is None or not self._fused_step(grads):
            aside = None if curvature is None else self._aligned(curvature)
            plan = self._plan(self._aligned(grads), value, aside)
            if plan is None:
                self._skipped += 1
            else:
                self._put(plan)
        return None if result is None else value

    def _fused_step(self, grads: Any) -> bool:
        """Whether the fast path did, or skipped, this step."""
        if grads is not None:
            grads = self._aligned(grads)
            for g in grads:
                if g is None:
                    return False
        try:
            return self._fused.step(grads)
        except FloatingPointError:
            self._refuse(*self._fused.culprit(grads))
            self._skipped += 1
            return True

    @property
    def grads(self) -> dict[str, np.ndarray]:
        """Arrays to write gradients into, for a `step()` without arguments; with ``fused`` only.

        Raises
        ------
        CapabilityError
        """
        if self._fused is None:
            raise CapabilityError(f"{self.rule.class_name}.grads", "it is there with fused=True", "opt.step(grads)")
        self._fused.ready()
        views = [g for group in self._fused.groups for g in group.grads]
        return {p.name or f"param_{i}": g for i, (p, g) in enumerate(zip(self._cells, views, strict=True))}

    def _aligned(self, grads: Any) -> list[Any]:
        """One gradient, or None, per parameter."""
        cells, owner = self._cells, self.rule.class_name
        if hasattr(grads, "aligned") and hasattr(cells[0], "session"):
            return grads.aligned(cells)
        if isinstance(grads, Mapping):
            known = {p.name for p in cells}.union(cells, range(len(cells)))
            for k in grads:
                if k not in known and (isinstance(k, str) or isinstance(grads, dict)):
                    raise HyperparameterError(f"{owner}: gradient for {quote(getattr(k, 'name', k))}, not a parameter")
            return [self._find(grads, p, i) for i, p in enumerate(cells)]
        if isinstance(grads, Sequence) and not isinstance(grads, str | bytes):
            if len(grads) != len(cells):
                raise ShapeError(f"{owner}: {len(grads)} gradients for {len(cells)} parameters")
            return list(grads)
        raise HyperparameterTypeError(
            f"{owner}: step() needs gradients, it got {type(grads).__name__}", None,
            "opt.step(s.backward(loss)), a mapping, or a list",
        )

    @staticmethod
    def _find(grads: Mapping[Any, Any], p: Any, i: int) -> Any:
        # A session's gradients know node ids too, and those are no positions; a node may have a parameter's name.
        keys = (p,) if hasattr(p, "session") and hasattr(grads, "id_of") else (p, p.name, i)
        for key in keys if isinstance(grads, dict) else keys[:2]:
            if key is not None and key in grads:
                return grads.array(key) if isinstance(grads, Clipped) else grads[key]
        return None

    def _plan(self, grads: list[Any], value: float | None, curvature: list[Any] | None) -> dict[Any, Any] | None:
        """New values and state by store key; None when a non-finite number is to be skipped."""
        state, at = self._state, 0
        new: dict[Any, Any] = {}
        results, every, after = [], [], list(state.params)
        for g in self.param_groups:
            flat = self.rule.resolve({k: v for k, v in g.items() if k not in _NO_HYPERS})
            if "value" in self.rule.needs and value is None:
                raise CapabilityError(f"{self.rule.class_name}: this rule uses the loss", None, "opt.step(grads, loss)")
            mine = range(at, at + len(g["params"]))
            chosen = [k for k in mine if grads[k] is not None]
            if chosen and self.rule.scope == "group":  # one vector: what has no gradient has a zero one
                chosen, grads = [*mine], [self._or_zeros(k, a) for k, a in enumerate(grads)]
            todo = []
            for k in chosen:
                p = g["params"][k - at]
                bent = curvature[k] if curvature is not None else None
                bent = None if bent is None else self._gradient(p, bent, g["maximize"], "curvature")
                todo.append(Update(p, self._gradient(p, grads[k], g["maximize"]), after[k], bent))
            with np.errstate(all="ignore"):
                done, whole = run(self.rule, SimpleNamespace(**flat, value=value), todo)
            results += [result for result, _ in done] if whole is None else [whole]
            for k, u, (result, kept) in zip(chosen, todo, done, strict=True):
                new[u.cell.__tl_cell__[1]], after[k] = result, kept
            every += zip(todo, done, strict=True)
            at += len(g["params"])
        if self.nonfinite != "ieee" and results and (bad := culprit(self.rule, every, results)):
            return self._refuse(*bad)
        new[self._key] = OptState(tuple(after), state.steps + 1)
        return new

    def _or_zeros(self, k: int, grad: Any) -> Any:
        if grad is not None:
            return grad
        like = self._cells[k].array
        return device_of(like).np.zeros_like(like)

    def _gradient(self, p: Any, g: Any, maximize: bool, what: str = "gradient") -> np.ndarray:
        """A gradient that fits its parameter and lives where it does, negated when going up."""
        old = p.array
        if g.__class__ is old.__class__ and g.dtype is old.dtype and g.shape == old.shape:
            return -g if maximize else g
        label = f"{self.rule.class_name}: {what} of {quote(p.name)}"
        device = device_of(old)
        g = as_array(label, g, device)
        if g.dtype.kind not in "fiu":
            raise DTypeError(f"{label} has dtype {g.dtype}")
        if g.shape != old.shape:
            raise ShapeError(f"{label} has shape {g.shape}, the parameter has {old.shape}")
        g = g.astype(old.dtype, copy=False)
        g = device.put(g) if g.__class__ is np.ndarray else g
        return -g if maximize else g

    def _refuse(self, u: Update, result: np.ndarray) -> None:
        """Word the first non-finite number, in the gradient or else in the new value."""
        if self.nonfinite == "raise":
            grad, result = host(u.grad), host(result)
            what, a = ("gradient", grad) if not np.isfinite(grad).all() else ("new value", result)
            at = tuple(int(i) for i in np.argwhere(~np.isfinite(a))[0])
            raise NonFiniteError(
                f"{self.rule.class_name}: {what} of {quote(u.cell.name)} is {a[at]!s} at index {at}",
                "step not applied, nothing was changed",
            )

    # -- state -----------------------------------------------------------------------------
    def zero_state(self) -> None:
        """Forget all slots and counters; parameters stay."""
        self._put({self._key: OptState(tuple(None for _ in self._cells))})

    def snapshot(self) -> Snapshot:
        """Parameters, slots, counters and options as they are now."""
        groups = tuple({k: v for k, v in g.items() if k != "params"} for g in self.param_groups)
        cells = self._cells
        state = self._state.moved(device_of(cells[0].array), host)
        return Snapshot(tuple(p.value for p in cells), state, groups, self.rule.name)

    def restore(self, snapshot: Snapshot) -> None:
        """Back to a snapshot, of this optimizer or of another of its kind, all at once.

        Raises
        ------
        HyperparameterTypeError, ShapeError
            For something else, or for parameters that do not match; nothing has changed.
        """
        cells = self._cells
        check_snapshot(self, snapshot)
        groups = [{"params": g["params"], **old} for g, old in zip(self.param_groups, snapshot.groups, strict=True)]
        keys, device = [p.__tl_cell__[1] for p in cells], device_of(cells[0].array)
        values = dict(zip(keys, map(device.put, snapshot.values), strict=True))
        self._commit({**values, self._key: snapshot.state.moved(device, device.put)}, groups)

    def state_dict(self) -> dict[str, Any]:
        """State and options as plain data, parameters numbered over the groups."""
        return self._state.to_dict(self.rule.name, self.param_groups)

    def load_state_dict(self, d: Mapping[str, Any]) -> None:
        """State and options from `state_dict`, checked in full; a slot may hold inf, as one that overflowed does.

        Raises
        ------
        CheckpointError, HyperparameterError
        """
        state, options = read_state_dict(self.rule, d, self.param_groups)
        groups = [self._group({"params": g["params"], **o}) for g, o in zip(self.param_groups, options, strict=True)]
        self._commit({self._key: state}, groups)

    def explain(self, param: Any) -> Explanation:
        """The last update of one parameter, term by term."""
        for i, p in enumerate(self._cells):
            if param is p or param == i or (isinstance(param, str) and param == p.name):
                state = self._state.params[i]
                if self._fused is not None and state is not None and state.last is None:
                    raise CapabilityError(f"explain: {quote(p.name)}", "fused steps keep no terms", "fused=False")
                if not p.array.size:
                    raise HyperparameterError(f"explain: {quote(p.name)} has no elements", "no update moves it")
                if state is None or state.last is None:
                    raise HyperparameterError(f"explain: {quote(p.name)} has no update yet", None, "opt.step(grads)")
                record, at = state.last
                return record.of(p.name, at, p.array.shape)
        raise HyperparameterError(f"explain: {quote(param, 40)} is not a parameter of this optimizer")

    def __getattr__(self, name: str) -> Any:
        instead = "leave the call out: no gradient is kept from step to step" if name == "zero_grad" else None
        raise NoAttributeError.of(self.rule.class_name, name, dir(self), instead)

    def __repr__(self) -> str:
        lines = [f"{self.rule.class_name}, {len(self._cells)} parameters, {self._state.steps} steps"]
        for i, g in enumerate(self.param_groups):
            options = ", ".join(f"{k}={v!r}" for k, v in g.items() if k != "params")
            lines.append(f"  group {i}, {len(g['params'])} parameters: {options}")
        return "\n".join(lines)


def class_of(rule: Any) -> type[Optimizer]:
    """The torch-shaped class of a row, or of that name, its options in the signature; a row has one."""
    rule = rule if isinstance(rule, UpdateRule) else rule_of(rule)
    if "shell" not in vars(rule):
        switches = [p for p in signature_of(Optimizer).parameters.values() if p.kind is p.KEYWORD_ONLY]
        fields = {
            "rule": rule, "__doc__": f"{rule.summary}\n\n{rule.card()}", "__signature__": signature(rule, *switches),
            "__module__": "torchlean_nb.optim" if rule.builtin else rule.__module__,
        }  # fmt: skip
        vars(rule)["shell"] = type(rule.class_name, (Optimizer,), fields)
    return vars(rule)["shell"]

