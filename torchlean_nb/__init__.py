"""torchlean_nb: see backpropagation and optimizers work, in a notebook.

``Session`` records a computation on an explicit tape; ``s.backward(loss)`` gives the gradient of
every node, ``s.show(loss)`` steps through both passes. Ops are functions here (``tl.tanh``),
methods of Tensors and of the session, and NumPy ufuncs; each is one row of ``tl.ops``.
``tl.grad`` and its relatives differentiate functions. ``tl.extend`` adds rows of your own.
"""

from importlib import import_module as _import_module

from torchlean_nb import ops as _ops  # noqa: F401 - fills the table
from torchlean_nb.backend.devices import get_default_device as get_default_device
from torchlean_nb.backend.devices import set_default_device as set_default_device
from torchlean_nb.backend.random import Rng as Rng
from torchlean_nb.engine import Gradients as Gradients
from torchlean_nb.engine import Node as Node
from torchlean_nb.engine import Param as Param
from torchlean_nb.engine import Session as Session
from torchlean_nb.engine import StepReport as StepReport
from torchlean_nb.engine import Tape as Tape
from torchlean_nb.engine import Tensor as Tensor
from torchlean_nb.engine import grad as grad
from torchlean_nb.engine import hessian as hessian
from torchlean_nb.engine import hessian_diagonal as hessian_diagonal
from torchlean_nb.engine import hvp as hvp
from torchlean_nb.engine import jacfwd as jacfwd
from torchlean_nb.engine import jacrev as jacrev
from torchlean_nb.engine import jvp as jvp
from torchlean_nb.engine import value_and_grad as value_and_grad
from torchlean_nb.engine import vjp as vjp
from torchlean_nb.errors import NoAttributeError as _NoAttributeError
from torchlean_nb.rows import FUNCTIONS as _functions
from torchlean_nb.rows import OPS as ops

__version__ = "0.1.0"
_LAZY = {
    "GraphTrace": "torchlean_nb.trace:GraphTrace",
    "Ledger": "torchlean_nb.trace:Ledger",
    "compile": "torchlean_nb.compiler:compile",
    "check_adjoint": "torchlean_nb.laws:check_adjoint",
    "check_gradients": "torchlean_nb.laws:check_gradients",
    "check_op": "torchlean_nb.laws:check_op",
    "check_rule": "torchlean_nb.laws:check_rule",
    "data": "torchlean_nb.data",
    "extend": "torchlean_nb.extend",
    "hypers": "torchlean_nb.hypers",
    "laws": "torchlean_nb.laws",
    "schedules": "torchlean_nb.schedules",
    "surfaces": "torchlean_nb.surfaces",
    "race": "torchlean_nb.race",
    "landscape": "torchlean_nb.landscape",
    "lessons": "torchlean_nb.lessons",
    "lr_find": "torchlean_nb.shells.lr_find:lr_find",
    "minimize": "torchlean_nb.minimizers:minimize",
    "minimizers": "torchlean_nb.minimizers",
    "nn": "torchlean_nb.nn",
    "optim": "torchlean_nb.optim",
    "load": "torchlean_nb.saving:load",
    "render": "torchlean_nb.render",
    "save": "torchlean_nb.saving:save",
    "saving": "torchlean_nb.saving",
    "Trainer": "torchlean_nb.train:Trainer",
    "threads": "torchlean_nb.backend.threads:threads",
    "trace": "torchlean_nb.trace",
    "train": "torchlean_nb.train",
    "updates": "torchlean_nb.updates",
    "vmap": "torchlean_nb.compiler.vectorize:vmap",
    "widgets": "torchlean_nb.widgets",
}
_OWN = [
    "Gradients", "GraphTrace", "Ledger", "Node", "Param", "Rng", "Session", "StepReport", "Tape", "Tensor",
    "check_adjoint", "check_gradients", "check_op", "check_rule", "extend", "get_default_device", "grad", "hessian",
    "hessian_diagonal", "hvp", "jacfwd", "jacrev", "jvp", "load", "lr_find", "ops", "optim", "save", "schedules",
    "set_default_device", "value_and_grad", "vjp",
]  # fmt: skip
_INSTEAD = {
    "tensor": "s = tl.Session(), then s.param(array) for what is trained and s.input(array) for data",
    "no_grad": "with s.no_grad(), of the session",
    "manual_seed": "tl.Session(seed=0)",
}
_OPS = {name: f for name, f in (ops | _functions).items() if name not in _OWN}
globals().update(_OPS)
__all__ = _OWN + sorted(_OPS)


def __getattr__(name: str):
    if name in _LAZY:
        module, _, attr = _LAZY[name].partition(":")
        found = _import_module(module)
        return getattr(found, attr) if attr else found
    if name in ops:
        return ops[name]
    raise _NoAttributeError.of("torchlean_nb", name, __dir__(), _INSTEAD.get(name))


def __dir__() -> list[str]:
    return sorted([*__all__, *_LAZY])
