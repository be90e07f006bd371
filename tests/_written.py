"""Pages for the browser, each made once and written where a test wants it."""

from __future__ import annotations

from functools import cache


def writer(pages):
    """A function that writes pages of these names, `pages` says how each is made, into a folder, and returns that."""
    text = cache(lambda name: pages[name]())

    def written(folder, *names):
        for name in names:
            (folder / f"{name}.html").write_text(text(name), encoding="utf-8")
        return folder

    return written
