"""An optimizer of your own: one function, and what the built-in ones have it has too."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl


@pytest.fixture
def cautious():
    """Momentum that does not step where its buffer and the gradient disagree."""
    before = dict(tl.optim.rules)

    @tl.extend.update_rule(
        hypers={"lr": tl.extend.Hyper(0.1, r"\eta", 0.0), "mu": tl.extend.Hyper(0.9, r"\mu", 0.0, 1.0, open_high=True)},
        slots={"b": tl.extend.Slot()},
        latex=(("b", r"\mu\,b + g"), ("a", r"[b\,g > 0]"), (r"\Delta", r"-\eta\,a\,b")),
        references=("Liang et al. 2024, arXiv 2411.16085",),
    )
    def cautious_momentum(xp, g, p, s, h, t):
        """Momentum that waits where it disagrees with the gradient."""
        b = h.mu * s.b + g
        agree = xp.greater(b * g, 0)
        return {"b": b, "agree": agree, "delta": -h.lr * (agree * b)}

    yield cautious_momentum
    tl.optim.rules.clear()
    tl.optim.rules.update(before)


def test_one_function_is_a_class_with_pytorchs_shape(cautious):
    s = tl.Session(seed=0)
    w = s.param([4.0, -3.0], name="w")
    opt = tl.optim.CautiousMomentum([w], lr=0.05)
    losses = [s.step(opt, lambda: (w * w * np.array([1.0, 9.0])).sum()).loss for _ in range(120)]
    assert losses[-1] < 1e-6 < losses[0]
    again = tl.optim.CautiousMomentum({"w": w.value}, lr=0.05)
    again.load_state_dict(opt.state_dict())
    assert again.state_dict()["state"][0]["step"] == 120


def test_its_last_step_is_taken_apart(cautious):
    opt = tl.optim.CautiousMomentum({"w": np.array([1.0, 1.0])})
    for g in ([1.0, 1.0], [1.0, -0.1]):
        opt.step({"w": np.array(g)})
    e = opt.explain("w")
    assert e.terms["agree"].tolist() == [True, False] and e.delta[1] == 0
    assert np.array_equal(e.before + e.delta, opt.params["w"])
    assert e.without(mu=0.0).tolist() == pytest.approx([-0.1, 0.01])
    assert "agree" in tl.widgets.UpdateAnatomy(e).to_text()


def test_it_passes_the_laws_and_has_a_card(cautious):
    report = tl.check_rule(cautious)
    assert report.ok, report
    card = tl.optim.row("CautiousMomentum").card()
    assert "waits where it disagrees" in card and r"\mu\,b + g" in card and "default `0.9`" in card


def test_it_runs_as_a_straight_line_and_around_it_goes_whatever_goes_around_a_rule(cautious):
    rng = np.random.default_rng(0)
    grads = [{"w": rng.normal(size=4)} for _ in range(20)]
    ends = []
    for options in ({}, {"fused": "numpy"}):
        opt = tl.optim.CautiousMomentum({"w": np.ones(4)}, **options)
        for g in grads:
            opt.step(g)
        ends.append(opt.params["w"])
    assert np.allclose(*ends, rtol=1e-12)
    around = tl.optim.class_of(tl.optim.lookahead("cautious_momentum", k=3))({"w": np.ones(4)})
    for g in grads:
        around.step(g)
    assert np.isfinite(around.params["w"]).all()


def test_a_mistake_is_found_by_the_law_it_breaks(cautious):
    @tl.extend.update_rule(
        name="forgetful", hypers={"lr": tl.extend.Hyper(0.1, r"\eta", 0.0)}, slots={"b": tl.extend.Slot()},
        latex=(("b", "b + g"), (r"\Delta", r"-\eta\,b")), references=("nobody",),
    )
    def forgetful(xp, g, p, s, h, t):
        """Adds up gradients and steps up instead of down."""
        return {"b": s.b + g, "delta": h.lr * (s.b + g)}

    report = tl.check_rule(forgetful)
    assert not report.ok and "down" in str(report)
