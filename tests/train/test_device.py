"""Training on a device: the numbers of the CPU, state that stays there, and crossings that can be counted."""

import sys

import _guard
import numpy as np
import pytest

import torchlean_nb as tl
from tests._stop import Stop
from tests._trainers import data, digest, fit, model, trainer
from torchlean_nb.backend import devices
from torchlean_nb.nn import BatchNorm1d
from torchlean_nb.train import Task

BACKENDS = ("eager", "compiled")
OPTIONS = [{}, {"accumulate": 2, "clip": 0.5}, {"update": "per_sample"}, {"validation": 0.3, "early_stopping": 1}]


def held(t):
    """Everything a step depends on, without where it is computed."""
    state = t.state_dict()
    for part in ("config", "run"):
        del state[part]
    return state


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a.tobytes() == b.tobytes() if isinstance(a, np.ndarray) else a == b


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_trainer_leaves_the_bits_of_the_cpu(backend, options):
    norm = tl.nn.LayerNorm(4) if "update" in options else None  # of one sample there is no batch norm
    one, other = (trainer(backend=backend, norm=norm, device=d) for d in ("cpu", "guard"))
    results = [fit(t, 6, **{"batch_size": 1 if norm else 4} | options) for t in (one, other)]
    assert same(held(one), held(other)) and results[0].metrics == results[1].metrics
    assert all(devices.device("guard").owns(p.array) for p in other.runner.net._cells().values())
    assert all(a.__class__ is np.ndarray for a in results[1].parameters.values())
    x = data().arrays[0]
    assert one.predict(x).tobytes() == other.predict(x).tobytes() == results[1].predict(x).tobytes()


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lion", "lbfgs", "lamb", "sophia"])
def test_optimizers_of_every_kind_train_there(optimizer):
    one, other = (trainer(optimizer, device=d) for d in ("cpu", "guard"))
    for t in (one, other):
        fit(t, 4)
    for path, a in one.runner.net.state_dict().items():
        np.testing.assert_allclose(other.runner.net.state_dict()[path], a, rtol=1e-9, atol=1e-12)


