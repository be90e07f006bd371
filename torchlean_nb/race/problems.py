"""Problems: what optimizers are compared on, surfaces and networks, as data that can travel to another process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any

import numpy as np

from torchlean_nb import nn
from torchlean_nb.data import Dataset, load_digits, moons
from torchlean_nb.errors import HyperparameterError, UnknownNameError, did_you_mean, quote
from torchlean_nb.hypers import Hyper
from torchlean_nb.nn.init import kaiming_normal, zeros
from torchlean_nb.race.sweep_keys import fingerprint
from torchlean_nb.surfaces import SURFACES, Surface, surface_of

UNITS = ("steps", "epochs")
HE = {"*.weight": kaiming_normal, "*.bias": zeros}


@dataclass(frozen=True)
class Problem:
    """Something to be minimised, and in what its budget is counted.

    Parameters
    ----------
    name : str
    kind : {"surface", "network"}
    unit : {"steps", "epochs"}
    make : Surface or callable
        A surface or ``f(x, y)``; of a network ``make(seed) -> (model, task, data)``, or one more for validation data.
    batch_size : int, optional
        Of a network.
    init : str or mapping
        How its parameters begin, as in `tl.Trainer`.
    version : str
        Part of what tells its results from others.

    Examples
    --------
    >>> problem_of("rosenbrock").unit, problem_of("digits_mlp").unit
    ('steps', 'epochs')
    """

    name: str
    kind: str
    unit: str
    make: Any
    batch_size: int | None = None
    init: Any = "torch"
    version: str = ""

    @cached_property
    def surface(self) -> Surface:
        """The surface it is."""
        return surface_of(self.make)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Plain data that is the same for the same problem, and another one when its code has changed."""
        if isinstance(self.make, Surface) and _builtin(self.make):
            return {"surface": self.name, "numbers": dict(self.make.numbers), "noise": self.make.noise}
        if NETWORKS.get(self.name) is self:
            return {"network": self.name}
        return {"name": self.name, "unit": self.unit, "batch_size": self.batch_size, "version": self.version,
                "code": fingerprint((self.make.f, dict(self.make.numbers), self.make.noise)
                                    if isinstance(self.make, Surface) else (self.make, self.init))}  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Problem) and (self is other or self.identity == other.identity)

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> Any:
        # Rows hold functions that have no name of their own; who gets this has the same tables.
        if "surface" in self.identity or "network" in self.identity:
            return problem_from, (self.identity,)
        return Problem, (self.name, self.kind, self.unit, self.make, self.batch_size, self.init, self.version)

    def __repr__(self) -> str:
        return f"Problem({self.name!r}, {self.kind}, in {self.unit})"


def problem(
    make: Callable[[int], Any], *, name: str | None = None, unit: str = "epochs", batch_size: int | None = None,
    init: str | Mapping[str, Any] = "torch", version: str = "",
) -> Problem:  # fmt: skip
    """A network of your own to compare optimizers on.

    Parameters
    ----------
    make : callable
        ``make(seed) -> (model, task, data)`` or ``(model, task, data, validation)``, as `tl.Trainer` and its `fit` take
        them. It stands in a module, so that another process can import it; Dask also takes one of a notebook.
    name : str, optional
        That of the function.
    unit : {"epochs", "steps"}
        What budgets count.
    batch_size : int, optional
        32, or all rows where there are fewer.
    init : {"torch", "torchlean"} or mapping
        How parameters begin.
    version : str
        Change it when something changed that the function only calls: results of before are then no longer used.

    Raises
    ------
    HyperparameterError, HyperparameterTypeError

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> def line(seed):
    ...     x = np.linspace(-1, 1, 8)[:, None]
    ...     return tl.nn.Linear(1, 1), "regression", (x, 3 * x)
    >>> tl.race.problem(line, unit="steps")
    Problem('line', network, in steps)
    """
    if not callable(make) or isinstance(make, Problem):
        raise HyperparameterError(f"problem: {quote(make, 60)} is a {type(make).__name__}",
                                  "a function: make(seed) -> (model, task, data)")  # fmt: skip
    name = getattr(make, "__name__", "problem") if name is None else name
    if not isinstance(name, str) or not name or name in NETWORKS or name in SURFACES:
        raise HyperparameterError(f"problem: name={quote(name)}", "text that is the name of no other problem")
    Hyper(kind="choice", choices=UNITS).check("problem", "unit", unit)
    Hyper(kind="int", low=1, none=True).check("problem", "batch_size", batch_size)
    return Problem(name, "network", unit, make, batch_size, init, str(version))


def problem_of(what: Any) -> Problem:
    """A problem, the problem of a name, or one made of a surface or a function of two variables.

    Raises
    ------
    UnknownNameError
        With the closest known names.
    HyperparameterError

    Examples
    --------
    >>> problem_of("digits_cnn")
    Problem('digits_cnn', network, in epochs)
    """
    if isinstance(what, Problem):
        return what
    if isinstance(what, str):
        if what not in NETWORKS and what not in SURFACES:
            raise UnknownNameError(f"no problem named {quote(what)}", did_you_mean(what, [*NETWORKS, *SURFACES]))
        return NETWORKS.get(what) or Problem(what, "surface", "steps", SURFACES[what])
    return Problem(surface_of(what).name, "surface", "steps", what)


@lru_cache(maxsize=64)
def _surface(name: str, numbers: tuple[tuple[str, float], ...], noise: float) -> Surface:
    return surface_of(name).with_numbers(**dict(numbers)).with_noise(noise)


def problem_from(identity: Mapping[str, Any]) -> Problem:
    """The problem of a name that its `identity` tells.

    Raises
    ------
    UnknownNameError
    """
    if "network" in identity:
        return problem_of(identity["network"])
    if "surface" not in identity:
        raise UnknownNameError(f"problem {quote(identity.get('name'))} is a function of its own", "its name says less")
    made = _surface(identity["surface"], tuple(sorted(identity["numbers"].items())), identity["noise"])
    return Problem(made.name, "surface", "steps", made)


def _builtin(surface: Surface) -> bool:
    row = SURFACES.get(surface.name)
    return row is not None and row.f is surface.f


# -- networks that are there -------------------------------------------------------------------
@cache
def _digits(images: bool) -> tuple[Dataset, Dataset]:
    rows = load_digits(images=images)
    order = np.random.default_rng(0).permutation(len(rows))
    x, y = rows.arrays
    return tuple(Dataset(x[some] / 16, y[some]) for some in (order[:1347], order[1347:]))  # type: ignore[return-value]


def digits_mlp(seed: int) -> tuple[Any, ...]:
    """Handwritten digits, 64 pixels, one hidden layer of 32 units."""
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)), "classification", *_digits(False)


def digits_cnn(seed: int) -> tuple[Any, ...]:
    """Handwritten digits as images, eight filters of 3 x 3, one pooling, one linear layer."""
    layers = nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10)
    return nn.Sequential(*layers), "classification", *_digits(True)


def moons_mlp(seed: int) -> tuple[Any, ...]:
    """Two half moons, 128 points, eight hidden units."""
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    return model, "classification", moons(128, seed=0), moons(64, seed=1)


NETWORKS = {
    f.__name__: Problem(f.__name__, "network", "epochs", f, 32, HE) for f in (digits_mlp, digits_cnn, moons_mlp)
}
