"""safetensors: every order of memory is written right, and bad files are refused in our words."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import torchlean_nb as tl
from tests.saving.test_tree import ORDERS
from torchlean_nb.errors import BackendError, CheckpointError, SerializationError
from torchlean_nb.saving import tensors

pytest.importorskip("safetensors")


@pytest.mark.parametrize("a", ORDERS.values(), ids=ORDERS)
def test_arrays_of_every_order_come_back_element_by_element(a, tmp_path):
    from safetensors.numpy import load_file

    tensors.save(tmp_path / "x.safetensors", {"a": a})
    for back in (tensors.load(tmp_path / "x.safetensors")["a"], load_file(tmp_path / "x.safetensors")["a"]):
        assert back.shape == a.shape and np.array_equal(back, a)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "uint16", "bool"])
def test_number_types_are_kept(dtype, tmp_path):
    a = np.arange(6).reshape(2, 3).astype(dtype)
    tensors.save(tmp_path / "x.safetensors", {"a": a, "b": a[0]}, meta={"by": "test"})
    back = tensors.load(tmp_path / "x.safetensors")
    assert back["a"].dtype == dtype and back["a"].tobytes() == a.tobytes() and back["b"].shape == (3,)


def net(seed, width=4):
    return tl.nn.Sequential(tl.nn.Linear(3, width), tl.nn.Tanh(), tl.nn.Linear(width, 2)).bind(tl.Session(), seed=seed)


def test_a_module_goes_out_and_comes_in(tmp_path):
    a, b = net(1), net(2)
    tensors.save(tmp_path / "net.safetensors", a)
    tensors.load(tmp_path / "net.safetensors", into=b)
    assert all(np.array_equal(v, b.state_dict()[k]) for k, v in a.state_dict().items())


def test_what_does_not_fit_is_named_and_changes_nothing(tmp_path):
    a = net(1)
    before = a.session.digest()
    tensors.save(tmp_path / "narrow.safetensors", net(1, 3))
    tensors.save(tmp_path / "less.safetensors", {"0.weight": np.ones((4, 3))})
    tensors.save(tmp_path / "f4.safetensors", {k: v.astype("f4") for k, v in a.state_dict().items()})
    for file, words in {"narrow": "(3, 3)", "less": "missing: '0.bias'", "f4": "cast=True"}.items():
        with pytest.raises(CheckpointError) as caught:
            tensors.load(tmp_path / f"{file}.safetensors", into=a)
        assert words in str(caught.value)
        assert a.session.digest() == before
    tensors.load(tmp_path / "f4.safetensors", into=a, cast=True)
    assert a.session.digest() != before


def header(h, data=b""):
    raw = json.dumps(h).encode()
    return len(raw).to_bytes(8, "little") + raw + data


F = {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}
BAD = {
    "empty": b"", "text": b"hello", "huge header": (2**60).to_bytes(8, "little") + b"{}",
    "cut": header({"a": F}, b"1234"), "trailing": header({"a": F}, b"1" * 9),
    "overlap": header({"a": F, "b": F}, b"1" * 8),
    "not JSON": (2).to_bytes(8, "little") + b"{,", "unknown dtype": header({"a": {**F, "dtype": "X9"}}, b"1" * 8),
    "bfloat16": header({"a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}, b"12"),
}  # fmt: skip


@pytest.mark.parametrize("raw", BAD.values(), ids=BAD)
def test_damaged_files_are_refused(raw, tmp_path):
    (tmp_path / "x").write_bytes(raw)
    with pytest.raises(CheckpointError, match="not a safetensors file, or a damaged one"):
        tensors.load(tmp_path / "x")


def test_what_cannot_be_written_is_named_and_nothing_is_written(tmp_path):
    path = tmp_path / "x.safetensors"
    values = np.array([None]), np.ones(2, complex), np.ma.masked_array([1.0], [True])
    for bad in [{"a": a} for a in values] + [{name: np.ones(2)} for name in ("", 3, "\ud800", "__metadata__")]:
        with pytest.raises(SerializationError, match="safetensors"):
            tensors.save(path, bad)
    with pytest.raises(SerializationError, match="metadata"):
        tensors.save(path, {"a": np.ones(2)}, meta={"n": 3})
    assert list(tmp_path.iterdir()) == []


def test_without_the_library_one_is_told_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for do in (lambda: tensors.save(tmp_path / "x", {}), lambda: tensors.load(tmp_path / "x")):
        with pytest.raises(BackendError, match=r"pip install \"torchlean_nb\[safetensors\]\""):
            do()
