"""Test functions of two variables, as rows: formula, derivatives, domain, minima.

``bowls`` are convex, ``valleys`` mislead the gradient, ``many`` have several minima. Each is a function of two numbers,
arrays or Tensors, and what `torchlean_nb.race` runs on.
"""

from torchlean_nb.surfaces._row import SURFACES, Surface, available, surface, surface_of
from torchlean_nb.surfaces.bowls import booth, matyas, quadratic, sphere, zakharov
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
    "SURFACES", "Surface", "available", "surface", "surface_of", "ackley", "beale", "booth", "branin",
    "dixon_price", "easom", "goldstein_price", "griewank", "himmelblau", "levy13", "matyas", "mccormick",
    "monkey_saddle", "plateau", "quadratic", "rastrigin", "ravine", "rosenbrock", "saddle", "six_hump_camel",
    "sphere", "styblinski_tang", "three_hump_camel", "zakharov",
]  # fmt: skip
