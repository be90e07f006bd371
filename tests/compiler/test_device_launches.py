"""Launches of fast programs compile for a GPU with NVIDIA's compiler; no GPU is needed."""

import re

import numpy as np
import pytest
from guard.test_kernels_compile import compiled, kernel_of

import torchlean_nb as tl
from tests.compiler.test_device import CHAINS, FUNCTIONS

KERNEL = re.compile(r'ElementwiseKernel\("(.*?)", "(.*?)", """(.*?)""", "\w+"\)', re.DOTALL)


def kernels(f, args, argnums):
    p = tl.compile(f, *args, argnums=argnums, device="guard", fast=True).value_and_grad
    return [kernel_of(*parts) for parts in KERNEL.findall(p.source)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_launch_compiles(dtype):
    found = []
    for f, args, argnums in FUNCTIONS.values():
        found += kernels(f, [a.astype(dtype) if a.dtype.kind == "f" else a for a in args], argnums)
    x = np.ones((6, 6), dtype)
    for chain in CHAINS.values():
        found += kernels(lambda *a, chain=chain: tl.sum(chain(*a) ** 2), (x, x), (0, 1))
    assert len(found) > 20 and compiled(found) > 0
