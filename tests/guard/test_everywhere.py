"""The whole house with one word changed: what looks, measures, checks, sweeps and shows, on a device."""

import re

import _guard
import numpy as np
import pytest

import torchlean_nb as tl
from tests._trainers import data
from tests.guard.notebooks import ROOT, same
from tests.guard.there import device
from torchlean_nb.data import Dataset, collate
from torchlean_nb.race import sweep_keys
from torchlean_nb.train import METRICS, BoundaryRecorder, Callback, Checkpoint, EarlyStopping, Recorder
from torchlean_nb.widgets import ConfusionView, GradientCloud, TensorView, UpdateAnatomy

RNG = np.random.default_rng(0)
X, TRUE, GUESSED = RNG.normal(size=(12, 3)), np.arange(12) % 3, RNG.integers(0, 3, 12)
LINE, TARGET = RNG.normal(size=12), RNG.normal(size=12)


def wave(x):
    return (tl.sin(x) * x).sum()


def anatomy(put):
    opt, before = tl.optim.SGD({"w": put(np.array([3.0, 4.0]))}, lr=0.1), put(np.array([6.0, 8.0]))
    after = put(np.array([0.6, 0.8]))
    opt.step({"w": after})
    return UpdateAnatomy(opt, "w", clip=({"w": before}, {"w": after}))


LOOKS = {
    "check_gradients": lambda put: tl.check_gradients(wave, [put(X[0])]).to_text(),
    "check_adjoint": lambda put: tl.check_adjoint(lambda x: x * x, [put(X[0])]),
    "Dataset": lambda put: Dataset(put(X), put(TRUE)).arrays,
    "collate": lambda put: collate([(put(X[0]), put(TRUE[0:1])), (put(X[1]), put(TRUE[1:2]))]),
    "fingerprint": lambda put: sweep_keys.fingerprint(put(X)),
    "race": lambda put: tl.race("adam", start=put(X[:, :2]), steps=5, progress=False)["adam"].positions,
    "TensorView": lambda put: TensorView(put(X), "x"),
    "ConfusionView of labels": lambda put: ConfusionView((put(TRUE), put(GUESSED))),
    "GradientCloud": lambda put: GradientCloud({"four": put(X[:, :2])}, mean=put(X[0, :2])),
    "UpdateAnatomy": anatomy,
} | {
    name: lambda put, m=m: m(put(X), put(TRUE)) if m.kind == "classification" else m(put(LINE), put(TARGET))
    for name, m in METRICS.items()
}  # fmt: skip


def words(found):
    if isinstance(found, tuple):
        return [(a.dtype, a.tobytes()) for a in found]
    return found.tobytes() if isinstance(found, np.ndarray) else repr(found)


@pytest.fixture
def there():
    """The stand-in as the default device."""
    before = tl.get_default_device()
    yield tl.set_default_device(device())
    tl.set_default_device(before)


@pytest.mark.parametrize("name", LOOKS)
def test_what_looks_takes_arrays_of_a_device(name):
    assert words(LOOKS[name](device().put)) == words(LOOKS[name](lambda a: a))


def test_a_hook_may_give_back_an_array_of_the_device(there):
    s = tl.Session()
    w = s.param([1.0, 2.0])
    g = s.backward((w * w).sum(), hook=lambda i, g: there.put(np.array(3 * g)) if i == s.node(w) else None)
    assert g[w].tolist() == [6.0, 12.0] and there.owns(g.aligned([w])[0])


INDEXING = {
    "take": lambda x, i, j: tl.take(x, i, axis=0), "x[i]": lambda x, i, j: x[i], "x[i, j]": lambda x, i, j: x[i, j],
    "x[i, 1]": lambda x, i, j: x[i, 1], "x[:, j]": lambda x, i, j: x[:, j],
    "x[mask]": lambda x, i, j: x[tl.equal(i, 2)],
    "take_along": lambda x, i, j: tl.take_along(x, tl.reshape(i, shape=(1, 3)), axis=0),
}  # fmt: skip


@pytest.mark.parametrize("name", INDEXING)
def test_negative_indices_stay_on_the_device_and_are_waited_for_once(name, there):
    found = []
    for where in (there.name, "cpu"):
        s = tl.Session(device=where, nonfinite="ieee")
        x, i, j = s.param(X[:3]), s.input(np.array([-1, 0, 2])), s.input(np.array([0, -2, 1]))
        with _guard.counting() as seen:
            y = INDEXING[name](x, i, j)
        assert (seen.arrays_out, seen.bytes_out) == (0, 0) and seen.items <= 3, seen
        found.append((y.value.tolist(), s.backward((y * y).sum())[x].tolist()))
    assert found[0] == found[1]


@pytest.mark.parametrize(("low", "high"), [(-4, 2), (0, 3), (-(2**63), 0), (0, 2**63 - 1)])
def test_an_index_out_of_range_is_named_on_a_device(low, high, there):
    s = tl.Session()
    with pytest.raises(tl.errors.IndexRangeError, match=f"{low if low < 0 else high} at index {int(low >= 0)}"):
        tl.take(s.param(X[:3]), s.input(np.array([low, high])), axis=0)


