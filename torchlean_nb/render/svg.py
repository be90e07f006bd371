"""A trace as SVG: one scene that holds every step, or the picture of one step.

The scene is drawn once. Elements that exist only in some steps carry ``data-from`` and
``data-to``; whoever shows the scene toggles those and sets ``todo done now sender`` on nodes.
"""

from __future__ import annotations

from torchlean_nb.errors import HyperparameterError
from torchlean_nb.escape import svg as escape
from torchlean_nb.render import theme
from torchlean_nb.render.edges import chips, edge_group
from torchlean_nb.render.fold import fold, note
from torchlean_nb.render.glyphs import CELLS, outline, text_width, thumb
from torchlean_nb.render.layout import MARGIN, Layout, layout
from torchlean_nb.render.nodes import node_group
from torchlean_nb.render.pen import Pen, Timeline
from torchlean_nb.render.routes import num
from torchlean_nb.trace.graph import GraphTrace

# Beyond these a scene draws smaller thumbnails and plainer edges, to stay below a megabyte.
_MANY_NODES, _MANY_EDGES = 60, 400
_ROLES = {"input": "input", "param": "parameter", "const": "constant", "op": "operation"}


def scene(trace: GraphTrace, width: float = 436, direction: str = "TB", legend: bool = False) -> str:
    """SVG element with all steps of a trace in it, to be shown inside a page.

    A graph too large to draw is folded first; fold it yourself when steps must agree with other
    parts of a page.

    Parameters
    ----------
    trace : GraphTrace
    width : float
        Width of the stage in pixels; larger graphs get a larger ``viewBox``.
    direction : {"TB", "LR"}
        Forward pass downwards or to the right.
    legend : bool
        Whether to explain shapes and colours below the graph.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> s = tl.Session()
    >>> x = s.param(3.0, name="x")
    >>> scene(s.trace(x * x)).count('class="tl-node')
    2
    """
    return _draw(trace, None, width, direction, legend, theme.rules())


def svg(
    trace: GraphTrace, step: int | None = None, width: float = 436, direction: str = "TB", legend: bool = False
) -> str:
    """Self-contained picture of one step, by default of the finished sweep; the same bytes for the same trace.

    Raises
    ------
    HyperparameterError
        For a step outside ``0..steps``.
    """
    drawn = fold(trace)[0]
    if step is not None and not 0 <= step <= drawn.steps:
        raise HyperparameterError(f"svg: step {step} is outside 0..{drawn.steps}")
    step = drawn.steps + 1 if step is None else step
    return _draw(drawn, step, width, direction, legend, theme.resolved())


def _draw(trace: GraphTrace, step: int | None, width: float, direction: str, legend: bool, style: str) -> str:
    trace = fold(trace)[0]
    placed = layout(trace, width, direction)
    pen, when = Pen(step), Timeline(trace)
    cells = CELLS if len(trace.nodes) <= _MANY_NODES else CELLS // 2
    edges = {(e.child, e.arg): e for e in trace.edges}
    for key, route in placed.routes.items():
        edge_group(pen, route, edges.get(key), when, short=len(placed.routes) > _MANY_EDGES)
    state = when.classes(trace, step)
    for n in trace.nodes:
        node_group(pen, n, placed.boxes[n.id], when, state[n.id], cells)
    chips(pen, trace, placed, when)
    height = placed.height
    if not trace.nodes:
        pen.raw(f'<text class="s m" x="{num(placed.width / 2)}" y="{num(height / 2 + 4)}">empty graph</text>')
    if legend and trace.nodes:
        height = _legend(pen, trace, placed)
    if note(trace):
        pen.raw(f'<text class="s m" x="{num(placed.width / 2)}" y="{num(height + 9)}">{note(trace)}</text>')
        height += 18
    size = f"{num(placed.width)} {num(height)}"
    says = f"Computation graph: {len(trace.nodes)} nodes" + (
        f", output {trace[trace.output].label}" if trace.nodes else ""
    )
    standalone = "" if step is None else (
        f' xmlns="http://www.w3.org/2000/svg" width="{num(placed.width)}" height="{num(height)}"'
    )
    back = "" if step is None else f'<rect class="back" width="{num(placed.width)}" height="{num(height)}"/>'
    return (
        f'<svg class="tl-scene"{standalone} viewBox="0 0 {size}" role="{"img" if step is not None else "group"}"'
        f' aria-label="{escape(says)}"><style>{style}</style>{back}{pen.markup()}</svg>'
    )


def _legend(pen: Pen, trace: GraphTrace, placed: Layout) -> float:
    """One line below the graph; returns the new height."""
    roles, entries = {n.role for n in trace.nodes}, []
    for role, word in _ROLES.items():
        if role in roles:
            box = f'<path class="box" d="{outline(role, 0, 0, 40, 20)}"/>'
            entries.append((word, f'<g class="role-{role}" transform="scale(.5)">{box}</g>', 25))
    for hue, sign, word in (("hv", 1.0, "value"), ("hg", 1.0, "∇ gradient"), ("hn", -1.0, "negative")):
        entries.append((word, thumb([[sign, sign]], 0, 5, hue, room=14)[0], 18))
    x, y = MARGIN, placed.height + 6
    pen.raw('<g class="legend">')
    for word, mark, indent in entries:
        wide = indent + 0.93 * text_width(word)
        if x + wide > placed.width - MARGIN:
            x, y = MARGIN, y + 16
        said = f'<text class="s" x="{indent}" y="9">{word}</text>'
        pen.raw(f'<g transform="translate({num(x)} {num(y)})">{mark}{said}</g>')
        x += wide + 8
    pen.raw("</g>")
    return y + 18
