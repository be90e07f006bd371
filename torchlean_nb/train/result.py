"""TrainResult: what a training came to, and a model that predicts as it did at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.copies import Live
from torchlean_nb.escape import html
from torchlean_nb.outputs import shown
from torchlean_nb.trace.confusion import ConfusionMatrix
from torchlean_nb.train.configs import TrainReport
from torchlean_nb.train.feed import dataset_of, pair


@dataclass(frozen=True, eq=False, repr=False)
class TrainResult(Live):
    """End of a `Trainer.fit`.

    Attributes
    ----------
    run : RunTrace
        What was recorded since the trainer was made.
    report : TrainReport
        Mean loss of the training data ``before`` and ``after``, in eval mode.
    steps : int
        Updates of this fit.
    metrics : dict of str to float
        Of the training data at the end, and with ``val_`` in front of the validation data.
    stopped : {None, "interrupted", "stopped early", "diverged"}
        Why it ended before its last step.
    reason : str
        The same in words.
    parameters : mapping of str to ndarray
        Parameters and running statistics at the end, by path.
    """

    _copying = ("it predicts with a model of a session", "result.run and result.parameters, which are data")

    run: Any
    report: TrainReport
    steps: int
    metrics: Mapping[str, float]
    stopped: str | None
    reason: str
    parameters: Mapping[str, np.ndarray]
    _runner: Any = field(default=None)

    def predict(self, x: Any) -> np.ndarray:
        """Outputs for inputs, in eval mode and with the parameters of the end of this fit."""
        net, runner, session = self._runner.net, self._runner, self._runner.session
        xs = tuple(
            session.place(net._ids(a), session.dtype, label="predict", finite=False) for a in runner._inputs(x)
        )
        put = session.tape.put
        with np.errstate(all="ignore"):
            y = net.model.forward(xs[0] if len(xs) == 1 else xs, {k: put(a) for k, a in self.parameters.items()})
        return tuple(map(host, y)) if isinstance(y, tuple) else host(y)

    def predict_class(self, x: Any) -> Any:
        """Classes for inputs; an int for a single sample."""
        found = self._runner.task.loss.classes(self.predict(x))
        return found if found is None or found.ndim else int(found)

    def confusion(self, data: Any) -> ConfusionMatrix:
        """What is taken for what among the samples of a data set."""
        samples, loss = dataset_of(data), self._runner.task.loss
        output = self.predict(pair(samples.arrays)[0])
        true, names = loss.true_classes(output, samples.y), samples.classes or ()
        classes = len(names) or (2 if loss.cuts else output.shape[1])
        return ConfusionMatrix.from_labels(true, loss.classes(output), names, classes)

    # -- display -----------------------------------------------------------------------------
    def summary(self) -> str:
        """TorchLean's line: ``steps=N loss0=... loss1=...``."""
        return f"steps={self.steps} loss0={self.report.before:.6g} loss1={self.report.after:.6g}"

    def to_text(self) -> str:
        """The line, why it stopped, and a table of what was measured."""
        lines = [self.summary()]
        if self.stopped:
            lines.append(f"{self.stopped}: {self.reason}" if self.reason else self.stopped)
        width = max(map(len, self.metrics), default=0)
        return "\n".join(lines + [f"  {name:<{width}}  {value:.6g}" for name, value in self.metrics.items()])

    def plot(self, **options: Any) -> Any:
        """Matplotlib figure of the curves."""
        return self.run.plot(**options)

    def show(self, **options: Any) -> Any:
        """Dashboard of the run."""
        return self.run.show(**options)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        shown()
        text = self.to_text()
        lines = "\n".join(map(html, text.split("\n")))
        return {"text/plain": text, "text/html": f"<pre>{lines}</pre>{self.run.to_svg()}"}

    def __repr__(self) -> str:
        return self.to_text()
