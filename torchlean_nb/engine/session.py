"""Session: the engine's one mutable object. It owns a tape, parameters, integer cells and a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import device as place_of
from torchlean_nb.backend.devices import shown
from torchlean_nb.backend.random import Rng, key_of
from torchlean_nb.backend.store import Store
from torchlean_nb.copies import Live
from torchlean_nb.engine.backends import backend as way
from torchlean_nb.engine.cells import IntegerCells
from torchlean_nb.engine.data import check_dtype, check_name
from torchlean_nb.engine.gradients import Gradients, Owner
from torchlean_nb.engine.leaves import Leaves
from torchlean_nb.engine.looking import Looking
from torchlean_nb.engine.param import Cell, Param
from torchlean_nb.engine.tape import Tape
from torchlean_nb.engine.tensor import Ref, Tensor
from torchlean_nb.errors import (
    ForeignHandleError,
    HandleTypeError,
    HyperparameterError,
    HyperparameterTypeError,
    NoGradError,
    SessionClosedError,
    UnknownNameError,
    UnknownNodeError,
    did_you_mean,
    quote,
)
from torchlean_nb.rows import FUNCTIONS, OPS, Op, lookup, on_register

_numbers = count(1)
POLICIES = ("raise", "skip", "ieee")


@dataclass(frozen=True)
class StepReport:
    """What one training step did: the loss before the update, and whether the update was skipped."""

    loss: float
    gradients: Gradients
    skipped: bool = False


class Session(Leaves, Looking, IntegerCells, Live):
    """An explicit autodiff session: nothing is global, everything recorded can be looked at.

    Parameters
    ----------
    backend : {"eager", "compiled"}
        Compiled: what is recorded a second time is computed by a program; see `program` and `explain`.
    device : {"cpu", "cuda", "cuda:1", ...}, optional
        Where values, parameters and optimizer state live; by default `set_default_device`'s. What is looked at
        (``.value``, gradients, traces) is fetched as NumPy arrays.
    dtype : {"float64", "float32", "float16"}
        Type of every float in the session.
    seed : int
        Of the session's random stream.
    requires_grad_by_default : bool
        Whether parameters are trained unless they say otherwise.
    track_gradients : bool
        False records values only.
    strict_shapes : bool
        True allows no implicit broadcasting.
    nonfinite : {"raise", "skip", "ieee"}
        What an inf or NaN does: an error at the op that made it; recorded, but `step` skips the
        update; or nothing special.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session(seed=0)
    >>> w = s.param(0.5, name="w")
    >>> loss = (w * 3.0 - 1.0 - 2.0) ** 2
    >>> float(s.backward(loss)[w])
    -9.0
    """

    __slots__ = ("_grads", "_owner")
    _copying = (
        "its tape and its parameters are in use",
        "{name: p.value for name, p in s.params.items()}; tl.save(path, s)",
    )

    def __init__(
        self, backend: str = "eager", *, device: str | None = None, dtype: Any = "float64", seed: int = 0,
        requires_grad_by_default: bool = True, track_gradients: bool = True, strict_shapes: bool = False,
        nonfinite: str = "raise",
    ):
        self._way = way(backend)
        self.home = place_of(device)  # the `Device` of that name
        if nonfinite not in POLICIES:
            raise HyperparameterError(f"Session: nonfinite {quote(nonfinite)} is not one of {', '.join(POLICIES)}")
        self.backend, self.device, self.dtype = backend, self.home.name, check_dtype(dtype)
        self.requires_grad_by_default, self.track_gradients = requires_grad_by_default, track_gradients
        self.strict_shapes, self.nonfinite = strict_shapes, nonfinite
        self.label = f"s{next(_numbers)}"
        self.rng = Rng(seed)
        self._draws = 0
        self._closed = False
        # Values of parameters and state of optimizers: one dict, so that a step replaces all of it in one call.
        self.store = Store()
        self._params: dict[str, Cell] = {}
        self._grads: Gradients | None = None
        self._owner = Owner(self)
        super().__init__()
        self.tape = self._new_tape()

    # -- lifecycle -------------------------------------------------------------------------
    def _new_tape(self) -> Tape:
        options = {"strict_shapes": self.strict_shapes}
        tape = self._way.tape(self.home.xp, self.dtype, self.nonfinite, self.label, **options)
        tape.grads_on = self.track_gradients
        return tape

    @property
    def place(self) -> Any:
        """How data of a user becomes an array of this session: ``place(value, dtype, label=...)``."""
        return self.tape.place

    def _open(self) -> None:
        if self._closed:
            raise SessionClosedError(f"session {self.label} is closed", None, "a new Session")

    def _own(self) -> None:
        """What changes the session is for the thread and the process that made it."""
        self._open()
        self.tape.refuse_outsiders()

    def reset_tape(self) -> None:
        """Drop the tape and its values; parameters, gradients and the random stream stay."""
        self._own()
        old, cells = self.tape, self._cells
        vars(self).update(tape=self._new_tape(), _cells=[])  # at once, for Stop may be pressed in between
        old.kill()
        cells.clear()  # so that handles to them fail rather than read stale numbers

    @contextmanager
    def fresh_tape(self) -> Iterator[Session]:
        """Reset the tape, then run the block."""
        self.reset_tape()
        yield self

    @contextmanager
    def no_grad(self) -> Iterator[Session]:
        """Record values, but no gradients, inside the block; see `jvp` for what a tangent does there."""
        tape, before = self.tape, self.tape.grads_on
        tape.grads_on = False
        try:
            yield self
        finally:
            tape.grads_on = before

    @contextmanager
    def scope(self, name: str) -> Iterator[Session]:
        """Group the nodes recorded inside the block under a name; blocks nest."""
        check_name(name, "scope")
        tape, before = self.tape, self.tape.scope
        tape.scope = f"{before}/{name}" if before else name
        try:
            yield self
        finally:
            tape.scope = before

    def close(self) -> None:
        """Drop the tape for good."""
        if not self._closed:
            self.tape.kill()
            self._closed = True

    # -- reading ---------------------------------------------------------------------------
    def node(self, key: Any, out: int | None = None) -> int:
        """Node id of a Tensor, Param, name or id; of a Param the leaf that the node `out` was computed from."""
        self._open()
        if key.__class__ is Tensor and key.tape is self.tape:
            return key.id
        if isinstance(key, Ref):
            if len(key.tape) and key.tape is not self.tape:  # len() of a dead tape explains itself
                raise ForeignHandleError(
                    f"this handle belongs to another session ({key.tape.label}), this one is {self.label}"
                )
            return key.id
        if isinstance(key, Param):
            i = self.tape.leaf_of(key, out)
            return self.use(key).id if i is None else i
        if isinstance(key, str):
            ids = [i for i, name in self.tape.names.items() if name == key]
            if ids and key in self._params:
                ids = [self.node(self._params[key].of(self), out)]
            if ids:
                return ids[0]
            known = sorted({*self.tape.names.values(), *self._params})
            also = {did_you_mean(key, known): 0, f"known names: {', '.join(known[:12]) or 'none yet'}": 0}
            raise UnknownNodeError(f"no node named {quote(key)} is on the tape", " ".join(also))
        if isinstance(key, bool) or not isinstance(key, int | np.integer):
            raise HandleTypeError(f"a node id must be an int or Ref (Tensor, Param, name), got {type(key).__name__}"
                                  f" {quote(key, 40)}", "what was computed without a session is on no tape",
                                  "s.param(...), s.input(...), and what follows from them")
        if not 0 <= key < len(self.tape):
            raise UnknownNodeError(f"there is no node {quote(key, 40)}", f"the last id is {len(self.tape) - 1}")
        return int(key)

    def value(self, key: Any) -> np.ndarray:
        """Recorded value of a node, read-only."""
        if isinstance(key, str) and key in self._params and key not in self.tape.names.values():
            return self._params[key].of(self).value
        if isinstance(key, Param):
            return key.value
        return shown(self.tape.values[self.node(key)])

    def detach(self, t: Any) -> Tensor:
        """The same value, through which no gradient passes."""
        return self._call(OPS["detach"], (t,), {})

    @property
    def grads(self) -> Gradients:
        """Result of the last backward sweep."""
        if self._grads is None:
            raise NoGradError("there is no gradient yet", None, "s.backward(loss) first")
        return self._grads

    # -- differentiating ---------------------------------------------------------------------
    def backward(self, out: Any, seed: Any = None, hook: Callable[[int, Any], Any] | None = None) -> Gradients:
        """Gradient of `out` with respect to every node.

        Parameters
        ----------
        out : Tensor, name or id
            A scalar, or anything with a `seed` of its shape.
        seed : array, shape of `out`, optional
        hook : callable, optional
            ``hook(id, grad)`` runs after the sweep on every node in id order; an array it returns
            replaces the gradient.

        Raises
        ------
        NonScalarError, ShapeError, NoGradError, NonFiniteError, HookError
            And the session is as it was.
        """
        self._own()
        result = self._way.backward(self, self.node(out), seed, hook)
        result._owner, self._grads = self._owner, result
        return result

    def vjp(self, out: Any, seed: Any, wrt: Any) -> np.ndarray:
        """Seed pulled back from `out` to one node."""
        return self._way.backward(self, self.node(out), seed, None)[wrt]

    def jvp(self, out: Any, tangents: Mapping[Any, Any]) -> np.ndarray:
        """Directional derivative of `out` along tangents of Params, Tensors, names or ids.

        What was recorded under `no_grad`, and parameters that are not trained, let tangents through, as in PyTorch's
        forward mode: both are about gradients. `detach` stops either.

        Examples
        --------
        >>> import torchlean_nb as tl
        >>> s = tl.Session()
        >>> x = s.param(3.0, name="x")
        >>> with s.no_grad():
        ...     a = x * x
        >>> y = a * x
        >>> float(s.backward(y)[x]), float(s.jvp(y, {x: 1.0}))
        (9.0, 27.0)
        >>> z = s.detach(x * x) * x
        >>> float(s.backward(z)[x]), float(s.jvp(z, {x: 1.0}))
        (9.0, 9.0)
        """
        if not isinstance(tangents, Mapping):
            what = f"jvp: tangents are {type(tangents).__name__}"
            raise HandleTypeError(what, "a dict of handle to array", "{x: 1.0}")
        return self._way.forward(self, self.node(out), tangents)

    def step(self, optimizer: Any, build_loss: Callable[[], Tensor]) -> StepReport:
        """Fresh tape, loss, backward, update; the report has the loss before the update.

        Raises
        ------
        HyperparameterTypeError
            For what is no optimizer or no function, before the tape is reset.
        """
        steps = hasattr(optimizer, "step")
        if not (steps and callable(build_loss)):
            role, given = ("loss", build_loss) if steps else ("optimizer", optimizer)
            what = f"step: the {role} is {quote(given, 40)}, of type {type(given).__name__}"
            why = "a step clears the tape, then calls the function that records the loss" if steps else None
            raise HyperparameterTypeError(what, why, "s.step(optimizer, lambda: loss_of(model))")
        self.reset_tape()
        loss = build_loss()
        grads = self.backward(loss)
        value = float(loss)
        if self.nonfinite == "skip" and not self._all_finite(value, grads):
            return StepReport(value, grads, skipped=True)
        optimizer.step(grads)
        return StepReport(value, grads)

    def _all_finite(self, value: float, grads: Gradients) -> bool:
        found = (g for g in grads.aligned(grads) if g is not None)
        return bool(np.isfinite(value)) and self.tape.xp.every_finite(found)

    # -- how it computes -------------------------------------------------------------------
    @property
    def program(self) -> Any:
        """The program that a compiled session ran last, with its ``source``; None before that.

        Examples
        --------
        >>> import torchlean_nb as tl
        >>> s = tl.Session(backend="compiled")
        >>> w = s.param(3.0, name="w")
        >>> reports = [s.step(tl.optim.SGD([w], lr=0.1), lambda: w * w) for _ in range(2)]
        >>> "def step(w):" in s.program.source
        True
        """
        return self._way.program

    def explain(self) -> str:
        """How this session gets its values, in words and numbers."""
        return self._way.explain()

    # -- random numbers ----------------------------------------------------------------------
    def split_rng(self) -> Rng:
        """A child stream, independent of what this session draws afterwards."""
        return self.rng.split()

    def seed(self, seed: int) -> None:
        """Start the random stream anew."""
        self.rng = Rng(seed)
        self._draws = 0

    def draw_key(self) -> int:
        """Key for one random op, as TorchLean draws it: the op's seed and the session's draw count."""
        key = key_of(self.rng.op_seed(), self._draws)
        self._draws += 1
        return key

    # -- ops as methods ----------------------------------------------------------------------
    def call(self, name: str, *args: Any, **attrs: Any) -> Tensor:
        """Record a registered op by name."""
        try:
            op = lookup(name)
        except UnknownNameError as e:
            raise UnknownNodeError(str(e), f"{len(OPS)} registered ops") from None
        return self._call(op, args, attrs)

    def _call(self, op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        self._open()
        args, attrs = op.bind(args, kwargs)
        if not any(isinstance(a, Ref | Param) for a in args):
            raise HandleTypeError(
                f"s.{op.name}: at least one argument must be a Ref (Tensor or Param) of this session",
                None, f"s.const(...), or tl.{op.name}(...) on plain arrays",
            )
        for a in args:
            if isinstance(a, Ref):
                self.node(a)
        return self.tape.apply(op, args, attrs)

    # -- state -----------------------------------------------------------------------------
    def digest(self) -> str:
        """SHA-256 of everything the session holds; equal before and after a refused input."""
        from torchlean_nb.engine.digest import digest  # noqa: PLC0415 - its library is slow to load

        return digest(self)

    def __repr__(self) -> str:
        return (
            f"Session {self.label}: {self.backend}, {self.dtype}, {self.device}; {len(self._params)} params, "
            f"{0 if self._closed else len(self.tape)} nodes{self._way.brief()}"
        )


def _attach(thing: Any) -> None:
    """A new row or function becomes a method of sessions."""
    name = thing.__name__
    if not hasattr(Session, name):
        def method(self: Session, *args: Any, **kwargs: Any) -> Any:
            self._open()
            return self._call(OPS[name], args, kwargs) if name in OPS else FUNCTIONS[name](*args, **kwargs)

        method.__name__, method.__doc__ = name, thing.__doc__
        setattr(Session, name, method)


on_register(_attach)
