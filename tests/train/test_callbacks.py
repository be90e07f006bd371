"""Callbacks, early stopping, progress: what runs beside the training."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from _trainers import data, digest, fit, trainer

import torchlean_nb as tl
from torchlean_nb import errors as err
from torchlean_nb.train import progress as bars
from torchlean_nb.train.callbacks import Callback, Checkpoint, callbacks_of
from torchlean_nb.train.early_stopping import Best, EarlyStopping
from torchlean_nb.train.progress import Progress


class Diary(Callback):
    def __init__(self):
        self.lines = []

    def on_train_start(self, moment):
        self.lines.append(("start", moment.step, moment.epoch))

    def on_step(self, moment):
        self.lines.append(("step", moment.step, moment.trainer.step))

    def on_epoch_end(self, moment):
        self.lines.append(("epoch", moment.step, moment.epoch))

    def on_train_end(self, moment):
        self.lines.append(("end", moment.step, moment.epoch))


# -- callbacks ---------------------------------------------------------------------------------------


def test_callbacks_hear_of_everything_in_order():
    t, diary = trainer(), Diary()
    fit(t, 4, callbacks=diary)
    assert diary.lines == [
        ("start", -1, 0), ("step", 0, 1), ("step", 1, 2), ("step", 2, 3), ("epoch", 2, 1), ("step", 3, 4),
        ("end", 3, 1),
    ]  # fmt: skip


def test_a_sum_of_callbacks_runs_in_order():
    order = []

    def named(name):
        return lambda moment: order.append(name)

    chain = callbacks_of(named("a")) + named("b") + [named("c"), callbacks_of(named("d")) + named("e")]
    fit(trainer(), 2, callbacks=chain)
    assert order == list("abcde") * 2
    a, b, c = map(callbacks_of, map(named, "abc"))
    assert ((a + b) + c).parts == (a + (b + c)).parts
    assert len(sum([Diary(), Diary()]).parts) == 2


def test_the_end_is_told_how_the_run_ended():
    t, seen = trainer(), []

    class End(Callback):
        def on_train_end(self, moment):
            seen.append((moment.trainer.status, moment.step, moment.loss))

    result = fit(t, 3, callbacks=End())
    fit(t, 9, callbacks=[End(), lambda moment: t.stop()])
    assert seen == [("finished", 2, result.run.last("loss")), ("stopped early", 3, t.run.last("loss"))]


def test_a_callback_cannot_change_what_was_measured():
    def cheat(moment):
        moment.values["loss"] = 0.0

    with pytest.raises(TypeError):
        fit(trainer(), 1, callbacks=cheat)


def test_any_object_with_one_of_the_methods_is_a_callback():
    class Stranger:
        def __init__(self):
            self.ends = 0

        def on_train_end(self, moment):
            self.ends += 1

    stranger = Stranger()
    fit(trainer(), 2, callbacks=stranger)
    assert stranger.ends == 1


@pytest.mark.parametrize("what", [3, "print", Diary, {"a": 1}, [3]])
def test_what_is_no_callback_is_refused(what):
    t = trainer()
    before = digest(t)
    with pytest.raises(err.HyperparameterTypeError, match="callbacks="):
        fit(t, 1, callbacks=what)
    assert digest(t) == before and t.loader is None


def test_early_stopping_among_the_callbacks_is_pointed_to_its_place():
    with pytest.raises(err.HyperparameterTypeError, match=r"early_stopping=EarlyStopping\(patience=4"):
        fit(trainer(), 1, callbacks=[EarlyStopping(4)])


def test_callbacks_do_not_change_the_run():
    plain, told = trainer(), trainer()
    fit(plain, 5)
    fit(told, 5, callbacks=[Diary(), lambda moment: moment.trainer.predict(data().X)])
    assert digest(plain) == digest(told)


def test_a_callback_may_ask_for_the_end():
    t = trainer()
    result = fit(t, 9, callbacks=lambda moment: moment.trainer.stop("good enough") if moment.step == 3 else None)
    assert (result.stopped, result.reason, result.steps) == ("stopped early", "good enough", 4)
    assert fit(t, 2).stopped is None and t.step == 6


def test_a_moment_knows_what_was_measured():
    seen = []
    fit(trainer(), 3, validation=3, callbacks=lambda moment: seen.append((moment.loss, sorted(moment.values))))
    assert [names for _, names in seen] == [["accuracy", "loss", "lr"], [
        "accuracy", "epoch", "epoch_loss", "loss", "lr", "val_accuracy", "val_loss"], ["accuracy", "loss", "lr"]]


class Saving:
    """Stands for `tl.saving`: keeps what it is given."""

    def __init__(self):
        self.saved = []

    def save(self, path, what):
        self.saved.append((path.name, what.state_dict()["step"]))


@pytest.mark.parametrize(("every", "expected"), [
    (2, [("run-2.tl", 2), ("run-4.tl", 4), ("run-5.tl", 5)]), ("epoch", [("run-3.tl", 3), ("run-5.tl", 5)]),
])  # fmt: skip
def test_a_checkpoint_saves_the_trainer_when_it_is_time(monkeypatch, tmp_path, every, expected):
    saving = Saving()
    monkeypatch.setitem(sys.modules, "torchlean_nb.saving", saving)
    fit(trainer(), 5, callbacks=Checkpoint(tmp_path / "run-{step}.tl", every))
    assert saving.saved == expected


@pytest.mark.parametrize(("arguments", "error"), [((3,), err.PathError), (("a.tl", 0), err.HyperparameterError)])
def test_a_checkpoint_without_path_or_time_is_refused(arguments, error):
    with pytest.raises(error):
        Checkpoint(*arguments)


def test_averages_of_the_parameters_may_be_kept_by_a_callback():
    t = trainer()
    ema = tl.optim.EMA(t.runner.net.parameters(), decay=0.5)
    fit(t, 5, callbacks=lambda moment: ema.update())
    assert ema.n_averaged == 5


# -- early stopping ----------------------------------------------------------------------------------


def overfits():
    """Labels without any pattern: the validation loss soon rises."""
    rng = np.random.default_rng(0)
    rows = tl.data.Dataset(rng.normal(size=(20, 3)), rng.integers(0, 2, 20))
    held = tl.data.Dataset(rng.normal(size=(20, 3)), rng.integers(0, 2, 20))
    t = trainer(lambda ps: tl.optim.Adam(ps, lr=0.05), norm=tl.nn.LayerNorm(4))
    return t, rows, held


@pytest.mark.parametrize("patience", [0, 2])
def test_a_run_ends_when_the_validation_loss_rises_with_the_best_parameters(patience):
    t, rows, held = overfits()
    kept = {}

    def keep(moment):
        kept[moment.step + 1] = t.runner.get_params()

    class Keeper(Callback):
        on_epoch_end = staticmethod(keep)

    result = t.fit(rows, epochs=200, validation=held, early_stopping=patience, callbacks=Keeper(), progress=False)
    losses = result.run["val_loss"]
    best, value = result.run.best("val_loss")
    assert result.stopped == "stopped early" and len(losses) < 200
    assert losses.steps[-1] == best + patience + 1  # an epoch is one step
    assert all((kept[best + 1][k] == v).all() for k, v in result.parameters.items()) or patience == 0
    assert result.metrics["val_loss"] == pytest.approx(value, rel=1e-14)
    assert f"val_loss was best after step {best + 1}" in result.reason


def test_patience_goes_on_where_it_was():
    def ends(cut):
        t, rows, held = overfits()
        options = {"validation": held, "early_stopping": 3, "progress": False}
        t.fit(rows, steps=cut, **options)
        again, _, _ = overfits()
        again.load_state_dict(t.state_dict())
        result = again.fit(rows, steps=200 - cut, **options)
        return result.stopped, again.step, digest(again)

    whole = ends(0)
    assert whole[0] == "stopped early"
    assert all(ends(cut) == whole for cut in (1, whole[1] // 2, whole[1] - 1))


def test_the_last_parameters_may_stay():
    t, rows, held = overfits()
    seen = []
    stopping = EarlyStopping(2, restore_best=False)
    result = t.fit(rows, epochs=200, validation=held, early_stopping=stopping, progress=False,
                   callbacks=lambda moment: seen.append(t.runner.get_params()))  # fmt: skip
    assert result.stopped == "stopped early"
    assert all((seen[-1][k] == v).all() for k, v in result.parameters.items())


def test_a_metric_may_be_watched_and_is_better_where_it_is_larger():
    t, rows, held = overfits()
    stopping = EarlyStopping(3, monitor="val_accuracy")
    result = t.fit(rows, epochs=100, validation=held, early_stopping=stopping, progress=False)
    assert result.stopped == "stopped early"
    assert result.metrics["val_accuracy"] == max(result.run["val_accuracy"].values)


def test_without_validation_the_mean_loss_of_the_epoch_is_watched():
    t = trainer("sgd", schedule=0.0)
    result = t.fit(data(), epochs=50, batch_size=4, early_stopping=2, progress=False)
    assert result.stopped == "stopped early" and "epoch_loss" in result.reason


def test_what_is_not_measured_cannot_be_watched():
    t = trainer()
    before = digest(t)
    with pytest.raises(err.UnknownNameError, match=r"monitor='val_acuracy'.*\n.*val_accuracy"):
        fit(t, 1, validation=3, early_stopping=EarlyStopping(monitor="val_acuracy"))
    with pytest.raises(err.UnknownNameError, match="monitor='val_loss'"):
        fit(t, 1, early_stopping=EarlyStopping(monitor="val_loss"))
    assert digest(t) == before


@pytest.mark.parametrize("options", [
    {"patience": -1}, {"patience": 1.5}, {"min_delta": -0.1}, {"mode": "largest"}, {"monitor": 3},
])  # fmt: skip
def test_bad_options_are_refused(options):
    with pytest.raises(err.HyperparameterError, match="EarlyStopping: "):
        EarlyStopping(**options)


def test_an_improvement_must_beat_the_best_by_more_than_delta():
    stopping, state = EarlyStopping(1, min_delta=0.5), Best()
    for step, value in enumerate([3.0, 2.5, 2.4, float("nan"), 1.0]):
        state = stopping.look(state, value, step, "min", dict)
        if step == 1:
            assert state.bad == 1  # 2.5 is no more than 0.5 better
        if step == 2:
            assert (state.value, state.bad) == (2.4, 0)
        if step == 3:
            assert (state.value, state.bad) == (2.4, 1)
    assert (state.value, state.step) == (1.0, 4)


def test_a_nan_at_the_beginning_is_no_best_value():
    state = EarlyStopping(1).look(Best(), float("nan"), 0, "min", dict)
    assert state.value is None and state.bad == 1


# -- progress ----------------------------------------------------------------------------------------


class Bar:
    """Stands for tqdm's."""

    def __init__(self, total, start):
        self.total, self.n, self.drawn, self.closed, self.text = total, start, [], False, ""

    def set_postfix_str(self, text, refresh=True):
        assert not refresh
        self.text = text

    def refresh(self):
        self.drawn.append((self.n, self.text))

    def close(self):
        self.closed = True


