"""No damage goes unnoticed: every cut, every flipped bit, every forged manifest is refused by name."""

from __future__ import annotations

import io
import json
import tracemalloc
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import torchlean_nb as tl
from torchlean_nb.errors import CheckpointError, TorchLeanError
from torchlean_nb.saving import Checkpoint
from torchlean_nb.saving.container import DIGEST, HEAD, MAGIC, VERSION, decode, encode

TREE = {"model": {"w": np.arange(12.0).reshape(3, 4), "b": np.array([True, False])}, "step": 3,
        "rates": [0.5**i for i in range(40)], "names": ("a", None), "slots": {0: np.ones((2, 0), "f4")}}  # fmt: skip
SMALL = b"".join(encode(Checkpoint("dict", TREE))())


def read(raw):
    return decode(io.BytesIO(raw), len(raw), "'x.tl'")


def forged(manifest, data=b"", version=VERSION, size=None, length=None):
    """A file with a digest that is right, whatever it says."""
    if isinstance(manifest, dict):
        manifest = {"kind": "dict", "name": "", "meta": {}, **manifest}
    raw = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    whole = HEAD.size + DIGEST + len(raw) + len(data) if size is None else size
    head = HEAD.pack(MAGIC, version, len(raw) if length is None else length, whole)
    return head + sha256(head + raw).digest() + raw + data


def entry(a, **changes):
    a = np.asarray(a)
    return {"dtype": a.dtype.name, "shape": list(a.shape), "bytes": a.nbytes, "sha256": sha256(a.tobytes()).hexdigest(),
            **changes}  # fmt: skip


def test_a_small_checkpoint_is_small_and_can_be_read():
    assert 800 < len(SMALL) < 2048
    assert read(SMALL)["names"] == ("a", None)


def test_every_cut_is_refused():
    for n in range(len(SMALL)):
        with pytest.raises(CheckpointError, match="empty: 0 bytes" if n == 0 else "truncated"):
            read(SMALL[:n])


def test_every_single_flipped_bit_is_refused():
    raw, words = bytearray(SMALL), set()
    for at in range(len(raw)):
        for bit in range(8):
            raw[at] ^= 1 << bit
            with pytest.raises(CheckpointError) as caught:
                read(bytes(raw))
            words.add(str(caught.value).split("\n")[0])
            raw[at] ^= 1 << bit
    assert read(bytes(raw))["step"] == 3
    assert {"'x.tl': 'model/w': wrong checksum", "'x.tl': wrong checksum of the header and the manifest"} <= words


@pytest.mark.parametrize("more", [b"\0", b"x" * 1000])
def test_bytes_behind_the_end_are_refused(more):
    with pytest.raises(CheckpointError, match=f"{len(more)} trailing bytes"):
        read(SMALL + more)


ONE = np.arange(3.0)


def one(**changes):
    """A file of one array, and what it says of it."""
    return forged({"state": {"$array": 0}, "arrays": [entry(ONE, **changes)]}, ONE.tobytes())


