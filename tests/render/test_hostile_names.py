"""Names are hostile text: in every format they come out as text and nothing else."""

import json
import re
import shutil
from xml.etree import ElementTree

import numpy as np
import pytest
from _formulas import draw
from _payloads import PAYLOADS
from _traces import named

from torchlean_nb import escape
from torchlean_nb.render.cleansvg import ATTRIBUTES, ELEMENTS
from torchlean_nb.render.dot import dot, render_dot
from torchlean_nb.render.figure import figure
from torchlean_nb.render.latex import edge_formula, latex, value_formula
from torchlean_nb.render.mathml import mathml
from torchlean_nb.render.svg import scene, svg
from torchlean_nb.render.text import markdown, narration, text

HOSTILE = pytest.mark.parametrize("name", PAYLOADS, ids=[ascii(p)[:30] for p in PAYLOADS])


def shapes(markup):
    """Every kind of element with its attributes, and their text."""
    root = ElementTree.fromstring(markup)
    return {(e.tag, tuple(sorted(e.keys()))) for e in root.iter()}


@HOSTILE
def test_svg_holds_no_element_or_attribute_of_a_name(name):
    plain = shapes(svg(named("n"))) | shapes(svg(named(""))) | shapes(svg(named("n" * 50)))
    assert shapes(svg(named(name))) <= plain
    assert len(svg(named(name))) < 60_000
    plain = shapes(scene(named("n"))) | shapes(scene(named(""))) | shapes(scene(named("n" * 50)))
    assert shapes(scene(named(name))) <= plain


@HOSTILE
def test_svg_says_the_visible_form_of_a_name(name):
    trace = named(name)
    titles = [e.text for e in ElementTree.fromstring(svg(trace)).iter() if e.tag.endswith("title")]
    assert len(titles) == len(trace)
    for n, title in zip(trace, titles, strict=True):
        assert title.startswith(escape.visible(n.label))


@HOSTILE
def test_formulas_can_always_be_typeset(name):
    trace = named(name)
    matmul, product = trace.nodes[3], len(trace.edges) - 1
    formulas = [value_formula(trace, 2), value_formula(trace, matmul.id), edge_formula(trace, product)]
    for formula in formulas:
        draw(formula)
        root = ElementTree.fromstring(mathml(formula))
        allowed = {"math", "mrow", "mi", "mn", "mo", "mfrac", "msup", "msub", "msubsup", "mspace", "mtext", "mstyle"}
        assert {e.tag.rpartition("}")[2] for e in root.iter()} <= allowed
        assert not any("href" in k or k.startswith("on") for e in root.iter() for k in e.attrib)
    assert not re.search(r"\\(?:href|def|require|style|input|write|html)", latex(trace))


@HOSTILE
def test_dot_text_keeps_its_statements(name):
    def shape(source):
        return [re.sub(r'"(?:[^"\\]|\\.)*"', '""', line) for line in source.splitlines()]

    source = dot(named(name))
    assert shape(source) == shape(dot(named("n")))
    assert not re.search(r"URL|href|tooltip|image", "\n".join(shape(source)))


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@HOSTILE
def test_graphviz_draws_names_as_text(name):
    trace = named(name)
    root = ElementTree.fromstring(render_dot(trace, engine="dot"))
    for e in root.iter():
        assert e.tag.rpartition("}")[2] in ELEMENTS and set(e.keys()) <= ATTRIBUTES
    groups = [e for e in root.iter() if e.get("class") == "node"]
    assert len(groups) == len(trace)
    said = " ".join("".join(groups[0].itertext()).split())
    assert " ".join(escape.visible(trace.nodes[0].label).split()) in said


@HOSTILE
def test_markdown_keeps_its_cells(name):
    table = markdown(named(name)).splitlines()
    assert len(table) == 2 + len(named(name))
    for row in table[2:]:
        assert len(re.findall(r"(?<!\\)\|", row)) == 7
        assert not re.search(r"(?<!\\)[`\[<$]", row)


@HOSTILE
def test_text_keeps_its_lines(name):
    trace = named(name)
    assert len(text(trace).splitlines()) == 1 + len(trace) + 1 + trace.steps
    assert all("\n" not in s and len(s) < 400 for s in narration(trace))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", text(trace))


@HOSTILE
def test_figures_never_read_a_name_as_a_formula(name):
    texts = figure(named(name)).axes[0].texts
    assert texts and not any(t.get_parse_math() for t in texts)


@pytest.mark.parametrize("name", ["$\\frac{$", "日本語", "\ud800", "a\x00b", "👩‍🔬", "a" * 100_000], ids=ascii)
def test_figures_with_such_names_can_be_drawn(name):
    fig = figure(named(name))
    fig.canvas.draw()
    assert np.asarray(fig.canvas.buffer_rgba()).min() < 128


@HOSTILE
def test_json_in_a_script_cannot_end_it(name):
    out = escape.json_for_script({"name": name})
    assert not re.search(r"[<>&\u2028\u2029]", out)
    assert json.loads(out) == {"name": name}


@HOSTILE
def test_html_and_attributes_hold_one_text(name):
    escaped = escape.html(name)
    root = ElementTree.fromstring(f'<p title="{escaped}">{escaped}</p>')
    assert list(root) == [] and list(root.keys()) == ["title"]
    assert (root.text or "") == root.get("title") == escape.visible(name)
