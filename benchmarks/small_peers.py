"""W1 to W5 by libraries without kernels of their own for networks: HIPS autograd, MyGrad, micrograd, tinygrad.

Where a library has no optimizer the update is written in NumPy, one parameter after the other, as its users do.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.networks import WORKLOADS, data
from benchmarks.turns import Turns


def update(workload: str, lr: float, params: list[np.ndarray]) -> Callable[[Any], None]:
    """The optimizer of a workload in NumPy, in place: takes the gradients."""
    w = WORKLOADS[workload]
    m, v, count = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params], 0

    def momentum(grads: Any) -> None:
        for p, g, a in zip(params, grads, m, strict=True):
            a *= 0.9
            a += g
            p -= lr * a

    def adam(grads: Any) -> None:
        nonlocal count
        count += 1
        one, two = 1 - 0.9**count, 1 - 0.999**count
        for p, g, a, b in zip(params, grads, m, v, strict=True):
            a *= 0.9
            a += 0.1 * g
            b *= 0.999
            b += 0.001 * g * g
            if decay := w.options.get("weight_decay"):
                p *= 1 - lr * decay
            p -= lr * (a / one) / (np.sqrt(b / two) + 1e-8)

    return momentum if w.optimizer == "sgd" else adam


def hips(workload: str, lr: float) -> Turns:
    """HIPS autograd: `value_and_grad` of NumPy code."""
    from autograd import numpy as anp  # noqa: PLC0415
    from autograd import value_and_grad  # noqa: PLC0415

    params, batches = data(workload)
    step = update(workload, lr, params)

    def windows(x: Any) -> Any:
        _, h, w, c = x.shape
        x = anp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), "constant")
        return anp.concatenate([x[:, i : i + h, j : j + w] for i in range(3) for j in range(3)], -1).reshape(-1, 9 * c)

    def pool(x: Any) -> Any:
        n, h, w, c = x.shape
        return anp.max(anp.max(x.reshape(n, h // 2, 2, w // 2, 2, c), 4), 2)

    def perceptron(p: Any, x: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = p
        act = anp.tanh if workload == "W1" else lambda z: anp.maximum(z, 0)
        return anp.dot(act(anp.dot(act(anp.dot(x, w1.T) + b1), w2.T) + b2), w3.T) + b3

    def cnn(p: Any, x: Any) -> Any:
        h = anp.transpose(x, (0, 2, 3, 1))
        for k, b in (p[:2], p[2:4]):
            flat = anp.dot(windows(h), anp.transpose(k, (2, 3, 1, 0)).reshape(-1, len(b))) + b
            h = pool(anp.maximum(flat, 0).reshape(*h.shape[:3], len(b)))
        return anp.dot(anp.transpose(h, (0, 3, 1, 2)).reshape(len(x), -1), p[4].T) + p[5]

    net = {"W4": cnn, "W5": lambda p, x: block(anp, anp.matmul, p, x)}.get(workload, perceptron)

    def loss_of(p: Any, x: Any, y: Any) -> Any:
        z = net(p, x)
        if WORKLOADS[workload].loss == "mse":
            return anp.mean((z - y) ** 2)
        z = z - anp.max(z, 1, keepdims=True)
        return anp.mean(anp.log(anp.sum(anp.exp(z), 1)) - z[anp.arange(len(y)), y])

    both = value_and_grad(loss_of)

    def one(x: Any, y: Any) -> Any:
        loss, grads = both(params, x, y)
        step(grads)
        return loss

    return Turns(one, batches)


def block(xp: Any, matmul: Any, p: Any, x: Any) -> Any:
    """Transformer block over a namespace like NumPy's."""

    def norm(x: Any, g: Any, c: Any) -> Any:
        d = x - xp.mean(x, -1, keepdims=True)
        return d / xp.sqrt(xp.mean(d * d, -1, keepdims=True) + np.float32(1e-5)) * g + c

    def gelu(u: Any) -> Any:
        inner = np.float32((2 / np.pi) ** 0.5) * (u + np.float32(0.044715) * u * u * u)
        return np.float32(0.5) * u * (1 + xp.tanh(inner))

    g1, c1, wi, bi, wo, bo, g2, c2, w1, b1, w2, b2 = p
    heads = xp.transpose(xp.reshape(matmul(norm(x, g1, c1), wi.T) + bi, (8, 32, 3, 4, 16)), (2, 0, 3, 1, 4))
    q, k, v = heads[0], heads[1], heads[2]
    s = matmul(q, xp.transpose(k, (0, 1, 3, 2))) * np.float32(0.25)
    s = xp.exp(s - xp.max(s, -1, keepdims=True))
    a = matmul(s / xp.sum(s, -1, keepdims=True), v)
    x = x + matmul(xp.reshape(xp.transpose(a, (0, 2, 1, 3)), (8, 32, 64)), wo.T) + bo
    return x + matmul(gelu(matmul(norm(x, g2, c2), w1.T) + b1), w2.T) + b2


