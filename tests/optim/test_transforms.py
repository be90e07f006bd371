"""Transforms by themselves: rows that map a vector to a vector."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.hypers import Hyper
from torchlean_nb.optim import transforms as tf
from torchlean_nb.optim.compose import TRANSFORMS, transform
from torchlean_nb.updates import Slot

RNG = np.random.default_rng(4)
W, B = RNG.normal(size=(4, 3)), RNG.normal(size=(5,))
G, GB = RNG.normal(size=(4, 3)), RNG.normal(size=(5,))


def applied(transform, g, p=None, t=1):
    """What a transform makes of a vector."""
    h = SimpleNamespace(**transform.resolve({}))
    p = np.ones_like(g) if p is None else p
    return transform.update(numpy_namespace(), g, p, SimpleNamespace(**transform.start(p, h)), h, t)["g"]


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_has_a_sentence_a_reference_and_a_formula_of_its_vector(name):
    row = TRANSFORMS[name]
    assert row.summary.endswith(".") and len(row.summary) <= 120 and row.references and name in tl.optim.wrappers()
    assert row.latex[-1][0] == "#"
    assert all(bool(h.symbol) == (h.kind in ("float", "int", "any")) for h in row.hypers.values())
    assert row.summary in row.card()


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_is_pure_and_zero_stays_zero(name):
    row, p = TRANSFORMS[name], np.abs(W)
    g = G.copy()
    g.setflags(write=False)
    assert np.array_equal(applied(row, g, p), applied(row, g, p))
    still = {"add_noise": "eta", "add_decayed_weights": "rate", "decay_weights": "rate"}
    row = row(**{still[name]: 0.0}) if name in still else row
    assert (applied(row, 0 * g, p) == 0).all()


@settings(max_examples=40)
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_what_is_clipped_is_at_most_the_limit_and_points_the_same_way(limit, size):
    g = size * G
    assert np.abs(applied(tf.clip_value(limit), g)).max() <= limit
    for shortened, length in (
        (tf.clip_norm, np.linalg.norm), (tf.clip_global_norm, np.linalg.norm),
        (tf.clip_block_rms, lambda x: np.sqrt(np.mean(x * x))),
    ):  # fmt: skip
        cut = applied(shortened(limit), g)
        assert length(cut) <= limit * (1 + 1e-12)
        assert np.allclose(cut, g * (min(limit, length(g)) / length(g)), rtol=1e-12, atol=0)
    share = applied(tf.agc(limit), g, W)
    most = limit * np.maximum(np.linalg.norm(W, axis=0), 1e-3)
    assert (np.linalg.norm(share, axis=0) <= most * (1 + 1e-12)).all()
    assert np.linalg.norm(applied(tf.normalize(limit, 0.0), g)) == pytest.approx(limit, rel=1e-12)


def test_clipping_agrees_with_the_functions_on_gradients():
    cut = tl.optim.clip_by_norm({"w": G, "b": GB}, 0.7)
    for k, g in (("w", G), ("b", GB)):
        assert np.allclose(applied(tf.clip_norm(0.7), g), cut[k], rtol=1e-14, atol=0)


def test_centralized_rows_have_mean_zero_and_vectors_stay():
    assert np.abs(applied(tf.centralize, G).mean(axis=1)).max() < 1e-15
    assert np.array_equal(applied(tf.centralize, GB), GB)


def test_nan_becomes_zero_and_the_step_is_taken():
    opt = tl.optim.class_of(tl.optim.chain("zero_nans", "sgd"))({"w": W, "b": B})
    opt.step({"w": np.where(W > 0, np.nan, 1.0), "b": 0 * B})
    moved = opt.params["w"] != W
    assert np.array_equal(moved, W <= 0)


def test_noise_is_seeded_fades_and_is_normal():
    def noise(seed, t=1, n=20_000):
        return applied(tf.add_noise(4.0, 1.0, seed), np.zeros(n), t=t)

    assert np.array_equal(noise(1), noise(1)) and not np.array_equal(noise(1), noise(2))
    assert not np.array_equal(noise(1, 1), 2 * noise(1, 4))
    assert np.array_equal(noise(1, n=10), noise(1)[:10])
    for t, std in ((1, 2.0), (4, 1.0), (16, 0.5)):
        x = noise(3, t)
        assert abs(x.mean()) < 4 * std / 20_000**0.5 and abs(x.std() / std - 1) < 0.02


def test_projected_parameters_stay_in_the_set():
    ball = tf.project(lambda xp, x: tl.optim.projections.project_l2_ball(xp, x, 0.5))
    opt = tl.optim.class_of(tl.optim.chain("adam", ball))({"w": W, "b": B}, lr=0.3)
    positive = tl.optim.class_of(tl.optim.chain("adam", "keep_nonnegative"))({"w": np.abs(W)}, lr=0.3)
    for _ in range(8):
        opt.step({"w": G, "b": GB})
        positive.step({"w": G})
        assert all(np.linalg.norm(a) <= 0.5 + 1e-12 for a in opt.params.values())
        assert (positive.params["w"] >= 0).all()
    assert (positive.params["w"] == 0).any()


def test_a_transform_of_ones_own_brings_its_slots_and_switches(monkeypatch):
    monkeypatch.setattr("torchlean_nb.optim.compose.TRANSFORMS", dict(TRANSFORMS))
    switch, slots = Hyper(False, kind="bool"), {"b": Slot(when="nesterov")}

    @transform(hypers={"nesterov": switch}, slots=slots, latex=(("b", "#"), ("#", "# + b")), references=("none",))
    def again(xp, g, p, s, h, t):
        "The last one once more."
        return {"b": g, "g": g + s.b} if h.nesterov else {"g": g}

    rule = tl.optim.chain("again", "sgd")
    assert "again" not in TRANSFORMS and list(rule.hypers)[-1] == "again_nesterov"
    ends = []
    for on in (False, True):
        opt = tl.optim.class_of(rule)({"w": W}, lr=1.0, again_nesterov=on)
        for _ in range(2):
            opt.step({"w": G})
        assert ("again_b" in opt.explain("w").slots) == on
        ends.append(opt.params["w"])
    assert np.allclose(ends[0], W - 2 * G) and np.allclose(ends[1], W - 3 * G)


SINGLE = [t for t in TRANSFORMS.values() if t.scope != "group" and t is not tf.add_noise]
EARLY, LATE = ([t for t in SINGLE if t.place != place] for place in ("after", "before"))


class Piece:
    """A row stepped by itself, its slots with it."""

    def __init__(self, row, p, **hypers):
        self.row, self.h = row, SimpleNamespace(**row.resolve(hypers))
        self.slots = row.start(p, self.h)

    def __call__(self, g, p, t):
        terms = self.row.update(numpy_namespace(), g, p, SimpleNamespace(**self.slots), self.h, t)
        self.slots = {k: terms[k] for k in self.slots}
        return terms["g" if self.row in SINGLE else "delta"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(EARLY), max_size=3), st.lists(st.sampled_from(LATE), max_size=3),
    st.sampled_from(["sgd", "adam", "rmsprop", "nadam", "lamb"]), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_any_chain_is_its_pieces_one_after_the_other_bit_for_bit(before, after, name, seed):
    rng, p = np.random.default_rng(seed), np.abs(W)
    opt = tl.optim.class_of(tl.optim.chain(*before, name, *after))({"w": p}, lr=0.1)
    rule = Piece(tl.optim.rule_of(name), p, lr=0.1)
    pieces = [*(Piece(row, p) for row in before), rule, *(Piece(row, p) for row in after)]
    for t in range(1, 5):
        vector = rng.normal(size=p.shape)
        opt.step({"w": vector})
        for piece in pieces:
            vector = piece(vector, p, t)
        p = p + vector
        assert np.array_equal(opt.params["w"], p)
    again = tl.optim.class_of(opt.rule)({"w": p})
    again.load_state_dict(opt.state_dict())
    for each in (opt, again):
        each.step({"w": G})
    assert np.array_equal(opt.params["w"], again.params["w"])
