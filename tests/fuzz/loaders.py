"""Every loader, fed with damaged files: ``python -m tests.fuzz.loaders 600`` runs for ten minutes.

What is asked of each: an error of ours or an answer; no more memory than twice the file and 16 MiB; an answer that is
written again reads the same; nothing that was there has changed.
"""

from __future__ import annotations

import collections
import contextlib
import io
import json
import random
import struct
import sys
import tempfile
import time
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

import torchlean_nb as tl
from tests.fuzz import mutate
from torchlean_nb.cli import main
from torchlean_nb.errors import TorchLeanError
from torchlean_nb.saving.container import DIGEST, HEAD, MAGIC

ROOM = 16 * 2**20


@dataclass(frozen=True)
class Loader:
    """How valid files are made and damaged, how they are read, and how an answer is read once more."""

    samples: Callable[[], list[Any]]
    read: Callable[[bytes, Path], Any]
    again: Callable[[Any, Path], Any] | None = None
    damage: Callable[[random.Random, Any], bytes] = mutate.of_bytes


def on_disk(f: Callable[[Path], Any]) -> Callable[[bytes, Path], Any]:
    def read(data: bytes, folder: Path) -> Any:
        path = folder / "file"
        path.write_bytes(data)
        return f(path)

    return read


def text(f: Callable[[str], Any]) -> Callable[[bytes, Path], Any]:
    return lambda data, _: f(data.decode("utf-8", "surrogatepass" if data.isascii() else "replace"))


Damage = Callable[[random.Random, Any], bytes]


def both(f: Damage, raw: Callable[[Any], bytes]) -> Damage:
    """Damage with understanding, or of the bytes."""
    return lambda r, x: f(r, x) if r.random() < 0.7 else mutate.of_bytes(r, raw(x))


def as_json(r: random.Random, x: Any) -> bytes:
    return mutate.dumped(r, mutate.of_data(r, x))


JSON = both(as_json, lambda x: json.dumps(x).encode())


# -- arrays --------------------------------------------------------------------------------------------
@cache
def npy() -> list[bytes]:
    arrays = (np.arange(6.0).reshape(2, 3), np.asfortranarray(np.ones((3, 2), "f4")), np.arange(4, dtype=">i4"),
              np.ones((2, 1), ">f8"), np.array([True, False]), np.ones(300, "u1"))  # fmt: skip
    return [_npy(a) for a in arrays]


def _npy(a: np.ndarray) -> bytes:
    f = io.BytesIO()
    np.save(f, a)
    return f.getvalue()


def npy_damage(r: random.Random, data: bytes) -> bytes:
    """A header that says something else, with the right length."""
    n = struct.unpack("<H", data[8:10])[0]
    header = mutate.of_text(r, data[10 : 10 + n].decode("latin-1")).encode("latin-1", "replace")
    return data[:8] + struct.pack("<H", len(header) % 2**16) + header + data[10 + n :]


def npz_damage(r: random.Random, data: bytes) -> bytes:
    """A member that is damaged inside an archive that is not."""
    f, old = io.BytesIO(), zipfile.ZipFile(io.BytesIO(data))
    with warnings.catch_warnings(), zipfile.ZipFile(f, "w", r.choice((0, 8))) as new:
        warnings.simplefilter("ignore")
        for name in old.namelist():
            member = old.read(name)
            if r.random() < 0.7:
                member = r.choice((npy_damage, mutate.of_bytes))(r, member)
            new.writestr(r.choice((name, name, "../x.npy", "a", "", "w.npy")) or "e", member)
    return f.getvalue()


def npz() -> list[bytes]:
    made = []
    for save in (np.savez, np.savez_compressed):
        f = io.BytesIO()
        save(f, w=np.arange(6.0).reshape(2, 3), b=np.ones(2, "f4"))
        made.append(f.getvalue())
    return made


def same(a: Any, b: Any) -> bool:
    """Equality to the bit of whatever a loader gives."""
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, tl.saving.Checkpoint):
        return (a.kind, a.name) == (b.kind, b.name) and same(a.state, b.state)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b)
    return a == b


def array_again(a: np.ndarray, folder: Path) -> None:
    assert a.nbytes < 2**28
    assert same(on_disk(partial(tl.data.read_npy, finite=False))(_npy(a), folder), a)


def arrays_again(found: dict[str, np.ndarray], folder: Path) -> None:
    for a in found.values():
        array_again(a, folder)


def table_again(d: Any, folder: Path) -> None:
    tl.data.write_csv(folder / "again", d, overwrite=True)
    assert same(tl.data.read_csv(folder / "again").X, d.X)


