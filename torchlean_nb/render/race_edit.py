"""What a hand does in the arena, as changes of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torchlean_nb.errors import HyperparameterError, quote
from torchlean_nb.escape import visible
from torchlean_nb.race.setup import Setup, count, numeric, point, seed_of, setup_from
from torchlean_nb.surfaces import surface_of

EDITS = ("start", "hyper", "surface", "number", "noise", "steps", "target", "seed", "add", "remove", "rename",
         "race", "defaults", "rewind")  # fmt: skip
_NONE = ("", "none", "-", "\u2212")


def edited(setup: Setup, do: str, m: Mapping[str, Any]) -> tuple[Setup, list[int] | None]:
    """The settings after an edit, and the contenders that have to run again; None is all of them.

    Raises
    ------
    TorchLeanError
        In the words of what refused.

    Examples
    --------
    >>> from torchlean_nb.race.setup import setup_of
    >>> new, again = edited(setup_of("sgd", on="sphere"), "start", {"at": [1, 2]})
    >>> new.start, again
    ((1.0, 2.0), None)
    """
    if do == "start":
        return setup.elsewhere(start=point(m.get("at"))), None
    if do == "surface":
        return setup.on(_surface(m)), None
    if do == "number":
        return setup.elsewhere(surface=setup.surface.with_numbers(**{_key(m): numeric(_key(m), m.get("value"))})), None
    if do == "noise":
        return setup.elsewhere(surface=setup.surface.with_noise(numeric("noise", m.get("value")))), None
    if do == "steps":
        return setup.elsewhere(steps=count(m.get("text", m.get("value")))), None
    if do == "seed":
        value = m.get("value")
        return setup.elsewhere(seed=setup.seed + 1 if value is None else seed_of(value)), None
    if do == "target":
        text = m.get("text", m.get("value"))
        none = text is None or (isinstance(text, str) and text.strip().lower() in _NONE)
        return setup.aiming(None if none else numeric("target", text)), []
    if do == "race":
        return setup_from(m.get("race"), setup), None
    if do == "add":
        return setup.with_contender(_key(m, "rule")), [len(setup.entries)]
    i = _index(setup, m)
    if do == "remove":
        return setup.without(i), []
    if do == "rename":
        return setup.named(i, visible(str(m.get("name", m.get("text", ""))).strip(), 40)), [i]
    return setup.with_hyper(i, _key(m), m.get("value")), [i]


def _surface(m: Mapping[str, Any]) -> Any:
    text = m.get("text")
    return surface_of({"text": text}) if isinstance(text, str) else surface_of(_key(m))


def _key(m: Mapping[str, Any], name: str = "name") -> str:
    if not isinstance(m.get(name), str):
        raise HyperparameterError(f"race: {name}={quote(m.get(name), 40)}", "a name")
    return m[name]


def _index(setup: Setup, m: Mapping[str, Any]) -> int:
    i = m.get("index")
    if not isinstance(i, int) or isinstance(i, bool) or not 0 <= i < len(setup.entries):
        raise HyperparameterError(f"race: there is no contender {quote(i, 20)}", f"0 to {len(setup.entries) - 1}")
    return i
