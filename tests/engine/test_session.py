"""The session: leaves, names, integer cells, policies, steps."""

import threading

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors


@pytest.fixture
def s():
    return tl.Session(seed=0)


def test_gradients_are_dense_and_never_accumulate(s):
    x, unused = s.param(3.0, name="x"), s.param([1.0, 2.0], name="unused")
    extra = s.input(5.0, name="extra", requires_grad=True)
    y = x * x + x * x
    first, second = s.backward(y), s.backward(y)
    assert float(first[x]) == float(second["x"]) == 12.0
    assert first[unused].tolist() == [0.0, 0.0] and float(first[extra]) == 0.0
    assert len(first.dense) == len(s.tape) and extra.id not in first.reached
    assert s.grads is second


def test_detach_stops_one_of_two_branches(s):
    x = s.param(3.0)
    assert float(s.backward(x * x + s.detach(x * x))[x]) == 6.0


def test_branches_that_the_output_does_not_need_are_not_visited():
    s = tl.Session(nonfinite="ieee")
    x = s.param(0.0)
    tl.log(x)
    assert float(s.backward(x * 2.0)[x]) == 2.0


def test_a_vector_needs_a_seed_of_its_shape(s):
    x = s.param([1.0, -2.0])
    y = x * x
    with pytest.raises(errors.NonScalarError, match="seed="):
        s.backward(y)
    assert s.backward(y, seed=[1.0, 10.0])[x].tolist() == [2.0, -40.0]
    assert s.vjp(y, [0.0, 1.0], x).tolist() == [0.0, -4.0]
    with pytest.raises(errors.ShapeError, match="seed"):
        s.backward(y, seed=[1.0])


def test_jvp_agrees_with_the_gradient(s):
    w, b = s.param([[1.0, 2.0]], name="w"), s.param([0.5], name="b")
    loss = ((s.input([[3.0], [4.0]]) @ w + b) ** 2).sum()
    g = s.backward(loss)
    dw, db = np.array([[0.3, -0.7]]), np.array([0.2])
    assert s.jvp(loss, {w: dw, "b": db}) == pytest.approx((g[w] * dw).sum() + (g[b] * db).sum(), rel=1e-14)


def test_hooks_run_after_the_sweep_in_id_order_and_may_replace(s):
    x = s.param(3.0)
    seen = []

    def hook(i, g):
        seen.append(i)
        return g * 2

    g = s.backward(x * x, hook=hook)
    assert seen == sorted(seen) and float(g[x]) == 12.0


def test_a_failing_hook_changes_nothing(s):
    x = s.param(3.0, name="x")
    s.backward(x * x)
    y, before = x * 2.0, None
    before = s.digest()
    for hook, error in (
        (lambda i, g: 1 / 0, errors.HookError),
        (lambda i, g: "text", errors.HookTypeError),
        (lambda i, g: np.ones(3), errors.HookValueError),
    ):
        with pytest.raises(error, match="hook"):
            s.backward(y, hook=hook)
        assert s.digest() == before


def test_integer_cells_are_checked(s):
    i = s.input_nat(3)
    s.set_nat(i, 4)
    v = s.input_nat_vec([1, 2])
    assert s.get_nat(i) == 4 and s.get_nat_vec(v).tolist() == [1, 2]
    s.set_nat_vec(v, [5, 6])
    assert s.get_nat(i) == 4 and s.get_nat_vec(v).tolist() == [5, 6]
    with pytest.raises(IndexError, match="invalid nat id"):
        s.get_nat(tl.Session().input_nat(1))
    with pytest.raises(IndexError, match="expected 2 values"):
        s.set_nat_vec(v, [1])


def test_an_integer_cell_is_an_index_with_the_value_of_the_moment(s):
    x = s.input([10.0, 20.0, 30.0], requires_grad=True)
    i, several = s.input_nat(2), s.input_nat_vec([0, 0, 1])
    assert float(tl.take(x, i)) == 30.0 and tl.take(x, several).value.tolist() == [10.0, 10.0, 20.0]
    s.set_nat(i, 1)
    y = tl.take(x, i)
    assert float(y) == 20.0 and s.backward(y)[x].tolist() == [0.0, 1.0, 0.0]
    s.set_nat(i, 7)
    with pytest.raises(IndexError, match="7"):
        tl.take(x, i)
    s.reset_tape()
    with pytest.raises(IndexError, match="invalid nat"):
        s.get_nat(i)


