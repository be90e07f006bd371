"""Rewrites: primitives that spell a composite become the composite, before a function is lowered.

A pattern is an ordinary function over Tensors. It is traced at small shapes to find where it may stand, and again at
the shapes found there; only what that second trace does, node by node, is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from inspect import signature
from itertools import count, product
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from torchlean_nb.compiler.listing import spelled
from torchlean_nb.compiler.lowering import Graph, Line, Origin, hashable
from torchlean_nb.compiler.passes import drop_unused, needed, reading
from torchlean_nb.compiler.patterns import LEAVES, Found, User, View, traced, unify, view
from torchlean_nb.engine.tape import Tape
from torchlean_nb.engine.tensor import Ref
from torchlean_nb.errors import TorchLeanError
from torchlean_nb.rows import OPS


@dataclass(frozen=True, repr=False)
class Rewrite:
    """What may be written otherwise, and how.

    Parameters
    ----------
    name : str
    becomes : callable
        Takes what the spellings take, and computes the same by fewer or better rows.
    spellings : tuple of callable
        Functions over Tensors. Their keyword arguments are read off: options of rows they are made of, or numbers
        in the computation.
    examples : tuple of ndarray
        Arguments, for their number and kind.
    exact : bool
        Whether value and gradients keep their bits. It is then applied only where nobody else reads what lies
        inside, so that gradients are added up in the same order.
    ulps : float
        Otherwise: how far value and gradients may move, in units of the last place of their largest entry.
    why : str
    needs : tuple of frozenset of str
        Names of rows: a computation that does not have one of each is not looked at.
    """

    name: str
    becomes: Callable[..., Any]
    spellings: tuple[Callable[..., Any], ...]
    examples: tuple[np.ndarray, ...]
    exact: bool = False
    ulps: float = 0.0
    why: str = ""
    needs: tuple[frozenset[str], ...] = ()

    def may(self, rows: Set[str]) -> bool:
        """Whether there are the rows without which nothing can be found."""
        return all(need & rows for need in self.needs)

    @property
    def formulas(self) -> tuple[str, ...]:
        """What is looked for, written out in rows; numbers and options may be others."""
        return tuple(_formula(f, sketch(f, self.examples)) for f in self.spellings)

    def __repr__(self) -> str:
        kept = "the same bits" if self.exact else f"within {self.ulps:g} units of the last place"
        return "\n".join([f"{self.name}: {kept}; {self.why}", *(f"    {x}" for x in self.formulas)])


@dataclass(frozen=True)
class Applied:
    """A rewrite that was made, and the rows before and after."""

    rewrite: Rewrite
    before: Graph
    after: Graph


# -- finding -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sketch:
    """A spelling traced at small shapes; its numbers are inputs, as they may be any."""

    graph: Graph
    numbers: tuple[str, ...]
    options: tuple[str, ...]


_SKETCHES: WeakKeyDictionary[Callable[..., Any], _Sketch] = WeakKeyDictionary()


def sketch(spelling: Callable[..., Any], examples: Sequence[np.ndarray]) -> _Sketch:
    """The rows of a spelling, kept after the first look."""
    made = _SKETCHES.get(spelling)
    if made is None:
        given = {k: p.default for k, p in signature(spelling).parameters.items() if p.kind is p.KEYWORD_ONLY}
        plain = view(traced(spelling, examples)).graph
        numbers = tuple(k for k in given if not any(k in x.attrs for x in plain.lines))

        def opened(*xs: Any) -> Any:
            return spelling(*xs[: len(examples)], **dict(zip(numbers, xs[len(examples) :], strict=True)))

        user = traced(opened, [*examples, *(np.asarray(given[k]) for k in numbers)])
        made = _Sketch(view(user).graph, numbers, tuple(k for k in given if k not in numbers))
        _SKETCHES[spelling] = made
    return made


def _formula(spelling: Callable[..., Any], drawn: _Sketch) -> str:
    lines = drawn.graph.lines
    given = [k for k, p in signature(spelling).parameters.items() if p.kind is not p.KEYWORD_ONLY]
    word = dict(zip(drawn.graph.inputs, (*given, *drawn.numbers), strict=True))
    for i, line in enumerate(lines):
        if i not in word:
            word[i] = str(line.value.tolist()) if line.op == "const" else spelled(line, word.__getitem__)
    return word[drawn.graph.outputs[0]]


@dataclass(frozen=True)
class Match:
    """Where a spelling stands: which lines are its arguments, which are inside, with which options.

    `at` is the last of those inside that read an argument.
    """

    rewrite: Rewrite
    root: int
    inputs: tuple[int, ...]
    inner: frozenset[int]
    at: int
    options: Mapping[str, Any] = field(default_factory=dict)


def matches(user: User, seen: View, rewrites: Sequence[Rewrite]) -> Iterator[Match]:
    """Spellings in a user's rows, later lines first, and for each line in the order of the table."""
    ops = {x.op for x in seen.graph.lines}
    by_root: dict[str, list[tuple[Rewrite, Any, Graph]]] = {}
    for rewrite in rewrites:
        for spelling in rewrite.spellings:
            drawn = sketch(spelling, rewrite.examples).graph
            if all(x.op in ops or x.op in LEAVES for x in drawn.lines):
                by_root.setdefault(drawn.lines[drawn.outputs[0]].op, []).append((rewrite, spelling, drawn))
    for i in reversed(range(len(user.graph.lines))):
        root = seen.place[i]
        if user.graph.lines[i].op in LEAVES:
            continue
        for rewrite, spelling, drawn in by_root.get(seen.graph.lines[root].op, ()):
            for found in unify(drawn, drawn.outputs[0], seen.graph, root, {}, False):
                match = _checked(user, seen, rewrite, spelling, i, found)
                if match is not None:
                    yield match


