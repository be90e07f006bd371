"""Valleys, plateaus and saddles: where the gradient misleads, or says nothing."""

from torchlean_nb.hypers import Hyper
from torchlean_nb.surfaces._row import surface


def _rosenbrock_slope(xp, x, y, *, a, b):
    u = y - x * x
    return -2 * (a - x) - 4 * b * x * u, 2 * b * u


def _rosenbrock_curvature(xp, x, y, *, a, b):
    return 2 - 4 * b * (y - 3 * x * x), -4 * b * x, 2 * b + 0 * x


@surface(
    _rosenbrock_slope, _rosenbrock_curvature,
    hypers={"a": Hyper(1.0, "a"), "b": Hyper(100.0, "b", 0.0, open_low=True, log=True)},
    latex="(a - x)^2 + b\\,(y - x^2)^2", domain=(-2.0, 2.0, -1.0, 3.0), minima=lambda a, b: ((a, a * a),),
    start=(-1.5, 2.0), references=("Rosenbrock 1960, An automatic method for finding the greatest or least value",),
)  # fmt: skip
def rosenbrock(xp, x, y, *, a, b):
    """A bent valley: easy to reach, hard to follow."""
    u, v = a - x, y - x * x
    return u * u + b * v * v


def _beale_parts(x, y):
    y2 = y * y
    y3 = y2 * y
    return (1.5 - x + x * y, 2.25 - x + x * y2, 2.625 - x + x * y3), (y - 1, y2 - 1, y3 - 1), (x, 2 * x * y, 3 * x * y2)


def _beale_slope(xp, x, y):
    (u, v, w), (a, b, c), (d, e, f) = _beale_parts(x, y)
    return 2 * (u * a + v * b + w * c), 2 * (u * d + v * e + w * f)


def _beale_curvature(xp, x, y):
    (u, v, w), (a, b, c), (d, e, f) = _beale_parts(x, y)
    cross = u + a * d + 2 * v * y + b * e + 3 * w * y * y + c * f
    return 2 * (a * a + b * b + c * c), 2 * cross, 2 * (d * d + e * e + 2 * v * x + f * f + 6 * w * x * y)


@surface(
    _beale_slope, _beale_curvature, latex="(1.5 - x + xy)^2 + (2.25 - x + xy^2)^2 + (2.625 - x + xy^3)^2",
    domain=(-4.5, 4.5, -4.5, 4.5), minima=((3.0, 0.5),), start=(-1.0, 1.5),
    references=("Beale 1958, On an iterative method for finding a local minimum",),
)  # fmt: skip
def beale(xp, x, y):
    """Flat valleys between steep corners."""
    u, v, w = _beale_parts(x, y)[0]
    return u * u + v * v + w * w


@surface(
    lambda xp, x, y: (2 * (x - 1) - 4 * (2 * y * y - x), 16 * y * (2 * y * y - x)),
    lambda xp, x, y: (6.0 + 0 * x, -16 * y, 96 * y * y - 16 * x),
    label="Dixon-Price",
    latex="(x - 1)^2 + 2\\,(2y^2 - x)^2", domain=(-3.0, 3.0, -2.0, 2.0), minima=((1.0, 0.5**0.5), (1.0, -(0.5**0.5))),
    start=(-2.0, 1.5), references=("Dixon and Price 1989, Truncated Newton method for sparse problems",),
)  # fmt: skip
def dixon_price(xp, x, y):
    """A valley with two ends."""
    u, v = x - 1, 2 * y * y - x
    return u * u + 2 * v * v


@surface(
    lambda xp, x, y: (4 * x - 4.2 * x * x * x + x * x * x * x * x + y, x + 2 * y),
    lambda xp, x, y: (4 - 12.6 * x * x + 5 * x * x * x * x, 1.0 + 0 * x, 2.0 + 0 * y),
    label="Three-hump camel",
    latex="2x^2 - 1.05\\,x^4 + \\tfrac{x^6}{6} + xy + y^2", domain=(-2.5, 2.5, -2.5, 2.5), minima=((0.0, 0.0),),
    start=(-2.0, 2.0), references=("Jamil and Yang 2013, arXiv 1308.4008, f29",),
)  # fmt: skip
def three_hump_camel(xp, x, y):
    """One true minimum between two false ones."""
    z = x * x
    return 2 * z - 1.05 * z * z + z * z * z / 6 + x * y + y * y


def _ravine_slope(xp, x, y, *, depth):
    u = y - xp.sin(x)
    return 0.1 * x - 2 * depth * u * xp.cos(x), 2 * depth * u


