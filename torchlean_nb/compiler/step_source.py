"""Source of a whole training step: forward, backward and update as one straight line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from torchlean_nb.compiler.emit import NUMPY, used
from torchlean_nb.compiler.lowering import Graph
from torchlean_nb.compiler.plan import Plan, plan
from torchlean_nb.compiler.source import WIDTH, Text, copied, head, indented

_SCALAR = re.compile(r"\bk(\d+)\b")
_MATH = ("sqrt", "exp", "expm1", "log", "tanh")
_CALLED = re.compile(rf"\b({'|'.join(_MATH)})\(")
RESERVED = {"bind", "blocks", "every", "grads", "kernels", "lr", "native", "numbers", "params", "places", "s", "step",
            "t", "total", "update"}  # fmt: skip
_OURS = re.compile(r"[cstv]\d+")


class Cells(NamedTuple):
    """The parameters of a step: which arguments they are, and where each lies in the flat array of a type."""

    wrt: tuple[int, ...]
    places: tuple[tuple[int, int, tuple[int, ...]], ...]
    dtype: str

    @property
    def size(self) -> int:
        """Elements of the flat array."""
        return self.places[-1][1]


def taken(update: Any) -> set[str]:
    """Names that an update uses."""
    return RESERVED | {*(update.names if update else ()), *(update.numbers if update else ())}


def writable(update: Any) -> bool:
    """Whether the names of an update's slots can stand in a text together with ours."""
    names = {*update.slots, *update.numbers}
    return not any(n in RESERVED or n in NUMPY or n in _MATH or _OURS.fullmatch(n) for n in names)


def step_source(
    graph: Graph, names: Sequence[str], cells: Cells, several: bool, title: str, update: Any, block: int, check: bool,
    native: bool = False, ending: tuple[str, int] = ("{}", 1), loops: bool = False, say: bool = False,
    device: Any = None,
) -> tuple[str, Plan]:  # fmt: skip
    """Text of a step, and its plan.

    Parameters
    ----------
    graph : Graph
        Outputs: what the function returns, then the gradients.
    names : sequence of str
        Of its arguments.
    cells : Cells
    several : bool
        Whether the function returns a tuple.
    title : str
    update : shells.Program or None
        Passes over the flat arrays; without them the step ends with the gradients.
    block : int
        Elements that are updated at a time.
    check : bool
        Whether the step says if what it makes is finite.
    native : bool
        Whether to call `update`, a loop compiled from the passes, in their place.
    ending : (str, int)
        The loss as Python, made from so many of the first outputs.
    loops : bool
        Whether numba makes loops of neighbouring lines, or a device launches, see `kernels` and `cuda`.
    say : bool
        Whether to write the formulas beside the lines; then the passes stand there in any case.
    device : Device, optional
        Where it runs, if not on the CPU.
    """
    if say:
        from torchlean_nb.compiler import formulas  # noqa: PLC0415 - for readers only

    params = [names[k] for k in cells.wrt]
    slopes = _slopes(names, params)
    outs, grads = graph.outputs[: -len(params)], graph.outputs[-len(params) :]
    into: dict[int, str] = {}
    for i, name, (_, _, shape) in zip(grads, slopes, cells.places, strict=True):
        line = graph.lines[i]
        if i not in into and i not in outs and (line.shape, line.dtype.name) == (shape, cells.dtype):
            into[i] = name
    memory = plan(graph, into)
    text = Text(graph, memory, names, cells.wrt, formulas.said if say else None)
    data = [name for k, name in enumerate(text.names) if k not in cells.wrt]
    run, loose = [*text.body], []
    if loops and not say:
        if device is None:
            from torchlean_nb.compiler.kernels import looped as gather  # noqa: PLC0415 - for numba only
        else:
            from torchlean_nb.compiler.cuda import launched as gather  # noqa: PLC0415 - for a device only

        run, loose = gather(graph, memory, text)
    rest = [f"copyto({name}, {text.word[i]})" for i, name in zip(grads, slopes, strict=True) if text.word[i] != name]
    run += ["# gradients to their places", *rest] if rest else []
    spelled, n = ending
    loss = spelled.format(*[f"{text.word[i]}.item()" for i in outs[:n]])
    results = f"({', '.join([loss, *(copied(graph, text, i) for i in outs[n:])])},)" if several else loss
    if update is None:
        bind = ["def bind(params, grads):", '    """A step that reads these arrays and writes those."""',
                f"    {_unpacked(params)} = params", f"    {_unpacked(slopes)} = grads"]  # fmt: skip
        run, front = [*run, f"return {results}"], []
    else:
        arrays = [n for n in update.names if n not in update.temporaries]
        ends = [(a, b, shape) for a, b, shape in cells.places]
        native = native and not say
        block = cells.size if native else block
        front = wrap(f"places = {ends}", WIDTH, subsequent_indent="    ")
        front += _scratch(update, 0 if native else cells.size, block)
        front += ["", "", *_numbers(update)]
        n = len(update.k)
        bind = [f"def bind(s, {', '.join(arrays)}, update=None):" if native else f"def bind(s, {', '.join(arrays)}):",
                '    """A step from p to new_p; gradients go into g."""',
                f"    {_unpacked(f's{i}' for i in range(n))} = (s[i : i + 1].reshape(()) for i in range({n}))",
                f"    {_unpacked(params)} = (p[a:b].reshape(shape) for a, b, shape in places)",
                f"    {_unpacked(slopes)} = (g[a:b].reshape(shape) for a, b, shape in places)",
                *_blocks(update, arrays, cells.size, block)]  # fmt: skip
        run += wrap(f"# {formulas.update(update.rule)}", WIDTH - 8, subsequent_indent="#     ") if say else []
        if native:
            run.append(f"total = 0.0 if update({', '.join(update.names)}) else np.inf")
        else:
            run += _update(update, arrays, cells.size > block, check)
        total = "0.0" if not check else "total" if native or cells.size > block else "new_p.dot(new_p).item()"
        run.append(f"return {results}, {total}")
    body = [*bind, *indented(text.bound), "", f"    def step({', '.join(data)}):", *indented(run, 8), "    return step"]
    code = "\n".join([*text.once, *body])
    first = head(title, graph, memory, [code], device)
    if update is not None and (called := sorted({*_CALLED.findall("\n".join(front))} - {*used(code)})):
        first.insert(1, f"from math import {', '.join(called)}")
    return "\n".join([*first, *loose, *text.made, *text.once, *front, "", "", *body, ""]), memory


