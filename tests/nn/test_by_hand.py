"""What layers compute, written out once more in NumPy, as plainly as it goes."""

from __future__ import annotations

import numpy as np
import pytest
from nn.cases import started

from torchlean_nb import nn


def draw(*shape):
    """Random numbers, the same for the same shape."""
    return np.random.default_rng(shape).normal(size=shape)


def near(a, b):
    """Equal up to rounding."""
    np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


def sigmoid(x):
    """Logistic function."""
    return 1 / (1 + np.exp(-x))


def lstm(xs, p, way=""):
    """Outputs of a one-layer LSTM for inputs in the order in which they are read."""
    h, c, out = 0, 0, []
    for x in xs:
        z = x @ p[f"weight_ih_l0{way}"].T + p[f"bias_ih_l0{way}"] + p[f"bias_hh_l0{way}"]
        z = z + (h @ p[f"weight_hh_l0{way}"].T if out else 0)
        i, f, g, o = np.split(z, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.array(out)


def test_an_lstm_has_its_gates_in_the_order_input_forget_cell_output():
    layer = nn.LSTM(2, 3)
    p, x = started(layer)[0], draw(4, 2, 2)
    near(layer.forward(x, p), lstm(x, p))


def test_the_second_direction_reads_from_the_end_and_stands_beside_the_first():
    layer = nn.LSTM(2, 3, bidirectional=True)
    p, x = started(layer)[0], draw(4, 2, 2)
    near(layer.forward(x, p), np.concatenate([lstm(x, p), lstm(x[::-1], p, "_reverse")[::-1]], -1))


def test_a_gru_resets_after_the_product():
    layer = nn.GRU(2, 3)
    p, xs, h = started(layer)[0], draw(4, 2), np.zeros(3)
    want = []
    for x in xs:
        a = np.split(p["weight_ih_l0"] @ x + p["bias_ih_l0"], 3)
        b = np.split(p["weight_hh_l0"] @ h + p["bias_hh_l0"], 3)
        r, z = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
        h = (1 - z) * np.tanh(a[2] + r * b[2]) + z * h
        want.append(h)
    near(layer.forward(xs, p), want)


def test_batch_first_only_swaps_axes_and_the_last_state_is_the_last_output():
    x = draw(4, 2, 3)
    for kind in (nn.RNN, nn.LSTM, nn.GRU):
        p = started(kind(3, 2))[0]
        y, last = kind(3, 2).forward(x, p, return_state=True)
        near(kind(3, 2, batch_first=True).forward(x.swapaxes(0, 1), p), y.swapaxes(0, 1))
        near(last[0][0] if kind is nn.LSTM else last[0], y[-1])
        half, state = kind(3, 2).forward(x[:2], p, return_state=True)
        near(np.concatenate([half, kind(3, 2).forward(x[2:], p, state=state)]), y)


def attention(x, p, heads):
    """Self-attention of a sequence, head by head."""
    q, k, v = np.split(x @ p["in_proj_weight"].T + p["in_proj_bias"], 3, axis=-1)
    out = []
    for a, b, c in zip(*(np.split(m, heads, axis=-1) for m in (q, k, v)), strict=True):
        e = np.exp(a @ b.T / np.sqrt(a.shape[-1]))
        out.append(e / e.sum(-1, keepdims=True) @ c)
    return np.concatenate(out, -1) @ p["out_proj.weight"].T + p["out_proj.bias"]


def test_attention_head_by_head():
    layer = nn.MultiheadAttention(6, 3)
    p, x = started(layer)[0], draw(4, 6)
    near(layer.forward(x, p), attention(x, p, 3))


def test_causal_attention_sees_nothing_of_the_future():
    layer = nn.MultiheadAttention(4, 2, is_causal=True)
    p, x = started(layer)[0], draw(5, 4)
    later = x.copy()
    later[3:] += 1
    a, b = layer.forward(x, p), layer.forward(later, p)
    near(a[:3], b[:3])
    assert (a[3:] != b[3:]).all()


@pytest.mark.parametrize("first", [True, False])
def test_the_encoder_layer(first):
    layer = nn.TransformerEncoderLayer(4, 2, 5, norm_first=first)
    p, x = started(layer)[0], draw(3, 4)
    own = {k.removeprefix("self_attn."): v for k, v in p.items()}

    def norm(x, k):
        d = x - x.mean(-1, keepdims=True)
        return d / np.sqrt((d * d).mean(-1, keepdims=True) + 1e-5) * p[f"norm{k}.weight"] + p[f"norm{k}.bias"]

    def network(x):
        h = np.maximum(x @ p["linear1.weight"].T + p["linear1.bias"], 0)
        return h @ p["linear2.weight"].T + p["linear2.bias"]

    if first:
        want = x + attention(norm(x, 1), own, 2)
        want = want + network(norm(want, 2))
    else:
        want = norm(x + attention(x, own, 2), 1)
        want = norm(want + network(want), 2)
    near(layer.forward(x, p), want)


def test_running_statistics_are_moving_averages_with_pytorchs_variance():
    x = draw(5, 2)
    old = {"running_mean": [1.0, 2.0], "running_var": [3.0, 4.0], "num_batches_tracked": 7}
    old = {name: np.array(value) for name, value in old.items()}
    new = nn.BatchNorm1d(2, momentum=0.3, affine=False).update_buffers(x, {}, old)
    near(new["running_mean"], 0.7 * old["running_mean"] + 0.3 * x.mean(0))
    near(new["running_var"], 0.7 * old["running_var"] + 0.3 * x.var(0, ddof=1))
    assert new["num_batches_tracked"] == 8
    y = nn.BatchNorm1d(2, affine=False).forward(x, {}, old)
    near(y, (x - [1, 2]) / np.sqrt(np.array([3, 4]) + 1e-5))


def test_rms_norm_adds_the_spacing_of_numbers_at_one():
    x = np.array([[1e-8, -1e-8]])
    near(nn.RMSNorm(2, elementwise_affine=False).forward(x, {}), x / np.sqrt(1e-16 + np.finfo(float).eps))


def test_adaptive_windows_overlap_where_sizes_do_not_divide():
    x = draw(1, 1, 5)
    a, b, c, d, e = x[0, 0]
    near(nn.AdaptiveAvgPool1d(3).forward(x, {})[0, 0], [(a + b) / 2, (b + c + d) / 3, (d + e) / 2])


def test_a_dilated_kernel_looks_past_its_neighbours():
    x, w = draw(1, 6), draw(1, 1, 3)
    want = [[w[0, 0] @ x[0, [i, i + 2, i + 4]] for i in range(2)]]
    near(nn.Conv1d(1, 1, 3, dilation=2, bias=False).forward(x, {"weight": w}), want)


def test_an_even_kernel_of_the_same_size_has_its_wider_border_at_the_end():
    x, w = draw(1, 4), draw(1, 1, 2)
    want = [[w[0, 0] @ np.append(x[0], 0)[i : i + 2] for i in range(4)]]
    near(nn.Conv1d(1, 1, 2, padding="same", bias=False).forward(x, {"weight": w}), want)


@pytest.mark.parametrize("extra", [0, 1])
def test_a_transposed_convolution_is_the_adjoint_of_the_convolution(extra):
    given = {"stride": 2, "padding": 1, "groups": 2, "bias": False}
    there = nn.Conv1d(4, 2, 3, **given)
    back = nn.ConvTranspose1d(2, 4, 3, output_padding=extra, **given)
    w = {"weight": draw(2, 2, 3)}
    x, y = draw(4, 5 + extra), draw(2, 3)
    near(np.sum(there.forward(x, w) * y), np.sum(x * back.forward(y, w)))


def test_a_residual_adds_its_input_once():
    p, x = {"inner.weight": draw(2, 2)}, draw(3, 2)
    near(nn.Residual(nn.Linear(2, 2, bias=False)).forward(x, p), x @ p["inner.weight"].T + x)


@pytest.mark.parametrize(
    ("layer", "path", "bound"),
    [
        (nn.Linear(100, 50), "weight", 0.1), (nn.Linear(100, 50), "bias", 0.1), (nn.Conv2d(25, 20, 2), "weight", 0.1),
        (nn.ConvTranspose2d(20, 25, 2), "weight", 0.1), (nn.LSTM(20, 25), "weight_hh_l0", 0.2),
        (nn.MultiheadAttention(30, 2), "in_proj_weight", (6 / 120) ** 0.5),
    ],
)  # fmt: skip
def test_weights_start_inside_pytorchs_bounds_and_nearly_fill_them(layer, path, bound):
    a = abs(layer.init(1)[path])
    assert 0.9 * bound < a.max() <= bound


def test_what_starts_at_zero_and_what_at_one():
    got = nn.TransformerEncoderLayer(4, 2, 5).init(1)
    assert not got["self_attn.in_proj_bias"].any() and not got["self_attn.out_proj.bias"].any()
    assert (got["norm1.weight"] == 1).all() and not got["norm1.bias"].any() and got["linear1.bias"].all()
