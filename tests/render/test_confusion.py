"""A confusion matrix in words and as a picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from _payloads import PAYLOADS

from torchlean_nb.errors import ShapeError
from torchlean_nb.render.confusion import MOST, confusion_payload, confusion_svg, confusion_text, most_confused
from torchlean_nb.render.confusion_samples import IN_ALL, PER_CELL, SIDE, cell_samples
from torchlean_nb.trace import ConfusionMatrix

M = ConfusionMatrix([[3, 1, 0], [0, 2, 0], [5, 0, 0]], ["cat", "dog", "owl"])


def many(k):
    rng = np.random.default_rng(0)
    return ConfusionMatrix(rng.integers(0, 9, (k, k)) + 20 * np.eye(k, dtype=int))


def test_the_text_has_every_count_and_score():
    lines = M.to_text().splitlines()
    assert lines[0].startswith("accuracy 45.5 %, 5 of 11 samples; counts")
    assert [line.split() for line in lines[1:5]] == [
        ["cat", "dog", "owl"], ["cat", "3", "1", "0"], ["dog", "0", "2", "0"], ["owl", "5", "0", "0"],
    ]  # fmt: skip
    assert [line.split() for line in lines[7:]] == [
        ["cat", "4", "0.375", "0.750", "0.500"], ["dog", "2", "0.667", "1.000", "0.800"],
        ["owl", "5", "0.000", "0.000", "0.000"],
    ]  # fmt: skip


def test_shares_are_of_the_row_or_of_the_column():
    assert confusion_text(M, "row").splitlines()[2].split() == ["cat", "75", "25", "0"]
    assert confusion_text(M, "column").splitlines()[2].split() == ["cat", "38", "33", "0"]
    small = ConfusionMatrix([[997, 3], [0, 1]])
    assert confusion_text(small, "row").splitlines()[2].split() == ["0", "100", "0.3"]


def test_the_picture_has_a_cell_for_every_pair_and_says_what_it_is():
    root = ET.fromstring(confusion_svg(M, "none", (2, 0)))
    space = "{http://www.w3.org/2000/svg}"
    shades = [float(r.get("fill-opacity")) for r in root.iter(space + "rect") if r.get("fill-opacity")]
    assert len(shades) == 9 and [s > 0 for s in shades] == [v > 0 for v in M.counts.ravel().tolist()]
    assert shades[6] == max(shades) and "accuracy 45.5 %" in root.get("aria-label")
    assert len([r for r in root.iter(space + "rect") if r.get("class") == "ring"]) == 1


def test_the_most_frequent_mistake_is_pointed_at():
    assert most_confused(M) == (2, 0)
    assert most_confused(ConfusionMatrix([[3, 0], [0, 2]])) == (0, 0) == most_confused(ConfusionMatrix([]))


@pytest.mark.parametrize("k", [0, 1, 2, 21, MOST, MOST + 5])
def test_any_number_of_classes_can_be_shown(k):
    m = many(k)
    ET.fromstring(m.to_svg())
    payload = confusion_payload(m)
    assert len(payload["labels"]) == len(payload["counts"]) == len(payload["scores"]) == min(k, MOST)
    said = f"{MOST} of {MOST + 5} classes are shown" in m.to_text()
    assert said == (k > MOST) == bool(payload["note"])
    assert payload["rowTotals"] == m.support[:MOST].tolist()


@pytest.mark.parametrize("name", PAYLOADS, ids=[ascii(p)[:30] for p in PAYLOADS])
def test_labels_are_text(name):
    plain, hostile = (ET.fromstring(confusion_svg(ConfusionMatrix([[1, 1], [0, 2]], [n, "b"]))) for n in ("a", name))
    tags = [[e.tag for e in root.iter() if not e.tag.endswith("text")] for root in (plain, hostile)]
    assert tags[0] == tags[1]
    assert len(ConfusionMatrix([[1]], [name]).to_text().splitlines()) == 6


def test_mistakes_come_first_and_few_enough_travel():
    true = np.repeat(np.arange(30), 200)
    predicted = np.where(np.arange(6000) % 10 == 0, (true + 1) % 30, true)
    found = cell_samples(np.zeros((6000, 3)), true, predicted)
    cells = found["cells"]
    assert all(len(c) <= PER_CELL for c in cells.values()) and sum(map(len, cells.values())) == IN_ALL
    assert all(len(cells[f"{i},{(i + 1) % 30}"]) == 20 for i in range(30))
    for cell, ids in cells.items():
        assert all(f"{true[n]},{predicted[n]}" == cell for n in ids)


def test_pictures_become_small_grey_thumbnails():
    import base64

    x = np.zeros((2, 1, 100, 56))
    x[0, 0, :50], x[1, 0, 0, 0] = 10.0, np.nan
    found = cell_samples(x, np.array([0, 1]), np.array([0, 1]))
    assert (found["kind"], found["height"], found["width"]) == ("images", SIDE, SIDE)
    pixels = np.frombuffer(base64.b64decode(found["pixels"]), np.uint8).reshape(2, SIDE, SIDE)
    assert (pixels[0, :14] == 255).all() and not pixels[0, 14:].any() and not pixels[1].any()


def test_rows_keep_their_exact_numbers_and_names():
    x = np.arange(20, dtype=float).reshape(2, 10) / 3
    found = cell_samples(x, np.array([0, 0]), np.array([0, 1]), columns=[f"c{i}" for i in range(10)])
    assert found["columns"] == [f"c{i}" for i in range(8)] and found["of"] == 10
    place = found["place"]
    assert found["values"]["data"][8 * place["1"] : 8 * place["1"] + 8] == x[1, :8].tolist()
    with pytest.raises(ShapeError):
        cell_samples(x, np.array([0]), np.array([0]))
