"""The last call of a method taken apart, as one of its parameters sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchlean_nb.minimizers import Method, Step
from torchlean_nb.shells.explain import _brief


@dataclass(frozen=True, eq=False)
class MethodExplanation:
    """Steps of the last call, their vectors cut to one parameter.

    Examples
    --------
    >>> import numpy as np
    >>> import torchlean_nb as tl
    >>> opt = tl.optim.SteepestDescent({"w": np.array([2.0])})
    >>> value = opt.step(lambda p: (float(p["w"] @ p["w"]), {"w": 2 * p["w"]}))
    >>> e = opt.explain("w")
    >>> float(e.terms["t"]), e.terms["d"].tolist(), e.after.tolist()
    (0.5, [-4.0], [0.0])
    """

    method: Method
    name: str | None
    steps: Sequence[Step]
    place: slice
    shape: tuple[int, ...]

    def cut(self, v: Any) -> Any:
        """The part of a vector, or of rows of vectors, that is this parameter's; anything else as it is."""
        n = self.steps[0].before.x.size
        if isinstance(v, np.ndarray) and v.ndim and v.shape[-1] == n and v.shape != (n, n):
            return v[..., self.place].reshape(*v.shape[:-1], *self.shape)
        return v

    def terms_of(self, step: Step) -> dict[str, Any]:
        """Named terms of one iteration."""
        return {k: self.cut(v) for k, v in step.terms.items()}

    @property
    def terms(self) -> dict[str, Any]:
        """Named terms of the last iteration; none where the call found nothing to do."""
        return self.terms_of(self.steps[-1]) if self.steps else {}

    @property
    def before(self) -> np.ndarray:
        """Value before the call."""
        return self.cut(self.steps[0].before.x)

    @property
    def after(self) -> np.ndarray:
        """Value after the call."""
        return self.cut(self.steps[-1].after.x)

    def to_text(self) -> str:
        """Every iteration with its terms."""
        lines = [f"{self.method.class_name}, last call, {self.name!r}"]
        for step in self.steps:
            lines.append(f"iteration {step.number}, {len(step.asked)} evaluations")
            terms = {"before": self.cut(step.before.x), **self.terms_of(step)}
            wide = max(map(len, terms))
            for k, v in terms.items():
                shown = _brief(v) if isinstance(v, np.ndarray | float | int) and not isinstance(v, bool) else str(v)
                lines.append(f"  {k:<{wide}}  " + shown.replace("\n", "\n" + " " * (wide + 4)))
        if not self.steps:
            lines.append("nothing to do: the gradient was small enough")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.to_text()


