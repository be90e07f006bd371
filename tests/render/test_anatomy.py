"""The anatomy of updates: terms, formulas with their numbers, units, words, ghosts, for every rule."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from _payloads import PAYLOADS
from optim.exceptions import GIVEN

import torchlean_nb as tl
from torchlean_nb.errors import HyperparameterError, ShapeError
from torchlean_nb.render import anatomy_words
from torchlean_nb.render.anatomy import GRADIENT, NUMBER, STEP, Anatomy, flat_index
from torchlean_nb.render.anatomy_formula import (
    Unreadable,
    alternatives,
    evaluate,
    fraction,
    split,
    summands,
    tokens,
)
from torchlean_nb.render.anatomy_ghosts import APART, FASTER, L2, PLAIN, ghosts, telling
from torchlean_nb.render.anatomy_payload import anatomy_payload, anatomy_text, numbers_text
from torchlean_nb.render.anatomy_svg import TERM, anatomy_svg
from torchlean_nb.render.anatomy_units import units
from torchlean_nb.render.anatomy_words import describe
from torchlean_nb.render.glyphs import fit
from torchlean_nb.updates import RULES, update_rule

ROWS = [r for r in RULES.values() if r.builtin]
EACH = pytest.mark.parametrize("rule", ROWS, ids=lambda r: r.name)
# Rows whose formula is written in symbols that can all be worked out, from the gradient to the step.
PLAIN_SPOKEN = (
    "sgd", "adam", "adamw", "adamax", "rmsprop", "adagrad", "adadelta", "lion", "signum", "lamb", "lars", "yogi",
    "adabelief", "ademamix", "nadamw", "sgdw", "qhm", "aggmo",
)  # fmt: skip


def explained(rule, dtype=np.float64, steps=3, **given):
    """Updates of one parameter by a rule."""
    rng = np.random.default_rng(1)
    p = (rng.choice([-1, 1], size=(4, 3)) * rng.uniform(1, 2, size=(4, 3))).astype(dtype)
    opt = getattr(tl.optim, rule.class_name)({"a": p}, **{**GIVEN.get(rule.name, {}), **given})
    out = []
    for _ in range(steps):
        g = rng.normal(size=p.shape).astype(dtype)
        extra = {"curvature": {"a": np.abs(g)}} if "curvature" in rule.needs else {}
        opt.step({"a": g}, 1.5, **extra)
        out.append(opt.explain("a"))
    return out


def anatomy(name, steps=3, **given):
    return Anatomy(explained(RULES[name], steps=steps, **given))


def keys(a):
    return [r.key for r in a.rows]


# -- every rule ------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@EACH
def test_the_last_bar_is_the_actual_step_bit_for_bit(rule, dtype):
    steps = explained(rule, dtype)
    a = Anatomy(steps)
    payload = json.loads(json.dumps(anatomy_payload(a, a.columns(), a.sent(a.columns())), allow_nan=False))
    assert (payload["rows"][0]["key"], payload["rows"][-1]["key"]) == ("raw", "delta")
    for sent, e in zip(payload["steps"], steps, strict=True):
        shown = np.array([float(v) for v in sent["values"][payload["rows"][-1]["v"]]], dtype=dtype)
        assert shown.tobytes() == e.delta.tobytes()
        before = np.array(sent["values"][payload["before"]], dtype=dtype)
        assert (before + shown).astype(dtype).tobytes() == e.after.tobytes()
        assert sent["exact"]


@EACH
def test_numbers_are_put_in_only_where_they_give_the_term(rule):
    a = Anatomy(explained(rule))
    for row in a.rows:
        for i in set(range(len(a.steps))) - row.exceptions if row.template else ():
            got = evaluate(row.template, a.readings[i].values.__getitem__)
            assert a.readings[i].near(got, a.readings[i].values[row.value]), (row.key, i)


@EACH
def test_every_term_that_says_something_has_a_row_in_order(rule):
    a = Anatomy(explained(rule))
    shown = [k for k in keys(a) if k in a.steps[-1].terms]
    for block in (GRADIENT, NUMBER, STEP):
        mine = [r.key for r in a.rows if r.block == block and r.key in shown and r.key != "delta"]
        assert mine == [k for k in a.steps[-1].terms if k in mine]
    assert [r.block for r in a.rows] == sorted(r.block for r in a.rows)
    for k in set(a.steps[-1].terms) - set(shown):
        assert not a._tells(k), k


@EACH
def test_every_rule_has_its_text_and_its_picture(rule):
    a = Anatomy(explained(rule))
    text = anatomy_text(a, 2, a.columns())
    for row in a.rows:
        assert row.words.title in text and row.words.say in text
        assert row.words.title and len(row.words.line) < 60
    root = ElementTree.fromstring(anatomy_svg(a, 2, a.columns(), [g.label for g in a.ghosts[2]]))
    drawn = "".join(root.itertext())
    assert "actual step" in drawn and rule.class_name in drawn


def test_only_formulas_are_cut_where_there_is_no_room():
    said = [w for w in vars(anatomy_words).values() if isinstance(w, anatomy_words.Words)]
    assert len(said) > 5 and [w.line for w in said if fit(w.line, TERM - 6) != w.line] == []


@EACH
def test_ghosts_are_other_steps_of_the_same_size(rule):
    for e in explained(rule):
        for g in ghosts(e):
            assert g.delta.shape == e.delta.shape
            assert np.isfinite(g.delta).all()
            assert not np.array_equal(g.delta, e.delta)


@pytest.mark.parametrize("name", PLAIN_SPOKEN)
def test_well_known_rules_have_numbers_in_every_formula(name):
    assert [r.key for r in anatomy(name).rows if not r.template] in (["raw"], ["raw", "rate"])


# -- rows ------------------------------------------------------------------------------------------
def test_adamw_goes_from_the_gradient_to_the_step():
    a = anatomy("adamw")
    assert keys(a) == ["raw", "m", "v", "m_hat", "v_hat", "direction", "decay", "step", "delta"]
    assert [r.block for r in a.rows] == [0, 0, 0, 0, 0, 1, 2, 2, 2]
    assert [r.key for r in a.rows if r.root] == ["v", "v_hat"]
    assert [a.rows[i].key for i in a.sums] == ["decay", "step"]
    assert [r.words.title for r in a.rows][1:4] == ["first moment", "second moment", "÷ bias correction"]


def test_on_the_right_of_its_own_statement_a_slot_is_its_old_value():
    a = anatomy("adam")
    e, row = a.steps[2], next(r for r in a.rows if r.key == "m")
    old, g = e.slots["m"].ravel()[0], e.grad.ravel()[0]
    said = numbers_text(a, 2, row, 0).replace("−", "-")
    found = [float(v) for v in re.findall(r"-?[\d.]+", said)]
    assert np.allclose(found, [0.9, old, 0.1, g], rtol=1e-3)
    parts = [a.readings[2].values[k] for _, k in row.parts]
    assert np.allclose(parts[0], 0.9 * e.slots["m"]) and np.allclose(parts[0] + parts[1], e.terms["m"])


def test_what_says_nothing_has_no_row():
    assert "g" not in keys(anatomy("adam")), "without decay it is the gradient once more"
    assert "g" in keys(anatomy("adam", weight_decay=0.1))
    assert "step" not in keys(anatomy("adam")), "it is the whole step"
    assert "decay" not in keys(anatomy("adamw", weight_decay=0.0))


def test_a_first_step_of_its_own_kind_has_no_numbers_in_the_formula():
    a = anatomy("optimistic_gd")
    last = a.rows[-1]
    assert last.exceptions == {0}
    assert not numbers_text(a, 0, last, 0) and numbers_text(a, 1, last, 0)
    payload = anatomy_payload(a, [0], [0])
    assert [len(a.rows) - 1 in s["without"] for s in payload["steps"]] == [True, False, False]


def test_lengths_are_one_number_for_all_coordinates():
    a = anatomy("lamb")
    row = next(r for r in a.rows if r.key == "r")
    e = a.steps[2]
    length = np.sqrt(np.sum(e.before**2)), np.sqrt(np.sum(e.terms["u"] ** 2))
    said = numbers_text(a, 2, row, 0)
    assert np.allclose([float(v) for v in said.split("/")], length, rtol=1e-3)


def test_the_reading_with_or_that_fits_is_taken():
    plain, ahead = anatomy("sgd", momentum=0.9), anatomy("sgd", momentum=0.9, nesterov=True)
    assert "d" not in keys(plain) and "d" in keys(ahead)
    assert numbers_text(plain, 2, plain.rows[-1], 0).count("0.9") == 0
    assert "0.9·" in numbers_text(ahead, 2, ahead.rows[-1], 0)


def test_clipping_and_a_schedule_have_rows():
    steps = explained(RULES["adam"], steps=2)
    a = Anatomy(steps, [4 * e.grad for e in steps], tl.schedules.cosine(0.1, total=10))
    assert keys(a)[:2] == ["unclipped", "clipped"] and "schedule" in keys(a)
    assert np.array_equal(a.worth(1, a.rows[0].value), 4 * steps[1].grad)
    rate = next(r for r in a.rows if r.key == "schedule")
    assert float(a.worth(1, rate.value)) == tl.schedules.cosine(0.1, total=10)(1)
    assert a.ghosts[1][0].label == "no bias correction"
    steps = explained(RULES["sgd"], steps=1)
    only = Anatomy(steps, [4 * steps[0].grad])
    assert np.allclose(next(g for g in only.ghosts[0] if g.label == "no clipping").delta, 4 * steps[0].delta)


def test_updates_that_do_not_belong_together_are_refused():
    adam, sgd = explained(RULES["adam"], steps=1), explained(RULES["sgd"], steps=1)
    with pytest.raises(ShapeError, match="one parameter by one optimizer"):
        Anatomy([*adam, *sgd])


@pytest.mark.parametrize("shape", [(), (1,), (3,), (40, 50)], ids=str)  # of no elements there is no update to explain
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64], ids=lambda d: d.__name__)
def test_every_size_and_dtype_has_an_anatomy(shape, dtype):
    rng = np.random.default_rng(0)
    opt = tl.optim.Adam({"w": rng.normal(size=shape).astype(dtype)}, weight_decay=0.1, eps=1e-3)
    opt.step({"w": rng.normal(size=shape).astype(dtype)})
    a = Anatomy([opt.explain("w")])
    columns = a.columns()
    assert len(columns) == min(int(np.prod(shape)), 4 if np.prod(shape) > 8 else 8)
    payload = anatomy_payload(a, columns, a.sent(columns))
    json.dumps(payload, allow_nan=False)
    assert bool(payload["steps"][0]["whole"]) == (np.prod(shape) > 8)
    ElementTree.fromstring(anatomy_svg(a, 0, columns, payload["on"]))
    assert a.exact(0) and anatomy_text(a, 0, columns)


def test_of_a_large_parameter_a_sample_and_the_whole_travel():
    rng = np.random.default_rng(0)
    opt = tl.optim.Adam({"w": rng.normal(size=(200, 300))})
    opt.step({"w": rng.normal(size=(200, 300))})
    a = Anatomy([opt.explain("w")])
    columns = a.columns([(0, 7), 59_999])
    payload = anatomy_payload(a, columns, a.sent(columns))
    assert columns == [7, 59_999] and set(columns) <= set(payload["sent"]) and len(payload["sent"]) <= 64
    whole = payload["steps"][0]["whole"][-1]
    assert sum(whole["counts"]) == 60_000
    assert whole["norm"] == pytest.approx(np.linalg.norm(a.steps[0].delta))
    assert len(json.dumps(payload)) < 40_000


def test_numbers_that_are_not_finite_are_shown():
    opt = tl.optim.Adam({"w": np.array([1.0, 2.0])}, nonfinite="ieee")
    opt.step({"w": np.array([np.inf, 1.0])})
    a = Anatomy([opt.explain("w")])
    payload = anatomy_payload(a, [0, 1], [0, 1])
    assert payload["steps"][0]["values"][payload["rows"][0]["v"]] == ["Infinity", 1.0]
    assert "∞" in anatomy_text(a, 0, [0, 1])
    ElementTree.fromstring(anatomy_svg(a, 0, [0, 1], payload["ghosts"]))


def test_the_story_names_what_is_remarkable():
    said = anatomy("adam").story(2)
    assert re.match(r"Gradients differ by a factor of \d+.*, steps by .* Without bias correction a\[", said)
    opt = tl.optim.SGD({"w": 1.0})
    opt.step({"w": 0.5})
    assert Anatomy([opt.explain("w")]).story(0) == "SGD at t = 1."


@pytest.mark.parametrize("bad", [-1, 12, (0,), (4, 0), (0, 0, 0), "x", 1.0, True, None])
def test_an_index_outside_is_refused(bad):
    with pytest.raises(HyperparameterError, match="no index"):
        flat_index((4, 3), bad)


@pytest.mark.parametrize("name", PAYLOADS, ids=[ascii(p)[:30] for p in PAYLOADS])
def test_a_name_adds_nothing_to_the_picture(name):
    def picture(name):
        opt = tl.optim.Adam({name: np.array([1.0, 2.0])})
        opt.step({name: np.array([0.5, -1.0])})
        return [e.tag for e in ElementTree.fromstring(anatomy_svg(Anatomy([opt.explain(0)]), 0, [0, 1])).iter()]

    assert sorted(picture(name)) == sorted(picture("w"))


# -- ghosts ----------------------------------------------------------------------------------------
def test_ghosts_of_adamw_are_what_other_rules_would_do():
    e = explained(RULES["adamw"], weight_decay=0.1)[2]
    found = {g.label: g.delta for g in ghosts(e)}
    assert list(found) == ["no bias correction", L2, "no momentum", "no decay", FASTER, PLAIN]
    m, v = e.terms["m"], e.terms["v"]
    uncorrected = -e.hypers.lr * (m / (np.sqrt(v) + e.hypers.eps)) - e.hypers.lr * 0.1 * e.before
    assert np.allclose(found["no bias correction"], uncorrected, rtol=1e-12)
    assert np.array_equal(found["no decay"], e.without(weight_decay=0.0))
    assert np.array_equal(found["no momentum"], e.without(beta1=0.0))
    assert np.array_equal(found[PLAIN], -e.hypers.lr * e.grad)
    coupled = RULES["adam"].terms(e.grad, e.before, e.slots, e.hypers, e.step)["delta"]
    assert np.array_equal(found[L2], coupled)


def test_ghosts_say_the_opposite_where_decay_is_coupled():
    assert APART in {g.label for g in ghosts(explained(RULES["adam"], weight_decay=0.1)[1])}
    for apart, label in ((True, L2), (False, APART)):
        e = explained(RULES["nadam"], weight_decay=0.1, decoupled_weight_decay=apart)[1]
        assert label in {g.label for g in ghosts(e)}


def test_rules_that_use_the_count_otherwise_have_no_step_without_correction():
    for name in ("nadam", "radam", "diffgrad"):
        labels = {g.label for g in ghosts(explained(RULES[name])[1])}
        assert ("no bias correction" in labels) == (name == "diffgrad")


def test_switches_and_ghosts_of_ones_own():
    e = explained(RULES["sgd"], momentum=0.9, nesterov=True)[2]
    found = {g.label: g.delta for g in ghosts(e, given={"<b>half": {"lr": e.hypers.lr / 2}, "none": {"lr": "x"}})}
    assert np.array_equal(found["no Nesterov"], e.without(nesterov=False))
    assert np.array_equal(found["no momentum"], -e.hypers.lr * e.grad)
    assert np.allclose(found["<b>half"], e.delta / 2) and "none" not in found


def test_the_obvious_ghosts_are_not_shown_unasked():
    assert telling([FASTER, PLAIN, "a", "b", "c"]) == ["a", "b"]
    assert telling([FASTER, PLAIN]) == [FASTER]
    assert telling([]) == []


# -- units and words ---------------------------------------------------------------------------------
def test_units_are_found_by_experiment():
    found = units(RULES["sgd"], SimpleNamespace(**RULES["sgd"].resolve({"momentum": 0.9})), (5,))
    assert {k: tuple(v) for k, v in found.items()} == {
        "g": (1, 0, 0), "buf": (1, 0, 0), "d": (1, 0, 0), "delta": (1, 1, 0),
    }  # fmt: skip


def test_a_rule_that_cannot_be_tried_has_no_units_but_an_anatomy():
    try:
        @update_rule(name="touchy_rule", hypers=RULES["sgd"].hypers)
        def touchy(xp, g, p, s, h, t):
            """Looks at its shape."""
            if abs(float(np.max(g))) > 0.5:
                raise ValueError("no")
            return {"odd": g * p, "delta": -h.lr * g * p}

        opt = tl.optim.TouchyRule({"w": np.array([1.0, 2.0])})
        opt.step({"w": np.array([0.1, 0.2])})
        a = Anatomy([opt.explain("w")])
        assert units(touchy, opt.explain("w").hypers, (2,)) == {}
        assert keys(a) == ["raw", "odd", "delta"]
        assert a.rows[1].words.title == "odd"
    finally:
        RULES.pop("touchy_rule", None)


@pytest.mark.parametrize(
    ("left", "right", "title"),
    [
        ("m", r"\beta_1 m + (1 - \beta_1)\,g", "first moment"), ("v", r"\rho\,v + (1 - \rho)\,g^{2}", "second moment"),
        ("b", r"\mu\,b + u", "momentum"), ("G", "G + g^{2}", "sum so far"),
        ("g", r"g + \lambda\,\theta", "+ decay (L2)"), ("x", r"\frac{g}{\sqrt{v} + \epsilon}", "direction"),
        (r"\hat{m}", r"\frac{m}{1 - \beta_1^{t}}", "÷ bias correction"),
        ("v", r"\max(\beta_2 v, |g|)", "largest so far"), ("zz", r"\exp(g)", "key"),
    ],
)  # fmt: skip
def test_words_come_from_the_shape_of_the_formula(left, right, title):
    assert describe("key", left, right, {}).title == title


# -- formulas ----------------------------------------------------------------------------------------
WORTH = {"a": 2.0, "b": 5.0, "g": np.array([3.0, -4.0]), r"\beta_1": 0.5, r"\theta": np.array([1.0, 2.0]), "t": 3}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"a\,b - 1", 9), (r"-\frac{a}{b}\,g", [-1.2, 1.6]), (r"\beta_1^{t}", 0.125), (r"\sqrt[3]{a^{3}}", 2),
        (r"|g| + \Vert g \Vert", [8, 9]), (r"\Vert g \Vert_1^{2}", 49), (r"\langle g, \theta \rangle", -5),
        (r"\max(a, b, 3)", 5), (r"\min\left(a, |g|\right)", [2, 2]), (r"\mathrm{sign}(g)\,a", [2, -2]),
        (r"(g)_{+}", [3, 0]), (r"a / b / 2", 0.2), (r"e^{-a}", np.exp(-2)), (r"\mathrm{clip}(g, -1, 1)", [1, -1]),
        (r"2 \cdot 0.5", 1), (r"a^{-1/2}", 2**-0.5), (r"\mathrm{rms}(g)", np.sqrt(12.5)),
    ],
)  # fmt: skip
def test_formulas_are_worked_out(text, value):
    names = {s: i for i, s in enumerate(WORTH)}
    assert np.allclose(evaluate(tokens(text, names), list(WORTH.values()).__getitem__), value)


@pytest.mark.parametrize("text", ["", "a +", "(a", r"\frac{a}", "q", r"\odd{a}", "a)", r"a_{i}", r"X^{\top}", "a,b"])
def test_what_cannot_be_worked_out_is_said(text):
    with pytest.raises(Unreadable):
        evaluate(tokens(text, {"a": 0, "X": 0}), [2.0].__getitem__)


def test_formulas_are_taken_apart():
    assert split(r"G + g^{2}, \; G_0") == ("G + g^{2}", ["G_0"])
    assert split(r"\langle a, b \rangle") == (r"\langle a, b \rangle", [])
    assert summands(r"-\eta\,(a - b) + c^{-1}") == [r"-\eta\,(a - b)", "c^{-1}"]
    assert alternatives(r"-\eta\,(b \;\mathrm{or}\; g + \mu\,b)") == [r"-\eta\,b", r"-\eta\,(g + \mu\,b)"]
    assert fraction(r"-\frac{a}{2}\,\frac{m}{\sqrt{v}}") == ("m", r"\sqrt{v}")
    assert fraction("a b") is None
