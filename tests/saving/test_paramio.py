"""TorchLean's parameter lists: bit for bit, with its words when something is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.errors import CheckpointError, PathError, SerializationError
from torchlean_nb.saving import paramio

# Written by hand from the definition: 1.0, -0.0, the smallest subnormal, a quiet NaN with a payload, -inf, pi.
BITS = [0x3FF0000000000000, 0x8000000000000000, 1, 0x7FF8000000000123, 0xFFF0000000000000, 0x400921FB54442D18]
TEXT = json.dumps({"format": "torchlean_paramlist_bits_v1", "params": [
    {"shape": [2, 3], "values": BITS}, {"shape": [], "values": [0x3FE0000000000000]}, {"shape": [0], "values": []}]})
SHAPES = [(2, 3), (), (0,)]


def test_the_bits_of_the_file_are_the_bits_of_the_numbers():
    a, half, nothing = paramio.decode(TEXT, SHAPES)
    assert a.view(np.uint64).tolist() == [BITS[:3], BITS[3:]]
    assert (a[0, 0], half.item(), nothing.shape) == (1.0, 0.5, (0,))
    assert np.signbit(a[0, 1]) and a[0, 2] == 5e-324 and np.isnan(a[1, 0])


def test_what_is_written_is_what_is_read():
    assert json.loads(paramio.encode(paramio.decode(TEXT, SHAPES))) == json.loads(TEXT)


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=6), max_size=4))
@settings(max_examples=100, deadline=None)
def test_any_bits_survive(lists):
    arrays = [np.array(bits, np.uint64).view(np.float64) for bits in lists]
    back = paramio.decode(paramio.encode(arrays), [a.shape for a in arrays])
    assert [a.view(np.uint64).tolist() for a in back] == lists


def test_without_shapes_all_that_is_there_is_read():
    assert [a.shape for a in paramio.decode(TEXT)] == SHAPES
    with pytest.raises(CheckpointError, match=r"shape mismatch \(file=\[-1\]"):
        paramio.decode(with_params({"shape": [-1], "values": []}))
    with pytest.raises(CheckpointError, match="expected 1000000000000 scalars"):
        paramio.decode(with_params({"shape": [10**12], "values": []}))


def test_entries_after_the_last_expected_one_are_ignored():
    assert len(paramio.decode(TEXT, SHAPES[:1])) == 1


def with_params(*params, **more):
    return json.dumps({"format": paramio.FORMAT, "params": list(params), **more})


GOOD = {"shape": [2], "values": [0, 0]}
BAD = {
    "not JSON": ("{", "ParamIO: JSON parse error"),
    "NaN": (with_params({"shape": [2], "values": [float("nan"), 0]}), "ParamIO: JSON parse error"),
    "deep": ("[" * 10**6, "ParamIO: JSON parse error"),
    "digits": (with_params().replace("[]", "[" + "9" * 5000 + "]"), "ParamIO: JSON parse error"),
    "a list": ("[]", "missing `format` string"),
    "no format": ('{"params": []}', "missing `format` string"),
    "another format": (with_params(GOOD, format="v2"), "unsupported format: v2"),
    "no params": (json.dumps({"format": paramio.FORMAT}), "missing `params` array"),
    "too few": (with_params(), "missing parameter 1/1"),
    "another shape": (with_params({"shape": [1, 2], "values": [0, 0]}), "shape mismatch (file=[1, 2], expected=[2])"),
    "too few values": (with_params({"shape": [2], "values": [0]}), "expected 2 scalars for shape [2], got 1"),
    "bits too large": (with_params({"shape": [2], "values": [0, 2**64]}), "float bits out of range (expected < 2^64"),
    "negative bits": (with_params({"shape": [2], "values": [0, -1]}), "float bits out of range (expected < 2^64"),
    "float bits": (with_params({"shape": [2], "values": [0, 1.5]}), "float bits out of range (expected < 2^64"),
    "true": (with_params({"shape": [2], "values": [0, True]}), "float bits out of range (expected < 2^64"),
    "no values": (with_params({"shape": [2]}), "missing `shape` or `values` array"),
    "no dict": (with_params(3), "parameter 1/1: missing `shape` or `values` array"),
    "float shape": (with_params({"shape": [2.0], "values": [0, 0]}), "shape mismatch"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_said_in_torchleans_words(text, words, tmp_path):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(CheckpointError) as caught:
        paramio.load_bits(tmp_path / "p.json", [(2,)])
    assert "ParamIO: load failed for" in str(caught.value) and words in str(caught.value)
    assert str(tmp_path / "p.json") in str(caught.value)


def net(seed, dtype="float64"):
    layers = tl.nn.Linear(3, 4), tl.nn.BatchNorm1d(4), tl.nn.Tanh(), tl.nn.Linear(4, 2)
    return tl.nn.Sequential(*layers).bind(tl.Session(dtype=dtype), seed=seed)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_module_takes_over_parameters_and_buffers_by_position(dtype, tmp_path):
    a, b = net(1, dtype), net(2, dtype)
    a(np.random.default_rng(0).normal(size=(5, 3)))
    a.update_buffers(np.random.default_rng(0).normal(size=(5, 3)))
    paramio.save(tmp_path / "p.json", a)
    paramio.load(tmp_path / "p.json", b)
    mine, theirs = a.state_dict(), b.state_dict()
    assert all(mine[k].tobytes() == theirs[k].tobytes() for k in mine if not k.endswith("num_batches_tracked"))
    made = json.loads((tmp_path / "p.json").read_text())
    assert [p["shape"] for p in made["params"]] == [[4, 3], [4], [4], [4], [4], [4], [2, 4], [2]]


def test_a_file_that_does_not_fit_changes_nothing(tmp_path):
    a, other = net(1), tl.nn.Linear(3, 4).bind(tl.Session(), seed=0)
    paramio.save(tmp_path / "p.json", other)
    before = a.session.digest()
    with pytest.raises(CheckpointError, match="missing parameter 3/8"):
        paramio.load(tmp_path / "p.json", a)
    assert a.session.digest() == before


def test_files_that_are_not_there_or_not_text(tmp_path):
    with pytest.raises(FileNotFoundError, match="ParamIO: load failed for"):
        paramio.load_bits(tmp_path / "x.json", [])
    (tmp_path / "x.json").write_bytes(b"\xff\xfe")
    with pytest.raises(CheckpointError, match=r"load failed for .*not UTF-8"):
        paramio.load_bits(tmp_path / "x.json", [])
    with pytest.raises(SerializationError, match="int64"):
        paramio.save_bits(tmp_path / "y.json", [np.arange(3)])
    with pytest.raises(PathError, match="outside"):
        paramio.save_bits("../y.json", [], folder=tmp_path)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        paramio.save_bits(tmp_path / "x.json", [], overwrite=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.json"]
