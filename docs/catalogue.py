"""Write the pages that list what there is from the rows themselves: ``python docs/catalogue.py [--check]``."""

import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torchlean_nb as tl
from torchlean_nb.minimizers import METHODS
from torchlean_nb.optim import transforms
from torchlean_nb.optim.wrapping import WRAPPERS
from torchlean_nb.schedules import SCHEDULES
from torchlean_nb.surfaces import SURFACES
from torchlean_nb.train.losses import LOSSES
from torchlean_nb.train.metrics import METRICS

HERE = Path(__file__).parent
NOTE = "Written from the rows by `python docs/catalogue.py`, not by hand."


def section(title: str, words: str, rows: Mapping[str, Any]) -> list[str]:
    """A heading and the cards of a table."""
    cards = [f"### {name}\n\n{row.card()}\n" for name, row in sorted(rows.items()) if getattr(row, "builtin", True)]
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


def surfaces() -> str:
    """Every surface there is."""
    words = '`tl.race(["sgd", "adam"], on="rosenbrock")` runs optimizers over them, or over any `f(x, y)`.'
    return "\n".join(["# Surfaces", "", NOTE, "", *section("Test functions of two variables", words, SURFACES)])


def ops() -> str:
    """Every op there is, family by family."""
    lines = [
        "# Ops", "", NOTE, "",
        "Each is one row: a function `tl.tanh(x)`, a method `s.tanh(x)` of sessions, mostly one of Tensors too, and",
        "where NumPy has the same, that function. *y* is the value, a bar the gradient of the loss with respect to",
        "what is under it.", "",
    ]  # fmt: skip
    families: dict[str, dict[str, Any]] = {}
    for name, op in tl.ops.items():
        if op.builtin:
            families.setdefault(op.__module__, {})[name] = op
    for module in sorted(families):
        words = first(sys.modules[module])
        lines += section(module.rpartition(".")[2].capitalize(), words, families[module])
    return "\n".join(lines)


def layers() -> str:
    """Every layer, loss and metric there is."""
    things = {name: getattr(tl.nn, name) for name in tl.nn.__all__ if name != "Layer"}
    found = {k: v for k, v in things.items() if isinstance(v, type) and issubclass(v, tl.nn.Layer)}
    lines = [
        "# Layers, losses, metrics", "", NOTE, "",
        "A layer is a frozen description; `layer.bind(session, seed=0)` gives it parameters, `tl.Trainer(layer, ...)`",
        "trains it. Names and arguments are PyTorch's.", "",
        "| layer | what it computes |", "|---|---|",
        *(f"| `{name}{arguments(found[name])}` | {cell(first(found[name]))} |" for name in sorted(found)), "",
        "## Losses", "",
        '`tl.Trainer(model, "huber")`, `tl.train.Task(model, "huber")`, or a function of output and target.', "",
        "| name | kind | what it computes |", "|---|---|---|",
        *(f"| `{name}` | {loss.kind} | {cell(first(loss.f))} |" for name, loss in LOSSES.items()), "",
        "## Metrics", "", '`fit(..., metrics=["f1", "ece"])`, `tl.train.metrics.f1(output, target)`.', "",
        "| name | what it measures |", "|---|---|",
        *(f"| `{name}` | {cell(first(metric.f))} |" for name, metric in METRICS.items()), "",
    ]  # fmt: skip
    return "\n".join(lines)


def first(thing: Any) -> str:
    """First line of a docstring."""
    return (inspect.getdoc(getattr(thing, "func", thing)) or "").split("\n")[0]


def cell(text: str) -> str:
    """Text as one cell of a table."""
    return text.replace("|", "\\|")


def arguments(layer: Any) -> str:
    """Arguments of a layer without their annotations."""
    ps = inspect.signature(layer).parameters.values()
    return "(" + ", ".join(str(p.replace(annotation=p.empty)) for p in ps) + ")"


PAGES = {
    "optimizers.md": optimizers,
    "schedules.md": schedules,
    "surfaces.md": surfaces,
    "ops.md": ops,
    "layers.md": layers,
}


def main(*words: str) -> None:
    """Write all pages, or with ``--check`` say which differ from their rows."""
    pages = {HERE / name: page() for name, page in PAGES.items()}
    if "--check" in words:
        sys.exit("\n".join(p.name for p, text in pages.items() if p.read_text("utf-8") != text) or 0)
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
