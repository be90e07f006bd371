"""Programs on a device: the numbers of the CPU, the same lines, and crossings that can be counted.

``EVERY_KERNEL=1`` compiles the kernels of all examples, which takes a minute the first time.
"""

import os

import _guard
import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.backend import devices
from torchlean_nb.errors import BackendMixError

EVERY = os.environ.get("EVERY_KERNEL")
RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(64, 5)), RNG.integers(0, 3, 64)
W, B, V = RNG.normal(size=(5, 80)), RNG.normal(size=80), RNG.normal(size=(80, 3))


def network(w, b, v, x, y):
    h = tl.relu(x @ w + b)
    return tl.cross_entropy(tl.layer_norm(h, normalized_shape=80) @ v, y), tl.where(h > 0.5, h, 0.1)


def convolution(w, x):
    y = tl.max_pool2d(tl.conv2d(x, w, padding=1), 2)
    return tl.sum(tl.gelu(y) * tl.softmax(y, axis=-1)) + tl.max(y) + tl.prod(y[0, 0, 0] * 0.5)


def lookup(table, i):
    rows = tl.take(table, i, axis=0)
    return tl.sum(tl.cumsum(rows, axis=0) ** 2) + tl.logsumexp(tl.flip(rows), axis=None)


def attention(q, k):
    return tl.mean(tl.scaled_dot_product_attention(tl.matmul(q, k), q, q, is_causal=True) ** 2)


FUNCTIONS = {
    "network": (network, (W, B, V, X, LABELS), (0, 1, 2)),
    "convolution": (convolution, (RNG.normal(size=(3, 2, 3, 3)), RNG.normal(size=(2, 2, 8, 8))), (0, 1)),
    "lookup": (lookup, (RNG.normal(size=(7, 4)), np.array([1, 1, 6, 0, 1])), (0,)),
    "attention": (attention, (RNG.normal(size=(2, 6, 4)), RNG.normal(size=(4, 4))), (0, 1)),
}


def device():
    return devices.device("guard")


def flat(found):
    return [x for part in found for x in flat(part)] if isinstance(found, tuple) else [found]


def same(one, other):
    one, other = map(flat, (one, other))
    assert len(one) == len(other) and all(a.__class__ is np.ndarray for a in one)
    for a, b in zip(one, other, strict=True):
        assert (a.shape, a.dtype, a.tobytes()) == (b.shape, b.dtype, b.tobytes())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_value_and_gradient_have_the_bits_of_eager_mode_there(name, dtype):
    f, args, argnums = FUNCTIONS[name]
    args = [a.astype(dtype) if a.dtype.kind == "f" else a for a in args]
    p = tl.compile(f, *args, argnums=argnums, device="guard")
    s = tl.Session(device="guard", dtype=dtype)
    leaves = [s.param(a) if k in argnums else s.input(a) for k, a in enumerate(args)]
    found = f(*leaves)
    loss = found[0] if isinstance(found, tuple) else found
    g = s.backward(loss)
    values = tuple(t.value for t in found) if isinstance(found, tuple) else found.value
    same(p.value_and_grad(*args), (values, tuple(g[leaves[k]] for k in argnums)))
    same(p(*args), values)


