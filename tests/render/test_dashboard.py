"""What a dashboard is sent, its sentence, and its twins without a front end."""

from __future__ import annotations

import json
import math
import re
import time
from xml.etree import ElementTree

import _dashboards
import numpy as np
import pytest
from _payloads import PAYLOADS
from hypothesis import given as for_all
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from torchlean_nb.errors import HyperparameterError, HyperparameterTypeError
from torchlean_nb.escape import visible
from torchlean_nb.render.dashboard import RUNS, given, html, payload
from torchlean_nb.render.dashboard_data import HISTOGRAMS, LAYERS, POINTS, entry, layered, means, number, points
from torchlean_nb.render.dashboard_figure import figure
from torchlean_nb.render.dashboard_panels import Bars, Chart, Look, charts, decades, smoothed, span
from torchlean_nb.render.dashboard_svg import svg
from torchlean_nb.render.dashboard_words import Curve, curve_of, sentence, short, telling, text
from torchlean_nb.trace.run import Histogram, RunTrace, Series

HOSTILE = pytest.mark.parametrize("name", PAYLOADS, ids=[ascii(p)[:30] for p in PAYLOADS])
FLOATS = st.floats(allow_nan=True, allow_infinity=True)


def two():
    return payload(given([_dashboards.run(), _dashboards.run("sgd", 120, 3.0)]))


def long(n=10**6):
    k = np.arange(n)
    noise = np.random.default_rng(0).random(n)
    rows = [Series(f"grad_norm/{i}.weight", k[::10], noise[::10]) for i in range(6)]
    return RunTrace("long", [Series("loss", k, np.exp(-k / 2e5) + noise), Series("lr", k, 1 - k / n), *rows])


# -- what travels --------------------------------------------------------------------------------
@for_all(st.lists(st.tuples(st.integers(1, 10**9), FLOATS), max_size=40))
def test_a_series_comes_back_from_what_was_sent(pairs):
    ks = np.cumsum([gap for gap, _ in pairs], dtype=np.int64)
    vs = np.array([v for _, v in pairs])
    back = curve_of(json.loads(json.dumps(points(ks, vs), allow_nan=False)))
    assert back.k == ks.tolist()
    assert_allclose(back.v, vs, rtol=1e-5, atol=0)


def test_numbers_have_six_digits_and_no_form_that_json_lacks():
    assert [number(v) for v in (0.1234567, 3.0, -math.inf, 1e300)] == [0.123457, 3, "-Infinity", 1e300]
    assert json.dumps([number(v) for v in (math.nan, math.inf)], allow_nan=False) == '["NaN", "Infinity"]'


def test_long_series_are_sampled_and_bounded_and_bring_their_means():
    sent, left = entry(long(50_000), "long", 6)
    loss = sent["series"]["loss"]
    assert len(loss["v"]) <= POINTS and left == []
    assert len(loss["m"]["v"]) == 400
    assert all(len(row["grad_norm"]["v"]) <= 250 for row in sent["params"])


def test_means_are_those_of_equal_stretches_of_what_is_finite():
    s = Series("a", np.arange(8), [1.0, 3.0, np.nan, 5.0, np.nan, np.inf, 2.0, 4.0])
    got = curve_of(means(s, 4))
    assert got.k == [0, 2, 4, 6]
    assert_allclose(got.v, [2.0, 5.0, np.nan, 3.0])


def test_many_parameters_become_layers_whose_norms_add_in_squares():
    steps = [0, 1]

    def each(a, b):
        return {f"{i}.{w}": Series("s", steps, {"a": a, "b": b}[w]) for i in range(6) for w in "ab"}

    table = {"grad_norm": each([3.0, 0.0], [4.0, 1.0]), "weight_norm": each([6.0, 6.0], [8.0, 8.0]),
             "update_ratio": each([0.1, 0.1], [0.1, 0.1])}  # fmt: skip
    out = layered(table)
    assert list(out["grad_norm"]) == [str(i) for i in range(6)]
    assert_allclose(out["grad_norm"]["0"].values, [5.0, 1.0])
    assert_allclose(out["weight_norm"]["0"].values, [10.0, 10.0])
    assert_allclose(out["update_ratio"]["0"].values, [0.1, 0.1])


def test_parameters_that_were_not_recorded_together_stay_single():
    table = {"grad_norm": {f"{i}.w{j}": Series("g", [j, 5], [1.0, 2.0]) for i in range(6) for j in (0, 1)}}
    assert layered(table) is table


