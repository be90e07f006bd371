"""TrainingDashboard: curves, gradients, updates and activations of trainings, while they run and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from weakref import ref

from IPython.display import display

from torchlean_nb.errors import HyperparameterTypeError
from torchlean_nb.escape import visible
from torchlean_nb.render import dashboard as drawn
from torchlean_nb.render.dashboard_live import Feed
from torchlean_nb.render.dashboard_panels import Look
from torchlean_nb.render.dashboard_svg import picture
from torchlean_nb.render.dashboard_words import text
from torchlean_nb.trace.run import RunTrace
from torchlean_nb.widgets.base import View, live


class TrainingDashboard(View):
    """Curves of one run or several with one cursor, and what the layers did at its step.

    It is also a callback: ``trainer.fit(data, callbacks=[dash])`` draws while it trains, at most ten times a second;
    a second fit adds its run to the picture. For a loop of one's own there is `update`.

    Parameters
    ----------
    runs : RunTrace, result of a fit, mapping of names to them, or list of them, optional
        At most 8; none for a dashboard of a training that is still to come.
    live : bool, optional
        Whether a training will write into it; by default when there are no runs.
    planned : int, optional
        Of a live dashboard: how many steps the training will have. The axis then stands still.
    controls, title, presentation, state
        As for every widget.

    Raises
    ------
    HyperparameterTypeError, HyperparameterError
        For what is not a run, and for more than 8.

    Examples
    --------
    >>> from torchlean_nb.trace.run import RunTrace, Series
    >>> TrainingDashboard(RunTrace("short", [Series("loss", [0, 1], [2.0, 0.5])]))
    TrainingDashboard('Training': 1 run, step 1 of 1)
    """

    def __init__(
        self,
        runs: Any = None,
        *,
        live: bool | None = None,
        planned: int | None = None,
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        if runs is None and live is False:
            raise HyperparameterTypeError("TrainingDashboard: nothing to show", None, "TrainingDashboard(result)")
        self._runs: dict[str, RunTrace] = {} if runs is None else drawn.given(runs)
        self._live = runs is None if live is None else bool(live)
        self._planned, self._rev, self._stale = planned, 0, False
        self._made: dict[str, Any] = {}
        self._name: str | None = None
        self._source: Any = None
        self._shown: Any = None
        self._feed = Feed()
        super().__init__(self._whole(), controls=controls, title=title or "Training", presentation=presentation,
                         state=state)  # fmt: skip
        self.on_msg(lambda _, message, __: self._asked(message))

    @property
    def runs(self) -> dict[str, RunTrace]:
        """All runs by name, the running one as far as it is."""
        return dict(self._runs)

    # -- while it runs ----------------------------------------------------------------------------
    def on_train_start(self, moment: Any) -> None:
        """A training begins: as a new run, or as more of the one that its trainer began before."""
        trainer = moment.trainer
        if self._source is None or self._source() is not trainer:
            self._source, self._name = ref(trainer), None
        self._planned = getattr(moment, "planned", None) or self._planned
        self.update(trainer.recorder, meta=_meta(trainer), force=True)
        if live() and not self.cells:
            self._shown = display(self, display_id=True)

    def on_step(self, moment: Any) -> None:
        """An update was made."""
        if self._feed.due():
            self.update(moment.trainer.recorder)

    def on_epoch_end(self, moment: Any) -> None:
        """Nothing more than at a step."""

    def on_train_end(self, moment: Any) -> None:
        """The training ended: everything once more, as it will stay."""
        trainer = moment.trainer
        ended = trainer.status if trainer.status != "running" else "finished"
        self.update(trainer.recorder, ended, meta=_meta(trainer), force=True)
        if self._shown is not None:
            # What a notebook keeps besides the widget, a picture and words, is that of the end.
            self._shown.update(self)

    def update(
        self, source: Any, status: str = "running", *, name: str | None = None, meta: Mapping[str, Any] | None = None,
        force: bool = False,
    ) -> None:  # fmt: skip
        """Show what a run has come to; nothing happens before it is time again.

        Parameters
        ----------
        source : Recorder or RunTrace
        status : str
            ``"running"``, or how it ended.
        name : str, optional
            Of a loop of one's own: which run this is. Another name begins another run.
        meta : mapping, optional
        force : bool
            Now, and completely.

        Raises
        ------
        HyperparameterTypeError
        """
        feed = self._feed
        if not (force or status != "running" or feed.due()):
            return
        started = feed.clock()
        run = _trace(source, status, dict(meta or self._meta_now()), self._planned)
        if self._name is None or (name is not None and visible(name, 40) != self._name):
            self._begin(visible(name, 40) if name else drawn.called(run))
            feed, force = self._feed, True
        self._runs[self._name] = run
        self._rev += 1
        if force or status != "running" or feed.wants_whole():
            self._stale = status == "running"
            self.payload = self._whole(self._name if self._stale else "")
            feed.sent_whole(run, started)
        else:
            news = feed.news(run)
            self.send({"kind": "more", "rev": self._rev, "runs": [{"i": len(self._runs) - 1, **news}]})
            self._stale = True
            feed.rest(started)

    def _begin(self, name: str) -> None:
        """One more run; of too many the oldest leaves."""
        if len(self._runs) >= drawn.RUNS:
            self._runs.pop(next(iter(self._runs)))
        self._name, self._feed = drawn.fresh(name, self._runs), Feed(self._feed.clock)

    def _meta_now(self) -> Mapping[str, Any]:
        return self._runs[self._name].meta if self._name in self._runs else {}

    def _whole(self, rough: str = "") -> dict[str, Any]:
        """Everything as of now, with its number where more may come."""
        whole = drawn.payload(self._runs, self._made, rough)
        return whole | {"rev": self._rev} if self._live else whole

    def _fresh(self) -> dict[str, Any]:
        """The payload, up to date."""
        if self._stale:
            self.payload, self._stale = self._whole(), False
        return self.payload

    def _asked(self, message: Any) -> None:
        """A browser that came later says what it has."""
        if isinstance(message, Mapping) and message.get("kind") == "hello" and message.get("rev") != self._rev:
            if self._stale:
                self._fresh()
            else:
                self.send_state("payload")

    # -- the same thing without a front end -------------------------------------------------------
    @property
    def look(self) -> Look:
        """What the state shows of the runs."""
        return Look(self._fresh(), self.state)

    def describe(self) -> str:
        """How many runs, and at which step."""
        look = self.look
        count = f"{len(look.runs)} run{'' if len(look.runs) == 1 else 's'}"
        return f"{count}, step {look.k} of {look.span - 1}" if look.runs else "no run yet"

    def to_svg(self) -> str:
        """Picture of the charts as the state shows them."""
        return picture(self._fresh(), self.state, self.title)

    def to_text(self) -> str:
        """Tables of the curves and of the layers at the cursor, and the sentence of its step."""
        return text(self._fresh(), self.look)

    def to_html(self, path: Any = None) -> str:
        """Self-contained page that works without a kernel or a network; also written to `path`."""
        self._fresh()
        return super().to_html(path)

    def to_dict(self) -> dict[str, Any]:
        """Plain data the widget was made from, with its state."""
        self._fresh()
        return super().to_dict()


def _meta(trainer: Any) -> dict[str, Any]:
    config = trainer.config() if callable(getattr(trainer, "config", None)) else {}
    return {**config, **getattr(trainer, "settings", {})}


def _trace(source: Any, status: str, meta: dict[str, Any], planned: int | None) -> RunTrace:
    """A run from a Recorder or a run, with what is known about it."""
    extra = {"planned": planned} if planned and status == "running" else {}
    meta = {k: v for k, v in meta.items() if k not in ("planned", "status", "steps")} | extra
    if isinstance(source, RunTrace):
        return RunTrace(source.name, source.series, source.histograms, source.events,
                        {**meta, **source.meta, **extra, "status": status})  # fmt: skip
    if not callable(getattr(source, "trace", None)):
        raise HyperparameterTypeError(
            f"TrainingDashboard: {type(source).__name__} is neither a Recorder nor a run", None, "dash.update(recorder)"
        )
    return source.trace("run", meta, status)
