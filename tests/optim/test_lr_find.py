"""The range test: it sees what a run with growing rates would see, says where to begin, and leaves no trace."""

from __future__ import annotations

import pickle
import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from _stop import Stop
from sklearn.datasets import load_digits

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.shells.lr_find import LRFinderResult

X, Y = load_digits(return_X_y=True)
X, Y = X[:600] / 16, Y[:600]


class Digits:
    """A network of two layers for the digits, its optimizer, and a stream of batches."""

    def __init__(self, kind="SGD", **options):
        self.s, rng = tl.Session(seed=0), np.random.default_rng(0)
        self.w = self.s.param(rng.normal(0, (2 / 64) ** 0.5, (64, 32)), name="W1")
        self.b = self.s.param(np.zeros(32), name="b1")
        self.v = self.s.param(rng.normal(0, 0.25, (32, 10)), name="W2")
        self.opt = getattr(tl.optim, kind)([self.w, self.b, self.v], **{"lr": 0.1, **options})
        self.rng = np.random.default_rng(1)

    def loss(self):
        rows = self.rng.choice(len(X), 64)
        return tl.cross_entropy(tl.relu(self.s.input(X[rows]) @ self.w + self.b) @ self.v, Y[rows])

    def find(self, **options):
        return tl.lr_find(self.opt, self.loss, **{"low": 1e-5, "steps": 80, "smoothing": 0.8, "keep": [self.rng],
                                                  **options})  # fmt: skip

    def digest(self):
        snapshot = self.opt.snapshot()
        slots = [p and (p.step, {k: v.tobytes() for k, v in p.slots.items()}) for p in snapshot.state.params]
        groups = [{k: v for k, v in g.items() if k != "params"} for g in self.opt.param_groups]
        return (self.s.digest(), slots, snapshot.state.steps, groups, self.opt._skipped, len(self.s.store),
                self.rng.bit_generator.state)  # fmt: skip


KINDS = {"sgd": ("SGD", {}), "momentum": ("SGD", {"momentum": 0.9}), "adam": ("Adam", {}),
         "fused": ("Adam", {"fused": "numpy"})}  # fmt: skip


# -- what it sees ----------------------------------------------------------------------------------
def test_it_is_a_run_with_the_rates_of_the_schedule():
    found, again = Digits().find(stop=None, high=0.5), Digits()
    rates = tl.schedules.lr_finder(1e-5, 0.5, total=79)
    losses, mean = [], 0.0
    for k in range(80):
        again.opt.param_groups[0]["lr"] = rates(k)
        losses.append(again.s.step(again.opt, again.loss).loss)
        mean = 0.8 * mean + 0.2 * losses[-1]
        assert found.smoothed[k] == pytest.approx(mean / (1 - 0.8 ** (k + 1)), rel=1e-12)
    assert found.losses == tuple(losses) and found.lrs == tuple(rates.values(80)) and found.reason == "end"
    assert found.limit == found.lrs[-1] == pytest.approx(0.5)


def test_without_smoothing_the_curve_is_the_losses():
    found = Digits().find(smoothing=0.0)
    assert found.smoothed == found.losses


def test_a_closure_may_compute_its_own_gradients():
    opt = tl.optim.SGD({"w": np.array([3.0])}, lr=0.1)
    found = tl.lr_find(opt, lambda: (opt.params["w"][0] ** 2, {"w": 2 * opt.params["w"]}), low=1e-3, smoothing=0.0)
    assert found.losses[0] == 9.0 and found.reason == "diverged" and 1.0 < found.limit < 10.0
    assert opt.params["w"].tolist() == [3.0]


def test_groups_keep_their_ratio_to_the_largest_rate():
    seen = []
    s = tl.Session(seed=0)
    a, b = s.param(1.0, name="a"), s.param(1.0, name="b")
    opt = tl.optim.SGD([{"params": [a], "lr": 0.02}, {"params": [b]}], lr=0.1)
    tl.lr_find(opt, lambda: seen.append([g["lr"] for g in opt.param_groups]) or a * b, steps=3, low=0.01, high=1.0)
    assert seen == [pytest.approx([0.2 * lr, lr]) for lr in (0.01, 0.1, 1.0)]
    for g in opt.param_groups:
        g["lr"] = 0.0
    tl.lr_find(opt, lambda: seen.append([g["lr"] for g in opt.param_groups]) or a * b, steps=2, low=0.01, high=1.0)
    assert seen[-1] == [1.0, 1.0]


