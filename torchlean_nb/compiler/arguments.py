"""What a function is compiled with: its name, the names of its arguments, and the arguments themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from inspect import signature
from keyword import iskeyword
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import Device, host, is_array, is_foreign
from torchlean_nb.engine.data import as_data
from torchlean_nb.errors import HandleTypeError, HyperparameterError, quote


def check_count(f: Any, count: int) -> None:
    """Say that examples are missing, as `compile` is called unlike a decorator."""
    try:
        signature(f).bind(*[None] * count)
    except TypeError as e:
        raise HandleTypeError(
            f"compile: {title_of(f)} does not take {count} arguments: {e}",
            "examples say for which shapes and types it is compiled", "tl.compile(f, x, y)",
        ) from None
    except ValueError:  # a function that does not tell its arguments
        return


def chosen(argnums: Any, count: int) -> tuple[int, ...]:
    """Arguments to differentiate by, counted from the front."""
    wanted = (argnums,) if isinstance(argnums, int) else argnums
    fine = isinstance(wanted, Sequence) and all(isinstance(k, int | np.integer) and -count <= k < count for k in wanted)
    if not fine or isinstance(wanted, str):
        raise HyperparameterError(f"compile: argnums={quote(argnums)}", f"numbers of arguments, 0..{count - 1}")
    return tuple(int(k) % count for k in wanted)


def as_argument(a: Any, device: Device | None = None) -> Any:
    """An argument in the layout the program was planned for; what lives on `device` stays there."""
    if a.__class__ is np.ndarray and _plain(a):
        return a
    if is_foreign(a):
        if device is None or not device.owns(a) or a.dtype.kind not in "fiub":
            as_data(a, "float64", label="argument")  # says what is wrong with it
        return a if _plain(a) else device.np.array(a, order="C")
    plain, kin = not isinstance(a, np.ndarray | np.generic), isinstance(a, np.ndarray) and a.__class__ is not np.ndarray
    try:
        found = np.asarray(a)
    except ValueError:
        found = as_data(a, "float64", label="argument")  # which says what is wrong with it, and so it does below
    if kin or found.dtype.kind not in "fiub":
        as_data(a, "float64", label="argument", finite=False)
    if plain and found.dtype.kind in "iu":  # what a formula means by 2
        found = found.astype(float)
    return found if _plain(found) else np.array(found, order="C")


def _plain(a: np.ndarray) -> bool:
    """Whether an array is in row-major order; a single number has to have the usual strides, too.

    With others, as a slice that runs backwards has them, NumPy takes loops that round otherwise.
    """
    return a.flags.c_contiguous and (a.size != 1 or a.strides == (a.itemsize,) * a.ndim)


def as_arguments(
    args: Sequence[Any], dtype: np.dtype[Any] | None = None, device: Device | None = None
) -> tuple[Any, ...]:
    """Arguments as arrays; floats are of one type, as on a tape: `dtype`, that of the arrays among them, or float64.

    Those that live on `device` stay there.

    Examples
    --------
    >>> [a.dtype.name for a in as_arguments([np.ones(2, "f4"), 0.5, [1, 2], np.arange(2)])]
    ['float32', 'float32', 'float32', 'int64']
    >>> [a.dtype.name for a in as_arguments([np.ones(2, "f4"), np.ones(2)])]
    ['float64', 'float64']
    """
    floats = [a for a in args if (isinstance(a, np.generic) or is_array(a)) and a.dtype.kind == "f"]
    kinds = {a.dtype for a in floats if is_array(a)} or {a.dtype for a in floats}
    dtype = dtype or (kinds.pop() if len(kinds) == 1 else np.dtype(float))
    return tuple([_float(as_argument(a, device), dtype, k) for k, a in enumerate(args)])


def _float(a: np.ndarray, dtype: np.dtype[Any], k: int) -> np.ndarray:
    fits = a.dtype.kind != "f" or (a.dtype == dtype and dtype.isnative)
    if fits:
        return a
    return a.astype(dtype) if is_foreign(a) else as_data(a, dtype.name, label=f"argument {k}", finite=False)


def form(a: Any) -> np.ndarray:
    """An array of the host as it is; for one of a device zeros of its shape and type."""
    return np.zeros(a.shape, a.dtype) if is_foreign(a) else a


def fetched(a: Any) -> np.ndarray:
    """A result of a device as an array of the host, which belongs to whoever asked for it."""
    out: np.ndarray = host(a)
    out.setflags(write=True)
    return out


def title_of(f: Any) -> str:
    """Name of a function, where it has one."""
    name = getattr(f, "__name__", type(f).__name__)
    return name if name.isidentifier() else "function"


def names_of(f: Any, count: int, taken: Iterable[str] = ()) -> tuple[str, ...]:
    """Names of the arguments as the function has them, where they cannot be mistaken for others.

    Examples
    --------
    >>> names_of(lambda w, t1, np, x: 0, 4, ["w"])
    ('x0', 'x1', 'x2', 'x')
    """
    try:
        ps = signature(f).parameters.values()
        found = [p.name for p in ps if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    except (TypeError, ValueError):
        found = []
    taken = {"np", "xp", "step", "constants", "numpy_namespace", *taken}

    def clear(name: str) -> bool:
        own = name[:1] in "cstvx" and name[1:].isdecimal()
        return name.isascii() and not iskeyword(name) and name not in taken and not own

    spare = [f"x{k}" if f"x{k}" not in taken else f"x_{k}" for k in range(count)]
    return tuple(found[k] if k < len(found) and clear(found[k]) else spare[k] for k in range(count))


def takes(examples: Sequence[Any], kind: type = np.ndarray) -> Callable[..., bool]:
    """A function that says whether arrays are of the kind of these, so that they can be used as they are.

    `kind` is the class of arrays where the program runs.

    Examples
    --------
    >>> fits = takes([np.ones(2)])
    >>> fits(np.zeros(2)), fits(np.zeros(3)), fits([0.0, 0.0]), fits(np.zeros(2, "f4")), fits(np.zeros(4)[::2])
    (True, False, False, False, False)
    """
    space: dict[str, Any] = {"ndarray": kind}
    for k, a in enumerate(examples):
        space |= {f"shape{k}": a.shape, f"dtype{k}": a.dtype}
    each = "".join(f" and {looks(f'x{k}', f'shape{k}', f'dtype{k}', a.shape)}" for k, a in enumerate(examples))
    names = "".join(f"x{k}, " for k in range(len(examples))) or "()"
    text = f"def fits(*args):\n if len(args) == {len(examples)}:\n  {names} = args\n  return True{each}\n return False"
    exec(text, space)
    return space.pop("fits")  # else it would be among its own globals, a cycle


def looks(x: str, shape: str, dtype: str, sides: Sequence[int] = ()) -> str:
    """Python that says whether what is called `x` is an array in row-major order, of a shape and a type.

    Where all sides are 1, its strides are looked at, too.
    """
    one = f" and {x}.strides == ({x}.itemsize,) * {len(sides)}" if sides and set(sides) == {1} else ""
    return f"{x}.__class__ is ndarray and {x}.shape == {shape} and {x}.dtype is {dtype} and {x}.flags.c_contiguous{one}"
