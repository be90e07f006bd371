"""Einstein summation: any product of arrays with named axes.

Every pair of operands becomes one matrix product, with axes sorted into batch, left, summed
and right. The derivative by an operand is again an einsum: output and other operands in, that
operand's axes out.
"""

import math

from torchlean_nb.domains import S
from torchlean_nb.errors import ShapeError
from torchlean_nb.rows import multilinear


def _labels(text, shape):
    """Labels of one operand, one per axis; those that ``...`` stands for are numbers counted from the right."""
    head, dots, tail = text.partition("...")
    hidden = len(shape) - len(head) - len(tail)
    if hidden < 0 or (hidden and not dots):
        raise ShapeError(
            f"einsum: the subscript {text!r} names {len(head) + len(tail)} axes, "
            f"an operand of shape {shape} has {len(shape)}",
        )
    return (*head, *range(-hidden, 0), *tail)


def _parse(shapes, subscripts):
    """Labels per operand, labels of the output, and the size of each label."""
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    texts = left.split(",")
    odd = sorted({c for c in left + right if not c.isalpha() and c not in ",."})
    if odd or any(t.replace("...", "").count(".") for t in [*texts, right]):
        raise ShapeError(f"einsum: the subscript {(odd or ['.'])[0]!r} is not a letter or ...", f"in {subscripts!r}")
    if len(texts) != len(shapes):
        raise ShapeError(f"einsum: {subscripts!r} names {len(texts)} operands, {len(shapes)} are given")
    terms = [_labels(t, s) for t, s in zip(texts, shapes, strict=True)]
    sizes: dict = {}
    for labels, shape in zip(terms, shapes, strict=True):
        for label, n in zip(labels, shape, strict=True):
            old = sizes.setdefault(label, n)
            if n != old and 1 not in (n, old):
                raise ShapeError(
                    f"einsum: the label {label if isinstance(label, str) else '...'} has sizes {old} and {n}",
                    f"{subscripts!r} with operands of shapes {' and '.join(map(str, shapes))}",
                )
            sizes[label] = n if old == 1 else old
    hidden = sorted(k for k in sizes if isinstance(k, int))
    if not arrow:
        once = [c for c in sorted(set(left) - set(",.")) if left.count(c) == 1]
        return terms, (*hidden, *once), sizes
    head, dots, tail = right.partition("...")
    for c in head + tail:
        if c not in sizes:
            raise ShapeError(f"einsum: the output subscript {c} is not in inputs", f"in {subscripts!r}")
        if (head + tail).count(c) > 1:
            raise ShapeError(f"einsum: the output subscript {c} occurs twice", f"in {subscripts!r}")
    if hidden and not dots:
        raise ShapeError(f"einsum: the axes of ... are missing from the output of {subscripts!r}", None, "add ...")
    return terms, (*head, *(hidden if dots else ()), *tail), sizes


# -- one operand ------------------------------------------------------------------------------------


def _merges(labels):
    """Steps ``(labels, order)`` that bring two equal labels to the end and make them one; labels at last."""
    steps = []
    while len(set(labels)) < len(labels):
        k = next(k for k in labels if labels.count(k) > 1)
        i = labels.index(k)
        j = labels.index(k, i + 1)
        rest = tuple(a for a in range(len(labels)) if a not in (i, j))
        steps.append((labels, (*rest, i, j)))
        labels = (*(labels[a] for a in rest), k)
    return steps, labels


def _full(labels, shape, sizes):
    """Labels whose axis is there in full size; size-1 axes that broadcast are as good as absent."""
    return tuple(k for k, n in zip(labels, shape, strict=True) if n == sizes[k])


def _simple(xp, x, labels, sizes):
    """Operand with each label once and in full size: diagonals taken, broadcast axes dropped."""
    now = _full(labels, x.shape, sizes)
    x = xp.reshape(x, shape=tuple(sizes[k] for k in now))
    steps, last = _merges(now)
    for before, order in steps:
        n = sizes[before[order[-1]]]
        x = xp.transpose(x, axes=order)
        x = xp.reshape(x, shape=(*x.shape[:-2], n * n))[..., :: n + 1]
    return x, last


def _unsimple(xp, g, labels, shape, sizes):
    """Adjoint of `_simple`, back to an operand of the given shape."""
    for before, order in reversed(_merges(_full(labels, shape, sizes))[0]):
        n, lead = sizes[before[order[-1]]], g.shape[:-1]
        g = xp.put_index(g, shape=(*lead, n * n), key=(..., slice(None, None, n + 1)))
        back = tuple(order.index(a) for a in range(len(before)))
        g = xp.transpose(xp.reshape(g, shape=(*lead, n, n)), axes=back)
    return xp.reshape(g, shape=shape)


# -- all operands -----------------------------------------------------------------------------------


def _only(xp, x, labels, wanted):
    """Sum over the axes that are not wanted."""
    gone = tuple(i for i, k in enumerate(labels) if k not in wanted)
    return (xp.sum(x, axis=gone) if gone else x), tuple(k for k in labels if k in wanted)