def test_derivatives_of_all_orders_and_batches_are_those_of_the_cpu():
    there, here = (
        tl.compile(lambda w, x: tl.sum(tl.tanh(x @ w) ** 3), W[:, :3], X[:4], argnums=(0, 1), device=d)
        for d in ("guard", "cpu")
    )
    args, vectors = (W[:, :3], X[:4]), (np.ones((5, 3)), X[:4] * 0.5)
    same(there.jvp(args, vectors), here.jvp(args, vectors))
    same(there.hvp(args, vectors), here.hvp(args, vectors))
    for a, b in zip(flat(there.hessian(*args)), flat(here.hessian(*args)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    each = tl.vmap(tl.grad(lambda w, x: tl.sum(tl.tanh(x @ w))), in_axes=(None, 0))
    found = each(device().put(W), device().put(X))
    assert device().owns(found)
    np.testing.assert_allclose(devices.host(found), each(W, X), rtol=1e-12, atol=1e-12)


def test_what_lives_there_stays_there_and_nothing_crosses():
    p = tl.compile(network, W, B, V, X, LABELS, device="guard")
    args = [device().put(a) for a in (W, B, V, X, LABELS)]
    p(*args)
    with _guard.counting() as seen:
        found = p(*args)
    assert all(map(device().owns, found)) and seen.total == 0
    same(tuple(map(devices.host, found)), p(W, B, V, X, LABELS))


def test_what_comes_from_the_host_crosses_once_and_comes_back():
    p = tl.compile(network, W, B, V, X, LABELS, device="guard")
    p(W, B, V, X, LABELS)
    with _guard.counting() as seen:
        loss, h = p(W, B, V, X, LABELS)
    assert (seen.arrays_in, seen.arrays_out, seen.items, seen.waits) == (5, 2, 0, 0)
    h[0] = 1.0  # whoever asked owns the result
    assert loss.shape == () and h[0, 0] == 1.0


def test_a_program_runs_where_its_examples_live_unless_it_is_told():
    x = device().put(X)
    assert tl.compile(lambda a: a * 2.0, x).device is device()
    assert tl.compile(lambda a: a * 2.0, X, device="cpu").device.name == "cpu"
    p = tl.compile(lambda a: a * 2.0, X, device="cpu")
    before = p(X).tobytes()
    with pytest.raises(BackendMixError, match=r"x\.get\(\)"):
        p(x)
    assert p(X).tobytes() == before and p.on("guard")(X).tobytes() == before


def test_arrays_that_a_function_holds_become_constants_wherever_they_live():
    held, large = device().put(X[0]), device().put(RNG.normal(size=(5, 40)))
    p = tl.compile(lambda w: tl.sum(w * held) + tl.sum(tl.matmul(w, large)), W[:, 0], device="guard")
    want = (W[:, 0] * X[0]).sum() + (W[:, 0] @ devices.host(large)).sum()
    assert p(W[:, 0]) == pytest.approx(want, rel=1e-12)


def test_the_source_names_its_library_and_runs_when_pasted():
    p = tl.compile(lambda t, i: tl.sum(tl.take(t, i, axis=0) ** 2), X, np.array([1, 1]), device="guard").value_and_grad
    assert f"import {_guard.module.__name__} as np" in p.source and 'xp = device("guard").xp' in p.source
    notebook = {}
    exec(p.source, notebook)
    pasted = notebook["step"](device().put(X), device().put(np.array([1, 1])))
    same(tuple(map(devices.host, pasted)), p(X, np.array([1, 1])))
    here = tl.compile(lambda x: x * 2.0, X, device="cpu").source
    assert "import numpy as np" in here and "device" not in here


def test_profiles_and_traces_are_made_of_host_arrays():
    p = tl.compile(network, W, B, V, X, LABELS, device="guard")
    assert len(p.profile(repeat=2)) > 5
    trace = p.trace(device().put(W), B, V, X, LABELS)
    assert all(line.value is None or line.value.__class__ is np.ndarray for line in trace.lines)


# -- training steps --------------------------------------------------------------------------------------


def loss_of(w, b, v, x, y):
    return network(w, b, v, x, y)[0]


def trained(where, fused, steps=5, optimizer=tl.optim.Adam, backend="eager"):
    s = tl.Session(device=where)
    params = [s.param(a, name=n) for a, n in ((W, "w"), (B, "b"), (V, "v"))]
    opt = optimizer(params, lr=0.05, fused=fused)
    step = tl.compile(loss_of, W, B, V, X, LABELS, argnums=(0, 1, 2), device=where).train_step(opt)
    return s, step, [step(X + k, LABELS) for k in range(steps)]


@pytest.mark.parametrize("fused", [False, True])
def test_training_steps_have_the_bits_of_a_session_on_the_same_device(fused):
    s, _, losses = trained("guard", fused)
    other = tl.Session(device="guard")
    params = [other.param(a, name=n) for a, n in ((W, "w"), (B, "b"), (V, "v"))]
    opt = tl.optim.Adam(params, lr=0.05, fused=fused)
    want = [other.step(opt, lambda k=k: loss_of(*params, other.input(X + k), LABELS)).loss for k in range(5)]
    assert losses == want
    same(tuple(p.value for p in s.params.values()), tuple(p.value for p in other.params.values()))


def test_of_a_fused_step_only_the_batch_and_two_numbers_cross():
    _, step, _ = trained("guard", True)
    with _guard.counting() as seen:
        step(X, LABELS)
    assert (seen.arrays_in, seen.arrays_out, seen.waits) == (2, 0, 0)
    assert seen.items == 2  # the loss, and whether the parameters are finite
    x, y = device().put(X), device().put(LABELS)
    with _guard.counting() as seen:
        step(x, y)
    assert (seen.arrays_in, seen.arrays_out) == (0, 0)


def test_a_step_runs_where_the_parameters_live():
    opt = tl.optim.SGD([tl.Session(device="guard").param(X[0], name="w")], lr=0.1)
    step = tl.compile(lambda w, x: tl.sum((w * x) ** 2), X[0], X[1], device="cpu").train_step(opt)
    assert step.program.device is device() and isinstance(step(X[1]), float)


def test_a_loss_that_is_not_finite_moves_nothing_there():
    s, step, _ = trained("guard", True)
    before = [p.value.tobytes() for p in s.params.values()]
    with pytest.raises(tl.errors.NonFiniteError):
        step(X * np.inf, LABELS)
    assert [p.value.tobytes() for p in s.params.values()] == before


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_compiled_sessions_replay_there_with_the_bits_of_eager_ones(dtype):
    found = []
    for backend in ("eager", "compiled"):
        s = tl.Session(backend=backend, device="guard", dtype=dtype, seed=1)
        net = tl.nn.Sequential(tl.nn.Linear(5, 8), tl.nn.Dropout(0.2), tl.nn.Linear(8, 3)).bind(s)
        opt = tl.optim.Adam(net.parameters())
        losses = [s.step(opt, lambda net=net: tl.cross_entropy(net(X), LABELS)).loss for _ in range(4)]
        found.append((losses, [p.value.tobytes() for p in net.parameters()]))
    assert found[0] == found[1] and s._way.book.replayed == 3
    assert f"import {_guard.module.__name__} as np" in s.program.source


# -- one launch for neighbouring lines --------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"] if EVERY else ["float32"])
@pytest.mark.parametrize("name", FUNCTIONS if EVERY else ["network"])
def test_a_fast_program_launches_less_and_differs_by_rounding_only(name, dtype):
    f, args, argnums = FUNCTIONS[name]
    args = [a.astype(dtype) if a.dtype.kind == "f" else a for a in args]
    plain, fast = (
        tl.compile(f, *args, argnums=argnums, device="guard", fast=quick).value_and_grad for quick in (False, True)
    )
    want = flat(plain(*args))
    for a, b in zip(flat(fast(*args)), want, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4 if dtype == "float32" else 1e-11, atol=1e-5)
    assert "ElementwiseKernel(" in fast.source and "ElementwiseKernel(" not in plain.source
    seen = []
    for p in (fast, plain):
        with _guard.counting() as counted:
            p(*args)
        seen.append(sum(counted.launches.values()))
    assert seen[0] < seen[1]


CHAINS = {
    "in place": lambda x, y: tl.tanh(x * y + 1.0) * 2.0 - x,
    "broadcast against what is written": lambda x, y: (x - tl.max(x * 2.0, axis=0, keepdims=True)) * 3.0 + x * 2.0,
    "a view of what is written": lambda x, y: (x * 2.0 + (x * 3.0).T) * (x * 2.0) - (y * y).T,
    "a choice that is read twice": lambda x, y: tl.where(x > y, x, y * y) * tl.where(x > y, 1.0, 2.0),
    "logic": lambda x, y: tl.where(tl.logical_not(x > 0.0), tl.abs(x), tl.sqrt(tl.abs(x))) + tl.minimum(x, y),
    "all functions": lambda x, y: tl.sin(tl.cos(tl.arctan(tl.exp(tl.log1p(tl.expm1(tl.sinh(tl.cosh(x) * 0.1))))))) / y,
}


@pytest.mark.parametrize("name", CHAINS if EVERY else [*CHAINS][:3])
def test_a_launch_writes_nothing_that_it_has_yet_to_read(name):
    x, y = RNG.normal(size=(2, 6, 6))
    slow, fast = (
        tl.compile(lambda *a: tl.sum(CHAINS[name](*a) ** 2), x, y, argnums=(0, 1), device="guard", fast=quick)
        for quick in (False, True)
    )
    found, want = ([p(x, y), *flat(p.value_and_grad(x, y))] for p in (fast, slow))
    for a, b in zip(found, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("fused", [False, True])
def test_a_fast_training_step_learns_as_the_other_does(fused):
    s = tl.Session(device="guard")
    params = [s.param(a, name=n) for a, n in ((W, "w"), (B, "b"), (V, "v"))]
    opt = tl.optim.Adam(params, lr=0.05, fused=fused)
    p = tl.compile(loss_of, W, B, V, X, LABELS, argnums=(0, 1, 2), device="guard", fast=True)
    step = p.train_step(opt)
    np.testing.assert_allclose([step(X + k, LABELS) for k in range(5)], trained("guard", fused)[2], rtol=1e-9)
    assert step.kernels or not fused


def test_lines_that_write_what_all_rows_read_share_no_launch():
    def spread(x, y):
        once = x * (x @ y)[0]  # the product's memory is free for the second result
        return once @ (once + 1.0)

    x, y = RNG.normal(size=(2, 6, 6))
    p = tl.compile(spread, x, y, device="guard", fast=True)
    # Seen in the text: the stand-in copies what it spreads, a GPU does not.
    assert "add(t1, c5, t0)" in p.source and "ElementwiseKernel(" not in p.source
