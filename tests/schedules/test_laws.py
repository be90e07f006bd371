"""What holds for every schedule of the table."""

from __future__ import annotations

import json
import pickle
import random
import re

import numpy as np
import pytest
from _formulas import draw

from torchlean_nb import schedules
from torchlean_nb.errors import HyperparameterError, NonFiniteError, RuleError, UnknownNameError
from torchlean_nb.schedules import SCHEDULES, Schedule, constant, custom, cyclic, exponential_decay, join, linear

ROWS = list(SCHEDULES.values())
CASES = [pytest.param(row(**s), id=f"{row.name}-{i}") for row in ROWS for i, s in enumerate(row.samples)]
STEPS = sorted({*range(300), *random.Random(0).sample(range(300, 100_001), 25), 100_000})
each = pytest.mark.parametrize("s", CASES)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_every_row_is_offered_documented_and_sampled(row):
    assert getattr(schedules, row.f.__name__) is row and row.f.__name__ in schedules.__all__
    assert row.samples and "Examples" in row.f.__doc__ and row.summary.endswith((".", "`."))
    card = row._repr_markdown_()
    assert all(f"- `{name}`" in card for name in row.hypers) and (row.torch in card)
    assert repr(row).startswith(f"<schedule {row.name}: ") and pickle.loads(pickle.dumps(row)) is row


@each
def test_values_are_finite_and_not_negative(s):
    values = [s(k) for k in STEPS]
    assert np.isfinite(values).all() and (s.row.signed or min(values) >= 0)
    assert all(type(v) is float for v in values)


@each
def test_a_schedule_is_a_pure_function_so_resuming_needs_only_the_step(s):
    forward = {k: s(k) for k in STEPS}
    shuffled = random.Random(1).sample(STEPS, len(STEPS))
    again = s.row(**s.hypers)
    assert all(s(k) == again(k) == forward[k] for k in shuffled)
    assert again == s and hash(again) == hash(s)


@each
def test_an_integer_array_gives_the_values_of_its_entries(s):
    k = np.array([[0, 1, 2], [7, 300, 5]])
    assert s(k).tolist() == [[s(int(i)) for i in row] for row in k]
    assert s.values(3) == [s(0), s(1), s(2)] and s(np.int64(7)) == s(7)


def slope(s, k):
    return abs(s(k + 1) - s(k))


@each
def test_pieces_meet_unless_a_jump_is_declared(s):
    assert all(p > 0 and type(p) is int for p in s.points)
    if s.row.jumps:
        return
    for p in s.points:
        before = max(slope(s, k) for k in range(max(p - 4, 0), max(p - 2, 0) + 1))
        after = max(slope(s, k) for k in range(p + 1, p + 4))
        assert max(slope(s, p - 1), slope(s, p)) <= 2.5 * max(before, after) + 1e-15, p


def test_a_jump_that_is_not_declared_would_be_found():
    s = schedules.step_decay(1.0, 300, gamma=0.5)
    assert slope(s, 299) > 2.5 * max(slope(s, 297), slope(s, 301)) + 1e-15


@each
def test_the_formula_names_every_symbol_and_can_be_drawn(s):
    for symbol in (h.symbol for h in s.row.hypers.values() if h.symbol):
        if isinstance(s.row.latex, str):
            assert re.search(re.escape(symbol) + r"(?![A-Za-z])", s.latex), symbol
    draw(s.latex)
    if s.numbers:
        draw(s.numbers)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_symbols_of_a_row_differ(row):
    symbols = [h.symbol for h in row.hypers.values() if h.symbol]
    assert len(symbols) == len(set(symbols))


@each
def test_schedules_without_functions_survive_pickle_and_show_their_hypers(s):
    if "f" not in s.hypers:
        assert pickle.loads(pickle.dumps(s)) == s
    assert all(name in repr(s) for name in s.hypers) and repr(s).startswith(s.name)
    assert s.row.summary in s._repr_markdown_() and s.latex in s._repr_markdown_()


@each
def test_hyperparameters_below_their_range_are_refused_by_name(s):
    for name, h in s.row.hypers.items():
        if h.kind in ("float", "int"):
            with pytest.raises(HyperparameterError, match=rf"{s.name}: {name}=-(1|inf) is not"):
                s.with_(**{name: -1 if h.low >= 0 else -1e999})


def test_compositions_add_up():
    s, t = linear(0.1, total=100), constant(0.5)
    assert (2 * s)(30) == 2 * s(30) == (s * 2)(30)
    assert (s + t)(30) == s(30) + 0.5
    both = join([t, s], [10])
    assert [both(9), both(10), both(60)] == [0.5, s(0), s(50)]
    assert both.points == (10, 110) and (2 * both).points == (10, 110)
    assert both == join([constant(0.5), linear(0.1, total=100)], [10]) != join([t, s], [11])
    with pytest.raises(TypeError):
        _ = s + 1


def test_steps_are_whole_and_not_negative():
    s = constant(1.0)
    for bad in (-1, True, 1.5, "1", None, np.array([1, -1])):
        with pytest.raises(HyperparameterError, match="step"):
            s(bad)
    assert schedules.warm_restarts(1.0, period=2)(0.5) > 0.85


def test_what_is_not_finite_is_never_handed_on():
    for s in (custom(lambda k: float("nan")), exponential_decay(1.0, 2.0), cyclic(1, 2, mode="exp_range", gamma=3.0)):
        with pytest.raises(NonFiniteError, match=r"at step 100000"):
            s(100_000)


def test_values_and_defaults_are_plain_data():
    hypers = schedules.multistep(0.1, milestones=[np.int64(2), 5]).hypers
    assert json.loads(json.dumps(hypers)) == {"base": 0.1, "milestones": [2, 5], "gamma": 0.1}


def test_the_table_can_be_asked():
    names = schedules.available()
    assert names == sorted(set(names)) and schedules.lookup("cosine") is schedules.cosine
    assert {*SCHEDULES, "sgdr", "StepLR", "SWALR", "ReduceLROnPlateau", "reduce_on_plateau"} <= set(names)
    assert all(callable(getattr(schedules, "lambda_" if n == "lambda" else n)) for n in names)
    assert set(names) <= set(dir(schedules))
    with pytest.raises(AttributeError, match=r"dir\(tl.schedules\) lists"):
        _ = schedules.nothing
    with pytest.raises(UnknownNameError, match="did you mean"):
        schedules.lookup("cosin")
    with pytest.raises(RuleError, match="exists already"):
        schedules.schedule(hypers={}, latex="0", name="cosine")(lambda k: 0.0)
    with pytest.raises(RuleError, match="takes"):
        schedules.schedule(hypers={"a": schedules.cosine.hypers["base"]}, latex="0", name="x")(lambda k: 0.0)
    assert isinstance(schedules.cosine(1.0, 5), Schedule) and "x" not in SCHEDULES
