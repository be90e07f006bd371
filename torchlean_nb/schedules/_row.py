"""Schedules as rows: a pure function of the step, its hyperparameters, and its formula.

A row is also the public function that makes a `Schedule`: ``cosine(0.1, total=100)``. A `Schedule` knows no
counter: ``s(k)`` is the value at the 0-based step `k`, the same whenever and in whatever order it is asked, so
that resuming needs nothing but `k`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from torchlean_nb import tex
from torchlean_nb.errors import (
    HyperparameterError,
    HyperparameterTypeError,
    NonFiniteError,
    RuleError,
    UnknownNameError,
    did_you_mean,
    quote,
)
from torchlean_nb.escape import code, prose, visible
from torchlean_nb.hypers import REQUIRED, Hyper, check_all

SCHEDULES: dict[str, Row] = {}
Fail = Callable[[str, str], HyperparameterError]


@dataclass(frozen=True, eq=False)
class Row:
    """One kind of schedule; calling it makes a `Schedule`.

    Parameters
    ----------
    name : str
    f : callable
        ``f(k, **hypers) -> value``.
    hypers : dict of str to Hyper
        Defaults are those of `f`.
    latex : str or callable
        Formula in the symbols of the hyperparameters and ``k``; of compositions, a function of their values.
    points : callable
        ``points(**hypers)``: the steps at which one piece ends and the next begins.
    check : callable or None
        ``check(values, fail)``: what no single range can say; may replace values, and raises ``fail(name, why)``,
        in which ``{name}`` stands for the name of another one.
    jumps, signed, fractional : bool
        Whether it jumps at its points, may be negative, and takes steps between the whole ones.
    torch, optax, torchlean, transformers : str
        Its name there.
    samples : tuple of dict
        Hyperparameters for the laws.
    """

    name: str
    f: Callable[..., float]
    hypers: Mapping[str, Hyper]
    latex: str | Callable[..., str]
    points: Callable[..., Any] = lambda **_: ()
    check: Callable[[dict[str, Any], Fail], None] | None = None
    jumps: bool = False
    signed: bool = False
    fractional: bool = False
    torch: str = ""
    optax: str = ""
    torchlean: str = ""
    transformers: str = ""
    samples: tuple[Mapping[str, Any], ...] = ()
    builtin: bool = False

    def __post_init__(self) -> None:
        code, given = self.f.__code__, self.f.__kwdefaults__ or {}
        names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        if set(names) != set(self.hypers):
            raise RuleError(f"{self.name}: hypers are {list(self.hypers)}, but the function takes {list(names)}")
        hypers = {n: replace(self.hypers[n], default=given.get(n, self.hypers[n].default)) for n in names}
        for key, value in {"hypers": hypers, "__doc__": self.f.__doc__, "__name__": self.name,
                           "__qualname__": self.name, "__module__": self.f.__module__, "__wrapped__": self.f}.items():
            object.__setattr__(self, key, value)

    def __call__(self, *args: Any, **given: Any) -> Schedule:
        """A schedule with these hyperparameters, in the order of the row or by name."""
        if "parts" in self.hypers and args and isinstance(args[0], Schedule):
            raise HyperparameterTypeError(
                f"{self.name}: schedules one by one", "they come in a list, and the steps where they meet in another",
                f"{self.name}([a, b, c], [100, 200])",
            )
        if len(args) > len(self.hypers):
            raise HyperparameterError(f"{self.name}: {len(args)} arguments, but it takes {', '.join(self.hypers)}")
        for name, value in zip(self.hypers, args, strict=False):
            if name in given:
                raise HyperparameterError(f"{self.name}: {name} is given twice")
            given[name] = value
        return self.make(given)

    def make(self, given: Mapping[str, Any], owner: str = "", names: Mapping[str, str] | None = None) -> Schedule:
        """A schedule; errors speak of `owner` and call hyperparameters by `names`."""
        owner, names = owner or self.name, names or {}
        back = {names.get(n, n): n for n in self.hypers}
        hypers = {out: self.hypers[n] for out, n in back.items()}
        checked = check_all(owner, hypers, {names.get(n, n): v for n, v in given.items()})
        values = {back[out]: v for out, v in checked.items()}

        outward = {n: names.get(n, n) for n in self.hypers}

        def fail(name: str, why: str) -> HyperparameterError:
            what = f"{owner}: {outward[name]}={quote(values[name])} is not allowed"
            return HyperparameterError(what, f"{outward[name]} {why.format_map(outward)}")

        if self.check:
            self.check(values, fail)
        return Schedule(self, tuple(values.items()))

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (self.f.__doc__ or "").strip().split("\n")[0]

    def card(self) -> str:
        """What the row knows, as Markdown: formula, hyperparameters, and its names elsewhere."""
        lines = [f"**`{code(self.name)}`** {prose(self.summary)}", ""]
        lines += [f"${self.latex}$", ""] if isinstance(self.latex, str) else []
        for name, h in self.hypers.items():
            default = "" if h.default is REQUIRED else f", default `{code(repr(h.default))}`"
            lines.append(f"- `{name}`{f' ${h.symbol}$' if h.symbol else ''}: {prose(h.allowed)}{default}")
        twins = {"PyTorch": self.torch, "optax": self.optax, "TorchLean": self.torchlean,
                 "Transformers": self.transformers}  # fmt: skip
        names = ", ".join(f"{who}: `{code(twin)}`" for who, twin in twins.items() if twin)
        return "\n".join([*lines, "", names]).strip()

    def _repr_markdown_(self) -> str:
        return self.card()

    def __repr__(self) -> str:
        return f"<schedule {visible(self.name)}: {visible(self.summary)}>"

    def __reduce__(self) -> Any:
        return lookup, (self.name,)


@dataclass(frozen=True, repr=False)
class Schedule:
    """A value for every step ``k = 0, 1, 2, ...``: callable, comparable, composable.

    Examples
    --------
    >>> from torchlean_nb.schedules import cosine, linear_warmup, join
    >>> s = join([linear_warmup(0.1, 5), cosine(0.1, total=20)], [5])
    >>> [round(s(k), 4) for k in (0, 5, 15, 25)]
    [0.0, 0.1, 0.05, 0.0]
    >>> (2 * s)(5)
    0.2
    """

    row: Row
    items: tuple[tuple[str, Any], ...]

    @property
    def name(self) -> str:
        """Name of the row."""
        return self.row.name

    @property
    def hypers(self) -> dict[str, Any]:
        """Values of the hyperparameters."""
        return dict(self.items)

    @property
    def latex(self) -> str:
        """The formula, a function of ``k``."""
        return self.row.latex if isinstance(self.row.latex, str) else self.row.latex(**self.hypers)

    @property
    def numbers(self) -> str:
        """What the symbols of the formula stand for, as LaTeX."""
        known = [(self.row.hypers[n].symbol, v) for n, v in self.items]
        plain = [(s, v) for s, v in known if s and isinstance(v, (int, float)) and not isinstance(v, bool)]
        return r",\;".join(f"{s} = {tex.number(v, 6)}" for s, v in plain)

    @property
    def points(self) -> tuple[int, ...]:
        """Steps at which a new piece begins, for plots; whole, ascending, without 0."""
        return tuple(sorted({p for p in self.row.points(**self.hypers) if p > 0}))

    def __call__(self, k: Any) -> Any:
        """Value at step `k`, or at every step of an integer array.

        Raises
        ------
        HyperparameterError
            For a negative step, or one that is not whole.
        NonFiniteError
            Where the value is not a finite number.
        """
        if getattr(k, "shape", ()):
            out = k.astype(float)
            out.flat = [self(i) for i in k.ravel().tolist()]
            return out
        k = self._step(k)
        try:
            value = float(self.row.f(k, **self.hypers))
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise NonFiniteError(f"{self.name}: the value at step {k} is {value}", f"it is {self!r}")
        return value

    def _step(self, k: Any) -> Any:
        if isinstance(k, float) and self.row.fractional and math.isfinite(k):
            step = k
        else:
            try:
                step = operator.index(k)
            except TypeError:
                raise HyperparameterTypeError(
                    f"{self.name}: step={quote(k)} is a {type(k).__name__}", "a step is an int >= 0"
                ) from None
        if step < 0 or isinstance(k, bool):
            raise HyperparameterError(f"{self.name}: step={k!r} is not allowed", "a step is an int >= 0")
        return step

    def values(self, stop: int) -> list[float]:
        """Values of the first `stop` steps."""
        return [self(k) for k in range(stop)]

    def with_(self, **changes: Any) -> Schedule:
        """A copy with some hyperparameters changed, checked again."""
        return self.row.make({**self.hypers, **changes})

    def __mul__(self, c: Any) -> Schedule:
        return lookup("scale")(self, c) if isinstance(c, (int, float)) else NotImplemented

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Schedule:
        return lookup("add")(self, other) if isinstance(other, Schedule) else NotImplemented

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{n}={v!r}' for n, v in self.items)})"

    def _repr_markdown_(self) -> str:
        return f"`{code(self.name)}`: {prose(self.row.summary)}\n\n${self.latex}$\n\n${self.numbers}$"


def lookup(name: str) -> Row:
    """The row of this name.

    Raises
    ------
    UnknownNameError
    """
    if name not in SCHEDULES:
        if name in available():
            kind = "a class" if name[0].isupper() else "a function"
            where = "tl.optim.lr_scheduler" if name[0].isupper() else "tl.schedules"
            raise UnknownNameError(f"{name} is {kind} of {where}, not a row", None, f"{where}.{name}")
        raise UnknownNameError(f"no schedule named {quote(name)}", did_you_mean(name, SCHEDULES))
    return SCHEDULES[name]


def available() -> list[str]:
    """Names of all that moves a rate, in `torchlean_nb.schedules`: the rows, and the schedulers that use them.

    Examples
    --------
    >>> {"cosine", "sgdr", "CosineAnnealingLR", "reduce_on_plateau"} <= set(available())
    True
    """
    schedulers = import_module("torchlean_nb.schedules.lr_scheduler").__all__
    return sorted({*SCHEDULES, "sgdr", "reduce_on_plateau", *schedulers} - {"LRScheduler"})


def schedule(**fields: Any) -> Callable[[Callable[..., float]], Row]:
    r"""Make the function below a row of the table; its keyword arguments are the hyperparameters.

    Examples
    --------
    >>> from torchlean_nb.hypers import Hyper
    >>> from torchlean_nb.schedules import SCHEDULES, schedule
    >>> @schedule(hypers={"base": Hyper(symbol="b", low=0.0)}, latex=r"\frac{b}{k+1}")
    ... def harmonic(k, *, base):
    ...     return base / (k + 1)
    >>> harmonic(1.0)(3)
    0.25
    >>> del SCHEDULES["harmonic"]
    """

    def wrap(f: Callable[..., float]) -> Row:
        builtin = (f.__module__ or "").startswith("torchlean_nb.")
        row = Row(name=fields.pop("name", f.__name__.rstrip("_")), f=f, builtin=builtin, **fields)
        old = SCHEDULES.get(row.name)
        if old is not None and (old.builtin or builtin):
            raise RuleError(f"schedule {row.name!r} exists already", f"it is {old!r}", "another name")
        SCHEDULES[row.name] = row
        return row

    return wrap