def _checked(user: User, seen: View, rewrite: Rewrite, spelling: Any, i: int, found: Found) -> Match | None:
    """A match, if the spelling does exactly this at these shapes."""
    drawn = sketch(spelling, rewrite.examples)
    ends = [found.get(k) for k in drawn.graph.inputs]
    if any(k is None or k not in seen.whose for k in ends):
        return None
    inputs, numbers = ends[: len(rewrite.examples)], ends[len(rewrite.examples) :]
    lines = seen.graph.lines
    if any(lines[k].op != "const" or lines[k].shape for k in numbers):
        return None
    values = [user.values[seen.whose[k]] for k in inputs]
    if any(v.dtype.kind != e.dtype.kind for v, e in zip(values, rewrite.examples, strict=True)):
        return None
    read = {name: float(lines[k].value) for name, k in zip(drawn.numbers, numbers, strict=True)}
    inside = [g for p, g in found.items() if drawn.graph.lines[p].op not in LEAVES]
    given = [_read(name, [lines[g].attrs for g in inside]) for name in drawn.options]
    for chosen in product(*given):
        options = read | dict(zip(drawn.options, chosen, strict=True))
        try:
            with np.errstate(all="ignore"):
                again = view(traced(spelling, values, **options)).graph
        except (TorchLeanError, TypeError, ValueError, IndexError, ZeroDivisionError):
            continue
        want = dict(zip(again.inputs, inputs, strict=True))
        for sure in unify(again, again.outputs[0], seen.graph, seen.place[i], {}, True):
            if all(sure.get(p, g) == g for p, g in want.items()):
                inner = _inner(user, seen, i, set(inputs))
                if not rewrite.exact or _alone(user, seen, i, inner, inputs):
                    args = {k: {seen.place[a] for a in user.graph.lines[k].args if a >= 0} for k in inner}
                    at = max(k for k in inner if args[k] & {*inputs})
                    return Match(rewrite, i, tuple(seen.whose[k] for k in inputs), frozenset(inner), at, options)
    return None


