"""Schedules as a designer shows them: code that makes them again, knobs that move what they name, parts, pictures."""

from __future__ import annotations

import itertools
import json
import math
import re
from xml.etree import ElementTree

import pytest
from _payloads import PAYLOADS
from hypothesis import given
from hypothesis import strategies as st

from torchlean_nb import schedules as S
from torchlean_nb.errors import HyperparameterError, UnknownNameError
from torchlean_nb.hypers import Hyper
from torchlean_nb.render import schedules as drawn
from torchlean_nb.render.schedule_code import functions, program, torch_program
from torchlean_nb.render.schedule_edit import edited, moved, read
from torchlean_nb.render.schedule_formula import formula, numbered
from torchlean_nb.render.schedule_knobs import KNOBS, knobs
from torchlean_nb.render.schedule_picture import apart, picture, span, ticks
from torchlean_nb.render.schedule_tree import (
    at,
    begins,
    dropped,
    followed,
    fresh,
    from_plain,
    plain,
    put,
    scaled,
    summed,
    walk,
)

ROWS = [row for row in S.SCHEDULES.values() if row.builtin]
SAMPLES = [pytest.param(row(**s), id=f"{row.name}-{i}") for row in ROWS for i, s in enumerate(row.samples)]
NESTED = 0.5 * S.join([S.linear_warmup(0.2, 30), S.cosine(0.2, total=120) + S.constant(0.01)], [30])
each = pytest.mark.parametrize("s", [*SAMPLES, pytest.param(NESTED, id="nested")])
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)


def run(code, s):
    space = functions(s)
    exec(code, space)
    return space["schedule"]


def same(a, b, steps=400):
    """Whether two schedules agree in every bit where both have a value."""
    return drawn.values(a, range(steps))[0] == drawn.values(b, range(steps))[0]


# -- code --------------------------------------------------------------------------------------
@each
def test_the_code_makes_exactly_this_schedule(s):
    again = run(program(s), s)
    assert again == s
    assert same(again, s, 1200)


@each
def test_the_code_fits_on_a_screen(s):
    assert max(map(len, program(s).splitlines())) <= 100


def test_defaults_are_left_out_and_functions_keep_their_names():
    assert program(S.warmup_cosine(0.1, 20, 200)).endswith("warmup_cosine(base=0.1, warmup=20, total=200)")

    def halves(k):
        return 0.5**k

    s = S.join([S.custom(halves), S.lambda_(0.1, lambda k: 1.0), S.lambda_(0.1, lambda k: 2.0)], [2, 4])
    code = program(s)
    assert "# halves, f2, f3: functions of your own" in code
    assert run(code, s) == s


def test_a_row_of_ones_own_is_found_by_its_name():
    @S.schedule(hypers={"base": Hyper(symbol="b", low=0.0)}, latex=r"\frac{b}{k+1}", name="has' quotes\n")
    def harmonic(k, *, base):
        return base / (k + 1)

    try:
        s = harmonic(0.3)
        assert run(program(s), s) == s
        entry = drawn.entry("x", s, range(10), 10)
        assert entry["code"] == program(s)
    finally:
        del S.SCHEDULES["has' quotes\n"]


@each
def test_plain_data_reads_back_unless_there_is_a_function_in_it(s):
    data = json.loads(json.dumps(plain(s)))
    if functions(s):
        with pytest.raises(HyperparameterError, match="function"):
            from_plain(data)
    else:
        assert from_plain(data) == s


@each
def test_every_row_names_a_twin_in_pytorch_or_says_that_there_is_none(s):
    code, note = torch_program(s)
    assert note.endswith(".")
    owner = s.row.torch.split(" ")[0]
    if code:
        compile(code, "twin", "exec")
        plain_twin = owner and owner in code
        assert plain_twin or "LambdaLR" in code or s.name == "constant"
    else:
        assert owner in note


# -- knobs -------------------------------------------------------------------------------------
MOVES = [pytest.param(s.values[0], p.name, p.path, id=f"{s.id}-{p.name}-{p.path}")
         for s in [*SAMPLES, pytest.param(NESTED, id="nested")] for p in knobs(s.values[0])]


def find(s, name, path):
    return next(p for p in knobs(s) if (p.name, p.path) == (name, path))


