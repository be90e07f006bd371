"""Rules for matrices: gradients orthogonalised or projected before they become a step."""

from torchlean_nb.errors import ShapeError
from torchlean_nb.hypers import Hyper, flag, lr, nonnegative, unit
from torchlean_nb.updates import Slot, update_rule

CUBIC, QUINTIC = (1.5, -0.5, 0.0), (3.4445, -4.775, 2.0315)


def identity(xp, x):
    """The array itself: Muon becomes momentum, projected descent plain descent."""
    return x


def newton_schulz(coefficients=QUINTIC, steps=5, normalize=True, eps=1e-7):
    """Orthogonalizer that drives all singular values towards 1 with matrix products only.

    Parameters
    ----------
    coefficients : tuple of 3 float
        ``a``, ``b``, ``c`` of ``x -> a x + b x^3 + c x^5`` on each singular value. `CUBIC`
        converges to 1, `QUINTIC` is faster and stays between 0.68 and 1.13.
    normalize : bool
        Divide by the Frobenius norm first; the iteration needs singular values of at most 1.

    Examples
    --------
    >>> import numpy as np
    >>> from torchlean_nb.backend.namespace import numpy_namespace
    >>> q = newton_schulz(CUBIC, steps=20)(numpy_namespace(), np.array([[1.0, 0.2], [0.0, 0.5], [0.3, 0.1]]))
    >>> np.allclose(q.T @ q, np.eye(2))
    True
    """
    a, b, c = coefficients

    def orthogonalize(xp, x):
        wide = x.shape[-2] <= x.shape[-1]
        x = x if wide else xp.swapaxes(x, axis1=-2, axis2=-1)
        if normalize:
            x = x / xp.maximum(xp.sqrt(xp.sum(x * x)), eps)
        for _ in range(steps):
            gram = xp.matmul(x, xp.swapaxes(x, axis1=-2, axis2=-1))
            x = a * x + xp.matmul(b * gram + c * xp.matmul(gram, gram), x)
        return x if wide else xp.swapaxes(x, axis1=-2, axis2=-1)

    return orthogonalize


def gram_schmidt(xp, x):
    """Q of the QR decomposition with a positive diagonal of R, column by column; needs full rank.

    Of a matrix with more columns than rows the rows are taken instead.

    Examples
    --------
    >>> import numpy as np
    >>> from torchlean_nb.backend.namespace import numpy_namespace
    >>> gram_schmidt(numpy_namespace(), np.array([[3.0, 1.0], [4.0, 1.0]])).tolist()
    [[0.6, 0.8], [0.8, -0.6]]
    """
    if x.shape[-2] < x.shape[-1]:
        return xp.swapaxes(gram_schmidt(xp, xp.swapaxes(x, axis1=-2, axis2=-1)), axis1=-2, axis2=-1)
    columns = []
    for k in range(x.shape[-1]):
        v = x[:, k : k + 1]
        # Twice is enough: the second pass removes what rounding left of the first.
        for q in columns * 2:
            v = v - q * xp.sum(q * v)
        columns.append(v / xp.sqrt(xp.sum(v * v)))
    return xp.concatenate(*columns, axis=1)


def low_rank(rank):
    """Projector that leaves the part of a gradient in its leading singular directions: the nearest of that rank.

    Examples
    --------
    >>> import numpy as np
    >>> from torchlean_nb.backend.namespace import numpy_namespace
    >>> low_rank(1)(numpy_namespace(), np.array([[2.0, 0.0], [0.0, 1.0]])).tolist()
    [[2.0, 0.0], [0.0, 0.0]]
    """

    def project(xp, g):
        u = xp.left_singular(g, rank=rank)
        return xp.matmul(u, xp.matmul(xp.swapaxes(u, axis1=-2, axis2=-1), g))

    return project


def _matrix_only(rule, p):
    if p.ndim != 2:
        raise ShapeError(f"{rule}: a parameter of shape {p.shape}", None, "a matrix; give other parameters to AdamW")


@update_rule(
    title="Muon", torch="Muon", scope="matrix", tuples={"ns_coefficients": ("a", "b", "c")},
    hypers={
        "lr": lr(1e-3), "weight_decay": nonnegative(0.1, r"\lambda"), "momentum": Hyper(0.95, r"\mu", 0.0, 1.0),
        "nesterov": flag(True), "a": Hyper(QUINTIC[0], "a"), "b": Hyper(QUINTIC[1], "b"), "c": Hyper(QUINTIC[2], "c"),
        "eps": nonnegative(1e-7, r"\epsilon"), "ns_steps": Hyper(5, "k", 0, 99, kind="int"),
        "adjust_lr_fn": Hyper(None, kind="choice", choices=("original", "match_rms_adamw"), none=True),
    },
    slots={"buf": Slot(symbol="B")},
    latex=(
        ("B", r"\mu\,B + (1 - \mu)\,g"), ("u", r"(1 - \mu)\,g + \mu\,B"),
        ("X", r"\frac{u}{\max(\Vert u \Vert, \epsilon)}"),
        ("X", r"a X + (b\,X X^{\top} + c\,(X X^{\top})^{2})\,X, \; k \;\mathrm{times}"),
        ("r", r"\sqrt{\max(1, \mathrm{rows} / \mathrm{columns})}"), (r"\Delta", r"-\eta\,\lambda\,\theta - \eta\,r\,X"),
    ),
    references=("Jordan et al. 2024, kellerjordan.github.io/posts/muon", "Liu et al. 2025, arXiv 2502.16982"),
)
def muon(xp, g, p, s, h, t):
    """Momentum whose singular values are all made 1: every direction of the matrix moves alike.

    As in PyTorch, but Newton-Schulz runs in the parameter's own dtype instead of bfloat16.
    """
    _matrix_only("Muon", p)
    buf = h.momentum * s.buf + (1 - h.momentum) * g
    u = h.momentum * buf + (1 - h.momentum) * g if h.nesterov else buf
    orth = newton_schulz((h.a, h.b, h.c), h.ns_steps, True, h.eps)(xp, u)
    rows, columns = p.shape
    r = 0.2 * max(rows, columns) ** 0.5 if h.adjust_lr_fn == "match_rms_adamw" else max(1, rows / columns) ** 0.5
    return {"buf": buf, "u": u, "orth": orth, "r": r, "delta": -(h.lr * h.weight_decay) * p - h.lr * r * orth}


