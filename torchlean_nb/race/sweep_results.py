"""The file of a sweep: one line of JSON for each finished trial, only ever added to."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torchlean_nb.errors import LoadError, PathError, ToolError, TraceFormatError, quote
from torchlean_nb.race.sweep_keys import digest
from torchlean_nb.race.trial import Outcome, Trial
from torchlean_nb.trace.frozen import dumps

FORMAT = "torchlean_nb.trials/1"
HEAD = f'{{"format":"{FORMAT}"'


class Results:
    """Outcomes by trial, kept in a file.

    A line names its trial by a digest of all that decides about the outcome, this version of the toolkit included. So
    another grid finds what it has in common with the one before, and nothing else. A line is written by one call that
    appends it, and is on the disk before the next trial is reported: whatever happens, lines that are there are whole,
    but for a torn last one, which is passed over. Two processes may append to one file on a local disk; what both
    computed is there twice, and equal.

    Parameters
    ----------
    path : str or Path
    points : int
        Most points that curves have.

    Raises
    ------
    PathError, LoadError
        For a folder, and for a file of something else, which stays as it is.
    """

    def __init__(self, path: str | Path, points: int):
        said = "" if isinstance(path, str | Path) and str(path) else "it is no text, or empty"
        try:
            if not said:
                open(path, "rb").close()
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as e:  # a folder, a name that no file can have, a file one may not read
            said = str(e)
        if said:
            raise PathError(f"sweep: results={quote(str(path), 60)}", said, 'the path of a file, "runs.jsonl"')
        self.path, self.points, self.lines = Path(path), points, {}
        if self.path.exists():
            self._read()

    def _read(self) -> None:
        other = 0
        with open(self.path, "rb") as f:
            for raw in f:
                line = _line(raw)
                if line is not None:
                    self.lines.setdefault(line["key"], line["outcome"])
                elif raw.endswith(b"\n") or not (raw.startswith(HEAD.encode()) or HEAD.encode().startswith(raw)):
                    other += bool(raw.strip())
        if other and not self.lines:
            raise LoadError(f"sweep: {self.path} holds something else than results of a sweep",
                            "nothing was written into it", "another file, as results=")  # fmt: skip

    def key(self, trial: Trial) -> str:
        """What a trial is called in the file."""
        version = sys.modules["torchlean_nb"].__version__
        return digest({"trial": trial.to_dict(), "version": version, "points": self.points})

    def known(self, trials: Iterable[Trial]) -> dict[int, Outcome]:
        """Outcomes of trials that are there, by their number."""
        found = {}
        for i, trial in enumerate(trials):
            outcome = self.lines.get(self.key(trial))
            if outcome is not None:
                found[i] = Outcome.from_dict(outcome)
        return found

    def add(self, found: Iterable[tuple[Trial, Outcome]]) -> None:
        """Append outcomes, and see them to the disk.

        Raises
        ------
        ToolError
            When the disk does not take them.
        """
        head = {"format": FORMAT}
        lines = [dumps({**head, "key": self.key(t), "trial": t.to_dict(), "outcome": o.to_dict()}) for t, o in found]
        if not lines:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            f = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                size = os.fstat(f).st_size
                whole = size == 0 or (os.lseek(f, size - 1, os.SEEK_SET), os.read(f, 1))[1] == b"\n"
                data = ("" if whole else "\n") + "\n".join(lines) + "\n"
                rest = data.encode()
                while rest:
                    rest = rest[os.write(f, rest) :]
                os.fsync(f)
            finally:
                os.close(f)
        except OSError as e:
            raise ToolError(f"sweep: {self.path} cannot be written", str(e), "another file, as results=") from e


def _line(raw: bytes) -> Mapping[str, Any] | None:
    """A line of such a file, None for anything else."""
    try:
        line = json.loads(raw)
        if line["format"] == FORMAT and isinstance(line["key"], str):
            Outcome.from_dict(line["outcome"])
            return line
    except (ValueError, KeyError, TypeError, RecursionError, TraceFormatError):
        pass
    return None
