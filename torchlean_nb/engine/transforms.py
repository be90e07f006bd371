"""Functions of functions: gradients, Jacobians and Hessians, nesting freely.

Each runs `f` on a tape of its own. Called inside another one, on its Tensors, it records onto
that tape instead, its own sweep included; the arguments pass through an `identity` node first, so
inner and outer derivatives never mix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, wraps
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import common, device_of, get_default_device, host, is_array
from torchlean_nb.engine.forward import push
from torchlean_nb.engine.reverse import Plain, Recorded, sweep
from torchlean_nb.engine.tape import Tape
from torchlean_nb.engine.tensor import Ref, Tensor
from torchlean_nb.errors import HandleTypeError, IndexRangeError, NonScalarError, ShapeError
from torchlean_nb.rows import OPS


class Run:
    """One run of a function on a tape, ready to be swept either way."""

    def __init__(self, f: Callable[..., Any], args: Sequence[Any], moving: Sequence[int], xp: Any = None):
        outer = next((a for a in args if isinstance(a, Ref)), None)
        self.nested, there = outer is not None, common(args)
        self.stays = there is not None  # arrays of a device in, arrays of it out
        if xp is None:
            xp = (there or get_default_device()).xp
        self.tape = outer.tape if self.nested else Tape(xp, _dtype_of(args), "ieee", f"tl.{f.__name__}"
                                                        if hasattr(f, "__name__") else "tl")
        self.at = Recorded(self.tape) if self.nested else Plain(self.tape)
        handles = [self._argument(a, k in moving) for k, a in enumerate(args)]
        self.ids = [handles[k].id for k in moving]
        self.out = f(*handles)
        if not isinstance(self.out, Ref):
            found = self.tape.place(self.out, self.tape.dtype, label="the function's result")
            self.out = self.tape.leaf("const", found)

    def _argument(self, a: Any, moving: bool) -> Any:
        if isinstance(a, Ref):
            if a.tape is not self.tape:
                raise HandleTypeError("arguments of one call live on different tapes")
            return self.tape.apply(OPS["identity"], (a,), {}) if moving else a
        if not moving and not isinstance(a, float | list) and not is_array(a):
            return a
        if self.tape.xp.exact:
            return self.tape.leaf("input", self.tape.xp.asarray(a), requires_grad=moving)
        data = self.tape.place(a, self.tape.dtype, label="argument", trainable=moving, finite=False)
        return self.tape.leaf("input", data, requires_grad=moving)

    # -- sweeping ----------------------------------------------------------------------------
    def lift(self, a: Any, shape: tuple[int, ...]) -> Any:
        """A cotangent or tangent in the form the sweeps take."""
        if isinstance(a, Ref):
            return self.at.value(a.id)
        a = self.tape.xp.asarray(a) if self.tape.xp.exact else self.tape.place(
            a, self.tape.dtype, label="tangent or seed", finite=False
        )
        if a.shape != shape:
            raise ShapeError(f"a tangent or seed of shape {a.shape} for a value of shape {shape}")
        return self.at.value(self.tape.leaf("const", a).id) if self.nested else a

    def hand_out(self, v: Any, like: Any) -> Any:
        """A swept value in the caller's form; zeros where nothing arrived."""
        if v is None:
            v = self.at.xp.zeros(shape=like.shape, like=like)
        if self.nested:
            return Tensor(self.tape, v.id)
        if self.tape.xp.exact:
            return v
        if self.stays:
            return v.copy()
        v = np.array(host(v))
        v.setflags(write=False)
        return v

    def pull(self, seed: Any = None) -> list[Any]:
        """Cotangents of the moving arguments."""
        out = self.out.id
        if seed is None:
            self._one_number()
            seed = np.ones(self.out.shape)
        bar = sweep(self.at, out, self.lift(seed, self.out.shape), wrt=self.ids)
        return [self.hand_out(bar.get(i), self.tape.values[i]) for i in self.ids]

    def push(self, tangents: Sequence[Any]) -> Any:
        """Tangent of the output."""
        dots = {
            i: self.lift(t, self.tape.values[i].shape)
            for i, t in zip(self.ids, tangents, strict=True) if t is not None
        }
        dot = push(self.at, [self.out.id], dots).get(self.out.id) if dots else None
        return self.hand_out(dot, self.out)

    def curve(self, vectors: Sequence[Any]) -> list[Any]:
        """Tangents of the gradient, pushed through the function and its recorded backward sweep."""
        dots = {i: self.lift(v, self.tape.values[i].shape) for i, v in zip(self.ids, vectors, strict=True)}
        ends, among = self._slopes
        found = push(self.at, ends, dots, among=among) if among else {}
        pairs = zip(self.ids, ends, strict=True)
        return [self.hand_out(found.get(end), self.tape.values[i]) for i, end in pairs]

    @cached_property
    def _slopes(self) -> tuple[list[int], set[int]]:
        """Nodes of the gradient, recorded, -1 where none arrives; and all nodes that it depends on."""
        self._one_number()
        at = Recorded(self.tape)
        bar = sweep(at, self.out.id, at.xp.ones(shape=self.out.shape, like=self.out), wrt=self.ids)
        ends = [bar[i].id if i in bar else -1 for i in self.ids]
        among, todo = set(), [e for e in ends if e >= 0]
        while todo:
            i = todo.pop()
            if i >= 0 and i not in among:
                among.add(i)
                todo += self.tape.records[i][1]
        return ends, among

    def _one_number(self) -> None:
        if self.out.size != 1:
            raise NonScalarError(
                f"grad: the function returned shape {self.out.shape}, a gradient is of one number", None,
                "a sum or mean at its end; of many numbers, vjp(f, *args) with a seed, or jacrev(f)",
            )

    def value(self) -> Any:
        """Output in the caller's form."""
        v = self.tape.values[self.out.id]
        return Tensor(self.tape, self.out.id) if self.nested else v if self.stays else host(v)


