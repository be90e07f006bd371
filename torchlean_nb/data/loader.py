"""Batches, epoch after epoch, with a cursor that can be saved and taken up again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torchlean_nb.backend.random import check_seed
from torchlean_nb.data.columns import Batch, freeze
from torchlean_nb.data.dataset import BATCH_SIZE, Dataset
from torchlean_nb.data.order import Compounding, Generated, InOrder
from torchlean_nb.errors import CheckpointError, DataError, HandleTypeError, quote
from torchlean_nb.hypers import Hyper, flag

_ORDER = Hyper(kind="choice", choices=("generator", "torchlean"))


class DataLoader:
    """Shuffled batches of a Dataset.

    The loader has one cursor: ``for batch in loader`` runs from where it stands to the end of its epoch, a second
    loop gives the next epoch, and a loop that was left early goes on with the batch after the last one it gave.

    Parameters
    ----------
    dataset : Dataset
    batch_size : int
    shuffle : bool
    seed : int
        The order of an epoch is a pure function of seed and epoch.
    drop_last : bool
        Leave out a last batch that is smaller.
    order : {"generator", "torchlean"}
        How to shuffle: by a `numpy.random.Generator`, or by TorchLean's `lcg_shuffle` of the epoch before.

    Raises
    ------
    HyperparameterError, DataError

    Examples
    --------
    >>> loader = DataLoader(Dataset(range(5)), batch_size=2, seed=1)
    >>> [x.tolist() for x, in loader]
    [[4, 0], [1, 2], [3]]
    >>> saved = loader.state_dict()
    >>> again = DataLoader(Dataset(range(5)), batch_size=2, seed=1)
    >>> again.load_state_dict(saved)
    >>> [x.tolist() for x, in again] == [x.tolist() for x, in loader]
    True
    """

    def __init__(
        self, dataset: Dataset, batch_size: int = 32, *, shuffle: bool = True, seed: int = 0, drop_last: bool = False,
        order: str = "generator",
    ) -> None:  # fmt: skip
        if not isinstance(dataset, Dataset):
            raise HandleTypeError(f"DataLoader: {type(dataset).__name__} is not a Dataset", None, "Dataset(X, y)")
        self.dataset, self.seed = dataset, check_seed(seed)
        self.batch_size = BATCH_SIZE.check("DataLoader", "batch_size", batch_size)
        self.shuffle = flag().check("DataLoader", "shuffle", shuffle)
        self.drop_last = flag().check("DataLoader", "drop_last", drop_last)
        self.order = _ORDER.check("DataLoader", "order", order)
        if len(self) == 0:
            raise DataError(
                f"DataLoader: no full batch of batch_size={batch_size} in {len(dataset)} rows", "drop_last=True"
            )
        n = len(dataset)
        if not shuffle:
            first = InOrder(n)
        else:
            first = Generated(n, self.seed) if order == "generator" else Compounding.start(n, self.seed)
        self._cursor = first, 0

    @property
    def epoch(self) -> int:
        """Epoch of the next batch, from 0."""
        return self._cursor[0].epoch

    @property
    def batch(self) -> int:
        """Number of the next batch in its epoch, from 0."""
        return self._cursor[1]

    def __len__(self) -> int:
        n, size = len(self.dataset), self.batch_size
        return n // size if self.drop_last else -(-n // size)

    def __repr__(self) -> str:
        return (
            f"DataLoader({self.dataset!r}, batch_size={self.batch_size}, "
            f"at epoch {self.epoch}, batch {self.batch} of {len(self)})"
        )

    def peek(self) -> Batch:
        """The next batch; the cursor stays."""
        order, at = self._cursor
        place = slice(at * self.batch_size, (at + 1) * self.batch_size)
        if order.__class__ is InOrder:  # rows that lie together need no copy
            return tuple([a[place] for a in self.dataset.arrays])
        rows = order.rows[place]
        return tuple([freeze(a.take(rows, axis=0)) for a in self.dataset.arrays])  # a third of the price of a[rows]

    def next_batch(self) -> Batch:
        """The next batch, of the next epoch when this one is over."""
        order, at = self._cursor
        batch = self.peek()
        # One assignment: an interrupt leaves the cursor before or after this batch, never between.
        self._cursor = (order, at + 1) if at + 1 < len(self) else (order.next(), 0)
        return batch

    def __iter__(self) -> Iterator[Batch]:
        epoch = self.epoch
        while self.epoch == epoch:
            yield self.next_batch()

    def _identity(self) -> dict[str, Any]:
        return {
            "rows": len(self.dataset), "data": self.dataset.digest, "batch_size": self.batch_size, "seed": self.seed,
            "shuffle": self.shuffle, "drop_last": self.drop_last, "order": self.order,
        }  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Cursor and settings, in plain numbers and strings that JSON keeps as they are."""
        order, at = self._cursor
        return {"loader": self._identity(), "batch": at, "cursor": order.state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken, batch for batch the same.

        Raises
        ------
        CheckpointError
            When the state is of another loader or other data; the cursor stays where it is.
        """
        if not isinstance(state, Mapping) or set(state) != {"loader", "batch", "cursor"}:
            raise CheckpointError("DataLoader: this is not a state of a loader", "it must be a dict of state_dict()")
        mine, theirs = self._identity(), state["loader"]
        if not isinstance(theirs, Mapping) or set(theirs) != set(mine):
            raise CheckpointError("DataLoader: this is not a state of a loader", "it must be a dict of state_dict()")
        for name, value in mine.items():
            if theirs[name] != value or type(theirs[name]) is not type(value):
                raise CheckpointError(
                    f"DataLoader: the state has {name}={quote(theirs[name], 40)}, this loader {quote(value, 40)}",
                    "the batches would not be the same",
                )
        at, cursor = state["batch"], state["cursor"]
        if type(at) is not int or not 0 <= at < len(self):
            raise CheckpointError(f"DataLoader: batch={quote(at)} in the state", f"it must be in 0..{len(self) - 1}")
        epoch = cursor.get("epoch") if isinstance(cursor, Mapping) else None
        if type(epoch) is not int or epoch < 0:
            raise CheckpointError(f"DataLoader: epoch={quote(epoch)} in the state", "it must be an int >= 0")
        self._cursor = self._cursor[0].restored(cursor), at


def torchlean_loader(
    dataset: Dataset, batch_size: int, shuffle: bool = False, seed: int = 0, drop_last: bool = False
) -> DataLoader:
    """TorchLean's loader with its defaults: not shuffled unless asked, and then by the compounding LCG shuffle.

    Examples
    --------
    >>> loader = torchlean_loader(Dataset(range(5)), 5, shuffle=True)
    >>> [[x.tolist() for x, in loader] for _ in range(2)]
    [[[0, 4, 2, 1, 3]], [[3, 1, 4, 0, 2]]]
    """
    return DataLoader(dataset, batch_size, shuffle=shuffle, seed=seed, drop_last=drop_last, order="torchlean")
