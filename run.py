"""Two commands, and nothing to install first.

    python3 run.py lab       open the lessons in JupyterLab
    python3 run.py test      unit tests, then every lesson

Further words:

    unit [pytest options]    the unit tests alone, e.g. unit -k tanh
    lessons [part of name]   the lessons alone, e.g. lessons 05
    oracle [pytest options]  comparisons with PyTorch and mpmath (installs torch)
    browser [pytest options] widgets in a real Chromium
    guard [pytest options]   the unit tests on a stand-in for CuPy that refuses every implicit conversion
    gpu [pytest options]     the tests of a GPU on this machine's (installs CuPy for its driver)
    lint [ruff options]      style of the code
    nightly [minutes]        every fuzz and every kill in its long form, one after the other
    audit                    known advisories about the packages of .venv; a report that never fails
    help                     this text

Options after `lab` go to JupyterLab (--no-browser --port 9999), but for --threads N; options after `test`
to the unit tests. NumPy computes with one thread unless OPENBLAS_NUM_THREADS or a variable like it says otherwise. The
first call makes the folder .venv beside this file and installs the toolkit into it; later calls reuse it until
pyproject.toml changes. Only the standard library is used here.
"""

# Python 3.8 must still be able to read this file, so that it can say what is missing.
import argparse
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
NOTEBOOKS = ROOT / "notebooks"
VENV = ROOT / ".venv"
STAMP = VENV / "torchlean_nb.stamp"
OLDEST = (3, 11)
THREADS = ["%s_THREADS" % name for name in ("OPENBLAS_NUM", "MKL_NUM", "BLIS_NUM", "VECLIB_MAXIMUM", "OMP_NUM")]
NO_TESTS = 5  # exit status of pytest when nothing was selected


def stop(*lines):
    """End with a message on stderr and status 1."""
    sys.exit("\n".join(lines))


def run(python, *args, env=None):
    """Exit status of `python args` in the project folder."""
    return subprocess.run([str(python), *map(str, args)], cwd=str(ROOT), env=env).returncode


# -- the environment ---------------------------------------------------------------------------


def python_of_venv():
    """Path of the interpreter in .venv, made or repaired if need be."""
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not answers(python, "import sys; assert sys.version_info >= %r" % (OLDEST,)):
        make_venv()
    if not answers(python, "import pip") and run(python, "-m", "ensurepip", "--upgrade") != 0:
        stop("There is no pip in %s and it could not be added." % VENV, "Delete that folder and run this again.")
    return python


def answers(python, code):
    """Whether the interpreter exists and runs `code` without an error."""
    if not python.exists():
        return False
    try:
        return subprocess.run([str(python), "-c", code], capture_output=True, cwd=str(ROOT)).returncode == 0
    except OSError:
        return False


def make_venv():
    """Make .venv, replacing one that no longer works; say what to install when that is impossible."""
    if sys.version_info < OLDEST:
        stop(
            "torchlean_nb needs Python %d.%d or newer; this is %s." % (*OLDEST, sys.version.split()[0]),
            "Install a newer one (https://www.python.org/downloads/) and start this file with it,",
            "for example: python3.12 run.py lab",
        )
    advice = (
        "Python cannot make a virtual environment here: the module venv or ensurepip is missing.",
        "Debian/Ubuntu: sudo apt install python3-venv",
        "Elsewhere: use the Python from https://www.python.org/downloads/ or from conda.",
    )
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        stop(*advice)
    if VENV.exists() and any(VENV.iterdir()) and not (VENV / "pyvenv.cfg").exists():
        stop("%s is there, but it is not a virtual environment." % VENV, "Move it away and run this again.")
    print("Making %s" % VENV, flush=True)
    if run(sys.executable, "-m", "venv", "--clear", VENV) != 0:
        stop(*advice)


