"""Names are hostile text: in the picture, the words, the plain data and the traits of a view they are text only."""

from __future__ import annotations

import json
import re
from functools import cache
from xml.etree import ElementTree

import pytest
from _payloads import PAYLOADS
from _views import MAKE

# What a terminal obeys: control characters, turned text, halves of a character.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]")


def shapes(markup):
    """Every kind of element with its attributes."""
    return {(e.tag, tuple(sorted(e.keys()))) for e in ElementTree.fromstring(markup).iter()}


@cache
def harmless(kind):
    """Elements of the picture of a widget with names that are nothing but names."""
    return set().union(*(shapes(MAKE[kind](name).to_svg()) for name in ("w", "", "n" * 50)))


KINDS = ["puzzle", "losses", "gallery", "cloud", "confusion", "boundary", "program", "landscape"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PAYLOADS, ids=[ascii(p)[:30] for p in PAYLOADS])
def test_a_name_is_only_text_in_every_twin(kind, name):
    """Picture, words, plain data and traits: no element of a name, nothing a terminal obeys, and no endless line."""
    w = MAKE[kind](name)
    picture = w.to_svg()
    assert shapes(picture) <= harmless(kind)
    said = w.to_text() + repr(w)
    assert not CONTROL.search(picture + said), ascii(CONTROL.search(picture + said))
    assert len(picture) < 100_000
    assert len(said) < 20_000
    sent = {k: v for k, v in w.get_state().items() if k in ("payload", "options", "state", "step")}
    for plain in (w.to_dict(), sent):
        assert json.loads(json.dumps(plain, allow_nan=False)) == json.loads(json.dumps(plain))
