"""What a copy or a pickle of an object is: a twin, the object itself, or an error that says what to keep instead."""

from __future__ import annotations

import sys
from dataclasses import fields
from types import MappingProxyType
from typing import Any, ClassVar

from torchlean_nb.errors import NoAttributeError, SerializationError, UnknownNameError, quote


class Bound:
    """What belongs to a session, a process or a screen: ``copy``, ``deepcopy`` and ``pickle`` refuse it.

    Examples
    --------
    >>> import copy
    >>> import torchlean_nb as tl
    >>> copy.deepcopy(tl.Session())
    Traceback (most recent call last):
    torchlean_nb.errors.SerializationError: a Session: no copy, deepcopy or pickle of it can be made
      its tape and its parameters are in use
      try: {name: p.value for name, p in s.params.items()}; tl.save(path, s)
    """

    __slots__ = ()
    _copying: ClassVar[tuple[str, str]] = ("it belongs to a session", "the arrays in it")

    def __reduce_ex__(self, protocol: Any) -> Any:
        name, (why, instead) = type(self).__name__, self._copying
        raise SerializationError(f"a {name}: no copy, deepcopy or pickle of it can be made", why, instead)

    def __copy__(self) -> Any:
        return self.__reduce_ex__(2)

    def __deepcopy__(self, memo: Any) -> Any:
        return self.__reduce_ex__(2)


class Live(Bound):
    """The same, and a name that leads nowhere says what it is called here.

    Tensors, parameters and tapes go without: where a class has ``__getattr__``, CPython takes several times as long for
    every name.
    """

    __slots__ = ()
    # What other libraries have here, and what to write instead.
    _instead: ClassVar[dict[str, str]] = {}

    def __getattr__(self, name: str) -> Any:
        kind = type(self)
        if hasattr(kind, name):  # a property, which says itself what it lacks
            return object.__getattribute__(self, name)
        if name.startswith("_"):  # asked for by Python and by front ends, often
            raise AttributeError(name)
        raise NoAttributeError.of(kind.__name__, name, dir(kind), kind._instead.get(name))


class Remade:
    """A frozen dataclass with mappings in it that nobody can change: its twin is made of the same fields again.

    Examples
    --------
    >>> import copy
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> node = s.tape[s.param([1.0]).sum().id]
    >>> copy.deepcopy(node) == node
    True
    """

    def __reduce__(self) -> Any:
        return type(self), tuple(_thawed(getattr(self, f.name)) for f in fields(self) if f.init)  # type: ignore


def _thawed(v: Any) -> Any:
    if isinstance(v, MappingProxyType):
        return {k: _thawed(x) for k, x in v.items()}
    return tuple(map(_thawed, v)) if v.__class__ is tuple else v


class Row:
    """One of a kind and never changed: a copy is the row itself, a pickle is its name in a table.

    Examples
    --------
    >>> import copy, pickle
    >>> from torchlean_nb.updates import rule_of
    >>> copy.deepcopy(rule_of("adam")) is pickle.loads(pickle.dumps(rule_of("adam"))) is rule_of("adam")
    True
    """

    name: str
    _key = property(lambda self: self.name)

    @classmethod
    def _named(cls, name: str) -> Any:
        """The row of that name, None where there is none."""
        raise NotImplementedError

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    def __reduce__(self) -> Any:
        if self._named(self._key) is not self:
            raise SerializationError(
                f"{quote(self, 60)} cannot be pickled", "it stands in no table, and functions in it have no names",
                "making it again where the pickle would be read",
            )
        return _found, (type(self), self._key)


def _found(kind: type[Row], name: str) -> Row:
    row = kind._named(name)
    if row is None:
        raise UnknownNameError(f"a pickle names the {kind.__name__} {quote(name)}, which this process has not declared")
    return row


def has_name(thing: Any) -> bool:
    """Whether another process finds a function or class by its module and name.

    Examples
    --------
    >>> has_name(has_name), has_name(lambda: 0)
    (True, False)
    """
    at: Any = sys.modules.get(getattr(thing, "__module__", None) or "")
    for part in getattr(thing, "__qualname__", "").split("."):
        at = getattr(at, part, None)
    return at is thing
