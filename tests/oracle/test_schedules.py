"""Every schedule against its textbook formula in 60 digits, at its corners and 250 steps up to 100,000.

Every step of 1 to 100,000: ``python -m tests.oracle.test_schedules [schedule ...]``. With python-flint installed its
numbers are taken, which know how wrong they are and are ten times as fast as mpmath's.
"""

from __future__ import annotations

import contextlib
import math
import random
import sys
import types

import mpmath
import pytest

from torchlean_nb import schedules
from torchlean_nb.schedules import SCHEDULES

pytestmark = pytest.mark.oracle
mp = mpmath.mp.clone()
mp.dps = 60
F, PI, COS, FLOOR = mp.mpf, mp.pi, mp.cos, mp.floor
EPS = sys.float_info.epsilon


def half(x):
    """Half a cosine from 1 at 0 to 0 at 1."""
    return (1 + COS(PI * x)) / 2


def ease(way, a, b, x):
    return b + (a - b) * half(x) if way == "cos" else a + (b - a) * x


def ratio(k, n):
    return F(k) / n


def exponential(k, base, gamma, total, begin, staircase, end):
    t = ratio(max(k - begin, 0), total)
    v = base * gamma ** (FLOOR(t) if staircase else t)
    return v if end is None else max(v, end) if gamma < 1 else min(v, end)


def cosine_decay(k, base, total, alpha, exponent):
    return base * ((1 - alpha) * half(ratio(min(k, total), total)) ** exponent + alpha)


def piecewise(k, base, boundaries, scales, way=None):
    value, start = base, 0
    for b, c in zip(boundaries, scales, strict=True):
        if k < b:
            return value if way is None else ease(way, value, value * c, ratio(k - start, b - start))
        value, start = value * c, b
    return value


def cycle(k, low, high, up, down, mode, gamma, scale=None, scale_by=None):
    down = down or up
    c = FLOOR(1 + ratio(k, up + down))
    x = 1 + ratio(k, up + down) - c
    r = ratio(up, up + down)
    height = {"triangular": F(1), "triangular2": F(2) ** (1 - c), "exp_range": F(gamma) ** k}[mode]
    return low + (high - low) * (x / r if x <= r else (x - 1) / (r - 1)) * height


def warm_restarts(k, base, period, factor, minimum):
    while k >= period:
        k, period = k - period, period * factor
    return minimum + (base - minimum) * half(ratio(k, period))


def phases(k, values, total, pct, way, three_phase):
    # Where the phases end is what PyTorch computes in floats; that is the definition, not an approximation.
    first, second = F(float(pct) * total - 1), F(2 * float(pct) * total - 2)
    ends = [first, second, F(total - 1)] if three_phase else [first, F(total - 1)]
    k, start = min(k, total - 1), F(0)
    for a, b, end in zip(values, values[1:], ends, strict=False):
        if k <= end:
            return ease(way, a, b, (k - start) / (end - start))
        start = end
    raise AssertionError


def one_cycle_lr(k, maximum, total, pct, way, three_phase, div, final_div):
    first = maximum / div
    return phases(k, [first, maximum, *([first] * three_phase), first / final_div], total, pct, way, three_phase)


def one_cycle(k, maximum, total, div, pct, final_div):
    top, first, last = F(pct) * total, maximum / div, maximum / final_div
    if k >= total:
        return last
    return first + (maximum - first) * k / top if k < top else maximum + (last - maximum) * (k - top) / (total - top)


def warmup(then):
    def formula(k, start, peak, warmup, **rest):
        return start + (peak - start) * ratio(k, warmup) if k < warmup else then(k - warmup, peak, warmup, **rest)

    return formula


def wsd(k, base, warmup, stable, decay, minimum, way):
    if k < warmup + stable:
        return base * min(ratio(k, max(warmup, 1)), 1)
    x = ratio(min(k - warmup - stable, decay), decay)
    w = {"linear": 1 - x, "cos": half(x), "sqrt": 1 - mp.sqrt(x)}[way]
    return minimum + (base - minimum) * w


def polynomial(k, base, end, total, begin, power=1):
    return (base - end) * (1 - ratio(min(max(k - begin, 0), total), total)) ** power + end


def warmup_cosine(k, base, warmup, total, minimum, clamped):
    if k < warmup:
        return base * ratio(k, warmup)
    k = min(k, total) if clamped else k
    return minimum + (base - minimum) * half(ratio(k - warmup, total - warmup))


def climb(then):
    """A factor that climbs from 0 in a straight line, and what comes after it."""

    def formula(k, base, warmup, total, **rest):
        if k < warmup:
            return base * ratio(k, warmup)
        return then(base, k - warmup, total - warmup, **rest)

    return formula


def waves(base, k, total, cycles, minimum=0):
    return minimum + (base - minimum) * (1 + COS(2 * PI * cycles * ratio(k, total))) / 2


