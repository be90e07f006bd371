"""Many minima: where one ends depends on where one starts."""

import math

from torchlean_nb.hypers import Hyper
from torchlean_nb.surfaces._row import surface

PI = math.pi


def _himmelblau_slope(xp, x, y):
    u, v = x * x + y - 11, x + y * y - 7
    return 4 * x * u + 2 * v, 2 * u + 4 * y * v


@surface(
    _himmelblau_slope,
    lambda xp, x, y: (12 * x * x + 4 * y - 42, 4 * (x + y), 12 * y * y + 4 * x - 26),
    latex="(x^2 + y - 11)^2 + (x + y^2 - 7)^2", domain=(-5.0, 5.0, -5.0, 5.0),
    minima=((3.0, 2.0), (-2.805118086952745, 3.131312518250573), (-3.7793102533777470, -3.2831859912861696),
            (3.5844283403304917, -1.8481265269644034)),
    start=(0.0, -4.0), references=("Himmelblau 1972, Applied Nonlinear Programming",),
)  # fmt: skip
def himmelblau(xp, x, y):
    """Four minima of the same depth."""
    u, v = x * x + y - 11, x + y * y - 7
    return u * u + v * v


def _six_hump_camel_slope(xp, x, y):
    z, w = x * x, y * y
    return 8 * x - 8.4 * x * z + 2 * x * z * z + y, x - 8 * y + 16 * y * w


def _six_hump_camel_curvature(xp, x, y):
    z = x * x
    return 8 - 25.2 * z + 10 * z * z, 1.0 + 0 * x, 48 * y * y - 8


@surface(
    _six_hump_camel_slope, _six_hump_camel_curvature,
    label="Six-hump camel",
    latex="\\left(4 - 2.1\\,x^2 + \\tfrac{x^4}{3}\\right)x^2 + xy + 4\\,(y^2 - 1)\\,y^2", domain=(-2.0, 2.0, -1.2, 1.2),
    minima=((0.08984201310031806, -0.7126564030207396), (-0.08984201310031806, 0.7126564030207396)),
    lowest=-1.0316284534898774, start=(-1.8, -0.9), references=("Dixon and Szego 1978, Towards global optimisation 2",),
)  # fmt: skip
def six_hump_camel(xp, x, y):
    """Six minima, two of them deepest."""
    z, w = x * x, y * y
    return (4 - 2.1 * z + z * z / 3) * z + x * y + 4 * (w - 1) * w


def _rastrigin_slope(xp, x, y, *, A):
    return 2 * x + 2 * PI * A * xp.sin(2 * PI * x), 2 * y + 2 * PI * A * xp.sin(2 * PI * y)


def _rastrigin_curvature(xp, x, y, *, A):
    k = 4 * PI * PI * A
    return 2 + k * xp.cos(2 * PI * x), 0.0 * x, 2 + k * xp.cos(2 * PI * y)


@surface(
    _rastrigin_slope, _rastrigin_curvature, hypers={"A": Hyper(10.0, "A", 0.0)},
    latex="2A + x^2 - A\\cos 2\\pi x + y^2 - A\\cos 2\\pi y", domain=(-5.12, 5.12, -5.12, 5.12), minima=((0.0, 0.0),),
    start=(-3.8, 2.7), references=("Rastrigin 1974, Systems of extremal control",),
)  # fmt: skip
def rastrigin(xp, x, y, *, A):
    """A bowl covered with dents, one for each pair of whole numbers."""
    return 2 * A + x * x - A * xp.cos(2 * PI * x) + y * y - A * xp.cos(2 * PI * y)


def _ackley_slope(xp, x, y):
    r = xp.sqrt(0.5 * (x * x + y * y))
    a, b = 2 * xp.exp(-0.2 * r) / r, PI * xp.exp(0.5 * (xp.cos(2 * PI * x) + xp.cos(2 * PI * y)))
    return a * x + b * xp.sin(2 * PI * x), a * y + b * xp.sin(2 * PI * y)


def _ackley_curvature(xp, x, y):
    r = xp.sqrt(0.5 * (x * x + y * y))
    a, b = 2 * xp.exp(-0.2 * r) / r, PI * xp.exp(0.5 * (xp.cos(2 * PI * x) + xp.cos(2 * PI * y)))
    fall = -a * (0.2 + 1 / r) / (2 * r)
    s, t = xp.sin(2 * PI * x), xp.sin(2 * PI * y)
    xx = a + fall * x * x + b * (2 * PI * xp.cos(2 * PI * x) - PI * s * s)
    yy = a + fall * y * y + b * (2 * PI * xp.cos(2 * PI * y) - PI * t * t)
    return xx, fall * x * y - PI * b * s * t, yy


