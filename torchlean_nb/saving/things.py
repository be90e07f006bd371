"""What can be saved and put back: objects with a state dict, random streams, sessions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from torchlean_nb.backend.random import Rng, check_seed
from torchlean_nb.errors import CheckpointError, quote
from torchlean_nb.saving.checkpoint import Checkpoint, joined, leaves
from torchlean_nb.saving.tree import MAX_DEPTH

# Bases by name: this floor knows none of them. Their subclasses are of the same kind.
KINDS = {
    "Trainer": "Trainer", "Runner": "Runner", "Session": "Session", "Module": "Module", "Optimizer": "Optimizer",
    "DataLoader": "DataLoader", "LRScheduler": "LRScheduler", "ReduceLROnPlateau": "LRScheduler",
    "ReduceOnPlateau": "LRScheduler", "Rng": "Rng", "Generator": "Generator",
}  # fmt: skip
# Where a Trainer's state has theirs.
WITHIN = {"Module": "model", "Optimizer": "optimizer", "LRScheduler": "schedule", "DataLoader": "loader"}


def kind_of(thing: Any) -> str:
    """Kind of an object in a word, the name of the base that decides what its state is."""
    names = [base.__name__ for base in type(thing).__mro__]
    return next((KINDS[name] for name in names if name in KINDS), names[0])


def _is_session(thing: Any) -> bool:
    return kind_of(thing) == "Session" and isinstance(getattr(thing, "rng", None), Rng)


def is_thing(thing: Any) -> bool:
    """Whether it has a state of its own."""
    if isinstance(thing, type | Mapping):
        return False
    stream = isinstance(thing, Rng | np.random.Generator)
    return stream or callable(getattr(thing, "state_dict", None)) or _is_session(thing)


def state_of(thing: Any) -> Any:
    """State of an object as plain data."""
    if callable(getattr(thing, "state_dict", None)):
        return _without_functions(thing.state_dict())
    if isinstance(thing, np.random.Generator):
        return thing.bit_generator.state
    if isinstance(thing, Rng):
        return {"seed": thing.seed, "counter": thing.counter}
    return {"params": {name: p.value for name, p in thing.params.items()},
            "rng": {**state_of(thing.rng), "draws": thing._draws}}  # fmt: skip


def _without_functions(state: Any, depth: int = 0) -> Any:
    """The state without options of optimizers that are functions: whoever loads it has them."""
    if not isinstance(state, Mapping) or depth > MAX_DEPTH:
        return state
    kept = {key: _without_functions(value, depth + 1) for key, value in state.items()}
    if isinstance(kept.get("param_groups"), list):
        kept["param_groups"] = [{k: v for k, v in g.items() if not callable(v)} for g in kept["param_groups"]]
    return kept


def _with_functions(thing: Any, state: Mapping[str, Any]) -> dict[str, Any]:
    """The state with the functions that the object's own groups have."""
    mine, theirs = getattr(thing, "param_groups", None), state.get("param_groups")
    if not isinstance(mine, list) or not isinstance(theirs, list) or len(mine) != len(theirs):
        return dict(state)
    own = [{k: v for k, v in g.items() if callable(v)} for g in mine]
    both = [{**f, **g} if isinstance(g, Mapping) else g for f, g in zip(own, theirs, strict=True)]
    return {**state, "param_groups": both}