def test_every_row_of_the_table_has_knobs_and_of_others_they_are_found():
    assert all(knobs(row(**row.samples[0])) for row in ROWS if row.name in KNOBS)

    @S.schedule(hypers={"top": Hyper(log=True), "foot": Hyper(log=True), "total": Hyper(kind="int", low=1)},
                points=lambda total, **_: [total], latex="x", name="mine")
    def mine(k, *, top, foot=0.0, total):
        return top if k < total else foot

    try:
        s = mine(0.3, total=9)
        assert [(p.name, p.k, p.y) for p in knobs(s)] == [("start", 0, 0.3), ("total", 9, 0.0)]
        assert moved(s, (), "total", 5, 0.1)[0].hypers == {"top": 0.3, "foot": 0.1, "total": 5}
    finally:
        del S.SCHEDULES["mine"]


@pytest.mark.parametrize(("s", "name", "path"), MOVES)
def test_a_knob_sits_on_its_curve(s, name, path):
    p = find(s, name, path)
    if p.y is not None:
        sides = {s(p.k), s(max(p.k - 1, 0)), s(p.k + 1)}
        low, high = min(sides), max(sides)
        room = 2e-3 * abs(p.y) + (high - low if s.row.jumps or "restart" in s.name else 1e-9)
        assert low - room <= p.y <= high + room


@pytest.mark.parametrize(("s", "name", "path"), MOVES)
def test_a_knob_goes_where_it_is_moved(s, name, path):
    p = find(s, name, path)
    shares = [0.9, 1.1, 0.5] if p.y else [0.0]
    tried = 0
    for k, share in itertools.product([p.k + 1, p.k - 1, p.k + 7, p.k - 7], shares):
        y = p.y * share if p.y else 0.01 if p.up else None
        try:
            new, refused = moved(s, path, name, k, y)
        except HyperparameterError:
            continue
        q = find(new, name, path)
        if refused:
            continue
        tried += 1
        if p.x and name not in ("half", "second restart"):
            assert q.k == k or (len(path) > 1 and q.k < k), "of a part it does not leave its part"
        if p.up and q.y is not None and q.k == k:
            assert q.y == pytest.approx(y, rel=2e-2, abs=1e-9) or q.y == new.hypers.get("end")
    assert tried or s.name not in KNOBS, "there is no move that the row takes"


@pytest.mark.parametrize(("s", "name", "path"), MOVES)
def test_a_knob_that_is_put_where_it_is_changes_nothing(s, name, path):
    p = find(s, name, path)
    assert moved(s, path, name, p.k, p.y)[0] is s


def test_what_a_row_refuses_is_said_in_its_words_and_the_rest_of_the_move_is_made():
    s = S.one_cycle_momentum(total=100)
    new, refused = moved(s, (), "lowest", 49, 1.5)
    assert "one_cycle_momentum: low=1.5 is not allowed" in refused
    assert new.hypers["pct"] == 0.5 and new.hypers["low"] == 0.85
    with pytest.raises(HyperparameterError, match=r"base=-1.0 is not allowed"):
        moved(S.constant(0.1), (), "value", 3, -1.0)
    with pytest.raises(HyperparameterError, match="not a number"):
        moved(s, (), "lowest", math.nan, 0.5)
    with pytest.raises(UnknownNameError, match="no knob"):
        moved(s, (), "top", 1, 0.5)


