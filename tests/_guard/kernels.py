"""Elementwise kernels: the CUDA C++ of a kernel, put into a loop and compiled for the processor."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import counting
from .array import array_of, operand, wrap

TYPES = {
    "bool": "bool", "int8": "signed char", "int16": "short", "int32": "int", "int64": "long long",
    "uint8": "unsigned char", "uint16": "unsigned short", "uint32": "unsigned int", "uint64": "unsigned long long",
    "float16": "float16", "float32": "float", "float64": "double",
}  # fmt: skip
SOURCE = """
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
using std::acos; using std::acosh; using std::asin; using std::asinh; using std::atan; using std::atan2;
using std::atanh; using std::cbrt; using std::ceil; using std::copysign; using std::cos; using std::cosh;
using std::erf; using std::erfc; using std::exp; using std::exp2; using std::expm1; using std::fabs;
using std::floor; using std::fma; using std::fmax; using std::fmin; using std::fmod; using std::hypot;
using std::isfinite; using std::isinf; using std::isnan; using std::ldexp; using std::lgamma; using std::log;
using std::log10; using std::log1p; using std::log2; using std::nextafter; using std::pow; using std::rint;
using std::round; using std::signbit; using std::sin; using std::sinh; using std::sqrt; using std::tan;
using std::tanh; using std::tgamma; using std::trunc;
template <class A> static inline A abs(A a) { return a < 0 ? -a : (a == 0 ? A(0) : a); }
template <class A, class B> static inline auto max(A a, B b) -> decltype(a + b) { return a > b ? a : b; }
template <class A, class B> static inline auto min(A a, B b) -> decltype(a + b) { return a < b ? a : b; }
static inline float rsqrt(float a) { return 1.0f / sqrt(a); }
static inline double rsqrt(double a) { return 1.0 / sqrt(a); }
template <class A> static inline A atomicAdd(A* at, A v) { A before = *at; *at = before + v; return before; }
struct float16 {  // kept in 16 bits, computed with as float, rounded to even
  uint16_t bits;
  float16() {}
  template <class A> float16(A v) {
    float f = float(v);
    uint32_t x;
    std::memcpy(&x, &f, 4);
    const uint32_t sign = x >> 16 & 0x8000;
    x &= 0x7fffffff;
    if (x > 0x7f800000) x = 0x7e00;
    else if (x >= 0x47800000) x = 0x7c00;
    else if (x >= 0x38800000) x = (x - 0x38000000 + 0xfff + (x >> 13 & 1)) >> 13;
    else { std::memcpy(&f, &x, 4); f += 0.5f; std::memcpy(&x, &f, 4); x -= 0x3f000000; }
    bits = uint16_t(sign | x);
  }
  operator float() const {
    uint32_t x = uint32_t(bits & 0x7fff) << 13, e = x & 0x0f800000;
    float f;
    x += e == 0x0f800000 ? 0x70000000 : 0x38000000 + (e ? 0 : 0x800000);
    std::memcpy(&f, &x, 4);
    if (!e) f -= 6.103515625e-05f;
    return bits & 0x8000 ? -f : f;
  }
};
struct Indexer { long long n; long long size() const { return n; } };
template <class A> struct CArray {
  A* at; long long n;
  A& operator[](long long i) const { return at[i]; }
  long long size() const { return n; }
};
"""


class KernelParam(NamedTuple):
    """One parameter: ``raw T x``."""

    kind: str
    name: str
    raw: bool
    out: bool

    @classmethod
    def read(cls, text: str, out: bool) -> list[KernelParam]:
        """Those in a declaration."""
        words = [w.split() for w in text.split(",") if w.strip()]
        for w in words:
            if len(w) < 2 or (len(w[-2]) > 1 and w[-2] not in TYPES) or set(w[:-2]) - {"raw"}:
                raise ValueError(f"a parameter is [raw] type name, a type is one letter or of {', '.join(TYPES)}: {w}")
        return [cls(w[-2], w[-1], "raw" in w[:-2], out) for w in words]


class ElementwiseKernel:
    """As CuPy's: `operation` is done for each element, with parameters by name, ``i`` and ``_ind.size()``.

    Without ``--fmad=false`` in `options` products and sums are contracted, as a GPU does.
    """

    def __init__(
        self, in_params: str, out_params: str, operation: str, name: str = "kernel", reduce_dims: bool = True,
        preamble: str = "", no_return: bool = False, return_tuple: bool = False, *, options: tuple[str, ...] = (),
        loop_prep: str = "", after_loop: str = "",
    ):  # fmt: skip
        ins, outs = KernelParam.read(in_params, False), KernelParam.read(out_params, True)
        self.params, self.nin, self.nout = (*ins, *outs), len(ins), len(outs)
        self.nargs, self.operation, self.name, self.preamble = len(self.params), operation, name, preamble
        self.no_return, self.return_tuple = no_return, return_tuple
        self.options, self.loop_prep, self.after_loop = tuple(options), loop_prep, after_loop

    def __call__(self, *args: Any, size: int | None = None, stream: Any = None, block_size: int = 128) -> Any:
        if len(args) not in (self.nin, self.nargs):
            raise TypeError(f"{self.name}: expected {self.nin} or {self.nargs} arguments, got {len(args)}")
        given = [array_of(a) if p.out else operand(a) for p, a in zip(self.params, args, strict=False)]
        types = self._types(given)
        shape = self._shape(given, size)
        outs = [array_of(a) for a in args[self.nin :]] or self._made(types, shape)
        counting.launch(self.name)
        self._launch([*given[: self.nin], *outs], types, shape, size)
        wrapped = [*args[self.nin :]] or [wrap(o) for o in outs]
        if self.no_return:
            return None
        return tuple(wrapped) if self.return_tuple or self.nout != 1 else wrapped[0]

    def _types(self, given: list[Any]) -> dict[str, str]:
        """What each letter stands for: arrays decide, then NumPy scalars, and all must agree."""
        types: dict[str, str] = {}
        named = [(p, a) for p, a in zip(self.params, given, strict=False)]
        for p, a in sorted(named, key=lambda pair: not pair[0].out):
            if isinstance(a, np.ndarray | np.generic):
                known = types.setdefault(p.kind, a.dtype.name) if len(p.kind) == 1 else p.kind
                if isinstance(a, np.ndarray) and known != a.dtype.name and (p.out or p.raw or len(p.kind) == 1):
                    raise TypeError(f"Type is mismatched. {p.name} {a.dtype.name} {known} {p.kind}")
        for p, a in named:
            if len(p.kind) == 1 and p.kind not in types:
                types[p.kind] = np.asarray(a).dtype.name
        for p in self.params:
            if len(p.kind) == 1 and p.kind not in types:
                raise ValueError(f"{self.name}: nothing tells what {p.kind} is")
        unknown = set(types.values()) - set(TYPES)
        if unknown:
            raise TypeError(f"{self.name}: the stand-in compiles no {', '.join(sorted(unknown))}")
        return types

    def _shape(self, given: list[Any], size: int | None) -> tuple[int, ...]:
        looped = [a.shape for p, a in zip(self.params, given, strict=False) if not p.raw and isinstance(a, np.ndarray)]
        if size is not None:
            if looped:
                raise ValueError("Specified 'size' can be used only if all of the ndarray are 'raw'.")
            return (size,)
        if not looped:
            raise ValueError("Loop size is undecided.")
        shape = np.broadcast_shapes(*looped)
        for p, a in zip(self.params[self.nin :], given[self.nin :], strict=False):
            if not p.raw and a.shape != shape:
                raise ValueError("Out shape is mismatched")
        return shape

    def _made(self, types: dict[str, str], shape: tuple[int, ...]) -> list[np.ndarray]:
        if any(p.raw for p in self.params[self.nin :]):
            raise ValueError("Output array size is Undecided")
        return [np.empty(shape, types.get(p.kind, p.kind)) for p in self.params[self.nin :]]

    def _launch(self, arrays: list[Any], types: dict[str, str], shape: tuple[int, ...], size: int | None) -> None:
        ready, back, passed = [], [], []
        for p, a in zip(self.params, arrays, strict=True):
            dtype = np.dtype(types.get(p.kind, p.kind))
            if not isinstance(a, np.ndarray):
                a = np.asarray(a).astype(dtype)
            elif not p.out:
                a = a.astype(dtype, copy=False)
                a = np.asarray(a if p.raw or not a.ndim else np.broadcast_to(a, shape), order="C")
            elif not a.flags.c_contiguous:
                back.append((a, a := np.asarray(a, order="C")))
            ready.append(a)
            passed += [ctypes.c_void_p(a.ctypes.data), ctypes.c_longlong(a.size if p.raw or a.ndim else -1)]
        n = int(np.prod(shape)) if size is None else size
        if n:
            _compiled(self._source(types), "--fmad=false" in self.options)(ctypes.c_longlong(n), *passed)
        for strided, flat in back:
            strided[...] = flat

    def _source(self, types: dict[str, str]) -> str:
        """The whole program: one function of the loop's length and of an address and a length for each parameter."""
        names = "".join(f"typedef {TYPES[t]} {letter};\n" for letter, t in sorted(types.items()))
        head, before, inside = ["long long _n"], [], []
        for p in self.params:
            kind = TYPES.get(p.kind, p.kind)
            head += [f"void* _at_{p.name}", f"long long _n_{p.name}"]
            const = "" if p.out else "const "
            if p.raw:
                before.append(f"CArray<{const}{kind}> {p.name}{{({const}{kind}*)_at_{p.name}, _n_{p.name}}};")
            elif p.out:
                inside.append(f"{kind}& {p.name} = (({kind}*)_at_{p.name})[_n_{p.name} < 0 ? 0 : i];")
            else:
                inside.append(f"const {kind} {p.name} = (({kind}*)_at_{p.name})[_n_{p.name} < 0 ? 0 : i];")
        loop = f"for (ptrdiff_t i = 0; i < _n; ++i) {{ {' '.join(inside)}\n{self.operation};\n}}"
        body = "\n".join([*before, "Indexer _ind{_n};", f"{self.loop_prep};", loop, f"{self.after_loop};"])
        return f'{SOURCE}{names}{self.preamble}\nextern "C" void run({", ".join(head)}) {{\n{body}\n}}\n'


@cache
def _compiled(source: str, exact: bool) -> Any:
    """The function of a program, compiled once for all processes of a user."""
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        import pytest

        pytest.skip("kernels of the stand-in for CuPy need a C++ compiler")
    flags = ["-O2", "-std=c++17", "-fPIC", "-shared", "-w"]
    flags += ["-ffp-contract=off"] if exact else ["-ffp-contract=fast", "-march=native"]
    digest = hashlib.sha256("\0".join([source, *flags]).encode()).hexdigest()[:32]
    folder = Path(tempfile.gettempdir()) / f"torchlean-nb-kernels-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    library = folder / f"{digest}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as work:
            text, made = Path(work) / "kernel.cpp", Path(work) / "kernel.so"
            text.write_text(source)
            done = subprocess.run([compiler, *flags, "-o", str(made), str(text)], capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"the kernel does not compile:\n{done.stderr[:2000]}\n{source}")
            made.replace(library)
    return ctypes.CDLL(str(library)).run
