"""Picking elements and putting them back: each row here has its adjoint beside it."""

import operator

from torchlean_nb.backend.devices import device_of, host
from torchlean_nb.domains import INDEX, REAL, S, idx
from torchlean_nb.errors import DTypeError, HyperparameterError, IndexRangeError, ShapeError
from torchlean_nb.ops._shapes import axes, positive_int
from torchlean_nb.rows import constant, general, linear

# -- basic indexing: integers, slices, None, Ellipsis ------------------------------------------------


def _check_key(x, *, key):
    for k in key if isinstance(key, tuple) else (key,):
        if k is None or k is ... or isinstance(k, slice):
            continue
        if isinstance(k, bool) or getattr(k, "ndim", 0) or not hasattr(k, "__index__"):
            raise DTypeError(
                f"index: an index must be an int, a slice, None or ..., got {type(k).__name__} {k!r}",
                None, "take(x, indices) for an array of indices",
            )


def _indexed(shape, *, key):
    """Shape of ``x[key]``."""
    keys = list(key) if isinstance(key, tuple) else [key]
    used = sum(k is not None and k is not ... for k in keys)
    if used > len(shape):
        raise IndexRangeError(f"index: {used} indices for shape {shape}", None, f"at most {len(shape)}")
    gap = next((i for i, k in enumerate(keys) if k is ...), len(keys))
    keys[gap : gap + 1] = [slice(None)] * (len(shape) - used)
    out, sizes = [], iter(enumerate(shape))
    for k in keys:
        if k is None:
            out.append(1)
            continue
        axis, n = next(sizes)
        if isinstance(k, slice):
            out.append(len(range(*k.indices(n))))
        elif not -n <= operator.index(k) < n:
            raise IndexRangeError(f"index: {k} is out of range for axis {axis} of shape {shape}", None, f"0..{n - 1}")
    return tuple(out)


ROW, EVERY_OTHER, LAST = 1, (slice(None), slice(None, None, 2)), (..., -1)


@linear(
    vjps=(lambda xp, g, y, x, *, key: xp.put_index(g, shape=x.shape, key=key),), shape=_indexed, check=_check_key,
    latex=r"#1[#{key}]", dlatex=(r"\mathrm{put}(#g)",), primitive=True, method=False,
    samples=(S((3,), key=ROW), S((2, 3), key=EVERY_OTHER), S((2, 3), key=LAST), S((4,), key=(None, slice(3, 0, -1)))),
)
def index(xp, x, *, key):
    """Basic indexing ``x[key]``: integers, slices, None and ``...``.

    Raises
    ------
    DTypeError
        When an index is something else.
    IndexRangeError
        When an integer is out of range.
    """
    return xp.index(x, key=key)


@linear(
    vjps=(lambda xp, g, y, x, *, shape, key: xp.index(g, key=key),), shape=lambda old, *, shape, key: shape,
    latex=r"\mathrm{put}(#1)", dlatex=(r"#g[#{key}]",), primitive=True, method=False,
    samples=(S((), shape=(3,), key=ROW), S((2, 2), shape=(2, 3), key=EVERY_OTHER)),
)
def put_index(xp, g, *, shape, key):
    """Zeros of `shape` with `g` at `key`: the adjoint of indexing."""
    return xp.put_index(g, shape=shape, key=key)


def _pads(x_ndim, pad_width):
    """Pairs (before, after), one per axis."""
    pairs = pad_width
    if isinstance(pairs, int):
        pairs = ((pairs, pairs),)
    elif len(pairs) == 2 and all(isinstance(p, int) for p in pairs):
        pairs = (tuple(pairs),)
    pairs = tuple((p, p) if isinstance(p, int) else tuple(p) for p in pairs)
    if len(pairs) == 1:
        pairs *= x_ndim
    if len(pairs) != x_ndim or any(len(p) != 2 or min(p) < 0 for p in pairs):
        raise HyperparameterError(
            f"pad: pad_width {pad_width!r} for {x_ndim} axes", "it needs one (before, after) per axis, none negative"
        )
    return pairs


def _padded(shape, *, pad_width, constant_values=0):
    return tuple(n + a + b for n, (a, b) in zip(shape, _pads(len(shape), pad_width), strict=True))


def _inner(shape, pad_width):
    """Key of the old array inside the padded one."""
    return tuple(slice(a, a + n) for n, (a, _) in zip(shape, _pads(len(shape), pad_width), strict=True))


def _frozen(v):
    return tuple(map(_frozen, v)) if isinstance(v, list | tuple) else v


def _prepare_pad(args, kwargs):
    if kwargs.get("mode") == "constant":
        del kwargs["mode"]
    return (*args[:1], *map(_frozen, args[1:])), {k: _frozen(v) for k, v in kwargs.items()}


