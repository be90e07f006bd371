"""Comparisons and other rows without a derivative: their values go on as constants."""

from torchlean_nb.domains import MASK, REAL, S
from torchlean_nb.dtypes import FLOATS, number_type
from torchlean_nb.errors import DTypeError
from torchlean_nb.ops._shapes import broadcast
from torchlean_nb.rows import constant, general, linear

PAIRS = (S((3,), (3,)), S((2, 3), (3,)), S((2, 1), (1, 3)))


@constant(latex="[#1 > #2]", primitive=True, samples=PAIRS, numpy="greater", torch=lambda torch, a, b: a > b)
def greater(xp, a, b):
    """Whether each element of `a` is larger than that of `b`."""
    return xp.greater(a, b)


@constant(latex=r"[#1 \geq #2]", primitive=True, samples=PAIRS, numpy="greater_equal",
          torch=lambda torch, a, b: a >= b)
def greater_equal(xp, a, b):
    """Whether each element of `a` is at least that of `b`."""
    return xp.greater_equal(a, b)


@constant(latex="[#1 = #2]", primitive=True, samples=PAIRS, numpy="equal", torch=lambda torch, a, b: a == b)
def equal(xp, a, b):
    """Whether elements are equal."""
    return xp.equal(a, b)


@constant(latex=r"\neg #1", primitive=True, samples=(S((3,)),), numpy="logical_not",
          torch=lambda torch, a: torch.logical_not(a))
def logical_not(xp, a):
    """Whether each element is zero or False."""
    return xp.logical_not(a)


def _check_where(cond, a, b):
    if cond.dtype.kind != "b":
        raise DTypeError(
            f"where: the condition must be bool, got {cond.dtype}", "a number is not a yes or no", "x > 0, or x != 0"
        )


@general(
    # The branch not taken gets an exact zero: multiplying by the mask would turn inf * 0 into NaN.
    vjps=(None, lambda xp, g, y, c, a, b: xp.where(c, g, 0), lambda xp, g, y, c, a, b: xp.where(c, 0, g)),
    jvps=(None, lambda xp, t, y, c, a, b: xp.where(c, t, 0), lambda xp, t, y, c, a, b: xp.where(c, 0, t)),
    shape=lambda c, a, b: broadcast(c, a, b, name="where"), check=_check_where,
    latex=r"\mathrm{where}(#1, #2, #3)", dlatex=("", r"#g \odot [#1]", r"#g \odot [\neg #1]"),
    primitive=True, domain=(MASK, REAL), samples=(S((3,), (3,), (3,)), S((3,), (2, 3), ()), S((2, 1), (3,), (1, 3))),
    numpy="where", torch=lambda torch, c, a, b: torch.where(c, a, b),
)
def where(xp, cond, a, b):
    """Elements of `a` where the condition holds, else of `b`; no NaN leaks from the branch not taken."""
    return xp.where(cond, a, b)


@linear(
    vjps=(lambda xp, g, y, x: g,), shape=lambda x: x, latex="#1", dlatex=("#g",), samples=(S((3,)),),
    torch=lambda torch, x: x * 1,
)
def identity(xp, x):
    """The same value under a new node, with which derivatives can be told apart."""
    return x


@constant(latex="#1", samples=(S((3,)),), torch=lambda torch, x: x.detach())
def detach(xp, x):
    """The same value, through which no gradient passes."""
    return x


def _name_of(args, kwargs):
    """``x.astype(np.float32)`` and ``x.astype(float)`` by the name of the type."""
    if len(args) > 1:
        args, kwargs = args[:1], {**kwargs, "dtype": args[1]}
    if "dtype" in kwargs:
        found = number_type(kwargs["dtype"])
        kwargs = {**kwargs, "dtype": str(kwargs["dtype"]) if found is None else found.name}
    return args, kwargs


def _check_astype(x, *, dtype):
    if x.dtype.kind != "O" and dtype not in FLOATS:
        raise DTypeError(
            f"astype: {dtype!r} is not a float type", "integers and masks have no derivative",
            f"one of {', '.join(FLOATS)}, or x.value.astype(...) for indices",
        )


@linear(
    vjps=(lambda xp, g, y, x, *, dtype: xp.astype(g, dtype=x.dtype.name),), shape=lambda x, *, dtype: x,
    check=_check_astype, prepare=_name_of, latex="#1", dlatex=("#g",), primitive=True,
    samples=(S((3,), dtype="float64"), S((), dtype="float64")),
    torch=lambda torch, x, *, dtype: x.to(getattr(torch, dtype)),
)
def astype(xp, x, *, dtype):
    """Copy with another float type; the gradient comes back in the old one."""
    return xp.astype(x, dtype=dtype)
