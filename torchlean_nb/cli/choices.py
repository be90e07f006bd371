"""From the words of the command line to data sets, models, optimizers and schedules."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torchlean_nb as tl
from torchlean_nb.cli.flags import Refused
from torchlean_nb.data import Dataset
from torchlean_nb.errors import UnknownNameError, did_you_mean, quote
from torchlean_nb.hypers import REQUIRED

BUNDLED = ("digits", "iris", "wine", "breast_cancer", "diabetes")
MADE = ("moons", "spirals", "xor", "regression_grid")
MODELS = {"linear": [], "mlp": [64], "cnn": [16, 32]}
TORCHLEAN = "expected sgd, adagrad, rmsprop, adam, adamw, or adadelta"
_PAIR = re.compile(r"\s*(\w+)\s*=\s*((?:[^,()\[\]]|\([^()]*\)|\[[^\[\]]*\])+)\s*(?:,|\Z)")


def named(flag: str, text: str) -> tuple[str, dict[str, Any]]:
    """Name and options of ``NAME:KEY=VALUE,KEY=VALUE``.

    Examples
    --------
    >>> named("optim", "adamw:betas=(0.9, 0.95),amsgrad=True")
    ('adamw', {'betas': (0.9, 0.95), 'amsgrad': True})
    """
    name, _, rest = text.partition(":")
    options, at = {}, 0
    while at < len(rest):
        found = _PAIR.match(rest, at)
        if not found:
            raise Refused(f"--{flag}: {quote(rest[at:], 60)} is not of the form KEY=VALUE,KEY=VALUE")
        options[found[1]], at = _value(found[2].strip()), found.end()
    return name.strip(), options


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


# -- data -----------------------------------------------------------------------------------------
def load_data(settings: Mapping[str, Any]) -> Dataset:
    """The data set that ``--data`` names."""
    name, options = named("data", settings["data"])
    label, target = settings["label"], settings["target"]
    if name.lower().endswith((".csv", ".txt", ".tsv")) or "/" in name or "\\" in name:
        return _table(settings["data"], label, target)
    if label is not None or target is not None:
        raise Refused("--label and --target are for CSV files")
    if name in MADE:
        return _made(name, options if name == "regression_grid" else {"seed": settings["seed"], **options})
    if name not in BUNDLED:
        raise Refused(f"unknown --data {quote(name, 60)[1:-1]}; {did_you_mean(name, [*BUNDLED, *MADE])}")
    images = {"images": True} if name == "digits" and settings["model"] == "cnn" else {}
    return _made(f"load_{name}", {**images, **options})


def _made(name: str, options: dict[str, Any]) -> Dataset:
    try:
        made = getattr(tl.data, name)(**options)
    except TypeError as e:
        if "argument" not in str(e):
            raise
        raise Refused(f"--data: {e}") from None
    if not isinstance(made, Dataset):
        raise Refused("--data: test= is for Python; --validation SHARE holds rows out")
    return made


def _table(path: str, label: str | None, target: str | None) -> Dataset:
    if (label is None) == (target is None):
        both = "one of them, not both" if label is not None else "which column is to be learned?"
        raise Refused(f"--data {quote(path, 60)[1:-1]}: {both} --label COLUMN for classes, --target COLUMN for numbers")
    return tl.data.read_csv(path, **{k: v for k, v in (("label", label), ("target", target)) if v is not None})


def parted(data: Dataset, settings: Mapping[str, Any]) -> tuple[Dataset, Dataset | None, str]:
    """Training rows, rows held out, and what was done to them, in words."""
    rest = settings["validation"]
    train, held = data.split(test=rest, seed=settings["seed"]) if rest else (data, None)
    told = f"{len(train)} rows to train on, {len(held) if held else 0} held out"
    if settings["standardise"] == "no":
        return train, held, told
    both = train.standardise(held) if held else (train.standardise(),)
    if train.y.dtype.kind == "f":
        mean, std = train.y.mean(axis=0), train.y.std(axis=0)
        std[std == 0] = 1
        both = [Dataset(d.X, (d.y - mean) / std, columns=d.columns) for d in both]
        told += f"; losses are of targets less {mean[0]:.6g}, divided by {std[0]:.6g}"
    return both[0], both[1] if held else None, told


# -- model ----------------------------------------------------------------------------------------
def build_model(settings: Mapping[str, Any], train: Dataset, classes: int | None) -> Any:
    """The model that ``--model`` names, for this data."""
    name, shape, nn = settings["model"], train.X.shape[1:], tl.nn
    if name not in MODELS:
        raise Refused(f"unknown --model {quote(name, 60)[1:-1]}; {did_you_mean(name, MODELS)}")
    outputs, hidden = classes or train.y[:1].size, settings["hidden"] or MODELS[name]
    activation = _activation(settings["activation"])
    if name == "cnn":
        if len(shape) != 3:
            raise Refused(f"--model cnn needs images, as --data digits has; here a row has shape {shape}")
        return _cnn(hidden, activation, shape, outputs)
    n = train.X[0].size
    flat = [nn.Flatten()] if len(shape) > 1 else []
    if name == "linear":
        return nn.Sequential(*flat, nn.Linear(n, outputs))
    layers: list[Any] = []
    for a, b in zip([n, *hidden], hidden, strict=False):
        layers += [nn.Linear(a, b), activation()]
    return nn.Sequential(*flat, *layers, nn.Linear([n, *hidden][-1], outputs))


def _cnn(hidden: Sequence[int], activation: Any, shape: tuple[int, ...], outputs: int) -> Any:
    nn, layers, (channels, *sides) = tl.nn, [], shape
    for width in hidden:
        layers += [nn.Conv2d(channels, width, 3, padding=1), activation()]
        channels = width
        if min(sides) > 1:
            layers.append(nn.MaxPool2d(2))
            sides = [n // 2 for n in sides]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * sides[0] * sides[1], outputs))


def _activation(name: str) -> Any:
    known = {n.lower(): n for n in ("ReLU", "LeakyReLU", "ELU", "SiLU", "GELU", "Sigmoid", "Tanh", "Softplus")}
    if name.lower() not in known:
        raise Refused(f"unknown --activation {quote(name, 60)[1:-1]}; {did_you_mean(name, known)}")
    return getattr(tl.nn, known[name.lower()])


# -- optimizer and schedule -------------------------------------------------------------------------
def build_rule(settings: Mapping[str, Any]) -> Any:
    """The row that ``--optim`` names, with its options."""
    name, options = named("optim", settings["optim"])
    try:
        rule = tl.optim.rule_of(name)
    except UnknownNameError:
        more = f"or any other rule of tl.optim: {did_you_mean(name, tl.optim.rules)}"
        raise Refused(f"bad --optim {quote(name, 60)[1:-1]}; {TORCHLEAN}, {more}") from None
    if settings["lr"] is not None:
        options = {"lr": settings["lr"], **options}
    return rule.with_hypers(**options)


def build_schedule(settings: Mapping[str, Any], lr: float, total: int) -> Any:
    """The schedule that ``--schedule`` names: its peak is the learning rate, its length that of the run."""
    if settings["schedule"] is None:
        return None
    name, options = named("schedule", settings["schedule"])
    if name in tl.optim.lr_scheduler.__all__:
        return lambda optimizer: getattr(tl.optim.lr_scheduler, name)(optimizer, **options)
    try:
        row = tl.schedules.lookup(name)
    except UnknownNameError:
        close = did_you_mean(name, tl.schedules.available())
        raise Refused(f"unknown --schedule {quote(name, 60)[1:-1]}; {close}") from None
    warmup = max(1, total // 10)
    filled = {"base": lr, "peak": lr, "total": total, "warmup": warmup, "decay": warmup, "cycles": 1,
              "stable": max(0, total - 2 * warmup), **({} if "base" in row.hypers else {"maximum": lr})}  # fmt: skip
    # PyTorch's length of 5 steps is nobody's wish here.
    short = {"total"} if name in ("polynomial", "linear_factor") else set()
    known = {k: filled[k] for k, h in row.hypers.items() if k in filled and (h.default is REQUIRED or k in short)}
    missing = [k for k, h in row.hypers.items() if h.default is REQUIRED and k not in {**known, **options}]
    if missing:
        raise Refused(f"--schedule {name} needs {' and '.join(missing)}: --schedule {name}:"
                      + ",".join(f"{k}=..." for k in missing))  # fmt: skip
    return row(**{**known, **options})
