"""Test functions of two variables, as rows: formula, derivatives, domain, minima.

``bowls`` are convex, ``valleys`` mislead the gradient, ``many`` have several minima, ``noisy`` are known up to an
error; ``formula`` and ``expressions`` read typed ones. Each is a function of two numbers, arrays or Tensors, and what
`torchlean_nb.race` runs on.
"""

from torchlean_nb.surfaces._row import SURFACES, Surface, available, surface, surface_of
from torchlean_nb.surfaces.bowls import booth, matyas, quadratic, sphere, zakharov
from torchlean_nb.surfaces.expressions import parse
from torchlean_nb.surfaces.many import (
    ackley,
    branin,
    goldstein_price,
    griewank,
    himmelblau,
    levy13,
    mccormick,
    rastrigin,
    six_hump_camel,
    styblinski_tang,
)
from torchlean_nb.surfaces.noisy import noisy_quadratic, noisy_rosenbrock, noisy_sphere
from torchlean_nb.surfaces.valleys import (
    beale,
    dixon_price,
    easom,
    monkey_saddle,
    plateau,
    ravine,
    rosenbrock,
    saddle,
    three_hump_camel,
)

__all__ = [
    "SURFACES", "Surface", "available", "parse", "surface", "surface_of", "ackley", "beale", "booth", "branin",
    "dixon_price", "easom", "goldstein_price", "griewank", "himmelblau", "levy13", "matyas", "mccormick",
    "monkey_saddle", "noisy_quadratic", "noisy_rosenbrock", "noisy_sphere", "plateau", "quadratic", "rastrigin",
    "ravine", "rosenbrock", "saddle", "six_hump_camel", "sphere", "styblinski_tang", "three_hump_camel", "zakharov",
]  # fmt: skip
