"""ParamList: several parameters in order, read, replaced and stepped together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from torchlean_nb.engine import Param, Session
from torchlean_nb.engine.data import as_data, check_name
from torchlean_nb.errors import HandleTypeError, HyperparameterError, ShapeError
from torchlean_nb.train.configs import LR
from torchlean_nb.train.require import sgd_update


class ParamList(Sequence[Param]):
    """Parameters of one session, aligned with a list of shapes.

    Examples
    --------
    >>> params = ParamList.from_arrays([[1.0, 2.0], 3.0], requires_grad=[True, False])
    >>> params.sgd_step([[1.0, 1.0], 1.0], lr=0.5)
    >>> [v.tolist() for v in params.values]
    [[0.5, 1.5], 3.0]
    """

    def __init__(self, params: Iterable[Param]):
        self._params = tuple(params)

    @classmethod
    def from_arrays(
        cls, arrays: Any, requires_grad: Sequence[bool] | None = None, session: Session | None = None
    ) -> ParamList:
        """New parameters, of a new session unless one is given.

        Parameters
        ----------
        arrays : sequence of array_like, or mapping from name to array_like
        requires_grad : sequence of bool, optional
            Which are trained; all of them when left out.

        Raises
        ------
        ShapeError
            When the two lists differ in length.
        """
        if not isinstance(arrays, Iterable):
            raise HandleTypeError(f"torch: parameters are a {type(arrays).__name__}", None, "a list of arrays")
        named = arrays.items() if isinstance(arrays, Mapping) else [(None, a) for a in arrays]
        flags = [True] * len(named) if requires_grad is None else list(requires_grad)
        if len(flags) != len(named):
            word = "longer" if len(flags) > len(named) else "shorter"
            raise ShapeError(
                f"torch: requiresGrad list {word} than parameter list", f"{len(flags)} flags, {len(named)} parameters"
            )
        session = Session() if session is None else session
        strict = session.nonfinite == "raise"
        for i, (n, a) in enumerate(named):  # before the session has the first of them
            check_name(n, "param")
            as_data(a, session.dtype, label=f"param {i}", trainable=True, finite=strict)
        return cls(session.param(a, name=n, requires_grad=f) for (n, a), f in zip(named, flags, strict=True))

    def __len__(self) -> int:
        return len(self._params)

    def __getitem__(self, i: Any) -> Any:
        return self._params[i]

    def __iter__(self) -> Iterator[Param]:
        return iter(self._params)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes in order."""
        return tuple(p.shape for p in self)

    @property
    def values(self) -> tuple[np.ndarray, ...]:
        """Current values in order, read-only."""
        return tuple(p.value for p in self)

    def set_values(self, values: Sequence[Any]) -> None:
        """Replace all values at once.

        Raises
        ------
        ShapeError, DTypeError, NonFiniteError
            And all are as they were.
        """
        self._commit(dict(enumerate(self._aligned("values", values))))

    def sgd_step(self, grads: Any, lr: float) -> None:
        """Move every trained parameter by ``-lr * gradient``; the others stay.

        Parameters
        ----------
        grads : Gradients, or sequence of array_like
            By position.
        lr : float

        Raises
        ------
        ShapeError, HyperparameterError, NonFiniteError
            And nothing has moved.
        """
        lr = LR.check("sgd_step", "lr", lr)
        grads = self._aligned("gradients", [grads[p] for p in self] if isinstance(grads, Mapping) else grads)
        with np.errstate(all="ignore"):
            self._commit({i: sgd_update(p.value, np.asarray(g, p.dtype), lr)
                          for i, (p, g) in enumerate(zip(self, grads, strict=True)) if p.requires_grad})  # fmt: skip

    def _aligned(self, what: str, arrays: Sequence[Any]) -> list[Any]:
        if isinstance(arrays, str | bytes) or not hasattr(arrays, "__len__"):
            raise HyperparameterError(f"torch: {what} are a {type(arrays).__name__}", None, "a list, one for each")
        if len(arrays) != len(self):
            raise ShapeError(f"torch: {len(arrays)} {what} for {len(self)} parameters")
        for i, (p, a) in enumerate(zip(self, arrays, strict=True)):
            if np.shape(a) != p.shape:
                raise ShapeError(
                    f"torch: param update shape mismatch (expected {p.shape}, got {np.shape(a)})", f"{what}, number {i}"
                )
        return list(arrays)

    def _commit(self, new: Mapping[int, Any]) -> None:
        if not new:
            return
        session = self[0].session
        strict = session.nonfinite == "raise"
        session.store.update({
            self[i].key: as_data(a, self[i].dtype.name, label=f"param {i}", trainable=True, finite=strict)
            for i, a in new.items()
        })  # fmt: skip

    def __repr__(self) -> str:
        return f"ParamList({', '.join(str(shape) for shape in self.shapes)})"
