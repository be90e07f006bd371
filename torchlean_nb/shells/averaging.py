"""Running averages of parameters beside any optimizer: exponential (EMA) and equal weights (SWA).

Averages start as the parameters are; the first update copies, as in ``torch.optim.swa_utils``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import Any, ClassVar, NamedTuple

import numpy as np

from torchlean_nb.backend.devices import device_of, host
from torchlean_nb.backend.store import Store
from torchlean_nb.errors import (
    CapabilityError,
    CheckpointError,
    HyperparameterError,
    HyperparameterTypeError,
    NonFiniteError,
    ShapeError,
    quote,
)
from torchlean_nb.hypers import Hyper, flag, unit
from torchlean_nb.shells.cells import one_store, read_groups
from torchlean_nb.shells.given import as_array, copied, frozen
from torchlean_nb.shells.state import count_of

_numbers = count()


@contextmanager
def swapped(store: Store, new: Mapping[Any, Any]) -> Iterator[None]:
    """Other values in the store for the length of a block; the old ones come back however it ends.

    Parameters
    ----------
    store : Store
    new : mapping of key to ndarray
        Keys that are in the store already.

    Examples
    --------
    >>> store = Store(w=np.ones(2))
    >>> with swapped(store, {"w": np.zeros(2)}):
    ...     print(store.read("w"))
    [0. 0.]
    >>> store.read("w")
    array([1., 1.])
    """
    # Values, not leases: those would read what a step inside the block makes of their flat array.
    old = {k: store.read(k) for k in new}
    # Twice, so that Stop being pressed on the way back cannot prevent it.
    try:
        try:
            store.update(new)
            yield
        finally:
            store.update(old)
    finally:
        store.update(old)


class Averaged:
    """What an optimizer can do whose rule averages the parameters."""

    rule: Any
    _store: Store
    _cells: Any
    _state: Any

    @property
    def averages(self) -> dict[str, np.ndarray]:
        """Parameters to evaluate with, by name, where the rule averages them.

        Raises
        ------
        CapabilityError
        """
        return {p.name or f"param_{i}": host(a) for i, (p, a) in enumerate(zip(self._cells, self._kept(), strict=True))}

    def _kept(self) -> list[Any]:
        """Averages where they live."""
        slot = self.rule.average
        if not slot:
            raise CapabilityError(f"{self.rule.class_name} keeps no average", None, "tl.optim.EMA(params)")
        pairs = zip(self._cells, self._state.params, strict=True)
        return [p.array if s is None or slot not in s.slots else s.slots[slot] for p, s in pairs]

    def averaged(self) -> AbstractContextManager[None]:
        """Block in which the parameters are their averages; afterwards they are as before.

        Raises
        ------
        CapabilityError
        """
        keys = [p.__tl_cell__[1] for p in self._cells]
        return swapped(self._store, dict(zip(keys, self._kept(), strict=True)))


class Averages(NamedTuple):
    """How many values went in, and the averages so far."""

    n: int
    values: tuple[np.ndarray, ...]


class Averaging(ABC):
    """Base of `EMA` and `SWA`."""

    hypers: ClassVar[Mapping[str, Hyper]] = {}

    def __init__(self, params: Any, **options: Any):
        owner = type(self).__name__
        options = {k: self.hypers[k].check(owner, k, v) for k, v in options.items()}
        groups = read_groups(owner, getattr(params, "param_groups", params))
        self._cells = [p for g in groups for p in g["params"]]
        self._store = one_store(owner, self._cells)
        self._names = [p.name or f"param_{i}" for i, p in enumerate(self._cells)]
        if len(set(self._names)) < len(self._names):
            twice = next(n for i, n in enumerate(self._names) if n in self._names[:i])
            raise HyperparameterError(f"{owner}: two parameters are named {quote(twice)}", None, "a name for each")
        self.options, self._policy = options, getattr(params, "nonfinite", None)
        self._key = f"averages {next(_numbers)}"
        self._store[self._key] = Averages(0, tuple(copied(p.array) for p in self._cells))

    @property
    def _state(self) -> Averages:
        return self._store[self._key]

    @property
    def n_averaged(self) -> int:
        """Number of updates so far."""
        return self._state.n

    @property
    def averages(self) -> dict[str, np.ndarray]:
        """Averages by name, read-only."""
        return {k: host(self._read(a)) for k, a in zip(self._names, self._state.values, strict=True)}

    def update(self, values: Mapping[str, Any] | None = None) -> None:
        """Take in the parameters as they are now.

        Parameters
        ----------
        values : mapping of str to array, optional
            New values of parameters that were given as arrays by name; they become the parameters.

        Raises
        ------
        HyperparameterError, ShapeError, NonFiniteError
            And nothing has changed.
        """
        given = self._given(values or {})
        now = [given.get(p.__tl_cell__[1], p.array) for p in self._cells]
        n, old = self._state
        new = tuple(copied(self._mixed(a, p, n)) for a, p in zip(old, now, strict=True))
        self._store.update({**given, self._key: Averages(n + 1, new)})

    def applied(self) -> Any:
        """Context manager: the averages in the place of the parameters, which come back at its end.

        Steps taken inside end with the block: what they moved were the averages.
        """
        keys = [p.__tl_cell__[1] for p in self._cells]
        return swapped(self._store, dict(zip(keys, map(self._read, self._state.values), strict=True)))

    def state_dict(self) -> dict[str, Any]:
        """Everything, as plain data."""
        n, values = self._state
        held = {k: np.array(host(a)) for k, a in zip(self._names, values, strict=True)}
        return {"kind": type(self).__name__, **self.options, "n": n, "values": held}

    def load_state_dict(self, d: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave, inf and NaN only where a session or an optimizer computes with them.

        Raises
        ------
        CheckpointError
            Naming what does not fit; nothing has changed.
        """
        owner = type(self).__name__
        if not isinstance(d, Mapping) or set(d) != {"kind", "n", "values", *self.hypers} or d["kind"] != owner:
            raise CheckpointError(f"{owner}: this is not its state", f"expected kind {owner}, n, values and options")
        n, values = count_of(f"{owner}: n", d["n"]), d["values"]
        if not isinstance(values, Mapping) or set(values) != set(self._names):
            raise CheckpointError(f"{owner}: averages of other parameters", f"expected {quote(self._names, 200)}")
        options = {k: self.hypers[k].check(owner, k, d[k]) for k in self.hypers}
        new = []
        for name, p in zip(self._names, self._cells, strict=True):
            listed, now = isinstance(values[name], list | float), p.array  # listed: as JSON has it, without a type
            try:
                a = np.array(host(values[name]), now.dtype if listed else None)
            except (TypeError, ValueError) as e:
                raise CheckpointError(f"{owner}: {quote(name)} is not an array", str(e)) from None
            if a.shape != now.shape or a.dtype != now.dtype:
                raise CheckpointError(
                    f"{owner}: {quote(name)} has shape {a.shape} and dtype {a.dtype}",
                    f"the parameter has {now.shape} and {now.dtype}",
                )
            ieee = "ieee" in (self._policy, getattr(getattr(p, "session", None), "nonfinite", None))
            if not ieee and not np.isfinite(a).all():
                raise CheckpointError(f"{owner}: {quote(name)} holds an inf or NaN", "which would stay in the average")
            new.append(device_of(now).put(copied(a)))
        self.options = options
        self._store[self._key] = Averages(n, tuple(new))

    def _given(self, values: Mapping[str, Any]) -> dict[Any, np.ndarray]:
        """New values by key of the store, checked."""
        owner, out = type(self).__name__, {}
        if not isinstance(values, Mapping):
            raise HyperparameterTypeError(f"{owner}: values of type {type(values).__name__}", None, "a dict by name")
        cells = dict(zip(self._names, self._cells, strict=True))
        for name, v in values.items():
            if name not in cells:
                raise HyperparameterError(f"{owner}: a value for {quote(name)}, which is not a parameter")
            old = cells[name].array
            device, label = device_of(old), f"{owner}: value of {quote(name)}"
            a = as_array(label, v, device)
            if a.shape != old.shape or a.dtype.kind not in "fiu":
                raise ShapeError(
                    f"{label} has shape {a.shape} and dtype {a.dtype}",
                    f"the parameter has {old.shape} and {old.dtype}",
                )
            if not device_of(a).xp.all_finite(a):
                raise NonFiniteError(f"{label} holds an inf or NaN", "nothing was changed")
            out[cells[name].__tl_cell__[1]] = frozen(a.astype(old.dtype), device)
        return out

    def _read(self, a: np.ndarray) -> np.ndarray:
        return a

    @abstractmethod
    def _mixed(self, average: np.ndarray, p: np.ndarray, n: int) -> np.ndarray:
        """The average with one more value, the n-th from 0."""

    def __repr__(self) -> str:
        options = ", ".join(f"{k}={v}" for k, v in self.options.items())
        return f"<{type(self).__name__} of {len(self._cells)} parameters, {self.n_averaged} updates; {options}>"


