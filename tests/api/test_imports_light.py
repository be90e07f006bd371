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


def test_a_heavy_package_would_be_noticed():
    assert loaded_after("import graphviz") == {"graphviz"}
