"""Taken up in another process, a run equals one that never stopped: every optimizer and schedule, at every cut."""

from __future__ import annotations

import pytest

import torchlean_nb as tl
from tests.saving import resuming
from torchlean_nb.errors import CheckpointError


def test_every_optimizer_and_schedule_goes_on_in_another_process_bit_for_bit(tmp_path):
    count = resuming.write(tmp_path)
    assert resuming.elsewhere(tmp_path) == f"{count * resuming.STEPS} runs are the same bit for bit\n"


@pytest.mark.parametrize("part", ["session", "optimizer", "scheduler", "loader", "noise"])
def test_a_run_without_one_of_its_parts_is_another_run(part, tmp_path):
    a, b = (resuming.Loop("adam", "StepLR") for _ in range(2))
    a.train(3)
    tl.save(tmp_path / "run.tl", a.parts)
    a.train(3)
    tl.load(tmp_path / "run.tl", into={name: x for name, x in b.parts.items() if name != part})
    b.train(3)
    tl.save(tmp_path / "a.tl", {"session": a.session, "optimizer": a.optimizer})
    tl.save(tmp_path / "b.tl", {"session": b.session, "optimizer": b.optimizer})
    assert resuming.bits(tl.load(tmp_path / "a.tl")) != resuming.bits(tl.load(tmp_path / "b.tl"))


def test_a_trainer_of_another_sort_is_told_what_differs_and_stays_as_it_is(tmp_path):
    a, b = resuming.trainer("adam"), resuming.trainer("sgd")
    a.fit(resuming.DATA, steps=2, progress=False)
    tl.save(tmp_path / "run.tl", a)
    tl.save(tmp_path / "before.tl", b)
    with pytest.raises(CheckpointError, match="another optimizer"):
        tl.load(tmp_path / "run.tl", into=b)
    tl.save(tmp_path / "after.tl", b)
    assert (tmp_path / "before.tl").read_bytes() == (tmp_path / "after.tl").read_bytes()


def test_a_trainers_file_gives_its_model_to_who_only_wants_to_predict(tmp_path):
    a = resuming.trainer()
    a.fit(resuming.DATA, steps=2, progress=False)
    tl.save(tmp_path / "run.tl", a)
    net = tl.nn.Sequential(*resuming.LAYERS).bind(tl.Session(), seed=9).eval()
    found = tl.load(tmp_path / "run.tl", into={"model": net})
    assert (net.predict(resuming.X) == a.predict(resuming.X)).all()
    assert found.kind == "Trainer" and found["step"] == 2


def test_options_that_are_functions_stay_those_of_the_optimizer(tmp_path):
    def twice(xp, m):
        return 2 * m

    def made():
        return tl.optim.OrthogonalMomentum([{"params": {"w": [[1.0, 2.0]]}, "orthogonalizer": twice}], lr=0.1)

    a, b = made(), made()
    for opt in (a, b):
        opt.step([[[1.0, -1.0]]])
    tl.save(tmp_path / "opt.tl", a)
    tl.load(tmp_path / "opt.tl", into=b)
    assert b.param_groups[0]["orthogonalizer"] is twice
    assert "orthogonalizer" not in tl.load(tmp_path / "opt.tl")["param_groups"][0]