def test_layers_and_histograms_are_bounded_and_it_is_said():
    paths = [f"block{i}" for i in range(100)]
    run = _dashboards.run(layers=paths, units=())
    hists = [Histogram(s, p, "weight", [0.0, 1.0], [1]) for p in paths for s in range(100)]
    sent = payload({"a": RunTrace("a", run.series, hists)})
    assert len(sent["runs"][0]["params"]) == LAYERS
    assert [sent["runs"][0]["params"][i]["path"] for i in (0, -1)] == ["block0", "block99"]
    assert sum(len(h["at"]) for h in sent["runs"][0]["hist"]["weight"]) <= HISTOGRAMS
    assert sent["note"] == "Shown: 32 of 100 layers, some of the histograms."


def test_a_page_of_a_long_run_is_small_and_soon_made():
    run = long()
    started = time.process_time()
    page = html(run)
    picture = svg(run)
    assert len(page) < 1_000_000 and len(picture) < 200_000
    # Half a second is the budget on an idle machine; a loop over all points would take ten times as long as this.
    assert time.process_time() - started < 5


def test_the_same_runs_give_the_same_bytes():
    a, b = (RunTrace.from_json(_dashboards.run().to_json()) for _ in range(2))
    for make in (html, svg):
        assert make(a, at=40) == make(b, at=40)
        assert make([a, _dashboards.diverged()]) == make([b, _dashboards.diverged()])


def test_what_is_given_is_runs_by_name():
    class Result:
        run = RunTrace("run", (), meta={"optimizer": "Adam"})

    a = RunTrace("a")
    assert given({"x": a}) == {"x": a} and list(given([a, a, Result()])) == ["a", "a (2)", "Adam"]
    with pytest.raises(HyperparameterTypeError, match="int is not a run"):
        given([a, 3])
    with pytest.raises(HyperparameterError, match=f"at most {RUNS}"):
        given([a] * (RUNS + 1))


# -- words ---------------------------------------------------------------------------------------
SHORT = {
    (1.0, 3): "1", (0.00012345, 3): "0.000123", (0.000099, 3): "9.9e−5", (12345.0, 3): "12300", (1e6, 3): "1e6",
    (999_999.9, 4): "1000000", (-2.5, 1): "−3", (1e-300, 2): "1e−300", (0.0, 2): "0", (math.nan, 2): "NaN",
}  # fmt: skip


@pytest.mark.parametrize(("given_", "said"), SHORT.items(), ids=str)
def test_numbers_are_short(given_, said):
    assert short(*given_) == said


def test_the_sentence_names_the_extremes():
    sent = two()
    assert sentence(sent["runs"][0], 60, "accuracy", True) == (
        "Step 60, epoch 3, run adam: loss 0.3103 (held out 0.4128), accuracy 0.7992 (held out 0.8047), "
        "learning rate 0.07; the gradient is largest in 0.weight (1.3) and smallest in 2.weight (0.013); "
        "0.weight moves most, by 0.003 of its size; 15\u00a0% of the units of layer 1 are dead."
    )
    assert sentence(sent["runs"][0], 50).endswith("; gradient of 2.weight is NaN, step skipped.")
    assert sentence(sent["runs"][1], 150) == "Step 150: run sgd ended at step 119, with loss 0.2863 (held out 0.4556)."


def test_the_epoch_changes_after_its_last_step():
    run = two()["runs"][0]
    assert [sentence(run, k).split(",")[1].split(":")[0] for k in (0, 24, 25, 49, 50)] == [
        " epoch 1", " epoch 1", " epoch 2", " epoch 2", " epoch 3"]  # fmt: skip


def test_steps_far_from_the_usual_size_are_pointed_out():
    for ratio, said in ((0.5, "much for one step"), (1e-6, "little for one step")):
        run = payload({"a": RunTrace("a", [Series("update_ratio/w", [0], [ratio])])})["runs"][0]
        assert said in sentence(run, 0)


def test_the_text_is_a_table_of_curves_and_one_of_layers():
    sent = two()
    lines = text(sent, Look(sent, {"at": 60})).splitlines()
    assert lines[:2] == ["adam: 200 steps, finished, adam · batch 32 · float64",
                         "sgd: 120 steps, finished, sgd · batch 32 · float64"]  # fmt: skip
    assert lines[2].startswith("Step 60, epoch 3, run adam: loss 0.3103")
    assert lines[3].split("  ")[0] == "step" and "sgd val_accuracy" in lines[3]
    row = next(line for line in lines if line.startswith("60 "))
    assert row.split()[1] == "0.31027"
    assert any(re.match(r"0\.weight +1\.3 +0\.003 +2$", line) for line in lines)
    assert "step 50: gradient of 2.weight is NaN, step skipped" in lines


def test_rows_are_those_that_tell_something():
    at = telling(list(range(1000)), [[333, "x", ""]], 12)
    assert {0, 999, 333, 12} <= set(at) and len(at) <= 24
    assert telling([], [], None) == []


