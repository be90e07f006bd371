"""What a stopped training says and keeps; stops at any instruction are in ``tests/reliability``."""

import random
import sys

import pytest
from _stop import Stop
from _trainers import digest, fit, trainer

import torchlean_nb as tl

NEVER = 10**9


def test_stop_in_a_callback_undoes_the_step_it_was_told_of():
    t = trainer()

    def press(moment):
        if moment.step == 2:
            raise KeyboardInterrupt

    result = fit(t, 5, callbacks=press)
    assert (result.stopped, result.steps, t.step) == ("interrupted", 2, 2)
    assert "interrupted: after 2 of 5 steps" in result.to_text()
    fit(t, 3)
    once = trainer()
    fit(once, 5)
    assert digest(t) == digest(once)


def test_averages_that_a_callback_keeps_go_back_with_the_step():
    def averages(stops):
        t = trainer()
        ema = tl.optim.EMA(t.runner.net.parameters(), decay=0.5)

        def press(moment):
            if moment.step == 2 and stops:
                stops.pop()
                raise KeyboardInterrupt

        done = fit(t, 5, callbacks=[lambda moment: ema.update(), press]).steps
        fit(t, 5 - done, callbacks=lambda moment: ema.update())
        return ema.n_averaged, {name: a.tobytes() for name, a in ema.averages.items()}

    assert averages([True]) == averages([])


def test_an_error_in_a_callback_leaves_the_last_whole_step():
    t, two = trainer(), trainer()

    def fail(moment):
        if moment.step == 2:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fit(t, 5, callbacks=fail)
    fit(two, 2)
    assert digest(t) == digest(two) and not t.runner.is_training()


def test_stop_while_a_state_is_loaded_changes_all_or_nothing():
    saved = trainer()
    fit(saved, 3)
    state = saved.state_dict()
    t, allowed = trainer(), {digest(trainer()), digest(saved)}
    stop = Stop(NEVER)
    sys.settrace(stop)
    t.load_state_dict(state)
    sys.settrace(None)
    for n in random.Random(1).sample(range(1, NEVER - stop.left), 60):
        t, stop = trainer(), Stop(n)
        sys.settrace(stop)
        try:
            t.load_state_dict(state)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        assert digest(t) in allowed, f"torn at instruction {n}"


def test_stop_while_the_end_is_measured_still_gives_a_result():
    t = trainer()

    def press(output, target):
        if len(output) == 10:  # all rows, not those of a batch
            raise KeyboardInterrupt
        return 0.0

    result = fit(t, 2, metrics={"press": press})
    assert result.stopped == "interrupted" and result.steps == 2 and dict(result.metrics) == {}
    assert t.status == "interrupted" and result.run.status == "interrupted"
