"""Graders: the right answer passes, named mistakes are named, and no answer leaks or breaks anything."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.lessons import EXERCISES, MISCONCEPTIONS, check, hint, read_answer, reveal

ROWS = sorted(EXERCISES.values(), key=lambda row: row.id)
WRONG = [pytest.param(row, k, id=f"{row.id}-{k}-{row.wrong[k][0]}") for row in ROWS for k in range(len(row.wrong))]


def ids(rows):
    return [row.id for row in rows]


def answers(row, found):
    """Answers to type in, from what `compute` or a wrong rule gives."""
    return [list(one) for one in found] if row.kind in ("list", "order") else [found]


def numbers(text):
    """Numbers that stand alone in a text, not parts of names or ids such as 01.dw or lesson 02."""
    text = re.sub(r"\blesson (\d\d|C\d)\b|\b(\d\d|C\d)\.[a-z]\w*", " ", text)
    return [float(n) for n in re.findall(r"(?<![\w.*])-?\d+(?:\.\d+)?(?:e-?\d+)?(?![\w*])", text)]


class Hostile:
    """Fails whenever it is looked at."""

    def __getattribute__(self, name):
        raise RuntimeError("secret")

    __float__ = __iter__ = __len__ = __repr__ = __eq__ = __bool__ = lambda *args: 1 / 0
    __hash__ = None


ODD = [
    "", "nine", "-9", b"1", True, float("nan"), float("inf"), -float("inf"), 10**400, 1j, [], [None], [1, 2, "3"],
    [[1, 2, 3]], [float("nan")] * 3, {}, {"a": 1}, set(), object(), Hostile(), int, len, lambda: 1, np.array([1, 2]),
    np.array(["a"]), np.zeros((3, 3)), np.float64("nan"), ["L"] * 5, ["L", "e", "k", "a", "q"], range(3), "  ",
    "x" * 10**6, "<script>alert(1)</script>", "\x00", [0.0] * 100_000, iter([1, 2, 3]), -0.0, 1e308, Exception("x"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_the_right_answer_passes(row):
    for answer in answers(row, row.compute()):
        said = check(row.id, answer)
        assert said.right and said and said.status == "right"
        assert said.misconceptions == ()


@pytest.mark.parametrize("row", [r for r in ROWS if r.kind in ("number", "list")], ids=lambda r: r.id)
def test_three_figures_are_enough_and_every_kind_of_number_will_do(row):
    for answer in answers(row, row.compute()):
        if row.kind == "list":
            assert check(row.id, [float(f"{a:.3g}") for a in answer])
            assert check(row.id, np.array(answer)) and check(row.id, tuple(answer))
            continue
        if not row.exact:
            assert check(row.id, float(f"{answer:.3g}"))
        s = tl.Session()
        for form in (np.float32(answer), np.array([answer]), Fraction(answer), s.const(answer), s.param(answer)):
            assert check(row.id, form)


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
@pytest.mark.parametrize("answer", [None, ...], ids=repr)
def test_nothing_written_is_not_right(row, answer):
    said = check(row.id, answer)
    assert not said.right and not said
    assert said.status == "not answered yet"


@pytest.mark.parametrize(("row", "k"), WRONG)
def test_a_named_mistake_is_named(row, k):
    key, rule = row.wrong[k]
    for answer in answers(row, rule()):
        said = check(row.id, answer)
        assert said.status == "not yet"
        assert key in said.misconceptions
        assert any(line.removeprefix("\N{BULLET} ") == MISCONCEPTIONS[key].text for line in said.lines)
        assert MISCONCEPTIONS[key].look in said.lines[-1]


@pytest.mark.parametrize(("row", "k"), WRONG)
def test_a_mistake_is_no_answer_in_disguise(row, k):
    right = answers(row, row.compute())
    assert all(not row.same(tuple(a) if row.kind == "order" else a, row.wrong[k][1]()) for a in right)


def test_mistakes_that_cannot_be_told_apart_are_all_listed():
    value_or_slot = check("01.dw", -1.5)
    assert value_or_slot.misconceptions == ("M6", "value")
    assert value_or_slot.lines[0] == "It could be one of these."


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_feedback_on_a_miss_does_not_contain_the_answer(row):
    misses = [a for _, rule in row.wrong for a in answers(row, rule())]
    misses += [12345.678, "nonsense", [1.5, 2.5, 3.5], None]
    said = "\n".join([*(check(row.id, a).to_text() for a in misses), hint(row.id).to_text()])
    html = "".join(check(row.id, a)._repr_html_() for a in misses)
    if row.kind in ("number", "list"):
        wanted = [row.compute()] if row.kind == "number" else row.compute()[0]
        for number in numbers(said) + numbers(re.sub(r"<[^>]*>", " ", html)):
            expected_length = row.kind == "list" and number == row.size
            assert expected_length or not any(row._near(number, w) for w in wanted)
    else:
        right = [[row.compute()]] if row.kind == "choice" else row.compute()
        offered = str(list(row.words))[1:-1]
        unlisted = said.replace(offered, "")
        assert not any(", ".join(map(repr, one)) in unlisted for one in right)


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
@pytest.mark.parametrize("odd", range(len(ODD)))
def test_odd_answers_get_words_and_never_an_exception(row, odd):
    said = check(row.id, ODD[odd])
    assert said.status in ("not yet", "cannot be read")
    assert len(said.to_text()) < 1500
    assert "secret" not in said.to_text() and "<script" not in said._repr_html_()
    if said.status == "cannot be read":
        assert len(said.lines) == 1 and "\n" not in said.lines[0]
        assert "xpected" in said.lines[0]


JUNK = st.one_of(
    st.text(), st.floats(), st.integers(), st.complex_numbers(), st.binary(), st.booleans(), st.none(),
    st.lists(st.one_of(st.floats(), st.text(max_size=3), st.none()), max_size=6),
    st.dictionaries(st.text(), st.floats(), max_size=3),
)  # fmt: skip


@given(st.sampled_from(ROWS), JUNK)
def test_junk_is_answered_in_words(row, junk):
    said = check(row.id, junk)
    assert isinstance(said.to_text(), str) and isinstance(said._repr_html_(), str)


@pytest.mark.parametrize("exercise", ["01.dx", "", 3, None, "<b>", "01"])
def test_an_exercise_that_does_not_exist_is_named_with_its_neighbours(exercise):
    with pytest.raises(errors.UnknownNameError, match="no exercise") as caught:
        check(exercise, 1.0)
    assert caught.value._render_traceback_() == [str(caught.value)]
    assert "\n" not in str(caught.value)


def test_what_cannot_be_read_has_its_own_kind_of_error():
    with pytest.raises(errors.NonFiniteError, match=r"answer: .*NaN"):
        read_answer(EXERCISES["01.dw"], float("nan"))
    with pytest.raises(errors.ShapeError, match=r"answer: expected a list of 3 numbers, got 2 of them"):
        read_answer(EXERCISES["01.paths"], [1.0, 2.0])
    with pytest.raises(errors.DTypeError, match="answer: expected one number, written without quotes, got text"):
        read_answer(EXERCISES["01.dw"], "1")
    with pytest.raises(errors.UnknownNameError, match="did you mean recorded"):
        read_answer(EXERCISES["02.frozen"], "recordet")


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_a_row_is_complete(row):
    assert re.fullmatch(r"(\d\db?|C\d)\.[a-z]+", row.id)
    assert row.prompt.endswith(("?", ".", "]."))
    assert row.wrong and all(key in MISCONCEPTIONS for key, _ in row.wrong)
    assert hint(row.id).lines == (row.hint,)
    assert row.why in reveal(row.id).to_text()
    assert bool(row.words) == (row.kind in ("choice", "order"))


def test_every_misconception_is_used_and_fits_on_a_line():
    assert {key for row in ROWS for key, _ in row.wrong} == set(MISCONCEPTIONS)
    for m in MISCONCEPTIONS.values():
        assert len(m.text) < 190 and m.text.endswith(".")


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("01.dw", -9.0), ("01.dt", 3.0), ("01.paths", [0.688637, 0.991458, 1.680096]), ("02.saved", 6464),
        ("03.once", 7.0), ("03.twice", 14.0), ("03.kept", 20.0), ("03.fanout", 12.0), ("03.drift", 1.5),
        ("01.sigmoids", 0.25**20), ("01.exp", 2 * np.exp(0.6)), ("02.nodes", 3),
        ("05.entry", 7.5), ("05.addends", 50), ("05.flop", 2688 / 2368), ("05.dead", [39, 0, 32]),
        ("05.order", "G @ W.T"), ("06.gradient", np.exp([1, 3, 0]) / np.exp([1, 3, 0]).sum() - [1, 0, 0]),
        ("06.constant", [21.6, 5]), ("06.sum", 0.0078125), ("06.floor", np.log(1 + 9 / np.e)),
        ("06.sure", "tenthousand"), ("12.batch", 1.4), ("12.turn", np.degrees(np.arctan(600) - np.arctan(2))),
        ("12.norm", [0.4, 1.6, 3.2]), ("12.rate", 0.25 / 9), ("12.loss", "none"),
        ("09.angle", 78.58), ("09.three", 0.561), ("09.limit", 2 * 1.9 / 40), ("09.ahead", 0.33), ("09.drop", 0.3),
        ("10.adagrad", 0.2 * sum(k**-0.5 for k in (1, 2, 3, 4))), ("10.rms", 0.15), ("10.coupled", 4.8),
        ("11.cosine", 0.4 * (1 + np.cos(np.pi / 6))), ("11.stairs", 0.144), ("11.warm", 0.05 * 0.4375),
        ("11.units", 0.45), ("13.zero", "bias"), ("13.factor", 0.45), ("13.he", 1 / 12), ("13.dead", 9 / 35),
        ("13.fix", "rate"), ("21.before", 0.038059), ("21.updates", 420), ("21.harmless", "stream"),
        ("21.single", "rounding"), ("20.first", "second"), ("20.count", 0.4), ("20.place", 800), ("20.float", 4),
        ("20.missing", "streams"), ("20b.bits", "none"), ("20b.bytes", 48000), ("20b.arrays", 1),
        ("20b.branch", "value"), ("20b.mask", "constant"), ("C1.same", "adam"), ("C1.best", 0.305),
        ("C1.edge", 1.62), ("C1.place", "shared"), ("C1.toy", 1),
    ],
)  # fmt: skip
def test_known_numbers_come_out(exercise, answer):
    assert check(exercise, answer)


def test_a_node_visited_once_per_use_gives_twice_the_gradient():
    assert check("03.fanout", 24.0).misconceptions == ("again",)
    assert "M5" in check("03.fanout", 6.0).misconceptions
