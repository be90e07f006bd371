"""ProgramView without a browser: what it is made from, what is sent, its state, and its twins."""

from __future__ import annotations

import json
import re

import _programs
import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.errors import HandleTypeError, HyperparameterError, TraceFormatError
from torchlean_nb.render.program_payload import LANES, STEPS, program_payload
from torchlean_nb.trace.program import ProgramTrace
from torchlean_nb.widgets import ProgramView


# -- what it is made from ----------------------------------------------------------------------
def test_a_program_its_trace_or_its_plain_form():
    t = _programs.mlp().trace()
    for source in (_programs.mlp(), t, t.to_dict()):
        w = ProgramView(source)
        assert (w.steps, w.step) == (len(t.ran), len(t.ran))
        assert w.trace == t
    assert t.show(step=3).step == 3


def test_of_a_program_another_run_can_be_shown():
    x = np.array([5.0, 6.0])
    p = tl.compile(lambda x: tl.exp(x) + 1.0, [0.0, 1.0])
    assert ProgramView(p, x).trace.lines[0].value.tobytes() == x.tobytes()
    with pytest.raises(HyperparameterError, match="has run already"):
        ProgramView(p.trace(), x)


@pytest.mark.parametrize("bad", [None, 3, "x", [1], {"format": "other"}, tl.exp], ids=str)
def test_anything_else_is_refused(bad):
    with pytest.raises(HandleTypeError, match=r"tl\.compile"):
        ProgramView(bad)
    with pytest.raises(TraceFormatError):
        ProgramView(_programs.line().to_dict() | {"lines": 3})


def test_a_program_that_computes_nothing_is_a_view_too():
    w = ProgramView(tl.compile(lambda x: x, [1.0, 2.0]))
    assert (w.steps, w.describe()) == (0, "nothing to compute")
    assert "<!doctype html>" in w.to_html() and w.to_svg() and w.to_text()


# -- what is sent ------------------------------------------------------------------------------
def test_the_payload_says_what_the_trace_says():
    t, sent = _programs.trace(), program_payload(_programs.trace())
    assert len(sent["lines"]) == len(t.ran) == len(sent["narration"]) - 1 == len(sent["live"])
    assert sent["source"] == t.source.split("\n")
    for k, i in enumerate(t.ran):
        line = sent["lines"][k]
        assert sent["source"][line["src"]].strip() == t.source.split("\n")[t.lines[i].source - 1].strip()
        assert (line["moved"], line["bytes"], line["shape"]) == (t.lines[i].moved, t.lines[i].nbytes,
                                                                 list(t.lines[i].shape))  # fmt: skip
        if line["lane"] is not None and not line["view"]:
            assert any(first == k + 1 for first, _ in sent["lanes"][line["lane"]]["spans"])
    assert len({line["name"] for line in sent["lines"]}) == len(t.ran)
    assert [line["group"] for line in sent["lines"]] == sorted(line["group"] for line in sent["lines"])


def test_spans_are_counted_in_steps_and_results_stay_to_the_end():
    t, sent = _programs.trace(), program_payload(_programs.trace())
    n = len(t.ran)
    held = [sum(x["bytes"] for x in sent["lanes"] if any(a <= k <= b for a, b in x["spans"])) for k in range(1, n + 1)]
    assert held == sent["live"]
    ends = [b for lane in sent["lanes"] for _, b in lane["spans"]]
    assert ends.count(n + 1) == len(t.outputs)


def test_the_sentences_name_the_array_what_it_replaces_and_the_results():
    said = program_payload(_programs.line())["narration"]
    assert len(said) == 4 and said[0].startswith("Nothing has run yet: 3 lines wait for a, x and b.")
    assert "is written into t0." in said[1]
    assert "over" in said[2] and "which nobody reads again" in said[2]
    assert "This is the value." in said[3]
    views = [x for x in program_payload(_programs.trace())["narration"] if "no number moves" in x]
    assert len(views) == 3 and any("made before the first run" in x for x in views)


def test_of_long_programs_the_first_lines_are_sent_and_the_rest_is_counted():
    def f(x):
        for k in range(STEPS // 2 + 20):
            x = tl.tanh(x * float(k + 2))
        return x

    w = ProgramView(tl.compile(f, np.ones((2, 2))))
    assert w.steps == STEPS == len(w.payload["lines"])
    assert w.payload["note"] == "Left out: 40 later lines."
    assert all(b <= STEPS for lane in w.payload["lanes"] for _, b in lane["spans"])
    assert len(json.dumps(w.payload)) < 400_000 and "not shown: 280 lines" in w.to_svg()


def test_of_many_arrays_the_largest_have_lanes():
    def f(*xs):
        ys = [tl.exp(x) for x in xs]
        return sum(y.sum() for y in ys[1:]) + ys[0].sum() + sum(y.mean() for y in ys)

    sent = program_payload(tl.compile(f, *[np.ones(k + 2) for k in range(LANES + 6)]).trace())
    assert len(sent["lanes"]) == LANES and "smaller arrays" in sent["note"]
    assert all(line["lane"] is None or line["lane"] < LANES for line in sent["lines"])


def test_of_large_values_a_corner_travels():
    sent = program_payload(tl.compile(lambda x: tl.exp(x) * 2.0, np.ones((200, 200))).trace())
    value = sent["lines"][0]["value"]
    assert (value["shape"], value["sent"]) == ([200, 200], [8, 8])
    huge = program_payload(tl.compile(lambda x: tl.exp(x) * 2.0, np.ones((300, 300))).trace())
    assert huge["lines"][0]["value"] is None


# -- state and twins ---------------------------------------------------------------------------
def test_the_state_can_be_pasted_back():
    w = ProgramView(_programs.trace(), step=9, state={"view": "passes", "folded": [0], "page": 1})
    again = ProgramView(_programs.trace(), state=json.dumps(w.now))
    assert again.now == w.now
    assert again.to_svg() == w.to_svg()


def test_the_picture_is_that_of_the_step():
    pictures = {k: ProgramView(_programs.trace(), step=k).to_svg() for k in (0, 1, 20)}
    assert len(set(pictures.values())) == 3
    with pytest.raises(HyperparameterError, match="steps are 0 to 3"):
        _programs.line().to_svg(step=9)


def test_the_text_has_lines_arrays_and_bytes():
    text = ProgramView(_programs.line()).to_text()
    assert re.search(r"= mul\(a, x\) +3 float64 +t0 +72 bytes", text)
    assert "Memory: arrays made once 24 bytes, held at most 24 bytes" in text
    whole = _programs.line().to_text(source=True, narration=True)
    assert "def step(a, x, b):" in whole and "3. " in whole


def test_a_static_display_has_picture_and_text():
    data, _ = ProgramView(_programs.line())._repr_mimebundle_()
    assert set(data) == {"text/plain", "image/svg+xml"}
    assert data["text/plain"].startswith("ProgramView('line': step 3 of 3.")


def test_the_plain_form_reads_back():
    assert ProgramTrace.from_dict(ProgramView(_programs.trace()).to_dict()) == _programs.trace()
