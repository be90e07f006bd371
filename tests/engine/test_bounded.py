"""Values nobody looks at: rows said to be finite for finite arguments are, at the end of the numbers and near zero."""

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.engine.calls import BOUNDED

SEVERAL = {"concatenate", "stack", "maximum", "minimum"}
OPTIONS = {"max_pool": {"kernel_size": (2,)}, "clamp": {"min": -1.0}}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", sorted(BOUNDED))
def test_finite_numbers_in_finite_numbers_out(name, dtype):
    info = np.finfo(dtype)
    ends = np.array([info.max, -info.max, info.tiny, -info.smallest_subnormal, 0, -0.0, 1, -88.5], dtype)
    s = tl.Session(dtype=dtype)
    for x in (ends, ends[::-1].copy(), np.tile(ends, (3, 1))):
        args = [s.input(x), s.input(np.roll(x, 3))] if name in SEVERAL else [s.input(x)]
        y = tl.ops[name](*args, **OPTIONS.get(name, {}))
        assert np.isfinite(y.value).all() and y.value.dtype == dtype
