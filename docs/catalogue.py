"""Write docs/optimizers.md and docs/schedules.md from the rows: ``python docs/catalogue.py``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torchlean_nb as tl
from torchlean_nb.minimizers import METHODS
from torchlean_nb.optim import transforms
from torchlean_nb.optim.wrapping import WRAPPERS
from torchlean_nb.schedules import SCHEDULES

HERE = Path(__file__).parent
NOTE = "Written from the rows by `python docs/catalogue.py`, not by hand."


def section(title: str, words: str, rows: Mapping[str, Any]) -> list[str]:
    """A heading and the cards of a table."""
    cards = [f"### {name}\n\n{rows[name].card()}\n" for name in sorted(rows)]
    return [f"## {title}", "", words, "", *cards]


def optimizers() -> str:
    """Every optimizer there is."""
    rules = "`tl.optim.Adam(params, lr=...)` and its relatives: from a gradient to a step."
    methods = "`tl.optim.LBFGS(params).step(closure)`, `tl.minimize(f, x0, method=...)`: they evaluate the function."
    wrap = '`tl.optim.lookahead("adam", k=5)`: a rule around a rule.'
    parts = '`tl.optim.chain(tl.optim.transforms.clip_value(1.0), "adam")`: before a rule, or after it.'
    lines = [
        "# Optimizers", "", NOTE, "",
        "*g* is the gradient, θ the parameter, Δ the step that is added to it, *t* its count from 1. A symbol on the",
        "right of its own definition is the value before the step. `tl.optim.row(name)` shows a card in a notebook,",
        "`opt.explain(param)` these lines with their numbers.", "",
        *section("Update rules", rules, tl.optim.rules), *section("Methods", methods, METHODS),
        *section("Wrappers", wrap, WRAPPERS), *section("Transforms", parts, transforms.TRANSFORMS),
    ]  # fmt: skip
    return "\n".join(lines)


def schedules() -> str:
    """Every schedule there is."""
    words = "`tl.schedules.cosine(0.1, total=100)` is a function of the step *k* = 0, 1, 2, ..."
    return "\n".join(["# Schedules", "", NOTE, "", *section("Pure schedules", words, SCHEDULES)])


def main() -> None:
    """Write both pages."""
    (HERE / "optimizers.md").write_text(optimizers(), encoding="utf-8")
    (HERE / "schedules.md").write_text(schedules(), encoding="utf-8")


if __name__ == "__main__":
    main()
