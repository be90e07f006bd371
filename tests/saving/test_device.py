"""Files and devices: what is written on one is read on the other, bit for bit, and nothing is written by accident."""

import _guard
import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.backend import devices
from torchlean_nb.saving import paramio

PAIRS = [("cpu", "guard"), ("guard", "cpu"), ("guard", "guard")]
X = np.random.default_rng(0).normal(size=(8, 3))


class World:
    """A small loop by hand."""

    def __init__(self, device, seed=0, fused=False, optimizer=tl.optim.Adam):
        self.session = tl.Session(device=device, seed=seed)
        self.net = tl.nn.Sequential(
            tl.nn.Linear(3, 4), tl.nn.BatchNorm1d(4), tl.nn.Tanh(), tl.nn.Dropout(0.5), tl.nn.Linear(4, 1)
        ).bind(self.session, seed=seed, auto_buffers=True)
        self.optimizer = optimizer(self.net.parameters(), lr=0.05, **({"fused": True} if fused else {}))

    def train(self, n):
        y = X[:, :1] * X[:, 1:2]
        step = self.session.step
        return [step(self.optimizer, lambda: tl.mse_loss(self.net(X), y)).loss for _ in range(n)]

    @property
    def parts(self):
        return {"net": self.net, "optimizer": self.optimizer, "session": self.session}


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("optimizer", ["Adam", "SGD", "AdamW", "RMSprop", "ASGD", "NAdam"])
def test_a_loop_goes_on_across_devices_as_if_nothing_had_happened(first, second, optimizer, tmp_path):
    rule = getattr(tl.optim, optimizer)
    a, b, whole = World(first, optimizer=rule), World(second, seed=5, optimizer=rule), World("cpu", optimizer=rule)
    a.train(4)
    tl.save(tmp_path / "run.tl", a.parts)
    tl.load(tmp_path / "run.tl", into=b.parts)
    whole.train(4)
    assert b.train(4) == whole.train(4)
    want = whole.net.state_dict()
    assert all(v.tobytes() == want[k].tobytes() for k, v in b.net.state_dict().items())


def test_files_of_both_devices_hold_the_same_bytes(tmp_path):
    for device in ("cpu", "guard"):
        w = World(device)
        w.train(3)
        tl.save(tmp_path / device, w.parts)
    assert (tmp_path / "cpu").read_bytes() == (tmp_path / "guard").read_bytes()


def test_a_fused_optimizer_is_saved_from_its_flat_arrays(tmp_path):
    a, b = World("guard", fused=True), World("cpu", seed=3)
    a.train(3)
    tl.save(tmp_path / "run.tl", a.parts)
    tl.load(tmp_path / "run.tl", into=b.parts)
    for path, v in a.net.state_dict().items():
        assert v.tobytes() == b.net.state_dict()[path].tobytes()
    there, here = (w.optimizer.state_dict()["state"] for w in (a, b))
    assert all(there[i][k].tobytes() == here[i][k].tobytes() for i in there for k in ("m", "v") if k in there[i])


def test_what_is_loaded_lives_where_the_session_does(tmp_path):
    w = World("guard")
    tl.save(tmp_path / "run.tl", w.parts)
    tl.load(tmp_path / "run.tl", into=w.parts)
    w.train(1)
    assert all(w.session.home.owns(p.array) for p in w.session.params.values())


def test_arrays_of_a_device_are_written_as_numbers_everywhere(tmp_path):
    a = devices.device("guard").put(X)
    tl.save(tmp_path / "tree.tl", {"a": a, "rows": [a, 1.0]})
    found = tl.load(tmp_path / "tree.tl")
    assert found["a"].tobytes() == found["rows"][0].tobytes() == X.tobytes()
    assert paramio.encode([a]) == paramio.encode([X])


def test_saving_fetches_each_array_once(tmp_path):
    w = World("guard")
    w.train(1)
    with _guard.counting() as seen:
        tl.save(tmp_path / "net.tl", w.net)
    assert seen.arrays_out == len(w.net.state_dict()) and seen.arrays_in == 0


def test_a_refused_file_leaves_the_device_as_it_was(tmp_path):
    w = World("guard")
    w.train(1)
    before = {k: v.tobytes() for k, v in w.net.state_dict().items()}
    other = tl.nn.Linear(3, 4).bind(tl.Session())
    tl.save(tmp_path / "other.tl", other)
    with pytest.raises(tl.errors.CheckpointError):
        tl.load(tmp_path / "other.tl", into=w.net)
    assert {k: v.tobytes() for k, v in w.net.state_dict().items()} == before
