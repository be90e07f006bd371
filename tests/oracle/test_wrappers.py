"""optax on chains, wrappers and schedule-free rules, PyTorch on running averages: a hundred steps."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.optim import transforms as tf

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::DeprecationWarning:optax.*")]
STEPS, CLOSE = 100, 1e-12
RNG = np.random.default_rng(5)
START = {"w": RNG.normal(size=(4, 3)), "b": RNG.normal(size=(5,)), "f": RNG.normal(size=(2, 3, 2, 4))}
GRADS = [{k: RNG.normal(size=a.shape) * np.exp(RNG.normal()) + 0.2 for k, a in START.items()} for _ in range(STEPS)]


@pytest.fixture(scope="module")
def optax():
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield pytest.importorskip("optax")
    jax.config.update("jax_enable_x64", before)


def ours(rule, **given):
    """Parameters after every step, and the optimizer."""
    opt = tl.optim.class_of(tl.optim.rule_of(rule) if isinstance(rule, str) else rule)(START, **given)
    path = []
    for g in GRADS:
        opt.step(g)
        path.append(opt.params)
    return path, opt


def theirs(transform, start=START, fast=lambda p: p):
    """Parameters after every step, and state."""
    import jax
    import jax.numpy as jnp
    import optax

    def wide(x):
        # Counted in 64 bits: a power of a 32-bit count is a 32-bit float.
        return x.astype(jnp.int64) if x.dtype == jnp.int32 else x

    p = jax.tree.map(jnp.asarray, start)
    state, path = jax.tree.map(wide, transform.init(p)), []
    step = jax.jit(lambda g, state, p: transform.update(g, state, p))
    for g in GRADS:
        u, state = step(g, state, p)
        p = optax.apply_updates(p, u)
        path.append({k: np.asarray(a) for k, a in fast(p).items()})
    return path, state, p


def same(a, b, close=CLOSE):
    """Equal at every step up to a fraction of the largest element."""
    assert len(a) == len(b)
    for mine, other in zip(a, b, strict=True):
        for k in START:
            assert np.abs(mine[k] - other[k]).max() <= close * max(1, np.abs(other[k]).max()), k


CHAINS = {
    "clip_value": (lambda: tl.optim.chain(tf.clip_value(0.3), "adam"), lambda o: (o.clip(0.3), o.adam(1e-2))),
    "clip_global_norm": (
        lambda: tl.optim.chain(tf.clip_global_norm(4.0), "adam"), lambda o: (o.clip_by_global_norm(4.0), o.adam(1e-2))
    ),
    "clip_block_rms": (
        lambda: tl.optim.chain(tf.clip_block_rms(0.8), "sgd"), lambda o: (o.clip_by_block_rms(0.8), o.sgd(1e-2))
    ),
    "agc": (
        lambda: tl.optim.chain(tf.agc(0.5, 0.3), "sgd"), lambda o: (o.adaptive_grad_clip(0.5, 0.3), o.sgd(1e-2))
    ),
    "centralize": (lambda: tl.optim.chain("centralize", "adam"), lambda o: (o.centralize(), o.adam(1e-2))),
    "normalize": (
        lambda: tl.optim.chain(tf.normalize(0.5, 0.1), "adam"),
        lambda o: (o.normalize_by_update_norm(0.5, 0.1), o.adam(1e-2)),
    ),
    "normalize after": (
        lambda: tl.optim.chain("adam", tf.normalize(0.5, 0.1)),
        lambda o: (o.adam(1e-2), o.normalize_by_update_norm(0.5, 0.1)),
    ),
    "trust_ratio after": (
        lambda: tl.optim.chain("adam", tf.trust_ratio(0.01, 0.1)),
        lambda o: (o.adam(1e-2), o.scale_by_trust_ratio(0.0, 0.01, 0.1)),
    ),
    "trace": (lambda: tl.optim.chain(tf.trace(0.8), "sgd"), lambda o: (o.trace(0.8), o.sgd(1e-2))),
    "trace nesterov": (
        lambda: tl.optim.chain(tf.trace(0.8, nesterov=True), "adam"), lambda o: (o.trace(0.8, True), o.adam(1e-2))
    ),
    "decay before and scale after": (
        lambda: tl.optim.chain(tf.add_decayed_weights(0.1), "adam", tf.scale(0.5)),
        lambda o: (o.add_decayed_weights(0.1), o.adam(1e-2), o.scale(0.5)),
    ),
    "decay after": (
        lambda: tl.optim.chain("adam", tf.decay_weights(0.01)), lambda o: (o.adam(1e-2), o.add_decayed_weights(-0.01))
    ),
    "keep_nonnegative": (
        lambda: tl.optim.chain("adam", "keep_nonnegative"), lambda o: (o.adam(1e-2), o.keep_params_nonnegative())
    ),
    "chain in a wrapper": (
        lambda: tl.optim.accumulate(tl.optim.chain("clip_global_norm", "adam"), 3),
        lambda o: (o.MultiSteps(o.chain(o.clip_by_global_norm(1.0), o.adam(1e-2)), 3, accumulator_dtype="float64")
                   .gradient_transformation(),),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_chains_follow_optax(optax, name):
    make, others = CHAINS[name]
    same(ours(make(), lr=1e-2)[0], theirs(optax.chain(*others(optax)))[0])


@pytest.mark.parametrize("rule", ["sgd", "adam"])
@pytest.mark.parametrize(("k", "alpha"), [(5, 0.5), (3, 0.9), (1, 0.3)])
def test_lookahead_follows_optax_fast_and_slow(optax, rule, k, alpha):
    path, opt = ours(tl.optim.lookahead(rule, k, alpha), lr=1e-2)
    params = optax.LookaheadParams.init_synced(START)
    transform = optax.lookahead(getattr(optax, rule)(1e-2), k, alpha)
    other, _, last = theirs(transform, params, lambda p: p.fast)
    same(path, other)
    same([{n: opt._state.params[i].slots["slow"] for i, n in enumerate(START)}], [last.slow])


@pytest.mark.parametrize("given", [{}, {"s_init": 1e-3, "num_betas": 3, "mechanic_weight_decay": 0.1}])
@pytest.mark.parametrize(("rule", "lr"), [("sgd", 0.5), ("adam", 1.0)])
def test_mechanic_follows_optax(optax, rule, lr, given):
    names = {"mechanic_weight_decay": "weight_decay"}
    path, _ = ours(tl.optim.mechanic(rule), lr=lr, **given)
    other = optax.contrib.mechanize(getattr(optax, rule)(lr), **{names.get(k, k): v for k, v in given.items()})
    same(path, theirs(other)[0])
    assert not np.allclose(path[0]["w"], path[-1]["w"])


@pytest.mark.parametrize(("rule", "given"), [("sgd", {}), ("sgd", {"momentum": 0.9}), ("adam", {})])
def test_sam_follows_optax_between_its_calls_too(optax, rule, given):
    path, _ = ours(tl.optim.sam(rule, rho=0.3), lr=1e-2, **given)
    climb = optax.chain(optax.contrib.normalize(), optax.sgd(0.3))
    same(path, theirs(optax.contrib.sam(getattr(optax, rule)(1e-2, **given), climb))[0])


@pytest.mark.parametrize("more", [{}, {"warmup_steps": 10}, {"warmup_steps": 1, "weight_lr_power": 0.5}])
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("schedule_free_sgd", {"lr": 0.1}), ("schedule_free_sgd", {"lr": 0.1, "weight_decay": 0.1, "momentum": 0.5}),
        ("schedule_free_adamw", {"lr": 0.01}),
        ("schedule_free_adamw", {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    ],
)  # fmt: skip
def test_schedule_free_rules_follow_optax_with_their_averages(optax, name, given, more):
    rule = tl.optim.rule_of(name)
    path, opt = ours(rule, **given, **more)
    other, state, last = theirs(rule.optax(optax, **rule.resolve({**given, **more})))
    # There the average is computed back from the point between.
    same(path, other, 1e-11)
    x = optax.contrib.schedule_free_eval_params(state, last)
    same([{n: opt._state.params[i].slots[rule.average] for i, n in enumerate(START)}], [x], 1e-11)


@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("k", [1, 4, 7])
def test_accumulation_follows_multi_steps(optax, k, mean):
    other = optax.MultiSteps(optax.adam(1e-2), k, use_grad_mean=mean, accumulator_dtype=np.float64)
    path, _ = ours(tl.optim.accumulate("adam", k, mean), lr=1e-2)
    same(path, theirs(other.gradient_transformation())[0])


def test_masking_follows_optax(optax):
    rule = tl.optim.masked("adam", where=lambda p: p.ndim > 1)
    which = {k: "moves" if a.ndim > 1 else "stays" for k, a in START.items()}
    other = optax.partition({"moves": optax.adam(1e-2), "stays": optax.set_to_zero()}, which)
    same(ours(rule, lr=1e-2)[0], theirs(other)[0])


# -- running averages ----------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_averages_follow_pytorch(kind):
    torch = pytest.importorskip("torch")
    swa_utils = pytest.importorskip("torch.optim.swa_utils")
    start = START["w"]
    module = torch.nn.Linear(*start.shape[::-1], bias=False, dtype=torch.float64)
    average = swa_utils.AveragedModel(
        module, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.8) if kind == "ema" else None
    )
    inside = tl.optim.ema("sgd", 0.8) if kind == "ema" else tl.optim.swa("sgd")
    opt = tl.optim.class_of(inside)({"w": start}, lr=0.1)
    mine = tl.optim.EMA(opt, decay=0.8) if kind == "ema" else tl.optim.SWA(opt)
    for g in GRADS:
        opt.step({"w": g["w"]})
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(opt.params["w"].copy()))
        average.update_parameters(module)
        mine.update()
        want = average.module.weight.detach().numpy()
        assert np.abs(mine.averages["w"] - want).max() <= CLOSE
        assert np.abs(opt._state.params[0].slots["average"] - want).max() <= CLOSE
    assert mine.n_averaged == int(average.n_averaged) == STEPS
