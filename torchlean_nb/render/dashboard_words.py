"""What a step of a run is like, in one sentence, and the curves as a table: the same as the front end says."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, NamedTuple

from torchlean_nb.escape import visible
from torchlean_nb.render.numbers import MINUS

_FAR, _ROWS = 4, 20
_SPACE = "\u00a0"
_LAST = ("epoch_loss", "grad_norm")
_OWN = ("loss", "val_loss", "lr", "epoch")


def short(v: float, digits: int = 4) -> str:
    """A number as the front end prints it: rounded half up, powers of ten only when very small or large.

    Examples
    --------
    >>> short(0.00012345, 3), short(12345.0, 3), short(1.5e-7), short(float("-inf"))
    ('0.000123', '12300', '1.5e−7', '−∞')
    """
    if math.isnan(v):
        return "NaN"
    sign = MINUS if v < 0 else ""
    if math.isinf(v):
        return f"{sign}∞"
    if v == 0:
        return "0"
    size = abs(float(v))
    d = Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal(Decimal(size))
    if 1e-4 <= size < 1e6:
        return sign + _stripped(format(d, "f"))
    mantissa = d.scaleb(-d.adjusted())
    return f"{sign}{_stripped(format(mantissa, 'f'))}e{str(d.adjusted()).replace('-', MINUS)}"


def _stripped(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


class Curve(NamedTuple):
    """A series as it travelled."""

    k: list[int]
    v: list[float]

    def at(self, k: float) -> float | None:
        """Latest value at step `k`, None before the first."""
        i = bisect_right(self.k, k)
        return self.v[i - 1] if i else None


def curve_of(sent: Mapping[str, Any] | None) -> Curve:
    """Steps and values of a series of a payload.

    Examples
    --------
    >>> curve_of({"k": [3, 1, 5], "v": [0, 1, "NaN"]})
    Curve(k=[3, 4, 9], v=[0.0, 1.0, nan])
    """
    if not sent:
        return Curve([], [])
    first, gaps, n = sent["k"][:1], sent["k"][1:], len(sent["v"])
    ks = list(first)
    for i in range(n - 1):
        ks.append(ks[-1] + gaps[0 if len(gaps) == 1 else i])
    return Curve(ks, [float(v) for v in sent["v"]])


def series(run: Mapping[str, Any], name: str | None) -> Curve:
    """A series of the whole of a run."""
    return curve_of(run["series"].get(name))


def metrics(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Series besides loss and learning rate, training and held out as one; those that explain least come last."""
    names = dict.fromkeys(n.removeprefix("val_") for run in runs for n in run["series"] if n not in _OWN)
    return sorted(names, key=lambda n: n in _LAST)


def stops(run: Mapping[str, Any]) -> list[int]:
    """Steps where the scrubber rests: those of the longest series."""
    rows = [row[w] for row in run["params"] for w in ("grad_norm", "update_ratio") if w in row]
    longest = max([*run["series"].values(), *rows], key=lambda c: len(c["v"]), default=None)
    return curve_of(longest).k


def end(run: Mapping[str, Any]) -> int:
    """Last step of which anything is known."""
    return max([0, *stops(run)[-1:], *(e[0] for e in run["events"])])


def epoch_at(run: Mapping[str, Any], k: int) -> int | None:
    """Number of the epoch that step `k` belongs to, counted from 1."""
    done = series(run, "epoch")
    if not done.k:
        return None
    return int(done.at(k - 1) or 0) + 1


def _pair(run: Mapping[str, Any], name: str, k: int) -> str:
    own, held = series(run, name).at(k), series(run, f"val_{name}").at(k)
    if own is not None:
        return f"{visible(name)} {short(own, _FAR)}" + ("" if held is None else f" (held out {short(held, _FAR)})")
    return "" if held is None else f"held-out {visible(name)} {short(held, _FAR)}"


def ranked(rows: Sequence[Mapping[str, Any]], what: str, k: int) -> list[tuple[str, float]]:
    """Layers with a value at step `k`, the largest first."""
    found = [(row["name"], curve_of(row.get(what)).at(k)) for row in rows]
    return sorted(((n, v) for n, v in found if v is not None and not math.isnan(v)), key=lambda nv: -nv[1])