@surface(
    _ackley_slope, _ackley_curvature,
    latex="-20\\,e^{-0.2\\sqrt{(x^2 + y^2)/2}} - e^{(\\cos 2\\pi x + \\cos 2\\pi y)/2} + 20 + e",
    domain=(-5.0, 5.0, -5.0, 5.0), minima=((0.0, 0.0),), start=(-3.2, 2.4),
    references=("Ackley 1987, A connectionist machine for genetic hillclimbing",),
)  # fmt: skip
def ackley(xp, x, y):
    """A funnel with dents, pointed at the bottom."""
    r = xp.sqrt(0.5 * (x * x + y * y))
    dents = xp.exp(0.5 * (xp.cos(2 * PI * x) + xp.cos(2 * PI * y)))
    return 20 + math.e - 20 * xp.exp(-0.2 * r) - dents


def _levy13_slope(xp, x, y):
    s, t = xp.sin(3 * PI * y), xp.sin(2 * PI * y)
    fx = 3 * PI * xp.sin(6 * PI * x) + 2 * (x - 1) * (1 + s * s)
    fy = 3 * PI * (x - 1) * (x - 1) * xp.sin(6 * PI * y)
    return fx, fy + 2 * (y - 1) * (1 + t * t) + 2 * PI * (y - 1) * (y - 1) * xp.sin(4 * PI * y)


def _levy13_curvature(xp, x, y):
    s, t, v = xp.sin(3 * PI * y), xp.sin(2 * PI * y), y - 1
    xx = 18 * PI * PI * xp.cos(6 * PI * x) + 2 * (1 + s * s)
    xy = 6 * PI * (x - 1) * xp.sin(6 * PI * y)
    yy = 18 * PI * PI * (x - 1) * (x - 1) * xp.cos(6 * PI * y) + 2 * (1 + t * t)
    return xx, xy, yy + 8 * PI * v * xp.sin(4 * PI * y) + 8 * PI * PI * v * v * xp.cos(4 * PI * y)


@surface(
    _levy13_slope, _levy13_curvature,
    label="Levy 13", latex="\\sin^2 3\\pi x + (x - 1)^2(1 + \\sin^2 3\\pi y) + (y - 1)^2(1 + \\sin^2 2\\pi y)",
    domain=(-3.0, 4.0, -3.0, 4.0), minima=((1.0, 1.0),), start=(-2.2, 2.7),
    references=("Levy and Montalvo 1985, The tunneling algorithm for the global minimization of functions",),
)  # fmt: skip
def levy13(xp, x, y):
    """Ripples that grow away from the minimum."""
    r, s, t = xp.sin(3 * PI * x), xp.sin(3 * PI * y), xp.sin(2 * PI * y)
    return r * r + (x - 1) * (x - 1) * (1 + s * s) + (y - 1) * (y - 1) * (1 + t * t)


ROOT2 = math.sqrt(2)


def _griewank_slope(xp, x, y):
    return (x / 2000 + xp.sin(x) * xp.cos(y / ROOT2), y / 2000 + xp.cos(x) * xp.sin(y / ROOT2) / ROOT2)


def _griewank_curvature(xp, x, y):
    both = xp.cos(x) * xp.cos(y / ROOT2)
    return 1 / 2000 + both, -xp.sin(x) * xp.sin(y / ROOT2) / ROOT2, 1 / 2000 + both / 2


@surface(
    _griewank_slope, _griewank_curvature,
    latex="1 + \\tfrac{x^2 + y^2}{4000} - \\cos x\\,\\cos\\tfrac{y}{\\sqrt 2}", domain=(-10.0, 10.0, -10.0, 10.0),
    minima=((0.0, 0.0),), start=(-8.0, 6.0), references=("Griewank 1981, Generalized descent for global optimization",),
)  # fmt: skip
def griewank(xp, x, y):
    """Regular waves on an almost flat bowl."""
    return 1 + (x * x + y * y) / 4000 - xp.cos(x) * xp.cos(y / ROOT2)


def _styblinski_tang_slope(xp, x, y):
    return 2 * x * x * x - 16 * x + 2.5, 2 * y * y * y - 16 * y + 2.5


@surface(
    _styblinski_tang_slope, lambda xp, x, y: (6 * x * x - 16, 0.0 * x, 6 * y * y - 16),
    label="Styblinski-Tang",
    latex="\\tfrac12\\left(x^4 - 16x^2 + 5x + y^4 - 16y^2 + 5y\\right)", domain=(-5.0, 5.0, -5.0, 5.0),
    minima=((-2.9035340277711770, -2.9035340277711770),), lowest=-78.33233140754282, start=(0.5, 4.5),
    references=("Styblinski and Tang 1990, Experiments in nonconvex optimization",),
)  # fmt: skip
def styblinski_tang(xp, x, y):
    """Four hollows, one a little deeper."""
    z, w = x * x, y * y
    return 0.5 * (z * z - 16 * z + 5 * x + w * w - 16 * w + 5 * y)


def _goldstein_price_parts(x, y):
    s, d = x + y + 1, 2 * x - 3 * y
    p = 19 - 14 * x + 3 * x * x - 14 * y + 6 * x * y + 3 * y * y
    q = 18 - 32 * x + 12 * x * x + 48 * y - 36 * x * y + 27 * y * y
    return s, d, p, q


