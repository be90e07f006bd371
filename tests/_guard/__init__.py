"""A stand-in for CuPy that refuses every implicit conversion: code that passes on it is ready for CuPy.

``module`` has CuPy's names over NumPy; its arrays (`ndarray`) hide a NumPy array and come out only by ``get``,
``asnumpy`` and ``item``. What CuPy converts or waits for on its own is refused as well: float(), bool(), int(), len(),
iteration, ``numpy.f(array)``. `counting` counts what crosses, `failing` makes a computation raise.

array.py (the array) - ufuncs.py, functions.py, adapters.py (tables of names and signatures) - kernels.py
(elementwise kernels, compiled for the processor) - cuda.py (devices, streams, errors) - special.py - module.py.
"""

from . import module, special
from .array import ndarray
from .counting import Crossings, counting, crossings, failing

__all__ = ["Crossings", "counting", "crossings", "failing", "lib", "module", "ndarray", "special"]


def lib():
    """The row of ``devices.LIBRARIES`` for this stand-in."""
    from torchlean_nb.backend.devices import Library

    cuda = module.cuda
    return Library(
        np=module, special=special, kernel=module.ElementwiseKernel, count=cuda.runtime.getDeviceCount,
        use=lambda i: cuda.Device(i).use(), memory=(cuda.memory.OutOfMemoryError,),
        failures=(cuda.runtime.CUDARuntimeError, cuda.driver.CUDADriverError),
    )  # fmt: skip
