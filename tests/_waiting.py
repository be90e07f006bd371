"""Waiting in a browser for what is so, never for a time."""

from __future__ import annotations

FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
GROWING = """async (within) => {
  for (let before = -1, now = 0; before !== now; ) {
    before = now;
    await new Promise((done) => setTimeout(done, 500));
    now = document.querySelectorAll(within + " *").length;
  }
}"""


def until(page, check):
    """Look again and again, for half a minute, while messages come and go."""
    for _ in range(1000):
        if check():
            return
        page.wait_for_timeout(30)
    raise AssertionError("not so after half a minute")


def drawn(page):
    """Wait until what was asked of the next frame is on the screen."""
    page.evaluate(FRAMES)


def grown(page, within="body"):
    """Wait until no element comes any more."""
    page.evaluate(GROWING, within)
