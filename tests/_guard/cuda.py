"""The part of ``cupy.cuda`` that tells devices, streams, memory and errors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from . import counting

COUNT = 2


class CUDARuntimeError(RuntimeError):
    """An error of the driver, with its number."""

    def __init__(self, status: int):
        self.status = status
        super().__init__(f"cudaError {status}")


class CUDADriverError(RuntimeError):
    """An error of a launch, with its number."""

    def __init__(self, status: int):
        self.status = status
        super().__init__(f"CUDA_ERROR {status}")


class OutOfMemoryError(MemoryError):
    """The device has no memory left."""

    def __init__(self, size: int = 0, total: int = 0, limit: int = 0):
        super().__init__(f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes).")


def is_available() -> bool:
    """Whether there is a device: here there is."""
    return True


def getDeviceCount() -> int:
    """Number of devices."""
    counting.launch("getDeviceCount")
    return COUNT


class Device:
    """One device; also a context in which it is the current one."""

    def __init__(self, device: int | None = None):
        self.id = counting.current.device if device is None else int(device)
        if not 0 <= self.id < COUNT:
            raise CUDARuntimeError(101)
        self._before: list[int] = []

    compute_capability = "90"
    mem_info = (2**34, 2**34)

    def use(self) -> None:
        """Make it the current one of this thread."""
        counting.current.device = self.id

    def synchronize(self) -> None:
        """Wait for it."""
        counting.launch("synchronize")

    def __int__(self) -> int:
        return self.id

    def __enter__(self) -> Device:
        self._before.append(counting.current.device)
        self.use()
        return self

    def __exit__(self, *error: Any) -> None:
        counting.current.device = self._before.pop()


class Stream:
    """A queue of computations: here each is done when it is asked for."""

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False):
        self.null = null

    def synchronize(self) -> None:
        """Wait for it."""
        counting.launch("synchronize")

    def use(self) -> Stream:
        """Make it the current one."""
        return self

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return True

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: Any) -> None:
        pass


class MemoryPool:
    """The pool: it holds nothing back."""

    def used_bytes(self) -> int:
        """Bytes in use that the pool knows of."""
        return 0

    def total_bytes(self) -> int:
        """Bytes the pool holds."""
        return 0

    def free_all_blocks(self, stream: Any = None) -> None:
        """Give back what is free."""


_pool, _stream = MemoryPool(), Stream(null=True)


def get_default_memory_pool() -> MemoryPool:
    """The pool."""
    return _pool


def get_current_stream(device_id: int | None = None) -> Stream:
    """The queue of this thread."""
    return _stream


Stream.null = _stream
runtime = SimpleNamespace(
    getDeviceCount=getDeviceCount, CUDARuntimeError=CUDARuntimeError, deviceSynchronize=_stream.synchronize
)
driver = SimpleNamespace(CUDADriverError=CUDADriverError)
memory = SimpleNamespace(OutOfMemoryError=OutOfMemoryError)
cuda = SimpleNamespace(
    is_available=is_available, runtime=runtime, driver=driver, memory=memory, Device=Device, Stream=Stream,
    MemoryPool=MemoryPool, get_current_stream=get_current_stream,
)  # fmt: skip
