"""ParamList: several parameters in order, read, replaced and stepped together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host, is_array
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
            as_data(host(a), session.dtype, label=f"param {i}", trainable=True, finite=strict)
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
        grads = self._aligned("gradients", gradients_of(grads, self) if isinstance(grads, Mapping) else grads)
        with np.errstate(all="ignore"):
            self._commit({i: sgd_update(p.array, p.session.tape.put(_like(g, p.dtype)), lr)
                          for i, (p, g) in enumerate(zip(self, grads, strict=True)) if p.requires_grad})  # fmt: skip

    def _aligned(self, what: str, arrays: Sequence[Any]) -> list[Any]:
        if isinstance(arrays, str | bytes) or not hasattr(arrays, "__len__"):
            raise HyperparameterError(f"torch: {what} are a {type(arrays).__name__}", None, "a list, one for each")
        if len(arrays) != len(self):
            raise ShapeError(f"torch: {len(arrays)} {what} for {len(self)} parameters")
        for i, (p, a) in enumerate(zip(self, arrays, strict=True)):
            shape = a.shape if is_array(a) else np.shape(a)
            if shape != p.shape:
                raise ShapeError(
                    f"torch: param update shape mismatch (expected {p.shape}, got {shape})", f"{what}, number {i}"
                )
        return list(arrays)

    def _commit(self, new: Mapping[int, Any]) -> None:
        if not new:
            return
        session = self[0].session
        strict = session.nonfinite == "raise"
        session.store.update({
            self[i].key: session.place(a, self[i].dtype.name, label=f"param {i}", trainable=True, finite=strict)
            for i, a in new.items()
        })  # fmt: skip

    def __repr__(self) -> str:
        return f"ParamList({', '.join(str(shape) for shape in self.shapes)})"


def _like(g: Any, dtype: Any) -> Any:
    return g.astype(dtype, copy=False) if is_array(g) else np.asarray(g, dtype)


def gradients_of(grads: Any, params: Any) -> list[Any]:
    """Gradients of parameters where they live, by Param; zeros for one that has none.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> w, v = s.param(3.0), s.param(1.0)
    >>> [g.item() for g in gradients_of(s.backward(w * w), [w, v])]
    [6.0, 0.0]
    """
    found = grads.aligned(params) if hasattr(grads, "aligned") else [grads[p] for p in params]
    return [p.session.tape.put(np.zeros(p.shape, p.dtype)) if g is None else g
            for p, g in zip(params, found, strict=True)]  # fmt: skip