def _slopes(names: Sequence[str], params: Sequence[str]) -> list[str]:
    """Names for gradients that are not names of arguments."""
    d = "d"
    while any(d + name in names for name in params):
        d += "_"
    return [d + name for name in params]


def _unpacked(names: Any) -> str:
    found = [*names]
    return ", ".join(found) + ("," if len(found) == 1 else "")


def _scratch(update: Any, size: int, block: int) -> list[str]:
    return [
        f"{name} = np.empty({min(size, block)}, {'bool' if kind is bool else f'np.{kind.name}'})"
        for name, kind in update.temporaries.items()
    ]


def _numbers(update: Any) -> list[str]:
    """The function that sets the scalars of a step."""
    more = "".join(f", {k}" for k in update.numbers)
    own = [line.replace("k", "s[", 1).replace(" =", "] =", 1) for line in update.scalars if line.startswith("k")]
    after = [line.partition(" = ")[2] for line in update.scalars if line.startswith("n")]
    back = [f"    return {_unpacked(after)}"] if after else []
    return [f"def numbers(s, t, lr{more}):", '    """Numbers of step t, the first of which is 1."""',
            *indented(own or ["pass"]), *back]  # fmt: skip


def _blocks(update: Any, arrays: Sequence[str], size: int, block: int) -> list[str]:
    if size <= block:
        return []
    short = f", *(x[: len(g) - i] for x in ({_unpacked(update.temporaries)}))" if update.temporaries else ""
    return [f"    every = {_unpacked(arrays)}",
            f"    blocks = [(*(x[i : i + {block}] for x in every){short}) for i in range(0, len(g), {block})]"]


def _update(update: Any, arrays: Sequence[str], many: bool, check: bool) -> list[str]:
    """The passes over the flat arrays."""
    passes = [_SCALAR.sub(r"s\1", line.partition("  #")[0].strip()) for line in update.source.splitlines()[1:]]
    if not many:
        return passes
    names = ", ".join([*arrays, *update.temporaries])
    first = ["total = 0.0"] if check else []
    last = ["    total += new_p.dot(new_p).item()"] if check else []
    return [*first, f"for {names} in blocks:", *indented(passes), *last]
