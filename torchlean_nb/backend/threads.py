"""How many threads BLAS computes with: read, set, put back, and who decided.

Matrices of a lesson are small: a second thread costs more in waiting than it computes, and on a busy machine a
hundred times more. So whatever this toolkit starts itself starts with one, unless the user has said otherwise.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, MutableMapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from torchlean_nb.copies import Live
from torchlean_nb.errors import CapabilityError, HyperparameterError, HyperparameterTypeError, quote

# By these a user tells BLAS; each is read when the library is loaded, the general one last.
VARIABLES = tuple(f"{name}_THREADS" for name in ("OPENBLAS_NUM", "MKL_NUM", "BLIS_NUM", "VECLIB_MAXIMUM", "OMP_NUM"))
_set_here: list[str] = []  # by whom, the last one last


def chosen(environment: Mapping[str, str] | None = None) -> str | None:
    """What a user wrote into the environment, or None.

    Examples
    --------
    >>> chosen({"OMP_NUM_THREADS": "4"})
    'OMP_NUM_THREADS=4'
    """
    environment = os.environ if environment is None else environment
    return next((f"{name}={environment[name]}" for name in VARIABLES if environment.get(name)), None)


def start_with(count: int | None, environment: MutableMapping[str, str]) -> None:
    """Tell processes that get this environment: `count` threads; of None one, unless the user has chosen.

    Examples
    --------
    >>> mine, yours = {}, {"OMP_NUM_THREADS": "4"}
    >>> start_with(None, mine), start_with(None, yours)
    (None, None)
    >>> mine["OPENBLAS_NUM_THREADS"], yours
    ('1', {'OMP_NUM_THREADS': '4'})
    """
    if count is not None or not chosen(environment):
        environment.update(dict.fromkeys(VARIABLES, str(count or 1)))


class _Bundled:
    """The OpenBLAS inside NumPy's own packages, where threadpoolctl is not installed."""

    internal_api, version = "openblas", ""

    def __init__(self, library: ctypes.CDLL, name: str):
        self._library, self._name = library, name

    def get_num_threads(self) -> int:
        return int(getattr(self._library, self._name.format("get"))())

    def set_num_threads(self, count: int) -> None:
        getattr(self._library, self._name.format("set"))(count)


def _bundled() -> list[_Bundled]:
    package = Path(np.__file__).parent
    for path in [*package.parent.glob("numpy.libs/*openblas*"), *package.glob(".dylibs/*openblas*")]:
        library = ctypes.CDLL(str(path))  # loaded already: this only finds it
        for name in ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads"):
            if hasattr(library, name.format("set")):
                return [_Bundled(library, name)]
    return []


def _libraries() -> list[Any]:
    """What can tell and set the threads of each BLAS that is loaded."""
    if find_spec("threadpoolctl") is None:
        return _bundled()
    return import_module("threadpoolctl").ThreadpoolController().select(user_api="blas").lib_controllers


class Threads(Live):
    """How many threads BLAS has; as a context manager it puts back what was before.

    Attributes
    ----------
    count : int
        Now.
    cores : int
        Of the machine.
    blas : str
        Name and version of the library.
    by : str
        Who decided on the count.
    """

    _copying = ("it holds libraries of this process", "tl.threads() where it is read, or its count")

    def __init__(self, count: int | None, by: str):
        self._libraries = _libraries()
        if not self._libraries:
            raise CapabilityError(
                "threads: no BLAS was found whose threads can be told or set",
                "NumPy may use one that offers neither, such as Accelerate",
                "pip install threadpoolctl, or a variable before Python starts: OMP_NUM_THREADS=1 (macOS: "
                "VECLIB_MAXIMUM_THREADS=1)",
            )
        self._before = [x.get_num_threads() for x in self._libraries], tuple(_set_here)
        if count is not None:
            self._set([count] * len(self._libraries), (*_set_here, by))

    def _set(self, counts: list[int], by: tuple[str, ...]) -> None:
        for library, n in zip(self._libraries, counts, strict=True):
            library.set_num_threads(n)
        _set_here[:] = by

    @property
    def count(self) -> int:
        """Threads of the library that has most."""
        return max(x.get_num_threads() for x in self._libraries)

    @property
    def cores(self) -> int:
        """Cores of the machine."""
        return os.cpu_count() or 1

    @property
    def blas(self) -> str:
        """Name and version."""
        return ", ".join(f"{x.internal_api} {x.version or ''}".strip() for x in self._libraries)

    @property
    def by(self) -> str:
        """Who decided: this toolkit, a variable of the environment, or the library itself."""
        return _set_here[-1] if _set_here else chosen() or "the library, by the cores it found"

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *_: object) -> None:
        self._set(*self._before)

    def __repr__(self) -> str:
        return f"{self.count} of {self.cores} threads, {self.blas}; decided by {self.by}"


def threads(count: int | None = None, *, by: str = "tl.threads") -> Threads:
    """Threads of BLAS: looked up, or set from now on, or for the length of a ``with``.

    What is set holds for the whole process, all of NumPy included.

    Parameters
    ----------
    count : int, optional
        How many from now on; without it nothing changes.
    by : str
        Who wants it, for `Threads.by`.

    Raises
    ------
    HyperparameterError, HyperparameterTypeError
        For a count that is none.
    CapabilityError
        Where NumPy's BLAS cannot be asked; `threadpoolctl`, which comes with scikit-learn, knows most of them.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> before = tl.threads().count
    >>> with tl.threads(1) as now:
    ...     now.count
    1
    >>> tl.threads().count == before
    True
    """
    if count is not None and (isinstance(count, bool) or not isinstance(count, int)):
        raise HyperparameterTypeError(f"threads: {quote(count)} is a {type(count).__name__}", "a whole number from 1")
    if count is not None and not 1 <= count <= 1024:
        raise HyperparameterError(f"threads: {quote(count)} is not allowed", "a whole number from 1", "tl.threads(1)")
    return Threads(count, by)
