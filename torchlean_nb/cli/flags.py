"""The flags of ``torchlean-nb train``: one table, read in TorchLean's words.

What describes the run is saved with it, so that ``--load`` needs to be told nothing twice; what describes this call
(how far to go, where files are) is not.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from torchlean_nb.escape import visible

PROG = "torchlean-nb train"
DEVICES = ("auto", "cpu", "cuda", "rocm", "metal", "wasm", "tpu", "trainium", "custom", "external")
DTYPES = {"float64": "float64", "float32": "float32", "float": "float64"}
OFF = ("false", "off", "none", "no", "disabled")
EXAMPLES = """\
examples:
  torchlean-nb train                      two moons, a small network, Adam
  torchlean-nb train --data digits --model cnn --steps 300 --save digits.tl
  torchlean-nb train --load digits.tl --steps 200
                                          go on, bit for bit as if it had not stopped
  torchlean-nb train --data points.csv --label kind --optim sgd:momentum=0.9 --lr 0.1
  torchlean-nb train --data diabetes --schedule warmup_cosine --epochs 30 --log run.json
"""


class Refused(Exception):
    """A flag that makes no sense, in words."""


def whole(low: int) -> Callable[[str, str], int]:
    """Reader of whole numbers from `low` on."""

    def read(flag: str, text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise Refused(f"--{flag}: {text!r:.60} is not a whole number") from None
        if value < low:
            raise Refused(f"--{flag} must be {'> 0' if low == 1 else f'>= {low}'}")
        return value

    return read


def number(flag: str, text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        raise Refused(f"--{flag}: {text!r:.60} is not a number") from None
    if not 0 < value < math.inf:
        raise Refused(f"--{flag} must be > 0")
    return value


def share(flag: str, text: str) -> float:
    """A number from 0 to below 1."""
    value = 0.0 if text.strip() in ("0", "0.0", *OFF) else number(flag, text)
    if value >= 1:
        raise Refused(f"--{flag} must be < 1: the share of rows to hold out")
    return value


def one_of(*words: str) -> Callable[[str, str], str]:
    """Reader of a choice."""

    def read(flag: str, text: str) -> str:
        if text not in words:
            raise Refused(f"unknown --{flag} {text:.60} (supported: {' | '.join(words)})")
        return text

    return read


def dtype(flag: str, text: str) -> str:
    """A number type; TorchLean's ``float`` has 64 bits."""
    return DTYPES[one_of(*DTYPES)(flag, text)]


def device(flag: str, text: str) -> str:
    """A device by TorchLean's names; ``auto`` is the CPU."""
    return "cpu" if one_of(*DEVICES)(flag, text) == "auto" else text


def sizes(flag: str, text: str) -> list[int]:
    """Widths, separated by commas."""
    return [whole(1)(flag, part) for part in text.split(",") if part.strip()]


def words(flag: str, text: str) -> str:
    """Text as it is."""
    return text


def place(flag: str, text: str) -> str | None:
    """A file, or None for TorchLean's words for none."""
    return None if text.strip().lower() in OFF else text


@dataclass(frozen=True)
class Flag:
    """One flag: its default, how it is read, and what the help says."""

    default: Any
    read: Callable[[str, str], Any]
    metavar: str
    help: str


