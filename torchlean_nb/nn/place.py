"""Place: what a layer sees of the model around it while it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torchlean_nb.errors import CapabilityError, UnknownNameError, did_you_mean
from torchlean_nb.hypers import Hyper

MODE = Hyper(kind="choice", choices=("train", "eval"))


def joined(path: str, name: str) -> str:
    """Path of something inside: ``"0.weight"``."""
    return f"{path}.{name}" if path else name


@dataclass
class Pass:
    """One run of a model: its arrays by path, the mode, the random stream.

    Parameters
    ----------
    values : mapping
    mode : {"train", "eval"}
    key : callable or None
    news : dict, optional
        Collects new values of buffers.
    seen : list, optional
        Collects ``(path, layer, input shape, output shape)`` of every layer.
    later : list, optional
        Collects ``(path, layer, x, update)`` of what buffers are to be made of, where there are no values yet.
    """

    values: Mapping[str, Any]
    mode: str
    key: Callable[[], int] | None = None
    news: dict[str, Any] | None = None
    seen: list[Any] | None = None
    later: list[Any] | None = None

    def __post_init__(self) -> None:
        MODE.check("forward", "mode", self.mode)


class Place:
    """A layer's place in a running model.

    ``at["weight"]`` is one of its arrays, ``at("inner", x)`` runs one of its children.
    """

    __slots__ = ("_run", "layer", "path")

    def __init__(self, run: Pass, layer: Any, path: str = ""):
        self._run, self.layer, self.path = run, layer, path

    def __getitem__(self, name: str) -> Any:
        found = self.get(name)
        if found is None:
            where = joined(self.path, name)
            raise UnknownNameError(
                f"{type(self.layer).__name__}: no array {where!r} was given", did_you_mean(where, self._run.values)
            )
        return found

    def get(self, name: str) -> Any:
        """One of the layer's arrays, or None when it has none of that name."""
        return self._run.values.get(joined(self.path, name))

    @property
    def training(self) -> bool:
        """Whether the mode is train."""
        return self._run.mode == "train"

    def look(self, x: Any, update: Callable[[Any, Place], Mapping[str, Any]]) -> None:
        """Hand over new values of buffers, ``update(array of x, place)`` by name; the array lives on the device."""
        if self._run.later is not None:
            self._run.later.append((self.path, self.layer, x, update))
        elif self._run.news is not None:
            self.keep(**update(getattr(x, "array", x), self))

    def keep(self, **values: Any) -> None:
        """Hand over new values of buffers."""
        if self._run.news is not None:
            self._run.news.update({joined(self.path, name): v for name, v in values.items()})

    def key(self) -> int:
        """Key for one random op.

        Raises
        ------
        CapabilityError
            When no stream was given.
        """
        if self._run.key is None:
            raise CapabilityError(
                f"{type(self.layer).__name__}: train mode needs random numbers and there is no stream",
                None, "key=tl.Rng(0).key, or a model bound to a session",
            )
        return self._run.key()

    def __call__(self, name: str, x: Any, **inputs: Any) -> Any:
        """Run one of the layer's children."""
        return Place(self._run, self.layer.parts[name], joined(self.path, name)).compute(x, **inputs)

    def compute(self, x: Any, **inputs: Any) -> Any:
        """Run the layer; nodes recorded meanwhile carry its path as their scope."""
        first = x[0] if isinstance(x, tuple) else x
        tape = getattr(first, "tape", None)
        if tape is None or not self.path:
            y = self.layer.compute(x, self, **inputs)
        else:
            before, here = tape.scope, f"{self.path.rpartition('.')[2]} {self.layer.kind}"
            tape.scope = f"{before}/{here}" if before else here
            try:
                y = self.layer.compute(x, self, **inputs)
            finally:
                tape.scope = before
        if self._run.seen is not None:
            self._run.seen.append((self.path, self.layer, tuple(first.shape), _shape(y)))
        return y


def _shape(y: Any) -> tuple[int, ...]:
    return _shape(y[0]) if isinstance(y, tuple) else tuple(y.shape)
