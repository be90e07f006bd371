"""The race arena without a browser: what it takes, what a hand may ask for, and its twins."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from _payloads import PAYLOADS

import torchlean_nb as tl
from torchlean_nb.errors import HyperparameterError, TorchLeanError, UnknownNameError
from torchlean_nb.render.packing import unpacked
from torchlean_nb.render.race_code import decoded
from torchlean_nb.updates import RULES
from torchlean_nb.widgets import RaceArena

TWO = {"slow": ("sgd", {"lr": 0.01}), "Adam": ("adam", {"lr": 0.1})}


class Asked:
    """An arena, the edits a front end would send, and what it would hear."""

    def __init__(self, *args, **options):
        self.w, self.heard, self.n = RaceArena(*args, **options), [], 0
        self.w.send = self.heard.append

    def __call__(self, do, **more):
        self.n += 1
        self.heard.clear()
        self.w._asked({"kind": "edit", "serial": self.n, "do": do, **more})
        (answer,) = self.heard
        assert answer["serial"] == self.n, "the front end waits for its answer"
        return answer


@pytest.fixture
def asked():
    return Asked(TWO, on="sphere", steps=30)


@pytest.fixture(scope="module")
def refusing():
    """One arena for all refusals: none of them changes anything."""
    return Asked(TWO, on="sphere", steps=30)


def path_of(track):
    """Positions of a track that was sent."""
    return np.stack([decoded(track["x"]), decoded(track["y"])])


# -- what it is made from --------------------------------------------------------------------------
def test_it_begins_with_six_classics_in_the_valley():
    w = RaceArena()
    assert [*w.trace] == ["SGD", "Momentum", "Nesterov", "RMSprop", "Adam", "L-BFGS"] and w.target == 0.01
    assert w.trace["L-BFGS"].losses[-1, 0] < 1e-12 < w.trace["Adam"].losses[-1, 0] < 2
    assert all(t.ended[0] < 0 for t in w.trace.tracks)


def test_the_one_line_of_the_issue_shows_everyone_moving_and_nobody_lost():
    names = ["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"]
    w = tl.race(names, on="rosenbrock").show()
    assert isinstance(w, RaceArena) and [*w.trace] == names
    assert "rates chosen by the same grid of 8" in w.payload["equal"]
    for t in w.trace.tracks:
        assert t.ended[0] < 0 and t.losses[-1, 0] < 6 and np.hypot(*(t.final[:, 0] - [-1.5, 2.0])) > 0.3


def test_a_race_is_shown_as_it_ran():
    plain, by_hand = tl.race(["sgd"], on="booth", lr=None, steps=9), tl.race(TWO, on="booth", steps=9)
    for race in (plain, by_hand, tl.race(["sgd", "adam"], on="booth", steps=9)):
        assert race.show().trace is race
    pair = plain.show()
    pair.edit("add", rule="adam")
    assert pair.trace["adam"].hypers["lr"] == 0.001 and "one learning rate only" in pair.payload["unequal"]


def test_it_takes_a_race_and_its_plain_form():
    race = tl.race(TWO, on="booth", steps=9)
    again = RaceArena(race.to_dict())
    assert again.trace == race and again.payload["tracks"] == RaceArena(race).payload["tracks"]
    again.edit("start", at=(0, 0))
    assert again.trace["Adam"].positions[0, :, 0].tolist() == [0.0, 0.0]


def test_a_race_whose_surface_is_gone_is_seen_but_does_not_run_again():
    race = tl.race(TWO, on=lambda x, y: x * x + y * y, steps=5)
    gone = Asked(race.to_dict())
    before = gone.w.payload
    assert "not known any more" in gone("start", at=[0, 0])["text"] and gone.w.payload == before
    RaceArena(race).edit("start", at=(0, 0))


def test_rules_and_functions_of_ones_own_race():
    def steep(x, y):
        """A bowl."""
        return 3 * x * x + y * y

    @tl.extend.update_rule(hypers={"lr": tl.extend.Hyper(0.05, low=0.0)}, latex=((r"\Delta", r"-\eta\,g"),))
    def my_descent(xp, g, p, s, h, t):
        """Descent."""
        return {"delta": -h.lr * g}

    try:
        asked = Asked([my_descent, "sgd"], on=steep, steps=20)
        assert {"name": "my_descent", "label": "MyDescent", "group": "yours"} in asked.w.payload["rules"]
        asked("hyper", index=0, name="lr", value=0.2)
        asked("add", rule="my_descent")
        assert [*asked.w.trace] == ["my_descent", "sgd", "my_descent 2"]
        assert asked.w.trace.tracks[0].hypers["lr"] == 0.2 and asked.w.trace.tracks[0].losses[-1, 0] < 0.1
    finally:
        del RULES["my_descent"]


def test_a_sparse_record_in_another_type_stays_so_when_edited_and_restored():
    w = RaceArena(tl.race(TWO, on="sphere", steps=40, every=7, dtype="float32"))
    w.edit("hyper", index=1, name="lr", value=0.2)
    assert w.trace.steps.tolist() == [0, 7, 14, 21, 28, 35, 40]
    again = RaceArena(state=w.now)
    assert again.trace.tracks == w.trace.tracks and again.trace.meta["dtype"] == "float32"


def test_paths_without_end_many_paths_and_all_rules_have_an_arena():
    w = RaceArena([("sgd", {"lr": np.array([0.1, 0.2])})], on="sphere", steps=5)
    assert "path 1 of 2" in w.payload["tracks"][0]["note"]
    w.edit("hyper", index=0, name="lr", value=0.3)
    assert len(w.trace.tracks[0]) == 1


@pytest.mark.parametrize("bad", [{"what": ["adm"]}, {"on": "rosenbrok"}, {"start": (1, 2, 3)}, {"steps": 0},
                                 {"steps": 10**6}, {"target": "low"},
                                 {"seed": -1}, {"what": []}, {"lr": 0.1},
                                 {"step": "last"}, {"controls": ["engine"]}])  # fmt: skip
def test_what_cannot_race_is_refused_in_words(bad):
    with pytest.raises(TorchLeanError):
        RaceArena(**bad)


# -- edits -----------------------------------------------------------------------------------------
def test_a_slider_runs_its_contender_alone(asked):
    before = asked.w.trace
    answer = asked("hyper", index=1, name="lr", value=0.3)
    ((i, track),) = answer["tracks"]
    assert i == 1 and "payload" not in answer and asked.w.trace.tracks[0] is before.tracks[0]
    alone = tl.race({"Adam": ("adam", {"lr": 0.3})}, on="sphere", steps=30)
    assert asked.w.trace.tracks[1] == alone.tracks[0]
    assert np.allclose(path_of(track), alone.tracks[0].positions[:, :, 0].T, rtol=1e-3, atol=1e-3)
    assert asked.w.payload["tracks"][1] == track and asked.w.payload["serial"] == asked.n


@pytest.mark.parametrize(
    ("do", "more", "check"),
    [
        ("start", {"at": [1, -1]}, lambda w: w.payload["start"] == [1.0, -1.0]),
        ("surface", {"name": "booth"}, lambda w: w.payload["surface"]["name"] == "booth" and w.target == 0.01),
        ("surface", {"text": "x**2 + 3*y**2"}, lambda w: w.payload["surface"]["text"] == "x**2 + 3*y**2"),
        ("noise", {"value": 0.5}, lambda w: w.payload["surface"]["noise"] == 0.5
         and any("noise of seed" in text for text in w.payload["equal"])),
        ("steps", {"text": "12"}, lambda w: w.steps == 12 and len(w.trace.steps) == 13),
        ("target", {"text": "0.5"}, lambda w: w.target == 0.5 and w.payload["tracks"][1]["toTarget"] > 0),
        ("target", {"text": ""}, lambda w: w.target is None and w.payload["tracks"][1]["toTarget"] == -1),
        ("seed", {"value": 7}, lambda w: w.payload["seed"] == 7),
        ("seed", {"value": None}, lambda w: w.payload["seed"] == 1),
        ("add", {"rule": "lion"}, lambda w: [*w.trace] == ["slow", "Adam", "lion"]),
        ("add", {"rule": "momentum"}, lambda w: w.trace["momentum"].hypers["momentum"] == 0.9),
        ("remove", {"index": 0}, lambda w: [*w.trace] == ["Adam"] and w.payload["tracks"][0]["colour"] == 1),
        ("rename", {"index": 0, "name": " quick "}, lambda w: [*w.trace] == ["quick", "Adam"]),
        ("race", {"race": {"surface": {"name": "beale"}, "steps": 5}},
         lambda w: w.steps == 5 and w.trace.surface["name"] == "beale" and [*w.trace] == [*TWO]),
        ("hyper", {"index": 0, "name": "nesterov", "value": False}, lambda w: True),
        ("hyper", {"index": 1, "name": "amsgrad", "value": True}, lambda w: w.trace["Adam"].hypers["amsgrad"] is True),
        ("hyper", {"index": 1, "name": "lr", "value": "0.25"}, lambda w: w.trace["Adam"].hypers["lr"] == 0.25),
    ],
)  # fmt: skip
def test_an_edit_is_carried_out_and_told(asked, do, more, check):
    answer = asked(do, **more)
    assert answer["kind"] == "answer" and check(asked.w)
    again = RaceArena(state=json.dumps(asked.w.now))
    assert again.trace.tracks == asked.w.trace.tracks and again.now["race"] == asked.w.now["race"]


@pytest.mark.parametrize(
    ("do", "more"),
    [
        ("fly", {}), (None, {}), ([], {}), ("start", {"at": [1, None]}), ("start", {"at": "here"}), ("start", {}),
        ("surface", {"name": "nowhere"}), ("surface", {"text": "import os"}), ("surface", {"text": "x +"}),
        ("surface", {}), ("noise", {"value": -1}), ("noise", {"value": "NaN"}), ("steps", {"text": "many"}),
        ("steps", {"text": "1e9"}), ("steps", {"text": "2.5"}), ("target", {"text": "soon"}), ("seed", {"value": -3}),
        ("seed", {"value": True}), ("add", {"rule": "adm"}), ("add", {"rule": "clip_norm"}), ("add", {"rule": 3}),
        ("remove", {"index": 9}), ("remove", {"index": -1}), ("remove", {"index": True}), ("remove", {}),
        ("rename", {"index": 0, "name": "Adam"}), ("rename", {"index": 0, "name": "  "}),
        ("hyper", {"index": 0, "name": "beta9", "value": 1}), ("hyper", {"index": 0, "name": "lr", "value": -1}),
        ("hyper", {"index": 0, "name": "lr", "value": float("nan")}), ("hyper", {"index": 0, "name": "lr"}),
        ("hyper", {"index": 0, "name": "nesterov", "value": True}), ("number", {"name": "q", "value": 1}),
        ("hyper", {"index": 1, "name": "amsgrad", "value": "yes"}), ("race", {}), ("race", {"race": 3}),
        ("race", {"race": {"contenders": [{"rule": ["sgd"]}]}}), ("race", {"race": {"numbers": 3}}),
        ("race", {"race": {"surface": 3}}), ("race", {"race": {"noise": "loud"}}),
    ],
)  # fmt: skip
def test_a_refusal_says_why_and_changes_nothing(refusing, do, more):
    w = refusing.w
    before = w.trace, w.payload, dict(w.now), w.setup
    answer = refusing(do, **more)
    assert answer["kind"] == "say" and len(answer["text"]) > 10
    assert (w.trace, w.payload, dict(w.now), w.setup) == before


@pytest.mark.parametrize("message", [None, 3, "edit", {}, {"kind": "look"}, {"kind": "edit", "serial": "x"}])
def test_what_is_no_edit_is_heard_in_peace(refusing, message):
    before = refusing.w.payload
    refusing.w._asked(message)
    assert refusing.w.payload is before


def test_an_edit_by_code_raises_what_the_front_end_would_read(asked):
    with pytest.raises(HyperparameterError, match="lr=-1"):
        asked.w.edit("hyper", index=0, name="lr", value=-1)
    with pytest.raises(UnknownNameError, match="remove"):
        asked.w.edit("remov")


def test_the_last_contender_stays(asked):
    asked("remove", index=0)
    assert "last contender" in asked("remove", index=0)["text"] and len(asked.w.trace) == 1


def test_a_numbered_surface_turns(asked):
    asked("surface", name="rosenbrock")
    asked("number", name="b", value=10.0)
    assert asked.w.trace.surface["numbers"]["b"] == 10.0
    asked("surface", name="rosenbrock")
    assert asked.w.trace.surface["numbers"]["b"] == 100.0


def test_colours_stay_with_their_contenders(asked):
    asked("add", rule="lion")
    asked("remove", index=0)
    asked("add", rule="sgd")
    assert [(t["name"], t["colour"]) for t in asked.w.payload["tracks"]] == [("Adam", 1), ("lion", 2), ("sgd", 0)]


def test_the_three_resets_never_mix(asked):
    asked("hyper", index=0, name="lr", value=0.2)
    asked("noise", value=1.0)
    asked.w.step = 9
    asked("seed", value=None)
    assert asked.w.step == 9 and asked.w.trace["slow"].hypers["lr"] == 0.2
    race = asked.w.trace
    asked("rewind")
    assert asked.w.step == 0 and asked.w.trace is race
    asked.w.step = 4
    asked("defaults")
    assert asked.w.step == 4 and asked.w.trace == RaceArena(TWO, on="sphere", steps=30).trace


def test_rates_found_for_another_race_say_so():
    w = Asked(["sgd", "adam"], on="booth", steps=30)
    assert "rates chosen by the same grid of 8" in w.w.payload["equal"]
    w("start", at=[0, 0])
    assert "rates chosen for another race" in w.w.payload["unequal"]
    w("surface", name="sphere")
    assert "rates chosen by the same grid of 8" in w.w.payload["equal"]
    w("hyper", index=0, name="lr", value=0.2)
    assert "rates set by hand" in w.w.payload["unequal"]


def test_a_name_made_of_numbers_follows_them():
    w = RaceArena([("sgd", {"lr": 0.1})], on="sphere", steps=5)
    w.edit("hyper", index=0, name="lr", value=0.25)
    assert [*w.trace] == ["sgd lr=0.25"]


def test_a_stop_in_the_middle_changes_nothing(asked, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    before = asked.w.trace
    monkeypatch.setattr(type(asked.w.setup), "run", stopped)
    assert asked("start", at=[0, 0])["text"].startswith("Stopped") and asked.w.trace is before


# -- state -----------------------------------------------------------------------------------------
def test_a_state_saved_before_an_edit_does_not_undo_it(asked):
    old = dict(asked.w.state)
    asked("start", at=[0.5, 0.5])
    asked.w.state = old | {"chosen": 1}
    assert asked.w.state["race"]["start"] == [0.5, 0.5] and asked.w.chosen == 1


@pytest.mark.parametrize("race", [None, 3, {"contenders": 3}, {"contenders": []}, {"contenders": [3]},
                                  {"contenders": [{"name": "a", "rule": "adm", "hypers": {}}]}])  # fmt: skip
def test_a_state_that_holds_no_race_is_refused(race):
    with pytest.raises(TorchLeanError):
        RaceArena(state={"race": race})


def test_whoever_is_switched_off_is_in_no_twin(asked):
    asked.w.state = asked.w.state | {"off": ["slow"], "chosen": 7}
    assert asked.w.on == ["Adam"] and asked.w.chosen == 0
    assert "slow" not in asked.w.to_text() and "slow" not in asked.w.to_svg()


# -- twins -----------------------------------------------------------------------------------------
LETTERS = re.compile(r'letters="([^"]+)"')


def contents(page):
    """Style, data and code of a packed page."""
    return json.loads(unpacked(LETTERS.search(page)[1], int(re.search(r"bytes.length=(\d+);", page)[1])))


def test_the_page_is_small_and_holds_everything_but_choices(tmp_path):
    w = RaceArena(title="Six")
    text = w.to_html(tmp_path / "six.html")
    assert text == (tmp_path / "six.html").read_text() == w.to_html()
    css, data, code = contents(text)
    data = json.loads(data)
    assert data["payload"]["tracks"] == w.payload["tracks"] and data["payload"]["rules"] == []
    assert "standalone(document)" in code and ".tl" in css
    assert len(text) < 75_000 and not re.search(r"https?://|src=|href=", LETTERS.sub("", text))


def test_the_end_of_a_race_stays_the_end_and_another_step_stays_itself(asked):
    asked("steps", text="50")
    assert asked.w.step == asked.w.steps == 50
    asked.w.step = 7
    asked("steps", text="90")
    assert asked.w.step == 7


def test_a_page_carries_no_code_that_it_has_no_use_for(asked):
    valley, bowl = RaceArena(TWO, steps=9), asked.w
    whole = [contents(w.to_html())[2] for w in (valley, bowl)]
    assert not any("function raceAddMenu" in text for text in whole)
    assert ["function raceRates" in text for text in whole] == [False, True]
    assert "function raceRates" in valley._esm and "function raceAddMenu" in valley._esm


def test_a_title_is_only_text():
    race = tl.race(TWO, on="sphere", steps=2)
    plain = LETTERS.sub("", race.to_html(title="x"))
    for name in PAYLOADS[:12]:
        assert LETTERS.sub("", race.to_html(title=name)).count("<") == plain.count("<")


def test_the_twins_are_of_the_step_that_is_shown(tmp_path):
    w = RaceArena(TWO, on="sphere", steps=30, step=10)
    assert "At step 10 " in w.to_text() and w.describe() == "2 contenders on sphere, step 10 of 30"
    assert ElementTree.fromstring(w.to_svg()).get("aria-label").startswith("At step 10 ")
    w.to_png(tmp_path / "a.png")
    w.to_gif(tmp_path / "a.gif", frames=2)
    assert {p.name for p in tmp_path.iterdir()} == {"a.png", "a.gif"} and len(w.plot().axes) == 2
    assert json.loads(json.dumps(w.to_dict(), allow_nan=False))["state"]["step"] == 10


def test_the_lists_offer_every_rule_that_can_race_and_the_users_own():
    p = RaceArena(TWO, on="sphere", steps=2).payload
    names = [r["name"] for r in p["rules"]]
    assert {"momentum", "nesterov", "adam", "lbfgs"} <= {*names} and "clip_norm" not in names
    assert len({*names}) == len(names) > 100 and {s["name"] for s in p["surfaces"]} == {*tl.surfaces.available()}