def environment(*extras):
    """Interpreter of .venv with the toolkit and these extras installed."""
    python = python_of_venv()
    state = subprocess.run([str(python), "-c", "import sys; print(sys.version)"], stdout=subprocess.PIPE).stdout
    state += (ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode()
    key = hashlib.sha256(state).hexdigest()
    have = installed(key)
    if have.issuperset(extras):
        return python
    want = sorted(have.union(extras))
    print("Installing torchlean_nb with %s (once; it takes a minute or two)" % ", ".join(want), flush=True)
    if STAMP.exists():
        STAMP.unlink()
    if run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-e", ".[%s]" % ",".join(want)):
        stop("The installation failed; the reason is above. Run the same command again to retry.")
    STAMP.write_text(json.dumps({"key": key, "extras": want}), encoding="utf-8")
    return python


def installed(key):
    """Extras that the stamp says were installed for this key."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        return set(stamp["extras"]) if stamp["key"] == key else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def one_thread(env, count=None):
    """A copy of the environment with so many threads for NumPy; with one, where the user has not chosen."""
    chosen = any(env.get(name) for name in THREADS)
    return dict(env) if chosen and count is None else dict(env, **dict.fromkeys(THREADS, count or "1"))


def threads_of(args):
    """The number after --threads, or None, and the other options."""
    reader = argparse.ArgumentParser(prog="run.py lab", add_help=False, allow_abbrev=False)
    reader.add_argument("--threads", type=int, metavar="N")
    known, rest = reader.parse_known_args(args)
    if known.threads is not None and known.threads < 1:
        reader.error("--threads must be > 0")
    return known.threads and str(known.threads), rest


# -- what one can ask for ----------------------------------------------------------------------


def lab(args):
    """Open JupyterLab on the first lesson, in place of this process where the system can do that."""
    count, args = threads_of(args)
    python = environment("lab", "test")
    first = NOTEBOOKS / "00_start.ipynb"
    ask_no_questions()
    command = [str(python), "-m", "jupyterlab", "--ServerApp.root_dir=%s" % NOTEBOOKS]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    if first.exists() and not any(a.endswith(".ipynb") for a in args):
        command.append("--LabApp.default_url=/lab/tree/%s" % first.name)
    command += args
    if os.name == "nt":
        return subprocess.run(command, cwd=str(ROOT), env=one_thread(os.environ, count)).returncode
    os.chdir(str(ROOT))
    sys.stdout.flush()
    return os.execve(command[0], command, one_thread(os.environ, count))


def ask_no_questions():
    """Default of this .venv alone: JupyterLab neither offers its news nor looks for updates on the network."""
    settings = VENV / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    if not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        quiet = {"fetchNews": "false", "checkForUpdates": False}
        settings.write_text(json.dumps({"@jupyterlab/apputils-extension:notification": quiet}), encoding="utf-8")


def test(args):
    """Unit tests, then lessons; both always run."""
    results = {"unit tests": unit(args), "lessons": lessons([])}
    print()
    for name, status in results.items():
        print("%-11s %s" % (name, "FAILED" if status else "passed"))
    return 1 if any(results.values()) else 0


def unit(args):
    """Everything in tests/ that needs neither PyTorch nor a browser nor a GPU."""
    return suite("unit tests", "not oracle and not browser and not gpu", args)


def lessons(args):
    """Every notebook whose name contains one of `args`; its cells are the tests."""
    chosen = [p for p in sorted(NOTEBOOKS.glob("*.ipynb")) if not args or any(a in p.name for a in args)]
    chosen = [p for p in chosen if not p.name.startswith("_")]
    if not chosen:
        print("no lesson matches %s" % " ".join(args) if args else "no lessons in %s" % NOTEBOOKS)
        return 1 if args else 0
    common = ["--nbval-current-env", "--nbval-cell-timeout", "60"]
    common += ["--nbval-sanitize-with", "tests/notebooks/sanitize.cfg"]
    status = 0
    for title, flag, strict in (("lessons", "--nbval-lax", False), ("lessons, outputs compared", "--nbval", True)):
        group = [str(p.relative_to(ROOT)) for p in chosen if is_strict(p) is strict]
        if group:
            status = pytest(title, [flag, *common, *([] if args else spread()), *group]) or status
    return status


def is_strict(notebook):
    """Whether the stored outputs of this notebook are to be compared, by its own metadata."""
    try:
        metadata = json.loads(notebook.read_text(encoding="utf-8")).get("metadata", {})
        return bool(metadata.get("torchlean_nb", {}).get("strict", False))
    except (ValueError, AttributeError):
        return False  # not a notebook: pytest will say so with its name


def oracle(args):
    """Comparisons with PyTorch and mpmath."""
    return suite("oracle", "oracle", args, "oracle")


def browser(args):
    """Widgets in a real Chromium."""
    return suite("browser", "browser", args, "browser")


def guard(args):
    """The unit tests with every session on a stand-in for CuPy, and the tests of a GPU on it."""
    return suite("guard", "not oracle and not browser", args, device="guard")


def gpu(args):
    """tests/gpu on a CUDA device; CuPy is installed for the CUDA of its driver."""
    try:
        said = subprocess.run(["nvidia-smi"], capture_output=True, text=True).stdout
    except OSError:
        said = ""
    major = said.partition("CUDA Version:")[2].strip().partition(".")[0]
    if major not in ("12", "13"):
        stop("There is no NVIDIA driver for CUDA 12 or 13 here: nvidia-smi %s." % ("says CUDA " + major if major else
             "is missing or finds no GPU"), "Try: python3 run.py guard, which needs none.")  # fmt: skip
    return suite("gpu", "gpu", args or ["tests/gpu"], "cuda" + major, device="cuda")


def nightly(args):
    """The long forms of what the unit tests do briefly; all of them run, whatever one of them finds."""
    minutes = int(args[0]) if args else 60
    python = environment("lab", "test")
    longs = (
        ("tests.fuzz.loaders", minutes * 60), ("tests.fuzz", 500, 100), ("tests.reliability.interrupts", 10000),
        ("tests.saving.kills", 1000), ("tests.load.reruns", 100), ("tests.guard.notebooks",),
    )  # fmt: skip
    results = {}
    for words in longs:
        print("\n== python -m %s" % " ".join(map(str, words)), flush=True)
        results[words[0]] = run(python, "-m", *words, env=one_thread(os.environ))
    print()
    for name, status in results.items():
        print("%-30s %s" % (name, "FAILED" if status else "passed"))
    return 1 if any(results.values()) else 0


def lint(args):
    """Style of the code."""
    return run(environment("dev"), "-m", "ruff", "check", *args)


def audit(args):
    """Report of pip-audit about what is installed; where it or the network is missing, a line that says so."""
    python = python_of_venv()
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pip-audit>=2.10"]
    command = [str(python), "-m", "pip_audit", "--local", "--skip-editable", "--progress-spinner", "off", *args]
    try:
        if not answers(python, "import pip_audit") and quietly(install).returncode:
            print("audit: pip-audit is not installed, and could not be: is there a network?")
            return 0
        done = quietly(command)
        lines = (done.stdout + done.stderr).strip().splitlines() or ["pip-audit said nothing"]
        shown = [line for line in lines if "could not be audited" not in line]
        # A report stands on stdout; what stands on stderr alone is trouble, such as no network.
        print("\n".join(shown) if done.stdout or not done.returncode else "audit: no report: %s" % lines[-1])
        if len(lines) > len(shown):
            print("audit: the package index here knows nothing about %d packages" % (len(lines) - len(shown)))
    except (OSError, subprocess.TimeoutExpired) as e:
        print("audit: no report: %s" % e)
    return 0


def quietly(command):
    """A command that has run for at most five minutes, and what it said."""
    return subprocess.run(command, capture_output=True, text=True, cwd=str(ROOT), timeout=300)


def suite(title, marks, args, *extras, device=None):
    """Tests with these marks; a suite that does not exist counts as passed, a selection of nothing does not."""
    named = any((ROOT / a.split("::")[0]).exists() for a in args if not a.startswith("-"))
    # A whole suite uses the cores there are; with options it stays in one process, where a debugger works.
    where = ["--device", device] if device else []
    folder = "tests/browser" if title == "browser" else "tests"  # nothing else is marked so
    cores = [] if args or title == "browser" else spread()
    status = pytest(title, ["-m", marks, *where, *cores, *([] if named else [folder]), *args], *extras)
    if status == NO_TESTS and not args:
        print("%s: there is nothing to run" % title)
        return 0
    return status


def spread():
    """Options of pytest for as many processes as there are cores, up to four."""
    return ["-n", str(min(4, os.cpu_count() or 1)), "--dist", "loadfile"]


def pytest(title, args, *extras):
    """Exit status of pytest."""
    python = environment("lab", "test", *extras)
    print("\n== %s" % title, flush=True)
    return run(python, "-m", "pytest", *args, env=one_thread(os.environ))


def main(argv):
    """Run the command named first in `argv` with the rest as its options."""
    commands = {f.__name__: f for f in (lab, test, unit, lessons, oracle, browser, guard, gpu, nightly, lint, audit)}
    if not argv or argv[0] in ("help", "-h", "--help"):
        print(__doc__.strip())
        return 0
    if argv[0] not in commands:
        stop("There is no command %r." % argv[0], "", __doc__.strip())
    return commands[argv[0]](argv[1:])


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