# -- checkpoints -----------------------------------------------------------------------------------------
@cache
def network() -> tuple[Any, Any, Any]:
    s = tl.Session(seed=1)
    net = tl.nn.Linear(3, 2).bind(s, seed=0)
    opt = tl.optim.Adam(net.parameters())
    s.step(opt, lambda: tl.sum(net(s.const(np.ones((1, 3))))))
    return s, net, opt


@cache
def checkpoints() -> list[bytes]:
    s, net, opt = network()
    made = []
    values = {"a": np.arange(3.0), "t": (1, None, "x", float("nan"), 2**70)}
    for what in ({"s": s, "net": net, "opt": opt}, values, s.rng):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.tl"
            tl.save(path, what, meta={"note": "é"})
            made.append(path.read_bytes())
    return made


def forged(r: random.Random, data: bytes) -> bytes:
    """A manifest that says something else, with digests that are right."""
    n = HEAD.unpack(data[: HEAD.size])[2]
    start = HEAD.size + DIGEST
    manifest, rest = json.loads(data[start : start + n]), data[start + n :]
    if r.random() < 0.3 and rest:
        rest = mutate.of_bytes(r, rest)
        at = 0
        for e in manifest["arrays"]:
            e["sha256"] = sha256(rest[at : at + e["bytes"]]).hexdigest()
            at += e["bytes"]
    else:
        manifest = mutate.of_data(r, manifest)
    raw = mutate.dumped(r, manifest)
    head = HEAD.pack(MAGIC, 1, len(raw), start + len(raw) + len(rest))
    return head + sha256(head + raw).digest() + raw + rest


def into_network(path: Path) -> Any:
    s, net, opt = network()
    before = s.digest(), str(opt.state_dict())
    kept = {"net": net.state_dict(), "opt": opt.state_dict()}
    try:
        return tl.load(path, into={"s": s, "net": net, "opt": opt})
    except TorchLeanError:
        assert (s.digest(), str(opt.state_dict())) == before, "a refused checkpoint changed something"
        raise
    finally:
        net.load_state_dict(kept["net"])
        opt.load_state_dict(kept["opt"])


def saved_again(found: Any, folder: Path) -> None:
    tl.save(folder / "again", found)
    assert same(tl.load(folder / "again"), found)


@cache
def bits() -> list[Any]:
    return [json.loads(tl.saving.paramio.encode([np.ones((2, 3)), np.array(-0.5), np.zeros((0, 2))]))]


def bits_again(arrays: list[np.ndarray], _: Path) -> None:
    assert same(tl.saving.paramio.decode(tl.saving.paramio.encode(arrays)), arrays)


@cache
def tensors() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.safetensors"
        tl.saving.tensors.save(path, {"w": np.ones((2, 3)), "b": np.zeros(2, "f4")})
        return [path.read_bytes()]


def tensors_damage(r: random.Random, data: bytes) -> bytes:
    n = struct.unpack("<Q", data[:8])[0]
    raw = as_json(r, json.loads(data[8 : 8 + n]))
    return struct.pack("<Q", len(raw)) + raw + data[8 + n :]


def tensors_again(found: dict[str, np.ndarray], folder: Path) -> None:
    tl.saving.tensors.save(folder / "again.safetensors", found)
    assert same(dict(sorted(tl.saving.tensors.load(folder / "again.safetensors").items())), dict(sorted(found.items())))


# -- command line ------------------------------------------------------------------------------------------
def command(data: bytes, folder: Path) -> int:
    """Flags as the command line has them; what is asked to run is so small that it may."""
    argv = data.decode("utf-8", "replace").replace("\0", "").split("\n")
    # Places are in the folder, and a run that is allowed is one step.
    argv = ["train", *(a.replace("/", "") for a in argv if "lab" not in a), "--steps", "1", "--quiet"]
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), contextlib.chdir(folder):
        try:
            code = main(argv)
        except SystemExit as e:
            code = e.code
    assert code in (0, 1, 2), code
    return code


COMMANDS = [b"--data\nxor\n--model\nmlp\n--hidden\n4,4\n--lr\n0.1",
            b"--data\nmoons:n=20\n--optimizer\nadam:lr=0.1\n--seed\n3",
            b"--schedule\ncosine\n--batch-size\n4\n--dtype\nfloat32\n--data\nspirals:n=12"]  # fmt: skip
FORMULAS = [b"(1 - x)**2 + 100*(y - x**2)**2", b"sin(x)*exp(-y) + max(x, 2*y)/3", b"log(x**2+1) - arctan(y)"]


