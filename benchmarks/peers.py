"""W1 to W5 by PyTorch and JAX, as functions of the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.networks import WORKLOADS, data
from benchmarks.turns import Turns


def torch_eager(
    workload: str, lr: float, fused: bool = False, compiled: bool = False, device: str = "cpu", graph: bool = False
) -> Turns:
    """Autograd and an optimizer of torch; `graph` replays a captured step."""
    import torch  # noqa: PLC0415
    import torch.nn.functional as f  # noqa: PLC0415

    torch.set_num_threads(1)
    w = WORKLOADS[workload]
    params, batches = data(workload)
    cells = [torch.nn.Parameter(torch.tensor(p, device=device)) for p in params]
    batches = [(torch.tensor(x, device=device), torch.tensor(y, device=device)) for x, y in batches]
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[w.optimizer]
    options = ({"fused": True} if fused else {}) | ({"capturable": True} if graph and w.optimizer != "sgd" else {})
    opt = kind(cells, lr=lr, **w.options, **options)

    def perceptron(x: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
        act = torch.tanh if workload == "W1" else torch.relu
        return f.linear(act(f.linear(act(f.linear(x, w1, b1)), w2, b2)), w3, b3)

    def cnn(x: Any, k1: Any, b1: Any, k2: Any, b2: Any, w: Any, b: Any) -> Any:
        h = f.max_pool2d(torch.relu(f.conv2d(x, k1, b1, padding=1)), 2)
        h = f.max_pool2d(torch.relu(f.conv2d(h, k2, b2, padding=1)), 2)
        return f.linear(h.flatten(1), w, b)

    def block(
        x: Any, g1: Any, c1: Any, wi: Any, bi: Any, wo: Any, bo: Any, g2: Any, c2: Any, w1: Any, b1: Any, w2: Any,
        b2: Any,
    ) -> Any:  # fmt: skip
        q, k, v = f.linear(f.layer_norm(x, (64,), g1, c1), wi, bi).reshape(8, 32, 3, 4, 16).permute(2, 0, 3, 1, 4)
        a = f.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(8, 32, 64)
        x = x + f.linear(a, wo, bo)
        return x + f.linear(f.gelu(f.linear(f.layer_norm(x, (64,), g2, c2), w1, b1), approximate="tanh"), w2, b2)

    net = {"W4": cnn, "W5": block}.get(workload, perceptron)
    measure = f.cross_entropy if w.loss == "cross entropy" else f.mse_loss

    def loss_of(x: Any, y: Any) -> Any:
        return measure(net(x, *cells), y)

    run = torch.compile(loss_of) if compiled else loss_of

    def step(x: Any, y: Any) -> float:
        opt.zero_grad()
        loss = run(x, y)
        loss.backward()
        opt.step()
        return loss.item()

    return Turns(_captured(torch, loss_of, opt, cells, batches[0]) if graph else step, batches)


def _captured(torch: Any, loss_of: Any, opt: Any, cells: list[Any], batch: tuple[Any, Any]) -> Any:
    """A step recorded once as a CUDA graph; parameters and moments are put back to what they were before."""
    x, y = (a.clone() for a in batch)
    before = [c.detach().clone() for c in cells]

    def step() -> Any:
        opt.zero_grad(set_to_none=False)
        loss = loss_of(x, y)
        loss.backward()
        opt.step()
        return loss

    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()
    with torch.no_grad():
        for cell, old in zip(cells, before, strict=True):
            cell.copy_(old)
            for state in opt.state[cell].values():
                if torch.is_tensor(state):
                    state.zero_()

    def replay(new_x: Any, new_y: Any) -> float:
        x.copy_(new_x)
        y.copy_(new_y)
        graph.replay()
        return loss.item()

    return replay


def jax_loss(workload: str) -> Any:
    """The loss as a function of the parameters and the batch."""
    import jax  # noqa: PLC0415
    import optax  # noqa: PLC0415
    from jax import lax  # noqa: PLC0415
    from jax import numpy as jnp  # noqa: PLC0415

    def perceptron(p: Any, x: Any) -> Any:
        act = jnp.tanh if workload == "W1" else jax.nn.relu
        w1, b1, w2, b2, w3, b3 = p
        return act(act(x @ w1.T + b1) @ w2.T + b2) @ w3.T + b3

    def cnn(p: Any, x: Any) -> Any:
        for k, b in (p[:2], p[2:4]):
            x = jax.nn.relu(lax.conv(x, k, (1, 1), "SAME") + b[:, None, None])
            x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        return x.reshape(x.shape[0], -1) @ p[4].T + p[5]

    def norm(x: Any, g: Any, c: Any) -> Any:
        d = x - x.mean(-1, keepdims=True)
        return d / jnp.sqrt((d * d).mean(-1, keepdims=True) + 1e-5) * g + c

    def block(p: Any, x: Any) -> Any:
        g1, c1, wi, bi, wo, bo, g2, c2, w1, b1, w2, b2 = p
        q, k, v = (norm(x, g1, c1) @ wi.T + bi).reshape(8, 32, 3, 4, 16).transpose(2, 0, 3, 1, 4)
        a = jax.nn.softmax(q @ k.swapaxes(2, 3) / 4) @ v
        x = x + a.swapaxes(1, 2).reshape(8, 32, 64) @ wo.T + bo
        return x + jax.nn.gelu(norm(x, g2, c2) @ w1.T + b1, approximate=True) @ w2.T + b2

    net = {"W4": cnn, "W5": block}.get(workload, perceptron)

    def loss_of(p: Any, x: Any, y: Any) -> Any:
        out = net(p, x)
        if WORKLOADS[workload].loss == "mse":
            return jnp.mean((out - y) ** 2)
        return optax.softmax_cross_entropy_with_integer_labels(out, y).mean()

    return loss_of


def jax_gradient(workload: str) -> Any:
    """Loss and gradients, compiled when first called."""
    import jax  # noqa: PLC0415

    return jax.jit(jax.value_and_grad(jax_loss(workload)))


def jax_jit(workload: str, lr: float) -> Turns:
    """Gradient and update of optax in one compiled function."""
    import jax  # noqa: PLC0415
    import optax  # noqa: PLC0415

    w, loss_of = WORKLOADS[workload], jax_loss(workload)
    params, batches = data(workload)
    p = [jax.numpy.asarray(a) for a in params]
    tx = {"sgd": optax.sgd, "adam": optax.adam, "adamw": optax.adamw}[w.optimizer](lr, **w.options)

    @jax.jit
    def update(p: Any, s: Any, x: Any, y: Any) -> Any:
        loss, g = jax.value_and_grad(loss_of)(p, x, y)
        d, s = tx.update(g, s, p)
        return optax.apply_updates(p, d), s, loss

    held = [p, tx.init(p)]

    def step(x: np.ndarray, y: np.ndarray) -> float:
        *held[:], loss = update(*held, x, y)
        return float(loss)

    return Turns(step, batches)
