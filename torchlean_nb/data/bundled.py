"""The small data sets that come with scikit-learn: no network is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from torchlean_nb.data.dataset import Dataset
from torchlean_nb.errors import BackendError

Loaded = Dataset | tuple[Dataset, Dataset]


def load_digits(
    *, images: bool = False, standardise: bool = False, test: float | None = None, seed: int = 0
) -> Loaded:
    """1,797 handwritten digits, 8 x 8 pixels of 0 to 16.

    Parameters
    ----------
    images : bool
        Samples of shape (1, 8, 8) for convolutions instead of (64,).
    standardise : bool
        Columns of mean 0 and deviation 1, by the numbers of the training rows.
    test : float or int
        Share (or number) of rows to hold out: the result is then ``(train, test)``.
    seed : int
        Of the split.

    Raises
    ------
    BackendError
        When scikit-learn is not installed.

    Examples
    --------
    >>> load_digits(images=True)
    Dataset(1797 rows: X (1, 8, 8) float64, y () int64)
    """
    return _load("digits", standardise, test, seed, (1, 8, 8) if images else None)


def load_iris(*, standardise: bool = False, test: float | None = None, seed: int = 0) -> Loaded:
    """150 irises: four lengths in cm, three species.

    Options are those of `load_digits`.

    Examples
    --------
    >>> train, test = load_iris(standardise=True, test=0.2)
    >>> len(train), len(test), train.classes
    (120, 30, ('setosa', 'versicolor', 'virginica'))
    """
    return _load("iris", standardise, test, seed)


def load_wine(*, standardise: bool = False, test: float | None = None, seed: int = 0) -> Loaded:
    """178 wines: thirteen chemical measurements, three growers.

    Options are those of `load_digits`.

    Examples
    --------
    >>> load_wine().columns[:3]
    ('alcohol', 'malic_acid', 'ash')
    """
    return _load("wine", standardise, test, seed)


def load_breast_cancer(*, standardise: bool = False, test: float | None = None, seed: int = 0) -> Loaded:
    """569 biopsies: thirty measurements of cell nuclei, malignant (0) or benign (1).

    Options are those of `load_digits`.

    Examples
    --------
    >>> load_breast_cancer()
    Dataset(569 rows: X (30,) float64, y () int64)
    """
    return _load("breast_cancer", standardise, test, seed)


def load_diabetes(*, standardise: bool = False, test: float | None = None, seed: int = 0) -> Loaded:
    """442 patients: ten measurements, and as target how far the disease went in a year.

    The target is a column, of shape (1,) in each sample. Other options are those of `load_digits`.

    Examples
    --------
    >>> load_diabetes()
    Dataset(442 rows: X (10,) float64, y (1,) float64)
    """
    return _load("diabetes", standardise, test, seed)


def _load(name: str, standardise: bool, test: Any, seed: int, shape: tuple[int, ...] | None = None) -> Loaded:
    try:
        sets = import_module("sklearn.datasets")
    except ImportError as e:
        raise BackendError(
            f"load_{name} needs scikit-learn, which brings the data", str(e), "pip install scikit-learn"
        ) from None
    # `scaled=False` gives the diabetes measurements as they were taken, like all the others.
    raw = getattr(sets, f"load_{name}")(**({"scaled": False} if name == "diabetes" else {}))
    x, columns = raw.data, tuple(map(str, raw.feature_names))
    if shape:
        x, columns = x.reshape(-1, *shape), None
    if name == "diabetes":
        ds = Dataset(x, raw.target[:, None], columns=columns)
    else:
        ds = Dataset(x, raw.target.astype(np.int64), columns=columns, classes=tuple(map(str, raw.target_names)))
    if test is None:
        return ds.standardise() if standardise else ds
    train, held_out = ds.split(test, seed)
    return train.standardise(held_out) if standardise else (train, held_out)
