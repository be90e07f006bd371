"""Products of matrices and vectors, and the transpose."""

from torchlean_nb.domains import S
from torchlean_nb.errors import AxisError, ShapeError
from torchlean_nb.ops._shapes import broadcast, sum_to
from torchlean_nb.rows import general, multilinear
from torchlean_nb.rows import linear as linear_row


def turned(xp, x):
    """Last two axes swapped."""
    n = x.ndim
    return x.T if n == 2 else xp.transpose(x, axes=(*range(n - 2), n - 1, n - 2))


def _matmul_left(xp, g, y, a, b):
    if b.ndim == 1:
        return g * b if a.ndim == 1 else g[..., None] * b
    if a.ndim == 1:
        return sum_to(xp, xp.matmul(b, g[..., None])[..., 0], a.shape)
    return sum_to(xp, xp.matmul(g, turned(xp, b)), a.shape)


def _matmul_right(xp, g, y, a, b):
    if a.ndim == 1:
        return g * a if b.ndim == 1 else a[:, None] * g[..., None, :]
    if b.ndim == 1:
        return sum_to(xp, xp.matmul(turned(xp, a), g[..., None])[..., 0], b.shape)
    return sum_to(xp, xp.matmul(turned(xp, a), g), b.shape)


def _matmul_shape(a, b, *, name="matmul"):
    for shape in (a, b):
        if not shape:
            raise ShapeError(f"{name}: {a} @ {b}, a 0-d operand has no axis to sum over", None, "a * b")
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        raise ShapeError(
            f"{name}: {a} @ {b} do not fit", f"the inner sizes differ: the last axis of a is {a[-1]}, "
            f"the {'second to last' if len(b) > 1 else 'only'} axis of b is {inner}", "transpose one of them",
        )
    batch = broadcast(a[:-2], b[:-2], name=f"{name}, batch axes of {a} @ {b}")
    return (*batch, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))


PRODUCTS = (
    S((2, 3), (3, 4)), S((3,), (3,)), S((2, 3), (3,)), S((3,), (3, 4)), S((1, 3), (3, 1)),
    S((5, 2, 3), (5, 3, 4)), S((5, 2, 3), (3, 4)), S((2, 3), (5, 3, 4)), S((2, 1, 2, 3), (4, 3, 2)), S((5, 2, 3), (3,)),
    S((3,), (5, 3, 2)),
)  # fmt: skip
LEFT, RIGHT = r"#g\,#2^{\top}", r"#1^{\top}\,#g"
MATRIX_TERMS = (("ik,jk->ij", "g", "#2"), ("ki,kj->ij", "#1", "g"))


@multilinear(
    vjps=(_matmul_left, _matmul_right), shape=_matmul_shape, latex=r"#1\,#2", dlatex=(LEFT, RIGHT), terms=MATRIX_TERMS,
    primitive=True, samples=PRODUCTS, numpy="matmul", torch=lambda torch, a, b: torch.matmul(a, b), lesson="05",
)
def matmul(xp, a, b):
    """Matrix product over the last two axes; leading axes broadcast, 1-d operands are vectors.

    Parameters
    ----------
    a : array, shape (..., n, k) or (k,)
    b : array, shape (..., k, m) or (k,)

    Raises
    ------
    ShapeError
        When the inner sizes differ, or an operand is 0-d.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> tl.matmul([[1.0, 2.0]], [[3.0], [4.0]]).tolist()
    [[11.0]]
    """
    return xp.matmul(a, b)


def _dims(name, *allowed):
    """Shape rule of a product that takes fewer kinds of operands than matmul."""

    def shape(a, b):
        if (len(a), len(b)) not in allowed:
            raise ShapeError(
                f"{name}: operands of shapes {a} and {b}",
                f"{name} takes {' or '.join(f'{i}-d and {j}-d' for i, j in allowed)}", "matmul",
            )
        return _matmul_shape(a, b, name=name)

    return shape