def test_a_bar_is_drawn_at_most_ten_times_a_second():
    now, made = [0.0], []
    progress = Progress(100, True, lambda *a: made.append(Bar(*a)) or made[0], lambda: now[0])
    progress.start()
    for k in range(100):
        now[0] = k * 0.01
        progress.at(k + 1, {"loss": 1 / (k + 1)})
    progress.close(100, {"loss": 0.01})
    (bar,) = made
    assert len(bar.drawn) <= 11 + 1 and bar.drawn[-1] == (100, "loss=0.01") and bar.closed
    assert bar.drawn[0] == (1, "loss=1")


def test_a_bar_keeps_the_last_of_every_result():
    made = []
    progress = Progress(3, True, lambda *a: made.append(Bar(*a)) or made[0], iter(range(9)).__next__)
    progress.start()
    progress.at(1, {"loss": 2.0, "lr": 0.1, "epoch": 1, "epoch_loss": 2.0, "val_loss": 3.0})
    progress.at(2, {"loss": 1.0, "lr": 0.1})
    assert made[0].drawn == [(1, "loss=2, val_loss=3"), (2, "loss=1, val_loss=3")]


def test_nothing_is_shown_where_nobody_looks(capsys):
    fit(trainer(), 3, progress=True)
    assert capsys.readouterr() == ("", "")


