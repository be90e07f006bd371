"""Laws of what a rule says about itself: its defaults, its formula, its first sentence."""

from __future__ import annotations

import re

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.laws.formula import complaint
from torchlean_nb.laws.rules_trial import Trial, broken, law
from torchlean_nb.updates import UpdateRule


def once(rule: UpdateRule, trial: Trial) -> bool:
    """For laws that do not depend on settings."""
    return trial.name == "defaults"


def tokens(latex: str) -> list[str]:
    """LaTeX in pieces: commands and single characters."""
    return re.findall(r"\\[a-zA-Z]+|\S", latex)


def occurs(symbol: str, text: str) -> bool:
    """Whether the symbol stands in the formula, as a symbol and not inside a word."""
    text = text if r"\mathrm" in symbol else re.sub(r"\\mathrm\{[^}]*\}", "", text)
    piece, whole = tokens(symbol), tokens(text)
    return any(whole[i : i + len(piece)] == piece for i in range(len(whole)))


@law(once)
def defaults_are_allowed(rule: UpdateRule, trial: Trial) -> None:
    """Every default lies in its own range, and arguments that hold several hyperparameters name existing ones."""
    try:
        rule.resolve(trial.given)
    except HyperparameterError as e:
        raise broken(trial, "the defaults are refused", str(e)) from e
    for name, parts in rule.tuples.items():
        unknown = [k for k in parts if k not in rule.hypers]
        if name in rule.hypers or unknown:
            raise broken(trial, f"{name} holds {', '.join(parts)}", f"there is no {', '.join(unknown) or 'room'}")


@law(once)
def symbols_stand_in_the_formula(rule: UpdateRule, trial: Trial) -> None:
    r"""Every number and every slot has a symbol that occurs in the LaTeX, which ends in ``\Delta``."""
    if not any(left == r"\Delta" for left, _ in rule.latex):
        raise broken(trial, r"there is no formula of the step", r'latex=((r"\Delta", r"-\eta\,g"),)')
    text = " , ".join(f"{left} = {right}" for left, right in rule.latex)
    numbers = {k: h.symbol for k, h in rule.hypers.items() if h.kind in ("float", "int")}
    # What only a switch brings is not in the formula of the default form.
    switched = [k for k, s in rule.slots.items() if s.when and rule.hypers[s.when].kind == "bool"]
    slots = {k: slot.symbol or k for k, slot in rule.slots.items() if k not in switched}
    for k, symbol in {**numbers, **slots}.items():
        if not symbol:
            raise broken(trial, f"{k} has no symbol", 'Hyper(0.9, r"\\mu")')
        if not occurs(symbol, text):
            raise broken(trial, f"{k}, written {symbol}, is not in the formula", text)


@law(once)
def formulas_of_the_step_parse(rule: UpdateRule, trial: Trial) -> None:
    """Formulas and symbols are balanced and use commands that every renderer knows."""
    symbols = [h.symbol for h in rule.hypers.values()] + [s.symbol for s in rule.slots.values()]
    for text in (*(side for line in rule.latex for side in line), *filter(None, symbols)):
        if wrong := complaint(re.sub(r"\\sqrt\[\w+\]", r"\\sqrt", text), set()):
            raise broken(trial, f"{text} does not parse", wrong)


@law(once)
def rule_is_described(rule: UpdateRule, trial: Trial) -> None:
    """The docstring begins with a sentence of at most 120 characters; built-in rows name their papers."""
    if not rule.summary.endswith(".") or len(rule.summary) > 120:
        raise broken(trial, "the docstring does not begin with a sentence of at most 120 characters", rule.summary)
    if rule.builtin and not rule.references:
        raise broken(trial, "no paper is named")
