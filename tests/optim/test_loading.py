"""Files of update rules are loaded when somebody looks for what stands in them."""

from __future__ import annotations

import subprocess
import sys

import pytest

import torchlean_nb as tl
from torchlean_nb.updates import RULES


def fresh(code: str) -> list[str]:
    """What a fresh interpreter prints, word by word."""
    begin = "import sys, numpy as np, torchlean_nb as tl\nfiles = lambda: [m for m in sys.modules if '.optim.' in m]\n"
    return subprocess.check_output([sys.executable, "-c", begin + code], text=True).split()


@pytest.mark.parametrize(("name", "file"), tl.optim._HOMES.items())
def test_a_rule_that_has_its_file_to_itself_stands_there(name, file):
    assert RULES.named(name).__module__ == f"torchlean_nb.optim.{file}"


def test_an_optimizer_that_is_used_a_lot_loads_its_own_file_only():
    assert fresh("tl.optim.SGD({'w': np.ones(2)}, lr=0.1).step({'w': np.ones(2)}); print(*files())") == [
        "torchlean_nb.optim.gradient"
    ]


def test_whatever_was_loaded_first_the_table_is_the_same():
    code = "tl.optim.SGD; tl.optim.matrix.newton_schulz; tl.optim.chain('clip_value', 'adam'); print(*tl.optim.rules)"
    assert fresh(code) == fresh("print(*tl.optim.rules)") == [name for name, r in RULES.items() if r.builtin]


def test_the_name_of_a_rule_that_is_not_loaded_yet_is_taken():
    code = """
def muon(xp, g, p, s, h, t):
    return {"delta": -g}
try:
    tl.extend.update_rule()(muon)
except RuntimeError as e:
    print("taken" if "'muon' exists already" in str(e) else e)
"""
    assert fresh(code) == ["taken"]
