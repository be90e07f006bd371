"""Nearest points of sets, proximal steps, and corners: what a constrained rule needs to know of its set.

Every function is ``f(xp, x, ...)``, pure, and takes the whole array as one vector, whatever its shape.
A rule is given one as it stands, ``onto=project_simplex``, or with its numbers filled in,
``onto=lambda xp, x: project_box(xp, x, -1.0, 1.0)``.
"""

__all__ = [
    "block_threshold", "l1_corner", "project_box", "project_halfspace", "project_hyperplane", "project_l1_ball",
    "project_l1_sphere", "project_l2_ball", "project_l2_sphere", "project_linf_ball", "project_non_negative",
    "project_simplex", "simplex_corner", "soft_threshold",
]  # fmt: skip


def _norm(xp, x):
    return xp.sqrt(xp.sum(x * x))


# -- nearest points -------------------------------------------------------------------------------------
def project_non_negative(xp, x):
    """Negative elements become 0."""
    return xp.maximum(x, 0.0)


def project_box(xp, x, low, high):
    """Each element into ``[low, high]``; the ends may be arrays."""
    return xp.minimum(xp.maximum(x, low), high)


def project_linf_ball(xp, x, scale=1.0):
    """Nearest point whose elements are at most `scale` long."""
    return project_box(xp, x, -scale, scale)


def project_simplex(xp, x, scale=1.0):
    r"""Nearest point with elements of at least 0 that sum to `scale`.

    All elements are lowered by one number and those below 0 cut off. Over the elements :math:`u` in
    falling order it is :math:`\max_k (u_1 + \dots + u_k - \mathrm{scale}) / k` [1]_.

    References
    ----------
    .. [1] Held, Wolfe and Crowder 1974; Duchi et al. 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from torchlean_nb.backend.namespace import numpy_namespace
    >>> project_simplex(numpy_namespace(), np.array([0.5, 1.0, -3.0])).tolist()
    [0.25, 0.75, 0.0]
    """
    flat = xp.reshape(x, shape=(-1,))
    falling = xp.flip(xp.take(flat, xp.argsort(flat)))
    level = xp.max((xp.cumsum(falling) - scale) / xp.cumsum(xp.ones(shape=flat.shape, like=flat)))
    return xp.maximum(x - level, 0.0)


def project_l1_sphere(xp, x, scale=1.0):
    """Nearest point whose magnitudes sum to `scale`; signs stay, and an element that is 0 stays 0."""
    return xp.sign(x) * project_simplex(xp, xp.abs(x), scale)


def project_l1_ball(xp, x, scale=1.0):
    """Nearest point whose magnitudes sum to at most `scale`.

    Examples
    --------
    >>> import numpy as np
    >>> from torchlean_nb.backend.namespace import numpy_namespace
    >>> project_l1_ball(numpy_namespace(), np.array([1.0, -0.5])).tolist()
    [0.75, -0.25]
    """
    return xp.where(xp.greater(xp.sum(xp.abs(x)), scale), project_l1_sphere(xp, x, scale), x)


def project_l2_sphere(xp, x, scale=1.0):
    """Point of length `scale` in the direction of `x`, which must not be 0."""
    return x * (scale / _norm(xp, x))


def project_l2_ball(xp, x, scale=1.0):
    """Nearest point of length at most `scale`."""
    return x * (scale / xp.maximum(_norm(xp, x), scale))


def project_hyperplane(xp, x, normal, offset):
    """Nearest point ``y`` with ``sum(normal * y) == offset``."""
    return x + (offset - xp.sum(normal * x)) / xp.sum(normal * normal) * normal


def project_halfspace(xp, x, normal, offset):
    """Nearest point ``y`` with ``sum(normal * y) <= offset``."""
    return x + xp.minimum(offset - xp.sum(normal * x), 0.0) / xp.sum(normal * normal) * normal


# -- proximal steps ---------------------------------------------------------------------------------------
def soft_threshold(xp, x, k):
    """Every element `k` nearer to 0, and no further: the proximal step of ``k * sum(abs(x))``.

    Examples
    --------
    >>> import numpy as np
    >>> from torchlean_nb.backend.namespace import numpy_namespace
    >>> soft_threshold(numpy_namespace(), np.array([3.0, -0.5, -2.0]), 1.0).tolist()
    [2.0, 0.0, -1.0]
    """
    return x - xp.minimum(xp.maximum(x, -k), k)


def block_threshold(xp, x, k):
    """The whole vector `k` shorter, and no further: the proximal step of ``k * norm(x)`` (group lasso)."""
    size = _norm(xp, x)
    return x * (xp.maximum(size - k, 0.0) / xp.where(xp.greater(size, 0), size, size + 1))


# -- corners: where a slope is lowest ------------------------------------------------------------------------
def _steepest(xp, size):
    """1 at the first largest element, 0 elsewhere."""
    best = xp.argmax(xp.reshape(size, shape=(-1,)))
    return xp.reshape(xp.one_hot(best, num_classes=size.size), shape=size.shape)


def simplex_corner(xp, g, scale=1.0):
    """Corner of the simplex with the lowest ``sum(g * corner)``: `scale` in one element, 0 in the others."""
    return scale * (_steepest(xp, -g) + 0 * g)


def l1_corner(xp, g, scale=1.0):
    """Corner of the ball of the 1-norm with the lowest ``sum(g * corner)``.

    Examples
    --------
    >>> import numpy as np
    >>> from torchlean_nb.backend.namespace import numpy_namespace
    >>> l1_corner(numpy_namespace(), np.array([1.0, -3.0])).tolist()
    [0.0, 1.0]
    """
    return -scale * (_steepest(xp, xp.abs(g)) * xp.sign(g)) + 0.0
