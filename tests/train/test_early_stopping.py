"""Early stopping: when a run ends by itself, and with which parameters."""

import numpy as np
import pytest
from _trainers import data, digest, fit, trainer

import torchlean_nb as tl
from torchlean_nb import errors as err
from torchlean_nb.train.callbacks import Callback
from torchlean_nb.train.early_stopping import Best, EarlyStopping


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
