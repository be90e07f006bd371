"""Rules with noise: a pure function of seed, step and place, so that a run with noise is a run like any other.

All parameters of a group draw from one stream, by their places in it. Groups with one seed have the same noise.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from torchlean_nb.backend.devices import common, device, device_of
from torchlean_nb.backend.random import next_seed, normal, splitmix64
from torchlean_nb.errors import ShapeError
from torchlean_nb.hypers import REQUIRED, Hyper, check_all, lr, nonnegative
from torchlean_nb.updates import update_rule

SEED = {"seed": Hyper(0, "s", 0, 2.0**64, open_high=True, kind="int")}
DRAWN = ("z", r"\mathcal{N}_{s,t}(0, 1)")
PRIVATE = {
    "l2_norm_clip": Hyper(REQUIRED, "C", 0.0, open_low=True), "noise_multiplier": Hyper(REQUIRED, r"\sigma", 0.0),
    "seed": Hyper(REQUIRED, "s", 0, 2.0**64, open_high=True, kind="int"), "t": Hyper(REQUIRED, "t", 1, kind="int"),
}


def gaussian(xp, seed, t, like):
    """Standard normal numbers in the shape of an array: what step `t` of this seed draws at each place.

    Examples
    --------
    >>> import numpy as np
    >>> from torchlean_nb.backend.namespace import numpy_namespace
    >>> xp = numpy_namespace()
    >>> short, long = (gaussian(xp, 7, 1, np.zeros(n)) for n in (3, 5))
    >>> bool((short == long[:3]).all())
    True
    """
    return xp.asarray(normal(next_seed(splitmix64(seed), t), like.shape, device_of(like).np), dtype=like.dtype)


@update_rule(
    title="NoisySGD", scope="group",
    hypers={"lr": lr(1e-2), "variance": nonnegative(0.01, r"\nu"), "gamma": nonnegative(0.55, r"\gamma")} | SEED,
    latex=(DRAWN, ("u", r"g + \sqrt{\nu\,t^{-\gamma}}\,z"), (r"\Delta", r"-\eta\,u")),
    references=("Neelakantan et al. 2015, arXiv 1511.06807",),
)
def noisy_sgd(xp, g, p, s, h, t):
    """Descent along a gradient with noise that dies away, to leave saddles and poor starts."""
    z = gaussian(xp, h.seed, t, p)
    u = g + (h.variance / t**h.gamma) ** 0.5 * z
    return {"z": z, "u": u, "delta": -h.lr * u}


@update_rule(
    title="SGLD", scope="group", hypers={"lr": lr(1e-2), "temperature": nonnegative(1.0, "T")} | SEED,
    latex=(DRAWN, (r"\Delta", r"-\eta\,g + \sqrt{2\,\eta\,T}\,z")),
    references=("Welling and Teh 2011, ICML",),
)
def sgld(xp, g, p, s, h, t):
    """Langevin dynamics: with noise of the right size descent does not arrive, it samples ``exp(-f / T)``."""
    z = gaussian(xp, h.seed, t, p)
    return {"z": z, "delta": -h.lr * g + (2 * h.lr * h.temperature) ** 0.5 * z}


def dp_aggregate(
    per_example: Mapping[str, Any], *, l2_norm_clip: float, noise_multiplier: float, seed: int, t: int
) -> dict[str, Any]:
    r"""Mean gradient that hides every single example: each is clipped, the sum gets noise. With SGD it is DP-SGD.

    With :math:`C` the clip and :math:`\sigma` the multiplier,
    :math:`\frac{1}{n} (\sum_i g_i \min(1, C / \Vert g_i \Vert) + C \sigma z)`, where the norm of an example is
    taken over all parameters (Abadi et al. 2016, arXiv 1607.00133).

    Parameters
    ----------
    per_example : mapping of str to array, shape (n, ...)
        Gradients of each of `n` examples, by parameter; their order places the noise.
    l2_norm_clip : float
        Largest norm of one example's gradient, more than 0.
    noise_multiplier : float
        Standard deviation of the noise over `l2_norm_clip`.
    seed : int
    t : int
        Number of the step, from 1: another step, other noise.

    Returns
    -------
    dict of str to array
        For ``opt.step``.

    Raises
    ------
    HyperparameterError, ShapeError

    Examples
    --------
    >>> import numpy as np
    >>> g = {"w": np.array([[3.0, 4.0], [0.3, 0.4]])}
    >>> dp_aggregate(g, l2_norm_clip=1.0, noise_multiplier=0.0, seed=0, t=1)["w"].round(3).tolist()
    [0.45, 0.6]
    """
    given = {"l2_norm_clip": l2_norm_clip, "noise_multiplier": noise_multiplier, "seed": seed, "t": t}
    h = SimpleNamespace(**check_all("dp_aggregate", PRIVATE, given))
    xp = (common(per_example.values()) or device("cpu")).xp
    grads = {k: xp.asarray(g) for k, g in per_example.items()}
    sizes = {g.shape[:1] for g in grads.values()}
    if len(sizes) != 1 or sizes & {(), (0,)}:
        raise ShapeError(
            "dp_aggregate: gradients of shape " + ", ".join(str(g.shape) for g in grads.values()),
            "the first axis counts the examples", "one gradient per example and parameter",
        )  # fmt: skip
    n = sizes.pop()[0]
    norm = xp.sqrt(sum(xp.sum(xp.reshape(g * g, shape=(n, -1)), axis=1) for g in grads.values()))
    share = xp.reshape(h.l2_norm_clip / xp.maximum(norm, h.l2_norm_clip), shape=(1, n))
    sums = [xp.matmul(share, xp.reshape(g, shape=(n, -1))) for g in grads.values()]
    whole = xp.concatenate(*sums, axis=1)
    whole = (whole + h.l2_norm_clip * h.noise_multiplier * gaussian(xp, h.seed, h.t, whole)) / n
    out, at = {}, 0
    for k, g in grads.items():
        size = g.size // n
        out[k] = xp.asarray(xp.reshape(whole[0, at : at + size], shape=g.shape[1:]), dtype=g.dtype)
        at += size
    return out
