"""Torch-shaped classes of the methods that evaluate the function themselves: ``opt.step(closure)``.

While a step runs, the closure sees trial points in the parameters. Whatever goes wrong, in the
closure or around it, one update of the store puts back every value and the state.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from torchlean_nb.backend.devices import device_of, host, is_array
from torchlean_nb.errors import (
    CheckpointError,
    HyperparameterError,
    HyperparameterTypeError,
    NonFiniteError,
    quote,
)
from torchlean_nb.minimizers import METHODS, Method, Point, Step, drive
from torchlean_nb.minimizers.algebra import finite
from torchlean_nb.minimizers.asking import fetched
from torchlean_nb.minimizers.running import known
from torchlean_nb.shells.asked import ANSWERS, Asked, flat
from torchlean_nb.shells.cells import note_of, one_store, read_groups
from torchlean_nb.shells.explain_method import MethodExplanation
from torchlean_nb.shells.given import by_name, check_snapshot, frozen, signature
from torchlean_nb.shells.optimizer import POLICIES, Optimizer, Snapshot
from torchlean_nb.shells.state import array_of, count_of, entries_of

_numbers = count()


@dataclass(frozen=True)
class MethodState:
    """Slots and counters of a method; the Steps of the last call explain it."""

    slots: Mapping[str, np.ndarray] | None = None
    steps: int = 0
    iterations: int = 0
    evaluations: int = 0
    last: tuple[Step, ...] = field(default=(), compare=False, repr=False)

    def moved(self, device: Any, to: Any) -> MethodState:
        """The same with every slot moved by a function; of the host nothing moves."""
        if device.lib is None or self.slots is None:
            return self
        return replace(self, slots={k: to(a) for k, a in self.slots.items()})


class Minimizer(Optimizer):
    """Base of the torch-shaped classes of `METHODS`; one group of parameters only.

    Parameters
    ----------
    params : iterable of Param, or dict of arrays
    nonfinite : {"raise", "skip", "ieee"}
        What an inf or NaN where a step begins or ends does.
    *values, **hypers
        Of the method, in its order or by name.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> x = s.param([3.0, -1.0], name="x")
    >>> opt = tl.optim.LBFGS([x])
    >>> def closure():
    ...     loss = ((x - 1.0) ** 2).sum()
    ...     return loss, s.backward(loss)
    >>> opt.step(closure), bool(abs(x.value - 1).max() < 1e-6)
    (8.0, True)
    """

    rule: ClassVar[Method]

    def __init__(self, params: Any, *values: Any, nonfinite: str = "raise", **hypers: Any):
        owner, hypers = self.rule.class_name, by_name(self.rule, values, hypers)
        if nonfinite not in POLICIES:
            raise HyperparameterError(f"{owner}: nonfinite={quote(nonfinite)}", f"one of {', '.join(POLICIES)}")
        self.nonfinite, self.maximize, self.defaults = nonfinite, False, self.rule.resolve(hypers)
        self._fused = None
        groups = read_groups(owner, params)
        if len(groups) != 1:
            self.add_param_group(groups[-1])
        self.param_groups: list[dict[str, Any]] = [self._group(groups[0])]
        self._store = one_store(owner, self._cells)
        self._key = f"minimizer {next(_numbers)}"
        self._store[self._key] = MethodState()
        self._skipped = 0

    def _group(self, g: Mapping[str, Any]) -> dict[str, Any]:
        own = {k: v for k, v in g.items() if k not in ("params", "initial_lr")}
        flat = self.rule.resolve({**self.defaults, **own})
        return {"params": g["params"], **flat, **note_of(self.rule.class_name, g)}

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Refused: these methods see all parameters as one vector.

        Raises
        ------
        HyperparameterError
        """
        raise HyperparameterError(
            f"{self.rule.class_name} doesn't support per-parameter options (parameter groups)",
            "it sees all parameters as one vector", "one group",
        )

    @property
    def _state(self) -> MethodState:
        return self._store[self._key]

    # -- stepping --------------------------------------------------------------------------
    def step(self, closure: Callable[..., Any] | None = None) -> float | None:
        """One call of the method, which evaluates the closure as often as it wants.

        Parameters
        ----------
        closure : callable
            Reads the current parameters and returns what the method needs, ``(value, gradients)`` for
            most, gradients as `Optimizer.step` takes them, or a loss of the session instead of both. A
            closure with an argument gets `params`.
            Each evaluation begins on a fresh tape of the parameters' session.

        Returns
        -------
        float or None
            Value where the step began; None for methods that do not ask for it.

        Raises
        ------
        HyperparameterTypeError, ShapeError, DTypeError, NonFiniteError
            And whatever the closure raises; nothing has changed then.
        """
        if not callable(closure):
            raise HyperparameterTypeError(
                f"{self.rule.class_name}: step() got {type(closure).__name__}, it needs a closure",
                "this method evaluates the function itself", f"opt.step(closure) where {self._answers}",
            )
        store = self._store
        before = {key: store[key] for key in (*self._keys, self._key)}
        try:
            try:
                value, plan = self._run(closure)
                store.update(before if plan is None else plan)
            except BaseException:
                store.update(before)
                raise
        except BaseException:  # Stop pressed while the values were being put back
            store.update(before)
            raise
        self._skipped += plan is None
        return value

    @property
    def _answers(self) -> str:
        return ANSWERS[next(iter(self.rule.needs))]

    @property
    def _keys(self) -> list[Any]:
        return [p.__tl_cell__[1] for p in self._cells]

    def _options(self) -> SimpleNamespace:
        g = self.param_groups[0]
        flat = self.rule.resolve({k: v for k, v in g.items() if k not in ("params", "initial_lr")})
        return SimpleNamespace(**flat, tol=0.0)

    def _run(self, closure: Callable[..., Any]) -> tuple[float | None, dict[Any, Any] | None]:
        """Value at the start, and new values and state by store key; None when they are to be skipped."""
        rule, state, h = self.rule, self._state, self._options()
        start = Point(self._point())
        ask = Asked(self, closure)
        at = known(rule, ask, start)
        if self._refused(at, ask):
            return at.value, None
        slots = rule.start(at.x, h) if state.slots is None else state.slots
        with np.errstate(all="ignore"):
            steps = drive(rule.call(at, slots, h, state.iterations + 1), ask)
        end = steps[-1].after if steps else at
        if self._refused(end, ask):
            return at.value, None
        slots = state.slots
        if steps:
            slots = {k: v if is_array(v) else np.asarray(v) for k, v in rule.slots_of(steps[-1], h).items()}
        after = MethodState(slots, state.steps + 1, state.iterations + len(steps), state.evaluations + ask.count, steps)
        return at.value, {**self._at(end.x), self._key: after}

    def _point(self) -> Any:
        """All parameters as one vector, on their device if the method stays there."""
        return flat([p.array if self.rule.stays else p.value for p in self._cells])

    def _at(self, x: np.ndarray) -> dict[Any, np.ndarray]:
        """Values of the parameters by store key at a flat vector."""
        out, at = {}, 0
        for p, key in zip(self._cells, self._keys, strict=True):
            old = p.array
            value = x[at : at + old.size].astype(old.dtype).reshape(old.shape)
            out[key] = frozen(value, device_of(old))
            at += old.size
        return out

    def _refused(self, p: Point, ask: Asked) -> bool:
        """Whether a point is to be skipped; an error under the policy "raise"."""
        what = {"value": p.value, "gradient": p.gradient, "new point": p.x}
        bad = [name for name, a in what.items() if a is not None and not finite(a)]
        if bad and self.nonfinite == "raise":
            raise NonFiniteError(
                f"{self.rule.class_name}: the {bad[0]} is not finite", "step not applied, nothing was changed",
                "a smaller lr, or a line search",
            ) from ask.outside
        return bool(bad) and self.nonfinite == "skip"

    # -- state -----------------------------------------------------------------------------
    def zero_state(self) -> None:
        """Forget all slots and counters; parameters stay."""
        self._store[self._key] = MethodState()

    def restore(self, snapshot: Snapshot) -> None:
        """Back to a snapshot, all at once.

        Raises
        ------
        HyperparameterTypeError, ShapeError
            For something else, or for parameters that do not match; nothing has changed.
        """
        check_snapshot(self, snapshot)
        group = {"params": self._cells, **snapshot.groups[0]}
        values = map(device_of(self._cells[0].array).put, snapshot.values)
        state = snapshot.state
        if state.slots is not None:
            first = self.rule.start(self._point(), self._options())
            state = replace(state, slots={k: device_of(first[k]).put(a) for k, a in state.slots.items()})
        self._commit({**dict(zip(self._keys, values, strict=True)), self._key: state}, [group])

    def state_dict(self) -> dict[str, Any]:
        """State and options as plain data; the state stands under parameter 0, as in PyTorch."""
        s, g = self._state, self.param_groups[0]
        group = {**{k: v for k, v in g.items() if k != "params"}, "params": list(range(len(g["params"])))}
        counts = {"iterations": s.iterations, "evaluations": s.evaluations}
        state = {} if s.slots is None else {0: {**counts, **{k: np.array(host(v)) for k, v in s.slots.items()}}}
        return {"rule": self.rule.name, "steps": s.steps, "state": state, "param_groups": [group]}

    def load_state_dict(self, d: Mapping[str, Any]) -> None:
        """State and options from `state_dict`, checked in full before anything changes.

        Raises
        ------
        CheckpointError, HyperparameterError
        """
        entries = entries_of(self.rule, d, [len(self._cells)], 1)
        group = self._group({**d["param_groups"][0], "params": self._cells})
        h = SimpleNamespace(**{k: v for k, v in group.items() if k != "params"})
        self._commit({self._key: self._read(d.get("steps", 0), entries.get(0), h)}, [group])

    def _read(self, steps: Any, entry: Mapping[str, Any] | None, h: Any) -> MethodState:
        owner = f"{self.rule.class_name}: state"
        want, steps = self.rule.start(self._point(), h), count_of(f"{owner}: steps", steps)
        if entry is None:
            return MethodState(None, steps)
        if set(entry) != {"iterations", "evaluations", *want}:
            raise CheckpointError(f"{owner} has {', '.join(map(str, entry))}", f"expected {', '.join(want)}")
        counts = {name: count_of(f"{owner}: {name}", entry[name]) for name in ("iterations", "evaluations")}
        slots = {}
        for k, first in want.items():
            a, first = array_of(f"{owner}: {k}", entry[k]), first if is_array(first) else np.asarray(first)
            # What starts with no rows, a history, may have any number of them.
            same = slice(1, None) if 0 in first.shape else slice(None)
            fits = a.ndim == first.ndim and a.shape[same] == first.shape[same]
            if not fits or a.dtype.kind != first.dtype.kind:
                raise CheckpointError(f"{owner}: {k} has shape {a.shape} and dtype {a.dtype}", f"as {first.shape}")
            if self.nonfinite != "ieee" and not np.isfinite(a).all():
                raise CheckpointError(f"{owner}: {k} holds an inf or NaN")
            slots[k] = frozen(a, device_of(first))
        return MethodState(slots, steps, **counts)

    def explain(self, param: Any) -> MethodExplanation:
        """The last call as one parameter saw it: directions, step lengths, trials."""
        at = 0
        for i, p in enumerate(self._cells):
            if param is p or param == i or (isinstance(param, str) and param == p.name):
                if not self._state.steps:
                    raise HyperparameterError(f"explain: {quote(p.name)} has no update yet", None, "opt.step(closure)")
                place = slice(at, at + p.array.size)
                return MethodExplanation(self.rule, p.name, fetched(self._state.last), place, p.array.shape)
            at += p.array.size
        raise HyperparameterError(f"explain: {quote(param, 40)} is not a parameter of this optimizer")


@cache
def class_of_method(row: Method) -> type[Minimizer]:
    """The torch-shaped class of a row."""
    doc = f"{inspect.getdoc(row)}\n\n{row.card()}\n\n{ANSWERS[next(iter(row.needs))]}."
    switches = [p for p in inspect.signature(Minimizer).parameters.values() if p.kind is p.KEYWORD_ONLY]
    fields = {"rule": row, "__doc__": doc, "__signature__": signature(row, *switches)}
    return type(row.class_name, (Minimizer,), fields | {"__module__": "torchlean_nb.optim"})


def class_names() -> list[str]:
    """Names of the classes of all methods."""
    return [row.class_name for row in METHODS.values()]


def class_named(name: str) -> type[Minimizer] | None:
    """The class of that name, or None."""
    row = next((m for m in METHODS.values() if m.class_name == name), None)
    return None if row is None else class_of_method(row)
