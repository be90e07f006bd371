"""What layers refuse, at construction and when they run, and how they say it."""

from __future__ import annotations

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors, nn

REFUSED = [
    (lambda: nn.Linear(0, 3), "Linear: in_features=0 is not allowed", "an int >= 1"),
    (lambda: nn.Linear(2.0, 3), "Linear: in_features=2.0 is a float", "an int >= 1"),
    (lambda: nn.Linear(True, 3), "Linear: in_features=True is a bool", "an int >= 1"),
    (lambda: nn.Linear(2, 3, bias=1), "Linear: bias=1 is a int", "True or False"),
    (lambda: nn.Dropout(1.5), "Dropout: p=1.5 is not allowed", ">= 0 and <= 1"),
    (lambda: nn.Dropout("half"), "Dropout: p='half' is a str", ">= 0 and <= 1"),
    (lambda: nn.Dropout(float("nan")), "Dropout: p=nan is not allowed", ">= 0 and <= 1"),
    (lambda: nn.Embedding(5, 2, padding_idx=5), "Embedding: padding_idx=5", ">= -5 and < 5"),
    (lambda: nn.Conv2d(1, 2, (3, 3, 3)), "Conv2d: kernel_size=(3, 3, 3) has 3 values", "one or 2"),
    (lambda: nn.Conv1d(1, 2, 0), "Conv1d: kernel_size=0 is not allowed", "an int >= 1"),
    (lambda: nn.Conv2d(1, 2, 3, padding=-1), "Conv2d: padding=-1 is not allowed", "an int >= 0"),
    (lambda: nn.Conv2d(1, 2, 3, padding="full"), "Conv2d: padding='full' is not allowed", "'valid', 'same'"),
    (lambda: nn.Conv2d(1, 2, 3, 2, padding="same"), "Conv2d: padding='same' is not allowed", "stride=(2, 2)"),
    (lambda: nn.Conv2d(4, 6, 3, groups=3), "Conv2d: groups=3 is not allowed", "must divide in_channels=4"),
    (lambda: nn.Conv2d(4, 6, 3, groups=4), "Conv2d: groups=4 is not allowed", "must divide out_channels=6"),
    (lambda: nn.ConvTranspose1d(1, 1, 2, output_padding=1), "output_padding=(1,) is not allowed", "than stride"),
    (lambda: nn.MaxPool2d(2, padding=2), "MaxPool2d: padding=(2, 2) is not allowed", "half of kernel_size=(2, 2)"),
    (lambda: nn.SmoothMaxPool1d(2, beta=0), "SmoothMaxPool1d: beta=0 is not allowed", "> 0"),
    (lambda: nn.AdaptiveAvgPool2d(0), "AdaptiveAvgPool2d: output_size=0 is not allowed", "an int >= 1"),
    (lambda: nn.BatchNorm1d(3, momentum=2), "BatchNorm1d: momentum=2 is not allowed", ">= 0 and <= 1 or None"),
    (lambda: nn.BatchNorm2d(3, eps=-1e-5), "BatchNorm2d: eps=-1e-05 is not allowed", ">= 0"),
    (lambda: nn.GroupNorm(3, 4), "GroupNorm: num_groups=3 is not allowed", "must divide num_channels=4"),
    (lambda: nn.LayerNorm(()), "LayerNorm: normalized_shape=() is not allowed", "at least one axis"),
    (lambda: nn.LayerNorm((2, 0)), "LayerNorm: normalized_shape=0 is not allowed", "an int >= 1"),
    (lambda: nn.RNN(2, 3, nonlinearity="gelu"), "RNN: nonlinearity='gelu' is not allowed", "'tanh', 'relu'"),
    (lambda: nn.LSTM(2, 3, dropout=1.0), "LSTM: dropout=1.0 is not allowed", ">= 0 and < 1"),
    (lambda: nn.MultiheadAttention(6, 4), "num_heads=4 is not allowed", "must divide embed_dim=6"),
    (lambda: nn.TransformerEncoderLayer(6, 4), "nhead=4 is not allowed", "must divide d_model=6"),
    (lambda: nn.GELU("erf"), "GELU: approximate='erf' is not allowed", "'none', 'tanh'"),
    (lambda: nn.Unflatten(1, (2, 0)), "Unflatten: unflattened_size=0 is not allowed", "an int >= 1"),
    (lambda: nn.Sequential(nn.ReLU), "Sequential: layer 0=", "the class itself"),
    (lambda: nn.Sequential(nn.ReLU(), np.tanh), "Sequential: layer 1=", "must be a layer"),
    (lambda: nn.Sequential({"a.b": nn.ReLU()}), "Sequential: 'a.b' cannot name a layer", "no dot"),
    (lambda: nn.Residual(3), "Residual: inner=3 is a int", "must be a layer"),
]


@pytest.mark.parametrize(("build", "what", "allowed"), REFUSED)
def test_a_bad_argument_is_named_with_its_value_and_what_is_allowed(build, what, allowed):
    with pytest.raises(errors.HyperparameterError) as e:
        build()
    assert what in str(e.value) and allowed in str(e.value)


