"""All laws on one update rule, for ``tl.check_rule(my_rule)``.

`RULE_LAWS` is the table, in the order in which the laws are told: what the row says about
itself (`rules_words`), what the function is (`rules_pure`), what the optimizer made of it is (`rules_shell`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# In the order in which the laws are told.
# isort: off
from torchlean_nb.laws import rules_words as rules_words
from torchlean_nb.laws import rules_pure as rules_pure
from torchlean_nb.laws import rules_shell as rules_shell

# isort: on
from torchlean_nb.errors import HyperparameterError, HyperparameterTypeError, did_you_mean, quote
from torchlean_nb.laws.base import LawError
from torchlean_nb.laws.report import Finding, complaint
from torchlean_nb.laws.rules_known import CALLS, GIVEN, exceptions_of
from torchlean_nb.laws.rules_trial import RULE_LAWS, trials
from torchlean_nb.updates import UpdateRule, rule_of


@dataclass(frozen=True)
class RuleReport:
    """Outcome of `check_rule`; true when every law held, or is an exception that has a reason.

    Parameters
    ----------
    rule : str
    findings : tuple of Finding
        One per law and setting; the complaint says in words what does not hold.
    reasons : mapping of str to str
        Laws that need not hold, with the reason.
    """

    rule: str
    findings: tuple[Finding, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[Finding, ...]:
        """What does not hold, and exceptions from laws that do."""
        off = [f for f in self.findings if f.complaint and f.law not in self.reasons]
        broken = {f.law for f in self.findings if f.complaint}
        idle = [k for k in self.reasons if k not in broken]
        return (*off, *(Finding(k, "all settings", f"it holds: {self.reasons[k]!r} excuses nothing") for k in idle))

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return bool(self)

    def __bool__(self) -> bool:
        return bool(self.findings) and not self.failed

    def to_text(self) -> str:
        """One line per law."""
        failed = self.failed
        lines = [f"{self.rule}: {len(self.findings)} checks, {len(failed)} failed"]
        for name, law in RULE_LAWS.items():
            tried, bad = [f for f in self.findings if f.law == name], [f for f in failed if f.law == name]
            good = f"excepted: {self.reasons[name]}" if name in self.reasons else "holds"
            lines.append(f"  {name:36} {'FAILS' if bad else good if tried else 'does not apply'}")
            lines += [f"      {line}" for f in bad[:1] for line in (*f.complaint.split("\n"), law.sentence)]
        return "\n".join(lines)

    __repr__ = __str__ = to_text


def check_rule(
    rule: UpdateRule | str | type, given: Mapping[str, Any] | None = None, *,
    but: Mapping[str, str] | None = None, calls: int = 1, raises: bool = False,
) -> RuleReport:
    r"""Run every law of the project on one update rule, with its defaults and with its switches turned over.

    Parameters
    ----------
    rule : UpdateRule, str or type
        The row, its name, or its class.
    given : mapping of str to object
        Hyperparameters to try it with, where the defaults do not show what it does.
    but : mapping of str to str
        Names of laws that it need not keep, each with the reason.
    calls : int
        How many calls make one step down, for rules that gather gradients, climb or go back in between.
    raises : bool
        Raise LawError when a law does not hold, rather than return a report that is false.

    Raises
    ------
    HyperparameterError, HyperparameterTypeError
        When `but` names no law; for something that is not a rule.
    LawError
        With the whole report, if `raises`.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> bool(tl.check_rule("adam"))
    True
    >>> @tl.extend.update_rule(
    ...     hypers={"lr": tl.extend.Hyper(0.1, r"\eta", 0.0)}, latex=((r"\Delta", r"-\eta\,g"),), references=("a slip",)
    ... )
    ... def uphill(xp, g, p, s, h, t):
    ...     "Descent with a sign lost."
    ...     return {"delta": h.lr * g}
    >>> print(tl.check_rule(uphill).failed[0].complaint)
    uphill, defaults: steps do not go down
      height: 20.4241, 20.4649, 20.5059, 20.5469, 20.588
    >>> del tl.optim.rules["uphill"]
    """
    rule = rule_of(rule) if isinstance(rule, str) else getattr(rule, "rule", rule)
    if not isinstance(rule, UpdateRule):
        raise HyperparameterTypeError(
            f"check_rule: {quote(rule, 40)} is not an update rule", None, "@tl.extend.update_rule(hypers={...})"
        )
    reasons = {**exceptions_of(rule), **(but or {})}
    for name in reasons:
        if name not in RULE_LAWS:
            raise HyperparameterError(f"check_rule: there is no law {name!r}", did_you_mean(name, RULE_LAWS))
    settings = {**(GIVEN.get(rule.name, {}) if rule.builtin else {}), **(given or {})}
    tried = trials(rule, settings, CALLS.get(rule.name, calls) if rule.builtin else calls)
    findings = [
        Finding(name, str(trial), complaint(law, rule, trial))
        for name, law in RULE_LAWS.items() for trial in tried if law.applies(rule, trial)
    ]  # fmt: skip
    report = RuleReport(rule.name, tuple(findings), reasons)
    if raises and not report:
        raise LawError(f"{rule.name} breaks {len({f.law for f in report.failed})} laws", report.to_text())
    return report
