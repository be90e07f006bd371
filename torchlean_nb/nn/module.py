"""Module: a layer whose arrays are Params of a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from torchlean_nb.backend.devices import host
from torchlean_nb.copies import Live
from torchlean_nb.engine.param import Param
from torchlean_nb.engine.tensor import Ref
from torchlean_nb.errors import CheckpointError, NameError_, quote
from torchlean_nb.nn.place import Pass, Place, joined


class Module(Live):
    """A layer in a session: callable, with parameters, buffers and a mode.

    Parameters
    ----------
    model : Layer
    session : Session
    values : dict of arrays by path
    name : str
    auto_buffers : bool

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> net = tl.nn.Linear(2, 1).bind(s, seed=0)
    >>> opt = tl.optim.SGD(net.parameters(), lr=0.1)
    >>> report = s.step(opt, lambda: tl.mse_loss(net([[1.0, 2.0]]), [[3.0]]))
    >>> bool((net.predict([[1.0, 2.0]]) - 3.0).item() ** 2 < report.loss)
    True
    """

    _copying = (
        "its parameters belong to a session",
        "net.model.bind(another session) and load_state_dict(net.state_dict()), or tl.save(path, net)",
    )

    def __init__(self, model: Any, session: Any, values: Mapping[str, np.ndarray], name: str, auto_buffers: bool):
        taken = [path for path in values if joined(name, path) in session.params]
        if taken:
            raise NameError_(
                f"bind: the session has a parameter {quote(joined(name, taken[0]))} already", None,
                'bind(session, name="critic")',
            )
        self.model, self.session, self.name, self.auto_buffers = model, session, name, bool(auto_buffers)
        self.training = True
        self.params: dict[str, Param] = {}
        self.buffers: dict[str, Param] = {}
        for path, value in values.items():
            buffer = model.arrays[path].buffer
            param = session.param(value, name=joined(name, path), requires_grad=False if buffer else None)
            (self.buffers if buffer else self.params)[path] = param

    @property
    def mode(self) -> str:
        """``"train"`` or ``"eval"``."""
        return "train" if self.training else "eval"

    def train(self, mode: bool = True) -> Module:
        """Train mode: dropout drops, batch norm looks at the batch."""
        self.training = bool(mode)
        return self

    def eval(self) -> Module:
        """Eval mode: dropout does nothing, batch norm uses its running statistics."""
        return self.train(False)

    def parameters(self) -> list[Param]:
        """Trained parameters, in order, as optimizers take them."""
        return list(self.params.values())

    def __call__(self, *xs: Any, **inputs: Any) -> Any:
        """Record the model's output for an input, or for several where it takes several.

        Arrays become inputs of the session. A parameter stands on the tape with the value it had when it
        was first used there, so after a step this wants a fresh tape, or `predict`. When anything fails no
        buffer has moved, and tape and random stream are as before.
        """
        s = self.session
        s._own()
        mark, before = len(s.tape), (replace(s.rng), s._draws)
        try:
            handles = tuple(x if isinstance(x, Ref | Param) else s.input(self._ids(x)) for x in xs)
            run = self._pass(news={} if self.auto_buffers and self.training else None)
            y = Place(run, self.model).compute(handles[0] if len(handles) == 1 else handles, **inputs)
            self._commit(run.news or {})
        except BaseException:
            s.tape.rollback(mark)
            s.rng, s._draws = before
            raise
        return y

    def predict(self, *xs: Any, **inputs: Any) -> Any:
        """Output as an array, with the current values and in the current mode; nothing is recorded."""
        arrays = tuple(_array(self._ids(x), self.session) for x in xs)
        inputs = {k: _array(v, self.session) if isinstance(v, np.ndarray) else v for k, v in inputs.items()}
        run = Pass({path: p.array for path, p in self._cells().items()}, self.mode, self.session.draw_key)
        with np.errstate(all="ignore"):
            return _fetched(Place(run, self.model).compute(arrays[0] if len(arrays) == 1 else arrays, **inputs))

    def _ids(self, x: Any) -> Any:
        """Lists of integers as an integer array where the model takes ids; elsewhere they mean floats."""
        return np.asarray(x) if isinstance(x, list) and self.model.example((1,)).dtype.kind == "i" else x

    def _cells(self) -> dict[str, Param]:
        return {**self.params, **self.buffers}

    def _pass(self, **more: Any) -> Pass:
        return Pass(self._cells(), self.mode, self.session.draw_key, **more)

    def update_buffers(self, *xs: Any, **inputs: Any) -> None:
        """Move the running statistics by one batch; in eval mode nothing happens.

        TorchLean's order is this before the gradient of the same batch. The random stream stays where
        it is, so the call that follows drops the same elements.
        """
        if not self.training or not self.buffers:
            return
        s = self.session
        arrays = tuple(_array(self._ids(x), s) for x in xs)
        before = replace(s.rng), s._draws
        values = [{path: p.array for path, p in own.items()} for own in (self.params, self.buffers)]
        try:
            new = self.model.update_buffers(
                arrays[0] if len(arrays) == 1 else arrays, *values, key=s.draw_key, **inputs
            )
        finally:
            s.rng, s._draws = before
        self._commit(new)

    def _commit(self, new: Mapping[str, Any]) -> None:
        cells, session, data = self._cells(), self.session, {}
        for path, value in new.items():
            p = cells[path]
            data[p.key] = session.place(value, p.dtype.name, label=path, trainable=True, finite=False)
        if session.nonfinite == "raise" and not session.tape.xp.every_finite(data.values()):
            for path, value in new.items():  # says where
                session.place(value, cells[path].dtype.name, label=path, trainable=True)
        if data:
            session.store.update(data)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers by path, in the order PyTorch lists them."""
        cells = self._cells()
        return {path: np.array(cells[path].value) for path in self.model.arrays}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replace all parameters and buffers at once.

        Raises
        ------
        CheckpointError
            When a name is missing or unknown or a shape differs; nothing has changed then.
        DTypeError, NonFiniteError
        """
        shapes = self.model.shapes()
        if not isinstance(state, Mapping):
            raise CheckpointError(f"load_state_dict: a {type(state).__name__}", "a state is a dict of arrays by path")
        refuse_names(shapes, state)
        state = {path: np.asarray(host(state[path])) for path in shapes}
        for path, shape in shapes.items():
            if state[path].shape != shape:
                raise CheckpointError(
                    f"load_state_dict: {quote(path)} has shape {state[path].shape}", f"the model's has {shape}"
                )
            if self.model.arrays[path].buffer and state[path].dtype.kind in "iu":
                state[path] = state[path].astype(np.float64)
        self._commit(state)

    def __repr__(self) -> str:
        count = sum(p.array.size for p in self.params.values())
        return f"{self.model!r}\nin session {self.session.label}: {count} parameters, {self.mode} mode"


def refuse_names(expected: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Complain of names that are missing or that nobody asked for.

    Raises
    ------
    CheckpointError
    """
    missing = [quote(n) for n in expected if n not in given]
    unknown = [quote(n) for n in given if n not in expected]
    parts = [f"{word}: {', '.join(names[:8])}" for word, names in (("missing", missing), ("unknown", unknown)) if names]
    if parts:
        raise CheckpointError("load_state_dict: the names do not fit the model", "; ".join(parts))


def _array(x: Any, session: Any) -> Any:
    """An input where the session computes."""
    return x.array if isinstance(x, Ref | Param) else session.place(x, session.dtype, label="input", finite=False)


def _fetched(y: Any) -> Any:
    return tuple(map(_fetched, y)) if isinstance(y, tuple) else host(y)
