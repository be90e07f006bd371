"""Python's operators as named ops, written once for every kind of handle."""

from __future__ import annotations

from typing import Any

from torchlean_nb.errors import HandleTypeError, ShapeError


class Operators:
    """Mixin: ``a + b`` is ``self._op("add", a, b)``, ``x.T`` and ``x[key]`` likewise."""

    __slots__ = ()

    def _op(self, name: str, *args: Any, **attrs: Any) -> Any:
        raise HandleTypeError(f"{type(self).__name__} does not say how to apply {name}")

    def __add__(self, o):
        return self._op("add", self, o)

    def __radd__(self, o):
        return self._op("add", o, self)

    def __sub__(self, o):
        return self._op("sub", self, o)

    def __rsub__(self, o):
        return self._op("sub", o, self)

    def __mul__(self, o):
        return self._op("mul", self, o)

    def __rmul__(self, o):
        return self._op("mul", o, self)

    def __truediv__(self, o):
        return self._op("div", self, o)

    def __rtruediv__(self, o):
        return self._op("div", o, self)

    def __pow__(self, o):
        return self._op("pow", self, o)

    def __rpow__(self, o):
        return self._op("pow", o, self)

    def __matmul__(self, o):
        return self._op("matmul", self, o)

    def __rmatmul__(self, o):
        return self._op("matmul", o, self)

    def __neg__(self):
        return self._op("neg", self)

    def __pos__(self):
        return self

    def __abs__(self):
        return self._op("abs", self)

    def __gt__(self, o):
        return self._op("greater", self, o)

    def __ge__(self, o):
        return self._op("greater_equal", self, o)

    def __lt__(self, o):
        return self._op("greater", o, self)

    def __le__(self, o):
        return self._op("greater_equal", o, self)

    def __getitem__(self, key: Any) -> Any:
        return self._op("index", self, key=key)

    @property
    def T(self) -> Any:
        """Axes in reverse order."""
        return self._op("transpose", self)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        n = 1
        for d in self.shape:
            n *= d
        return n

    def __len__(self) -> int:
        if not self.shape:
            raise HandleTypeError("len() of a 0-d value")
        return self.shape[0]

    def __iter__(self):
        if not self.shape:
            raise HandleTypeError("a 0-d value is not iterable", None, "float(t), or t.value")
        return (self[i] for i in range(self.shape[0]))

    def __bool__(self) -> bool:
        raise HandleTypeError(
            "the truth value of a recorded value is not defined",
            "a branch on a value would not be on the tape",
            "where(cond, a, b), or look at t.value, or float(t)",
        )

    def __setitem__(self, key: Any, value: Any) -> None:
        raise ShapeError(
            "a recorded value cannot be assigned to", "nodes on a tape never change", "where(), or build a new value"
        )


class Handle(Operators):
    """Base of the handles that rules see: operators and shape, nothing that leads to numbers."""

    __slots__ = ()
    __array_ufunc__ = None

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise HandleTypeError(
            f"{type(self).__name__} is not a number", "rules see values only through xp", "xp.<function>(...)"
        )

    __float__ = __int__ = __index__ = __array__ = __round__ = __iter__ = __len__ = _refuse
