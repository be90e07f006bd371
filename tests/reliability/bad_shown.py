"""Words of the rows about drawings, widgets, typed formulas, devices and lessons."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import _guard
import pytest
from _traces import named

import torchlean_nb as tl
from torchlean_nb.backend import devices
from torchlean_nb.lessons.answers import read_answer
from torchlean_nb.train.progress import Progress

CUDA = _guard.module.cuda
TROUBLE = {
    "memory": CUDA.memory.OutOfMemoryError(1 << 40, 1 << 30, 1 << 34), "launch": CUDA.driver.CUDADriverError(719),
}  # fmt: skip


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


def markup(name):
    """Elements, with their attributes, of the drawing of a trace in which everything has this name."""
    root = ElementTree.fromstring(named(name).render("svg"))
    return {(e.tag, *sorted(e.keys())) for e in root.iter()}


def titles(name):
    """The text of that drawing."""
    return " ".join(e.text or "" for e in ElementTree.fromstring(named(name).render("svg")).iter())


def statements(name):
    """The lines of its DOT source without what stands in quotes."""
    source = named(name).render("dot")
    return [re.sub(r'"(?:[^"\\]|\\.)*"', "", line) for line in source.splitlines()]


def page(name):
    """A page with a stepper through it."""
    return named(name).render("html")


def bars(line):
    """How many cells a line of a table in Markdown has."""
    return len(re.findall(r"(?<!\\)\|", line))


def answer(exercise, given):
    """A student's answer as a grader reads it."""
    return read_answer(tl.lessons.exercises.EXERCISES[exercise], given)


def drawn_times(n):
    """How often a progress bar is drawn by n updates within one second."""
    now, drawn = [0.0], []
    shown = SimpleNamespace(n=0, set_postfix_str=lambda text, refresh: None, refresh=lambda: drawn.append(now[0]))
    bar = Progress(n, make=lambda total, done: shown, clock=lambda: now[0])
    bar.start()
    for k in range(n):
        now[0] = k / n
        bar.at(k, {})
    return len(drawn)


WORDS = {
    "spec": spec, "failing_dot": failing_dot, "named": named, "markup": markup, "titles": titles, "page": page,
    "statements": statements, "bars": bars, "answer": answer, "drawn_times": drawn_times,
}  # fmt: skip


class Shown:
    """Traces of the session; a device that fails; packages that are not installed."""

    def drawn(self):
        """The trace of the loss."""
        return self.s.trace(self.loss)

    def without(self, package, do):
        """Do it as if a package were not installed."""
        with self.monkeypatch.context() as m:
            m.setitem(sys.modules, package, None)
            m.setattr(devices, "find_spec", lambda name: None)
            m.setattr(devices, "_opened", lambda kind: devices.LIBRARIES[kind]())
            return do()

    @property
    def there(self):
        """A session on a second device, a stand-in for a GPU, with a parameter and a loss."""
        self.monkeypatch.setitem(devices.LIBRARIES, "guard", _guard.lib)
        s = tl.Session(device="guard", seed=7)
        w = s.param([1.0, 2.0], name="w")
        self.sessions.append(s)
        return SimpleNamespace(s=s, w=w, loss=(w * w).sum())

    def failing(self, computation, trouble, do):
        """Do it on a device where one computation fails."""
        with _guard.failing(computation, TROUBLE[trouble]):
            return do()
