"""What a session holds, as one number that tells whether anything has changed."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host


def digest(session: Any) -> str:
    """SHA-256 over parameters, tape, gradients, integer cells and random stream."""
    h, tape, grads = sha256(), session.tape, session._grads

    def put(*parts: Any) -> None:
        for p in map(host, parts):
            h.update(p.tobytes() if isinstance(p, np.ndarray) else repr(p).encode())

    for name, p in session.params.items():
        put(name, p.dtype, p.shape, p.value, p.requires_grad)
    for n, v in zip(tape, tape.values, strict=True):
        put(n.id, n.op, n.parents, sorted(n.attrs.items(), key=str), n.name, n.requires_grad, v)
    put(session.rng, session._draws, session._cells, tape.grads_on, tape.scope)
    if grads is not None:
        put(grads.output, *(x for i in sorted(grads._reached) for x in (i, grads._reached[i])))
    return h.hexdigest()
