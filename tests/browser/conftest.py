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
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)  # a loaded machine is no failure
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield b
        b.close()


class Watched:
    """A page, what it complained about, and what it asked the network for."""

    def __init__(self, page):
        self.page, self.errors, self.requests = page, [], []
        page.on("console", self._said)
        page.on("pageerror", lambda e: self.errors.append(str(e)))
        page.on("request", lambda r: self.requests.append(r.url))

    def _said(self, message):
        # JupyterLab says of parts of its own, on a busy machine, that they are slow to activate.
        if message.type in ("error", "warning") and not message.text.startswith("Plugin @jupyterlab/"):
            self.errors.append(message.text)

    @property
    def foreign(self) -> list[str]:
        """Requests that leave the machine."""
        return [u for u in self.requests if not u.startswith(HERE)]


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A JupyterLab that the tests share."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    from _lab import served

    with served(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="session")
def at_rest() -> dict:
    """Pages that wait for the next test, by what they were made with: a new one costs more than most tests."""
    return {}


@pytest.fixture
def watch(browser, at_rest):
    """Open a file at a given width and theme, and check at the end that it was quiet and alone.

    Without a file the page is a new one: a server may leave things behind that a file cannot.
    """
    open_pages = []

    def open_page(path=None, width=724, theme="light", **options):
        size = {"width": width, "height": 900}
        waiting = None if path is None else at_rest.setdefault(tuple(sorted(options.items())), [])
        seen = waiting.pop() if waiting else Watched(browser.new_page(viewport=size, **options))
        open_pages.append((seen, waiting))
        seen.page.emulate_media(color_scheme=theme)
        if path is not None:
            seen.page.set_viewport_size(size)
            seen.page.goto(path.as_uri())
            seen.page.bring_to_front()  # a page that Tab has left takes the focus again
            seen.page.wait_for_selector(".tl")
        return seen

    yield open_page
    for seen, waiting in open_pages:
        if waiting is None:
            seen.page.close()
        else:
            seen.page.mouse.move(0, 0)
            seen.page.goto("about:blank")
        assert seen.foreign == []
        assert seen.errors == []
        if waiting is not None:
            seen.requests.clear()
            waiting.append(seen)
