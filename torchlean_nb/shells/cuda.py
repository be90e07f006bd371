"""A program as one kernel: `fused=True` where the parameters live on a device.

The passes of a `Program` are written as CUDA C, one statement each, and done element by element in registers: one
launch for a group, which reads the gradients and one set of arrays and writes the other. Products and sums are not
joined (``--fmad=false``), so the bits are those of the passes in NumPy wherever IEEE 754 tells them, but that CuPy
compiles everything with ``-ftz=true``: what is subnormal in float32 becomes 0 on a GPU. The numbers of a step are
arguments, so a kernel is compiled once. A result that is not finite leaves the number of its launch behind, which is
the only thing the host ever waits for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from torchlean_nb.shells.flat import FlatGroup, Part
from torchlean_nb.shells.program import Program
from torchlean_nb.shells.symbols import SIGNS

# What NumPy's functions do where C has none, or another one; R is float or double.
PREAMBLE = """
template <class R> __device__ R larger(R a, R b) { return a >= b || a != a ? a : b; }
template <class R> __device__ R smaller(R a, R b) { return a <= b || a != a ? a : b; }
template <class R> __device__ R sign_of(R a) { return a != a ? a : R((a > 0) - (a < 0)); }
template <class R> __device__ R remainder_of(R a, R b) {
  R m = fmod(a, b);
  if (b == 0) return m;
  if (m == 0) return copysign(R(0), b);
  return (b < 0) != (m < 0) ? m + b : m;
}
template <class R> __device__ R floor_of(R a, R b) {
  if (b == 0) return a / b;
  R m = fmod(a, b), q = (a - m) / b;
  if (m != 0 && (b < 0) != (m < 0)) q = q - R(1);
  if (q == 0) return copysign(R(0), a / b);
  R f = floor(q);
  return q - f > R(0.5) ? f + R(1) : f;
}
"""
FUNCTIONS = {
    "pow": "pow", "sqrt": "sqrt", "abs": "fabs", "exp": "exp", "expm1": "expm1", "log": "log", "tanh": "tanh",
    "maximum": "larger<R>", "minimum": "smaller<R>", "sign": "sign_of<R>", "mod": "remainder_of<R>",
    "floordiv": "floor_of<R>",
}  # fmt: skip
OPTIONS = ("--fmad=false",)
KINDS = {"float16": "float16", "float32": "float", "float64": "double"}  # in C


def _statement(op: str, names: list[str]) -> str:
    """The operation on one element, as CUDA C; every argument a number of type R, or a bool."""
    if op == "where":
        return f"{names[0]} ? R({names[1]}) : R({names[2]})"
    if op == "logical_not":
        return f"!({names[0]})"
    if op in FUNCTIONS:
        return f"{FUNCTIONS[op]}({', '.join(f'R({n})' for n in names)})"
    if op in SIGNS:
        return f"R({names[0]}) {SIGNS[op]} R({names[1]})"
    return f"-R({names[0]})" if op == "neg" else f"R({names[0]})"


def source(program: Program, check: bool) -> tuple[str, str, str, str]:
    """Inputs, outputs, operation and preamble of the kernel of a program.

    Parameters
    ----------
    program : Program
    check : bool
        Leave the number of the launch in ``bad[0]`` where a new parameter is not finite.

    Examples
    --------
    >>> from torchlean_nb.optim import rules
    >>> program = Program(rules["sgd"], rules["sgd"].resolve({}), np.dtype("f4"))
    >>> for text in source(program, False)[:3]:
    ...     print(text)
    float32 g_, float32 p_, float32 k0_
    float32 new_p_
    float x_new_p;
    x_new_p = R(g_) * R(k0_);
    x_new_p = R(p_) + R(x_new_p);
    new_p_ = x_new_p;
    """
    dtype = program.dtype.name
    kind = KINDS[dtype]
    # A slot's name may be none in C, and CuPy keeps some for itself: arguments end in _, registers begin with x_.
    slots = {k: k if k.isascii() else f"slot{i}" for i, k in enumerate(program.slots)}
    news = {f"new_{k}": f"new_{slot}" for k, slot in slots.items()} | {"new_p": "new_p"}
    inputs = {"g": "g_", "p": "p_"} | {k: f"{slot}_" for k, slot in slots.items()} | {k: f"{k}_" for k in program.k}
    called = inputs | {n: f"x_{new}" for n, new in news.items()} | {t: f"x_{t}" for t in program.temporaries}
    lines = [
        *(f"{kind} x_{new};" for new in news.values()),
        *(f"{'bool' if t.startswith('bit') else kind} x_{t};" for t in program.temporaries),
        *(f"{called[out]} = {_statement(op, [called[n] for n in names])};" for op, names, out in program.steps),
        *(f"{new}_ = x_{new};" for new in news.values()),
        *(["if (!isfinite(R(x_new_p))) bad[0] = launch;"] if check else []),
    ]
    ins = [f"{dtype} {name}" for name in inputs.values()] + ["int64 launch"] * check
    outs = [f"{dtype} {new}_" for new in news.values()] + ["raw int64 bad"] * check
    wide = "double" if dtype == "float64" else "float"
    return ", ".join(ins), ", ".join(outs), "\n".join(lines), f"typedef {wide} R;\n{PREAMBLE}"


class DeviceGroup(FlatGroup):
    """One group on a device, stepped by one kernel; see `FlatGroup`."""

    def _plan(self, ends: list[int], native: bool, in_place: bool) -> None:
        self.over, self.kernels, self.launches = None, {}, 0
        self.bad = self.device.np.zeros(1, np.int64)

    def _empty(self) -> Any:
        return self.device.np.empty(self.size, self.program.dtype)

    def _cut(self) -> None:
        """A kernel takes whole arrays."""

    def kernel(self, check: bool) -> Any:
        """The kernel, with or without the test for what is not finite."""
        if check not in self.kernels:
            ins, outs, operation, preamble = source(self.program, check)
            name = "".join(c if c.isascii() and c.isalnum() else "_" for c in f"step_{self.rule.name}")
            self.kernels[check] = self.device.lib.kernel(
                ins, outs, operation, name, preamble=preamble, options=OPTIONS
            )
        return self.kernels[check]

    def gather(self, grads: list[Any]) -> list[Any]:
        """The gradients side by side; one alone is read where it lies."""
        if len(grads) == 1:
            return [grads[0].ravel()]
        self.device.np.concatenate([g.ravel() for g in grads], out=self.grad)
        return [self.grad]

    def advance(self, part: Part, check: bool, grads: list[Any] | None = None) -> Part | None:
        """The next state, launched; None when the numbers of this step need the rule itself."""
        old, count, numbers = part
        numbers = self.program.prepare(count + 1, self.lr, numbers)
        if numbers is None:
            return None
        new, g = self.spare(old), self.grad if grads is None else grads[0]
        self.launches += check
        launch, bad = ([self.launches], [self.bad]) if check else ([], [])
        self.kernel(check)(g, old.p, *old.slots, *self.program.now.tolist(), *launch, *new.slots, new.p, *bad)
        return new, count + 1, numbers


def failed(groups: list[DeviceGroup]) -> bool:
    """Whether the last launches left something that is not finite; the host waits for it, once."""
    first, *more = groups
    if not more:
        return first.bad.item() == first.launches
    return bool(first.device.np.stack([group.bad == group.launches for group in groups]).any().item())
