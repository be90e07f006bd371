"""DOT text always, Graphviz where there is one, our own drawing where there is none."""

import shutil
import subprocess
import warnings
from xml.etree import ElementTree

import pytest
from _traces import empty, named, scalar, two_layers

from torchlean_nb.errors import HyperparameterError, PathError, ToolError
from torchlean_nb.render import dot as module
from torchlean_nb.render.cleansvg import clean
from torchlean_nb.render.dot import dot, render_dot
from torchlean_nb.render.svg import svg

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


@pytest.fixture
def bare(monkeypatch):
    """A machine without Graphviz."""
    monkeypatch.setattr(module.shutil, "which", lambda name: None)

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(module, "import_module", missing)


def test_dot_text_has_nodes_values_and_both_kinds_of_edges():
    source = dot(scalar())
    assert '0 [label="x  param\\n3\\n∇ 7" shape=octagon' in source
    assert source.count("0 -> 1 ") == 2 and source.count("1 -> 0 ") == 2
    assert source.count("constraint=false") == 4
    assert "rankdir=LR" in dot(scalar(), direction="LR")


def test_dot_text_needs_no_graphviz(bare):
    assert dot(two_layers()).startswith("digraph trace {")


def test_the_empty_graph_is_a_graph():
    assert dot(empty()).startswith("digraph trace {") and "->" not in dot(empty())


@needs_dot
def test_graphviz_draws_the_graph(tmp_path):
    root = ElementTree.fromstring(render_dot(two_layers(), engine="dot"))
    assert len([e for e in root.iter() if e.get("class") == "node"]) == 10
    assert render_dot(two_layers(), engine="dot", format="png").startswith(b"\x89PNG")
    render_dot(two_layers(), path=tmp_path / "graph.pdf")
    assert (tmp_path / "graph.pdf").read_bytes().startswith(b"%PDF")
    assert [p.name for p in tmp_path.iterdir()] == ["graph.pdf"]


def test_without_graphviz_our_drawing_is_shown_with_one_notice(bare):
    with pytest.warns(UserWarning, match="apt install graphviz, brew install graphviz, or pip install") as got:
        out = render_dot(two_layers())
    assert len(got) == 1 and out == svg(two_layers())


def test_our_own_engine_is_silent(bare):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert render_dot(scalar(), engine="own") == svg(scalar())
        assert render_dot(scalar(), format="dot") == dot(scalar())


@pytest.mark.parametrize("engine", ["dot", "pygraphviz"])
def test_a_named_engine_that_is_missing_is_an_error(bare, engine):
    with pytest.raises(ToolError, match="install"):
        render_dot(scalar(), engine=engine)


def test_a_format_nothing_here_can_make_is_an_error(bare):
    with pytest.raises(ToolError, match="apt install graphviz"):
        render_dot(scalar(), format="pdf")
    with pytest.raises(ToolError, match="our own drawing is SVG, not pdf"):
        render_dot(scalar(), engine="own", format="pdf")


@pytest.mark.parametrize("options", [{"format": "exe"}, {"format": "svg:cairo"}, {"engine": "neato"}, {"format": None}])
def test_unknown_formats_and_engines_are_named(options):
    with pytest.raises(HyperparameterError, match="one of"):
        render_dot(scalar(), **options)


@pytest.mark.parametrize("path", ["../evil.svg", "a/../../evil.svg", "x\0.svg", "", "graph", "graph.svg.exe"])
def test_paths_that_leave_the_folder_or_name_no_format_are_refused(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((PathError, HyperparameterError)):
        render_dot(scalar(), engine="own", path=path)
    assert list(tmp_path.iterdir()) == [] and not (tmp_path.parent / "evil.svg").exists()


def test_a_path_inside_the_folder_may_climb(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    render_dot(scalar(), engine="own", path="a/../graph.svg")
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == svg(scalar())


def test_dot_runs_without_a_shell_on_standard_input(monkeypatch):
    seen = {}

    def run(command, **options):
        seen.update(options, command=command)
        return subprocess.CompletedProcess(command, 0, b"<svg xmlns='http://www.w3.org/2000/svg'><g/></svg>", b"")

    monkeypatch.setattr(module.shutil, "which", lambda name: "/opt/gv/dot")
    monkeypatch.setattr(module.subprocess, "run", run)
    render_dot(named("; touch x"), engine="dot")
    assert seen["command"] == ["/opt/gv/dot", "-Tsvg"] and seen["timeout"] == 10 and not seen.get("shell")
    assert isinstance(seen["input"], bytes)


def test_a_dot_in_the_working_folder_and_a_text_without_end_are_not_used(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module.shutil, "which", lambda name: str(tmp_path / "dot"))
    monkeypatch.setattr(module.subprocess, "run", lambda *args, **options: pytest.fail("dot was started"))
    with pytest.raises(ToolError, match="not installed"):
        render_dot(scalar(), engine="dot")
    monkeypatch.setattr(module.shutil, "which", lambda name: "/opt/gv/dot")
    monkeypatch.setattr(module, "_LARGEST", 100)
    with pytest.raises(ToolError, match="bytes of DOT are more than 100"):
        render_dot(scalar(), engine="dot")


@pytest.mark.parametrize("failure", [
    subprocess.TimeoutExpired("dot", 10), OSError("exec format error"),
    subprocess.CompletedProcess([], 1, b"", b"syntax"),
    subprocess.CompletedProcess([], 0, b"<svg><script/></svg>", b""),
])
def test_a_dot_that_fails_leaves_our_drawing_and_a_notice(monkeypatch, bare, failure):
    def run(*args, **options):
        if isinstance(failure, BaseException):
            raise failure
        return failure

    monkeypatch.setattr(module.shutil, "which", lambda name: "/opt/gv/dot")
    monkeypatch.setattr(module.subprocess, "run", run)
    with pytest.warns(UserWarning, match="own layout"):
        assert render_dot(scalar()) == svg(scalar())


def test_pygraphviz_is_taken_where_there_is_no_program(monkeypatch, bare):
    class AGraph:
        def __init__(self, string):
            assert string.startswith("digraph")

        def draw(self, format, prog):
            return b'<svg xmlns="http://www.w3.org/2000/svg"><g onclick="x"><text>hi</text></g></svg>'

    monkeypatch.setattr(module, "import_module", lambda name: type("package", (), {"AGraph": AGraph}))
    assert render_dot(scalar()) == '<svg xmlns="http://www.w3.org/2000/svg"><g><text>hi</text></g></svg>'


@pytest.mark.parametrize("markup", [
    b"<svg><script>x</script></svg>", b"<svg><a href='x'/></svg>", b"<svg><image/></svg>", b"<svg>", b"not xml", b"",
    b"<!DOCTYPE svg [<!ENTITY a 'aaaa'>]><svg><text>&a;</text></svg>", b"<svg>" + b" " * 2_100_000 + b"</svg>",
    b"<!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><svg><text>&x;</text></svg>",
])
def test_a_drawing_with_anything_but_shapes_is_refused(markup):
    with pytest.raises(ToolError):
        clean(markup)


def test_attributes_that_are_not_geometry_are_dropped():
    out = clean(b'<svg width="8pt"><path d="M0,0" onclick="x()" style="a:url(x)" fill="url(javascript:x)"/></svg>')
    assert out == '<svg xmlns="http://www.w3.org/2000/svg" width="8pt"><path d="M0,0"></path></svg>'