def test_an_op_of_ones_own_that_writes_into_its_argument_is_caught_in_its_first_call_and_undone(there):
    def forward(xp, x):
        x[0] = 7.0
        return x + 0.0

    row = tl.extend.general(name="writes_here", vjps=(lambda xp, g, y, x: g,), shape=lambda s: s, latex="#1")
    s = tl.Session()
    x = s.param([1.0, 2.0])
    writes = row(forward)
    with pytest.raises(tl.errors.ReadOnlyError, match="writes_here: its forward writes into an argument"):
        writes(x)
    assert x.value.tolist() == [1.0, 2.0] and not len(s.tape)


def test_problems_that_differ_in_an_array_of_the_device_have_other_keys():
    def make(a):
        return lambda seed: a

    keys = {sweep_keys.fingerprint(make(device().put(a))) for a in (X, X + 1)}
    assert len(keys) == 2 and keys == {sweep_keys.fingerprint(make(a)) for a in (X, X + 1)}


def everything(folder):
    """A training that is watched by all there is; what was seen."""
    seen = []

    class Looks(Callback):
        def on_step(self, moment):
            seen.append((moment.step, float(moment.loss)))

    frames = BoundaryRecorder(Dataset(data().arrays[0][:, :2], data().arrays[1]), resolution=8)
    t = tl.Trainer(tl.nn.Sequential(tl.nn.Linear(2, 4), tl.nn.Tanh(), tl.nn.Linear(4, 2)), "classification", "adam")
    result = t.fit(
        data().arrays[0][:, :2], data().arrays[1], epochs=3, batch_size=4, validation=0.3, clip=0.5, progress=False,
        early_stopping=EarlyStopping(1), metrics=["accuracy", "f1", "auc"], record=Recorder(1, 1, 1),
        callbacks=[Looks(), frames, Checkpoint(folder / "model.tl")],
    )  # fmt: skip
    dashboard = tl.widgets.TrainingDashboard(result)
    return seen, result.metrics, repr(dashboard), repr(tl.widgets.DecisionBoundary(frames)), t


def test_a_training_is_watched_on_a_device_as_on_the_cpu(tmp_path, there):
    *found, t = everything(tmp_path)
    tl.set_default_device("cpu")
    *expected, _ = everything(tmp_path)
    assert found == expected and there.owns(next(iter(t.runner.net.params.values())).array)


@pytest.mark.parametrize("backend", ["eager", "compiled"])
def test_of_weights_and_gradients_only_lengths_cross_where_only_those_are_kept(backend, there):
    x, found = RNG.normal(size=(8, 400)), []
    for where in (there.name, "cpu"):
        t = tl.Trainer(tl.nn.Linear(400, 2), "regression", "sgd", device=where, backend=backend)
        with _guard.counting() as seen:
            run = t.fit(x, x[:, :2], steps=4, batch_size=4, progress=False, record=Recorder(1, 1, None)).run
        kept = {name: run[name].values for name in run.names() if name.split("_")[0] in ("grad", "weight", "update")}
        found.append(kept)
        if where == there.name:
            assert seen.bytes_out < 4 * 2 * 400 * 8, seen.bytes_out  # the weight, once, in four steps
    assert len(found[0]) == 7 and found[0].keys() == found[1].keys()
    for name, values in found[0].items():
        assert np.allclose(values, found[1][name], rtol=1e-12), name


def test_a_search_for_a_rate_and_batched_derivatives_have_the_bits_of_the_cpu(there):
    found = []
    for name in (there.name, "cpu"):
        s = tl.Session(device=name)
        w = s.param([1.0, -2.0], name="w")
        rates = tl.lr_find(tl.optim.SGD([w]), lambda w=w: (w * w).sum(), steps=20)
        tl.set_default_device(name)
        found.append((repr(rates), tl.vmap(tl.grad(wave))(X).tobytes(), repr(tl.check_op("softmax"))))
    assert found[0] == found[1]


def test_a_sweep_of_networks_computes_on_the_default_device(there, monkeypatch):
    def net(seed):
        return tl.nn.Linear(3, 2), "classification", data(seed=seed)

    on, used, made = tl.race.problem(net, batch_size=5, unit="steps"), [], tl.Trainer.__init__

    def init(self, *args, **options):
        made(self, *args, **options)
        used.append(self.runner.session.device)

    monkeypatch.setattr(tl.Trainer, "__init__", init)
    found = tl.race.sweep(["sgd", "adam"], on=on, lr=0.1, steps=3, progress=False)
    assert set(used) == {there.name}
    tl.set_default_device("cpu")
    assert repr(tl.race.sweep(["sgd", "adam"], on=on, lr=0.1, steps=3, progress=False)) == repr(found)


def test_the_words_of_the_page_on_gpus_work(there):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/gpu.md").read_text(encoding="utf-8"), re.DOTALL)
    space = {"model": tl.nn.Linear(3, 1), "f": wave, "x": X, "many": X[:, :2]}
    code = code.replace('"cuda"', repr(there.name))
    code = code.replace("p = tl", "trainer.fit(x, x[:, :1], steps=2, progress=False)\np = tl")
    exec(code, space)
    assert there.owns(space["p"](there.put(X))) and space["s"].device == there.name


def test_texts_are_the_same_where_words_are_and_six_digits():
    assert same("loss 0.1234567 in 3 ms", "loss 0.1234567 in 40 ms") and same("a −1e-20", "a −1e-20")
    assert not same("loss 0.1234567", "loss 0.12346") and not same("step 1", "steps 1") and not same("1 2", "1")
