"""One line of a CSV file to cells, one cell to a number; what is wrong is named by line and column."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from torchlean_nb.data.columns import shown
from torchlean_nb.errors import LoadError, NonFiniteError, SizeError, TorchLeanError, quote

MAX_CELL = 131_072
MAX_COLUMNS = 65_536
# Possessive: a long cell without its end is looked at once.
_QUOTED = re.compile(r' *"([^"]*+(?:""[^"]*+)*+)" *')
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MINUS = "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d"


@dataclass(frozen=True)
class Line:
    """A line of a file, and where it stands.

    Parameters
    ----------
    file : str
        As messages print it.
    number : int
        From 1, empty lines counted.
    """

    file: str
    number: int
    text: str

    def error(self, what: str, why: str | None = None, hint: str | None = None) -> LoadError:
        """An error about this line."""
        return LoadError(f"{self.file}: line {self.number}: {what}", why, hint)

    def cells(self, delimiter: str) -> list[str]:
        """The cells, spaces around them and quotes taken off.

        Raises
        ------
        LoadError, SizeError
        """
        count = self.text.count(delimiter) + 1
        if count > MAX_COLUMNS:
            raise SizeError(f"{self.file}: line {self.number}: {count} columns, over the limit {MAX_COLUMNS}")
        quoted = '"' in self.text
        found = self._quoted(delimiter) if quoted else [c.strip(" \t") for c in self.text.split(delimiter)]
        if len(self.text) > MAX_CELL:
            for i, c in enumerate(found, 1):
                if len(c) > MAX_CELL:
                    raise self.error(f"column {i}: a cell of {len(c)} characters, over the limit {MAX_CELL}")
        return found

    def _quoted(self, delimiter: str) -> list[str]:
        text, found, i = self.text, [], 0
        while True:
            m = _QUOTED.match(text, i)
            if m:
                cell, i = m[1].replace('""', '"'), m.end()
                if i < len(text) and text[i] != delimiter:
                    raise self.error(f"column {len(found) + 1}: text after the closing quote", quote(text[i:], 40))
            else:
                end = text.find(delimiter, i)
                end = len(text) if end < 0 else end
                cell, i = text[i:end].strip(" \t"), end
                if cell.startswith('"'):
                    raise self.error(
                        f"column {len(found) + 1}: the quote is not closed", "a quoted cell ends on its own line"
                    )
                if '"' in cell:
                    raise self.error(f"column {len(found) + 1}: a quote inside {quote(cell)}", None, 'a cell "a""b"')
            found.append(cell)
            if i >= len(text):
                return found
            i += 1

    def numbers(self, delimiter: str, width: int) -> list[float] | None:
        """All cells as numbers when the line is plain and nothing is wrong with it, else None."""
        if self.text.count(delimiter) + 1 != width or len(self.text) > MAX_CELL:
            return None
        if self.text.strip(f"0123456789+-.eE {delimiter}"):
            return None
        try:
            row = [float(c) for c in self.text.split(delimiter)]
        except ValueError:
            return None
        return row if all(map(math.isfinite, row)) else None

    def number_in(self, cell: str, column: object) -> float:
        """A cell as a number.

        Raises
        ------
        LoadError, NonFiniteError
        """
        if _NUMBER.fullmatch(cell):
            value = float(cell)
            if math.isfinite(value):
                return value
        raise _wrong(cell, f"{self.file}: line {self.number}, column {shown(column)}: ")


def _wrong(cell: str, where: str) -> TorchLeanError:
    """What is wrong with a cell, in words."""
    text = quote(cell, 40)
    if not cell:
        return LoadError(f"{where}empty cell", "no number stands for a missing value", "filling it or dropping the row")
    if _NUMBER.fullmatch(cell):
        return NonFiniteError(f"{where}{text} is an overflow of float64", "the largest number is about 1.8e308")
    if cell.lstrip("+-").lower() in ("nan", "inf", "infinity"):
        return NonFiniteError(f"{where}{text} is not finite", None, "filling it or dropping the row")
    for c in cell:
        if c in _MINUS:
            return LoadError(f"{where}{text} holds U+{ord(c):04X}, a dash that is not the minus sign U+002D")
        if c.isdigit() and not c.isascii():
            return LoadError(f"{where}{text} holds the non-ASCII digit U+{ord(c):04X}")
    hints = {
        "_": "an underscore is Python's, not CSV's", "%": "a share is written 0.5", ",": "a decimal point is a point",
        "$": "a number without its currency", "x": "a decimal number",
    }  # fmt: skip
    why = next((hint for sign, hint in hints.items() if sign in cell), None)
    return LoadError(f"{where}{text} is not a number", why, "label=... for a column of class names")
