"""Every example in a docstring runs and prints what it says."""

import doctest
import importlib
import pkgutil

import pytest

import torchlean_nb
from torchlean_nb.minimizers import METHODS

MODULES = sorted(m.name for m in pkgutil.walk_packages(torchlean_nb.__path__, "torchlean_nb."))


@pytest.mark.parametrize("name", ["torchlean_nb", *MODULES])
def test_examples_run(name):
    module = importlib.import_module(name)
    # Rows are objects, not functions: doctest finds their examples only when told where to look.
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    found = finder.find(module, name)
    for op in torchlean_nb.ops.values():
        if op.builtin and op.__module__ == name:
            found += finder.find(op.forward, f"{name}.{op.name}", module=module, globs=vars(module))
    for rule in [*torchlean_nb.optim.rules.values(), *METHODS.values()]:
        if rule.builtin and rule.__module__ == name:
            found += finder.find(rule.update, f"{name}.{rule.name}", module=module, globs=vars(module))
    home = torchlean_nb.get_default_device()
    for test in found:
        test.globs["__name__"] = "__main__"  # a row declared in an example is the reader's own, not one of ours
        failed = runner.run(test).failed
        torchlean_nb.set_default_device(home)
        assert failed == 0, test.name