@general(
    vjps=(lambda xp, g, y, x, *, pad_width, constant_values: xp.index(g, key=_inner(x.shape, pad_width)),),
    jvps=(
        lambda xp, t, y, x, *, pad_width, constant_values: xp.put_index(
            t, shape=y.shape, key=_inner(x.shape, pad_width)
        ),
    ),
    shape=_padded, prepare=_prepare_pad, latex=r"\mathrm{pad}(#1)", dlatex=(r"\mathrm{slice}(#g)",), exact=True,
    samples=(
        S((3,), pad_width=1), S((2, 3), pad_width=((1, 0), (2, 1)), constant_values=4), S((2, 1), pad_width=(0, 2)),
    ),
    numpy="pad", lesson="17",
    torch=lambda torch, x, *, pad_width, constant_values=0: torch.nn.functional.pad(
        x, [n for pair in reversed(_pads(x.ndim, pad_width)) for n in pair], value=constant_values
    ),
)
def pad(xp, x, *, pad_width, constant_values=0):
    """A constant border, ``pad_width`` as in NumPy: an int, one pair, or a pair per axis."""
    shape, key = _padded(x.shape, pad_width=pad_width), _inner(x.shape, pad_width)
    y = xp.put_index(x, shape=shape, key=key)
    if constant_values == 0:
        return y
    inside = xp.put_index(xp.ones(shape=x.shape, like=x), shape=shape, key=key)
    return xp.where(xp.equal(inside, 0), xp.number(constant_values), y)


# -- indices in arrays ------------------------------------------------------------------------------


def check_indices(name, indices, size, low=None, what="index"):
    """Refuse indices that are not integers or not in ``low..size-1`` (low is -size unless told).

    Raises
    ------
    DTypeError, IndexRangeError
        The latter naming the first bad index, where it stands, and the size.
    """
    if indices.dtype.kind not in "iu":
        raise DTypeError(f"{name}: indices must be int, got {indices.dtype}", None, "x.astype(int)")
    if indices.size == 0:
        return
    low = -size if low is None else low
    # Read as unsigned, an index below the base is a large one: in the common case one pass is enough. On a device the
    # base is the lowest index that is allowed, for a second look would wait once more.
    base = 0 if device_of(indices).lib is None else low
    moved = indices.astype("int64") - base if base else indices
    if moved.view(f"u{moved.dtype.itemsize}").max().item() < size - base:
        return
    indices = host(indices)
    bad = (indices >= size) | (indices < low)
    if bad.any():
        at = tuple(int(k[0]) for k in bad.nonzero()) if bad.ndim else ()
        where = f" at index {at[0] if len(at) == 1 else at}" if at else ""
        raise IndexRangeError(
            f"{name}: {what} {int(indices[at])}{where} is out of range for "
            + (f"{size} classes" if what == "class" else f"size {size}"), None, f"0..{size - 1}",
        )


def _check_take(x, idx, *, axis=None):
    check_indices("take", idx, x.size if axis is None else x.shape[axes(axis, x.ndim, "take")[0]])


def _taken(x, idx, *, axis=None):
    if axis is None:
        return idx
    a = axes(axis, len(x), "take")[0]
    return (*x[:a], *idx, *x[a + 1 :])


def _take_vjp(xp, g, y, x, idx, *, axis):
    if axis is None:
        return xp.reshape(xp.put_take(g, idx, axis=0, size=x.size), shape=x.shape)
    axis = axes(axis, x.ndim, "take")[0]
    return xp.put_take(g, idx, axis=axis, size=x.shape[axis])


PICKED, ADDED = r"#1[#2]", r"\mathrm{scatter}(#g, #2)"


@linear(
    vjps=(_take_vjp, None), shape=_taken, check=_check_take, latex=PICKED, dlatex=(ADDED, ""), primitive=True,
    domain=(REAL, INDEX),
    samples=(
        S((4,), idx(3, high=4), axis=0), S((2, 3), idx(2, 2, high=3), axis=1), S((3, 2), idx(high=3), axis=-2),
        S((2, 3), idx(4, high=6)),
    ),
    numpy="take", lesson="03",
    torch=lambda torch, x, idx, *, axis=None: torch.take(x, idx) if axis is None else torch.index_select(
        x, axis, idx.reshape(-1)
    ).reshape(_taken(tuple(x.shape), tuple(idx.shape), axis=axis)),
)
def take(xp, x, idx, *, axis=None):
    """Slices at integer positions along an axis, or elements of the flattened array.

    The gradients of a position that is taken several times add up.

    Raises
    ------
    DTypeError, IndexRangeError
        When an index is not an integer, or not in the array.
    """
    return xp.take(x, idx, axis=axis)


def _put_taken(g, idx, *, axis, size):
    axis %= len(g) - len(idx) + 1
    return (*g[:axis], size, *g[axis + len(idx) :])


