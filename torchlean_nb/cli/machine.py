"""``torchlean-nb lab`` opens the lessons, ``torchlean-nb doctor`` looks at the machine."""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

from torchlean_nb.backend.devices import device
from torchlean_nb.backend.threads import chosen, start_with, threads
from torchlean_nb.errors import BackendError, CapabilityError

# Optional thing -> what it is for, and how to get it.
OPTIONAL = {
    "jupyterlab": ("the lessons in a browser", "pip install jupyterlab"),
    "scikit-learn": ("real data: digits, iris, wine, ...", 'pip install "torchlean_nb[data]"'),
    "safetensors": ("parameters in .safetensors files", 'pip install "torchlean_nb[safetensors]"'),
    "pygraphviz": ("Graphviz layouts without the program dot", "pip install pygraphviz"),
    "numba": ("compiled loops of fused optimizers, training steps and races", 'pip install "torchlean_nb[numba]"'),
    "cupy": ('device="cuda"', 'pip install "torchlean_nb[cuda13]", or [cuda12] for a driver of CUDA 12'),
    "torch": ("comparisons with PyTorch", "pip install torch"),
    "playwright": ("browser tests", "pip install playwright"),
}
MODULE = {"scikit-learn": "sklearn"}


def notebooks() -> Path:
    """Folder of the lessons: of the current folder, else of the clone the package was installed from."""
    places = [Path.cwd() / "notebooks", Path(__file__).resolve().parents[2] / "notebooks"]
    return next((p for p in places if p.is_dir()), Path.cwd())


def threads_of(count: int | None) -> AbstractContextManager[object]:
    """So many threads of BLAS for a block; without a count one, unless the user has chosen."""
    if count is None and chosen():
        return nullcontext()
    try:
        return threads(count or 1, by=f"--threads {count}" if count else "torchlean-nb, which starts with one")
    except CapabilityError:
        if count is None:
            return nullcontext()  # nobody asked for it
        raise


@contextmanager
def started_with(count: int | None) -> Iterator[None]:
    """An environment for processes that are started in the block."""
    before = dict(os.environ)
    start_with(count, os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before:
            del os.environ[name]
        os.environ.update(before)


def own_threads(options: Sequence[str]) -> tuple[int | None, list[str]]:
    """The number after ``--threads``, which is ours, and the other options."""
    reader = argparse.ArgumentParser(prog="torchlean-nb lab", add_help=False, allow_abbrev=False)
    reader.add_argument("--threads", type=int, metavar="N")
    known, rest = reader.parse_known_args(options)
    if known.threads is not None and known.threads < 1:
        reader.error("--threads must be > 0")
    return known.threads, rest


def lab(options: Sequence[str]) -> int:
    """Start JupyterLab in the folder of the lessons; `options` are JupyterLab's own, but for ``--threads N``."""
    count, options = own_threads(options)
    if find_spec("jupyterlab") is None:
        print("JupyterLab is not installed. try: pip install jupyterlab", file=sys.stderr)
        return 1
    with started_with(count):  # kernels get the environment
        return import_module("jupyterlab.labapp").main([f"--ServerApp.root_dir={notebooks()}", *options]) or 0


def doctor(_: Sequence[str] = ()) -> int:
    """Print what is installed, what is missing and what it would be good for."""
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}  {sys.executable}")
    print(f"device cpu, {os.cpu_count()} cores, backends eager and compiled\nthreads: {blas()}\ndevice cuda: {cuda()}")
    print(f"lessons: {notebooks()}\n\nneeded")
    for name in required():
        print(f"  {name:<15}{version(name) or 'MISSING: pip install ' + name}")
    print(f"\noptional\n  {'dot':<15}{program('dot', 'apt install graphviz, or brew install graphviz')}")
    for name, (use, how) in OPTIONAL.items():
        print(f"  {name:<15}{state(name) or f'not installed; for {use}: {how}'}")
    print(f"\nself-check: {self_check()}")
    return 0


def cuda() -> str:
    """The CUDA devices that can be used, or what stands in their way."""
    try:
        found = device("cuda")
    except BackendError as e:
        driver = "a driver is there (nvidia-smi)" if shutil.which("nvidia-smi") else "no driver is there (nvidia-smi)"
        lines = [line.partition("; torchlean-nb doctor")[0].strip() for line in str(e).splitlines()]
        return f"no. {'; '.join(lines)}; {driver}"
    runtime = found.np.cuda.runtime
    names = [runtime.getDeviceProperties(i)["name"].decode() for i in range(runtime.getDeviceCount())]
    free, total = runtime.memGetInfo()
    versions = [f"{v // 1000}.{v % 1000 // 10}" for v in (runtime.driverGetVersion(), runtime.runtimeGetVersion())]
    return (
        f"{', '.join(names)}; {free / 2**30:.1f} of {total / 2**30:.1f} GiB free; driver for CUDA {versions[0]}, "
        f"CuPy {found.np.__version__} for CUDA {versions[1]}"
    )


def blas() -> str:
    """Threads of matrix products, and who decided; nothing is changed."""
    try:
        return repr(threads())
    except CapabilityError as e:
        return f"not known, {chosen() or 'none of its variables is set'}; {str(e).splitlines()[-1].strip()}"


def required() -> Iterator[str]:
    """Names of the packages the toolkit itself says it needs, and its own."""
    yield "torchlean_nb"
    for line in metadata.requires("torchlean_nb") or () if version("torchlean_nb") else ():
        if "extra ==" not in line:
            yield re.split(r"[^\w.-]", line, maxsplit=1)[0]


def version(name: str) -> str | None:
    """Installed version of a distribution, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def program(name: str, how: str) -> str:
    """Path of a program, or how to get it."""
    return shutil.which(name) or f"not on the PATH: {how}"


def state(name: str) -> str | None:
    """Version of an optional package, with what stands in its way; None when it is not installed."""
    if find_spec(MODULE.get(name, name)) is None:
        return None
    try:
        module = import_module(MODULE.get(name, name))
        number = getattr(module, "__version__", None) or version(name) or "installed"
        return f"{number}, but no CUDA device" if name == "cupy" and not module.is_available() else str(number)
    except Exception as e:  # a broken package is a finding here, whatever it raises
        return f"installed, but it does not load: {type(e).__name__}: {e}"


def self_check() -> str:
    """Differentiate ``x * x + x`` at 3 and say what came out."""
    try:
        tl = import_module("torchlean_nb")
        s = tl.Session()
        x = s.param(3.0, name="x")
        found = float(s.backward(x * x + x)[x])
    except Exception as e:
        return f"FAILED: {type(e).__name__}: {e}"
    return "the derivative of x*x + x at 3 is 7: fine" if found == 7 else f"FAILED: expected 7, got {found}"
