"""Text becomes markup through the escape function of its sink, and text never becomes a program or a command."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest
from _markup import SINKS, Reader, escapes_of, mentions
from _project import PACKAGE, files, module_name, tree

MODULES = [p for p in files(".py", under=PACKAGE) if p != PACKAGE / "__init__.py"]
SCRIPTS = files(".js", under=PACKAGE)

# `visible` shows what a text holds and escapes nothing; the others come from tex.
ESCAPES = (escapes_of(PACKAGE / "escape.py") - {"visible"}) | {"escape", "svg_text", "name", "number"}
ROOMS = {"render", "widgets", "trace", "lessons", "schedules", "surfaces", "tex", "rows", "updates"}

# What reaches markup without an escape function, and why that is fine. A line that nothing uses is an error.
TRUSTED = {
    "surfaces.expressions .kind": "kinds of nodes of the formula parser",
    "surfaces.expressions .text": "tokens that the formula parser let through: numbers, x, y and listed functions",
    "rows .attrs": "names of parameters of a Python function: identifiers",
    "rows .args": "names of parameters of a Python function: identifiers",
    "schedules._row .symbol": "LaTeX of the author of a row",
    "schedules._row .hypers": "names of parameters of a Python function: identifiers",
    "surfaces._row .symbol": "LaTeX of the author of a row",
    "surfaces._row .hypers": "names of parameters of a Python function: identifiers",
    "updates .symbol": "LaTeX of the author of a row",
    "updates .hypers": "names of parameters of a Python function: identifiers",
    "updates .slots": "names of slots, which are parameters of a Python function",
    "updates .tuples": "names of parameters of a Python function: identifiers",
    "schedules.compose .latex": "LaTeX that a schedule made of its numbers by tex.number",
    "tex match()": "letters and digits that a pattern let through",
    "tex fill(template)": "template of the author of a row",
    "tex fill(values)": "LaTeX of tex.name and tex.number; render.text fills sentences, which are no markup",
    "render.anatomy_formula fraction(text)": "formula of a rule, read from the source of its author",
    "render.landscape_svg fills()": "path data: letters and numbers of matplotlib's contours",
    "render.landscape_svg holes()": "path data: letters and numbers",
    "render.race_svg .lines": "path data: letters and numbers of matplotlib's contours",
    "render.race_svg .fills": "path data: letters and numbers of matplotlib's contours",
    "render.landscape_svg _plot(curves)": "numbers, a colour and dashes of ours",
    "render.landscape_svg lines()": "path data: letters and numbers of matplotlib's contours",
    "render.lesson_curves .ink": "colour that a picture of ours chose",
    "render.lesson_curves .dash": "dashes that a picture of ours chose",
    "render.lr_find .suggestions": "names of our own suggestions",
    "render.mathml convert()": "MathML of latex2mathml, looked through again where it is shown",
    "render.svg classes()": "our words todo, done, now, sender",
    "render.svg markup()": "what the pen wrote, whose writers are read here one by one",
    "render.race_svg filled()": "style sheet of ours with colours of ours",
    "train.result to_svg()": "picture of ours",
    "compiler.kernels .space": "source of a kernel, no markup",
    "compiler.kernels array()": "source of a kernel, no markup",
}  # fmt: skip

# Where Python that we wrote is run. It is made of rows and of numbers; the names in it are ours or were checked to be
# identifiers, see the tests of hostile names below.
EXECUTES = {
    "compiler.arguments": "how arguments of a compiled function are taken: identifiers, others are numbered",
    "compiler.kernels": "kernels of elementwise rows, operands numbered",
    "compiler.program": "a program: lines of rows, values numbered",
    "compiler.profile": "a program's own lines, with a clock between them",
    "compiler.step_entry": "entry of a compiled training step, arguments numbered",
    "engine.calls": "call of a row with its own attributes",
    "engine.lone": "rules of rows on single numbers",
    "race.loops": "a race's loop for numba, from rows",
    "race.native": "the same, kept in a file",
    "race.programs": "update rules as programs, slots numbered",
    "race.straight": "slopes of a surface as a program, numbers of its formula",
    "shells.program": "loops of optimizers, slots checked",
}
FORBIDDEN_MODULES = {
    "pickle": {"race.sweep_crew": "whether an error of our own survives the way back from a process",
               "race.native": "the name of an error that numba's cache raises"},
    "subprocess": {"render.dot": "Graphviz, by a list of arguments"},
    "csv": {"trace.tables": "cells go through escape.spreadsheet"},
    "ctypes": {"backend.threads": "how many threads BLAS has"},
}  # fmt: skip
NEVER = set("marshal shelve dill cloudpickle joblib yaml socket http urllib requests ftplib ssl webbrowser".split())
WRITES = {
    "files.atomic": "the one place",
    "race.sweep_results": "results are appended as they come",
    "race.native": "numba's cache, in the user's cache folder",
}  # fmt: skip


@cache
def reader():
    paths = [p for p in MODULES if module_name(p).split(".")[1] in ROOMS or mentions(p)]
    return Reader(paths, ESCAPES, TRUSTED)


def short(path):
    return module_name(path).removeprefix("torchlean_nb.")


def test_text_becomes_markup_through_an_escape_function_only():
    assert reader().findings() == []


def test_nothing_is_trusted_in_vain():
    reader().findings()
    assert set(TRUSTED) - reader().used == set()


PLANTED = {
    'def f(name):\n    return f"<b>{name}</b>"\n': "markup",
    'def f(n):\n    return "<title>" + n.label + "</title>"\n': "markup",
    'def f(n):\n    return "<p>%s</p>" % n.name\n': "markup",
    'def f(n):\n    return "<p>{}</p>".format(n.name)\n': "markup",
    'def f(names):\n    return "<br>".join(names)\n': "markup",
    'def f(t):\n    return "".join(["<b>", t.name, "</b>"])\n': "markup",
    'def f(pen, t):\n    pen.raw(t.name)\n': "markup",
    'def f(t):\n    body = []\n    body.append(t.title)\n    return f"<g>{chr(32).join(body)}</g>"\n': "markup",
    "def f(t):\n    return f'[label=\"{t.name}\"]'\n": "DOT",
    'def f(t):\n    return rf"\\mathrm{{{t.name}}}"\n': "LaTeX",
    'def f(t):\n    return f"- `{t.name}` is"\n': "Markdown",
    'def cut(s):\n    return s[:9]\ndef f(t):\n    return f"<b>{cut(t.name)}</b>"\n': "markup",
    'def g(s):\n    return f"<b>{s}</b>"\ndef f(t):\n    return g(t.name)\n': "markup",
    'def f(names):\n    return [f"<b>{n}</b>" for n in names]\n': "markup",
    'def f(t, k):\n    s = "x" if k else t.name\n    return f"<script>{s}</script>"\n': "markup",
    'from torchlean_nb.escape import visible\ndef f(t):\n    return f"<b>{visible(t.name)}</b>"\n': "markup",
    'def f(names):\n    return f"<b>{list(map(lambda n: n, names))}</b>"\n': "markup",
}
HARMLESS = (
    'from torchlean_nb.escape import html\ndef f(t):\n    return f"<b>{html(t.name)}</b>"\n',
    'def f(x: float, n):\n    return f"<b>{x}</b> <i>{n.name:.3g}</i>" + f"<op {n.name}>"\n',
    'WORDS = {"a": "b"}\ndef f(k):\n    return f"<b class={WORDS[k]}>{k if k in WORDS else 1}</b>"\n',
    'def f(name):\n    return f"{name} < {name}"\n',
)


@pytest.mark.parametrize(("text", "sink"), PLANTED.items(), ids=range(len(PLANTED)))
def test_a_planted_text_is_found(text, sink, tmp_path, monkeypatch):
    found = planted(text, tmp_path, monkeypatch)
    assert found and f" {sink}: " in found[0]


@pytest.mark.parametrize("text", HARMLESS, ids=range(len(HARMLESS)))
def test_what_is_escaped_or_a_number_is_not(text, tmp_path, monkeypatch):
    assert planted(text, tmp_path, monkeypatch) == []


def planted(text, tmp_path, monkeypatch):
    monkeypatch.setattr("_project.ROOT", tmp_path)
    path = tmp_path / "torchlean_nb" / "render" / "planted.py"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return Reader([path], ESCAPES).findings()


# -- text never becomes a program ----------------------------------------------------------------
def dangers(whole, own=()):
    """Calls and imports of a module that run text, unpickle, start programs, ask the network or write files."""
    found, here = [], set(own)
    for node in ast.walk(whole):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            here |= {a.asname or a.name for a in node.names}
            found += [("import", n.split(".")[0]) for n in names]
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            here.add(node.name)
    for node in ast.walk(whole):
        if not isinstance(node, ast.Call):
            continue
        f, options = node.func, {k.arg: k.value for k in node.keywords}
        name = ast.unparse(f)
        if isinstance(f, ast.Name) and name in ("eval", "exec", "compile", "__import__") and name not in here:
            found.append(("run", name))
        if name in ("os.system", "os.popen", "np.load", "np.save", "np.savez", "np.fromfile") or name.startswith(
            "os.spawn"
        ):
            found.append(("call", name))
        if isinstance(f, ast.Attribute) and f.attr in ("HTML", "HTMLMath", "Javascript"):
            found.append(("call", name))
        shell, pickled = options.get("shell"), options.get("allow_pickle")
        if any(v is not None and not (isinstance(v, ast.Constant) and v.value is False) for v in (shell, pickled)):
            found.append(("call", f"{name} with shell or allow_pickle"))
        mode = (
            node.args[0] if isinstance(f, ast.Attribute) and node.args else node.args[1] if len(node.args) > 1 else None
        )
        opens = name == "open" or (isinstance(f, ast.Attribute) and f.attr == "open" and not name.startswith("archive"))
        if opens and isinstance(mode, ast.Constant) and set(str(mode.value)) & set("wax+"):
            found.append(("write", name))
        if isinstance(f, ast.Attribute) and f.attr in (
            "write_text",
            "write_bytes",
            "mkdir",
            "makedirs",
            "rename",
            "to_file",
        ):
            found.append(("write", f.attr))
        if name in ("os.replace", "os.open", "os.remove", "shutil.rmtree", "tempfile.NamedTemporaryFile"):
            found.append(("write", name))
    return found


@cache
def found_in_modules():
    return [(short(p), kind, what) for p in MODULES for kind, what in dangers(tree(p))]


def test_no_text_is_run_unpickled_sent_or_written_but_where_it_is_said():
    allowed = {"run": EXECUTES, "write": WRITES, "call": ()}
    assert [f for f in found_in_modules() if f[1] != "import" and f[0] not in allowed[f[1]]] == []
    imported = [(here, what) for here, kind, what in found_in_modules() if kind == "import"]
    assert [f for f in imported if f[1] in NEVER or f[0] not in FORBIDDEN_MODULES.get(f[1], {f[0]})] == []


def test_every_exception_is_still_one():
    found = found_in_modules()
    assert set(EXECUTES) == {here for here, kind, _ in found if kind == "run"}
    assert set(WRITES) == {here for here, kind, _ in found if kind == "write"}
    assert {(m, n) for n, modules in FORBIDDEN_MODULES.items() for m in modules} <= {(m, n) for m, _, n in found}


@pytest.mark.parametrize(
    "text",
    [
        "eval(x)",
        "exec(x, {})",
        "compile(x, 'f', 'exec')",
        "__import__(x)",
        "os.system(x)",
        "np.load(f)",
        "f(shell=True)",
        "load(f, allow_pickle=True)",
        "load(f, allow_pickle=yes)",
        "widgets.HTML(x)",
        "display.Javascript(x)",
        "open(f, 'w')",
        "p.open('ab')",
        "p.write_text(x)",
        "os.popen(x)",
    ],
)
def test_a_planted_danger_is_found(text):
    assert [d for d in dangers(ast.parse(text)) if d[0] != "import"]


# -- the browser's side --------------------------------------------------------------------------
JS_NEVER = re.compile(
    r"\.(?:inner|outer)HTML\b|insertAdjacentHTML|document\.write|\beval\s*\(|new\s+Function\b|createContextualFragment"
    r"|srcdoc|javascript:|importScripts|setHTML|set(?:Timeout|Interval)\(\s*[\"'`]|cssText|window\.open|postMessage"
    r"|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|\bimport\(|localStorage|document\.cookie|location\s*="
)
# A template string with a tag and a value in it.
JS_MARKUP = re.compile(r"`[^`]*</?[a-zA-Z!][^`]*\$\{[^`]*`|`[^`]*\$\{[^`]*</?[a-zA-Z][^`]*`")
JS_ALLOWED = {
    "dom.js": "safeMarkup parses and drops everything but drawing; standalonePage escapes its title and its data",
    "gallery.js": "into safeMarkup", "leaderboard.js": "into safeMarkup",
}  # fmt: skip


def test_scripts_make_elements_and_text_never_markup():
    assert len(SCRIPTS) > 40
    for path in SCRIPTS:
        text = re.sub(r"^\s*(?://.*|/\*.*?\*/)$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert JS_NEVER.findall(text) == [], path.name
        for found in JS_MARKUP.finditer(text):
            assert path.name in JS_ALLOWED, f"{path.name}: {found[0][:80]}"
            assert path.name == "dom.js" or text[: found.start()].endswith("safeMarkup("), path.name
        assert path.name == "dom.js" or "DOMParser" not in text, path.name


@pytest.mark.parametrize(
    "text",
    [
        "el.innerHTML = x",
        "a.outerHTML=b",
        "el.insertAdjacentHTML('a', x)",
        "document.write(x)",
        "eval (x)",
        "new Function(x)",
        "setTimeout('x()')",
        "frame.srcdoc = x",
        "fetch(url)",
        "r.createContextualFragment(x)",
        "location = x",
    ],
)
def test_a_planted_script_is_found(text):
    assert JS_NEVER.search(text)


def test_planted_markup_in_a_script_is_found():
    assert JS_MARKUP.search("el.append(`<b>${name}</b>`)") and not JS_MARKUP.search("`${a} < ${b}`")


def test_each_sink_has_its_sign():
    signs = {"markup": "<script>", "DOT": "[label=", "LaTeX": r"\frac{", "Markdown": "**`"}
    assert {name for name, sign in SINKS.items() if sign.search(signs[name])} == set(SINKS)
