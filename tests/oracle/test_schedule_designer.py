"""The PyTorch code beside a schedule, run by PyTorch, gives the rates of the schedule."""

from __future__ import annotations

import warnings

import pytest
import torch

from torchlean_nb import schedules as S
from torchlean_nb.render.schedule_code import functions, torch_program

pytestmark = pytest.mark.oracle
ROWS = [row for row in S.SCHEDULES.values() if row.builtin]
CASES = [pytest.param(row(**s), id=f"{row.name}-{i}") for row in ROWS for i, s in enumerate(row.samples)]
JOINED = S.join([S.linear_factor(0.1, total=4), S.cosine_annealing(0.1, total=30), S.step_decay(0.1, 5)], [6, 20])


@pytest.mark.parametrize("s", [*CASES, pytest.param(JOINED, id="joined"), pytest.param(2 * JOINED, id="scaled")])
def test_the_twin_makes_the_same_rates(s):
    code, _ = torch_program(s)
    if not code:
        pytest.skip("momentum moves inside another scheduler")
    rate = 1.0 if "has lr=1.0" in code else s.hypers.get("base", s(0)) if s.name != "join" else 0.1
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=float(rate) or 1.0)
    space = {"optimizer": optimizer, **functions(s)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # SequentialLR itself calls step with an epoch
        exec(code, space)
        for k in range(60):
            if k >= getattr(space["scheduler"], "total_steps", 10**9):
                break
            assert optimizer.param_groups[0]["lr"] == pytest.approx(s(k), rel=1e-9, abs=1e-12), k
            optimizer.step()
            space["scheduler"].step()


def test_parts_with_one_rate_become_pytorchs_sequence():
    code, note = torch_program(JOINED)
    assert "SequentialLR" in code and "CosineAnnealingLR" in code and note.endswith("lr=0.1.")
    assert "LambdaLR" in torch_program(S.join([S.constant(0.1), S.constant(0.2)], [5]))[0]
