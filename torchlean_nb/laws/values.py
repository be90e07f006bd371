"""Values: what the shape rule, NumPy, the recorder and the caller may rely on."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from torchlean_nb.backend.namespace import numpy_namespace
from torchlean_nb.engine.recorder import Recorder
from torchlean_nb.engine.reverse import Plain, sweep
from torchlean_nb.engine.tape import Tape
from torchlean_nb.laws.base import broken, differentiable, law, same_bits
from torchlean_nb.laws.point import Point, whole


def _seed(p: Point, dtype: Any = "float64") -> np.ndarray:
    return whole(p.shape, np.random.default_rng(6)).astype(dtype)


@law()
def shape_rule_is_shape(op: Any, sample: Any) -> None:
    """The shape rule, which words the errors, gives the shape of the value."""
    p = Point(op, sample)
    shapes = [a.shape for a in p.arrays]
    want = p.value(*p.movers).shape
    got = op.shape(*shapes, **p.attrs) if op.shape else np.broadcast_shapes(*shapes)
    if tuple(got) != want:
        raise broken(op, sample, "the shape rule is not the shape of the value", f"rule {got}, value {want}")


@law(differentiable)
def gradient_fits_argument(op: Any, sample: Any) -> None:
    """Value, tangent and gradients keep the number type; gradients and tangents have the right shape."""
    for dtype in ("float64", "float32"):
        p = Point(op, sample, dtype=dtype)
        y = p.run.value()
        like = y.astype(dtype) if "dtype" not in p.attrs else y  # what a row casts to is its own business
        found = [("value", y, like)]
        bar = sweep(Plain(p.run.tape), p.run.out.id, _seed(p, y.dtype), wrt=p.run.ids)
        found += [
            (f"gradient of argument {k}", bar[i], x) for k, i, x in zip(p.moving, p.run.ids, p.movers, strict=True)
        ]
        found += [(f"tangent from argument {k}", p.push(i, p.movers[i]), like) for i, k in enumerate(p.moving)]
        for what, got, want in found:
            if got.shape != want.shape or got.dtype != want.dtype:
                raise broken(
                    op, sample, f"the {what} does not fit",
                    f"{got.dtype} of shape {got.shape} instead of {want.dtype} of shape {want.shape}",
                )


def _spellings(op: Any, arrays: Any, attrs: dict[str, Any]) -> list[tuple[Any, dict[str, Any]]]:
    """Ways in which NumPy's function may want to be called."""
    ways = [(arrays, attrs), ((*arrays, *attrs.values()), {}), ((*attrs.values(), *arrays), {})]
    return [((list(arrays),), attrs), *ways] if op.variadic else ways


def _call_twin(op: Any, arrays: Any, attrs: dict[str, Any]) -> Any:
    for args, kwargs in _spellings(op, arrays, attrs):
        try:
            return getattr(np, op.numpy)(*args, **kwargs)
        except (TypeError, ValueError) as e:
            failure = e
    raise failure


@law(lambda op, sample: op.numpy is not None)
def numpy_twin_agrees(op: Any, sample: Any) -> None:
    """The NumPy function of the row gives the same bits, and on Tensors it records the row."""
    # Sums of products: BLAS and einsum add in an order of their own, which integers do not notice.
    p = Point(op, sample, integers=op.kind == "multilinear")
    with np.errstate(all="ignore"):
        want = _call_twin(op, p.arrays, sample.attrs)
    got = p.value(*p.movers)
    if not same_bits(got, want):
        raise broken(op, sample, f"np.{op.numpy} gives other bits", f"{got.tolist()} instead of {want.tolist()}")
    tape = Tape(None, "float64", "ieee")
    y = _call_twin(op, [tape.leaf("input", a) for a in p.arrays], sample.attrs)
    if y.node.op != op.name:
        raise broken(op, sample, f"np.{op.numpy} on a Tensor records {y.node.op}")


def _freeze(saved: Any) -> Any:
    if isinstance(saved, np.ndarray):
        saved.setflags(write=False)
    elif isinstance(saved, tuple | list):
        for s in saved:
            _freeze(s)
    return saved


@law()
def inputs_stay_untouched(op: Any, sample: Any) -> None:
    """Forward and rules run on read-only arrays: they write into nothing they were given."""
    p, xp = Point(op, sample), numpy_namespace()
    try:
        with np.errstate(all="ignore"):
            y = op.forward(xp, *p.arrays, **p.attrs)
            y, head = (y[0], (y[1],)) if op.residuals else (y, ())
            y, head = _freeze(np.asarray(y)), _freeze(head)
            for k in p.moving:
                extra = {"arg": k} if op.variadic else {}
                g = _freeze(np.ones(y.shape))
                op.rule(k)(xp, g, y, *head, *(() if op.blind else p.arrays), **p.attrs, **extra)
                if op.jvps and not op.variadic:
                    op.jvps[k](xp, _freeze(np.ones(p.arrays[k].shape)), y, *head, *p.arrays, **p.attrs)
    except ValueError as e:
        if "read-only" not in str(e):
            raise
        raise broken(op, sample, "a rule writes into an array it was given", str(e)) from e


@law()
def recorded_is_plain(op: Any, sample: Any) -> None:
    """Run step by step under the recorder, forward and rules give the same bits as run at once."""
    p = Point(op, sample)
    tape = Tape(None, "float64", "ieee")
    recorder = Recorder(tape)
    handles = [recorder.handle(tape.leaf("input", a, a.dtype.kind == "f").id) for a in p.arrays]
    pairs = [("value", tape.values[op.run(recorder, *handles, **p.attrs).id], p.value(*p.movers))]
    if p.moving:
        seed = _seed(p)
        recorded = [run.value() for run in p.gradient_runs(seed)]
        pairs += zip((f"gradient of argument {k}" for k in p.moving), recorded, p.run.pull(seed), strict=True)
    for what, got, want in pairs:
        if not same_bits(got, want):
            raise broken(op, sample, f"the recorded {what} differs from the plain one",
                         f"{got.tolist()} instead of {want.tolist()}")


@law()
def options_are_keywords(op: Any, sample: Any) -> None:
    """Every option of a sample is an option of the row, and no rule gives it another default."""
    unknown = [k for k in sample.attrs if k not in op.attrs]
    if unknown:
        raise broken(op, sample, f"the sample sets {unknown[0]}, which the row does not have")
    for rule in (*op.partials, *op.vjps, *op.jvps):
        for q in inspect.signature(rule).parameters.values() if rule else ():
            if q.kind is q.KEYWORD_ONLY and q.name in op.attrs and q.default not in (q.empty, op.attrs[q.name]):
                raise broken(op, sample, f"a rule has its own default {q.name}={q.default!r}")
