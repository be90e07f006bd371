"""Finite sums: cheap steps from one example that keep the precision of the whole gradient."""

import numpy as np

from torchlean_nb.hypers import Hyper, lr
from torchlean_nb.minimizers.algebra import largest
from torchlean_nb.minimizers.asking import Evaluate
from torchlean_nb.minimizers.descent import zeros
from torchlean_nb.minimizers.table import method
from torchlean_nb.updates import Slot

SUM = {"lr": lr(0.1), "examples": Hyper(symbol="N", low=1, kind="int"), "seed": Hyper(0, low=0, kind="int")}
DRAWN = ("i", r"\mathrm{one\ of}\; N \;\mathrm{at\ random}")
SMALL = {"stop": "the gradient is small enough", "converged": True}


def _drawn(h, k):
    return int(np.random.default_rng([h.seed, k]).integers(h.examples))


def _gradients(x, h):
    """Gradients of all examples at one point, one row each."""
    rows = []
    for i in range(h.examples):
        rows.append((yield Evaluate(x, example=i)).gradient)
    return np.array(rows)


@method(
    needs="examples", title="SVRG",
    hypers={**SUM, "inner": Hyper(None, "m", 1, kind="int", none=True)},
    slots={"anchor": Slot(zeros, symbol=r"\tilde{x}"), "mean": Slot(zeros, symbol=r"\tilde{\mu}")},
    latex=(
        (r"\tilde{x}", r"x \;\mathrm{every}\; m \;\mathrm{steps}"),
        (r"\tilde{\mu}", r"\frac{1}{N} \sum_i \nabla f_i(\tilde{x})"),
        DRAWN, ("v", r"\nabla f_i(x) - \nabla f_i(\tilde{x}) + \tilde{\mu}"), ("x", r"x - \eta\,v"),
    ),
    references=("Johnson and Zhang 2013",),
)
def svrg(at, s, h, k):
    """SVRG: a full gradient now and then, and in between one example's change since."""
    x, anchor, mean = at.x, s.anchor, s.mean
    if (k - 1) % (h.inner or 2 * h.examples) == 0:
        anchor, mean = x, (yield from _gradients(x, h)).mean(0)
        if largest(mean) <= h.tol:
            return {"anchor": anchor, "mean": mean, "x": x, **SMALL}
    i = _drawn(h, k)
    here, there = (yield Evaluate(x, example=i)), (yield Evaluate(anchor, example=i))
    v = here.gradient - there.gradient + mean
    return {"anchor": anchor, "mean": mean, "i": i, "v": v, "x": x - h.lr * v}


@method(
    needs="examples", title="SAGA", hypers=SUM,
    slots={"table": Slot(lambda xp, p, h: np.zeros((h.examples, p.size), p.dtype), symbol=r"\alpha_i")},
    latex=(
        DRAWN, (r"\bar{\alpha}", r"\frac{1}{N} \sum_i \alpha_i"),
        ("v", r"\nabla f_i(x) - \alpha_i + \bar{\alpha}"), (r"\alpha_i", r"\nabla f_i(x)"), ("x", r"x - \eta\,v"),
    ),
    references=("Defazio, Bach and Lacoste-Julien 2014",),
)
def saga(at, s, h, k):
    """SAGA: every example's last gradient is remembered, so their mean needs no further pass."""
    table = np.array((yield from _gradients(at.x, h)) if k == 1 else s.table)
    i, mean = _drawn(h, k), table.mean(0)
    g = (yield Evaluate(at.x, example=i)).gradient
    v = g - table[i] + mean
    table[i] = g
    terms = {"i": i, "mean": mean, "v": v, "table": table, "x": at.x - h.lr * v}
    return {**terms, **SMALL} if max(largest(mean), largest(v)) <= h.tol else terms


@method(
    needs="jacobian", title="Kaczmarz", hypers={"seed": Hyper(0, low=0, kind="int"), "lr": lr(1.0)},
    latex=(
        ("i", r"\mathrm{with\ probability}\; \|a_i\|^2 / \|A\|_F^2"),
        ("d", r"-\frac{a_i^{\top} x - b_i}{\|a_i\|^2}\,a_i"), ("x", r"x + \eta\,d"),
    ),
    references=("Kaczmarz 1937", "Strohmer and Vershynin 2009"),
)
def kaczmarz(at, s, h, k):
    """Randomized Kaczmarz: onto one equation at a time; long rows of the Jacobian are drawn more often."""
    r, A = at.residuals, at.jacobian
    sizes = (A * A).sum(1)
    if not sizes.sum() > 0:
        return {"x": at.x, "next": at, "stop": "all rows are zero"}
    i = int(np.random.default_rng([h.seed, k]).choice(len(r), p=sizes / sizes.sum()))
    d = -r[i] / sizes[i] * A[i]
    return {"i": i, "d": d, "x": at.x + h.lr * d}
