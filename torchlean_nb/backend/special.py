"""The complementary error function for narrow floats, all elements at once.

``(1 + 2 z) exp(z**2) erfc(z)`` is smooth for z >= 0 and nearly flat as a function of t = (z - K) / (z + K)
(Shepherd and Laframboise 1981, Mathematics of Computation 36). Its Chebyshev series up to t**14, computed with
40 digits, is right to 1e-10: far below the last place of a float32.
"""

from __future__ import annotations

from typing import Any

K = 3.75
SERIES = (
    1.2375126308081394, -0.14024059953590887, 0.003585419320941043, 0.08227677399009918, -0.10880401165954678,
    0.09230393753827405, -0.058692735833347574, 0.028364105117372054, -0.009749243355606896, 0.0017511576292398034,
    0.0002995965088889839, -0.00028431307575109806, 4.4280135184455274e-05, 1.8521947386750102e-05,
    -6.352404651074643e-06,
)
BLOCK = 8192  # numbers that stay in the cache from one step to the next


def erfc(np: Any, x: Any) -> Any:
    """1 - erf(x) of an array of float32 or float16."""
    flat = x.ravel()
    out = np.empty(flat.shape, x.dtype)
    for i in range(0, flat.size, BLOCK):
        out[i : i + BLOCK] = _wide(np, flat[i : i + BLOCK].astype(np.float64))
    return out.reshape(x.shape)


def _wide(np: Any, x: Any) -> Any:
    z = np.minimum(np.abs(x), 30.0)
    t = (z - K) / (z + K)
    p = np.full_like(t, SERIES[-1])
    for a in SERIES[-2::-1]:
        p *= t
        p += a
    p *= np.exp(-z * z) / (1 + 2 * z)
    return np.where(x < 0, 2 - p, p)