# -- why it stops ------------------------------------------------------------------------------------
def test_it_stops_where_the_loss_runs_away_and_without_a_limit_it_goes_on():
    found = Digits().find(high=1e3)
    assert found.reason == "diverged" and len(found.lrs) < 80
    assert found.smoothed[-1] > 4 * min(found.smoothed) >= max(found.smoothed[:-1])
    assert found.limit == found.lrs[-1]
    assert len(Digits().find(high=100.0, stop=None).lrs) == 80


@pytest.mark.parametrize("where", ["loss", "gradient", "update"])
def test_a_number_that_is_not_finite_ends_the_run_and_is_no_error(where):
    opt, calls = tl.optim.SGD({"w": np.array([1.0])}, lr=0.1), []

    def closure():
        calls.append(0)
        bad = len(calls) == 5
        big = np.finfo(float).max if where == "update" else np.inf
        return (np.inf if bad and where == "loss" else 1.0), {"w": [big if bad else 0.0]}

    found = tl.lr_find(opt, closure, low=1.0, high=1e6)
    assert found.reason == "not finite" and len(found.lrs) == 4 + (where != "loss")
    assert found.limit == pytest.approx(tl.schedules.lr_finder(1.0, 1e6, 99)(4))
    assert opt.params["w"].tolist() == [1.0]


def test_a_session_that_raises_at_overflow_ends_the_run_too():
    s = tl.Session(seed=0)
    w = s.param([1.0, -2.0], name="w")
    found = tl.lr_find(tl.optim.SGD([w], lr=0.1), lambda: tl.exp(w * w).sum(), low=1e-3, high=1e9, stop=None)
    assert found.reason == "not finite" and w.value.tolist() == [1.0, -2.0]


def test_a_first_loss_that_is_not_finite_gives_an_empty_result():
    found = tl.lr_find(tl.optim.SGD({"w": np.ones(1)}, lr=1.0), lambda: (np.nan, {"w": [0.0]}))
    assert found.lrs == () and found.suggestion is None and found.suggestions == {} and found.best is None
    assert "no finite loss" in found.to_text()
    ElementTree.fromstring(found.to_svg())
    assert found.plot().axes


# -- what it suggests ----------------------------------------------------------------------------------
def test_on_a_parabola_the_rates_are_those_one_can_compute():
    lrs = tuple(tl.schedules.lr_finder(1e-4, 1.0, 40).values(41))
    losses = tuple((np.log10(lr) + 1) ** 2 for lr in lrs)  # smallest at 0.1
    found = LRFinderResult(lrs, losses, losses, "end", 1.0)
    assert found.best == pytest.approx(0.1) and found.tenth == pytest.approx(0.01)
    assert found.steepest == lrs[4]  # where the first tenth ends
    assert np.log10(found.valley) + 1 == pytest.approx(-3 / 2**0.5, abs=0.1)
    assert found.suggestion == found.steepest and list(found.suggestions) == ["steepest", "tenth", "valley"]


def test_the_steepest_descent_is_where_the_slope_is_largest():
    lrs = tuple(tl.schedules.lr_finder(1e-4, 1.0, 40).values(41))
    losses = tuple(-np.tanh(2 * (np.log10(lr) + 2)) for lr in lrs)
    assert LRFinderResult(lrs, losses, losses, "end", 1.0).steepest == pytest.approx(0.01)


def test_a_loss_that_never_falls_has_no_steepest_descent():
    found = LRFinderResult((0.1, 0.2, 0.4), (1.0, 2.0, 3.0), (1.0, 2.0, 3.0), "end", 0.4)
    assert found.steepest is None and found.valley is None and found.suggestion == pytest.approx(0.01)


@pytest.mark.parametrize("kind", ["sgd", "momentum", "adam"])
def test_the_suggested_rates_train_the_digits_and_ten_times_the_limit_does_not(kind):
    name, options = KINDS[kind]
    found = Digits(name, **options).find(smoothing=0.9)
    assert set(found.suggestions) == {"steepest", "tenth", "valley"}
    for lr in found.suggestions.values():
        d = Digits(name, **options, nonfinite="skip")
        d.opt.param_groups[0]["lr"] = lr
        losses = [d.s.step(d.opt, d.loss).loss for _ in range(100)]
        assert np.mean(losses[-10:]) < 0.35 * losses[0], (kind, lr)
    d = Digits(name, **options)
    d.opt.param_groups[0]["lr"] = 10 * found.limit
    losses = [d.s.step(d.opt, d.loss).loss for _ in range(30)]
    assert np.mean(losses[-10:]) > 0.9 * losses[0]


