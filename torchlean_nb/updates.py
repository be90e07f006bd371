"""Update rules: one frozen row per optimizer, a pure function from a gradient to a step.

``update(xp, g, p, s, h, t)`` gets the gradient, the parameter, its slots ``s.m``, the hyperparameters
``h.lr`` and the count ``t`` of this step (1 for the first). It returns every intermediate value by
name, in order; ``"delta"`` is the step, and each slot's new value stands under the slot's name. So the
formula, what is stored, and what can be shown term by term are the same lines. A rule never looks
at a value: the same lines run on one tensor, on all parameters in one flat buffer, and on thousands
of trajectories with a hyperparameter array each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from torchlean_nb.backend.devices import device_of
from torchlean_nb.copies import Row
from torchlean_nb.errors import (
    CapabilityError,
    HyperparameterError,
    RuleError,
    RuleTypeError,
    UnknownNameError,
    did_you_mean,
)
from torchlean_nb.escape import code, identifier, prose, visible
from torchlean_nb.hypers import REQUIRED, Hyper, check_all


class Rules(MutableMapping[str, "UpdateRule"]):
    """Rows by name; the toolkit's own stand in files that are loaded when somebody looks for what is not here yet."""

    def __init__(self) -> None:
        self.rows: dict[str, UpdateRule] = {}

    def load(self, name: str = "") -> None:
        """The file in which a rule of the toolkit stands; all of them for other names."""
        import_module("torchlean_nb.optim").load(name)  # a floor above

    def __getitem__(self, name: str) -> UpdateRule:
        if name not in self.rows:
            self.load(name)
        return self.rows[name]

    def __setitem__(self, name: str, rule: UpdateRule) -> None:
        self.rows[name] = rule

    def __delitem__(self, name: str) -> None:
        self.load(name)
        del self.rows[name]

    def __iter__(self) -> Iterator[str]:
        self.load()
        return iter(self.rows)

    def __len__(self) -> int:
        self.load()
        return len(self.rows)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __reduce__(self) -> str:
        return "RULES"

    def named(self, name: str) -> UpdateRule | None:
        """Row of that name or class name, if there is one."""
        self.load(name)
        return next((r for r in self.rows.values() if name in (r.name, r.class_name)), None)


RULES = Rules()
SCOPES = {
    "element": "Each element for itself", "tensor": "Each tensor as a whole", "matrix": "Each matrix as a whole",
    "group": "All parameters of a group as one vector",
}  # fmt: skip


@dataclass(frozen=True)
class Slot:
    """State kept per parameter.

    Parameters
    ----------
    start : "zeros" or callable
        ``start(xp, p, h)`` gives the first value.
    when : str
        Name of a hyperparameter that must be truthy for the slot to exist.
    symbol : str
        LaTeX; the slot's own name unless given.
    """

    start: Any = "zeros"
    when: str = ""
    symbol: str = ""

    def first(self, xp: Any, p: Any, h: Any) -> Any:
        """Value before the first step."""
        return xp.zeros(shape=p.shape, like=p) if self.start == "zeros" else self.start(xp, p, h)


