"""Every op of the table, drawn, told and typeset from a real sweep."""

from xml.etree import ElementTree

import pytest
from _formulas import draw

import torchlean_nb as tl
from torchlean_nb.render import dot, latex, svg, text
from torchlean_nb.render.mathml import mathml
from torchlean_nb.rows import OPS


def swept(op):
    """Trace of the sum of what the op makes of its first sample."""
    s, sample = tl.Session(), op.samples[0]
    arrays = sample.draw(op)
    args = [s.param(a) if a.dtype.kind == "f" else s.input(a) if a.dtype.kind in "iu" else a for a in arrays]
    y = op(*args, **sample.attrs)
    y = y[0] if isinstance(y, tuple | list) else y
    return s.trace(y.sum() if y.ndim else y)


# What is constant sends nothing back.
MOVING = sorted(n for n, op in OPS.items() if op.builtin and op.samples and op.kind != "constant")


@pytest.mark.parametrize("name", MOVING)
def test_an_op_can_be_drawn_told_and_typeset(name):
    trace = swept(OPS[name])
    assert trace.edges
    for drawing in (svg.svg(trace), svg.scene(trace)):
        ElementTree.fromstring(drawing)
    said = text.narration(trace)
    assert len(said) == trace.steps + 1 and not any("\\" in s or "#" in s or "its part" in s for s in said), said
    assert len(dot.dot(trace).splitlines()) > len(trace) and text.text(trace)
    formulas = [latex.value_formula(trace, n.id) for n in trace] + [latex.value_numbers(trace, n.id) for n in trace]
    for i in range(len(trace.edges)):
        formulas += [latex.edge_formula(trace, i), latex.edge_numbers(trace, i)]
    for formula in set(filter(None, formulas)):
        draw(formula)
        assert formula not in "".join(ElementTree.fromstring(mathml(formula)).itertext()) or "\\" not in formula
