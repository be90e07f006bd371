"""Recorder: what it says is true, it stays small, and the run does not notice it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.errors import HyperparameterError
from torchlean_nb.trace import RunTrace
from torchlean_nb.train.observe import KEPT_HISTOGRAMS, Recorder, global_norm, norm
from torchlean_nb.train.probes import probe

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((16, 3)), RNG.standard_normal((16, 1))


def a_net(*extra: tl.nn.Layer, seed: int = 0):
    model = tl.nn.Sequential(tl.nn.Linear(3, 8), tl.nn.ReLU(), *extra, tl.nn.Linear(8, 1))
    return model.bind(tl.Session(seed=seed), seed=seed, auto_buffers=True)


def arrays(net):
    return {path: p.value for path, p in net.params.items()}


def train(net, recorder=None, steps=12, at_end=lambda k: None):
    opt = tl.optim.Adam(net.parameters(), lr=0.05)
    losses = []
    for k in range(steps):
        before = arrays(net)
        report = net.session.step(opt, lambda: tl.mse_loss(net(X), Y))
        losses.append(report.loss)
        if recorder is not None:
            recorder.record(k, {"loss": report.loss, "lr": 0.05, "grad_norm": global_norm(report.gradients)})
            recorder.diagnose(k, SimpleNamespace(net=net), report.gradients, before, arrays(net), (X, Y))
        at_end(k)
    return losses


@pytest.mark.parametrize("extra", [(), (tl.nn.Dropout(0.5),), (tl.nn.BatchNorm1d(8),)], ids=lambda e: str(e))
def test_recording_changes_no_bit_of_the_run(extra):
    watched, alone = a_net(*extra), a_net(*extra)
    assert train(watched, Recorder(diagnostics_every=1, histograms_every=2)) == train(alone)
    for path, value in alone.state_dict().items():
        assert value.tobytes() == watched.state_dict()[path].tobytes()
    assert watched.session.rng == alone.session.rng and watched.session._draws == alone.session._draws
    assert watched.session.grads.value == alone.session.grads.value


def test_what_is_recorded_is_what_numpy_says():
    net, recorder = a_net(), Recorder(diagnostics_every=5, histograms_every=5)
    before, seen = [arrays(net)], []
    train(net, recorder, 11, lambda k: (before.append(arrays(net)), seen.append(net.session.grads)))
    run = recorder.trace("r", {"seed": 0}, "finished")
    assert run["loss"].steps.tolist() == list(range(11)) and run["grad_norm/0.weight"].steps.tolist() == [0, 5, 10]
    for k in (0, 5, 10):
        w, v = before[k], before[k + 1]
        i = [0, 5, 10].index(k)
        grads = {path: seen[k][p] for path, p in net.params.items()}
        assert run["grad_norm"].values[k] == pytest.approx(np.sqrt(sum((g**2).sum() for g in grads.values())))
        for path in w:
            assert run[f"grad_norm/{path}"].values[i] == pytest.approx(np.linalg.norm(grads[path]))
            assert run[f"weight_norm/{path}"].values[i] == pytest.approx(np.linalg.norm(w[path]))
            ratio = np.linalg.norm(v[path] - w[path]) / np.linalg.norm(w[path])
            assert run[f"update_ratio/{path}"].values[i] == pytest.approx(ratio)
        hidden = X @ w["0.weight"].T + w["0.bias"]
        active = np.maximum(hidden, 0)
        assert run["activation_mean/0"].values[i] == pytest.approx(hidden.mean())
        assert run["activation_std/1"].values[i] == pytest.approx(active.std())
        assert run["dead/1"].values[i] == np.mean((hidden <= 0).all(axis=0))
        out = next(h for h in run.histograms if (h.step, h.name, h.what) == (k, "2", "activation"))
        y = active @ w["2.weight"].T + w["2.bias"]
        assert np.array_equal(out.counts, np.histogram(y.ravel(), 30)[0])
    assert "dead/0" not in run and "dead/2" not in run
    kinds = {(h.what, h.name) for h in run.histograms}
    assert {("weight", "0.weight"), ("gradient", "2.bias"), ("update", "0.bias"), ("activation", "1")} <= kinds
    assert RunTrace.from_json(run.to_json()) == run


def test_units_that_never_fire_are_counted():
    net = a_net()
    state = net.state_dict()
    state["0.bias"][:5] = -100
    net.load_state_dict(state)
    assert probe(net, X)["1"].dead == 5 / 8


def test_units_of_images_are_channels_and_of_sequences_features():
    conv = tl.nn.Sequential(tl.nn.Conv2d(1, 4, 3), tl.nn.GroupNorm(2, 4), tl.nn.ReLU()).bind(tl.Session())
    state = conv.state_dict()
    state["1.weight"][:], state["1.bias"][:] = 0, [-1, 1, -1, -1]
    conv.load_state_dict(state)
    assert probe(conv, RNG.standard_normal((2, 1, 5, 6)))["2"].dead == 3 / 4
    rows = tl.nn.Sequential(tl.nn.Linear(2, 4), tl.nn.LayerNorm(4), tl.nn.ReLU()).bind(tl.Session())
    state = rows.state_dict()
    state["1.weight"][:], state["1.bias"][:] = 0, [-1, 1, 1, 1]
    rows.load_state_dict(state)
    assert probe(rows, RNG.standard_normal((2, 7, 2)))["2"].dead == 1 / 4


def test_layers_inside_others_are_seen_by_their_path():
    block = tl.nn.Residual(tl.nn.Sequential(tl.nn.Linear(3, 3), tl.nn.Tanh()))
    net = tl.nn.Sequential(block, tl.nn.Flatten(), tl.nn.Linear(3, 1)).bind(tl.Session())
    outputs = probe(net, X)
    paths = [path for path, layer in net.model.walk() if not layer.parts and path != "1"]
    assert list(outputs) == paths
    assert np.allclose(outputs[paths[-1]].flat, net.predict(X).ravel())
    single = tl.nn.Linear(3, 1).bind(tl.Session())
    assert list(probe(single, X)) == ["Linear"]


def test_a_full_series_is_halved_and_keeps_its_extremes():
    recorder = Recorder(limit=200)
    values = np.sin(np.arange(5000) / 90)
    values[1234], values[3210] = 50, -50
    values[2000:2003] = np.nan
    for k, v in enumerate(values):
        recorder.record(k, {"loss": v})
    s = recorder.trace()["loss"]
    assert 100 <= len(s) <= 200 and s.steps[0] == 0 and s.steps[-1] == 4999
    assert s.values[s.steps == 1234] == 50 and s.values[s.steps == 3210] == -50
    assert np.isnan(s.values[s.steps == 2001]).all() and np.isnan(s.values[s.steps == 2000])
    assert np.array_equal(values[s.steps], s.values, equal_nan=True)
    assert np.diff(s.steps).max() < 500


def test_half_of_a_full_series_is_left():
    recorder = Recorder(limit=400)
    for k in range(400):
        recorder.record(k, {"loss": np.sin(k / 5)})
    assert len(recorder.trace()["loss"]) == 400
    recorder.record(400, {"loss": 0.0})
    assert 190 <= len(recorder.trace()["loss"]) <= 201


def test_memory_stays_bounded():
    net, recorder = a_net(), Recorder(limit=100, diagnostics_every=1, histograms_every=1)
    train(net, recorder, KEPT_HISTOGRAMS + 30)
    for k in range(3000):
        recorder.event(k, "note")
    run = recorder.trace()
    assert max(len(s) for s in run.series.values()) <= 100
    assert len({h.step for h in run.histograms}) == KEPT_HISTOGRAMS and run.histograms[-1].step == KEPT_HISTOGRAMS + 29
    assert len(run.events) == 1000 and run.events[-1].step == 2999


def test_a_long_run_is_diagnosed_ever_more_rarely_unless_a_cadence_is_given():
    by_itself, told = Recorder(histograms_every=None), Recorder(diagnostics_every=10, histograms_every=None)
    looks = [k for k in range(0, 100_000, 10) if by_itself.diagnoses(k)]
    assert looks[:200] == list(range(0, 2000, 10))
    for start in (2000, 4000, 32_000):
        assert sum(start <= k < 2 * start for k in looks) == 100
    assert not by_itself.diagnoses(5) and not by_itself.diagnoses(2010)
    assert all(told.diagnoses(k) for k in range(0, 100_000, 10))


def test_the_cadence_thins_what_every_step_has_and_nothing_else():
    recorder = Recorder(every=3)
    for k in range(7):
        recorder.record(k, {"loss": k, "val_loss": k} if k == 5 else {"loss": k})
    run = recorder.trace()
    assert run["loss"].steps.tolist() == [0, 3, 6] and run["val_loss"].steps.tolist() == [5]


def test_the_last_word_on_a_step_counts_and_steps_do_not_go_back():
    recorder = Recorder()
    recorder.record(0, {"loss": 1.0})
    recorder.record(1, {"loss": 2.0})
    recorder.record(1, {"loss": 3.0})
    before = recorder.trace()
    assert before["loss"].values.tolist() == [1, 3]
    for step, values in [
        (0, {"accuracy": 1.0, "loss": 1.0}), (2, {"lr": 1, "loss": "x"}), (2, {"a": 1, "": 1}), (-1, {}), (0.5, {}),
    ]:
        with pytest.raises(HyperparameterError):
            recorder.record(step, values)
        assert recorder.trace() == before


def test_going_on_from_a_saved_run_records_what_one_run_records():
    whole, first = Recorder(limit=110, histograms_every=20), Recorder(limit=110, histograms_every=20)
    net = a_net()
    train(net, whole, 60)
    net = a_net()
    opt = tl.optim.Adam(net.parameters(), lr=0.05)
    recorder = first
    for k in range(60):
        before = arrays(net)
        report = net.session.step(opt, lambda: tl.mse_loss(net(X), Y))
        recorder.record(k, {"loss": report.loss, "lr": 0.05, "grad_norm": global_norm(report.gradients)})
        recorder.diagnose(k, SimpleNamespace(net=net), report.gradients, before, arrays(net), (X, Y))
        if k == 33:
            saved = RunTrace.from_json(recorder.trace().to_json())
            recorder = Recorder(limit=110, histograms_every=20)
            recorder.load(saved)
    assert recorder.trace() == whole.trace()
    one, two = Recorder(limit=110), Recorder(limit=110)
    for k in range(500):
        one.record(k, {"loss": np.sin(k)})
        two.record(k, {"loss": np.sin(k)})
        if k % 37 == 0:
            saved, two = two.trace(), Recorder(limit=110)
            two.load(saved)
    assert one.trace() == two.trace()


def test_an_interrupt_at_any_line_leaves_a_whole_run():
    net = a_net()
    grads = {path: np.ones_like(v) for path, v in arrays(net).items()}

    def one_step(recorder, k):
        recorder.record(k, {"loss": 1.0 * k, "lr": 0.1})
        recorder.diagnose(k, SimpleNamespace(net=net), grads, arrays(net), arrays(net), (X, Y))
        recorder.event(k, "done")

    lines, cut = 0, 0
    while True:
        recorder = Recorder(limit=100, diagnostics_every=1, histograms_every=1)
        for k in range(100):
            recorder.record(k, {"loss": 0.0})
        if not _interrupted(lambda r=recorder: one_step(r, 100), after=lines):
            break
        run = recorder.trace()
        assert all(len(s.steps) == len(s.values) <= 100 for s in run.series.values())
        recorder.record(100, {"loss": 7.0})
        assert recorder.trace().last("loss") == 7.0
        lines, cut = lines + 3, cut + 1
    assert cut > 50


def _interrupted(f, after):
    """Run `f`, raise KeyboardInterrupt at line number `after` inside the recorder; whether that came to pass."""
    import sys

    seen = 0

    def watch(frame, event, _):
        nonlocal seen
        if "observe.py" not in frame.f_code.co_filename:
            return None
        if event == "line":
            seen += 1
            if seen > after:
                sys.settrace(None)
                raise KeyboardInterrupt
        return watch

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        f()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_a_model_that_cannot_be_looked_into_is_said_once():
    class Odd(tl.nn.Layer):
        def compute(self, x, at):
            raise ValueError("only Tensors here")

    net, recorder = Odd().bind(tl.Session()), Recorder(diagnostics_every=1)
    for k in range(3):
        recorder.diagnose(k, SimpleNamespace(net=net), {}, {}, {}, (X, Y))
    assert [(e.step, e.kind, e.text) for e in recorder.trace().events] == [(0, "no activations", "only Tensors here")]


def test_a_step_that_is_made_again_is_drawn_once():
    net, recorder = tl.nn.Linear(3, 1).bind(tl.Session()), Recorder(diagnostics_every=1, histograms_every=1)
    for scale in (1.0, 2.0):
        after = {path: scale * v + 1 for path, v in arrays(net).items()}
        recorder.diagnose(0, SimpleNamespace(net=net), after, arrays(net), after, (X, Y))
    drawn = recorder.trace().histograms
    assert len(drawn) == len({(h.what, h.name) for h in drawn}) == 7
    assert recorder.trace()["grad_norm/bias"].values.tolist() == [norm(after["bias"])]


def test_numbers_that_are_none_are_left_out_of_histograms():
    net, recorder = tl.nn.Linear(3, 1).bind(tl.Session()), Recorder(diagnostics_every=1, histograms_every=1)
    grads = {"weight": np.array([[1.0, np.nan, -np.inf]]), "bias": np.array([0.5])}
    recorder.diagnose(0, SimpleNamespace(net=net), grads, arrays(net), arrays(net), (X, Y))
    found = next(h for h in recorder.trace().histograms if (h.what, h.name) == ("gradient", "weight"))
    assert found.counts.sum() == 1 and found.edges[0] <= 1 <= found.edges[-1]


def test_weights_that_are_zero_have_no_ratio_and_infinite_ones_are_said():
    net, recorder = tl.nn.Linear(3, 1).bind(tl.Session()), Recorder(diagnostics_every=1, histograms_every=1)
    before = {"weight": np.zeros((1, 3)), "bias": np.array([1.0])}
    after = {"weight": np.ones((1, 3)), "bias": np.array([np.inf])}
    grads = {"weight": np.full((1, 3), np.nan), "bias": None}
    recorder.diagnose(0, SimpleNamespace(net=net), grads, before, after, (X, Y))
    run = recorder.trace()
    assert np.isnan(run.last("update_ratio/weight")) and run.last("update_ratio/bias") == np.inf
    assert np.isnan(run.last("grad_norm/weight")) and run.last("grad_norm/bias") == 0
    assert ("gradient", "weight") not in {(h.what, h.name) for h in run.histograms}


@pytest.mark.parametrize(("a", "length"), [
    ([3.0, 4.0], 5.0), ([], 0.0), ([0.0], 0.0), ([3e200, 4e200], 5e200), ([3e-200, 4e-200], 5e-200),
    ([np.inf, 1.0], np.inf), ([-5e-324], 5e-324),
])  # fmt: skip
def test_norms_neither_overflow_nor_vanish(a, length):
    assert norm(np.array(a)) == pytest.approx(length, rel=1e-15, abs=0)


def test_the_norm_of_what_is_no_number_is_none():
    assert np.isnan(norm([np.nan, 1.0]))
    assert global_norm({"a": np.array([3.0]), "b": None, "c": np.array([[4.0]])}) == 5.0


@pytest.mark.parametrize("options", [
    {"every": 0}, {"diagnostics_every": 0.5}, {"histograms_every": -1}, {"limit": 10}, {"every": "often"},
])  # fmt: skip
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(HyperparameterError):
        Recorder(**options)
