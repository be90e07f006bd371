"""A Chromium of the system, one per session; without one these tests are skipped and say why."""

from __future__ import annotations

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


HERE = ("file:", "data:", "blob:", "http://127.0.0.1", "http://localhost", "ws://127.0.0.1", "ws://localhost")


def chromium() -> str | None:
    """Path of a Chromium: $CHROMIUM, or the first one on PATH."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def browser():
    path = chromium()
    if path is None:
        pytest.skip("no Chromium: none of " + ", ".join(NAMES) + " is on PATH and $CHROMIUM is not set")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield b
        b.close()


class Watched:
    """A page, what it complained about, and what it asked the network for."""

    def __init__(self, page):
        self.page, self.errors, self.requests = page, [], []
        page.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: self.errors.append(str(e)))
        page.on("request", lambda r: self.requests.append(r.url))

    @property
    def foreign(self) -> list[str]:
        """Requests that leave the machine."""
        return [u for u in self.requests if not u.startswith(HERE)]


@pytest.fixture
def watch(browser):
    """Open a page of given width and theme, and check at the end that it was quiet and alone."""
    open_pages = []

    def open_page(path=None, width=724, theme="light", **options):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme, **options)
        seen = Watched(page)
        open_pages.append(seen)
        if path is not None:
            page.goto(path.as_uri())
            page.wait_for_selector(".tl")
        return seen

    yield open_page
    for seen in open_pages:
        seen.page.close()
        assert seen.foreign == []
        assert seen.errors == []
