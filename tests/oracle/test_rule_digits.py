"""Each step of every rule against sixty digits: a hundred steps, each from the state that float64 has reached.

The error is counted in ulps of a term's natural scale (see `digits`): where a rule subtracts nearly equal
results, as in ``1 - beta**t`` with a beta of 0.999, float64 keeps no more than that. So that this excuses nothing
but coefficients, the same is measured with those that Python's floats give: then ulps are those of the terms.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracle.digits import DigitsNamespace, lift, number

from torchlean_nb.laws.rules_known import GIVEN
from torchlean_nb.laws.rules_trial import everything_on
from torchlean_nb.updates import RULES

XP, ULPS = DigitsNamespace(), 4.0
EXPLICIT = {"adafactor": {"eps": (1e-30, 1e-3)}}  # its default is float64's own epsilon
# The scale counts the largest rounding on the way, not how many there are: these have a dozen of nearly full size.
MORE = {
    "lamb": (4.5, "as the paper writes it, with its corrected means: a quotient of norms times one of roots"),
    "msvag": (4.3, "the step is the cube of a mean over a sum: the mean's rounding counts three times"),
    "barzilai_borwein": (4.1, "a quotient of two sums over all elements, each of products of differences"),
    "came": (4.2, "two quotients of roots of means, a norm and a mean in a row"),
    "adanorm": (4.3, "a norm and its mean, a quotient of them, then Adam and its decay"),
    # What LAPACK gives has more than one rounding of the matrix's size: 4.3, 6.1 and 5.9 with OpenBLAS 0.3.31.
    "galore": (5.0, "a mean of squares: the rounding of singular vectors counts twice"),
    "galore_sgd": (7.0, "there and back: the rounding of singular vectors counts twice"),
    "soap": (7.0, "there and back in two bases, each the Q of a product with the last one"),
}
ROWS = [r for r in RULES.values() if r.builtin]
SETTINGS = [
    pytest.param(r, {**GIVEN.get(r.name, {}), **EXPLICIT.get(r.name, {}), **on}, id=r.name + "-on" * bool(on))
    for r in ROWS for on in ([{}, everything_on(r)] if everything_on(r) else [{}])
]  # fmt: skip


def exactly(value):
    return number(value) if isinstance(value, float) else value


def worst(rule, given, steps, coefficients, shape=(4, 3)):
    """Largest error of any slot or step, in ulps of its natural scale, and where it was."""
    rng = np.random.default_rng(5)
    p, flat = rng.normal(size=shape), rule.resolve(given)
    h = SimpleNamespace(**flat)
    wide = SimpleNamespace(**{k: exactly(v) if coefficients == "exact" else v for k, v in flat.items()})
    slots, found = rule.start(p, h), (0.0, "")
    for t in range(1, steps + 1):
        g = rng.normal(size=shape) * np.exp(rng.normal(size=shape))
        h.value, h.curvature = float(rng.uniform(0.5, 2.5)), 1 + g * g
        wide.value, wide.curvature = number(h.value), lift(h.curvature)
        with np.errstate(all="ignore"):
            terms = rule.terms(g, p, slots, h, t)
        exact = rule.terms(lift(g), lift(p), {k: lift(v) for k, v in slots.items()}, wide, t, XP)
        for k in (*slots, "delta"):
            wants = np.broadcast_to(np.asarray(exact[k], dtype=object), np.shape(terms[k]))
            for got, want in zip(np.ravel(terms[k]), map(number, wants.ravel()), strict=True):
                if not mpmath.isfinite(want.v):
                    assert not np.isfinite(got), f"{k} of step {t}: {got} and {want}"
                elif error := abs(mpf(float(got)) - want.v):
                    found = max(found, (float(error) / np.spacing(float(want.s)), f"{k} of step {t}"))
        p, slots = p + terms["delta"], {k: np.asarray(terms[k]) for k in slots}
    return found


@pytest.mark.parametrize(("rule", "given"), SETTINGS)
def test_a_hundred_steps_are_within_four_ulps_of_sixty_digits(rule, given):
    ulps, where = worst(rule, given, 100, "exact")
    assert ulps <= MORE.get(rule.name, (ULPS, ""))[0], where


@pytest.mark.parametrize(("rule", "given"), SETTINGS)
def test_with_the_coefficients_of_floats_four_ulps_are_those_of_the_terms(rule, given):
    ulps, where = worst(rule, given, 40, "as floats")
    assert ulps <= MORE.get(rule.name, (ULPS, ""))[0], where


@pytest.mark.parametrize("name", ["sgd", "adam", "lamb", "adagrad", "rmsprop", "dog"])
def test_an_error_in_the_fifteenth_digit_is_seen(name):
    rule = RULES[name]

    def off(xp, g, p, s, h, t):
        out = rule.update(xp, g, p, s, h, t)
        return out | {"delta": out["delta"] * (1 if xp is XP else 1 + 2e-15)}

    ulps, where = worst(replace(rule, update=off), {}, 5, "as floats")
    assert ulps > ULPS and where.startswith("delta")


def test_a_natural_scale_is_what_a_rounding_on_the_way_can_move():
    beta, one = number(0.999), number(1.0)
    lost = one - beta**2
    assert float(lost.v) == pytest.approx(0.001999, rel=1e-12) and float(lost.s) == pytest.approx(0.998001)
    quotient = number(3.0) / lost
    assert float(quotient.s / quotient.v) == pytest.approx(0.998001 / 0.001999)
    assert float((one - beta).s) == pytest.approx(0.001)
    root = XP.sqrt(lift(np.array([4.0])))[0]
    assert (root.v, root.s) == (2, 2)
    total = np.sum(lift(np.array([1e16, 1.0, -1e16])))
    assert (total.v, total.s) == (1, mpf(10) ** 16 + 1)
