"""Rows: one frozen record per op, which is also the public function.

A row carries all the knowledge about an op. Its rules take the array namespace ``xp`` first,
arrays by position and attributes by keyword, and never look at a value, so the same lines
compute, are recorded, compiled, or run in exact fractions.

=============  ==========================================================================
``forward``    ``f(xp, *arrays, **attrs) -> y`` or, with `residuals`, ``(y, saved)``
``partials``   elementwise: ``p_i(xp, t, y, [saved,] *arrays, **attrs)``, `t` times the i-th partial;
               the same line is the VJP (`t` the cotangent) and the JVP (`t` the tangent)
``vjps``       ``v_i(xp, g, y, [saved,] *arrays, **attrs)``, cotangent of argument i
``jvps``       ``j_i(xp, t, y, [saved,] *arrays, **attrs)``, tangent of y from argument i
=============  ==========================================================================

Linear rows give VJPs only: their JVP is the op itself on the tangent. None stands where an
argument has no derivative (indices, masks). Broadcasting, zero cotangents and accumulation are
the sweep's business and never appear in a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

from numpy import ndarray

from torchlean_nb import tex
from torchlean_nb.backend.devices import common, is_foreign
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.backend.reading import read
from torchlean_nb.domains import REAL, Arg, Domain, Sample
from torchlean_nb.errors import HandleTypeError, RuleError, UnknownNameError, did_you_mean
from torchlean_nb.escape import code, identifier, prose, visible

REQUIRED = object()
CO_VARARGS = 0x04
OPS: dict[str, Op] = {}
FUNCTIONS: dict[str, Callable[..., Any]] = {}
_LISTENERS: list[Callable[[Any], None]] = []
_ALIASES = {"dim": "axis", "keepdim": "keepdims"}


@dataclass(frozen=True, eq=False)
class Op:
    """One op: callable, and readable as data.

    Parameters
    ----------
    name : str
    forward : callable
        ``forward(xp, *arrays, **attrs)``.
    kind : {"elementwise", "linear", "multilinear", "general", "constant"}
        How the JVP follows: from the partials; the op on all tangents at once; the op on one
        tangent at a time; its own ``jvps``; never.
    partials, vjps, jvps : tuple of (callable or None)
        One per argument; a variadic op gives one, which gets ``arg=`` with the argument number, and the arguments
        only where it takes ``*xs``.
    shape : callable or None
        ``shape(*shapes, **attrs) -> shape``, raising ShapeError; None means broadcasting.
    check : callable or None
        ``check(*arrays, **attrs)`` on values before anything runs: index ranges, option ranges.
    prepare : callable or None
        ``prepare(args, kwargs) -> (args, kwargs)``: other ways of writing the call, such as a list
        of arrays, or PyTorch's argument order.
    latex, dlatex : str, tuple of str
        Templates (see `tex`) of the value and, per argument, of the partial (elementwise) or of
        the contribution to the argument's gradient.
    terms : tuple
        Per argument an ``(einsum, left, right)`` that spells out the contribution's entries.
    domain : tuple of Domain
        Per argument; the last one repeats.
    samples : tuple of Sample
        Inputs for the laws.
    exact : bool
        Integers in float64 stay exact through forward and rules.
    residuals, primitive, variadic, method : bool
    numpy : str or None
        The NumPy function that does the same; it dispatches here and must agree to the bit.
    torch : callable or None
        ``torch(torch, *tensors, **attrs)``, the oracle.
    references : tuple of str
    lesson : str
        Number of the lesson that explains it.
    """

    name: str
    forward: Callable[..., Any]
    kind: str = "general"
    partials: tuple[Callable[..., Any] | None, ...] = ()
    vjps: tuple[Callable[..., Any] | None, ...] = ()
    jvps: tuple[Callable[..., Any] | None, ...] = ()
    shape: Callable[..., tuple[int, ...]] | None = None
    check: Callable[..., None] | None = None
    prepare: Callable[[tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]] | None = None
    latex: str = ""
    dlatex: tuple[str, ...] = ()
    terms: tuple[tuple[str, ...] | None, ...] = ()
    domain: tuple[Domain, ...] = (REAL,)
    samples: tuple[Sample, ...] = ()
    exact: bool = False
    residuals: bool = False
    primitive: bool = False
    variadic: bool = False
    method: bool = True
    singular: bool = False
    numpy: str | None = None
    torch: Callable[..., Any] | None = None
    references: tuple[str, ...] = ()
    lesson: str = ""
    builtin: bool = False
    args: tuple[str, ...] = field(init=False)
    attrs: Mapping[str, Any] = field(init=False)
    optional: int = field(init=False)
    plain: bool = field(init=False)
    blind: bool = field(init=False)  # rules that take no arguments: to pass thousands takes time
    rules: tuple[Callable[..., Any] | None, ...] = field(init=False)
    call: Callable[..., Any] | None = field(init=False, default=None, repr=False)  # these two are written for the row
    pull: Callable[..., Any] | None = field(init=False, default=None, repr=False)  # when it is first used on a tape

    def __post_init__(self) -> None:
        # Read off the code object: inspect.signature would cost more than the rest of the import.
        code, default = self.forward.__code__, self.forward.__kwdefaults__ or {}
        variadic = bool(code.co_flags & CO_VARARGS)
        n, k = code.co_argcount, code.co_kwonlyargcount
        names = [*code.co_varnames[1:n], *code.co_varnames[n + k : n + k + variadic]]
        attrs = {a: default.get(a, REQUIRED) for a in code.co_varnames[n : n + k]}
        optional = len(self.forward.__defaults__ or ())
        set_ = object.__setattr__
        set_(self, "args", tuple(names))
        set_(self, "attrs", attrs)
        set_(self, "optional", optional)
        set_(self, "variadic", variadic)
        set_(self, "rules", self.partials or self.vjps)
        rules = [getattr(rule, "__code__", code) for rule in self.rules]
        set_(self, "blind", variadic and not any(rule.co_flags & CO_VARARGS for rule in rules))
        set_(self, "plain", not (variadic or self.prepare or REQUIRED in attrs.values()))
        set_(self, "__doc__", self.forward.__doc__)
        set_(self, "__name__", self.name)
        set_(self, "__qualname__", self.name)
        set_(self, "__module__", self.forward.__module__)
        set_(self, "__wrapped__", self.forward)
        if self.kind != "constant" and not variadic and len(self.rules) != len(names):
            raise RuleError(
                f"{self.name}: {len(self.rules)} derivative rules for {len(names)} arguments",
                f"arguments: {', '.join(names)}", "one rule per argument, None for indices and masks",
            )

    # -- reading ---------------------------------------------------------------------------
    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (self.forward.__doc__ or "").strip().split("\n")[0]

    def rule(self, i: int) -> Callable[..., Any] | None:
        """Derivative rule of argument `i`, or None where there is none."""
        if not self.rules:
            return None
        return self.rules[min(i, len(self.rules) - 1) if self.variadic else i]

    def domain_of(self, i: int) -> Domain:
        """Domain of argument `i`."""
        return self.domain[min(i, len(self.domain) - 1)]

    def value_latex(self, present: Sequence[bool] | None = None) -> str:
        """Template of the value, for the arguments that are present."""
        template = self.latex or rf"\mathrm{{{tex.escape(self.name)}}}(#*)"
        return tex.operands(template, present or [True] * len(self.args))

    def contribution_latex(self, i: int, present: Sequence[bool] | None = None) -> str:
        """Template of what argument `i` receives, upstream gradient included."""
        if not self.dlatex:
            return "#g"
        d = tex.operands(self.dlatex[min(i, len(self.dlatex) - 1)], present or [True] * len(self.args))
        if self.kind != "elementwise":
            return d
        return "#g" if d == "1" else "-#g" if d == "-1" else rf"#g \odot {tex.group(d)}"

    def card(self) -> str:
        """What the row knows, as Markdown: signature, formulas, domain, twin, references."""
        names = {str(i + 1): tex.name(a) for i, a in enumerate(self.args)} | {"y": "y", "g": r"\bar{y}"}
        names |= {k: tex.name(k) for k in self.attrs}
        value = tex.fill(self.value_latex(), names)
        lines = [f"**`{code(self.name)}{self.signature()}`** {prose(self.summary)}", "", f"$y = {value}$", ""]
        for i, a in enumerate(self.args):
            if self.rule(i) is None:
                lines.append(f"- `{a}`: no derivative")
            else:
                c = tex.fill(self.contribution_latex(i), names)
                lines.append(f"- `{a}` {prose(self.domain_of(i).text)}, receives $\\bar{{{names[str(i + 1)]}}} = {c}$")
        facts = [f"NumPy: `np.{self.numpy}`" if self.numpy else "", f"Lesson {self.lesson}" if self.lesson else ""]
        return "\n".join([*lines, "", "  \n".join([*filter(None, facts), *map(prose, self.references)])]).rstrip()

    def _repr_markdown_(self) -> str:
        return self.card()

    def __repr__(self) -> str:
        return f"<op {visible(self.name)}: {visible(self.summary)}>"

    def __reduce__(self) -> Any:
        return _lookup, (self.name,)

    # -- calling ---------------------------------------------------------------------------
    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Split a user's call into arrays and attributes; positional attributes are accepted."""
        if self.prepare is not None:
            args, kwargs = self.prepare(args, kwargs)
        for old, new in _ALIASES.items():
            if old in kwargs and old not in self.attrs and new in self.attrs:
                kwargs[new] = kwargs.pop(old)
        if not self.variadic:
            n = len(self.args)
            for k, v in zip(self.attrs, args[n:], strict=False):
                if k in kwargs:
                    raise TypeError(f"{self.name}() got multiple values for {k!r}")
                kwargs[k] = v
            extra = args[n + len(self.attrs) :]
            args = args[:n]
            for i in range(len(args), n):
                skipped = i >= n - self.optional and any(k in kwargs for k in self.args[i:])
                if self.args[i] not in kwargs and not skipped:
                    break
                args = (*args, kwargs.pop(self.args[i], None))
            if extra or len(args) < n - self.optional:
                raise TypeError(f"{self.name}{self.signature()}: got {len(args) + len(extra)} arguments")
        unknown = [k for k in kwargs if k not in self.attrs]
        if unknown:
            raise TypeError(f"{self.name}() has no option {unknown[0]!r}; {did_you_mean(unknown[0], self.attrs)}")
        missing = [k for k, v in self.attrs.items() if v is REQUIRED and k not in kwargs]
        if missing:
            raise TypeError(f"{self.name}{self.signature()}: {missing[0]} is missing")
        return args, kwargs

    def signature(self) -> str:
        """Signature as users write it."""
        p = [f"*{a}" if self.variadic else a for a in self.args]
        p += [k if v is REQUIRED else f"{k}={v!r}" for k, v in self.attrs.items()]
        return f"({', '.join(p)})"

    @property
    def __signature__(self) -> Any:
        """The same for `inspect.signature`: that of the forward rule without the namespace."""
        from inspect import signature  # noqa: PLC0415 - costs more than the rest of the import

        whole = signature(self.forward)
        return whole.replace(parameters=[*whole.parameters.values()][1:])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Record a node when an argument is a handle, else just compute."""
        missing = len(self.args) - len(args)
        if self.plain and not kwargs and 0 <= missing <= self.optional:
            args, attrs = (*args, *(None,) * missing), kwargs
        else:
            args, attrs = self.bind(args, kwargs)
        for a in args:
            apply = getattr(a, "__tl_apply__", None)
            if apply is not None:
                return apply(self, args, attrs)
        where = common(args)
        xp = numpy_namespace() if where is None else where.xp
        arrays = tuple(self.left_out(k) if a is None else _operand(self, k, a, xp) for k, a in enumerate(args))
        attrs = {**self.attrs, **attrs}
        if self.check:
            self.check(*arrays, **attrs)
        try:
            return self.run(xp, *arrays, **attrs)
        except (ValueError, TypeError, IndexError):
            if self.shape:
                self.shape(*[a.shape for a in arrays if a is not None], **attrs)  # words the error
            raise

    def left_out(self, k: int) -> None:
        """None for argument `k`, where it may be left out.

        Raises
        ------
        HandleTypeError
            Where it may not.
        """
        if self.variadic or k < len(self.args) - self.optional:
            raise _missing(self.__name__, k)

    def run(self, xp: Any, *arrays: Any, **attrs: Any) -> Any:
        """Value without residuals, under any namespace."""
        y = self.forward(xp, *arrays, **attrs)
        return y[0] if self.residuals else y

    def with_(self, **changes: Any) -> Op:
        """A copy with some fields changed (for mutation tests and oracles)."""
        return replace(self, **changes)


def _missing(name: str, k: int) -> HandleTypeError:
    return HandleTypeError(f"{name}: argument {k} is None", "it needs a Tensor, a Param or numbers")


def _operand(f: Any, k: int, a: Any, xp: Any = None) -> Any:
    """Array of an argument that is no handle, on the device of `xp`."""
    if xp is not None and xp.device is not None:
        return xp.asarray(a if is_foreign(a) else read(a, f"{f.__name__}: argument {k}"))
    return read(a, f"{f.__name__}: argument {k}")


def _lookup(name: str) -> Op:
    if name not in OPS:
        raise UnknownNameError(f"no op named {name!r} is registered", did_you_mean(name, OPS))
    return OPS[name]


lookup = _lookup


def register(op: Op) -> Op:
    """Put a row into the table; a row of your own may replace your own, not a built-in one."""
    old = OPS.get(op.name)
    if old is not None and (old.builtin or op.builtin):
        raise RuleError(f"op {op.name!r} exists already", f"it is {old!r}", "another name")
    OPS[op.name] = op
    for listener in _LISTENERS:
        listener(op)
    return op


def on_register(listener: Callable[[Any], None]) -> None:
    """Call `listener` for every row and function there is and for every one to come."""
    for thing in (*OPS.values(), *FUNCTIONS.values()):
        listener(thing)
    _LISTENERS.append(listener)


def function(f: Callable[..., Any]) -> Callable[..., Any]:
    """Offer a plain function made of rows beside them, where one call is several nodes.

    Its arrays are those named ``x``, ``target`` and ``weight``: it gets handles and arrays of them, never lists.
    """
    names = f.__code__.co_varnames[: f.__code__.co_argcount]
    arrays = [k for k, name in enumerate(names) if name in ("x", "target", "weight")]
    needed = len(names) - len(f.__defaults__ or ())

    @wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        while len(args) < len(names) and names[len(args)] in kwargs:
            args = (*args, kwargs.pop(names[len(args)]))
        for k in arrays:
            if k < len(args):
                a = args[k]
                if a is None and k < needed:
                    raise _missing(f.__name__, k)
                if a is not None and (isinstance(a, ndarray) or not hasattr(a, "shape")):
                    args = (*args[:k], _operand(f, k, a), *args[k + 1 :])
        return f(*args, **kwargs)

    FUNCTIONS[f.__name__] = call
    for listener in _LISTENERS:
        listener(call)
    return call


def _decorator(kind: str, **fixed: Any) -> Callable[..., Callable[[Callable[..., Any]], Op]]:
    def declare(**fields: Any) -> Callable[[Callable[..., Any]], Op]:
        def wrap(forward: Callable[..., Any]) -> Op:
            row = dict(fixed) | fields
            name = identifier(row.pop("name", forward.__name__.rstrip("_")))
            builtin = (forward.__module__ or "").startswith("torchlean_nb.")
            return register(Op(name=name, forward=forward, kind=kind, builtin=builtin, **row))

        return wrap

    return declare


elementwise = _decorator("elementwise")
linear = _decorator("linear", exact=True)
multilinear = _decorator("multilinear", exact=True)
general = _decorator("general")
constant = _decorator("constant")

__all__ = [
    "FUNCTIONS", "OPS", "Arg", "Op", "Sample", "constant", "elementwise", "function", "general", "linear", "lookup",
    "multilinear", "on_register", "register",
]  # fmt: skip
