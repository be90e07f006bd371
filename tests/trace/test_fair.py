"""FairTrace: what runs say about contenders, what a referee says about it, and files of it."""

from __future__ import annotations

import csv
import io
import json

import _fair
import numpy as np
import pytest
from _payloads import PAYLOADS
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from torchlean_nb.errors import TraceFormatError, UnknownNameError
from torchlean_nb.trace import FairTrace, judging, referee
from torchlean_nb.trace.contest import Contest, Entry

LOSSES = arrays.arrays(float, st.tuples(st.integers(1, 6), st.integers(1, 4)),
                       elements=st.one_of(st.floats(1e-6, 1e6), st.just(np.inf)))  # fmt: skip


def entry(name, losses, rates=None, **fields):
    """A contender that came to these losses, shape (rates, seeds)."""
    losses = np.asarray(losses, float)
    rates = 10.0 ** np.arange(len(losses)) if rates is None else rates
    ended = np.where(np.isfinite(losses), -1, 1)
    curves = np.stack([np.full_like(losses, 9.0), np.where(np.isfinite(losses), losses, np.nan)], axis=2)
    fields = {"evaluations": np.full(losses.shape, 10)} | fields
    return Entry(name, name, rates, curves, ended, **fields)


def contest(*entries, kind="network"):
    seeds = range(entries[0].curves.shape[1])
    return Contest("p", kind, "epochs", [0, 1], tuple(seeds), 2.0, entries)


def kinds(*entries):
    return [f.kind for f in referee.flags(contest(*entries))]


# -- judging -----------------------------------------------------------------------------------------
@given(LOSSES)
def test_the_best_rate_has_the_lowest_median(losses):
    i, middle = judging.best_rate(losses), np.median(losses, axis=1)
    if i < 0:
        assert not np.isfinite(middle).any()
    else:
        assert middle[i] == middle.min() and (judging.per_seed(losses, "best") == losses[i]).all()


@given(LOSSES)
def test_the_band_holds_half_of_the_rates_and_its_ends_are_among_them(losses):
    low, high = judging.band(losses)
    middle = np.median(losses, axis=1)
    assert low in middle and high in middle
    assert ((middle >= low) & (middle <= high)).sum() * 2 >= len(middle)


@given(st.lists(arrays.arrays(float, 3, elements=st.floats(0, 9)), min_size=1, max_size=6))
def test_places_say_who_is_ahead_in_every_seed_and_no_more(values):
    places = judging.ranks(values)
    assert min(places) == 1
    for a, p in zip(values, places, strict=True):
        for b, q in zip(values, places, strict=True):
            if p < q:
                assert np.median(a) <= np.median(b)
            if p == q and np.median(a) < np.median(b):
                leader = min((v for v, r in zip(values, places, strict=True) if r == p), key=np.median)
                assert not judging.ahead(leader, b)


@given(LOSSES, st.integers(0, 5))
def test_places_do_not_depend_on_the_order_in_which_contenders_are_named(losses, turn):
    values = [*losses]
    if len({float(np.median(v)) for v in values}) < len(values):
        return
    turned = np.roll(np.arange(len(values)), turn)
    places = judging.ranks(values)
    assert judging.ranks([values[i] for i in turned]) == [places[i] for i in turned]


def test_a_run_that_diverged_counts_as_infinitely_bad():
    e = entry("a", [[1.0, np.inf, np.inf], [2.0, 3.0, 4.0]])
    assert e.losses.tolist() == [[1.0, np.inf, np.inf], [2.0, 3.0, 4.0]]
    assert e.best_rate == 10.0 and e.edge == "high"
    gone = entry("b", [[np.inf] * 3])
    assert np.isnan(gone.best_rate) and gone.edge == "" and contest(gone).ranking() == {"b": 1}


def test_a_low_loss_on_the_way_counts_for_the_time_and_not_for_the_end():
    e = Entry("a", "a", [1.0], [[[9.0, 1.0, 5.0]]], [[-1]], [[2]])
    c = Contest("p", "surface", "steps", [0, 10, 20], [0], 2.0, [e])
    assert c.scores("a", "steps").tolist() == [[10.0]] and c.scores("a").tolist() == [[5.0]]
    assert c.scores("a", "area").tolist() == [[(5 + 3) / 2]]


def test_the_median_over_rates_rewards_who_needs_no_tuning():
    lucky, steady = entry("lucky", [[9.0], [1.0], [9.0]]), entry("steady", [[2.0], [1.5], [2.0]])
    c = contest(lucky, steady)
    assert c.ranking("best") == {"lucky": 1, "steady": 2} and c.ranking("median") == {"steady": 1, "lucky": 2}


# -- the referee ---------------------------------------------------------------------------------------
GOOD = [[3.0, 3.1], [1.0, 1.1], [2.0, 2.1]]
WORSE = [[4.0, 4.1], [2.0, 2.1], [3.0, 3.1]]
FOUND = {
    "nothing": ([], [entry("a", GOOD), entry("b", WORSE)]),
    "edge": (["edge"], [entry("a", GOOD), entry("b", [[4.0, 4.1], [3.0, 3.1], [2.0, 2.1]])]),
    "one rate": (["one rate"], [entry("a", GOOD), entry("b", [[2.0, 2.1]])]),
    "fewer rates": (["rates"], [entry("a", GOOD), entry("b", [*WORSE, [9.0, 9.0]])]),
    "one rate each": (["one rate"], [entry("a", [[1.0, 1.1]]), entry("b", [[2.0, 2.1]])]),
    "diverged": (["diverged"], [entry("a", GOOD), entry("b", [*WORSE[:2], [np.inf, 3.0]])]),
    "diverged everywhere": (["diverged"], [entry("a", GOOD), entry("b", [[np.inf, np.inf]] * 3)]),
    "evaluations": (["evaluations"], [entry("a", GOOD), entry("b", WORSE, evaluations=np.full((3, 2), 25))]),
    "starts": (["starts"], [entry("a", GOOD, starts=("x", "y")), entry("b", WORSE, starts=("x", "z"))]),
    "orders": (["orders"], [entry("a", GOOD, orders=("x", "y")), entry("b", WORSE, orders=("x", "z"))]),
    "seeds": (["seeds disagree"], [entry("a", GOOD), entry("b", [[4.0, 4.1], [1.05, 1.06], [3.0, 3.1]])]),
    "one seed": (["one seed"], [entry("a", [[3.0], [1.0], [2.0]])]),
}
UNFAIR = {"one rate", "rates", "evaluations", "starts", "orders"}


