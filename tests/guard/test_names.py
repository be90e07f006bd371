"""Every name and keyword the stand-in offers is CuPy's: read from CuPy itself, which needs no GPU for that."""

from __future__ import annotations

import inspect

import pytest
from _guard import module
from _guard.array import HIDDEN, REFUSED, Flags, ndarray
from _guard.functions import DEFINED, METHODS
from _guard.ufuncs import UFUNCS

cupy = pytest.importorskip("cupy")
pytestmark = pytest.mark.oracle


def theirs(name):
    found = cupy
    for part in name.split("."):
        found = getattr(found, part)
    return found


def shown(f):
    """Parameters as (name, kind, default), from a signature or from the first line of a docstring."""
    try:
        signature = inspect.signature(f)
    except ValueError:
        line = f.__doc__.split("\n")[0]
        params = line[line.index("(") + 1 : line.rindex(")")].removeprefix("self, ").removeprefix("self")
        typed = ("_ndarray_base ", "Py_ssize_t ", "int ", "bool ")
        words = ", ".join(p.strip() for p in params.split(","))
        for t in typed:
            words = words.replace(t, "")
        signature = inspect.signature(eval(f"lambda {words}: 0"))
    return {p.name: (p.kind, p.default) for p in signature.parameters.values() if p.name != "self"}


@pytest.mark.parametrize("name", DEFINED)
def test_a_function_takes_what_cupys_takes(name):
    ours, real = shown(DEFINED[name]), shown(theirs(name))
    for parameter, (kind, default) in ours.items():
        if kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            assert kind in {k for k, _ in real.values()}
            continue
        assert parameter in real
        assert (kind, default) == real[parameter] or default is real[parameter][1]
    assert [p for p in real if p in ours] == list(ours)


@pytest.mark.parametrize("line", METHODS.split("\n")[1:-1])
def test_a_method_takes_what_cupys_takes(line):
    name = line[: line.index("(")]
    ours, real = shown(getattr(ndarray, name)), shown(getattr(cupy.ndarray, name))
    assert list(ours) == list(real)
    assert {p: d for p, (_, d) in ours.items()} == {p: d for p, (_, d) in real.items()}


@pytest.mark.parametrize("name", UFUNCS)
def test_a_universal_function_is_one_of_cupys(name):
    real = theirs(name)
    assert isinstance(real, cupy.ufunc)
    assert (real.nin, real.nout) == (UFUNCS[name].nin, UFUNCS[name].nout)
    assert "where" not in real.__doc__.split("\n")[0]


@pytest.mark.parametrize("name", [n for n in dir(module) if not n.startswith("_")])
def test_a_name_of_the_module_is_one_of_cupys(name):
    assert hasattr(cupy, name)


@pytest.mark.parametrize("name", sorted({*dir(ndarray)} - {*dir(object), *HIDDEN, "_a", "_device", "_root"}))
def test_an_attribute_of_an_array_is_one_of_cupys(name):
    assert name in dir(cupy.ndarray) or name in REFUSED or name in ("__weakref__", "__module__")


def test_flags_are_those_of_cupy():
    real = {n for n in dir(cupy._core.flags.Flags) if not n.startswith("_")}
    assert {n for n in dir(Flags) if not n.startswith("_")} == real
    assert "writeable" not in real
