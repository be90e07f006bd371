"""Every kernel that is generated compiles for a GPU with NVIDIA's compiler, put into CuPy's loop; no GPU is needed.

Kernels of one kind are compiled together, each in a namespace of its own: the headers are what takes long.
"""

from __future__ import annotations

import os
from types import SimpleNamespace

import numpy as np
import pytest

from torchlean_nb.errors import CapabilityError, TorchLeanError
from torchlean_nb.shells.cuda import OPTIONS, source
from torchlean_nb.shells.program import Program
from torchlean_nb.updates import RULES

cupy = pytest.importorskip("cupy")
ARCH = "sm_90"


def compiled(kernels):
    """Size of the code of some kernels; the compiler's words where one is refused."""
    from cupy._core import core
    from cupy.cuda import nvrtc

    parts = [f"namespace n{i} {{\n{code_of(kernel, f'kernel_{i}')}\n}}" for i, kernel in enumerate(kernels)]
    headers = [*core._cupy_header_list, *(["cupy/float16.cuh"] if "float16" in parts[0] else [])]
    text = "".join(f"#include <{h}>\n" for h in headers) + "\n".join(parts)
    include = [core._get_header_dir_path(), os.environ.get("CUDA_PATH", "/usr/local/cuda") + "/include"]
    options = [f"-arch={ARCH}", "-std=c++17", *(f"-I{path}" for path in include), *core._get_cccl_include_options()]
    program = nvrtc.createProgram(text, "kernels.cu", [], [])
    try:
        nvrtc.compileProgram(program, [*options, *OPTIONS, "-ftz=true"])
    except nvrtc.NVRTCError:
        said = nvrtc.getProgramLog(program)
        if "cuda_fp16.h" in said:
            pytest.skip("float16 needs the headers of the CUDA toolkit: CUDA_PATH")
        pytest.fail(said[:3000])
    return len(nvrtc.getCUBIN(program))


def code_of(kernel, name):
    """The program that CuPy would compile for vectors."""
    from cupy._core import _carray, _kernel, _scalar

    def info(p):
        if p.name == "_ind":
            return _kernel._ArgInfo(2, _carray.Indexer, None, 1, True, True)
        if p.name in kernel.scalars:
            return _kernel._ArgInfo(3, _scalar.CScalar, np.dtype(p.dtype), 0, True, True)
        return _kernel._ArgInfo(1, cupy.ndarray, np.dtype(p.dtype), 1, True, True)

    made, types = kernel.made, _kernel._TypeMap(())
    return _kernel._get_elementwise_kernel_code(
        tuple(map(info, made.params)), types, made.params, made.operation, name, made.preamble
    )


def kernel_of(ins, outs, operation, preamble="", scalars=()):
    """CuPy's kernel, and which of its arguments are numbers."""
    return SimpleNamespace(made=cupy.ElementwiseKernel(ins, outs, operation, preamble=preamble), scalars=scalars)


def programs(dtype):
    """Programs of all rules that treat each element alone, with their own options."""
    for rule in RULES.values():
        for options in ({}, {"total_steps": 30}):
            try:
                yield Program.best(rule, rule.resolve(options), np.dtype(dtype), False)
                break
            except CapabilityError:
                break
            except TorchLeanError:  # an option without a default
                continue


@pytest.mark.parametrize("check", [True, False], ids=["checked", "unchecked"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_kernel_of_every_fusable_rule_compiles(dtype, check):
    kernels = []
    for program in programs(dtype):
        scalars = {"launch", *(f"{k}_" for k in program.k)}
        kernels.append(kernel_of(*source(program, check), scalars))
    assert len(kernels) > 50
    assert compiled(kernels) > 0


def test_a_kernel_that_is_wrong_is_refused():
    with pytest.raises(pytest.fail.Exception, match="undefined"):
        compiled([kernel_of("float64 g_", "float64 new_p_", "new_p_ = g_ * missing")])