@linear(
    vjps=(lambda xp, g, y, x, idx, *, axis, size: xp.take(g, idx, axis=axis), None), shape=_put_taken,
    check=lambda g, idx, *, axis, size: check_indices("put_take", idx, size),
    latex=r"\mathrm{scatter}(#1, #2)", dlatex=("#g[#2]", ""), primitive=True, domain=(REAL, INDEX), method=False,
    samples=(
        S((3,), idx(3, high=2), axis=0, size=2), S((2, 2, 2, 3), idx(2, 2, high=4), axis=1, size=4),
        S((2, 1, 3), idx(3, high=4), axis=-1, size=4),
    ),
)
def put_take(xp, g, idx, *, axis, size):
    """Slices added into zeros at integer positions: the adjoint of `take`."""
    return xp.put_take(g, idx, axis=axis, size=size)


def _same_but(name, x, idx, axis):
    """Axis, after checking that `idx` has the shape of `x` elsewhere."""
    a = axes(axis, len(x), name)[0]
    if len(x) != len(idx) or any(n != m for i, (n, m) in enumerate(zip(x, idx, strict=True)) if i != a):
        raise ShapeError(f"{name}: indices of shape {idx} for an array of shape {x}", f"only axis {a} may differ")
    return a


def _check_take_along(x, idx, *, axis):
    check_indices("take_along", idx, x.shape[_same_but("take_along", x.shape, idx.shape, axis)])


@linear(
    vjps=(
        lambda xp, g, y, x, idx, *, axis: xp.put_along(
            g, idx, axis=axes(axis, x.ndim, "take_along")[0], size=x.shape[axis]
        ),
        None,
    ),
    shape=lambda x, idx, *, axis: (_same_but("take_along", x, idx, axis), idx)[1], check=_check_take_along,
    latex=PICKED, dlatex=(ADDED, ""), primitive=True, domain=(REAL, INDEX), numpy="take_along_axis",
    samples=(S((4,), idx(3, high=4), axis=0), S((2, 3), idx(2, 5, high=3), axis=-1)),
    torch=lambda torch, x, idx, *, axis: torch.take_along_dim(x, idx, axis),
)
def take_along(xp, x, idx, *, axis):
    """One element per index along an axis; elsewhere the shapes agree."""
    return xp.take_along(x, idx, axis=axis)


@linear(
    vjps=(lambda xp, g, y, x, idx, *, axis, size: xp.take_along(g, idx, axis=axis), None),
    shape=lambda g, idx, *, axis, size: tuple(size if i == axis % len(g) else n for i, n in enumerate(g)),
    check=lambda g, idx, *, axis, size: check_indices("put_along", idx, size),
    latex=r"\mathrm{scatter}(#1, #2)", dlatex=("#g[#2]", ""), primitive=True, domain=(REAL, INDEX), method=False,
    samples=(S((3,), idx(3, high=2), axis=0, size=2), S((2, 5), idx(2, 5, high=3), axis=-1, size=3)),
)
def put_along(xp, g, idx, *, axis, size):
    """Elements added into zeros, one per index along an axis: the adjoint of `take_along`."""
    return xp.put_along(g, idx, axis=axis, size=size)


# -- PyTorch's and TorchLean's words for the same -----------------------------------------------------


def _torch_order(args, kwargs):
    """``gather(x, dim, index)`` as well as ``gather(x, index, axis=dim)``."""
    if len(args) > 2 and isinstance(args[1], int):
        args, kwargs = (args[0], *args[2:]), {**kwargs, "axis": args[1]}
    return args, kwargs


def _crop(shape, idx, axis):
    """Key of the corner of `shape` that indices of shape `idx` reach."""
    return tuple(slice(None) if i == axis % len(shape) else slice(n) for i, n in enumerate(idx))


def _gathered(x, index, *, axis):
    a = axes(axis, len(x), "gather")[0]
    if len(x) != len(index) or any(m > n for i, (n, m) in enumerate(zip(x, index, strict=True)) if i != a):
        raise ShapeError(f"gather: index of shape {index} for an array of shape {x}", f"only axis {a} may be larger")
    return index


def _check_gather(x, index, *, axis):
    _gathered(x.shape, index.shape, axis=axis)
    check_indices("gather", index, x.shape[axis], low=0)


def _spread(xp, g, index, shape, axis):
    """Adjoint of `gather`."""
    out = xp.put_along(g, index, axis=axis, size=shape[axis])
    return out if out.shape == shape else xp.put_index(out, shape=shape, key=_crop(shape, index.shape, axis))


