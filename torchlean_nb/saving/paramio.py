"""TorchLean's parameter lists: JSON in which each float64 is the integer of its bits.

The format is positional: shapes and values in the order of the layers, no names. Nothing is lost, neither the
sign of a zero nor a NaN. A file of TorchLean opens here and the other way round; entries after the last
expected one are ignored, as there.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.errors import CheckpointError, SerializationError, quote
from torchlean_nb.saving.container import nesting
from torchlean_nb.saving.paths import local_path, new_path, opened, replace_file

FORMAT = "torchlean_paramlist_bits_v1"
MAX_NESTING = 20
Location = str | os.PathLike
Shape = tuple[int, ...]


def encode(arrays: Iterable[Any]) -> str:
    """The JSON of a list of arrays.

    Raises
    ------
    SerializationError
        For an array that float64 does not hold exactly.

    Examples
    --------
    >>> encode([[1.0, -0.0]])
    '{"format":"torchlean_paramlist_bits_v1","params":[{"shape":[2],"values":[4607182418800017408,9223372036854775808]}]}'
    """
    params = [{"shape": a.shape, "values": a.reshape(-1).view(np.uint64).tolist()} for a in map(_float64, arrays)]
    return json.dumps({"format": FORMAT, "params": params}, separators=(",", ":"))


def _float64(x: Any) -> np.ndarray:
    a = np.asarray(host(x))
    if a.dtype.kind != "f" or a.dtype.itemsize > 8:
        raise SerializationError(f"ParamIO: an array of {a.dtype}", "parameters are floats of up to 64 bits")
    return np.ascontiguousarray(a, np.float64).reshape(a.shape)


def decode(text: str, shapes: Sequence[Shape] | None = None) -> list[np.ndarray]:
    """Arrays of the expected shapes, or of whatever shapes there are, float64, from the JSON.

    Raises
    ------
    CheckpointError
        With TorchLean's words.
    """
    if nesting(text) > MAX_NESTING:
        raise CheckpointError(f"ParamIO: JSON parse error: nesting deeper than {MAX_NESTING}")
    try:
        made = json.loads(text, parse_constant=_constant)
    except (ValueError, RecursionError) as e:
        raise CheckpointError(f"ParamIO: JSON parse error: {quote(str(e))[1:-1]}") from None
    if not isinstance(made, dict) or not isinstance(made.get("format"), str):
        raise CheckpointError("ParamIO: missing `format` string")
    if made["format"] != FORMAT:
        raise CheckpointError(f"ParamIO: unsupported format: {quote(made['format'])[1:-1]}", f"expected {FORMAT}")
    params = made.get("params")
    if not isinstance(params, list):
        raise CheckpointError("ParamIO: missing `params` array")
    n = len(params) if shapes is None else len(shapes)
    if len(params) < n:
        raise CheckpointError(f"ParamIO: missing parameter {len(params) + 1}/{n}")
    expected = [None] * n if shapes is None else [tuple(shape) for shape in shapes]
    return [_param(p, shape, f"parameter {i + 1}/{n}")
            for i, (p, shape) in enumerate(zip(params, expected, strict=False))]  # fmt: skip


def _constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _param(p: Any, shape: Shape | None, label: str) -> np.ndarray:
    if not isinstance(p, dict) or not isinstance(p.get("shape"), list) or not isinstance(p.get("values"), list):
        raise CheckpointError(f"ParamIO: {label}: missing `shape` or `values` array")
    there = tuple(p["shape"])
    shape = there if shape is None else shape
    if not all(type(n) is int and n >= 0 for n in there) or there != shape:
        raise CheckpointError(f"ParamIO: {label}: shape mismatch (file={quote(p['shape'])}, expected={list(shape)})")
    values, n = p["values"], math.prod(shape)
    if len(values) != n:
        raise CheckpointError(f"ParamIO: {label}: expected {n} scalars for shape {list(shape)}, got {len(values)}")
    for v in values:
        if type(v) is not int or not 0 <= v < 2**64:
            raise CheckpointError(f"ParamIO: {label}: float bits out of range (expected < 2^64, got {quote(v, 40)})")
    try:
        return np.array(values, np.uint64).view(np.float64).reshape(shape)
    except (ValueError, OverflowError):
        raise CheckpointError(f"ParamIO: {label}: no array has the shape {quote(p['shape'])}") from None


def save_bits(path: Location, arrays: Iterable[Any], *, overwrite: bool = True, folder: Location | None = None) -> None:
    """Write arrays to a file, all of it or nothing.

    Raises
    ------
    SerializationError, CheckpointError, PathError
    """
    whole = new_path(path, folder, overwrite)
    text = encode(arrays).encode("ascii")
    replace_file(whole, lambda: (text,))


def load_bits(
    path: Location, shapes: Sequence[Shape] | None = None, *, folder: Location | None = None
) -> list[np.ndarray]:
    """Read arrays of these shapes from a file, or all that there are.

    Raises
    ------
    CheckpointError, PathError

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "params.json"
    >>> save_bits(file, [np.array([[0.1, -0.0]])])
    >>> load_bits(file, [(1, 2)])
    [array([[ 0.1, -0. ]])]
    >>> [a.shape for a in load_bits(file)]
    [(1, 2)]
    """
    whole = local_path(path, folder)
    try:
        with opened(whole) as (f, _):
            return decode(f.read().decode("utf-8"), shapes)
    except UnicodeDecodeError as e:
        reason = f"JSON parse error: not UTF-8 at byte {e.start}"
        raise CheckpointError(f"ParamIO: load failed for {quote(str(whole), 300)}: {reason}") from None
    except CheckpointError as e:
        # The class says which trouble it was: no such file, a folder, damage.
        raise type(e)(f"ParamIO: load failed for {quote(str(whole), 300)}: {e}") from None


def ordered(net: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Paths and values of a Module's parameters and buffers, in the order of its layers.

    Counters of batches are not TorchLean's and are left out.
    """
    for path, value in net.state_dict().items():
        if path.rpartition(".")[2] != "num_batches_tracked":
            yield path, value


def save(path: Location, net: Any, **options: Any) -> None:
    """Write the parameters and buffers of a Module.

    Raises
    ------
    SerializationError, CheckpointError, PathError

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import torchlean_nb as tl
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "params.json"
    >>> net = tl.nn.Linear(2, 1).bind(tl.Session(), seed=0)
    >>> save(file, net)
    >>> load(file, net)
    """
    save_bits(path, [value for _, value in ordered(net)], **options)


def load(path: Location, net: Any, *, folder: Location | None = None) -> None:
    """Give a Module the parameters and buffers of a file; all of them, or none.

    Raises
    ------
    CheckpointError, PathError
    """
    mine = net.state_dict()
    names = dict(ordered(net))
    values = load_bits(path, [a.shape for a in names.values()], folder=folder)
    net.load_state_dict({**mine, **dict(zip(names, values, strict=True))})
