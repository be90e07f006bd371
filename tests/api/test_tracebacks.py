"""What a notebook shows of an error: the user's lines and the message, not the way through the toolkit."""

from __future__ import annotations

import re
from types import SimpleNamespace

import IPython
import numpy as np
import pytest
from IPython.core.ultratb import AutoFormattedTB

import torchlean_nb as tl
from torchlean_nb.errors import HookError, ShapeError

INSIDE = re.compile(r"torchlean_nb/engine|call of a row")


def product():
    s = tl.Session()
    return s.param(np.ones((2, 3))) @ s.param(np.ones((2, 3)))


def broken(g):
    return g[f"no {'such'} entry"]


def swept():
    s = tl.Session()
    w = s.param(2.0)
    return s.backward(w * w, hook=lambda *_: broken({}))


@pytest.fixture
def shown(monkeypatch):
    def show(work, kind, mode="Context"):
        shell = SimpleNamespace(InteractiveTB=AutoFormattedTB(mode, tb_offset=0))
        monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
        with pytest.raises(kind) as caught:
            work()
        cause = caught.value.__cause__
        text = "\n".join(caught.value._render_traceback_())
        assert caught.value.__cause__ is cause
        return re.sub(r"\x1b\[[\d;]*m", "", text)

    return show


def test_the_lines_of_the_user_and_the_message_are_shown_and_no_others(shown):
    text = shown(product, ShapeError)
    assert "@ s.param" in text and not INSIDE.search(text)
    assert re.search(r"\(left out, inside torchlean_nb: [1-9]\d*; %xmode Verbose shows all\)\n", text)
    assert "direct cause" not in text
    assert text.rstrip().endswith("try: transpose one of them")


def test_verbose_tracebacks_show_every_step_and_every_cause(shown):
    text = shown(product, ShapeError, "Verbose")
    assert INSIDE.search(text) and "direct cause" in text and "left out" not in text


def test_what_failed_in_a_function_of_the_user_stays_in_sight(shown):
    text = shown(swept, HookError)
    assert "no {'such'} entry" in text and "KeyError" in text and "direct cause" in text
