"""Program: a function traced once and replayed as straight-line NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import FunctionType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from torchlean_nb.backend import devices
from torchlean_nb.backend.devices import host
from torchlean_nb.backend.quiet import quietly
from torchlean_nb.compiler import scalars
from torchlean_nb.compiler.arguments import as_arguments, check_count, chosen, fetched, form, names_of, takes, title_of
from torchlean_nb.compiler.derivatives import Derivatives
from torchlean_nb.compiler.history import Reading, otherwise
from torchlean_nb.compiler.lowering import Graph, lowered
from torchlean_nb.compiler.passes import simplified
from torchlean_nb.compiler.plan import Plan, plan
from torchlean_nb.compiler.recording import Recording, record, uncollected
from torchlean_nb.compiler.showing import Showing
from torchlean_nb.compiler.source import constants, source
from torchlean_nb.copies import has_name
from torchlean_nb.engine.param import Param
from torchlean_nb.engine.tensor import Ref
from torchlean_nb.engine.transforms import value_and_grad
from torchlean_nb.errors import HandleTypeError, SerializationError, ThreadError, quote

if TYPE_CHECKING:
    from torchlean_nb.compiler.train_step import TrainStep

KEPT = 8  # programs for other shapes or types


class _Made(SimpleNamespace):
    """A program for arguments of one kind."""

    @cached_property
    def plan(self) -> Plan:
        """Its use of memory; lone numbers need none."""
        return plan(self.graph)


class Program(Derivatives, Showing, Reading):
    """A compiled function; calling it gives the bits of calling the function itself.

    It is compiled for the shapes and types of its arguments, and again for others; the last few are kept.
    The arrays it computes in are made once, so it is not to be used from two threads at a time.

    Parameters
    ----------
    f : callable
        Takes Tensors, returns a Tensor or a tuple of them.
    examples : sequence of array_like
        Arguments of the first program.
    argnums : int, tuple of int or None
        Arguments by which `value_and_grad` differentiates.
    wrt : bool
        Whether this program computes the gradient, too.
    device : Device or str, optional
        Where it runs: by default where the examples are, else the default device. NumPy arrays and lists are put
        there and results come back as NumPy arrays; as soon as an argument lives there, results stay there.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> p = compile(lambda w, x: ((w * x) ** 2).sum(), [1.0, 2.0], [3.0, 4.0])
    >>> float(p([1.0, 2.0], [3.0, 4.0]))
    73.0
    >>> value, slope = p.value_and_grad([1.0, 2.0], [3.0, 4.0])
    >>> slope.tolist()
    [18.0, 64.0]
    """

    def __init__(
        self, f: Callable[..., Any], examples: Sequence[Any], argnums: Any = 0, wrt: bool = False, fast: bool = False,
        recorded: Recording | None = None, device: Any = None,
    ):  # fmt: skip
        self.device = (devices.common(examples) if device is None else None) or devices.device(device)
        self.far = self.device if self.device.lib is not None else None
        # Copies: what the arguments are views of shall not be kept alive.
        self.f, self.argnums = f, argnums
        self.examples = tuple([np.array(host(a)) for a in as_arguments(examples, device=self.far)])
        self.wrt, self.fast = chosen(argnums, len(self.examples)) if wrt else None, fast
        self._made: dict[Any, SimpleNamespace] = {}
        self._last: SimpleNamespace | None = None
        # Recorded at once, so that what cannot be compiled is said here; the rest waits until someone asks.
        self._tape: Recording | None = recorded or self._record(self.examples)
        if wrt:
            self._tape.scalar()

    @cached_property
    def _first(self) -> SimpleNamespace:
        """The program for the examples."""
        return self._for(list(self.examples))

    def __call__(self, *args: Any) -> Any:
        """Results as arrays: of the function; with gradients ``(value, gradient)``.

        Of a function that returns a tuple the gradient is that of its first result. Given Tensors or Params, the
        function itself runs, so that what uses it can be differentiated.
        """
        made, back = self._last, False
        if made is None or not made.takes(*args):
            try:
                args = as_arguments(args, device=self.far)
            except HandleTypeError:
                if any(isinstance(a, Ref | Param) for a in args):
                    return self._recorded(args)
                raise
            made = self._last = self._for(args)
            if self.far is not None:
                back = not any(map(self.far.owns, args))
                args = [a if self.far.owns(a) else self.far.put(a) for a in args]
        try:
            out = made.quietly(made.step, *args)
        except RuntimeError as e:
            if "is already entered" not in str(e):
                raise
            raise ThreadError(f"compiled {title_of(self.f)} is running already", None, "a program per thread") from None
        if back:
            out = tuple(map(fetched, out))
        if self.wrt is None:
            return out if made.several else out[0]
        n = len(out) - len(self.wrt)
        return out[:n] if made.several else out[0], out[n] if isinstance(self.argnums, int) else out[n:]

    def _recorded(self, args: tuple[Any, ...]) -> Any:
        if self.wrt is not None:
            return value_and_grad(self.f, self.argnums)(*args)
        return self.f(*args)

    @cached_property
    def value_and_grad(self) -> Program:
        """The program that also gives the gradient, a callable with a source of its own.

        Raises
        ------
        NonScalarError
        """
        recorded = self._recording(self.examples)
        return Program(
            self.f, self.examples, self.argnums, wrt=True, fast=self.fast, recorded=recorded, device=self.device
        )

    @property
    def rows(self) -> Mapping[str, Any] | None:
        """Rows with faster rules, if it was compiled with ``fast``."""
        if not self.fast:
            return None
        from torchlean_nb.compiler.fast import faster  # noqa: PLC0415 - most programs do without

        return faster()

    def on(self, device: Any) -> Program:
        """The same for another device, which compiles anew.

        Examples
        --------
        >>> compile(lambda x: x * x, 2.0).on("cpu").device
        Device 'cpu'
        """
        f, rewrite, examples, argnums, wrt, fast, _ = self._recipe()
        return _again(f, rewrite, examples, argnums, wrt, fast, device)

    def train_step(self, opt: Any) -> TrainStep:
        """Forward, backward and the update of an optimizer as one straight line: ``step(*data) -> loss``.

        Parameters
        ----------
        opt : Optimizer
            Of the arguments `argnums`, in this order.

        Raises
        ------
        HyperparameterError, ShapeError
        """
        from torchlean_nb.compiler.train_step import TrainStep  # noqa: PLC0415 - made of programs itself

        return TrainStep(self, opt)

    @property
    def source(self) -> str:
        """Python of the program for the examples; paste it and call ``step``."""
        return self._first.source

    @property
    def graph(self) -> Graph:
        """Its primitives."""
        return self._first.graph

    @property
    def plan(self) -> Plan:
        """Its use of memory."""
        return self._first.plan

    def explain(self) -> str:
        """What became of the function, in words and numbers."""
        made = self._first
        lines = [x for x in made.graph.lines if x.op not in ("input", "const")]
        each = sum(int(np.prod(x.shape, dtype=int)) * x.dtype.itemsize for x in lines if not x.view)
        views, writes = len(made.plan.views), len(made.plan.place)
        return "\n".join([
            f"{made.recorded} primitives were recorded, {len(lines)} are left: constants folded, equal lines shared,",
            f"unused ones dropped. {views} only look at memory in another way, {writes} write into arrays made once:",
            f"{len(made.plan.buffers)} of them, {made.plan.nbytes} bytes; an array for each result would take {each}.",
        ])  # fmt: skip

    def _for(self, arrays: Sequence[np.ndarray]) -> SimpleNamespace:
        """The program for these shapes and types."""
        key = tuple([(a.shape, a.dtype.char) for a in arrays])
        made = self._made.get(key)
        if made is None:
            if len(arrays) != len(self.examples):
                raise HandleTypeError(
                    f"compiled {title_of(self.f)}: {len(arrays)} arguments", f"it was compiled for {len(self.examples)}"
                )
            made = self._compile(arrays)
            while len(self._made) >= KEPT:
                self._made.pop(next(iter(self._made)))
            self._made[key] = made
        return made

    def _record(self, arrays: Sequence[np.ndarray]) -> Recording:
        kinds = {a.dtype.name for a in arrays if a.dtype.kind == "f"}
        dtype = kinds.pop() if len(kinds) == 1 else "float64"
        return record(self.f, [*map(form, arrays)], dtype, self.rows, self.far is not None)

    def _recording(self, arrays: Sequence[np.ndarray]) -> Recording:
        """The function recorded for arrays of this kind; the first one is handed out once, as it holds much."""
        first, self._tape = self._tape, None
        same = all((a.shape, a.dtype) == (b.shape, b.dtype) for a, b in zip(arrays, self.examples, strict=True))
        return first if first is not None and same else self._record(arrays)

    @uncollected()
    def _compile(self, arrays: Sequence[np.ndarray]) -> SimpleNamespace:
        recorded = self._recording(arrays)
        rough, several = lowered(recorded, self.wrt), recorded.several
        graph, names = simplified(rough), names_of(self.f, len(arrays))
        results = ["values" if several else "value"] + [f"gradient of {names[k]}" for k in self.wrt or ()]
        title = title_of(self.f)
        kind = self.device.np.ndarray
        made = _Made(graph=graph, several=several, quietly=quietly(), takes=takes(arrays, kind) if arrays else _never)
        made.recorded = sum(x.op not in ("input", "const") for x in rough.lines)
        if self.far is not None:
            made.source = source(graph, made.plan, names, results, title, self.far, launches() if self.fast else None)
            made.step = _run(made.source, graph, self.far)
        elif scalars.fits(graph):
            made.source = scalars.source(graph, names, results, title)
            made.step = scalars.guarded(
                _run(made.source, graph), lambda: _run(source(graph, made.plan, names, results, title), graph)
            )
        else:
            made.source = source(graph, made.plan, names, results, title)
            made.step = _run(made.source, graph)
        return made

    def _recipe(self) -> tuple[Any, ...]:
        """What it is made of: a copy is compiled again, and keeps the function."""
        f = getattr(self.f, "__wrapped__", self.f)
        named = self.argnums, self.wrt is not None, self.fast, self.device.name
        return f, getattr(self.f, "rewrite", False), self.examples, *named

    def __copy__(self) -> Program:
        return _again(*self._recipe())

    def __deepcopy__(self, memo: Any) -> Program:
        return _again(*self._recipe())

    def __reduce__(self) -> Any:
        f = self._recipe()[0]
        if isinstance(f, FunctionType) and not has_name(f):
            raise SerializationError(
                f"compiled {title_of(f)} cannot be pickled", "its function stands in no module under its name",
                "a function defined with def in a file; p.source is the program as text",
            )
        return _again, self._recipe()

    def __repr__(self) -> str:
        shapes = ", ".join(str(a.shape) for a in self.examples)
        return f"<compiled {title_of(self.f)}({shapes})>\n{self.explain()}"


compile_ = compile


def _again(f: Any, rewrite: Any, examples: Any, argnums: Any, wrt: bool, fast: bool, device: str) -> Program:
    return Program(otherwise(f, rewrite), examples, argnums, wrt, fast, device=device)


def launches() -> Callable[..., Any]:
    """What makes one launch of neighbouring lines."""
    from torchlean_nb.compiler.cuda import launched  # noqa: PLC0415 - for fast programs on a device

    return launched


def _never(*_: Any) -> bool:
    return False




def _run(text: str, graph: Graph, device: devices.Device | None = None) -> Callable[..., Any]:
    """The function that a source defines."""
    space: dict[str, Any] = {"constants": constants(graph, device)}
    exec(compile_(text, "<tl.compile>", "exec"), space)
    return space.pop("step")  # else it would be among its own globals, a cycle


def compile(
    f: Callable[..., Any], *examples: Any, argnums: int | Sequence[int] = 0, rewrite: Any = False,
    fast: bool = False, device: Any = None,
) -> Program:
    """Trace a function once and make a program of it.

    Parameters
    ----------
    f : callable
        Takes Tensors, returns a Tensor or a tuple of them. What it does must not depend on the values.
    *examples : array_like
        Arguments, for their shapes and types.
    argnums : int or tuple of int
        By which arguments `Program.value_and_grad` differentiates.
    rewrite : bool or sequence of Rewrite
        Whether to write naive formulas as stable composites, which may change the last digits (see ``p.passes``).
        Those that keep all bits are made without being asked for; ``rewrite=[]`` makes none.
    fast : bool
        Whether rounding may differ from eager mode: sums in float32, slopes by way of values; see `compiler.fast`.
    device : {"cpu", "cuda", "cuda:1", ...}, optional
        Where the program runs: by default where the examples live, else `set_default_device`'s. Of NumPy arrays and
        lists the results are NumPy arrays; arrays of the device give arrays of the device, and nothing crosses.

    Raises
    ------
    HandleTypeError, HyperparameterError
        When the function looks at a value, or branches on one; when examples are missing.
    ForeignHandleError
        When it uses a parameter or value of a session that is not an argument.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> p = tl.compile(lambda x: tl.tanh(x * 2.0), [0.0, 1.0])
    >>> print(p.source.split("def")[1])  # doctest: +NORMALIZE_WHITESPACE
     step(x):
        # mul (node 2)
        multiply(x, c1, t0)
        # tanh (node 3)
        tanh(t0, t0)
        # value
        return (t0.copy(),)
    """
    if not callable(f):
        raise HandleTypeError(f"compile: {quote(f, 40)} is a {type(f).__name__}, not a function")
    check_count(f, len(examples))
    return Program(otherwise(f, rewrite), examples, argnums, fast=fast, device=device)