class EMA(Averaging):
    r"""Exponential average: :math:`\bar\theta \leftarrow d\,\bar\theta + (1 - d)\,\theta`.

    Parameters
    ----------
    params : iterable of Param, dict of arrays, groups, or Optimizer
    decay : float
        In [0, 1); how much of the average stays.
    debias : bool
        Average from zero and divide by ``1 - decay**n``, as Adam's moments: no copy at the first update.

    Raises
    ------
    HyperparameterError
        For a decay outside [0, 1): with 1 the average would never move.

    References
    ----------
    Polyak and Juditsky 1992; Tarvainen and Valpola 2017, arXiv 1703.01780.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> opt = tl.optim.SGD({"w": np.array([1.0])}, lr=0.5)
    >>> ema = tl.optim.EMA(opt, decay=0.5)
    >>> for _ in range(2):
    ...     opt.step(opt.params)
    ...     ema.update()
    >>> opt.params["w"], ema.averages["w"]
    (array([0.25]), array([0.375]))
    >>> with ema.applied():
    ...     print(opt.params["w"])
    [0.375]
    """

    hypers: ClassVar[Mapping[str, Hyper]] = {"decay": unit(0.999, "d"), "debias": flag()}

    def __init__(self, params: Any, decay: float = 0.999, *, debias: bool = False):
        super().__init__(params, decay=decay, debias=debias)

    def _mixed(self, average: np.ndarray, p: np.ndarray, n: int) -> np.ndarray:
        d = self.options["decay"]
        if n == 0:
            return (1 - d) * p if self.options["debias"] else p
        return d * average + (1 - d) * p

    def _read(self, a: np.ndarray) -> np.ndarray:
        n, d = self.n_averaged, self.options["decay"]
        return copied(a / (1 - d**n)) if self.options["debias"] and n and d < 1 else a


class SWA(Averaging):
    r"""Stochastic weight averaging: :math:`\bar\theta \leftarrow \bar\theta + (\theta - \bar\theta)/(n + 1)`.

    Parameters
    ----------
    params : iterable of Param, dict of arrays, groups, or Optimizer

    References
    ----------
    Izmailov et al. 2018, arXiv 1803.05407.

    Examples
    --------
    >>> swa = SWA({"w": np.array([1.0])})
    >>> for x in (2.0, 4.0):
    ...     swa.update({"w": np.array([x])})
    >>> swa.averages["w"]
    array([3.])
    """

    def __init__(self, params: Any):
        super().__init__(params)

    def _mixed(self, average: np.ndarray, p: np.ndarray, n: int) -> np.ndarray:
        return p if n == 0 else average + (p - average) / (n + 1)
