"""UpdateAnatomy without a browser: what it is made from, its state, its twins, and what it refuses."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from _payloads import PAYLOADS

import torchlean_nb as tl
from torchlean_nb.errors import HandleTypeError, HyperparameterError, ShapeError, UnknownNameError
from torchlean_nb.render.html import assets
from torchlean_nb.widgets import UpdateAnatomy

GRADS = ([0.42, 0.05, 0.0021, -0.3], [0.36, -0.42, 0.0020, 0.25], [0.31, -4.2, 0.0025, -0.12])


def updates(cls="AdamW", steps=3, **given):
    """An optimizer and what it explains, step by step."""
    opt = getattr(tl.optim, cls)({"w": np.array([0.8, -1.2, 0.05, 3.0])}, lr=0.01, **given)
    out = []
    for g in GRADS[:steps]:
        opt.step({"w": np.array(g)})
        out.append(opt.explain("w"))
    return opt, out


def large():
    rng = np.random.default_rng(0)
    opt = tl.optim.Adam({"W": rng.normal(size=(30, 40))})
    opt.step({"W": rng.normal(size=(30, 40))})
    return opt


# -- what it is made from ----------------------------------------------------------------------------
def test_an_optimizer_an_explanation_or_several_of_them():
    opt, steps = updates()
    for made in (UpdateAnatomy(opt), UpdateAnatomy(opt, "w"), UpdateAnatomy(opt, 0), UpdateAnatomy(steps[-1])):
        assert made.steps == 0
        assert made.payload == UpdateAnatomy(opt, "w").payload
    several = UpdateAnatomy(steps)
    assert (several.steps, several.step) == (2, 2)
    assert [s["t"] for s in several.payload["steps"]] == [1, 2, 3]
    several.step = 0
    assert repr(several) == "UpdateAnatomy('AdamW, term by term': w, 4 coordinates, t = 1)"


@pytest.mark.parametrize("bad", [None, 3, "w", [], [1], {"w": 1}], ids=str)
def test_anything_else_is_refused(bad):
    with pytest.raises(HandleTypeError, match="opt"):
        UpdateAnatomy(bad)


def test_of_several_parameters_one_must_be_named_and_have_been_updated():
    opt = tl.optim.SGD({"a": np.ones(2), "b": np.ones(2)})
    with pytest.raises(HandleTypeError, match="one of a, b"):
        UpdateAnatomy(opt)
    with pytest.raises(HyperparameterError, match="no update yet"):
        UpdateAnatomy(opt, "a")
    opt.step({"a": np.ones(2), "b": np.ones(2)})
    assert UpdateAnatomy(opt, "b").anatomy.name == "b"


def test_the_last_bars_are_the_parameters_way():
    opt, steps = updates("Adam", weight_decay=0.1)
    w = UpdateAnatomy(steps)
    delta = w.payload["rows"][-1]["v"]
    for shown, e in zip(w.payload["steps"], steps, strict=True):
        assert np.array(shown["values"][delta]).tobytes() == e.delta.tobytes()
    assert np.array_equal(steps[-1].before + np.array(w.payload["steps"][-1]["values"][delta]), opt.params["w"])


def test_clipping_is_given_as_it_was_done():
    grads = {"w": np.array([3.0, 4.0])}
    clipped = tl.optim.clip_grad_norm(grads, 1.0)
    opt = tl.optim.SGD({"w": np.zeros(2)}, lr=0.1)
    opt.step(clipped)
    for clip in ((grads, clipped), (grads["w"], clipped["w"]), (grads["w"], None), [(grads, clipped)]):
        w = UpdateAnatomy(opt, "w", clip=clip)
        assert [r["key"] for r in w.payload["rows"]] == ["unclipped", "clipped", "delta"]
        assert "no clipping" in w.payload["on"]
    with pytest.raises(HyperparameterError, match="not the one of this update"):
        UpdateAnatomy(opt, "w", clip=(grads, grads))
    with pytest.raises(ShapeError, match="shape"):
        UpdateAnatomy(opt, "w", clip=(np.ones(3), None))
    with pytest.raises(HyperparameterError, match="before, after"):
        UpdateAnatomy(opt, "w", clip=[3])
    with pytest.raises(HyperparameterError, match="2 clippings for 1"):
        UpdateAnatomy(opt, "w", clip=[(grads, clipped)] * 2)


def test_a_schedule_is_shown_with_its_curve():
    _, steps = updates()
    w = UpdateAnatomy(steps, schedule=tl.schedules.cosine(0.01, total=20))
    assert "schedule" in [r["key"] for r in w.payload["rows"]]
    assert w.payload["curve"][0] == [0, 0.01] and len(w.payload["curve"]) <= 60
    assert UpdateAnatomy(steps).payload["curve"] is None
    with pytest.raises(HandleTypeError, match="schedule is a float"):
        UpdateAnatomy(steps, schedule=0.1)


def test_ghosts_of_ones_own_join_the_others():
    _, steps = updates()
    w = UpdateAnatomy(steps, ghosts={"forgets faster": {"beta2": 0.5}})
    i = w.payload["ghosts"].index("forgets faster")
    assert w.payload["steps"][2]["ghosts"][i] == steps[2].without(beta2=0.5).tolist()


def test_very_many_steps_are_thinned_out():
    opt = tl.optim.SGD({"w": 1.0}, lr=1e-3)
    steps = []
    for _ in range(450):
        opt.step({"w": 1.0})
        steps.append(opt.explain("w"))
    w = UpdateAnatomy(steps)
    assert len(w.payload["steps"]) == 200
    assert [w.payload["steps"][i]["t"] for i in (0, -1)] == [1, 450]


# -- state -------------------------------------------------------------------------------------------
def test_the_chosen_coordinates_and_ghosts_are_in_the_twins():
    _, steps = updates()
    w = UpdateAnatomy(steps, state={"step": 1, "columns": [2, 3], "ghosts": ["no decay"]})
    assert (w.step, w.columns) == (1, [2, 3])
    assert "w[2]" in w.to_text() and "w[0]" not in w.to_text().splitlines()[1]
    picture = w.to_svg()
    assert "no decay" in picture and ">no momentum<" not in picture and "t = 2" in picture
    w.state = w.state | {"at": 3}
    assert "with the numbers of w[3]" in w.to_text() and "with the numbers of w[3]" in w.to_svg() != picture
    picture = w.to_svg()
    again = UpdateAnatomy(steps, state=json.dumps(w.now))
    assert again.to_svg() == picture
    for key, bad in (("columns", [99]), ("columns", "x"), ("columns", [0, None]), ("ghosts", 3), ("at", [1])):
        strange = UpdateAnatomy(steps, state={key: bad})
        assert strange.columns == [0, 1, 2, 3]
        assert "no bias correction" in strange.to_svg()


def test_coordinates_are_chosen_by_index():
    w = UpdateAnatomy(large(), coordinates=[(0, 1), (29, 39)])
    assert w.columns == [1, 1199] and set(w.columns) <= set(w.payload["sent"])
    with pytest.raises(HyperparameterError, match="no index"):
        UpdateAnatomy(large(), coordinates=[(30, 0)])
    assert len(UpdateAnatomy(large(), coordinates=range(20)).columns) == 8


def test_a_coordinate_that_did_not_travel_is_sent_when_asked_for():
    w = UpdateAnatomy(large())
    missing = next(i for i in range(1200) if i not in w.payload["sent"])
    w._asked({"kind": "coordinate", "index": missing})
    assert missing in w.payload["sent"]
    said = []
    w.send = lambda message: said.append(message["text"])
    for bad in (99_999, "x", None, [1], [99, 99]):
        w._asked({"kind": "coordinate", "index": bad})
    w._asked("noise")
    assert len(said) == 5 and all("no index" in t for t in said)


def test_controls_are_known_by_name():
    _, steps = updates()
    assert UpdateAnatomy(steps, controls=["help"]).options["controls"] == ["help"]
    with pytest.raises(UnknownNameError):
        UpdateAnatomy(steps, controls=["knobs"])


# -- twins -------------------------------------------------------------------------------------------
def test_the_text_says_the_numbers_the_words_and_that_they_add_up():
    _, steps = updates()
    text = UpdateAnatomy(steps).to_text()
    assert text.startswith("AdamW on w, t = 3; lr 0.01")
    assert re.search(r"= actual step +−0\.009\d+", text)
    assert "Running mean of the gradients" in text
    assert "Parameter + step is the new parameter, bit for bit." in text


def test_a_static_display_has_picture_and_text():
    _, steps = updates()
    data, _ = UpdateAnatomy(steps)._repr_mimebundle_()
    assert set(data) == {"text/plain", "image/svg+xml"}
    assert data["image/svg+xml"].startswith("<svg")
    assert UpdateAnatomy(steps).to_dict()["kind"] == "UpdateAnatomy"


def test_the_page_is_small_and_asks_nobody(tmp_path):
    _, steps = updates()
    w = UpdateAnatomy(steps)
    text = w.to_html(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == text
    assert len(text) < 100_000 and len(json.dumps(w.payload)) < 15_000
    assert not re.search(r"@import|<link|<img|<iframe|src=|fetch\(|XMLHttpRequest|eval\(", text)


@pytest.mark.parametrize("name", PAYLOADS, ids=[ascii(p)[:30] for p in PAYLOADS])
def test_a_name_adds_no_element_to_the_page(name):
    def elements(name):
        opt = tl.optim.Adam({name: np.ones(2)})
        opt.step({name: np.array([0.5, -1.0])})
        text = UpdateAnatomy(opt, 0, ghosts={name: {"lr": 5.0}}, title=name).to_html()
        for code in assets("UpdateAnatomy"):
            assert text.count(code) == 1
            text = text.replace(code, "")
        json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
        return sorted(re.findall(r"<\s*/?[a-zA-Z!][^\s>]*", text))

    assert elements(name) == elements("w")