# -- pictures ------------------------------------------------------------------------------------
def test_the_charts_are_those_for_which_there_is_something():
    def titles(run, **state):
        return [c.title for c in charts(Look(payload(given(run)), state))]

    assert titles(_dashboards.run(), at=60) == [
        "loss", "accuracy", "gradient flow at step 60", "update ÷ weight", "learning rate"]  # fmt: skip
    assert titles(_dashboards.run(layers=()), metric="grad_norm") == ["loss", "grad_norm", "learning rate"]
    assert titles(_dashboards.diverged()) == ["loss"]
    assert titles(RunTrace("none")) == []


def test_a_picture_draws_what_is_shown():
    sent = [_dashboards.run(), _dashboards.diverged()]
    both, alone = svg(sent), svg(sent, off=["sgd, lr 3"])
    for picture in (both, alone):
        ElementTree.fromstring(picture)
    assert both.count('class="ln r1') > alone.count('class="ln r1') == 0
    assert "sgd, lr 3 (diverged)" in both
    assert "Nothing was recorded" in svg(RunTrace("none"))


def test_bars_are_as_long_as_the_norms_on_a_log_axis():
    bars = next(c for c in charts(Look(two(), {"at": 0})) if isinstance(c, Bars))
    assert [(n, v) for n, v, _ in bars.rows] == [("0.weight", 1.0), ("0.bias", 0.1), ("2.weight", 0.01)]
    assert bars.low <= 0.01 and bars.high >= 1 and all(others == [(1, v)] for _, v, others in bars.rows)


def test_a_run_that_ran_away_does_not_set_the_axis():
    chart = charts(Look(payload(given([_dashboards.run(), _dashboards.diverged()])), {"log": True}))[0]
    assert isinstance(chart, Chart) and chart.high < 100 and chart.low < 0.1


@for_all(st.lists(FLOATS, min_size=1, max_size=30), st.floats(0, 0.98), st.integers(1, 10**6))
def test_smoothing_stays_between_the_extremes_and_keeps_the_gaps(vs, amount, width):
    out = smoothed(Curve(list(range(len(vs))), vs), amount, width).v
    good = [v for v in vs if math.isfinite(v)]
    assert [math.isfinite(v) or abs(max(good, key=abs, default=0)) > 1e300 for v in out] == [
        math.isfinite(v) or abs(max(good, key=abs, default=0)) > 1e300 for v in vs] or amount == 0  # fmt: skip
    for v in out:
        if math.isfinite(v) and amount > 0 and max(map(abs, good)) < 1e300:
            slack = 1e-9 * max(map(abs, good)) + 5e-324
            assert min(good) - slack <= v <= max(good) + slack


@for_all(st.lists(st.lists(FLOATS, max_size=8), max_size=4), st.booleans())
def test_an_axis_always_has_an_extent(lists, log):
    low, high = span(lists, log)
    assert low < high or math.isinf(high - low)
    a, b = decades(lists, 0.0, 0.0)
    assert 0 < a < b or b == math.inf


def test_a_figure_has_an_axis_per_chart():
    fig = figure([_dashboards.run(), _dashboards.diverged()], title="$x$ runs", at=50)
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["loss", "accuracy", "learning rate"] or len(fig.axes) == 5
    assert fig.axes[0].get_yscale() == "log"
    assert figure(RunTrace("none")).axes == []


# -- hostile names -------------------------------------------------------------------------------
def shapes(markup):
    root = ElementTree.fromstring(markup)
    return {(e.tag, tuple(sorted(e.keys()))) for e in root.iter()}


@HOSTILE
def test_names_add_no_element_to_a_picture(name):
    plain = shapes(svg(_dashboards.named("n"))) | shapes(svg(_dashboards.named("n" * 70)))
    markup = svg(_dashboards.named(name), title=name)
    assert shapes(markup) <= plain
    assert len(markup) < 40_000


@HOSTILE
def test_names_add_no_tag_to_a_page(name):
    page = html(_dashboards.named(name), title=name)
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1]
    assert "<" not in data and len(data) < 20_000
    assert page.replace(data, "").count("<script") == html(_dashboards.named("n")).count("<script")


@HOSTILE
def test_names_are_one_line_of_text_and_never_typeset(name):
    sent = payload(given(_dashboards.named(name)))
    said = text(sent, Look(sent, {}))
    assert all(line.isprintable() or "\u200d" in line or "\xa0" in line for line in said.split("\n"))
    assert len(said) < 4_000


@pytest.mark.parametrize("name", [p for p in PAYLOADS if "$" in p or "\\" in p], ids=ascii)
def test_names_are_not_typeset_in_a_figure(name):
    fig = figure([_dashboards.named(name), _dashboards.named(name)], title=name)
    fig.canvas.draw()
    assert visible(name, 40) in [t.get_text() for t in fig.legends[0].texts]
