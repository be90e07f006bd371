"""Tables and sentences: the text twin of the drawings."""

from dataclasses import replace

import numpy as np
import pytest
from _traces import Hand, chain, deep, empty, fan_out, frozen, scalar, two_layers

from torchlean_nb.render.numbers import fmt, summary
from torchlean_nb.render.text import ledger_text, markdown, narration, text
from torchlean_nb.tex import slots
from torchlean_nb.trace import GraphTrace, Ledger
from torchlean_nb.trace.plain import plain


def test_scalars_tell_their_numbers():
    said = narration(scalar())
    assert said[1:] == [
        "x is a parameter: value 3.",
        "y = x·x: value 9.",
        "L = y + x: value 12.",
        "Start the backward sweep: the gradient of L by itself is 1.",
        "y receives 1 from L.",
        "x receives 1 from L, the first of 3 to arrive.",
        "x receives 3 from y, and with the 1 already there the gradient is now 4.",
        "x receives 3 from y, and with the 4 already there the gradient is now 7.",
    ]


def test_arrays_tell_what_is_sent_and_how_large_it_is():
    said = narration(two_layers())
    assert said[5] == "h = tanh a: value 4×3, from −0.568 to 0.707."
    assert said[14] == "r sends 2λ·∂L/∂r·W2 to W2 (norm 0.151). It is the first of 2 to arrive."
    assert said[17] == "z sends hᵀ·∂L/∂z to W2 (norm 0.122); it is added to the 0.151 already there."
    assert said[20] == "a sends Σ ∂L/∂a to b1 (norm 0.0923). 4 rows are added up."


@pytest.mark.parametrize("make", [two_layers, scalar, fan_out, chain, lambda: deep(3)])
def test_there_is_one_sentence_per_step(make):
    trace = make()
    said = narration(trace)
    assert len(said) == trace.steps + 1
    assert all(s.endswith(".") and "\n" not in s and "#" not in s and "\\" not in s for s in said)


@pytest.mark.parametrize("make", [two_layers, scalar, fan_out])
def test_the_last_sentence_about_a_scalar_tells_its_gradient(make):
    trace = make()
    said = narration(trace)
    for n in trace:
        if n.value.ndim == 0 and len(trace.into(n.id)) > 1:
            last = max(k for k in range(1, trace.steps + 1) if trace.event(k)[0] == "backward"
                       and trace.event(k)[1].parent == n.id)
            assert said[last].endswith(f"the gradient is now {fmt(n.grad)}.")


def test_numbers_in_the_program_stand_for_themselves():
    h = Hand()
    h.op("mul", h.leaf([1.0, 1.0], "x"), h.leaf(-2.0, None, "const"), name="y")
    said = narration(h.trace())
    assert said[1] == "x is a parameter: value of 2 numbers, all 1."
    assert said[3] == "y = x·(−2): value of 2 numbers, all −2."


def test_the_table_has_a_row_per_node_and_lines_up():
    lines = text(two_layers()).splitlines()
    assert lines[0].split() == ["id", "op", "name", "shape", "value", "gradient"]
    at = lines[0].index("gradient")
    assert all(line[at - 1] == " " and line[at] != " " for line in lines[1:11])
    assert lines[1].split()[:4] == ["0", "input", "x", "4×2"] and lines[1].endswith("none")
    assert lines[10].split() == ["9", "add", "L", "scalar", "0.84882", "1"]
    assert lines[12].strip() == "1. x is an input: value 4×2, from −1.1 to 1."


def test_markdown_has_a_row_per_node():
    lines = markdown(two_layers()).splitlines()
    assert len(lines) == 12 and lines[9].startswith("| 7 | cross\\_entropy | ce | scalar |")


def test_the_ledger_totals_to_the_gradient():
    lines = ledger_text(Ledger.of(scalar(), "x")).splitlines()
    assert lines[0] == "Gradient of L by x"
    assert [line.split()[-1] for line in lines[2:]] == ["1", "4", "7", "7"]
    assert "equal to the last bit" in lines[-1]
    assert "→" in lines[2] and "+3" in lines[3]


def test_a_wrong_gradient_is_said_to_be_wrong():
    trace = scalar()
    nodes = list(trace.nodes)
    nodes[0] = replace(nodes[0], grad=frozen(5.0))
    broken = GraphTrace(tuple(nodes), trace.edges, trace.output, trace.seed, trace.meta)
    assert "not the sum of the rows" in ledger_text(Ledger.of(broken, "x"))


def test_a_seed_of_several_numbers_is_told_by_its_norm():
    h = Hand()
    h.op("tanh", h.leaf([1.0, 2.0], "x"), name="y")
    assert "the seed of y has norm 1.41" in narration(h.trace())[3]


def test_an_empty_graph_is_said_to_be_empty():
    assert text(empty()) == markdown(empty()) == "empty graph"
    assert narration(empty()) == ["The graph is empty."]


@pytest.mark.parametrize(("value", "said"), [
    (0.735331, "0.73533"), (-2.0, "−2"), (-0.0, "0"), (1e-9, "1e−9"), (float("nan"), "NaN"), (float("-inf"), "−∞"),
    (123456789, "123456789"), (np.float32(0.5), "0.5"), (np.array(3), "3"), (True, "True"), (1.5e20, "1.5e20"),
])
def test_numbers_have_five_digits_and_a_true_minus(value, said):
    assert fmt(value) == said


def test_arrays_are_summed_up():
    assert summary(np.array([[0.12, 0.3, -0.9], [0, 0, 0]])) == "[2×3] 0.12 … max|·| 0.9"
    assert summary(np.zeros((0, 2))) == "[0×2] empty" and summary(None) == ""
    assert summary(np.array([1.5])) == "[1] 1.5"


@pytest.mark.parametrize(("template", "said"), [
    (r"#1^{\top}\,#g", "#1ᵀ·#g"), (r"#g \odot \left(1 - #y^{2}\right)", "#g ⊙ (1 − #y²)"),
    (r"\frac{1}{1 + e^{-#1}}", "1/(1 + e^(−#1))"), (r"#1\,\sigma(#1)", "#1·σ(#1)"), (r"\sqrt{#1}", "√#1"),
    (r"\frac{1}{n} \sum (#1 - \overline{#1})^{2}", "1/n Σ (#1 − mean(#1))²"), (r"\unknown #1", None), ("{#1", None),
    (r"\sum_{n} #g", "Σ #g"), ("", ""),
])
def test_templates_become_plain_text(template, said):
    assert plain(template) == said
    if said:
        assert slots(said) == slots(template)
