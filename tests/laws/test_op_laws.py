"""Every law on every sample of every row: a new row is tested by being registered."""

from __future__ import annotations

import pytest

import torchlean_nb as tl
from torchlean_nb.laws import LAWS

CASES = [
    pytest.param(law, op, sample, id=f"{op.name}-{i}-{law.name}")
    for op in tl.ops.values() if op.builtin
    for i, sample in enumerate(op.samples)
    for law in LAWS.values() if law.applies(op, sample)
]


@pytest.mark.parametrize(("law", "op", "sample"), CASES)
def test_law(law, op, sample):
    law(op, sample)


@pytest.mark.parametrize("op", [op for op in tl.ops.values() if op.builtin], ids=lambda op: op.name)
def test_every_row_has_samples(op):
    assert op.samples, "a row without samples is a row without laws"


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.name)
def test_every_law_is_a_sentence_and_applies_to_some_row(law):
    assert law.sentence.endswith(".")
    assert any(law.applies(op, s) for op in tl.ops.values() for s in op.samples)


def test_every_argument_that_has_a_rule_moves_in_some_sample():
    from torchlean_nb.laws.point import Point

    still = []
    for op in tl.ops.values():
        if not op.builtin or op.kind == "constant":
            continue
        moved = {k for sample in op.samples for k in Point(op, sample).moving}
        ruled = {k for k in range(len(op.args)) if op.rule(k) is not None}
        still += [f"{op.name} argument {k}" for k in ruled - moved]
    assert still == []
