"""A trace as DOT text, and drawn by Graphviz where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from importlib import import_module
from pathlib import Path

import graphviz
import numpy as np

from torchlean_nb.errors import HyperparameterError, ToolError, quote
from torchlean_nb.escape import dot as escape
from torchlean_nb.render import files
from torchlean_nb.render.cleansvg import clean
from torchlean_nb.render.edges import edge_width
from torchlean_nb.render.fold import fold, note
from torchlean_nb.render.numbers import fmt, norm, shape
from torchlean_nb.render.svg import svg as own_svg
from torchlean_nb.render.theme import LIGHT
from torchlean_nb.trace.graph import GraphTrace, TraceNode

FORMATS = ("svg", "png", "pdf", "dot")
ENGINES = ("auto", "dot", "pygraphviz", "own")
_SECONDS = 10
_LARGEST = 2_000_000
_WAYS_OUT = "apt install graphviz, brew install graphviz, or pip install pygraphviz"
_STYLE = {
    "input": ("ellipse", LIGHT["inp"], "solid"),
    "param": ("octagon", LIGHT["par"], "solid"),
    "const": ("box", LIGHT["const"], "dashed"),
    "op": ("box", LIGHT["line2"], "rounded"),
}


def dot(trace: GraphTrace, direction: str = "TB") -> str:
    """DOT text of a trace: forward edges grey, gradients in vermilion beside them.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> x = s.param(3.0, name="x")
    >>> print(dot(s.trace(x * x)).splitlines()[0])
    digraph trace {
    """
    if direction not in ("TB", "LR"):
        raise HyperparameterError(f"dot: unknown direction {quote(direction)}", None, "'TB' or 'LR'")
    trace = fold(trace)[0]
    graph = graphviz.Digraph(
        "trace", graph_attr={"rankdir": direction, "nodesep": "0.2", "ranksep": "0.3"},
        node_attr={"fontname": "Helvetica", "fontsize": "10", "margin": "0.08,0.03"},
        edge_attr={"fontname": "Helvetica", "fontsize": "9", "arrowsize": "0.6"},
    )
    # Bodies are written line by line: every text in them went through our own quoting.
    for n in trace.nodes:
        kind, colour, style = _STYLE.get(n.role, _STYLE["op"])
        graph.body.append(f'\t{n.id:d} [label={escape(*_lines(n))} shape={kind} color="{colour}" style={style}]\n')
    for n in trace.nodes:
        for p in n.parents:
            graph.body.append(f'\t{p:d} -> {n.id:d} [color="{LIGHT["line2"]}"]\n')
    for e in trace.edges:
        graph.body.append(
            f'\t{e.child:d} -> {e.parent:d} [color="{LIGHT["grad"]}" fontcolor="{LIGHT["grad-ink"]}" '
            f'penwidth={edge_width(e.contribution) / 2:.2f} constraint=false label={escape(_size(e.contribution))}]\n'
        )
    if note(trace):
        graph.body.append(f"\tlabel={escape(note(trace))}\n")
    return graph.source


def _lines(n: TraceNode) -> list[str]:
    head = n.label if not n.name else f"{n.name}  {n.op}"
    lines = [head + (f"  {shape(n.shape)}" if n.shape else ""), _size(n.value)]
    return lines if n.grad is None else [*lines, f"∇ {_size(n.grad)}"]


def _size(a: np.ndarray) -> str:
    return fmt(a, 4) if a.ndim == 0 else f"‖·‖ {fmt(norm(a), 3)}"


def render_dot(
    trace: GraphTrace, engine: str = "auto", format: str = "svg", path: str | os.PathLike[str] | None = None
) -> str | bytes:
    """Drawing of a trace by Graphviz: the program, else the package pygraphviz, else our own SVG.

    Parameters
    ----------
    trace : GraphTrace
    engine : {"auto", "dot", "pygraphviz", "own"}
        ``"auto"`` takes the first that is there, and warns when only our own drawing is.
    format : {"svg", "png", "pdf", "dot"}
        Text for SVG and DOT, bytes for the others. A `path` decides by its suffix.
    path : path, optional
        File to write as well.

    Raises
    ------
    HyperparameterError
        For an unknown engine or format, or a path outside the working folder.
    ToolError
        When a named engine is missing or fails, or nothing here can make the format.
    """
    if engine not in ENGINES:
        raise HyperparameterError(f"render: unknown engine {quote(engine)}", None, "one of " + ", ".join(ENGINES))
    to = None if path is None else files.target(path, FORMATS)
    format = files.check_format(format, FORMATS) if to is None else to.suffix.removeprefix(".").lower()
    out = dot(trace) if format == "dot" else _drawn(trace, engine, format)
    if to is not None:
        files.write(to, out)
    return out


def _drawn(trace: GraphTrace, engine: str, format: str) -> str | bytes:
    if engine == "own":
        if format != "svg":
            raise ToolError(
                f"render: our own drawing is SVG, not {format}", None, f"{_WAYS_OUT}; or trace.render('figure')"
            )
        return own_svg(trace)
    source = dot(trace).encode("utf-8")
    failures = []
    for name, draw in (("dot", _by_program), ("pygraphviz", _by_package)):
        if engine in ("auto", name):
            try:
                made = draw(source, format)
                return clean(made) if format == "svg" else made
            except ToolError as e:
                failures.append(e)
    if engine != "auto" or format != "svg":
        raise failures[0]
    why = str(failures[0]).splitlines()[0]
    warnings.warn(f"{why}; showing our own layout instead. For Graphviz: {_WAYS_OUT}", stacklevel=4)
    return own_svg(trace)


def _by_program(source: bytes, format: str) -> bytes:
    program = shutil.which("dot")
    # Windows looks into the working folder first, where a download may lie.
    if program is None or Path(program).resolve().parent == Path.cwd():
        raise ToolError("dot: the program is not installed", None, _WAYS_OUT)
    if len(source) > _LARGEST:
        raise ToolError(f"dot: {len(source):,} bytes of DOT are more than {_LARGEST:,}", None, "engine='own'")
    try:
        done = subprocess.run(
            [os.path.abspath(program), f"-T{format}"], input=source, capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as e:
        raise ToolError(f"dot: no drawing after {_SECONDS} seconds", None, "engine='own'") from e
    except OSError as e:
        raise ToolError("dot: the program does not start", str(e), _WAYS_OUT) from e
    if done.returncode or not done.stdout:
        stderr = done.stderr.decode("utf-8", "replace")[:200]
        raise ToolError(f"dot: failed with exit code {done.returncode}", f"stderr: {stderr}")
    return done.stdout


def _by_package(source: bytes, format: str) -> bytes:
    try:
        package = import_module("pygraphviz")
    except ImportError as e:
        raise ToolError("dot: neither the program dot nor the package pygraphviz is installed", None, _WAYS_OUT) from e
    try:
        return package.AGraph(string=source.decode("utf-8")).draw(format=format, prog="dot")
    except Exception as e:  # whatever the package raises, the caller gets one kind of error
        raise ToolError("dot: pygraphviz failed", f"{type(e).__name__}: {e}") from e
