"""Layers to try everything on: a name, the layer, the shape of an input."""

from __future__ import annotations

import numpy as np

from torchlean_nb import nn

CASES = {
    "linear": (nn.Linear(3, 4), (5, 3)),
    "linear without bias": (nn.Linear(3, 4, bias=False), (2, 5, 3)),
    "embedding": (nn.Embedding(7, 3), (2, 4)),
    "embedding with padding": (nn.Embedding(7, 3, padding_idx=-2), (9,)),
    "identity": (nn.Identity(), (2, 3)),
    "flatten": (nn.Flatten(), (2, 3, 4)),
    "flatten in the middle": (nn.Flatten(1, 2), (2, 3, 4, 2)),
    "unflatten": (nn.Unflatten(1, (2, 3)), (4, 6)),
    "select": (nn.Select(1, -1), (2, 3, 4)),
    "relu": (nn.ReLU(), (4, 3)),
    "leaky relu": (nn.LeakyReLU(0.2), (4, 3)),
    "elu": (nn.ELU(0.7), (4, 3)),
    "silu": (nn.SiLU(), (4, 3)),
    "gelu": (nn.GELU(), (4, 3)),
    "gelu by tanh": (nn.GELU("tanh"), (4, 3)),
    "sigmoid": (nn.Sigmoid(), (4, 3)),
    "tanh": (nn.Tanh(), (4, 3)),
    "softplus": (nn.Softplus(), (4, 3)),
    "softplus, steeper": (nn.Softplus(2.5), (4, 3)),
    "relu6": (nn.ReLU6(), (4, 3)),
    "hardtanh": (nn.Hardtanh(-0.5, 1.5), (4, 3)),
    "hardsigmoid": (nn.Hardsigmoid(), (4, 3)),
    "hardswish": (nn.Hardswish(), (4, 3)),
    "softsign": (nn.Softsign(), (4, 3)),
    "log_sigmoid": (nn.LogSigmoid(), (4, 3)),
    "mish": (nn.Mish(), (4, 3)),
    "selu": (nn.SELU(), (4, 3)),
    "celu": (nn.CELU(0.5), (4, 3)),
    "glu": (nn.GLU(1), (3, 4)),
    "prelu": (nn.PReLU(), (4, 3)),
    "prelu per channel": (nn.PReLU(3, 0.1), (2, 3, 2)),
    "softmin": (nn.Softmin(0), (4, 3)),
    "softmax2d": (nn.Softmax2d(), (3, 2, 2)),
    "softmax": (nn.Softmax(1), (4, 3)),
    "log_softmax": (nn.LogSoftmax(0), (4, 3)),
    "conv1d": (nn.Conv1d(2, 3, 3, stride=2, padding=1), (2, 2, 7)),
    "conv2d": (nn.Conv2d(2, 4, (2, 3), padding=(1, 0)), (2, 2, 4, 5)),
    "conv2d in groups, dilated": (nn.Conv2d(4, 6, 2, dilation=(2, 1), groups=2), (2, 4, 4, 3)),
    "conv2d of one image": (nn.Conv2d(2, 4, 2, groups=2), (2, 3, 3)),
    "conv1d, same size": (nn.Conv1d(1, 2, 4, padding="same"), (2, 1, 5)),
    "conv2d, same size": (nn.Conv2d(2, 2, (3, 2), padding="same", dilation=(1, 2), bias=False), (2, 3, 4)),
    "conv2d, mirrored border": (nn.Conv2d(1, 2, 3, padding=(1, 2), padding_mode="reflect"), (2, 1, 3, 4)),
    "conv1d, repeated border": (nn.Conv1d(2, 2, 4, stride=2, padding=3, padding_mode="replicate"), (2, 2, 3)),
    "conv2d, border from the other end": (
        nn.Conv2d(2, 2, 2, padding="same", groups=2, padding_mode="circular"), (1, 2, 3, 2),
    ),
    "conv1d, valid": (nn.Conv1d(1, 2, 3, padding="valid"), (1, 1, 4)),
    "conv3d": (nn.Conv3d(1, 2, 2, bias=False), (1, 1, 3, 2, 3)),
    "conv_transpose1d": (nn.ConvTranspose1d(3, 2, 3, stride=2, padding=1, output_padding=1), (2, 3, 4)),
    "conv_transpose2d": (nn.ConvTranspose2d(2, 3, 2, stride=2), (1, 2, 2, 3)),
    "conv_transpose2d in groups, dilated": (
        nn.ConvTranspose2d(4, 2, 2, stride=2, padding=1, output_padding=1, groups=2, dilation=2), (1, 4, 2, 2),
    ),
    "conv_transpose3d": (nn.ConvTranspose3d(1, 2, 2, padding=1), (1, 1, 2, 3, 2)),
    "max_pool1d": (nn.MaxPool1d(3, 2, 1), (2, 2, 7)),
    "max_pool2d": (nn.MaxPool2d(2), (2, 1, 4, 5)),
    "max_pool3d": (nn.MaxPool3d((1, 2, 2)), (1, 1, 2, 2, 4)),
    "max_pool2d, dilated": (nn.MaxPool2d(2, 1, 1, dilation=2), (1, 2, 4, 5)),
    "max_pool2d over the end": (nn.MaxPool2d(2, ceil_mode=True), (2, 1, 3, 5)),
    "avg_pool2d over the end": (nn.AvgPool2d(2, 2, 1, ceil_mode=True), (1, 2, 4, 3)),
    "avg_pool3d by its own divisor": (nn.AvgPool3d(2, 1, divisor_override=3), (1, 1, 2, 3, 2)),
    "lp_pool1d": (nn.LPPool1d(2, 2), (2, 2, 5)),
    "lp_pool2d": (nn.LPPool2d(2, (2, 1), 1, True), (1, 2, 3, 4)),
    "lp_pool3d": (nn.LPPool3d(2, 2), (1, 1, 2, 2, 2)),
    "adaptive_max_pool1d": (nn.AdaptiveMaxPool1d(3), (2, 2, 7)),
    "adaptive_max_pool2d": (nn.AdaptiveMaxPool2d((None, 2)), (2, 3, 5)),
    "adaptive_max_pool3d": (nn.AdaptiveMaxPool3d(1), (1, 2, 2, 3, 2)),
    "global_max_pool": (nn.GlobalMaxPool(), (2, 3, 2, 2)),
    "avg_pool1d": (nn.AvgPool1d(2, padding=1), (2, 2, 4)),
    "avg_pool2d": (nn.AvgPool2d((2, 1), stride=1), (3, 3, 2)),
    "avg_pool2d without the border": (nn.AvgPool2d(3, 2, 1, count_include_pad=False), (1, 2, 4, 5)),
    "avg_pool3d": (nn.AvgPool3d(2), (1, 1, 2, 2, 4)),
    "smooth_max_pool1d": (nn.SmoothMaxPool1d(2), (1, 2, 4)),
    "smooth_max_pool2d": (nn.SmoothMaxPool2d(2, beta=3.0), (1, 2, 4, 4)),
    "smooth_max_pool3d": (nn.SmoothMaxPool3d(2), (1, 1, 2, 2, 2)),
    "adaptive_avg_pool1d": (nn.AdaptiveAvgPool1d(3), (2, 2, 7)),
    "adaptive_avg_pool2d": (nn.AdaptiveAvgPool2d((1, 2)), (2, 2, 3, 5)),
    "adaptive_avg_pool3d": (nn.AdaptiveAvgPool3d(1), (1, 2, 2, 3, 2)),
    "global_avg_pool": (nn.GlobalAvgPool(), (2, 3, 2, 2)),
    "batch_norm1d": (nn.BatchNorm1d(3), (5, 3)),
    "batch_norm1d over a sequence": (nn.BatchNorm1d(3, momentum=None), (2, 3, 4)),
    "batch_norm2d": (nn.BatchNorm2d(2, affine=False, eps=1e-3), (2, 2, 2, 3)),
    "batch_norm2d without statistics": (nn.BatchNorm2d(2, track_running_stats=False), (2, 2, 2, 3)),
    "batch_norm3d": (nn.BatchNorm3d(2, momentum=0.3), (2, 2, 2, 1, 2)),
    "layer_norm": (nn.LayerNorm(4), (3, 4)),
    "layer_norm over two axes": (nn.LayerNorm((2, 4), bias=False), (3, 2, 4)),
    "rms_norm": (nn.RMSNorm(4), (3, 4)),
    "group_norm": (nn.GroupNorm(2, 4), (2, 4, 3)),
    "instance_norm1d": (nn.InstanceNorm1d(2, affine=True), (2, 2, 4)),
    "instance_norm2d of one image": (nn.InstanceNorm2d(2), (2, 2, 3)),
    "batch_norm1d without a bias": (nn.BatchNorm1d(3, bias=False), (5, 3)),
    "group_norm without a bias": (nn.GroupNorm(2, 4, bias=False), (2, 4, 3)),
    "instance_norm2d with statistics": (
        nn.InstanceNorm2d(2, momentum=0.3, affine=True, track_running_stats=True, bias=False), (3, 2, 2, 3),
    ),
    "instance_norm1d with statistics of one sample": (nn.InstanceNorm1d(2, track_running_stats=True), (2, 4)),
    "instance_norm3d": (nn.InstanceNorm3d(2), (1, 2, 2, 1, 2)),
    "dropout": (nn.Dropout(0.4), (4, 3)),
    "dropout1d": (nn.Dropout1d(0.4), (3, 4)),
    "dropout2d": (nn.Dropout2d(0.4), (2, 3, 2, 2)),
    "dropout3d": (nn.Dropout3d(0.4), (1, 3, 1, 2, 2)),
    "alpha_dropout": (nn.AlphaDropout(0.3), (4, 3)),
    "zero_pad1d": (nn.ZeroPad1d((1, 2)), (2, 1, 3)),
    "zero_pad2d": (nn.ZeroPad2d((1, 0, 2, 1)), (1, 2, 2, 3)),
    "zero_pad3d": (nn.ZeroPad3d(1), (1, 1, 2, 1, 2)),
    "reflection_pad1d": (nn.ReflectionPad1d(2), (2, 1, 3)),
    "reflection_pad2d": (nn.ReflectionPad2d((1, 2, 0, 1)), (1, 2, 2, 3)),
    "reflection_pad3d": (nn.ReflectionPad3d(1), (1, 1, 2, 2, 2)),
    "replication_pad1d": (nn.ReplicationPad1d((3, 1)), (2, 2)),
    "replication_pad2d": (nn.ReplicationPad2d(1), (1, 2, 2, 3)),
    "replication_pad3d": (nn.ReplicationPad3d((1, 0, 0, 2, 1, 1)), (1, 1, 2, 1, 2)),
    "circular_pad1d": (nn.CircularPad1d((1, 2)), (2, 1, 3)),
    "circular_pad2d": (nn.CircularPad2d((1, 0, 2, 1)), (1, 2, 2, 3)),
    "circular_pad3d": (nn.CircularPad3d(1), (1, 1, 2, 1, 2)),
    "rnn_cell": (nn.RNNCell(2, 3, nonlinearity="relu"), (4, 2)),
    "lstm_cell of one sample": (nn.LSTMCell(2, 3, bias=False), (2,)),
    "gru_cell": (nn.GRUCell(2, 3), (4, 2)),
    "rnn": (nn.RNN(2, 3, nonlinearity="relu"), (4, 2, 2)),
    "rnn without bias": (nn.RNN(2, 3, bias=False), (4, 2)),
    "lstm": (nn.LSTM(2, 2), (3, 2, 2)),
    "lstm, two layers, both ways": (nn.LSTM(2, 1, 2, bidirectional=True, batch_first=True), (1, 2, 2)),
    "lstm with projections": (nn.LSTM(2, 2, 2, bidirectional=True, proj_size=1), (2, 1, 2)),
    "gru": (nn.GRU(2, 2, 2), (3, 1, 2)),
    "gru, reset first": (nn.GRU(2, 2, reset_after=False, bidirectional=True), (2, 1, 2)),
    "attention": (nn.MultiheadAttention(4, 2), (3, 2, 4)),
    "causal attention without bias": (nn.MultiheadAttention(4, 2, bias=False, is_causal=True), (3, 4)),
    "attention with dropout": (nn.MultiheadAttention(4, 2, dropout=0.3), (3, 2, 4)),
    "stack of encoders": (
        nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 3, dropout=0.0), 2, nn.LayerNorm(4)), (2, 1, 4),
    ),
    "sinusoidal positions": (nn.SinusoidalPositions(4), (2, 3, 4)),
    "learned positions": (nn.LearnedPositions(5, 4), (2, 3, 4)),
    "rotary positions": (nn.RotaryPositions(100.0), (2, 3, 4)),
    "encoder": (nn.TransformerEncoderLayer(4, 2, 5, dropout=0.0, activation="gelu"), (2, 2, 4)),
    "encoder, norms first": (
        nn.TransformerEncoderLayer(4, 1, 5, dropout=0.2, norm_first=True, batch_first=True), (1, 3, 4),
    ),
    "sequential": (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)), (5, 3)),
    "named sequential": (nn.Sequential({"first": nn.Linear(3, 3), "rest": nn.Sequential(nn.SiLU())}), (2, 3)),
    "branches": (nn.Branches(nn.Linear(3, 2), nn.Sequential(nn.Linear(3, 2, False), nn.Tanh())), (4, 3)),
    "residual": (nn.Residual(nn.Sequential(nn.Linear(3, 3), nn.Tanh())), (2, 3)),
}


def example(name: str, seed: int = 0) -> np.ndarray:
    """A random input for a layer of the table."""
    layer, shape = CASES[name]
    rng = np.random.default_rng(seed)
    whole = layer.example((1,)).dtype.kind == "i"
    return rng.integers(0, layer.num_embeddings, shape) if whole else rng.normal(size=shape)


def started(layer: nn.Layer, seed: int = 0) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Parameters and buffers, none of them at a special value."""
    values, rng = layer.init(seed), np.random.default_rng(seed)
    for path, slot in layer.arrays.items():
        low, high = (0.5, 1.5) if "var" in path else (-0.2, 0.2)
        if not path.endswith("num_batches_tracked"):
            values[path] = values[path] * (not slot.buffer) + rng.uniform(low, high, slot.shape)
    return tuple({p: values[p] for p, slot in layer.arrays.items() if slot.buffer == kind} for kind in (False, True))
