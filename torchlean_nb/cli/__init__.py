"""Command line: ``torchlean-nb lab`` opens the lessons, ``doctor`` looks at the machine, ``train`` trains a model."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NoReturn

from torchlean_nb.cli import machine, train
from torchlean_nb.escape import visible

COMMANDS: dict[str, tuple[Callable[[Sequence[str]], int], str]] = {
    "lab": (machine.lab, "open the lessons in JupyterLab; its own options may follow"),
    "train": (train.command, "train a model on a data set; see torchlean-nb train --help"),
    "doctor": (machine.doctor, "what is installed, what is missing, what to do"),
}


class Parser(argparse.ArgumentParser):
    """A parser that repeats what was typed as text that a terminal does not obey."""

    def error(self, message: str) -> NoReturn:
        """End with the usage and what is wrong."""
        super().error(visible(message, 1000))


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the console script."""
    parser = Parser(prog="torchlean-nb", description="See backpropagation.", allow_abbrev=False)
    words = parser.add_subparsers(dest="command", required=True, metavar=f"{{{','.join(COMMANDS)}}}")
    for name, (_, text) in COMMANDS.items():
        # What follows lab and train is theirs to read, also a --help.
        words.add_parser(name, help=text, add_help=name == "doctor")
    known, rest = parser.parse_known_args(argv)
    if rest and known.command == "doctor":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return COMMANDS[known.command][0](rest)