def sentence(run: Mapping[str, Any], k: int, metric: str | None = None, several: bool = False) -> str:
    """The sentence of step `k` of a run of a payload."""
    last = end(run)
    if k > last:
        how = "" if run["status"] == "finished" else f" ({visible(run['status'])})"
        return f"Step {k}: run {run['name']} ended at step {last}{how}, " \
               f"with {_pair(run, 'loss', last) or 'no loss recorded'}."
    said = [s for s in (_pair(run, "loss", k), _pair(run, metric, k) if metric else "") if s]
    rate = series(run, "lr").at(k)
    said += [] if rate is None else [f"learning rate {short(rate, _FAR)}"]
    parts = [", ".join(said) or "nothing was recorded"]
    grads, moves = ranked(run["params"], "grad_norm", k), ranked(run["params"], "update_ratio", k)
    dead = [nv for nv in ranked(run["units"], "dead", k) if nv[1] > 0]
    if len(grads) > 1:
        (top, most), (low, least) = grads[0], grads[-1]
        parts.append(f"the gradient is largest in {top} ({short(most, 3)}) and smallest in {low} ({short(least, 3)})")
    if moves:
        name, share = moves[0]
        how = ", much for one step" if share > 1e-2 else ", little for one step" if share < 1e-4 else ""
        parts.append(f"{name} moves most, by {short(share, 2)} of its size{how}")
    if dead:
        name = f"layer {dead[0][0]}" if dead[0][0].isascii() and dead[0][0].isdigit() else dead[0][0]
        parts.append(f"{short(100 * dead[0][1], 3)}{_SPACE}% of the units of {name} are dead")
    parts += [text or kind for at, kind, text in run["events"] if at == k]
    epoch = epoch_at(run, k)
    head = [f"Step {k}", *([] if epoch is None else [f"epoch {epoch}"]), *([f"run {run['name']}"] if several else [])]
    return f"{', '.join(head)}: {'; '.join(parts)}."


def telling(at: Sequence[int], events: Sequence[Any], k: int | None) -> list[int]:
    """Steps worth a row: the ends, the events, the cursor, an even part of the rest."""
    if not at:
        return []
    even = {at[int(i * (len(at) - 1) / _ROWS + 0.5)] for i in range(_ROWS + 1)}
    return sorted({*even, *(e[0] for e in events[:_ROWS]), *([] if k is None else [k])})


def text(payload: Mapping[str, Any], view: Any) -> str:
    """The runs, the sentence of a step, a table of the curves, one of the layers at that step, and the events."""
    runs, run, k = payload["runs"], view.run, view.k
    if run is None:
        return "No run yet."
    lines = []
    for r in runs:
        about = f", {r['meta']}" if r["meta"] else ""
        lines.append(f"{r['name']}: {r['steps']} {'step' if r['steps'] == 1 else 'steps'}, {r['status']}{about}")
    lines.append(sentence(run, k, view.metric, len(runs) > 1) if stops(run) else "Nothing was recorded.")
    wanted = ["loss", "val_loss", *([view.metric, f"val_{view.metric}"] if view.metric else []), "lr"]
    columns = [(f"{r['name']} {visible(n, 24)}" if len(runs) > 1 else visible(n, 24), series(r, n))
               for r in view.shown for n in wanted if n in r["series"]]  # fmt: skip
    steps = telling(stops(run), run["events"], k)
    body = [[str(s), *(_cell(c.at(s)) for _, c in columns)] for s in steps]
    lines += _table(["step", *(n for n, _ in columns)], body)
    for rows, whats in ((run["params"], ("grad_norm", "update_ratio", "weight_norm")),
                        (run["units"], ("activation_mean", "activation_std", "dead"))):  # fmt: skip
        used = [w for w in whats if any(w in row for row in rows)]
        body = [[visible(row["name"], 30), *(_cell(curve_of(row.get(w)).at(k)) for w in used)] for row in rows]
        lines += _table([f"at step {k}", *(w.replace("_", " ") for w in used)], body) if used else []
    lines += [f"step {at}: {said or kind}" for at, kind, said in run["events"][:_ROWS]]
    return "\n".join([*lines, *([payload["note"]] if payload.get("note") else [])])


def _cell(v: float | None) -> str:
    return "" if v is None else short(v, 5)


def _table(head: list[str], body: list[list[str]]) -> list[str]:
    first, *wide = (max(len(row[i]) for row in [head, *body]) for i in range(len(head)))
    rest = ([c.rjust(w) for c, w in zip(row[1:], wide, strict=True)] for row in [head, *body])
    return ["  ".join([row[0].ljust(first), *cells]).rstrip() for row, cells in zip([head, *body], rest, strict=True)]
