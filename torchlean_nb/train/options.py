"""What other libraries call an option, and what is typed here instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from torchlean_nb.errors import HyperparameterTypeError, did_you_mean, quote

_RATE = "schedule=0.01, or optimizer=lambda params: tl.optim.Adam(params, lr=0.01)"
_OPTIMIZER = "an option of the optimizer: optimizer=lambda params: tl.optim.AdamW(params, weight_decay=0.01)"
ELSEWHERE = {
    "lr": _RATE, "learning_rate": _RATE, "weight_decay": _OPTIMIZER, "momentum": _OPTIMIZER, "betas": _OPTIMIZER,
    "loss": 'the task: Trainer(model, "mse")', "criterion": 'the task: Trainer(model, "mse")',
    "lr_scheduler": "schedule=tl.schedules.cosine(0.1, total=1000)",
    "scheduler": "schedule=lambda opt: tl.optim.lr_scheduler.StepLR(opt, 30)",
    "random_state": "seed=0", "jit_compile": 'Trainer(..., backend="compiled")', "verbose": "progress=False",
    "max_epochs": "epochs=10", "num_epochs": "epochs=10", "n_epochs": "epochs=10", "max_steps": "steps=100",
    "max_iter": "steps=100", "validation_split": "validation=0.2", "validation_data": "validation=(X, y)",
    "val_data": "validation=(X, y)", "patience": "early_stopping=3", "max_norm": "clip=1.0", "clip_norm": "clip=1.0",
    "gradient_clip_val": "clip=1.0", "accumulate_grad_batches": "accumulate=4",
    "class_weight": "the task: Trainer(model, tl.nn.CrossEntropyLoss(weight=[1.0, 5.0]))",
}  # fmt: skip


def refuse(
    owner: str, given: Mapping[str, Any], own: Callable[..., Any], other: tuple[str, Callable[..., Any]]
) -> None:
    """Say of options that are not known what is meant.

    Parameters
    ----------
    owner : str
    given : mapping
        Nothing happens when it is empty.
    own : callable
        Its options are known.
    other : (str, callable)
        Another callable, and how its options are given.

    Raises
    ------
    HyperparameterTypeError

    Examples
    --------
    >>> def fit(data, *, epochs=1, **unknown):
    ...     refuse("fit", unknown, fit, ("Trainer", print))
    >>> fit([], num_epochs=3)
    Traceback (most recent call last):
        ...
    torchlean_nb.errors.HyperparameterTypeError: fit: there is no option 'num_epochs'
      try: epochs=10
    """
    for name in given:
        known = [p.name for p in signature(own).parameters.values() if p.kind is p.KEYWORD_ONLY]
        where, f = other
        if name in signature(f).parameters:
            hint = f"{where}(..., {name}=...)"
        else:
            hint = ELSEWHERE.get(name) or did_you_mean(name, known)
        raise HyperparameterTypeError(f"{owner}: there is no option {quote(name)}", None, hint)