@linear(
    vjps=(lambda xp, g, y, x, index, *, axis: _spread(xp, g, index, x.shape, axis), None), prepare=_torch_order,
    shape=_gathered, check=_check_gather, latex=PICKED, dlatex=(ADDED, ""), domain=(REAL, INDEX),
    samples=(S((2, 3), idx(2, 4, high=3), axis=1), S((3, 4), idx(2, 2, high=3), axis=0)),
    torch=lambda torch, x, index, *, axis: torch.gather(x, axis, index),
)
def gather(xp, x, index, *, axis):
    """One element per index along an axis, as in PyTorch: ``gather(x, dim, index)``."""
    return xp.take_along(xp.index(x, key=_crop(x.shape, index.shape, axis)), index, axis=axis)


def _check_scatter(x, index, src, *, axis):
    _gathered(x.shape, index.shape, axis=axis)
    if src.shape != index.shape:
        raise ShapeError(f"scatter_add: index of shape {index.shape} and src of shape {src.shape} differ")
    check_indices("scatter_add", index, x.shape[axis], low=0)


@linear(
    vjps=(
        lambda xp, g, y, x, index, src, *, axis: g, None,
        lambda xp, g, y, x, index, src, *, axis: xp.gather(g, index, axis=axis),
    ),
    prepare=_torch_order, shape=lambda x, index, src, *, axis: (_gathered(x, index, axis=axis), x)[1],
    check=_check_scatter, latex=r"#1 + \mathrm{scatter}(#3, #2)", dlatex=("#g", "", "#g[#2]"),
    domain=(REAL, INDEX, REAL),
    samples=(S((2, 3), idx(2, 4, high=3), (2, 4), axis=1), S((3, 4), idx(2, 2, high=3), (2, 2), axis=0)),
    torch=lambda torch, x, index, src, *, axis: torch.scatter_add(x, axis, index, src),
)
def scatter_add(xp, x, index, src, *, axis):
    """Elements of `src` added to `x`, one per index: ``scatter_add(x, dim, index, src)``."""
    return x + _spread(xp, src, index, x.shape, axis)


@linear(
    vjps=(lambda xp, g, y, x, index, *, axis: _take_vjp(xp, g, y, x, index, axis=axis), None), prepare=_torch_order,
    shape=_taken, check=_check_take, latex=PICKED, dlatex=(ADDED, ""), domain=(REAL, INDEX),
    samples=(S((2, 3), idx(4, high=3), axis=1), S((3,), idx(2, high=3), axis=0)),
    torch=lambda torch, x, index, *, axis: torch.index_select(x, axis, index),
)
def index_select(xp, x, index, *, axis):
    """Slices at integer positions along an axis: ``index_select(x, dim, index)``."""
    return xp.take(x, index, axis=axis)


@linear(
    vjps=(lambda xp, g, y, x, idx: xp.put_take(g, idx, axis=0, size=x.shape[0]), None),
    shape=lambda x, idx: _taken(x, idx, axis=0), check=lambda x, idx: _check_take(x, idx, axis=0),
    latex=PICKED, dlatex=(ADDED, ""), domain=(REAL, INDEX), samples=(S((4, 2), idx(3, high=4)), S((4,), idx(high=4))),
    torch=lambda torch, x, idx: x[idx],
)
def gather_rows(xp, x, idx):
    """Rows of a table at integer positions; an index out of range is an error, not a row of zeros."""
    return xp.take(x, idx, axis=0)


@linear(
    vjps=(None, lambda xp, g, y, ids, weight: xp.put_take(g, ids, axis=0, size=weight.shape[0])),
    shape=lambda ids, weight: _taken(weight, ids, axis=0),
    check=lambda ids, weight: check_indices("embedding", ids, weight.shape[0], low=0),
    latex="#2[#1]", dlatex=("", r"\mathrm{scatter}(#g, #1)"), domain=(INDEX, REAL), method=False,
    samples=(S(idx(2, 3, high=5), (5, 4)), S(idx(high=5), (5, 1))),
    torch=lambda torch, ids, weight: torch.nn.functional.embedding(ids, weight), lesson="18",
)
def embedding(xp, ids, weight):
    """Rows of `weight`, shape (n, d), for integer ids: shape ids.shape + (d,)."""
    return xp.take(weight, ids, axis=0)


def _check_one_hot(idx, *, num_classes):
    check_indices("one_hot", idx, positive_int(num_classes, "one_hot: num_classes"), low=0, what="class")


@constant(
    shape=lambda idx, *, num_classes: (*idx, num_classes), check=_check_one_hot, domain=(INDEX,), method=False,
    latex=r"\mathrm{onehot}(#1)", primitive=True,
    samples=(S(idx(3, high=4), num_classes=4), S(idx(high=2), num_classes=2)),
    torch=lambda torch, idx, *, num_classes: torch.nn.functional.one_hot(idx, num_classes).bool(), lesson="06",
)
def one_hot(xp, idx, *, num_classes):
    """Mask with one True per class label, on a new last axis."""
    return xp.one_hot(idx, num_classes=num_classes)
