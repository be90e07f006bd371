"""All laws on one row, for ``tl.check_op(my_op)``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torchlean_nb.laws.base import LAWS, LawError
from torchlean_nb.rows import Op, lookup


@dataclass(frozen=True)
class Finding:
    """One law on one sample of a row; the complaint is empty when it holds."""

    law: str
    sample: str
    complaint: str = ""


@dataclass(frozen=True)
class OpReport:
    """Outcome of `check_op`; true when every law held on every sample."""

    op: str
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Finding, ...]:
        """What does not hold."""
        return tuple(f for f in self.findings if f.complaint)

    def __bool__(self) -> bool:
        return bool(self.findings) and not self.failed

    def to_text(self) -> str:
        """One line per law."""
        lines = [f"{self.op}: {len(self.findings)} checks, {len(self.failed)} failed"]
        for name, law in LAWS.items():
            found = [f for f in self.findings if f.law == name]
            bad = [f for f in found if f.complaint]
            mark = "does not apply" if not found else f"FAILS for {len(bad)} of {len(found)} samples" if bad else (
                f"holds for {len(found)} sample{'s' if len(found) > 1 else ''}"
            )
            lines.append(f"  {name:32} {mark}")
            lines += [f"      {line}" for f in bad[:1] for line in f.complaint.split("\n")]
            if bad:
                lines.append(f"      {law.sentence}")
        return "\n".join(lines)

    __repr__ = __str__ = to_text


def check_op(op: Op | str, raises: bool = True) -> OpReport:
    """Run every law of the project on one row.

    Parameters
    ----------
    op : Op or str
        The row, or its name.
    raises : bool
        Raise LawError when a law does not hold, rather than return a report that is false.

    Raises
    ------
    LawError
        With the whole report; also when the row has no samples to try.

    Examples
    --------
    >>> import torchlean_nb as tl
    >>> bool(tl.check_op(tl.tanh))
    True
    """
    op = lookup(op) if isinstance(op, str) else op
    if not op.samples:
        raise LawError(f"{op.name}: there are no samples to try", None, "samples=(tl.extend.S((3,)),)")
    findings = []
    for sample in op.samples:
        for law in LAWS.values():
            if law.applies(op, sample):
                findings.append(Finding(law.name, str(sample), complaint(law, op, sample)))
    report = OpReport(op.name, tuple(findings))
    if raises and report.failed:
        raise LawError(f"{op.name} breaks {len({f.law for f in report.failed})} laws", report.to_text())
    return report


def complaint(law: Any, *tried: Any) -> str:
    """What a law says of that on which it is tried; empty where it holds."""
    try:
        law(*tried)
    except LawError as e:
        return str(e)
    except Exception as e:
        return f"{type(e).__name__}: {e}"
    return ""