def answers(data: bytes, _: Path) -> None:
    """An answer to every exercise, as a notebook has it."""
    try:
        given = json.loads(data)
    except (ValueError, RecursionError):
        given = data.decode("utf-8", "replace")
    for i, exercise in enumerate(tl.lessons.EXERCISES):
        if i % 7 == len(data) % 7:
            tl.lessons.check(exercise, given).to_text()


SMALL_LOADERS: dict[str, Loader] = {
    "npy": Loader(npy, on_disk(partial(tl.data.read_npy, finite=False)), array_again, both(npy_damage, bytes)),
    "npz": Loader(npz, on_disk(partial(tl.data.read_npz, finite=False)), arrays_again, both(npz_damage, bytes)),
    "csv": Loader(lambda: [b"1,2\r\n3,-4.5\r\n", "1e3,5\n0,1\n".encode("utf-8-sig")],
                  on_disk(lambda p: tl.data.read_csv(p, header=False)), table_again),
    "csv with labels": Loader(lambda: [b"x,y,kind\n1,2,a\n3,-4.5,b\n", b'"a ""b""",c,d\n1,5,"p,q"\n2,3,r\n'],
                              on_disk(lambda p: tl.data.read_csv(p, label=-1))),
    "checkpoint": Loader(checkpoints, on_disk(tl.load), saved_again, both(forged, bytes)),
    "resumed": Loader(lambda: checkpoints()[:1], on_disk(into_network), None, both(forged, bytes)),
    "paramio": Loader(bits, text(tl.saving.paramio.decode), bits_again, JSON),
    "safetensors": Loader(tensors, on_disk(tl.saving.tensors.load), tensors_again, both(tensors_damage, bytes)),
    "command": Loader(lambda: COMMANDS, command),
    "formula": Loader(lambda: FORMULAS, text(tl.surfaces.parse)),
    "answer": Loader(lambda: [1.5, [1, 2, 3], "adam", [[1.0]], ["a", "b"], 2], answers, None, JSON),
}  # fmt: skip


def all_loaders() -> dict[str, Loader]:
    """With those of traces and widgets, which take longer to make."""
    from tests.fuzz.shown import SHOWN

    return SMALL_LOADERS | SHOWN


def examine(loader: Loader, data: bytes, folder: Path) -> bool:
    """Whether the loader takes the file; anything but an answer or an error of ours is raised."""
    tracemalloc.clear_traces()
    tracemalloc.reset_peak()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = loader.read(data, folder)
        taken = True
    except TorchLeanError:
        found, taken = None, False
    used = tracemalloc.get_traced_memory()[1]
    assert used <= 2 * len(data) + ROOM, f"{used} bytes of memory for a file of {len(data)}"
    if taken and loader.again is not None:
        loader.again(found, folder)
    return taken


def warm(loader: Loader, folder: Path) -> None:
    """Valid files are read, and what is made once is made."""
    for sample in loader.samples():
        data = sample if isinstance(sample, bytes) else json.dumps(sample).encode()
        assert examine(loader, data, folder)


def one(loader: Loader, n: int, folder: Path) -> bool:
    """The n-th damaged file of a loader."""
    r = random.Random(n)
    return examine(loader, loader.damage(r, r.choice(loader.samples())), folder)


def run(seconds: float, names: list[str], seed: int = 0) -> dict[str, collections.Counter]:
    """All loaders in turn for so long; failures are printed with the number that makes them."""
    loaders, found, n = all_loaders(), collections.defaultdict(collections.Counter), seed
    with tempfile.TemporaryDirectory() as name:
        for which in names or loaders:
            warm(loaders[which], Path(name))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if n % 8 == 0:  # everything takes ten times as long then
                tracemalloc.start()
            for which in names or loaders:
                began = time.monotonic()
                try:
                    found[which]["taken" if one(loaders[which], n, Path(name)) else "refused"] += 1
                except Exception as e:
                    key = f"{type(e).__name__}: {str(e)[:160]}"
                    if not found[which][key]:
                        print(f"{which} {n}: {key}", flush=True)
                    found[which][key] += 1
                if time.monotonic() - began > 5:
                    print(f"{which} {n}: took {time.monotonic() - began:.1f} s", flush=True)
            tracemalloc.stop()
            n += 1
    return found


if __name__ == "__main__":
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600
    for which, counts in run(seconds, sys.argv[3:], int(sys.argv[2]) if len(sys.argv) > 2 else 0).items():
        print(which, dict(counts))
