"""The Python code that makes a schedule, here and in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from keyword import iskeyword
from typing import Any

from torchlean_nb import schedules
from torchlean_nb.hypers import REQUIRED
from torchlean_nb.render.schedule_tree import walk
from torchlean_nb.schedules import Schedule

_WIDE = 76
_TAKEN = {"tl", "torch", "schedule", "scheduler", "optimizer"}


def functions(s: Schedule) -> dict[str, Callable[..., Any]]:
    """The functions of the user's own that a schedule holds, by the names its code gives them."""
    out: dict[str, Callable[..., Any]] = {}
    for _, node in walk(s):
        for v in node.hypers.values():
            if callable(v) and not isinstance(v, Schedule) and v not in out.values():
                name = getattr(v, "__name__", "")
                good = name.isidentifier() and name.isascii() and not iskeyword(name)
                good = good and name not in _TAKEN and name not in out
                out[name if good else f"f{len(out) + 1}"] = v
    return out


def program(s: Schedule) -> str:
    """Python code whose `schedule` equals `s`; functions of the user's own are expected under their names.

    Examples
    --------
    >>> print(program(schedules.cosine(0.1, total=50)))
    import torchlean_nb as tl
    <BLANKLINE>
    schedule = tl.schedules.cosine(base=0.1, total=50)
    """
    names = functions(s)
    own = [f"# {', '.join(names)}: {'a function' if len(names) == 1 else 'functions'} of your own"] if names else []
    said = expression(s, {id(f): n for n, f in names.items()})
    return "\n".join(["import torchlean_nb as tl", "", *own, f"schedule = {said}"])


def expression(s: Schedule, names: Mapping[int, str], indent: int | None = 0) -> str:
    """The call that makes a schedule, over several lines where it is long; defaults are left out."""
    word = s.row.f.__name__
    public = getattr(schedules, word, None) is s.row
    call = f"tl.schedules.{word}" if public else f"tl.schedules.lookup({s.name!r})"
    given = [(n, v) for n, v in s.items if s.row.hypers[n].default is REQUIRED or not _usual(s, n, v)]
    flat = f"{call}({', '.join(f'{n}={_value(v, names, None)}' for n, v in given)})"
    if indent is None or len(flat) + indent <= _WIDE:
        return flat
    pad = " " * (indent + 4)
    rows = "".join(f"{pad}{n}={_value(v, names, indent + 4)},\n" for n, v in given)
    return f"{call}(\n{rows}{' ' * indent})"


def _usual(s: Schedule, name: str, v: Any) -> bool:
    return repr(v) == repr(s.row.hypers[name].default)


def _value(v: Any, names: Mapping[int, str], indent: Any) -> str:
    if isinstance(v, Schedule):
        return expression(v, names, indent)
    if isinstance(v, tuple) and any(isinstance(x, Schedule) for x in v):
        if indent is None:
            return f"[{', '.join(_value(x, names, None) for x in v)}]"
        pad = " " * (indent + 4)
        return "[\n" + "".join(f"{pad}{_value(x, names, indent + 4)},\n" for x in v) + " " * indent + "]"
    return names.get(id(v)) or repr(list(v) if isinstance(v, tuple) else v)


# Row -> PyTorch's class, its names for the hyperparameters, and what else must have its default.
_CYCLIC = {"base": "base_lr", "maximum": "max_lr", "up": "step_size_up", "down": "step_size_down", "mode": "mode",
           "gamma": "gamma", "scale_by": "scale_mode"}  # fmt: skip
_ONE_CYCLE = {"maximum": "max_lr", "total": "total_steps", "pct": "pct_start", "way": "anneal_strategy",
              "three_phase": "three_phase", "div": "div_factor", "final_div": "final_div_factor"}  # fmt: skip
