"""Every lesson has the same bones, runs from the top, and gives nothing away."""

from __future__ import annotations

import ast
import json
import re
from functools import cache

import pytest
from _project import ROOT

import torchlean_nb as tl
from torchlean_nb.lessons import EXERCISES, MISCONCEPTIONS, check

NOTEBOOKS = sorted(p for p in (ROOT / "notebooks").glob("*.ipynb") if not p.name.startswith("_"))
LESSONS = [p for p in NOTEBOOKS if not p.name.startswith("00")]
HEADINGS = ["Predict", "Step", "Explain", "Break it", "Do it in code", "Check", "Transfer"]
FIGURES = re.compile(r"(?<![\w.#])-?\d+(?:\.\d+)?(?:e-?\d+)?(?!\w)")
LAZY = {"Trainer", "compile", "data", "landscape", "minimize", "nn", "race", "train", "widgets"}
NAME = lambda path: path.stem  # noqa: E731


def number(path):
    """``"20b"`` of 20b_eager_and_compiled.ipynb."""
    return path.name.split("_")[0]



every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=NAME)
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=NAME)


@cache
def notebook(path):
    return json.loads(path.read_text(encoding="utf-8"))


def cells(path, kind):
    return [c for c in notebook(path)["cells"] if c["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


def code(path):
    return "\n".join(source(c) for c in cells(path, "code"))


def prose(path):
    return "\n".join(source(c) for c in cells(path, "markdown"))


def outputs(path):
    """Pairs of a cell and what one of its outputs holds, by type."""
    for c in cells(path, "code"):
        for out in c["outputs"]:
            data = out.get("data") or {"text/plain": out.get("text", "")}
            yield c, {kind: "".join(text) for kind, text in data.items()}


def exercises(path):
    return re.findall(r'check\("([\w.]+)", (\w+)\)', code(path))


def is_strict(path):
    return notebook(path)["metadata"].get("torchlean_nb", {}).get("strict", False)


def test_there_are_lessons():
    assert {"00", "01", "02", "03", "05", "09", "10", "11"} <= {p.name[:2] for p in NOTEBOOKS}


@every_notebook
def test_the_first_cell_says_what_it_is(path):
    first = source(notebook(path)["cells"][0])
    assert re.match(rf"# {number(path)} \w", first)
    for label in ("Goals", "Prerequisites", "Minutes"):
        assert f"**{label}.** " in first
    assert 5 <= int(re.search(r"\*\*Minutes\.\*\* (\d+)", first)[1]) <= 20


@every_lesson
def test_the_headings_are_those_of_every_lesson_in_order(path):
    assert re.findall(r"^## (.+)$", prose(path), flags=re.M) == HEADINGS


@every_notebook
def test_links_between_lessons_lead_somewhere(path):
    targets = re.findall(r"\]\((?!https://)([^)#]+)\)", prose(path))
    assert targets or path.name.startswith("03")
    assert [t for t in targets if not (path.parent / t).exists()] == []


@every_notebook
def test_seeds_are_fixed(path):
    calls = [n for n in ast.walk(ast.parse(code(path))) if isinstance(n, ast.Call)]
    sessions = [c for c in calls if ast.unparse(c.func) == "tl.Session"]
    streams = [c for c in calls if ast.unparse(c.func) == "np.random.default_rng"]
    assert sessions and all([k.arg for k in c.keywords] == ["seed"] for c in sessions)
    assert all(c.args and isinstance(c.args[0], ast.Constant) for c in streams)
    assert not re.search(r"np\.random\.(?!default_rng)|\bimport random\b|\btime\b", code(path))


@every_notebook
def test_only_public_names_are_used(path):
    parsed = ast.parse(code(path))
    for node in ast.walk(parsed):
        if isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_")
            if ast.unparse(node.value) == "tl":
                assert node.attr in {*tl.__all__, *LAZY}
        if isinstance(node, ast.ImportFrom):
            assert node.module in ("torchlean_nb.lessons", "torchlean_nb.render.plots", "sklearn.datasets")
        if isinstance(node, ast.Import):
            assert {a.name for a in node.names} <= {"numpy", "tempfile", "torchlean_nb"}


@every_lesson
def test_there_are_three_to_five_exercises_each_with_a_grader(path):
    found = exercises(path)
    assert 3 <= len(found) <= 5
    assert sorted(i for i, _ in found) == sorted(i for i in EXERCISES if i.startswith(f"{number(path)}."))


@every_notebook
def test_every_exercise_is_left_to_the_student(path):
    found = exercises(path)
    assert found
    for exercise, variable in found:
        cell = next(c for c in cells(path, "code") if f'check("{exercise}"' in source(c))
        assert "exercise" in cell["metadata"]["tags"]
        scope: dict = {}
        exec(source(cell).split("check(")[0], scope)
        assert scope[variable] is None
        assert not check(exercise, scope[variable])


@every_notebook
def test_prompts_in_the_notebook_ask_for_the_numbers_of_the_grader(path):
    for exercise, _ in exercises(path):
        row = EXERCISES[exercise]
        if row.kind == "choice":
            cell = next(c for c in cells(path, "code") if f'check("{exercise}"' in source(c))
            offered = re.findall(r'"(\w+)"', source(cell).split("check(")[0])
            assert not offered or set(offered) == set(row.words)


def figures(text):
    """Sizes of the numbers in a text, without step counts and exercise ids."""
    text = re.sub(r"step \d+ of \d+|\b\d\db?\.[a-z]\w*", " ", text.replace("\N{MINUS SIGN}", "-"))
    return {abs(float(n)) for n in FIGURES.findall(text)}


def printed(path):
    """What the stored outputs show, pictures included, but for values on the way forward: they are no answers."""
    shown = []
    for _, data in outputs(path):
        still = re.sub(r'<style.*?</style>|<text class="v".*?</text>', " ", data.get("image/svg+xml", ""), flags=re.S)
        html = re.sub(r"<[^>]*>", " ", data.get("text/html", ""))
        shown += [data["text/plain"], html, *re.findall(r">([^<>]+)<", still)]
    return "\n".join(shown)


@every_notebook
def test_no_answer_stands_in_the_sources_or_the_outputs(path):
    written, seen = figures(code(path) + prose(path)), figures(printed(path))
    for exercise, _ in exercises(path):
        row = EXERCISES[exercise]
        if row.kind == "order":
            squeezed = re.sub(r"[\s'\"]", "", code(path) + prose(path) + printed(path))
            assert not any(",".join(one) in squeezed for one in row.compute())
        answers = [row.compute()] if row.kind == "number" else row.compute()[0] if row.kind == "list" else []
        for answer in map(abs, answers):
            # Digits such as 3 stand everywhere and give nothing away; whole numbers may count cells or samples.
            places = (seen if answer > 6 else set()) if answer == int(answer) else written | seen
            assert not any(abs(n - answer) <= 2e-4 * answer for n in places), (exercise, answer)


@every_notebook
def test_stored_feedback_is_that_of_an_unanswered_exercise(path):
    said = [data["text/plain"] for c, data in outputs(path) if 'check("' in source(c)]
    assert len(said) == len(exercises(path))
    assert all("not answered yet" in text for text in said)


@every_notebook
def test_it_asserts_what_it_claims(path):
    assert len(re.findall(r"^\s*assert ", code(path), flags=re.M)) >= 3


@every_notebook
def test_outputs_are_stored_and_complete(path):
    counts = [c["execution_count"] for c in cells(path, "code") if source(c).strip()]
    assert counts == list(range(1, len(counts) + 1))
    assert not any(out["output_type"] == "error" for c in cells(path, "code") for out in c["outputs"])
    assert not any(out.get("name") == "stderr" for c in cells(path, "code") for out in c["outputs"])


def test_the_lessons_whose_output_is_the_lesson_are_compared():
    assert [number(p) for p in NOTEBOOKS if is_strict(p)] == ["02", "03", "20b"]


@every_notebook
def test_every_picture_and_widget_has_a_twin_in_words(path):
    for cell, data in outputs(path):
        if set(data) - {"text/plain"}:
            assert len(data["text/plain"].strip()) > 20
            assert not re.search(r"<[\w.]+ object|0x[0-9a-f]{6}", data["text/plain"])
        shows = ".show(" in source(cell) or "tl.widgets." in source(cell)
        assert not shows or "text/plain" in data


@every_notebook
def test_printed_numbers_have_at_most_six_figures(path):
    for _, data in outputs(path):
        for number in re.findall(r"(?<![\w.])\d+\.\d+", data["text/plain"]):
            assert len(number.replace(".", "").lstrip("0")) <= 7, number


@every_notebook
def test_metadata_is_clean(path):
    meta = notebook(path)["metadata"]
    assert set(meta) <= {"kernelspec", "language_info", "torchlean_nb"}
    assert meta["kernelspec"] == {"display_name": "Python 3", "language": "python", "name": "python3"}
    ids = [c["id"] for c in notebook(path)["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(set(c["metadata"]) <= {"tags"} for c in notebook(path)["cells"])


@every_notebook
def test_no_cell_is_long(path):
    for c in cells(path, "code"):
        assert len(source(c).splitlines()) <= 30
        assert all(len(line) <= 120 for line in source(c).splitlines())


def test_the_page_about_lessons_lists_them_with_their_minutes_and_exercises():
    page = (ROOT / "docs" / "lessons.md").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        minutes = re.search(r"\*\*Minutes\.\*\* (\d+)", source(notebook(path)["cells"][0]))[1]
        assert re.search(rf"{path.name}\) \|.*\| {minutes} \| {len(exercises(path))} \|", page)
    assert all(re.search(rf"\b{key}\b", page) for key in MISCONCEPTIONS)
