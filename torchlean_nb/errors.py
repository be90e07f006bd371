"""Every error the toolkit raises on purpose, drawn as one tree.

::

    TorchLeanError
    |-- ShapeError(ValueError)          shapes do not fit
    |   |-- AxisError(IndexError)       an axis that is not there
    |   |-- EmptyError                  a mean or maximum over nothing
    |   `-- NonScalarError              backward needs a scalar or a seed
    |-- DTypeError(TypeError)           not a real number array, or the wrong kind of one
    |-- DomainError(ValueError)         outside the mathematical domain (log of -1)
    |   |-- ZeroDivisionDomainError(ZeroDivisionError)
    |   `-- NonFiniteError(ArithmeticError)   an inf or NaN appeared
    |-- IndexRangeError(IndexError)     an index or class label outside its range
    |-- SessionError(RuntimeError)      a handle, thread or process that does not belong here
    |   |-- ForeignHandleError          of another session
    |   |-- StaleHandleError            from before reset_tape()
    |   |-- SessionClosedError  ThreadError  ForkError
    |   `-- NoGradError                 nothing to differentiate
    |-- HandleTypeError(TypeError)      not a Tensor, Param, name or id
    |-- ReadOnlyError(ValueError)       writing into something recorded
    |-- NameError_(ValueError)          a name that cannot be used
    |-- SerializationError(TypeError)   pickle and deepcopy of live handles
    |-- UnknownNameError(LookupError)   with did-you-mean
    |   `-- UnknownNodeError(KeyError)  NoAttributeError(AttributeError)
    |-- HyperparameterError(ValueError) an option outside its allowed range
    |-- RuleError(RuntimeError)         a derivative rule returned something wrong
    |   `-- HookError                   a user's hook failed
    |-- CapabilityError(TypeError)      this thing cannot do that
    |-- BackendError(ImportError)       an optional package or device is missing
    |   |-- UnknownDeviceError(ValueError)  DeviceMemoryError(MemoryError)  DeviceFailure(RuntimeError)
    |   `-- ToolError                   an external program failed
    |-- BackendMixError(TypeError)      arrays of the host and of a device in one computation
    |-- TraceFormatError(ValueError)    a saved trace that cannot be read
    |   `-- CycleError
    |-- DataError(ValueError)           data that cannot be learned from
    |   |-- PathError                   a path that will not be opened
    |   `-- LoadError                   a file that is not what it should be
    |       `-- SizeError               larger than its limit
    `-- CheckpointError(ValueError)

Each message has up to three lines: what happened, why, and what to try. In a notebook the traceback shows the lines of
the user; those of the toolkit in between are left out, and ``%xmode Verbose`` shows them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import TracebackType

_LIMIT = 2000


def quote(name: object, limit: int = 80) -> str:
    """Repr of a user's text, or the first line of another object's, cut to `limit` characters."""
    try:
        text = repr(name[: limit + 1] if isinstance(name, str) else name).partition("\n")[0]
    except Exception:  # a number of too many digits, or an object whose __repr__ is wrong
        text = f"<{type(name).__name__}>"
    return text if len(text) <= limit else text[: limit - 4] + "..." + text[-1]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Sentence naming the closest known names, or a few of them."""
    known = [str(k) for k in known]
    return _closest(name, known) or "known names: " + (", ".join(sorted(known)[:12]) or "none yet")


def _closest(name: str, known: list[str]) -> str | None:
    import difflib  # noqa: PLC0415 - only a message needs it

    close = difflib.get_close_matches(str(name)[:200], known, n=3)
    return f"did you mean {' or '.join(close)}?" if close else None


class TorchLeanError(Exception):
    """Base of all errors of the toolkit: what, why, try."""

    def __init__(self, what: str, why: str | None = None, hint: str | None = None):
        lines = [str(what)]
        if why:
            lines.append("  " + str(why))
        if hint:
            lines.append("  try: " + str(hint))
        text = "\n".join(lines)
        super().__init__(text if len(text) <= _LIMIT else text[: _LIMIT - 3] + "...")

    def __str__(self) -> str:
        return str(self.args[0])

    def _render_traceback_(self) -> list[str]:
        """What IPython shows of it, which asks for a method of this name."""
        shown = sys.modules["IPython"].get_ipython().InteractiveTB
        lines, cause = _steps(self), self.__cause__ or self.__context__
        users = [t for t in lines if not _ours(t)]
        if shown.mode == "Verbose" or len(users) in (len(lines), shown.tb_offset):
            return shown.structured_traceback(type(self), self, self.__traceback__)
        traceback = None
        for t in reversed(users):
            traceback = TracebackType(traceback, t.tb_frame, t.tb_lasti, t.tb_lineno)
        chain = self.__cause__, self.__suppress_context__
        if all(map(_ours, _steps(cause)[-1:])):  # it came from inside, and the message says what it was
            self.__cause__ = None
        text = shown.structured_traceback(type(self), self, traceback)
        self.__cause__, self.__suppress_context__ = chain
        left_out = f"(left out, inside torchlean_nb: {len(lines) - len(users)}; %xmode Verbose shows all)\n"
        return [*text[:-1], left_out, text[-1]]


def _steps(error: BaseException | None) -> list[TracebackType]:
    """Its traceback, the outermost line first."""
    found, step = [], error and error.__traceback__
    while step is not None:
        found.append(step)
        step = step.tb_next
    return found


def _ours(step: TracebackType) -> bool:
    """Whether a line belongs to the toolkit, or to what it has generated."""
    frame = step.tb_frame
    name = frame.f_globals.get("__name__") or ""
    return f"{name}.".startswith("torchlean_nb.") or frame.f_code.co_filename.startswith("<torchlean_nb")


