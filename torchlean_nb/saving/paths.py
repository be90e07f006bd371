"""What a checkpoint says where it may not be written or read."""

from __future__ import annotations

from functools import partial

from torchlean_nb import files
from torchlean_nb.errors import CheckpointError


class MissingCheckpointError(CheckpointError, FileNotFoundError):
    """A checkpoint, or a folder for it, that is not there."""


class CheckpointFolderError(CheckpointError, IsADirectoryError):
    """A folder where a checkpoint was expected."""


class CheckpointExistsError(CheckpointError, FileExistsError):
    """A file that is not to be replaced."""


class CheckpointPermissionError(CheckpointError, PermissionError):
    """A place where nothing may be read or written."""


WORDS = files.Words(
    "checkpoint folder", CheckpointError, MissingCheckpointError, CheckpointFolderError, CheckpointExistsError,
    CheckpointPermissionError,
)  # fmt: skip
local_path = partial(files.local_path, words=WORDS)
new_path = partial(files.new_path, words=WORDS)
opened = partial(files.opened, words=WORDS)
replace_file = partial(files.replace_file, words=WORDS)
trouble = partial(files.trouble, words=WORDS)
