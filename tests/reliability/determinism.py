"""The same run again and again: ``python -m tests.reliability.determinism 100``.

One run is every optimizer, every method, trainings, compiled programs, races, sweeps, layers' first values, pictures,
and matrices large enough for several threads of BLAS. It is repeated in one process, in another order each time and
with other global settings around it, and in fresh processes under two hash seeds and with one and two threads. Prints
what did not give the same bits.
"""

from __future__ import annotations

import decimal
import gc
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, nullcontext
from itertools import cycle, product
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

import matplotlib as mpl  # noqa: E402 - the paths above are for what follows
import numpy as np  # noqa: E402
from nn.cases import CASES as LAYERS  # noqa: E402
from reliability.things import plain  # noqa: E402
from reliability.threads import WORK  # noqa: E402

import torchlean_nb as tl  # noqa: E402

SETTINGS = [{"PYTHONHASHSEED": seed, "OPENBLAS_NUM_THREADS": n} for seed, n in product(("0", "4321"), ("1", "2"))]
G = np.random.default_rng(3)
START, GRADS = {"w": G.normal(size=(4, 3))}, [{"w": G.normal(size=(4, 3))} for _ in range(4)]
WIDE = G.normal(size=(300, 300))


def optimizer(name: str) -> Any:
    rule = tl.optim.rules[name]
    opt = tl.optim.class_of(rule)(START)
    for g in GRADS:
        opt.step(g, 1.5, {"w": g["w"] ** 2} if "curvature" in rule.needs else None)
    return opt


def minimum(name: str) -> Any:
    if {"jacobian", "examples"} & tl.minimizers.METHODS[name].needs:
        return None
    return tl.minimize(lambda x: tl.sum((x - 1.0) ** 4 + x * x), [3.0, -1.0], name, steps=4).points


def wide() -> Any:
    """Products that BLAS shares out to its threads, and a training step of them."""
    p = tl.compile(lambda w, x: tl.sum(tl.tanh(x @ w)), WIDE, WIDE)
    value, slope = p.value_and_grad(WIDE / 300.0, WIDE)
    narrow = WIDE.astype(np.float32)
    return value, slope, WIDE @ WIDE.T, narrow @ narrow, np.linalg.svd(WIDE[:80, :80])[1]


def jobs(folder: Path) -> dict[str, Callable[[], Any]]:
    """Everything that is run, by name."""
    made: dict[str, Callable[[], Any]] = {f"work: {k}": lambda f=f: f(1, folder) for k, f in WORK.items()}
    made |= {f"optimizer: {n}": lambda n=n: optimizer(n) for n, r in tl.optim.rules.items() if r.builtin}
    made |= {f"method: {n}": lambda n=n: minimum(n) for n, r in tl.minimizers.METHODS.items() if r.builtin}
    made |= {f"layer: {n}": lambda layer=layer: layer.init(3) for n, (layer, _) in LAYERS.items()}
    return made | {f"wide products, {tl.threads().count} threads": wide}  # the one thing that hangs on the number


def run(order: int) -> dict[str, str]:
    """Digest of every job, done in an order of its own."""
    with tempfile.TemporaryDirectory() as name:
        every = jobs(Path(name))
        names = sorted(every)
        random.Random(order).shuffle(names)
        return {n: hashlib.sha256(repr(plain(every[n]())).encode()).hexdigest()[:16] for n in names}


@contextmanager
def disturbed() -> Iterator[None]:
    """What is global, and no business of a computation, as something else in the process may have left it."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002 - of the generator that is global
    gc.disable()
    try:
        with (
            chdir("/"), np.errstate(all="raise"), decimal.localcontext(prec=3), mpl.rc_context({"font.size": 30}),
            np.printoptions(precision=2, threshold=3, suppress=True, sign="+"), warnings.catch_warnings(),
        ):  # fmt: skip
            warnings.simplefilter("error")
            random.seed(7)
            np.random.seed(7)  # noqa: NPY002
            yield
    finally:
        gc.enable()
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002


def twice(order: int) -> list[dict[str, str]]:
    """Digests of two runs in this process, the second in the next order and a disturbed world."""
    first = run(order)
    with disturbed():
        return [first, run(order + 1)]


def afresh(how: str, order: int, setting: dict[str, str]) -> Any:
    """What `run` or `twice` gives in a new process."""
    command = [sys.executable, "-W", "ignore", str(Path(__file__)), how, str(order)]
    return json.loads(subprocess.check_output(command, text=True, env={**os.environ, **setting}))


def repeated(times: int, fresh: int) -> tuple[int, dict[str, set[str]]]:
    """How many jobs there are, and the digests of those that did not always give the same bits."""
    seen: dict[str, set[str]] = {}
    settings = cycle(SETTINGS)
    for i in range(times):
        if i >= times - fresh:
            found = afresh("run", i, next(settings))
        else:
            with disturbed() if i % 2 else nullcontext():
                found = run(i)
        for name, bits in found.items():
            seen.setdefault(name, set()).add(bits)
    return len(seen), {name: bits for name, bits in seen.items() if len(bits) > 1}


def main(times: int) -> int:
    """Run and report."""
    count, differing = repeated(times, times * 2 // 5)
    for name, bits in differing.items():
        print(f"{name}: {len(bits)} results")
    print(f"{times} runs of {count} computations, {times * 2 // 5} of them in fresh processes: {len(differing)} differ")
    return bool(differing)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1:2] in (["run"], ["twice"]):
        print(json.dumps(globals()[sys.argv[1]](int(sys.argv[2]))))
    else:
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
