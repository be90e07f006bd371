"""TrainStep: a program and an optimizer as one straight line from a batch to the next parameters.

Parameters are read where the optimizer keeps them, gradients are written where it reads them, and the update goes
into its spare arrays; then one reference says that those are valid. So a step costs its passes over the data and
nothing per parameter, and whatever stops it, the parameters are those before it or those after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from torchlean_nb.backend.devices import device_of
from torchlean_nb.backend.quiet import quietly
from torchlean_nb.compiler.arguments import as_arguments, chosen, fetched, names_of, title_of
from torchlean_nb.compiler.lowering import lowered
from torchlean_nb.compiler.passes import simplified
from torchlean_nb.compiler.recording import uncollected
from torchlean_nb.compiler.step_entry import Made, entry
from torchlean_nb.compiler.step_source import Cells, step_source, taken, writable
from torchlean_nb.errors import HandleTypeError, HyperparameterError, NonFiniteError, ShapeError, quote
from torchlean_nb.shells.flat import BLOCK, Arrays, FlatGroup, FlatState

if TYPE_CHECKING:
    from torchlean_nb.compiler.program import Program

KEPT = 8  # kinds of batches


class TrainStep:
    """A training step: ``step(*data) -> loss``; the optimizer's parameters move.

    Parameters
    ----------
    program : Program
        Compiled with ``argnums`` of the parameters; its other arguments are the data.
    opt : Optimizer
        Of these parameters, in this order. With ``fused`` the whole step is one straight line; without, the gradient
        is handed to ``opt.step``. The numbers are those of ``program.value_and_grad`` and ``opt.step``. The step runs
        where the parameters live: on a device the gradients go where the optimizer's kernel reads them.

    Raises
    ------
    HyperparameterError, ShapeError
        When the parameters of the two differ.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> opt = tl.optim.SGD({"w": np.array([1.0, 2.0])}, lr=0.1, fused="numpy")
    >>> p = tl.compile(lambda x, w: tl.sum((x * w) ** 2), [1.0, 1.0], [1.0, 2.0], argnums=1)
    >>> step = p.train_step(opt)
    >>> step([1.0, 1.0]), opt.params["w"].tolist()
    (5.0, [0.8, 1.6])
    """

    def __init__(self, program: Program, opt: Any):
        if not hasattr(opt, "_cells") or isinstance(opt, type):
            raise HandleTypeError(
                f"train_step: {quote(opt, 40)} is no optimizer", "one that has the parameters", "tl.optim.Adam(params)"
            )
        self.opt, here = opt, device_of(opt._cells[0].array)
        self.program = program if program.device is here else program.on(here)
        self.wrt = chosen(program.argnums, len(program.examples))
        self._data = [k for k in range(len(program.examples)) if k not in self.wrt]
        if len({*self.wrt}) < len(self.wrt):
            raise HyperparameterError("train_step: a parameter occurs twice in argnums")
        self._check()
        self._made: dict[Any, tuple[Made, Any]] = {}
        self._groups: list[FlatGroup] = []
        self._last: Made | None = None
        self._entry: Callable[..., Any] | None = None
        self._quietly = quietly()

    def _check(self) -> None:
        """Refuse an optimizer of other parameters."""
        cells, every = self.opt._cells, names_of(self.program.f, len(self.program.examples))
        names = [every[k] for k in self.wrt]
        own = [p.name for p in cells]
        if len(cells) != len(names):
            raise HyperparameterError(
                f"train_step: the optimizer has {len(cells)} parameters, the program {len(names)}",
                f"{quote(own, 80)} and {quote(names, 80)}", "tl.compile(f, ..., argnums=(numbers of all parameters))",
            )
        if own != names and sorted(map(str, own)) == sorted(names):
            raise HyperparameterError(
                f"train_step: the optimizer has the parameters {quote(own, 80)}", f"the program {quote(names, 80)}",
                "the same order",
            )
        for p, k, name in zip(cells, self.wrt, names, strict=True):
            if p.array.shape != self.program.examples[k].shape:
                raise ShapeError(
                    f"train_step: {quote(p.name)} has shape {p.array.shape} in the optimizer",
                    f"argument {name} of the program has {self.program.examples[k].shape}",
                )
        self._floats = np.result_type(*[p.array.dtype for p in cells])

    def __call__(self, *data: Any) -> Any:
        """Loss of a batch before the step, and the step.

        Of a function that returns a tuple, the tuple with the loss first.

        Raises
        ------
        NonFiniteError
            And nothing has changed, unless the optimizer skips or ignores such steps.
        """
        return self._otherwise(data) if self._entry is None else self._entry(*data)

    def _otherwise(self, data: Sequence[Any]) -> Any:
        """A step when something is new: the data, the optimizer, or who looks at the parameters."""
        data, far = self._arrays(data), self.program.far
        if far is None:
            return self._taken(data)
        found = self._taken([a if far.owns(a) else far.put(a) for a in data])
        stays = not isinstance(found, tuple) or any(map(far.owns, data))
        return found if stays else (found[0], *map(fetched, found[1:]))

    def _taken(self, data: Sequence[Any]) -> Any:
        """A step with data where the parameters live."""
        fused, opt = self.opt._fused, self.opt
        state = fused.ready() if fused is not None else None
        if state is None or self._frozen():
            return self._plainly(data)
        last = self._for(data, fused)
        if last.update is None:
            return self._swept(last, data, state)
        (group,), ((now, before, numbers),) = self._groups, state.parts
        numbers = group.program.prepare(before + 1, group.lr, numbers)
        if numbers is None:
            return self._plainly(data)
        new = group.spare(now)
        if last not in now.bound:
            group.bind(last, partial(last.bind, group))
        found, _ = self._quietly(now.bound[last], *data)
        if self._fine(found[0] if last.several else found, group, new):
            dict.__setitem__(opt._store, opt._key, FlatState(((new, before + 1, numbers),), state.base + 1))
        return found

    def _fine(self, loss: float, group: FlatGroup, new: Arrays) -> bool:
        """Whether loss and parameters are finite, looked at closely; else the step is refused or skipped."""
        opt = self.opt
        if opt.nonfinite == "ieee" or (math.isfinite(loss) and np.isfinite(new.p).all()):
            return True
        if opt.nonfinite == "raise":
            if math.isfinite(loss):
                opt._refuse(*opt._fused.culprit())
            raise NonFiniteError(f"train_step: the loss is {loss}", "step not applied, nothing was changed")
        opt._skipped += 1
        return False

    def _swept(self, last: Made, data: Sequence[Any], state: FlatState) -> Any:
        """A step whose update is a loop of its own, or several."""
        opt, groups, now = self.opt, self._groups, state.parts[0][0]
        if len(groups) > 1:
            run = last.bind(groups, [part[0] for part in state.parts])
        else:
            if last not in now.bound:
                groups[0].bind(last, lambda here, _: last.bind(groups, [here]))
            run = now.bound[last]
        found = self._quietly(run, *data)
        del run  # its views of the parameters would count as somebody's
        loss = found[0] if last.several else found
        if last.check and loss - loss and not self._finite_loss(loss):
            return found
        opt.step()
        return found

    def __reduce__(self) -> Any:
        return TrainStep, (self.program, self.opt)

    def _plainly(self, data: Sequence[Any]) -> Any:
        """Gradient, then update: for rules that are no passes over flat arrays."""
        args: list[Any] = [None] * len(self.program.examples)
        cells = self.opt._cells
        for k, a in (*zip(self._data, data, strict=True), *zip(self.wrt, [p.array for p in cells], strict=True)):
            args[k] = a
        found, grads = self._differentiated(*args)
        several = isinstance(found, tuple)
        grads = [grads] if isinstance(self.program.argnums, int) else [*grads]
        loss = (found[0] if several else found).item()
        out = (loss, *found[1:]) if several else loss
        if self.opt.nonfinite == "ieee" or self._finite_loss(loss):
            frozen = [getattr(p, "requires_grad", True) is False for p in cells]
            self.opt.step([None if f else g for f, g in zip(frozen, grads, strict=True)], loss)
        return out

    @property
    def _differentiated(self) -> Program:
        """The gradient as a program of its own."""
        return self.program if self.program.wrt else self.program.value_and_grad

    def _finite_loss(self, loss: float) -> bool:
        if math.isfinite(loss):
            return True
        if self.opt.nonfinite == "raise":
            raise NonFiniteError(f"train_step: the loss is {loss}", "step not applied, nothing was changed")
        self.opt._skipped += 1
        return False

    def _frozen(self) -> bool:
        return any(getattr(p, "requires_grad", True) is False for p in self.opt._cells)

    # -- making --------------------------------------------------------------------------------
    @property
    def source(self) -> str:
        """The step as Python: paste it, ``bind`` it to flat arrays, and call what that gives."""
        if self._last is None:
            fused = self.opt._fused
            if fused is None or fused.ready() is None:
                return self._differentiated.source
            self._for([self.program.examples[k] for k in self._data], fused)
        return self._last.source

    @property
    def kernels(self) -> tuple[Any, ...]:
        """Loops compiled by numba in the place of neighbouring lines; see `compiler.kernels`."""
        return () if self._last is None else self._last.kernels

    def explain(self) -> str:
        """How the step is made, in words and numbers."""
        flat = "its update in the same straight line" if self._last and self._last.update else "its update after it"
        lines = [f"{self!r}: forward and backward in one straight line, {flat}."]
        updates = [(g.over or g.run).func for g in self._groups if g.native]
        if updates:
            from torchlean_nb.compiler.kernels import seconds  # noqa: PLC0415 - for numba only

            spent = sum(map(seconds, {*self.kernels, *updates}))
            lines.append(f"{len(self.kernels)} loops of numba stand for neighbouring lines,")
            lines.append(f"{len(updates)} for the update: {spent:.1f} s to compile. fused='numpy' does without.")
        return "\n".join(lines)

    def _arrays(self, data: Sequence[Any]) -> list[np.ndarray]:
        if len(data) != len(self._data):
            raise HandleTypeError(
                f"train_step: {len(data)} arrays of data",
                f"the program has {len(self._data)} arguments beside the parameters",
            )
        return [*as_arguments(data, self._floats, self.program.far)]

    def _for(self, data: Sequence[np.ndarray], fused: Any) -> Made:
        """The step for data of this kind."""
        if fused.groups is not self._groups:
            self._forget()
            self._check()
            self._groups = fused.groups
        key = (*[(a.shape, a.dtype.char) for a in data], self.opt.nonfinite)
        if key not in self._made:
            while len(self._made) >= KEPT:
                self._drop(self._made.pop(next(iter(self._made)))[0])
            made = self._compile(data)
            self._made[key] = made, None if made.update is None else entry(self, made)
        self._last, self._entry = self._made[key]
        return self._last

    @uncollected()
    def _compile(self, data: Sequence[np.ndarray]) -> Made:
        args: list[Any] = [None] * len(self.program.examples)
        values, far = [p.array for p in self.opt._cells], self.program.far
        for k, a in (*zip(self._data, data, strict=True), *zip(self.wrt, values, strict=True)):
            args[k] = a
        recorded = self.program._recording(args)
        several, graph, end = recorded.several, simplified(lowered(recorded, self.wrt)), ("{}", 1)
        if self.program.fast:
            from torchlean_nb.compiler.fast import ending  # noqa: PLC0415 - most programs do without

            graph, *end = ending(graph)
        group = self._groups[0]
        alone = far is None and len(self._groups) == 1 and group.over is None and writable(group.program)
        update = self._groups[0].program if alone else None
        places = tuple([(x.start, x.stop, x.shape) for g in self._groups for x in g.leases.values()])
        cells = Cells(self.wrt, places, self._floats.name if alone or far is not None else "")
        check = self.opt.nonfinite != "ieee"
        title = f"A step of {title_of(self.program.f)} and {self.opt.rule.class_name}"
        names = names_of(self.program.f, len(args), taken(update))
        native = far is None and group.native
        loops = self.program.fast and (native or far is not None)
        if loops and far is None:
            from torchlean_nb.compiler.kernels import gathered  # noqa: PLC0415 - for numba only

            graph = gathered(graph)
        told = (names, cells, several, title, update, BLOCK, check, native, end, loops)
        write = partial(step_source, graph, *told, device=far)
        return Made(write, several, update, check, data, far)

    def _forget(self) -> None:
        for made, _ in self._made.values():
            self._drop(made)
        self._made, self._last, self._entry = {}, None, None

    def _drop(self, made: Any) -> None:
        for group in self._groups:
            group.forget(made)

    def __del__(self) -> None:
        if "_made" in vars(self):
            self._forget()

    def __repr__(self) -> str:
        return f"<training step of {title_of(self.program.f)} by {self.opt.rule.class_name}>"
