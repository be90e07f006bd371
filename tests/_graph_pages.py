"""Graphs, tapes, ledgers and arrays on pages of their own, for the browser."""

from __future__ import annotations

import _traces
import numpy as np
from _written import writer
from playwright.sync_api import expect

import torchlean_nb as tl
from torchlean_nb.render.html import html
from torchlean_nb.widgets import GradientLedger, TapeTable, TensorView

SMALLEST = """() => Math.min(99, ...[...document.querySelectorAll('.tl-node text')].map(
    t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a))"""


def opened():
    s = tl.Session()
    z = s.param([[1.0, 2.0, -1.0], [0.5, -0.3, 0.2]], name="z")
    return s.trace(tl.cross_entropy(z, np.array([0, 1])), inside="all")


def mixed():
    s = tl.Session()
    z = s.param([[1.0, 2.0, -1.0], [0.5, -0.3, 0.2]], name="z")
    w = s.param([[0.3, -0.2, 0.5], [0.1, 0.4, -0.6]], name="w")
    loss = tl.cross_entropy(tl.linear(tl.tanh(z), w), np.array([0, 1])) + tl.mse_loss(tl.softmax(z @ w.T), np.eye(2))
    return s.trace(loss, inside="all")


PAGES = {
    "stepper": lambda: html(_traces.two_layers(), step=0),
    "predict": lambda: html(_traces.scalar(), step=4, predict=True),
    "deep": lambda: html(_traces.deep(40), step=1), "folded": lambda: html(_traces.deep(100), step=1),
    "opened": lambda: html(opened()), "mixed": lambda: html(mixed()),
    "hostile": lambda: html(_traces.named("<img src=x onerror=alert(1)>")),
    "present": lambda: html(_traces.two_layers(), presentation=True),
    "tape": lambda: TapeTable(_traces.two_layers()).to_html(),
    "ledger": lambda: GradientLedger(_traces.two_layers(), "W2").to_html(),
    "tensor": lambda: TensorView(np.random.default_rng(0).normal(size=(3, 20, 14)), "t").to_html(),
}  # fmt: skip
written = writer(PAGES)


def at(page, k):
    expect(page.locator(".tl")).to_have_attribute("data-step", str(k))


def count(page):
    return page.locator(".tl-count").inner_text()
