"""Layers: frozen descriptions with PyTorch's names and arguments, bound to a session when they are to learn.

``layer`` says what a layer is, ``place`` what it sees while it computes, ``module`` what binding gives.
``basic``, ``activations``, ``gates``, ``convolution``, ``pooling``, ``padding``, ``norms``, ``noise``,
``recurrent``, ``cells``, ``attention``, ``positions`` and ``containers`` have the layers, ``blocks`` some that
are often put together; ``losses`` the losses as objects; ``init`` the initialisers; ``summary`` the overview;
``torch_state`` PyTorch's state dicts.

Examples
--------
>>> import torchlean_nb as tl
>>> model = tl.nn.Sequential(tl.nn.Linear(2, 8), tl.nn.Tanh(), tl.nn.Linear(8, 1))
>>> s = tl.Session(seed=0)
>>> net = model.bind(s, seed=0)
>>> opt = tl.optim.AdamW(net.parameters(), lr=0.01)
>>> x, y = [[0.0, 1.0], [1.0, 0.0]], [[1.0], [-1.0]]
>>> losses = [s.step(opt, lambda: tl.mse_loss(net(x), y)).loss for _ in range(50)]
>>> bool(losses[-1] < losses[0])
True
"""

from torchlean_nb.errors import NoAttributeError as _NoAttributeError
from torchlean_nb.nn import blocks as blocks
from torchlean_nb.nn import init as init
from torchlean_nb.nn.activations import (
    ELU,
    GELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from torchlean_nb.nn.attention import MultiheadAttention, TransformerEncoder, TransformerEncoderLayer
from torchlean_nb.nn.basic import Embedding, EmbeddingBag, Flatten, Identity, Linear, Select, Unflatten
from torchlean_nb.nn.cells import GRUCell, LSTMCell, RNNCell
from torchlean_nb.nn.containers import Branches, Residual, Sequential
from torchlean_nb.nn.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from torchlean_nb.nn.gates import (
    CELU,
    GLU,
    SELU,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LogSigmoid,
    Mish,
    PReLU,
    ReLU6,
    Softmax2d,
    Softmin,
    Softsign,
)
from torchlean_nb.nn.layer import Layer, Slot
from torchlean_nb.nn.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from torchlean_nb.nn.module import Module
from torchlean_nb.nn.noise import AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d
from torchlean_nb.nn.norms import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    LayerNorm,
    RMSNorm,
)
from torchlean_nb.nn.padding import (
    CircularPad1d,
    CircularPad2d,
    CircularPad3d,
    ReflectionPad1d,
    ReflectionPad2d,
    ReflectionPad3d,
    ReplicationPad1d,
    ReplicationPad2d,
    ReplicationPad3d,
    ZeroPad1d,
    ZeroPad2d,
    ZeroPad3d,
)
from torchlean_nb.nn.pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    GlobalAvgPool,
    GlobalMaxPool,
    LPPool1d,
    LPPool2d,
    LPPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    SmoothMaxPool1d,
    SmoothMaxPool2d,
    SmoothMaxPool3d,
)
from torchlean_nb.nn.positions import LearnedPositions, RotaryPositions, SinusoidalPositions
from torchlean_nb.nn.recurrent import GRU, LSTM, RNN
from torchlean_nb.nn.summary import Summary, summary
from torchlean_nb.nn.torch_state import from_torch_state_dict, to_torch_state_dict

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AlphaDropout", "AvgPool1d", "AvgPool2d", "AvgPool3d", "BCELoss", "BCEWithLogitsLoss",
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "Branches", "CELU", "CircularPad1d", "CircularPad2d", "CircularPad3d",
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "CrossEntropyLoss",
    "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "ELU", "Embedding", "EmbeddingBag", "Flatten", "GELU", "GLU",
    "GRU", "GRUCell", "GlobalAvgPool", "GlobalMaxPool", "GroupNorm", "Hardsigmoid", "Hardswish", "Hardtanh",
    "HuberLoss", "Identity", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "KLDivLoss", "L1Loss", "LPPool1d",
    "LPPool2d", "LPPool3d", "LSTM", "LSTMCell", "Layer", "LayerNorm", "LeakyReLU", "LearnedPositions", "Linear",
    "LogSigmoid", "LogSoftmax", "MSELoss", "MaxPool1d", "MaxPool2d", "MaxPool3d", "Mish", "Module",
    "MultiheadAttention", "NLLLoss", "PReLU", "RMSNorm", "RNN", "RNNCell", "ReLU", "ReLU6", "ReflectionPad1d",
    "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d", "Residual",
    "RotaryPositions", "SELU", "Select", "Sequential", "SiLU", "Sigmoid", "SinusoidalPositions", "Slot",
    "SmoothL1Loss", "SmoothMaxPool1d", "SmoothMaxPool2d", "SmoothMaxPool3d", "Softmax", "Softmax2d", "Softmin",
    "Softplus", "Softsign", "Summary", "Tanh", "TransformerEncoder", "TransformerEncoderLayer", "Unflatten",
    "ZeroPad1d", "ZeroPad2d", "ZeroPad3d", "blocks", "from_torch_state_dict", "init", "summary", "to_torch_state_dict",
]  # fmt: skip


def __getattr__(name: str):
    raise _NoAttributeError.of("tl.nn", name, __all__)