MISFITS = [
    (nn.Linear(3, 4), (2, 5), "the weight takes 3"),
    (nn.Conv2d(3, 4, 3), (2, 1, 8, 8), "has 1 channels"),
    (nn.Conv2d(4, 4, 3, groups=2), (2, 3, 8, 8), "has 3 channels"),
    (nn.Conv2d(1, 4, 9), (2, 1, 8, 8), "does not fit"),
    (nn.MaxPool2d(2), (2, 8), "with 2 further axes is needed"),
    (nn.AvgPool2d(3), (1, 2, 2), "does not fit"),
    (nn.GlobalAvgPool(), (2, 3), "has no axes behind"),
    (nn.BatchNorm1d(3), (2, 4), "3 channels on axis 1"),
    (nn.BatchNorm2d(3), (2, 3), "4 axes are needed"),
    (nn.LayerNorm(3), (2, 4), "are not (3,)"),
    (nn.GroupNorm(1, 3), (2, 4), "for 3 channels"),
    (nn.InstanceNorm2d(3), (2, 3), "(n, 3, ...) or (3, ...) with 2 further axes"),
    (nn.LSTM(3, 4), (5, 2, 2), "3 features on the last axis"),
    (nn.LSTM(3, 4), (0, 2, 3), "at least one step"),
    (nn.MultiheadAttention(4, 2), (3, 6), "4 features on the last axis"),
    (nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 1)), (2, 3), "the weight takes 5"),
]


@pytest.mark.parametrize(("layer", "shape", "words"), MISFITS)
def test_an_input_that_does_not_fit_is_refused_in_plain_words_and_changes_nothing(layer, shape, words):
    s = tl.Session()
    net = layer.bind(s, auto_buffers=True)
    before = net.state_dict()
    for call in (layer.out_shape, lambda shape: net(np.zeros(shape)), lambda shape: nn.summary(net, shape)):
        with pytest.raises(errors.ShapeError) as e:
            call(shape)
        assert words in str(e.value)
    assert all((v == before[p]).all() for p, v in net.state_dict().items())
    assert s.tape.scope == ""


@pytest.mark.parametrize(
    ("ids", "given", "error", "words"),
    [
        ([1, 2], {}, errors.ShapeError, r"ids of shape \(2,\)(.|\n)*offsets="),
        ([[1, 2]], {"offsets": [0]}, errors.ShapeError, "flat ids have shape"),
        ([1, 2], {"offsets": [[0]]}, errors.ShapeError, "one number per bag"),
        ([1, 2], {"offsets": [0.0]}, errors.DTypeError, "offsets(.|\n)*int"),
        ([1, 2], {"offsets": [0, 3]}, errors.IndexRangeError, "3 at index 1"),
        ([1, 2], {"offsets": [1]}, errors.IndexRangeError, "begin at 0"),
        ([1, 2, 3], {"offsets": [0, 2, 1]}, errors.IndexRangeError, "never fall"),
        ([1, 2], {"offsets": "ab"}, errors.DTypeError, "EmbeddingBag: offsets"),
        ([1, 2], {"offsets": [0], "per_sample_weights": [1.0]}, errors.ShapeError, r"\(1,\) for ids of shape \(2,\)"),
    ],
)
def test_bags_that_do_not_fit_are_refused_and_change_nothing(ids, given, error, words):
    net = nn.EmbeddingBag(5, 2, mode="sum").bind(tl.Session())
    with pytest.raises(error, match=words):
        net(ids, **given)
    assert len(net.session.tape) == 0


def test_only_sums_of_bags_are_weighted():
    with pytest.raises(errors.HyperparameterError, match='mode="sum"'):
        nn.EmbeddingBag(5, 2).bind(tl.Session())([[1]], per_sample_weights=[[1.0]])


def test_ids_outside_the_table_and_ids_that_are_not_integers():
    net = nn.Embedding(5, 2).bind(tl.Session())
    with pytest.raises(errors.IndexRangeError, match="5"):
        net([[1, 5]])
    with pytest.raises(errors.DTypeError, match="int"):
        net(np.array([0.5]))


def test_a_layer_that_is_not_bound_says_how_to_call_it():
    with pytest.raises(errors.CapabilityError, match=r"bind\(session\)"):
        nn.Linear(2, 3)([[1.0, 2.0]])


def test_a_missing_array_is_named():
    with pytest.raises(errors.UnknownNameError, match=r"no array '0\.weight' was given"):
        nn.Sequential(nn.Linear(2, 3)).forward(np.zeros((1, 2)), {"0.wieght": np.zeros((3, 2))})


def test_train_mode_without_a_stream_asks_for_one():
    with pytest.raises(errors.CapabilityError, match=r"key=tl\.Rng\(0\)\.key"):
        nn.Dropout().forward(np.ones(3), {}, mode="train")


def test_a_mode_that_does_not_exist():
    with pytest.raises(errors.HyperparameterError, match="mode='test' is not allowed"):
        nn.ReLU().forward(np.ones(3), {}, mode="test")


def test_a_state_of_the_wrong_shape():
    with pytest.raises(errors.ShapeError, match=r"\(1, 4\), \(1, 4\) are needed"):
        nn.LSTM(3, 4).forward(np.zeros((5, 3)), nn.LSTM(3, 4).init(0), state=np.zeros((1, 4)))


def test_a_batch_of_one_number_per_channel_has_no_variance():
    with pytest.raises(errors.DomainError, match="more than 1 element per channel"):
        nn.BatchNorm1d(2).bind(tl.Session())(np.zeros((1, 2)))
