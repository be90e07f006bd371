"""Loops over all paths that numba compiles: one for each pair of rule and surface, whatever the numbers.

The source is kept as a module in a folder of the user's, and what numba makes of it beside it, so that the next process
starts at once.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from pickle import UnpicklingError
from threading import Lock
from time import perf_counter

import numpy as np

from torchlean_nb.errors import CapabilityError, PathError
from torchlean_nb.files import write
from torchlean_nb.race.contenders import Contender
from torchlean_nb.race.loops import parts
from torchlean_nb.surfaces import Surface

BLOCK = 512  # paths whose state fits the first cache
HOME = "TORCHLEAN_NB_CACHE"  # environment variable that names another folder, or none when it is empty
_NUMBER = re.compile(r"(?<![\w.])(?:\d+\.\d*|\.\d+|\d+)(?:e[-+]?\d+)?(?![\w.])")
_ready: dict[str, Callable[..., None]] = {}
_compiling = Lock()


def compiled(contender: Contender, surface: Surface, kind: str) -> tuple[Callable[..., None], float]:
    """``run(points, rows, every, limit, begin, places, losses, ended)``, and the seconds it took to get it just now.

    Raises
    ------
    CapabilityError
        When numba is not installed, or the rule or the surface cannot be written so.
    """
    text = text_of(contender, surface, kind)
    with _compiling:
        if text in _ready:
            return _ready[text], 0.0
        began = perf_counter()
        try:
            numba = importlib.import_module("numba")
        except ImportError:
            raise CapabilityError("race: engine='numba' needs the package numba", None, "pip install numba") from None
        made, kept = _module(text)
        options = {"error_model": "numpy", "nogil": True, "fastmath": {"contract"}}
        try:
            run = _tried(numba.njit(**options, cache=kept)(made), text, kind)
        except (OSError, ImportError, ValueError, EOFError, UnpicklingError):  # what is kept cannot be read
            run = _tried(numba.njit(**options)(made), text, kind)
        _ready[text] = run
        return run, perf_counter() - began


def _tried(run: Callable[..., None], text: str, kind: str) -> Callable[..., None]:
    """The function after a first call, with which it is compiled."""
    points, places, losses = (np.zeros(s, kind) for s in ((2, 1), (2, 2, 1), (2, 1)))
    numbers, begin = np.zeros((1, text.count("rows[k, ")), kind), np.zeros(text.count("begin["), kind)
    run(points, numbers, 1, points.dtype.type(1), begin, places, losses, np.zeros(1, np.int64))
    return run


def starts(contender: Contender, surface: Surface, kind: str) -> np.ndarray:
    """First values of the rule's slots, which are the same for all paths."""
    return np.array([*parts(contender, surface)[3].values()], kind)


def _module(text: str) -> tuple[Callable[..., None], bool]:
    """The function of a text, and whether it stands in a file, which numba's cache needs."""
    folder = _folder()
    if folder is not None:
        file = folder / f"race_{sha256(text.encode()).hexdigest()[:32]}.py"
        try:
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                write(file, text)
            spec = importlib.util.spec_from_file_location(f"torchlean_nb_{file.stem}", file)
            module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module.run, True
        except (OSError, PathError):  # a folder one may not write: no cache
            pass
    exec(text, space := {})
    return space["run"], False


def _folder() -> Path | None:
    """A folder that belongs to the user alone."""
    named = os.environ.get(HOME)
    if named == "":
        return None
    base = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "torchlean_nb"
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = base.stat()
    except OSError:
        return None
    mine = not hasattr(os, "getuid") or about.st_uid == os.getuid()
    return base if mine and not about.st_mode & 0o022 else None


def text_of(contender: Contender, surface: Surface, kind: str) -> str:
    """The loop: blocks of paths that stay in the cache, inner loops over few arrays without a branch, as LLVM likes.

    Raises
    ------
    CapabilityError
    """
    body, program, _, start = parts(contender, surface, True)
    wide = np.dtype(kind) == np.float64
    body = [line for line in body if not line.startswith("#")]
    body = body if wide else [_NUMBER.sub(lambda m: f"short({m[0]})", line) for line in body]
    pull = ["x, y = p[j], p[w + j]", *body, "g[j], g[w + j] = g_0, g_1"]
    keep = ["x, y = p[j], p[w + j]", *body, "where[r, 0, a + j], where[r, 1, a + j], losses[r, a + j] = x, y, value"]
    move = [
        "p_ = p[j]", "g_ = g[j]", *(f"{k}_ = all_{k}[j]" for k in start), *program.element("_"),
        *(f"all_{k}[j] = new_{k}_" for k in start), "p[j] = new_p_", "fine &= abs(new_p_) <= limit",
    ]  # fmt: skip
    back = [
        "if ended[a + j] >= 0 or not (abs(p[j]) <= limit and abs(p[w + j]) <= limit):",
        "    p[j], p[w + j] = old[j], old[w + j]", "    ended[a + j] = k if ended[a + j] < 0 else ended[a + j]",
    ]  # fmt: skip
    return "\n".join([
        "import numpy as np", "from numpy import float32 as short", "", "",
        "def run(points, rows, every, limit, begin, where, losses, ended):",
        "    n, kind = points.shape[1], points.dtype",
        f"    for a in range(0, n, {BLOCK}):", f"        w, r = min({BLOCK}, n - a), 0",
        "        p, g, old = np.empty(2 * w, kind), np.empty(2 * w, kind), np.empty(2 * w, kind)",
        "        p[:w], p[w:] = points[0, a : a + w], points[1, a : a + w]",
        *(f"        all_{k} = np.full(2 * w, begin[{i}])" for i, k in enumerate(start)),
        "        for k in range(rows.shape[0]):", *(f"            {k} = rows[k, {i}]" for i, k in enumerate(program.k)),
        "            if k % every == 0:", "                for j in range(w):",
        *(f"                    {line}" for line in keep), "                r += 1",
        "            for j in range(w):", *(f"                {line}" for line in pull), "            old[:] = p",
        "            fine = True", "            for j in range(2 * w):", *(f"                {line}" for line in move),
        "            if not fine:", "                for j in range(w):",
        *(f"                    {line}" for line in back),
        "        for j in range(w):", *(f"            {line}" for line in keep), "",
    ])  # fmt: skip
