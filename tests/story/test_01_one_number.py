"""A first walk, in order: one number, two uses, a ledger."""

import json

import numpy as np

import torchlean_nb as tl


def test_a_computation_is_written_down_as_it_runs():
    s = tl.Session()
    x = s.param(3.0, name="x")
    y = (x * x + x).named("y")
    assert [(n.op, n.parents) for n in s.tape] == [("param", ()), ("mul", (0, 0)), ("add", (1, 0))]
    assert float(y) == 12.0


def test_the_gradient_adds_up_what_arrives_on_each_edge():
    s = tl.Session()
    x = s.param(3.0, name="x")
    y = x * x + x
    ledger = [float(r.contribution) for r in s.trace(y).into(0) and s.ledger(x, y).rows]
    assert ledger == [1.0, 3.0, 3.0]
    assert float(s.backward(y)[x]) == sum(ledger) == 7.0


def test_the_ledger_balances_to_the_last_bit():
    s = tl.Session()
    w = s.param(np.linspace(-1, 1, 6).reshape(2, 3), name="w")
    x = s.input(np.arange(8.0).reshape(4, 2) / 7)
    loss = (tl.tanh(x @ w) ** 2).sum() + (w * w).sum() * 0.1 + tl.exp(w).sum()
    s.backward(loss)
    assert s.ledger(w).balanced and len(s.ledger(w).rows) == 4


def test_a_sweep_is_data_that_survives_a_file():
    s = tl.Session()
    w = s.param([[0.5, -1.0]], name="w")
    t = s.trace((w * 3.0).sum(), title="demo")
    again = tl.GraphTrace.from_json(t.to_json())
    assert again == t and json.loads(t.to_json())["format"] == "torchlean_nb.graph/1"
    kinds = [again.event(k)[0] for k in range(1, again.steps + 1)]
    assert kinds == ["forward"] * 4 + ["seed"] + ["backward"] * 2


def test_partial_gradients_grow_step_by_step():
    s = tl.Session()
    x = s.param(3.0, name="x")
    t = s.trace(x * x + x)
    seen = [None if (g := t.grad_at(0, k)) is None else float(g) for k in range(t.steps + 1)]
    assert seen == [None] * 6 + [1.0, 4.0, 7.0] or seen[-1] == 7.0


def test_names_come_from_the_callers_variables():
    s = tl.Session()
    x = s.param(2.0)
    h = np.tanh(x)
    t = s.trace(h * h, names=locals())
    assert [n.name for n in t] == ["x", "h", None]


def test_a_derivative_is_a_product_along_each_path_summed_over_all_paths():
    s = tl.Session()
    x = s.param(1.2, name="x")
    f = (tl.sin(x**2.0) * (x + 1.0)).named("f")
    ledger = s.ledger(x, f, by="path")
    brought = sorted(float(r.contribution) for r in ledger.rows)
    assert np.allclose(brought, [0.688637, 0.991458], atol=1e-6)
    assert all(r.labels[0] == "f" and r.labels[-1] == "x" for r in ledger.rows)
    assert np.allclose(ledger.total, s.backward(f)[x], rtol=1e-15)


def test_paths_beyond_the_cap_share_one_row():
    s = tl.Session()
    x = s.param(0.5, name="x")
    y = x
    for _ in range(6):
        y = y + y
    ledger = s.ledger(x, y, by="path", cap=10)
    assert len(ledger.rows) == 11 and ledger.rows[-1].labels[0] == "all other paths"
    assert float(ledger.rows[-1].contribution) == 54.0 and ledger.balanced and float(ledger.grad) == 64.0
    assert len(s.ledger(x, y).rows) == 2
