"""A cell that is run again and again leaves what one run leaves: the newest view, the newest result, no memory."""

from types import SimpleNamespace

import pytest

pytest.importorskip("jupyter_client")

from tests.load.reruns import GROWTH, again, kernel
from torchlean_nb.outputs import Outputs
from torchlean_nb.render.plots import curves

START = """
import numpy as np, torchlean_nb as tl
from torchlean_nb.render.plots import curves
moons = tl.data.moons()
"""
CELLS = {
    "steps": "s = tl.Session()\ns.show((s.param(np.ones((20, 30))) @ s.input(np.ones((30, 40)))).tanh().sum())",
    "curve": "curves({'loss': np.random.default_rng(0).random(900)}, title='noise')",
    "train": "net = tl.nn.Sequential(tl.nn.Linear(2, 8), tl.nn.Tanh(), tl.nn.Linear(8, 2))\n"
    "tl.Trainer(net, task='classification').fit(moons, steps=5, progress=False).show()",
    "error": "big = np.ones(100_000)\ntl.log(tl.Session().param(-big))",
}  # fmt: skip
RUNS, SETTLED = 8, 4
SAME = (2, 9.0, 9.0)  # widgets, MiB in use, MiB resident: after the tenth run, in the middle, at the end


def test_running_a_cell_again_leaves_as_many_widgets_and_as_much_memory():
    with kernel() as it:
        it.run(START, "start")
        rows = [again(it, code, name, RUNS, settled=SETTLED) for name, code in CELLS.items()]
        kept = it.run("", "", silent=True, ask="sorted(type(v).__name__ for v in Out.values())")
    assert [r for r in rows if r.used[1] - r.used[0] > GROWTH] == []  # pages that are resident depend on the allocator
    assert [r.widgets[1] for r in rows] == [2, 2, 4, 4]  # a view and its layout
    assert len(kept) == 3, kept


class Scales:
    """A kernel that runs nothing and weighs what it is told."""

    def __init__(self, *told):
        self.told, self.ran = list(told), 0

    def run(self, code, cell):
        self.ran += 1

    def weigh(self):
        return self.told.pop(0)


@pytest.mark.parametrize(
    ("told", "flat"),
    [
        ([SAME] * 3, True), ([SAME, (2, 9.0, 19.0), (2, 9.0, 23.0)], True),  # holes are filled, and then no more
        ([SAME, (2, 9.0, 19.0), (2, 9.0, 25.0)], False), ([SAME, SAME, (2, 15.0, 9.0)], False),
        ([SAME, SAME, (4, 9.0, 9.0)], False),
    ],
    ids=["same", "holes", "pages", "in use", "widgets"],
)  # fmt: skip
def test_a_cell_grows_that_has_more_widgets_more_in_use_or_pages_without_end(told, flat):
    it = Scales(*told)
    row = again(it, "", "a", 100)
    assert row.flat is flat and it.ran == row.runs == 100 and row.settled == 10 and it.told == []
    assert ("GROWS" in str(row)) is not flat


class Shell:
    """What is asked of IPython, and a way to run cells."""

    def __init__(self):
        self.user_ns, self.user_ns_hidden = {"_oh": {}}, {}
        self.history_manager = SimpleNamespace(outputs={})
        self.after, self.number = Outputs(self), 0

    def run(self, cell, value):
        self.number += 1
        self.user_ns["_oh"][self.number] = self.history_manager.outputs[self.number] = value
        for names in (self.user_ns, self.user_ns_hidden):
            names[f"_{self.number}"] = value
        self.after(SimpleNamespace(info=SimpleNamespace(cell_id=cell), execution_count=self.number))


def test_out_keeps_the_newest_picture_of_each_cell():
    shell, picture = Shell(), curves({"a": [1.0, 2.0]})
    for cell in ("a", "b", "a", "a"):
        shell.run(cell, picture)
    assert list(shell.user_ns["_oh"]) == list(shell.history_manager.outputs) == [2, 4]
    assert {"_2", "_4"} == {k for k in shell.user_ns if k != "_oh"} == set(shell.user_ns_hidden)


@pytest.mark.parametrize("value", [[1, 2], "text", None, 3.5], ids=repr)
def test_what_is_the_learners_own_stays(value):
    shell = Shell()
    for _ in range(3):
        shell.run("a", value)
    assert list(shell.user_ns["_oh"]) == [1, 2, 3]


def test_cells_without_a_name_are_left_alone():
    shell, picture = Shell(), curves({"a": [1.0, 2.0]})
    for _ in range(3):
        shell.run(None, picture)
    assert len(shell.user_ns["_oh"]) == 3
