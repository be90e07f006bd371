"""A renderer that does not know an option says so: a picture without it would pass for one with it."""

from __future__ import annotations

from importlib import import_module
from inspect import signature

import pytest

import torchlean_nb as tl
from torchlean_nb.errors import HyperparameterTypeError
from torchlean_nb.trace.formats import RENDERERS, STATES, renderer


@pytest.mark.parametrize("name", RENDERERS)
def test_every_renderer_refuses_an_option_that_it_does_not_have(name):
    with pytest.raises(HyperparameterTypeError, match=f"'{name}' has no option 'colour_of_money'"):
        renderer(name)(None, colour_of_money="green")


@pytest.mark.parametrize("name", RENDERERS)
def test_every_option_is_known_by_name(name):
    module, attr = RENDERERS[name].split(":")
    open_ended = [
        p for p in signature(getattr(import_module(module), attr)).parameters.values() if p.kind is p.VAR_KEYWORD
    ]
    assert bool(open_ended) == (name in STATES)


@pytest.fixture
def traced():
    s = tl.Session()
    x = s.param(3.0, name="x")
    return s.trace(x * x)


def test_a_misspelled_option_is_answered_with_the_right_one(traced):
    with pytest.raises(HyperparameterTypeError, match="did you mean presentation"):
        traced.to_html(presentaiton=True)
    with pytest.raises(HyperparameterTypeError, match="'text' has no option 'width'\n  it has none"):
        traced.to_text(width=3)
    with pytest.raises(HyperparameterTypeError, match="did you mean smooth"):
        tl.trace.RunTrace("run").to_svg(smoth=0.5)


def test_what_is_named_arrives(traced):
    assert traced.render("html", presentation=True, predict=True) != traced.render("html")
    assert '"controls":["transport"]' in traced.render("html", controls=["transport"])
    assert traced.render("svg", direction="LR") != traced.render("svg")
