"""`vmap`: a function of one example becomes a function of many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import common, is_foreign
from torchlean_nb.compiler.arguments import as_argument, as_arguments, form, title_of
from torchlean_nb.compiler.batching import do, full, replay, straight
from torchlean_nb.compiler.lowering import Graph
from torchlean_nb.engine.data import freeze
from torchlean_nb.engine.param import Param
from torchlean_nb.engine.tensor import Ref
from torchlean_nb.errors import AxisError, ForeignHandleError, HandleTypeError, HyperparameterError, ShapeError, quote

KEPT = 8  # graphs of a function for other shapes or types


def vmap(
    f: Callable[..., Any], in_axes: int | Sequence[int | None] | None = 0, out_axes: int | Sequence[int] = 0
) -> Callable[..., Any]:
    """Function that applies `f` to many examples at once.

    `f` is written for one example. It is recorded once, and each of its primitives gets one more axis. Products of
    matrices may add up in another order than one example after the other; all else has the same bits.

    Parameters
    ----------
    f : callable
        Takes Tensors, returns a Tensor or a tuple of them. What it does must not depend on the values.
    in_axes : int, None or tuple of them
        Axis along which the examples of each argument lie; None for an argument that all of them share.
    out_axes : int or tuple of int
        Axis along which the results shall lie.

    Raises
    ------
    HyperparameterError, AxisError, ShapeError
        When the axes do not fit the arguments, or these have different numbers of examples.
    HandleTypeError
        When `f` is no function, or looks at a value.
    ForeignHandleError
        When `f` uses a parameter or Tensor that is not an argument.

    Examples
    --------
    Gradients of each example:

    >>> import torchlean_nb as tl
    >>> def loss(w, x):
    ...     return (w * x).sum() ** 2
    >>> vmap(tl.grad(loss), in_axes=(None, 0))([1.0, 2.0], [[1.0, 0.0], [0.0, 1.0]]).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    if not callable(f):
        raise HandleTypeError(f"vmap: {quote(f, 40)} is of type {type(f).__name__}, not a function")
    graphs: dict[Any, tuple[Graph, bool]] = {}

    @wraps(f)
    def mapped(*args: Any) -> Any:
        among = any(isinstance(a, Ref | Param) for a in args)
        where = common(args)
        if among:
            given = [a if isinstance(a, Ref | Param) else as_argument(a, where) for a in args]
        else:
            given = as_arguments(args, device=where)
        axes = _axes(in_axes, given)
        n = _count(given, axes)
        graph, several = _graph(f, graphs, [_example(a, axis) for a, axis in zip(given, axes, strict=True)])
        into = _results(out_axes, len(graph.outputs), several)
        given = [do("identity", a) if isinstance(a, Param) else a for a in given]  # its Tensor
        fronted = [a if axis is None else _moved(a, axis, 0) for a, axis in zip(given, axes, strict=True)]
        with np.errstate(all="ignore"):
            found = replay(graph, fronted, [axis is not None for axis in axes], n)
            outs = [_result(full(y, has, n), axis) for (y, has), axis in zip(found, into, strict=True)]
        return tuple(outs) if several else outs[0]

    return mapped


def _graph(f: Any, graphs: dict[Any, tuple[Graph, bool]], examples: list[np.ndarray]) -> tuple[Graph, bool]:
    """Primitives for one example; those for the last few shapes and types are kept."""
    key = tuple([(a.shape, a.dtype.char) for a in examples])
    if key not in graphs:
        try:
            made = straight(f, examples)
        except ForeignHandleError as e:
            raise ForeignHandleError(
                f"vmap: {title_of(f)} uses a parameter or Tensor that is not an argument", str(e).splitlines()[0],
                "an argument for it, with None in in_axes",
            ) from e
        while len(graphs) >= KEPT:
            graphs.pop(next(iter(graphs)))
        graphs[key] = made
    return graphs[key]


def _axes(in_axes: Any, given: list[Any]) -> list[int | None]:
    """One axis for each argument, counted from the front."""
    axes = list(in_axes) if isinstance(in_axes, list | tuple) else [in_axes] * len(given)
    if len(axes) != len(given) or not all(a is None or _is_int(a) for a in axes) or all(a is None for a in axes):
        raise HyperparameterError(
            f"vmap: in_axes={quote(in_axes)} for {len(given)} arguments",
            "an axis for each of them, None where all examples share it, and at least one that they do not",
        )
    for k, (a, axis) in enumerate(zip(given, axes, strict=True)):
        ndim = len(_value(a).shape)
        if axis is not None and not -ndim <= axis < ndim:
            raise AxisError(f"vmap: argument {k} of shape {_value(a).shape} has no axis {axis}")
    return [axis if axis is None else axis % len(_value(a).shape) for a, axis in zip(given, axes, strict=True)]


def _count(given: list[Any], axes: list[int | None]) -> int:
    counts = [_value(a).shape[axis] for a, axis in zip(given, axes, strict=True) if axis is not None]
    if len(set(counts)) > 1:
        raise ShapeError(f"vmap: arguments with {', '.join(map(str, counts))} examples", "each needs as many")
    return counts[0]


def _results(out_axes: Any, count: int, several: bool) -> list[int]:
    axes = list(out_axes) if isinstance(out_axes, list | tuple) and several else [out_axes] * count
    if len(axes) != count or not all(map(_is_int, axes)):
        raise HyperparameterError(f"vmap: out_axes={quote(out_axes)} for {count} results", "an int for each of them")
    return axes


def _is_int(a: Any) -> bool:
    return isinstance(a, int | np.integer) and not isinstance(a, bool)


def _value(a: Any) -> Any:
    return a.tape.values[a.id] if isinstance(a, Ref) else a.array if isinstance(a, Param) else a


def _example(a: Any, axis: int | None) -> np.ndarray:
    """The first example, or zeros in its shape where there is none."""
    v = form(_value(a))
    if axis is None:
        return v
    return np.take(v, 0, axis) if v.shape[axis] else np.zeros(np.delete(v.shape, axis), v.dtype)


def _moved(a: Any, source: int, target: int) -> Any:
    if source == target:
        return a
    order = [i for i in range(len(_value(a).shape)) if i != source]
    order.insert(target, source)
    return do("transpose", a, axes=tuple(order))


def _result(y: Any, axis: int) -> Any:
    if not -y.ndim <= axis < y.ndim:
        raise AxisError(f"vmap: out_axes={axis} for a result of shape {y.shape}", "which has the examples in front")
    y = _moved(y, 0, axis % y.ndim)
    return y if isinstance(y, Ref) else y.copy() if is_foreign(y) else freeze(np.array(y))
