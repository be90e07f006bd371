"""Other shapes, the same numbers: reshape and its kin, axes in another order, joining and cutting."""

import math
import operator

from torchlean_nb.domains import S
from torchlean_nb.errors import AxisError, ShapeError
from torchlean_nb.ops._shapes import along, axes, positive_int, sum_to
from torchlean_nb.ops.indexing import index
from torchlean_nb.rows import function, linear

# -- views: the same elements in the same order ---------------------------------------------------

BACK = (lambda xp, g, y, x, **_: xp.reshape(g, shape=x.shape),)


def _resolve(old, *, shape):
    """New shape as non-negative ints, one -1 worked out."""
    try:
        new = (shape,) if isinstance(shape, int) else tuple(operator.index(n) for n in shape)
    except TypeError:
        raise ShapeError(f"reshape: a shape is a tuple of ints, got {shape!r}") from None
    if new.count(-1) > 1:
        raise ShapeError(f"reshape: only one size may be -1, got {new}")
    size, known = math.prod(old), math.prod(n for n in new if n != -1)
    fits = size == known if -1 not in new else known > 0 and size % known == 0
    if not fits or min(new, default=0) < -1:
        raise ShapeError(f"reshape: {old} does not reshape to {new}", f"{old} holds {size} elements")
    return tuple(size // known if n == -1 else n for n in new)


def _spread_shape(args, kwargs):
    """``x.reshape(2, 3)`` is ``x.reshape((2, 3))``."""
    if len(args) > 1 and isinstance(args[1], int):
        args, kwargs = args[:1], {**kwargs, "shape": tuple(args[1:])}
    return args, {k: tuple(v) if isinstance(v, list) else v for k, v in kwargs.items()}


@linear(
    vjps=BACK, shape=_resolve, prepare=_spread_shape,
    latex=r"\mathrm{reshape}(#1)", dlatex=(r"\mathrm{reshape}(#g)",), primitive=True,
    samples=(S((2, 3), shape=(3, 2)), S((2, 3), shape=(-1,)), S((), shape=(1, 1)), S((1, 4), shape=(2, -1, 1))),
    numpy="reshape", torch=lambda torch, x, *, shape: torch.reshape(x, shape), lesson="04",
)
def reshape(xp, x, *, shape):
    """Same elements in row-major order under another shape; one size may be -1.

    Raises
    ------
    ShapeError
        When the number of elements differs.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> tl.reshape([[1.0, 2.0], [3.0, 4.0]], (-1,)).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    return xp.reshape(x, shape=_resolve(x.shape, shape=shape))


def _flat(shape, *, start_dim=0, end_dim=-1):
    if not shape:
        return (1,)
    a, b = (axes(d, len(shape), "flatten")[0] for d in (start_dim, end_dim))
    if a > b:
        raise AxisError(f"flatten: start_dim {start_dim} lies behind end_dim {end_dim}")
    return (*shape[:a], math.prod(shape[a : b + 1]), *shape[b + 1 :])


@linear(
    vjps=BACK, shape=_flat, latex=r"\mathrm{vec}(#1)", dlatex=(r"\mathrm{reshape}(#g)",),
    samples=(S((2, 3)), S((2, 3, 4), start_dim=1), S((2, 3, 4), end_dim=1), S(())),
    torch=lambda torch, x, *, start_dim=0, end_dim=-1: torch.flatten(x, start_dim, end_dim), lesson="17",
)
def flatten(xp, x, *, start_dim=0, end_dim=-1):
    """Axes start_dim to end_dim joined into one, in row-major order."""
    return xp.reshape(x, shape=_flat(x.shape, start_dim=start_dim, end_dim=end_dim))


def _squeezed(shape, *, axis=None):
    gone = [i for i, n in enumerate(shape) if n == 1] if axis is None else axes(axis, len(shape), "squeeze")
    for i in gone:
        if shape[i] != 1:
            raise ShapeError(f"squeeze: axis {i} of shape {shape} has size {shape[i]}, not 1")
    return tuple(n for i, n in enumerate(shape) if i not in gone)


@linear(
    vjps=BACK, shape=_squeezed, latex=r"#1", dlatex=("#g",),
    samples=(S((1, 3, 1)), S((1, 3, 1), axis=0), S((1, 3, 1), axis=(0, -1)), S(())), numpy="squeeze",
    torch=lambda torch, x, *, axis=None: torch.squeeze(x) if axis is None else torch.squeeze(x, axis),
)
def squeeze(xp, x, *, axis=None):
    """Without its size-1 axes, or without the ones given."""
    return xp.reshape(x, shape=_squeezed(x.shape, axis=axis))


def _expanded(shape, *, axis):
    new = axis if isinstance(axis, tuple | list) else (axis,)
    at = axes(new, len(shape) + len(new), "expand_dims")
    rest = iter(shape)
    return tuple(1 if i in at else next(rest) for i in range(len(shape) + len(new)))


EXPANDED = (S((2, 3), axis=0), S((2, 3), axis=-1), S((), axis=0))


@linear(
    vjps=BACK, shape=_expanded, latex=r"#1", dlatex=("#g",), samples=(*EXPANDED, S((3,), axis=(0, 2))),
    numpy="expand_dims", torch=lambda torch, x, *, axis: x.reshape(_expanded(tuple(x.shape), axis=axis)), lesson="04",
)
def expand_dims(xp, x, *, axis):
    """With new size-1 axes at the places given."""
    return xp.reshape(x, shape=_expanded(x.shape, axis=axis))


@linear(
    vjps=BACK, shape=_expanded, latex=r"#1", dlatex=("#g",), samples=EXPANDED,
    torch=lambda torch, x, *, axis: torch.unsqueeze(x, axis), lesson="04",
)
def unsqueeze(xp, x, *, axis):
    """With a new size-1 axis: PyTorch's word for expand_dims."""
    return xp.reshape(x, shape=_expanded(x.shape, axis=axis))


# -- axes in another order ------------------------------------------------------------------------


def _swapped(n, a, b):
    order = list(range(n))
    a, b = axes(a, n, "swapaxes")[0], axes(b, n, "swapaxes")[0]
    order[a], order[b] = b, a
    return tuple(order)


@linear(
    vjps=(lambda xp, g, y, x, *, axis1, axis2: xp.transpose(g, axes=_swapped(x.ndim, axis1, axis2)),),
    shape=lambda shape, *, axis1, axis2: tuple(shape[i] for i in _swapped(len(shape), axis1, axis2)),
    latex=r"#1^{\top}", dlatex=(r"#g^{\top}",),
    samples=(S((2, 3), axis1=0, axis2=1), S((2, 3, 4), axis1=-1, axis2=0), S((2, 3, 4), axis1=0, axis2=1)),
    numpy="swapaxes", torch=lambda torch, x, *, axis1, axis2: torch.swapaxes(x, axis1, axis2),
)
def swapaxes(xp, x, *, axis1, axis2):
    """Two axes exchanged."""
    return xp.transpose(x, axes=_swapped(x.ndim, axis1, axis2))


@linear(
    vjps=(lambda xp, g, y, x, *, axis: xp.flip(g, axis=axis),),
    shape=lambda shape, *, axis=None: (axes(axis, len(shape), "flip"), shape)[1],
    latex=r"\mathrm{flip}(#1)", dlatex=(r"\mathrm{flip}(#g)",), primitive=True,
    samples=(S((4,)), S((2, 3), axis=1), S((2, 3), axis=(0, 1))), numpy="flip",
    torch=lambda torch, x, *, axis=None: torch.flip(x, axes(axis, x.ndim, "flip")),
)
def flip(xp, x, *, axis=None):
    """Order reversed along the axes given, or along all."""
    return xp.flip(x, axis=axis)


def _rolled(xp, x, shift, axis):
    if axis is None:
        return xp.reshape(_rolled(xp, xp.reshape(x, shape=(x.size,)), shift, 0), shape=x.shape)
    shifts = shift if isinstance(shift, tuple | list) else (shift,)
    rolled = axes(axis, x.ndim, "roll")
    for a, s in zip(rolled, shifts * len(rolled) if len(shifts) == 1 else shifts, strict=True):
        cut = -s % max(x.shape[a], 1)
        x = xp.concatenate(x[along(a, slice(cut, None))], x[along(a, slice(cut))], axis=a)
    return x


def _back(shift):
    return tuple(-s for s in shift) if isinstance(shift, tuple | list) else -shift


@linear(
    vjps=(lambda xp, g, y, x, *, shift, axis: _rolled(xp, g, _back(shift), axis),),
    shape=lambda shape, *, shift, axis=None: (axes(axis, len(shape), "roll"), shape)[1],
    latex=r"\mathrm{roll}(#1, #{shift})", dlatex=(r"\mathrm{roll}(#g, -#{shift})",),
    samples=(S((4,), shift=1), S((2, 3), shift=-5, axis=1), S((2, 3), shift=(1, 2), axis=(0, 1)),
             S((2, 3), shift=2), S((2, 3), shift=[1, 2], axis=[0, 1])),
    numpy="roll", torch=lambda torch, x, *, shift, axis=None: torch.roll(x, shift, axis),
)
def roll(xp, x, *, shift, axis=None):
    """Elements moved along an axis, those pushed off coming back at the other end."""
    return _rolled(xp, x, shift, axis)


@linear(
    vjps=(lambda xp, g, y, x, *, shape: sum_to(xp, g, x.shape),), shape=lambda old, *, shape: _copied(old, shape),
    latex=r"#1", dlatex=(r"\sum #g",), primitive=True, prepare=_spread_shape,
    samples=(S((3,), shape=(2, 3)), S((2, 1), shape=(2, 3)), S((), shape=(2, 2)), S((1, 3), shape=(2, 4, 3))),
    numpy="broadcast_to", torch=lambda torch, x, *, shape: torch.broadcast_to(x, shape), lesson="04",
)
def broadcast_to(xp, x, *, shape):
    """Copies along new and size-1 axes; the gradients of the copies add up."""
    return xp.broadcast_to(x, shape=shape)


def _copied(old, new):
    tail = tuple(new)[len(new) - len(old) :] if old else ()
    if len(new) < len(old) or any(n not in (1, m) for n, m in zip(old, tail, strict=True)):
        raise ShapeError(f"broadcast_to: {old} does not broadcast to {tuple(new)}", "only size-1 axes are copied")
    return tuple(new)


# -- joining and cutting --------------------------------------------------------------------------


def _listed(name):
    """``name([a, b], axis=0)``: the arrays come as one list."""

    def prepare(args, kwargs):
        if len(args) == 2 and isinstance(args[1], int):
            args, kwargs = args[:1], {**kwargs, "axis": args[1]}
        if len(args) == 1 and isinstance(args[0], list | tuple):
            args = tuple(args[0])
        if not args:
            raise ShapeError(f"{name}: no arrays given", None, f"{name}([a, b], axis=0)")
        return args, kwargs

    return prepare


def _joined(*shapes, axis=0):
    listed = " and ".join(map(str, shapes))
    if not all(shapes):
        raise ShapeError(f"concatenate: {listed}, a 0-d array has no axis", None, "stack")
    a = axes(axis, len(shapes[0]), "concatenate")[0]
    for s in shapes:
        if len(s) != len(shapes[0]) or s[:a] + s[a + 1 :] != shapes[0][:a] + shapes[0][a + 1 :]:
            raise ShapeError(f"concatenate: shapes {listed} differ outside axis {axis}")
    return (*shapes[0][:a], sum(s[a] for s in shapes), *shapes[0][a + 1 :])


def _concatenate_vjp(xp, g, y, *xs, axis, arg):
    axis = axes(axis, y.ndim, "concatenate")[0]
    start = sum(x.shape[axis] for x in xs[:arg])
    return g[along(axis, slice(start, start + xs[arg].shape[axis]))]


@linear(
    vjps=(_concatenate_vjp,), shape=_joined, prepare=_listed("concatenate"), latex=r"\mathrm{concat}(#*)",
    dlatex=(r"\mathrm{slice}(#g)",), primitive=True, method=False,
    samples=(S((2,), (3,)), S((2, 3), (2, 1), axis=1), S((1, 2), (3, 2), (2, 2)), S((2, 0), (2, 3), axis=-1)),
    numpy="concatenate", torch=lambda torch, *xs, axis=0: torch.cat(xs, axis),
)
def concatenate(xp, *xs, axis=0):
    """Arrays one after the other along an axis: ``concatenate([a, b], axis=0)``."""
    return xp.concatenate(*xs, axis=axis)


def _stacked(*shapes, axis=0):
    if any(s != shapes[0] for s in shapes):
        raise ShapeError(f"stack: shapes {' and '.join(map(str, shapes))} differ", "stack needs equal shapes")
    a = axes(axis, len(shapes[0]) + 1, "stack")[0]
    return (*shapes[0][:a], len(shapes), *shapes[0][a:])


@linear(
    vjps=(lambda xp, g, y, *, axis, arg: g[along(axes(axis, y.ndim, "stack")[0], arg)],),
    shape=_stacked, prepare=_listed("stack"), latex=r"\mathrm{stack}(#*)", dlatex=(r"\mathrm{slice}(#g)",),
    method=False, samples=(S((2,), (2,)), S((2, 3), (2, 3), (2, 3), axis=-1), S((), ())),
    numpy="stack", torch=lambda torch, *xs, axis=0: torch.stack(xs, axis),
)
def stack(xp, *xs, axis=0):
    """Arrays of one shape along a new axis: ``stack([a, b], axis=0)``."""
    _stacked(*(x.shape for x in xs), axis=axis)
    return xp.concatenate(*(xp.expand_dims(x, axis=axis) for x in xs), axis=axis)


@function
def split(x, split_size_or_sections, axis=0):
    """Pieces of a given size (an int), or of given sizes (a list), along an axis: a tuple.

    As in PyTorch; NumPy's function of that name takes the number of pieces, see `chunk`.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> [p.tolist() for p in tl.split(tl.flatten([1.0, 2.0, 3.0]), 2)]
    [[1.0, 2.0], [3.0]]
    """
    a = axes(axis, len(x.shape), "split")[0]
    n, sizes = x.shape[a], split_size_or_sections
    if not isinstance(sizes, list | tuple):
        size = positive_int(sizes, "split: the size of a piece")
        sizes = [min(size, n - i) for i in range(0, n, size)]
    if sum(sizes) != n or min(sizes, default=0) < 0:
        raise ShapeError(f"split: sizes {list(sizes)} do not add up to {n}, the size of axis {axis}")
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return tuple(index(x, key=along(a, slice(e - s, e))) for s, e in zip(sizes, ends, strict=True))


@function
def chunk(x, chunks, axis=0):
    """At most `chunks` pieces of equal size along an axis (the last may be smaller): a tuple."""
    n = x.shape[axes(axis, len(x.shape), "chunk")[0]]
    return split(x, max(-(-n // positive_int(chunks, "chunk: the number of pieces")), 1), axis)