def _read(name: str, attrs: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Values that an option has somewhere; an axis alone is a number."""
    found = [x[name] for x in attrs if name in x]
    found = [x[0] if name == "axis" and isinstance(x, tuple) and len(x) == 1 else x for x in found]
    return list({hashable(x): x for x in found}.values())


def _inner(user: User, seen: View, root: int, ends: set[int]) -> set[int]:
    """User's lines between the arguments of a match and its root."""
    found, todo = set(), [root]
    while todo:
        i = todo.pop()
        if i in found or i < 0 or (i != root and seen.place[i] in ends) or user.graph.lines[i].op in LEAVES:
            continue
        found.add(i)
        todo += user.graph.lines[i].args
    return found


def _alone(user: User, seen: View, root: int, inner: set[int], ends: Sequence[int]) -> bool:
    """Whether nobody else reads what is inside, and one line in it reads the arguments, each of which is one line."""
    lines = user.graph.lines
    inside = inner - {root}
    if inside & set(user.graph.outputs) or any(inside & set(x.args) for i, x in enumerate(lines) if i not in inner):
        return False
    moving = {k for k in ends if lines[seen.whose[k]].op != "const"}  # equal constants may be several lines
    if any(seen.place[a] in moving and seen.whose[seen.place[a]] != a for i in inner for a in lines[i].args if a >= 0):
        return False
    readers = [{i for i in inner if seen.whose[k] in lines[i].args} for k in moving]
    return len(set().union(*readers)) == 1 and all(readers)


# -- replacing ---------------------------------------------------------------------------------------


def replaced(user: User, match: Match) -> User | None:
    """The rows with a match written otherwise, at the place of the line that reads its arguments last."""
    lines = user.graph.lines
    try:
        new = traced(match.rewrite.becomes, [user.values[k] for k in match.inputs], **match.options)
        for x in new.graph.lines:
            if x.op in OPS and (rule := OPS[x.op].shape):
                rule(*[new.graph.lines[a].shape for a in x.args if a >= 0], **x.attrs)
    except TorchLeanError:  # the composite takes fewer shapes
        return None
    end = new.graph.lines[new.graph.outputs[0]]
    old = lines[match.root]
    if (end.shape, end.dtype) != (old.shape, old.dtype) or not _other(new, match, lines):
        return None
    fresh = count(max(x.origin.node for x in lines) + 1)
    out: list[Line] = []
    values: list[Any] = []
    moved: dict[int, int] = {-1: -1}

    def put(line: Line, value: Any) -> int:
        out.append(line)
        values.append(value)
        return len(out) - 1

    for i, line in enumerate(lines):
        if i == match.at:
            inside = dict(zip(new.graph.inputs, (moved[k] for k in match.inputs), strict=True)) | {-1: -1}
            for k, x in enumerate(new.graph.lines):
                if k not in inside:
                    node = old.origin.node if k == new.graph.outputs[0] else next(fresh)
                    args = tuple(inside[a] for a in x.args)
                    inside[k] = put(replace(x, args=args, origin=Origin(x.op, node)), new.values[k])
            moved[match.root] = inside[new.graph.outputs[0]]
        if i != match.root:
            moved[i] = put(reading(line, tuple([moved[a] for a in line.args])), user.values[i])
    ends = [tuple(moved[i] for i in found) for found in (user.graph.inputs, user.graph.outputs)]
    rough = Graph(tuple(out), *ends)
    return User(drop_unused(rough), tuple(values[i] for i in needed(rough)))


def _other(new: User, match: Match, lines: Sequence[Line]) -> bool:
    """Whether the composite is another computation than what it is to replace."""
    ours = [x.op for x in new.graph.lines if x.op not in LEAVES]
    return ours != [lines[i].op for i in sorted(match.inner)]


def rewriting(user: User, rewrites: Sequence[Rewrite]) -> tuple[User, tuple[Applied, ...]]:
    """Apply rewrites until none is left, or until they turn in circles."""
    done: list[Applied] = []
    for _ in range(2 * len(user.graph.lines) + 8):
        ops = {x.op for x in user.graph.lines}
        wanted = [r for r in rewrites if r.may(ops)]
        found = ((m, replaced(user, m)) for m in matches(user, view(user), wanted)) if wanted else ()
        match, new = next(((m, u) for m, u in found if u is not None), (None, None))
        if match is None or new is None:
            break
        done.append(Applied(match.rewrite, user.graph, new.graph))
        user = new
    return user, tuple(done)


def again(found: Any, handles: Sequence[Any], start: int, rewrites: Sequence[Rewrite]) -> Any:
    """What a function has recorded, written otherwise on the same tape; its results as they are if nothing is found.

    Nodes before `start` were there before it ran. Inside another transformation only rewrites that are not exact are
    of use: bits of second derivatives are others.
    """
    several = found if isinstance(found, tuple) else (found,)
    tape = handles[0].tape
    if not all(isinstance(o, Ref) and o.tape is tape for o in several):
        return found
    own = [h.id for h in handles]
    inputs = [*own, *sorted(_outside(tape, [o.id for o in several], start) - {*own})]
    first = len(inputs) == len(own) and all(isinstance(tape.records[i][0], str) for i in own)
    chosen = rewrites if first else [r for r in rewrites if not r.exact]
    rows = {getattr(op, "name", "") for op, *_ in tape.records[start:]}
    if not any(r.may(rows) for r in chosen):
        return found
    user, done = rewriting(User.of(tape, inputs, [o.id for o in several]), chosen)
    if not done:
        return found
    outs = played(user, tape, [tape.handle(tape, i) for i in inputs])
    return tuple(outs) if isinstance(found, tuple) else outs[0]


def _outside(tape: Tape, ends: Sequence[int], start: int) -> set[int]:
    """Nodes from before `start` on which `ends` depend."""
    seen, todo = set(), list(ends)
    while todo:
        i = todo.pop()
        if i >= 0 and i not in seen:
            seen.add(i)
            todo += tape.records[i][1] if i >= start else ()
    return {i for i in seen if i < start}


def played(user: User, tape: Tape, handles: Sequence[Any]) -> list[Any]:
    """The rows once more, on a tape."""
    new: dict[int, Any] = {-1: None} | dict(zip(user.graph.inputs, handles, strict=True))
    for i, line in enumerate(user.graph.lines):
        if i not in new:
            args = tuple(new[a] for a in line.args)
            new[i] = tape.leaf("const", tape.put(line.value)) if line.op == "const" else tape.apply(
                OPS[line.op], args, dict(line.attrs)
            )
    return [new[i] for i in user.graph.outputs]