def _dtype_of(args: Sequence[Any]) -> str:
    kinds = {a.dtype.name for a in args if is_array(a) and a.dtype.kind == "f"}
    return kinds.pop() if len(kinds) == 1 else "float64"


def _numbers(argnums: int | Sequence[int], n: int) -> tuple[int, ...]:
    nums = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for k in nums:
        if not -n <= k < n:
            raise IndexRangeError(f"argnums: {k} is out of range for {n} arguments")
    return tuple(k % n for k in nums)


def _one(results: list[Any], argnums: Any) -> Any:
    return results[0] if isinstance(argnums, int) else tuple(results)


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Function that returns the value of `f` and its gradient.

    Parameters
    ----------
    f : callable
        Takes Tensors, returns a scalar Tensor.
    argnums : int or tuple of int
        Arguments to differentiate.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> value, slope = tl.value_and_grad(lambda x: x * x)(3.0)
    >>> float(value), float(slope)
    (9.0, 6.0)
    """

    @wraps(f)
    def value_and_gradient(*args: Any) -> Any:
        run = Run(f, args, _numbers(argnums, len(args)))
        return run.value(), _one(run.pull(), argnums)

    return value_and_gradient


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Function that returns the gradient of `f`.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> float(tl.grad(tl.grad(lambda x: x**3))(2.0))
    12.0
    """
    both = value_and_grad(f, argnums)

    @wraps(f)
    def gradient(*args: Any) -> Any:
        return both(*args)[1]

    return gradient


