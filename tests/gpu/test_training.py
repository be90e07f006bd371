"""Training on the device: the course of the CPU, state that moves between both, and what a full memory says."""

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.backend.devices import host
from torchlean_nb.updates import RULES

SINGULAR = {"galore", "galore_sgd", "shampoo", "soap", "muon"}  # singular vectors: LAPACK's signs are its own
ROWS = [name for name in RULES if RULES[name].builtin and not RULES[name].needs]
MOONS = tl.data.moons(96)


def course(device, name, steps=8, **options):
    """Values of two matrices after some steps of a rule, and the optimizer."""
    rng = np.random.default_rng(0)
    s = tl.Session(device=device)
    w, v = s.param(rng.standard_normal((4, 3)), name="w"), s.param(rng.standard_normal((3, 3)), name="v")
    x, y = rng.standard_normal((16, 4)), rng.standard_normal((16, 3))
    opt = tl.optim.class_of(name)([w, v], **options)
    for _ in range(steps):
        s.step(opt, lambda: tl.mse_loss(tl.tanh(s.input(x) @ w) @ v, y))
    return np.concatenate([w.value.ravel(), v.value.ravel()]), opt


@pytest.mark.parametrize("name", ROWS)
def test_every_rule_takes_the_course_of_the_cpu(name, there):
    try:
        want = course("cpu", name)[0]
    except errors.TorchLeanError as e:
        pytest.skip(f"needs options: {str(e).splitlines()[0]}")
    loose = 1e-6 if name in SINGULAR else 1e-9
    assert np.allclose(course(there.name, name)[0], want, rtol=loose, atol=loose)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop", "lion", "adagrad"])
def test_one_kernel_for_each_group_takes_the_same_course(name, there):
    assert np.allclose(course(there.name, name, fused=True)[0], course(there.name, name)[0], rtol=1e-12, atol=1e-13)


def test_state_moves_between_devices(there):
    for a, b in ((there.name, "cpu"), ("cpu", there.name)):
        _, one = course(a, "adam", steps=5)
        _, two = course(b, "adam", steps=0)
        two.load_state_dict(one.state_dict())
        for x, y in zip(tree(one.state_dict()), tree(two.state_dict()), strict=True):
            assert isinstance(x, np.ndarray) and x.tobytes() == y.tobytes()


def tree(d):
    """Arrays of a state dict, in order."""
    return [a for k in sorted(d["state"]) for _, a in sorted(d["state"][k].items()) if isinstance(a, np.ndarray)]


@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_a_trainer_learns_the_same(backend, there, tmp_path):
    layers = tl.nn.Linear(2, 16), tl.nn.BatchNorm1d(16), tl.nn.ReLU(), tl.nn.Dropout(0.2), tl.nn.Linear(16, 2)
    losses = {}
    for device in ("cpu", there.name):
        net = tl.nn.Sequential(*layers)
        trainer = tl.Trainer(net, task="classification", optimizer="adam", schedule=0.05, device=device,
                             backend=backend, seed=1)  # fmt: skip
        losses[device] = trainer.fit(MOONS, steps=25, batch_size=32, progress=False).run["loss"].values
        tl.save(tmp_path / f"{device.replace(':', '')}.tl", trainer)
    assert np.allclose(losses["cpu"], losses[there.name], rtol=1e-7)
    here = tl.load(tmp_path / f"{there.name.replace(':', '')}.tl")
    assert all(isinstance(a, np.ndarray) for a in here["parameters"].values()) if "parameters" in here else True


def test_programs_give_the_numbers_of_the_tape(there):
    rng = np.random.default_rng(3)
    w, x = rng.standard_normal((5, 4)), rng.standard_normal((7, 5))

    def f(w, x):
        return tl.softmax(tl.gelu(x @ w), axis=1).std()

    eager = tl.value_and_grad(f)(there.put(w), there.put(x))
    program = tl.compile(f, w, x, argnums=0, device=there.name)
    value, slope = program.value_and_grad(there.put(w), there.put(x))
    assert np.allclose(host(value), host(eager[0]), rtol=1e-12)
    assert np.allclose(host(slope), host(eager[1]), rtol=1e-9, atol=1e-14)
    assert np.allclose(host(eager[1]), tl.grad(f)(w, x), rtol=1e-9, atol=1e-14)


def test_a_full_memory_names_the_op_and_changes_nothing(there):
    if there.kind != "cuda":
        pytest.skip("a stand-in has the memory of the host")
    s = tl.Session(device=there.name)
    x = s.param(np.ones(1), name="x")
    wide = tl.broadcast_to(x, shape=(2**45,))
    before = len(s.tape)
    with pytest.raises(errors.DeviceMemoryError, match=r"mul \(node \d+\): GPU memory is full"):
        wide * 2.0
    assert len(s.tape) == before and s.value(x).tolist() == [1.0]


def test_a_thousand_steps_hold_no_more_memory(there):
    if there.kind != "cuda":
        pytest.skip("a stand-in has no pool")
    pool, used = there.np.get_default_memory_pool(), []
    for steps in (50, 1000):
        course(there.name, "adam", steps=steps)
        used.append(pool.used_bytes())
    assert used[1] <= used[0] + (1 << 20)
