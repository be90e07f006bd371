"""What the pictures of lessons 13, 20 and 21 say is so."""

from __future__ import annotations

import numpy as np
import pytest

from torchlean_nb.lessons import lr_cliff, published, resume, thermometer, time_machine, workbench
from torchlean_nb.lessons.depth import SCALES, cliff, deep


def he(n):
    return (2 / n) ** 0.5


def lecun(n):
    return (1 / n) ** 0.5


# -- 13 --------------------------------------------------------------------------------------
def test_thirty_layers_of_relu_multiply_thirty_factors():
    last = [deep(std)[0][-1].std() for std in (lambda n: 0.01, lecun, he, lambda n: 0.2)]
    assert last == pytest.approx([4.24e-34, 1.48e-5, 0.484, 4.55e5], rel=5e-3)
    assert last[2] / last[1] == pytest.approx(2.0**15)


@pytest.mark.parametrize(
    ("kind", "std", "ratio"), [("sigmoid", lecun, 2.9e-6), ("tanh", lecun, 1.2), ("relu", he, 1.3)]
)
def test_gradients_vanish_with_sigmoids_only(kind, std, ratio):
    _, grads = deep(std, kind, layers=10, width=64, count=256)
    assert np.linalg.norm(grads[0]) / np.linalg.norm(grads[-1]) == pytest.approx(ratio, rel=0.05)


def test_units_die_of_the_rate():
    dead = {lr: (cliff(lr)[0] == 0).mean() for lr in (0.1, 1.0, 2.0)}
    assert [dead[0.1], dead[1.0]] == pytest.approx([7 / 128, 10 / 128], abs=2 / 128) and dead[2.0] > 0.8
    assert cliff(1.0)[1] > 0.97 and cliff(2.0)[1] < 0.3


def test_the_thermometer_has_every_scale_and_activation():
    deck = thermometer()
    assert len(deck.frames) == 3 * len(SCALES)
    assert "4.2e−34" in deck.at((0, 0)).says and "0.48" in deck.at((4, 0)).says
    assert len({frame.body for frame in deck.frames.values()}) == len(deck.frames)
    deck = lr_cliff()
    assert "% of the units are dead" in deck.at((7,)).says and "this machine" in deck.at((7,)).says
    assert "this machine" not in deck.at((0,)).says


# -- 20 --------------------------------------------------------------------------------------
def test_everything_restored_is_the_same_bits():
    assert resume.parting(resume.resumed((1,) * 6)) is None


@pytest.mark.parametrize(("lost", "first", "times"), [
    ((0,), 1, 6.19), ((1,), 2, 1.08), ((2,), 2, 7.18e5), ((3,), 2, 0.979), ((4,), 1, 1.27), ((5,), 1, 1.10),
    ((1, 2, 3), 2, 1.466),
])  # fmt: skip
def test_every_part_that_is_left_out_shows(lost, first, times):
    found = resume.resumed(tuple(int(k not in lost) for k in range(6)))
    assert resume.parting(found) == first
    assert found[first - 1] / resume.stopped()[2][first - 1] == pytest.approx(times, rel=0.01)


def test_the_time_machine_tells_it():
    deck = time_machine()
    assert len(deck.frames) == 64
    assert deck.at((1,) * 6).says == "Everything is restored. All 30 losses are the same, bit for bit."
    assert "step 2 after the stop: 1.47 times" in deck.at((1, 0, 0, 0, 1, 1)).says


# -- 21 --------------------------------------------------------------------------------------
def test_the_quickstart_is_reproduced_to_every_printed_digit():
    for name, found in published.run().numbers.items():
        assert f"{found:.10f}".startswith(f"{published.PRINTED[name]:.10f}"[:9])
    assert round(published.run().losses[200], 10) == published.PRINTED["loss, step 200"]


def test_any_detail_that_is_changed_shows():
    deck = workbench()
    assert deck.at((0,) * 5).says.endswith("all digits are there.")
    assert all("all digits" not in frame.says for at, frame in deck.frames.items() if any(at))


@pytest.mark.parametrize(
    ("found", "digits"), [(0.2102388, 7), (0.21023881, 7), (0.2102, 4), (0.21, 3), (2.102388, 0), (-0.21, 0)]
)
def test_digits_that_agree(found, digits):
    assert published.agree(found, 0.2102388, 7) == digits
