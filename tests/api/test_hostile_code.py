"""Programs that we write and run are made of rows and numbers: no name that a user typed becomes code in them."""

from __future__ import annotations

import ast
import contextlib
import types
from dataclasses import replace
from pathlib import Path

import _hostile
import numpy as np
import pytest
from _payloads import PAYLOADS

import torchlean_nb as tl
from torchlean_nb import cli
from torchlean_nb.errors import TorchLeanError
from torchlean_nb.lessons import check

CODES = (
    'x = 1\nopen("PWNED", "w")', '"); open("PWNED", "w"); ("', "'); open('PWNED', 'w'); ('", "open('PWNED', 'w')",
    "a: open('PWNED', 'w')", "a=open('PWNED', 'w')", "{open('PWNED', 'w')}", "a\n    return open('PWNED', 'w')",
    "\\", '"""', "'''", "#", "a b", "lambda", "None", "x0", "xp", "np", "self", "constants", "__builtins__",
)  # fmt: skip
X = np.array([0.5, -1.5])


def arguments(name):
    """A function whose argument, and which itself, is called this."""
    f = (lambda w: tl.sum(tl.tanh(w) * w)).__code__.replace(co_varnames=(name,), co_name=name)
    f = types.FunctionType(f, {"tl": tl}, name)
    return tl.compile(f, X).value_and_grad(X)[1]


def parameters(name):
    """Parameters of a session and of an optimizer, and a compiled step."""
    opt = tl.optim.Adam({name: X, "other": X * 2}, lr=0.1, fused="numpy")
    for _ in range(2):
        opt.step({name: X, "other": X})
    s = tl.Session()
    with contextlib.suppress(TorchLeanError):
        s.param(X, name=name)
    return opt.params[name]


def races(name):
    """A race of contenders on a surface."""
    on = replace(tl.surfaces.SURFACES["sphere"], name=name)
    return tl.race({name: ("sgd", {"lr": 0.1}), "b": ("adam", {"lr": 0.1})}, on=on, start=(1.0, 2.0), steps=3)[
        name
    ].losses


@pytest.mark.parametrize("run", [arguments, parameters, races], ids=lambda f: f.__name__)
def test_a_name_is_never_code(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain = np.asarray(run("w"))
    for name in CODES:
        try:
            found = np.asarray(run(name))
        except TorchLeanError as e:
            found, said = plain, str(e)
            assert said and len(said) <= 2000
        assert np.array_equal(found, plain), name
    assert list(tmp_path.iterdir()) == []


NO_NAMES = [n for n in CODES if not n.isidentifier() or n in ("lambda", "None", "__builtins__")]


@pytest.mark.parametrize("name", NO_NAMES)
def test_rows_are_called_by_identifiers(name):
    """Ops and rules stand in the programs by their names."""
    op, rule = tl.ops["tanh"], tl.optim.rules["sgd"]
    before = len(tl.ops), len(tl.optim.rules)
    with pytest.raises(TorchLeanError, match="must be an identifier"):
        tl.extend.elementwise(name=name, partials=(), samples=op.samples)(lambda xp, x: x)
    with pytest.raises(TorchLeanError, match="must be an identifier"):
        tl.extend.update_rule(name=name, hypers=rule.hypers)(lambda xp, g, lr: {})
    assert (len(tl.ops), len(tl.optim.rules)) == before


@pytest.mark.parametrize("name", CODES)
def test_code_that_is_offered_for_copying_holds_names_as_text(name):
    code = tl.widgets.ScheduleDesigner({name: tl.schedules.cosine(0.1, total=9)}, steps=9).payload
    for text in [t for t in _texts(code) if t.startswith("import torchlean_nb")]:
        called = {ast.unparse(n.func) for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call)}
        assert all(c.startswith(("tl.", "torch.")) for c in called), text


def _texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for v in value.values() if isinstance(value, dict) else value:
            yield from _texts(v)


# -- messages --------------------------------------------------------------------------------------
GRAPH, RUN = _hostile.TRACES["graph trace"]("w"), _hostile.TRACES["run trace"]("w")
ASKED = {
    "op": lambda n: tl.Session().input(1.0).__getattr__(n),
    "optimizer": lambda n: tl.optim.row(n),
    "node": lambda n: GRAPH[n],
    "exercise": lambda n: check(n, 1),
    "answer": lambda n: check("01.dw", n),
    "format": lambda n: GRAPH.render(n),
    "engine": lambda n: GRAPH.render("graphviz", engine=n),
    "series": lambda n: RUN[n],
    "control": lambda n: tl.widgets.TapeTable(GRAPH, controls=[n]),
    "surface": lambda n: tl.race({"a": "sgd"}, on=n or "?"),
    "contender": lambda n: tl.race({"a": (n, {})}),
    "name": lambda n: tl.Session().param(1.0, name=n),
    "option": lambda n: tl.optim.SGD({"w": X}, **{n: 1}),
    "file": lambda n: tl.load(Path("no-such-folder") / n.replace("/", "_")),
}


@pytest.mark.parametrize("what", ASKED)
def test_a_message_quotes_a_name_and_stays_short(what):
    wrong = []
    for name in PAYLOADS:
        try:
            said = str(ASKED[what](name))
        except (TorchLeanError, AttributeError, TypeError) as e:
            said = str(e)
        if len(said) > 2000 or _hostile.CONTROL.search(said):
            wrong.append(f"{name[:30]!a}: {said[:200]!a}")
    assert wrong == []


def test_the_command_line_says_names_as_text(capsys):
    for name in [p for p in PAYLOADS if not {*"\0\ud800"} & {*p} and p != "--help"]:
        for line in ([name], ["train", "--data", name], ["train", "--optimizer", name], ["doctor", name]):
            with contextlib.suppress(SystemExit):
                assert cli.main(line) != 0, line
    out, err = capsys.readouterr()
    said = out + err
    assert not _hostile.CONTROL.search(said), ascii(said[_hostile.CONTROL.search(said).start() - 80 :][:160])
