"""Surfaces whose gradient is measured with an error, as that of a minibatch is; a race draws it from its seed."""

from dataclasses import replace

from torchlean_nb.surfaces._row import SURFACES, Surface
from torchlean_nb.surfaces.bowls import quadratic, sphere
from torchlean_nb.surfaces.valleys import rosenbrock


def _noisy(row: Surface, deviation: float) -> Surface:
    """A row of its own, with noise from the start."""
    name = f"noisy_{row.name}"
    SURFACES[name] = found = replace(row, name=name, label="", noise=deviation)
    return found


noisy_sphere = _noisy(sphere, 0.5)
noisy_quadratic = _noisy(quadratic, 2.0)
noisy_rosenbrock = _noisy(rosenbrock, 10.0)