def mygrad(workload: str, lr: float) -> Turns:
    """MyGrad: tensors with a `backward`."""
    import mygrad as mg  # noqa: PLC0415
    from mygrad.nnet import conv_nd, max_pool, relu, softmax_crossentropy  # noqa: PLC0415

    mg.turn_memory_guarding_off()  # its own advice for speed
    params, batches = data(workload)
    cells = [mg.tensor(p) for p in params]
    step = update(workload, lr, [c.data for c in cells])

    def perceptron(x: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = cells
        act = mg.tanh if workload == "W1" else relu
        return mg.matmul(act(mg.matmul(act(mg.matmul(x, w1.T) + b1), w2.T) + b2), w3.T) + b3

    def cnn(x: Any) -> Any:
        h = x
        for k, b in (cells[:2], cells[2:4]):
            h = max_pool(relu(conv_nd(h, k, stride=1, padding=1) + b.reshape(1, -1, 1, 1)), (2, 2), 2)
        return mg.matmul(h.reshape(len(x), -1), cells[4].T) + cells[5]

    net = {"W4": cnn, "W5": lambda x: block(mg, mg.matmul, cells, x)}.get(workload, perceptron)

    def one(x: Any, y: Any) -> Any:
        z = net(x)
        loss = mg.mean((z - y) ** 2) if WORKLOADS[workload].loss == "mse" else softmax_crossentropy(z, y)
        loss.backward()
        step([c.grad for c in cells])
        for c in cells:
            c.null_grad()
        return loss.item()

    return Turns(one, batches)


def micrograd(workload: str, lr: float) -> Turns:
    """The perceptron of W1, number by number; micrograd has no tanh, so it gets one in its own style."""
    from micrograd.engine import Value  # noqa: PLC0415

    def tanh(v: Any) -> Any:
        t = math.tanh(v.data)
        out = Value(t, (v,), "tanh")

        def backward() -> None:
            v.grad += (1 - t * t) * out.grad

        out._backward = backward
        return out

    params, batches = data(workload)
    cells = [np.vectorize(Value, otypes=[object])(p.astype(float)) for p in params]
    every = [v for c in cells for v in c.flat]
    speed = [0.0] * len(every)

    def layer(h: list[Any], w: Any, b: Any) -> list[Any]:
        return [sum((u * v for u, v in zip(row, h, strict=True)), bias) for row, bias in zip(w, b, strict=True)]

    def one(x: Any, y: Any) -> float:
        w1, b1, w2, b2, w3, b3 = cells
        errors = []
        for row, target in zip(x.tolist(), y.tolist(), strict=True):
            h = [tanh(v) for v in layer([tanh(v) for v in layer(row, w1, b1)], w2, b2)]
            errors.append((layer(h, w3, b3)[0] - target[0]) ** 2)
        loss = sum(errors) * (1 / len(errors))
        for v in every:
            v.grad = 0
        loss.backward()
        for i, v in enumerate(every):
            speed[i] = 0.9 * speed[i] + v.grad
            v.data -= lr * speed[i]
        return loss.data

    turns = Turns(one, batches)
    turns.best_of = 1  # a second each
    return turns


def tinygrad(workload: str, lr: float) -> Turns:
    """Tinygrad on the processor, the whole step under its JIT."""
    os.environ.setdefault("DEV", "CPU")
    from tinygrad import Context, Tensor, TinyJit  # noqa: PLC0415
    from tinygrad.nn import optim  # noqa: PLC0415

    w = WORKLOADS[workload]
    params, batches = data(workload)
    cells = [Tensor(p).is_param_() for p in params]
    kind = {"sgd": optim.SGD, "adam": optim.Adam, "adamw": optim.AdamW}[w.optimizer]
    opt = kind(cells, lr=lr, **w.options)
    given = [(Tensor(x).realize(), Tensor(y.astype(np.int32 if y.ndim == 1 else np.float32)).realize())
             for x, y in batches]  # fmt: skip

    def perceptron(x: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = cells
        act = Tensor.tanh if workload == "W1" else Tensor.relu
        return act(act(x.linear(w1.T, b1)).linear(w2.T, b2)).linear(w3.T, b3)

    def cnn(x: Any) -> Any:
        for k, b in (cells[:2], cells[2:4]):
            x = x.conv2d(k, b, padding=1).relu().max_pool2d()
        return x.flatten(1).linear(cells[4].T, cells[5])

    def transformer(x: Any) -> Any:
        g1, c1, wi, bi, wo, bo, g2, c2, w1, b1, w2, b2 = cells
        heads = (x.layernorm() * g1 + c1).linear(wi.T, bi).reshape(8, 32, 3, 4, 16).permute(2, 0, 3, 1, 4)
        a = heads[0].scaled_dot_product_attention(heads[1], heads[2]).transpose(1, 2).reshape(8, 32, 64)
        x = x + a.linear(wo.T, bo)
        return x + (x.layernorm() * g2 + c2).linear(w1.T, b1).gelu().linear(w2.T, b2)

    net = {"W4": cnn, "W5": transformer}.get(workload, perceptron)

    @TinyJit
    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        z = net(x)
        loss = ((z - y) ** 2).mean() if w.loss == "mse" else z.sparse_categorical_crossentropy(y)
        loss.backward()
        return loss.realize(*opt.schedule_step())

    def one(x: Any, y: Any) -> float:
        with Context(TRAINING=1):
            return step(x, y).item()

    return Turns(one, given)
