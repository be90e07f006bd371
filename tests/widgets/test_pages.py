"""Self-contained pages: nothing from outside, and no name that becomes markup."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser

import _traces
import pytest
from _payloads import PAYLOADS
from _views import MAKE

from torchlean_nb.errors import UnknownNameError
from torchlean_nb.render.html import STATIC, assets, html, page, parts
from torchlean_nb.widgets import GraphStepper


class Reader(HTMLParser):
    """Elements with their attributes, and the text of the data script."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.seen, self.texts, self.open = Counter(), {}, None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen[tag, tuple(sorted(k for k, _ in attrs))] += 1
        self.open = dict(attrs).get("id", tag)

    def handle_data(self, data):
        self.texts[self.open] = self.texts.get(self.open, "") + data


def data_of(widget):
    """The page without the code and the styles, which no name reaches."""
    esm, css = assets(widget.kind)
    text = widget.to_html()
    assert text.count(esm) == text.count(css) == 1
    return text.replace(esm, "").replace(css, "")


@cache
def elements(kind):
    """Elements of a page with a harmless name."""
    return Reader(data_of(MAKE[kind]("w"))).seen


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("name", PAYLOADS, ids=[ascii(p)[:30] for p in PAYLOADS])
def test_a_name_adds_no_element_to_the_page(kind, name):
    hostile = Reader(data_of(MAKE[kind](name)))
    assert hostile.seen == elements(kind)
    json.loads(hostile.texts["data"])


@pytest.mark.parametrize("name", PAYLOADS, ids=[ascii(p)[:30] for p in PAYLOADS])
def test_markup_inside_the_payload_has_no_foreign_element(name):
    """The scene and the formulas are the only markup that travels; their elements do not depend on a name."""
    def parts_of(text):
        reader = Reader(text)
        return {(tag, a) for tag, attrs in reader.seen for a in (attrs or ("",))}

    def allowed(tag, attr):
        return (tag, attr) in known or (tag.startswith("m") and attr in ("", "xmlns", "display"))

    known = parts_of(GraphStepper(_traces.named("w")).payload["scene"]) | {("tspan", "dx"), ("tspan", "class")}
    payload = GraphStepper(_traces.named(name)).payload
    formulas = [f for n in payload["formulas"]["nodes"].values() for f in n.values()]
    formulas += [f for e in payload["formulas"]["edges"] for f in e.values()]
    assert {e for e in parts_of(payload["scene"]) if not allowed(*e)} == set()
    for tag, attr in {e for f in formulas for e in parts_of(f)}:
        assert tag.startswith("m"), tag
        assert not attr.startswith("on"), attr
        assert "href" not in attr, attr


def test_no_tag_can_begin_in_the_data():
    text = html(_traces.named("</script><script>alert(1)</script>"))
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1]
    assert "<" not in data
    assert json.loads(data)["payload"]["trace"]["nodes"][0]["name"] == "</script><script>alert(1)</script>"


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_the_page_asks_nobody_for_anything(make):
    text = make("w").to_html()
    assert set(re.findall(r"https?://[^\s\"'<>\\)]+", text)) <= {
        "http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML",
    }
    assert not re.search(r"@import|<link|<img|<iframe|src=|fetch\(|XMLHttpRequest|eval\(", text)


def test_the_page_opens_where_it_is_told(tmp_path):
    text = html(_traces.scalar(), tmp_path / "p.html", step=3, title="mine", predict=True)
    data = json.loads(Reader(text).texts["data"])
    assert (data["step"], data["options"]["predict"], data["options"]["title"]) == (3, True, "mine")
    assert (tmp_path / "p.html").read_bytes() == text.encode()
    assert Reader(text).texts["title"].strip() == "mine"


def test_code_and_styles_are_small():
    """What travels with every widget besides its data."""
    for kind in parts():
        most = {"RaceArena": 162, "TrainingDashboard": 102, "LandscapeExplorer": 92, "GraphStepper": 88}.get(kind, 84)
        assert sum(map(len, assets(kind))) <= 1000 * most, kind


def test_every_static_file_belongs_to_a_widget():
    used = {p for names in parts().values() for p in names} | {"frame"}
    assert {p.stem for p in STATIC.iterdir()} == used | {"parts"}


def test_an_unknown_widget_is_refused_by_name():
    with pytest.raises(UnknownNameError, match="GraphStepper"):
        page("GraphSteper", {})
