"""What ``torchlean_nb`` offers is there, is described, and is named once."""

from __future__ import annotations

import inspect

import pytest

import torchlean_nb as tl


def test_no_name_is_exported_twice():
    assert sorted(tl.__all__) == sorted(set(tl.__all__))


@pytest.mark.parametrize("name", sorted(set(tl.__all__) - {"__version__"}))
def test_every_exported_name_exists_and_says_what_it_is(name):
    member = getattr(tl, name)
    described = member if inspect.ismodule(member) or callable(member) else type(member)
    assert inspect.getdoc(described)


def test_every_exported_name_is_offered_by_completion():
    assert set(tl.__all__) <= set(dir(tl))


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = tl.no_such_thing
