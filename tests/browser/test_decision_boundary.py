"""DecisionBoundary in a real Chromium: transport, field, points, loss, widths."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from torchlean_nb.render.boundary import outline
from torchlean_nb.trace.boundary import BoundaryTrace
from torchlean_nb.widgets import DecisionBoundary

SIDE = 372
HOSTILE = "<img src=x onerror=alert(1)>"


def film(labels=("left", "right"), frames=5, **changes):
    n = 16
    x = (np.arange(n) + 0.5) / n
    rows = []
    for k in range(frames):
        cut = 0.2 + 0.12 * k
        sure = np.floor(126 * np.abs(x - cut)).astype(int)
        rows.append(np.broadcast_to(np.where(x > cut, 127 + sure, sure), (n, n)))
    points = np.array([[0.25, 0.5], [0.9, 0.5], [0.45, 0.2], [0.6, 0.8]])
    cuts = 0.2 + 0.12 * np.arange(frames)[:, None]
    fields = {
        "name": "film", "steps": np.arange(frames) * 10, "loss": 1 / (1 + np.arange(frames)), "codes": rows,
        "points": points, "targets": [0, 1, 0, 1], "guesses": (points[:, 0] > cuts).astype(int),
        "bounds": (0, 1, 0, 1), "labels": labels,
    }  # fmt: skip
    return BoundaryTrace(**fields | changes)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boundary")
    DecisionBoundary(film(), step=0).to_html(folder / "film.html")
    DecisionBoundary(film((HOSTILE, "b"), axes=(HOSTILE, "y"))).to_html(folder / "hostile.html")
    codes = np.broadcast_to(np.linspace(0, 254, 16).astype(int), (2, 16, 16))
    surface = film((), 2, codes=codes, scale=(0.0, 2.0), loss=[np.nan, 0.5])
    DecisionBoundary(surface, title="Surface").to_html(folder / "surface.html")
    DecisionBoundary(film(frames=1, loss=[np.inf])).to_html(folder / "one.html")
    return folder


@pytest.fixture
def page(watch, pages):
    return watch(pages / "film.html").page


def pixel(page, x, y):
    """Colour of a cell of the field, as drawn: red, green, blue, opacity."""
    return page.evaluate(
        """async ([x, y]) => {
      const image = new Image();
      image.src = document.querySelector('.bd-field image').getAttribute('href');
      await image.decode();
      const canvas = document.createElement('canvas');
      canvas.width = image.width; canvas.height = image.height;
      const pen = canvas.getContext('2d');
      pen.drawImage(image, 0, 0);
      return [...pen.getImageData(x, y, 1, 1).data];
    }""",
        [x, y],
    )


def test_the_transport_goes_through_the_frames(page):
    expect(page.locator(".tl-narr")).to_have_text(
        "Before the first update the loss is 1; 2 of 4 points are on their side (50 %)."
    )
    page.locator(".tl").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tl")).to_have_attribute("data-step", "1")
    expect(page.locator(".bd-now")).to_have_text("0.5 after 10 updates")
    page.keyboard.press("End")
    expect(page.locator(".tl-count")).to_have_text("update 40 of 40")
    page.keyboard.press("r")
    expect(page.locator(".tl")).to_have_attribute("data-step", "0")
    page.get_by_role("slider", name="Step").fill("2")
    expect(page.locator(".bd-now")).to_contain_text("after 20 updates")
    expect(page.get_by_role("slider", name="Step")).to_have_attribute("aria-valuetext", "after 20 updates")
    page.keyboard.press("Space")
    expect(page.locator(".tl")).to_have_attribute("data-step", "4")


def test_the_line_is_where_python_draws_it(page):
    for k in range(5):
        page.get_by_role("slider", name="Step").fill(str(k))
        d = page.locator(".bd-line").get_attribute("d")
        drawn = np.array([float(v) for v in re.findall(r"-?[\d.]+", d)]).reshape(-1, 4)
        mine = np.array(outline(film(), k)) * SIDE / 16
        mine[:, [1, 3]] = SIDE - mine[:, [1, 3]]
        assert np.allclose(drawn, mine, atol=0.006)


def test_points_that_are_wrong_are_marked_and_counted(page):
    expected = (film().guesses != film().targets).sum(axis=1)
    for k in range(5):
        page.get_by_role("slider", name="Step").fill(str(k))
        assert page.locator(".bd-wrong").count() == expected[k]
    assert page.locator(".bd-legend td.tl-n").all_inner_texts() == ["2 of 2", "1 of 2"]
    expect(page.locator(".bd-mark title").nth(3)).to_have_text("right; the model says left")


def test_the_field_has_the_colours_of_its_classes(page):
    left, right = pixel(page, 0, 0), pixel(page, 15, 0)
    assert left[2] > left[0] and right[0] > right[2] and right[3] > left[3]
    page.locator(".tl").focus()
    page.keyboard.press("End")
    assert pixel(page, 0, 0)[3] > left[3]


def test_a_press_on_the_loss_goes_there(page):
    box = page.locator(".bd-curve").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.52, box["y"] + 30)
    expect(page.locator(".tl")).to_have_attribute("data-step", "2")


def test_a_surface_has_a_scale_and_lines(watch, pages):
    page = watch(pages / "surface.html").page
    expect(page.locator(".bd-scale")).to_have_text(re.compile("0.*2"))
    assert page.locator(".bd-line").get_attribute("d").count("M") == 5 * 15
    page.locator(".tl").focus()
    page.keyboard.press("Home")
    expect(page.locator(".bd-now")).to_contain_text("not a number")


def test_hostile_labels_are_text(watch, pages):
    page = watch(pages / "hostile.html").page
    assert page.locator("img").count() == 0
    expect(page.locator(".bd-legend td").first).to_have_text(HOSTILE)


@pytest.mark.parametrize("width", [724, 480, 362])
@pytest.mark.parametrize("name", ["film", "surface", "one"])
def test_nothing_is_wider_than_its_cell(watch, pages, width, name):
    page = watch(pages / f"{name}.html", width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".tl-tr").count() == (name != "one")
