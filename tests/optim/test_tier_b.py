"""Rules that find their own rate, that see curvature or keep to a subspace: what each one teaches."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.backend.namespace import ArrayNamespace, numpy_namespace
from torchlean_nb.optim.matrix import CUBIC, gram_schmidt, low_rank, newton_schulz

RULES = tl.optim.rules
RNG = np.random.default_rng
TARGET = {"a": np.array([[3.0, -1.0], [0.5, 2.0]]), "b": np.array([-2.0, 4.0, 1.0])}
ZEROS = {k: np.zeros_like(v) for k, v in TARGET.items()}
CURVED = {"a": np.array([[1.0, 2.0], [0.5, 1.5]]), "b": np.array([3.0, 1.0, 0.7])}


def slot(opt, name, slot):
    """A slot as it is after the last step."""
    names = list(opt.params)
    return np.asarray(opt.snapshot().state.params[names.index(name)].slots[slot])


def bowl(p):
    """A quadratic with its minimum 0 at TARGET: value and gradients."""
    away = {k: p[k] - TARGET[k] for k in p}
    value = sum(float((CURVED[k] * away[k] ** 2).sum()) / 2 for k in p)
    return value, {k: CURVED[k] * away[k] for k in p}


def descend(opt, steps):
    for _ in range(steps):
        value, g = bowl(opt.params)
        opt.step(g, value)
    return bowl(opt.params)[0]


# -- rates found, not given ------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["Prodigy", "DAdaptAdamW"])
def test_an_estimate_of_a_millionth_grows_to_the_distance_and_arrives(name):
    opt = getattr(tl.optim, name)(ZEROS)
    distance = max(np.abs(v).max() for v in TARGET.values())
    seen, first = [], bowl(opt.params)[0]
    for _ in range(400):
        descend(opt, 1)
        seen.append(float(slot(opt, "a", "d")))
    assert (np.diff(seen) >= 0).all() and seen[0] < 1e-5
    assert distance / 20 < seen[-1] <= distance
    assert bowl(opt.params)[0] < 1e-2 * first


@pytest.mark.parametrize("name", ["Prodigy", "DAdaptAdamW"])
def test_one_parameter_raises_the_estimate_of_all_where_gradients_agree(name):
    def after(b):
        opt = getattr(tl.optim, name)(ZEROS, d0=0.1)
        for _ in range(8):
            opt.step({"a": 0.01 * np.ones((2, 2)), "b": b * np.ones(3)})
        return opt.params["a"]

    assert (after(1.0) != after(1e-6)).any()


@pytest.mark.parametrize(("name", "start"), [("DoG", 1e-6), ("DoWG", 1e-4)])
def test_distance_over_gradients_is_descent_with_that_rate(name, start):
    opt, plain = getattr(tl.optim, name)(ZEROS), tl.optim.SGD(ZEROS, lr=1.0)
    r, squares = start, 0.0
    for _ in range(300):
        _, g = bowl(plain.params)
        away = sum(float((p**2).sum()) for p in plain.params.values())
        square = sum(float((x**2).sum()) for x in g.values())
        if name == "DoG":
            r, squares = max(r, away**0.5), squares + square
            rate = r / (squares + 1e-8) ** 0.5
        else:
            r = max(r, away)
            squares += r * square
            rate = r / (squares**0.5 + 1e-4)
        plain.param_groups[0]["lr"] = rate
        plain.step(g)
        descend(opt, 1)
    assert all(np.allclose(opt.params[k], plain.params[k], rtol=1e-9, atol=1e-12) for k in ZEROS)
    assert bowl(opt.params)[0] < 1e-3 * bowl(ZEROS)[0]


def test_the_rate_of_dog_does_not_depend_on_the_scale_of_the_loss():
    small, large = tl.optim.DoG(ZEROS, eps=0.0), tl.optim.DoG(ZEROS, eps=0.0)
    for _ in range(50):
        small.step(bowl(small.params)[1])
        large.step({k: 1024 * g for k, g in bowl(large.params)[1].items()})
    assert all(np.array_equal(small.params[k], large.params[k]) for k in ZEROS)


@pytest.mark.parametrize(("name", "given"), [
    ("PolyakSGD", {}), ("MoMo", {"beta": 0.0}), ("MoMo", {}), ("MoMoAdam", {"lr": 1.0}),
])  # fmt: skip
def test_a_known_minimum_needs_no_rate(name, given):
    opt = getattr(tl.optim, name)(ZEROS, **given)
    assert descend(opt, 200) < 1e-4


def test_without_memory_momo_is_the_step_of_polyak():
    momo, polyak = tl.optim.MoMo(ZEROS, beta=0.0), tl.optim.PolyakSGD(ZEROS)
    for _ in range(20):
        descend(momo, 1)
        descend(polyak, 1)
    assert all(np.allclose(momo.params[k], polyak.params[k], rtol=1e-9, atol=1e-12) for k in ZEROS)


def test_momo_that_adapts_its_bound_never_goes_below_the_one_given():
    opt = tl.optim.MoMo(ZEROS, adapt_lower_bound=True, lower_bound=-5.0)
    descend(opt, 50)
    assert -5.0 <= float(slot(opt, "a", "bound")) < bowl(ZEROS)[0]


@pytest.mark.parametrize("name", sorted(r.name for r in RULES.values() if r.scope == "group" and r.builtin))
def test_numbers_of_a_group_are_the_same_for_all_its_parameters(name):
    opt = getattr(tl.optim, RULES[name].class_name)(ZEROS)
    descend(opt, 3)
    first, second = (s.slots for s in opt.snapshot().state.params)
    for k, v in first.items():
        if np.shape(v) == ():
            assert np.array_equal(v, second[k])


def test_the_terms_of_one_parameter_compose_to_its_step_in_the_group():
    opt = tl.optim.DoG(ZEROS)
    descend(opt, 3)
    before = opt.params["a"]
    descend(opt, 1)
    assert np.array_equal(before + opt.explain("a").delta, opt.params["a"])


# -- curvature ----------------------------------------------------------------------------------------

def curved(rule, p, gradient, diagonal, steps, **given):
    """Steps without the shell: gradient and diagonal are functions of the parameter."""
    h = SimpleNamespace(**rule.resolve({}) | given)
    slots, out = rule.start(p, h), [p]
    for t in range(1, steps + 1):
        h.curvature = diagonal(p)
        terms = rule.terms(gradient(p), p, slots, h, t)
        p, slots = p + terms["delta"], {k: terms[k] for k in slots}
        out.append(p)
    return out


@pytest.mark.parametrize("name", ["sophia", "adahessian"])
def test_each_parameter_of_a_group_gets_its_own_diagonal(name):
    rule, p = RULES[name], {"a": RNG(0).normal(size=(3, 4)), "b": RNG(1).normal(size=5)}
    scale = {k: RNG(2).uniform(0.5, 3, size=v.shape) for k, v in p.items()}
    opt = getattr(tl.optim, rule.class_name)(p, update_interval=2)
    for _ in range(5):
        opt.step({k: scale[k] * v for k, v in opt.params.items()}, curvature=scale)
    for k in p:
        alone = curved(rule, p[k], lambda x, k=k: scale[k] * x, lambda x, k=k: scale[k], 5, update_interval=2)
        assert np.array_equal(alone[-1], opt.params[k])


@pytest.mark.parametrize(("name", "given"), [("sophia", {"gamma": 1e3}), ("adahessian", {})])
def test_a_diagonal_is_taken_in_once_per_interval(name, given):
    def after(louder):
        sizes = iter([1.0 + 9.0 * (t == louder) for t in range(1, 6)])
        ones = np.ones(2)
        return curved(RULES[name], ones, lambda x: x, lambda x: next(sizes) * ones, 5, update_interval=3, **given)[-1]

    assert [t for t in range(1, 6) if not np.array_equal(after(t), after(None))] == [1, 4]


def test_sophia_takes_newtons_step_where_the_diagonal_is_the_hessian():
    scale = np.array([1e-3, 1.0, 1e3])
    start = np.array([0.3, -0.2, 0.5])
    run = curved(
        RULES["sophia"], start, lambda x: scale * x, lambda x: scale, 3, lr=1.0, beta1=0.0, beta2=0.0, gamma=1.0,
        weight_decay=0.0, update_interval=1, eps=1e-12,
    )  # fmt: skip
    # The first step has no diagonal yet: it is the sign, clipped. The second is Newton's.
    assert np.array_equal(run[1], start - np.sign(start))
    assert np.allclose(run[2], 0.0, atol=1e-15)


def test_sophia_does_not_follow_negative_curvature():
    run = curved(RULES["sophia"], np.array([0.5]), lambda x: -x, lambda x: -np.ones(1), 20, lr=0.1, weight_decay=0.0)
    assert (np.diff(np.array(run)[:, 0]) > 0).all() and np.isclose(run[-1][0], 0.5 + 20 * 0.1)


def test_a_step_without_the_diagonal_it_needs_says_so_and_moves_nothing():
    opt = tl.optim.Sophia({"w": np.ones(2)})
    with pytest.raises(tl.errors.CapabilityError, match="curvature"):
        opt.step({"w": np.ones(2)})
    assert np.array_equal(opt.params["w"], np.ones(2))


# -- subspaces ----------------------------------------------------------------------------------------
W = RNG(4).normal(size=(5, 3))
SLOPES = [RNG(10 + t).normal(size=(5, 3)) + 0.5 for t in range(30)]


def walk(opt, gradients=SLOPES):
    for g in gradients:
        opt.step({"w": g})
    return opt.params["w"]


@pytest.mark.parametrize("name", ["GaLore", "GaLoreSGD"])
@pytest.mark.parametrize("proj_type", ["std", "reverse_std"])
def test_signs_of_singular_vectors_do_not_matter(monkeypatch, name, proj_type):
    given = {"rank": 2, "update_proj_gap": 3, "proj_type": proj_type, "lr": 0.1}
    before = walk(getattr(tl.optim, name)({"w": W}, **given))
    true, coin = ArrayNamespace.left_singular, RNG(5)
    monkeypatch.setattr(ArrayNamespace, "left_singular", lambda *a, **k: true(*a, **k) * coin.choice([-1, 1], size=2))
    assert np.allclose(walk(getattr(tl.optim, name)({"w": W}, **given)), before, rtol=1e-13, atol=0)


def test_galore_of_full_rank_is_adam_in_the_coordinates_of_the_singular_vectors():
    opt = tl.optim.GaLore({"w": W}, lr=0.1)
    after = walk(opt)
    turn = slot(opt, "w", "P")
    assert np.allclose(turn.T @ turn, np.eye(3))
    assert np.allclose(walk(tl.optim.Adam({"w": W @ turn}, lr=0.1), [g @ turn for g in SLOPES]) @ turn.T, after)


def test_galore_is_adam_where_the_singular_vectors_are_the_axes():
    first = np.eye(5, 3) * [3.0, 2.0, 1.0]
    mine = walk(tl.optim.GaLore({"w": W}, lr=0.1, weight_decay=0.1), [first, *SLOPES])
    assert np.allclose(mine, walk(tl.optim.AdamW({"w": W}, lr=0.1, weight_decay=0.1), [first, *SLOPES]), rtol=1e-12)


def test_galore_keeps_as_much_as_its_rank_and_leaves_other_parameters_to_adam():
    both = {"w": W, "b": np.ones(4)}
    opt, adam = tl.optim.GaLore(both, rank=1, lr=0.1), tl.optim.Adam({"b": np.ones(4)}, lr=0.1)
    for g in SLOPES:
        opt.step({"w": g, "b": g[:4, 0]})
        adam.step({"b": g[:4, 0]})
    kept = [slot(opt, "w", k).shape for k in ("P", "m", "v")]
    assert kept == [(3, 1), (5, 1), (5, 1)] and np.array_equal(opt.params["b"], adam.params["b"])


@pytest.mark.parametrize("rank", [1, 2])
def test_a_step_of_galore_has_its_rank_and_a_basis_lasts_as_long_as_its_gap(rank):
    opt, seen = tl.optim.GaLore({"w": W}, rank=rank, update_proj_gap=4), []
    for g in SLOPES[:9]:
        before = opt.params["w"]
        opt.step({"w": g})
        seen.append(slot(opt, "w", "P"))
        assert np.linalg.matrix_rank(opt.params["w"] - before, tol=1e-10) == rank
    changed = [not np.array_equal(a, b) for a, b in pairwise(seen)]
    assert [t + 2 for t, new in enumerate(changed) if new] == [5, 9]


@pytest.mark.parametrize(("shape", "proj_type", "size"), [
    ((5, 3), "std", 3), ((3, 5), "std", 3), ((5, 3), "reverse_std", 5), ((3, 5), "reverse_std", 5),
    ((5, 3), "left", 5), ((5, 3), "right", 3),
])  # fmt: skip
def test_the_projected_side(shape, proj_type, size):
    opt = tl.optim.GaLore({"w": np.ones(shape)}, rank=2, proj_type=proj_type)
    opt.step({"w": RNG(0).normal(size=shape)})
    assert slot(opt, "w", "P").shape == (size, 2)


def test_projected_descent_with_singular_vectors():
    full, plain = tl.optim.GaLoreSGD({"w": W}, lr=0.1), tl.optim.SGD({"w": W}, lr=0.1)
    assert np.allclose(walk(full), walk(plain), rtol=1e-12)
    each_step = tl.optim.GaLoreSGD({"w": W}, lr=0.1, rank=2, update_proj_gap=1)
    nearest = tl.optim.ProjectedSGD({"w": W}, lr=0.1, project=low_rank(2))
    assert np.allclose(walk(each_step), walk(nearest), rtol=1e-12)
    u, sizes, v = np.linalg.svd(SLOPES[0])
    one = tl.optim.ProjectedSGD({"w": W}, lr=1.0, project=low_rank(2))
    assert np.allclose(W - walk(one, SLOPES[:1]), (u[:, :2] * sizes[:2]) @ v[:2])


@pytest.mark.parametrize("name", ["GaLore", "GaLoreSGD"])
def test_a_gradient_that_is_not_finite_is_refused_before_its_singular_vectors(name):
    opt = getattr(tl.optim, name)({"w": W})
    with pytest.raises(tl.errors.NonFiniteError):
        opt.step({"w": np.full_like(W, np.nan)})
    assert np.array_equal(opt.params["w"], W)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
@pytest.mark.parametrize("orthogonalizer", [newton_schulz(CUBIC, steps=40), gram_schmidt])
def test_both_orthogonalizers_of_muon_make_all_singular_values_one(orthogonalizer, shape):
    opt = tl.optim.OrthogonalMomentum({"w": np.zeros(shape)}, lr=1.0, orthogonalizer=orthogonalizer)
    opt.step({"w": RNG(7).normal(size=shape)})
    assert np.allclose(np.linalg.svd(opt.params["w"], compute_uv=False), 1.0, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_left_singular_vectors_are_orthonormal_and_lead(dtype):
    a = RNG(3).normal(size=(6, 4)).astype(dtype)
    u = numpy_namespace().left_singular(a, rank=2)
    close = 8 * np.finfo(dtype).eps
    assert u.shape == (6, 2) and u.dtype == dtype
    assert np.allclose(u.astype(float).T @ u, np.eye(2), atol=close)
    sizes = np.linalg.norm(u.astype(float).T @ a.astype(float), axis=1)
    assert np.allclose(sizes, np.linalg.svd(a.astype(float), compute_uv=False)[:2], rtol=close)
    lost = numpy_namespace().left_singular(np.array([[np.inf, 1.0]]).astype(dtype), rank=3)
    assert lost.shape == (1, 1) and np.isnan(lost).all()


def test_dog_of_a_single_tensor_is_its_layerwise_form():
    one, layer = tl.optim.DoG({"a": ZEROS["a"]}), tl.optim.LDoG({"a": ZEROS["a"]})
    for _ in range(30):
        for opt in (one, layer):
            opt.step({"a": opt.params["a"] - TARGET["a"]})
    assert np.array_equal(one.params["a"], layer.params["a"])
