"""Traces as tables for other programs: CSV that a spreadsheet does not compute, and pandas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from torchlean_nb.errors import BackendError
from torchlean_nb.escape import spreadsheet
from torchlean_nb.files import write


def csv_text(rows: Iterable[Sequence[Any]], path: str | Path | None = None) -> str:
    r"""Rows as CSV, also written to `path`; a text that a spreadsheet would compute gets an apostrophe in front.

    Examples
    --------
    >>> csv_text([("name", "loss"), ("=1+1", -0.5)])
    "name,loss\n'=1+1,-0.5\n"
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([*map(_cell, row)] for row in rows)
    if path is not None:
        write(path, out.getvalue())
    return out.getvalue()


def frame(columns: Mapping[str, Any]) -> Any:
    """Columns as a pandas DataFrame.

    Raises
    ------
    BackendError
        Without pandas.
    """
    try:
        pandas = import_module("pandas")
    except ImportError as e:
        what = "to_frame needs the package pandas"
        raise BackendError(what, f"{e}; to_csv needs nothing", "pip install pandas") from None
    return pandas.DataFrame(dict(columns))


def _cell(v: Any) -> Any:
    return spreadsheet(v) if isinstance(v, str) else v
