"""A graph written as JSON and read back is the same graph, whatever its nodes were told."""

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.errors import TraceFormatError


@pytest.mark.parametrize("bounds", [(-np.inf, 1.5), (0.0, np.inf), (np.float64(-np.inf), None)])
def test_bounds_without_end_come_back(bounds):
    s = tl.Session()
    x = s.param([1.0, 2.0], name="x")
    trace = s.trace(tl.sum(tl.clamp(x, min=bounds[0], max=bounds[1])))
    again = tl.GraphTrace.from_json(trace.to_json())
    assert again == trace and again.nodes[1].attrs == trace.nodes[1].attrs == {"min": bounds[0], "max": bounds[1]}


def test_a_name_that_is_a_number_is_refused():
    s = tl.Session()
    plain = s.trace(s.param(3.0, name="x") * 2.0).to_dict()
    plain["nodes"][0]["name"] = float("-inf")
    with pytest.raises(TraceFormatError, match="name"):
        tl.GraphTrace.from_dict(plain)


def test_a_gradient_of_another_shape_than_its_value_is_refused():
    s = tl.Session()
    plain = s.trace(s.param(3.0, name="x") * 2.0).to_dict()
    plain["edges"][0]["contribution"] |= {"shape": [1, 1]}
    with pytest.raises(TraceFormatError, match="shape"):
        tl.GraphTrace.from_dict(plain)