RUN = {
    "data": {
        "data": Flag("moons", words, "NAME", "digits, iris, wine, breast_cancer, diabetes, moons, spirals, xor, "
                     "regression_grid, or a FILE.csv; options of a data set follow a colon: moons:n=500,noise=0.2"),
        "label": Flag(None, words, "COLUMN", "column of a CSV file with the classes to learn"),
        "target": Flag(None, words, "COLUMN", "column of a CSV file with the numbers to learn"),
        "validation": Flag(0.2, share, "SHARE", "share of the rows to hold out and measure"),
        "standardise": Flag("yes", one_of("yes", "no"), "YES|NO", "bring columns (and targets that are numbers) to "
                            "mean 0 and deviation 1, by the training rows"),
    },
    "model": {
        "model": Flag("mlp", words, "NAME", "linear, mlp, or cnn (for images: digits)"),
        "hidden": Flag(None, sizes, "N,N,...", "widths of the hidden layers of an mlp (default 64), channels of the "
                       "convolutions of a cnn (default 16,32)"),
        "activation": Flag("relu", words, "NAME", "relu, tanh, gelu, silu, ..."),
        "init": Flag("torch", one_of("torch", "torchlean"), "NAME", "how parameters begin: torch or torchlean"),
        "loss": Flag(None, words, "NAME", "cross_entropy for classes, mse for numbers, or l1, huber, ..."),
    },
    "training": {
        "optim": Flag("adam", words, "NAME", "any rule of tl.optim; options follow a colon: adamw:weight_decay=0.1"),
        "lr": Flag(None, number, "RATE", "learning rate; by default the optimizer's"),
        "schedule": Flag(None, words, "NAME", "any of tl.schedules, filled in from --lr and --steps; options follow a "
                         "colon: warmup_cosine:warmup=50"),
        "total": Flag(None, whole(1), "N", "updates by which the schedule goes; by default those of this call"),
        "batch-size": Flag(32, whole(1), "N", "rows of a batch"),
        "shuffle": Flag("yes", one_of("yes", "no"), "YES|NO", "another order of the rows in each epoch"),
        "update": Flag("per_batch", one_of("per_batch", "per_sample"), "NAME", "per_batch: one update from the mean "
                       "over a batch; per_sample: one from each of its rows, as TorchLean does"),
        "clip": Flag(None, number, "NORM", "largest norm of all gradients together"),
        "early-stopping": Flag(None, whole(1), "N", "epochs without progress to be patient for"),
        "seed": Flag(0, whole(0), "N", "of parameters, order and split"),
    },
    "machine": {
        "dtype": Flag("float64", dtype, "TYPE", "float64 or float32"),
        "backend": Flag("eager", one_of("eager", "compiled"), "NAME", "eager or compiled"),
        "device": Flag("cpu", device, "NAME", "auto or cpu"),
    },
}  # fmt: skip
CALL = {
    "this call": {
        "steps": Flag(None, whole(1), "N", "updates to make; 500, or with --load what is left of the run"),
        "epochs": Flag(None, whole(1), "N", "instead: how often to go through the data"),
        "load": Flag(None, words, "FILE", "go on with the run saved in this file"),
        "save": Flag(None, words, "FILE", "save the run at the end, also when it is stopped with Ctrl-C"),
        "save-every": Flag(None, whole(1), "N", "save it also after every N updates"),
        "load-params": Flag(None, words, "FILE", "begin with these parameters: .json of TorchLean, or .safetensors"),
        "save-params": Flag(None, words, "FILE", "write the parameters: .json for TorchLean, or .safetensors"),
        "log": Flag(None, place, "FILE", "write the curves as TorchLean's JSON; off, false, none: nothing"),
        "log-every": Flag(None, whole(0), "N", "print the loss every N updates"),
        "threads": Flag(None, whole(1), "N", "threads of matrix products: 1, unless OPENBLAS_NUM_THREADS or a variable "
                        "like it says otherwise; more pays for large layers only"),
    },
}  # fmt: skip
SETTINGS = {name: flag for group in RUN.values() for name, flag in group.items()}
OPTIONS = {name: flag for group in CALL.values() for name, flag in group.items()}


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Say it, and that there is help."""
        if "--resume" in message:
            message += "; --load FILE takes a saved run up again"
        self.exit(2, f"{self.prog}: {visible(message, 1000)}\n  {self.prog} --help shows all flags\n")


def parser() -> Parser:
    """Parser of all flags; what is not given is None."""
    made = Parser(prog=PROG, description="Train a model, and measure it.", epilog=EXAMPLES, allow_abbrev=False,
                  formatter_class=argparse.RawDescriptionHelpFormatter, usage=f"{PROG} [--data NAME] [--model NAME] "
                  "[--optim NAME] [--steps N] ...")  # fmt: skip
    for title, group in {**RUN, **CALL}.items():
        into = made.add_argument_group(title)
        for name, flag in group.items():
            text = flag.help + (f" (default {flag.default})" if flag.default is not None else "")
            into.add_argument(f"--{name}", metavar=flag.metavar, help=text.replace("%", "%%"))
    bar = into.add_mutually_exclusive_group()
    bar.add_argument("--progress", action="store_true", default=None, help="show a bar (default in a terminal)")
    bar.add_argument("--no-progress", dest="progress", action="store_false", help="show none")
    return made


def read(argv: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of the run that were given, and options of this call.

    Raises
    ------
    Refused
        Naming the flag.
    """
    given = vars(parser().parse_args(argv))
    found: list[dict[str, Any]] = []
    for table in (SETTINGS, OPTIONS):
        texts = {name: given[name.replace("-", "_")] for name in table}
        found.append({name: table[name].read(name, t) for name, t in texts.items() if t is not None})
    settings, options = found
    if "steps" in options and "epochs" in options:
        raise Refused("--steps and --epochs: one of them says how long")
    return settings, {**dict.fromkeys(OPTIONS), **options, "progress": given["progress"]}
