"""The state of a trainer as plain data, and back: everything fits, or nothing changes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import copy
from os import PathLike
from typing import Any

from torchlean_nb.backend.random import Rng
from torchlean_nb.errors import CheckpointError, TorchLeanError, quote
from torchlean_nb.trace.run import RunTrace
from torchlean_nb.train.early_stopping import Best
from torchlean_nb.train.mark import Mark

FORMAT = "torchlean_nb.trainer/1"
_KEYS = ("format", "config", "model", "optimizer", "schedule", "loader", "rng", "step", "epoch", "best", "run")
_RNG = ("seed", "counter", "draws")
_EPOCH = ("epoch", "skipped", "total", "rows")
_FREE = ("backend", "device")  # how and where it is computed; arrays are saved as they are on the host


def state_of(trainer: Any) -> dict[str, Any]:
    """Arrays by path, and plain numbers and text."""
    session, now = trainer.runner.session, trainer.so_far
    loader = trainer._saved_loader if trainer.loader is None else trainer.loader.state_dict()
    return {
        "format": FORMAT, "config": trainer.config(), "model": trainer.runner.net.state_dict(),
        "optimizer": _plain(trainer.optimizer.state_dict()), "schedule": trainer.rates.state_dict(), "loader": loader,
        "rng": stream_of(session),
        "step": now.step, "epoch": {name: getattr(now, name) for name in _EPOCH}, "best": now.best.to_dict(),
        "run": trainer.run.to_dict(),
    }  # fmt: skip


def stream_of(session: Any) -> dict[str, int]:
    """Where the random stream of a session is."""
    return {"seed": session.rng.seed, "counter": session.rng.counter, "draws": session._draws}


def read_stream(owner: str, d: Any) -> tuple[Rng, int]:
    """A random stream, and the number of its draws, from what `stream_of` gave.

    Raises
    ------
    CheckpointError, HyperparameterError
    """
    _check_keys(f"{owner}: rng", d, _RNG)
    _check_counts(owner, d)
    return Rng(d["seed"], d["counter"]), d["draws"]


def load_state(trainer: Any, state: Any) -> None:
    """Take a state over.

    Raises
    ------
    CheckpointError
        Naming what does not fit; nothing has changed.
    """
    _check_keys("Trainer", state, _KEYS)
    if state["format"] != FORMAT:
        raise CheckpointError(f"Trainer: format {quote(state['format'], 40)}", f"this version reads {FORMAT}")
    _check_config(trainer.config(), state["config"])
    _check_keys("Trainer: epoch", state["epoch"], _EPOCH)
    _check_counts("Trainer", {"step": state["step"], **{k: state["epoch"][k] for k in ("epoch", "skipped", "rows")}})
    total, ieee = state["epoch"]["total"], trainer.runner.session.nonfinite == "ieee"
    if type(total) is not float or not (math.isfinite(total) or ieee):
        raise CheckpointError(f"Trainer: total={quote(total, 40)} in the state", "it must be a finite float")
    loader = state["loader"]
    if loader is not None and (not isinstance(loader, Mapping) or set(loader) != {"loader", "batch", "cursor"}):
        raise CheckpointError("Trainer: loader in the state", "it must be that of a DataLoader")
    best = Best.from_dict(state["best"], trainer.runner.net.state_dict(), finite=not ieee)
    try:
        run, stream = RunTrace.from_dict(state["run"]), read_stream("Trainer", state["rng"])
    except TorchLeanError as e:
        raise CheckpointError("Trainer: a part of the state cannot be read", str(e).replace("\n", " ")) from e
    _take_over(trainer, state, run, stream, best)


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """State of an optimizer without options that are functions; the one it is loaded into has them."""
    groups = [{k: v for k, v in g.items() if not callable(v)} for g in state["param_groups"]]
    return {**state, "param_groups": groups}


def _with_functions(optimizer: Any, state: Any) -> Any:
    theirs = state.get("param_groups") if isinstance(state, Mapping) else None
    if not isinstance(theirs, list) or len(theirs) != len(optimizer.param_groups):
        return state  # the optimizer says what is wrong with it
    own = [{k: v for k, v in g.items() if callable(v)} for g in optimizer.param_groups]
    return {**state, "param_groups": [f | g if isinstance(g, dict) else g for f, g in zip(own, theirs, strict=True)]}


def _take_over(trainer: Any, state: Mapping[str, Any], run: RunTrace, stream: tuple[Rng, int], best: Best) -> None:
    mark, kept = Mark(trainer), (trainer.recorder, trainer.loader, trainer._saved_loader, trainer.status)
    recorder = copy(trainer.recorder)  # loading replaces all that the two have in common
    recorder.load(run)
    # Twice: should Stop be pressed while the inner one puts things back, the outer one does it again.
    try:
        try:
            trainer.runner.net.load_state_dict(state["model"])
            trainer.optimizer.load_state_dict(_with_functions(trainer.optimizer, state["optimizer"]))
            trainer.rates.load_state_dict(state["schedule"])
            session = trainer.runner.session
            session.rng, session._draws = stream
            session.reset_tape()
            trainer.so_far = trainer.so_far._replace(
                step=state["step"], best=best, last={}, **{k: state["epoch"][k] for k in _EPOCH}
            )
            trainer.recorder, trainer.loader, trainer._saved_loader = recorder, None, state["loader"]
            trainer.status = run.status
        except BaseException:
            mark.restore()
            trainer.recorder, trainer.loader, trainer._saved_loader, trainer.status = kept
            raise
    except BaseException as e:
        mark.restore()
        trainer.recorder, trainer.loader, trainer._saved_loader, trainer.status = kept
        if isinstance(e, TorchLeanError) and not isinstance(e, CheckpointError):
            raise CheckpointError("Trainer: a part of the state does not fit", str(e).replace("\n", " ")) from e
        raise


def _check_keys(owner: str, d: Any, keys: tuple[str, ...]) -> None:
    if not isinstance(d, Mapping):
        hint = "tl.load(path, into=trainer)" if isinstance(d, str | PathLike) else None
        raise CheckpointError(f"{owner}: the state is a {type(d).__name__}", "it must be a dict of state_dict()", hint)
    missing, unknown = [k for k in keys if k not in d], [str(k) for k in d if k not in keys]
    if missing or unknown:
        raise CheckpointError(f"{owner}: the state does not fit", f"missing: {missing}; unknown: {quote(unknown, 200)}")


def _check_counts(owner: str, counts: Mapping[str, Any]) -> None:
    for name, n in counts.items():
        if type(n) is not int or n < 0:
            raise CheckpointError(f"{owner}: {name}={quote(n, 40)} in the state", "it must be an int >= 0")


def _check_config(mine: Mapping[str, Any], theirs: Any) -> None:
    """Say in what a saved trainer differs."""
    _check_keys("Trainer: config", theirs, tuple(mine))
    different = [k for k in mine if mine[k] != theirs[k] and k not in _FREE]
    if different:
        k = different[0]
        raise CheckpointError(
            f"Trainer: the state is of another {', '.join(different)}",
            f"{k}: {quote(theirs[k], 300)} saved, {quote(mine[k], 300)} here", "a Trainer made in the same way",
        )
