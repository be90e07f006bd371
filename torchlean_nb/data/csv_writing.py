"""Tables to CSV files that `read_csv` reads back bit for bit, and that a spreadsheet opens without running anything."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from torchlean_nb.data.dataset import Dataset
from torchlean_nb.data.files import Location, new_path, replace_file
from torchlean_nb.errors import DTypeError, NonFiniteError, ShapeError, quote
from torchlean_nb.escape import spreadsheet


def write_csv(
    path: Location, rows: Dataset | Iterable[Sequence[Any]], columns: Sequence[str] | None = None, *,
    overwrite: bool = False, folder: Location | None = None,
) -> None:  # fmt: skip
    """Write a Dataset, an array, or rows of numbers and text.

    Numbers are written with the digits that give them back exactly. Text that a spreadsheet would take for a formula
    gets an apostrophe in front. The file is complete or not there.

    Parameters
    ----------
    path : str or Path
    rows : Dataset or array_like, shape (n, m)
    columns : sequence of str
        Names for the first line; those of the Dataset when left out.
    overwrite : bool
        Whether a file that exists is replaced.
    folder : str or Path
        Folder that the path must not leave.

    Raises
    ------
    PathError, ShapeError, DTypeError, NonFiniteError

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "x.csv"
    >>> write_csv(file, [[0.1, "=1+1"], [-2, "b"]], columns=["x", "y"])
    >>> print(file.read_text(), end="")
    x,y
    0.1,'=1+1
    -2,b
    """
    if isinstance(rows, Dataset):
        columns = _columns_of(rows) if columns is None else columns
        rows = _rows_of(rows)
    table = [list(row) for row in rows]
    width = len(columns) if columns is not None else len(table[0]) if table else 0
    for i, row in enumerate(table):
        if len(row) != width:
            raise ShapeError(f"write_csv: row {i} has {len(row)} cells, expected {width}")
    head = [[_text(str(c)) for c in columns]] if columns is not None else []
    lines = head + [[_cell(c, i, j) for j, c in enumerate(row)] for i, row in enumerate(table)]
    file = new_path(path, folder, overwrite)
    content = "".join(",".join(line) + "\n" for line in lines).encode("utf-8", "backslashreplace")
    replace_file(file, lambda: (content,))


def _flat(a: np.ndarray) -> np.ndarray:
    return a.reshape(len(a), -1)


def _columns_of(ds: Dataset) -> list[str]:
    names = list(ds.columns or [])
    for name, a in list(zip(ds.names, ds.arrays, strict=True))[bool(names) :]:
        width = _flat(a).shape[1]
        names += [name] if width == 1 else [f"{name}{i}" for i in range(width)]
    return names


def _rows_of(ds: Dataset) -> Iterable[list[Any]]:
    blocks = [_flat(a).tolist() for a in ds.arrays]
    if ds.classes:
        blocks[-1] = [[ds.classes[int(i)] for i in row] for row in blocks[-1]]
    return ([cell for block in row for cell in block] for row in zip(*blocks, strict=True))


def _cell(value: Any, i: int, j: int) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool | np.bool_ | int | np.integer):
        return str(int(value))
    if not isinstance(value, float | np.floating):
        raise DTypeError(f"write_csv: row {i}, column {j} is a {type(value).__name__}", "cells are numbers or text")
    if not math.isfinite(value):
        raise NonFiniteError(f"write_csv: {value} at row {i}, column {j}", "read_csv would refuse it")
    return repr(float(value))


def _text(value: str) -> str:
    if "\0" in value:
        raise DTypeError(f"write_csv: {quote(value)} holds a NUL character")
    value = spreadsheet(value)
    if value != value.strip() or any(c in value for c in '",;\r\n\t\ufeff') or not value:
        value = '"' + value.replace('"', '""') + '"'
    return value
