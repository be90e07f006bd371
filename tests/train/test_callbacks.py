"""Callbacks: what hears of a training and may save, average, or end it."""

import sys

import pytest
from _trainers import data, digest, fit, trainer

import torchlean_nb as tl
from torchlean_nb import errors as err
from torchlean_nb.train.callbacks import Callback, Checkpoint, callbacks_of
from torchlean_nb.train.early_stopping import EarlyStopping


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
