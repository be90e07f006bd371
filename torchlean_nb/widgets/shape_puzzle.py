"""ShapePuzzle: find the product of two matrices that is the gradient of a third."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from torchlean_nb.engine import Session
from torchlean_nb.errors import NonFiniteError, ShapeError, UnknownNameError, quote
from torchlean_nb.ops.linalg import matmul
from torchlean_nb.render.lesson_puzzle import Guess, puzzle_svg, puzzle_text, read_arrays
from torchlean_nb.trace.arrays import encode_array
from torchlean_nb.widgets.base import View

LIMIT = 8


class ShapePuzzle(View):
    """Of ``Y = X @ W`` with the gradient `G` at `Y`: choose two factors until their product is a gradient.

    Any two of X, W and G can be chosen, transposed or not. The widget says whether the shapes fit,
    whether the numbers are those of the gradient, and what one entry is the sum of.

    Parameters
    ----------
    X : array_like, shape (n, k)
    W : array_like, shape (k, m)
    G : array_like, shape (n, m)
        At most 8 rows and columns each.
    left, right : {"X", "W", "G"}
        Factors to begin with.
    controls, title, presentation, state
        As for every widget.

    Raises
    ------
    ShapeError
        When X, W and G do not belong together, or are too large to be read.
    NonFiniteError, UnknownNameError

    Examples
    --------
    >>> ShapePuzzle([[1, 2], [3, 4]], [[5], [6]], [[1], [-1]], state={"leftT": True, "right": "G"})
    ShapePuzzle('Which product is the gradient?': dW = Xᵀ G, right)
    """

    def __init__(
        self,
        X: Any,
        W: Any,
        G: Any,
        *,
        left: str = "X",
        right: str = "W",
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        self.arrays = read_arrays({"X": X, "W": W, "G": G})
        _fitting(self.arrays)
        self.start = {"left": left, "right": right}
        for side, name in self.start.items():
            if not isinstance(name, str) or name not in self.arrays:
                raise UnknownNameError(f"ShapePuzzle: {side}={quote(name)}", "X, W or G")
        self.targets = _gradients(self.arrays)
        sent = {name: encode_array(a) for name, a in self.arrays.items()}
        goals = {name: encode_array(a) for name, a in self.targets.items()}
        super().__init__({"arrays": sent, "start": self.start, **goals}, controls=controls, presentation=presentation,
                         title=title or "Which product is the gradient?", state=state)  # fmt: skip

    @property
    def guess(self) -> Guess:
        """What is chosen now."""
        return Guess.read(self.arrays, self.targets, self.state, self.start)

    def describe(self) -> str:
        """The guess, and whether it is right."""
        g = self.guess
        return f"{g.goal} = {' '.join(g.names)}, {'right' if g.right_one else 'not yet'}"

    def to_text(self) -> str:
        """The guess, the verdict, and the ledger of the chosen entry."""
        return puzzle_text(self.guess)

    def to_svg(self) -> str:
        """Picture of the factors, the product and the ledger."""
        return puzzle_svg(self.guess)


def _fitting(arrays: Mapping[str, np.ndarray]) -> None:
    shapes = {name: a.shape for name, a in arrays.items()}
    if not all(len(s) == 2 and min(s) >= 1 and max(s) <= LIMIT for s in shapes.values()):
        raise ShapeError(f"ShapePuzzle: shapes {shapes}", f"expected matrices with 1 to {LIMIT} rows and columns")
    (n, k), (k2, m) = shapes["X"], shapes["W"]
    if k != k2 or shapes["G"] != (n, m):
        raise ShapeError(f"ShapePuzzle: X is {(n, k)}, W is {(k2, m)}, G is {shapes['G']}",
                         "expected (n, k), (k, m) and (n, m)")  # fmt: skip
    for name, a in arrays.items():
        if not np.isfinite(a).all():
            raise NonFiniteError(f"ShapePuzzle: {name} holds an inf or NaN")


def _gradients(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the engine finds for the sum of ``G * (X @ W)``."""
    s = Session()
    X, W = s.param(arrays["X"], name="X"), s.param(arrays["W"], name="W")
    grads = s.backward((matmul(X, W) * arrays["G"]).sum())
    return {"dW": np.asarray(grads[W]), "dX": np.asarray(grads[X])}