def waves_start(k, base, warmup, total, minimum, start, cycles):
    if k >= warmup:
        return waves(base, k - warmup + 1, total - warmup, cycles, minimum)
    return base * ratio(k + 1, warmup) if start is None else start + (base - start) * ratio(k, warmup - 1)


def floored(k, base, minimum, warmup, total):
    return base * ratio(k + 1, warmup) if k < warmup else waves(base, min(k, total) - warmup, total - warmup, F(1) / 2,
                                                                 minimum)  # fmt: skip


def nodes(k, low, high, total, order):
    places = [0]
    while order == "fractal" and len(places) < total:
        places = [j for i in places for j in (i, 2 * len(places) - 1 - i)]
    places = places if order == "fractal" else range(total)
    return 2 / (high + low - (high - low) * COS((2 * places[k % total] + 1) * PI / (2 * total)))


TEXTBOOK = {
    "warmup_cosine_floor": floored,
    "warmup_linear": climb(lambda base, k, total: base * max(1 - ratio(k, total), 0)),
    "warmup_waves": climb(waves),
    "warmup_waves_min": climb(waves),
    "warmup_waves_start": waves_start,
    "warmup_restarts": climb(lambda base, k, total, cycles: base
                             * half(cycles * ratio(k, total) - FLOOR(cycles * ratio(k, total))) * (k < total)),
    "warmup_polynomial": climb(lambda base, k, total, end, power: end
                               + (base - end) * max(1 - ratio(k, total), 0) ** power),
    "warmup_inverse_sqrt": lambda k, base, warmup, timescale: base * ratio(k, warmup) if k < warmup else base
    / mp.sqrt(ratio(k + (timescale or warmup or 10_000) - warmup, timescale or warmup or 10_000)),
    "natural_exp": lambda k, base, rate, total, staircase: base * mp.exp(-rate * ratio(k, total)),
    "sqrt_decay": lambda k, base: base / mp.sqrt(k + 1),
    "bottou": lambda k, base, rate: base / (1 + base * rate * k),
    "deeplab_poly": lambda k, base, total, power: base * (1 - ratio(min(k, total), total)) ** power,
    "snapshot": lambda k, base, total, cycles: base * half(ratio(k % -(-total // cycles), -(-total // cycles))),
    "chebyshev": nodes,
    "constant": lambda k, base: base,
    "step_decay": lambda k, base, size, gamma: base * gamma ** (k // size),
    "multistep": lambda k, base, milestones, gamma: base * gamma ** sum(m <= k for m in milestones),
    "constant_factor": lambda k, base, factor, total: base * (factor if k < total else 1),
    "piecewise_constant": piecewise,
    "piecewise_interpolate": piecewise,
    "exponential_decay": exponential,
    "linear_factor": lambda k, base, start_factor, end_factor, total: base
    * (start_factor + (end_factor - start_factor) * ratio(min(k, total), total)),
    "polynomial": polynomial,
    "linear": polynomial,
    "inverse_time": lambda k, base, rate, total, staircase: base / (1 + rate * ratio(k, total)),
    "inverse_sqrt": lambda k, base, warmup: base * min(ratio(k, warmup), mp.sqrt(ratio(warmup, max(k, 1)))),
    "noam": lambda k, dim, warmup, factor: factor
    / mp.sqrt(dim) * min(F(k + 1) ** F(-0.5), (k + 1) * warmup ** F(-1.5)),
    "rex": lambda k, base, total: base * (1 - ratio(min(k, total), total)) / (1 - ratio(min(k, total), total) / 2),
    "lr_finder": lambda k, minimum, maximum, total: minimum * (maximum / minimum) ** ratio(k, total),
    "cosine": lambda k, base, total, minimum: minimum + (base - minimum) * half(ratio(min(k, total), total)),
    "cosine_annealing": lambda k, base, total, minimum: minimum + (base - minimum) * half(ratio(k, total)),
    "cosine_decay": cosine_decay,
    "warm_restarts": warm_restarts,
    "swa": lambda k, base, target, total, way: ease(way, base, target, ratio(min(k, total), total)),
    "cyclic": lambda k, base, maximum, **rest: cycle(k, base, maximum, **rest),
    "cyclic_momentum": lambda k, low, high, **rest: cycle(k, high, low, **rest),
    "triangular": lambda k, base, maximum, size: cycle(k, base, maximum, size, size, "triangular", 1),
    "one_cycle": one_cycle,
    "one_cycle_lr": one_cycle_lr,
    "one_cycle_momentum": lambda k, low, high, three_phase, **rest: phases(
        k, [high, low, high, high], three_phase=three_phase, **rest),
    "linear_warmup": lambda k, base, warmup, start: start + (base - start) * min(ratio(k, warmup), 1),
    "warmup_cosine": warmup_cosine,
    "warmup_cosine_decay": warmup(
        lambda k, peak, w, total, end, exponent: cosine_decay(k, peak, total - w, end / peak, exponent)),
    "warmup_exponential_decay": warmup(lambda k, peak, w, **rest: exponential(k, peak, **rest)),
    "wsd": wsd,
    "trapezoid": lambda k, base, total, warmup, decay: base
    * max(min(ratio(k, warmup), 1, ratio(total - k, decay)), 0),
    "linear_onecycle": lambda k, total, peak, pct, pct_final, div, final_div: piecewise(
        k, peak / div, [int(pct * total), int(pct_final * total), total], [div, 1 / div, 1 / final_div], "linear"),
    "cosine_onecycle": lambda k, total, peak, pct, div, final_div: piecewise(
        k, peak / div, [int(pct * total), total], [div, 1 / (div * final_div)], "cos"),
}  # fmt: skip
OF_PARTS = {"join", "scale", "add", "custom", "lambda_", "lambda", "multiplicative"}
CASES = [
    pytest.param(name, s, id=f"{name}-{i}") for name in TEXTBOOK for i, s in enumerate(SCHEDULES[name].samples)
]


def exact(v):
    if isinstance(v, (list, tuple)):
        return [exact(x) for x in v]
    return F(v) if type(v) is float else v


def test_every_schedule_has_a_textbook_formula_or_is_made_of_others():
    assert set(SCHEDULES) == set(TEXTBOOK) | OF_PARTS & set(SCHEDULES)


def test_a_root_and_a_bend_keep_their_digits():
    for power in (0.3, 0.5, 0.9, 2.5):
        for k in (1, 3, 50_000, 99_990, 99_999):
            s = schedules.polynomial(0.0, end=1.0, total=100_000, power=power)
            right = 1 - (1 - ratio(k, 100_000)) ** F(power)
            assert abs(s(k) - right) <= 4 * EPS * right, (power, k)


def steps(s):
    near = {p + d for p in (*s.points, 100_000) for d in (-3, -2, -1, 0, 1, 2)}
    some = random.Random(0).sample(range(100_001), 150)
    inside = random.Random(1).sample(range(max((*s.points, 999)) + 1), 100)
    return sorted(k for k in {0, 1, 2, 3, *near, *some, *inside} if 0 <= k <= 100_000)


def worst(name, sample, steps):
    """Largest relative error in eps at these steps of a schedule, and where."""
    s = SCHEDULES[name](**sample)
    hypers = {n: exact(v) for n, v in s.items}
    if name == "linear_onecycle":
        hypers |= {n: s.hypers[n] for n in ("pct", "pct_final")}
    if name == "cosine_onecycle":
        hypers["pct"] = s.hypers["pct"]
    found = (0.0, 0)
    for k in steps(s):
        right = TEXTBOOK[name](k, **hypers)
        if right > sys.float_info.max:
            continue  # an error, see the laws
        got = s(k)
        if abs(right) < sys.float_info.min:
            assert abs(got) < sys.float_info.min  # fewer digits there, or none
            continue
        error = float(abs(got - right) / abs(right) / EPS)
        assert not math.isnan(error), k
        found = max(found, (error, k))
    return found


@pytest.mark.parametrize(("name", "sample"), CASES)
def test_values_are_within_four_eps_of_sixty_digits(name, sample):
    error, step = worst(name, sample, steps)
    assert error <= 4, step


def test_the_plain_formula_of_the_cosine_would_fail():
    k, n = 99_990, 100_000
    right = half(ratio(k, n))
    assert abs((1 + math.cos(math.pi * k / n)) / 2 - right) / right > 1e6 * EPS
    assert abs(schedules.cosine(1.0, n)(k) - right) / right < 4 * EPS


def main(names):
    """Every step of every sample of these schedules, of all without names; whether one is further than 4 eps."""
    with contextlib.suppress(ImportError):
        import flint

        flint.ctx.dps = 60
        arb = flint.arb  # with a cosine in half turns, which is exact at its ends
        roots = types.SimpleNamespace(sqrt=lambda x: arb(x).sqrt(), exp=arb.exp)
        globals().update(F=arb, PI=1, COS=lambda x: arb(x).cos_pi(), FLOOR=arb.floor, mp=roots)
    found = []
    for name, sample in (case.values for case in CASES if not names or case.values[0] in names):
        found.append((*worst(name, sample, lambda s: range(1, 100_001)), name, sample))
        print(name, sample, f"{found[-1][0]:.2f} eps at step {found[-1][1]}", flush=True)
    print(f"{len(found)} schedules, every step of 1 to 100,000: at most {max(found)[0]:.2f} eps ({max(found)[2]})")
    return max(found)[0] > 4


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
