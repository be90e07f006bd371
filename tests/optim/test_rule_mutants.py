"""A sample of planted errors in update rules and schedules; ``python -m tests.mutation optim`` plants the rest."""

from __future__ import annotations

import signal
import warnings
from functools import partial
from itertools import islice

import pytest

from tests.mutation import killers, shapes
from tests.mutation.equivalent_rules import REASONS
from tests.mutation.facts import nearest, refusals
from tests.mutation.run import PACKAGE, Outcome, of_rows
from tests.mutation.surgery import Source

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the mutation run needs signals")


@pytest.mark.parametrize("name", killers.subjects())
def test_a_rule_is_what_other_libraries_do_and_what_the_papers_say(name):
    assert killers.complaint(name, killers.subjects()[name]) is None


def test_every_rule_is_compared_with_something():
    known = killers.recorded().keys() | killers.PAPERS.keys() | killers.composed().keys()
    assert set(killers.subjects()) - known == set()


@pytest.mark.parametrize("name", shapes.rows())
def test_a_schedule_is_its_textbook_formula(name):
    assert shapes.complaint(shapes.rows()[name]) is None


def test_every_schedule_is_compared_with_something():
    assert set(shapes.rows()) - shapes.recorded().keys() - shapes.of_parts().keys() == set()


def test_projections_and_refusals_are_as_they_should_be():
    assert nearest() is None and refusals() is None


SOME = {n: partial(killers.complaint, n, r) for n, r in killers.subjects().items() if "gradient" in r.update.__module__}
SHAPES = {n: partial(shapes.complaint, r) for n, r in shapes.rows().items()}


@pytest.mark.parametrize(
    ("folder", "files", "checks", "every"), [("optim", ["gradient"], SOME, 8), ("schedules", ["waves"], SHAPES, 4)]
)
def test_a_sample_of_wrong_rules_is_found(folder, files, checks, every):
    outcome = Outcome()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for source, mutant, check in islice(of_rows(folder, files, checks), 0, None, every):
            with source.alive(mutant):
                outcome.add(mutant, check())
    assert outcome.total >= 15 and [str(m) for m in outcome.unexplained] == []


def test_every_excuse_is_for_a_mutant_that_exists():
    files, keys = {key.partition("::")[0] for key in REASONS}, set()
    for path in (p for folder in ("optim", "schedules") for p in (PACKAGE / folder).glob("*.py") if p.name in files):
        keys |= Source(path).keys()
    assert set(REASONS) - keys == set(), "these no longer exist: take them out of tests/mutation/equivalent_rules.py"
