"""What `write_csv` writes `read_csv` reads back exactly; what is read is never guessed at."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from _payloads import PAYLOADS
from hypothesis import given, settings
from hypothesis import strategies as st

from torchlean_nb.data import Dataset, read_csv, write_csv
from torchlean_nb.data.cells import Line
from torchlean_nb.errors import PathError, TorchLeanError

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TABLES = st.integers(1, 5).flatmap(
    lambda k: st.lists(st.lists(FLOATS, min_size=k, max_size=k), min_size=1, max_size=8)
)  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("csv") / "table.csv"


def table(path, content, **options):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(path, **options)


@settings(max_examples=40)
@given(rows=TABLES)
def test_floats_come_back_bit_for_bit(path, rows):
    a = np.array(rows)
    write_csv(path, a, overwrite=True)
    assert read_csv(path, header=False).X.tobytes() == a.tobytes()
    write_csv(path, Dataset(a), overwrite=True)
    again = read_csv(path)
    assert again.X.tobytes() == a.tobytes() and len(again.columns) == a.shape[1]


def test_a_dataset_with_names_targets_and_classes_comes_back(path):
    ds = Dataset([[1.5, 2.0], [3.0, 4.25]], [1, 0], columns=("a, b", 'c "d"'), classes=("no", "yes"))
    write_csv(path, ds, overwrite=True)
    again = read_csv(path, label="y")
    assert again.digest == ds.digest and (again.columns, again.classes) == (ds.columns, ds.classes)
    target = Dataset([[1.0], [2.0]], [[0.1], [0.2]], columns=("x",))
    write_csv(path, target, overwrite=True)
    assert read_csv(path, target="y").digest == target.digest
    assert read_csv(path, target=-1).digest == target.digest
    assert read_csv(path, target=0).y.tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize("text", PAYLOADS, ids=range(len(PAYLOADS)))
def test_no_text_is_written_that_a_spreadsheet_runs_and_plain_ones_come_back(text, path):
    if "\0" in text:
        with pytest.raises(TorchLeanError, match="NUL"):
            write_csv(path, [[text]], overwrite=True)
        return
    write_csv(path, [[1.0, "x"], [2.0, text]], columns=["n", "t"], overwrite=True)
    with path.open(encoding="utf-8", newline="") as f:
        (_, _, (number, cell)) = csv.reader(f)
    assert number == "2.0" and not cell.lstrip(" \u00a0").startswith(tuple("=+-@\t\r"))
    assert text.encode("utf-8", "backslashreplace").decode() in (cell, cell.removeprefix("'"))
    if text.strip() and "\n" not in text:
        ds = read_csv(path, label="t")
        assert ds.classes[int(ds.y[1])] == cell


def test_formulas_get_an_apostrophe_and_numbers_do_not(path):
    write_csv(path, [["=1+1", -1.5, 2], [" @x", -0.0, True], ["\t=x", np.float32(0.1), np.int8(-3)]], overwrite=True)
    assert path.read_text() == "'=1+1,-1.5,2\n\"' @x\",-0.0,1\n\"'\t=x\",0.10000000149011612,-3\n".replace(
        "\"' @x\"", "' @x"
    )


READS = {
    "bom": (b"\xef\xbb\xbfx,y\n1,2\n", {}, [[1, 2]], ("x", "y")),
    "cr only": (b"x,y\r1,2\r3,4", {}, [[1, 2], [3, 4]], ("x", "y")),
    "crlf": (b"x,y\r\n1,2\r\n", {}, [[1, 2]], ("x", "y")),
    "no end of line": (b"x,y\n1,2", {}, [[1, 2]], ("x", "y")),
    "quotes": (b'"a ""b""", "c,d" \n"1" , "2" \n', {}, [[1, 2]], ('a "b"', "c,d")),
    "spaces": (b" x ,\ty\n 1 ,\t2 \n", {}, [[1, 2]], ("x", "y")),
    "empty lines": (b"\n\nx,y\n\n1,2\n  \n3,4\n\n", {}, [[1, 2], [3, 4]], ("x", "y")),
    "one column": (b"x\n1\n2\n", {}, [[1], [2]], ("x",)),
    "tabs": (b"x\ty\n1\t2\n", {"delimiter": "\t"}, [[1, 2]], ("x", "y")),
    "semicolons": (b"x;y\n1;2\n", {"delimiter": ";"}, [[1, 2]], ("x", "y")),
    "no header": (b"1,2\n3,4\n", {"header": False}, [[1, 2], [3, 4]], None),
    "latin-1": (b"caf\xe9,y\n1,2\n", {"encoding": "latin-1"}, [[1, 2]], ("café", "y")),
    "utf-16": ("x,y\n1,2\n".encode("utf-16"), {"encoding": "utf-16"}, [[1, 2]], ("x", "y")),
    "forms": (b"x,y\n+1.,.5\n-0,1E+3\n00,1e-999\n", {}, [[1, 0.5], [0, 1000], [0, 0]], ("x", "y")),
    "line separators are text": ("a\u2028b,y\n1,2\n".encode(), {}, [[1, 2]], ("a\u2028b", "y")),
    "empty end": (b"x,y\n1,2\n\n\n", {"empty_lines": False}, [[1, 2]], ("x", "y")),
}  # fmt: skip