_bmm_shape = _dims("bmm", (3, 3))
_dot_shape = _dims("dot", (1, 1), (2, 2), (2, 1), (1, 2))


def _check_bmm(a, b):
    if a.shape[0] != b.shape[0] and len(_bmm_shape(a.shape, b.shape)) == 3:
        raise ShapeError(f"bmm: {a.shape} and {b.shape} hold different numbers of matrices", None, "matmul broadcasts")


@multilinear(
    vjps=(
        lambda xp, g, y, a, b: xp.matmul(g, turned(xp, b)), lambda xp, g, y, a, b: xp.matmul(turned(xp, a), g),
    ),
    shape=_bmm_shape, check=_check_bmm, latex=r"#1\,#2", dlatex=(LEFT, RIGHT),
    terms=(("bik,bjk->bij", "g", "#2"), ("bki,bkj->bij", "#1", "g")), samples=(S((5, 2, 3), (5, 3, 4)),),
    method=False, torch=lambda torch, a, b: torch.bmm(a, b), lesson="05",
)
def bmm(xp, a, b):
    """Matrix products of two stacks, shapes (b, n, k) and (b, k, m)."""
    return xp.matmul(a, b)


@multilinear(
    vjps=(_matmul_left, _matmul_right), shape=_dot_shape, check=lambda a, b: _dot_shape(a.shape, b.shape) and None,
    latex=r"#1 \cdot #2", dlatex=(r"#g\,#2", r"#g\,#1"), terms=((",i->i", "g", "#2"), (",i->i", "g", "#1")),
    samples=PRODUCTS[:5], numpy="dot", torch=lambda torch, a, b: torch.matmul(a, b), lesson="05",
)
def dot(xp, a, b):
    """Dot product of vectors; matrix product where an operand is a matrix."""
    return xp.matmul(a, b)


def _outer_shape(a, b):
    if (len(a), len(b)) != (1, 1):
        raise ShapeError(f"outer: operands of shapes {a} and {b}", "outer takes two vectors", "flatten them first")
    return (*a, *b)


@multilinear(
    vjps=(lambda xp, g, y, a, b: xp.matmul(g, b), lambda xp, g, y, a, b: xp.matmul(a, g)),
    shape=_outer_shape, check=lambda a, b: _outer_shape(a.shape, b.shape) and None,
    latex=r"#1\,#2^{\top}", dlatex=(r"#g\,#2", r"#g^{\top}\,#1"),
    terms=(("ij,j->i", "g", "#2"), ("i,ij->j", "#1", "g")),
    samples=(S((3,), (2,)), S((1,), (4,))), numpy="outer", torch=lambda torch, a, b: torch.outer(a, b), lesson="05",
)
def outer(xp, a, b):
    """All products of two vectors, shape (n, m)."""
    return a[:, None] * b


def _rows(xp, x):
    """Leading axes joined into one."""
    n = 1
    for d in x.shape[:-1]:
        n *= d
    return x if x.ndim == 2 else xp.reshape(x, shape=(n, x.shape[-1]))


def _linear_shape(x, w, b=None):
    if len(w) != 2 or not x or x[-1] != w[1]:
        why = f"the last axis of x is {x[-1]}, the weight takes {w[1]}" if len(w) == 2 and x else None
        raise ShapeError(f"linear: {x} and a weight of shape {w} do not fit", why, "x (..., in), weight (out, in)")
    if b is not None and b != w[:1]:
        raise ShapeError(f"linear: a bias of shape {b} with a weight of shape {w}", None, f"a bias of shape {w[:1]}")
    return (*x[:-1], w[0])


def _check_bias(x, weight, bias=None):
    if bias is not None and bias.shape != weight.shape[:1]:
        _linear_shape(x.shape, weight.shape, bias.shape)


