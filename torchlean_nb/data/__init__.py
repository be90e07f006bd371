"""Data to learn from: frozen tables of samples, batches in an order that can be taken up again, strict readers.

``dataset`` and ``loader`` hold samples and hand out batches, ``order`` says in which order, ``splitting`` who learns
from which; ``batched`` has batches of one size, ``changing`` functions of samples; ``csv_files``, ``npy``
and ``npz`` read files and name what is wrong with them; ``bundled`` has scikit-learn's small sets, ``made`` those
that are a formula.
"""

from torchlean_nb.data.batched import BatchLoader, batched
from torchlean_nb.data.bundled import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from torchlean_nb.data.changing import Compose, Normalize
from torchlean_nb.data.columns import collate
from torchlean_nb.data.csv_files import read_csv
from torchlean_nb.data.csv_writing import write_csv
from torchlean_nb.data.dataset import Dataset
from torchlean_nb.data.labels import labels, one_hot
from torchlean_nb.data.loader import DataLoader, torchlean_loader
from torchlean_nb.data.made import moons, regression_grid, spirals, xor
from torchlean_nb.data.npy import read_npy
from torchlean_nb.data.npz import read_npz
from torchlean_nb.data.order import lcg_next, lcg_shuffle
from torchlean_nb.errors import NoAttributeError as _NoAttributeError

__all__ = [
    "Dataset", "DataLoader", "torchlean_loader", "BatchLoader", "batched", "collate", "labels", "one_hot", "Compose",
    "Normalize",
    "load_digits", "load_iris", "load_wine", "load_breast_cancer", "load_diabetes",
    "moons", "spirals", "xor", "regression_grid",
    "read_csv", "write_csv", "read_npy", "read_npz",
    "lcg_next", "lcg_shuffle",
]  # fmt: skip


def __getattr__(name: str):
    raise _NoAttributeError.of("tl.data", name, __all__)
