"""A sample of planted errors, all of which some law must find; ``python -m tests.mutation`` plants the rest."""

from __future__ import annotations

import ast
import signal
import warnings

import numpy as np
import pytest

import torchlean_nb as tl
from tests.mutation import machinery
from tests.mutation.equivalent import REASONS
from tests.mutation.mutants import mutate
from tests.mutation.reach import complaint, digits, rules
from tests.mutation.run import PACKAGE, Outcome, first_complaint
from tests.mutation.surgery import Source

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the mutation run needs signals")
ROWS = ("tanh", "div", "maximum", "matmul", "var", "sum", "take", "softmax", "huber_loss")


def planted(what: str) -> list[str]:
    """Descriptions of the mutants of one function."""
    return [f"{text}: {ast.unparse(new)}" for _, text, new in mutate(ast.parse(what).body[0].value)]


def test_the_kinds_of_errors():
    found = " | ".join(planted("lambda xp, t, y, a, b: -t * xp.sum(a @ b.T, axis=axis) + 3"))
    for kind in (
        "result negated", "off by 1e-6", "plus to minus", "drop left", "drop right", "times to divided", "drop minus",
        "swap operands", "drop .T", "axis=0", "axis=None", "3 to 4", "3 to 2", "skip xp.sum",
    ):
        assert kind in found
    assert "replace Lt" in " | ".join(planted("lambda n: n < 3"))


def test_a_mutant_lives_only_inside_its_block():
    source = Source(PACKAGE / "ops" / "elementary.py")
    square = tl.ops["square"]
    wanted = {square.partials[0].__code__}
    mutant = next(m for m in source.mutants(wanted) if m.what == "2 to 3")
    before = float(tl.grad(square)(5.0))
    with source.alive(mutant):
        assert float(tl.grad(square)(5.0)) == 15.0
        assert "tangent_is_slope" in complaint(square)
    assert before == float(tl.grad(square)(5.0)) == 10.0
    assert complaint(square) is None


def test_a_sample_of_wrong_rules_is_found():
    table, outcome = rules(ROWS), Outcome()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for path in sorted((PACKAGE / "ops").glob("[a-z]*.py")):
            source = Source(path)
            for mutant in list(source.mutants({c for c in source.codes if c in table}))[::10]:
                with source.alive(mutant):
                    outcome.add(mutant, first_complaint(table, mutant.code))
    assert outcome.total >= 35
    assert [str(m) for m in outcome.unexplained] == []


@pytest.mark.parametrize("name", ["sweeps", "complaints", "functions"])
def test_the_machinery_is_right_as_it_is(name):
    assert getattr(machinery, name)() is None


def test_slopes_far_out_keep_their_digits():
    assert digits() is None


SEVERAL = [op for op in tl.ops.values() if op.builtin and len(op.partials or op.vjps) > 1 and None not in op.vjps]
ALIKE = {"add": "both slopes are 1"}


@pytest.mark.parametrize("op", [op for op in SEVERAL if op.name not in ALIKE], ids=lambda op: op.name)
def test_rules_in_the_wrong_order_are_found(op):
    field = "partials" if op.partials else "vjps"
    first, second, *rest = getattr(op, field)
    assert complaint(op.with_(**{field: (second, first, *rest)}))
    if op.jvps:
        first, second, *rest = op.jvps
        assert complaint(op.with_(jvps=(second, first, *rest)))


def test_a_sample_of_wrong_machinery_is_found():
    killed, lived = 0, []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for source, mutant, check in list(machinery.mutants(PACKAGE))[::14]:
            if mutant.key in REASONS:
                continue
            with source.alive(mutant):
                found = check()
            killed += bool(found)
            lived += [] if found else [str(mutant)]
    assert killed >= 15
    assert lived == []


def test_every_excuse_is_for_a_mutant_that_exists():
    named = {}
    for key in REASONS:
        file, _, rest = key.partition("::")
        named.setdefault(file, set()).add(rest.split(":")[0].split(".")[-1])
    keys = set()
    for path in PACKAGE.rglob("*.py"):
        if path.name in named and path.parent.name in ("ops", "engine", "backend"):
            source = Source(path)
            keys |= {m.key for m in source.mutants({c for c in source.codes if c.co_name in named[path.name]})}
    assert set(REASONS) - keys == set(), "these no longer exist: take them out of tests/mutation/equivalent.py"
