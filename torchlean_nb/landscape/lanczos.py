"""Eigenvalues of symmetric matrices of which only products with vectors are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchlean_nb.errors import NonFiniteError
from torchlean_nb.hypers import Hyper
from torchlean_nb.landscape.objective import ROWS, SEED, Objective

_COUNT, _POINTS = Hyper(low=1, kind="int"), Hyper(low=2, kind="int")
_WIDTH = Hyper(low=0.0, open_low=True, none=True)
TINY = 1e-12  # of the largest number seen: what is below it is rounding


@dataclass(frozen=True, eq=False)
class Krylov:
    """What some steps of Lanczos found: ``A Q.T = Q.T T + rest``, with `T` of three diagonals.

    Attributes
    ----------
    values : ndarray, shape (m,)
        Ritz values, rising.
    residuals : ndarray, shape (m,)
        Norm of ``A v - value v`` for each; an eigenvalue is that near.
    first : ndarray, shape (m,)
        First entries of the eigenvectors of `T`; their squares are weights of a quadrature.
    status : {"finished", "interrupted"}
    """

    values: np.ndarray
    residuals: np.ndarray
    first: np.ndarray
    _basis: np.ndarray
    _small: np.ndarray
    status: str = "finished"

    def vectors(self, which: Any) -> np.ndarray:
        """Ritz vectors as rows."""
        return self._small[:, which].T @ self._basis


def lanczos(
    product: Callable[[np.ndarray], np.ndarray], size: int, steps: int, seed: int = 0,
    start: np.ndarray | None = None, enough: Callable[[Krylov], bool] | None = None,
) -> Krylov:  # fmt: skip
    """Lanczos with full reorthogonalisation; a KeyboardInterrupt gives the steps that are done.

    Parameters
    ----------
    product : callable
        Matrix times vector.
    size : int
    steps : int
        Products at most; after `size` of them the spectrum is complete.
    seed : int
    start : ndarray, shape (size,), optional
        In place of a random vector.
    enough : callable, optional
        Asked after every tenth step.

    References
    ----------
    Golub, Van Loan, "Matrix Computations", section 10.3.

    Examples
    --------
    >>> a = np.diag([1.0, 2.0, 2.0, -5.0])
    >>> lanczos(lambda v: a @ v, 4, 10).values.round(9).tolist()
    [-5.0, 1.0, 2.0, 2.0]
    """
    rng = np.random.default_rng(seed)
    basis, alphas, betas = [_unit(rng.standard_normal(size) if start is None else start)], [], []
    largest, status = 0.0, "finished"
    try:
        for k in range(min(steps, size)):
            w = product(basis[-1])
            if not np.isfinite(w).all():
                raise NonFiniteError("lanczos: a product with the matrix is no number", "the loss overflows here",
                                     "other parameters, or float64")  # fmt: skip
            alpha = float(w @ basis[-1])
            rows = np.stack(basis)
            for _ in range(2):
                w = w - rows.T @ (rows @ w)
            beta = float(np.linalg.norm(w))
            largest = max(largest, abs(alpha), beta)
            if beta <= TINY * largest:  # an invariant subspace is complete: go on in another one
                beta, w = 0.0, rng.standard_normal(size)
                for _ in range(2):
                    w = w - rows.T @ (rows @ w)
            alphas, betas = [*alphas, alpha], [*betas, beta]
            if k + 1 == min(steps, size) or (enough and k % 10 == 9 and enough(_found(alphas, betas, basis))):
                break
            basis.append(_unit(w))
    except KeyboardInterrupt:
        if not alphas or len(alphas) != len(betas):
            raise
        status = "interrupted"
    return _found(alphas, betas, basis, status)


def _found(
    alphas: list[float], betas: list[float], basis: list[np.ndarray], status: str = "finished"
) -> Krylov:
    off = np.array(betas[:-1])
    values, small = np.linalg.eigh(np.diag(alphas) + np.diag(off, 1) + np.diag(off, -1))
    rounding = np.finfo(float).eps * abs(values).max()
    residuals = abs(betas[-1] * small[-1]) + rounding
    return Krylov(values, residuals, small[0], np.stack(basis[: len(alphas)]), small, status)


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v)


@dataclass(frozen=True, eq=False)
class Eigenvalues:
    """Ends of the spectrum of a Hessian.

    Attributes
    ----------
    largest : ndarray, shape (k,)
        Falling.
    smallest : ndarray, shape (k,)
        Rising; negative ones are ways down.
    residuals : ndarray, shape (2, k)
        Norm of ``H v - value v`` of the largest and of the smallest.
    vectors : ndarray, shape (2, k, parameters)
    products : int
        Hessian times vector, how often.
    status : {"finished", "interrupted"}
    """

    largest: np.ndarray
    smallest: np.ndarray
    residuals: np.ndarray
    vectors: np.ndarray
    products: int
    status: str = "finished"

    def to_text(self) -> str:
        """A table, with the residuals."""
        head = f"{'largest':>12}  {'residual':>8}  {'smallest':>12}  {'residual':>8}"
        rows = zip(self.largest, self.residuals[0], self.smallest, self.residuals[1], strict=True)
        return "\n".join([head, *(f"{a:12.6g}  {r:8.1e}  {b:12.6g}  {q:8.1e}" for a, r, b, q in rows)])

    def __repr__(self) -> str:
        stopped = ", interrupted" if self.status == "interrupted" else ""
        return f"Eigenvalues after {self.products} products{stopped}\n{self.to_text()}"


def eigenvalues(
    model: Any, data: Any = None, k: int = 5, *, loss: Any = None, iterations: int = 100, tolerance: float = 1e-6,
    seed: int = 0, batch: int = ROWS,
) -> Eigenvalues:  # fmt: skip
    """Largest and smallest eigenvalues of the Hessian of a network's loss on its whole data.

    The Hessian is never made: Lanczos asks for products with vectors. Stopped by KeyboardInterrupt it gives what it
    has, and the residuals say how good that is.

    Parameters
    ----------
    model, data, loss, batch
        See `landscape`; an `Objective` is taken as it is.
    k : int
        How many at each end.
    iterations : int
        Products at most.
    tolerance : float
        Ends when no residual is above it, as a part of the largest eigenvalue.
    seed : int
        Of the first vector.

    Raises
    ------
    HandleTypeError, CapabilityError, DataError, NonFiniteError, HyperparameterError

    References
    ----------
    Pearlmutter, "Fast exact multiplication by the Hessian", 1994; Ghorbani, Krishnan, Xiao, "An investigation into
    neural net optimization via Hessian eigenvalue density", 2019.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> net = tl.nn.Linear(2, 1, bias=False).bind(tl.Session(), seed=0)
    >>> found = eigenvalues(net, ([[3.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), k=1, loss="mse")
    >>> found.largest.round(9).tolist(), found.smallest.round(9).tolist()
    ([9.0], [1.0])
    """
    at = model if isinstance(model, Objective) else Objective(model, data, loss=loss, batch=batch)
    k = min(_COUNT.check("eigenvalues", "k", k), at.size)
    steps = max(_COUNT.check("eigenvalues", "iterations", iterations), k)
    limit, seed = Hyper(low=0.0).check("eigenvalues", "tolerance", tolerance), SEED.check("eigenvalues", "seed", seed)

    def enough(found: Krylov) -> bool:
        wanted = np.r_[found.residuals[-k:], found.residuals[:k]]
        return len(found.values) >= 2 * k and bool((wanted <= limit * abs(found.values).max()).all())

    found = lanczos(lambda v: at.hvp(at.centre, v), at.size, steps, seed, enough=enough)
    k = min(k, len(found.values))
    ends = [np.arange(len(found.values))[::-1][:k], np.arange(k)]
    return Eigenvalues(
        *(found.values[e] for e in ends), np.stack([found.residuals[e] for e in ends]),
        np.stack([found.vectors(e) for e in ends]), len(found.values), found.status,
    )  # fmt: skip


def density(
    model: Any, data: Any = None, *, loss: Any = None, probes: int = 4, iterations: int = 60, points: int = 200,
    width: float | None = None, seed: int = 0, batch: int = ROWS,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """How the eigenvalues of the Hessian are spread: an estimate by stochastic Lanczos quadrature.

    Stopped by KeyboardInterrupt it is made of the products that are there.

    Parameters
    ----------
    model, data, loss, batch
        See `landscape`; an `Objective` is taken as it is.
    probes : int
        Random vectors over which it is averaged.
    iterations : int
        Products for each.
    points : int
    width : float, optional
        Of the Gaussian each eigenvalue is drawn as; a hundredth of the range when left out.
    seed : int

    Returns
    -------
    at, density : ndarray, shape (points,)
        The density has integral 1.

    Raises
    ------
    HandleTypeError, CapabilityError, DataError, NonFiniteError, HyperparameterError

    References
    ----------
    Ghorbani, Krishnan, Xiao 2019, section 2; Ubaru, Chen, Saad, "Fast estimation of tr(f(A)) via stochastic Lanczos
    quadrature", 2017.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> net = tl.nn.Linear(2, 1, bias=False).bind(tl.Session(), seed=0)
    >>> at, p = density(net, ([[3.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), loss="mse", probes=50, points=500)
    >>> round(float(np.trapezoid(p, at)), 3), bool(abs(np.trapezoid(p * at, at) - 5.0) < 0.3)
    (1.0, True)
    """
    f = model if isinstance(model, Objective) else Objective(model, data, loss=loss, batch=batch)
    probes, points = _COUNT.check("density", "probes", probes), _POINTS.check("density", "points", points)
    steps, width = _COUNT.check("density", "iterations", iterations), _WIDTH.check("density", "width", width)
    rng, runs = np.random.default_rng(SEED.check("density", "seed", seed)), []
    while len(runs) < probes and not (runs and runs[-1].status == "interrupted"):
        try:
            start = rng.choice((-1.0, 1.0), f.size)
            runs.append(lanczos(lambda v: f.hvp(f.centre, v), f.size, steps, start=start))
        except KeyboardInterrupt:
            if not runs:
                raise
            break
    values = np.concatenate([r.values for r in runs])
    weights = np.concatenate([r.first**2 for r in runs]) / len(runs)
    low, high = values.min(), values.max()
    sigma = width or max((high - low) / 100, 1e-9)
    at = np.linspace(low - 4 * sigma, high + 4 * sigma, points)
    bells = np.exp(-((at[:, None] - values) ** 2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    return at, bells @ weights
