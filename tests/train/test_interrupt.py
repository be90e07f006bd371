"""Stop may be pressed at any instruction: whole steps only, and the rest can still be fitted."""

import random
import sys

import pytest
from _stop import Stop
from _trainers import digest, fit, trainer

import torchlean_nb as tl
from torchlean_nb.train.observe import Recorder

STEPS, NEVER = 4, 10**9
CASES = {
    "plain": {},
    "validation": {"validation": 3, "early_stopping": 5, "metrics": "f1"},
    "accumulating": {"batch_size": 2, "accumulate": 2, "clip": 0.5},
    "per sample": {"update": "per_sample", "batch_size": 2},
    "compiled and fused": {},
}


def made(name):
    schedule = (lambda opt: tl.optim.lr_scheduler.ReduceLROnPlateau(opt, patience=0)) if name == "validation" else None
    norm = tl.nn.LayerNorm(4) if name == "per sample" else None
    if name == "compiled and fused":
        return trainer(lambda ps: tl.optim.Adam(ps, lr=0.1, fused="numpy"), backend="compiled")
    return trainer(schedule=schedule, norm=norm)


def record():
    return Recorder(diagnostics_every=2, histograms_every=3)


def stopped_at(t, n, **options):
    """The result, or None where Stop came before training began; and how many instructions were left."""
    stop, result = Stop(n), None
    sys.settrace(stop)
    try:
        result = fit(t, STEPS, record=t.recorder, **options)
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    return result, stop.left


def histories(name):
    """Digest after each number of steps, and the instructions of a whole run."""
    seen = []
    for k in range(STEPS + 1):
        t = made(name)
        t.recorder = record()
        fit(t, k, **CASES[name])
        seen.append(digest(t))
    t = made(name)
    t.recorder = record()
    _, left = stopped_at(t, NEVER, **CASES[name])
    assert digest(t) == seen[-1]
    return seen, NEVER - left


@pytest.mark.parametrize("name", CASES)
def test_stop_at_any_instruction_leaves_whole_steps_and_the_rest_follows(name):
    seen, length = histories(name)
    draw, ends = random.Random(name), set()
    # Nearly all instructions of a compiled training are those of its first step, which traces the model.
    start, count = (length - 60_000, 6) if name == "compiled and fused" else (1, 14)
    for n in sorted(draw.sample(range(start, length), count)):
        t = made(name)
        t.recorder = record()
        result, left = stopped_at(t, n, **CASES[name])
        assert left <= 0, "the run was over before"
        done = t.step
        ends.add(done)
        # Before the first fit there is no loader, whose place is in the state.
        assert digest(t) == seen[done] or (result is None and done == 0), f"torn at instruction {n}"
        if result is not None:
            assert result.stopped == "interrupted" and result.steps == done == result.run.steps
            assert all(s.steps[-1] < done for s in result.run.series.values())
        fit(t, STEPS - done, **CASES[name])
        assert digest(t) == seen[-1], f"another way after instruction {n}"
    assert len(ends) >= (STEPS - 1 if start == 1 else 2)


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