@pytest.mark.parametrize("name", READS)
def test_forms_that_mean_one_thing_are_read(name, path):
    content, options, rows, columns = READS[name]
    ds = table(path, content, **options)
    assert ds.X.tolist() == rows and ds.columns == columns and ds.X.dtype == np.float64


def test_a_line_of_tabs_is_a_row_of_empty_cells_when_tabs_divide(path):
    with pytest.raises(TorchLeanError, match="line 2, column x: empty cell"):
        table(path, "x\ty\n\t\n1\t2\n", delimiter="\t")


def test_a_file_of_empty_lines_takes_one_pass(path):
    ds = table(path, b"x\n1" + b"\n" * 200_000, empty_lines=False)
    assert ds.X.tolist() == [[1.0]]


def test_class_names_are_numbered_in_order(path):
    ds = table(path, "k,x\nb,1\na,2\nb,3\n", label="k")
    assert ds.y.tolist() == [1, 0, 1] and ds.classes == ("a", "b") and ds.columns == ("x",)
    ds = table(path, "x,k\n1,10\n2,9\n3,10\n", label=1)
    assert ds.y.tolist() == [1, 0, 1] and ds.classes == ("9", "10")


def test_a_path_inside_its_folder_is_read(path):
    path.write_text("x\n1\n")
    assert read_csv(path.name, folder=path.parent).X.tolist() == [[1.0]]
    assert read_csv(path, folder=path.parent).X.tolist() == [[1.0]]


@pytest.mark.parametrize("text", [t for t in PAYLOADS if t], ids=lambda t: ascii(t)[:12])
def test_a_hostile_file_name_is_written_inside_its_folder_or_refused(text, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    try:
        write_csv(text, [[1]], folder=inner)
    except TorchLeanError:
        assert list(inner.iterdir()) == []
    else:
        assert [p.read_text() for p in inner.iterdir()] == ["1\n"]
    assert list(tmp_path.iterdir()) == [inner]


def test_a_write_that_fails_half_way_keeps_the_old_file(path, monkeypatch):
    write_csv(path, [[1]], overwrite=True)

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(PathError, match="no space left"):
        write_csv(path, [[2]], overwrite=True)
    assert path.read_text() == "1\n" and [p.name for p in path.parent.iterdir()] == [path.name]


def test_writing_replaces_a_file_whole_and_leaves_nothing_beside_it(path):
    write_csv(path, [[1]], overwrite=True)
    write_csv(path, [[2]], overwrite=True)
    assert path.read_text() == "2\n" and [p.name for p in path.parent.iterdir()] == [path.name]


@given(st.text("0123456789.eE+- ,", max_size=30))
def test_the_quick_way_and_the_careful_way_read_the_same_numbers(text):
    line = Line("x", 1, text)
    width = text.count(",") + 1
    quick = line.numbers(",", width)
    try:
        careful = [line.number_in(c, i) for i, c in enumerate(line.cells(","))]
    except TorchLeanError:
        careful = None
    assert quick == careful


@given(content=st.one_of(st.binary(max_size=80), st.text("x,y\"\n\r1.e- ;\t\ufeff\0é", max_size=60)))
def test_no_file_raises_anything_but_our_errors(path, content):
    for options in ({}, {"header": False}, {"label": 0}, {"encoding": "utf-16"}):
        message, ds = "", None
        try:
            ds = table(path, content, **options)
        except TorchLeanError as e:
            message = str(e)
        assert all(c.isprintable() or c == "\n" for c in message)
        assert ds is None or (np.isfinite(ds.X).all() and len(ds) > 0)


@pytest.mark.parametrize("cell", ['"' + "a" * 10**6, "1" * 10**6 + "x", '"' + '""' * 10**5, "," * 60_000 + '"a'])
def test_a_hostile_line_is_refused_in_one_pass(cell, path):
    with pytest.raises(TorchLeanError):
        table(path, f"x,y\n{cell}\n")


def test_a_large_table_is_read(path):
    a = np.random.default_rng(0).normal(size=(5_000, 20))
    write_csv(path, a, overwrite=True)
    assert read_csv(path, header=False).X.tobytes() == a.tobytes()
