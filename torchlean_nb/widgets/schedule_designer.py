"""ScheduleDesigner: learning rates over the steps, shaped by hand, with the code that makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import traitlets

from torchlean_nb.errors import HyperparameterError, HyperparameterTypeError, UnknownNameError, did_you_mean, quote
from torchlean_nb.escape import visible
from torchlean_nb.hypers import Hyper
from torchlean_nb.render import schedules as drawn
from torchlean_nb.render.files import write
from torchlean_nb.render.html import page
from torchlean_nb.render.schedule_code import functions, program, torch_program
from torchlean_nb.render.schedule_edit import edited, moved, read
from torchlean_nb.render.schedule_picture import COLOURS, figure, picture
from torchlean_nb.render.schedule_tree import at, dropped, followed, fresh, from_plain, plain, put, scaled, summed
from torchlean_nb.schedules import Row, Schedule, lookup, warmup_cosine
from torchlean_nb.widgets.base import View

FORMAT = "torchlean_nb.schedules/1"
_STEPS = Hyper(kind="int", low=1, high=100_000)
_PAST = 50
_SHAPES: dict[str, Callable[..., Schedule]] = {"scale": scaled, "plus": summed, "drop": dropped}


class ScheduleDesigner(View):
    """Curves of schedules with knobs to drag; Python computes every point, and the code stands beside it.

    Parameters
    ----------
    schedules : Schedule, mapping of str to Schedule, list of Schedule, or plain form, optional
        What to begin with, at most 6; a warmup with half a cosine by default.
    steps : int, optional
        Steps shown, at most 100,000; by default a quarter more than the last boundary.
    controls, title, presentation, state
        As for every widget.

    Attributes
    ----------
    value : Schedule
        The schedule that is being designed: observe it, or set it.

    Raises
    ------
    HyperparameterTypeError
        For anything that is not a schedule.
    HyperparameterError
        For more than 6 of them.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> w = ScheduleDesigner(tl.schedules.cosine(0.1, total=50), steps=60)
    >>> w.edit(total=40)
    >>> w.value(40), w.to_code().splitlines()[-1]
    (0.0, 'schedule = tl.schedules.cosine(base=0.1, total=40)')
    """

    value = traitlets.Any()

    def __init__(
        self,
        schedules: Any = None,
        steps: int | None = None,
        controls: Iterable[str] | None = None,
        title: str | None = None,
        presentation: bool = False,
        state: Mapping[str, Any] | str | None = None,
    ):
        self._all, found = _given(schedules)
        self._made: dict[str, Any] = {}
        self._past: list[tuple[dict[str, Schedule], str]] = []
        self._tag = self._serial = None
        steps = found if steps is None else steps
        steps = drawn.horizon(list(self._all.values())) if steps is None else steps
        self._axis = _STEPS.check("ScheduleDesigner", "steps", steps)
        # Whole from the start: a front end that is slow draws before it has read of a change.
        super().__init__(self._drawn(), controls=controls, title=title or "Schedule designer", state=state,
                         presentation=presentation, rows=drawn.catalogue())  # fmt: skip
        self.value = self._all[self.chosen]
        self.on_msg(lambda _, message, __: self._asked(message))

    # -- what is designed ---------------------------------------------------------------------
    @property
    def schedules(self) -> dict[str, Schedule]:
        """All schedules by name."""
        return dict(self._all)

    @property
    def schedule(self) -> Schedule:
        """The one that is being designed, as `value`."""
        return self.value

    @property
    def chosen(self) -> str:
        """Name of the schedule that is being designed."""
        name = self.state.get("chosen")
        return name if isinstance(name, str) and name in self._all else next(iter(self._all))

    @property
    def shown(self) -> dict[str, Schedule]:
        """Those that are not switched off."""
        off = self.state.get("off")
        return {n: s for n, s in self._all.items() if not isinstance(off, list) or n not in off}

    @property
    def axis(self) -> int:
        """Last step of the axis."""
        return self._axis

    @axis.setter
    def axis(self, steps: int) -> None:
        self._axis = _STEPS.check("ScheduleDesigner", "steps", steps)
        self._paint()

    @traitlets.validate("value")
    def _is_schedule(self, proposal: Any) -> Schedule:
        return _schedule(proposal["value"])

    @traitlets.observe("value")
    def _valued(self, change: Any) -> None:
        if self._all[self.chosen] is not change["new"]:
            self._set({**self._all, self.chosen: change["new"]}, self.chosen)

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Traits as a front end sends them; a look at a curve that is gone by now has crossed a change from here."""
        state = sync_data.get("state")
        if isinstance(state, Mapping) and state.get("chosen") not in (None, *self._all):
            sync_data = {**sync_data, "state": {**state, "chosen": self.chosen}}
        super().set_state(sync_data)

    @traitlets.observe("state")
    def _chose(self, _: Any) -> None:
        self.value = self._all[self.chosen]

    def edit(self, path: Iterable[Any] = (), **hypers: Any) -> None:
        """Change hyperparameters of the schedule, or of the part at a path; refused ones change nothing.

        Raises
        ------
        HyperparameterError
            In the words of the row.
        """
        self.value = edited(self.value, tuple(path), hypers)

    def add(self, name: str, schedule: Schedule) -> None:
        """One more curve, which is then the one being designed.

        Raises
        ------
        HyperparameterError
            For a name that is taken, and for a seventh curve.
        """
        name = visible(name, 40)
        if name in self._all:
            raise HyperparameterError(f"ScheduleDesigner: there is a schedule named {quote(name)} already")
        self._set({**self._all, name: _schedule(schedule)}, name)

    def remove(self, name: str) -> None:
        """Without this curve.

        Raises
        ------
        UnknownNameError, HyperparameterError
            When there is none of this name, or when it is the last one.
        """
        if name not in self._all:
            raise UnknownNameError(f"ScheduleDesigner: no schedule named {quote(name)}", did_you_mean(name, self._all))
        left = {n: s for n, s in self._all.items() if n != name}
        self._set(left, self.chosen if self.chosen in left else next(reversed(left), ""))

    def undo(self) -> None:
        """Back to before the last change, if there is one."""
        if self._past:
            before, chosen = self._past.pop()
            self._set(before, chosen, keep=False)

    def _set(self, new: dict[str, Schedule], chosen: str, keep: bool = True, tag: Any = None) -> None:
        """Other schedules; moves of one drag, which share a tag, are one change."""
        _few(new)
        if keep and (tag is None or tag != self._tag):
            self._past = [*self._past[-_PAST:], (self._all, self.chosen)]
        self._all, self._tag = new, tag
        with self.hold_sync():
            if self.chosen != chosen:
                self.state = self.state | {"chosen": chosen, "path": []}
            self._paint()
        self.value = self._all[chosen]

    def _paint(self) -> None:
        self.payload = self._drawn()

    def _drawn(self) -> dict[str, Any]:
        """The payload anew; curves that have not changed are not computed again."""
        ks = drawn.grid(self._axis, sorted({p for s in self._all.values() for p in s.points}))
        made = {}
        for name, s in self._all.items():
            old = self._made.get(name)
            same = old is not None and old[0] is s and old[1] == ks
            made[name] = old if same else (s, ks, drawn.entry(name, s, ks, self._axis))
        self._made, whole = made, len(ks) == self._axis + 1
        return {
            "steps": self._axis, "k": None if whole else ks, "serial": self._serial, "undo": len(self._past),
            "entries": [e for _, _, e in made.values()],
            "note": "" if whole else f"{len(ks):,} of {self._axis + 1:,} steps are drawn.",
        }  # fmt: skip

    # -- what the front end asks for ----------------------------------------------------------
    def _asked(self, message: Any) -> None:
        """A change wanted there; what is refused is said there, and nothing changes."""
        if not isinstance(message, Mapping) or message.get("kind") != "edit":
            return
        self._serial = message.get("serial") if isinstance(message.get("serial"), int) else None
        try:
            said = self._do(message)
        except Exception as e:  # a function of the user's own may raise anything
            said = str(e) or type(e).__name__
        if said:
            self.send({"kind": "say", "text": visible(". ".join(map(str.strip, said.splitlines())), 600)})
        if self.payload["serial"] != self._serial:
            self._paint()

    def _do(self, m: Mapping[str, Any]) -> str | None:
        """Carry a change out; what it could not do, in words."""
        do, name, path = m.get("do"), m.get("name"), tuple(m.get("path") or ())
        if do == "undo":
            return self.undo()
        if do == "steps":
            self.axis = read(m.get("text"), _STEPS)
            return None
        if name not in self._all:
            raise UnknownNameError(f"ScheduleDesigner: no schedule named {quote(name)}")
        s, said = self._all[name], None
        if do == "remove":
            return self.remove(name)
        if do == "add":
            made = fresh(lookup(m["row"]), s, self._axis)
            return self.add(_free(made.name, self._all), made)
        if do == "copy":
            return self.add(_free(name, self._all), s)
        if do == "name":
            return self._rename(name, m.get("text"))
        if do == "set":
            h = at(s, path).row.hypers[m["hyper"]]
            new = edited(s, path, {m["hyper"]: read(m.get("text"), h, at(s, path).hypers[m["hyper"]])})
        elif do == "move":
            new, said = moved(s, path, m.get("knob"), m.get("k"), m.get("y"))
        elif do == "row":
            new = put(s, path, fresh(lookup(m["row"]), at(s, path), self._axis))
        elif do == "then":
            new = followed(s, path, self._axis)
        else:
            new = _SHAPES[do](s, path)
        if self.chosen != name:  # a look from there may have crossed a choice from here
            self.state = self.state | {"chosen": name, "path": [*path]}
        self._set({**self._all, name: new}, name, tag=m.get("tag"))
        return said

    def _rename(self, name: str, text: Any) -> None:
        new = visible(str(text).strip(), 40)
        if new == name:
            return
        if not new or new in self._all:
            raise HyperparameterError(f"ScheduleDesigner: {quote(new)} is not a free name")
        all_ = {new if n == name else n: s for n, s in self._all.items()}
        self._set(all_, new if self.chosen == name else self.chosen)

    # -- the same thing without a front end ---------------------------------------------------
    def to_code(self, name: str | None = None) -> str:
        """Python code that makes exactly the schedule of this name, or the one being designed."""
        return program(self._named(name))

    def to_torch(self, name: str | None = None) -> str:
        """PyTorch code for the same rates, or why there is none."""
        code, note = torch_program(self._named(name))
        return code or f"# {note}"

    def functions(self, name: str | None = None) -> dict[str, Callable[..., Any]]:
        """The functions of one's own that `to_code` calls by name."""
        return functions(self._named(name))

    def _named(self, name: str | None) -> Schedule:
        if name is not None and name not in self._all:
            raise UnknownNameError(f"ScheduleDesigner: no schedule named {quote(name)}", did_you_mean(name, self._all))
        return self._all[self.chosen if name is None else name]

    def _seen(self) -> tuple[list[str], list[list[float | None]], list[int]]:
        names = list(self.shown)
        ks = next(iter(self._made.values()))[1]
        return names, [self._made[n][2]["values"] for n in names], ks

    def _cursor(self) -> int | None:
        k = self.state.get("at")
        return k if type(k) is int and k in self._seen()[2] else None

    def describe(self) -> str:
        """The schedule being designed."""
        more = f", and {len(self._all) - 1} more" if len(self._all) > 1 else ""
        return visible(f"{self.value!r}{more}", 400)

    def to_text(self) -> str:
        """What is drawn, as a table; the sentence of the cursor; the code."""
        names, curves, ks = self._seen()
        marks = sorted({p for s in self.shown.values() for p in s.points})
        k = self._cursor()
        lost = [f"{n}: {self._made[n][2]['lost']}" for n in names if self._made[n][2]["lost"]]
        said = [drawn.says(names, curves, ks, k)] if k is not None and names else []
        lines = [*drawn.legend(self.shown), "", drawn.table(names, curves, ks, drawn.telling(ks, marks, k)), "", *said]
        return "\n".join([*lines, *lost, *([self.payload["note"]] if self.payload["note"] else []), self.to_code()])

    def to_svg(self) -> str:
        """Picture of the curves that are switched on, of the kind of the one being designed."""
        names, curves, ks = self._seen()
        kind = self._made[self.chosen][2]["unit"]
        kept = [i for i, n in enumerate(names) if self._made[n][2]["unit"] == kind]
        others = [n for i, n in enumerate(names) if i not in kept]
        hues = [list(self._all).index(names[i]) % len(COLOURS) for i in kept]
        front = [names[i] for i in kept].index(self.chosen) if self.chosen in names else len(kept)
        label = kind + (f"; not drawn here: {', '.join(others)}" if others else "")
        return picture([names[i] for i in kept], [curves[i] for i in kept], ks, front, self._cursor(),
                       bool(self.state.get("log")), self.title, hues, visible(label, 60))  # fmt: skip

    def plot(self, ax: Any = None) -> Any:
        """A matplotlib figure of the curves that are switched on."""
        names, curves, ks = self._seen()
        label = " / ".join(dict.fromkeys(self._made[n][2]["unit"] for n in names)) or "lr"
        return figure(names, curves, ks, bool(self.state.get("log")), label, ax)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: ``ScheduleDesigner(w.to_dict())`` shows the same schedules."""
        return {"format": FORMAT, "steps": self._axis, "schedules": {n: plain(s) for n, s in self._all.items()}}

    def to_html(self, path: str | Path | None = None) -> str:
        """Page that scrubs, toggles and reads out without a kernel; its knobs stand still."""
        options = {k: v for k, v in self.options.items() if k != "rows"}
        text = page(self.kind, self.payload, options=options, state=self.now, step=self.step, title=self.title)
        if path is not None:
            write(path, text)
        return text


def _schedule(s: Any) -> Schedule:
    if not isinstance(s, Schedule):
        more = "give it its hyperparameters" if isinstance(s, Row) else "schedules.custom(f) makes one of a function"
        what = f"ScheduleDesigner: {quote(s)} is a {type(s).__name__}, not a schedule"
        raise HyperparameterTypeError(what, None, more)
    return s


def _few(schedules: dict[str, Schedule]) -> dict[str, Schedule]:
    if not 1 <= len(schedules) <= len(COLOURS):
        raise HyperparameterError(f"ScheduleDesigner: {len(schedules)} schedules",
                                  f"1 to {len(COLOURS)} can be told apart")  # fmt: skip
    return schedules


def _free(name: str, taken: Iterable[str]) -> str:
    """The name, with a number where it is taken."""
    return next(n for n in (name, *(f"{name} {i}" for i in range(2, 99))) if n not in taken)


def _given(source: Any) -> tuple[dict[str, Schedule], int | None]:
    """Schedules by clean name, and the steps of a plain form."""
    if source is None:
        source = warmup_cosine(0.1, warmup=20, total=200)
    if isinstance(source, Mapping) and source.get("format") == FORMAT:
        if not isinstance(source.get("schedules"), Mapping):
            what = "ScheduleDesigner: the plain form has no schedules"
            raise HyperparameterTypeError(what, None, "to_dict() makes one")
        return _given({n: from_plain(d) for n, d in source["schedules"].items()})[0], source.get("steps")
    if isinstance(source, (list, tuple)):
        named: Iterable[Any] = [(getattr(s, "name", "schedule"), s) for s in source]
    else:
        named = source.items() if isinstance(source, Mapping) else [(getattr(source, "name", "schedule"), source)]
    out: dict[str, Schedule] = {}
    for name, s in named:
        out[_free(visible(name, 40) or "schedule", out)] = _schedule(s)
    return _few(out), None
