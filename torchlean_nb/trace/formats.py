"""Table of renderers: a name, and where the function lives.

The functions sit two levels up and are loaded when first called, so a trace can be made and
saved without matplotlib, graphviz or ipywidgets being installed. A picture drawn without an option that was misspelled
would look like one drawn with it, so what a renderer does not take is refused here for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from torchlean_nb.errors import HyperparameterTypeError, UnknownNameError, did_you_mean, quote

RENDERERS: dict[str, str] = {
    "text": "torchlean_nb.render.text:text",
    "markdown": "torchlean_nb.render.text:markdown",
    "ledger_text": "torchlean_nb.render.text:ledger_text",
    "ledger_widget": "torchlean_nb.widgets.gradient_ledger:GradientLedger",
    "latex": "torchlean_nb.render.latex:latex",
    "svg": "torchlean_nb.render.svg:svg",
    "dot": "torchlean_nb.render.dot:dot",
    "graphviz": "torchlean_nb.render.dot:render_dot",
    "html": "torchlean_nb.render.html:html",
    "figure": "torchlean_nb.render.figure:figure",
    "widget": "torchlean_nb.widgets.graph_stepper:GraphStepper",
    "boundary_text": "torchlean_nb.render.boundary:boundary_text",
    "boundary_svg": "torchlean_nb.render.boundary_svg:boundary_svg",
    "boundary_gif": "torchlean_nb.render.boundary_gif:boundary_gif",
    "boundary_widget": "torchlean_nb.widgets.decision_boundary:DecisionBoundary",
    "confusion_text": "torchlean_nb.render.confusion:confusion_text",
    "confusion_svg": "torchlean_nb.render.confusion:confusion_svg",
    "confusion_widget": "torchlean_nb.widgets.confusion_view:ConfusionView",
    "program_text": "torchlean_nb.render.program_text:program_text",
    "program_svg": "torchlean_nb.render.program_svg:program_svg",
    "program_widget": "torchlean_nb.widgets.program_view:ProgramView",
    "race_text": "torchlean_nb.render.race_text:race_text",
    "race_svg": "torchlean_nb.render.race_svg:race_svg",
    "race_html": "torchlean_nb.render.race_html:race_html",
    "race_figure": "torchlean_nb.render.race_figure:race_figure",
    "race_gif": "torchlean_nb.render.race_gif:race_gif",
    "race_png": "torchlean_nb.render.race_png:race_png",
    "race_widget": "torchlean_nb.widgets.race_arena:RaceArena",
    "landscape_text": "torchlean_nb.render.landscape_text:landscape_text",
    "landscape_svg": "torchlean_nb.render.landscape_svg:landscape_svg",
    "landscape_figure": "torchlean_nb.render.landscape_figure:landscape_figure",
    "landscape_widget": "torchlean_nb.widgets.landscape_explorer:LandscapeExplorer",
    "fair_text": "torchlean_nb.render.fair_text:fair_text",
    "fair_svg": "torchlean_nb.render.fair_svg:fair_svg",
    "fair_figure": "torchlean_nb.render.fair_figure:fair_figure",
    "fair_widget": "torchlean_nb.widgets.leaderboard:Leaderboard",
    "run_text": "torchlean_nb.render.run_text:run_text",
    "run_svg": "torchlean_nb.render.dashboard_svg:svg",
    "run_html": "torchlean_nb.render.dashboard:html",
    "run_figure": "torchlean_nb.render.dashboard_figure:figure",
    "run_widget": "torchlean_nb.widgets.training_dashboard:TrainingDashboard",
}
# What a renderer takes as ``**state``, of which its signature says no names.
_SEEN = ("at", "smooth", "log", "chosen", "metric", "off")
STATES = {"run_svg": _SEEN, "run_figure": _SEEN, "run_html": (*_SEEN, "layer", "what", "speed", "table")}


def renderer(name: str) -> Callable[..., Any]:
    """Function that renders a trace in the named format.

    Raises
    ------
    UnknownNameError
        For a format that is not in the table.
    HyperparameterTypeError
        When called with an option that this format does not have.

    Examples
    --------
    >>> renderer("dot")(None, directoin="LR")
    Traceback (most recent call last):
        ...
    torchlean_nb.errors.HyperparameterTypeError: render: 'dot' has no option 'directoin'
      did you mean direction?
    """
    from inspect import signature  # noqa: PLC0415 - costs more than the rest of the import

    if name not in RENDERERS:
        raise UnknownNameError(f"render: unknown format {name!r}", did_you_mean(name, RENDERERS))
    module, attr = RENDERERS[name].split(":")
    draw = getattr(import_module(module), attr)
    options = [p.name for p in signature(draw).parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    known = (*options[1:], *STATES.get(name, ()))

    def render(trace: Any, **given: Any) -> Any:
        for option in given:
            if option not in known:
                why = did_you_mean(option, known) if known else "it has none"
                raise HyperparameterTypeError(f"render: {name!r} has no option {quote(option)}", why)
        return draw(trace, **given)

    return render