TWO = entry([True], sha256=sha256(b"\x02").hexdigest())
TAGS = ["$array", "$tuple", "$items", "$int", "$float", "$part", "$text", "$scalar", "a", "state", "arrays", "meta"]
FORGED = {
    "version": (forged({}, version=99), "version 99", "supported"),
    "longer manifest": (forged({}, length=10**6), "does not fit"),
    "not JSON": (forged(b'{"state": \n oops}'), "manifest", "JSON", "line 2"),
    "not ASCII": (forged('{"state": "ж"}'.encode()), "ASCII"),
    "cut JSON": (forged(b'{"state": ['), "JSON", "line 1"),
    "two values": (forged(b"{} {}"), "JSON"),
    "deep": (forged(b"[" * 100_000 + b"]" * 100_000), "manifest", "nesting"),
    "deep and broken": (forged(b'{"a":' * 100_000), "nesting"),
    "deep within the limit of brackets": (forged({"state": eval("[" * 30 + "]" * 30), "arrays": []}), "nesting", "20"),
    "NaN": (forged(b'{"state": NaN, "arrays": []}'), "manifest", "NaN"),
    "infinity": (forged(b'{"state": -Infinity, "arrays": []}'), "Infinity"),
    "overflow": (forged(b'{"state": 1e999, "arrays": []}'), "1e999"),
    "5000 digits": (forged(b'{"state": ' + b"9" * 5000 + b', "arrays": []}'), "integer", "5000 digits"),
    "duplicate": (forged(b'{"state": 1, "state": 2, "arrays": []}'), "duplicate key 'state'"),
    "duplicate below": (forged(b'{"state": {"w": 1, "w": 2}, "arrays": []}'), "duplicate key 'w'"),
    "duplicate items": (forged({"state": {"$items": [[1, 2], [1, 3]]}, "arrays": []}), "duplicate"),
    "list": (forged([]), "object of kind"),
    "other keys": (forged({"state": 1, "arrays": [], "code": "x"}), "object of kind"),
    "kind": (forged({"state": 1, "arrays": [], "kind": 3}), "kind is 3"),
    "meta that is packed": (forged({"state": 1, "arrays": [], "meta": {"$int": "0x3"}}), "meta is 3"),
    "meta": (forged({"state": 1, "arrays": [], "meta": []}), "meta is []"),
    "no entry": (forged({"state": {"w": {"$array": 0}}, "arrays": []}), "'w'", "array 0"),
    "unused": (forged({"state": 1, "arrays": [entry(ONE)]}, ONE.tobytes()), "1 arrays, of which 0 have a place"),
    "used twice": (forged({"state": [{"$array": 0}] * 2, "arrays": [entry(ONE)]}, ONE.tobytes()), "number 1"),
    "true": (forged({"state": {"$array": True}, "arrays": [entry(ONE)] * 2}, ONE.tobytes() * 2), "array True"),
    "unknown tag": (forged({"state": {"w": {"$class": "os.system"}}, "arrays": []}), "'w'", "$class"),
    "two tags": (forged({"state": {"$int": "0x1", "$float": "00"}, "arrays": []}), "means nothing"),
    "float bits": (forged({"state": {"$float": "zz"}, "arrays": []}), "means nothing"),
    "int": (forged({"state": {"$int": "3; x"}, "arrays": []}), "means nothing"),
    "tuple": (forged({"state": {"$tuple": 3}, "arrays": []}), "means nothing"),
    "items": (forged({"state": {"$items": [[1]]}, "arrays": []}), "means nothing"),
    "item keys": (forged({"state": {"$items": [[[1], 2]]}, "arrays": []}), "means nothing"),
    "part": (forged({"state": {"$part": ["Module", 3, {}]}, "arrays": []}), "means nothing"),
    "scalar of a vector": (forged({"state": {"$scalar": 0}, "arrays": [entry(ONE)]}, ONE.tobytes()), "means nothing"),
    "text of floats": (forged({"state": {"$text": 0}, "arrays": [entry(ONE)]}, ONE.tobytes()), "means nothing"),
    "text that is none": (forged({"state": {"$text": 0}, "arrays": [entry(np.array([255], "u1"))]}, b"\xff"), "UTF-8"),
    "bool byte": (forged({"state": {"$array": 0}, "arrays": [TWO]}, b"\x02"), "bool", "0 or 1"),
    "entry": (forged({"state": {"$array": 0}, "arrays": [3]}), "array 0", "needed"),
    "dtype": (one(dtype="object"), "dtype 'object'"),
    "dtype of another kind": (one(dtype=["f8"]), "dtype"),
    "huge": (one(shape=[10**11], bytes=8 * 10**11),
             "size declared", "actual"),
    "huge sides": (one(shape=[0, 2**47, 2**47], bytes=24), "impossible"),
    "negative side": (one(shape=[-3]), "shape"),
    "float side": (one(shape=[3.0]), "shape"),
    "lying bytes": (one(bytes=8), "8 bytes declared"),
    "no digest": (one(sha256=""), "wrong checksum"),
}  # fmt: skip


@pytest.mark.parametrize("case", FORGED.values(), ids=FORGED)
def test_a_forged_manifest_with_a_right_digest_is_refused_by_name(case):
    raw, *words = case
    with pytest.raises(CheckpointError) as caught:
        read(raw)
    assert all(word in str(caught.value) for word in words), str(caught.value)


OTHERS = {"pickle": b"\x80\x04K\x01.", "zip": b"PK\x03\x04abc", ".npy": b"\x93NUMPYx", "JSON": b'{"format": 1}',
          "something else": b"hello, this is text"}  # fmt: skip


@pytest.mark.parametrize(("word", "raw"), OTHERS.items(), ids=OTHERS)
def test_other_files_are_called_by_their_name(word, raw):
    with pytest.raises(CheckpointError, match=word):
        read(raw + b"x" * 100)


def test_a_claim_of_much_memory_costs_none():
    raw = FORGED["huge"][0]
    tracemalloc.start()
    with pytest.raises(CheckpointError):
        read(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**6


def test_saving_and_loading_need_little_more_memory_than_the_arrays(tmp_path):
    big = {"a": np.ones(2_000_000), "b": np.ones((1000, 2000)).T}
    n = sum(a.nbytes for a in big.values())
    tracemalloc.start()
    tl.save(tmp_path / "x.tl", big)
    saving = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    found = tl.load(tmp_path / "x.tl")
    loading = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert found["b"].shape == (2000, 1000)
    assert saving < n and loading < 1.6 * n


@given(st.binary(max_size=300), st.sampled_from([b"", MAGIC, SMALL[:40], SMALL]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_refused_in_words(noise, start):
    if start == SMALL and not noise:
        return
    with pytest.raises(CheckpointError):
        read(start + noise)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
                    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from(TAGS), x, max_size=3),
                    max_leaves=12))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_any_manifest_is_read_or_refused_in_words(manifest):
    try:
        read(forged({"state": manifest, "arrays": []}))
        read(forged(manifest))
    except TorchLeanError:
        pass
