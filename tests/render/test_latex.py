"""Formulas, in symbols and with the numbers put in."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from _formulas import draw
from _traces import Hand, chain, fan_out, scalar, two_layers

from torchlean_nb.render.latex import edge_formula, edge_numbers, latex, seed_formula, value_formula, value_numbers
from torchlean_nb.render.mathml import mathml
from torchlean_nb.trace import GraphTrace


def test_values_in_symbols():
    trace = two_layers()
    assert value_formula(trace, 4) == r"h = \tanh a"
    assert value_formula(trace, 3) == r"a = x\,W_{1} + b_{1}"
    assert value_formula(trace, 1) == "W_{1}"


def test_values_in_numbers():
    trace = scalar()
    assert value_numbers(trace, 1) == r"y = 3 \cdot 3 = 9"
    assert value_numbers(trace, 0) == "x = 3"
    assert value_numbers(two_layers(), 4) == "", "arrays have no numbers to put in"
    assert value_numbers(two_layers(), 7) == r"\mathrm{ce} = 0.7353"


def test_contributions_in_symbols():
    trace = two_layers()
    said = [edge_formula(trace, i) for i in range(len(trace.edges))]
    assert said[5] == r"\frac{\partial L}{\partial W_{2}} += h^{\top}\,\frac{\partial L}{\partial z}"
    assert said[2].startswith(r"\frac{\partial L}{\partial W_{2}} = "), "the first to arrive is not added"
    assert seed_formula(trace) == r"\frac{\partial L}{\partial L} = 1"


def test_contributions_in_numbers():
    trace = scalar()
    assert [edge_numbers(trace, i) for i in range(4)] == ["= 1", "= 1", r"= 1 \cdot 3 = 3", r"= 1 \cdot 3 = 3"]
    assert edge_numbers(two_layers(), 4) == ""


def test_negative_numbers_and_powers_stand_in_parentheses():
    h = Hand()
    h.op("mul", h.leaf(-2.0, "a"), h.leaf(3e-9, "b"), name="y")
    trace = h.trace()
    assert value_numbers(trace, 2) == r"y = (-2) \cdot (3 \cdot 10^{-9}) = -6 \cdot 10^{-9}"


@pytest.mark.parametrize("make", [two_layers, scalar, fan_out, chain])
def test_every_formula_is_taken_by_mathtext_and_becomes_mathml(make):
    trace = make()
    formulas = [value_formula(trace, n.id) for n in trace] + [value_numbers(trace, n.id) for n in trace]
    for i in range(len(trace.edges)):
        formulas += [edge_formula(trace, i), edge_numbers(trace, i)]
    for formula in filter(None, formulas):
        draw(formula)
        root = ElementTree.fromstring(mathml(formula))
        assert not [e for e in root.iter() if e.tag.endswith("mtext")], formula


def test_an_indexed_name_with_an_index_of_its_own_can_be_typeset():
    trace = scalar()
    nodes = (replace(trace.nodes[0], name="x1"), *trace.nodes[1:])
    edges = (*trace.edges[:2], replace(trace.edges[2], latex=r"#g^{\top}\,#1_{j}"), *trace.edges[3:])
    said = edge_formula(GraphTrace(nodes, edges, trace.output, trace.seed), 2)
    assert said.endswith(r"\left(\frac{\partial L}{\partial y}\right)^{\top}\,{x_{1}}_{j}")
    draw(said)


def test_latex_has_a_line_per_step():
    trace = two_layers()
    block = latex(trace)
    assert block.startswith("\\begin{aligned}\n& x") and block.endswith("\\end{aligned}")
    assert block.count("& ") == trace.steps


def test_mathml_keeps_words_and_signs_together():
    assert "<mi>softmax</mi>" in mathml(r"\mathrm{softmax}(z)")
    assert ">+=</mo>" in mathml("a += b")
    assert ">T</mi>" in mathml(r"h^{\top}")
    assert 'display="block"' in mathml("x", display=True)


@pytest.mark.parametrize("broken", [r"\frac{", "", "^", "a^b^c", r"\left("])
def test_mathml_never_raises(broken):
    root = ElementTree.fromstring(mathml(broken))
    assert root.tag.endswith("math")
