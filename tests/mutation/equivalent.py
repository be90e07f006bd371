"""Mutants that compute the same thing, and why: nothing could tell them apart.

A key names the file of the package, the function, what was done, and the expression it was done to (its first
100 characters), so that it survives edits elsewhere.
"""
# ruff: noqa: E501 - one key per line

_BY_REASON: dict[str, tuple[str, ...]] = {
    "the sweep adds up (or copies) what a rule leaves in another shape; the rule does it first to keep the work small": (
        "attention.py::scaled_dot_product_attention.<lambda>: skip sum_to: sum_to(xp, xp.matmul(_products_vjp(xp, g, saved, q, v, scale), k), q.shape)",
        "attention.py::scaled_dot_product_attention.<lambda>: skip sum_to: sum_to(xp, xp.matmul(turned(xp, _products_vjp(xp, g, saved, q, v, scale)), q), k.shape)",
        "attention.py::scaled_dot_product_attention.<lambda>: skip sum_to: sum_to(xp, xp.matmul(turned(xp, _kept(*saved)), g), v.shape)",
        "attention.py::scaled_dot_product_attention.<lambda>: skip sum_to: sum_to(xp, _scores_vjp(xp, g, saved, v), mask.shape)",
        "conv.py::_bias_columns: skip xp.broadcast_to: xp.broadcast_to(xp.reshape(b, shape=(b.shape[0], *[1] * n)), shape=y_shape)",
        "linalg.py::_matmul_left: skip sum_to: sum_to(xp, xp.matmul(b, g[..., None])[..., 0], a.shape)",
        "linalg.py::_matmul_left: skip sum_to: sum_to(xp, xp.matmul(g, turned(xp, b)), a.shape)",
        "linalg.py::_matmul_right: skip sum_to: sum_to(xp, xp.matmul(turned(xp, a), g[..., None])[..., 0], b.shape)",
        "linalg.py::_matmul_right: skip sum_to: sum_to(xp, xp.matmul(turned(xp, a), g), b.shape)",
        "linalg.py::linear.<lambda>: skip sum_to: sum_to(xp, g, b.shape)",
        "normalize.py::_rules.bias_jvp: skip xp.broadcast_to: xp.broadcast_to(xp.reshape(t, shape=affine), shape=x.shape)",
        "shape.py::broadcast_to.<lambda>: skip sum_to: sum_to(xp, g, x.shape)",
    ),
    "the index of a tuple or an axis of one element: first and last are the same": (
        "conv.py::_bias_columns: 0 to -1: b.shape[0]",
        "conv.py::_to_bias: 0 to -1: _by_group(xp, g, n, 1)[0]",
        "indexing.py::_take_vjp: 0 to 1: xp.put_take(g, idx, axis=0, size=x.size)",
        "indexing.py::_take_vjp: 0 to -1: xp.put_take(g, idx, axis=0, size=x.size)",
        "indexing.py::_take_vjp: 0 to -1: axes(axis, x.ndim, 'take')[0]",
        "indexing.py::take_along.<lambda>: 0 to -1: axes(axis, x.ndim, 'take_along')[0]",
        "linalg.py::_matmul_left: 0 to -1: xp.matmul(b, g[..., None])[..., 0]",
        "linalg.py::_matmul_right: 0 to -1: xp.matmul(turned(xp, a), g[..., None])[..., 0]",
        "reduction.py::_cumsum_vjp: always the second: 0 if axis is None else axis",
        "reduction.py::_cumsum_vjp: 0 to -1: 0 if axis is None else axis",
        "shape.py::_concatenate_vjp: 0 to -1: axes(axis, y.ndim, 'concatenate')[0]",
        "shape.py::stack.<lambda>: 0 to -1: axes(axis, y.ndim, 'stack')[0]",
    ),
    "a short cut for the common case: the long way gives the same": (
        "_windows.py::add_border: always the first: xp.put_index(x, shape=padded(x.shape, border), key=inner(x.shape, border)) if any(map(any, border)) ",
        "_windows.py::drop_border: always the first: xp.index(x, key=inner(shape, border)) if any(map(any, border)) else x",
        "indexing.py::_spread: always the second: out if out.shape == shape else xp.put_index(out, shape=shape, key=_crop(shape, index.shape, axis))",
        "linalg.py::turned: always the second: x.T if n == 2 else xp.transpose(x, axes=(*range(n - 2), n - 1, n - 2))",
        "linalg.py::turned: 2 to 1: n == 2",
        "linalg.py::_matmul_left: always the second: g * b if a.ndim == 1 else g[..., None] * b",
        "linalg.py::_matmul_left: 1 to 0: a.ndim == 1",
        "linalg.py::_rows: always the second: x if x.ndim == 2 else xp.reshape(x, shape=(n, x.shape[-1]))",
        "reduction.py::_cumsum_vjp: always the first: xp.reshape(back, shape=x.shape) if axis is None else back",
        "recorder.py::unbroadcast: always the first: xp.reshape(g, shape=shape) if g.shape != shape else g",
    ),
    "how numbers lie in memory changes how fast it goes, and no number": (
        "_windows.py::channels_last: skip xp.reshape: xp.reshape(moved, shape=(x.size,))",
        "conv.py::_columns: condition negated: if w_shape[1] * size[-1] >= out[-1]: return xp.reshape(xp.transpose(win, axes=(1, *places, *kernel))",
        "conv.py::_columns: replace GtE: w_shape[1] * size[-1] >= out[-1]",
        "conv.py::_columns: times to divided by: w_shape[1] * size[-1]",
        "conv.py::_columns: drop right: w_shape[1] * size[-1]",
        "conv.py::_columns: drop left: w_shape[1] * size[-1]",
        "conv.py::_columns: 1 to 2: w_shape[1]",
        "conv.py::_columns: 1 to 0: w_shape[1]",
        "conv.py::_columns: 1 to 0: size[-1]",
        "conv.py::_columns: 1 to 0: out[-1]",
        "conv.py::_conv_to_input: skip xp.reshape: xp.reshape(_kernels(xp, w, groups), shape=(math.prod(size), groups, w.shape[0] // groups, w.shape[1]",
        "pool.py::_max_pool_vjp: skip channels_last: channels_last(xp, g, len(window[0]))",
        "pool.py::_max_pool_vjp: 0 to 1: window[0]",
        "pool.py::_max_pool_vjp: 0 to -1: window[0]",
    ),
    "the same in float64; that float32 is summed in float64 is looked at by tests/ops": (
        "conv.py::_to_bias: skip xp.astype: xp.astype(_by_group(xp, g, n, 1)[0], dtype='float64')",
    ),
    "already of that kind: making it an array, or summing an axis of size 1, changes nothing": (
        "_shapes.py::sum_to: 1 to 0: g.shape[lead + i] != 1",
        "forward.py::_partial: always the second: c if hasattr(c, 'shape') else xp.asarray(c)",
        "forward.py::_jvp: always the second: c if hasattr(c, 'shape') else at.xp.asarray(c)",
    ),
    "both branches have this value there": (
        "activation.py::elu.<lambda>: 0 to 1: xp.minimum(x, 0)",
    ),
    "exp(-49**2 / 2) is 0 already": (
        "elementary.py::gauss: 50 to 51: xp.minimum(x, 50)",
        "elementary.py::gauss: 50 to 49: xp.minimum(x, 50)",
        "elementary.py::gauss: 50 to 51: xp.maximum(xp.minimum(x, 50), -50)",
        "elementary.py::gauss: 50 to 49: xp.maximum(xp.minimum(x, 50), -50)",
    ),
    "changes the sign of h, which enters as h * h and as (x - h) * (x + h)": (
        "elementary.py::gauss: swap operands: c - (c - x)",
        "elementary.py::gauss: minus to plus: c - x",
    ),
    "0, -0 and a millionth of 0 are 0": (
        "elementary.py::sign.<lambda>: result negated: 0 * t",
        "elementary.py::sign.<lambda>: result off by 1e-6: 0 * t",
    ),
    "both axes of the pair have this size": (
        "einsum.py::_unsimple: 1 to 2: order[-1]",
    ),
    "the sign cancels: both factors of the product go through this function": (
        "linalg.py::_rows: result negated: x if x.ndim == 2 else xp.reshape(x, shape=(n, x.shape[-1]))",
    ),
    "deviations sum to 0, so the mean of the tangent drops out; it is taken off first to keep digits": (
        "reduction.py::_var_jvp: skip _deviations: _deviations(xp, t, axis)",
        "reduction.py::_std_jvp: skip _deviations: _deviations(xp, t, axis)",
    ),
    "the divisor replaces 0 under a numerator of 0; where its sign shows, in the value of logsumexp, tests/ops looks": (
        "reduction.py::_nonzero: plus to minus: y + xp.equal(y, 0)",
    ),
    "NumPy's scalars have a shape and are not asked": (
        "reverse.py::_pull: drop right: int | float | np.generic",
    ),
    "wording of a message": (
        "reverse.py::_pull: always the second: f'{len(c)} gradients' if isinstance(c, tuple | list) else repr(c)",
        "reverse.py::_pull: drop right: tuple | list",
    ),
    "one place more than is used, or an initial value that is overwritten": (
        "reverse.py::_sweep: 1 to 2: out + 1",
        "reverse.py::between: False to True: [False]",
        "reverse.py::between: 1 to 2: out + 1",
    ),
    "node 0 is a leaf, and the output is nobody's parent": (
        "reverse.py::_sweep: 1 to 0: range(out, -1, -1)",
        "reverse.py::between: drop right: out + 1",
        "reverse.py::between: 1 to 0: out + 1",
    ),
    "sweeps further than it must, to the same result": (
        "reverse.py::between: and for or: p >= 0 and on[p]",
    ),
    "place -1 is that of the output, which is still unmarked": (
        "reverse.py::between: 0 to -1: p >= 0",
    ),
    "no tangents: nothing moves, wherever one starts": (
        "forward.py::push: 0 to 1: min(tangents, default=0)",
        "forward.py::push: 0 to -1: min(tangents, default=0)",
    ),
    "a tangent of zeros in place of none": (
        "forward.py::advance: and for or: op.vjps or op.partials",
    ),
    "rows with a fixed number of arguments have as many rules": (
        "forward.py::_jvp: always the first: op.jvps[min(k, len(op.jvps) - 1)] if op.variadic else op.jvps[k]",
    ),
    "any negative number stands for an absent argument": (
        "forward.py::_open: 1 to 2: -1 if p < 0 else tape.leaf('input', at.value(p), requires_grad=True).id",
    ),
    "a forward sweep does not ask which leaves want a gradient": (
        "forward.py::_open: True to False: tape.leaf('input', at.value(p), requires_grad=True)",
    ),
    "sparse or dense, the grid indexes the same elements": (
        "namespace.py::ArrayNamespace.put_along: True to False: self.np.indices(idx.shape, sparse=True)",
    ),
}
REASONS = {key: reason for reason, keys in _BY_REASON.items() for key in keys}