def vjp(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Value of `f`, and the function that pulls a seed back to the arguments.

    Returns
    -------
    (out, pullback)
        ``pullback(seed)`` gives one array, or a tuple for several arguments.
    """
    run = Run(f, args, range(len(args)))

    def pullback(seed: Any) -> Any:
        got = run.pull(seed)
        return got[0] if len(args) == 1 else tuple(got)

    return run.value(), pullback


def jvp(f: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Value of `f` and its directional derivative.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> y, dy = tl.jvp(lambda x: x * x, (3.0,), (1.0,))
    >>> float(dy)
    6.0
    """
    args, tangents = _in_pairs("jvp", args, tangents)
    run = Run(f, args, range(len(args)))
    return run.value(), run.push(tangents)


def _in_pairs(name: str, args: Sequence[Any], tangents: Sequence[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Arguments and their tangents, the arguments on a tape when one of them all is."""
    args, tangents = tuple(args), tuple(tangents)
    if len(args) != len(tangents):
        raise ShapeError(f"{name}: {len(args)} arguments and {len(tangents)} tangents")
    outer = next((t for t in (*args, *tangents) if isinstance(t, Ref)), None)
    if outer is not None:
        args = tuple(a if isinstance(a, Ref) else Tensor(outer.tape, outer.tape.leaf(
            "const", outer.tape.place(a, outer.tape.dtype, label="argument", finite=False)).id) for a in args)
    return args, tangents


def _stack(parts: list[Any], lead: tuple[int, ...], trail: tuple[int, ...], axis: int) -> Any:
    """Derivatives along basis vectors as one array of shape ``out + in``."""
    if isinstance(parts[0], Ref):
        flat = OPS["concatenate"](*[OPS["reshape"](p, shape=(1, *p.shape)) for p in parts], axis=0)
        moved = list(range(1, flat.ndim))
        flat = flat if axis == 0 else OPS["transpose"](flat, axes=(*moved, 0))
        return OPS["reshape"](flat, shape=(*lead, *trail))
    return device_of(parts[0]).np.stack(parts, axis=axis).reshape(lead + trail)


def _basis(shape: tuple[int, ...]) -> list[np.ndarray]:
    n = int(np.prod(shape, dtype=int))
    return [e.reshape(shape) for e in np.eye(n)]


def jacrev(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Jacobian by one backward sweep per output element, shape ``out.shape + in.shape``."""

    @wraps(f)
    def jacobian(*args: Any) -> Any:
        run = Run(f, args, _numbers(argnums, len(args)))
        rows = [run.pull(e) for e in _basis(run.out.shape)]
        shapes = [run.tape.values[i].shape for i in run.ids]
        return _one([_stack([r[k] for r in rows], run.out.shape, s, 0) for k, s in enumerate(shapes)], argnums)

    return jacobian


def jacfwd(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Jacobian by one forward sweep per input element, shape ``out.shape + in.shape``."""

    @wraps(f)
    def jacobian(*args: Any) -> Any:
        run = Run(f, args, _numbers(argnums, len(args)))
        found = []
        for k, i in enumerate(run.ids):
            shape = run.tape.values[i].shape
            columns = [run.push([e if j == k else None for j in range(len(run.ids))]) for e in _basis(shape)]
            found.append(_stack(columns, run.out.shape, shape, -1))
        return _one(found, argnums)

    return jacobian


def hvp(f: Callable[..., Any], args: Any, vectors: Any) -> Any:
    """Hessian of `f` times a vector, forward over reverse.

    Parameters
    ----------
    args, vectors : array or tuple of arrays
        Of equal shapes; the result has their form.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> tl.hvp(lambda x: (x**3).sum(), [1.0, 2.0], [1.0, 0.0]).tolist()
    [6.0, 0.0]
    """
    single = not isinstance(args, tuple)
    args, vectors = _in_pairs("hvp", *((args,), (vectors,)) if single else (args, vectors))
    out = Run(f, args, range(len(args))).curve(vectors)
    return out[0] if single else tuple(out)


def hessian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Matrix of second derivatives, shape ``in.shape + in.shape``."""
    return jacfwd(grad(f, argnums), argnums)


__all__ = ["Run", "grad", "hessian", "hvp", "jacfwd", "jacrev", "jvp", "value_and_grad", "vjp"]