def _ravine_curvature(xp, x, y, *, depth):
    u, c = y - xp.sin(x), xp.cos(x)
    return 0.1 + 2 * depth * (c * c + u * xp.sin(x)), -2 * depth * c, 2 * depth + 0 * x


@surface(
    _ravine_slope, _ravine_curvature, hypers={"depth": Hyper(10.0, "d", 0.0, open_low=True, log=True)},
    latex="\\tfrac{x^2}{20} + d\\,(y - \\sin x)^2", domain=(-8.0, 8.0, -3.0, 3.0), minima=((0.0, 0.0),),
    start=(-7.0, 1.0),
)  # fmt: skip
def ravine(xp, x, y, *, depth):
    """A winding ravine with a gentle fall along its bottom."""
    u = y - xp.sin(x)
    return x * x / 20 + depth * u * u


def _plateau_slope(xp, x, y, *, width):
    e = 2 * xp.exp(-(x * x + y * y) / width) / width
    return e * x, e * y


def _plateau_curvature(xp, x, y, *, width):
    e, k = 2 * xp.exp(-(x * x + y * y) / width) / width, 2 / width
    return e * (1 - k * x * x), -k * e * x * y, e * (1 - k * y * y)


@surface(
    _plateau_slope, _plateau_curvature, hypers={"width": Hyper(1.0, "w", 0.0, open_low=True)},
    latex="1 - e^{-(x^2 + y^2)/w}", domain=(-3.0, 3.0, -3.0, 3.0), minima=((0.0, 0.0),), start=(-1.8, 1.2),
)  # fmt: skip
def plateau(xp, x, y, *, width):
    """A hole in a plain: far away the gradient is almost nothing."""
    return 1 - xp.exp(-(x * x + y * y) / width)


def _easom_slope(xp, x, y):
    pi = 3.141592653589793
    e = xp.exp(-((x - pi) * (x - pi) + (y - pi) * (y - pi)))
    a, b = xp.cos(x), xp.cos(y)
    return e * b * (xp.sin(x) + 2 * (x - pi) * a), e * a * (xp.sin(y) + 2 * (y - pi) * b)


def _easom_curvature(xp, x, y):
    pi = 3.141592653589793
    u, v = x - pi, y - pi
    e, a, b = xp.exp(-(u * u + v * v)), xp.cos(x), xp.cos(y)
    p, q = xp.sin(x) + 2 * u * a, xp.sin(y) + 2 * v * b
    xx = e * b * (a + 2 * a - 2 * u * xp.sin(x) - 2 * u * p)
    yy = e * a * (b + 2 * b - 2 * v * xp.sin(y) - 2 * v * q)
    return xx, -e * p * q, yy


@surface(
    _easom_slope, _easom_curvature, latex="-\\cos x\\,\\cos y\\;e^{-(x - \\pi)^2 - (y - \\pi)^2}",
    domain=(0.0, 6.0, 0.0, 6.0), minima=((3.141592653589793, 3.141592653589793),), lowest=-1.0, start=(1.8, 4.2),
    references=("Easom 1990, A survey of global optimization techniques",),
)  # fmt: skip
def easom(xp, x, y):
    """One narrow hole in a plain."""
    pi = 3.141592653589793
    return -xp.cos(x) * xp.cos(y) * xp.exp(-((x - pi) * (x - pi) + (y - pi) * (y - pi)))


@surface(
    lambda xp, x, y: (2 * x, -2 * y), lambda xp, x, y: (2.0 + 0 * x, 0.0 * x, -2.0 + 0 * y),
    latex="x^2 - y^2", domain=(-2.0, 2.0, -2.0, 2.0), lowest=float("-inf"), start=(-1.5, 0.001),
)  # fmt: skip
def saddle(xp, x, y):
    """Down one way, up the other, and slow to leave between the two."""
    return x * x - y * y


@surface(
    lambda xp, x, y: (3 * x * x - 3 * y * y, -6 * x * y), lambda xp, x, y: (6 * x, -6 * y, -6 * x),
    latex="x^3 - 3xy^2", domain=(-2.0, 2.0, -2.0, 2.0), lowest=float("-inf"), start=(1.0, 0.001),
    references=("Hilbert and Cohn-Vossen 1932, Anschauliche Geometrie",),
)  # fmt: skip
def monkey_saddle(xp, x, y):
    """Three ways down, and no curvature where they meet."""
    return x * x * x - 3 * x * y * y
