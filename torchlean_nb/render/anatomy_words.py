"""The terms of an update rule in words: a title, a short line and a sentence, from the shape of the formula."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from torchlean_nb.escape import visible
from torchlean_nb.trace.plain import plain


class Words(NamedTuple):
    """What a term is called, in one line, and in a sentence."""

    title: str
    line: str
    say: str


RAW = Words("raw gradient", "what backward delivered", "The gradient as it came: where the loss grows.")
CLIPPED = Words("× clip", "what clipping left", "The gradient after clipping; every later term starts from this one.")
UNCLIPPED = Words("raw gradient", "before clipping", "The gradient as it came, before it was clipped.")
SCHEDULE = Words("× schedule", "rate of this step", "The learning rate that the schedule gives at this step.")
_STEP = Words("× learning rate", "downhill", "The direction times the learning rate, with a minus: downhill.")
FIRST = Words("first moment", "mean of the gradients", "Running mean of the gradients: noise averages out.")
DIRECTION = Words(
    "direction", "no unit is left", "No unit is left: coordinates with large and small gradients stand on one footing."
)
COUPLED = Words("+ decay (L2)", "λ · parameter joins it", "Decay enters through the gradient: λ times the parameter.")
_KNOWN = {
    "decay": Words("+ decay", "parameter shrinks", "Apart from the gradient the parameter loses a share of itself."),
    "step": _STEP, "now": Words("step now", "share of this gradient", "What this gradient adds to the step."),
    "ahead": Words("step ahead", "share of the mean", "What the running mean, one step ahead, adds to the step."),
    "prev": Words("kept gradient", "for the next step", "Stored, so that the next step can compare with it."),
    "x0": Words("start", "where it all began", "The parameter before the first step; it stays."),
    "rate": Words("rate", "of this step", "The learning rate as it counts in this step."),
    "eta": Words("rate", "of this step", "The learning rate as it counts in this step."),
    "hit": Words("rows met", "1 where a gradient came", "Rows without a gradient keep their values and their memory."),
    "low": Words("lower bound", "of the rate", "No coordinate's rate may be smaller."),
    "high": Words("upper bound", "of the rate", "No coordinate's rate may be larger."),
    "orth": Words("orthogonalised", "all singular values near 1", "The same directions, each with the same strength."),
    "small": Words("projected", "what is left of it", "The gradient in the smaller space."),
    "used": Words("second moment", "as it is used", "The second moment the step is measured with."),
    "v_max": Words("largest so far", "of the second moments", "AMSGrad: the second moment never shrinks."),
    "mean": Words("mean gradient", "to be subtracted", "Centred: the mean is taken out of the second moment."),
    "target": Words("target", "where it wants to be", "The value the parameter is set to; the step leads there."),
    "gap": Words("gap", "loss above its minimum", "How far the loss is above the minimum."),
}  # fmt: skip
_THINGS = {"g": "gradient", r"\theta": "parameter", "g^{2}": "squared gradient", "(g - m)^{2}": "squared surprise"}
_RATE = r"(?:\\[a-z]+(?:_\d)?|\w(?:_\d)?)"


def _thing(latex: str, titles: Mapping[str, str]) -> str:
    """Words for a piece of a formula."""
    latex = latex.strip()
    return _THINGS.get(latex) or titles.get(latex) or plain(latex) or "rest"


def describe(key: str, left: str, right: str, titles: Mapping[str, str]) -> Words:
    r"""Words for a term with the statement ``left = right``; `titles` are those of earlier terms by symbol.

    Examples
    --------
    >>> describe("m", "m", r"\beta_1 m + (1 - \beta_1)\,g", {}).title
    'first moment'
    """
    if key == "delta":
        return Words("= actual step", "after − before", "What is added to the parameter.")
    r = re.sub(r"(?:\\[,;! ]|\s)+", " ", right).strip()
    old = re.escape(left)
    if key in _KNOWN:
        return _KNOWN[key]
    if r == r"g + \lambda \theta":
        return COUPLED
    if re.fullmatch(r"(?:\(1 - \\mu\) )?g \+ \\mu [bB]", r):
        return Words("look ahead", "Nesterov", "Nesterov: the momentum of the next step, already now.")
    if m := re.fullmatch(rf"({_RATE}) {old} \+ \(1 - \1\) ?(.+)", r):
        return _mean(m[2], titles)
    if m := re.fullmatch(rf"{_RATE} {old} \+ (.+)", r):
        said = f"A share of what was there, and the {_thing(m[1], titles)}: steps in one direction add up."
        return Words("momentum", "a share of the old + new", said)
    if m := re.fullmatch(rf"{old} \+ (.+)", r):
        what = _thing(m[1], titles)
        return Words("sum so far", f"of every {what}"[:28], f"Every {what} so far, added up: it never forgets.")
    if m := re.fullmatch(r"\\frac\{([^{}]+)\}\{1 - \\beta_\d\^\{t\}\}", r):
        what = _thing(m[1], titles)
        said = f"The {what} began at zero and still remembers it; this makes up for that."
        return Words("÷ bias correction", what, said)
    if r.startswith(r"\frac{") and (r"\sqrt" in r or re.search(r"\}\{[a-zA-Z]\}$", r)):
        return DIRECTION
    if r"\Vert \theta \Vert" in r and r.startswith(r"\frac"):
        return Words("trust ratio", "length ÷ length", "How long the parameter is against what would be added to it.")
    if r.startswith(r"\max(") and re.search(rf"(?<![a-z\\]){old}(?![a-z])", r):
        return Words("largest so far", "fading or kept", "The largest value met so far.")
    said = "the formula says how it comes about" if right else "the rule works it out by itself"
    return Words(visible(key, 24), plain(right) or "", f"A quantity of this rule: {said}.")


def _mean(what: str, titles: Mapping[str, str]) -> Words:
    if what == "g":
        return FIRST
    if what in ("g^{2}", "(g - m)^{2}"):
        thing = _THINGS[what]
        said = f"Running mean of the {thing}s; drawn is its root, which says how large they usually are here."
        return Words("second moment", "root mean square", said)
    thing = _thing(what, titles)
    return Words("running mean", f"of the {thing}"[:28], f"Running mean of the {thing}.")
