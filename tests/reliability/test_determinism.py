"""The same run gives the same bits: in any order, in a fresh process, under another hash seed, with more threads.

100 runs: ``python -m tests.reliability.determinism 100``; lessons on other processors: ``tests.reliability.machines``.
"""

from __future__ import annotations

import numpy as np
import pytest
from reliability import determinism, machines
from reliability.determinism import afresh, run

import torchlean_nb as tl


@pytest.fixture(scope="module")
def first():
    yield run(0)
    tl.optim.rules.rows.pop("of_thread", None)


def differing(a, b):
    assert len({*a} ^ {*b}) in (0, 2)  # the wide products, when the number of threads is another
    return {name for name in {*a} & {*b} if a[name] != b[name]}


def test_another_order_in_the_same_process_changes_nothing(first):
    assert len(first) > 200 and differing(first, run(1)) == set()


def test_a_fresh_process_with_another_hash_seed_and_number_of_threads_changes_nothing(first):
    other = "1" if tl.threads().count > 1 else "2"
    assert differing(first, afresh(2, {"PYTHONHASHSEED": "4321", "OPENBLAS_NUM_THREADS": other})) == set()


def test_a_computation_that_hangs_on_what_came_before_is_found(monkeypatch):
    calls, real = [], determinism.jobs

    def jobs(folder):
        return {"steady": lambda: np.ones(2), "counts": lambda: calls.append(1) or len(calls)}

    monkeypatch.setattr(determinism, "jobs", jobs)
    assert set(determinism.repeated(3, 0)[1]) == {"counts"} and real is not jobs


@pytest.mark.parametrize(("a", "b", "far"), [
    ("loss 0.123456", "loss 0.123456", 0.0), ("loss 0.5 in 3 ms", "loss 0.5 in 4 ms", 0.0),
    ("1.0 and 2.0", "1.0 and 2.5", 0.2), ("x = −2.0", "x = −2.1", 0.1 / 2.1), ("yes 1", "no 1", np.inf),
    ("[1, 2]", "[1, 2, 3]", np.inf),
])  # fmt: skip
def test_outputs_are_compared_by_their_words_and_numbers(a, b, far):
    assert machines.difference(a, b) == pytest.approx(far)