def test_a_fused_optimizer_takes_compiled_steps_there():
    one, other = (
        trainer(lambda ps: tl.optim.Adam(ps, lr=0.01, fused=True), backend="compiled", device=d)
        for d in ("cpu", "guard")
    )
    for t in (one, other):
        fit(t, 5)
    for path, a in one.runner.net.state_dict().items():
        np.testing.assert_allclose(other.runner.net.state_dict()[path], a, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_step_sends_its_batch_and_brings_back_numbers(backend):
    runner = Task(model(tl.nn.Tanh()), "cross_entropy").instantiate(backend=backend, device="guard")
    opt = tl.optim.Adam(runner.net.parameters())
    x, y = data().arrays
    runner.step(opt, x, y)
    with _guard.counting() as seen:
        report = runner.step(opt, x, y)
    also = {"compiled": 1, "eager": 2}  # the key of the dropout layer; and the gradient of the loss, which is 1
    assert seen.arrays_in <= 2 + also[backend] and seen.arrays_out == 0
    assert backend == "eager" or seen.items == 2  # the loss, and whether the parameters are finite
    assert report.loss.__class__ is float
    p = runner.net.parameters()[0]
    assert report.gradients[p].__class__ is np.ndarray and report.gradients[p].shape == p.shape


def test_recording_fetches_at_its_intervals_only():
    t = trainer(backend="compiled", norm=tl.nn.Tanh(), device="guard")
    recorder = tl.train.Recorder(every=1, diagnostics_every=1000, histograms_every=None)
    fit(t, 3, record=recorder, metrics=())
    with _guard.counting() as many:
        fit(t, 20, metrics=())
    with _guard.counting() as more:
        fit(t, 40, metrics=())
    assert more.arrays_out == many.arrays_out  # before and after a fit; nothing in its steps
    recorder.diagnostics_every = 1
    with _guard.counting() as seen:
        fit(t, 20, metrics=())
    assert seen.arrays_out > many.arrays_out


@pytest.mark.parametrize("devices_", [("cpu", "guard"), ("guard", "cpu"), ("guard", "guard")])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_goes_on_across_devices_bit_for_bit(backend, devices_, tmp_path):
    whole = trainer(backend=backend)
    fit(whole, 9)
    first, second = (trainer(backend=backend, device=d) for d in devices_)
    fit(first, 4)
    tl.save(tmp_path / "t.tl", first)
    tl.load(tmp_path / "t.tl", into=second)
    fit(second, 5)
    assert same(held(second), held(whole))


def test_the_best_parameters_come_back_across_devices():
    options = {"validation": 0.4, "early_stopping": tl.train.EarlyStopping(patience=0), "batch_size": 2}
    one, other = (trainer("sgd", 0.5, device=d) for d in ("cpu", "guard"))
    results = [fit(t, 40, **options) for t in (one, other)]
    assert results[0].stopped == results[1].stopped == "stopped early" and same(held(one), held(other))


def test_layers_with_running_statistics_keep_them_there():
    for make in (BatchNorm1d(4), BatchNorm1d(4, momentum=None), tl.nn.InstanceNorm1d(4, track_running_stats=True)):
        nets = [tl.nn.Sequential(make).bind(tl.Session(device=d)) for d in ("cpu", "guard")]
        x = np.random.default_rng(0).normal(size=(3, 4, 5))
        with _guard.counting() as seen:
            for net in nets:
                net.update_buffers(x)
        assert seen.arrays_out == 0
        assert same(*(net.state_dict() for net in nets)) and same(*(net.predict(x).tobytes() for net in nets))


def test_models_load_states_from_anywhere():
    one, other = (model().bind(tl.Session(device=d), seed=k) for k, d in enumerate(("cpu", "guard")))
    other.load_state_dict(one.state_dict())
    one.load_state_dict({path: devices.device("guard").put(a) for path, a in other.state_dict().items()})
    assert same(one.state_dict(), other.state_dict())


def test_a_scalar_trainer_steps_there():
    found = []
    for d in ("cpu", "guard"):
        t = tl.train.ScalarTrainer(lambda w, x, y: tl.mse_loss(w * x, y), {"w": [0.5, 2.0]}, device=d)
        losses = [t.step(0.1, [1.0, 2.0], [2.0, 3.0]) for _ in range(3)]
        losses.append(t.update(tl.optim.Adam(list(t.params)), [1.0, 2.0], [2.0, 3.0]))
        found.append((losses, t.get_params()[0].tobytes(), t.backward([1.0, 2.0], [2.0, 3.0])[0].tobytes()))
    assert found[0] == found[1]


def interrupted(n, backend):
    """A step that is stopped at its n-th instruction, and what it left."""
    t = trainer(backend=backend, device="guard")
    fit(t, 1)
    before = digest(t, run=False)
    x, y = data().arrays
    stop = Stop(n)
    sys.settrace(stop)
    try:
        t.runner.step(t.optimizer, x, y)
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    return before, digest(t, run=False), stop.pressed


@pytest.mark.parametrize("backend", BACKENDS)
def test_stop_leaves_a_step_whole_or_undone(backend):
    _, after, _ = interrupted(10**9, backend)
    for n in np.unique(np.geomspace(50, 12_000, 5).astype(int)):
        before, left, _ = interrupted(int(n), backend)
        assert left in (before, after)


def test_a_default_device_reaches_everything():
    before = tl.get_default_device()
    try:
        tl.set_default_device("guard")
        t = trainer()
        assert t.runner.session.device == "guard" and t.config()["device"] == "guard"
        assert tl.compile(lambda x: x * 2.0, 1.0).device.name == "guard"
    finally:
        tl.set_default_device(before)


if __name__ == "__main__":
    devices.LIBRARIES["guard"] = _guard.lib
    count, torn = int(sys.argv[1]) if sys.argv[1:] else 100, 0
    ends = {backend: interrupted(10**9, backend)[1] for backend in BACKENDS}
    rng = np.random.default_rng(0)
    for k in range(count):
        backend = BACKENDS[k % 2]
        before, left, _ = interrupted(int(rng.integers(1, 15_000)), backend)
        torn += left not in (before, ends[backend])
    print(f"{count} stops, {torn} torn states")
