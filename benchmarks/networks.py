"""W1 to W5: a training step of a small network, forward, backward and update; float32.

All contenders of a workload begin with the same parameters and see the same batches, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.turns import Turns

BATCHES = 5


@dataclass(frozen=True)
class Workload:
    """What is trained, and how.

    Parameters
    ----------
    title : str
    x : tuple of int
        Shape of a batch; its rows come first.
    y : tuple of int
        Shape of the targets; of one axis, when they are labels of ten classes.
    shapes : tuple of (shape of a parameter, its scale)
    optimizer : str
    options : dict
        Of the optimizer, beside its rate.
    rate : float
        Of the steps whose losses are compared; while timing it is tiny, as moments of units that die become denormal.
    """

    title: str
    x: tuple[int, ...]
    y: tuple[int, ...]
    shapes: tuple[tuple[tuple[int, ...], float], ...]
    optimizer: str
    options: dict[str, float]
    rate: float

    @property
    def loss(self) -> str:
        """``"cross entropy"`` of labels, ``"mse"`` of numbers."""
        return "cross entropy" if len(self.y) == 1 else "mse"


def _dense(*widths: int) -> tuple[tuple[tuple[int, ...], float], ...]:
    pairs = zip(widths[1:], widths, strict=False)
    return tuple((shape, (2 / b) ** 0.5) for a, b in pairs for shape in ((a, b), (a,)))


ADAM = ("adam", {}, 1e-3)
WORKLOADS = {
    "W1": Workload(
        "MLP 2-16-16-1, tanh, batch 32, mean squared error, SGD with momentum", (32, 2), (32, 1),
        _dense(2, 16, 16, 1), "sgd", {"momentum": 0.9}, 1e-2,
    ),
    "W2": Workload("MLP 64-128-64-10, relu, batch 64, cross entropy, Adam", (64, 64), (64,), _dense(64, 128, 64, 10),
                   *ADAM),
    "W3": Workload("MLP 784-512-256-10, relu, batch 128, cross entropy, Adam", (128, 784), (128,),
                   _dense(784, 512, 256, 10), *ADAM),
    "W4": Workload(
        "CNN 28x28, conv 8, pool, conv 16, pool, linear 10, batch 32, cross entropy, Adam", (32, 1, 28, 28), (32,),
        (((8, 1, 3, 3), 0.4), ((8,), 0.1), ((16, 8, 3, 3), 0.15), ((16,), 0.1), *_dense(784, 10)), *ADAM,
    ),
    "W5": Workload(
        "Transformer block, 32 places, width 64, 4 heads, MLP 256, batch 8, mean squared error, AdamW",
        (8, 32, 64), (8, 32, 64),
        (((64,), 1.0), ((64,), 0.1), *_dense(64, 192), *_dense(64, 64), ((64,), 1.0), ((64,), 0.1),
         *_dense(64, 256, 64)),
        "adamw", {"weight_decay": 0.01}, 1e-3,
    ),
}  # fmt: skip


def data(workload: str) -> tuple[list[np.ndarray], list[tuple[np.ndarray, np.ndarray]]]:
    """Parameters and batches."""
    w, rng = WORKLOADS[workload], np.random.default_rng(0)
    params = [rng.standard_normal(shape, np.float32) * np.float32(scale) for shape, scale in w.shapes]
    batches = []
    for _ in range(BATCHES):
        x = rng.standard_normal(w.x, np.float32)
        batches.append((x, rng.integers(0, 10, w.y) if len(w.y) == 1 else rng.standard_normal(w.y, np.float32)))
    return params, batches


# -- ours ---------------------------------------------------------------------------------------------


def formula(workload: str, primitives: bool = False) -> Callable[..., Any]:
    """The loss as a function of the batch and the parameters; of W1 also from primitives only."""
    import torchlean_nb as tl  # noqa: PLC0415 - each process loads its own contender

    def opened(x: Any, y: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
        h = tl.tanh(tl.tanh(x @ w1.T + b1) @ w2.T + b2)
        d = h @ w3.T + b3 - y
        return (d * d).sum() / 32.0

    def perceptron(x: Any, y: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
        act = tl.tanh if workload == "W1" else tl.relu
        h = act(tl.linear(act(tl.linear(x, w1, b1)), w2, b2))
        return (tl.mse_loss if workload == "W1" else tl.cross_entropy)(tl.linear(h, w3, b3), y)

    def cnn(x: Any, y: Any, k1: Any, b1: Any, k2: Any, b2: Any, w: Any, b: Any) -> Any:
        h = tl.max_pool(tl.relu(tl.conv(x, k1, b1, padding=1)), kernel_size=2)
        h = tl.max_pool(tl.relu(tl.conv(h, k2, b2, padding=1)), kernel_size=2)
        return tl.cross_entropy(tl.linear(h.reshape(32, 784), w, b), y)

    def block(
        x: Any, y: Any, g1: Any, c1: Any, wi: Any, bi: Any, wo: Any, bo: Any, g2: Any, c2: Any,
        w1: Any, b1: Any, w2: Any, b2: Any,
    ) -> Any:  # fmt: skip
        heads = tl.transpose(tl.linear(tl.layer_norm(x, g1, c1), wi, bi).reshape(8, 32, 3, 4, 16), (2, 0, 3, 1, 4))
        a = tl.scaled_dot_product_attention(heads[0], heads[1], heads[2])
        x = x + tl.linear(tl.transpose(a, (0, 2, 1, 3)).reshape(8, 32, 64), wo, bo)
        h = tl.gelu(tl.linear(tl.layer_norm(x, g2, c2), w1, b1), approximate="tanh")
        return tl.mse_loss(x + tl.linear(h, w2, b2), y)

    return opened if primitives else {"W4": cnn, "W5": block}.get(workload, perceptron)


def layers(workload: str) -> Any:
    """The network as layers, with the parameters in the same order."""
    from torchlean_nb import nn  # noqa: PLC0415

    if workload == "W4":
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(), nn.Linear(784, 10),
        )  # fmt: skip
    if workload == "W5":
        attend = nn.Sequential(nn.LayerNorm(64), nn.MultiheadAttention(64, 4, batch_first=True))
        network = nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 256), nn.GELU("tanh"), nn.Linear(256, 64))
        return nn.Sequential(nn.Residual(attend), nn.Residual(network))
    act = nn.Tanh if workload == "W1" else nn.ReLU
    a, b, c = (nn.Linear(shape[1], shape[0]) for shape, _ in WORKLOADS[workload].shapes[::2])
    return nn.Sequential(a, act(), b, act(), c)


def _optimizer(workload: str, params: Any, lr: float, **options: Any) -> Any:
    import torchlean_nb as tl  # noqa: PLC0415

    w = WORKLOADS[workload]
    kind = {"sgd": tl.optim.SGD, "adam": tl.optim.Adam, "adamw": tl.optim.AdamW}[w.optimizer]
    return kind(params, lr=lr, **w.options, **options)


def eager(
    workload: str, lr: float, primitives: bool = False, backend: str = "eager", device: str = "cpu",
    nonfinite: str = "raise",
) -> Turns:  # fmt: skip
    """On a tape: `Session.step`; or on programs, in the same words."""
    import torchlean_nb as tl  # noqa: PLC0415

    params, batches = data(workload)
    session = tl.Session(dtype="float32", backend=backend, device=device, nonfinite=nonfinite)
    loss, fused = formula(workload, primitives), "numpy" if device == "cpu" else True
    cells = [session.param(p) for p in params]
    opt = _optimizer(workload, cells, lr, fused=fused)
    return Turns(lambda x, y: session.step(opt, lambda: loss(session.input(x), y, *cells)).loss, batches)


def compiled(workload: str, lr: float, fused: Any = "numpy", fast: bool = False, device: str = "cpu") -> Turns:
    """Forward, backward and update as one program."""
    import torchlean_nb as tl  # noqa: PLC0415

    params, batches = data(workload)
    put = tl.backend.devices.device(device).put
    opt = _optimizer(workload, {f"p{i}": put(p) for i, p in enumerate(params)}, lr, fused=fused)
    own = tuple(range(2, 2 + len(params)))
    program = tl.compile(formula(workload), *batches[0], *params, argnums=own, fast=fast, device=device)
    return Turns(program.train_step(opt), batches)


class TrainerTurns(Turns):
    """Steps of `Trainer.fit`, as many as one asks for at a time."""

    def __init__(self, workload: str, lr: float, backend: str):
        import torchlean_nb as tl  # noqa: PLC0415

        params, batches = data(workload)
        w, net = WORKLOADS[workload], layers(workload)
        paths = tl.train.regression(net).instantiate(dtype="float32").net.params
        self.trainer = tl.Trainer(
            net, "classification" if w.loss == "cross entropy" else "regression", dtype="float32", backend=backend,
            init={path: lambda shape, seed, p=p: p for path, p in zip(paths, params, strict=True)},
            optimizer=lambda cells: _optimizer(workload, cells, lr, fused="numpy"),
        )  # fmt: skip
        whole = tl.data.Dataset(*(np.concatenate(parts) for parts in zip(*batches, strict=True)))
        self.loader = tl.data.DataLoader(whole, batch_size=w.x[0], shuffle=False)

    least = 20  # beginning and ending a fit is no part of a step

    def __call__(self, steps: int) -> list[float]:
        """Losses of so many further steps."""
        result = self.trainer.fit(self.loader, steps=steps, progress=False)
        return list(result.run["loss"].values[-steps:])


def contenders(workload: str) -> dict[str, Callable[[str, float], Turns]]:
    """Who takes part in a workload."""
    from benchmarks import by_hand, peers, small_peers  # noqa: PLC0415 - they take the workloads from here

    found = {
        "by hand": by_hand.floor,
        "ours, compiled": compiled,
        "ours, compiled, fast": lambda w, lr: compiled(w, lr, fast=True),
        "ours, compiled, numba": lambda w, lr: compiled(w, lr, "numba", fast=True),
        "ours, Trainer, compiled": lambda w, lr: TrainerTurns(w, lr, "compiled"),
        "ours, Session, compiled": lambda w, lr: eager(w, lr, backend="compiled"),
        "ours, eager": eager,
        "torch": peers.torch_eager,
        "torch, fused": lambda w, lr: peers.torch_eager(w, lr, fused=True),
        "torch, compile": lambda w, lr: peers.torch_eager(w, lr, compiled=True),
        "jax, jit": peers.jax_jit,
        "MyGrad": small_peers.mygrad,
        "HIPS autograd": small_peers.hips,
        "tinygrad, jit": small_peers.tinygrad,
    }
    if workload == "W1":
        found["ours, eager, primitives only"] = lambda w, lr: eager(w, lr, primitives=True)
        found["micrograd"] = small_peers.micrograd
    return found


TITLES = {name: w.title for name, w in WORKLOADS.items()}
SIZES = tuple(WORKLOADS)
SLOW = ("torch, compile",)
QUICK = (
    "by hand", "ours, compiled", "ours, compiled, fast", "ours, compiled, numba", "ours, eager", "torch", "jax, jit",
)  # fmt: skip
REFERENCE = "by hand"


def rates(workload: str) -> tuple[float, float]:
    """Learning rates while losses are compared, and while steps are timed."""
    return WORKLOADS[workload].rate, 1e-9
