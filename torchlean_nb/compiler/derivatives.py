"""Derivatives of compiled functions, each a program with a source of its own.

Products with a vector push a tangent through the function, or through its recorded gradient. A Jacobian or a
Hessian pushes all unit vectors at once: the line of primitives that pushes one is batched over them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from inspect import Parameter, Signature
from itertools import pairwise
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import is_foreign
from torchlean_nb.compiler.arguments import as_argument, as_arguments, chosen, form, names_of, title_of
from torchlean_nb.compiler.batching import do, full, replay, straight
from torchlean_nb.compiler.recording import SymbolTape
from torchlean_nb.engine.param import Param
from torchlean_nb.engine.tensor import Ref
from torchlean_nb.engine.transforms import hvp, jvp, vjp
from torchlean_nb.errors import HandleTypeError, ShapeError
from torchlean_nb.rows import OPS


class Derivatives:
    """What a program is asked for beside its value; compiled when it is asked for.

    All are by the arguments in `argnums` and have its form: one array for an int, a tuple for a tuple. Of a
    function that returns a tuple they are derivatives of its first result.
    """

    @cached_property
    def jvp(self) -> Along:
        """Value and directional derivative: ``p.jvp(args, tangents)``, a tangent for each of `argnums`.

        Examples
        --------
        >>> import torchlean_nb as tl
        >>> p = tl.compile(lambda x, w: tl.sin(x) * w, [0.0, 1.0], [2.0, 3.0])
        >>> y, dy = p.jvp(([0.0, 1.0], [2.0, 3.0]), [1.0, 0.0])
        >>> dy.tolist()
        [2.0, 0.0]
        """
        return Along(self, _jvp)

    @cached_property
    def hvp(self) -> Along:
        """Hessian times a vector, forward over reverse: ``p.hvp(args, vectors)``, a vector for each of `argnums`.

        Raises
        ------
        NonScalarError
            When the function returns more than one number.

        References
        ----------
        Pearlmutter 1994.

        Examples
        --------
        >>> import torchlean_nb as tl
        >>> p = tl.compile(lambda x: (x**3).sum(), [1.0, 2.0])
        >>> p.hvp([1.0, 2.0], [1.0, 0.0]).tolist()
        [6.0, 0.0]
        """
        return Along(self, _hvp)

    @cached_property
    def jacobian(self) -> Whole:
        """First derivatives, ``p.jacobian(*args)``, of shape ``out.shape + in.shape``.

        Unit vectors are pushed, or pulled where the output has fewer elements than the arguments.

        Examples
        --------
        >>> import torchlean_nb as tl
        >>> tl.compile(lambda x: x * x, [1.0, 2.0]).jacobian([1.0, 2.0]).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
        """
        return Whole(self, _jacobian)

    @cached_property
    def hessian(self) -> Whole:
        """Second derivatives, ``p.hessian(*args)``, of shape ``in.shape + in.shape``.

        For a tuple of `argnums` rows of blocks: ``p.hessian(*args)[i][j]`` is by the i-th of them, then the j-th.

        Raises
        ------
        NonScalarError
            When the function returns more than one number.

        Examples
        --------
        >>> import torchlean_nb as tl
        >>> p = tl.compile(lambda x: x[0] ** 2 * x[1], [1.0, 2.0])
        >>> p.hessian([1.0, 2.0]).tolist()
        [[4.0, 2.0], [2.0, 0.0]]
        """
        return Whole(self, _hessian)


class Derived:
    """A derivative of a program, in the form of a program: `source`, `graph`, `plan` and the rest are its own.

    Parameters
    ----------
    of : Program
    make : callable
        ``make(f, wrt, xs)`` gives the derivative at all arguments, those of `tangents` last.
    tangents : bool
    """

    def __init__(self, of: Any, make: Callable[..., Any], tangents: bool):
        from torchlean_nb.compiler.program import Program  # noqa: PLC0415 - a program has derivatives, which are some

        examples = list(of.examples)
        self.wrt, self.single = chosen(of.argnums, len(examples)), isinstance(of.argnums, int)
        self.wanted, names = len(examples), list(names_of(of.f, len(examples)))
        if tangents:
            for k in self.wrt:
                names.append(_unlike(f"d{names[k]}", names))
            examples += [np.ones_like(examples[k]) for k in self.wrt]
        self.title = f"{make.__name__[1:]}_of_{title_of(of.f)}"

        f = _quick(of.f, of.rows) if of.rows else of.f

        def derivative(*xs: Any) -> Any:
            return make(f, self.wrt, xs)

        derivative.__name__ = self.title
        derivative.__signature__ = Signature([Parameter(n, Parameter.POSITIONAL_ONLY) for n in names])
        self.program = Program(derivative, examples, device=of.device)

    def __getattr__(self, name: str) -> Any:
        if name == "program":
            raise AttributeError(name)
        return getattr(self.program, name)

    def __repr__(self) -> str:
        return repr(self.program)


class Along(Derived):
    """A derivative along given vectors."""

    def __init__(self, of: Any, make: Callable[..., Any]):
        super().__init__(of, make, tangents=True)

    def __call__(self, args: Any, vectors: Any) -> Any:
        """The derivative at `args` along `vectors`, one for each argument it is by.

        Raises
        ------
        HandleTypeError, ShapeError
            When there are more or fewer of them, or one is not shaped like its argument.
        """
        args, vectors = (x if isinstance(x, tuple) else (x,) for x in (args, vectors))
        if len(args) != self.wanted or len(vectors) != len(self.wrt):
            raise HandleTypeError(
                f"{self.title}: {len(args)} arguments and {len(vectors)} vectors instead of {self.wanted} and "
                f"{len(self.wrt)}", f"it is by the arguments {', '.join(map(str, self.wrt))}, one vector for each",
            )
        if not any(isinstance(x, Ref | Param) for x in (*args, *vectors)):
            args = as_arguments(args, device=self.program.far)
        far = self.program.far
        out = self.program(*args, *[_like(args[k], v, k, far) for k, v in zip(self.wrt, vectors, strict=True)])
        return out[0] if self.single and len(out) == 1 else out


class Whole(Derived):
    """A derivative along every unit vector."""

    def __init__(self, of: Any, make: Callable[..., Any]):
        super().__init__(of, make, tangents=False)
        self.blocks = make is _hessian

    def __call__(self, *args: Any) -> Any:
        """The derivative at `args`."""
        out = self.program(*args)
        if self.single:
            return out[0]
        n = len(self.wrt)
        return tuple([tuple(out[i * n : i * n + n]) for i in range(n)]) if self.blocks else out


def _unlike(name: str, taken: Sequence[str]) -> str:
    return _unlike(f"d{name}", taken) if name in taken else name


def _like(a: Any, v: Any, k: int, device: Any = None) -> Any:
    """A vector in the number type of the argument it belongs to."""
    if v.__class__ is a.__class__ is np.ndarray and v.dtype is a.dtype and v.shape == a.shape:
        return v
    if isinstance(a, Ref | Param) or isinstance(v, Ref | Param):
        return v
    a, dtype = as_argument(a, device), a.dtype if a.dtype.kind == "f" else None
    v = as_argument(v, device).astype(dtype or v.dtype) if is_foreign(v) else np.asarray(v, dtype)
    if v.shape != a.shape:
        raise ShapeError(f"a vector of shape {v.shape} for argument {k} of shape {a.shape}")
    return v


# -- the derivatives as functions of Tensors, all arguments in one tuple ----------------------------------


def _moving(f: Callable[..., Any], wrt: Sequence[int], xs: Sequence[Any]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """First result of `f` as a function of the arguments that move, and those arguments."""

    def g(*moving: Any) -> Any:
        at = dict(zip(wrt, moving, strict=True))
        y = f(*[at.get(k, x) for k, x in enumerate(xs)])
        return y[0] if isinstance(y, tuple) else y

    return g, tuple([xs[k] for k in wrt])


def _quick(f: Callable[..., Any], rows: Mapping[str, Any]) -> Callable[..., Any]:
    """The function with other rows wherever it is compiled."""
    # Their forward leaves other residuals, so tangents go through what they are made of.
    rows = {name: row if row.forward is OPS[name].forward else row.with_(jvps=()) for name, row in rows.items()}

    def g(*xs: Any) -> Any:
        tape = next((x.tape for x in xs if isinstance(x, Ref)), None)
        if not isinstance(tape, SymbolTape):
            return f(*xs)
        mark = len(tape)
        y = f(*xs)
        for i in range(mark, len(tape)):
            op, *rest = tape.records[i]
            tape.records[i] = (op if isinstance(op, str) else rows.get(op.name, op), *rest)
        return y

    return g


def _jvp(f: Callable[..., Any], wrt: Sequence[int], xs: Sequence[Any]) -> Any:
    n = len(xs) - len(wrt)
    return jvp(*_moving(f, wrt, xs[:n]), xs[n:])


def _hvp(f: Callable[..., Any], wrt: Sequence[int], xs: Sequence[Any]) -> Any:
    n = len(xs) - len(wrt)
    return hvp(*_moving(f, wrt, xs[:n]), xs[n:])


def _vjp(f: Callable[..., Any], wrt: Sequence[int], xs: Sequence[Any]) -> Any:
    g, moving = _moving(f, wrt, xs[:-1])
    found = vjp(g, *moving)[1](xs[-1])
    return found if isinstance(found, tuple) else (found,)


def _jacobian(f: Callable[..., Any], wrt: Sequence[int], xs: Sequence[Any]) -> tuple[Any, ...]:
    at = [_value(x) for x in xs]
    shapes = [at[k].shape for k in wrt]
    pushing = _straight(_jvp, f, wrt, [*at, *[np.ones_like(at[k]) for k in wrt]], _far(xs))
    n, shape = sum(at[k].size for k in wrt), pushing.lines[pushing.outputs[1]].shape
    size = int(np.prod(shape, dtype=int))
    if size >= n:
        units = _units(shapes, at[wrt[0]].dtype)
        (_, (y, has)) = replay(pushing, [*xs, *units], [False] * len(xs) + [True] * len(units), n, gather=True)
        return tuple([_to_the_end(part, shape, s) for part, s in _split(y, has, n, shape, shapes)])
    seeds = np.eye(size, dtype=at[wrt[0]].dtype).reshape(size, *shape)
    pulling = _straight(_vjp, f, wrt, [*at, np.ones(shape, seeds.dtype)], _far(xs))
    found = replay(pulling, [*xs, seeds], [False] * len(xs) + [True], size, gather=True)
    whole = zip(found, shapes, strict=True)
    return tuple([do("reshape", full(g, has, size), shape=(*shape, *s)) for (g, has), s in whole])


def _hessian(f: Callable[..., Any], wrt: Sequence[int], xs: Sequence[Any]) -> tuple[Any, ...]:
    at = [_value(x) for x in xs]
    shapes = [at[k].shape for k in wrt]
    units = _units(shapes, at[wrt[0]].dtype)
    n = len(units[0])
    graph = _straight(_hvp, f, wrt, [*at, *[np.ones_like(at[k]) for k in wrt]], _far(xs))
    found = replay(graph, [*xs, *units], [False] * len(xs) + [True] * len(units), n, gather=True)
    return tuple([
        _to_the_end(part, rows, columns)
        for (y, has), rows in zip(found, shapes, strict=True) for part, columns in _split(y, has, n, rows, shapes)
    ])


def _straight(
    make: Callable[..., Any], f: Callable[..., Any], wrt: Sequence[int], at: Sequence[Any], there: bool
) -> Any:
    return straight(lambda *xs: make(f, wrt, xs), at, there)[0]


def _far(xs: Sequence[Any]) -> bool:
    """Whether what these are recorded for runs on a device."""
    return any(isinstance(x, Ref) and getattr(x.tape, "there", False) for x in xs)


def _value(x: Any) -> np.ndarray:
    return form(x.tape.values[x.id]) if isinstance(x, Ref) else np.asarray(x)


def _units(shapes: Sequence[tuple[int, ...]], dtype: Any) -> list[np.ndarray]:
    """Unit vectors of all arguments together, the part of each argument as one array."""
    sizes = [int(np.prod(s, dtype=int)) for s in shapes]
    parts = np.split(np.eye(sum(sizes), dtype=dtype), np.cumsum(sizes)[:-1], axis=1)
    return [np.ascontiguousarray(p).reshape(len(p), *s) for p, s in zip(parts, shapes, strict=True)]


def _split(y: Any, has: bool, n: int, shape: tuple[int, ...], shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """Parts of a result for the unit vectors of each argument, and the shape of that."""
    sizes = [int(np.prod(s, dtype=int)) for s in shapes]
    ends, y = np.cumsum([0, *sizes]).tolist(), full(y, has, n)
    cut = [y] if len(sizes) == 1 else [do("index", y, key=slice(a, b)) for a, b in pairwise(ends)]
    return list(zip(cut, shapes, strict=True))


def _to_the_end(y: Any, rows: tuple[int, ...], columns: tuple[int, ...]) -> Any:
    """Unit vectors on the axis in front as the last axes, in the shape of what they are of."""
    return do("reshape", do("transpose", y, axes=(*range(1, y.ndim), 0)), shape=(*rows, *columns))
