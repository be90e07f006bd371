"""Parameters that belong to no session, and groups of parameters as users give them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

import numpy as np

from torchlean_nb.backend.store import Store
from torchlean_nb.errors import DTypeError, HyperparameterError, HyperparameterTypeError, NonFiniteError, quote

_keys = count()


class Cell:
    """A parameter that belongs to no session: a name and an array in a store."""

    __slots__ = ("key", "name", "store")

    def __init__(self, store: Store, name: str, value: Any):
        self.store, self.name, self.key = store, name, f"cell {next(_keys)}"
        store[self.key] = _own(value, name)

    @property
    def value(self) -> np.ndarray:
        """Current value, read-only."""
        return self.store.read(self.key)

    @property
    def __tl_cell__(self) -> tuple[Store, Any]:
        return self.store, self.key

    def __repr__(self) -> str:
        return f"Cell {self.name!r}, shape {self.value.shape}"


def _own(value: Any, name: str) -> np.ndarray:
    a = np.array(value)
    a = a.astype(np.float64) if a.dtype.kind in "iub" and not isinstance(value, np.ndarray) else a
    if a.dtype.kind != "f":
        raise DTypeError(f"optimizer: parameter {quote(name)} has dtype {a.dtype}", None, "a float array")
    if not np.isfinite(a).all():
        raise NonFiniteError(f"optimizer: parameter {quote(name)} holds an inf or NaN")
    a.setflags(write=False)
    return a


def read_groups(owner: str, params: Any) -> list[dict[str, Any]]:
    """Parameter groups from what a user gives: Params, a dict of arrays, or torch-style group dicts.

    Raises
    ------
    HyperparameterError, HyperparameterTypeError
        For nothing, something that is not a parameter, or a parameter given twice.
    """
    if hasattr(params, "__tl_cell__") or isinstance(params, np.ndarray | float | int | str | bytes):
        raise HyperparameterTypeError(
            f"{owner}: params must be an iterable of parameters, got one {type(params).__name__}", None, "[p]"
        )
    if isinstance(params, set | frozenset):
        raise HyperparameterTypeError(f"{owner}: params is a set, whose order is not fixed", None, "a list")
    store = Store()
    if isinstance(params, Mapping):
        groups: list[dict[str, Any]] = [{"params": _from_arrays(owner, params, store)}]
    else:
        try:
            items = list(params)
        except TypeError:
            raise HyperparameterTypeError(f"{owner}: params is {type(params).__name__}, not iterable") from None
        groups = [dict(g) for g in items] if items and isinstance(items[0], Mapping) else [{"params": items}]
    if not groups or all("params" in g and not _listed(g["params"]) for g in groups):
        raise HyperparameterError(f"{owner}: optimizer got an empty parameter list")
    for g in groups:
        if "params" not in g:
            raise HyperparameterError(f"{owner}: a group without 'params'", f"it has {', '.join(map(str, g))}")
        own = g["params"]
        g["params"] = _from_arrays(owner, own, store) if isinstance(own, Mapping) else _listed(own)
        for p in g["params"]:
            if not hasattr(p, "__tl_cell__"):
                raise HyperparameterTypeError(
                    f"{owner}: {quote(p, 40)} of type {type(p).__name__} is not a parameter",
                    "parameters are Params of a session, or arrays given by name", '{"w": array}',
                )
    return groups


def _listed(params: Any) -> list[Any]:
    return [params] if hasattr(params, "__tl_cell__") else list(params)


def _from_arrays(owner: str, arrays: Mapping[str, Any], store: Store) -> list[Cell]:
    for name in arrays:
        if not isinstance(name, str):
            raise HyperparameterTypeError(f"{owner}: a parameter's name must be a str, got {quote(name, 40)}")
    return [Cell(store, name, a) for name, a in arrays.items()]


def one_store(owner: str, params: Iterable[Any]) -> Store:
    """The store all parameters live in.

    Raises
    ------
    HyperparameterError
        When a parameter occurs twice, or they live in different sessions.
    """
    seen, store = set(), None
    for p in params:
        where, key = p.__tl_cell__
        if key in seen and where is store:
            raise HyperparameterError(f"{owner}: parameter {quote(p.name)} occurs more than once in the groups")
        if store is not None and where is not store:
            raise HyperparameterError(
                f"{owner}: parameter {quote(p.name)} lives in another session than the first",
                "one optimizer steps all its parameters at once", "one session, or one optimizer for each",
            )
        seen.add(key)
        store = where
    return Store() if store is None else store
