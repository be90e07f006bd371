"""Tables of numbers from CSV files, read strictly, and back to CSV."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from torchlean_nb.data.cells import Line
from torchlean_nb.data.columns import shown
from torchlean_nb.data.dataset import Dataset
from torchlean_nb.data.files import Location, local_path, opened
from torchlean_nb.data.labels import encode
from torchlean_nb.errors import (
    DataError,
    EmptyError,
    EncodingError,
    HyperparameterError,
    LoadError,
    SizeError,
    UnknownNameError,
    did_you_mean,
    quote,
)
from torchlean_nb.hypers import Hyper, flag

MAX_BYTES = 2**28
_LIMIT = Hyper(kind="int", low=1)
_ENCODING = Hyper(kind="choice", choices=("utf-8", "utf-16", "latin-1", "cp1252", "ascii"))
_LINE = re.compile(r"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
_BREAK = re.compile(rb"\r\n|\r|\n")
_MAGIC = {
    b"\x1f\x8b": "gzip bytes, not text", b"PK\x03\x04": "a zip archive (perhaps .xlsx or .npz), not text",
    b"\x93NUMPY": "an .npy file: read_npy reads it", b"%PDF": "a PDF, not text",
}  # fmt: skip


def read_csv(
    path: Location, *, target: str | int | None = None, label: str | int | None = None, header: bool = True,
    delimiter: str = ",", encoding: str = "utf-8", empty_lines: bool = True, folder: Location | None = None,
    max_bytes: int = MAX_BYTES,
) -> Dataset:  # fmt: skip
    r"""A Dataset from a table of numbers in a text file.

    Every cell must be a finite decimal number; what is not is named by line and column, and nothing is guessed.
    Cells may be quoted, lines end in LF, CRLF or CR, a byte-order mark is skipped.

    Parameters
    ----------
    path : str or Path
        A local file.
    target : str or int
        Column (name, or number from 0) of the target: `y` has shape (n, 1).
    label : str or int
        Column of class names instead, which may be text: `y` are their numbers, ``classes`` the names in order.
    header : bool
        Whether the first line holds the names of the columns.
    delimiter : str
        One character.
    encoding : {"utf-8", "utf-16", "latin-1", "cp1252", "ascii"}
    empty_lines : bool
        Whether empty lines are skipped; an error otherwise.
    folder : str or Path
        Folder that the path must not leave.
    max_bytes : int
        Limit of the file's size.

    Raises
    ------
    LoadError, NonFiniteError, EmptyError, PathError

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "points.csv"
    >>> _ = file.write_text("height,width,kind\n1.5,2,cat\n2.5,1e1,dog\n")
    >>> ds = read_csv(file, label="kind")
    >>> ds.columns, ds.X.tolist(), ds.y.tolist(), ds.classes
    (('height', 'width'), [[1.5, 2.0], [2.5, 10.0]], [0, 1], ('cat', 'dog'))
    """
    _check_delimiter(delimiter)
    _ENCODING.check("read_csv", "encoding", encoding)
    flag().check("read_csv", "header", header)
    _LIMIT.check("read_csv", "max_bytes", max_bytes)
    if target is not None and label is not None:
        raise HyperparameterError("read_csv: target and label are both given", "y is one column")
    file = local_path(path, folder)
    name = quote(str(file))
    with opened(file) as (f, size):
        if size > max_bytes:
            raise SizeError(f"{name}: size {size} bytes is over the limit {max_bytes}", None, f"max_bytes={size}")
        text = _decoded(f.read(size), name, encoding)
    blank = " " if delimiter == "\t" else " \t"
    lines = _lines(text, name, blank, flag().check("read_csv", "empty_lines", empty_lines))
    first = next(lines, None)
    if first is None:
        raise EmptyError(f"{name}: an empty csv file", "it holds no line with text")
    cells = _first_cells(first, delimiter)
    columns = _names(first, cells) if header else None
    at = _place(columns, len(cells), "target" if label is None else "label", target if label is None else label)
    rows = lines if header else chain([first], lines)
    x, y = _table(rows, delimiter, columns or range(1, len(cells) + 1), at if label is not None else None)
    if not len(x):
        raise EmptyError(f"{name}: no data rows", "it holds a header only", "header=False")
    return _dataset(x, y, columns, at, label is not None)


def _check_delimiter(delimiter: Any) -> None:
    bad = not isinstance(delimiter, str) or len(delimiter) != 1
    if bad or delimiter in "\"\r\n +-.0123456789\0\ufeff" or delimiter.isalpha():
        raise HyperparameterError(
            f"read_csv: delimiter={quote(delimiter)} is not allowed",
            "it must be one character that is no space, quote, sign, point, digit or letter", "',', ';', '\\t' or '|'",
        )


def _decoded(raw: bytes, name: str, encoding: str) -> str:
    for magic, what in _MAGIC.items():
        if raw.startswith(magic):
            raise LoadError(f"{name} holds {what}", "read_csv reads plain text")
    if encoding != "utf-16" and raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise EncodingError(f"{name}: UTF-16 text, but encoding={encoding!r}", None, 'encoding="utf-16"')
    try:
        text = raw.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as e:
        line = len(_BREAK.findall(raw[: e.start])) + 1
        raise EncodingError(
            f"{name}: not {encoding}: line {line} holds the byte 0x{raw[e.start]:02X} at {e.start}", e.reason,
            'encoding="latin-1" or encoding="cp1252"',
        ) from None
    if "\0" in text:
        line = len(re.findall("\r\n|\r|\n", text[: text.index("\0")])) + 1
        raise LoadError(f"{name}: a NUL character in line {line}", "this is not plain text", 'encoding="utf-16"')
    return text


def _lines(text: str, name: str, blank: str, skip: bool) -> Iterator[Line]:
    """Lines that hold something; an empty line counts when another line follows."""
    empty = None
    for number, m in enumerate(_LINE.finditer(text), 1):
        line = Line(name, number, m[1])
        if not m[1].strip(blank):
            empty = empty or line
        elif empty and not skip:
            raise empty.error("empty line", None, "empty_lines=True")
        else:
            yield line


def _first_cells(line: Line, delimiter: str) -> list[str]:
    cells = line.cells(delimiter)
    if len(cells) == 1:
        for other in ",;\t|":
            if other != delimiter and other in line.text:
                raise line.error(
                    f"one column only, which holds {other!r}", f"delimiter={delimiter!r} does not occur",
                    f"delimiter={other!r}",
                )
    elif cells[-1] == "":
        raise line.error("a trailing comma makes a column without a name", f"{len(cells)} columns, the last is empty")
    return cells


def _names(line: Line, cells: list[str]) -> tuple[str, ...]:
    seen: set[str] = set()
    for i, cell in enumerate(cells, 1):
        if not cell:
            raise line.error(f"column {i} has an empty name", None, "header=False when there are no names")
        if cell in seen:
            raise line.error(f"duplicate name of column {shown(cell)}", "names tell columns apart")
        seen.add(cell)
    try:
        [line.number_in(c, i) for i, c in enumerate(cells)]
    except DataError:
        return tuple(cells)
    raise line.error("all names are numbers", "the first line looks like data", "header=False")


def _place(columns: Sequence[str] | None, width: int, what: str, wanted: str | int | None) -> int | None:
    """Number of the column that becomes y."""
    if wanted is None:
        return None
    if width < 2:
        raise DataError(f"read_csv: {what}={quote(wanted)} leaves no column for X", "the file has one column")
    if isinstance(wanted, str):
        if columns is None or wanted not in columns:
            why = did_you_mean(wanted, columns) if columns else "without a header columns have numbers only"
            raise UnknownNameError(f"read_csv: there is no column {quote(wanted)} for {what}", why)
        return columns.index(wanted)
    return Hyper(kind="int", low=-width, high=width - 1).check("read_csv", what, wanted) % width


def _table(
    rows: Iterable[Line], delimiter: str, columns: Sequence[Any], text_at: int | None
) -> tuple[np.ndarray, list[str]]:
    width, flat, texts = len(columns), array("d"), []
    for line in rows:
        plain = line.numbers(delimiter, width) if text_at is None else None
        if plain is not None:
            flat.extend(plain)
            continue
        cells = line.cells(delimiter)
        if len(cells) != width:
            extra = "a trailing comma: " if len(cells) == width + 1 and not cells[-1] else ""
            raise line.error(f"{extra}{len(cells)} columns, expected {width}", None, "a look at that line")
        for i, cell in enumerate(cells):
            if i != text_at:
                flat.append(line.number_in(cell, columns[i]))
            elif cell:
                texts.append(cell)
            else:
                raise line.error(f"column {shown(columns[i])}: empty class name")
    return np.array(flat).reshape(-1, width - (text_at is not None)), texts


def _dataset(x: np.ndarray, texts: list[str], columns: Any, at: int | None, labelled: bool) -> Dataset:
    names = columns and tuple(c for i, c in enumerate(columns) if i != at)
    if at is None:
        return Dataset(x, columns=names)
    if labelled:
        y, classes = encode(texts)
        return Dataset(x, y, columns=names, classes=classes)
    return Dataset(np.delete(x, at, axis=1), x[:, at : at + 1], columns=names)
