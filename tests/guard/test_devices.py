"""Devices with numbers: one of a kind in a process, in every thread of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import _guard
import numpy as np
import pytest
from guard.there import device

import torchlean_nb as tl
from torchlean_nb.backend import devices
from torchlean_nb.errors import BackendError, UnknownDeviceError

CUDA = _guard.module.cuda


@pytest.fixture
def second(monkeypatch):
    """A library of two devices of which nobody has used one yet."""
    monkeypatch.setitem(devices.LIBRARIES, "pair", _guard.lib)
    monkeypatch.delitem(devices._CLASSES, _guard.ndarray, raising=False)
    monkeypatch.setattr(devices, "_numbers", {})
    before = CUDA.Device().id
    yield "pair:1"
    CUDA.Device(before).use()


def test_a_session_works_on_the_device_it_names(second):
    s = tl.Session(device=second)
    w = s.param(np.ones(3))
    assert s.backward((w * w).sum())[w].tolist() == [2.0, 2.0, 2.0]
    assert w.array.device.id == 1
    assert (w * w).array.device.id == 1


def test_a_second_device_of_a_kind_is_refused_before_arrays_meet(second):
    kept = devices.device(second)
    with pytest.raises(BackendError, match="device 0 of pair cannot be used beside device 1"):
        tl.Session(device="pair:0")
    with pytest.raises(UnknownDeviceError, match=r"available: 0\.\.1"):
        tl.Session(device="pair:2")
    with pytest.raises(UnknownDeviceError, match="is not available"):
        tl.Session(device="pair:" + "9" * 5000)
    assert devices.device(second) is kept


def test_a_kind_without_a_number_is_the_device_in_use(second):
    assert devices.device(second) is devices.device("pair") and tl.Session(device="pair").device == "pair:1"


def test_another_thread_works_on_the_same_device(second):
    there = devices.device(second)

    def run():
        s = tl.Session(device=there)
        return s.param(np.ones(2)).array.device.id

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(run).result() == 1


def test_the_row_of_the_stand_in_is_a_device():
    there = device()
    a = there.put(np.arange(3.0))
    assert there.owns(a)
    assert devices.device_of(a).kind == "guard"
    assert devices.host(a).tolist() == [0, 1, 2]
    assert not devices.host(a).flags.writeable
    assert devices.is_array(a)
    assert devices.device("cpu").owns(devices.host(a))