def test_names_lead_to_nodes(s):
    x = s.param(2.0, name="x")
    y = (x * x).named("y")
    assert s.value("y") == 4.0 and float(s.backward("y")["x"]) == 4.0 and y.name == "y"
    with pytest.raises(LookupError, match="did you mean y"):
        s.value("yy")


@pytest.mark.parametrize(
    ("policy", "outcome"), [("raise", "error"), ("skip", "skipped"), ("ieee", "applied")]
)
def test_non_finite_numbers_follow_the_policy(policy, outcome):
    s = tl.Session(nonfinite=policy)
    w = s.param(1000.0, name="w")
    applied = []

    class Record:
        def step(self, grads):
            applied.append(float(grads[w]))

    if outcome == "error":
        with pytest.raises(errors.NonFiniteError, match=r"exp \(node 1\).*overflow.*1000"):
            s.step(Record(), lambda: tl.exp(w))
        assert not applied
    else:
        report = s.step(Record(), lambda: tl.exp(w))
        assert report.skipped == (outcome == "skipped") and bool(applied) == (outcome == "applied")


def test_an_infinite_gradient_names_the_rule_that_made_it(s):
    x = s.param([4.0, 0.0], name="x")
    y = tl.sqrt(x).sum()
    before = s.digest()
    with pytest.raises(errors.NonFiniteError, match=r"index \(1,\)[\s\S]*sqrt"):
        s.backward(y)
    assert s.digest() == before


def test_a_step_is_fresh_tape_loss_backward_update(s):
    w = s.param(2.0, name="w")

    class Descent:
        def step(self, grads):
            for p, g in grads.items():
                p.value = p.value - 0.25 * g

    losses = [s.step(Descent(), lambda: w * w).loss for _ in range(3)]
    assert losses == [4.0, 1.0, 0.25] and float(w.value) == 0.25


def test_strict_shapes_allow_no_implicit_broadcasting():
    s = tl.Session(strict_shapes=True)
    x = s.input(np.ones((2, 3)))
    assert (x * 2.0).shape == (2, 3)
    with pytest.raises(errors.ShapeError, match="strict_shapes"):
        x + s.input(np.ones(3))
    assert (x + s.input(np.ones(3)).broadcast_to(shape=(2, 3))).shape == (2, 3)


def test_a_session_belongs_to_its_thread(s):
    x = s.param(1.0)
    caught = []

    def other():
        try:
            x * x
        except Exception as e:
            caught.append(e)

    t = threading.Thread(target=other)
    t.start()
    t.join()
    assert isinstance(caught[0], errors.ThreadError) and "one session per thread" in str(caught[0])


def test_a_closed_session_says_so(s):
    s.close()
    with pytest.raises(errors.SessionClosedError, match="closed"):
        s.param(1.0)


def test_float32_sessions_stay_in_float32():
    s = tl.Session(dtype="float32")
    w = s.param([1.0, 2.0])
    y = (tl.sigmoid(w * 0.5 + 1) ** 2).sum()
    g = s.backward(y)
    assert {str(v.dtype) for v in s.tape.values} == {"float32"} and g[w].dtype == np.float32


def test_after_an_update_a_parameter_is_used_with_its_new_value():
    s = tl.Session()
    w = s.param(2.0, name="w")
    s.step(tl.optim.SGD([w], lr=0.25), lambda: w * w)
    assert float(w.value) == 1.0 and float(w * 3.0) == 3.0


def test_a_gradient_is_of_the_leaf_that_the_output_was_computed_from():
    s = tl.Session()
    w = s.param(2.0, name="w")
    old = w * w
    w.value = 5.0
    new = w * w * w
    assert len(s.tape) == 6 - 1 and w.__tl_use__(s.tape).id == w.__tl_use__(s.tape).id
    for out, slope in ((old, 4.0), (new, 75.0)):
        g = s.backward(out)
        assert float(g[w]) == float(g["w"]) == slope
        assert float(s.jvp(out, {w: 1.0})) == float(s.jvp(out, {"w": 1.0})) == slope
        assert float(s.ledger(w, out).total) == slope
        assert float(s.trace(out, names={"w": w})["w"].grad) == slope


def test_setting_the_same_array_makes_no_second_leaf():
    s = tl.Session()
    w = s.param([1.0, 2.0])
    (w * w).sum()
    before = len(s.tape)
    w + w
    assert len(s.tape) == before + 1
