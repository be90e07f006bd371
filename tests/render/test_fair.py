"""A fair comparison in words, as pictures and as a figure."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import _fair
import numpy as np
import pytest
from _payloads import PAYLOADS

from torchlean_nb.errors import UnknownNameError
from torchlean_nb.render.fair_panel import Scale, sensitivity, slope
from torchlean_nb.render.fair_payload import fair_payload
from torchlean_nb.trace import FairTrace, judging
from torchlean_nb.trace.contest import Contest, Entry

SPACE = "{http://www.w3.org/2000/svg}"
METRICS = pytest.mark.parametrize("metric", judging.METRICS)


def svg(trace, **options):
    return ET.fromstring(trace.to_svg(**options))


def edges(c):
    return [e.edge for e in c.entries]


def small(name):
    """A contender of this name on two problems."""
    e = Entry(name, "sgd", [0.1, 1.0], [[[4.0, 2.0]], [[4.0, 1.0]]], [[-1], [-1]], [[9], [9]])
    return FairTrace([Contest(p, "surface", "steps", [0, 9], [0], 2.0, [e]) for p in ("p", f"q {name}")])


def classes(root, name):
    return [e for e in root.iter() if name in (e.get("class") or "").split()]


def test_the_leaderboard_is_in_the_order_of_the_places():
    c = _fair.network()
    lines = FairTrace([c]).to_text().splitlines()
    places = [line.split()[:2] for line in lines[2:5]]
    assert [name for _, name in places] == [*c.ranking()] and [p.rstrip("=") for p, _ in places] == ["1", "1", "3"]
    assert places[0][0] == places[1][0] == "1=" and "1 (high edge)" in lines[2 + [*c.ranking()].index("sgd")]
    assert any(line.startswith("equal: budget 5 epochs a run") for line in lines)


@METRICS
def test_every_metric_has_its_words_and_its_picture(metric):
    trace = _fair.both()
    words = {"best": "last loss", "median": "last loss", "steps": "epochs to 0.3", "area": "mean loss on the way"}
    assert words[metric] in trace.to_text(metric) and words[metric] in trace.to_svg(metric=metric)
    ET.fromstring(trace.to_svg(metric=metric))


def test_who_changes_places_is_said():
    assert "sgd" in _fair.both().to_text().splitlines()[-1]
    assert "sgd and momentum change places from rosenbrock to digits_mlp" in _fair.both().to_text() or \
        "momentum and sgd" in _fair.both().to_text().splitlines()[-1]  # fmt: skip
    assert "change places" not in FairTrace([_fair.network("a"), _fair.network("b")]).to_text()


def test_a_panel_has_a_mark_for_every_rate_a_cross_where_it_diverged_and_a_ring_on_an_edge():
    root = svg(FairTrace([_fair.network()]))
    finite = sum(int(np.isfinite(np.median(e.losses, axis=1)).sum()) for e in _fair.network().entries)
    assert len(classes(root, "cm")) == finite + 3  # and one for each name
    assert len(classes(root, "cx")) == 15 - finite == 1
    assert len([e for e in classes(root, "ce") if e.tag == SPACE + "circle"]) == 1
    assert len([e for e in root.iter(SPACE + "g") if e.get("data-c")]) == 3


def test_lower_losses_are_drawn_lower_and_larger_rates_further_right():
    c = _fair.network()
    root = ET.fromstring(f"<svg xmlns='{SPACE[1:-1]}'>{sensitivity(c)}</svg>")
    group = next(g for g in root.iter(SPACE + "g") if g.get("data-c") == "0")
    spots = [[float(v) for v in m.get("transform")[10:].split(")")[0].split()] for m in classes(group, "cm")]
    middle = np.median(c["sgd"].losses, axis=1)
    assert np.argsort([y for _, y in spots]).tolist() == np.argsort(-middle).tolist()
    assert [x for x, _ in spots] == sorted(x for x, _ in spots)


@pytest.mark.parametrize(("low", "high", "log"), [
    (1e-3, 1.0, True), (0.05, 0.4, True), (1.0, 1.01, True), (1e-30, 1e9, True), (-3.0, 5.0, False), (0.0, 1e-9, False),
])  # fmt: skip
def test_a_scale_has_a_few_round_numbers_between_its_ends(low, high, log):
    scale = Scale(low, high, 10.0, 100.0, log)
    found = scale.ticks()
    assert len(found) <= 8 and all(low * 0.999 <= v <= high * 1.001 if log else low <= v <= high for v in found)
    assert [scale(low), scale(high), scale(high * 9)] == [10.0, 110.0, 110.0]
    assert all(len(f"{v:.6g}".lstrip("-0.").rstrip("0").split("e")[0]) <= 3 for v in found)


ODD = {
    "nothing": FairTrace([]),
    "everybody diverged": FairTrace([Contest("p", "network", "epochs", [0, 1], [0], np.nan, [
        Entry("a", "a", [0.1, 1.0], np.full((2, 1, 2), np.nan), [[0], [0]], [[1], [1]])])]),
    "negative losses": FairTrace([Contest("p", "surface", "steps", [0, 1], [0, 1], -1.0, [
        Entry("a", "a", [0.1, 1.0], [[[1.0, -2.0]] * 2, [[1.0, -3.0]] * 2], [[-1, -1]] * 2, [[1, 1]] * 2)])]),
    "losses of zero": FairTrace([Contest("p", "surface", "steps", [0, 1], [0], 0.0, [
        Entry("a", "a", [0.1], [[[0.0, 0.0]]], [[-1]], [[1]])])]),
    "tiny losses": FairTrace([Contest("p", "surface", "steps", [0, 1], [0], 0.0, [
        Entry("a", "a", [0.1, 1.0, 2.0], [[[3.0, 0.0]], [[3.0, 1e-300]], [[3.0, 2.0]]], [[-1]] * 3, [[1]] * 3)])]),
    "no rate": FairTrace([Contest("p", "surface", "steps", [0, 1], [0], 1.0, [
        Entry("a", "a", [np.nan], [[[2.0, 1.0]]], [[-1]], [[1]])])]),
    "one record": FairTrace([Contest("p", "surface", "steps", [0], [0], 1.0, [
        Entry("a", "a", [0.1], [[[2.0]]], [[-1]], [[1]])])]),
    "nobody": FairTrace([Contest("p", "surface", "steps", [0], [0], 1.0, [])]),
    "twelve contenders": FairTrace([Contest("p", "network", "epochs", range(6), (0, 1, 2), 1.0, [
        _fair.entry(f"rule {i}", _fair.grid(0.01), 0.01, 0.1, seed=i) for i in range(12)])]),
    "not everybody on both": FairTrace([_fair.surface(), Contest("p", "network", "epochs", range(6), (0, 1, 2), 1.0, [
        _fair.entry("only here", _fair.grid(0.01), 0.01, 0.1)])]),
}  # fmt: skip


@METRICS
@pytest.mark.parametrize("case", ODD)
def test_whatever_came_of_it_can_be_said_and_drawn(case, metric):
    trace = ODD[case]
    ET.fromstring(trace.to_svg(metric=metric))
    assert "nan" not in trace.to_svg(metric=metric).lower() and isinstance(trace.to_text(metric), str)
    assert FairTrace.from_json(trace.to_json()) == trace and isinstance(trace.to_csv(), str)


@pytest.mark.parametrize("case", ODD)
def test_whatever_came_of_it_has_a_payload(case):
    p = fair_payload(ODD[case])
    assert all(len(p["panels"][m]) == len(p["problems"]) for m in p["panels"])
    assert all(len(row) == len(p["problems"]) for m in judging.METRICS for row in p["cells"][m])


def test_of_who_diverged_nothing_is_said_that_is_no_number():
    p = fair_payload(ODD["everybody diverged"])
    said = {m: (p["says"][m][0][0], p["cells"][m][0][0][2:]) for m in judging.METRICS}
    assert "nan" not in str(said).lower() and "∞ to ∞ over" not in str(said)
    assert said["best"] == ("p: a is at place 1; diverged at 2 of 2 rates.", ["diverged", "at each of 2 rates"])
    assert said["steps"][0] == "p: a is at place 1, and never got to a target; diverged at 2 of 2 rates."


def test_twenty_contenders_have_room_for_their_names_and_few_words_about_them():
    def order(seed):
        floors = np.random.default_rng(seed).permutation(20) + 1.0
        return [_fair.entry(f"rule {i}", _fair.grid(0.01, 3), 0.01, v) for i, v in enumerate(floors)]

    contests = [Contest(n, "network", "epochs", range(6), (0, 1, 2), 1.0, order(i)) for i, n in enumerate("pqr")]
    inside, tall = slope(contests)
    root = ET.fromstring(f"<svg>{inside}</svg>")
    left = sorted(float(e.get("y")) for e in root.iter("text") if e.get("class") == "e")
    assert len(left) == 20 and np.diff(left).min() >= 12 and left[-1] < tall
    picture = svg(FairTrace(contests))
    assert float(picture.get("viewBox").split()[3]) > 2 * 220 + tall + 20 * 17 - 220
    lines = [line for line in FairTrace(contests).to_text().splitlines() if "change places" in line]
    assert len(lines) == 2 and all("pairs more, change places" in line and len(line) < 200 for line in lines)


def test_the_figure_has_the_lines_of_every_panel():
    trace = _fair.both()
    fig = trace.plot(title="both")
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["rosenbrock", "digits_mlp"]
    for ax, c in zip(fig.axes, trace.contests, strict=True):
        for line, e in zip(ax.lines, c.entries, strict=True):
            assert np.array_equal(line.get_xdata(), e.rates)
            assert np.array_equal(np.isfinite(line.get_ydata()), np.isfinite(np.median(e.losses, axis=1)))
        crosses = sum(len(r.get_offsets()) for r in ax.collections if r.get_gid() == "diverged")
        assert crosses == sum(int(np.isinf(np.median(e.losses, axis=1)).sum()) for e in c.entries)
        assert len([r for r in ax.collections if r.get_sizes().tolist() == [170]]) == sum(map(bool, edges(c)))
    assert fig._suptitle.get_text() == "both"


@pytest.mark.parametrize("name", PAYLOADS[::2], ids=[ascii(p)[:30] for p in PAYLOADS[::2]])
def test_names_are_text(name):
    plain, hostile = (svg(small(n)) for n in ("a", name))
    tags = [[e.tag for e in root.iter() if not e.tag.endswith(("text", "title"))] for root in (plain, hostile)]
    assert tags[0] == tags[1]
    assert len(small(name).to_text().splitlines()) == len(small("a").to_text().splitlines())


def test_an_unknown_metric_is_refused():
    with pytest.raises(UnknownNameError):
        _fair.both().to_text("bset")
