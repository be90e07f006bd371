"""``import torchlean_nb`` is quick: drawing and widgets are loaded when first used."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("ipywidgets", "anywidget", "matplotlib", "graphviz", "latex2mathml", "IPython", "cupy", "sklearn", "torch")


def loaded_after(code: str) -> set[str]:
    """Names of the heavy packages that a fresh interpreter has loaded after `code`."""
    show = f"import sys; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    return set(subprocess.check_output([sys.executable, "-c", f"{code}\n{show}"], text=True).split())


def test_importing_the_toolkit_loads_nothing_heavy():
    assert loaded_after("import torchlean_nb") == set()


def test_a_gradient_needs_nothing_heavy():
    code = "import torchlean_nb as tl; s = tl.Session(); x = s.param(3.0, name='x'); s.backward(x * x)[x]"
    assert loaded_after(code) == set()


def test_a_first_step_loads_nothing_of_numpy_or_of_the_toolkit_that_it_does_not_use():
    slow = ["numpy.ma", "numpy.random", "json", "torchlean_nb.trace"]
    first = ["torchlean_nb.optim", "torchlean_nb.compiler", *slow]
    code = f"""import sys, numpy
before = set(sys.modules)
import torchlean_nb as tl
print(*set({first}) & (sys.modules.keys() - before))
tl.compile(lambda w: (w * w).sum(), [1.0]).value_and_grad([3.0])
print(*set({slow}) & (sys.modules.keys() - before))"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == []


def test_a_heavy_package_would_be_noticed():
    assert loaded_after("import graphviz") == {"graphviz"}