def _goldstein_price_factors(x, y):
    """Both factors with their first and second derivatives: (value, x, y, xx, xy, yy)."""
    s, d, p, q = _goldstein_price_parts(x, y)
    px, qx, qy = -14 + 6 * x + 6 * y, -32 + 24 * x - 36 * y, 48 - 36 * x + 54 * y
    a = (1 + s * s * p, 2 * s * p + s * s * px, 2 * s * p + s * s * px)
    a2 = 2 * p + 4 * s * px + 6 * s * s
    b = (30 + d * d * q, 4 * d * q + d * d * qx, -6 * d * q + d * d * qy)
    bxx = 8 * q + 8 * d * qx + 24 * d * d
    bxy = -12 * q + 4 * d * qy - 6 * d * qx - 36 * d * d
    byy = 18 * q - 12 * d * qy + 54 * d * d
    return (*a, a2, a2, a2), (*b, bxx, bxy, byy)


def _goldstein_price_slope(xp, x, y):
    (a, ax, ay, *_), (b, bx, by, *_) = _goldstein_price_factors(x, y)
    return ax * b + a * bx, ay * b + a * by


def _goldstein_price_curvature(xp, x, y):
    (a, ax, ay, axx, axy, ayy), (b, bx, by, bxx, bxy, byy) = _goldstein_price_factors(x, y)
    return axx * b + 2 * ax * bx + a * bxx, axy * b + ax * by + ay * bx + a * bxy, ayy * b + 2 * ay * by + a * byy


@surface(
    _goldstein_price_slope, _goldstein_price_curvature,
    label="Goldstein-Price", latex="\\left(1 + (x + y + 1)^2 p\\right)\\left(30 + (2x - 3y)^2 q\\right),\\; "
          "p = 19 - 14x + 3x^2 - 14y + 6xy + 3y^2,\\; q = 18 - 32x + 12x^2 + 48y - 36xy + 27y^2",
    domain=(-2.0, 2.0, -2.0, 2.0), minima=((0.0, -1.0),), lowest=3.0, start=(-1.5, 0.6),
    references=("Goldstein and Price 1971, On descent from local minima",),
)  # fmt: skip
def goldstein_price(xp, x, y):
    """Values over six orders of magnitude: the same rate is too large here and too small there."""
    s, d, p, q = _goldstein_price_parts(x, y)
    return (1 + s * s * p) * (30 + d * d * q)


BRANIN = (5.1 / (4 * PI * PI), 5 / PI, 10 * (1 - 1 / (8 * PI)))


def _branin_slope(xp, x, y):
    b, c, t = BRANIN
    u = y - b * x * x + c * x - 6
    return 2 * u * (c - 2 * b * x) - t * xp.sin(x), 2 * u


def _branin_curvature(xp, x, y):
    b, c, t = BRANIN
    u, k = y - b * x * x + c * x - 6, c - 2 * b * x
    return 2 * k * k - 4 * b * u - t * xp.cos(x), 2 * k, 2.0 + 0 * x


@surface(
    _branin_slope, _branin_curvature,
    latex="\\left(y - \\tfrac{5.1}{4\\pi^2}x^2 + \\tfrac5\\pi x - 6\\right)^2 "
          "+ 10\\left(1 - \\tfrac1{8\\pi}\\right)\\cos x + 10",
    domain=(-5.0, 10.0, 0.0, 15.0), minima=((-PI, 12.275), (PI, 2.275), (3 * PI, 2.475)), lowest=0.39788735772973816,
    start=(4.0, 12.0), references=("Branin 1972, Widely convergent method for finding multiple solutions",),
)  # fmt: skip
def branin(xp, x, y):
    """Three minima along a bent valley."""
    b, c, t = BRANIN
    u = y - b * x * x + c * x - 6
    return u * u + t * xp.cos(x) + 10


def _mccormick_slope(xp, x, y):
    c = xp.cos(x + y)
    return c + 2 * (x - y) - 1.5, c - 2 * (x - y) + 2.5


def _mccormick_curvature(xp, x, y):
    s = -xp.sin(x + y)
    return s + 2, s - 2, s + 2


@surface(
    _mccormick_slope, _mccormick_curvature, label="McCormick", latex="\\sin(x + y) + (x - y)^2 - 1.5x + 2.5y + 1",
    domain=(-1.5, 4.0, -3.0, 4.0), minima=((0.5 - PI / 3, -0.5 - PI / 3),), lowest=-1.9132229549810367,
    start=(3.5, 3.0),
    references=("McCormick 1976, Computability of global solutions to factorable nonconvex programs",),
)  # fmt: skip
def mccormick(xp, x, y):
    """Waves on a slope: each minimum lies lower than the last."""
    return xp.sin(x + y) + (x - y) * (x - y) - 1.5 * x + 2.5 * y + 1