TWINS: dict[str, tuple[str, dict[str, str]]] = {
    "constant": ("ConstantLR", {}),
    "step_decay": ("StepLR", {"size": "step_size", "gamma": "gamma"}),
    "multistep": ("MultiStepLR", {"milestones": "milestones", "gamma": "gamma"}),
    "constant_factor": ("ConstantLR", {"factor": "factor", "total": "total_iters"}),
    "linear_factor": ("LinearLR", {"start_factor": "start_factor", "end_factor": "end_factor",
                                   "total": "total_iters"}),
    "exponential_decay": ("ExponentialLR", {"gamma": "gamma"}),
    "polynomial": ("PolynomialLR", {"total": "total_iters", "power": "power"}),
    "cosine_annealing": ("CosineAnnealingLR", {"total": "T_max", "minimum": "eta_min"}),
    "warm_restarts": ("CosineAnnealingWarmRestarts", {"period": "T_0", "factor": "T_mult", "minimum": "eta_min"}),
    "swa": ("SWALR", {"target": "swa_lr", "total": "anneal_epochs", "way": "anneal_strategy"}),
    "cyclic": ("CyclicLR", _CYCLIC), "one_cycle_lr": ("OneCycleLR", _ONE_CYCLE),
    "lambda": ("LambdaLR", {"f": "lr_lambda"}), "multiplicative": ("MultiplicativeLR", {"f": "lr_lambda"}),
}  # fmt: skip
_OWN_RATE = {"CyclicLR", "OneCycleLR"}


def torch_program(s: Schedule) -> tuple[str, str]:
    """PyTorch code that makes the same learning rates, and a sentence about how."""
    if s.name in ("cyclic_momentum", "one_cycle_momentum"):
        owner = "CyclicLR" if s.name == "cyclic_momentum" else "OneCycleLR"
        low, high = s.hypers["low"], s.hypers["high"]
        return "", f"In PyTorch momentum moves inside {owner}: base_momentum={low!r}, max_momentum={high!r}."
    call, rate = _twin(s)
    if not call:
        call = "torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda=schedule)"
        note = "No class of PyTorch makes this curve; LambdaLR takes the schedule itself, with lr=1.0."
        return f"import torch\n{program(s)}\n# the optimizer has lr=1.0\nscheduler = {call}", note
    names = functions(s)
    heads = ["import torch"] + (["import torchlean_nb as tl"] if "tl.schedules." in call else [])
    own = [f"# {', '.join(names)}: of your own"] if names else []
    own += [] if rate is None else [f"# the optimizer has lr={rate!r}"]
    note = "The same rates in PyTorch" + ("." if rate is None else f", on an optimizer with lr={rate!r}.")
    return "\n".join([*heads, "", *own, f"scheduler = {call}"]), note


def _twin(s: Schedule) -> tuple[str, float | None]:
    """Call of PyTorch's class and the rate of the optimizer; no call where there is none."""
    head = "torch.optim.lr_scheduler."
    if s.name == "join":
        made = [_twin(p) for p in s.hypers["parts"]]
        rates = {rate for call, rate in made}
        if len(rates) > 1 or None in rates or not all(call for call, _ in made):
            return "", None
        inner = "".join(f"    {call},\n" for call, _ in made)
        ends = list(s.hypers["boundaries"])
        return f"{head}SequentialLR(optimizer, [\n{inner}], milestones={ends!r})", rates.pop()
    # PyTorch divides by the factor when it has done its time.
    if s.name not in TWINS or not s.row.builtin or s.hypers.get("factor") == 0:
        return "", None
    cls, names = TWINS[s.name]
    if any(n not in names and n != "base" and not _usual(s, n, v) for n, v in s.items):
        return "", None
    known = {id(f): n for n, f in functions(s).items()}
    given = [(names[n], _value(v, known, None)) for n, v in s.items if n in names]
    given = given if s.name != "constant" else [("factor", "1.0"), ("total_iters", "1")]
    if cls == "CyclicLR" or cls == "OneCycleLR":
        given.append(("cycle_momentum", "False"))
    call = f"{head}{cls}(optimizer, {', '.join(f'{n}={v}' for n, v in given)})"
    return (call if cls != "SWALR" else call.replace(head, "torch.optim.swa_utils.")), (
        None if cls in _OWN_RATE else s.hypers["base"]
    )