class ShapeError(TorchLeanError, ValueError):
    """Shapes that do not fit each other or an operation."""


class AxisError(ShapeError, IndexError):
    """An axis that does not exist, occurs twice, or is not an integer."""


class AxisTypeError(AxisError, TypeError):
    """An axis that is not an integer."""


class EmptyError(ShapeError):
    """A reduction without a value over no elements."""


class NonScalarError(ShapeError):
    """A backward pass from a non-scalar without a seed."""


class NotOneElementError(ShapeError, TypeError):
    """``float(t)`` of a Tensor with more than one element."""


class MaskShapeError(ShapeError, IndexError):
    """A boolean mask of another shape."""


class DTypeError(TorchLeanError, TypeError):
    """Data that is not an array of real numbers, or of the wrong kind of number."""


class DTypeOverflowError(DTypeError, OverflowError):
    """A number that does not fit the number type."""


class DomainError(TorchLeanError, ValueError):
    """A value outside the domain of an operation."""


class ZeroDivisionDomainError(DomainError, ZeroDivisionError):
    """Division by zero."""


class NonFiniteError(DomainError, FloatingPointError, OverflowError):
    """An inf or NaN, with the op, the node and the index where it first appeared."""


class IndexRangeError(TorchLeanError, IndexError):
    """An index or class label outside its range."""


class SessionError(TorchLeanError, RuntimeError):
    """A handle, thread or process that does not belong to this session."""


class ForeignHandleError(SessionError, ValueError):
    """A handle of another session."""


class StaleHandleError(SessionError):
    """A handle from before ``reset_tape()``."""


class SessionClosedError(SessionError):
    """A session used after ``close()``."""


class ThreadError(SessionError):
    """A session used from a thread other than the one that made it."""


class ForkError(SessionError):
    """A session used in a forked child process."""


class NoGradError(SessionError):
    """Nothing to differentiate, or no gradient yet."""


class HandleTypeError(TorchLeanError, TypeError):
    """Something that is not a Tensor, Param, name or node id."""


class ReadOnlyError(TorchLeanError, ValueError):
    """An attempt to write into something that was recorded."""


class NameError_(TorchLeanError, ValueError):
    """A name that cannot be used."""


class NameTypeError(NameError_, TypeError):
    """A name that is not a string."""


class SerializationError(TorchLeanError, TypeError):
    """Pickling or deep-copying a live handle."""


class UnknownNameError(TorchLeanError, LookupError):
    """A name that is not known, with the closest known ones."""


class NoAttributeError(UnknownNameError, AttributeError):
    """A name behind a dot that leads nowhere."""

    @classmethod
    def of(cls, owner: str, name: str, known: Iterable[str], instead: str | None = None) -> NoAttributeError:
        """The error for `name` after `owner`, with what it is called here, or the names that are like it."""
        meant = None if name.startswith("_") or instead else _closest(name, [k for k in known if k[0] != "_"])
        hint = instead or (None if meant else f"dir({owner}) lists what there is")
        return cls(f"{owner} has no {quote(name)}", meant, hint)


class UnknownNodeError(UnknownNameError, KeyError):
    """A node id or node name that is not on the tape."""


class HyperparameterError(TorchLeanError, ValueError):
    """An option outside its allowed range."""


class HyperparameterTypeError(HyperparameterError, TypeError):
    """An option of the wrong type."""


class RuleError(TorchLeanError, RuntimeError):
    """A derivative rule that returned something wrong."""


class RuleValueError(RuleError, ValueError):
    """A rule that returned the wrong number or shape of gradients."""


class RuleTypeError(RuleError, TypeError):
    """A rule that returned something that is not an array."""


class HookError(RuleError):
    """A user's gradient hook failed; nothing was changed."""


class HookValueError(HookError, ValueError):
    """A hook that changed the shape of a gradient."""


class HookTypeError(HookError, TypeError):
    """A hook that returned something that is not an array."""


class CapabilityError(TorchLeanError, TypeError):
    """A thing asked to do what it declares it cannot."""


class BackendError(TorchLeanError, ImportError):
    """An optional package or device that is not there."""


class UnknownDeviceError(BackendError, ValueError):
    """The name or number of a device that is not there."""


class DeviceMemoryError(BackendError, MemoryError):
    """A device whose memory is full; nothing was changed."""


class DeviceFailure(BackendError, RuntimeError):
    """A computation that the device refused; nothing was changed."""


class BackendMixError(TorchLeanError, TypeError):
    """Arrays of the host and of a device in one computation."""


class ToolError(BackendError, RuntimeError):
    """An external program that failed."""


class TraceFormatError(TorchLeanError, ValueError):
    """A saved trace that cannot be read."""


class CycleError(TraceFormatError):
    """A graph with a cycle."""


class DataError(TorchLeanError, ValueError):
    """Data that cannot be learned from: one class only, nothing left on one side of a split."""


class PathError(DataError):
    """A path that will not be opened: a URL, or one that leaves its folder."""


class LoadError(DataError):
    """A file of data that is not what it should be."""


class SizeError(LoadError):
    """A file, or a row of it, that is larger than its limit."""


class LoadTypeError(LoadError, TypeError):
    """A file that holds something other than real numbers."""


class EncodingError(LoadError, UnicodeError):
    """Bytes that are not text of the encoding."""


class MemberError(LoadError, KeyError):
    """An archive without the array that was asked for."""


class MissingFileError(LoadError, FileNotFoundError):
    """A file that is not there."""


class CheckpointError(TorchLeanError, ValueError):
    """A checkpoint that cannot be used."""
