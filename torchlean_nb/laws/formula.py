"""Words and formulas of a row: they must exist, and every renderer must be able to read them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from torchlean_nb import tex
from torchlean_nb.laws.base import broken, differentiable, law
from torchlean_nb.laws.point import Point, whole

# Commands that mathtext, MathJax and MathML converters all take, with the number of groups each is given.
COMMANDS = {
    "frac": 2, "sqrt": 1, "mathrm": 1, "mathbf": 1, "overline": 1, "hat": 1, "bar": 1, "tilde": 1, "mathcal": 1,
    "left": 0, "right": 0,
    **dict.fromkeys(
        "alpha beta gamma delta epsilon eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega Phi Sigma "
        "Delta sum prod int max min sup ln log exp sin cos tan arctan sinh cosh tanh top odot cdot times ast circ star "
        "leq geq neq neg in infty partial nabla quad ldots cdots lfloor rfloor backslash wedge sim to "
        "pm Vert langle rangle mid dots".split(), 0,
    ),
    ",": 0, ";": 0, "!": 0, " ": 0, "|": 0, "{": 0, "}": 0, "_": 0, "#": 0, "%": 0, "$": 0,
}  # fmt: skip
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|#\{\w+\}|#\w|[{}]|[^\\{}#]+|#|\\")


def complaint(template: str, slots: set[str]) -> str | None:
    """What is wrong with a template, None when nothing is."""
    tokens = _TOKEN.findall(template)
    depth, pairs = 0, 0
    for i, t in enumerate(tokens):
        depth += (t == "{") - (t == "}")
        pairs += (t == r"\left") - (t == r"\right")
        if depth < 0 or pairs < 0:
            return f"{t} closes what was not opened"
        if t.startswith("\\"):
            if t[1:] not in COMMANDS:
                return f"{t} is not a command every renderer knows"
            following = "".join(tokens[i + 1 : i + 2]).lstrip()
            if COMMANDS[t[1:]] and not following.startswith(("{", "#")):
                return f"{t} needs its argument in braces"
        elif t.startswith("#") and not tex.slots(t) <= slots - {""}:
            return f"{t} names nothing; there are {', '.join(sorted(slots))}"
        elif t == "#":
            return "a lone #"
    return "a brace is not closed" if depth else r"\left without \right" if pairs else None


@law()
def formulas_parse(op: Any, sample: Any) -> None:
    """Every formula of the row is balanced, uses known commands, and its slots have something to fill them."""
    if not op.latex:
        raise broken(op, sample, "there is no formula of the value")
    operands = {str(k + 1) for k in range(len(sample.args) or len(op.args))}
    present = [True] * len(operands)
    if op.kind != "constant" and len(op.dlatex) < (1 if op.variadic else len(op.args)):
        raise broken(op, sample, f"{len(op.dlatex)} formulas of derivatives for {len(op.args)} arguments")
    for template, slots in [(op.latex, operands), *((d, operands | {"g", "y"}) for d in op.dlatex)]:
        wrong = complaint(tex.operands(template, present), slots | set(op.attrs))
        if wrong:
            raise broken(op, sample, f"the formula {template} does not parse", wrong)


@law()
def row_is_described(op: Any, sample: Any) -> None:
    """The docstring begins with a sentence of at most 110 characters, and the row can be called as it says."""
    if not op.summary.endswith("."):
        raise broken(op, sample, "the docstring does not begin with a sentence", repr(op.summary))
    if len(op.summary) > 110:
        raise broken(op, sample, f"the first line of the docstring has {len(op.summary)} characters")


@law(lambda op, sample: differentiable(op, sample) and bool(op.terms))
def terms_add_up(op: Any, sample: Any) -> None:
    """The sums of products that spell out a contribution, entry by entry, add up to it."""
    p = Point(op, sample, integers=True)
    g = whole(p.shape, np.random.default_rng(7))
    for k, bar in zip(p.moving, p.run.pull(g), strict=True):
        terms = op.terms[min(k, len(op.terms) - 1)]
        if terms is None:
            continue
        subscripts, *names = terms
        operands = [g if name == "g" else p.arrays[int(name[1:]) - 1] for name in names]
        letters = subscripts.split("->")[0].split(",")
        if [len(s) for s in letters] != [o.ndim for o in operands] or len(subscripts.split("->")[1]) != bar.ndim:
            continue  # spelled out for matrices only, and these are stacks or vectors
        if not np.array_equal(np.einsum(subscripts, *operands), bar):
            raise broken(op, sample, f"the terms {terms} are not the contribution to argument {k}")
