"""The project's own reader of formulas agrees with a real one: what it lets pass, mathtext draws."""

from __future__ import annotations

import pytest
from _formulas import draw
from latex2mathml.converter import convert

import torchlean_nb as tl
from torchlean_nb import tex
from torchlean_nb.laws.formula import COMMANDS

BUILT_IN = [op for op in tl.ops.values() if op.builtin]
SPECIAL = {"left": r"\left( x \right)", "right": r"\left[ x \right]"}


def formulas(op):
    """Formulas of a row as they are shown for each of its samples."""
    for sample in op.samples:
        present = [True] * len(sample.args or op.args)
        for template in filter(None, (op.latex, *op.dlatex)):
            filled = tex.operands(template, present)
            yield tex.fill(filled, {s: "x" for s in tex.slots(filled)})


@pytest.mark.parametrize("op", BUILT_IN, ids=lambda op: op.name)
def test_formulas_of_a_row_can_be_drawn(op):
    for formula in {*formulas(op)}:
        draw(formula)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_the_reader_knows_can_be_drawn(command):
    example = f"\\{command}" + "{x}" * COMMANDS[command] + " x"
    draw(SPECIAL.get(command, example))


@pytest.mark.parametrize("op", BUILT_IN, ids=lambda op: op.name)
def test_formulas_convert_to_mathml(op):
    for formula in {*formulas(op)}:
        assert convert(formula).startswith("<math")
