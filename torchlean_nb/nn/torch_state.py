"""PyTorch's state dicts, read and written without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from torchlean_nb.errors import CheckpointError, quote
from torchlean_nb.nn.module import refuse_names

COUNTER = "num_batches_tracked"


def _array(name: str, value: Any) -> np.ndarray:
    """A tensor of PyTorch, known by its methods, or anything array-like."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    a = np.array(value)
    if a.dtype.kind not in "fiu":
        raise CheckpointError(f"from_torch_state_dict: {quote(name)} holds {a.dtype}", "numbers are needed")
    return a.astype(np.float64) if a.dtype.kind in "iu" else a


def from_torch_state_dict(model: Any, state: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """PyTorch's state dict as one for `Module.load_state_dict`.

    Names and layouts are the same for the layers both have: the gates of recurrent layers in the same order,
    the three projections of attention in one matrix.

    Parameters
    ----------
    model : Layer or Module
    state : mapping from name to tensor or array
        ``torch_model.state_dict()``, or what safetensors read.

    Raises
    ------
    CheckpointError
        When names or shapes do not fit the model.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> net = tl.nn.Linear(2, 1).bind(tl.Session())
    >>> state = {"weight": [[1.0, 2.0]], "bias": [0.5]}
    >>> net.load_state_dict(tl.nn.from_torch_state_dict(net, state))
    >>> net([[1.0, 1.0]]).item()
    3.5
    """
    shapes = getattr(model, "model", model).shapes()
    # Old files and averaged models come without the counter; only momentum=None reads it.
    given = {**{n: 0.0 for n in shapes if n.endswith(COUNTER)}, **state}
    refuse_names(shapes, given)
    out = {name: _array(name, given[name]) for name in shapes}
    for name, a in out.items():
        if a.shape != shapes[name]:
            raise CheckpointError(
                f"from_torch_state_dict: {quote(name)} has shape {a.shape}", f"the model's has {shapes[name]}"
            )
    return out


def to_torch_state_dict(module: Any) -> dict[str, np.ndarray]:
    """A bound model's arrays as PyTorch's ``load_state_dict`` takes them, after ``torch.from_numpy``.

    Parameters
    ----------
    module : Module

    Returns
    -------
    dict of arrays
        In PyTorch's order; counters of batches are int64.
    """
    state = module.state_dict()
    return {n: np.array(a, np.int64) if n.rpartition(".")[2] == COUNTER else a for n, a in state.items()}