@general(
    vjps=(
        lambda xp, g, y, x, w, b=None: xp.matmul(g, w),
        lambda xp, g, y, x, w, b=None: xp.matmul(_rows(xp, g).T, _rows(xp, x)),
        lambda xp, g, y, x, w, b=None: sum_to(xp, g, b.shape),
    ),
    jvps=(
        lambda xp, t, y, x, w, b=None: xp.matmul(t, w.T),
        lambda xp, t, y, x, w, b=None: xp.matmul(x, t.T),
        lambda xp, t, y, x, w, b=None: t,
    ),
    shape=_linear_shape, check=_check_bias, latex=r"#1\,#2^{\top}#?3{ + #3}",
    dlatex=(r"#g\,#2", r"#g^{\top}\,#1", r"\sum #g"),
    terms=(("ij,jk->ik", "g", "#2"), ("ki,kj->ij", "g", "#1"), None), exact=True,
    samples=(S((2, 3), (4, 3), (4,)), S((2, 3), (4, 3)), S((3,), (4, 3), (4,)), S((2, 2, 3), (1, 3), (1,))),
    method=False, torch=lambda torch, x, w, b=None: torch.nn.functional.linear(x, w, b), lesson="05",
)
def linear(xp, x, weight, bias=None):
    """Linear layer x @ weight.T + bias.

    Parameters
    ----------
    x : array, shape (..., n_in)
    weight : array, shape (n_out, n_in)
    bias : array, shape (n_out,), optional
    """
    z = xp.matmul(x, weight.T)
    if bias is not None:
        z += bias
    return z


def _transpose_shape(shape, *, axes=None):
    if axes is None:
        return shape[::-1]
    n = len(shape)
    if sorted(a + n if -n <= a < 0 else a for a in axes) != list(range(n)):
        raise AxisError(
            f"transpose: axes {tuple(axes)} are not a permutation of the {n} axes", None, f"each of 0..{n - 1} once"
        )
    return tuple(shape[a] for a in axes)


def _transpose_vjp(xp, g, y, x, *, axes):
    if axes is None:
        return g.T
    n = x.ndim
    order = [a % n for a in axes]
    return xp.transpose(g, axes=tuple(order.index(i) for i in range(n)))


def _spread_axes(args, kwargs):
    """``x.transpose(1, 0)`` is ``x.transpose((1, 0))``."""
    kwargs = {"axes" if k in ("dims", "axis") else k: v for k, v in kwargs.items()}
    if len(args) > 2 or (len(args) == 2 and isinstance(args[1], int)):
        args, kwargs = args[:1], {**kwargs, "axes": tuple(args[1:])}
    if isinstance(kwargs.get("axes"), list):
        kwargs["axes"] = tuple(kwargs["axes"])
    return args, kwargs


@linear_row(
    vjps=(_transpose_vjp,), shape=_transpose_shape, prepare=_spread_axes, latex=r"#1^{\top}", dlatex=(r"#g^{\top}",),
    primitive=True, samples=(S((2, 3)), S((3,)), S((2, 3, 4), axes=(2, 0, 1)), S((2, 1, 3), axes=(0, -1, 1)), S(())),
    numpy="transpose",
    torch=lambda torch, x, *, axes=None: x.permute(tuple(range(x.ndim))[::-1] if axes is None else axes), lesson="05",
)
def transpose(xp, x, *, axes=None):
    """Axes in reverse order, or in the order given."""
    return xp.transpose(x, axes=axes)


@linear_row(
    vjps=(_transpose_vjp,), shape=_transpose_shape, prepare=_spread_axes, latex=r"#1^{\top}", dlatex=(r"#g^{\top}",),
    samples=(S((2, 3, 4), axes=(2, 0, 1)), S((2, 1, 3), axes=(0, -1, 1))),
    torch=lambda torch, x, *, axes: torch.permute(x, axes), lesson="05",
)
def permute(xp, x, *, axes):
    """Axes in the order given: PyTorch's word for transpose."""
    return xp.transpose(x, axes=axes)
