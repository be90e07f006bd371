"""What a program tells about itself: passes, shapes, groups, lanes of memory, and what each line costs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import programs

import torchlean_nb as tl
from torchlean_nb.compiler.lanes import lanes
from torchlean_nb.compiler.listing import shapes, text
from torchlean_nb.compiler.passes import simplified
from torchlean_nb.compiler.plan import roots
from torchlean_nb.errors import HyperparameterError
from torchlean_nb.laws.point import Point

RNG = np.random.default_rng(0)
W, V, B = RNG.normal(size=(4, 3)), RNG.normal(size=(2, 4)), RNG.normal(size=4)
X, Y = RNG.normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])


def loss(w, b, v, x, y):
    return tl.cross_entropy(tl.linear(tl.relu(tl.linear(x, w, b)), v), y)


@pytest.fixture(scope="module")
def program():
    return tl.compile(loss, W, B, V, X, Y, argnums=(0, 1, 2)).value_and_grad


def same(a, b):
    """Whether two graphs have the same lines."""
    def plain(g):
        return [(x.op, x.args, dict(x.attrs), x.shape, None if x.value is None else x.value.tobytes()) for x in g.lines]

    return plain(a) == plain(b) and a.outputs == b.outputs


def chained(passes, end):
    """Each pass begins where the one before ended, and the last one ends with the program."""
    for a, b in pairwise(passes):
        if b.name != "lower":
            assert same(a.after, b.before)
    assert same(passes[-1].after, end)


# -- passes ------------------------------------------------------------------------------------------


def test_passes_lead_from_the_function_to_the_lines_that_run(program):
    assert program.passes[0].name == "lower"
    assert [x.origin.op for x in program.passes[0].before.lines][5:] == ["linear", "relu", "linear", "cross_entropy"]
    chained(program.passes, program.graph)


@given(programs())
@settings(max_examples=10, deadline=None)
def test_passes_of_random_computations_are_a_chain(random):
    p = tl.compile(random, *random.inputs).value_and_grad
    chained(p.passes, p.graph)
    assert same(simplified(next(x for x in p.passes if x.name == "lower").after), p.graph)


@pytest.mark.parametrize("derivative", ["jvp", "hvp", "hessian"])
def test_derivatives_have_passes_too(derivative):
    p = getattr(tl.compile(lambda x: tl.sum(tl.tanh(x) ** 2), X[0]), derivative)
    chained(p.passes, p.graph)
    assert len(p.profile(repeat=1)) > 5 and p.lanes().peak and p.groups()


def test_a_program_with_faster_rules_has_its_own_passes():
    p = tl.compile(lambda x: tl.mean(tl.softmax(x @ x.T)), X, fast=True).value_and_grad
    chained(p.passes, p.graph)


def test_a_diff_names_what_went_and_why(program):
    shared = next(x for x in program.passes if x.name == "share")
    assert shared.removed and all("the same as %" in x or "no result" in x or " = " in x for x in shared.removed)
    folded = next(x for x in program.passes if x.name == "fold constants")
    assert any(" = const " in x for x in folded.added)
    for step in program.passes:
        kept = [t for mark, t in step.marked if mark in " +"]
        if step.name != "lower":
            assert len(kept) == len(step.after.lines)
        assert step.diff in str(step)


def test_lines_keep_their_names_from_pass_to_pass(program):
    steps = [x for x in program.passes if x.name != "lower"]
    for a, b in pairwise(steps):
        after = {t.split(" = ")[0]: t.split(", the same")[0] for mark, t in a.marked if mark in " +"}
        before = {t.split(" = ")[0]: t for mark, t in b.marked if mark in " -"}
        assert after.keys() == before.keys()
        assert all(before[k].startswith(after[k]) for k in before)


def test_each_rewrite_is_a_pass_of_its_own():
    p = tl.compile(lambda x, y: tl.mean(tl.square(x - y)) + tl.sum(1 / (1 + tl.exp(-x))), X, X, rewrite=True)
    assert [x.name for x in p.passes][:2] == ["rewrite as sigmoid", "rewrite as mse_loss"]
    error = p.passes[1]
    assert "the same bits" in error.summary and "within 16 units" in p.passes[0].summary
    assert [t.split(" = ")[1].split("(")[0] for t in error.removed] == ["sub", "square", "mean"]
    assert len(error.added) == 1 and "mse_loss(node 0, node 1" in error.added[0]
    chained(p.passes, p.graph)


def test_nothing_of_the_history_is_kept(program):
    assert program.passes is not program.passes
    assert not any("passes" in k for k in vars(program))


# -- origins and groups ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, op in tl.ops.items() if op.builtin and op.kind != "constant"][::4])
def test_every_line_knows_what_it_is_a_part_of(name):
    point = Point(tl.ops[name], tl.ops[name].samples[0])
    p = tl.compile(
        lambda *xs: tl.sum(tl.square(tl.ops[name](*xs, **point.sample.attrs))), *point.arrays, argnums=point.moving
    )
    for line in p.value_and_grad.graph.lines:
        assert line.op in ("input", "const") or line.origin.op
        assert line.source == str(line.origin)


def test_groups_hold_each_line_once_under_the_op_it_came_from(program):
    found = program.groups()
    lines = [i for g in found for i in g.lines]
    assert sorted(lines) == [i for i, x in enumerate(program.graph.lines) if x.op not in ("input", "const")]
    assert [g.name for g in found][:2] == ["linear (node 5)", "relu (node 6)"]
    back = {g.name for g in found.of(5)[1:]}
    assert back == {f"linear (node 5), back to its argument {k}" for k in (1, 2)}


def test_a_group_opens_into_its_primitives(program):
    closed, opened = program.groups().text(), program.groups().text(opened=[5])
    assert "matmul" not in closed and closed.splitlines()[0] == "+ linear (node 5): 3 lines, (5, 4)"
    assert opened.splitlines()[0].startswith("- linear (node 5)") and "    t0 = matmul(x, v" in opened
    assert str(program.groups()) == closed


def test_sums_of_contributions_belong_to_the_edge_that_arrived_last():
    p = tl.compile(lambda x: tl.sum(tl.tanh(x) * x + x), X).value_and_grad
    adds = [x for x in p.graph.lines if x.op == "add" and x.origin.backward]
    assert adds and all(x.origin.op in ("mul", "tanh") for x in adds if x.shape == X.shape and x.origin.node > 1)


# -- shapes ------------------------------------------------------------------------------------------


@given(programs())
@settings(max_examples=10, deadline=None)
def test_shapes_come_from_rules_that_say_the_same(random):
    graph = tl.compile(random, *random.inputs).value_and_grad.graph
    for s, line in zip(shapes(graph), graph.lines, strict=True):
        assert s.shape == line.shape and s.given == tuple(graph.lines[a].shape for a in line.args if a >= 0)
        assert (s.rule == "given") == (line.op in ("input", "const"))
        if s.rule == "broadcasting":
            assert np.broadcast_shapes(*s.given) == s.shape


def test_a_graph_reads_as_a_table(program):
    table = str(program.graph)
    assert table == text(program.graph)
    assert len(table.splitlines()) == len(program.graph.lines) + 2 and table.splitlines()[-1].startswith("results: %")
    said = str(program.shapes())
    assert "matmul(x, v" in said and "rule of matmul: (5, 3), (3, 4)" in said and "view of w" in said
    assert "axes 1 0" in said and "writes t0" in said and "input" in said


# -- lanes -------------------------------------------------------------------------------------------


@given(programs())
@settings(max_examples=12, deadline=None)
def test_no_array_holds_two_values_that_are_needed_at_a_time(random):
    p = tl.compile(random, *random.inputs).value_and_grad
    found, root = lanes(p.graph, p.plan), roots(p.graph)
    assert [lane.buffer for lane in found.lanes] == list(range(len(p.plan.buffers)))
    for lane in found.lanes:
        for (_, end, _), (start, _, _) in pairwise(lane.spans):
            assert end <= start
    held = {i: (lane.buffer, a, b) for lane in found.lanes for a, b, i in lane.spans}
    for i, line in enumerate(p.graph.lines):
        for a in line.args:
            if a >= 0 and root[a] in p.plan.place:
                buffer, start, end = held[root[a]]
                assert buffer == p.plan.place[root[a]] and start <= i <= end
    assert found.nbytes == p.plan.nbytes and found.peak <= found.nbytes and len(found.live) == len(p.graph.lines)


def test_results_are_needed_to_the_end(program):
    root = roots(program.graph)
    for i in program.graph.outputs:
        lane = program.lanes().lanes[program.plan.place[root[i]]]
        assert lane.spans[-1] == (root[i], len(program.graph.lines), root[i])
    assert "in use at most" in str(program.lanes())


# -- profile -----------------------------------------------------------------------------------------


def test_a_profile_has_every_line_that_runs_and_adds_up(program):
    found = program.profile(repeat=3)
    assert found.runs == 3 and len({c.line for c in found}) == len(found)
    assert [c.seconds for c in found] == sorted((c.seconds for c in found), reverse=True)
    for table in (found.by_op, found.by_origin):
        assert np.isclose(sum(c.seconds for c in table), found.seconds)
        assert sum(c.written for c in table) == sum(c.written for c in found)
        assert sum(c.lines for c in table) == len(found)
    body = program.source.split("def step")[1]
    assert all(part in body for c in found for part in c.name.split("; "))
    assert found.peak == program.lanes().peak and found.kept == program.plan.nbytes


def test_a_profile_counts_bytes_and_products():
    p = tl.compile(lambda a, b: (a @ b + 1.0).T, np.ones((4, 3)), np.ones((3, 5)))
    costs = {c.op: c for c in p.profile(repeat=1)}
    assert (costs["matmul"].flops, costs["matmul"].read, costs["matmul"].written) == (120, 27 * 8, 160)
    assert (costs["add"].read, costs["add"].written, costs["add"].flops) == (168, 160, 0)


def test_a_profile_takes_arguments_of_other_shapes_and_leaves_results_alone(program):
    before = program(W, B, V, X, Y)
    found = program.profile(W, B, V, X[:2], Y[:2], repeat=1)
    assert found.seconds >= 0 and found.whole > 0
    after = program(W, B, V, X, Y)
    assert before[0] == after[0] and all(map(np.array_equal, before[1], after[1]))


def test_a_profile_reads_as_a_table(program):
    found = program.profile(repeat=2)
    assert str(found) == found.text() and len(found.text(most=2).splitlines()) == 6
    assert "linear (node 5)" in found.text("origin") and "matmul" in found.text("op")
    with pytest.raises(HyperparameterError, match="line, op, origin"):
        found.text("node")
    for wrong in (0, 1.5, True):
        with pytest.raises(HyperparameterError, match="repeat"):
            program.profile(repeat=wrong)


def test_programs_of_lone_numbers_have_a_profile_too():
    p = tl.compile(lambda x: tl.tanh(x) * x, 2.0).value_and_grad
    assert {c.op for c in p.profile(repeat=1)} >= {"tanh", "mul"}


def test_a_program_of_nothing_but_its_argument_has_passes_and_a_profile():
    p = tl.compile(lambda x: x, X)
    assert [x.name for x in p.passes] == ["lower"] and len(p.profile(repeat=1)) == 0
    assert p.lanes().peak == 0 and "0 lines" in str(p.profile(repeat=1)) and len(p.groups()) == 0
