"""Words of the rows about drawings, widgets, typed formulas, devices and lessons."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

import torchlean_nb as tl


def spec(parents=(), value=None):
    """A trace written by hand: one node with these parents."""
    one = {"dtype": "float64", "shape": [], "data": [1.0]}
    node = {
        "id": 3, "op": "add", "role": "op", "parents": list(parents), "attrs": {}, "name": None, "scope": "",
        "requires_grad": True, "latex": "", "value": value or one, "grad": None,
    }  # fmt: skip
    whole = {"format": "torchlean_nb.graph/1", "meta": {}, "output": 3, "seed": one, "nodes": [node], "edges": []}
    return tl.GraphTrace.from_dict(whole)


def failing_dot(trace):
    """Draw with a program `dot` that fails."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "dot"
        program.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
        program.chmod(0o755)
        with pytest.MonkeyPatch.context() as m:
            m.setenv("PATH", folder)
            return trace.render("graphviz", engine="dot")


WORDS = {"spec": spec, "failing_dot": failing_dot}


class Shown:
    """Traces of the session."""

    def drawn(self):
        """The trace of the loss."""
        return self.s.trace(self.loss)
