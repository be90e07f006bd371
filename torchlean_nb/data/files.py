"""What a file of data says where it may not be read or written."""

from __future__ import annotations

from functools import partial

from torchlean_nb import files
from torchlean_nb.errors import LoadError, MissingFileError
from torchlean_nb.files import Location

__all__ = ["Location", "local_path", "new_path", "opened", "replace_file"]

WRITTEN = files.Words("data folder")
_READ = files.Words("data folder", LoadError, MissingFileError, LoadError, LoadError, LoadError)

local_path = partial(files.local_path, words=_READ)
opened = partial(files.opened, words=_READ)
new_path = partial(files.new_path, words=WRITTEN)
replace_file = partial(files.replace_file, words=WRITTEN)