def test_a_real_bar_shows_loss_and_metric(monkeypatch, capsys):
    monkeypatch.setattr("torchlean_nb.train.trainer.someone_looks", lambda: True)
    fit(trainer(), 3, progress=True, validation=3)
    shown = capsys.readouterr().err
    assert "3/3" in shown and "loss=" in shown and "val_loss=" in shown


def test_someone_looks_at_a_terminal(monkeypatch):
    class Terminal:
        def isatty(self):
            return True

    assert bars.someone_looks() is False
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert bars.someone_looks() is True


def test_someone_looks_at_a_notebook(monkeypatch):
    shell = SimpleNamespace(kernel=None)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert bars.someone_looks() is True


def test_the_bar_is_closed_after_an_error(monkeypatch):
    made = []
    defaults = True, lambda *a: made.append(Bar(*a)) or made[0], float
    monkeypatch.setattr(bars.Progress.__init__, "__defaults__", defaults)
    monkeypatch.setattr("torchlean_nb.train.trainer.someone_looks", lambda: True)

    def fail(moment):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit(trainer(), 3, progress=True, callbacks=fail)
    assert made[0].closed


# -- results -----------------------------------------------------------------------------------------


def test_a_result_is_words_numbers_and_a_model():
    t = trainer()
    result = fit(t, 3, validation=3)
    before, after = result.report.before, result.report.after
    assert result.to_text().splitlines()[0] == f"steps=3 loss0={before:.6g} loss1={after:.6g}"
    assert list(result.metrics) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert repr(result) == result.to_text() == result._repr_mimebundle_()["text/plain"]
    assert json.loads(result.run.to_json())["meta"]["status"] == "finished"
    assert np.array_equal(result.predict(data().X), t.predict(data().X))
    assert result.predict_class(data().X[0][None]).shape == (1,)