@pytest.mark.parametrize("case", FOUND)
def test_the_referee_says_exactly_what_is_wrong(case):
    wanted, entries = FOUND[case]
    assert kinds(*entries) == wanted
    found = FairTrace([contest(*entries)])
    assert found.fair == (not UNFAIR & {*wanted})
    assert all(f.unfair == (f.kind in UNFAIR) and str(f).startswith("p: ") for f in found.flags)


def test_an_edge_is_named_with_the_rate_that_comes_next():
    high, low = entry("a", [[3.0], [1.0]], [0.1, 0.3]), entry("b", [[1.0], [3.0]], [0.1, 0.3])
    texts = [f.text for f in referee.flags(contest(high, low)) if f.kind == "edge"]
    assert "highest" in texts[0] and texts[0].endswith("go on to 0.9")
    assert "lowest" in texts[1] and texts[1].endswith("go on to 0.0333")


def test_a_rule_without_a_rate_is_not_blamed_for_having_one():
    free = Entry("free", "free", [np.nan], [[[9.0, 1.5], [9.0, 1.6]]], [[-1, -1]], [[10, 10]])
    assert kinds(entry("a", GOOD), free) == []
    assert FairTrace.from_json(FairTrace([contest(entry("a", GOOD), free)]).to_json())["p"]["free"] == free


def test_what_was_equal_is_said_with_its_evidence():
    same = dict(referee.equal(_fair.network()))
    assert same["first parameters"] == " ".join(_fair.STARTS) and same["rates"] == "5 each"
    assert same["ratio"] == "3.16 between rates" and same["budget"] == "5 epochs a run"
    fixed = dict(referee.equal(_fair.network(fixed=True)))
    assert "rates" not in fixed and fixed["seeds"] == "0, 1, 2"


# -- data ------------------------------------------------------------------------------------------------
def test_json_gives_the_same_comparison_to_the_last_bit(tmp_path):
    trace = _fair.both(fixed=True)
    again = FairTrace.from_json(trace.to_json())
    assert again == trace and again.to_json() == trace.to_json()
    trace.write(tmp_path / "fair.json")
    assert FairTrace.read(tmp_path / "fair.json") == trace != _fair.both()


def test_nothing_in_it_can_be_written():
    e = _fair.both()["digits_mlp"]["adam"]
    with pytest.raises(ValueError, match="read-only"):
        e.curves[0] = 0.0
    with pytest.raises(AttributeError):
        e.name = "x"


def cut(path, change):
    """The plain form with a place in it changed."""
    data = json.loads(_fair.both().to_json())
    *way, last = path
    at = data
    for key in way:
        at = at[key]
    at[last] = change
    return data


@pytest.mark.parametrize(("path", "change"), [
    (("format",), "torchlean_nb.run/1"), (("contests", 0, "entries"), [3]), (("contests", 0, "seeds"), [0]),
    (("contests", 0, "at"), [0, 0, 1, 2, 3, 4]), (("contests", 0, "entries", 0, "name"), "adam"),
    (("contests", 0, "entries", 0, "name"), 3), (("contests", 0, "entries", 0, "starts"), ["a"]),
    (("contests", 0, "entries", 0, "rates", "data"), [1, 2, 2, 3, 4]), (("contests", 0, "extra"), 1),
    (("contests", 0, "entries", 0, "ended", "shape"), [3, 5]), (("contests", 0, "problem"), "digits_mlp"),
])  # fmt: skip
def test_what_is_no_comparison_is_refused(path, change):
    with pytest.raises(TraceFormatError):
        FairTrace.from_dict(cut(path, change))


def test_names_that_are_not_there_come_with_those_that_are():
    trace = _fair.both()
    for ask in (lambda: trace["digits"], lambda: trace["digits_mlp"]["adem"],
                lambda: trace["digits_mlp"].scores("adam", "bset")):  # fmt: skip
        with pytest.raises(UnknownNameError, match="did you mean"):
            ask()


def test_the_csv_has_a_line_for_every_run():
    trace = _fair.both()
    lines = [*csv.DictReader(io.StringIO(trace.to_csv()))]
    assert len(lines) == 2 * 3 * 5 * 3
    for line, row in zip(lines, trace.rows(), strict=True):
        assert (line["problem"], float(line["rate"]), float(line["loss"])) == (row["problem"], row["rate"], row["loss"])
    assert {line["loss"] for line in lines if line["ended"] != "-1"} == {"inf"}


@settings(max_examples=30)
@given(st.sampled_from(PAYLOADS))
def test_a_name_is_one_cell_and_no_formula(name):
    if "\ud800" in name:
        return
    cells = [*csv.reader(io.StringIO(_fair.both(first=name).to_csv()))]
    assert len({len(row) for row in cells}) == 1 and cells[1][1].lstrip("'") == name.lstrip("'")
    assert cells[1][1][:1] not in tuple("=+-@\t\r")
