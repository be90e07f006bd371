"""One minimum, and the way to it is convex: bowls, round and stretched."""

import math

from torchlean_nb.hypers import Hyper
from torchlean_nb.surfaces._row import surface

TURNED = {
    "condition": Hyper(100.0, r"\kappa", 1.0, log=True), "angle": Hyper(0.0, r"\varphi", -180.0, 180.0),
}  # fmt: skip


def _form(condition, angle):
    """Second derivatives of half the quadratic form with eigenvalues 1 and `condition`, turned by degrees."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return c * c + condition * s * s, (1 - condition) * c * s, s * s + condition * c * c


@surface(
    lambda xp, x, y: (2.0 * x, 2.0 * y), lambda xp, x, y: (2.0 + 0 * x, 0.0 * x, 2.0 + 0 * y),
    latex="x^2 + y^2", domain=(-3.0, 3.0, -3.0, 3.0), minima=((0.0, 0.0),), start=(-2.0, 1.5),
    references=("De Jong 1975",),
)  # fmt: skip
def sphere(xp, x, y):
    """Round bowl: the gradient points at the minimum."""
    return x * x + y * y


def _quadratic_slope(xp, x, y, *, condition, angle):
    a, b, c = _form(condition, angle)
    return a * x + b * y, b * x + c * y


def _quadratic_curvature(xp, x, y, *, condition, angle):
    a, b, c = _form(condition, angle)
    return a + 0 * x, b + 0 * x, c + 0 * x


@surface(
    _quadratic_slope, _quadratic_curvature, hypers=TURNED,
    latex=r"\tfrac12\,z^\top R_\varphi \mathrm{diag}(1, \kappa) R_\varphi^\top z",
    domain=(-12.0, 12.0, -3.0, 3.0), minima=((0.0, 0.0),), start=(10.0, 1.0),
    references=("Polyak 1964, Some methods of speeding up the convergence of iteration methods",),
)  # fmt: skip
def quadratic(xp, x, y, *, condition, angle):
    """Stretched bowl with a chosen condition number, turned by an angle in degrees."""
    a, b, c = _form(condition, angle)
    return 0.5 * (a * x * x + 2 * b * x * y + c * y * y)


@surface(
    lambda xp, x, y: (10.0 * x + 8.0 * y - 34.0, 8.0 * x + 10.0 * y - 38.0),
    lambda xp, x, y: (10.0 + 0 * x, 8.0 + 0 * x, 10.0 + 0 * y),
    latex="(x + 2y - 7)^2 + (2x + y - 5)^2", domain=(-10.0, 10.0, -10.0, 10.0), minima=((1.0, 3.0),),
    start=(-8.0, 6.0), references=("Jamil and Yang 2013, arXiv 1308.4008, f17",),
)  # fmt: skip
def booth(xp, x, y):
    """A tilted bowl, nine times as steep one way as the other."""
    a, b = x + 2 * y - 7, 2 * x + y - 5
    return a * a + b * b


@surface(
    lambda xp, x, y: (0.52 * x - 0.48 * y, 0.52 * y - 0.48 * x),
    lambda xp, x, y: (0.52 + 0 * x, -0.48 + 0 * x, 0.52 + 0 * y),
    latex="0.26\\,(x^2 + y^2) - 0.48\\,xy", domain=(-10.0, 10.0, -10.0, 10.0), minima=((0.0, 0.0),),
    start=(-8.0, 2.0), references=("Jamil and Yang 2013, arXiv 1308.4008, f71",),
)  # fmt: skip
def matyas(xp, x, y):
    """A diagonal valley with almost no slope along it."""
    return 0.26 * (x * x + y * y) - 0.48 * x * y


def _zakharov_slope(xp, x, y):
    s = 0.5 * x + y
    t = 2 * s + 4 * s * s * s
    return 2 * x + 0.5 * t, 2 * y + t


def _zakharov_curvature(xp, x, y):
    s = 0.5 * x + y
    t = 2 + 12 * s * s
    return 2 + 0.25 * t, 0.5 * t, 2 + t


@surface(
    _zakharov_slope, _zakharov_curvature, latex="x^2 + y^2 + s^2 + s^4,\\; s = \\tfrac12 x + y",
    domain=(-5.0, 5.0, -5.0, 5.0), minima=((0.0, 0.0),), start=(-4.0, 4.0),
    references=("Jamil and Yang 2013, arXiv 1308.4008, f173",),
)  # fmt: skip
def zakharov(xp, x, y):
    """A plate bent by a fourth power: steep far out, round at the bottom."""
    s = 0.5 * x + y
    return x * x + y * y + s * s + s * s * s * s
