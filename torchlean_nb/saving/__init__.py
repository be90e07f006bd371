"""Files that a run can be taken up from: checkpoints, TorchLean's parameter lists, safetensors.

``save(path, obj)`` writes the state of one object, or of a dict of them, to one file without code in it;
``load(path)`` reads it, and ``load(path, into=obj)`` goes on from it, bit for bit as if nothing had stopped.
`paramio` reads and writes TorchLean's JSON of parameters, `tensors` the safetensors format.
"""

from torchlean_nb.saving import paramio as paramio
from torchlean_nb.saving import tensors as tensors
from torchlean_nb.saving.bundle import load as load
from torchlean_nb.saving.bundle import save as save
from torchlean_nb.saving.checkpoint import Checkpoint as Checkpoint

__all__ = ["Checkpoint", "load", "paramio", "save", "tensors"]


def __dir__() -> list[str]:
    return __all__
