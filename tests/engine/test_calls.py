"""Functions written for a row: the careful sweep's bits, its words for what fails, and no look where none is needed."""

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.backend.devices import host
from torchlean_nb.engine.calls import BOUNDED
from torchlean_nb.engine.reverse import Plain, sweep
from torchlean_nb.engine.transforms import Run
from torchlean_nb.laws.point import Point
from torchlean_nb.rows import Op

OPS = [op for op in tl.ops.values() if op.builtin and op.rules]
SEVERAL = {"concatenate", "stack", "maximum", "minimum"}
OPTIONS = {"max_pool": [{"kernel_size": (2,)}], "clamp": [{"min": -1.0}], "gelu": [{}, {"approximate": "tanh"}]}


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_a_quick_sweep_is_the_careful_one(op):
    for sample in op.samples:
        p = Point(op, sample)
        run = Run(lambda *xs, p=p: op(*xs, **p.attrs) * 1.5, p.arrays, p.moving)
        seed, edges = run.tape.put(np.ones(run.out.shape)), []
        quick = sweep(Plain(run.tape), run.out.id, seed)
        careful = sweep(Plain(run.tape), run.out.id, seed, on_edge=lambda *e, edges=edges: edges.append(e))
        assert edges and quick.keys() == careful.keys()
        assert all(np.array_equal(host(quick[i]), host(careful[i]), equal_nan=True) for i in quick)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", sorted(BOUNDED))
def test_finite_numbers_in_finite_numbers_out(name, dtype):
    info = np.finfo(dtype)
    ends = np.array([info.max, -info.max, info.tiny, -info.smallest_subnormal, 0, -0.0, 1, -88.5], dtype)
    s = tl.Session(dtype=dtype)
    for x in (ends, ends[::-1].copy(), np.tile(ends, (3, 1))):
        args = [s.input(x), s.input(np.roll(x, 3))] if name in SEVERAL else [s.input(x)]
        for options in OPTIONS.get(name, [{}]):
            y = tl.ops[name](*args, **options)
            assert np.isfinite(y.value).all() and y.value.dtype == dtype


def test_a_rule_for_any_number_of_arguments_gets_them_where_it_takes_them():
    """To hand thousands of arguments to each of thousands of rules takes time."""
    forward, slopes = lambda xp, *xs: sum((i + 1) * x * x for i, x in enumerate(xs)), {}
    rules = {
        "all": lambda xp, g, y, *xs, arg: 2 * (arg + 1) * g * xs[arg],
        "none": lambda xp, g, y, *, arg: 2 * (arg + 1) * g,
    }
    for name, rule in rules.items():
        op, s = Op(name=f"weigh_{name}", forward=forward, vjps=(rule,), jvps=(rule,)), tl.Session()
        xs = [s.param(1.0, name=f"x{k}") for k in range(3)]
        y = s.tape.apply(op, tuple(xs), {})
        g = s.backward(y)
        slopes[name] = [*(float(g[x]) for x in xs), *(float(e.contribution) for e in s.trace(y).edges)]
        assert op.blind is (name == "none")
    assert slopes["all"] == slopes["none"] == [2.0, 4.0, 6.0] * 2 and tl.ops["stack"].blind


def test_large_numbers_are_no_mistake_and_an_option_that_is_none_is_one():
    s = tl.Session(dtype="float32")
    x = s.input(np.full((2, 3), 1e30, np.float32), requires_grad=True)
    y = x + x  # its squares overflow
    assert np.isfinite(y.value).all() and s.backward(y, np.ones((2, 3)))[x].tolist() == [[2.0] * 3] * 2
    with pytest.raises(errors.NonFiniteError, match=r"mul \(node \d\): overflow"):
        y * y
    with pytest.raises(TypeError, match="no option 'beta'"):
        s.tape.apply(tl.ops["add"], (x, y), {"beta": 1})


def test_slices_fill_one_gradient_and_no_other_that_lies_in_the_same_place():
    s = tl.Session()
    x = s.param([1.0, 2.0, 3.0])
    y = x * 1.0
    first, two = y[0], y[:2].sum()
    z = y + 0.0  # what it receives goes on to y as the same array, before the slices are swept
    g = s.backward((z * z).sum() + 5.0 * first + 7.0 * two)
    assert g[z].tolist() == [2.0, 4.0, 6.0] and g[y].tolist() == g[x].tolist() == [14.0, 11.0, 6.0]
    g = s.backward((5.0 * y[0] + 7.0 * y[:2].sum() + y[1:].sum() * 2.0).named("only slices"))
    assert g[x].tolist() == [12.0, 9.0, 2.0]


def test_the_gradient_of_slices_lies_in_memory_as_the_array_does():
    s = tl.Session()
    x = s.param(np.arange(6.0).reshape(2, 3))
    turned = x.transpose()
    g = s.backward((turned[0] * turned[2]).sum())
    assert g[turned].strides == turned.value.strides and g[x].tolist() == [[2.0, 0.0, 0.0], [5.0, 0.0, 3.0]]