def test_a_result_says_what_was_taken_for_what():
    t = trainer()
    result = fit(t, 3)
    named = tl.data.Dataset(data().X, data().y, classes=["no", "yes"])
    matrix = result.confusion(named)
    assert matrix.labels == ("no", "yes") and matrix.total == 10
    assert matrix.accuracy == result.metrics["accuracy"]
    assert (matrix.counts == tl.train.metrics.confusion_matrix(result.predict(named.X), named.y).counts).all()
    one = tl.Trainer(tl.nn.Linear(3, 1), "hinge").fit((data().X, 2 * data().y - 1), steps=1, progress=False)
    assert one.confusion((data().X, 2 * data().y - 1)).accuracy == one.metrics["accuracy"]


def test_a_result_predicts_as_at_its_end_whatever_comes_later():
    t = trainer()
    result = fit(t, 2)
    before = result.predict(data().X)
    fit(t, 3)
    assert np.array_equal(result.predict(data().X), before) and not np.array_equal(t.predict(data().X), before)


def test_hostile_names_are_escaped():
    t = trainer()
    result = fit(t, 2, metrics={"<script>alert(1)</script>": lambda output, target: 0.0})
    html = result._repr_mimebundle_()["text/html"]
    assert "<script>" not in html and "<svg" in html and "&lt;script&gt;" in html


def test_a_callback_knows_how_long_it_will_be_and_at_the_end_why_it_ended():
    class Notes(Callback):
        planned, events = (), ()

        def on_step(self, moment):
            self.planned = (*self.planned, moment.planned)
            if moment.step == 2:
                moment.trainer.stop("enough")

        def on_train_end(self, moment):
            self.events = moment.trainer.run.events

    notes, trainer = Notes(), tl.Trainer(tl.nn.Linear(2, 1))
    trainer.fit(([[0.0, 1.0], [1.0, 0.0]], [1.0, 2.0]), steps=5, callbacks=notes, progress=False)
    assert set(notes.planned) == {5} and [e.text for e in notes.events][-1] == "enough"