def described(tree: Any, depth: int = 0) -> Any:
    """The tree with its objects replaced by Checkpoints of them."""
    if isinstance(tree, Checkpoint) or depth > MAX_DEPTH:
        return tree
    if is_thing(tree):
        return Checkpoint(kind_of(tree), state_of(tree), None, type(tree).__name__)
    if isinstance(tree, Mapping):
        return {key: described(value, depth + 1) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(described(value, depth + 1) for value in tree)
    return tree


# -- putting it back -----------------------------------------------------------------------------
def put(thing: Any, state: Any) -> None:
    """Give an object a state; it checks all of it before it changes.

    Raises
    ------
    CheckpointError
    """
    if callable(getattr(thing, "load_state_dict", None)):
        return thing.load_state_dict(_with_functions(thing, state) if isinstance(state, Mapping) else state)
    if isinstance(thing, np.random.Generator):
        return _put_generator(thing, state)
    if isinstance(thing, Rng):
        thing.__dict__.update(_stream(state, ("seed", "counter")))
        return None
    if _is_session(thing):
        return _put_session(thing, state)
    raise CheckpointError(f"a {type(thing).__name__} cannot take a state", "it has no load_state_dict")


def _put_generator(thing: np.random.Generator, state: Any) -> None:
    name = type(thing.bit_generator).__name__
    before = thing.bit_generator.state
    given = state.get("bit_generator") if isinstance(state, Mapping) else None
    if given != name:
        raise CheckpointError(f"rng: this is the state of {quote(given)}, not of a {name}")
    try:
        thing.bit_generator.state = state
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as e:
        thing.bit_generator.state = before
        raise CheckpointError(f"rng: this is not a state of {name}", quote(str(e))) from None


def _stream(state: Any, names: tuple[str, ...]) -> dict[str, int]:
    if not isinstance(state, Mapping) or set(state) != set(names):
        raise CheckpointError(f"rng: {quote(state)} is not a state of a stream", f"it must have {', '.join(names)}")
    for name in names[1:]:
        if type(state[name]) is not int or state[name] < 0:
            raise CheckpointError(f"rng: {name}={quote(state[name])} in the state", "it must be an int >= 0")
    return {"seed": check_seed(state["seed"]), **{name: state[name] for name in names[1:]}}


def _put_session(s: Any, state: Any) -> None:
    if not isinstance(state, Mapping) or set(state) != {"params", "rng"} or not isinstance(state["params"], Mapping):
        raise CheckpointError("session: this is not a state of a session", "it has params and rng")
    stream, values = _stream(state["rng"], ("seed", "counter", "draws")), state["params"]
    missing = [quote(n) for n in (*s.params, *values) if n not in values or n not in s.params]
    if missing:
        raise CheckpointError(f"session: the parameters differ: {', '.join(missing[:8])}",
                              "one side has them, the other does not")  # fmt: skip
    for name, p in s.params.items():
        a = values[name]
        if not isinstance(a, np.ndarray) or a.shape != p.shape or a.dtype != p.dtype:
            raise CheckpointError(f"session: {quote(name)} is {_said(a)} in the checkpoint, {p.dtype} {p.shape} here")
    rng = Rng(stream["seed"], stream["counter"])
    # What an array is, is fixed: the checkpoint's are read-only, as a session's are.
    s.store.update({p.key: s.tape.put(values[name]) for name, p in s.params.items()})
    s.rng, s._draws = rng, stream["draws"]


def _said(a: Any) -> str:
    return f"{a.dtype} {a.shape}" if isinstance(a, np.ndarray) else quote(a, 40)


def check_kind(thing: Any, part: Checkpoint, label: str) -> None:
    """Refuse the state of something else.

    Raises
    ------
    CheckpointError
    """
    kind = kind_of(thing)
    inner = [key for key, value in part.items() if isinstance(value, Checkpoint)]
    if part.kind == kind or (part.kind == "dict" and not inner):
        return
    fits = [key for key in inner if part[key].kind == kind] or [key for key in (WITHIN.get(kind),) if key in part]
    named = ", ".join(f"{quote(key, 40)}: ..." for key in (fits[:1] or inner[:4]))
    hint = f"tl.load(path, into={{{named}}})" if named else f"into= an object of kind {part.title}"
    raise CheckpointError(f"{label} holds {part.title}, not {_titled(thing)}", None, hint)


def _titled(thing: Any) -> str:
    return Checkpoint(kind_of(thing), None, None, type(thing).__name__).title


def check_dtypes(thing: Any, state: Any, label: str) -> None:
    """Refuse arrays of another number type than the object's.

    Raises
    ------
    CheckpointError
    """
    mine = {place: a for place, a in leaves(state_of(thing)) if isinstance(a, np.ndarray)}
    for place, a in leaves(state):
        if isinstance(a, np.ndarray) and place in mine and a.dtype != mine[place].dtype:
            hint = "cast=True"
            if kind_of(thing) == "Trainer":  # it goes on bit for bit, or not at all
                hint = f'a Trainer with dtype="{a.dtype}", or into={{"model": trainer.runner.net}} with cast=True'
            raise CheckpointError(f"{label}: {quote(place)} is {a.dtype} in the checkpoint, {mine[place].dtype} here",
                                  "digits would be lost, or made up", hint)  # fmt: skip


def put_all(jobs: list[tuple[Any, Any]]) -> None:
    """Give several objects their states, or none of them: when anything goes wrong they get the old ones back."""
    before = [(thing, state_of(thing)) for thing, _ in jobs]
    try:
        for thing, state in jobs:
            put(thing, state)
    except BaseException:
        while before:  # Stop may be pressed again meanwhile
            with suppress(KeyboardInterrupt):
                for thing, state in before:
                    put(thing, state)
                before = []
        raise


def pairs(into: Any, part: Any, place: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Objects of `into` with what the checkpoint has for them, and where."""
    if isinstance(into, Mapping):
        for key, value in into.items():
            if not isinstance(part, Mapping) or key not in part:
                there = ", ".join(quote(k, 40) for k in part) if isinstance(part, Mapping) else "no entries"
                raise CheckpointError(f"the checkpoint has no {quote(joined(place, key))}", f"it has {there}")
            yield from pairs(value, part[key], joined(place, key))
    elif isinstance(into, list | tuple):
        if not isinstance(part, list | tuple) or len(part) != len(into):
            raise CheckpointError(f"{quote(place)}: {len(into)} objects, the checkpoint does not have as many")
        for i, value in enumerate(into):
            yield from pairs(value, part[i], joined(place, i))
    elif is_thing(into):
        yield into, part, place

