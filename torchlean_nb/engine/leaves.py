"""What a session starts from: parameters, inputs and constants."""

from __future__ import annotations

from typing import Any

from torchlean_nb.engine.data import as_type, check_name, wanted
from torchlean_nb.engine.param import Cell, Param
from torchlean_nb.engine.tensor import Tensor
from torchlean_nb.errors import HandleTypeError, quote


class Leaves:
    """Mixin: the leaves of a session's tape, and its parameters."""

    def param(self, value: Any, name: str | None = None, requires_grad: bool | None = None) -> Param:
        """A new parameter, outside the tape.

        Parameters
        ----------
        value : array-like
            Python's numbers become floats, whole ones too: ``s.param([1, 2])`` is ``s.param([1.0, 2.0])``.
        name : str, optional
        requires_grad : bool, optional
            By default the session's.

        Raises
        ------
        DTypeError
            For NumPy integers, and for truth values in any form: only floats are trained, as in PyTorch.
        ShapeError, NonFiniteError, NameError_

        Examples
        --------
        >>> import torchlean_nb as tl
        >>> s = tl.Session()
        >>> s.param([1, 2]).dtype
        dtype('float64')
        >>> s.param([True, False])
        Traceback (most recent call last):
            ...
        torchlean_nb.errors.DTypeError: param: dtype bool cannot be trained
          only a float requires gradient
          try: np.asarray(x, float); s.const(x) for indices and masks
        """
        self._own()
        check_name(name, "param")
        data = self.place(
            value, self.dtype, label=f"param {quote(name)}" if name else "param", trainable=True, finite=self._strict
        )
        trained = self.requires_grad_by_default if requires_grad is None else bool(requires_grad)
        cell = Cell(self.store, data, name, trained)
        p = Param(self, cell)
        self._params[name or f"param_{len(self._params)}"] = cell
        return p

    @property
    def params(self) -> dict[str, Param]:
        """Parameters by name, those of today: a dict of one's own."""
        return {name: cell.of(self) for name, cell in self._params.items()}

    def input(self, value: Any, name: str | None = None, requires_grad: bool = False, dtype: Any = None) -> Tensor:
        """A data leaf; the array is copied, so later writes to it do not reach the tape."""
        self._own()
        check_name(name, "input")
        label = f"input {quote(name)}" if name else "input"
        if dtype is not None:
            value = value.astype(wanted(dtype, label)) if self.home.owns(value) else as_type(value, dtype, label)
        data = self.place(value, self.dtype, label=label, trainable=requires_grad, finite=self._strict)
        return self.tape.leaf("input", data, requires_grad, name)

    def const(self, value: Any, name: str | None = None) -> Tensor:
        """A constant leaf."""
        self._own()
        check_name(name, "const")
        return self.tape.leaf("const", self.place(value, self.dtype, label="const", finite=self._strict), False, name)

    def use(self, param: Param) -> Tensor:
        """The leaf that stands for a parameter on this tape; the same one until its value changes."""
        if not isinstance(param, Param):
            raise HandleTypeError(f"use: expected a Param, got {type(param).__name__}")
        return param.__tl_use__(self.tape)

    @property
    def _strict(self) -> bool:
        return self.nonfinite == "raise"
