"""Parameters that belong to no session, and groups of parameters as users give them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import device_of, host, is_array
from torchlean_nb.backend.store import Store
from torchlean_nb.errors import (
    BackendMixError,
    DTypeError,
    HyperparameterError,
    HyperparameterTypeError,
    NonFiniteError,
    ShapeError,
    quote,
)
from torchlean_nb.hypers import Hyper
from torchlean_nb.shells.given import frozen
from torchlean_nb.updates import UpdateRule

_keys = count()
_rate = Hyper(open_low=True, open_high=True)


class Cell:
    """A parameter that belongs to no session: a name and an array in a store."""

    __slots__ = ("key", "name", "store")

    def __init__(self, store: Store, name: str, value: Any):
        self.store, self.name, self.key = store, name, f"cell {next(_keys)}"
        store[self.key] = _own(value, name)

    @property
    def value(self) -> np.ndarray:
        """Current value, read-only; from a device it is fetched."""
        return host(self.store.read(self.key))

    @property
    def array(self) -> Any:
        """Current value where it lives."""
        return self.store.read(self.key)

    @property
    def __tl_cell__(self) -> tuple[Store, Any]:
        return self.store, self.key

    def __repr__(self) -> str:
        return f"Cell {quote(self.name)}, shape {self.array.shape}"


def _own(value: Any, name: str) -> Any:
    a = value.copy() if is_array(value) and not isinstance(value, np.ndarray) else np.array(value)
    a = a.astype(np.float64) if a.dtype.kind in "iub" and not isinstance(value, np.ndarray) else a
    if a.dtype.kind != "f":
        raise DTypeError(f"optimizer: parameter {quote(name)} has dtype {a.dtype}", None, "a float array")
    device = device_of(a)
    if not device.xp.all_finite(a):
        raise NonFiniteError(f"optimizer: parameter {quote(name)} holds an inf or NaN")
    return frozen(a, device)


def note_of(owner: str, group: Mapping[str, Any]) -> dict[str, float]:
    """What a scheduler left in a group, its first rate.

    Raises
    ------
    HyperparameterError, HyperparameterTypeError
    """
    return {k: _rate.check(owner, k, group[k]) for k in ("initial_lr",) if k in group}


def read_groups(owner: str, params: Any) -> list[dict[str, Any]]:
    """Parameter groups from what a user gives: Params, a dict of arrays, or torch-style group dicts.

    Raises
    ------
    HyperparameterError, HyperparameterTypeError
        For nothing, something that is not a parameter, or a parameter given twice.
    """
    if hasattr(params, "__tl_cell__") or is_array(params) or isinstance(params, float | int | str | bytes):
        raise HyperparameterTypeError(
            f"{owner}: params must be an iterable of parameters, got one {type(params).__name__}", None, "[p]"
        )
    if isinstance(params, set | frozenset):
        raise HyperparameterTypeError(f"{owner}: params is a set, whose order is not fixed", None, "a list")
    store = Store()
    if isinstance(params, Mapping):
        if _is_group(params):
            raise HyperparameterTypeError(f"{owner}: params is one group", "groups come in a list", "[{'params': [p]}]")
        groups: list[dict[str, Any]] = [{"params": _from_mapping(owner, params, store)}]
    else:
        try:
            items = list(params)
        except TypeError:
            raise HyperparameterTypeError(
                f"{owner}: params is {type(params).__name__}, not iterable", None, "net.parameters() of a bound layer"
            ) from None
        if any(isinstance(g, Mapping) for g in items) and not all(isinstance(g, Mapping) for g in items):
            raise HyperparameterTypeError(
                f"{owner}: params mixes groups and single parameters", None, "a group for each: {'params': [p]}"
            )
        groups = [dict(g) for g in items] if items and isinstance(items[0], Mapping) else [{"params": items}]
    if not groups or all("params" in g and not _listed(owner, g["params"]) for g in groups):
        raise HyperparameterError(f"{owner}: optimizer got an empty parameter list")
    for g in groups:
        if "params" not in g:
            raise HyperparameterError(f"{owner}: a group without 'params'", f"it has {', '.join(map(str, g))}")
        own = g["params"]
        g["params"] = _from_mapping(owner, own, store) if isinstance(own, Mapping) else _listed(owner, own)
        for p in g["params"]:
            if not hasattr(p, "__tl_cell__"):
                raise HyperparameterTypeError(
                    f"{owner}: {quote(p, 40).splitlines()[0]} of type {type(p).__name__} is not a parameter",
                    "parameters are Params of a session, or arrays given by name", 's.param(array), or {"w": array}',
                )
    if not any(getattr(p, "requires_grad", True) for g in groups for p in g["params"]):
        names = ", ".join(quote(p.name) for g in groups for p in g["params"])
        raise HyperparameterError(f"{owner}: nothing to train, all are frozen: {names}", None, "requires_grad=True")
    return groups


def _listed(owner: str, params: Any) -> list[Any]:
    if hasattr(params, "__tl_cell__"):
        return [params]
    if isinstance(params, set | frozenset) or not isinstance(params, Iterable):
        what = "a set, whose order is not fixed" if isinstance(params, set | frozenset) else quote(params, 40)
        raise HyperparameterTypeError(f"{owner}: the params of a group are {what}", None, "a list")
    return list(params)


def _is_group(params: Mapping[Any, Any]) -> bool:
    """Whether a dict is a group of parameters, rather than arrays by name."""
    own = params.get("params")
    return isinstance(own, Mapping) or (isinstance(own, list | tuple) and any(hasattr(p, "__tl_cell__") for p in own))


def _from_mapping(owner: str, arrays: Mapping[str, Any], store: Store) -> list[Any]:
    if any(hasattr(p, "__tl_cell__") for p in arrays.values()):  # such as s.params
        return list(arrays.values())
    for name in arrays:
        if not isinstance(name, str):
            raise HyperparameterTypeError(f"{owner}: a parameter's name must be a str, got {quote(name, 40)}")
    return [Cell(store, name, a) for name, a in arrays.items()]


def check_fit(rule: UpdateRule, flat: Mapping[str, Any], params: Iterable[Any]) -> None:
    """Refuse numbers that vanish in a parameter's type, and shapes that the rule does not take.

    Raises
    ------
    HyperparameterError, ShapeError
    """
    h, owner, tried = SimpleNamespace(**flat, value=1.0), rule.class_name, set()
    for p in params:
        a = p.array
        for k, v in flat.items():
            if k.startswith("eps") and isinstance(v, float) and v and not a.dtype.type(v):
                raise HyperparameterError(
                    f"{owner}: {k}={v!r} underflows to 0 in {a.dtype}, the type of {quote(p.name)}",
                    f"{k} must be 0 or >= {np.finfo(a.dtype).smallest_subnormal:.0e}, else a step may divide by zero",
                    f"a float32 master copy of the parameters, or {k}=1e-4",
                )
        if rule.scope == "matrix" and a.ndim not in tried:
            tried.add(a.ndim)
            error = _refused(rule, h, device_of(a).np.ones((1,) * a.ndim, a.dtype)) and _refused(rule, h, a)
            if error:
                raise error


def _refused(rule: UpdateRule, h: Any, a: np.ndarray) -> ShapeError | None:
    """What a rule says to a parameter of this shape; a user's callable may have more to say about sizes."""
    try:
        with np.errstate(all="ignore"):
            rule.terms(a, a, rule.start(a, h), h, 1)
    except ShapeError as e:
        return e
    except Exception:
        return None
    return None


def one_store(owner: str, params: Iterable[Any]) -> Store:
    """The store all parameters live in.

    Raises
    ------
    HyperparameterError
        When a parameter occurs twice, or they live in different sessions.
    BackendMixError
        When they live on different devices.
    """
    seen, store, device = set(), None, None
    for p in params:
        where, key = p.__tl_cell__
        if key in seen and where is store:
            raise HyperparameterError(f"{owner}: parameter {quote(p.name)} occurs more than once in the groups")
        if store is not None and where is not store:
            raise HyperparameterError(
                f"{owner}: parameter {quote(p.name)} lives in another session than the first",
                "one optimizer steps all its parameters at once", "one session, or one optimizer for each",
            )
        here = device_of(p.array)
        if here is not (device := device or here):
            raise BackendMixError(
                f"{owner}: parameter {quote(p.name)} lives on {here.name!r}, the first on {device.name!r}",
                "one optimizer steps all its parameters at once", "one device, or one optimizer for each",
            )
        seen.add(key)
        store = where
    return Store() if store is None else store
