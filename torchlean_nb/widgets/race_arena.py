"""RaceArena: optimizers race over a surface; paths, curves, and a row of knobs for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import traitlets

from torchlean_nb.errors import CapabilityError, HyperparameterError, UnknownNameError, did_you_mean, quote
from torchlean_nb.escape import visible
from torchlean_nb.race.setup import Setup, numeric, setup_from, setup_of, setup_of_trace
from torchlean_nb.render.files import write
from torchlean_nb.render.race_choices import rule_choices, surface_choices
from torchlean_nb.render.race_edit import EDITS, edited
from torchlean_nb.render.race_html import race_page
from torchlean_nb.render.race_payload import held, race_payload, track_payload
from torchlean_nb.render.race_standing import equalities, standings, surface_of_trace
from torchlean_nb.trace.race import RaceTrace
from torchlean_nb.widgets.base import View, read_state

DEFAULT = {
    "SGD": ("sgd", {"lr": 1.5e-3}),
    "Momentum": ("momentum", {"lr": 1e-3}),
    "Nesterov": ("nesterov", {"lr": 1e-3}),
    "RMSprop": ("rmsprop", {"lr": 0.02}),
    "Adam": ("adam", {"lr": 0.2}),
    "L-BFGS": (
        "lbfgs",
        {"max_iter": 1, "max_eval": 25, "history_size": 5, "line_search_fn": "strong_wolfe", "tolerance_change": 0.0},
    ),
}
DEFAULT_ON = "rosenbrock"


class RaceArena(View):
    """Race of optimizers over a surface, to step through, to change and to compare.

    Parameters
    ----------
    what : RaceTrace, its plain form, or contenders as `tl.race` takes them, optional
        By default six classics with rates that suit Rosenbrock's valley.
    on : str, mapping, Surface or callable
    start : (float, float), optional
    steps : int
    target : float, optional
        Loss that counts as reached; a hundredth above the lowest value by default.
    seed : int
    lr : {"auto", None}
        Learning rates that nobody set: the best of one grid, the same for all, or the rows' own; a trace is shown as
        it ran.
    controls, title, presentation, state
        As for every widget; `state` holds the whole race.

    Attributes
    ----------
    trace : RaceTrace
        The race that is shown.

    Raises
    ------
    TorchLeanError
        As `tl.race`.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> arena = RaceArena(["sgd", "adam"], on="sphere", steps=50)
    >>> arena.edit("hyper", index=1, name="lr", value=0.1)
    >>> arena.trace["adam"].hypers["lr"], arena.trace.meta["rates"]
    (0.1, 'rates set by hand')
    """

    def __init__(
        self,
        what: Any = None,
        on: Any = DEFAULT_ON,
        start: Any = None,
        steps: int = 200,
        target: float | None = None,
        seed: int = 0,
        *,
        lr: str | None = "auto",
        step: int | None = None,
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        given = read_state(state)
        target = None if target is None else numeric("target", target)
        if lr not in (None, "auto"):
            raise HyperparameterError(f"RaceArena: lr={quote(lr)}", "None or 'auto'", '[("sgd", {"lr": 0.1})]')
        if isinstance(what, Mapping) and "format" in what:
            what = RaceTrace.from_dict(what)
        if isinstance(what, RaceTrace):
            self._setup, self.trace = _of_trace(what, target)
        else:
            self._setup = setup_of(_usual(what, on), on, start, steps, target, seed, lr)
            if what is None:  # they are the arena's own: on another surface others are looked for
                ours = (replace(c, given=c.given - {"lr"}) for c in self._setup.entries)
                self._setup = replace(self._setup, entries=tuple(ours))
            self.trace = None if "race" in given else self._setup.run()
        if "race" in given:
            self._setup = setup_from(given["race"], self._setup)
            self.trace = self._setup.run()
        self._target = self._setup.target if self._setup else target
        self._first = self._setup
        self._marks = tuple(range(len(self.trace)))
        self._counter = count(-1, -1)
        self._surface: dict[str, Any] | None = None
        super().__init__(
            self._paint(None), steps=int(self.trace.steps[-1]), step=step, controls=controls,
            title=title or "Optimizer race", presentation=presentation, state=given | self._race,
        )  # fmt: skip
        self.on_msg(lambda _, message, __: self._asked(message))

    # -- what is shown ------------------------------------------------------------------------
    @property
    def setup(self) -> Setup:
        """Settings of the race.

        Raises
        ------
        CapabilityError
            Of a race from a file whose surface or rules are not known here.
        """
        if self._setup is None:
            setup_of_trace(self.trace)
            raise CapabilityError("RaceArena: this race cannot be run again")
        return self._setup

    @property
    def _race(self) -> dict[str, Any]:
        return {"race": self._setup.plain()} if self._setup else {}

    @property
    def target(self) -> float | None:
        """Loss that counts as reached."""
        return self._target

    @property
    def on(self) -> list[str]:
        """Names of the contenders that are switched on."""
        off = self.state.get("off")
        return [n for n in self.trace if not isinstance(off, list) or n not in off]

    @property
    def chosen(self) -> int:
        """Index of the contender whose step is taken apart."""
        i = self.state.get("chosen")
        return i if type(i) is int and 0 <= i < len(self.trace) else 0

    def _paint(self, serial: int | None) -> dict[str, Any]:
        """The payload, the map only where the surface is another."""
        made = race_payload(
            self.trace, title="Optimizer race", target=self._target, serial=serial, surfaces=surface_choices(),
            rules=rule_choices(), marks=self._marks, drawn=self._surface,
        )  # fmt: skip
        self._surface = made["surface"]
        return made

    # -- changing it --------------------------------------------------------------------------
    def edit(self, do: str, **what: Any) -> None:
        """Change one thing, and race again what it concerns; refused, everything stays as it was.

        Parameters
        ----------
        do : str
            ``"start"`` (at), ``"hyper"`` (index, name, value), ``"surface"`` (name or text), ``"number"`` (name,
            value), ``"noise"`` and ``"seed"`` (value), ``"steps"`` and ``"target"`` (text), ``"add"`` (rule),
            ``"remove"`` (index), ``"rename"`` (index, name), ``"race"`` (race, as in the state), ``"defaults"``,
            ``"rewind"``.

        Raises
        ------
        TorchLeanError
            In the words of what refused.
        """
        self._change(do, what, next(self._counter))

    def _change(self, do: Any, what: Mapping[str, Any], serial: int | None) -> dict[str, Any]:
        """Carry an edit out; the answer for the front end."""
        if do not in EDITS:
            raise UnknownNameError(f"RaceArena: there is no edit {quote(do)}", did_you_mean(str(do), EDITS))
        if do == "rewind":
            self.step = 0
            return {"kind": "answer", "serial": serial}
        old = self.setup
        new, changed = (self._first, None) if do == "defaults" else edited(old, do, what)
        names = {c.name: m for c, m in zip(old.entries, self._marks, strict=True)}
        trace = new.run() if changed is None else _with(self.trace, new, changed)
        if do == "defaults":
            marks = tuple(range(len(new.entries)))
        elif do in ("hyper", "rename"):
            marks = self._marks
        else:
            free = (m for m in count() if m not in names.values())
            marks = tuple(names[c.name] if c.name in names else next(free) for c in new.entries)
        moved = do in ("defaults", "start") and not (self._seen(new.start) and _inside(old.surface.domain, old.start))
        other = new.surface is not old.surface or moved
        self._setup, self.trace, self._marks, self._target = new, trace, marks, new.target
        self._surface = None if other else self._surface
        stays = self.step if self.step < self.steps else int(trace.steps[-1])
        self.steps = int(trace.steps[-1])
        return self._tell(changed if do in ("hyper", "rename") else None, serial, stays)

    def _seen(self, at: tuple[float, float]) -> bool:
        return self._surface is not None and _inside(self._surface["domain"], at)

    def _tell(self, changed: list[int] | None, serial: int | None, step: int) -> dict[str, Any]:
        """Bring the payload up to date: what changed alone, or all of it."""
        if changed is None:
            payload = self._paint(serial)
            answer = {"payload": payload}
        else:
            surface, who = surface_of_trace(self.trace), held(self.trace)
            stands = standings(self.trace, surface, self._target)
            equal, unequal = equalities(self.trace, stands)
            anew = [[i, track_payload(stands[i], self.trace, self._marks[i], surface, who[i])] for i in changed]
            tracks = list(self.payload["tracks"])
            for i, t in anew:
                tracks[i] = t
            payload = {**self.payload, "serial": serial, "tracks": tracks, "equal": equal, "unequal": unequal}
            answer = {"tracks": anew, "equal": equal, "unequal": unequal}
        answer = {"kind": "answer", "serial": serial, **answer}
        if isinstance(serial, int) and serial >= 0:
            self.send(answer)  # before the traits, which repeat it
        with self.hold_sync():
            self.payload = payload
            self.step = min(step, self.steps)
            self.state = self.state | self._race
        return answer

    @traitlets.observe("state")
    def _keep_race(self, change: Any) -> None:
        """A state saved by a front end that has not seen the last edit yet does not undo it."""
        if self._setup is not None and self.payload and change["new"].get("race") != self._race["race"]:
            self.state = change["new"] | self._race

    def _asked(self, message: Any) -> None:
        """A change wanted in the front end; what is refused is said there, and nothing changes."""
        if not isinstance(message, Mapping) or message.get("kind") != "edit":
            return
        serial = message.get("serial") if isinstance(message.get("serial"), int) else None
        try:
            answer = self._change(message.get("do"), message, serial)
            if message.get("do") == "rewind":
                self.send(answer)
        except KeyboardInterrupt:
            self._refuse(serial, "Stopped. Nothing has changed.")
        except Exception as e:  # a function of the user's own may raise anything
            self._refuse(serial, str(e) or type(e).__name__)

    def _refuse(self, serial: int | None, why: str) -> None:
        text = ". ".join(line.strip() for line in why.splitlines() if line.strip())
        self.send({"kind": "say", "serial": serial, "text": visible(text, 600)})

    # -- the same thing without a front end ---------------------------------------------------
    def describe(self) -> str:
        """Contenders, surface and step."""
        n = len(self.trace)
        who = f"{n} contender{'s' if n != 1 else ''} on {visible(self.trace.surface.get('name', '?'), 40)}"
        return f"{who}, step {self.step} of {self.steps}"

    def to_text(self) -> str:
        """Table of the contenders, and the sentence of the step that is shown."""
        return self.trace.to_text(step=self.step, target=self._target, on=self.on)

    def to_svg(self, theme: str | None = None) -> str:
        """Picture of the step that is shown."""
        return self.trace.to_svg(step=self.step, target=self._target, on=self.on, chosen=self.chosen, theme=theme)

    def to_html(self, path: str | Path | None = None) -> str:
        """Page, of some seventy kilobytes for six, that steps, scrubs and toggles without a kernel or a network."""
        text = race_page(self.payload, options=self.options, state=self.now, step=self.step, title=self.title)
        if path is not None:
            write(path, text)
        return text

    def to_gif(self, path: str | Path, **options: Any) -> None:
        """Write the race as an animation."""
        self.trace.to_gif(path, target=self._target, on=self.on, **options)

    def to_png(self, path: str | Path, **options: Any) -> None:
        """Write the picture of the step that is shown."""
        self.trace.to_png(path, step=self.step, target=self._target, on=self.on, **options)

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """A matplotlib figure of the step that is shown."""
        return self.trace.plot(ax=ax, step=self.step, target=self._target, on=self.on, **options)

    @property
    def now(self) -> dict[str, Any]:
        """State as of now, the race in it, to be pasted back as ``state=``."""
        return super().now | self._race


def _inside(domain: Sequence[float], at: Sequence[float]) -> bool:
    left, right, bottom, top = domain
    return left <= at[0] <= right and bottom <= at[1] <= top


def _usual(what: Any, on: Any) -> Any:
    """Contenders; the classics with rates for the valley, or elsewhere with rates that are looked for."""
    if what is not None:
        return what
    if on == DEFAULT_ON:
        return DEFAULT
    return {name: (row, {k: v for k, v in hypers.items() if k != "lr"}) for name, (row, hypers) in DEFAULT.items()}


def _of_trace(trace: RaceTrace, target: float | None) -> tuple[Setup | None, RaceTrace]:
    """Settings of a race that was run, where they can be known, and the race."""
    if not len(trace.steps) or not len(trace):
        raise HyperparameterError("RaceArena: this race has no contender that finished")
    try:
        setup = setup_of_trace(trace, target)
    except CapabilityError:
        return None, trace
    return setup, trace


def _with(trace: RaceTrace, new: Setup, changed: list[int]) -> RaceTrace:
    """The race with some contenders run, the others as they were."""
    tracks = [new.track(i) if i in changed else trace[c.name] for i, c in enumerate(new.entries)]
    meta = {**trace.meta, "rates": new.rates}
    return replace(trace, tracks=tuple(tracks), meta=meta, source=(new.surface, new.entries))
