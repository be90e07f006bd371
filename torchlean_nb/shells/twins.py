"""Copies and pickles of optimizers: those of arrays get a twin, those of a session refuse."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from torchlean_nb.copies import Live, has_name
from torchlean_nb.errors import SerializationError
from torchlean_nb.shells.fused import Fused


class Twinned:
    """An optimizer whose copies have parameters of their own.

    Examples
    --------
    >>> import copy
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> opt = tl.optim.SGD({"w": np.array([1.0])}, lr=0.5)
    >>> twin = copy.copy(opt)
    >>> twin.step({"w": np.array([1.0])})
    >>> opt.params["w"].tolist(), twin.params["w"].tolist()
    ([1.0], [0.5])
    """

    _cells: Any
    _fused: Fused | None

    def __copy__(self) -> Any:
        return deepcopy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        twin = memo[id(self)] = object.__new__(type(self))
        twin.__setstate__(deepcopy(self.__getstate__(), memo))
        return twin

    def __reduce_ex__(self, protocol: Any) -> Any:
        if not has_name(type(self)):
            raise SerializationError(
                f"{type(self).__name__}: an optimizer of this class cannot be pickled",
                "the class was made by a call, and no module has it under its name",
                "opt.state_dict(), tl.save(path, opt), or copy.deepcopy(opt)",
            )
        return object.__reduce_ex__(self, protocol)

    def __getstate__(self) -> dict[str, Any]:
        if any(isinstance(p, Live) for p in self._cells):
            raise SerializationError(
                f"{type(self).__name__}: no copy, deepcopy or pickle of this optimizer can be made",
                "its parameters belong to a session", "opt.state_dict(), opt.snapshot(), or tl.save(path, opt)",
            )
        if self._fused is not None:  # its arrays are views of each other; a copy gets parameters of its own
            self._fused.release({})
        return {**self.__dict__, "_fused": self._fused and self._fused.native}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._fused = None if state["_fused"] is None else Fused(self, state["_fused"])