def _pair(xp, a, la, b, lb, wanted, sizes):
    """Product of two operands, summed over the labels that are not wanted any more: one matmul."""
    a, la = _only(xp, a, la, wanted | set(lb))
    b, lb = _only(xp, b, lb, wanted | set(la))
    batch = [k for k in la if k in lb and k in wanted]
    inner = [k for k in la if k in lb and k not in wanted]
    left, right = [k for k in la if k not in lb], [k for k in lb if k not in la]

    def matrix(x, labels, *groups):
        x = xp.transpose(x, axes=tuple(labels.index(k) for group in groups for k in group))
        return xp.reshape(x, shape=tuple(math.prod(sizes[k] for k in group) for group in groups))

    c = xp.matmul(matrix(a, la, batch, left, inner), matrix(b, lb, batch, inner, right))
    labels = (*batch, *left, *right)
    return xp.reshape(c, shape=tuple(sizes[k] for k in labels)), labels


def _contract(xp, operands, out, sizes):
    """Operands ``(array, labels)`` multiplied from left to right, with the axes `out`."""
    (x, labels), *rest = operands
    for n, (b, lb) in enumerate(rest):
        wanted = set(out).union(*(k for _, k in rest[n + 1 :]))
        x, labels = _pair(xp, x, labels, b, lb, wanted, sizes)
    x, labels = _only(xp, x, labels, set(out))
    order = tuple(labels.index(k) for k in out)
    return x if order == tuple(range(len(order))) else xp.transpose(x, axes=order)


def _vjp(xp, g, y, *xs, subscripts, arg):
    terms, out, sizes = _parse([x.shape for x in xs], subscripts)
    mine = _merges(_full(terms[arg], xs[arg].shape, sizes))[1]
    others = [(g, out)] + [_simple(xp, x, t, sizes) for i, (x, t) in enumerate(zip(xs, terms, strict=True)) if i != arg]
    known = set().union(*(labels for _, labels in others))
    c = _contract(xp, others, tuple(k for k in mine if k in known), sizes)
    # Axes that only this operand has were summed on their own: every element gets the same.
    c = xp.reshape(c, shape=tuple(sizes[k] if k in known else 1 for k in mine))
    c = xp.broadcast_to(c, shape=tuple(sizes[k] for k in mine))
    return _unsimple(xp, c, terms[arg], xs[arg].shape, sizes)


def _shape(*shapes, subscripts):
    _, out, sizes = _parse(shapes, subscripts)
    return tuple(sizes[k] for k in out)


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _letters(labels):
    """A subscript from a list of numbers."""
    if any(k is not ... and (type(k) is not int or not 0 <= k < len(LETTERS)) for k in labels):
        raise ShapeError(f"einsum: labels {list(labels)!r}", f"they must be ... or int in 0..{len(LETTERS) - 1}")
    return "".join("..." if k is ... else LETTERS[k] for k in labels)


def _text_first(args, kwargs):
    """``einsum("ij,jk->ik", a, b)``, or with numbers for labels ``einsum(a, [0, 1], b, [1, 2], [0, 2])``."""
    if args and isinstance(args[0], str):
        return args[1:], {**kwargs, "subscripts": args[0]}
    if "subscripts" not in kwargs and len(args) > 1 and all(isinstance(a, list | tuple) for a in args[1::2]):
        text = ",".join(map(_letters, args[1::2]))
        last = len(args) % 2
        kwargs = {**kwargs, "subscripts": text + ("->" + _letters(args[-1]) if last else "")}
        args = args[: len(args) - last : 2]
    return args, kwargs


@multilinear(
    vjps=(_vjp,), shape=_shape, prepare=_text_first, method=False,
    latex=r"\mathrm{einsum}(#{subscripts};\ #*)", dlatex=(r"\mathrm{einsum}(#g, \ldots)",),
    samples=(
        S((2, 3), (3, 4), subscripts="ij,jk->ik"), S((2, 3), (3, 4), subscripts="ij,jk"), S((3, 3), subscripts="ii"),
        S((3, 3), subscripts="ii->i"), S((2, 3), subscripts="ij->ji"), S((2, 3), (4,), subscripts="ij,k->k"),
        S((5, 2, 3), (5, 3, 2), subscripts="bij,bjk->bik"), S((2, 3), (3, 4), (4, 2), subscripts="ij,jk,kl->il"),
        S((2, 1, 3), (4, 3), subscripts="...i,...i->..."), S((3, 2, 3), (2,), subscripts="iji,j->i"),
        S((2, 3), (2, 3), subscripts="ij,ij->"), S((2,), (3,), subscripts="b,a"), S((2, 3, 4), subscripts="i...->..."),
        S((2, 3), subscripts="ij->i"),
    ),
    torch=lambda torch, *xs, subscripts: torch.einsum(subscripts, *xs), lesson="05",
)
def einsum(xp, *xs, subscripts):
    """Einstein summation in NumPy's notation: ``einsum("ij,jk->ik", a, b)``, or with lists of numbers for labels.

    A label in several operands is multiplied along, one that is missing from the output is summed;
    ``...`` stands for further axes, which broadcast. Without ``->`` the output has the labels that
    occur once, in alphabetical order.

    Raises
    ------
    ShapeError
        When labels and shapes do not fit, naming the label.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> float(tl.einsum("i,i->", [1.0, 2.0], [3.0, 4.0]))
    11.0
    """
    terms, out, sizes = _parse([x.shape for x in xs], subscripts)
    return _contract(xp, [_simple(xp, x, t, sizes) for x, t in zip(xs, terms, strict=True)], out, sizes)
