"""`read_npy` is `numpy.load` for what it accepts, and refuses whatever is not exactly such a file."""

from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest
from _payloads import PAYLOADS
from datasets.recipes import header, npy, npz, saved
from hypothesis import given
from hypothesis import strategies as st

from torchlean_nb.data import read_npy, read_npz
from torchlean_nb.data.npy import parse, usable
from torchlean_nb.errors import DataError, LoadError, TorchLeanError

DTYPES = ["?", "i1", "u1", *(f"{o}{k}" for o in "<>" for k in ("f2", "f4", "f8", "i2", "i4", "i8", "u2", "u4", "u8"))]
SHAPES = [(), (1,), (7,), (2, 3), (1, 1, 4), (2, 3, 2, 2)]
VERSIONS = [(1, 0), (2, 0), (3, 0)]


def example(dtype, shape, order="C"):
    rng = np.random.default_rng([len(shape), *shape])
    return np.asarray(rng.integers(0, 2 if dtype == "?" else 100, shape), dtype=dtype, order=order)


def read(raw):
    return usable(parse(io.BytesIO(raw), len(raw), "x"), "x", None, True)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_accepted_file_gives_what_numpy_gives(dtype, order, tmp_path):
    for shape in SHAPES:
        for version in VERSIONS:
            path = tmp_path / "x.npy"
            path.write_bytes(saved(example(dtype, shape, order), version))
            ours, theirs = read_npy(path, ndim=len(shape)), np.load(path)
            assert ours.shape == theirs.shape and ours.dtype == theirs.dtype.newbyteorder("=")
            assert ours.dtype.isnative and ours.flags.c_contiguous and np.array_equal(ours, theirs)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_floats_come_back_bit_for_bit(values):
    a = np.array(values)
    assert read(saved(a)).tobytes() == a.tobytes()


SMALL = [saved(example(d, s, o), v) for d, s, o, v in (
    ("<f8", (2, 3), "C", (1, 0)), (">i2", (2, 3), "F", (2, 0)), ("?", (5,), "C", (3, 0)), ("<f4", (), "C", (1, 0)),
)]  # fmt: skip


@pytest.mark.parametrize("raw", SMALL, ids=range(len(SMALL)))
def test_every_truncation_and_every_extra_byte_is_refused(raw):
    for n in range(len(raw)):
        with pytest.raises(LoadError):
            read(raw[:n])
    with pytest.raises(LoadError, match="trailing bytes"):
        read(raw + b"\0")


@pytest.mark.parametrize("raw", SMALL, ids=range(len(SMALL)))
def test_a_changed_header_is_refused_or_is_what_numpy_reads_too(raw):
    accepted, end = 0, raw.index(b"\n") + 1
    for at in range(end):
        for value in {*range(0, 256, 5), *(raw[at] ^ (1 << b) for b in range(8)), *b"0123456789 ,()'{}<>|=-_\n"}:
            if value == raw[at]:
                continue
            changed = raw[:at] + bytes([value]) + raw[at + 1 :]
            try:
                ours = read(changed)
            except TorchLeanError:
                continue
            theirs = np.load(io.BytesIO(changed))
            assert np.array_equal(ours, theirs) and ours.dtype == theirs.dtype.newbyteorder("=")
            accepted += 1
    # What is left is a header that says something else about the same bytes: '>' for '<', 'i8' for 'f8', True, a space.
    assert accepted < 40


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x93NUMPY", b"\x93NUMPY\1\0", b"\x93NUMPY\1\0\x20\0{"]))
def test_no_bytes_raise_anything_but_our_errors(raw, start):
    try:
        read(start + raw)
    except TorchLeanError:
        return
    assert np.load(io.BytesIO(start + raw)) is not None


@given(st.text("{}()[]'\":, <>fFi8descrshapTuLO_0123456789-\\x", max_size=60))
def test_no_header_is_ever_evaluated(text):
    try:
        read(npy(header()[:-1] + ", " + text + "}"))
    except DataError:
        return
    assert not text.strip(" ,")


@pytest.mark.parametrize("claim", ["(100000000000,)", "(4000000, 4000)", "(1000, 1000, 1000)"])
def test_a_header_that_lies_gets_no_memory(claim, tmp_path):
    path = tmp_path / "x.npy"
    path.write_bytes(npy(header(shape=claim)))
    tracemalloc.start()
    try:
        with pytest.raises(LoadError, match="claims"):
            read_npy(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", ["<f8", ">f8"])
def test_memory_is_at_most_twice_the_file(dtype, tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.ones((1000, 1000), dtype))
    tracemalloc.start()
    try:
        read_npy(path)
        assert tracemalloc.get_traced_memory()[1] < 2 * 8e6 + 2**24
    finally:
        tracemalloc.stop()


def test_nan_passes_when_asked_for(tmp_path):
    np.save(tmp_path / "x.npy", [np.nan, np.inf])
    assert read_npy(tmp_path / "x.npy", finite=False).tolist()[1] == np.inf
    np.savez(tmp_path / "x.npz", a=[np.inf])
    assert read_npz(tmp_path / "x.npz", finite=False)["a"].tolist() == [np.inf]


def test_an_archive_gives_its_arrays_by_name(tmp_path):
    path = tmp_path / "x.npz"
    for save in (np.savez, np.savez_compressed):
        save(path, X=np.eye(3), y=np.arange(3), **{"a name": [1.5]})
        found = read_npz(path)
        assert list(found) == ["X", "y", "a name"] and np.array_equal(found["X"], np.eye(3))
        assert read_npz(path, "y").tolist() == [0, 1, 2]


def test_of_an_archive_with_a_byte_changed_no_wrong_number_comes_out(tmp_path):
    whole, path = npz(a=np.arange(6.0), b=[1]), tmp_path / "x.npz"
    expected = {"a": np.arange(6.0).tobytes(), "b": np.array([1]).tobytes()}
    for at in range(0, len(whole), 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        try:
            found = read_npz(path)
        except TorchLeanError:
            continue
        assert {a.tobytes() for a in found.values()} <= set(expected.values())


def test_every_truncation_of_an_archive_is_refused(tmp_path):
    whole, path = npz(a=np.arange(6.0)), tmp_path / "x.npz"
    for n in range(len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(LoadError):
            read_npz(path)


@pytest.mark.parametrize("text", PAYLOADS, ids=range(len(PAYLOADS)))
def test_hostile_paths_and_keys_come_out_quoted(text, tmp_path):
    np.savez(tmp_path / "x.npz", a=[1.0])
    for read_it in (
        lambda: read_npy(text, folder=tmp_path), lambda: read_npy(text), lambda: read_npz(tmp_path / "x.npz", text),
    ):  # fmt: skip
        with pytest.raises(DataError) as caught:
            read_it()
        assert len(str(caught.value)) <= 800 and "\ud800" not in str(caught.value)
        assert all(c.isprintable() or c == "\n" for c in str(caught.value))