# -- no trace ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_bit_for_bit_as_before(kind):
    name, options = KINDS[kind]
    plain, probed = Digits(name, **options), Digits(name, **options)
    for d in (plain, probed):
        for _ in range(3):
            d.s.step(d.opt, d.loss)
    scheduler = tl.optim.lr_scheduler.StepLR(probed.opt, 5)
    before, groups, note = probed.digest(), probed.opt.param_groups, scheduler.state_dict()
    inner = list(groups)
    probed.find()
    assert probed.digest() == before and scheduler.state_dict() == note
    assert probed.opt.param_groups is groups and all(a is b for a, b in zip(groups, inner, strict=True))
    after = [[d.s.step(d.opt, d.loss).loss for _ in range(5)] for d in (plain, probed)]
    assert after[0] == after[1]
    assert all(p.value.tobytes() == q.value.tobytes() for p, q in zip(plain.s.params.values(), probed.s.params.values(),
                                                                      strict=True))  # fmt: skip


@pytest.mark.parametrize("name", sorted(tl.optim.rules))
def test_every_optimizer_comes_back_to_the_last_bit(name):
    s, rng = tl.Session(seed=0), np.random.default_rng(0)
    w, v = s.param(rng.normal(size=(3, 4)), name="w"), s.param(rng.normal(size=(4, 2)), name="v")
    opt = getattr(tl.optim, tl.optim.rules[name].class_name)([w, v])

    def closure():
        value = ((w @ v) ** 2).sum()
        return float(value), s.backward(value)

    def digest():
        state = opt.snapshot().state
        slots = [p and (p.step, {k: v.tobytes() for k, v in p.slots.items()}) for p in state.params]
        return s.digest(), slots, state.steps, [{k: v for k, v in g.items() if k != "params"} for g in opt.param_groups]

    try:
        opt.step(closure)
    except errors.TorchLeanError:
        pytest.skip("its steps take in more than a loss and gradients")
    before = digest()
    found = tl.lr_find(opt, closure, low=1e-4, high=1.0, steps=12)
    assert len(found.lrs) > 1 and digest() == before


def test_tape_gradients_and_random_stream_of_the_session_stay():
    d = Digits()
    loss = d.loss()
    d.s.backward(loss)
    cell = d.s.input_nat(3)
    before, value, rng = d.digest(), float(loss), d.s.rng

    def noisy():
        d.s.param(1.0, name="made meanwhile")
        d.s.draw_key()
        return d.loss()

    tl.lr_find(d.opt, noisy, steps=5, keep=[d.rng])
    assert d.digest() == before and float(loss) == value and d.s.rng is rng and "made meanwhile" not in d.s.params
    assert d.s.backward(loss)[d.w].shape == (64, 32) and cell.cells == [3]


def test_what_is_to_be_kept_comes_back_and_the_rest_is_the_users():
    class Counter:
        def __init__(self):
            self.calls, self.seen = 0, [1]

    d, kept = Digits(), Counter()
    scheduler = tl.optim.lr_scheduler.StepLR(d.opt, 5)
    seen = kept.seen

    def closure():
        kept.calls += 1
        kept.seen.append(kept.calls)
        kept.more = True
        scheduler.step()
        return d.loss()

    before = scheduler.state_dict()
    tl.lr_find(d.opt, closure, steps=5, keep=[kept, scheduler])
    assert vars(kept) == {"calls": 0, "seen": [1]} and kept.seen is seen
    assert scheduler.state_dict() == before and d.opt.param_groups[0]["lr"] == 0.1
    assert d.rng.bit_generator.state != np.random.default_rng(1).bit_generator.state


def test_an_error_in_the_closure_passes_through_and_leaves_no_trace():
    d, calls = Digits("Adam"), []
    d.s.step(d.opt, d.loss)
    before = d.digest()

    def closure():
        calls.append(0)
        if len(calls) == 7:
            raise KeyError("mine")
        return d.loss()

    with pytest.raises(KeyError, match="mine"):
        tl.lr_find(d.opt, closure, keep=[d.rng])
    assert len(calls) == 7 and d.digest() == before