@update_rule(
    title="DebiasedMuon", scope="matrix", tuples={"ns_coefficients": ("a", "b", "c")},
    hypers={
        "lr": lr(1e-3), "momentum": unit(0.95, r"\mu"), "nesterov": flag(True),
        "a": Hyper(QUINTIC[0], "a"), "b": Hyper(QUINTIC[1], "b"), "c": Hyper(QUINTIC[2], "c"),
        "ns_steps": Hyper(5, "k", 0, 99, kind="int"), "eps": nonnegative(1e-8, r"\epsilon"),
        "consistent_rms": Hyper(None, r"\rho", 0.0, none=True), "adaptive": flag(),
        "weight_decay": nonnegative(0.0, r"\lambda"),
    },
    slots={"buf": Slot(symbol="B")},
    latex=(
        ("B", r"\mu\,B + (1 - \mu)\,g"),
        ("u", r"\frac{\mu\,B}{1 - \mu^{t+1}} + \frac{(1 - \mu)\,g}{1 - \mu^{t}}"),
        ("X", r"\frac{u}{\Vert u \Vert + \epsilon}"),
        ("X", r"a X + (b\,X X^{\top} + c\,(X X^{\top})^{2})\,X, \; k \;\mathrm{times}"),
        ("r", r"\sqrt{\max(1, \mathrm{columns} / \mathrm{rows})} \;\mathrm{or}\;"
              r"\rho\,\sqrt{\max(\mathrm{rows}, \mathrm{columns})}"),
        (r"\Delta", r"-\eta\,\lambda\,\theta - \eta\,r\,X"),
    ),
    references=("Jordan et al. 2024, kellerjordan.github.io/posts/muon", "Bernstein and Newhouse 2024, 2409.20325"),
)
def muon_debiased(xp, g, p, s, h, t):
    """Muon as in optax: the mean corrected for its start, and matrices read as inputs by outputs.

    ``adaptive`` gives the step the length that the gradient has in the dual norm; ``consistent_rms`` makes the
    root mean square of a step the same for all shapes.
    """
    _matrix_only("DebiasedMuon", p)
    buf = h.momentum * s.buf + (1 - h.momentum) * g
    u = buf / (1 - h.momentum**t)
    if h.nesterov:
        u = h.momentum * buf / (1 - h.momentum ** (t + 1)) + (1 - h.momentum) * g / (1 - h.momentum**t)
    unit_u = u / (xp.sqrt(xp.sum(u * u)) + h.eps)
    orth = newton_schulz((h.a, h.b, h.c), h.ns_steps, normalize=False)(xp, unit_u)
    dual = xp.sum(u * orth) if h.adaptive else 1.0
    rows, columns = p.shape
    wide = max(1, columns / rows) ** 0.5
    r = wide if h.consistent_rms is None else h.consistent_rms * max(rows, columns) ** 0.5
    return {
        "buf": buf, "u": u, "orth": orth, "dual": dual, "r": r,
        "delta": -h.lr * (r * dual * orth + h.weight_decay * p),
    }  # fmt: skip


@update_rule(
    title="OrthogonalMomentum", scope="matrix",
    hypers={
        "lr": lr(1e-2), "momentum": Hyper(0.9, r"\mu", 0.0, 1.0), "orthogonalizer": Hyper(identity, "O", kind="any"),
    },
    slots={"buf": Slot(symbol="B")}, latex=(("B", r"\mu\,B + g"), (r"\Delta", r"-\eta\,O(B)")),
    references=("Jordan et al. 2024, kellerjordan.github.io/posts/muon",),
)
def orthogonal_momentum(xp, g, p, s, h, t):
    """Muon bare, the orthogonalizer a choice: ``orthogonalizer(xp, buffer)``, the identity unless given."""
    buf = h.momentum * s.buf + g
    orth = h.orthogonalizer(xp, buf)
    return {"buf": buf, "orth": orth, "delta": -h.lr * orth}


@update_rule(
    title="ProjectedSGD", scope="matrix",
    hypers={"lr": lr(1e-2), "project": Hyper(identity, "P", kind="any"), "lift": Hyper(identity, "L", kind="any")},
    latex=(("s", "P(g)"), (r"\Delta", r"-\eta\,L(s)")),
    references=("Zhao et al. 2024 (GaLore), arXiv 2403.03507",),
)
def projected_sgd(xp, g, p, s, h, t):
    """Descent on what a projector leaves of the gradient: ``project(xp, g)`` down, ``lift(xp, small)`` back.

    ``project=low_rank(r)`` takes a new singular basis at every step; `GaLoreSGD` keeps one for a while.
    """
    small = h.project(xp, g)
    return {"small": small, "delta": -h.lr * h.lift(xp, small)}