@dataclass(frozen=True, eq=False)
class UpdateRule(Row):
    """One optimizer: formula, hyperparameters, slots, LaTeX, references.

    Parameters
    ----------
    name : str
    update : callable
        ``update(xp, g, p, s, h, t) -> dict``.
    hypers : mapping of str to Hyper
        In the order of the class's arguments.
    slots : mapping of str to Slot
    latex : tuple of (str, str)
        Statement by statement: name of a term and its formula.
    scope : {"element", "tensor", "matrix", "group"}
        What a step of one element may depend on: itself; its tensor (norms); its matrix; all parameters
        of the group, which the rule then gets as one flat vector. A slot of such a rule has either the
        shape of the vector or none, ``()``: one number for the whole group.
    needs : frozenset of str
        Beyond the gradient: ``"value"``.
    average : str
        Name of the slot that holds the parameters to evaluate with, where a rule averages them.
    tuples : mapping of str to tuple of str
        Arguments of the class that hold several hyperparameters, as ``betas``.
    check : callable or None
        ``check(h)`` raises HyperparameterError for combinations that make no sense.
    torch, optax : str or callable
        Oracles: name of the class in ``torch.optim``; ``optax(optax, **hypers)``.
    """

    name: str
    update: Callable[..., dict[str, Any]]
    hypers: Mapping[str, Hyper] = field(default_factory=dict)
    slots: Mapping[str, Slot] = field(default_factory=dict)
    latex: tuple[tuple[str, str], ...] = ()
    scope: str = "element"
    needs: frozenset[str] = frozenset()
    average: str = ""
    tuples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    check: Callable[[Any], None] | None = None
    title: str = ""
    torch: str | None = None
    optax: Callable[..., Any] | None = None
    references: tuple[str, ...] = ()
    lesson: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    builtin: bool = False

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise RuleError(f"{self.name}: scope {self.scope!r}", None, "one of " + ", ".join(SCOPES))
        object.__setattr__(self, "__doc__", self.update.__doc__)
        object.__setattr__(self, "__name__", self.name)
        object.__setattr__(self, "__module__", self.update.__module__)

    @classmethod
    def _named(cls, name: str) -> Any:
        return RULES.get(name)

    def __call__(self, *_: Any, **__: Any) -> Any:
        """A row is a formula without parameters: the call says what makes an optimizer of it.

        Raises
        ------
        CapabilityError
        """
        raise CapabilityError(
            f"{self.name}: a rule holds no parameters and cannot be called", "the class made from it does",
            "tl.optim.class_of(rule)(params, lr=...)",
        )

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (self.update.__doc__ or "").strip().split("\n")[0]

    @property
    def class_name(self) -> str:
        """Name of the torch-shaped class."""
        return self.title or "".join(w.capitalize() for w in self.name.split("_"))

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All hyperparameters, checked, defaults and the row's own settings filled in.

        Raises
        ------
        HyperparameterError
            Naming the rule, the argument, the value and what is allowed.
        """
        flat: dict[str, Any] = {}
        for name, value in {**self.given, **given}.items():
            if name in self.tuples:
                parts = self.tuples[name]
                if not isinstance(value, tuple | list) or len(value) != len(parts):
                    raise HyperparameterError(
                        f"{self.class_name}: {name}={value!r} is not allowed", f"{name} must be {len(parts)} numbers"
                    )
                flat |= dict(zip(parts, value, strict=True))
            else:
                flat[name] = value
        out = check_all(self.class_name, self.hypers, flat)
        if self.check is not None:
            self.check(SimpleNamespace(**out))
        return out

    def active(self, h: Any) -> dict[str, Slot]:
        """Slots that exist under these hyperparameters."""
        return {k: s for k, s in self.slots.items() if not s.when or getattr(h, s.when)}

    def start(self, p: Any, h: Any, xp: Any = None) -> dict[str, Any]:
        """Slots before the first step."""
        xp = xp or device_of(p).xp
        return {k: s.first(xp, p, h) for k, s in self.active(h).items()}

    def terms(self, g: Any, p: Any, slots: Mapping[str, Any], h: Any, t: Any, xp: Any = None) -> dict[str, Any]:
        """Every named term of one step, ``"delta"`` included."""
        out = self.update(xp or device_of(p).xp, g, p, SimpleNamespace(**slots), h, t)
        if not isinstance(out, Mapping):
            raise RuleTypeError(
                f"{self.name}: the update returned {type(out).__name__}", "it returns every term by name",
                'return {"delta": step}',
            )
        missing = [k for k in ("delta", *slots) if k not in out]
        if missing:
            raise RuleError(f"{self.name}: the update returned no {missing[0]!r}", f"it returned {', '.join(out)}")
        return out

    def with_hypers(self, **given: Any) -> UpdateRule:
        """The same rule with other defaults."""
        self.resolve(given)
        return replace(self, given={**self.given, **given})

    def card(self) -> str:
        """What the row knows, as Markdown: formula, hyperparameters, state, scope, its names elsewhere, papers."""
        inside = {part: name for name, parts in self.tuples.items() for part in parts}
        lines = [f"**`{code(self.class_name)}`** {prose(self.summary)}", ""]
        lines += [f"${left} = {right}$  " for left, right in self.latex] + [""]
        for k, h in self.hypers.items():
            where = f" in `{inside[k]}`" if k in inside else ""
            value = "required" if h.default is REQUIRED else f"default {_short(h.default)}"
            lines.append(f"- `{k}`{f' ${h.symbol}$' if h.symbol else ''}{where}: {prose(h.allowed)}, {value}")
        facts = [SCOPES[self.scope]]
        if self.slots:
            facts.append(f"state {', '.join(f'`{k}`' for k in self.slots)}")
        if self.average:
            facts.append(f"`opt.averages` are the slot `{self.average}`")
        facts += [f"`torch.optim.{self.torch}`"] if self.torch else []
        return "\n".join([*lines, "", "; ".join(facts) + ".", "", *(f"{prose(r)}  " for r in self.references)]).rstrip()

    def _repr_markdown_(self) -> str:
        return self.card()

    def __repr__(self) -> str:
        return f"<rule {visible(self.name)}: {visible(self.summary)}>"


def _short(value: Any) -> str:
    return f"`{code(getattr(value, '__name__', None) or repr(value))}`"


def update_rule(**fields: Any) -> Callable[[Callable[..., dict[str, Any]]], UpdateRule]:
    """Declare an optimizer: the decorated function becomes its row and enters the table."""

    def wrap(update: Callable[..., dict[str, Any]]) -> UpdateRule:
        row = dict(fields)
        name = identifier(row.pop("name", update.__name__.rstrip("_")))
        builtin = (update.__module__ or "").startswith("torchlean_nb.")
        rule = UpdateRule(name=name, update=update, builtin=builtin, **row)
        old = (RULES.rows if builtin else RULES).get(name)
        if old is not None and (old.builtin or builtin):
            raise RuleError(f"update rule {name!r} exists already", f"it is {old!r}", "another name")
        RULES[name] = rule
        return rule

    return wrap


def rule_of(name: str) -> UpdateRule:
    """Row of that name or class name.

    Raises
    ------
    UnknownNameError
        With the closest known names.
    """
    rule = RULES.named(name)
    if rule is None:
        raise UnknownNameError(f"no update rule named {name!r}", did_you_mean(name, RULES))
    return rule
