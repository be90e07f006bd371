"""Files that users name: which may be opened, and writing them whole or not at all.

Everything the toolkit reads or writes by a path that somebody gave goes through here: data, checkpoints, traces,
tables, pictures and pages.
"""

from torchlean_nb.files.atomic import replace_file
from torchlean_nb.files.paths import FILE, Location, Words, check_name, local_path, new_path, path_text, trouble
from torchlean_nb.files.using import opened, read_text, write

__all__ = [
    "FILE", "Location", "Words", "check_name", "local_path", "new_path", "opened", "path_text", "read_text",
    "replace_file", "trouble", "write",
]  # fmt: skip
