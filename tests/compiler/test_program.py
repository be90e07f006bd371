"""A program from the outside: its source, its shapes, its memory, and what it refuses."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from _pasted import pasted

import torchlean_nb as tl
from torchlean_nb.compiler.lowering import lower, memory_order
from torchlean_nb.compiler.passes import simplified
from torchlean_nb.compiler.plan import plan
from torchlean_nb.errors import ForeignHandleError, HandleTypeError, HyperparameterError, NonScalarError, ShapeError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(32, 2)), RNG.normal(size=(32, 1))
WEIGHTS = tuple(RNG.normal(size=shape) for shape in ((16, 2), (16,), (16, 16), (16,), (1, 16), (1,)))


def mlp(x, y, W1, b1, W2, b2, W3, b3):
    h = tl.tanh(tl.linear(x, W1, b1))
    h = tl.tanh(tl.linear(h, W2, b2))
    return tl.mse_loss(tl.linear(h, W3, b3), y)


def compiled():
    return tl.compile(mlp, X, Y, *WEIGHTS, argnums=tuple(range(2, 8)))


def test_the_source_runs_when_it_is_pasted_and_gives_the_same_numbers():
    p = compiled().value_and_grad
    assert len(p.source.split("def step")[1].splitlines()) < 70 and "torchlean_nb" not in p.source
    value, slopes = p(X, Y, *WEIGHTS)
    found = pasted(p.source, X, Y, *WEIGHTS)
    assert found[0] == value and all(map(np.array_equal, found[1:], slopes))


def test_training_by_a_program_gives_the_losses_of_training_by_a_session():
    s = tl.Session(seed=0)
    params = [s.param(w) for w in WEIGHTS]
    opt = tl.optim.Adam(params, lr=0.01)
    eager = [s.step(opt, lambda: mlp(X, Y, *params)).loss for _ in range(20)]
    opt = tl.optim.Adam({f"p{i}": w for i, w in enumerate(WEIGHTS)}, lr=0.01)
    step, losses = compiled().value_and_grad, []
    for _ in range(20):
        loss, slopes = step(X, Y, *opt.params.values())
        opt.step(list(slopes))
        losses.append(float(loss))
    assert losses == eager


def test_results_stay_what_they_were_when_the_program_runs_again():
    p = tl.compile(lambda x: (x * 2.0, x + 1.0), [1.0, 2.0])
    first = p([1.0, 2.0])
    p([5.0, 6.0])
    assert [a.tolist() for a in first] == [[2.0, 4.0], [2.0, 3.0]]


def test_other_shapes_and_types_make_other_programs_and_only_some_are_kept():
    p = tl.compile(lambda x: tl.sum(x * x), np.ones(3))
    assert [float(p(np.ones(n))) for n in range(1, 20)] == list(range(1, 20)) and len(p._made) == 8
    assert p(np.ones(3, np.float32)).dtype == np.float32


def test_arguments_in_any_layout_give_the_same():
    p = tl.compile(lambda x: tl.sum(x, axis=0) * 2.0, np.ones((3, 4)))
    a = RNG.normal(size=(4, 3)).T
    assert np.array_equal(p(a), p(np.array(a, order="C"))) and np.array_equal(p(a[::-1]), p(a[::-1].copy()))


def test_a_random_key_is_an_argument_so_each_run_drops_other_elements():
    p = tl.compile(lambda x, key: tl.dropout(x, key, p=0.5), np.ones(8), np.array(3))
    assert all(np.array_equal(p(np.ones(8), np.array(k)), tl.dropout(np.ones(8), k, p=0.5)) for k in range(5))


@pytest.mark.parametrize("f", [
    lambda x: x * 2.0 if x.sum() > 0 else x, lambda x: x * float(x.sum()), lambda x: x * x.value,
    lambda x: x / x.item(),
])  # fmt: skip
def test_a_function_that_looks_at_a_value_is_refused(f):
    with pytest.raises(HandleTypeError, match="where"):
        tl.compile(f, np.ones(1))


def test_a_gradient_is_of_one_number():
    with pytest.raises(NonScalarError, match=r"\(2,\)"):
        _ = tl.compile(lambda x: x * 2.0, [1.0, 2.0]).value_and_grad


def test_a_wrong_number_of_arguments_is_said():
    with pytest.raises(HandleTypeError, match="2 arguments"):
        tl.compile(lambda x: x, 1.0)(1.0, 2.0)


def test_names_of_arguments_that_could_be_mistaken_are_replaced():
    def f(np, t0, step, x5):
        return np * t0 + step * x5

    p = tl.compile(f, 1.0, 2.0, 3.0, 4.0)
    assert float(p(1.0, 2.0, 3.0, 4.0)) == 14.0 and "def step(x0, x1, x2, x3)" in p.source


def test_arguments_named_like_functions_of_numpy_are_replaced():
    def f(add, exp, choose):
        return tl.where(add > 0, tl.exp(add) + exp, choose)

    xs = RNG.normal(size=(3, 5000))
    assert same_bits(tl.compile(f, *xs)(*xs), tl.where(xs[0] > 0, tl.exp(xs[0]) + xs[1], xs[2]))


def same_bits(a, b):
    return np.asarray(a).tobytes() == np.asarray(b).tobytes()


def test_what_only_looks_at_arrays_made_once_is_made_once():
    p = compiled().value_and_grad
    head, body = p.source.split("def step")
    own = [line for line in body.splitlines() if " = " in line]
    assert ".T" in head and len(own) == 3 and all("W" in line for line in own)  # weights come anew each time


def test_equal_lines_are_shared_and_unused_ones_are_gone():
    rough, _ = lower(lambda x: tl.exp(x) * tl.exp(x) + 0.0 * tl.sin(np.ones(2)), [np.ones(2)], None, "float64")
    ops = [line.op for line in simplified(rough).lines]
    assert ops.count("exp") == 1 and "sin" not in ops


def test_no_array_is_written_while_a_later_line_still_reads_it():
    p = compiled().value_and_grad
    graph, memory = p.graph, plan(p.graph)
    root = {}
    for i, line in enumerate(graph.lines):
        root[i] = root[line.args[0]] if line.view else i
    for i, k in memory.place.items():
        for j, other in enumerate(graph.lines):
            for a in other.args:
                owner = root.get(a)
                if owner is not None and memory.place.get(owner) == k and owner < i:
                    assert j <= i, f"line {i} writes over line {owner}, which line {j} reads"
    assert memory.nbytes < sum(a.nbytes for a in map(np.zeros, [x.shape for x in graph.lines if not x.view]))


def test_layouts_are_those_of_numpy():
    a = np.zeros((2, 3, 4))
    assert memory_order(a) == (0, 1, 2) and memory_order(a.transpose(2, 0, 1)) == (1, 2, 0)
    assert memory_order(np.zeros((1, 5)).T) == (0, 1)


@pytest.mark.parametrize(("make", "kind", "words"), [
    (lambda: tl.compile(3, 1.0), HandleTypeError, "int, not a function"),
    (lambda: tl.compile(lambda x: x), HandleTypeError, "does not take 0 arguments"),
    (lambda: tl.compile(lambda x: [x], 1.0), HandleTypeError, "returned a list"),
    (lambda: tl.compile(lambda x: None, 1.0), HandleTypeError, "returned a NoneType"),
    (lambda: tl.compile(lambda x: (x, (x, x)), 1.0), HandleTypeError, "returned a tuple"),
    (lambda: tl.compile(lambda x: x, [1, [2, 3]]), ShapeError, "ragged"),
    (lambda: tl.compile(lambda x: x, 1.0, argnums=1).value_and_grad, HyperparameterError, "argnums=1"),
    (lambda: tl.compile(lambda x: x, 1.0, argnums="x").value_and_grad, HyperparameterError, "argnums='x'"),
    (lambda: tl.compile(tl.nn.Linear(1, 1).bind(tl.Session()), [[1.0]]), ForeignHandleError, "an argument for it"),
])  # fmt: skip
def test_what_cannot_be_compiled_is_said_with_what_to_do(make, kind, words):
    with pytest.raises(kind, match=words):
        make()


def test_a_program_given_tensors_is_the_function_so_it_can_be_differentiated_and_compiled_again():
    p = tl.compile(lambda x: tl.sum(x * x * x), [1.0, 2.0])
    x = np.array([3.0, -1.0])
    assert tl.grad(p)(x).tolist() == [27.0, 3.0]
    assert tl.compile(lambda v: p(v) + p.value_and_grad(v)[0], x)(x).item() == 2 * p(x).item()
    s = tl.Session()
    w = s.param(x)
    assert s.backward(p(w))[w].tolist() == [27.0, 3.0]


def test_a_symbol_shows_what_is_known_of_it():
    shown = []
    tl.compile(lambda x: shown.append(f"{x}") or x, np.ones((2, 3)))
    assert "shape (2, 3), float64" in shown[0]


def test_derivatives_inside_a_function_compile_too():
    x = np.array([0.5, -2.0, 1.5])
    for f in (
        tl.grad(lambda v: tl.sum(v**3)), lambda v: tl.hvp(lambda u: tl.sum(tl.sin(u) * u), v, v),
        lambda v: tl.jvp(tl.tanh, (v,), (v,)),
    ):  # fmt: skip
        one, other = tl.compile(f, x)(x), f(x)
        assert all(np.array_equal(a, b) for a, b in zip(np.atleast_2d(one), np.atleast_2d(other), strict=True))


def test_constants_that_are_not_finite_and_signed_zeros_stay_what_they_are():
    p = tl.compile(lambda x: (x * np.array([np.nan, np.inf]), x / np.array([-0.0]), x / np.array([0.0]), np.nan), [1.0])
    assert [v.tolist() for v in p([1.0])][1:3] == [[-np.inf], [np.inf]] and np.isnan(p([1.0])[3])
    assert np.isnan(p([1.0])[0][0]) and p([1.0])[0][1] == np.inf


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_choice_among_many_numbers_has_their_bits(dtype):
    a, b = np.array([[-0.0, np.inf, 1.0, np.nan]] * 2000, dtype), RNG.normal(size=(2000, 4)).astype(dtype)
    want = np.where(b > 0, a, b)
    p = tl.compile(lambda c, x, y: tl.where(c, x, y), b > 0, a, b)
    for got in (p(b > 0, a, b), tl.where(b > 0, a, b)):
        assert got.dtype == want.dtype and got.tobytes() == want.tobytes()
    p = tl.compile(lambda x: tl.where(x > 0, 1.0, x), b)
    assert p(b).tobytes() == np.where(b > 0, np.ones((), dtype), b).tobytes()
    assert np.array_equal(pasted(p.source, b)[0], p(b)) and "torchlean_nb" not in p.source


def test_what_is_written_partly_keeps_its_zeros():
    def f(x):
        padded = tl.pad(x, ((1, 2),))
        return tl.concatenate(padded * 2.0, padded + x.sum()), padded

    p, x = tl.compile(f, np.ones(3)), np.ones(3)
    for k in range(3):
        assert [a.tolist() for a in p(x * k)] == [a.value.tolist() for a in f(tl.Session().input(x * k))]


def test_stacks_and_columns_of_any_layout_have_the_same_bits_in_both_schedules():
    w = RNG.normal(size=(40, 30)).astype(np.float32)

    def f(x, w):
        h = x @ w.T
        turned = tl.transpose(h, (1, 0, 2)) @ w
        return h, turned, h.sum(axis=(0, 1)), turned.sum(axis=(0, 1)), h.sum(axis=(-2, 0)), h[:, ::2].sum(axis=(0, 1))

    for shape in ((6, 9, 30), (1, 9, 30), (6, 0, 30), (2, 300, 30)):
        x, s = RNG.normal(size=shape).astype(np.float32), tl.Session(dtype="float32")
        got, want = tl.compile(f, x, w)(x, w), f(s.input(x), s.input(w))
        assert all(np.array_equal(a, b.value) and a.dtype == b.dtype for a, b in zip(got, want, strict=True))


def test_the_largest_of_short_rows_is_the_same_in_both_schedules():
    for shape in ((40, 7), (3, 20, 32), (300, 2), (2, 3), (70, 33)):
        x = RNG.normal(size=shape).astype(np.float32)
        x[0] = np.nan
        p = tl.compile(lambda x: (tl.max(x, axis=-1), tl.max(x, axis=-1, keepdims=True), tl.softmax(x)), x)
        want = x.max(axis=-1), x.max(axis=-1, keepdims=True), tl.softmax(x)
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(p(x), want, strict=True))


def test_an_op_by_itself_compiles_and_names_its_arguments_as_users_do():
    p = tl.compile(tl.softmax, [[0.5, 2.0]])
    assert p([[0.5, 2.0]]).tobytes() == tl.softmax([[0.5, 2.0]]).tobytes()
    assert [*inspect.signature(tl.softmax).parameters] == ["x", "axis"]
    with pytest.raises(HandleTypeError, match="2 arguments"):
        tl.compile(tl.tanh, 1.0, 2.0)


@pytest.mark.parametrize("ignored", [-100, 300])
def test_labels_of_one_byte_are_compared_with_a_number_that_none_of_them_can_be(ignored):
    x, y = RNG.normal(size=(4, 3)), np.array([0, 1, 2, 1], np.uint8)
    p = tl.compile(lambda x, y: tl.cross_entropy(x, y, ignore_index=ignored), x, y)
    assert np.isclose(p(x, y), tl.cross_entropy(x, y), rtol=1e-15)
