"""The state of the torch-shaped classes: it resumes to the bit, forks, forgets, and refuses what does not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from minimize.closures import B, W, digest, setting

import torchlean_nb as tl
from torchlean_nb import errors
from torchlean_nb.minimizers import METHODS


@pytest.mark.parametrize("name", METHODS)
def test_resuming_is_bitwise_the_same(name):
    whole, closure = setting(name)
    for _ in range(5):
        whole.step(closure)
    first, _ = setting(name)
    for cut in (0, 2):
        for _ in range(cut):
            first.step(closure)
        second, _ = setting(name)
        forked = first.snapshot()
        second.load_state_dict(first.state_dict())
        second.restore(replace(second.snapshot(), values=forked.values, groups=forked.groups))
        for _ in range(5 - cut):
            second.step(closure)
        assert digest(second) == digest(whole)


@pytest.mark.parametrize("name", ["bfgs", "lbfgs", "nelder_mead"])
def test_a_snapshot_stays_valid_and_zero_state_forgets(name):
    opt, closure = setting(name)
    opt.step(closure)
    kept, then = opt.snapshot(), digest(opt)
    opt.step(closure)
    ahead = digest(opt)
    opt.restore(kept)
    assert digest(opt) == then != ahead
    opt.step(closure)
    assert digest(opt) == ahead
    opt.zero_state()
    assert opt.state_dict()["state"] == {} and digest(opt)[0] == ahead[0]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda d: d.pop("state"), "not a state dict"),
        (lambda d: d.__setitem__("state", [1]), "not a state dict"),
        (lambda d: d.__setitem__("param_groups", ["x"]), "group 'x'"),
        (lambda d: d["state"].__setitem__(7, {}), "parameter 7, there are 1"),
        (lambda d: d["state"].__setitem__("9" * 5000, {}), "there are 1"),
        (lambda d: d["state"].__setitem__(10**5000, {}), "parameter <int>, there are 1"),
        (lambda d: d["state"].__setitem__(0, [1]), r"is \[1\]"),
        (lambda d: d["state"][0].__setitem__("d", [[1.0], [2.0, 3.0]]), "not an array"),
        (lambda d: d.__setitem__("rule", "bfgs"), "'bfgs'"),
        (lambda d: d["param_groups"].append({"params": [2]}), "groups"),
        (lambda d: d["param_groups"][0].__setitem__("params", [0]), "groups"),
        (lambda d: d["state"][0].pop("S"), "expected"),
        (lambda d: d["state"][0].__setitem__("S", np.zeros((2, 5))), r"S has shape \(2, 5\)"),
        (lambda d: d["state"][0].__setitem__("d", np.full(6, np.nan)), "d (has|holds)"),
        (lambda d: d["state"][0].__setitem__("iterations", -1), "not a count"),
        (lambda d: d.__setitem__("steps", True), "not a count"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(spoil, words):
    opt, closure = setting("lbfgs")
    opt.step(closure)
    d, before = opt.state_dict(), digest(opt)
    spoil(d)
    with pytest.raises(errors.CheckpointError, match=words):
        opt.load_state_dict(d)
    with pytest.raises(errors.ShapeError, match="another optimizer"):
        opt.restore(tl.optim.SGD({"w": W, "b": B}).snapshot())
    assert digest(opt) == before


def test_a_state_whose_keys_became_text_in_json_is_the_same():
    first, closure = setting("lbfgs")
    first.step(closure)
    second, closure = setting("lbfgs")
    second.restore(first.snapshot())
    second.zero_state()
    d = first.state_dict()
    second.load_state_dict(d | {"state": {str(key): entry for key, entry in d["state"].items()}})
    assert digest(second) == digest(first)
