"""DecisionBoundary: what it takes, what it says without a front end, and names that stay text."""

from __future__ import annotations

import pytest
from _decks import film

import torchlean_nb as tl
from torchlean_nb.errors import CapabilityError, HandleTypeError
from torchlean_nb.widgets import DecisionBoundary


def test_it_begins_with_the_last_frame_and_follows_the_step():
    view = DecisionBoundary(film())
    assert view.describe() == "2 classes, 2 points, frame 2 of 2" and view.title == "moons"
    last = view.to_svg()
    assert view.says == "After 9 updates the loss is 0.25; 2 of 2 points are on their side (100 %)."
    view.step = 0
    assert view.to_svg() != last and view.says.startswith("Before the first update the loss is 0.7; 1 of 2 points")
    assert view.to_text().splitlines()[0] == f"moons: {view.says}"
    view.step = 99
    assert view.step == 1
    assert DecisionBoundary(film(), step=0).now["step"] == 0


def test_a_recorder_is_as_good_as_its_trace():
    seen = tl.train.BoundaryRecorder(resolution=8)
    with pytest.raises(CapabilityError):
        DecisionBoundary(seen)
    trainer = tl.train.Trainer(tl.nn.Linear(2, 2), task="classification")
    trainer.fit(tl.data.moons(20), steps=2, batch_size=10, callbacks=seen, progress=False)
    assert seen.show().payload == DecisionBoundary(seen.trace()).payload == seen.trace().show().payload
    for wrong in (None, 3, object(), tl.trace.RunTrace("r")):
        with pytest.raises(HandleTypeError):
            DecisionBoundary(wrong)


def test_without_a_front_end_it_is_a_picture_and_words():
    still, _ = DecisionBoundary(film())._repr_mimebundle_()
    assert still["image/svg+xml"].startswith("<svg") and "After 9 updates" in still["text/plain"]


def test_it_writes_the_page_and_the_animation(tmp_path):
    assert film().to_html(tmp_path / "a.html") == (tmp_path / "a.html").read_text(encoding="utf-8")
    DecisionBoundary(film()).to_gif(tmp_path / "a.gif")
    assert (tmp_path / "a.gif").read_bytes().startswith(b"GIF89a")