@given(st.integers(2, 5000), st.data())
def test_a_fraction_of_the_steps_lands_on_the_step_that_was_meant(total, data):
    k = data.draw(st.integers(1, total - 1))
    for s in (S.cosine_onecycle(total, 1.0, pct=(total // 2 or 1) / total), S.one_cycle(1.0, total)):
        try:
            new, _ = moved(s, (), "peak", k, None)
        except HyperparameterError:
            continue
        assert find(new, "peak", ()).k == k


# -- what is typed -----------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["", "x", "nan", "1e999", "None", "--3", "1,2", "[", "0x10", "１"])
def test_what_cannot_be_meant_is_refused_in_the_words_of_the_row(text):
    s = S.cosine(0.1, total=50)
    with pytest.raises(HyperparameterError, match="cosine: total="):
        edited(s, (), {"total": read(text, s.row.hypers["total"], 50)})


def test_typed_values_become_what_their_field_means():
    h = S.cyclic.hypers
    assert read("triangular2", h["mode"]) == "triangular2" and read("None", h["down"]) is None
    assert read("True", S.warmup_cosine.hypers["clamped"]) is True
    assert read("[1, 2,3]", S.multistep.hypers["milestones"], (5,)) == [1, 2, 3]
    s = S.piecewise_constant(0.1, [20, 50], [0.5, 0.1])
    assert edited(s, (), {"boundaries": [10, 20, 30]}).hypers["scales"] == (0.5, 0.1, 1.0)
    assert edited(s, (), {"boundaries": [10]}).hypers["scales"] == (0.5,)


@each
def test_every_number_has_a_field_and_every_field_takes_what_it_shows(s):
    for path, node in walk(s):
        shown = next(n for n in drawn.entry("x", s, range(5), 5)["nodes"] if n["path"] == list(path))
        for f in shown["fields"]:
            h, old = node.row.hypers[f["hyper"]], node.hypers[f["hyper"]]
            assert edited(s, path, {f["hyper"]: read(f["text"], h, old)}) == s
            if f["slider"]:
                low, high = f["slider"]["low"], f["slider"]["high"]
                assert low <= old <= high or (f["slider"]["zero"] and old == 0)
                h.check(node.name, f["hyper"], int(high) if h.kind == "int" else high)


# -- parts -------------------------------------------------------------------------------------
@each_row
def test_any_kind_can_be_changed_into_any_other(row):
    for other in ROWS:
        new = fresh(other, row(**row.samples[0]), 200)
        assert new.row is other and math.isfinite(new(0))


@each
def test_parts_can_be_put_back_and_taken_away(s):
    for path, node in walk(s):
        assert at(s, path) == node and put(s, path, node) == s
        if path and not functions(s):
            assert at(put(s, path, S.constant(0.02)), path) == S.constant(0.02)
    assert (same(scaled(s, ()), s) and same(summed(s, ()), s)) or s.row.signed
    assert dropped(scaled(s, ()), ()) == s == dropped(summed(s, ()), ("second",))


def test_a_part_that_follows_begins_at_the_last_value():
    s = followed(S.warmup_cosine(0.1, 20, 200), (), 100)
    assert s.hypers["boundaries"] == (20,) and s(19) == 0.095 and s(20) == s(99) == 0.1
    again = followed(s, ("parts", 0), 100)
    assert again.hypers["boundaries"] == (10, 20) and again(9) == 0.045 and again(15) == 0.05
    last = followed(s, ("parts", 1), 100)
    assert last.hypers["boundaries"] == (20, 60) and [begins(last, ("parts", i)) for i in range(3)] == [
        (0, 20), (20, 60), (60, None)]  # fmt: skip
    assert followed(s, (), 100) == last, "after the whole is after its last part"
    waves = followed(S.join([S.constant(0.1), S.cosine(0.1, total=40)], [10]), (), 100)
    assert waves.hypers["boundaries"] == (10, 50), "where the part has come to its end"
    assert dropped(last, ("parts", 1)).hypers["boundaries"] == (60,)
    assert dropped(dropped(last, ("parts", 2)), ("parts", 1)) == S.warmup_cosine(0.1, 20, 200)
    with pytest.raises(HyperparameterError, match="nothing would be left"):
        dropped(S.constant(0.1), ())
    with pytest.raises(UnknownNameError, match="no part"):
        at(s, ("parts", 9))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_parts_can_follow_one_another_anywhere(places):
    s = S.cosine(0.1, total=40)
    for i in places:
        n = len(s.hypers.get("parts", [0]))
        s = followed(s, ("parts", i % n) if n > 1 else (), 100)
    assert len(s.hypers["parts"]) == len(places) + 1
    assert list(s.hypers["boundaries"]) == sorted(set(s.hypers["boundaries"]))


def test_where_parts_of_parts_begin():
    inner = S.join([S.constant(0.1), S.constant(0.2)], [5])
    s = S.join([inner, inner], [8])
    assert [begins(s, ("parts", i, "parts", j)) for i in (0, 1) for j in (0, 1)] == [
        (0, 5), (5, 8), (8, 13), (13, None)]  # fmt: skip
    assert [(p.path, p.k) for p in knobs(s) if p.name == "boundary 1"] == [
        (("parts", 0), 5), ((), 8), (("parts", 1), 13)]  # fmt: skip


# -- formulas ----------------------------------------------------------------------------------
@each
def test_the_formula_with_numbers_has_no_symbol_of_a_number_left(s):
    latex = numbered(s)
    assert "<mtext>" not in formula(latex) and formula(latex).startswith("<m")
    assert not re.search(r"\d\s+\d|[\x00\x01]", latex), "two numbers side by side read as one"
    numbers = [n for n, v in s.items if isinstance(v, (int, float)) and not isinstance(v, bool)]
    for kept in (s.row.hypers[n].symbol for n, _ in s.items if n not in numbers):
        latex = latex.replace(kept, "") if kept else latex
    for symbol in (s.row.hypers[n].symbol for n in numbers):
        assert not symbol or not re.search(rf"(?<![A-Za-z\\]){re.escape(symbol)}(?![A-Za-z_])", latex)


# -- curves and pictures -----------------------------------------------------------------------
def test_of_many_steps_a_thousand_are_sampled_with_both_sides_of_every_jump():
    ks = drawn.grid(100_000, [333, 77_777])
    assert len(ks) <= 1001 and ks == sorted(set(ks)) and ks[0] == 0 and ks[-1] == 100_000
    assert {332, 333, 77_776, 77_777} <= set(ks)
    assert drawn.grid(1000) == list(range(1001))


def test_the_axis_shows_all_pieces():
    assert drawn.horizon([S.cosine(0.1, total=80)]) == 100 and drawn.horizon([S.constant(1.0)]) == 100
    assert drawn.horizon([S.cosine(0.1, total=10**9)]) == 100_000
    assert drawn.horizon([S.cosine(0.1, total=4)]) == 20


def test_a_function_that_fails_leaves_a_gap_and_says_why():
    s = S.custom(lambda k: 1 / (k - 2))
    ys, lost = drawn.values(s, range(5))
    assert ys == [-0.5, -1.0, None, 1.0, 0.5] and lost == "no value at step 2: division by zero"
    assert drawn.entry("x", S.exponential_decay(1.0, 1e300), range(3), 2)["lost"].startswith("no value at step 2")


def test_momentum_is_told_from_a_rate():
    kinds = {row.name: drawn.unit(row(**row.samples[0])) for row in ROWS}
    assert {n for n, u in kinds.items() if u == "momentum"} == {"cyclic_momentum", "one_cycle_momentum"}
    assert drawn.unit(0.5 * S.one_cycle_momentum(total=10)) == "momentum"


@each
@pytest.mark.parametrize("log", [False, True])
def test_every_schedule_has_a_picture(s, log):
    ks = drawn.grid(drawn.horizon([s]), s.points)
    text = picture(["a"], [drawn.values(s, ks)[0]], ks, 0, ks[3], log, "title")
    root = ElementTree.fromstring(text)
    curve = next(e for e in root.iter("{http://www.w3.org/2000/svg}path") if "c0" in e.get("class", ""))
    numbers = [float(x) for x in re.findall(r"-?[\d.]+", curve.get("d"))]
    assert numbers and all(0 <= x <= 640 for x in numbers)


@pytest.mark.parametrize("name", PAYLOADS, ids=[ascii(p)[:30] for p in PAYLOADS])
def test_a_name_is_no_markup_in_the_picture(name):
    ks = range(5)
    made = picture([name], [[0.0, 0.1, 0.2, 0.1, 0.0]], ks, title=name, label=name)
    plain_one = picture(["w"], [[0.0, 0.1, 0.2, 0.1, 0.0]], ks, title="w", label="w")
    count = [[e.tag for e in ElementTree.fromstring(t).iter()] for t in (made, plain_one)]
    assert sorted(set(count[0])) == sorted(set(count[1]))


@given(st.floats(-1e9, 1e9), st.floats(1e-9, 1e9))
def test_ticks_are_round_and_inside(low, width):
    high = low + width
    if high - low < 1e-6 * max(abs(low), abs(high)):
        return
    found = ticks(low, high)
    slack = (high - low) * 1e-6
    assert 1 <= len(found) <= 12 and all(low - slack <= t <= high + slack for t in found)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_labels_keep_their_distance(ys):
    out = apart([(y, i) for i, y in enumerate(ys)], 10.0, 0.0, 100.0)
    assert sorted(i for _, i in out) == list(range(len(ys)))
    assert all(b[0] - a[0] >= 10 - 1e-9 for a, b in itertools.pairwise(out))


def test_axes_of_empty_and_flat_curves():
    assert span([], False) == (0.0, 1.0) and span([[0.0, 0.0]], True) == (1e-3, 1.0)
    low, high = span([[0.1, 0.1]], False)
    assert low == 0 < 0.1 < high
    low, high = span([[1e-12, 1.0]], True)
    assert 1e-7 < low < 1e-6
