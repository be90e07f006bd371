"""What an arena offers: surfaces to race on, and rules to add."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from torchlean_nb import optim
from torchlean_nb.escape import visible
from torchlean_nb.minimizers.table import Method
from torchlean_nb.race.applicable import applicable
from torchlean_nb.race.contenders import SETTINGS
from torchlean_nb.surfaces import SURFACES, available


def surface_choices() -> list[dict[str, str]]:
    """Name and label of every surface of the table."""
    return [{"name": name, "label": visible(SURFACES[name].label, 60)} for name in available()]


def rule_choices() -> list[dict[str, str]]:
    """Name, label and group of every rule that can race.

    Examples
    --------
    >>> {"name": "adam", "label": "Adam", "group": "adam"} in rule_choices()
    True
    """
    return [dict(entry) for entry in _rules(tuple(optim.available()), applicable)]


@lru_cache(maxsize=4)
def _rules(_: tuple[str, ...], who: Callable[[], list[str]]) -> list[dict[str, str]]:
    named = [{"name": n, "label": n.capitalize(), "group": "gradient"} for n in SETTINGS]
    return [*named, *map(_choice, who())]


def _choice(name: str) -> dict[str, str]:
    row: Any = optim.row(name)
    if not row.builtin:
        group = "yours"
    elif isinstance(row, Method):
        group = "minimizers"
    else:
        group = row.update.__module__.rsplit(".", 1)[-1].replace("_", " ")
    return {"name": name, "label": visible(row.class_name, 40), "group": group}
