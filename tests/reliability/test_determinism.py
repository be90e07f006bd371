"""The same run gives the same bits: in any order, in a fresh process, under another hash seed, with more threads.

Nothing is computed in this process: what other test files have left in it is theirs, and `all_stays` looks after it.
100 runs: ``python -m tests.reliability.determinism 100``; lessons on other processors: ``tests.reliability.machines``.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from reliability import determinism, machines
from reliability.determinism import SETTINGS, afresh


@pytest.fixture(scope="module")
def runs():
    """Two of one process, and one of another that differs in both settings."""
    with ThreadPoolExecutor(2) as pool:
        both, other = pool.map(afresh, ("twice", "run"), (0, 2), (SETTINGS[0], SETTINGS[-1]))
    return [*both, other]


def differing(a, b):
    return {name for name in {*a} | {*b} if a.get(name) != b.get(name)}


def test_another_order_in_the_same_process_and_a_disturbed_world_change_nothing(runs):
    assert len(runs[0]) > 200 and differing(runs[0], runs[1]) == set()


def test_a_fresh_process_with_another_hash_seed_and_number_of_threads_changes_nothing(runs):
    # They are named by their number of threads, on which alone they may hang; with one core that is the same.
    assert differing(runs[0], runs[2]) <= {"wide products, 1 threads", "wide products, 2 threads"}


def test_a_computation_that_hangs_on_what_came_before_or_is_global_is_found(monkeypatch):
    calls = []

    def jobs(folder):
        return {"steady": lambda: np.ones(2), "counts": lambda: calls.append(1) or len(calls),
                "prints": lambda: str(np.ones(2) / 3), "here": lambda: str(Path.cwd())}  # fmt: skip

    monkeypatch.setattr(determinism, "jobs", jobs)
    assert set(determinism.repeated(3, 0)[1]) == {"counts", "prints", "here"}


@pytest.mark.parametrize(("a", "b", "far"), [
    ("loss 0.123456", "loss 0.123456", 0.0), ("loss 0.5 in 3 ms", "loss 0.5 in 4 ms", 0.0),
    ("1.0 and 2.0", "1.0 and 2.5", 0.2), ("x = −2.0", "x = −2.1", 0.1 / 2.1), ("yes 1", "no 1", np.inf),
    ("[1, 2]", "[1, 2, 3]", np.inf),
])  # fmt: skip
def test_outputs_are_compared_by_their_words_and_numbers(a, b, far):
    assert machines.difference(a, b) == pytest.approx(far)
