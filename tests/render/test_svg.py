"""The scene holds every step; the picture of a step holds exactly what exists then."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from _traces import chain, deep, empty, fan_out, named, scalar, two_layers

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.render.glyphs import text_width
from torchlean_nb.render.svg import scene, svg
from torchlean_nb.trace import GraphTrace, TraceNode

TRACES = {"two_layers": two_layers, "scalar": scalar, "fan_out": fan_out, "chain": chain, "deep": lambda: deep(3)}


@pytest.fixture(params=TRACES)
def trace(request):
    return TRACES[request.param]()


def tags(root, name):
    return [e for e in root.iter() if e.tag.rpartition("}")[2] == name]


def by_class(root, name):
    return [e for e in root.iter() if name in e.get("class", "").split()]


def at_step(root, step):
    """Scene with the elements of other steps taken out, as a front end hides them."""
    for parent in list(root.iter()):
        for e in list(parent):
            if not int(e.get("data-from", 0)) <= step < int(e.get("data-to", 10**9)):
                parent.remove(e)
    return root


def test_every_step_shows_exactly_the_gradients_reached(trace):
    for step in range(trace.steps + 1):
        root = ElementTree.fromstring(svg(trace, step))
        for group in by_class(root, "tl-node"):
            node = int(group.get("data-node"))
            reached = trace.grad_at(node, step) is not None
            assert len(by_class(group, "grad")) == reached, (step, node)
            assert not (reached and by_class(group, "slot"))


def test_every_step_shows_exactly_the_values_computed(trace):
    for step in range(trace.steps + 1):
        root = ElementTree.fromstring(svg(trace, step))
        for group in by_class(root, "tl-node"):
            computed = int(group.get("data-t")) <= step
            shown = by_class(group, "v") or by_class(group, "hv")
            assert bool(shown) == computed
            assert ("done" in group.get("class").split()) == computed


def test_every_step_shows_the_contributions_so_far(trace):
    seed = len(trace) + 1
    for step in range(trace.steps + 1):
        root = ElementTree.fromstring(svg(trace, step))
        assert len(by_class(root, "bwd")) == max(0, step - seed)
        assert len(by_class(root, "chip")) == (step >= seed)


def test_the_current_event_has_a_ring_and_a_sender(trace):
    for step in range(1, trace.steps + 1):
        kind, what = trace.event(step)
        root = ElementTree.fromstring(svg(trace, step))
        now = [int(g.get("data-node")) for g in by_class(root, "tl-node") if "now" in g.get("class").split()]
        sender = [int(g.get("data-node")) for g in by_class(root, "sender")]
        assert now == [what.parent if kind == "backward" else what.id]
        assert sender == ([what.child] if kind == "backward" else [])


def test_the_next_receiver_is_asked_for(trace):
    for step in range(len(trace), trace.steps):
        kind, what = trace.event(step + 1)
        receiver = what.parent if kind == "backward" else what.id
        root = ElementTree.fromstring(svg(trace, step))
        asked = [int(g.get("data-node")) for g in by_class(root, "tl-node") if by_class(g, "ask")]
        assert set(asked) <= {receiver}
        if trace.grad_at(receiver, step) is None:
            assert asked == [receiver]


def test_the_scene_at_a_step_shows_what_the_picture_shows(trace):
    for step in range(trace.steps + 1):
        live = at_step(ElementTree.fromstring(scene(trace)), step)
        still = ElementTree.fromstring(svg(trace, step))
        for name in ("grad", "slot", "ask", "bwd", "chip", "badge", "v", "hv", "fh", "fwd"):
            assert len(by_class(live, name)) == len(by_class(still, name)), (step, name)


def test_the_finished_picture_has_all_gradients_and_no_current_event():
    root = ElementTree.fromstring(svg(scalar()))
    assert not by_class(root, "now") and not by_class(root, "chip") and not by_class(root, "sender")
    text = "".join(by_class(root, "tl-node")[0].itertext())
    assert "∇ 7" in text


def test_a_second_contribution_stands_beside_the_first():
    trace = two_layers()
    w2 = trace["W2"].id
    both = []
    for step in range(trace.steps + 1):
        groups = by_class(ElementTree.fromstring(svg(trace, step)), "tl-node")
        w2_grad = next(g for g in groups if g.get("data-node") == str(w2))
        if any("+" in "".join(g.itertext()) for g in by_class(w2_grad, "grad")):
            both.append(step)
            assert len(by_class(w2_grad, "hg")) == 2
    assert [trace[trace.event(k)[1].child].label for k in both] == ["z"]


def test_rows_added_up_carry_a_badge():
    trace = two_layers()
    root = ElementTree.fromstring(svg(trace, trace.steps))
    assert "4 rows added up" in "".join(by_class(root, "chip")[0].itertext())
    assert ["".join(b.itertext()) for b in by_class(ElementTree.fromstring(svg(trace)), "badge")] == ["Σ 4 rows"]


def test_nodes_say_what_they_are():
    root = ElementTree.fromstring(scene(two_layers()))
    labels = [g.get("aria-label") for g in by_class(root, "tl-node")]
    assert labels[5] == "W2, param, 3×2" and labels[9] == "L, add, scalar"
    assert all(g.get("role") == "button" for g in by_class(root, "tl-node"))
    assert root.get("aria-label") == "Computation graph: 10 nodes, output L"


def test_roles_have_their_own_outline():
    root = ElementTree.fromstring(svg(named("n")))
    outlines = {}
    for group in by_class(root, "tl-node"):
        role = re.search(r"role-(\w+)", group.get("class"))[1]
        outlines[role] = re.sub(r"[-\d. ]", "", by_class(group, "box")[0].get("d"))
    assert len(outlines) == 4 and outlines["input"] != outlines["param"] != outlines["op"]


def test_long_names_are_cut_and_kept_in_the_title():
    label = "a_very_long_name_for_one_small_box"
    root = ElementTree.fromstring(svg(named(label)))
    group = by_class(root, "tl-node")[1]
    assert "…" in "".join(tags(group, "tspan")[0].itertext())
    assert tags(group, "title")[0].text.startswith(label)


def test_a_saved_trace_draws_the_same_bytes(trace):
    again = GraphTrace.from_json(trace.to_json())
    assert svg(again) == svg(trace) and scene(again) == scene(trace)


def test_bytes_do_not_depend_on_the_process():
    code = (
        "import sys, hashlib; sys.path.insert(0, 'tests')\n"
        "from _traces import two_layers, deep\n"
        "from torchlean_nb.render import dot, latex, svg, text\n"
        "makers = (svg.svg, svg.scene, text.text, latex.latex, dot.dot)\n"
        "out = [make(trace) for trace in (two_layers(), deep(90)) for make in makers]\n"
        "print(hashlib.sha256(''.join(out).encode()).hexdigest())\n"
    )
    digests = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                       env={"PYTHONHASHSEED": seed, "PATH": ""}).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_a_picture_stands_alone():
    out = svg(two_layers())
    assert out.startswith('<svg class="tl-scene" xmlns="http://www.w3.org/2000/svg" width="436"')
    assert "var(" not in out and "prefers-color-scheme:dark" in out
    loads = re.search(r"\bid=|href|url\(|https?://(?!www\.w3\.org/2000/svg)", out)
    assert not loads, "nothing to load, no id to clash"
    assert "var(--grad,#D55E00)" in scene(two_layers())


def test_the_legend_names_the_roles_that_occur():
    words = "".join(ElementTree.fromstring(svg(two_layers(), legend=True)).itertext())
    assert "parameter" in words and "constant" not in words


def test_an_empty_graph_says_so():
    assert "empty graph" in svg(empty()) and "empty graph" in scene(empty())


def test_a_step_that_does_not_exist_is_refused():
    with pytest.raises(HyperparameterError, match=r"outside 0\.\.8"):
        svg(scalar(), 9)


VALUES = (0.7353, -1.2345e-17, 5.0, np.inf, np.arange(6.0).reshape(2, 3), np.ones((40, 9)), np.ones(300),
          np.zeros((0, 3)), np.full((1, 1), -1.5e-12))


@pytest.mark.parametrize("role", ["input", "op"])
@pytest.mark.parametrize("value", VALUES, ids=str)
def test_words_for_a_missing_gradient_leave_room_for_the_value(value, role):
    """The words have a set width, so for drawings this holds in every font."""
    node = TraceNode(0, "node", role, (), {}, "x", "", False, np.asarray(value), None)
    out = TraceNode(1, "sum", "op", (0,), {}, "y", "", False, np.zeros(()), None)
    root = ElementTree.fromstring(svg(GraphTrace((node, out), (), 1, np.ones(()))))
    box = next(e for e in root.iter() if e.get("data-node") == "0")
    (words,) = (e for e in tags(box, "text") if (e.text or "").startswith("no "))
    left = float(words.get("x")) - float(words.get("textLength"))
    numbers = by_class(box, "v")
    ends = [float(e.get("x")) + text_width(e.text, 11.5, bold=True) for e in numbers]
    for g in by_class(box, "hv"):
        start = float(re.search(r"translate\((\S+)", g.get("transform"))[1])
        cells = re.findall(r"M([\d.]+) [\d.]+h([\d.]+)", " ".join(e.get("d") for e in g))
        ends += [start + float(x) + float(w) for x, w in cells]
    assert ends
    assert max(ends) < left
