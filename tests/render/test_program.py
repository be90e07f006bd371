"""A compiled program in words and as a picture."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import _programs
import pytest

from torchlean_nb.render.program_svg import ROWS, program_svg
from torchlean_nb.render.program_text import program_text
from torchlean_nb.render.program_words import composite, groups, nbytes, numbered, sentences, shortened, statement
from torchlean_nb.trace.program import ProgramTrace


def bars(picture):
    """Bars of the lanes: their column and from where to where they reach."""
    found = [e.attrib for e in ElementTree.fromstring(picture).iter() if e.get("fill-opacity")]
    return [(float(e["x"]), float(e["y"]), float(e["height"])) for e in found if e["fill-opacity"] != ".14"]


def test_every_line_is_called_as_in_the_passes():
    t = _programs.trace()
    names, last = numbered(t), t.passes[-1]
    called = [text.partition(" = ")[0] for mark, text in last.diff if mark != "-"]
    assert [names[i] for i in t.ran] == [x for x in called if x in {names[i] for i in t.ran}]
    assert {"x", "W1", "b1", "W2", "y"} <= set(called), "arguments by their names"


def test_without_passes_steps_are_numbered():
    t = replace(_programs.line(), lines=tuple(replace(x, label="") for x in _programs.line().lines))
    assert [numbered(t)[i] for i in t.ran] == ["%1", "%2", "%3"]


def test_groups_are_the_ops_of_the_function_in_order():
    found = [(composite(origin)[0], len(steps)) for origin, steps in groups(_programs.trace())]
    assert found[:4] == [("matmul", 1), ("add", 1), ("tanh", 1), ("matmul", 1)] and found[4][0] == "cross_entropy"
    assert sum(n for _, n in found) == len(_programs.trace().ran)
    assert composite("") == ("program", "") and composite("update of W1") == ("update of W1", "")


def test_lines_that_share_a_row_have_their_own_statement():
    a, b, c = (replace(_programs.line().lines[0], name=name, source=1) for name in ("v1", "v2", "c"))
    t = ProgramTrace((a, b, replace(c, source=None)), (2,), ("value",), "v1, v2 = a.T, b[1:, 0]")
    assert [statement(t, 0), statement(t, 1), statement(t, 2)] == ["v1 = a.T", "v2 = b[1:, 0]", ""]


@pytest.mark.parametrize("row", [
    "a, b = (", "a, b = (np.empty(3) for _ in range(2))", "a, b\x00 = 1, 2", "f(a, b) = 3",
])  # fmt: skip
def test_a_row_that_cannot_be_split_is_shown_whole(row):
    t = _programs.line()
    t = ProgramTrace((replace(t.lines[0], name="a", source=1),), (0,), ("value",), row)
    assert statement(t, 0).replace("\ufffd", "\x00") == row


def test_sentences_add_up_to_the_end():
    t = _programs.trace()
    said = list(sentences(t))
    assert sum("This is the" in x for x in said) == len(t.outputs)
    held = [int(re.search(r"([\d,]+) bytes are held", x)[1].replace(",", "")) for x in said[1:]]
    assert held == [t.live[i] for i in t.ran]
    assert sum("the most there is" in x for x in said) == held.count(t.peak)


def test_only_what_is_near_a_change_is_shown():
    same = [(" ", str(k)) for k in range(9)]
    diff = (*same, ("-", "a"), ("+", "b"), *same)
    assert shortened(diff) == (
        (".", "7 lines stay"), *same[7:], ("-", "a"), ("+", "b"), *same[:2], (".", "7 lines stay"),
    )  # fmt: skip
    assert shortened(()) == () and shortened((*same,)) == ((".", "9 lines stay"),)


def test_bytes_are_short():
    assert [nbytes(n) for n in (0, 1, 9_999, 12_345, 2.5e6)] == [
        "0 bytes", "1 byte", "9,999 bytes", "12.3 kB", "2.5 MB",
    ]  # fmt: skip


# -- the picture -------------------------------------------------------------------------------
def test_bars_of_a_lane_follow_each_other():
    found = bars(program_svg(_programs.line()))
    assert len(found) == 3 and len({x for x, _, _ in found}) == 1
    for (_, y, tall), (_, below, _) in pairwise(found):
        assert y + tall <= below
    assert len(bars(program_svg(_programs.trace()))) <= sum(len(x.spans) for x in _programs.trace().lanes)


def test_the_picture_of_a_long_program_is_a_window_around_the_step():
    t = _programs.trace()
    assert len(t.ran) < ROWS, "otherwise it is cut, too"
    lines = t.lines * 1
    long = ProgramTrace(tuple(replace(x, args=(), lane=None) for x in lines * 3), (1,), ("value",), t.source)
    for step in (0, 70, len(long.ran)):
        picture = program_svg(long, step)
        assert f"not shown: {len(long.ran) - ROWS} lines" in picture
        ElementTree.fromstring(picture)


def test_the_text_has_everything_once():
    t = _programs.trace()
    text = program_text(t)
    for i in t.ran:
        assert text.count(f"\n  {numbered(t)[i]} = ") == 1
    assert all(f"\n  {x.name} " in text for x in t.lanes)
    assert all(f"\n{p.name}: {p.before} lines, {p.after} after." in text for p in t.passes)