def test_stop_at_any_moment_leaves_no_trace():
    s = tl.Session(seed=0)
    w = s.param([1.0, -2.0], name="w")
    opt = tl.optim.SGD([w], lr=0.1, momentum=0.9)
    s.step(opt, lambda: (w * w).sum())

    def digest():
        state = opt.snapshot().state
        return (s.digest(), [(p.step, [v.tobytes() for v in p.slots.values()]) for p in state.params], state.steps,
                [{k: v for k, v in g.items() if k != "params"} for g in opt.param_groups], len(s.store))  # fmt: skip

    before, tape, n, stopped = digest(), s.tape, 0, 0
    while True:
        n += 41 if n > 3000 else 7
        stop = Stop(n)
        sys.settrace(stop)
        try:
            tl.lr_find(opt, lambda: (w * w).sum(), steps=2, low=0.1)
        except KeyboardInterrupt:
            stopped += 1
        finally:
            sys.settrace(None)
        assert digest() == before and s.tape is tape, n
        if stop.left > 0:
            break
    assert stopped > 100


# -- arguments and words ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"low": 0.0}, errors.HyperparameterError, ["low=0.0", "high"]),
        ({"low": 1.0, "high": 0.1}, errors.HyperparameterError, ["low=1.0", "high", "0.1"]),
        ({"high": float("inf")}, errors.HyperparameterError, ["high=inf"]),
        ({"steps": 1}, errors.HyperparameterError, ["steps=1", ">= 2"]),
        ({"steps": 2.5}, errors.HyperparameterTypeError, ["steps=2.5", "int"]),
        ({"smoothing": 1.0}, errors.HyperparameterError, ["smoothing=1.0", "< 1"]),
        ({"stop": 1.0}, errors.HyperparameterError, ["stop=1.0", "> 1"]),
        ({"stop": "4"}, errors.HyperparameterTypeError, ["stop='4'"]),
    ],
)
def test_bad_arguments_are_refused_by_name(given, error, words):
    d = Digits()
    before = d.digest()
    with pytest.raises(error) as caught:
        d.find(**given)
    assert all(word in str(caught.value) for word in ["lr_find", *words]) and d.digest() == before


def test_things_of_the_wrong_kind_are_refused():
    d = Digits()
    before = d.digest()
    for call, word in [
        (lambda: tl.lr_find(d.s, d.loss), "optimizer"),
        (lambda: tl.lr_find(d.opt, d.w.value), "closure"),
        (lambda: tl.lr_find(d.opt, lambda: 3.0), "returned 3.0"),
    ]:
        with pytest.raises(errors.HyperparameterTypeError, match=word):
            call()
    assert d.digest() == before


def test_the_result_speaks_and_draws_itself():
    found = Digits().find()
    text, bundle = found.to_text(), found._repr_mimebundle_()
    assert bundle == {"image/svg+xml": found.to_svg(), "text/plain": text} and repr(found) == text
    for name, lr in found.suggestions.items():
        assert re.search(rf"^{name} +\S+  \w", text, flags=re.M) and f"{name} {lr:.3g}" in bundle["image/svg+xml"]
    svg = ElementTree.fromstring(bundle["image/svg+xml"])
    assert svg.get("aria-label").startswith("Range test: ") and "prefers-color-scheme:dark" in bundle["image/svg+xml"]
    assert len(svg.findall(".//{*}circle")) <= len(found.losses)
    labels = {t.get_text() for t in found.plot().axes[0].get_legend().get_texts()}
    assert {"loss", "running mean"} < labels and len(labels) == 3 + len(found.suggestions)
    with pytest.raises(AttributeError):
        found.reason = "end"
    assert pickle.loads(pickle.dumps(found)).losses == found.losses
    assert Digits().find().to_svg() == bundle["image/svg+xml"]


def test_a_flat_curve_can_be_drawn():
    flat = LRFinderResult((0.1, 0.2), (0.0, 0.0), (0.0, 0.0), "end", 0.2)
    ElementTree.fromstring(flat.to_svg())
    assert flat.plot().axes and flat.suggestions == {"tenth": pytest.approx(0.01)}
